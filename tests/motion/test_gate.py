"""The gate: when it opens, why it closes, and that it never lets beam pass without a reason to."""

import gc
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from gate_cases import SETTINGS, Bench, HandedWatch, at, sample, unseen
from hypothesis import given, settings
from hypothesis import strategies as st

from isoguide.errors import DeviceError, InputError
from isoguide.motion.gate import FEWEST_FOR_PLACE, SURELY, TargetGate
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.gating import TABLE, GateState
from isoguide.motion.prediction import Prediction, Predictor
from isoguide.motion.sample import TargetSample


class StillPredictor:
    """Says that the target stays, with an error that a test chooses."""

    def __init__(self) -> None:
        self.sigma_mm, self.is_regular, self.shift_mm = 0.2, True, 0.0
        self.place_mm = np.zeros(3)
        self.asked_s: list[float] = []

    def reset(self) -> None:
        self.asked_s.clear()

    def see(self, at_s: float, position_mm: np.ndarray) -> None:
        self.place_mm = position_mm

    def predict(self, at_s: float) -> Prediction:
        self.asked_s.append(at_s)
        shifted = self.place_mm + [self.shift_mm, 0.0, 0.0]
        return Prediction(shifted, self.sigma_mm**2 * np.eye(3), self.is_regular)


class TestOpening:
    def test_no_beam_before_it_is_armed(self) -> None:
        gate = TargetGate(HandedWatch(), SETTINGS)
        decision = gate.look(at(0.0))
        assert decision.state is GateState.STOPPED
        assert decision.reason == "the gate is not armed"

    def test_armed_it_waits_for_images_and_says_so(self) -> None:
        decision = Bench().look()
        assert decision.state is GateState.ARMED
        assert decision.reason == "waiting for images of the target"
        assert decision.probability is None

    def test_beam_passes_when_a_still_target_has_stayed_for_the_dwell_time(self) -> None:
        bench = Bench()
        decisions = bench.watch_for(3.0)
        first = next(d for d in decisions if d.permits_beam)
        assert first.probability is not None
        assert first.probability > SETTINGS.settled_probability
        assert (first.at - at(0.0)).total_seconds() > FEWEST_FOR_PLACE / 10.0 - 0.1 + SETTINGS.dwell_s - 0.05
        assert first.reason == ""

    def test_a_target_4_mm_towards_the_feet_of_a_3_mm_gate_gets_no_beam(self) -> None:
        bench = Bench()
        decisions = bench.watch_for(3.0, (0.0, -4.0, 0.0))
        assert not any(d.permits_beam for d in decisions)
        assert bench.decision.state is GateState.HOLD
        assert bench.decision.reason.startswith("target may be outside the gate")
        assert bench.decision.position_mm is not None
        assert bench.decision.position_mm[1] == pytest.approx(-4.0, abs=0.3)

    def test_between_the_two_probabilities_an_open_gate_stays_and_a_closed_one_waits(self) -> None:
        predictor = StillPredictor()
        bench = Bench(predictor=predictor).until_beam()
        # An error of 1.5 mm leaves the ball of 3 mm with a probability of 26 % (chi-square of three).
        predictor.sigma_mm = 1.5
        assert all(d.permits_beam for d in bench.watch_for(1.0))
        assert bench.decision.probability == pytest.approx(0.73, abs=0.03)
        bench.gate.arm()
        bench.seconds += 0.05
        assert not any(d.permits_beam for d in bench.watch_for(3.0))
        assert bench.decision.reason.startswith("target at the edge of the gate")

    def test_frames_from_before_it_was_armed_do_not_count(self) -> None:
        bench = Bench()
        early = [sample(n, -2.0 + 0.1 * n) for n in range(1, 20)]
        decision = bench.look(*early)
        assert decision.sighting is None
        assert decision.reason == "waiting for images of the target"

    def test_a_target_that_moves_otherwise_than_before_gets_no_beam(self) -> None:
        predictor = StillPredictor()
        bench = Bench(predictor=predictor).until_beam()
        predictor.is_regular, predictor.sigma_mm = False, 1.2
        decision = bench.look(bench.frame())
        assert decision.probability is not None
        assert SETTINGS.settled_probability < decision.probability < SURELY
        assert decision.state is GateState.HOLD
        assert decision.reason == "target does not move as it did before"

    def test_a_prostate_that_slips_half_a_millimetre_in_the_middle_of_its_gate_is_treated_on(self) -> None:
        predictor = StillPredictor()
        bench = Bench(predictor=predictor).until_beam()
        predictor.is_regular, predictor.sigma_mm = False, 0.5
        assert all(d.permits_beam for d in bench.watch_for(1.0))

    def test_the_target_is_predicted_to_when_the_beam_reacts(self) -> None:
        predictor = StillPredictor()
        bench = Bench(predictor=predictor).until_beam()
        bench.look()
        assert predictor.asked_s[-1] == pytest.approx(bench.seconds + SETTINGS.system_latency_s)

    def test_a_target_that_will_be_outside_when_the_beam_reacts_gets_none(self) -> None:
        predictor = StillPredictor()
        bench = Bench(predictor=predictor).until_beam()
        predictor.shift_mm = 3.6
        decision = bench.look()
        assert decision.state is GateState.HOLD
        assert decision.probability is not None
        assert decision.probability < SETTINGS.least_probability

    def test_a_target_seen_outside_gets_no_beam_although_it_is_expected_to_come_back(self) -> None:
        predictor = StillPredictor()
        bench = Bench(predictor=predictor).until_beam()
        predictor.shift_mm, predictor.sigma_mm = -2.0, 0.8
        assert bench.watch_for(0.3, (1.75, 0.0, 0.0))[-1].permits_beam
        decisions = bench.watch_for(0.3, (3.5, 0.0, 0.0))
        assert not decisions[-1].permits_beam
        assert decisions[-1].reason.startswith("target may be outside the gate")

    def test_a_frame_known_well_enough_is_weighed_with_its_own_error(self) -> None:
        bench = Bench().until_beam()
        before = bench.decision.probability
        bench.look(bench.frame(covariance_mm2=1.5**2 * np.eye(3)))
        assert before is not None
        assert bench.decision.probability is not None
        assert bench.decision.probability < before - 0.1


class TestClosing:
    def test_no_new_image_for_longer_than_half_a_second(self) -> None:
        bench = Bench(predictor=StillPredictor()).until_beam()
        for _ in range(8):
            assert bench.look().permits_beam
        bench.look()
        assert bench.decision.state is GateState.HOLD
        assert bench.decision.reason == "no new image of the target for 0.5 s"
        assert bench.decision.holds == 1

    def test_one_frame_without_the_target_is_bridged_and_the_second_is_not(self) -> None:
        bench = Bench().until_beam()
        bench.number += 1
        assert bench.look(unseen(bench.number, bench.seconds)).permits_beam
        bench.number += 1
        decision = bench.look(unseen(bench.number, bench.seconds))
        assert decision.state is GateState.HOLD
        assert decision.reason == "target not seen: behind the femur"

    def test_no_frame_is_bridged_where_the_department_wants_none(self) -> None:
        bench = Bench(GateSettings(gate_mm=3.0, bridged_frames=0)).until_beam()
        bench.number += 1
        assert not bench.look(unseen(bench.number, bench.seconds)).permits_beam

    @pytest.mark.parametrize(
        ("changed", "words"),
        [
            ({"quality": 0.4, "words": "one marker of three"}, "target seen poorly: one marker of three"),
            ({"quality": 0.4, "words": ""}, "target seen poorly: quality 0.40"),
            (
                {"covariance_mm2": np.diag([0.1, 16.0, 0.1])},
                "target known to 4.0 mm only, wider than the gate",
            ),
        ],
    )
    def test_frames_that_say_too_little(self, changed: dict, words: str) -> None:
        bench = Bench().until_beam()
        bench.look(bench.frame(**changed))
        decision = bench.look(bench.frame(**changed))
        assert decision.state is GateState.HOLD
        assert decision.reason == words

    def test_a_jump_of_5_mm_closes_it_at_once_and_being_there_does_not_open_it(self) -> None:
        bench = Bench(GateSettings(gate_mm=8.0)).until_beam()
        decision = bench.look(bench.frame((5.0, 0.0, 0.0)))
        assert decision.state is GateState.HOLD
        assert "mm from where it was expected" in decision.reason
        assert not any(d.permits_beam for d in bench.watch_for(10.0, (5.0, 0.0, 0.0)))

    def test_after_a_jump_it_opens_again_when_the_target_is_back(self) -> None:
        bench = Bench().until_beam()
        bench.look(bench.frame((0.0, 5.0, 0.0)))
        bench.watch_for(2.0)
        assert bench.decision.permits_beam
        assert bench.decision.holds == 1

    def test_a_target_found_elsewhere_after_a_gap_counts_as_jumped(self) -> None:
        bench = Bench().until_beam()
        for _ in range(40):
            bench.look()
        assert not any(d.permits_beam for d in bench.watch_for(3.0, (0.0, 0.0, 2.5)))
        assert "mm from where it was expected" in bench.decision.reason

    def test_a_frame_that_arrives_too_late_for_the_beam_to_react(self) -> None:
        bench = Bench(predictor=StillPredictor()).until_beam()
        for _ in range(7):
            assert bench.look().permits_beam
        decision = bench.look(bench.frame(age_s=0.36))
        # 0.36 s on the way and 0.15 s of the machine are more than 0.5 s.
        assert decision.state is GateState.HOLD

    def test_after_a_pause_longer_than_a_permission_it_has_to_settle_again(self) -> None:
        bench = Bench().until_beam()
        decision = bench.look(bench.frame(age_s=-0.3), after_s=0.4)
        assert decision.state is GateState.HOLD
        assert decision.reason == "nobody looked for 0.40 s"

    def test_somebody_else_may_close_it_for_a_while(self) -> None:
        bench = Bench().until_beam()
        decision = bench.gate.withhold(at(bench.seconds), "the door is open")
        assert decision.state is GateState.HOLD
        assert decision.reason == "the door is open"
        bench.watch_for(1.0)
        assert bench.decision.permits_beam


class TestFaults:
    @pytest.mark.parametrize(
        ("thing", "words"),
        [
            (RuntimeError("lost buffer"), "monitoring failed (kV arm): RuntimeError lost buffer"),
            (DeviceError("the panel is hot: wait"), "kV arm: the panel is hot: wait"),
            (None, "AttributeError"),
        ],
    )
    def test_whatever_fails_stops_with_the_reason_and_needs_arming(self, thing: object, words: str) -> None:
        bench = Bench().until_beam()
        decision = bench.look(thing)  # type: ignore[arg-type]  # what no imager should hand out
        assert decision.state is GateState.STOPPED
        assert words in decision.reason
        assert decision.holds == 1
        assert all(d.state is GateState.STOPPED for d in bench.watch_for(2.0))

    def test_armed_anew_it_begins_from_nothing(self) -> None:
        bench = Bench().until_beam()
        bench.look(RuntimeError("lost buffer"))
        bench.gate.arm()
        bench.look(after_s=5.0)
        assert bench.decision.state is GateState.ARMED
        assert bench.decision.sighting is None
        bench.watch_for(3.0)
        assert bench.decision.permits_beam
        assert bench.decision.holds == 1

    def test_a_clock_that_is_set_back_stops_it(self) -> None:
        bench = Bench().until_beam()
        decision = bench.look(after_s=-0.2)
        assert decision.state is GateState.STOPPED
        assert "set back by 0.20 s" in decision.reason

    def test_a_time_without_a_zone_stops_it(self) -> None:
        bench = Bench().until_beam()
        decision = bench.gate.look(at(bench.seconds).replace(tzinfo=None))
        assert decision.state is GateState.STOPPED

    def test_a_predictor_that_fails_stops_it(self) -> None:
        predictor = StillPredictor()
        bench = Bench(predictor=predictor).until_beam()
        predictor.sigma_mm = float("nan")
        assert bench.look().state is GateState.STOPPED

    def test_a_probability_that_is_none_stops_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        bench = Bench().until_beam()
        monkeypatch.setattr("isoguide.motion.gate.gate_probability", lambda *_: float("nan"))
        decision = bench.look()
        assert decision.state is GateState.STOPPED
        assert "came out as nan" in decision.reason

    def test_a_failure_while_it_is_closed_from_outside_stops_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bench = Bench().until_beam()
        monkeypatch.setattr(bench.gate, "_answer", lambda _: 1 / 0)
        assert bench.gate.withhold(at(bench.seconds), "the door is open").state is GateState.STOPPED


class TestArmingAndEnding:
    def test_an_armed_gate_is_not_warmed_up_any_more(self) -> None:
        bench = Bench().until_beam()
        with pytest.raises(InputError, match="warm it up before it is armed"):
            bench.gate.warm_up()
        assert bench.look(bench.frame()).permits_beam

    def test_a_late_frame_is_not_the_newest(self) -> None:
        bench = Bench().until_beam()
        newest = bench.number
        decision = bench.look(sample(newest - 1, bench.seconds - 0.3))
        assert decision.sighting is not None
        assert decision.sighting.number == newest
        assert decision.reason == f"frame {newest - 1} arrives after frame {newest}"

    def test_a_watch_that_cannot_begin_is_an_error_and_no_beam(self) -> None:
        bench = Bench()
        bench.watch.refuses = DeviceError("the imager does not answer: call service")
        with pytest.raises(DeviceError, match="does not answer"):
            bench.gate.arm()
        assert bench.look().state is GateState.STOPPED

    def test_any_other_failure_of_it_is_told_as_one_of_a_device(self) -> None:
        bench = Bench()
        bench.watch.refuses = KeyError("panel")
        with pytest.raises(DeviceError, match="KeyError"):
            bench.gate.arm()

    def test_the_end_stops_the_watch_and_is_harmless_twice(self) -> None:
        bench = Bench().until_beam()
        bench.gate.end()
        bench.gate.end()
        assert bench.watch.stopped == 2
        decision = bench.look(bench.frame())
        assert decision.state is GateState.STOPPED
        assert decision.reason == "monitoring has ended"
        assert decision.holds == 0

    def test_a_watch_that_does_not_end_keeps_no_beam_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        bench = Bench().until_beam()
        monkeypatch.setattr(bench.watch, "stop", lambda: 1 / 0)
        bench.gate.end()
        assert bench.look().state is GateState.STOPPED

    def test_it_says_how_often_to_ask(self) -> None:
        gate = Bench().gate
        assert (gate.period_s, gate.permit_s) == (SETTINGS.period_s, SETTINGS.permit_s)

    def test_a_predictor_that_does_not_reach_as_far_as_frames_may_be_old_is_refused(self) -> None:
        with pytest.raises(InputError, match="choose a shorter stale_s"):
            TargetGate(HandedWatch(), GateSettings(gate_mm=3.0, stale_s=2.0), Predictor())


class TestRealigning:
    def test_a_target_away_for_15_s_asks_for_alignment_by_where_it_has_been(self) -> None:
        bench = Bench().until_beam()
        moved = [bench.look(bench.frame((0.0, 0.04 * n, 0.0))) for n in range(120)]
        assert moved[-1].state is GateState.HOLD
        bench.watch_for(16.0, (0.0, 4.8, 0.0))
        decision = bench.decision
        assert decision.state is GateState.REALIGN
        assert decision.reason.startswith("no beam for 15 s: target may be outside the gate")
        assert decision.proposal_mm is not None
        np.testing.assert_allclose(decision.proposal_mm, [0.0, 4.8, 0.0], atol=0.05)

    def test_it_does_not_go_on_by_itself_when_the_target_comes_back(self) -> None:
        bench = Bench()
        bench.watch_for(16.0, (0.0, 5.0, 0.0))
        assert bench.decision.state is GateState.REALIGN
        assert all(d.state is GateState.REALIGN for d in bench.watch_for(3.0))
        assert bench.decision.reason.startswith("no beam for 15 s")

    def test_too_few_images_propose_nothing(self) -> None:
        bench = Bench().until_beam()
        for _ in range(round(31.0 / 0.05)):
            bench.look()
        assert bench.decision.state is GateState.REALIGN
        assert bench.decision.proposal_mm is None

    def test_a_target_that_never_settles_asks_for_it_too(self) -> None:
        predictor = StillPredictor()
        predictor.sigma_mm = 1.5
        bench = Bench(predictor=predictor)
        bench.watch_for(29.0)
        assert bench.decision.state is GateState.ARMED
        bench.watch_for(2.0)
        assert bench.decision.state is GateState.REALIGN


FRAMES = st.lists(
    st.tuples(
        st.sampled_from(
            ["good"] * 12 + ["unseen", "poor", "late", "away", "drop", "repeat", "swap", "vague"]
        ),
        st.floats(0.0, 1.0),
    ),
    min_size=20,
    max_size=50,
)


def disturbed(bench: Bench, kind: str, size: float) -> list:
    """The frames that arrive with one look."""
    if kind == "drop":
        return []
    if kind == "unseen":
        bench.number += 1
        return [unseen(bench.number, bench.seconds + 0.03)]
    changed: dict = {
        "poor": {"quality": 0.49 * size},
        "vague": {"covariance_mm2": (3.0 + size) ** 2 * np.eye(3)},
        "late": {"age_s": 0.05 + 0.5 * size},
        "away": {"position_mm": (0.0, 3.0 + 3.0 * size, 0.0)},
        "swap": {"position_mm": (0.0, 0.0, 2.0 + 2.0 * size)},
    }.get(kind, {})
    frame = bench.frame(**changed)
    return [frame, frame] if kind == "repeat" else [frame]


def usable(frame: object) -> bool:
    return isinstance(frame, TargetSample) and frame.quality >= 0.5 and frame.covariance_mm2[0, 0] < 9.0


class TestLaws:
    @settings(max_examples=40)
    @given(frames=FRAMES, every=st.sampled_from([1, 2, 3]))
    def test_beam_passes_only_on_fresh_good_and_timely_data(self, frames: list, every: int) -> None:
        bench = Bench()
        bench.watch_for(1.5)
        decisions = [bench.decision]
        newest_at, seen = at(bench.seconds), [bench.frame()]
        for kind, size in frames:
            for n in range(every):
                coming = disturbed(bench, kind, size) if n == 0 else []
                decision = bench.look(*coming)
                seen += coming
                decisions.append(decision)
                newest_at = max([newest_at, *[f.at for f in coming if usable(f)]])
                if decision.permits_beam:
                    # Each condition worked out here from the frames alone.
                    assert (decision.at - newest_at).total_seconds() <= SETTINGS.stale_s
                    assert any(usable(f) for f in seen[-2:])
                    assert all((decision.at - f.at).total_seconds() <= 0.36 for f in coming)
                    assert len({f.number for f in coming}) == len(coming)
                    assert decision.probability is not None
                    assert decision.probability >= SETTINGS.least_probability
                    assert decision.latency_s is not None
                    assert decision.position_mm is not None
                    assert not decision.reason
                else:
                    assert decision.reason
        for before, after in pairwise(decisions):
            if after.permits_beam and not before.permits_beam:
                assert after.probability is not None
                assert after.probability >= SETTINGS.settled_probability
                assert not any(
                    d.permits_beam
                    for d in decisions
                    if 0 < (after.at - d.at).total_seconds() < SETTINGS.dwell_s - 0.06
                )

    @settings(max_examples=40)
    @given(frames=FRAMES)
    def test_the_state_moves_only_along_the_table(self, frames: list) -> None:
        steps = {(state, following) for (state, _), following in TABLE.items()}
        bench = Bench()
        before = bench.decision.state
        for kind, size in frames:
            after = bench.look(*disturbed(bench, kind, size)).state
            assert after is before or (before, after) in steps
            before = after

    def test_beam_passes_in_one_state_only_and_only_settling_leads_there(self) -> None:
        assert {event.name for (_, event), state in TABLE.items() if state is GateState.BEAM_ON} == {"SETTLE"}

    def test_the_same_frames_give_the_same_decisions(self) -> None:
        told = []
        for _ in range(2):
            bench = Bench(predictor=Predictor())
            told.append([(d.state, d.reason, d.probability) for d in bench.watch_for(3.0)])
        assert told[0] == told[1]


def test_thousands_of_looks_leave_no_memory_behind() -> None:
    bench = Bench(predictor=Predictor())
    bench.gate.end()
    bench.gate.warm_up()
    bench.gate.arm()
    bench.look()
    bench.watch_for(10.0)
    held = []
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(6):
            bench.watch_for(20.0)
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    # What is kept of each frame grows in every stretch; what other threads and the measurement
    # of coverage take grows once. 200 frames in a stretch: three numbers of each would be 30 kB.
    assert min(after - before for before, after in pairwise(held)) < 5_000
