"""A department whose patient, room and staff exist only in software; records and protocol are real.

Its fractions are treated by the code that would treat real ones, written to the same records, and decided by
a written protocol. What people would do, three virtual persons do: one signs what the protocol asks for, one
looks a second time where it wants that, and one is there to make the plan.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from isoguide.course import (
    AssessmentRecord,
    CourseHistory,
    MotionRecord,
    Person,
    Protocol,
    ProtocolAction,
    Role,
)
from isoguide.dicom import PatientIdentity
from isoguide.errors import InputError
from isoguide.progress import Progress, part_of, silent
from isoguide.records import FractionKey
from isoguide.review.anatomy_trends import AnatomyTrend
from isoguide.review.dose_trends import DoseTrend
from isoguide.treatment import (
    Decision,
    Fraction,
    FractionLimits,
    PlannedPosition,
    treat,
)
from isoguide.treatment.intrafraction import monitors_of
from isoguide.treatment.ports import DayImage, Imager
from isoguide.treatment.protocol_decision import decide_by_protocol
from isoguide.treatment.protocol_limits import fraction_limits, gate_settings
from isoguide.treatment.signatures import require_signatures
from isoguide.virtual.room import VirtualRoom
from isoguide.workflow.clinic.day_anatomy import AnatomyDesk
from isoguide.workflow.clinic.day_dose import DoseDesk
from isoguide.workflow.clinic.day_export import said_of_export, write_day_image
from isoguide.workflow.clinic.day_image import TakenImage
from isoguide.workflow.clinic.delivery_sink import DeliverySink
from isoguide.workflow.clinic.department import new_desk
from isoguide.workflow.clinic.desk import Desk
from isoguide.workflow.clinic.dose_order import DoseAsked
from isoguide.workflow.clinic.fraction_files import export_fraction
from isoguide.workflow.clinic.kept_image import keep_image
from isoguide.workflow.clinic.new_course import NewCourse, new_course
from isoguide.workflow.clinic.open_fraction import open_fraction
from isoguide.workflow.clinic.pictures.gallery import Gallery
from isoguide.workflow.clinic.recorder import FractionRecorder, StoredImage
from isoguide.workflow.clinic.signing import approver_of
from isoguide.workflow.motion.course_reports import FOLDER as MONITORING
from isoguide.workflow.motion.kept_recording import keep_recording
from isoguide.workflow.motion.monitored_room import Monitored, RoomGate
from isoguide.workflow.protocol_file import load_protocol
from isoguide.workflow.review.course_anatomy import course_anatomy
from isoguide.workflow.review.course_dose import course_dose
from isoguide.workflow.simulate import Conducted

_log: Final = logging.getLogger(__name__)
THERAPIST: Final = Person("virtual-therapist", Role.THERAPIST)
PHYSICIST: Final = Person("virtual-physicist", Role.PHYSICIST)
ONCOLOGIST: Final = Person("virtual-oncologist", Role.ONCOLOGIST)
STAFF: Final = (THERAPIST, PHYSICIST, ONCOLOGIST)
RECORDS, DAILY, EXPORTS = "records", "daily", "exports"
BEAM_DATA: Final = DoseAsked("generic-6mv")
"""Those that the monitor units of virtual plans are made with."""
OPENED_AT: Final = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
"""When the records begin: after the simulation and before the first fraction of every virtual course."""


@dataclass(eq=False)
class RoomTime:
    """The clock of the records: that of the room in use, or the last moment of the one before."""

    latest: datetime
    room: VirtualRoom | None = None

    def __call__(self) -> datetime:
        """Return the time, aware UTC."""
        if self.room is not None:
            self.latest = max(self.latest, self.room.clock.now())
        return self.latest


@dataclass(frozen=True, slots=True)
class _KeptImager:
    """Hands on what an imager makes, once its files are in the image store."""

    imager: Imager
    keep: "_Keep"

    def acquire(self) -> DayImage:
        image = self.imager.acquire()
        self.keep.image(image)
        return image


@dataclass(eq=False)
class _Keep:
    """Writes the images of one fraction as DICOM files, and keeps them."""

    desk: Desk
    folder: Path
    patient: PatientIdentity
    recorder: FractionRecorder
    number: int
    _count: int = field(default=0)

    def image(self, image: DayImage) -> None:
        self._count += 1
        name = f"fraction-{self.number}" + (f"-image-{self._count}" if self._count > 1 else "")
        written = write_day_image(
            self.folder / name,
            image,
            patient=self.patient,
            seed=f"{self.patient.patient_id} {image.uid}",
            fraction=self.number,
            taken_at=image.acquired_at,
        )
        taken = TakenImage(image, written)
        said = said_of_export(has_radiographs=isinstance(image.content, tuple))
        self.recorder.keep_files(image.uid, lambda: StoredImage(keep_image(self.desk.store, taken, said)))


@contextmanager
def virtual_department(
    folder: Path,
    planning: Path,
    patient: PatientIdentity,
    *,
    site: str,
    protocol: str,
    progress: Progress = silent,
) -> Iterator["VirtualDepartment"]:
    """Make a department with its records, staff and protocol, and register a course from its planning export.

    Parameters
    ----------
    folder
        Gets ``records``, ``daily``, ``exports``, and ``monitoring`` where the target is watched.
    planning
        The planning export.
    patient, site
        Whose course, and of which part of the body.
    protocol
        Name of the shipped protocol that he is treated by.
    progress
        Told what is done.
    """
    time = RoomTime(OPENED_AT)
    with new_desk(str(folder / RECORDS), now=time) as desk:
        for person in STAFF:
            desk.records.add_person(person, by=PHYSICIST.name)
        loaded = load_protocol(protocol)
        desk.records.add_protocol(loaded.protocol, loaded.text, by=PHYSICIST.name)
        course = new_course(
            desk, planning, site=site, protocol=protocol, by=ONCOLOGIST.name, progress=progress
        )
        yield VirtualDepartment(
            desk, course, patient, folder / DAILY, folder / EXPORTS, folder / MONITORING, time
        )


@dataclass(eq=False)
class VirtualDepartment:
    """Treats the fractions of one course.

    Parameters
    ----------
    desk
        Its records and image store; the clock of the records is ``time``.
    course
        The one course.
    patient
        Whose.
    daily, exports, motion
        Folders that get the images of each day, what each fraction gives to other systems, and how its target
        moved.
    time
        The clock of the records.
    """

    desk: Desk
    course: NewCourse
    patient: PatientIdentity
    daily: Path
    exports: Path
    motion: Path
    time: RoomTime

    @property
    def history(self) -> CourseHistory:
        """The course as reviews read it."""
        (found,) = self.desk.records.histories(course_ids=[self.course.course_id])
        return found

    @property
    def anatomy(self) -> AnatomyTrend | None:
        """How the anatomy changed, as reviews read it; None where nobody asked."""
        return course_anatomy(self.desk.records, self.course.course_id)

    @property
    def dose(self) -> DoseTrend | None:
        """What its days delivered, as reviews read it; None where nobody asked."""
        return course_dose(self.desk.records, self.course.course_id)

    def keep_assessment(self, number: int, record: AssessmentRecord) -> None:
        """Keep what was found of the anatomy of a fraction."""
        self.desk.records.keep_assessment(self.course.course_id, number, record, by=PHYSICIST.name)

    def keep_dose(self, number: int, progress: Progress = silent) -> None:
        """Assess the anatomy of a fraction and compute its dose as the console does, and keep what both say.

        A fraction without a matched image has neither, and where they cannot be found the console says why
        as soon as somebody asks.

        Parameters
        ----------
        number
            Of the fraction.
        progress
            Told how far it is.
        """
        key = FractionKey(self.course.course_id, number)
        matches = self.desk.records.fraction(key.course_id, number).matches
        if not matches:
            return
        uid, gallery = matches[0].image_uid, Gallery.of(self.desk)
        try:
            AnatomyDesk(self.desk, gallery).assess(
                key, uid, by=PHYSICIST.name, progress=part_of(progress, 0.0, 0.7)
            )
            DoseDesk(self.desk, gallery).compute(
                key, uid, BEAM_DATA, by=PHYSICIST.name, progress=part_of(progress, 0.7, 1.0)
            )
        except InputError as error:
            _log.warning("%s has no dose: %s", key, error)
        finally:
            gallery.close()

    def conduct(
        self, number: int, planned: PlannedPosition, room: VirtualRoom, limits: FractionLimits
    ) -> Conducted:
        """Treat one fraction by the protocol of the course, recorded step by step, and export it."""
        self.time.room = room
        simulation = self.desk.records.course(self.course.course_id).simulation
        self.desk.begin(self.course.course_id, by=THERAPIST.name, accessories=simulation.accessories)
        opened = open_fraction(self.desk.records, self.course.course_id, number)
        kept = replace(
            opened.kept, set_up_pose=planned.set_up_pose, target_points_mm=planned.target_points_mm
        )
        recorder = FractionRecorder(
            self.desk.records, opened.stored, kept, planned.patient_position, THERAPIST.name
        )
        imager = _KeptImager(room.room.imager, _Keep(self.desk, self.daily, self.patient, recorder, number))
        gate = self._gate(number, room, opened.protocol)
        fraction = Fraction(
            planned,
            replace(room.room, imager=imager),
            fraction_limits(opened.protocol, limits.couch, limits.beam),
            sink=DeliverySink(recorder, simulation.beams, end_recording=partial(self._kept_motion, gate)),
            known_uids=self.desk.records.used_image_uids(self.course.course_id),
            no_image_because=kept.no_image_because,
        )
        decide = room.console.timed_decision(partial(_decide, opened.protocol, recorder))
        monitors = monitors_of(opened.protocol.intrafraction, fraction)
        outcome = treat(fraction, decide=decide, monitors=monitors, gate=gate)
        self._export(number)
        return Conducted(outcome, tuple(gate.deliveries) if gate is not None else ())

    def _gate(self, number: int, room: VirtualRoom, protocol: Protocol) -> RoomGate | None:
        """Return what watches the target by the protocol; None where it asks for nothing."""
        asked = protocol.monitoring
        if asked is None:
            return None
        simulation = self.desk.records.course(self.course.course_id).simulation
        about = Monitored(
            asked,
            gate_settings(protocol),
            self.motion,
            simulation.patient.patient_id,
            simulation.plan_uid,
            number,
        )
        return RoomGate(room, about)

    def _kept_motion(self, gate: RoomGate | None) -> MotionRecord | None:
        """End the recording of a delivery, keep it, and say what it comes to; None where there is none."""
        path = gate.finish() if gate is not None else None
        return keep_recording(path, self.desk.store) if path is not None else None

    def _export(self, number: int) -> None:
        opened = open_fraction(self.desk.records, self.course.course_id, number)
        if opened.stored.matches:
            folder = self.exports / f"fraction-{number}"
            export_fraction(opened.course, opened.stored, self.desk.store, folder)


def _decide(protocol: Protocol, recorder: FractionRecorder, fraction: Fraction) -> Decision:
    """Decide by the protocol, and sign what it says; a second person looks where it asks for one."""
    said = decide_by_protocol(protocol, fraction.matches[-1], exposures_left=fraction.images_left)
    wanted, signers = said.action, [THERAPIST]
    if said.action is ProtocolAction.SECOND_LOOK and said.agreed is not None:
        wanted, signers = said.agreed, [THERAPIST, PHYSICIST]
    record = require_signatures(protocol, said, wanted, signers)
    recorder.decide(record)
    return Decision(wanted, said.rule, approver_of(record, signers))
