"""Gauss-Newton: move the planning CT until its rays look like the images in every patch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.geometry.frames import Array
from isoguide.geometry.xray_view import XrayView
from isoguide.kernels.ray_gradient import VALUE, march_rays_with_motion
from isoguide.registration.radiographs.rays import RayLevel, RayVolume, ViewPatches, on_panel, rays_inside
from isoguide.registration.refine import (
    DAMPING,
    LEAST_CORRELATION,
    NOISE_FLOOR,
    OUTLIER_SCALES,
    small_motion,
    weighted_sum,
)
from isoguide.registration.templates import LEVER_MM

Float32 = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

LEAST_CONTRAST: Final = 1e-6
"""A patch whose rays or pixels vary less is empty."""
LEAST_CHANGE: Final = 1e-3
"""A blur that changes less of a patch than this share of its contrast is rounding."""
PARAMETERS_MM: Final = np.array([1.0, 1.0, 1.0, LEVER_MM, LEVER_MM, LEVER_MM])


@dataclass(frozen=True, slots=True, eq=False)
class PatchImage:
    """An image with the blur of a level; ``counts``, where given, says which pixels patches may touch."""

    values: Float32
    counts: BoolArray | None = None

    def at(self, pixels: Array) -> Array:
        """Values (n,) at columns and rows (n, 2)."""
        return np.asarray(
            ndimage.map_coordinates(self.values, pixels.T[::-1], order=1, output=np.float64, mode="nearest")
        )

    def count_at(self, pixels: Array) -> BoolArray:
        """Tell which of the columns and rows (..., 2), all on the panel, count."""
        if self.counts is None:
            return np.ones(pixels.shape[:-1], dtype=bool)
        column, row = np.moveaxis(np.rint(pixels).astype(np.int64), -1, 0)
        return np.asarray(self.counts[row, column])


@dataclass(frozen=True, slots=True, eq=False)
class RayFit:
    """Where a refinement ended and what each patch of each view said there.

    ``daily_from_planning`` (4, 4). Per patch: ``view`` its number, ``correlation`` (NaN where not shown),
    ``confidence`` by itself, ``weight`` also by how it agrees with the others, ``gradient`` (patches, 6) and
    ``information`` (patches, 6, 6) of the motion in mm.
    """

    daily_from_planning: Array
    view: NDArray[np.int64]
    correlation: Array
    confidence: Array
    weight: Array
    gradient: Array
    information: Array

    @property
    def normal(self) -> Array:
        """Weighted sum of the information, (6, 6)."""
        return np.asarray(np.einsum("p,pij->ij", self.weight, self.information))

    @property
    def similarity(self) -> float:
        """Mean correlation of the patches shown, 0 when none is."""
        shown = np.isfinite(self.correlation)
        return float(self.correlation[shown].mean()) if shown.any() else 0.0

    @property
    def merit(self) -> float:
        """Mean log-likelihood of the patches shown, less where few of them are: compares answers."""
        shown = np.isfinite(self.correlation)
        if not shown.any():
            return 0.0
        clipped = np.clip(self.correlation[shown], 0.0, 1.0)
        mean = float(-np.log(1.0 - clipped**2 + NOISE_FLOOR).mean())
        return mean * float(np.sqrt(shown.mean()))


def evaluate(
    level: RayLevel, views: Sequence[XrayView], images: Sequence[PatchImage], pose: Array, centre_mm: Array
) -> RayFit:
    """Compare every patch at a pose (4, 4) daily from planning."""
    parts = [
        _view_terms(level.volume, patches, view, image, pose, centre_mm)
        for patches, view, image in zip(level.views, views, images, strict=True)
    ]
    correlation, gradient, information = (np.concatenate([part[n] for part in parts]) for n in range(3))
    number = np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])
    usable = correlation > LEAST_CORRELATION
    near = np.concatenate([patches.near for patches in level.views])
    confidence = np.where(usable, near * correlation**2 / (1.0 - correlation**2 + NOISE_FLOOR), 0.0)
    gradient = np.where(usable[:, None], gradient, 0.0)
    weight = confidence * _agreement(confidence, gradient, information)
    return RayFit(pose, number, correlation, confidence, weight, gradient, information)


def refine_rays(
    level: RayLevel,
    views: Sequence[XrayView],
    images: Sequence[PatchImage],
    start: RayFit | Array,
    centre_mm: Array,
    *,
    steps: int,
    tolerance_mm: float,
) -> RayFit:
    """Refine a pose until a step is shorter than ``tolerance_mm`` or ``steps`` are done.

    With one view the shift along its axis stays as it was at the start.
    """
    pose = start.daily_from_planning if isinstance(start, RayFit) else start
    taken, longest = 0, np.inf
    while True:
        fit = evaluate(level, views, images, pose, centre_mm)
        if taken >= steps or longest < tolerance_mm or not fit.weight.any():
            return fit
        step, longest = gauss_newton_step(fit, views, centre_mm, 3.0 * level.ray_mm)
        pose = pose @ small_motion(step, centre_mm)
        taken += 1


def gauss_newton_step(
    fit: RayFit, views: Sequence[XrayView], centre_mm: Array, limit_mm: float
) -> tuple[Array, float]:
    """Return the next step (6,) in mm, at most ``limit_mm`` long, and how long it would have been.

    With one view there is no step along its axis.
    """
    basis = np.eye(6) if len(views) > 1 else without_depth(views[0], fit.daily_from_planning, centre_mm)
    step = basis @ solve(basis.T @ fit.normal @ basis, basis.T @ weighted_sum(fit.weight, fit.gradient))
    longest = float(np.abs(step).max())
    return step * min(1.0, limit_mm / max(longest, limit_mm)), longest


def solve(normal: Array, gradient: Array) -> Array:
    """Solve the damped normal equations."""
    damped = normal + DAMPING * np.trace(normal) / len(normal) * np.eye(len(normal))
    return np.asarray(np.linalg.solve(damped, gradient))


def without_depth(view: XrayView, pose: Array, centre_mm: Array) -> Array:
    """Columns (6, 5): shifts along the detector's rows and columns as one view sees them, and rotations.

    In the planning CT's own axes at a pose; shifts run across the ray through the isocentre.
    """
    depth = view.source_mm - (pose[:3, :3] @ centre_mm + pose[:3, 3])
    depth = depth / np.linalg.norm(depth)
    along_row = view.row_direction - depth * (depth @ view.row_direction)
    along_row = along_row / np.linalg.norm(along_row)
    along_column = np.cross(depth, along_row)
    along_column *= np.sign(along_column @ view.column_direction)
    basis = np.zeros((6, 5))
    basis[:3, :2] = pose[:3, :3].T @ np.column_stack([along_row, along_column])
    basis[3:, 2:] = np.eye(3)
    return basis


def _view_terms(
    volume: RayVolume, patches: ViewPatches, view: XrayView, image: PatchImage, pose: Array, centre_mm: Array
) -> tuple[Array, Array, Array]:
    """Correlation (patches,), gradient (patches, 6) and information (patches, 6, 6) of one view."""
    count = len(patches.anchors_mm)
    correlation, gradient, information = np.full(count, np.nan), np.zeros((count, 6)), np.zeros((count, 6, 6))
    middles = view.project(patches.anchors_mm @ pose[:3, :3].T + pose[:3, 3])
    shown = on_panel(view, middles, patches.offsets)
    source = (view.source_mm - pose[:3, 3]) @ pose[:3, :3] - centre_mm
    centre_rays = (view.pixel_mm(middles) - pose[:3, 3]) @ pose[:3, :3] - centre_mm
    used = np.flatnonzero(shown & rays_inside(volume, source, centre_rays))
    pixels = middles[used, None] + patches.offsets
    counted = image.count_at(pixels).all(axis=1)
    used, pixels = used[counted], pixels[counted].reshape(-1, 2)
    if len(used) == 0:
        return correlation, gradient, information
    rays = np.empty((len(pixels), 2, 3))
    rays[:, 0] = source
    rays[:, 1] = (view.pixel_mm(pixels) - pose[:3, 3]) @ pose[:3, :3] - centre_mm
    sums = march_rays_with_motion(volume.padded, volume.index_from_mm, rays)
    sums[:, 1:] /= PARAMETERS_MM
    measured, bends = _with_bends(image, pixels, patches.offsets)
    shape = (len(used), -1)
    terms = _patch_terms(
        sums.reshape(*shape, 7),
        measured.reshape(shape),
        [bend.reshape(shape) for bend in bends],
        patches.smooth,
    )
    correlation[used], gradient[used], information[used] = terms
    return correlation, gradient, information


def _with_bends(image: PatchImage, pixels: Array, offsets: Array) -> tuple[Array, list[Array]]:
    """Values at pixels (n, 2), and the second differences along rows and columns: what a blur changes."""
    measured = image.at(pixels)
    pitch = offsets[-1] - offsets[0]
    steps = np.diag(pitch / (np.sqrt(len(offsets)) - 1.0))
    return measured, [image.at(pixels + step) - 2.0 * measured + image.at(pixels - step) for step in steps]


def _patch_terms(
    sums: Array, measured: Array, bends: Sequence[Array], smooth: Array
) -> tuple[Array, Array, Array]:
    """Take ramps, gain, offset and blur out of rays (p, n, 7) and pixels (p, n); the rest tells motion."""
    clean = sums - np.einsum("nq,pqc->pnc", smooth, np.einsum("nq,pnc->pqc", smooth, sums))
    pixels = measured - (measured @ smooth) @ smooth.T
    length, pixel_length = np.linalg.norm(clean[:, :, VALUE], axis=1), np.linalg.norm(pixels, axis=1)
    full = (length > LEAST_CONTRAST) & (pixel_length > LEAST_CONTRAST)
    length, pixel_length = np.maximum(length, LEAST_CONTRAST), np.maximum(pixel_length, LEAST_CONTRAST)
    clean = clean / length[:, None, None]
    template, slopes = clean[:, :, VALUE], clean[:, :, 1:]
    for known in _orthonormal(template, bends, smooth):
        slopes = slopes - known[:, :, None] * np.einsum("pn,pnc->pc", known, slopes)[:, None]
    gain = np.einsum("pn,pn->p", template, pixels)
    correlation = np.where(full, gain / pixel_length, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        gradient = np.einsum("pnc,pn->pc", slopes, pixels) / gain[:, None]
    return correlation, gradient, slopes.swapaxes(1, 2) @ slopes


def _orthonormal(template: Array, bends: Sequence[Array], smooth: Array) -> list[Array]:
    """Span what moves no patch: its values (p, n) and, made orthogonal, what a blur does to them."""
    basis = [template]
    for bend in bends:
        rest = bend - (bend @ smooth) @ smooth.T
        whole = np.linalg.norm(rest, axis=1, keepdims=True)
        for known in basis:
            rest = rest - np.einsum("pn,pn->p", rest, known)[:, None] * known
        size = np.linalg.norm(rest, axis=1, keepdims=True)
        basis.append(np.divide(rest, size, out=np.zeros_like(rest), where=size > LEAST_CHANGE * whole))
    return basis


def _agreement(weight: Array, gradient: Array, information: Array) -> Array:
    """Tukey weights for how far each patch's own wish is from the common one, in its own noise."""
    if not weight.any():
        return weight
    normal = np.einsum("p,pij->ij", weight, information)
    common = solve(normal, weighted_sum(weight, gradient))
    wish = gradient - information @ common
    size = np.maximum(np.trace(information, axis1=1, axis2=2), 1e-12)
    distance = np.sqrt(weight * (wish**2).sum(axis=1) / size)
    scale = 1.4826 * float(np.median(distance[weight > 0.0])) + 1e-12
    tukey: Array = np.clip(1.0 - (distance / (OUTLIER_SCALES * scale)) ** 2, 0.0, None) ** 2
    return tukey
