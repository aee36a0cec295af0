"""What the projections of one phase of breathing count when they stand for the whole arc."""

from dataclasses import replace

import numpy as np
import pytest
from small_scans import FULL_FAN, SHORT

from isoguide.errors import GeometryError
from isoguide.projection.bin_weights import bin_weights, largest_gap_deg
from isoguide.projection.reconstruct import ReconstructionSettings, smoothed_for_bins

TURN = replace(FULL_FAN, count=360)
"""A projection a degree."""


def groups(firsts: list[int], size: int) -> np.ndarray:
    return np.concatenate([np.arange(first, first + size) for first in firsts])


def test_all_projections_of_a_scan_count_once() -> None:
    np.testing.assert_allclose(bin_weights(TURN.views(), np.arange(360)), 1.0, rtol=1e-6)
    np.testing.assert_allclose(bin_weights(SHORT.views(), np.arange(SHORT.count)), 1.0, rtol=1e-6)


def test_a_tenth_of_each_breath_counts_ten_times() -> None:
    # 15 breaths of 24°, of each 3 projections of a degree: 8 times.
    part = groups(list(range(0, 360, 24)), 3)
    np.testing.assert_allclose(bin_weights(TURN.views(), part), 8.0, rtol=1e-6)
    assert largest_gap_deg(TURN.views(), part) == pytest.approx(22.0)


def test_a_group_beside_a_gap_stands_for_half_of_it() -> None:
    # Groups at 0°, 90°, 180° and 300°: half-way to their neighbours on both sides, shared by two.
    weights = bin_weights(TURN.views(), groups([0, 90, 180, 300], 2))
    np.testing.assert_allclose(weights, np.repeat([75.0, 90.0, 105.0, 90.0], 2) / 2.0, rtol=1e-6)
    assert weights.sum() == pytest.approx(360.0)
    assert largest_gap_deg(TURN.views(), groups([0, 90, 180, 300], 2)) == pytest.approx(119.0)


def test_the_order_of_the_projections_does_not_matter() -> None:
    part = groups([0, 90, 180, 300], 2)
    shuffled = np.random.default_rng(0).permutation(len(part))
    np.testing.assert_allclose(
        bin_weights(TURN.views(), part[shuffled]), bin_weights(TURN.views(), part)[shuffled], rtol=1e-6
    )


def test_a_short_scan_is_not_closed_over_the_arc_that_it_did_not_see() -> None:
    # 205° in 72 projections: what is missing lies at its beginning.
    part = np.arange(10, SHORT.count)
    step_deg = 205.0 / SHORT.count
    weights = bin_weights(SHORT.views(), part)
    assert weights.sum() * step_deg == pytest.approx(205.0, rel=1e-5)
    assert largest_gap_deg(SHORT.views(), part) == pytest.approx(10.0 * step_deg)
    assert largest_gap_deg(SHORT.views(), np.arange(SHORT.count)) == pytest.approx(step_deg)


def test_parts_of_a_scan_are_smoothed_to_the_same_detail_whatever_the_pixels() -> None:
    # 0.115 lines per mm at the isocentre: pixels of 4 mm at 1500 mm are 2.67 mm there, Nyquist 0.1875 per mm.
    view = FULL_FAN.views()[0]
    assert smoothed_for_bins(ReconstructionSettings(), view).hann_cut == pytest.approx(0.613, abs=1e-3)
    fine = replace(FULL_FAN, pixel_spacing_mm=(0.8, 0.8)).views()[0]
    assert smoothed_for_bins(ReconstructionSettings(), fine).hann_cut == pytest.approx(0.1227, abs=1e-3)
    assert smoothed_for_bins(ReconstructionSettings(hann_cut=0.1), view).hann_cut == 0.1
    assert smoothed_for_bins(ReconstructionSettings(hann_cut=0.0), view).hann_cut < 1.0


def test_one_projection_is_no_part_of_a_scan() -> None:
    with pytest.raises(GeometryError, match="needs two projections or more, not 1: make fewer bins"):
        bin_weights(TURN.views(), np.array([3]))


def test_an_empty_part_is_one_gap() -> None:
    assert largest_gap_deg(TURN.views(), np.array([], dtype=np.intp)) == 360.0
