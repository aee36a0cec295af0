"""A fraction of the virtual room under a gate, with its recording: what was seen, decided, and true."""

from pathlib import Path

import numpy as np
import pytest
from small_course import coarse_room, scenario, small_course

from isoguide.course import Monitoring
from isoguide.errors import InputError
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.gating import GateDecision, GateState
from isoguide.treatment import State
from isoguide.virtual.room import VirtualRoom
from isoguide.workflow import simulate as module
from isoguide.workflow.motion.monitored_room import Monitored, RoomGate
from isoguide.workflow.motion.recording import Recording
from isoguide.workflow.scenario_file import parse_scenario
from isoguide.workflow.scenario_settings import room_settings
from isoguide.workflow.simulate import drawn_days, treatment_day
from isoguide.workflow.virtual_patient import VirtualPatient

WATCHED = '[monitoring]\ndevice = "markers, kV arm"\ngate_mm = 3.0\n'
MOVING = "[prostate_motion]\ntransients_per_min = 3.0\ntransient_mm = 6.0\ntransient_s = 12.0\n"
BONE = Monitoring("bone, stereo pair")


@pytest.fixture(autouse=True)
def _coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "room_settings", coarse_room)


class EverySecond:
    """A gate that opens for every other second."""

    period_s, permit_s = 0.05, 0.3

    def __init__(self, watch, _settings) -> None:
        self.watch, self.newest = watch, None

    def arm(self) -> None:
        self.watch.start()

    def look(self, now) -> GateDecision:
        for seen in self.watch.take(now):
            self.newest = seen
        is_open = now.second % 2 == 0
        state = GateState.BEAM_ON if is_open else GateState.HOLD
        return GateDecision(now, state, "" if is_open else "an odd second", sighting=self.newest)

    def end(self) -> None:
        self.watch.stop()


def room_for(virtual: VirtualPatient) -> VirtualRoom:
    wanted = scenario(MOVING)
    (day,) = drawn_days(wanted, virtual)
    return VirtualRoom(
        virtual.phantom, day, settings=room_settings(wanted, 1), started_at=treatment_day(1), seed=3
    )


def gate_of(virtual: VirtualPatient, folder: Path) -> tuple[RoomGate, VirtualRoom]:
    room = room_for(virtual)
    about = Monitored(BONE, GateSettings(3.0), folder, "V-1", "1.2.3", 4)
    return RoomGate(room, about, EverySecond), room


def asked(gate: RoomGate, room: VirtualRoom, seconds: float) -> None:
    """Do what a fraction does under the gate."""
    for _ in range(round(seconds / gate.period_s)):
        decision = gate.look(room.clock.now())
        if decision.permits_beam:
            room.beam.permit(gate.permit_s)
        else:
            room.beam.withhold(decision.reason)
        room.clock.wait(gate.period_s)
        room.beam.status()


class TestTheGateOfARoom:
    def test_records_what_is_seen_and_decided_and_what_beam_and_target_do(self, virtual, tmp_path) -> None:
        gate, room = gate_of(virtual, tmp_path / "motion")
        room.beam.turn_on_gated()
        gate.arm()
        asked(gate, room, 8.0)
        room.beam.hold("enough")
        room.clock.wait(1.0)
        gate.end()
        (delivery,) = gate.deliveries
        kept = Recording.read(tmp_path / "motion" / "fraction-4.jsonl")
        assert delivery.path == tmp_path / "motion" / "fraction-4.jsonl"
        assert kept.header.device == "bone in stereoscopic pairs of radiographs"
        assert (kept.header.patient_id, kept.header.plan_uid, kept.header.fraction) == ("V-1", "1.2.3", 4)
        assert len(kept.sightings) == pytest.approx(32, abs=3)
        assert [change.is_on for change in kept.beam] == [True, False] * (len(kept.beam) // 2)
        assert delivery.figures.duty_cycle == pytest.approx(0.5, abs=0.15)
        true_s = sum(end - begin for begin, end in room.beam.intervals)
        assert delivery.figures.beam_on_s == pytest.approx(true_s, abs=0.6)
        for line in kept.truth[::10]:
            at_s = (line.at - room.clock.at(0.0)).total_seconds()
            np.testing.assert_allclose(line.position_mm, room.truth.residual(at_s).mean_shift_mm, atol=1e-3)

    def test_says_what_a_delivery_without_it_would_have_met(self, virtual, tmp_path) -> None:
        gate, room = gate_of(virtual, tmp_path)
        room.beam.turn_on_gated()
        gate.arm()
        asked(gate, room, 8.0)
        gate.end()
        (delivery,) = gate.deliveries
        first_s = (delivery.figures.beam[0][0] - room.clock.at(0.0)).total_seconds()
        seconds = np.arange(first_s, first_s + delivery.figures.beam_on_s, 0.1)
        lengths_mm = [np.linalg.norm(room.truth.residual(at_s).mean_shift_mm) for at_s in seconds]
        assert delivery.ungated.mean_length_mm == pytest.approx(np.mean(lengths_mm), abs=0.01)

    def test_begins_a_recording_each_time_it_is_armed(self, virtual, tmp_path) -> None:
        gate, room = gate_of(virtual, tmp_path)
        for _ in range(2):
            gate.arm()
            asked(gate, room, 1.0)
            gate.end()
            gate.end()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["fraction-4-2.jsonl", "fraction-4.jsonl"]
        assert [one.recording.header.started_at for one in gate.deliveries] == sorted(
            one.recording.header.started_at for one in gate.deliveries
        )

    def test_that_never_decided_leaves_no_delivery(self, virtual, tmp_path) -> None:
        gate, _ = gate_of(virtual, tmp_path)
        gate.arm()
        assert gate.finish() == tmp_path / "fraction-4.jsonl"
        assert gate.finish() is None
        assert gate.deliveries == []


class TestAScenario:
    @pytest.fixture(scope="class")
    @classmethod
    def treated(cls, virtual: VirtualPatient):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(module, "room_settings", coarse_room)
            course = small_course(virtual, WATCHED + MOVING)
        return course.fractions[0]

    def test_is_treated_under_the_gate_that_it_asks_for(self, treated) -> None:
        assert treated.outcome.state is State.CLOSED
        assert treated.outcome.delivered_mu == pytest.approx(200.0, abs=0.5)
        (header,) = {one.recording.header.device for one in treated.monitored}
        assert header == "implanted markers in the images of the kV arm"

    def test_meets_the_target_nearer_to_its_place_than_without(self, treated) -> None:
        inside = max(one.figures.true_inside.p95_length_mm for one in treated.monitored)
        without = max(one.figures.true_without_gating.p95_length_mm for one in treated.monitored)
        assert inside < 3.5
        assert inside <= without
        assert sum(len(one.figures.holds) for one in treated.monitored) >= 1

    def test_without_the_section_has_no_gate(self, virtual) -> None:
        assert small_course(virtual).fractions[0].monitored == ()

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ('[monitoring]\ndevice = "chest marker"\ngate_mm = 3.0\n', "xray_every_s is missing"),
            ('[monitoring]\ndevice = "markers, kV arm"\n', "gate_mm"),
            ('[monitoring]\ndevice = "an owl"\ngate_mm = 3.0\n', "device"),
        ],
    )
    def test_that_asks_for_what_cannot_be_is_refused(self, text, sentence) -> None:
        with pytest.raises(InputError, match=sentence):
            parse_scenario('title = "Mine"\n[patient]\nsite = "prostate"\n' + text, "mine.toml")
