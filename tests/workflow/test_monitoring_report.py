"""The monitoring report where there is little to show, and where much went wrong."""

from pathlib import Path

import numpy as np
import pytest
from motion_recordings import START, at, decision, header, sample

from isoguide.motion.gating import GateState
from isoguide.motion.sample import Unseen
from isoguide.workflow.motion.figures import MotionFigures
from isoguide.workflow.motion.recording import Recording, RecordingWriter
from isoguide.workflow.motion.report import MOST_HOLDS, figure_rows, short_words, write_monitoring_report
from isoguide.workflow.motion.report_curves import Curves, reason_times
from isoguide.workflow.motion.report_figures import closer_window, monitoring_pictures

ON, HOLD = GateState.BEAM_ON, GateState.HOLD


def recorded(path: Path, decisions, frames=(), *, beam: bool = False) -> Recording:
    with RecordingWriter(path, header()) as writer:
        if beam:
            writer.beam(START, is_on=True, delivered_mu=0.0)
        for seen in frames:
            writer.sighting(seen, at((seen.at - START).total_seconds() + 0.1))
        for one in decisions:
            writer.decision(one)
    return Recording.read(path)


def page(recording: Recording, folder: Path, **more) -> str:
    folder.mkdir()
    write_monitoring_report(recording, folder, **more)
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fraction-4.jsonl"


def test_without_a_frame_there_is_no_residual_and_the_page_says_so(path: Path, tmp_path: Path) -> None:
    blind = recorded(
        path, [decision(0.0, HOLD, "no new image of the target for 0.6 s"), decision(1.0, HOLD, "no")]
    )
    shown = page(blind, tmp_path / "out")
    assert "too few frames with the target" in shown
    assert "no new image of the target for 0.6 s" in shown
    assert ("Latency", "–") in figure_rows(MotionFigures.of(blind))


def test_a_beam_that_was_never_held_is_said(path: Path, tmp_path: Path) -> None:
    frames = [sample(0.1 * n, n) for n in range(30)]
    calm = recorded(path, [decision(0.1 * n, ON) for n in range(30)], frames, beam=True)
    shown = page(calm, tmp_path / "out", title="Fraction <4>", notes=("mind this & that",))
    assert "The beam was never held." in shown
    assert "Fraction &lt;4&gt;" in shown
    assert "mind this &amp; that" in shown


def test_many_holds_are_folded_behind_the_first(path: Path, tmp_path: Path) -> None:
    said = []
    for n in range(MOST_HOLDS + 5):
        said += [decision(2.0 * n, ON), decision(2.0 * n + 1.0, HOLD, f"outside ({n}% inside)")]
    many = recorded(path, [*said, decision(100.0, ON)])
    assert "<summary>5 more</summary>" in page(many, tmp_path / "out")
    assert [reason for reason, _, _ in reason_times(MotionFigures.of(many))] == ["outside"]


def test_a_last_line_that_was_cut_off_is_the_first_thing_that_is_read(path: Path, tmp_path: Path) -> None:
    recorded(path, [decision(0.0, ON), decision(1.0, ON)])
    path.write_bytes(path.read_bytes() + b'{"kind":"dec')
    shown = page(Recording.read(path), tmp_path / "out")
    assert shown.index("the last line is cut off") < shown.index("The target over time")


def test_a_gate_that_stopped_or_asked_to_align_anew_is_said_in_short(path: Path) -> None:
    asked = decision(2.0, GateState.REALIGN, "no beam for 15 s", proposal_mm=np.array([0.0, 1.0, -4.0]))
    stopped = decision(3.0, GateState.STOPPED, "the clocks disagree")
    figures = MotionFigures.of(
        recorded(path, [decision(0.0, ON), decision(1.0, ON), asked, decision(2.5, ON), stopped])
    )
    words = short_words(figures, 2.5)
    assert "The gate asked to align anew: no beam for 15 s." in words
    assert "The gate stopped: the clocks disagree." in words


class TestCurves:
    def test_break_where_frames_lie_too_far_apart_to_be_joined(self, path: Path) -> None:
        frames = [sample(0.1 * n, n) for n in range(10)] + [sample(5.0 + 0.1 * n, 20 + n) for n in range(10)]
        recording = recorded(path, [decision(float(n), ON) for n in range(7)], frames)
        curves = Curves.of(recording, MotionFigures.of(recording))
        assert np.flatnonzero(np.isnan(curves.seen_s)).tolist() == [10]
        assert np.isnan(curves.seen_mm[10]).all()

    def test_know_the_error_along_the_way_in_which_the_target_is_displaced(self, path: Path) -> None:
        """Deviations of 0.1, 0.2 and 0.5 mm: off along the second axis the target is known to 0.2 mm."""
        covariance = np.diag([0.01, 0.04, 0.25])
        aside = sample(0.0, 1, position_mm=np.array([0.0, 3.0, 0.0]), covariance_mm2=covariance)
        recording = recorded(path, [decision(0.0, ON), decision(1.0, ON)], [aside])
        curves = Curves.of(recording, MotionFigures.of(recording))
        np.testing.assert_allclose(curves.distance_sigma_mm, [0.2])
        np.testing.assert_allclose(curves.sigma_mm, [[0.1, 0.2, 0.5]])

    def test_frames_without_the_target_are_kept_apart(self, path: Path) -> None:
        frames = [sample(0.0, 1), Unseen(at(0.5), 2, "kV arm", "behind the spine")]
        recording = recorded(path, [decision(0.0, ON), decision(1.0, ON)], frames)
        curves = Curves.of(recording, MotionFigures.of(recording))
        assert (curves.seen_s.tolist(), curves.unseen_s.tolist()) == ([0.0], [0.5])

    def test_the_closer_look_is_at_the_first_hold(self, path: Path) -> None:
        said = [
            *(decision(float(n), ON) for n in range(50)),
            *(decision(50.0 + n, HOLD, "out") for n in range(50)),
        ]
        recording = recorded(path, said)
        curves = Curves.of(recording, MotionFigures.of(recording))
        assert closer_window(curves) == (40.0, 70.0)

    def test_a_long_recording_is_drawn_twice_and_the_same_each_time(self, path: Path) -> None:
        frames = [sample(0.5 * n, n) for n in range(160)]
        recording = recorded(path, [decision(float(n), ON) for n in range(80)], frames)
        figures = MotionFigures.of(recording)
        once, again = monitoring_pictures(recording, figures), monitoring_pictures(recording, figures)
        assert [one.name for one in once] == ["motion", "closer", "residuals", "latency"]
        assert [one.svg for one in once] == [one.svg for one in again]
