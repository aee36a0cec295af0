"""Fluence behind each component of the pencil kernels: the convolution that a dose is read from.

Kernels are made in the plane through the isocentre for a patient whose surface is at one distance from the
source; nearer to it they are wider there, farther away narrower. The convolution is made for three distances
of the surface, and between them the dose is interpolated. Fourier transforms of the kernels are kept.

Source: Bortfeld, Schlegel and Rhein, Med. Phys. 20 (1993) 311.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.interpolate import PchipInterpolator

from isoguide.dose.beam_data import TYPICAL_DEPTH_MM, BeamData
from isoguide.dose.depth import Region
from isoguide.dose.fluence import FluencePlane
from isoguide.errors import InputError
from isoguide.geometry.frames import Array
from isoguide.kernels.pencil_gather import COMPONENTS

Float32 = NDArray[np.float32]
Transform = NDArray[Any]

DISTANCE_SHARES: Final = (0.85, 1.0, 1.15)
"""Of the distance to the axis: where an isocentre as deep as the kernels are made for would lie; beyond them
dose is extrapolated."""
NEAR_PIXELS, FAR_PIXELS = 4, 8
"""Up to the one, rings of a kernel are spread over pixels; beyond the other, pixels take the value in their
middle."""
RING_MM: Final = 0.05
DIRECTIONS: Final = 180
DEEPEST_MM: Final = 600.0
STEPS_PER_MM: Final = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class BlurredFluence:
    """Fluence ``[distance, y, x, component]`` behind each kernel, float32.

    ``pixel`` is the first x, the first y and the spacing at the isocentre; ``distances_mm`` (3,) are those of
    the surface from the source.
    """

    maps: Float32
    pixel: tuple[float, float, float]
    distances_mm: Array


def blurred_fluence(
    fluence: Float32, machine: BeamData, plane: FluencePlane, region: Region
) -> BlurredFluence:
    """Convolve fluence with each kernel at three distances, and keep a region of it.

    Raises
    ------
    InputError
        If the machine has more kernel components than can be used.
    """
    size = fft.next_fast_len(2 * plane.pixels - 1, real=True)
    kernels = _kernel_spectra(machine, plane, size)
    spectrum = fft.rfft2(fluence, s=(size, size))
    rows, columns = _cut(region.y_mm, plane), _cut(region.x_mm, plane)
    shape = (len(DISTANCE_SHARES), rows.stop - rows.start, columns.stop - columns.start, COMPONENTS)
    maps = np.zeros(shape, dtype=np.float32)
    for distance, per_distance in enumerate(kernels):
        for component, kernel in enumerate(per_distance):
            # One axis first: rows that are cut away need no second transform.
            half = fft.ifft(spectrum * kernel, axis=0)[rows]
            maps[distance, ..., component] = fft.irfft(half, n=size, axis=1)[:, columns]
    first = plane.first_mm + plane.spacing_mm * np.array([columns.start, rows.start])
    distances = machine.source_axis_distance_mm * np.array(DISTANCE_SHARES) - TYPICAL_DEPTH_MM
    return BlurredFluence(maps, (float(first[0]), float(first[1]), plane.spacing_mm), distances)


def _cut(side_mm: tuple[float, float], plane: FluencePlane) -> slice:
    low, high = ((edge - plane.first_mm) / plane.spacing_mm for edge in side_mm)
    start = min(max(int(np.floor(low)), 0), plane.pixels - 2)
    return slice(start, max(min(int(np.ceil(high)) + 1, plane.pixels), start + 2))


@lru_cache(maxsize=16)
def _kernel_spectra(machine: BeamData, plane: FluencePlane, size: int) -> tuple[tuple[Transform, ...], ...]:
    """Fourier transforms of the kernels, per distance and component, the contaminating electrons last."""
    count = len(machine.pencil.build_up_per_mm) + 1
    if count > COMPONENTS:
        msg = f"'{machine.name}' has {count - 1} kernel components; at most {COMPONENTS - 1} can be used"
        raise InputError(msg)
    offset = np.arange(size)
    offset_mm = plane.spacing_mm * np.minimum(offset, size - offset)
    electrons = fft.rfft2(_electrons(machine, offset_mm, plane.spacing_mm).astype(np.float32))
    spectra = []
    for share in DISTANCE_SHARES:
        kernels = _sampled(machine, offset_mm * share, plane.spacing_mm * share)
        spectra.append((*(fft.rfft2(kernel.astype(np.float32)) for kernel in kernels), electrons))
    return tuple(spectra)


def _sampled(machine: BeamData, offset_mm: Array, pixel_mm: float) -> list[Array]:
    """Each kernel integrated over pixels at offsets ``[y, x]`` from its middle.

    A kernel is as steep as 1/r near its middle. There what lies between two near radii is spread over the
    pixels that this ring meets, so that nothing is lost; farther out the value in a pixel's middle will do.
    """
    radius_mm = np.hypot(offset_mm[:, None], offset_mm)
    far = 1.0 - _near(radius_mm, pixel_mm)
    edges_mm = np.arange(0.0, FAR_PIXELS * pixel_mm + RING_MM, RING_MM)
    middle_mm = (edges_mm[1:] + edges_mm[:-1]) / 2.0
    place, pixels = _pixels_of_rings(middle_mm / pixel_mm)
    corner = np.ix_(pixels, pixels)
    kernels = []
    for enclosed in _enclosed(machine):
        ring = np.diff(enclosed(edges_mm)) * _near(middle_mm, pixel_mm)
        shares = np.repeat(ring / (place.size // len(ring)), place.size // len(ring))
        near = np.bincount(place, shares, len(pixels) ** 2).reshape(len(pixels), -1)
        slope = enclosed(np.minimum(radius_mm, enclosed.x[-1]), 1) * (radius_mm < enclosed.x[-1])
        kernel = far * slope * pixel_mm**2 / (2.0 * np.pi * np.maximum(radius_mm, pixel_mm))
        kernel[corner] += near
        kernels.append(kernel)
    return kernels


def _near(radius_mm: Array, pixel_mm: float) -> Array:
    """1 about the middle of a kernel, 0 far from it, with a soft passage."""
    passed = np.clip((radius_mm / pixel_mm - NEAR_PIXELS) / (FAR_PIXELS - NEAR_PIXELS), 0.0, 1.0)
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * passed))


def _pixels_of_rings(radius: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Index into the corner of pixels for points all around rings, and the indices of that corner.

    Radii are in pixels; the corner is indexed like an array whose negative offsets stand at its end.
    """
    turn = (np.arange(DIRECTIONS) + 0.5) * 2.0 * np.pi / DIRECTIONS
    x, y = (np.rint(radius[:, None] * part).astype(np.int64) for part in (np.cos(turn), np.sin(turn)))
    reach = FAR_PIXELS + 1
    return ((y + reach) * (2 * reach + 1) + x + reach).ravel(), np.arange(-reach, reach + 1)


def _enclosed(machine: BeamData) -> list[PchipInterpolator]:
    """Integral of each kernel up to a radius: exact at the edges of the rings that its values stand for."""
    pencil = machine.pencil
    edges_mm = ring_edges_mm(pencil.radius_mm)
    rings = pencil.gy_per_mu_mm2 * np.pi * np.diff(edges_mm**2)
    whole = np.concatenate([np.zeros((len(rings), 1)), np.cumsum(rings, axis=1)], axis=1)
    return [PchipInterpolator(edges_mm, one) for one in whole]


def ring_edges_mm(radius_mm: Array) -> Array:
    """Edges (n + 1,) of the rings that the radii of kernels stand for: half-way to their neighbours."""
    return np.concatenate([[0.0], 0.5 * (radius_mm[1:] + radius_mm[:-1]), radius_mm[-1:]])


def integrals(machine: BeamData) -> Array:
    """Integral of each kernel over the whole plane, (components,): Gy per unit of a wide fluence."""
    return np.asarray(
        machine.pencil.gy_per_mu_mm2 @ (np.pi * np.diff(ring_edges_mm(machine.pencil.radius_mm) ** 2))
    )


def _electrons(machine: BeamData, offset_mm: Array, pixel_mm: float) -> Array:
    """Blur of the contaminating electrons times their dose at the surface of an open beam, per pixel."""
    head = machine.head
    taps = np.exp(-0.5 * (offset_mm / max(head.electron_sigma_mm, 0.5 * pixel_mm)) ** 2)
    taps = taps / taps.sum()
    return np.asarray(head.electron_share * machine.reference.gy_per_mu * np.outer(taps, taps))


def depth_parts(machine: BeamData, depth_mm: Array) -> Array:
    """``D_i(d)`` of the pencil kernels, (depths, components)."""
    pencil = machine.pencil
    fall = np.exp(-pencil.attenuation_per_mm * depth_mm)[:, None]
    rise = np.exp(-depth_mm[:, None] * pencil.build_up_per_mm)
    scale = pencil.build_up_per_mm / (pencil.build_up_per_mm - pencil.attenuation_per_mm)
    return np.asarray(scale * (fall - rise))


@lru_cache(maxsize=16)
def depth_table(machine: BeamData) -> Float32:
    """Depth parts every half millimetre, that of the electrons last, (depths, 4)."""
    depth_mm = np.arange(0.0, DEEPEST_MM + 0.25, 1.0 / STEPS_PER_MM)
    table = np.zeros((len(depth_mm), COMPONENTS), dtype=np.float32)
    parts = depth_parts(machine, depth_mm)
    table[:, : parts.shape[1]] = parts
    table[:, parts.shape[1]] = np.exp(-machine.head.electron_decay_per_mm * depth_mm)
    return table
