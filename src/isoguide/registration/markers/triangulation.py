"""A marker in space from its images: linear start, Gauss-Newton on the pixels, and the covariance.

Source: Hartley and Zisserman, Multiple View Geometry, 2nd edition, chapter 12.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array
from isoguide.geometry.xray_view import XrayView
from isoguide.registration.markers.declared import MeasuredMarker

LEAST_PARALLAX_DEG: Final = 5.0
"""Rays that differ by less in direction do not meet at a point worth knowing."""
_ITERATIONS: Final = 5


@dataclass(frozen=True, slots=True, eq=False)
class Triangulation:
    """A point from its images.

    Parameters
    ----------
    marker
        Where it is, in the views' frame; the covariance is that of the pixels alone.
    residual_px
        What remains in each view, (views, 2).
    chi_square
        Of the residual; with two views, 1 degree of freedom: by how far the rays miss each other.
    """

    marker: MeasuredMarker
    residual_px: Array
    chi_square: float


def triangulate(views: Sequence[XrayView], pixels: Array, covariances_px2: Array) -> Triangulation:
    """Return the point whose images are nearest to the pixels, weighted by their covariances.

    Parameters
    ----------
    views
        Two or more, in one frame.
    pixels, covariances_px2
        Where each sees the point (column, row), (views, 2), and the covariances, (views, 2, 2).

    Raises
    ------
    GeometryError
        If there are fewer than two views, their frames differ, or all look along the same line.
    """
    pixels = np.asarray(pixels)
    if len(views) < 2 or pixels.shape != (len(views), 2):
        msg = f"a point in space takes one pixel in each of two views or more, not {len(views)}; add a view"
        raise GeometryError(msg)
    found = triangulate_all(views, pixels[None], np.asarray(covariances_px2)[None])
    marker = MeasuredMarker(found.position_mm[0], found.covariance_mm2[0])
    return Triangulation(marker, found.residual_px[0], float(found.chi_square[0]))


@dataclass(frozen=True, slots=True, eq=False)
class Triangulations:
    """Many points, each from its images: as :class:`Triangulation`, with the points first, (n, ...)."""

    position_mm: Array
    covariance_mm2: Array
    residual_px: Array
    chi_square: Array


def triangulate_all(views: Sequence[XrayView], pixels: Array, covariances_px2: Array) -> Triangulations:
    """Return many points at once, each as :func:`triangulate` does.

    Parameters
    ----------
    views
        Two or more, in one frame.
    pixels, covariances_px2
        Where each view sees each point (column, row), (n, views, 2), and the covariances, (n, views, 2, 2).

    Raises
    ------
    GeometryError
        If the views' frames differ, or all look along the same line.
    """
    _check(views, pixels)
    matrices = np.stack([view.pixel_from_xyz for view in views])
    points = _linear(matrices, pixels, covariances_px2)
    weights = np.linalg.inv(covariances_px2)
    for _ in range(_ITERATIONS):
        residual, jacobian = _residual(matrices, pixels, points)
        information = np.einsum("nvji,nvjk,nvkl->nil", jacobian, weights, jacobian)
        gradient = np.einsum("nvji,nvjk,nvk->ni", jacobian, weights, residual)
        points = points + np.linalg.solve(information, gradient[..., None])[..., 0]
    residual, jacobian = _residual(matrices, pixels, points)
    information = np.einsum("nvji,nvjk,nvkl->nil", jacobian, weights, jacobian)
    chi_square = np.einsum("nvi,nvij,nvj->n", residual, weights, residual)
    return Triangulations(points, np.linalg.inv(information), residual, chi_square)


def calibration_covariance_mm2(views: Sequence[XrayView], point_mm: Array, sigma_px: float) -> Array:
    """Covariance (3, 3) of a point by the calibration of the views, each off by ``sigma_px`` per axis.

    All markers of one pair of images share this error: it moves the constellation, it does not change it.
    """
    pixels = np.stack([view.project(np.atleast_2d(point_mm))[0] for view in views])
    covariances = np.tile(sigma_px**2 * np.eye(2), (len(views), 1, 1))
    return triangulate(views, pixels, covariances).marker.covariance_mm2


def _check(views: Sequence[XrayView], pixels: Array) -> None:
    if len({view.frame for view in views}) > 1:
        msg = f"the views lie in different frames ({views[0].frame}, {views[1].frame}); bring them into one"
        raise GeometryError(msg)
    if len(pixels) == 0:
        return
    rays = np.stack([view.pixel_mm(pixels[:, v]) - view.source_mm for v, view in enumerate(views)], axis=1)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    across = np.linalg.norm(np.cross(rays[:, :1], rays[:, 1:]), axis=-1).max(axis=1)
    if np.rad2deg(np.arcsin(np.minimum(across.min(), 1.0))) < LEAST_PARALLAX_DEG:
        msg = (
            f"the views differ by less than {LEAST_PARALLAX_DEG:g}°, so that depth is open; take another view"
        )
        raise GeometryError(msg)


def _linear(matrices: Array, pixels: Array, covariances_px2: Array) -> Array:
    sigma = np.sqrt(np.trace(covariances_px2, axis1=-2, axis2=-1) / 2.0)
    rows = pixels[..., None] * matrices[:, 2:] - matrices[:, :2]
    rows = (rows / sigma[..., None, None]).reshape(len(pixels), -1, 4)
    turned = rows[..., :3].transpose(0, 2, 1)
    return np.asarray(np.linalg.solve(turned @ rows[..., :3], -turned @ rows[..., 3:])[..., 0])


def _residual(matrices: Array, pixels: Array, points: Array) -> tuple[Array, Array]:
    homogeneous = np.einsum("vij,nj->nvi", matrices[:, :, :3], points) + matrices[:, :, 3]
    seen = homogeneous[..., :2] / homogeneous[..., 2:]
    slopes = matrices[:, :2, :3] - seen[..., None] * matrices[:, 2:, :3]
    return pixels - seen, np.asarray(slopes / homogeneous[..., 2, None, None])
