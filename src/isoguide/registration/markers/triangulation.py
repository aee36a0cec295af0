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
    _check(views, pixels)
    matrices = np.stack([view.pixel_from_xyz for view in views])
    point = _linear(matrices, pixels, covariances_px2)
    weights = np.linalg.inv(covariances_px2)
    for _ in range(_ITERATIONS):
        residual, jacobian = _residual(matrices, pixels, point)
        information = np.einsum("vji,vjk,vkl->il", jacobian, weights, jacobian)
        gradient = np.einsum("vji,vjk,vk->i", jacobian, weights, residual)
        point = point + np.linalg.solve(information, gradient)
    residual, jacobian = _residual(matrices, pixels, point)
    information = np.einsum("vji,vjk,vkl->il", jacobian, weights, jacobian)
    chi_square = float(np.einsum("vi,vij,vj->", residual, weights, residual))
    return Triangulation(MeasuredMarker(point, np.linalg.inv(information)), residual, chi_square)


def calibration_covariance_mm2(views: Sequence[XrayView], point_mm: Array, sigma_px: float) -> Array:
    """Covariance (3, 3) of a point by the calibration of the views, each off by ``sigma_px`` per axis.

    All markers of one pair of images share this error: it moves the constellation, it does not change it.
    """
    pixels = np.stack([view.project(np.atleast_2d(point_mm))[0] for view in views])
    covariances = np.tile(sigma_px**2 * np.eye(2), (len(views), 1, 1))
    return triangulate(views, pixels, covariances).marker.covariance_mm2


def _check(views: Sequence[XrayView], pixels: Array) -> None:
    if len(views) < 2 or np.asarray(pixels).shape != (len(views), 2):
        msg = f"a point in space takes one pixel in each of two views or more, not {len(views)}; add a view"
        raise GeometryError(msg)
    if len({view.frame for view in views}) > 1:
        msg = f"the views lie in different frames ({views[0].frame}, {views[1].frame}); bring them into one"
        raise GeometryError(msg)
    lines = np.stack(
        [
            (at := view.pixel_mm(pixel[None])[0] - view.source_mm) / np.linalg.norm(at)
            for view, pixel in zip(views, pixels, strict=True)
        ]
    )
    across = np.linalg.norm(np.cross(lines[0], lines[1:]), axis=1)
    if np.rad2deg(np.arcsin(np.minimum(across.max(), 1.0))) < LEAST_PARALLAX_DEG:
        msg = (
            f"the views differ by less than {LEAST_PARALLAX_DEG:g}°, so that depth is open; take another view"
        )
        raise GeometryError(msg)


def _linear(matrices: Array, pixels: Array, covariances_px2: Array) -> Array:
    rows = []
    for matrix, pixel, covariance in zip(matrices, pixels, covariances_px2, strict=True):
        sigma = float(np.sqrt(np.trace(covariance) / 2.0))
        rows += [(pixel[0] * matrix[2] - matrix[0]) / sigma, (pixel[1] * matrix[2] - matrix[1]) / sigma]
    system = np.stack(rows)
    return np.asarray(np.linalg.lstsq(system[:, :3], -system[:, 3], rcond=None)[0])


def _residual(matrices: Array, pixels: Array, point: Array) -> tuple[Array, Array]:
    homogeneous = matrices[:, :, :3] @ point + matrices[:, :, 3]
    seen = homogeneous[:, :2] / homogeneous[:, 2:]
    jacobian = (matrices[:, :2, :3] - seen[:, :, None] * matrices[:, 2:, :3]) / homogeneous[:, 2, None, None]
    return pixels - seen, jacobian
