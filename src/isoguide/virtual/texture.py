"""Random fields with a seed: slow variations, tissue texture, and noise."""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Floats = NDArray[np.float32]

POWER_LAW = 3.0
"""Anatomical texture in X-ray images has a power spectrum near 1/f³ (Burgess, Medical Physics 26, 1999)."""


def smooth_field(
    rng: np.random.Generator, axes: tuple[Floats, Floats, Floats], knot_mm: float, deviation: float
) -> Floats:
    """Return a field that varies over a few ``knot_mm``: random cubic B-spline coefficients on a lattice.

    Parameters
    ----------
    rng
        Where the coefficients are drawn from.
    axes
        Positions along k, j, i in mm, one-dimensional.
    knot_mm
        Distance between coefficients.
    deviation
        Standard deviation of the field's values, roughly.

    Returns
    -------
    Floats
        Shape (len(k), len(j), len(i)).
    """
    splines = [_spline_matrix(axis, knot_mm) for axis in axes]
    knots = rng.standard_normal(tuple(matrix.shape[1] for matrix in splines)).astype(np.float32)
    # A cubic B-spline of white coefficients has a variance of about 0.479 per axis.
    field = np.tensordot(splines[0], knots * np.float32(deviation * 0.479**-1.5), axes=1)
    field = np.matmul(splines[1], field)
    flat = field.reshape(-1, field.shape[2]) @ splines[2].T
    result: Floats = flat.reshape([len(axis) for axis in axes])
    return result


def _spline_matrix(axis: Floats, knot_mm: float) -> Floats:
    """Weights (n, knots) of the cubic B-splines that cover an axis."""
    position = (axis - axis.min()) / knot_mm
    first = np.floor(position).astype(int)
    t = position - first
    matrix = np.zeros((len(axis), int(first.max()) + 4), dtype=np.float32)
    weights = (
        (1 - t) ** 3 / 6,
        (3 * t**3 - 6 * t**2 + 4) / 6,
        (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
        t**3 / 6,
    )
    for tap, weight in enumerate(weights):
        matrix[np.arange(len(axis)), first + tap] = weight
    return matrix


def power_law_texture(
    rng: np.random.Generator,
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    longest_mm: float,
) -> Floats:
    """Return a texture of unit deviation whose power falls with the third power of frequency.

    Parameters
    ----------
    rng
        Where the phases are drawn from.
    shape
        Shape ``[k, j, i]``.
    spacing_mm
        Voxel size along x, y, z.
    longest_mm
        Wavelength above which the spectrum stays flat.
    """
    padded = [fft.next_fast_len(n, real=True) for n in shape]
    frequencies = [fft.fftfreq(padded[0], spacing_mm[2]), fft.fftfreq(padded[1], spacing_mm[1])]
    frequencies.append(fft.rfftfreq(padded[2], spacing_mm[0]))
    k2, j2, i2 = (np.square(f).astype(np.float32) for f in frequencies)
    squared = k2[:, None, None] + j2[:, None] + (i2 + np.float32(longest_mm**-2.0))
    amplitude = squared ** np.float32(-POWER_LAW / 4.0)
    spectrum = np.empty(amplitude.shape, dtype=np.complex64)
    spectrum.real = rng.standard_normal(amplitude.shape, dtype=np.float32)
    spectrum.imag = rng.standard_normal(amplitude.shape, dtype=np.float32)
    spectrum *= amplitude
    spectrum[0, 0, 0] = 0.0
    texture = fft.irfftn(spectrum, s=padded, overwrite_x=True)[: shape[0], : shape[1], : shape[2]]
    result: Floats = texture / np.float32(texture[::2, ::2, ::2].std())
    return result
