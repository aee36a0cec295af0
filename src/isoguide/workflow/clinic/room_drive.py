"""One course in a connected room: the steps of the desk, with what the room says instead of what staff type.

Steps are made one at a time. While the beam is on, only a hold, a stop and the word of the console that
watches it are taken; the beam itself is watched by a thread of its own
(:mod:`isoguide.workflow.clinic.beam_watch`).
"""

import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from isoguide.course import ProtocolAction
from isoguide.errors import DeviceError, InputError, MismatchError
from isoguide.geometry.couch import corrected_pose
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.motion.gating import Gate
from isoguide.progress import Progress, part_of, silent
from isoguide.records import ConflictError
from isoguide.treatment import Fraction, State
from isoguide.treatment.gated_delivery import Hear, hear_nothing
from isoguide.treatment.intrafraction import monitors_of
from isoguide.treatment.protocol_limits import fraction_limits, gate_settings
from isoguide.treatment.refusals import OutOfOrderError, RefusedError
from isoguide.treatment.states import Event, state_after
from isoguide.workflow.clinic.beam_gate import BeamGate
from isoguide.workflow.clinic.beam_monitors import target_displacement, unchanged_monitor
from isoguide.workflow.clinic.beam_watch import SHUT_DOWN, BeamOrder, BeamWatch
from isoguide.workflow.clinic.connected_room import ConnectedRoom, NoImage, ports_of
from isoguide.workflow.clinic.delivery_sink import DeliverySink, PatientSink
from isoguide.workflow.clinic.desk import Desk
from isoguide.workflow.clinic.desk_room import DeskClock
from isoguide.workflow.clinic.drive_display import DriveDisplay
from isoguide.workflow.clinic.fraction_status import FractionStatus
from isoguide.workflow.clinic.gate_source import GateSource, MonitorProcess
from isoguide.workflow.clinic.open_fraction import OpenFraction, fraction_in_room, open_fraction, recorder_of
from isoguide.workflow.clinic.room_events import RoomEvents
from isoguide.workflow.clinic.room_state import RoomState
from isoguide.workflow.clinic.seen import SeenVersion, require_seen

SETTLES_S: Final = 10.0
"""A hold is confirmed, or left to the machine, within this: three attempts and its heartbeat."""
HEARD_S: Final = 2.0
"""A watch that has not ended so long after it was asked to does not hear: it looks ten times a second."""
STOPS_TRIED: Final = 5
"""So often a stop is tried while others go on with the fraction."""


@dataclass(frozen=True, slots=True, eq=False)
class _TakenUp:
    """A fraction taken up from the records in the connected room, and where its steps go."""

    opened: OpenFraction
    fraction: Fraction
    delivered: DeliverySink
    sink: PatientSink


class RoomDrive:
    """Treats the fractions of one course in a connected room.

    Parameters
    ----------
    desk
        Of the department.
    room
        In which the patient lies.
    course_id
        Whose course.
    events
        Is told what happens, and shown the room; nothing here waits for it.
    gates
        Makes the gates where the protocol asks for monitoring, and is closed with this; in a process of their
        own when not given.

    Attributes
    ----------
    desk
        The same desk by the clock of the room. It refuses every step while the beam is on, so whoever makes
        steps of this course at the desk has to use this one.

    Raises
    ------
    MismatchError
        If the room is not for this course.
    """

    def __init__(
        self,
        desk: Desk,
        room: ConnectedRoom,
        course_id: str,
        events: RoomEvents | None = None,
        *,
        gates: GateSource | None = None,
    ) -> None:
        if not room.is_for(course_id):
            msg = f"{room.name} is not for course {course_id}: treat it at the desk, or connect its room"
            raise MismatchError(msg)
        self.room, self.course_id = room, course_id
        self._gates: GateSource = gates or MonitorProcess(room.clock.now)
        self.desk = replace(desk, clock=DeskClock(room.clock.now), is_watched=self.is_watched)
        self._display = DriveDisplay(self.desk.records, room, course_id, events)
        self._step = threading.Lock()
        self._watch: BeamWatch | None = None
        self._newest: _TakenUp | None = None
        self._is_closed = False
        self._events = events
        if events is not None:
            events.show(self.state)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def is_watched(self, course_id: str) -> bool:
        """Tell whether the beam of a course is watched here: from the order to turn it on until its end."""
        return course_id == self.course_id and self._running() is not None

    def state(self) -> RoomState:
        """Return what a console shows now. It asks nothing of the machine, so it keeps no beam on."""
        watch, newest = self._running(), self._newest
        gate = self._watch.gate if self._watch is not None else None
        shown = gate.shown if gate is not None else None
        if watch is not None:
            return self._display.state(watch.fraction, watch.order.by, shown)
        is_behind = newest is not None and bool(newest.sink.waiting)
        return self._display.state(newest.fraction if newest is not None and is_behind else None, gate=shown)

    def refresh(self) -> None:
        """Show the fraction as the records have it, after a step that was made by way of :attr:`desk`."""
        self._display.refresh()

    def take_over(self) -> FractionStatus | None:
        """Go on after a restart: the patient is placed as he was, and a beam that may be on is held.

        Returns None where no fraction goes on.

        Raises
        ------
        DeviceError
            If the room is not ready.
        """
        with self._one_step():
            course = self.desk.records.course(self.course_id)
            if not course.fractions or course.fractions[-1].state.is_final:
                return None
            opened = open_fraction(self.desk.records, self.course_id)
            memory = opened.kept.memory
            self.room.place_patient(self.course_id, opened.stored.line.key.number, memory)
            if memory is not None and (memory.state is State.BEAM_ON or memory.beam.may_be_on):
                self._take_up(opened.stored.steps[-1].by)  # which holds it
            return self._status()

    def make(
        self, step: Callable[[Desk, TableTopPose], FractionStatus], *, seen_version: SeenVersion = None
    ) -> FractionStatus:
        """Make a step of the desk with the couch as the room reads it now: a match by hand, a signature.

        Parameters
        ----------
        step
            Is given :attr:`desk` and the reading.
        seen_version
            What the user saw.

        Raises
        ------
        RefusedError, InputError, ConflictError
            As the step.
        LinkLostError
            If the couch does not answer.
        """
        with self._one_step(seen=seen_version):
            step(self.desk, self.room.couch().pose)
            return self._status()

    def set_up(self, *, by: str, seen_version: SeenVersion = None) -> FractionStatus:
        """Lay the patient on his marks, drive today's systematic correction, and record the position.

        Raises
        ------
        RefusedError
            If the patient is set up already, or the couch is not where it has to be.
        DeviceError
            If the room does not answer.
        """
        with self._one_step(by, seen_version):
            opened = open_fraction(self.desk.records, self.course_id)
            state_after(opened.stored.line.state, Event.SET_UP)
            self.room.place_patient(self.course_id, opened.stored.line.key.number)
            if opened.protocol.monitoring is not None:
                self._gates.prepare(gate_settings(opened.protocol))
            on_marks, offline = self.room.couch().pose, opened.kept.offline
            if offline is not None:
                axis = fraction_limits(opened.protocol).couch.yaw_axis
                self.room.drive_couch(corrected_pose(on_marks, offline, yaw_axis=axis))
            self.desk.set_up(
                self.course_id,
                by=by,
                couch=self.room.couch().pose,
                on_marks=on_marks,
                seen_version=seen_version,
            )
            return self._status()

    def image(
        self, *, by: str, progress: Progress = silent, seen_version: SeenVersion = None
    ) -> FractionStatus:
        """Take an image, keep it, match it, and ask the protocol.

        An exposure of which nothing came that can be used counts as one, and is recorded.

        Raises
        ------
        RefusedError
            If no image may be taken now, or it does not show this patient as he lies.
        DeviceError
            If the imager does not answer or the image was lost.
        InputError
            If the image cannot be used.
        """
        with (
            self._one_step(by, seen_version),
            tempfile.TemporaryDirectory(prefix="isoguide-image-") as folder,
        ):
            status = self.desk.status(self.course_id)
            state_after(status.state, Event.IMAGE)
            if status.images_left <= 0:
                msg = f"{status.key} has no image left: decide by those that there are, or stop it"
                raise RefusedError(msg)
            progress(0.0, "Taking the image")
            try:
                exported = self.room.take_image(Path(folder))
                self.desk.image(
                    self.course_id,
                    exported,
                    by=by,
                    couch=self.room.couch().pose,
                    said=self.room.image_said,
                    seen_version=seen_version,
                    progress=part_of(progress, 0.3, 1.0),
                )
            except BaseException as error:
                self._count_exposure(by, status.images_left, error)
                raise
            return self._status()

    def _count_exposure(self, by: str, left_before: int, error: BaseException) -> None:
        """See to it that nothing rests on the image before: the patient may have been exposed anew."""
        status = self.desk.status(self.course_id)
        if status.images_left < left_before or status.state.is_final:
            return
        why = error if isinstance(error, DeviceError) else DeviceError(f"the image cannot be used: {error}")
        with suppress(DeviceError):
            self._take_up(by, NoImage(why)).fraction.image()
        self._status()

    def approve(
        self,
        *,
        by: Sequence[str],
        action: ProtocolAction | None = None,
        reason: str = "",
        seen_version: SeenVersion = None,
    ) -> FractionStatus:
        """Sign what is done about the newest match, as :meth:`isoguide.workflow.clinic.desk.Desk.approve`.

        Raises
        ------
        RefusedError
            As there.
        LinkLostError
            If the couch does not answer.
        """

        def sign(desk: Desk, couch: TableTopPose) -> FractionStatus:
            return desk.approve(self.course_id, by=by, couch=couch, action=action, reason=reason)

        return self.make(sign, seen_version=seen_version)

    def carry_out(self, *, by: str, seen_version: SeenVersion = None) -> FractionStatus:
        """Drive the couch by the valid order and read it back.

        The order is used up before the couch moves, so it is never carried out twice.

        Raises
        ------
        RefusedError
            If there is no valid order, or the couch is not where it sends it.
        DeviceError
            If the couch does not answer.
        """
        with self._one_step(by, seen_version):
            fraction = self._take_up(by).fraction
            if fraction.state is not State.COUCH_MOVED:
                order = fraction.order
                fraction.move_couch(order.token if order is not None else "")
            fraction.verify()
            return self._status()

    def beam_on(self, *, by: str, session: str, seen_version: SeenVersion = None) -> FractionStatus:
        """Turn the beam on and watch it; returns when it is on. ``session`` is the console that watches.

        Raises
        ------
        RefusedError
            If the position is not verified, the image is too old, the couch has moved, ...
        DeviceError
            If couch or machine do not answer.
        """

        def turn_on(fraction: Fraction, gate: BeamGate | None) -> State:
            if fraction.state is State.SET_UP:
                fraction.treat_without_image()
            return fraction.turn_beam_on(*_of(gate))

        return self._begin_beam(BeamOrder(by, session), turn_on, seen_version)

    def resume(self, *, by: str, session: str, seen_version: SeenVersion = None) -> FractionStatus:
        """Turn the beam on again after a short hold that was asked for.

        Raises
        ------
        RefusedError
            If the hold came from a fault, lasted too long, or there were too many: take a new image.
        DeviceError
            If couch or machine do not answer.
        """

        def resume(fraction: Fraction, gate: BeamGate | None) -> State:
            return fraction.resume(*_of(gate))

        return self._begin_beam(BeamOrder(by, session), resume, seen_version)

    def _begin_beam(
        self, order: BeamOrder, turn_on: Callable[[Fraction, BeamGate | None], State], seen: SeenVersion
    ) -> FractionStatus:
        with self._one_step(order.by, seen):
            taken_up = self._take_up(order.by)
            fraction, delivered = taken_up.fraction, taken_up.delivered
            protocol = taken_up.opened.protocol
            gate = BeamGate.of(self.room, taken_up.opened, self.desk.store, self._gates)
            delivered.end_recording = gate.end_recording if gate is not None else None
            displacement = target_displacement(self.room) if gate is None else None
            monitors = (
                *monitors_of(protocol.intrafraction, fraction, displacement),
                unchanged_monitor(self.desk.records, delivered.recorder),
            )
            planned_mu = taken_up.opened.planned_mu

            def turn_on_the_plan() -> State:
                _require_loaded(fraction, planned_mu)
                return turn_on(fraction, gate)

            watch = BeamWatch(
                fraction, delivered, order, turn_on=turn_on_the_plan, monitors=monitors, gate=gate
            )
            self._watch = watch
            watch.start()
            return self._status()

    def heartbeat(self, session: str) -> bool:
        """Say that a console is there; False when no beam waits for the word of this one."""
        watch = self._running()
        return watch is not None and watch.heard(session)

    def hold(self, *, reason: str, by: str) -> FractionStatus:
        """Hold the beam; returns when it is off. Anybody may, with any words and at any time.

        Raises
        ------
        OutOfOrderError
            If no beam is on. The machine was told to turn it off all the same.
        LinkLostError
            If no beam is watched, and the machine does not answer.
        OutputError
            If the beam is off and that could not be recorded yet.
        DeviceError
            If nobody confirms that the beam is off: press the emergency stop.
        """
        watch = self._running()
        if watch is None:
            self.room.beam.hold(reason)
            msg = "no beam is on that could be held"
            raise OutOfOrderError(msg)
        watch.ask_hold(reason, by)
        self._wait_off(watch, reason)
        self._write_waiting()
        return self._status()

    def stop(self, *, reason: str, by: str) -> FractionStatus:
        """End the fraction without more beam; a beam that is on is held first.

        Raises
        ------
        RefusedError
            If it has ended already.
        OutputError
            If that cannot be recorded; the machine was told to turn its beam off all the same.
        """
        watch = self._running()
        if watch is not None:
            watch.ask_stop(reason, by)
            self._wait_off(watch, reason)
            self._write_waiting()
            status = self._status()
            if status.state.is_final:
                return status
        else:
            with suppress(DeviceError):  # what the fraction knows decides below; this is only quicker
                self.room.beam.hold(reason)
        for tries_left in reversed(range(STOPS_TRIED)):
            taken_up = self._take_up(by)
            fraction, taken_up.delivered.ended_by = taken_up.fraction, "OPERATOR"
            if fraction.memory.beam.was_used and not fraction.state.is_final:
                with suppress(Exception):  # a machine that does not answer keeps no fraction from ending
                    fraction.ask_beam()
            fraction.stop(reason)
            try:
                self._write_waiting()
                break
            except RefusedError:  # somebody else made a step at this moment
                if tries_left == 0:
                    raise
        return self._status()

    def finish(self, *, by: str) -> FractionStatus:
        """Close a fraction that was delivered, where that could not be recorded at once.

        Raises
        ------
        OutOfOrderError
            If it was not delivered.
        """
        with self._one_step(by):
            self._take_up(by).fraction.close()
            return self._status()

    def close(self) -> None:
        """End the work in this process: a beam that is on is held first, and going on needs a new image.

        Raises
        ------
        DeviceError
            If nobody confirms that the beam is off: press the emergency stop.
        """
        self._is_closed = True
        if self._events is not None:
            self._events.hide(self.state)
        watch = self._running()
        try:
            if watch is not None:
                watch.shut_down()
                self._wait_off(watch, SHUT_DOWN)
        finally:
            self._gates.close()

    def _wait_off(self, watch: BeamWatch, reason: str) -> None:
        """Wait until a watch has ended its beam as it was asked to; turn it off here where it does not."""
        if watch.wait_ended(HEARD_S):
            return
        with suppress(DeviceError):
            self.room.beam.hold(reason)
        if not watch.wait_ended(SETTLES_S):
            msg = (
                f"{self.room.name} was told to turn its beam off, and what watches it does not confirm that: "
                "look at the machine and press the emergency stop"
            )
            raise DeviceError(msg)

    def _running(self) -> BeamWatch | None:
        watch = self._watch
        return watch if watch is not None and watch.is_running else None

    @contextmanager
    def _one_step(self, by: str | None = None, seen: SeenVersion = None) -> Iterator[None]:
        """Make one step, unless another is being made, by somebody on the staff, on what he saw."""
        if not self._step.acquire(blocking=False):
            msg = "another step of this fraction is being made: wait until it is done"
            raise RefusedError(msg)
        try:
            if self._is_closed:
                msg = "isoguide is being shut down: no step is begun any more"
                raise RefusedError(msg)
            if self._running() is not None:
                msg = "the beam is on: hold it before anything else"
                raise RefusedError(msg)
            if by is not None:
                self.desk.records.person(by)
            self._write_waiting()
            if seen is not None:
                require_seen(open_fraction(self.desk.records, self.course_id).stored, seen)
            yield
        finally:
            self._step.release()

    def _write_waiting(self) -> None:
        """Record first what could not be recorded when it happened."""
        newest = self._newest
        if newest is None or not newest.sink.waiting:
            return
        try:
            newest.sink.write_waiting()
        except (ConflictError, InputError) as error:
            newest.sink.waiting.clear()
            fraction = newest.fraction
            msg = (
                f"what happened while the beam was on ({fraction.reason}; {fraction.delivered_mu:.1f} MU in "
                f"all) cannot be recorded any more ({error}): look at the fraction and at the machine"
            )
            raise RefusedError(msg) from error
        self._display.refresh()

    def _take_up(self, by: str, imager: NoImage | None = None) -> _TakenUp:
        self._write_waiting()
        opened = open_fraction(self.desk.records, self.course_id)
        recorder = recorder_of(self.desk.records, opened, by)
        delivered = DeliverySink(recorder, opened.simulation.beams, opened.stored.summary.delivered_mu)
        sink = PatientSink(self._display.telling(delivered))
        fraction = fraction_in_room(self.desk.records, opened, ports_of(self.room, imager), sink)
        self._newest = _TakenUp(opened, fraction, delivered, sink)
        return self._newest

    def _status(self) -> FractionStatus:
        self._display.refresh()
        return self.desk.status(self.course_id)


def _of(gate: BeamGate | None) -> tuple[Gate | None, Hear]:
    """Return a gate as a delivery takes it, and what hears of its decisions."""
    return (gate.gate, gate.hear) if gate is not None else (None, hear_nothing)


def _require_loaded(fraction: Fraction, planned_mu: float) -> None:
    """Refuse a machine that has loaded anything but the meterset of the plan.

    Raises
    ------
    RefusedError
        With both.
    DeviceError
        If the machine does not answer, or its beam is on.
    """
    loaded_mu = fraction.ask_beam().planned_mu
    if abs(loaded_mu - planned_mu) > fraction.limits.beam.tolerance_mu:
        msg = (
            f"the machine has {loaded_mu:.1f} MU loaded and the plan of this course has {planned_mu:.1f} MU: "
            "load the plan of this patient"
        )
        raise RefusedError(msg)
