"""Control charts against the worked examples of Montgomery and of the NIST/SEMATECH handbook."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoguide.errors import GeometryError, InputError
from isoguide.review import Baseline, baseline, cusum_chart, ewma_chart, individuals_chart

# Montgomery, Introduction to Statistical Quality Control, table 9.1: mean 10, standard deviation 1, and a
# mean of 11 from the 21st on. The upper sums are those of his table 9.2 (k = 0.5, h = 5), periods 1 to 29.
MONTGOMERY = np.array(
    [9.45, 7.99, 9.29, 11.66, 12.16, 10.18, 8.04, 11.46, 9.20, 10.34]
    + [9.03, 11.47, 10.51, 9.40, 10.08, 9.37, 10.62, 10.31, 8.52, 10.84]
    + [10.90, 9.33, 12.29, 11.50, 10.60, 11.08, 10.38, 11.62, 11.31, 10.52]
)
UPPER_SUMS = [
    *[0.0, 0.0, 0.0, 1.16, 2.82, 2.50, 0.04, 1.00, 0.0, 0.0, 0.0, 0.97, 0.98, 0.0, 0.0],
    *[0.0, 0.12, 0.0, 0.0, 0.34, 0.74, 0.0, 1.79, 2.79, 2.89, 3.47, 3.35, 4.47, 5.28],
]
IN_CONTROL = Baseline(10.0, 1.0, 20)

# NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2.4 (EWMA, 20 values) and 6.3.2.2 (individuals: the
# last ten of them).
NIST = np.array(
    [52.0, 47.0, 53.0, 49.3, 50.1, 47.0, 51.0, 50.1, 51.2, 50.5]
    + [49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1]
)


def test_individuals_and_moving_range_limits_are_those_of_the_nist_handbook():
    against = baseline(NIST[10:])
    chart = individuals_chart(NIST[10:], against)
    assert against.centre == pytest.approx(50.81)
    assert chart.range_centre == pytest.approx(1.8778, abs=5e-5)
    assert chart.upper == pytest.approx(55.8041, abs=5e-5)
    assert chart.lower == pytest.approx(45.8159, abs=5e-5)
    assert chart.range_upper == pytest.approx(3.267 * 1.8778, abs=5e-4)
    assert chart.signals == ()
    assert chart.range_signals == ()


def test_a_patient_who_lies_4_standard_deviations_off_on_one_day_is_a_signal_on_that_day():
    values = np.array([0.0, 1.0, 0.0, 1.0, 0.0, 4.0, 0.0])
    chart = individuals_chart(values, Baseline(0.5, 0.875, 5))
    assert chart.signals == (5,)
    # Mean range 0.987, limit 3.22: both ranges about the day are beyond.
    assert chart.range_signals == (5, 6)


def test_tabular_cusum_is_that_of_montgomery_and_signals_in_period_29():
    chart = cusum_chart(MONTGOMERY, IN_CONTROL)
    np.testing.assert_allclose(chart.above[:29], UPPER_SUMS, atol=5e-3)
    np.testing.assert_allclose(chart.below[:3], [0.05, 1.56, 1.77], atol=5e-3)
    assert chart.signals == (28, 29)
    assert chart.slack == 0.5
    assert chart.limit == 5.0


def test_ewma_averages_are_those_of_the_nist_handbook():
    chart = ewma_chart(NIST, Baseline(50.0, 2.0539, 50), weight=0.3, width=3.0)
    # The handbook prints 50.60, 49.52 ... 51.94, 51.99 and limits for a late position, 50 ± 2.5884.
    np.testing.assert_allclose(chart.averages[:2], [50.60, 49.52], atol=5e-3)
    np.testing.assert_allclose(chart.averages[-2:], [51.94, 51.99], atol=5e-3)
    assert chart.upper[-1] == pytest.approx(52.5884, abs=1e-3)
    assert chart.signals == ()


def test_ewma_limits_are_exact_from_the_first_position_on():
    # By hand, λ = 0.1 and L = 2.7 (Montgomery's example): the first limit is 10 ± 2.7 × 0.1, the second
    # 10 ± 2.7 √(0.1/1.9 (1 - 0.9⁴)) = 10 ± 2.7 × 0.13454, the last ones near 10 ± 2.7 × 0.22942.
    chart = ewma_chart(MONTGOMERY, IN_CONTROL, weight=0.1, width=2.7)
    np.testing.assert_allclose(chart.averages[:2], [9.945, 9.7495], atol=1e-12)
    np.testing.assert_allclose(chart.upper[:2], [10.27, 10.36325], atol=1e-4)
    np.testing.assert_allclose(chart.lower[:2], [9.73, 9.63675], atol=1e-4)
    assert chart.upper[-1] == pytest.approx(10.0 + 2.7 * np.sqrt(0.1 / 1.9), abs=2e-3)


def test_ewma_with_weight_1_is_a_shewhart_chart():
    chart = ewma_chart(MONTGOMERY, IN_CONTROL, weight=1.0, width=2.0)
    np.testing.assert_array_equal(chart.averages, MONTGOMERY)
    assert chart.signals == tuple(np.flatnonzero(np.abs(MONTGOMERY - 10.0) > 2.0))


def test_a_baseline_can_be_that_of_the_first_fractions_only():
    assert baseline(np.array([1.0, 3.0, 99.0]), 2) == Baseline(2.0, 2.0 / 1.128, 2)


def test_a_patient_who_always_lies_the_same_signals_with_the_first_day_that_differs():
    against = baseline(np.full(5, 4.0))
    values = np.array([4.0, 4.0, 4.5])
    assert individuals_chart(values, against).signals == (2,)
    assert ewma_chart(values, against).signals == (2,)
    assert cusum_chart(values, against).signals == (2,)


@given(st.lists(st.floats(-20.0, 20.0), min_size=3, max_size=25), st.floats(-30.0, 30.0))
def test_a_mirrored_and_shifted_patient_signals_on_the_same_days(values, shift):
    values = np.round(values, 2)
    shift = round(shift, 2)
    against = Baseline(0.0, 3.0, 5)
    elsewhere = Baseline(shift, 3.0, 5)
    mirrored = shift - values
    assert individuals_chart(values, against).signals == individuals_chart(mirrored, elsewhere).signals
    ewma, other = ewma_chart(values, against), ewma_chart(mirrored, elsewhere)
    np.testing.assert_allclose(shift - ewma.averages, other.averages, atol=1e-9)
    cusum, other = cusum_chart(values, against), cusum_chart(mirrored, elsewhere)
    np.testing.assert_allclose(cusum.above, other.below, atol=1e-9)
    np.testing.assert_allclose(cusum.below, other.above, atol=1e-9)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: baseline(np.array([1.0])), "takes two values or more, and 1 can be used"),
        (lambda: ewma_chart(NIST, IN_CONTROL, weight=0.0), "a weight in"),
        (lambda: ewma_chart(NIST, IN_CONTROL, width=-1.0), "a width above 0"),
        (lambda: cusum_chart(NIST, IN_CONTROL, slack=0.0), "a slack and a limit above 0, not 0.0 and 5.0"),
    ],
)
def test_impossible_charts_are_refused(call, sentence):
    with pytest.raises(InputError, match=sentence):
        call()


def test_a_gap_in_the_series_is_refused():
    with pytest.raises(GeometryError, match="the series holds a value that is not a finite number"):
        individuals_chart(np.array([1.0, np.nan]), IN_CONTROL)
