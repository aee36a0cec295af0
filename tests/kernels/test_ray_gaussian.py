"""The likeliest normal distribution of positions that are known across a ray only."""

import numpy as np
import pytest

from isoguide.kernels.ray_gaussian import likelier, likelier_reference

MEAN = np.array([0.5, -1.0, 2.0])
SPREAD = np.array([[1.0, 0.2, 0.0], [0.2, 2.0, -0.9], [0.0, -0.9, 1.5]])


def across(angle_deg, sigma_mm):
    """Information of an image whose ray lies in the transverse plane, IEC fixed."""
    ray = np.array([np.sin(np.deg2rad(angle_deg)), 0.0, np.cos(np.deg2rad(angle_deg))])
    return (np.eye(3) - np.outer(ray, ray)) / sigma_mm**2


def measured(count, sigma_mm=0.05, seed=4):
    rng = np.random.default_rng(seed)
    points = rng.multivariate_normal(MEAN, SPREAD, count)
    information = np.array([across(angle, sigma_mm) for angle in rng.uniform(0.0, 360.0, count)])
    pulled = np.einsum("nij,nj->ni", information, points + sigma_mm * rng.standard_normal((count, 3)))
    return information, pulled, rng.uniform(0.2, 1.0, count)


def assert_kernel_is_right():
    case = (*measured(5), (np.zeros(3), 2.0 * np.eye(3)), (np.ones(3), np.eye(3)), (1.0, 3.0))
    for ours, plain in zip(likelier(*case), likelier_reference(*case), strict=True):
        np.testing.assert_allclose(ours, plain, atol=1e-10)


def test_a_step_is_that_of_the_plain_statement():
    assert_kernel_is_right()


@pytest.mark.usefixtures("interpreted_kernels")
def test_an_interpreted_step_is_the_same():
    assert_kernel_is_right()


def test_a_turn_of_single_images_gives_the_distribution_that_the_points_were_drawn_from():
    information, pulled, _ = measured(4000)
    now = np.zeros(3), 4.0 * np.eye(3)
    for _ in range(60):
        now = likelier(information, pulled, np.ones(4000), now, (np.zeros(3), np.eye(3)), (1e-6, 1e-6))
    np.testing.assert_allclose(now[0], MEAN, atol=0.08)
    np.testing.assert_allclose(now[1], SPREAD, atol=0.15)
