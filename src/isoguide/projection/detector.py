"""From thicknesses of water and bone to what an imager hands to reconstruction.

Signal of a polyenergetic beam behind a bow-tie filter, scatter, quantum and electronic noise, glare and lag
of the detector; then the corrections of the imager: flat field, scatter, logarithm, beam hardening of water.
Signals are shares of the open beam on the central axis without bow-tie filter.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.geometry.frames import Array
from isoguide.geometry.xray_view import XrayView
from isoguide.projection.imaging_physics import ImagingPhysics
from isoguide.projection.spectrum import Spectrum, tube_spectrum

Float32 = NDArray[np.float32]

MATERIALS: Final = ("water", "bone", "gold")
"""What stands in the beam, in this order; the last only where markers are implanted."""
COARSE: Final = 8
"""Scatter and glare are smooth: they are computed on pixels this many times larger."""
SHADOW: Final = 0.3
"""A ray that keeps less than this share of the open beam went through the patient."""
LARGEST_SCATTER_SHARE: Final = 0.8
"""The scatter correction takes at most this share of the darkest part of a projection, as RTK does."""
DARKEST: Final = 1e-6
"""Signals below cannot be told from none."""
REFERENCE_WATER_MM: Final = 200.0
"""The attenuation of water that scales the image is that of the beam behind this much of it."""
LONGEST_WATER_MM: Final = 800.0
LARGEST_BOW_TIE_MM: Final = 30.0
"""Aluminium at the edge of a bow-tie filter."""


def measure(
    thickness_mm: Float32,
    view: XrayView,
    kilovoltage: float,
    physics: ImagingPhysics,
    rng: np.random.Generator,
) -> tuple[Float32, float]:
    """Return corrected line integrals and the attenuation per mm that they give to water.

    Parameters
    ----------
    thickness_mm
        float32 (2 or 3, projections, rows, columns): mm of the first of :data:`MATERIALS` along each ray, in
        the order of exposure.
    view
        Any of the views: the panel and its place before the source are the same in all.
    kilovoltage
        Of the tube.
    physics
        What happens to the signal.
    rng
        Where noise is drawn from.

    Returns
    -------
    float32 (projections, rows, columns), dimensionless, and a number per mm.
    """
    spectrum = tube_spectrum(kilovoltage, bins=physics.energy_bins)
    open_beam = bow_tie_transmission(view, spectrum, physics.bow_tie_radius_mm)
    signal = primary_signal(thickness_mm, spectrum, open_beam)
    coarse_mm = np.array(view.pixel_spacing_mm)[::-1] * COARSE
    flat = open_beam.sum(axis=0).astype(np.float32)
    if physics.scatter_to_primary > 0.0:
        signal += scatter(signal, flat, coarse_mm, physics)
    if physics.blur_mm > 0.0:
        sigma = (0.0, *(physics.blur_mm / np.array(view.pixel_spacing_mm)[::-1]))
        ndimage.gaussian_filter(signal, sigma, output=signal, mode="nearest")
    _add_noise(signal, physics, rng)
    if physics.glare_share > 0.0:
        _blur(signal, coarse_mm, physics)
        spread = np.broadcast_to(flat, signal.shape[1:])[None].copy()
        _blur(spread, coarse_mm, physics)
        flat_field = spread[0]
    else:
        flat_field = np.broadcast_to(flat, signal.shape[1:])
    if physics.lag_share > 0.0:
        _add_lag(signal, physics)
    signal -= _assumed_scatter(signal, flat_field, physics)
    np.divide(signal, flat_field, out=signal)
    line_integrals = -np.log(np.maximum(signal, np.float32(DARKEST)))
    water_per_mm = float(spectrum.line_integrals(np.array([REFERENCE_WATER_MM]))[0] / REFERENCE_WATER_MM)
    if physics.beam_hardening_correction:
        _straighten(line_integrals, spectrum, open_beam, water_per_mm)
    return np.asarray(line_integrals, dtype=np.float32), water_per_mm


def bow_tie_transmission(view: XrayView, spectrum: Spectrum, radius_mm: float) -> Array:
    """Signal of the open beam in each energy bin and column, (bins, columns), behind the bow-tie filter.

    The filter makes up for the water that a cylinder of ``radius_mm`` about the axis lacks at each fan angle.
    """
    columns = view.size[0]
    pixels = np.column_stack([np.arange(columns), np.full(columns, (view.size[1] - 1) / 2.0)])
    rays = view.pixel_mm(pixels) - view.source_mm
    rays /= np.linalg.norm(rays, axis=1)[:, None]
    # Distance of each ray from the axis, the FIXED y axis.
    off_axis_mm = np.abs(np.cross(view.source_mm, rays)[:, 1])
    missing_mm = 2.0 * (radius_mm - np.sqrt(np.maximum(radius_mm**2 - off_axis_mm**2, 0.0)))
    share = spectrum.weights
    ratio = float((share @ spectrum.per_mm("water")) / (share @ spectrum.per_mm("aluminium")))
    filter_mm = np.minimum(missing_mm * ratio, LARGEST_BOW_TIE_MM)
    through = np.exp(-np.multiply.outer(spectrum.per_mm("aluminium"), filter_mm))
    return np.asarray(share[:, None] * through, dtype=np.float64)


def primary_signal(thickness_mm: Float32, spectrum: Spectrum, open_beam: Array) -> Float32:
    """Return the unscattered signal (projections, rows, columns) of a polyenergetic beam."""
    signal = np.zeros(thickness_mm.shape[1:], dtype=np.float32)
    per_mm = np.array([spectrum.per_mm(material) for material in MATERIALS[: len(thickness_mm)]])
    for in_bin_per_mm, open_columns in zip(per_mm.T.astype(np.float32), open_beam, strict=True):
        for n, out in enumerate(signal):
            depth = thickness_mm[0, n] * -in_bin_per_mm[0]
            for material_mm, material_per_mm in zip(thickness_mm[1:, n], in_bin_per_mm[1:], strict=True):
                depth -= material_mm * material_per_mm
            out += np.exp(depth, out=depth) * open_columns.astype(np.float32)
    return signal


def scatter(primary: Float32, flat: Float32, coarse_mm: Array, physics: ImagingPhysics) -> Float32:
    """Return the scattered signal, like ``primary``: first-order sources, spread widely.

    Each ray scatters in proportion to what it loses once and what is left of it, ``P ln(I0/P)``
    (B. Ohnesorge, T. Flohr, K. Klingenbeck-Regn, Eur. Radiol. 9:563, 1999), here with a Gaussian spread; the
    scale is such that scatter over primary in the shadow of the patient is, on average, what ``physics``
    says.
    """
    coarse, coarse_flat = _coarse(primary), _coarse(np.broadcast_to(flat, primary.shape[1:])[None])
    sources = coarse * np.log(np.maximum(coarse_flat / np.maximum(coarse, DARKEST), 1.0))
    sigma = (0.0, *(physics.scatter_width_mm / coarse_mm))
    spread = _fine(ndimage.gaussian_filter(sources, sigma, mode="constant"), primary.shape[1:])
    shadow = primary < SHADOW * flat
    total = float(primary.sum(where=shadow, dtype=np.float64))
    scattered = float(spread.sum(where=shadow, dtype=np.float64))
    if total <= 0.0 or scattered <= 0.0:  # nothing stands in the beam
        return np.zeros_like(primary)
    spread *= np.float32(physics.scatter_to_primary * total / scattered)
    return spread


def _assumed_scatter(signal: Float32, flat_field: Float32, physics: ImagingPhysics) -> Float32:
    """One number per projection, (projections, 1, 1): what the imager takes for scatter."""
    ratio = physics.corrected_scatter_to_primary
    constants = np.zeros((len(signal), 1, 1), dtype=np.float32)
    if ratio == 0.0:
        return constants
    for constant, image in zip(constants, signal, strict=True):
        shadow = image[image < SHADOW * flat_field]
        if shadow.size:
            darkest = LARGEST_SCATTER_SHARE * float(np.percentile(shadow, 1.0))
            constant[:] = max(min(float(shadow.mean()) * ratio / (1.0 + ratio), darkest), 0.0)
    return constants


def _add_noise(signal: Float32, physics: ImagingPhysics, rng: np.random.Generator) -> None:
    """Quantum noise by Poisson's law, then electronic noise; in place."""
    quanta = physics.photons_per_pixel
    if quanta == 0.0:
        return
    for image in signal:
        image[:] = rng.poisson(image * quanta) * (1.0 / quanta)
        image += rng.standard_normal(image.shape, dtype=np.float32) * np.float32(
            physics.electronic_noise_photons / quanta
        )


def _blur(signal: Float32, coarse_mm: Array, physics: ImagingPhysics) -> None:
    """Spread a share of the signal in the detector; in place."""
    sigma = (0.0, *(physics.glare_width_mm / coarse_mm))
    veil = ndimage.gaussian_filter(_coarse(signal), sigma, mode="nearest")
    signal *= np.float32(1.0 - physics.glare_share)
    signal += np.float32(physics.glare_share) * _fine(veil, signal.shape[1:])


def _add_lag(signal: Float32, physics: ImagingPhysics) -> None:
    """Let each frame keep a share of the earlier ones, decaying exponentially; in place."""
    kept, decay = np.float32(physics.lag_share), np.float32(1.0 / physics.lag_frames)
    memory = signal[0].copy()
    for image in signal:
        new = image.copy()
        image *= np.float32(1.0) - kept
        image += kept * memory
        memory += decay * (new - memory)


def _straighten(line_integrals: Float32, spectrum: Spectrum, open_beam: Array, water_per_mm: float) -> None:
    """Replace polyenergetic line integrals of water by its thickness times ``water_per_mm``; in place.

    Each column has its own curve, because the bow-tie filter has hardened its beam.
    """
    water_mm = np.linspace(-20.0, LONGEST_WATER_MM, 165)
    through = np.exp(-np.multiply.outer(water_mm, spectrum.per_mm("water"))) @ open_beam
    curves = -np.log(through / open_beam.sum(axis=0))
    for column, curve in enumerate(curves.T):
        line_integrals[..., column] = np.interp(line_integrals[..., column], curve, water_mm * water_per_mm)


def _coarse(images: Float32) -> Float32:
    """Mean over blocks of pixels, the last of them filled up with their neighbours."""
    count, rows, columns = images.shape
    filled = np.pad(images, ((0, 0), (0, -rows % COARSE), (0, -columns % COARSE)), mode="edge")
    blocks = filled.reshape(count, filled.shape[1] // COARSE, COARSE, filled.shape[2] // COARSE, COARSE)
    return np.asarray(blocks.mean(axis=(2, 4)), dtype=np.float32)


def _fine(coarse: Float32, shape: tuple[int, ...]) -> Float32:
    """Interpolate block means back to pixels, linearly."""
    rows, columns = (
        _interpolation(count, blocks) for count, blocks in zip(shape, coarse.shape[1:], strict=True)
    )
    return np.asarray(rows @ coarse @ columns.T, dtype=np.float32)


def _interpolation(pixels: int, blocks: int) -> Float32:
    """Weights (pixels, blocks) of linear interpolation between the middles of blocks."""
    position = np.clip((np.arange(pixels) + 0.5) / COARSE - 0.5, 0.0, blocks - 1.0)
    hats = 1.0 - np.abs(position[:, None] - np.arange(blocks))
    return np.maximum(hats, 0.0).astype(np.float32)
