"""Sorting projections and slices by breath: what belongs where, what is left out, and what is missing."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
from breathing_scan import (
    SCAN,
    TUMOUR_MM,
    TUMOUR_TRAVEL_MM,
    Course,
    breathing_scan,
    varied_course,
)

from isoguide.errors import GeometryError, InputError, MissingEvidenceError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.iec61217 import fixed_from_daily
from isoguide.images.volume import Volume
from isoguide.motion.projection_signal import breaths_from_projections
from isoguide.motion.respiratory_signal import Breaths, RespiratorySignal, find_breaths
from isoguide.motion.sorting import (
    SortSettings,
    phase_volume,
    sort_by_breath,
    sort_slices,
    usable_bins,
)
from isoguide.projection.reconstruct import ReconstructionSettings, reconstruct_bins

EVEN = Course.of([4.0] * 40)


def breaths_of(course: Course, last_s: float = 120.0) -> Breaths:
    seconds = np.arange(0.0, last_s, 0.1)
    return find_breaths(RespiratorySignal(seconds, course.depth(seconds)))


def test_ten_phases_share_the_breath_equally_about_their_names() -> None:
    times = np.arange(6.0, 86.0, 0.05)  # twenty breaths from one end of breathing in
    sorting = sort_by_breath(breaths_of(EVEN), times)
    assert [one.percent for one in sorting.bins] == [
        0.0,
        10.0,
        20.0,
        30.0,
        40.0,
        50.0,
        60.0,
        70.0,
        80.0,
        90.0,
    ]
    counts = [len(one.members) for one in sorting.bins]
    assert min(counts) >= 0.9 * len(times) / 10
    assert len(sorting.left_out) == 0
    np.testing.assert_allclose(sorting.shares, 0.1)
    # 0 % is about full lungs, 50 % about empty ones.
    assert EVEN.depth(times[sorting.bins[0].members]).min() > 0.9
    assert EVEN.depth(times[sorting.bins[5].members]).max() < 0.01


def test_by_amplitude_a_bin_holds_one_depth_on_one_way() -> None:
    course = varied_course(40)
    times = np.arange(10.0, 110.0, 0.05)
    sorting = sort_by_breath(breaths_of(course), times, SortSettings(by="amplitude"))
    for one in sorting.bins:
        depth = course.depth(times[one.members])
        assert np.ptp(depth) < 0.32  # a fifth of the breath, and what smoothing takes off its ends
    emptying, filling = sorting.bins[2].members, sorting.bins[8].members
    assert (np.gradient(course.depth(times))[emptying] < 0.0).mean() > 0.95
    assert (np.gradient(course.depth(times))[filling] > 0.0).mean() > 0.95
    # Most of the time lungs are nearly empty.
    assert sorting.shares[5] == max(sorting.shares)
    assert sorting.shares.sum() == pytest.approx(1.0)


def test_by_amplitude_with_equal_counts_every_bin_has_as_much_time() -> None:
    times = np.arange(10.0, 110.0, 0.05)
    settings = SortSettings(by="amplitude", scale="count")
    counts = [len(one.members) for one in sort_by_breath(breaths_of(varied_course(40)), times, settings).bins]
    assert min(counts) > 0.6 * np.mean(counts)
    assert max(counts) < 1.4 * np.mean(counts)


def test_what_belongs_to_no_breath_is_left_out_and_told() -> None:
    course = varied_course()
    sorting = sort_by_breath(breaths_of(course), SCAN.seconds)
    # Before the first end of breathing in and after the last.
    first_s = course.full_s[0]
    before = SCAN.seconds < first_s
    assert (SCAN.seconds[sorting.left_out] < first_s).sum() == before.sum() > 0
    usable = usable_bins(sorting, SCAN.views())
    assert len(usable.bins) == 10
    assert f"{len(sorting.left_out)} of 240 projections were left out" in usable.warnings[-1]


def test_a_scan_of_a_minute_has_gaps_as_wide_as_a_breath() -> None:
    quick = replace(SCAN, count=240, duration_s=60.0)
    usable = usable_bins(sort_by_breath(breaths_of(EVEN), quick.seconds), quick.views())
    # 4 s of 360° in 60 s are 24°, less the two projections of each breath.
    assert any("bins have gaps wider than 20°" in one and "expect streaks" in one for one in usable.warnings)


def test_a_bin_with_too_few_projections_or_too_wide_a_gap_is_not_used() -> None:
    # Two projections a second beat with a breath of four: nothing is ever seen of 0 % and 50 %.
    beating = usable_bins(sort_by_breath(breaths_of(EVEN), SCAN.seconds), SCAN.views())
    assert [one.percent for one in beating.bins] == [10.0, 20.0, 30.0, 40.0, 60.0, 70.0, 80.0, 90.0]
    assert "the bin 0 % has 0 projections, of which no image is made: 10 are needed" in beating.warnings
    held = Course.of([4.0] * 20 + [30.0] + [4.0] * 5)
    torn = usable_bins(sort_by_breath(breaths_of(held), SCAN.seconds), SCAN.views())
    assert torn.bins == ()
    assert any("° and no image is made of it: 60° are the most" in one for one in torn.warnings)


def test_a_signal_of_another_time_sorts_nothing() -> None:
    with pytest.raises(InputError, match=r"nothing was exposed during a breath: .* the exposures 500.2 to"):
        sort_by_breath(breaths_of(EVEN), SCAN.seconds + 500.0)


def test_a_signal_that_says_nothing_sorts_nothing() -> None:
    with pytest.raises(MissingEvidenceError, match="the breath is not available"):
        sort_by_breath(breaths_of(EVEN, 15.0), SCAN.seconds)


@pytest.mark.parametrize(
    ("bins", "by", "words"),
    [(1, "phase", "2 to 30 bins, not 1"), (31, "phase", "not 31"), (5, "amplitude", "an even number, not 5")],
)
def test_an_impossible_number_of_bins_is_refused(bins: int, by: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        SortSettings(bins, by)  # type: ignore[arg-type]  # a literal from a table


# A cine CT: the couch stands still for a breath and a bit, then goes on.
PLACES_MM = np.array([0.0, 2.5, 5.0])


def cine(breaths_at_each: float = 1.4) -> tuple[np.ndarray, np.ndarray]:
    times, places = [], []
    for number, place in enumerate(PLACES_MM):
        start_s = 10.0 + 8.0 * number
        taken = np.arange(start_s, start_s + 4.0 * breaths_at_each, 0.25)
        times.append(taken)
        places.append(np.full(len(taken), place))
    return np.concatenate(times), np.concatenate(places)


def test_each_phase_of_a_cine_ct_gets_the_slice_nearest_to_its_middle() -> None:
    times, places = cine()
    found = sort_slices(breaths_of(EVEN), times, places, SortSettings())
    assert found.missing == ()
    np.testing.assert_array_equal(found.places_mm, PLACES_MM)
    for percent, row in zip(found.percents, found.chosen, strict=True):
        np.testing.assert_array_equal(places[row], PLACES_MM)
        off = (EVEN.phase_percent(times[row]) - percent + 50.0) % 100.0 - 50.0
        assert np.abs(off).max() < 4.0  # slices are 6.25 % apart


def test_a_place_where_a_phase_was_not_seen_is_named_and_no_volume_is_made() -> None:
    times, places = cine()
    kept = ~((places == 2.5) & (np.abs(EVEN.phase_percent(times) - 50.0) < 6.0))
    times, places = times[kept], places[kept]
    found = sort_slices(breaths_of(EVEN), times, places, SortSettings())
    assert found.missing == ("the bin 50 % has no slice at 2.5 mm",)
    slices = [np.full((2, 2), n, np.int16) for n in range(len(times))]
    grid = Grid(PLANNING, (3, 2, 2), np.array([1.0, 1.0, 2.5]), np.zeros(3), np.eye(3))
    volume = phase_volume(found, 0, slices, grid)
    assert volume.values[:, 0, 0].tolist() == found.chosen[0].tolist()
    with pytest.raises(GeometryError, match=r"has no slice at 2.5 mm: no volume is made of it"):
        phase_volume(found, 5, slices, grid)
    with pytest.raises(GeometryError, match="the grid has 2 slices but the couch stood at 3 places"):
        phase_volume(found, 0, slices, Grid(PLANNING, (2, 2, 2), np.ones(3), np.zeros(3), np.eye(3)))


def test_slices_without_a_time_are_refused() -> None:
    with pytest.raises(InputError, match="not 3 times and 2 places"):
        sort_slices(breaths_of(EVEN), np.arange(3.0), np.zeros(2), SortSettings())


def centre_of_ball(volume: Volume, near_mm: np.ndarray, radius_mm: float = 20.0) -> np.ndarray:
    grid = volume.grid
    k, j, i = np.indices(grid.shape)
    xyz_mm = grid.xyz(np.stack([i, j, k], axis=-1).astype(float))
    weight = np.maximum(volume.values + 350.0, 0.0) * (np.linalg.norm(xyz_mm - near_mm, axis=-1) < radius_mm)
    return np.asarray((xyz_mm * weight[..., None]).sum(axis=(0, 1, 2)) / weight.sum())


def test_a_tumour_is_where_its_phase_has_it_in_the_images_of_the_sorted_projections() -> None:
    if importlib.util.find_spec("itk") is None:
        pytest.skip("RTK (the extra 'reconstruction') is not installed")
    course = varied_course()
    projections = breathing_scan(course)
    found = breaths_from_projections(projections, "HFS")
    usable = usable_bins(sort_by_breath(found.breaths, SCAN.seconds, SortSettings(6)), SCAN.views())
    assert len(usable.bins) == 6
    settings = ReconstructionSettings((3.0, 3.0, 3.0), (160.0, 100.0, 80.0))
    members = [one.members for one in usable.bins]
    to_image = fixed_from_daily("HFS", np.zeros(3)).inverse()
    seen, true = [], []
    for part, volume in zip(members, reconstruct_bins(projections, members, "HFS", settings), strict=True):
        travel_mm = course.depth(SCAN.seconds[part]).mean() * TUMOUR_TRAVEL_MM
        true.append(to_image.apply(TUMOUR_MM + travel_mm))
        seen.append(centre_of_ball(volume, true[-1]))
    np.testing.assert_allclose(np.array(seen), np.array(true), atol=1.0)
    amplitude_mm = np.ptp(np.array(seen), axis=0)
    np.testing.assert_allclose(amplitude_mm, np.ptp(np.array(true), axis=0), atol=0.7)
    assert amplitude_mm[2] > 8.0
