"""A block of tissue on a couch with a target in its middle, two beams through it, and a day of it."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from isoguide.dicom import (
    PatientIdentity,
    SeriesUids,
    WrittenSeries,
    write_ct_series,
    write_plan,
    write_structure_set,
)
from isoguide.dose.goal_text import parse_goal
from isoguide.dose.machine import generic_6mv
from isoguide.geometry.frames import DAILY, PLANNING, Frame
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.displacement_field import DisplacementField
from isoguide.images.drawn_shape import drawn_shape
from isoguide.images.structure import Contour, Structure
from isoguide.images.volume import Volume
from isoguide.plan import Beam, ControlPoint, PatientPosition, Plan, Prescription
from isoguide.registration.deformable.result import DeformableRegistration, FieldVerdict
from isoguide.registration.deformable.shape import structure_of_day
from isoguide.workflow.assess.anatomy import AnatomyOfDay, NotAssessed
from isoguide.workflow.dose.day import DoseOrder, DosePrescription

PATIENT = PatientIdentity("D-1", name="Block^Water & <b>Sons</b>", birth_date="19500101", sex="O")
SPACING_MM = 5.0
SHAPE = (24, 36, 44)
ISOCENTRE_MM = np.array([10.0, -20.0, 30.0])
MACHINE_ISOCENTRE_MM = np.array([2.0, 3.0, -4.0])
ORIGIN_MM = ISOCENTRE_MM - SPACING_MM * (np.array(SHAPE[::-1]) - 1) / 2.0
HALF_MM = np.array([80.0, 60.0, 50.0])
"""Of the block."""
MU = 220.0


def box(name: str, number: int, kind: str, centre_mm: np.ndarray, half_mm: np.ndarray) -> Structure:
    """A box drawn on slices 5 mm apart."""
    (x, y, z), (a, b, c) = centre_mm, half_mm
    corners = [(x - a, y - b), (x + a, y - b), (x + a, y + b), (x - a, y + b)]
    levels = np.arange(z - c + SPACING_MM / 2.0, z + c, SPACING_MM)
    contours = tuple(
        Contour("CLOSED_PLANAR", np.array([(*corner, level) for corner in corners])) for level in levels
    )
    return Structure(name, number, PLANNING, contours, kind)


def structures() -> tuple[Structure, ...]:
    """The block, its target, and an organ at either side of the target."""
    beside = np.array([40.0, 0.0, 0.0])
    return (
        box("BODY", 1, "EXTERNAL", ISOCENTRE_MM, HALF_MM),
        box("PTV", 2, "PTV", ISOCENTRE_MM, np.array([20.0, 20.0, 15.0])),
        box("Left", 3, "ORGAN", ISOCENTRE_MM + beside, np.array([10.0, 15.0, 15.0])),
        box("Right", 4, "ORGAN", ISOCENTRE_MM - beside, np.array([10.0, 15.0, 15.0])),
    )


def block(frame: Frame = PLANNING, origin_mm: np.ndarray = ORIGIN_MM) -> Volume:
    """Tissue in air, a plate below it, HU."""
    grid = Grid.axial(frame, SHAPE, (SPACING_MM,) * 3, tuple(origin_mm))
    k, j, i = np.indices(SHAPE)
    from_mm = SPACING_MM * (np.stack([i, j, k], axis=-1) - (np.array(SHAPE[::-1]) - 1) / 2.0)
    values = np.full(SHAPE, -1000, dtype=np.int16)
    values[(np.abs(from_mm) <= HALF_MM).all(axis=-1)] = 20
    values[from_mm[..., 1] > HALF_MM[1] + 15.0] = 200
    return Volume(grid, values, source="the block")


def beam(number: int, gantry_deg: float, **changes: object) -> Beam:
    point = ControlPoint(
        gantry_deg, 0.0, 0.0, 0.0, isocentre_mm=ISOCENTRE_MM, energy_mv=6.0,
        jaw_x_mm=(-27.0, 27.0), jaw_y_mm=(-22.0, 22.0),
    )  # fmt: skip
    points = (point, replace(point, cumulative_meterset=1.0))
    made = Beam(number, f"Field {number}", "TREATMENT", "PHOTON", "LINAC", points, 1, MU, None, 1000.0)
    return replace(made, **changes)


def plan(*beams: Beam) -> Plan:
    return Plan(
        sop_instance_uid="2.25.4711",
        label="BLOCK",
        patient_position=PatientPosition.HFS,
        beams=beams or (beam(1, 0.0), beam(2, 180.0)),
        fractions_planned=20,
        prescriptions=(Prescription(60.0, 2, "target"),),
    )


def order(**changes: object) -> DoseOrder:
    """What the dose of the block is asked of."""
    volume = block()
    k, j, i = np.indices(SHAPE)
    from_mm = SPACING_MM * (np.stack([i, j, k], axis=-1) - (np.array(SHAPE[::-1]) - 1) / 2.0)
    made = DoseOrder(
        plan=plan(),
        machine=generic_6mv(),
        volume=volume,
        structures=structures()[1:],
        target_name="PTV",
        prescription=DosePrescription(60.0, 20),
        body=(np.abs(from_mm) <= HALF_MM).all(axis=-1),
        goals=(parse_goal("PTV D95% >= 90 %"), parse_goal("Left mean <= 30 Gy")),
        spacing_mm=5.0,
        assumed=("the block is water",),
    )
    return replace(made, **changes)


def still_field(
    planning_from_daily: RigidTransform, verdict: FieldVerdict = FieldVerdict.FOR_DECISION
) -> DeformableRegistration:
    """Nothing has changed but where the block lies."""
    nodes = (8, 10, 12)
    field = seen = flat = None
    if verdict is not FieldVerdict.NOT_AVAILABLE:
        grid = Grid.axial(PLANNING, nodes, (20.0,) * 3, tuple(ISOCENTRE_MM - np.array([110.0, 90.0, 70.0])))
        field = DisplacementField(grid, np.zeros((*nodes, 3), dtype=np.float32))
        seen, flat = np.ones(nodes, dtype=np.bool_), np.full(nodes, 0.5, dtype=np.float32)
    reasons = () if verdict is FieldVerdict.FOR_DECISION else ("the test says so",)
    return DeformableRegistration(
        verdict, reasons, (), planning_from_daily, field, seen, flat, flat, 0.9, 0.95, "still", {},
    )  # fmt: skip


def anatomy(
    found: DeformableRegistration, image: Volume, *, lost: tuple[str, ...] = (), cut: tuple[str, ...] = ()
) -> AnatomyOfDay:
    """The structures of the block on a day, but for those that are lost; ``cut`` ones leave the image."""
    back = found.planning_from_daily.inverse()
    shown = [one for one in structures()[1:] if one.name not in lost]
    carried = tuple(_moved(one, back, one.name in cut) for one in shown) if found.field else ()
    records = tuple(_record(one, found, image) for one in shown) if found.field else ()
    return AnatomyOfDay(
        found=found,
        verdict=found.verdict,
        reasons=found.reasons,
        approximations=found.approximations,
        target_name="PTV",
        figures=None,
        structures=records,
        not_assessed=tuple(NotAssessed(name, "it is not there") for name in lost),
        carried=carried,
        changes={},
    )


def _moved(one: Structure, daily_from_planning: RigidTransform, cut: bool) -> Structure:
    contours = tuple(replace(line, xyz_mm=daily_from_planning.apply(line.xyz_mm)) for line in one.contours)
    words = "cut at the border of the image" if cut else ""
    return replace(one, frame=DAILY, contours=contours, description=words)


def _record(one: Structure, found: DeformableRegistration, image: Volume):
    from isoguide.course import StructureOfDay

    shape = structure_of_day(drawn_shape(one), found, images=(block(), image))
    return StructureOfDay(
        one.name, one.interpreted_type == "PTV", shape.planned_volume_ml, shape.volume_ml, 0.1,
        np.zeros(3), np.ones(3), np.ones(3), 0.0, 0.0, 0.0, 1.0,
    )  # fmt: skip


def daily_block(planning_from_daily: RigidTransform) -> Volume:
    """The block as it lies in the day's image, for a match without rotation."""
    return block(DAILY, ORIGIN_MM - planning_from_daily.translation_mm)


@dataclass(frozen=True)
class Export:
    """A planning export: CT, structures and plan."""

    folder: Path
    image: WrittenSeries
    structure_set_uid: str

    def with_plan(self, treated: Plan, folder: Path) -> Path:
        """The same images and structures with another plan, in another folder."""
        folder.mkdir()
        for file in self.folder.iterdir():
            if file.name != "RP.dcm":
                (folder / file.name).symlink_to(file)
        self.write_plan(treated, folder)
        return folder

    def write_plan(self, treated: Plan, folder: Path) -> None:
        made = replace(
            treated,
            structure_set_uid=self.structure_set_uid,
            frame_of_reference_uid=self.image.frame_of_reference_uid,
        )
        write_plan(folder / "RP.dcm", made, image=self.image)


def write_export(folder: Path) -> Export:
    uids = SeriesUids.from_seed("the block")
    written = write_ct_series(folder, block(), patient=PATIENT, patient_position="HFS", uids=uids)
    drawn = write_structure_set(folder / "RS.dcm", structures(), image=written)
    export = Export(folder, written, drawn.sop_instance_uid)
    export.write_plan(plan(), folder)
    return export
