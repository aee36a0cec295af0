"""Where the physical cone beam shows many places at once: no common shift, no common turn."""

from dataclasses import replace

import numpy as np
import pytest
from room_parts import BLIND, day_in_room, room_of

from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.volume import Volume
from isoguide.projection.cone_beam import ConeBeamScan
from isoguide.projection.imaging_physics import ImagingPhysics
from isoguide.projection.reconstruct import ReconstructionSettings

pytest.importorskip("itk", reason="the reconstruction toolkit is not installed")

IDEAL = ImagingPhysics.ideal()
FULL_FAN = ConeBeamScan(
    "small",
    count=90,
    size=(110, 70),
    pixel_spacing_mm=(3.0, 3.0),
    reconstruction=ReconstructionSettings(voxel_mm=(2.0, 2.0, 2.0), size_mm=(140.0, 140.0, 90.0)),
)
HALF_FAN = replace(FULL_FAN, panel_offset_mm=130.0)
BACKWARDS = replace(FULL_FAN, start_deg=360.0, arc_deg=-360.0)
CORNERS_MM = np.array([(x, y, z) for x in (-40.0, 38.0) for y in (-42.0, 39.0) for z in (-20.0, 22.0)])
"""Middles of soft balls in planning LPS, relative to the isocentre."""
SPREAD_MM = 6.0


@pytest.fixture(scope="module")
def balls(pelvis):
    """A patient who is nothing but eight balls of lung, so light that attenuation is all but linear."""
    grid = Grid.axial(
        PLANNING, (36, 60, 60), (2.0, 2.0, 2.0), tuple(pelvis.isocentre_mm + (-59.0, -59.0, -35.0))
    )
    k, j, i = np.indices(grid.shape)
    xyz_mm = grid.xyz(np.stack([i, j, k], axis=-1).astype(float)) - pelvis.isocentre_mm
    share = sum(np.exp(-0.5 * ((xyz_mm - c) ** 2).sum(axis=-1) / SPREAD_MM**2) for c in CORNERS_MM)
    values = (-1000.0 + 200.0 * share).astype(np.float32)
    return replace(pelvis, anatomy=Volume(grid, values, source="balls"), structures=())


def common_motion(patient, scan, physics):
    """Shift in mm and turn in degrees about x, y, z of DICOM that brings the truth to what is shown."""
    settings = replace(BLIND.imaging, model="physical", scan=scan, physics=physics, origin_mm=(0.0, 0.0, 0.0))
    room = room_of(patient, day_in_room((0.0, 0.0, 0.0)), replace(BLIND, imaging=settings))
    volume = room.room.imager.acquire().volume
    truth = room.planning_from_daily(0.0).inverse()
    wanted_mm = truth.apply(patient.isocentre_mm + CORNERS_MM)
    rows, off = [], []
    for place_mm in wanted_mm:
        off.append(middle_mm(volume, place_mm) - place_mm)
        x, y, z = place_mm
        rows.append(np.hstack([np.eye(3), [[0.0, z, -y], [-z, 0.0, x], [y, -x, 0.0]]]))
    motion = np.linalg.lstsq(np.vstack(rows), np.concatenate(off), rcond=None)[0]
    return motion[:3], np.rad2deg(motion[3:])


def middle_mm(volume, place_mm):
    """Middle of a soft ball near a place: of what a window of its own size sees, moved until it stands."""
    grid = volume.grid
    k, j, i = np.indices(grid.shape)
    xyz_mm = grid.xyz(np.stack([i, j, k], axis=-1).astype(float))
    values, middle = volume.values + 1000.0, np.array(place_mm)
    for _ in range(8):
        seen = values * np.exp(-0.5 * ((xyz_mm - middle) ** 2).sum(axis=-1) / SPREAD_MM**2)
        # The product of two equal Gaussians lies half way between them.
        middle = middle + 2.0 * ((xyz_mm * seen[..., None]).sum(axis=(0, 1, 2)) / seen.sum() - middle)
    return middle


@pytest.mark.parametrize("scan", [FULL_FAN, HALF_FAN, BACKWARDS])
def test_an_ideal_imager_neither_shifts_nor_turns_the_patient(balls, scan):
    # Half a detector pixel would be 1 mm, half a voxel 1 mm, half a step of the gantry 2 degrees.
    shift_mm, turn_deg = common_motion(balls, scan, IDEAL)
    np.testing.assert_allclose(shift_mm, 0.0, atol=0.03)
    np.testing.assert_allclose(turn_deg, 0.0, atol=0.03)


@pytest.mark.parametrize(("scan", "sense"), [(FULL_FAN, 1.0), (BACKWARDS, -1.0)])
def test_lag_turns_the_image_with_the_gantry_by_what_the_detector_remembers(balls, scan, sense):
    # A tenth of each frame is one frame old, and a frame is 4 degrees; the gantry turns right-handed about
    # FIXED y, which is the patient's z.
    _, turn_deg = common_motion(balls, scan, replace(IDEAL, lag_share=0.1, lag_frames=1.0))
    np.testing.assert_allclose(turn_deg, [0.0, 0.0, sense * 0.1 * 4.0], atol=0.05)
