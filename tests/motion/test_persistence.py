"""A target taken to stay: how wrong that is has to be said rightly."""

import numpy as np
import pytest

from isoguide.motion.persistence import LEAST_SPEED_MM_S, UNLEARNED_SPEED_MM_S, Persistence


def test_it_stays_where_it_was_seen() -> None:
    persistence = Persistence()
    persistence.see(1.0, np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(persistence.predict(1.4).position_mm, [1.0, 2.0, 3.0])


def test_before_it_has_learned_it_expects_breathing_and_says_so() -> None:
    persistence = Persistence()
    persistence.see(0.0, np.zeros(3))
    expected = persistence.predict(0.5)
    assert not expected.is_regular
    sigma_mm = np.sqrt(np.diag(expected.covariance_mm2))
    np.testing.assert_allclose(sigma_mm, 0.5 * UNLEARNED_SPEED_MM_S, rtol=0.01)


def test_of_a_still_target_noise_is_learned_and_not_taken_for_speed() -> None:
    # Noise of 0.3 mm differs by 0.3 √2 mm from frame to frame, whatever the time between them.
    rng, persistence = np.random.default_rng(3), Persistence()
    for n in range(600):
        persistence.see(0.1 * n, 0.3 * rng.standard_normal(3))
    expected = persistence.predict(0.1 * 599 + 0.3)
    assert expected.is_regular
    sigma_mm = np.sqrt(np.diag(expected.covariance_mm2))
    assert np.all(sigma_mm > 0.3)
    assert np.all(sigma_mm < 0.8)


def test_the_speed_of_a_moving_target_is_learned() -> None:
    persistence = Persistence()
    for n in range(200):
        persistence.see(0.1 * n, np.array([0.0, 0.8 * n, 0.0]))
    sigma_mm = np.sqrt(np.diag(persistence.predict(19.9 + 0.4).covariance_mm2))
    # 8 mm/s for 0.4 s, and the 0.8 mm between two frames.
    assert sigma_mm[1] == pytest.approx(np.hypot(3.2, 0.8), rel=0.03)
    assert sigma_mm[0] == pytest.approx(np.hypot(0.4 * LEAST_SPEED_MM_S, 0.05), rel=0.05)


def test_it_forgets() -> None:
    persistence = Persistence()
    for n in range(50):
        persistence.see(0.1 * n, np.zeros(3))
    persistence.reset()
    persistence.see(100.0, np.zeros(3))
    assert not persistence.predict(100.1).is_regular
