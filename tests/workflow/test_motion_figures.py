"""Figures of a recording, by hand: duty cycle, holds, residuals with and without the gate, latency."""

from pathlib import Path

import numpy as np
import pytest
from motion_recordings import START, at, decision, header, sample

from isoguide.errors import InputError
from isoguide.motion.gating import GateState
from isoguide.motion.sample import Unseen
from isoguide.records.image_store import ImageStore
from isoguide.workflow.motion.figures import MotionFigures
from isoguide.workflow.motion.kept_recording import keep_recording
from isoguide.workflow.motion.recording import Recording, RecordingWriter

ARMED, ON, HOLD = GateState.ARMED, GateState.BEAM_ON, GateState.HOLD
REALIGN, STOPPED = GateState.REALIGN, GateState.STOPPED


def recorded(path: Path, *decisions, frames=(), beam=(), truth=()) -> Recording:
    with RecordingWriter(path, header()) as writer:
        for taken_at, seen in frames:
            writer.sighting(seen, taken_at)
        for when, position_mm in truth:
            writer.truth(when, np.array(position_mm))
        for when, is_on in beam:
            writer.beam(when, is_on=is_on, delivered_mu=0.0)
        for one in decisions:
            writer.decision(one)
    return Recording.read(path)


def every_second(begin_s: float, end_s: float, state: GateState, reason: str = "") -> list:
    return [decision(float(second), state, reason) for second in np.arange(begin_s, end_s)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fraction-4.jsonl"


class TestTimes:
    def test_the_duty_cycle_is_the_share_of_the_watched_time_in_which_beam_could_pass(
        self, path: Path
    ) -> None:
        """2 s armed, 5 s on, 3 s held: 5 of 10."""
        said = [
            *every_second(0, 2, ARMED, "settling"),
            *every_second(2, 7, ON),
            *every_second(7, 10, HOLD, "outside"),
            decision(10.0, ON),
        ]
        figures = MotionFigures.of(recorded(path, *said))
        assert (figures.watched_s, figures.permitted_s, figures.duty_cycle) == (10.0, 5.0, 0.5)
        assert (figures.started_at, figures.ended_at) == (START, at(10.0))

    def test_time_in_which_nobody_asked_the_gate_is_not_watched(self, path: Path) -> None:
        """A permission of 0.3 s ends by itself: 1.3 s on before the pause of a minute, 1 s after it."""
        said = [decision(0.0, ON), decision(1.0, ON), decision(61.0, ON), decision(62.0, ON)]
        figures = MotionFigures.of(recorded(path, *said))
        assert figures.permitted_s == pytest.approx(2.3)
        assert figures.watched_s == pytest.approx(2.3)

    def test_a_hold_has_its_begin_its_length_and_the_reason_that_began_it(self, path: Path) -> None:
        said = [
            *every_second(0, 2, ON),
            decision(2.0, HOLD, "outside by 4 mm"),
            decision(2.5, HOLD, "outside by 5 mm"),
            decision(3.2, ON),
            decision(4.0, HOLD, "the newest frame is too old"),
            decision(4.4, ON),
        ]
        holds = MotionFigures.of(recorded(path, *said)).holds
        assert [(one.began_at, one.state, one.reason) for one in holds] == [
            (at(2.0), "hold", "outside by 4 mm"),
            (at(4.0), "hold", "the newest frame is too old"),
        ]
        assert [one.lasted_s for one in holds] == pytest.approx([1.2, 0.4])

    def test_a_target_that_stays_away_is_one_hold_with_the_proposal(self, path: Path) -> None:
        away = decision(16.0, REALIGN, "away for 15 s", proposal_mm=np.array([1.0, 2.0, 3.0]))
        said = [decision(0.0, ON), *every_second(1, 16, HOLD, "outside"), away]
        (hold,) = MotionFigures.of(recorded(path, *said)).holds
        assert (hold.state, hold.reason, hold.lasted_s) == ("re-align", "away for 15 s", 15.0)
        np.testing.assert_array_equal(hold.proposal_mm, [1.0, 2.0, 3.0])

    def test_a_fault_at_the_very_end_is_not_lost(self, path: Path) -> None:
        (hold,) = MotionFigures.of(
            recorded(path, decision(0.0, ON), decision(0.5, STOPPED, "clocks differ"))
        ).holds
        assert (hold.state, hold.reason, hold.lasted_s) == ("stopped", "clocks differ", 0.0)

    def test_a_recording_without_a_decision_has_no_figures(self, path: Path) -> None:
        with pytest.raises(InputError, match="no decision of a gate"):
            MotionFigures.of(recorded(path))


class TestResiduals:
    FRAMES = tuple((at(second + 0.1), sample(second, int(second), x_mm=x)) for second, x in (
        (0.0, 0.0), (1.0, 1.0), (2.0, -2.0), (3.0, 8.0), (4.0, 9.0), (5.0, 0.0),
    ))  # fmt: skip

    def test_inside_are_the_frames_exposed_while_the_beam_was_on(self, path: Path) -> None:
        """On from 0.5 to 2.5 s: 1 and -2 mm, mean -0.5, standard deviation 3/√2."""
        beam = ((at(0.5), True), (at(2.5), False))
        said = every_second(0, 7, ON)
        figures = MotionFigures.of(recorded(path, *said, frames=self.FRAMES, beam=beam))
        assert figures.is_beam_known
        assert figures.beam_on_s == 2.0
        assert figures.inside is not None
        assert figures.without_gating is not None
        assert (figures.inside.frames, figures.without_gating.frames) == (2, 6)
        np.testing.assert_allclose(figures.inside.mean_mm, [-0.5, -0.1, 0.7])
        np.testing.assert_allclose(figures.inside.sd_mm, [3 / np.sqrt(2), 0.0, 0.0], atol=1e-12)
        assert figures.without_gating.mean_mm[0] == pytest.approx(16 / 6)
        lengths = [np.sqrt(1 + 0.5), np.sqrt(4 + 0.5)]
        assert figures.inside.mean_length_mm == pytest.approx(np.mean(lengths))
        assert figures.inside.p95_length_mm == pytest.approx(lengths[0] + 0.95 * (lengths[1] - lengths[0]))
        assert figures.inside.p95_mm[0] == pytest.approx(1 + 0.95)

    def test_a_recording_without_a_beam_is_judged_by_what_the_gate_permitted(self, path: Path) -> None:
        said = [*every_second(0, 3, ON), *every_second(3, 5, HOLD, "outside"), decision(5.0, ON)]
        figures = MotionFigures.of(recorded(path, *said, frames=self.FRAMES))
        assert not figures.is_beam_known
        assert figures.inside is not None
        assert figures.inside.frames == 5  # 0, 1, 2, 3 (exposed at the moment of the hold) and 5 s

    def test_a_beam_whose_end_is_missing_lasts_to_the_last_decision(self, path: Path) -> None:
        figures = MotionFigures.of(recorded(path, *every_second(0, 5, ON), beam=((at(1.0), True),)))
        assert figures.beam_on_s == 3.0

    def test_a_frame_too_poor_for_the_gate_is_no_position(self, path: Path) -> None:
        frames = (*self.FRAMES, (at(5.6), sample(5.5, 9, x_mm=99.0, quality=0.2)))
        figures = MotionFigures.of(recorded(path, *every_second(0, 7, ON), frames=frames))
        assert figures.without_gating is not None
        assert figures.without_gating.frames == 6

    def test_one_frame_has_no_spread_and_therefore_no_residual(self, path: Path) -> None:
        figures = MotionFigures.of(recorded(path, *every_second(0, 2, ON), frames=self.FRAMES[:1]))
        assert figures.inside is None

    def test_of_a_virtual_target_the_truth_is_summed_up_too(self, path: Path) -> None:
        truth = [(at(float(second)), (float(second), 0.0, 0.0)) for second in range(5)]
        beam = ((at(0.0), True), (at(2.0), False))
        figures = MotionFigures.of(recorded(path, *every_second(0, 5, ON), beam=beam, truth=truth))
        assert figures.true_inside is not None
        assert figures.true_without_gating is not None
        assert figures.true_inside.mean_mm[0] == 1.0
        assert figures.true_without_gating.mean_mm[0] == 2.0


class TestFrames:
    def test_latency_is_from_the_exposure_to_the_gate_and_frames_without_target_count(
        self, path: Path
    ) -> None:
        frames = [(at(n + 0.1), sample(float(n), n)) for n in range(99)]
        frames.append((at(99.5), Unseen(at(99.0), 99, "kV arm", "behind the spine")))
        figures = MotionFigures.of(recorded(path, decision(0.0, ON), decision(1.0, ON), frames=frames))
        assert (figures.frames, figures.unseen) == (100, 1)
        assert figures.latency_median_s == pytest.approx(0.1)
        assert figures.latency_p99_s == pytest.approx(0.1 + 0.4 * 0.01, abs=1e-6)

    def test_without_frames_there_is_none(self, path: Path) -> None:
        figures = MotionFigures.of(recorded(path, decision(0.0, HOLD, "no frame has come")))
        assert (figures.latency_median_s, figures.latency_p99_s, figures.duty_cycle) == (None, None, 0.0)


class TestKeeping:
    def test_a_recording_lies_in_the_image_store_and_the_record_names_it(
        self, path: Path, tmp_path: Path
    ) -> None:
        recorded(path, *every_second(0, 5, ON), frames=TestResiduals.FRAMES)
        store = ImageStore(tmp_path / "images")
        record = keep_recording(path, store)
        assert record is not None
        assert store.path_of(record.recording_sha256).read_bytes() == path.read_bytes()
        assert (record.gate_mm, record.frames, record.duty_cycle, record.unseen_share) == (2.5, 6, 1.0, 0.0)

    def test_a_recording_in_which_nothing_was_decided_is_not_kept(self, path: Path, tmp_path: Path) -> None:
        recorded(path)
        assert keep_recording(path, ImageStore(tmp_path / "images")) is None
