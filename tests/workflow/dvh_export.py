"""A dose, two structures and a plan as a clinic exports them: small enough for tests."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from isoguide.dicom import (
    DoseDetails,
    PatientIdentity,
    StructureSetDetails,
    StudyContext,
    WrittenSeries,
    write_dose,
    write_plan,
    write_structure_set,
)
from isoguide.dose.gamma import GammaResult
from isoguide.dose.result import DoseVolume
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.structure import Contour, Structure
from isoguide.plan import Beam, ControlPoint, Plan, Prescription

PATIENT = PatientIdentity("D-1", name="Dose^Patient <b>", birth_date="19500101", sex="F")
IMAGE = WrittenSeries(
    patient=PATIENT,
    study=StudyContext(date="20260102", time="120000"),
    study_instance_uid="2.25.101",
    series_instance_uid="2.25.102",
    frame_of_reference_uid="2.25.103",
    sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
    instance_uids=("2.25.104",),
    paths=(),
)
PLAN_UID = "2.25.105"
STRUCTURES_UID = "2.25.106"


def box(name: str, number: int, kind: str, low_mm: float, high_mm: float) -> Structure:
    """A square of 20 mm, from one z to another, on planes 2 mm apart."""
    square = [(-10.0, -10.0), (10.0, -10.0), (10.0, 10.0), (-10.0, 10.0)]
    contours = tuple(
        Contour("CLOSED_PLANAR", np.array([(x, y, z) for x, y in square]))
        for z in np.arange(low_mm, high_mm + 0.1, 2.0)
    )
    return Structure(name, number, PLANNING, contours, interpreted_type=kind)


STRUCTURES = (
    box("Cord", 1, "ORGAN", -16.0, -8.0),
    box("PTV", 2, "PTV", 0.0, 10.0),
    Structure("Nothing drawn", 3, PLANNING, ()),
    Structure("Point", 4, PLANNING, (Contour("POINT", np.zeros((1, 3))),)),
)


def rising_dose(factor: float = 1.0) -> DoseVolume:
    """40 Gy at z = 0, 1 Gy more per mm."""
    grid = Grid.axial(PLANNING, (21, 13, 13), (3.0, 3.0, 2.0), (-18.0, -18.0, -20.0))
    values = np.broadcast_to((20.0 + 2.0 * np.arange(21))[:, None, None] * factor, grid.shape)
    return DoseVolume(grid, values.astype(np.float32))


def small_plan() -> Plan:
    """20 fractions, 42 Gy prescribed."""
    points = tuple(
        ControlPoint(0.0, 0.0, 0.0, share, isocentre_mm=np.zeros(3), energy_mv=6.0) for share in (0.0, 1.0)
    )
    beam = Beam(1, "AP", "TREATMENT", "PHOTON", "LINAC", points, meterset_mu=100.0)
    return Plan(
        PLAN_UID,
        "PLAN",
        "HFS",
        (beam,),
        frame_of_reference_uid=IMAGE.frame_of_reference_uid,
        structure_set_uid=STRUCTURES_UID,
        fractions_planned=20,
        prescriptions=(Prescription(42.0, 2),),
    )


def quick_gamma(reference: DoseVolume, evaluated: DoseVolume, **asked: float) -> GammaResult:
    """What stands in for pymedphys, which takes its time: a quarter of the voxels pass."""
    del evaluated
    gamma = np.full(reference.grid.shape, 1.25, np.float32)
    gamma[:, :, ::4] = 0.5
    points = gamma.size
    return GammaResult(
        **asked, threshold_percent=10.0, is_local=False, gamma=gamma, points=points, outside_points=7
    )


@dataclass(frozen=True)
class DvhExport:
    folder: Path
    dose: Path
    """In the folder, of the whole plan."""
    second: Path
    """Beside it, 5 % lower."""
    fraction: Path
    """Beside it, of one fraction."""


def write_export(folder: Path) -> DvhExport:
    planned = folder / "planned"
    planned.mkdir()
    write_structure_set(
        planned / "rs.dcm",
        STRUCTURES,
        image=IMAGE,
        details=StructureSetDetails(sop_instance_uid=STRUCTURES_UID),
    )
    write_plan(planned / "rp.dcm", small_plan(), image=IMAGE)
    whole = DoseDetails(PLAN_UID, summation="PLAN", structure_set_uid=STRUCTURES_UID)
    write_dose(planned / "rd.dcm", rising_dose(), image=IMAGE, details=whole)
    second = replace(whole, comment="second")
    write_dose(folder / "second.dcm", rising_dose(0.95), image=IMAGE, details=second)
    fraction = DoseDetails(PLAN_UID, comment="one fraction")
    write_dose(folder / "fraction.dcm", rising_dose(0.05), image=IMAGE, details=fraction)
    return DvhExport(planned, planned / "rd.dcm", folder / "second.dcm", folder / "fraction.dcm")
