"""A department with the small patient in a virtual room, whose time passes as far as a test lets it."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from small_department import ACCESSORIES, PROTOCOL

from isoguide.course import Person, Role, SimulationRecord
from isoguide.errors import OutputError
from isoguide.records import Records
from isoguide.virtual.clock import VirtualClock
from isoguide.workflow.clinic.department import new_desk
from isoguide.workflow.clinic.desk import Desk
from isoguide.workflow.clinic.gate_source import GateSource
from isoguide.workflow.clinic.kept_fraction import KeptFraction, kept_text
from isoguide.workflow.clinic.room_drive import RoomDrive
from isoguide.workflow.clinic.room_events import RoomEvents
from isoguide.workflow.clinic.station_file import StationFile
from isoguide.workflow.clinic.virtual_station import VirtualStation
from isoguide.workflow.protocol_file import parse_protocol
from isoguide.workflow.scenario import FaultSection, PatientSection, Scenario, SetUpSection

COURSE, CONSOLE = "C0001", "console 1"
LATER = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)


class GatedClock(VirtualClock):
    """Time passes at once up to where the test lets it; then whoever waits waits for the test."""

    def __init__(self) -> None:
        super().__init__(LATER)
        self._limit_s, self._gate = np.inf, threading.Condition()
        self._goals_s: list[float] = []

    def wait(self, seconds: float) -> None:
        with self._gate:
            goal_s = self._seconds + seconds
            self._goals_s.append(goal_s)
            assert self._gate.wait_for(lambda: goal_s <= self._limit_s + 1e-9, timeout=20.0)
            self._goals_s.remove(goal_s)
            self._seconds = max(self._seconds, goal_s)

    def stop_in(self, seconds: float) -> None:
        """Let so much time pass from now on, and no more; returns at once."""
        with self._gate:
            self._limit_s = self._seconds + seconds
            self._gate.notify_all()

    def run(self, seconds: float, is_over: Callable[[], bool] = lambda: False) -> None:
        """Let so much time pass, until somebody waits for more or it is over."""
        self.stop_in(seconds)
        patience = time.monotonic() + 20.0
        while not (is_over() or self._is_at_limit()):
            assert time.monotonic() < patience, "nobody waits and nothing ends"
            time.sleep(0.0005)

    def _is_at_limit(self) -> bool:
        with self._gate:
            if not any(goal_s > self._limit_s + 1e-9 for goal_s in self._goals_s):
                return False
            self._seconds = max(self._seconds, self._limit_s)
            return True


def station_file(**changes: object) -> StationFile:
    patient = PatientSection(site="prostate", seed=0, voxel_mm=(3.0, 3.0, 4.0))
    set_up = SetUpSection(fixed_mm=(4.0, -3.0, 2.0))
    scenario = Scenario(title="t", seed=3, fractions=2, patient=patient, set_up=set_up)
    return StationFile(course_id=COURSE, first_fraction=1, scenario=scenario.model_copy(update=changes))


@dataclass
class ConnectedDepartment:
    """A drive in its room, with the clock that the test holds."""

    desk: Desk
    clock: GatedClock
    station: VirtualStation
    drive: RoomDrive
    events: RoomEvents
    folder: Path

    @property
    def is_off(self) -> bool:
        """The truth about the beam."""
        return not self.station._room.beam.is_under_way()

    def begin(self, no_image_because: str = "") -> None:
        number = len(self.desk.records.course(COURSE).fractions) + 1
        kept = kept_text(KeptFraction(no_image_because=no_image_because))
        self.desk.records.begin_fraction(COURSE, number, by="anna", memory=kept)

    def run(self, seconds: float, *, heard: bool = True) -> None:
        """Let time pass while the beam is on, in steps of half a second with a word of the console."""
        left_s = seconds
        while left_s > 1e-9:
            if heard:
                self.drive.heartbeat(CONSOLE)
            step_s = min(left_s, 0.5)
            self.clock.run(step_s, lambda: not self.drive.is_watched(COURSE))
            if not self.drive.is_watched(COURSE):
                return
            left_s -= step_s

    def irradiate(self, seconds: float = 1.0) -> None:
        """Begin a fraction for which no image is due, set up, and turn the beam on for so long."""
        self.begin("fraction of NAL")
        self.drive.set_up(by="anna")
        self.beam_on(seconds)

    def beam_on(self, seconds: float, how: Callable[..., object] | None = None) -> None:
        self.clock.stop_in(1.5)
        (how or self.drive.beam_on)(by="anna", session=CONSOLE)
        self.run(0.01)
        self.run(seconds)

    def wait_until_asked(self, thread: threading.Thread) -> None:
        """Wait until a thread has asked for the end of the beam that is watched, or has ended itself.

        Time stands still meanwhile: a computer that is busy with something else would let the beam go on.
        """
        watch, patience = self.drive._watch, time.monotonic() + 20.0
        while watch is not None and watch.is_running and watch._ask is None and not watch._is_shut_down:
            if not thread.is_alive():
                return
            assert time.monotonic() < patience, "nobody asked"
            time.sleep(0.0005)

    def meanwhile(self, call: Callable[[], object]) -> object:
        """Make a call that waits for the watching thread, and let time pass for that once it was asked."""
        answers: list[object] = []

        def work() -> None:
            try:
                answers.append(call())
            except Exception as error:  # noqa: BLE001 - raised in the test's own thread
                answers.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        self.wait_until_asked(thread)
        self.clock.stop_in(np.inf)
        thread.join(20.0)
        assert not thread.is_alive()
        if isinstance(answers[0], Exception):
            raise answers[0]
        return answers[0]


@contextmanager
def connected_department(
    folder: Path,
    simulated: tuple[Path, SimulationRecord],
    *,
    file: StationFile | None = None,
    protocol: str = PROTOCOL,
    prepare: bool = True,
    gates: GateSource | None = None,
) -> Iterator[ConnectedDepartment]:
    """Open a department whose one course is in the virtual room."""
    shutil.copytree(simulated[0], folder / "records" / "images")
    clock, events = GatedClock(), RoomEvents()
    with new_desk(str(folder / "records"), now=clock.now) as desk:
        for name, role in (("anna", Role.THERAPIST), ("ben", Role.THERAPIST), ("berg", Role.PHYSICIST)):
            desk.records.add_person(Person(name, role), by="admin")
        parsed = parse_protocol(protocol, "test")
        desk.records.add_protocol(parsed, protocol, by="berg")
        simulation = replace(simulated[1], accessories=ACCESSORIES, fractions_planned=2)
        desk.records.add_course(
            simulation, protocol_name=parsed.name, protocol_version=parsed.version, by="berg"
        )
        station = VirtualStation(file or station_file(), desk, clock)
        if prepare:
            station.prepare()
        with RoomDrive(desk, station, COURSE, events, gates=gates) as drive:
            try:
                yield ConnectedDepartment(desk, clock, station, drive, events, folder)
            finally:
                clock.stop_in(np.inf)
                events.close()


OpenRoom = Callable[..., AbstractContextManager[ConnectedDepartment]]


def cached(kept: dict[str, object], name: str, slow: Callable[..., object]) -> Callable[..., object]:
    """Return a function that does its work once, whatever it is asked afterwards."""

    def quick(*arguments: object) -> object:
        if name not in kept:
            kept[name] = slow(*arguments)
        return kept[name]

    return quick


def with_fault(**said: object) -> StationFile:
    """Return a station whose room has this fault in its first fraction."""
    return station_file(faults=(FaultSection(**said),))


def recorded_mu(d: ConnectedDepartment) -> float:
    return sum(one.delivered_mu for one in d.drive.desk.status(COURSE).stored.deliveries)


def planned_mu(d: ConnectedDepartment) -> float:
    return d.drive.desk.status(COURSE).planned_mu


def events_of(d: ConnectedDepartment) -> list[str]:
    return [str(step.entry.event) for step in d.drive.desk.status(COURSE).stored.steps]


def unwritable(patched: pytest.MonkeyPatch) -> None:
    """From now on no step can be recorded."""

    def broken(*_: object) -> None:
        msg = "the disk is full"
        raise OutputError(msg)

    patched.setattr(Records, "add_step", broken)
