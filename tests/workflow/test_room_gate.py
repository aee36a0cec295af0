"""A gate in a connected room: it makes the beam wait, a console sees why, and what fails holds the beam."""

from collections.abc import Iterator

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
)
from scripted_gate import Gates, IdleWatch, ScriptedGate
from small_department import PROTOCOL

from isoguide.course import Monitoring
from isoguide.errors import OutputError
from isoguide.motion.gating import GateState
from isoguide.motion.sample import TargetSample
from isoguide.treatment import State
from isoguide.treatment.refusals import RefusedError
from isoguide.workflow.clinic.virtual_station import VirtualStation
from isoguide.workflow.motion.recording import Recording, RecordingWriter

GATED = PROTOCOL.replace(
    "[[action_levels]]",
    '[intrafraction]\nshift_mm = 3.0\n[monitoring]\ndevice = "bone, stereo pair"\n[[action_levels]]',
    1,
)
INSIDE, OUTSIDE = (0.5, 0.0, -0.5), (0.0, 0.0, 9.0)


@pytest.fixture
def gate() -> ScriptedGate:
    return ScriptedGate()


@pytest.fixture
def d(
    open_room: OpenRoom, gate: ScriptedGate, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ConnectedDepartment]:
    monkeypatch.setattr(VirtualStation, "watch", lambda *_: IdleWatch())
    with open_room(protocol=GATED, gates=Gates(gate)) as department:
        yield department


class TestABeamUnderAGate:
    def test_waits_until_the_gate_lets_it_pass(self, d: ConnectedDepartment, gate: ScriptedGate) -> None:
        d.irradiate(2.0)
        shown = d.drive.state()
        assert (shown.beam, shown.state, shown.delivered_mu) == ("waiting", "beam on", 0.0)
        assert (shown.gate.decision.state, shown.gate.decision.reason) == ("armed", "nothing was seen yet")
        gate.say(GateState.BEAM_ON, position_mm=INSIDE)
        d.run(2.0)
        shown = d.drive.state()
        assert (shown.beam, shown.is_in_gate) == ("on", True)
        assert shown.delivered_mu > 0.0

    def test_waits_while_the_target_is_outside_and_goes_on_by_itself(
        self, d: ConnectedDepartment, gate: ScriptedGate
    ) -> None:
        gate.say(GateState.BEAM_ON, position_mm=INSIDE)
        d.irradiate(3.0)
        gate.say(GateState.HOLD, "the target has left the gate", position_mm=OUTSIDE, holds=1)
        d.run(1.0)
        shown, given_mu = d.drive.state(), d.station._room.beam.delivered_mu
        assert (shown.beam, shown.is_in_gate, shown.hold_reason) == ("waiting", False, "")
        assert shown.gate.decision.holds == 1
        d.run(2.0)
        assert d.station._room.beam.delivered_mu == given_mu
        assert not d.station._room.beam.is_radiating()
        gate.say(GateState.BEAM_ON, position_mm=INSIDE)
        d.run(1000.0)
        assert d.drive.desk.status(COURSE).state is State.CLOSED
        assert recorded_mu(d) == pytest.approx(planned_mu(d), abs=0.5)
        # What a patient does 15 times a minute is no step of the fraction.
        assert "hold" not in events_of(d)
        assert gate.ended == 1

    def test_shows_how_much_of_the_time_it_was_let_pass(
        self, d: ConnectedDepartment, gate: ScriptedGate
    ) -> None:
        gate.say(GateState.BEAM_ON, position_mm=INSIDE)
        d.irradiate(4.0)
        gate.say(GateState.HOLD, "the target has left the gate", position_mm=OUTSIDE)
        d.run(4.0)
        assert d.drive.state().gate.duty_cycle == pytest.approx(0.5, abs=0.05)


class TestTheTargetThatIsShown:
    def test_is_what_the_gate_saw_and_nothing_before_the_gate_works(
        self, d: ConnectedDepartment, gate: ScriptedGate
    ) -> None:
        d.begin("fraction of NAL")
        d.drive.set_up(by="anna")
        before = d.drive.state()
        assert (before.sighting, before.gate, before.is_in_gate) == (None, None, None)
        assert before.monitoring == "bone in stereoscopic pairs of radiographs"
        gate.say(GateState.BEAM_ON, position_mm=INSIDE)
        d.beam_on(1.0)
        sighting = d.drive.state().sighting
        assert isinstance(sighting, TargetSample)
        assert (sighting.source, tuple(sighting.position_mm)) == ("scripted imager", INSIDE)

    def test_is_the_truth_of_the_simulation_where_the_protocol_asks_for_no_gate(
        self, open_room: OpenRoom
    ) -> None:
        with open_room() as d:
            d.begin("fraction of NAL")
            d.drive.set_up(by="anna")
            shown = d.drive.state()
            assert shown.sighting.source == "simulated: the truth of the virtual room"
            assert (shown.monitoring, shown.gate) == ("", None)

    def test_tells_of_no_gate_once_its_frame_is_old(self, d: ConnectedDepartment, gate: ScriptedGate) -> None:
        gate.say(GateState.BEAM_ON, position_mm=INSIDE, seen_at=d.clock.now())
        d.irradiate(3.0)
        assert d.drive.state().is_in_gate is None


class TestATargetThatDoesNotComeBack:
    def test_holds_the_fraction_and_is_shown_until_a_new_image(
        self, d: ConnectedDepartment, gate: ScriptedGate
    ) -> None:
        gate.say(GateState.BEAM_ON, position_mm=INSIDE)
        d.irradiate(3.0)
        gate.say(GateState.REALIGN, "the target stays away", position_mm=OUTSIDE, proposal_mm=OUTSIDE)
        d.run(3.0)
        status = d.drive.desk.status(COURSE)
        assert status.state is State.HELD
        assert "take a new image" in status.reason
        assert d.is_off
        shown = d.drive.state()
        assert (shown.beam, shown.gate.decision.state) == ("held", "re-align")
        assert tuple(shown.gate.decision.proposal_mm) == OUTSIDE
        assert gate.ended == 1
        d.clock.stop_in(np.inf)
        with pytest.raises(RefusedError, match="take a new image before the beam"):
            d.drive.resume(by="anna", session=CONSOLE)
        couch = d.station.couch().pose
        d.drive.image(by="anna")
        after = d.drive.state()
        assert (after.gate, after.sighting) == (None, None), "an image has overtaken it"
        # The proposal is no order: nothing has moved the couch.
        assert d.station.couch().pose == couch


class TestTheRecording:
    def test_of_each_delivery_is_kept_with_the_fraction(
        self, d: ConnectedDepartment, gate: ScriptedGate
    ) -> None:
        gate.say(GateState.BEAM_ON, position_mm=INSIDE)
        d.irradiate(4.0)
        gate.say(GateState.HOLD, "the target has left the gate", position_mm=OUTSIDE, holds=1)
        d.run(4.0)
        gate.say(GateState.BEAM_ON, position_mm=INSIDE)
        d.run(2.0)
        d.meanwhile(lambda: d.drive.hold(reason="he coughs", by="ben"))
        d.beam_on(1000.0, d.drive.resume)
        status = d.drive.desk.status(COURSE)
        assert status.state is State.CLOSED
        first, second = status.stored.motions
        assert (first.device, first.gate_mm) == ("bone in stereoscopic pairs of radiographs", 3.0)
        assert [one.reason for one in first.holds] == ["the target has left the gate"]
        assert first.duty_cycle == pytest.approx(0.6, abs=0.05)
        # Radiation follows permissions by the delays of the machine, and its end is seen at a look.
        assert first.beam_on_s == pytest.approx(first.permitted_s, abs=1.0)
        assert second.holds == ()
        recording = Recording.read(d.desk.store.path_of(first.recording_sha256))
        assert (recording.header.patient_id, recording.header.fraction) == ("T-1", 1)
        assert [change.is_on for change in recording.beam] == [True, False, True, False]
        assert list((d.folder / "records" / "motion").iterdir()) == [], "what is in the store lies there once"

    def test_that_cannot_be_written_any_more_holds_the_beam_and_the_step_is_written(
        self, d: ConnectedDepartment, gate: ScriptedGate, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gate.say(GateState.BEAM_ON, position_mm=INSIDE)
        d.irradiate(2.0)
        monkeypatch.setattr(RecordingWriter, "_write_all", _full)
        gate.say(GateState.HOLD, "the target has left the gate", position_mm=OUTSIDE)
        d.run(2.0)
        status = d.drive.desk.status(COURSE)
        assert status.state is State.HELD
        assert "cannot be recorded" in status.reason
        assert d.is_off
        assert recorded_mu(d) > 0.0

    def test_that_cannot_be_begun_leaves_the_beam_off(
        self, d: ConnectedDepartment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (d.folder / "records" / "motion").write_text("in the way")
        with pytest.raises(OutputError, match="cannot write the recording"):
            d.irradiate(1.0)
        assert d.is_off

    def test_of_a_beam_that_was_refused_leaves_no_file(
        self, d: ConnectedDepartment, gate: ScriptedGate
    ) -> None:
        gate.cannot_arm = "the stereo tubes do not answer"
        with pytest.raises(Exception, match="do not answer"):
            d.irradiate(1.0)
        assert list((d.folder / "records" / "motion").iterdir()) == []

    @pytest.mark.parametrize("kind", [OutputError, ZeroDivisionError])
    def test_that_cannot_be_kept_is_said_in_the_audit_and_stays_where_it_is(
        self,
        d: ConnectedDepartment,
        gate: ScriptedGate,
        monkeypatch: pytest.MonkeyPatch,
        kind: type[Exception],
    ) -> None:
        gate.say(GateState.BEAM_ON, position_mm=INSIDE)
        d.irradiate(2.0)

        def full(*_: object) -> str:
            msg = "the image store is full"
            raise kind(msg)

        monkeypatch.setattr(d.desk.store, "add", full)
        d.meanwhile(lambda: d.drive.hold(reason="he coughs", by="ben"))
        status = d.drive.desk.status(COURSE)
        assert (status.state, status.stored.motions) == (State.HELD, ())
        notes = [entry for entry in d.desk.records.audit_entries() if entry.action == "motion not kept"]
        assert "the image store is full" in str(notes)
        assert len(list((d.folder / "records" / "motion").iterdir())) == 1


class TestWhateverFails:
    def test_of_a_gate_that_stops_holds_the_beam_by_a_fault(
        self, d: ConnectedDepartment, gate: ScriptedGate
    ) -> None:
        gate.say(GateState.BEAM_ON, position_mm=INSIDE)
        d.irradiate(2.0)
        gate.say(GateState.STOPPED, "the process of the gate has died")
        d.run(2.0)
        status = d.drive.desk.status(COURSE)
        assert (status.state, status.reason) == (State.HELD, "the process of the gate has died")
        assert d.is_off
        d.clock.stop_in(np.inf)
        with pytest.raises(RefusedError, match="held by a fault"):
            d.drive.resume(by="anna", session=CONSOLE)

    @pytest.mark.parametrize("what", ["gate", "display"])
    def test_of_what_stands_between_target_and_beam_holds_it(
        self, d: ConnectedDepartment, gate: ScriptedGate, monkeypatch: pytest.MonkeyPatch, what: str
    ) -> None:
        gate.say(GateState.BEAM_ON, position_mm=INSIDE)
        d.irradiate(2.0)
        if what == "gate":
            gate.fails = "a bug"
        else:
            monkeypatch.setattr("isoguide.workflow.clinic.gate_shown.GateMeter.hear", _broken)
        d.run(2.0)
        assert d.drive.desk.status(COURSE).state is State.HELD
        assert d.is_off

    def test_of_what_watches_the_target_leaves_the_beam_off(
        self, d: ConnectedDepartment, gate: ScriptedGate
    ) -> None:
        gate.cannot_arm = "the stereo tubes do not answer"
        with pytest.raises(Exception, match="the stereo tubes do not answer"):
            d.irradiate(1.0)
        assert d.is_off
        assert recorded_mu(d) == 0.0
        assert not d.drive.is_watched(COURSE)

    def test_of_a_room_that_cannot_watch_as_the_protocol_asks_refuses_the_beam(
        self, d: ConnectedDepartment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def none_here(*_: object) -> None:
            msg = "this room has no stereo tubes"
            raise RefusedError(msg)

        monkeypatch.setattr(VirtualStation, "watch", none_here)
        with pytest.raises(RefusedError, match="no stereo tubes"):
            d.irradiate(1.0)
        assert d.is_off


def test_the_gate_is_made_as_the_protocol_says(
    open_room: OpenRoom, gate: ScriptedGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    gates, devices = Gates(gate), []

    def watch(_station: VirtualStation, monitoring: Monitoring) -> IdleWatch:
        devices.append(monitoring.device)
        return IdleWatch()

    monkeypatch.setattr(VirtualStation, "watch", watch)
    slower = GATED.replace('pair"\n', 'pair"\ndwell_s = 0.7\n', 1)
    with open_room(protocol=slower, gates=gates) as d:
        d.irradiate(1.0)
        (asked,) = gates.asked
        assert devices == ["bone, stereo pair"]
        assert (asked[0].source, asked[1].gate_mm, asked[1].dwell_s) == ("scripted imager", 3.0, 0.7)
        assert gates.prepared == [asked[1]], "a process needs some time to begin"
        assert not gates.is_closed
    assert gates.is_closed


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def _broken(*_: object) -> None:
    msg = "no room to show it"
    raise MemoryError(msg)
