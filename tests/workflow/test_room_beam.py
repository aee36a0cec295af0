"""The beam of a connected room: every way in which it ends, and that nothing leaves it on."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from connected_department import (
    CONSOLE,
    COURSE,
    ConnectedDepartment,
    OpenRoom,
    events_of,
    planned_mu,
    recorded_mu,
    station_file,
    unwritable,
    with_fault,
)
from small_department import PROTOCOL

from isoguide.errors import (
    DeviceError,
    LinkLostError,
    OutputError,
)
from isoguide.records import Records
from isoguide.treatment import State
from isoguide.treatment.refusals import OutOfOrderError, RefusedError
from isoguide.workflow.clinic import beam_watch, room_drive
from isoguide.workflow.clinic.beam_watch import CONSOLE_SILENT, SHUT_DOWN, BeamWatch
from isoguide.workflow.clinic.desk import Desk
from isoguide.workflow.clinic.room_drive import RoomDrive
from isoguide.workflow.clinic.station_file import StationFile
from isoguide.workflow.clinic.virtual_station import VirtualStation
from isoguide.workflow.scenario import SetUpSection

WATCHED = PROTOCOL.replace("[[action_levels]]", "[intrafraction]\nshift_mm = 3.0\n[[action_levels]]", 1)


def lies_as_planned() -> StationFile:
    return station_file(set_up=SetUpSection(fixed_mm=(0.0, 0.0, 0.0)))


@pytest.fixture
def d(open_room: OpenRoom) -> Iterator[ConnectedDepartment]:
    with open_room() as department:
        yield department


class TestTheConsoleThatWatches:
    def test_has_to_say_within_a_second_that_it_is_there_or_the_beam_is_held(
        self, d: ConnectedDepartment
    ) -> None:
        d.irradiate(3.0)
        assert d.drive.state().beam == "on"
        began_s = d.clock.seconds
        d.run(3.0, heard=False)
        status = d.drive.desk.status(COURSE)
        assert (status.state, status.reason) == (State.HELD, CONSOLE_SILENT)
        # One second, a look, and what the machine takes to turn its beam off.
        assert d.station._room.beam.intervals[-1][1] < began_s + 1.0 + 0.5 + 0.5
        assert d.is_off

    def test_is_the_one_that_turned_the_beam_on_and_no_other(self, d: ConnectedDepartment) -> None:
        d.irradiate(1.0)
        for _ in range(6):
            assert not d.drive.heartbeat("console 2")
            d.run(0.5, heard=False)
        assert d.drive.desk.status(COURSE).reason == CONSOLE_SILENT
        assert not d.drive.heartbeat(CONSOLE)

    def test_may_be_another_after_the_beam_was_resumed(self, d: ConnectedDepartment) -> None:
        d.irradiate(1.0)
        d.run(3.0, heard=False)
        d.clock.stop_in(1.5)
        d.drive.resume(by="ben", session="console 2")
        assert d.drive.heartbeat("console 2")
        d.clock.run(0.5)
        assert not d.drive.heartbeat(CONSOLE)
        assert d.drive.state().watched_by == "ben"


class TestAHoldThatIsAskedFor:
    def test_takes_effect_within_a_look_and_the_beam_goes_on_afterwards(self, d: ConnectedDepartment) -> None:
        d.irradiate(2.0)
        asked_s = d.clock.seconds
        status = d.meanwhile(lambda: d.drive.hold(reason="the patient coughs", by="ben"))
        assert (status.state, status.reason) == (State.HELD, "the patient coughs")
        # A watch period of 0.1 s and a hold delay around 0.14 s.
        assert d.station._room.beam.intervals[-1][1] < asked_s + 0.1 + 0.3
        given_mu = d.station._room.beam.delivered_mu
        assert recorded_mu(d) == pytest.approx(given_mu)
        assert [step.by for step in status.stored.steps][-1] == "ben"
        assert [one.ended for one in status.stored.deliveries] == ["OPERATOR"]
        shown = d.drive.state()
        assert (shown.beam, shown.hold_reason) == ("held", "the patient coughs")
        d.beam_on(1000.0, d.drive.resume)
        assert d.drive.desk.status(COURSE).state is State.CLOSED
        assert recorded_mu(d) == pytest.approx(planned_mu(d), abs=0.5)

    def test_is_made_whoever_asks_and_without_words(self, d: ConnectedDepartment) -> None:
        d.irradiate(1.0)
        status = d.meanwhile(lambda: d.drive.hold(reason=" ", by=""))
        assert (status.state, status.reason) == (State.HELD, "no reason was given")

    def test_without_a_beam_tells_the_machine_all_the_same(self, d: ConnectedDepartment) -> None:
        d.begin("fraction of NAL")
        d.drive.set_up(by="anna")
        d.station._room.beam.turn_on()  # as nobody of isoguide did
        d.clock.wait(1.0)
        with pytest.raises(OutOfOrderError, match="no beam is on"):
            d.drive.hold(reason="it radiates", by="ben")
        d.clock.wait(0.5)
        assert d.is_off


class TestAStop:
    def test_holds_the_beam_and_ends_the_fraction_with_what_was_delivered(
        self, d: ConnectedDepartment
    ) -> None:
        d.irradiate(2.0)
        status = d.meanwhile(lambda: d.drive.stop(reason="the patient is unwell", by="berg"))
        assert (status.state, status.reason) == (State.STOPPED, "the patient is unwell")
        assert recorded_mu(d) == pytest.approx(d.station._room.beam.delivered_mu)
        assert 0.0 < recorded_mu(d) < 700.0
        assert d.is_off

    def test_of_a_fraction_without_beam_needs_no_machine(self, d: ConnectedDepartment) -> None:
        d.begin()
        assert d.drive.stop(reason="the patient did not come", by="anna").state is State.STOPPED
        with pytest.raises(RefusedError, match="is stopped"):
            d.drive.stop(reason="again", by="anna")

    def test_of_a_held_fraction_ends_it(self, d: ConnectedDepartment) -> None:
        d.irradiate(2.0)
        d.meanwhile(lambda: d.drive.hold(reason="a pause", by="anna"))
        held_mu = recorded_mu(d)
        status = d.drive.stop(reason="enough", by="anna")
        assert status.state is State.STOPPED
        assert recorded_mu(d) == pytest.approx(held_mu)


class TestWhateverFailsHoldsTheBeam:
    @pytest.mark.parametrize("device", ["beam", "couch"])
    def test_a_link_that_breaks(self, open_room: OpenRoom, device: str) -> None:
        fault = with_fault(name="link-broken", device=device, moment="beam on", occurrence=20, always=True)
        with open_room(file=fault) as d:
            d.irradiate(1.0)
            d.run(20.0)
            status = d.drive.desk.status(COURSE)
            assert status.state in (State.HELD, State.STOPPED)
            assert "does not answer" in status.reason
            d.clock.stop_in(np.inf)
            d.clock.wait(3.0)  # the machine's own heartbeat is 2 s
            assert d.is_off

    def test_a_beam_that_drops_by_itself(self, open_room: OpenRoom) -> None:
        with open_room(file=with_fault(name="beam-drops", occurrence=20)) as d:
            d.irradiate(1.0)
            d.run(20.0)
            status = d.drive.desk.status(COURSE)
            assert status.state is State.HELD
            assert "stopped the beam by itself" in status.reason
            d.clock.stop_in(np.inf)
            with pytest.raises(RefusedError, match="held by a fault"):
                d.drive.resume(by="anna", session=CONSOLE)
            assert d.is_off

    def test_a_monitor_that_raises(self, d: ConnectedDepartment, monkeypatch: pytest.MonkeyPatch) -> None:
        d.irradiate(1.0)

        def broken(_records: Records) -> None:
            msg = "the disk is full"
            raise OutputError(msg)

        monkeypatch.setattr(Records, "unfinished_fractions", broken)
        d.run(3.0)
        status = d.drive.desk.status(COURSE)
        assert (status.state, status.reason) == (State.HELD, "the disk is full")
        assert d.is_off

    def test_a_listener_that_raises_is_let_go_and_the_beam_goes_on(self, d: ConnectedDepartment) -> None:
        calls = []

        def listener() -> None:
            calls.append(1)
            raise ValueError

        subscription = d.events.subscribe(listener)
        d.irradiate(3.0)
        assert d.drive.state().beam == "on"
        while subscription.is_open:
            d.run(0.5)
        assert calls == [1]
        d.run(1000.0)
        assert d.drive.desk.status(COURSE).state is State.CLOSED

    def test_a_listener_that_never_returns_keeps_nobody_from_holding(self, d: ConnectedDepartment) -> None:
        may_go_on = threading.Event()
        d.events.subscribe(may_go_on.wait)
        d.irradiate(3.0)
        status = d.meanwhile(lambda: d.drive.hold(reason="now", by="ben"))
        may_go_on.set()
        assert status.state is State.HELD
        assert d.is_off

    def test_a_shut_down_and_going_on_needs_a_new_image(self, d: ConnectedDepartment) -> None:
        d.irradiate(2.0)
        d.meanwhile(d.drive.close)
        status = d.drive.desk.status(COURSE)
        assert (status.state, status.reason) == (State.HELD, SHUT_DOWN)
        assert d.is_off
        with pytest.raises(RefusedError, match="being shut down"):
            d.drive.resume(by="anna", session=CONSOLE)
        with RoomDrive(d.desk, d.station, COURSE) as again, pytest.raises(RefusedError, match="by a fault"):
            again.resume(by="anna", session=CONSOLE)

    def test_a_thread_that_dies(self, d: ConnectedDepartment, monkeypatch: pytest.MonkeyPatch) -> None:
        class Dies(BaseException):
            """What no handler of errors expects."""

        def die(_watch: BeamWatch, _now: object) -> None:
            if d.station._room.beam.delivered_mu > 50.0:
                raise Dies

        monkeypatch.setattr(BeamWatch, "_console", die)
        d.irradiate(1.0)
        d.run(10.0)
        status = d.drive.desk.status(COURSE)
        assert (status.state, "Dies" in status.reason) == (State.HELD, True)
        assert d.is_off

    def test_a_watching_thread_that_hangs_leaves_the_beam_to_its_heartbeat_however_many_look(
        self, d: ConnectedDepartment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Displays look twenty times a second, for a minute; the machine hears no question all that time."""
        hangs, may_go_on = threading.Event(), threading.Event()

        def hang(_watch: BeamWatch, _now: object) -> None:
            if d.station._room.beam.delivered_mu > 50.0:
                hangs.set()
                may_go_on.wait(200.0)  # longer than the looks below take a busy computer

        monkeypatch.setattr(BeamWatch, "_console", hang)
        d.irradiate(0.0)
        d.clock.stop_in(np.inf)
        assert hangs.wait(20.0)
        began_s = d.clock.seconds
        assert d.drive.state().beam == "on"
        for _ in range(20 * 60):
            d.clock.wait(0.05)
            d.drive.state()
        assert d.is_off
        # The heartbeat of the machine is 2 s; a look was made at most one watch period before.
        assert d.station._room.beam.intervals[-1][1] - began_s < 2.0 + 0.1
        may_go_on.set()
        d.drive._watch.wait_ended(20.0)
        assert d.drive.desk.status(COURSE).state is not State.BEAM_ON

    def test_a_watching_thread_that_hears_nobody_is_gone_round(
        self, d: ConnectedDepartment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hangs, may_go_on = threading.Event(), threading.Event()

        def hang(_watch: BeamWatch, _now: object) -> None:
            if d.station._room.beam.delivered_mu > 50.0:
                hangs.set()
                may_go_on.wait(20.0)

        monkeypatch.setattr(BeamWatch, "_console", hang)
        monkeypatch.setattr(room_drive, "HEARD_S", 0.01)
        monkeypatch.setattr(room_drive, "SETTLES_S", 0.01)
        d.irradiate(0.0)
        d.clock.stop_in(np.inf)
        assert hangs.wait(20.0)
        asked_s = d.clock.seconds
        with pytest.raises(DeviceError, match="press the emergency stop"):
            d.drive.hold(reason="now", by="ben")
        d.clock.wait(1.0)
        assert d.is_off
        assert d.station._room.beam.intervals[-1][1] - asked_s < 0.3  # what the machine takes to turn off
        may_go_on.set()
        assert d.drive._watch.wait_ended(20.0)

    def test_a_target_that_leaves_its_place(
        self, open_room: OpenRoom, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with open_room(file=lies_as_planned(), protocol=WATCHED) as d:
            d.irradiate(2.0)
            assert d.drive.state().is_in_gate is True
            sample = d.station.target()
            moved = replace(sample, position_mm=np.array([0.0, 3.1, 0.0]))
            monkeypatch.setattr(
                VirtualStation, "target", lambda station: replace(moved, at=station.clock.now())
            )
            d.run(1.0)
            status = d.drive.desk.status(COURSE)
            assert (status.state, status.reason) == (
                State.HELD,
                "the patient has moved by 3.1 mm, more than 3 mm",
            )

    @pytest.mark.parametrize("is_old", [True, False])
    def test_a_target_that_is_not_seen_any_more(
        self, open_room: OpenRoom, monkeypatch: pytest.MonkeyPatch, is_old: bool
    ) -> None:
        with open_room(file=lies_as_planned(), protocol=WATCHED) as d:
            d.irradiate(2.0)
            sample = d.station.target() if is_old else None
            monkeypatch.setattr(VirtualStation, "target", lambda _station: sample)
            d.run(2.0)
            status = d.drive.desk.status(COURSE)
            assert (status.state, status.reason) == (State.HELD, "where the patient is cannot be told")


class TestRecords:
    def test_that_cannot_be_written_before_the_beam_leave_it_off(
        self, d: ConnectedDepartment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        d.begin("fraction of NAL")
        d.drive.set_up(by="anna")
        unwritable(monkeypatch)
        with pytest.raises(OutputError, match="the disk is full"):
            d.drive.beam_on(by="anna", session=CONSOLE)
        assert d.is_off
        assert d.station._room.beam.delivered_mu == 0.0
        assert not d.drive.is_watched(COURSE)

    def test_that_cannot_be_written_when_it_is_held_get_what_was_delivered_later(
        self, d: ConnectedDepartment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        d.irradiate(2.0)
        with pytest.MonkeyPatch.context() as broken:
            unwritable(broken)
            with pytest.raises(OutputError, match="the disk is full"):
                d.meanwhile(lambda: d.drive.hold(reason="the patient coughs", by="ben"))
            assert d.is_off
            shown = d.drive.state()
            assert shown.state == "held"
            assert "not recorded: the disk is full" in shown.reason
            with pytest.raises(OutputError):
                d.drive.resume(by="anna", session=CONSOLE)
        given_mu = d.station._room.beam.delivered_mu
        d.beam_on(1000.0, d.drive.resume)
        status = d.drive.desk.status(COURSE)
        assert status.state is State.CLOSED
        assert events_of(d)[-4:] == ["hold", "resume", "meterset delivered", "close"]
        assert status.stored.deliveries[0].delivered_mu == pytest.approx(given_mu)
        assert recorded_mu(d) == pytest.approx(planned_mu(d), abs=0.5)

    def test_that_cannot_be_written_at_the_end_are_completed_afterwards(self, d: ConnectedDepartment) -> None:
        d.irradiate(2.0)
        with pytest.MonkeyPatch.context() as broken:
            unwritable(broken)
            d.run(1000.0)
        assert d.is_off
        assert d.drive.finish(by="anna").state is State.CLOSED
        assert recorded_mu(d) == pytest.approx(planned_mu(d), abs=0.5)

    def test_that_somebody_else_writes_hold_the_beam(
        self, d: ConnectedDepartment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another process stops the fraction at its desk, which does not know of the room."""
        monkeypatch.setattr(Desk, "_let_delivery_be_written", lambda *_: None)  # it takes longer than that
        d.irradiate(2.0)
        d.desk.stop(COURSE, by="berg", reason="the wrong patient")
        d.run(3.0)
        assert d.is_off
        given_mu = d.station._room.beam.delivered_mu
        assert d.station._room.beam.delivered_mu < 700.0
        with pytest.raises(RefusedError, match=rf"somebody else made a step.*{given_mu:.1f} MU in all"):
            d.drive.resume(by="anna", session=CONSOLE)
        with pytest.raises(RefusedError, match="is stopped"):
            d.drive.resume(by="anna", session=CONSOLE)


def test_a_machine_that_does_not_answer_before_the_beam_is_not_turned_on(open_room: OpenRoom) -> None:
    with open_room(file=with_fault(name="link-broken", device="beam", always=True)) as d:
        d.begin("fraction of NAL")
        d.drive.set_up(by="anna")
        with pytest.raises(LinkLostError, match="the beam does not answer"):
            d.drive.beam_on(by="anna", session=CONSOLE)
        assert not d.drive.is_watched(COURSE)
        assert d.is_off
        with pytest.raises(DeviceError):
            d.drive.hold(reason="to be sure", by="anna")


def test_a_machine_that_has_another_plan_loaded_is_not_turned_on(d: ConnectedDepartment) -> None:
    prepared = d.station._prepared
    d.station._prepared = replace(prepared, patient=replace(prepared.patient, plan=None))
    d.begin("fraction of NAL")
    d.drive.set_up(by="anna")
    with pytest.raises(
        RefusedError, match=r"has 200\.0 MU loaded and the plan of this course has \d+\.\d MU"
    ):
        d.drive.beam_on(by="anna", session=CONSOLE)
    assert d.is_off
    assert d.station._room.beam.intervals == ()


def test_the_console_has_a_second() -> None:
    assert beam_watch.CONSOLE_S == 1.0
