"""Probability in a ball, against closed forms, plain sums and random points."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ncx2, norm

from isoguide.kernels.gate_probability import gate_probability, gate_probability_reference

RIGHT_TO = 1e-4


def turned(sigma: np.ndarray, seed: int) -> np.ndarray:
    axes, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))
    covariance = axes @ np.diag(sigma**2) @ axes.T
    return (covariance + covariance.T) / 2.0


@settings(max_examples=40)
@given(
    sigma=st.floats(1e-4, 5.0),
    away=st.floats(0.0, 2.0),
    radius=st.floats(0.5, 10.0),
    seed=st.integers(0, 1000),
)
def test_an_error_equal_along_all_axes_is_the_noncentral_chi_square(
    sigma: float, away: float, radius: float, seed: int
) -> None:
    direction = np.random.default_rng(seed).standard_normal(3)
    mean = away * radius * direction / np.linalg.norm(direction)
    expected = ncx2.cdf((1.0 / sigma) ** 2, 3, (away / sigma) ** 2)
    assert gate_probability(mean, (radius * sigma) ** 2 * np.eye(3), radius) == pytest.approx(
        expected, abs=RIGHT_TO
    )


@settings(max_examples=15)
@given(
    sigma=st.tuples(*[st.floats(0.3, 2.0)] * 3),
    mean=st.tuples(*[st.floats(-4.0, 4.0)] * 3),
    seed=st.integers(0, 1000),
)
def test_any_error_is_the_density_summed_over_the_ball(
    sigma: tuple[float, float, float], mean: tuple[float, float, float], seed: int
) -> None:
    covariance = turned(np.array(sigma), seed)
    assert gate_probability(np.array(mean), covariance, 3.0) == pytest.approx(
        gate_probability_reference(np.array(mean), covariance, 3.0), abs=RIGHT_TO
    )


def test_random_points_fall_inside_as_often() -> None:
    rng = np.random.default_rng(12)
    for seed in range(6):
        covariance, mean = turned(np.array([0.2, 1.0, 2.5]), seed), rng.uniform(-2.0, 2.0, 3)
        points = rng.multivariate_normal(mean, covariance, 200_000)
        share = (np.linalg.norm(points, axis=1) < 3.0).mean()
        assert gate_probability(mean, covariance, 3.0) == pytest.approx(share, abs=0.005)


def test_an_error_along_one_axis_only_is_the_normal_distribution() -> None:
    # The chord at (1, 2) through a ball of radius 3 reaches 2 to both sides.
    covariance = np.diag([0.0, 0.0, 4.0])
    expected = norm.cdf(1.0) - norm.cdf(-1.0)
    assert gate_probability(np.array([1.0, 2.0, 0.0]), covariance, 3.0) == pytest.approx(
        expected, abs=RIGHT_TO
    )


def test_an_error_in_a_plane_only_is_the_noncentral_chi_square_of_two() -> None:
    covariance = np.diag([1.0, 1.0, 0.0])
    expected = ncx2.cdf(8.0, 2, 1.25)
    assert gate_probability(np.array([1.0, 0.5, 1.0]), covariance, 3.0) == pytest.approx(
        expected, abs=RIGHT_TO
    )


def test_a_point_without_error_is_inside_or_outside() -> None:
    assert gate_probability(np.array([0.0, 0.0, 2.99]), np.zeros((3, 3)), 3.0) == pytest.approx(1.0, abs=1e-4)
    assert gate_probability(np.array([0.0, 2.2, 2.2]), np.zeros((3, 3)), 3.0) == pytest.approx(0.0, abs=1e-4)


@given(
    sigma=st.tuples(*[st.floats(0.0, 3.0)] * 3),
    mean=st.tuples(*[st.floats(-5.0, 5.0)] * 3),
    seed=st.integers(0, 1000),
)
def test_a_larger_gate_holds_more_and_all_of_it_is_a_share(
    sigma: tuple[float, float, float], mean: tuple[float, float, float], seed: int
) -> None:
    covariance = turned(np.array(sigma), seed)
    small = gate_probability(np.array(mean), covariance, 2.0)
    large = gate_probability(np.array(mean), covariance, 2.5)
    assert 0.0 <= small <= large + 2.0 * RIGHT_TO <= 1.0 + 2.0 * RIGHT_TO


def test_a_value_that_is_no_number_gives_none() -> None:
    assert np.isnan(gate_probability(np.array([np.nan, 0.0, 0.0]), np.eye(3), 3.0))
    assert np.isnan(gate_probability(np.zeros(3), np.full((3, 3), np.nan), 3.0))


@pytest.mark.usefixtures("interpreted_kernels")
def test_the_plain_loops_give_the_same() -> None:
    from isoguide.kernels import gate_probability as module

    for seed in range(3):
        covariance, mean = turned(np.array([0.3, 0.9, 1.6]), seed), np.array([1.0, -1.5, 0.7])
        assert module.gate_probability(mean, covariance, 3.0) == pytest.approx(
            gate_probability_reference(mean, covariance, 3.0), abs=RIGHT_TO
        )
