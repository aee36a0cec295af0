"""A course guided by ultrasound at the desk: reference, days, and an engine that knows the truth."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from small_department import ACCESSORIES, PROTOCOL, SET_UP, Department, open_department
from small_patient import SmallPatient
from ultrasound_days import moved, write_day, write_reference

from isoguide.course import ReferenceImage, SimulationRecord
from isoguide.geometry.iec61217 import fixed_from_daily, fixed_from_planning
from isoguide.geometry.transforms import RigidTransform
from isoguide.records.image_store import ImageStore
from isoguide.registration import day_match
from isoguide.registration.result import Quality, RegionResidual, Registration, Uncertainty, Verdict
from isoguide.workflow.clinic import course_planning
from isoguide.workflow.clinic.fraction_status import FractionStatus

ULTRASOUND = PROTOCOL.replace("cone-beam CT", "ultrasound")
LYING = moved(5.0, -3.0, 2.0)
"""Where he lies in the room: 5 mm too far to his left, 3 mm too far from the gantry, 2 mm too high."""
PRESSED_MM = (0.0, -1.2, 0.9)
"""How the region near the probe would still move."""


@contextmanager
def ultrasound_department(
    folder: Path,
    patient: SmallPatient,
    simulated: tuple[Path, SimulationRecord],
    *,
    references: int = 1,
    protocol: str = ULTRASOUND,
    **reference: object,
) -> Iterator[Department]:
    """Open a department whose one course is guided by ultrasound, unless the protocol says otherwise.

    Its image store is that of ``simulated`` with so many ultrasound references besides.
    """
    store, simulation = simulated
    shutil.copytree(store, folder / "records" / "images")
    kept = ImageStore(folder / "records" / "images")
    for number in range(references):
        file = folder / f"reference-{number}.dcm"
        frame_uid = patient.session.plan.frame_of_reference_uid
        write_reference(file, patient.phantom.isocentre_mm, frame_uid, **reference)
        image = ReferenceImage(course_planning.PLANNING_FILE, file.name, kept.add(file))
        simulation = replace(simulation, reference_images=(*simulation.reference_images, image))
    with open_department(folder, patient, simulation, protocol) as department:
        yield department


def exported_day(d: Department, name: str, displaced: RigidTransform = LYING, **changes: object) -> Path:
    """Write the ultrasound of now."""
    folder = d.folder / name
    folder.mkdir()
    taken_at = d.clock.wait(30.0)
    isocentre_mm = d.patient.phantom.isocentre_mm
    write_day(folder / "US.dcm", isocentre_mm, displaced, **{"acquired_at": taken_at, **changes})
    d.clock.wait(60.0)
    return folder


def scanned(d: Department, name: str = "one", displaced: RigidTransform = LYING) -> FractionStatus:
    """Set the patient up, scan him, and match."""
    d.desk.begin(d.course, by="anna", accessories=ACCESSORIES)
    d.desk.set_up(d.course, by="anna", couch=SET_UP)
    return d.desk.image(d.course, exported_day(d, name, displaced), by="anna", couch=SET_UP)


def planning_from_daily(isocentre_mm: np.ndarray, displaced: RigidTransform = LYING) -> RigidTransform:
    """Return the truth about such a day, in patient axes about the machine isocentre."""
    fixed_from_tissue = displaced @ fixed_from_planning("HFS", isocentre_mm)
    return fixed_from_tissue.inverse() @ fixed_from_daily("HFS", np.zeros(3))


def knows_the_truth(
    patched: pytest.MonkeyPatch, isocentre_mm: np.ndarray, displaced: RigidTransform = LYING
) -> None:
    """Let both engines answer where the patient lies: what is tested is what becomes of an answer."""

    def found(verdict: Verdict, reasons: tuple[str, ...], algorithm: str) -> Registration:
        placed = planning_from_daily(isocentre_mm, displaced)
        uncertainty = Uncertainty(isocentre_mm, np.diag([0.04] * 3 + [1e-6] * 3), 0.5)
        near = RegionResidual(isocentre_mm + (0.0, 0.0, -30.0), np.array(PRESSED_MM), 0.8, 1)
        middle = RegionResidual(isocentre_mm, np.array([0.1, 0.0, 0.0]), 0.9, 1)
        quality = Quality(
            similarity=0.83,
            overlap_fraction=0.7,
            condition_number=4.0,
            weakest_direction=np.array([0.0, 0.0, 1.0, 0.0, 0.0, 0.0]),
            weakest_direction_words="along the sound",
            inverse_inconsistency_mm=np.nan,
            start_agreement_mm=0.1,
            starts_agreeing=(8, 9),
            residuals=(middle, near),
            alternatives=(),
        )
        return Registration(
            verdict, reasons, placed, placed, 6, isocentre_mm, "", uncertainty, quality, algorithm, {}
        )

    def prepared(kind: type, **values: object) -> object:
        """Make what an engine is prepared with, without preparing it."""
        one = object.__new__(kind)
        for part in fields(kind):
            object.__setattr__(one, part.name, values.get(part.name))
        return one

    def to_reference(reference: object, **said: object) -> object:
        return prepared(day_match.PreparedUltrasound, reference=reference, **said)

    def to_ct(planning: object, **said: object) -> object:
        return prepared(day_match.PreparedUltrasoundToCt, planning=planning, **said)

    patched.setattr(course_planning, "prepare_ultrasound", to_reference)
    patched.setattr(course_planning, "prepare_ultrasound_to_ct", to_ct)
    patched.setattr(day_match, "register_ultrasound", lambda *_, **__: found(Verdict.ACCEPT, (), "same"))
    patched.setattr(
        day_match,
        "register_ultrasound_to_ct",
        lambda *_, **__: found(Verdict.REVIEW, ("ultrasound was matched to the planning CT",), "to CT"),
    )
