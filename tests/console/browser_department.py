"""A department with the small patient in a virtual room, served on a port behind a link that can be cut."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from cuttable_link import CuttableLink

sys.path += [str(Path(__file__).parents[1] / name) for name in ("workflow", "service")]

from connected_department import COURSE, cached, station_file
from scripted_gate import Gates, IdleWatch, InThisProcess, ScriptedGate
from served import serving
from signed_in_client import CHEAP, furnish_accounts
from small_course import coarse_room
from small_department import PROTOCOL, SET_UP, simulation_of
from small_patient import PATIENT

from isoguide.course import Monitoring, Protocol, SimulationRecord
from isoguide.geometry.transforms import RigidTransform
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.gating import Gate, GateDecision, TargetWatch
from isoguide.records import CourseStatus, StoredCourse
from isoguide.records.image_store import ImageStore
from isoguide.service.app import create_app
from isoguide.service.clinic import Clinic
from isoguide.service.page_files import Page
from isoguide.service.settings import ServiceSettings
from isoguide.treatment.limits import FractionLimits
from isoguide.treatment.protocol_limits import fraction_limits
from isoguide.virtual.clock import RealTimeClock
from isoguide.virtual.patient_day import PatientDay
from isoguide.virtual.phantom import Phantom
from isoguide.virtual.room import VirtualRoom
from isoguide.virtual.room_settings import Latency, RoomSettings
from isoguide.workflow.clinic import beam_watch, open_fraction, virtual_station
from isoguide.workflow.clinic import desk as desk_module
from isoguide.workflow.clinic.department import new_desk
from isoguide.workflow.clinic.desk import Desk
from isoguide.workflow.clinic.fraction_status import FractionStatus
from isoguide.workflow.clinic.open_fraction import protocol_of
from isoguide.workflow.clinic.room_drive import RoomDrive
from isoguide.workflow.clinic.room_events import RoomEvents
from isoguide.workflow.clinic.virtual_station import VirtualStation
from isoguide.workflow.clinic.waiting_fraction import prepare_waiting_fraction
from isoguide.workflow.protocol_file import parse_protocol
from isoguide.workflow.scenario import Scenario, SetUpSection
from isoguide.workflow.simulate import drawn_days
from isoguide.workflow.simulation_session import SimulationSession, write_simulation_session
from isoguide.workflow.virtual_patient import VirtualPatient, virtual_patient

FRACTIONS = 40
"""Each test takes the next one."""
QUICK_MU_MIN, SLOW_MU_MIN = 60_000.0, 300.0
"""A beam that is through in some seconds, and one that is on for as long as a test needs it."""
GATE_MM, WATCHED = 3.0, Monitoring("bone, stereo pair", stale_s=0.8)
"""What the protocol asks for where it asks for monitoring; a busy computer is slow."""
PATIENCE_S = 15.0
"""So long a busy computer may take for an answer, or for a word of its page, before that holds a beam."""


class PacedClock(RealTimeClock):
    """A real clock that passes more quickly while nobody looks."""

    @contextmanager
    def quickly(self, times: float = 10.0) -> Iterator[None]:
        """Let time pass so many times as fast."""
        self._pace(times)
        try:
            yield
        finally:
            self._pace(1.0)

    def _pace(self, speed: float) -> None:
        seconds = self.seconds
        self._speed, self._zero_s = speed, self._monotonic() - seconds / speed


@dataclass
class _Unhurried:
    """A gate whose permissions last until it takes them back: a look may take a busy computer seconds."""

    inner: Gate
    permit_s: float = PATIENCE_S

    @property
    def period_s(self) -> float:
        return self.inner.period_s

    def arm(self) -> None:
        self.inner.arm()

    def look(self, now: datetime) -> GateDecision:
        return self.inner.look(now)

    def end(self) -> None:
        self.inner.end()


class _UnhurriedGates(InThisProcess):
    """Makes such gates."""

    def gate(self, watch: TargetWatch, settings: GateSettings) -> Gate:
        return _Unhurried(super().gate(watch, settings))


@dataclass(frozen=True)
class _Planned:
    """A planned patient as records are made from him."""

    folder: Path
    phantom: Phantom
    session: SimulationSession

    @property
    def planning(self) -> Path:
        return self.folder


class BrowserDepartment:
    """A department, its room, and the service in front of it."""

    def __init__(self, desk: Desk, station: VirtualStation, drive: RoomDrive, link: CuttableLink) -> None:
        self.desk, self.station, self.drive, self.link = desk, station, drive, link
        self.dose_rate_mu_min = QUICK_MU_MIN
        self.clinic: Clinic
        self.end_sessions: Callable[[], None]
        self.page: Page
        self.in_place: Callable[[], AbstractContextManager[None]]

    @property
    def address(self) -> str:
        """Where a browser finds it, by way of the link that can be cut."""
        return f"http://127.0.0.1:{self.link.port}/"

    @property
    def clock(self) -> PacedClock:
        return self.station.clock

    @property
    def now(self) -> FractionStatus:
        """The newest fraction as the records have it."""
        return self.desk.status(COURSE)

    @property
    def simulation(self) -> SimulationRecord:
        return self.desk.records.course(COURSE).simulation

    @property
    def number(self) -> int:
        return self.now.key.number

    @property
    def room(self) -> VirtualRoom:
        """The truth."""
        room = self.station._room
        assert room is not None
        return room

    @property
    def is_radiating(self) -> bool:
        """The truth about the beam."""
        return self.room.beam.is_under_way()

    @property
    def planning_from_daily(self) -> RigidTransform:
        """The truth about an image that was taken since the couch moved."""
        return self.room.planning_from_daily()

    @property
    def events(self) -> list[str]:
        """What was recorded of the fraction, in order."""
        return [str(step.entry.event) for step in self.now.stored.steps]

    @property
    def recorded_mu(self) -> float:
        return sum(one.delivered_mu for one in self.now.stored.deliveries)

    @contextmanager
    def other_build(self) -> Iterator[None]:
        """Serve as after an update: every page that is open is of another build."""
        build = self.page.build
        object.__setattr__(self.page, "build", "0123456789abcdef")
        try:
            yield
        finally:
            object.__setattr__(self.page, "build", build)

    @contextmanager
    def monitored(self, gate: ScriptedGate | None = None) -> Iterator[None]:
        """Let the protocol ask for monitoring; this gate decides, or a real one by what the room sees."""

        def asking(course: StoredCourse) -> Protocol:
            protocol = protocol_of(course)
            watched = replace(protocol.intrafraction, shift_mm=GATE_MM)
            return replace(protocol, intrafraction=watched, monitoring=WATCHED)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(open_fraction, "protocol_of", asking)
            if gate is not None:
                gate.permit_s = PATIENCE_S
                patched.setattr(self.station, "watch", lambda _monitoring: IdleWatch())
            patched.setattr(self.drive, "_gates", _UnhurriedGates() if gate is None else Gates(gate))
            try:
                yield
            finally:
                self.end_fraction()

    @contextmanager
    def course_read_by_staff(self) -> Iterator[str]:
        """A second course, in no room: its patient is set up, and staff bring the files of his image."""
        records, planned = self.desk.records, self.simulation
        patient = replace(planned.patient, patient_id="T-2", name="Other^Patient")
        other = replace(planned, patient=patient, plan_uid=f"{planned.plan_uid}.2")
        protocol = parse_protocol(PROTOCOL, "test")
        course = records.add_course(
            other, protocol_name=protocol.name, protocol_version=protocol.version, by="berg"
        )
        self.desk.begin(course, by="ben", accessories=())
        self.desk.set_up(course, by="ben", couch=SET_UP)
        try:
            yield course
        finally:
            self.desk.stop(course, by="ben", reason="the next test begins")
            records.finish_course(course, CourseStatus.STOPPED, by="berg", reason="the next test begins")

    def wait_for(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so."""
        patience = time.monotonic() + 20.0
        while not is_so():
            assert time.monotonic() < patience, "it never came to be"
            time.sleep(0.02)

    def end_fraction(self) -> None:
        """Stop the fraction that goes on, whatever a test left of it."""
        self.link.mend()
        if self.desk.records.course(COURSE).fractions and not self.now.state.is_final:
            self.drive.stop(reason="the next test begins", by="ben")

    def bring(self, dose_rate_mu_min: float = QUICK_MU_MIN) -> FractionStatus:
        """Bring the next fraction to where somebody has to decide about its match."""
        self.end_fraction()
        self.dose_rate_mu_min = dose_rate_mu_min
        with self.clock.quickly():
            status = prepare_waiting_fraction(self.drive, by="ben")
        assert status is not None
        return status

    def verify(self, dose_rate_mu_min: float = QUICK_MU_MIN) -> FractionStatus:
        """Bring the next fraction to where the beam can be turned on."""
        self.bring(dose_rate_mu_min)
        self.drive.approve(by=["ben"])
        with self.clock.quickly():
            return self.drive.carry_out(by="ben")


@contextmanager
def browser_department(folder: Path, *, page: Path) -> Iterator[BrowserDepartment]:
    """Serve a department; the patient is built once, which takes the time."""
    set_up = SetUpSection(fixed_mm=(4.0, -3.0, 2.0), fixed_deg=(0.6, -0.4, 0.8))
    file = station_file(fractions=FRACTIONS, set_up=set_up)
    file = file.model_copy(update={"gantry_deg_s": 100.0, "scan_s": 0.1})
    patient = virtual_patient(file.scenario)
    store = ImageStore(folder / "records" / "images")
    simulation = replace(_simulation(folder, patient, store), accessories=(), fractions_planned=FRACTIONS)
    clock = PacedClock(datetime.now(UTC))
    with new_desk(str(folder / "records"), now=clock.now) as desk:
        furnish_accounts(desk)
        parsed = parse_protocol(PROTOCOL, "test")
        desk.records.add_protocol(parsed, PROTOCOL, by="berg")
        desk.records.add_course(
            simulation, protocol_name=parsed.name, protocol_version=parsed.version, by="berg"
        )
        station, events = VirtualStation(file, desk, clock), RoomEvents()
        with RoomDrive(desk, station, COURSE, events) as drive:
            link = CuttableLink()
            served = BrowserDepartment(desk, station, drive, link)
            served.in_place = partial(_in_place, patient, served, {})
            with _serving(served, events, page, folder / "inbox"):
                with served.in_place():
                    station.prepare()
                try:
                    yield served
                finally:
                    with served.in_place():
                        served.end_fraction()


def _simulation(folder: Path, patient: VirtualPatient, store: ImageStore) -> SimulationRecord:
    planning = folder / "planning"
    session = write_simulation_session(planning, patient.phantom, patient=PATIENT, seed="small")
    return simulation_of(_Planned(planning, patient.phantom, session), store)


@contextmanager
def _in_place(patient: VirtualPatient, served: BrowserDepartment, kept: dict[str, object]) -> Iterator[None]:
    """Give the station the patient that there is, a coarse and quick imager, and a beam as the test says.

    His planning image is prepared once, which takes the time of a match. Each fraction repeats the first
    day, its noise too, so that what a test meets is the same whichever ran before it. What the watched beam
    is held for when it comes late is allowed to come later: how late counts, with a clock that a test holds,
    in ``tests/workflow/test_room_beam.py`` and ``tests/treatment``.
    """

    def settings(wanted: Scenario, _fraction: int) -> RoomSettings:
        coarse, soon = coarse_room(wanted, 1), Latency(0.05)
        return coarse.with_changes(
            imaging=replace(coarse.imaging, delay=soon, reconstruction_delay=soon),
            couch=replace(coarse.couch, speed_mm_s=100.0, start_delay=soon),
            beam=replace(coarse.beam, dose_rate_mu_min=served.dose_rate_mu_min, heartbeat_s=2.0 * PATIENCE_S),
            machine=replace(coarse.machine, leaf_mm_s=1000.0),
        )

    def first_day_again(wanted: Scenario, somebody: VirtualPatient) -> tuple[PatientDay, ...]:
        return drawn_days(wanted, somebody)[:1] * FRACTIONS

    def unhurried(protocol: Protocol) -> FractionLimits:
        limits = fraction_limits(protocol)
        couch = replace(limits.couch, reading_age_s=PATIENCE_S)
        beam = replace(limits.beam, heartbeat_s=PATIENCE_S, machine_heartbeat_s=2.0 * PATIENCE_S)
        return replace(limits, couch=couch, beam=beam)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(open_fraction, "fraction_limits", unhurried)
        patched.setattr(beam_watch, "CONSOLE_S", PATIENCE_S)
        patched.setattr(virtual_station, "virtual_patient", lambda *_: patient)
        patched.setattr(virtual_station, "drawn_days", first_day_again)
        patched.setattr(virtual_station, "room_settings", settings)
        for name in ("planning_of", "prepared_for"):
            patched.setattr(desk_module, name, cached(kept, name, getattr(desk_module, name)))
        yield


@contextmanager
def _serving(served: BrowserDepartment, events: RoomEvents, page: Path, inbox: Path) -> Iterator[None]:
    """Run the service in a thread, set up as ``isoguide serve`` does."""
    inbox.mkdir()
    settings = ServiceSettings(page_folder=page, hashing=CHEAP, session_idle=timedelta(hours=1), inbox=inbox)
    app = create_app(served.desk, settings, events=events, drives=(served.drive,))
    served.clinic = app.state.clinic
    served.end_sessions = app.state.service.sessions._sessions.clear
    served.page = app.state.service.page
    with serving(app, events, served.link):
        yield
