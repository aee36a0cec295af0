"""Where the patient roughly lies: pictures of the planning CT in many rotations, correlated with the images.

Pictures and images are band-passed, so that neither scatter nor noise takes part. One correlation gives all
shifts of one view; a lattice of shifts in space adds the views up, which keeps them consistent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage
from scipy.spatial.transform import Rotation

from isoguide.geometry.frames import PLANNING, Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.geometry.xray_view import XrayView
from isoguide.projection.project import project_volume
from isoguide.registration.radiographs.rays import RayVolume, magnification, wide_view
from isoguide.registration.refine import displacement_mm

Float32 = NDArray[np.float32]

RAY_MM: Final = 4.0
PANEL: Final = 64
"""Rays along an edge of a picture: 256 mm at the isocentre."""
LARGEST_SHIFT_MM: Final = 36.0
STEPS_DEG: Final = (-6.0, -3.0, 0.0, 3.0, 6.0)
FINE_SIGMA, COARSE_SIGMA = 0.7, 3.0
"""Band of the pictures, in rays: vertebrae and ribs stay, the shade of the body goes."""
SEEN_RAYS: Final = 20
"""Images count this far from the isocentre: the picture is that much larger than shift and image together."""
LOOKED_AT: Final = 1000
"""Best scores that starts are taken from."""
APART_MM: Final = 6.0
"""Starts closer than this at any point 50 mm from the isocentre are one."""


@dataclass(frozen=True, eq=False)
class ViewLibrary:
    """Pictures of one view.

    ``wide`` is their panel; ``spectra`` complex64 (rotations, rows, columns / 2 + 1), conjugated; ``lengths``
    float32 (rotations, shifts) the norm of what the image would be compared with; ``shifts`` (shifts,) the
    place in a correlation that belongs to each shift of the lattice; ``seen`` where the panel has pixels.
    """

    wide: XrayView
    spectra: NDArray[np.complex64]
    lengths: Float32
    shifts: NDArray[np.int64]
    seen: Float32


@dataclass(frozen=True, eq=False)
class Library:
    """Poses are ``rotations`` (r, 3, 3) about the isocentre times shifts ``lattice_mm`` (t, 3)."""

    rotations: Array
    lattice_mm: Array
    views: tuple[ViewLibrary, ...]


def build_library(volume: RayVolume, views: Sequence[XrayView], centre_mm: Array) -> Library:
    """Make the pictures of all rotations; with one view the shifts have no depth."""
    angles = np.array(list(product(STEPS_DEG, repeat=3)))
    rotations = Rotation.from_rotvec(np.deg2rad(angles)).as_matrix()
    steps = np.arange(-LARGEST_SHIFT_MM, LARGEST_SHIFT_MM + 1.0, RAY_MM)
    lattice = np.array(list(product(steps, repeat=3)))
    if len(views) == 1:
        lattice = _across(lattice, views[0].source_mm - centre_mm)
    parts = tuple(_view_library(volume, view, centre_mm, rotations, lattice) for view in views)
    return Library(rotations, lattice, parts)


def best_starts(
    library: Library, images: Sequence[Float32], seen: Sequence[Float32], centre_mm: Array, count: int
) -> list[Array]:
    """Return the poses (4, 4) daily from planning that look most like the images, best first.

    ``seen`` says which rays of each image count (1.0) and which do not (0.0).
    """
    score = np.zeros((len(library.rotations), len(library.lattice_mm)), dtype=np.float32)
    for part, image, rays in zip(library.views, images, seen, strict=True):
        score += _correlate(part, image, rays)
    best = np.argpartition(-score.ravel(), LOOKED_AT)[:LOOKED_AT]
    order = best[np.lexsort((best, -score.ravel()[best]))]
    poses: list[Array] = []
    probes = centre_mm + 50.0 * np.concatenate([np.eye(3), -np.eye(3)])
    for flat in order:
        rotation, shift = np.unravel_index(flat, score.shape)
        pose = np.eye(4)
        pose[:3, :3] = library.rotations[rotation]
        pose[:3, 3] = centre_mm + library.lattice_mm[shift] - pose[:3, :3] @ centre_mm
        if all(displacement_mm(other, pose, probes).max() >= APART_MM for other in poses):
            poses.append(pose)
        if len(poses) == count:
            break
    return poses


def band_pass(image: Float32) -> Float32:
    """Keep what is between the two sigmas, in pixels of the image."""
    fine, coarse = (
        ndimage.gaussian_filter(image, sigma, mode="nearest") for sigma in (FINE_SIGMA, COARSE_SIGMA)
    )
    return np.asarray(fine - coarse, dtype=np.float32)


def seen_by(view: XrayView, wide: XrayView) -> tuple[Array, Float32]:
    """Pixels (n, 2) of a view at the rays of a wide panel, and 1.0 where it has them and they count."""
    column, row = np.meshgrid(np.arange(PANEL), np.arange(PANEL))
    rays = np.stack([column.ravel(), row.ravel()], axis=-1).astype(np.float64)
    pixels = view.project(wide.pixel_mm(rays))
    inside = ((pixels >= 0.0) & (pixels <= np.array(view.size) - 1.0)).all(axis=1)
    inside &= (np.abs(rays - (PANEL - 1) / 2.0) <= SEEN_RAYS).all(axis=1)
    return pixels, inside.reshape(PANEL, PANEL).astype(np.float32)


def _across(lattice: Array, depth: Array) -> Array:
    depth = depth / np.linalg.norm(depth)
    flat = np.rint((lattice - np.outer(lattice @ depth, depth)) * 10.0) / 10.0
    near = flat[np.linalg.norm(lattice @ depth[:, None], axis=1) <= RAY_MM]
    return np.asarray(np.unique(near, axis=0))


def _view_library(
    volume: RayVolume, view: XrayView, centre_mm: Array, rotations: Array, lattice: Array
) -> ViewLibrary:
    wide = wide_view(view, centre_mm, RAY_MM, PANEL)
    turned = [wide.in_frame(_seen_from_planning(rotation, centre_mm)) for rotation in rotations]
    pictures = np.stack([band_pass(p) for p in project_volume(volume.values, volume.grid, turned)])
    spectra = np.conj(fft.rfft2(pictures)).astype(np.complex64)
    _, seen = seen_by(view, wide)
    at_pixels = (wide.project(centre_mm + lattice) - wide.project(centre_mm[None])).round().astype(np.int64)
    shifts = (at_pixels[:, 1] % PANEL) * PANEL + at_pixels[:, 0] % PANEL
    squares = np.conj(fft.rfft2(pictures**2))
    powers = fft.irfft2(fft.rfft2(seen) * squares, s=(PANEL, PANEL)).reshape(len(pictures), -1)
    lengths = np.sqrt(np.maximum(powers[:, shifts], powers.max() * 1e-4)).astype(np.float32)
    return ViewLibrary(wide, spectra, lengths, shifts, seen)


def _seen_from_planning(rotation: Array, centre_mm: Array) -> RigidTransform:
    back = rotation.T
    return RigidTransform.from_parts(PLANNING, PLANNING, back, centre_mm - back @ centre_mm)


def _correlate(part: ViewLibrary, image: Float32, rays: Float32) -> Float32:
    """Normalised correlation (rotations, shifts) of an image at the rays of the wide panel."""
    windowed = band_pass(image) * part.seen * rays
    length = max(float(np.linalg.norm(windowed)), 1e-12)
    spectrum = fft.rfft2(windowed).astype(np.complex64)
    surfaces = fft.irfft2(part.spectra * spectrum, s=(PANEL, PANEL)).reshape(len(part.spectra), -1)
    return np.asarray(surfaces[:, part.shifts] / (part.lengths * np.float32(length)), dtype=np.float32)


def coarse_image(view: XrayView, wide: XrayView, image: Float32, centre_mm: Array) -> Float32:
    """Resample an image to the rays of a wide panel, blurred accordingly; its border continues outward."""
    pitch_mm = RAY_MM * magnification(view, centre_mm)
    sigma = [0.5 * pitch_mm / mm for mm in view.pixel_spacing_mm[::-1]]
    pixels, _ = seen_by(view, wide)
    blurred = ndimage.gaussian_filter(image, sigma, mode="nearest")
    sampled = ndimage.map_coordinates(blurred, pixels.T[::-1], order=1, mode="nearest")
    return np.asarray(sampled.reshape(PANEL, PANEL), dtype=np.float32)


def counted_rays(view: XrayView, wide: XrayView, counts: NDArray[np.bool_] | None) -> Float32:
    """1.0 at the rays of a wide panel whose pixels count, 0.0 elsewhere; all count where none is named."""
    if counts is None:
        return np.ones((PANEL, PANEL), dtype=np.float32)
    pixels, _ = seen_by(view, wide)
    share = ndimage.map_coordinates(counts.astype(np.float32), pixels.T[::-1], order=1, mode="nearest")
    return np.asarray(share.reshape(PANEL, PANEL) > 0.5, dtype=np.float32)
