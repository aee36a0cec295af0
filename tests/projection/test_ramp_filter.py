import numpy as np
import pytest

from isoguide.projection.ramp_filter import ramp_filtered
from isoguide.projection.rtk import rtk_image, rtk_part, updated, values_of


def some_rows():
    rng = np.random.default_rng(3)
    return (20.0 + np.cumsum(rng.standard_normal((3, 4, 90)), axis=-1)).astype(np.float32)


@pytest.mark.usefixtures("rtk")
def test_the_ramp_is_rtks():
    rows = some_rows()
    factory = "itkVnlFFTImageFilterInitFactory"  # RTK's filter takes its Fourier transform from here
    getattr(rtk_part(factory), factory).RegisterOneFactory()
    ramp = rtk_part("rtkFFTRampImageFilter").rtkFFTRampImageFilterIF3IF3D.New()
    stack = rows.copy()
    ramp.SetInput(rtk_image(stack, np.array([2.0, 3.0, 1.0]), np.zeros(3)))
    theirs = values_of(updated(ramp, ""))
    ours = ramp_filtered(rows, 2.0, hann_cut=0.0, truncation=0.0)
    np.testing.assert_allclose(ours, theirs, atol=1e-5 * np.abs(theirs).max())


def test_the_hann_window_takes_noise_away():
    noise = np.random.default_rng(1).standard_normal((2, 3, 200)).astype(np.float32)
    sharp = ramp_filtered(noise, 1.0, hann_cut=0.0, truncation=0.0)
    soft = ramp_filtered(noise, 1.0, hann_cut=0.7, truncation=0.0)
    assert soft.std() < 0.5 * sharp.std()


def test_rows_that_end_in_air_are_not_continued():
    rows = np.zeros((1, 1, 120), dtype=np.float32)
    rows[..., 20:100] = 1.0
    naive = ramp_filtered(rows, 1.0, hann_cut=0.0, truncation=0.0)
    continued = ramp_filtered(rows, 1.0, hann_cut=0.0, truncation=0.3)
    np.testing.assert_allclose(continued, naive, atol=1e-6)


def test_rows_that_end_in_the_body_lose_their_peak_at_the_edge():
    rows = np.ones((1, 1, 120), dtype=np.float32)
    naive = ramp_filtered(rows, 1.0, hann_cut=0.0, truncation=0.0)
    continued = ramp_filtered(rows, 1.0, hann_cut=0.0, truncation=0.3)
    assert continued[0, 0, 0] < 0.2 * naive[0, 0, 0]
