"""Trends against scipy, and with patients whose drift is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from isoguide.review import adjusted, find_change, fit_lines, fit_trend, mann_kendall

DAYS = np.arange(1.0, 13.0)


def gappy(seed, patients=40, days=14) -> np.ndarray:
    rng = np.random.default_rng(seed)
    series = rng.normal(size=(patients, days)) + rng.normal(size=(patients, 1)) * 0.1 * np.arange(days)
    series[rng.random(series.shape) < 0.3] = np.nan
    return series


class TestLines:
    def test_slope_error_and_p_value_are_those_of_scipy_with_days_missing(self):
        series = gappy(1)
        lines = fit_lines(series)
        for row, values in enumerate(series):
            known = np.flatnonzero(np.isfinite(values))
            if len(known) < 4:
                assert np.isnan(lines.p_value[row])
                continue
            expected = stats.linregress(known + 1.0, values[known])
            assert lines.slope[row] == pytest.approx(expected.slope)
            assert lines.error[row] == pytest.approx(expected.stderr)
            assert lines.p_value[row] == pytest.approx(expected.pvalue)

    def test_three_measurements_have_no_trend(self):
        assert np.isnan(fit_lines(np.array([[0.0, 1.0, 2.0]])).slope).all()
        assert np.isnan(mann_kendall(np.array([[0.0, 1.0, 2.0]]))).all()
        assert fit_trend(np.array([0.0, 1.0, 2.0]), np.array([1, 2, 3])) is None

    def test_a_perfect_drift_is_certain_and_a_patient_who_never_moves_does_not_drift(self):
        lines = fit_lines(np.array([0.25 * DAYS, np.full(12, 4.0)]))
        np.testing.assert_allclose(lines.slope, [0.25, 0.0], atol=1e-12)
        np.testing.assert_array_equal(lines.p_value, [0.0, 1.0])


class TestMannKendall:
    def test_p_values_are_the_exact_ones_of_scipy_where_no_two_days_are_equal(self):
        series = gappy(2)
        found = mann_kendall(series)
        for row, values in enumerate(series):
            known = np.flatnonzero(np.isfinite(values))
            if len(known) >= 4:
                expected = stats.kendalltau(known, values[known], method="exact").pvalue
                assert found[row] == pytest.approx(expected)

    def test_equal_days_by_hand(self):
        # 1, 1, 2, 3, 3, 4: 13 pairs rise, none falls; Var = (6·5·17 - 2 (2·1·9)) / 18 = 26.33; z = 12 / 5.131
        found = mann_kendall(np.array([[1.0, 1.0, 2.0, 3.0, 3.0, 4.0]]))
        assert found[0] == pytest.approx(2.0 * stats.norm.sf(12.0 / np.sqrt(474.0 / 18.0)))
        # The variance is that of scipy, which does not correct for continuity.
        scipy_z = stats.norm.isf(
            stats.kendalltau(range(6), [1, 1, 2, 3, 3, 4], method="asymptotic").pvalue / 2.0
        )
        assert scipy_z == pytest.approx(13.0 / np.sqrt(474.0 / 18.0))

    def test_a_patient_who_never_moves_has_p_1(self):
        assert mann_kendall(np.full((1, 8), 2.0))[0] == 1.0

    @settings(max_examples=30)
    @given(st.lists(st.integers(-30, 30), min_size=4, max_size=12, unique=True))
    def test_only_the_order_counts_and_a_mirrored_patient_drifts_as_much(self, values):
        series = np.array([values], dtype=float)
        found = mann_kendall(np.vstack([series, -series, np.exp(series / 10.0), series + 7.0]))
        np.testing.assert_allclose(found, found[0])


class TestOnePatient:
    def test_a_drift_of_a_quarter_millimetre_a_day_is_found_with_its_interval(self):
        rng = np.random.default_rng(5)
        values = 0.25 * DAYS + rng.normal(0.0, 0.5, 12)
        found = fit_trend(values, DAYS)
        expected = stats.linregress(DAYS, values)
        half = stats.t.ppf(0.975, 10) * expected.stderr
        assert found.slope.low == pytest.approx(expected.slope - half)
        assert found.slope.high == pytest.approx(expected.slope + half)
        assert found.slope.low < 0.25 < found.slope.high
        assert found.p_slope < 0.01
        assert found.p_kendall < 0.01

    def test_one_wild_day_moves_the_straight_line_and_hardly_theil_sen(self):
        values = 0.25 * DAYS
        values[-1] += 30.0
        found = fit_trend(values, DAYS)
        assert found.slope.value > 0.75
        assert found.theil_sen.value == pytest.approx(0.25)

    def test_missing_days_count_as_time(self):
        found = fit_trend(np.array([1.0, 2.0, 3.0, 8.0]), np.array([1, 2, 3, 8]))
        assert found.slope.value == pytest.approx(1.0)


class TestChangePoint:
    def test_patient_who_lies_3_mm_further_left_from_the_ninth_measurement_on(self):
        values = np.array([0.1, -0.2, 0.0, 0.3, -0.1, 0.2, -0.3, 0.0, 3.1, 2.8, 3.2, 3.0, 2.9, 3.0])
        found = find_change(values)
        assert found.position == 8
        assert found.before == pytest.approx(0.0)
        assert found.after == pytest.approx(3.0)
        assert found.p_value < 0.01

    def test_by_hand(self):
        # 0 0 0 1 1 1: mean 1/2, sums -1/2, -1, -3/2, -1, -1/2: the change is after the third. The moving
        # range is 1/5, s = 0.2 / 1.128, and 1.5 / (s √6) = 3.454; Kolmogorov: 2 exp(-2 × 3.454²).
        found = find_change(np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0]))
        assert found.position == 3
        assert found.p_value == pytest.approx(2.0 * np.exp(-2.0 * 3.454**2), rel=2e-3)

    def test_five_measurements_are_too_few(self):
        assert find_change(np.arange(5.0)) is None

    def test_a_patient_who_never_moves_has_not_changed(self):
        assert find_change(np.full(8, 4.0)).p_value == 1.0

    def test_5_of_100_stable_patients_seem_to_have_changed(self):
        rng = np.random.default_rng(6)
        p_values = [find_change(rng.normal(size=15)).p_value for _ in range(2000)]
        assert 0.035 < np.mean(np.array(p_values) < 0.05) < 0.065


class TestManyTests:
    @settings(max_examples=30)
    @given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30))
    def test_adjusted_p_values_are_those_of_scipy(self, p_values):
        np.testing.assert_allclose(adjusted(np.array(p_values)), stats.false_discovery_control(p_values))

    def test_what_was_not_tested_does_not_count(self):
        found = adjusted(np.array([[0.01, np.nan], [0.04, 0.03]]))
        np.testing.assert_allclose(found, [[0.03, np.nan], [0.04, 0.04]])

    def test_no_test_at_all(self):
        assert np.isnan(adjusted(np.array([np.nan]))).all()
        assert adjusted(np.array([])).size == 0
