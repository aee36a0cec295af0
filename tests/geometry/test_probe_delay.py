"""Temporal calibration: the delay with its uncertainty, or why there is none."""

import numpy as np
import pytest

from isoguide.errors import AmbiguityError, GeometryError
from isoguide.geometry.probe_delay import calibrate_delay

TRACKER_S = np.arange(0.0, 14.0, 0.025)
IMAGE_S = np.arange(0.2, 13.8, 0.05)


def height(at_s):
    """An irregular motion up and down, mm."""
    return 15.0 * np.sin(2.0 * np.pi * 0.35 * at_s + 0.7 * np.sin(0.9 * at_s)) + 6.0 * np.sin(1.3 * at_s)


def recorded(delay_s, noise_mm=0.2, seed=0):
    """Images whose time plus ``delay_s`` is the tracker's."""
    rng = np.random.default_rng(seed)
    image = 40.0 + 0.9 * height(IMAGE_S + delay_s) + rng.normal(0.0, noise_mm, len(IMAGE_S))
    return image, IMAGE_S, height(TRACKER_S) + rng.normal(0.0, 0.05, len(TRACKER_S)), TRACKER_S


@pytest.mark.parametrize("delay_s", [-0.180, -0.035, 0.0, 0.072, 0.310])
def test_the_delay_is_found_within_its_uncertainty(delay_s):
    delay = calibrate_delay(*recorded(delay_s))
    assert abs(delay.seconds - delay_s) < 4.0 * delay.sigma_s + 0.001
    assert delay.sigma_s < 0.003
    assert delay.correlation > 0.99


def test_images_that_are_late_have_a_negative_delay():
    # What is shown at 1.00 s happened at 0.90 s.
    assert calibrate_delay(*recorded(-0.100)).seconds == pytest.approx(-0.100, abs=0.003)


def test_the_uncertainty_is_that_of_repeated_recordings():
    found = [calibrate_delay(*recorded(0.050, noise_mm=1.0, seed=seed)) for seed in range(25)]
    spread = np.std([one.seconds for one in found])
    assert 0.5 < spread / np.mean([one.sigma_s for one in found]) < 1.7


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda i, a, t, b: (i, a, t * 0.001, b), "moved by 0.01 mm .* says nothing of the delay"),
        (lambda i, a, t, b: (i[::-1], a, t, b), "fit with a correlation of .* at best"),
        (lambda i, a, t, b: (i[:9], a[:9], t, b), "needs 20 times that increase, not 9"),
        (lambda i, a, t, b: (i, a, t[:50], b[:50]), r"only \d images lie 0.5 s within"),
        (lambda i, a, t, b: (i, a + 0.62, t, b), "beyond ±0.5 s|at best"),
    ],
)
def test_a_motion_that_says_nothing_is_refused(change, said):
    with pytest.raises(GeometryError, match=said):
        calibrate_delay(*change(*recorded(0.0)))


def test_a_motion_that_repeats_itself_fits_several_delays():
    period_s = 0.4
    wave = 10.0 * np.sin(2.0 * np.pi * IMAGE_S / period_s)
    tracker = 10.0 * np.sin(2.0 * np.pi * TRACKER_S / period_s)
    with pytest.raises(AmbiguityError, match="fit alike"):
        calibrate_delay(wave, IMAGE_S, tracker, TRACKER_S)
