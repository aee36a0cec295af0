"""A fraction taken up from the records, in a room that answers what staff said."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np

from isoguide.course import Protocol, SimulationRecord
from isoguide.errors import UnknownNameError
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.frames import Array
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.geometry.transforms import RigidTransform
from isoguide.records import ConflictError, Records, StoredCourse, StoredFraction
from isoguide.registration import Registration
from isoguide.registration.day_match import DayContent, Prepared
from isoguide.treatment import Fraction, PlannedPosition, State
from isoguide.treatment.memory import Sink
from isoguide.treatment.ports import DayImage, Exposure, Room
from isoguide.treatment.protocol_decision import ProtocolDecision, decide_by_protocol
from isoguide.treatment.protocol_limits import fraction_limits
from isoguide.treatment.refusals import RefusedError
from isoguide.workflow.clinic.desk_room import DeskBeam, DeskClock, desk_room
from isoguide.workflow.clinic.kept_fraction import KeptFraction, read_kept
from isoguide.workflow.clinic.recorder import FractionRecorder
from isoguide.workflow.protocol_file import parse_protocol

_NOWHERE: Final = TableTopPose(0.0, 0.0, 0.0)
"""The set-up pose of a fraction without one: no step that asks for it is possible before it has one."""
DELIVERY_WRITTEN: Final = timedelta(seconds=2.0)
"""A delivery is written in two steps within less; a fraction whose beam is "on" for longer was left so by a
failure, or is watched by somebody else."""
_NO_IMAGE_COUNTS: Final = (State.PREPARED, State.SET_UP)


@dataclass(frozen=True, slots=True, eq=False)
class OpenFraction:
    """A fraction as the records hold it, with its course and protocol."""

    course: StoredCourse
    protocol: Protocol
    stored: StoredFraction
    kept: KeptFraction

    @property
    def simulation(self) -> SimulationRecord:
        """What was recorded before the first fraction."""
        return self.course.simulation

    @property
    def planned_mu(self) -> float:
        """Meterset of the whole fraction, all treatment beams together."""
        return sum(beam.meterset_mu for beam in self.simulation.beams)

    @property
    def image(self) -> Exposure | None:
        """The newest image, None where none counts."""
        memory = self.kept.memory
        if memory is None or not memory.images or memory.state in _NO_IMAGE_COUNTS:
            return None
        return memory.images[-1]

    @property
    def corrections(self) -> tuple[CouchCorrection, ...]:
        """The corrections that the couch was sent to make, in order."""
        return self.kept.memory.corrections if self.kept.memory is not None else ()

    @property
    def decision(self) -> ProtocolDecision | None:
        """What the protocol says about the newest match, None where none waits for a decision."""
        memory = self.kept.memory
        if memory is None or memory.state is not State.ALIGNED:
            return None
        left = fraction_limits(self.protocol).images - memory.exposures
        return decide_by_protocol(self.protocol, memory.matches[-1], exposures_left=max(left, 0))


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What staff say for one step.

    Parameters
    ----------
    by
        Who they are.
    couch
        Where it is read now; None where the step does not need it.
    image, prepared
        An image that was taken, and what it is matched to.
    delivered_mu
        What the machine delivered of this fraction, all sessions together.
    """

    by: str
    couch: TableTopPose | None = None
    image: DayImage | None = None
    prepared: Prepared | None = None
    delivered_mu: float | None = None


def open_fraction(records: Records, course_id: str, number: int | None = None) -> OpenFraction:
    """Return the newest fraction of a course, or one by its number.

    Raises
    ------
    UnknownNameError
        If there is none.
    UnreadableError
        If it cannot be read.
    """
    course = records.course(course_id)
    if not course.fractions:
        msg = f"course {course_id} has no fraction yet: begin one with isoguide fraction start {course_id}"
        raise UnknownNameError(msg)
    wanted = course.fractions[-1].key.number if number is None else number
    stored = records.fraction(course_id, wanted)
    return OpenFraction(course, protocol_of(course), stored, read_kept(stored.memory, str(stored.line.key)))


def protocol_of(course: StoredCourse) -> Protocol:
    """Return the protocol of a course, as it was stored."""
    return parse_protocol(course.protocol_text, f"protocol {course.protocol_name} v{course.protocol_version}")


def take_up(
    records: Records, now: DeskClock, opened: OpenFraction, told: Told
) -> tuple[Fraction, FractionRecorder]:
    """Return the fraction ready for one step in a room that answers what staff said, and its recorder.

    Raises
    ------
    RefusedError
        If it has ended.
    """
    recorder = recorder_of(records, opened, told.by)
    before_mu = opened.stored.summary.delivered_mu
    beam = DeskBeam(now, opened.planned_mu, before_mu, told.delivered_mu)
    room = desk_room(now, told.couch, beam=beam, image=told.image)
    return fraction_in_room(records, opened, room, recorder, told.prepared), recorder


def recorder_of(records: Records, opened: OpenFraction, by: str) -> FractionRecorder:
    """Return what writes the next steps of a fraction.

    Raises
    ------
    RefusedError
        If it has ended.
    """
    line = opened.stored.line
    if line.state.is_final:
        msg = f"{line.key} is {line.state}: begin the next fraction"
        raise RefusedError(msg)
    return FractionRecorder(records, opened.stored, opened.kept, opened.simulation.patient_position, by)


def fraction_in_room(
    records: Records, opened: OpenFraction, room: Room, sink: Sink, prepared: Prepared | None = None
) -> Fraction:
    """Return a fraction of the records as it goes on in a room.

    Parameters
    ----------
    records, opened
        Where it is kept.
    room
        The devices.
    sink
        Where its next steps go.
    prepared
        What an image is matched to, where one will be.
    """
    kept = opened.kept
    fraction = Fraction(
        _planned(opened.simulation, kept, prepared),
        room,
        fraction_limits(opened.protocol),
        sink=sink,
        known_uids=records.used_image_uids(opened.stored.line.key.course_id),
        no_image_because=kept.no_image_because,
    )
    if kept.memory is not None:
        fraction.resume_from(kept.memory, [step.entry for step in opened.stored.steps])
    return fraction


def require_no_delivery_under_way(stored: StoredFraction, now: DeskClock) -> None:
    """Keep other steps out of the moment in which a delivery is written: they would hold the beam.

    Raises
    ------
    ConflictError
        If somebody else is recording a delivery of it.
    """
    if stored.line.state is not State.BEAM_ON:
        return
    last = stored.steps[-1]
    if now.now() - last.entry.at < DELIVERY_WRITTEN:
        msg = (
            f"{last.by} records what was delivered of {stored.line.key} now: look at it again in a moment, "
            "nothing was done"
        )
        raise ConflictError(msg)


def _planned(simulation: SimulationRecord, kept: KeptFraction, prepared: Prepared | None) -> PlannedPosition:
    set_up_pose = kept.set_up_pose or _NOWHERE
    position, patient_id = simulation.patient_position, simulation.patient.patient_id
    if prepared is not None:
        return PlannedPosition.of(
            prepared, patient_position=position, set_up_pose=set_up_pose, patient_id=patient_id
        )
    target_points_mm: Array = np.atleast_2d(simulation.isocentre_mm)
    if kept.target_points_mm is not None:
        target_points_mm = kept.target_points_mm
    return PlannedPosition(
        simulation.isocentre_mm, position, set_up_pose, target_points_mm, _no_match, patient_id
    )


def _no_match(_daily: DayContent, _initial: RigidTransform) -> Registration:
    msg = "this step has no planning image to match with: take the image anew"
    raise RefusedError(msg)
