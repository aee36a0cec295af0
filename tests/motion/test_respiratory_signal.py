"""Breaths in a respiratory signal: against courses that are known, and what is no breath."""

from pathlib import Path

import numpy as np
import pytest
from breathing_scan import Course, marker_trace, off_percent, varied_course

from isoguide.errors import GeometryError, InputError, MissingEvidenceError
from isoguide.motion.respiratory_signal import (
    Breaths,
    BreathSettings,
    Doubt,
    RespiratorySignal,
    find_breaths,
)
from isoguide.virtual import Breathing

SECONDS = np.arange(0.0, 120.0, 0.1)


def found_in(course: Course, seconds: np.ndarray = SECONDS, noise: float = 0.0) -> Breaths:
    seconds = seconds[seconds < course.starts_s[-1] + course.lengths_s[-1]]
    depth = course.depth(seconds) + noise * np.random.default_rng(0).standard_normal(len(seconds))
    return find_breaths(RespiratorySignal(seconds, depth))


def test_the_phase_is_0_percent_at_the_end_of_breathing_in_and_runs_evenly_to_the_next() -> None:
    course = Course.of([4.0] * 30)
    found = found_in(course)
    assert found.is_available
    # Lungs are full at 2, 6, 10 ... s.
    at = np.array([10.0, 11.0, 12.0, 13.0, 13.96])
    np.testing.assert_allclose(found.phase_percent(at), [0.0, 25.0, 50.0, 75.0, 99.0], atol=0.5)
    assert found.period_s == pytest.approx(4.0, abs=0.02)


@pytest.mark.parametrize(("noise", "largest"), [(0.0, 1.0), (0.05, 5.0)])
def test_the_phase_of_a_patient_who_breathes_unevenly_is_known(noise: float, largest: float) -> None:
    course = varied_course()
    found = found_in(course, noise=noise)
    off = off_percent(found.phase_percent(SECONDS), course.phase_percent(SECONDS))
    assert np.isnan(off).mean() < 0.06  # before the first breath and after the last
    assert np.nanmax(np.abs(off)) < largest


def test_full_lungs_are_at_0_percent_of_the_virtual_patient_too() -> None:
    # breathing_phases() counts phase 0 at the end of breathing in, and its depth is positive there.
    trace = Breathing(baseline_walk_mm=0.0).draw(np.random.default_rng(3))
    depth = trace.values[: len(SECONDS), 0]
    found = find_breaths(RespiratorySignal(SECONDS, depth))
    phase = found.phase_percent(SECONDS)
    known = ~np.isnan(phase)
    near_zero = known & ((phase < 3.0) | (phase > 97.0))
    assert depth[near_zero].min() > 0.3
    assert depth[known & (np.abs(phase - 50.0) < 3.0)].max() < -0.3


def test_samples_need_not_be_evenly_spaced() -> None:
    course = varied_course()
    seconds = np.sort(np.random.default_rng(2).uniform(0.0, 118.0, 900))
    off = off_percent(found_in(course, seconds).phase_percent(SECONDS), course.phase_percent(SECONDS))
    assert np.nanmax(np.abs(off)) < 4.0


def test_depth_says_how_full_the_lungs_are_and_whether_they_fill() -> None:
    found = found_in(Course.of([4.0] * 30))
    # sin⁴ is a quarter when a quarter of a breath is missing to full lungs; smoothing costs a few per cent.
    full_s, quarter_s = 42.0, 1.0
    percent, filling = found.depth_percent(np.array([full_s - quarter_s, full_s, full_s + quarter_s, 44.0]))
    np.testing.assert_allclose(percent, [25.0, 100.0, 25.0, 0.0], atol=6.0)
    assert (filling[0], filling[2]) == (True, False)
    cycle = found.cycle_percent(np.array([full_s + 0.02, full_s + quarter_s, 44.0, full_s + 4.0 - quarter_s]))
    np.testing.assert_allclose(off_percent(cycle, np.array([0.0, 37.5, 50.0, 62.5])), 0.0, atol=3.0)


def test_depth_by_count_is_the_share_of_the_time_spent_below() -> None:
    found = found_in(Course.of([4.0] * 30))
    times = np.arange(6.0, 98.0, 0.05)
    percent, _ = found.depth_percent(times, "count")
    counts, _ = np.histogram(percent, bins=10, range=(0.0, 100.0))
    assert counts.min() > 0.8 * counts.mean()
    assert counts.max() < 1.2 * counts.mean()


def test_a_breath_twice_as_deep_is_unlike_the_others_and_has_no_phase_but_a_depth() -> None:
    course = Course.of([4.0] * 30, [1.0] * 10 + [2.0] + [1.0] * 19)
    found = found_in(course)
    doubts = [one.doubt for one in found.all if one.doubt is not None]
    assert doubts == []  # each of its halves belongs to another breath, 1.5 times as deep as usual
    assert found.depth_percent(np.array([42.0]))[0][0] == pytest.approx(200.0, abs=12.0)
    assert np.isnan(found.cycle_percent(np.array([42.0]))[0])


def test_a_shallow_and_a_long_breath_are_unlike_the_others() -> None:
    course = Course.of(
        [4.0] * 10 + [8.5] * 2 + [4.0] * 8 + [4.0, 4.0] + [4.0] * 8, [1.0] * 20 + [0.45] * 2 + [1.0] * 8
    )
    found = found_in(course)
    doubts = {one.doubt for one in found.all}
    assert doubts == {None, Doubt.LONG, Doubt.SHALLOW}
    assert (
        f"{len(found.all) - len(found.alike)} of {len(found.all)} breaths are unlike the others"
        in found.warnings
    )
    middle_s = float(course.full_s[10] + 4.0)
    assert np.isnan(found.phase_percent(np.array([middle_s]))[0])


def test_a_cough_spoils_its_breath_by_time_and_by_depth() -> None:
    course = Course.of([4.0] * 30)
    depth = course.depth(SECONDS) + 0.6 * np.exp(-np.square((SECONDS - 52.2) / 0.25))
    depth -= 0.6 * np.exp(-np.square((SECONDS - 52.7) / 0.25))
    found = find_breaths(RespiratorySignal(SECONDS, depth))
    (spoilt,) = (one for one in found.all if one.doubt is not None)
    assert spoilt.doubt is Doubt.COUGH
    assert spoilt.start_s < 52.2 < spoilt.end_s
    assert np.isnan(found.phase_percent(np.array([51.0]))[0])
    assert np.isnan(found.depth_percent(np.array([51.0]))[0][0])


def test_a_gap_in_the_signal_is_not_bridged() -> None:
    course = Course.of([4.0] * 30)
    seen = SECONDS[(SECONDS < 49.0) | (SECONDS > 51.5)]
    found = find_breaths(RespiratorySignal(seen, course.depth(seen)))
    doubts = [one.doubt for one in found.all if one.doubt is not None]
    assert set(doubts) == {Doubt.GAP}
    assert np.isnan(found.phase_percent(np.array([50.0]))[0])


def test_a_patient_who_holds_his_breath_has_no_phase_rather_than_a_wrong_one() -> None:
    held = np.where(SECONDS < 8.0, Course.of([4.0] * 3).depth(SECONDS), 0.8)
    found = find_breaths(
        RespiratorySignal(SECONDS, held + 0.01 * np.random.default_rng(0).standard_normal(1200))
    )
    assert not found.is_available
    with pytest.raises(MissingEvidenceError, match="the breath is not available from the respiratory signal"):
        found.phase_percent(SECONDS)


def test_a_breath_held_in_the_middle_spoils_only_itself() -> None:
    seconds = np.arange(0.0, 100.0, 0.1)
    before, after = Course.of([4.0] * 10), Course.of([4.0] * 10)
    depth = np.where(seconds < 38.0, before.depth(np.minimum(seconds, 39.9)), 1.0)
    depth = np.where(seconds > 60.0, after.depth(seconds - 60.0 + 2.0), depth)
    found = find_breaths(RespiratorySignal(seconds, depth))
    assert found.is_available
    assert np.isnan(found.phase_percent(np.array([50.0]))[0])
    assert not np.isnan(found.phase_percent(np.array([20.0, 80.0]))).any()


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_no_breath(seed: int) -> None:
    noise = np.random.default_rng(seed).standard_normal(len(SECONDS))
    found = find_breaths(RespiratorySignal(SECONDS, noise))
    assert found.reasons == ("in 120 s nothing rises above the noise as a breath does",)


def test_a_wandering_value_is_no_breath() -> None:
    taken = 0
    for seed in range(60):
        walk = np.cumsum(np.random.default_rng(seed).standard_normal(len(SECONDS)))
        taken += find_breaths(RespiratorySignal(SECONDS, walk)).is_available
    assert taken <= 1


def test_a_signal_whose_low_points_wander_is_no_breath_however_regular() -> None:
    course = Course.of([4.0] * 30)
    steps = np.array([0.0, 0.4, 0.0, 0.5, 0.1] * 6)
    number = np.clip(np.searchsorted(course.full_s, SECONDS), 0, 29)
    found = find_breaths(RespiratorySignal(SECONDS, course.depth(SECONDS) + steps[number]))
    assert any("where the lungs are empty moves by" in reason for reason in found.reasons)


def test_a_signal_that_never_changes_is_no_breath() -> None:
    found = find_breaths(RespiratorySignal(SECONDS, np.full(len(SECONDS), 3.0)))
    assert not found.is_available
    assert found.all == ()


def test_three_breaths_are_too_few() -> None:
    found = found_in(Course.of([4.0] * 4))
    assert found.reasons == ("there are 3 breaths that are alike in 16 s: at least 4 are needed",)
    with pytest.raises(MissingEvidenceError, match="at least 4 are needed"):
        _ = found.period_s


def test_a_signal_upside_down_is_noticed_because_lungs_rest_empty() -> None:
    depth = Course.of([4.0] * 30).depth(SECONDS)
    assert find_breaths(RespiratorySignal(SECONDS, depth)).warnings == ()
    (warning,) = find_breaths(RespiratorySignal(SECONDS, -depth)).warnings
    assert "lungs rest when they are empty: check that more means breathing in" in warning


@pytest.mark.parametrize("recording", ["201205101522", "201205101534", "201205101541"])
def test_three_markers_on_a_real_chest_agree_when_breathing_in_ends(
    shared_data: Path, recording: str
) -> None:
    folder = shared_data / "pohl-ExtMarker" / "Original data"
    if not folder.is_dir():
        pytest.skip("the public chest markers are absent")
    paths = sorted(folder.glob(f"{recording}-*.csv"))
    assert len(paths) == 3
    found = [find_breaths(marker_trace(path, "z")) for path in paths]
    # Counted by eye in plots of the nine traces: 21 ends of breathing in, which are 20 breaths.
    assert all(abs(len(one.all) - 20) <= 1 and one.is_available for one in found)
    phases = np.array([one.phase_percent(np.arange(5.0, 120.0, 0.1)) for one in found])
    known = ~np.isnan(phases).any(axis=0)
    assert known.mean() > 0.85
    for other in phases[1:, known]:
        assert np.abs(np.median(off_percent(other, phases[0, known]))) < 5.0
        assert np.quantile(np.abs(off_percent(other, phases[0, known])), 0.9) < 15.0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(np.arange(5.0), "at least 8 samples"), (np.zeros(20), "each later than the one before")],
)
def test_times_that_make_no_signal_are_refused(seconds: np.ndarray, words: str) -> None:
    with pytest.raises(InputError, match=words):
        RespiratorySignal(seconds, np.zeros(len(seconds)))


def test_depths_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(GeometryError):
        RespiratorySignal(np.arange(20.0), np.full(20, np.nan))


@pytest.mark.parametrize(
    "wrong",
    [{"shortest_s": 0.0}, {"longest_s": 1.0}, {"least_share": 1.5}, {"largest_ratio": 0.9}, {"fewest": 0}],
)
def test_settings_that_describe_no_breath_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="describes no breath"):
        BreathSettings(**wrong)  # type: ignore[arg-type]  # what is wrong is the point
