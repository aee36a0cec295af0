"""Frames that are not to be believed, each for its own reason."""

from dataclasses import replace

import pytest
from gate_cases import Bench, sample

from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.gating import GateState
from isoguide.motion.sample import TargetSample
from isoguide.motion.watchfulness import FrameAges, FrameOrder, WatchFaultError


class TestOrder:
    @pytest.fixture
    def order(self) -> FrameOrder:
        order = FrameOrder()
        assert not order.doubt(sample(10, 1.0))
        assert not order.doubt(sample(12, 1.2))
        return order

    @pytest.mark.parametrize(
        ("number", "seconds", "words"),
        [
            (12, 1.2, "the imager repeats its frame 12"),
            (11, 1.1, "frame 11 arrives after frame 12"),
            (13, 1.2, "the clock of the imager stands still at frame 13"),
        ],
    )
    def test_what_may_mend_itself_is_a_doubt(
        self, order: FrameOrder, number: int, seconds: float, words: str
    ) -> None:
        assert order.doubt(sample(number, seconds)) == words
        assert not order.doubt(sample(14, 1.4))

    @pytest.mark.parametrize(
        ("frame", "words"),
        [
            (sample(12, 1.3), "two frames bear the number 12"),
            (sample(11, 1.3), "numbers and times of the frames 12 and 11 contradict"),
            (sample(13, 1.1), "numbers and times of the frames 12 and 13 contradict"),
            (sample(13, 1.3, source="MV panel"), "frames come from 'MV panel' instead of 'kV arm'"),
        ],
    )
    def test_what_contradicts_itself_is_a_fault(
        self, order: FrameOrder, frame: TargetSample, words: str
    ) -> None:
        with pytest.raises(WatchFaultError, match=words):
            order.doubt(frame)

    def test_frames_may_be_missing_between(self, order: FrameOrder) -> None:
        assert not order.doubt(sample(40, 1.9))


class TestAges:
    def ages(self, late_s: float) -> FrameAges:
        ages = FrameAges(0.05)
        for n in range(60):
            seconds = 0.1 * n
            more_s = late_s if seconds > 3.0 else 0.0
            ages.see(seconds, 0.05 + more_s, 0.1 + more_s)
        return ages

    def test_as_old_as_ever_is_no_doubt(self) -> None:
        assert not self.ages(0.0).doubt(5.9)

    def test_what_two_looks_leave_open_is_no_doubt(self) -> None:
        # At most 0.1 s at first and at least 0.149 s now: 0.05 s are allowed.
        assert not self.ages(0.099).doubt(5.9)

    def test_later_by_more_is_one(self) -> None:
        assert self.ages(0.12).doubt(5.9) == "frames arrive 0.07 s later than at first, or clocks drift apart"

    def test_sooner_by_more_is_one(self) -> None:
        assert (
            self.ages(-0.12).doubt(5.9) == "frames arrive 0.07 s sooner than at first, or clocks drift apart"
        )


class TestThroughTheGate:
    def test_a_frame_from_the_future_stops_it(self) -> None:
        bench = Bench().until_beam()
        decision = bench.look(bench.frame(age_s=-0.06))
        assert decision.state is GateState.STOPPED
        assert "0.06 s ahead of now: the clocks of imager and monitor disagree" in decision.reason

    def test_a_clock_that_is_ahead_by_less_than_the_skew_is_not_told_from_a_quick_frame(self) -> None:
        bench = Bench()
        for _ in range(40):
            bench.look(bench.frame(age_s=-0.04))
        assert bench.decision.permits_beam

    def test_the_same_picture_three_times_is_a_frozen_imager(self) -> None:
        bench = Bench().until_beam()
        for _ in range(2):
            assert bench.look(frozen(bench)).permits_beam
        decision = bench.look(frozen(bench))
        assert decision.state is GateState.HOLD
        assert decision.reason == "the last 3 images are the same"

    def test_fewer_frames_than_asked_for_close_it(self) -> None:
        bench = Bench(GateSettings(gate_mm=3.0, fewest_per_s=5.0))
        bench.watch_for(3.0)
        assert bench.decision.permits_beam
        decisions = []
        for _ in range(6):
            decisions += [bench.look(bench.frame()), *[bench.look() for _ in range(4)]]
        assert any(d.reason.startswith("only 4.") for d in decisions)
        assert any("images of the target a second" in d.reason for d in decisions)

    def test_a_clock_set_back_to_before_arming_stops_it(self) -> None:
        bench = Bench().until_beam()
        decision = bench.look(sample(bench.number + 1, -5.0))
        assert decision.state is GateState.STOPPED
        assert "contradict" in decision.reason

    def test_reasons_are_one_clause(self) -> None:
        bench = Bench()
        reasons = {d.reason for d in bench.watch_for(1.0)} | {bench.look().reason for _ in range(30)}
        assert all("\n" not in reason and len(reason) < 120 for reason in reasons)


def frozen(bench: Bench) -> TargetSample:
    """The next frame with the same noise as every other one of these."""
    return replace(bench.frame(), position_mm=[0.1, 0.2, 0.3])
