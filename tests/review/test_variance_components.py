"""M, Σ and σ by hand, and by simulation with a known answer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoguide.review.variance_components import variance_components

# Three patients with 2, 3 and 4 errors. By hand: means 1, 4, 6 and sums of squares within 2, 2, 6, so that
# MSW = 10/6 = 5/3; grand mean 38/9 and MSB = (2 (29/9)² + 3 (2/9)² + 4 (16/9)²) / 2 = 2718/162 = 151/9;
# n₀ = (9 - 29/9) / 2 = 26/9; Σ² = (151/9 - 5/3) / (26/9) = 68/13.
BY_HAND = [[0.0, 2.0], [3.0, 4.0, 5.0], [5.0, 5.0, 6.0, 8.0]]


def padded(courses) -> np.ndarray:
    errors = np.full((len(courses), max(map(len, courses)), 1), np.nan)
    for row, values in enumerate(courses):
        errors[row, : len(values), 0] = values
    return errors


def simulated(rng, counts, axes, systematic=1.0, random=1.0) -> np.ndarray:
    errors = systematic * rng.standard_normal((len(counts), 1, axes))
    errors = errors + random * rng.standard_normal((len(counts), max(counts), axes))
    errors[np.arange(max(counts)) >= np.array(counts)[:, None]] = np.nan
    return errors


def test_three_patients_by_hand():
    found = variance_components(padded(BY_HAND))
    assert (found.patients, found.measurements, found.freedom) == (3, 9, 6)
    assert found.mean[0] == pytest.approx(11.0 / 3.0)
    assert found.observed[0] == pytest.approx(np.sqrt(19.0 / 3.0))  # of 1, 4, 6
    assert found.random[0] == pytest.approx(np.sqrt(5.0 / 3.0))
    assert found.systematic[0] == pytest.approx(np.sqrt(68.0 / 13.0))


def test_intervals_of_mean_and_random_error_are_those_of_student_and_chi_square():
    found = variance_components(padded(BY_HAND))
    # Tables: t(0.975; 2) = 4.303; chi²(0.025; 6) = 1.237, chi²(0.975; 6) = 14.449
    half = 4.303 * np.sqrt(19.0 / 3.0 / 3.0)
    assert found.means()[0].low == pytest.approx(11.0 / 3.0 - half, abs=1e-3)
    assert found.means()[0].high == pytest.approx(11.0 / 3.0 + half, abs=1e-3)
    assert found.randoms()[0].low == pytest.approx(np.sqrt(10.0 / 14.449), abs=1e-3)
    assert found.randoms()[0].high == pytest.approx(np.sqrt(10.0 / 1.237), abs=1e-3)


def test_without_random_errors_the_interval_of_sigma_is_that_of_a_standard_deviation():
    # Five patients who always lie at the same place: Σ is the standard deviation of their means, and its
    # interval chi-square with 4 degrees of freedom. Tables: 0.484 and 11.143.
    found = variance_components(padded([[value] * 3 for value in (1.0, 2.0, 3.0, 4.0, 5.0)]))
    sigma = found.systematics()[0]
    assert sigma.value == pytest.approx(np.sqrt(2.5))
    assert sigma.low == pytest.approx(np.sqrt(10.0 / 11.143), rel=2e-3)
    assert sigma.high == pytest.approx(np.sqrt(10.0 / 0.484), rel=1e-2)


def test_with_equal_numbers_and_many_days_the_draws_solve_in_closed_form():
    # Equal numbers n: Q = n SSm / (n Σ² + σ²), so that Σ² = SSm / q - σ² / n, below zero taken for zero.
    errors = padded([[0.0, 2.0, 1.0], [3.0, 4.0, 5.0], [5.0, 5.0, 8.0]])
    found = variance_components(errors)
    means = errors[:, :, 0].mean(axis=1)
    scatter = ((means - means.mean()) ** 2).sum()
    implied = scatter / (found.systematic_draws[:, 0] ** 2 + found.random_draws[:, 0] ** 2 / 3.0)
    drawn = implied[found.systematic_draws[:, 0] > 0.0]
    assert len(drawn) > 900
    # Those that are drawn are chi-square with 2 degrees of freedom from below: median 2 ln 2 = 1.386
    assert np.quantile(implied, 0.5) == pytest.approx(2.0 * np.log(2.0), rel=5e-3)


def test_patients_who_differ_less_than_chance_have_no_systematic_error_and_the_variance_says_so():
    found = variance_components(padded([[-1.0, 1.0], [-2.0, 2.0], [-3.0, 3.0]]))
    assert found.systematic_variance[0] == pytest.approx(-14.0 / 3.0)  # (0 - 28/3) / 2
    assert found.systematic[0] == 0.0
    assert found.systematics()[0].low == 0.0


@pytest.mark.parametrize(
    "courses", [[[1.0, 2.0, 3.0]], [[1.0], [2.0], [3.0]], [[1.0, 2.0], [np.nan, np.nan]], [[], []]]
)
def test_one_patient_or_nobody_measured_twice_cannot_tell_them_apart(courses):
    assert variance_components(padded(courses)) is None


def test_a_patient_without_a_measurement_does_not_count():
    with_them = variance_components(padded([*BY_HAND, [np.nan, np.nan]]))
    assert with_them.patients == 3
    assert with_them.systematic[0] == pytest.approx(np.sqrt(68.0 / 13.0))


@settings(max_examples=25)
@given(st.integers(0, 2**31), st.sampled_from([-1.0, 1.0]), st.floats(-50.0, 50.0), st.floats(0.1, 10.0))
def test_mirroring_shifting_and_scaling_do_to_the_components_what_they_do_to_errors(seed, sign, shift, scale):
    errors = simulated(np.random.default_rng(seed), [2, 3, 5, 4], 2)
    found = variance_components(errors)
    other = variance_components(sign * scale * errors + shift)
    np.testing.assert_allclose(other.mean, sign * scale * found.mean + shift, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(other.random, scale * found.random, rtol=1e-9)
    np.testing.assert_allclose(
        other.systematic_variance, scale**2 * found.systematic_variance, rtol=1e-7, atol=1e-9
    )
    ends = [found.systematics()[0].high, found.systematics()[1].low]
    np.testing.assert_allclose(
        [other.systematics()[0].high, other.systematics()[1].low],
        scale * np.array(ends),
        rtol=1e-6,
        atol=1e-9,
    )


@given(st.permutations(range(4)), st.permutations(range(3)))
@settings(max_examples=15)
def test_the_order_of_patients_and_of_axes_does_not_matter(patients, axes):
    errors = simulated(np.random.default_rng(3), [2, 3, 5, 4], 3)
    found = variance_components(errors)
    other = variance_components(errors[patients][:, :, axes])
    np.testing.assert_allclose(other.systematic_variance, found.systematic_variance[axes])
    np.testing.assert_allclose(other.systematic_draws, found.systematic_draws[:, axes], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(
    ("counts", "systematic"),
    [([3] * 10, 1.0), ([2, 5, 30, 8, 20, 3], 0.3), ([30] * 5, 2.0), ([1] * 8 + [35] * 8, 0.3)],
)
def test_the_interval_of_sigma_holds_the_truth_in_94_to_96_of_100_populations(counts, systematic):
    # 2,000 populations: two standard errors of a coverage of 95 % are 1 %.
    rng = np.random.default_rng(12)
    hits = []
    for _ in range(20):
        found = variance_components(simulated(rng, counts, 100, systematic))
        low, high = np.quantile(found.systematic_draws, [0.025, 0.975], axis=0)
        hits.append((low <= systematic) & (systematic <= high))
    assert 0.94 <= np.mean(hits) <= 0.96
