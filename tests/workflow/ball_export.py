"""A planning export of a water cube with one dense ball, for any patient position and any set-up fields."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from isoguide.dicom import (
    PatientIdentity,
    SeriesUids,
    StructureSetDetails,
    WrittenSeries,
    write_ct_series,
    write_plan,
    write_structure_set,
)
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.structure import Contour, Structure
from isoguide.images.volume import Volume
from isoguide.plan import Beam, ControlPoint, PatientPosition, Plan

SHAPE = (41, 41, 41)
GRID = Grid(PLANNING, SHAPE, np.full(3, 3.0), np.array([-60.0, -90.0, -10.0]), np.eye(3))
ISOCENTRE_MM = np.array([0.0, -30.0, 50.0])
BALL_LPS_MM = np.array([24.0, -15.0, 36.0])
"""From the isocentre: 24 mm to the left, 15 mm to the front, 36 mm to the head."""
BALL_RADIUS_MM = 7.0
WATER_MM = 99.0
"""Edge of the cube of water about the isocentre: 33 voxels of 3 mm."""
UIDS = SeriesUids.from_seed("ball export")
PLAN_UID = SeriesUids.from_seed("ball export plan").series


def ball_volume() -> Volume:
    k, j, i = np.indices(SHAPE)
    xyz = GRID.xyz(np.stack([i, j, k], axis=-1).astype(np.float64)) - ISOCENTRE_MM
    values = np.where(np.abs(xyz).max(axis=-1) < WATER_MM / 2.0, 0, -1000)
    values[np.linalg.norm(xyz - BALL_LPS_MM, axis=-1) < BALL_RADIUS_MM] = 3000
    return Volume(GRID, values.astype(np.int16))


def beam(number: int, name: str, gantry_deg: float, kind: str = "SETUP", **changes: object) -> Beam:
    point: dict = {"isocentre_mm": ISOCENTRE_MM, "collimator_deg": 0.0, "couch_deg": 0.0} | changes
    meterset = point.pop("meterset_mu", None)
    sad_mm = point.pop("sad_mm", 1000.0)
    points = tuple(ControlPoint(gantry_deg, cumulative_meterset=weight, **point) for weight in (0.0, 1.0))
    return Beam(number, name, kind, "PHOTON", "LINAC 1", points, 1, meterset, source_axis_distance_mm=sad_mm)


TREATMENT = beam(1, "Arc", 181.0, "TREATMENT", meterset_mu=200.0)
AP, LATERAL = beam(2, "AP", 0.0), beam(3, "LAT", 90.0)


def ball_structure() -> Structure:
    """The ball as a planning system draws it: a circle on every slice."""
    centre_mm = ISOCENTRE_MM + BALL_LPS_MM
    angles_rad = np.linspace(0.0, 2.0 * np.pi, 48, endpoint=False)
    contours = []
    for z_mm in np.arange(-6.0, 6.1, 3.0):
        radius_mm = np.sqrt(BALL_RADIUS_MM**2 - z_mm**2)
        circle = np.stack([np.cos(angles_rad), np.sin(angles_rad), np.zeros_like(angles_rad)], axis=1)
        contours.append(Contour("CLOSED_PLANAR", centre_mm + [0.0, 0.0, z_mm] + radius_mm * circle))
    return Structure("Ball", 1, PLANNING, tuple(contours), "GTV")


def write_images(folder: Path, position: str = "HFS") -> WrittenSeries:
    return write_ct_series(
        folder,
        ball_volume(),
        patient=PatientIdentity("B-1", name="Ball^Bea", birth_date="19500101", sex="F"),
        patient_position=position,
        uids=UIDS,
    )


def add_plan(folder: Path, image: WrittenSeries, beams: Sequence[Beam], position: str = "HFS") -> Path:
    plan = Plan(PLAN_UID, "BALL", PatientPosition(position), tuple(beams), UIDS.frame_of_reference)
    return write_plan(folder / "RP.dcm", plan, image=image).path


def write_ball_export(
    folder: Path, beams: Sequence[Beam] = (TREATMENT, AP, LATERAL), position: str = "HFS"
) -> Path:
    image = write_images(folder, position)
    add_plan(folder, image, beams, position)
    write_structure_set(
        folder / "RS.dcm", [ball_structure()], image=image, details=StructureSetDetails(label="BALL")
    )
    return folder
