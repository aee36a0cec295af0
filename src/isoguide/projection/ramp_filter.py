"""The ramp filter of filtered back-projection along detector rows, with an answer to cut-off bodies.

The band-limited ramp is that of A. C. Kak and M. Slaney, Principles of Computerized Tomographic Imaging
(1988), section 3.3. Rows that end inside the body are continued by their point-mirrored neighbours, which
fade out (B. Ohnesorge et al., Med. Phys. 27:39, 2000). The ramp is RTK's; the tests compare the two.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Float32 = NDArray[np.float32]

FADE_POWER = 0.75
"""Shape of the fade-out: a sine to this power."""
AT_ONCE = 16
"""Projections filtered in one go: they fit into the cache."""


def ramp_filtered(rows: Float32, spacing_mm: float, *, hann_cut: float, truncation: float) -> Float32:
    """Convolve the last axis with the band-limited ramp.

    Parameters
    ----------
    rows
        float32 (projections, rows, columns).
    spacing_mm
        Between columns.
    hann_cut
        Where the Hann window ends, as a share of the Nyquist frequency; 0 is no window.
    truncation
        How far rows are continued beyond each end, as a share of their length.

    Returns
    -------
    Like ``rows``, per mm of detector.
    """
    columns = rows.shape[-1]
    margin = min(int(truncation * columns), columns - 1)
    length = fft.next_fast_len(2 * (columns + 2 * margin), real=True)
    response = _response(length, spacing_mm, hann_cut)
    out = np.empty_like(rows)
    for start in range(0, len(rows), AT_ONCE):
        part = _continued(rows[start : start + AT_ONCE], margin)
        spectrum = fft.rfft(part, length, axis=-1)
        spectrum *= response
        out[start : start + AT_ONCE] = fft.irfft(spectrum, length, axis=-1)[..., margin : margin + columns]
    return out


def _response(length: int, spacing_mm: float, hann_cut: float) -> Float32:
    """Frequency response of the sampled ramp, whose mean is exact, times the Hann window."""
    n = np.minimum(np.arange(length), length - np.arange(length))
    kernel = np.zeros(length)
    kernel[0] = 0.25 / spacing_mm
    odd = n % 2 == 1
    kernel[odd] = -1.0 / (np.pi**2 * n[odd].astype(np.float64) ** 2 * spacing_mm)
    response = np.asarray(fft.rfft(kernel)).real
    if hann_cut > 0.0:
        share = np.minimum(np.arange(len(response)) / (hann_cut * (len(response) - 1)), 1.0)
        response = response * 0.5 * (1.0 + np.cos(np.pi * share))
    return np.asarray(response, dtype=np.float32)


def _continued(rows: Float32, margin: int) -> Float32:
    """Add ``margin`` columns on each side: the row mirrored in its end point, fading to nothing."""
    if margin < 2:
        return np.pad(rows, ((0, 0), (0, 0), (margin, margin)))
    distance = np.arange(1, margin + 1)
    fade = np.sin(np.pi / 2.0 * (1.0 - distance / margin)) ** FADE_POWER
    left = (2.0 * rows[..., :1] - rows[..., distance]) * fade.astype(np.float32)
    right = (2.0 * rows[..., -1:] - rows[..., -1 - distance]) * fade.astype(np.float32)
    # A row that ends in air would be continued by its negative mirror image.
    np.maximum(left, np.float32(0.0), out=left)
    np.maximum(right, np.float32(0.0), out=right)
    return np.concatenate([left[..., ::-1], rows, right], axis=-1)
