"""The plan of a course as the image store holds it: what everything of the course is drawn on."""

import hashlib
from dataclasses import dataclass

from isoguide.course import Protocol
from isoguide.dicom import ImageSeries
from isoguide.errors import MissingEvidenceError, UnreadableError
from isoguide.images.structure import Structure
from isoguide.records import StoredCourse
from isoguide.records.image_store import ImageStore
from isoguide.records.plain import canonical_json
from isoguide.workflow.clinic.course_planning import (
    planning_hashes,
    planning_of,
    stored_files,
    ultrasound_reference,
)
from isoguide.workflow.clinic.open_fraction import protocol_of
from isoguide.workflow.clinic.pictures.planned_dose import PlannedDose, planned_dose
from isoguide.workflow.inputs import PlanningInput
from isoguide.workflow.same_plan import file_sha256
from isoguide.workflow.ultrasound.align_input import UltrasoundReference


@dataclass(frozen=True, slots=True, eq=False)
class PlanScene:
    """The plan of a course.

    Parameters
    ----------
    key
        Says which files and which protocol it rests on: where it is equal, everything drawn is.
    course, protocol
        As the records hold them.
    planning
        Read from the image store; its files are gone, so that only what was read counts.
    series
        The planning CT.
    dose, no_dose_because
        The dose of the whole plan, or the sentence why there is none.
    reference
        The ultrasound of the simulation, None where there is none.
    plan_sha256
        Of the file of the RT Plan in the image store; empty where the course has none.
    """

    key: str
    course: StoredCourse
    protocol: Protocol
    planning: PlanningInput
    series: ImageSeries
    dose: PlannedDose | None
    no_dose_because: str
    reference: UltrasoundReference | None = None
    plan_sha256: str = ""

    @property
    def structures(self) -> tuple[Structure, ...]:
        """Of the structure set, in its order."""
        found = self.planning.structure_set
        return found.structures if found is not None else ()

    @property
    def size_bytes(self) -> int:
        """About what it takes in memory."""
        dose = len(self.dose.voxels.content) if self.dose is not None else 0
        ultrasound = 3 * self.reference.volume.values.nbytes if self.reference is not None else 0
        return self.planning.volume.values.nbytes + dose + ultrasound


def plan_key(course: StoredCourse) -> str:
    """Return what says which files and which protocol a course rests on."""
    simulation = course.simulation
    said = [
        course.line.course_id,
        *planning_hashes(simulation),
        simulation.plan_uid,
        simulation.target,
        [float(value) for value in simulation.isocentre_mm],
        course.protocol_text,
    ]
    return hashlib.sha256(canonical_json(said).encode()).hexdigest()


def read_plan_scene(store: ImageStore, course: StoredCourse) -> PlanScene:
    """Read the plan of a course.

    Raises
    ------
    MissingEvidenceError
        If the course was registered without its planning files.
    UnreadableError
        If a file is missing or was changed, or what is read is not what was registered.
    """
    simulation, course_id = course.simulation, course.line.course_id
    with stored_files(store, planning_hashes(simulation)) as folder:
        planning = planning_of(course, folder)
        if planning.dicom is None:
            msg = f"the planning files of course {course_id} are no DICOM export: register the course again"
            raise MissingEvidenceError(msg)
        dose, no_dose_because = planned_dose(planning.dicom)
        reference = ultrasound_reference(planning, protocol_of(course))
        plan_path = planning.dicom.plan_path
        plan_sha256 = file_sha256(plan_path) if plan_path is not None else ""
    if planning.content_sha256 != simulation.planning_sha256:
        msg = (
            f"the planning CT of course {course_id} in the image store is not the one that was registered: "
            "draw nothing on it, and restore a backup"
        )
        raise UnreadableError(msg)
    return PlanScene(
        plan_key(course),
        course,
        protocol_of(course),
        planning,
        planning.dicom.image,
        dose,
        no_dose_because,
        reference,
        plan_sha256,
    )
