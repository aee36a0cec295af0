"""X-ray views from 3×4 projection matrices, as calibrations of room-mounted imagers state them.

The way back is :attr:`isoguide.geometry.xray_view.XrayView.pixel_from_xyz`. Source: R. Hartley and
A. Zisserman, Multiple View Geometry in Computer Vision, 2nd ed., sections 6.2.3 and 6.2.4.
"""

from typing import Final

import numpy as np

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array, Frame, frozen_array
from isoguide.geometry.xray_view import XrayView

LARGEST_MISFIT_PX: Final = 0.05
"""A matrix that no flat detector with these pixels reproduces this well has other pixels, or is sheared."""

SMALLEST_RECIPROCAL_CONDITION: Final = 1e-9
"""Below, the left part of a matrix that was scaled to unit rows is singular: the source is at infinity."""


def view_from_matrix(
    matrix: Array,
    *,
    frame: Frame,
    pixel_spacing_mm: tuple[float, float],
    size: tuple[int, int],
    seen_mm: Array,
) -> XrayView:
    """Return the source and the flat detector that a projection matrix stands for.

    A matrix says nothing about the size of a pixel and nothing about which side of the source is in front, so
    both are asked for.

    Parameters
    ----------
    matrix
        (3, 4), from (x, y, z, 1) in mm of ``frame`` to (column·w, row·w, w), of any scale and sign; pixels
        are counted from 0 at the centre of the first one.
    frame
        The coordinate system of the matrix.
    pixel_spacing_mm
        Distance between columns and between rows, on the detector.
    size
        Number of columns and of rows.
    seen_mm
        A point (3,) that lies in front of the source, such as the isocentre.

    Raises
    ------
    GeometryError
        If the matrix is singular, ``seen_mm`` is level with the source, or no flat detector with rectangular
        pixels of this size has this matrix.
    """
    view, inner = _nearest(matrix, seen_mm, frame, pixel_spacing_mm, size)
    misfit_px = _misfit_px(inner, view)
    if misfit_px > LARGEST_MISFIT_PX:
        spacing = " × ".join(f"{mm:g}" for mm in view.pixel_spacing_mm)
        msg = (
            f"no flat detector with rectangular pixels of {spacing} mm has this projection matrix: its "
            f"corners are {misfit_px:.3g} pixels off; check the pixel spacing"
        )
        raise GeometryError(msg)
    return view


def nearest_view(
    matrix: Array,
    *,
    frame: Frame,
    pixel_spacing_mm: tuple[float, float],
    size: tuple[int, int],
    seen_mm: Array,
) -> XrayView:
    """Return a view near a projection matrix that was estimated, and therefore is sheared a little.

    Parameters and errors as for :func:`view_from_matrix`, except that the pixels need not suit.
    """
    return _nearest(matrix, seen_mm, frame, pixel_spacing_mm, size)[0]


def _nearest(
    matrix: Array, seen_mm: Array, frame: Frame, pixel_spacing_mm: tuple[float, float], size: tuple[int, int]
) -> tuple[XrayView, Array]:
    given = frozen_array(matrix, (3, 4), "the projection matrix")
    inner, axes, source_mm = _parts(given, frozen_array(seen_mm, (3,), "the point that is seen"))
    spacing = np.array(pixel_spacing_mm, dtype=np.float64)
    distance_mm = float(np.mean([inner[0, 0] * spacing[0], inner[1, 1] * spacing[1]]))
    off_mm = ((np.array(size, dtype=np.float64) - 1.0) / 2.0 - inner[:2, 2]) * spacing
    centre_mm = source_mm + np.array([*off_mm, distance_mm]) @ axes
    return XrayView(frame, source_mm, centre_mm, axes[0], axes[1], pixel_spacing_mm, size), inner


def _parts(matrix: Array, seen_mm: Array) -> tuple[Array, Array, Array]:
    """Return the inner matrix (3, 3), rows row, column and normal direction (3, 3), and the source (3,)."""
    lengths = np.linalg.norm(matrix[:, :3], axis=1, keepdims=True)
    if lengths.min() == 0.0 or 1.0 / np.linalg.cond(matrix[:, :3] / lengths) < SMALLEST_RECIPROCAL_CONDITION:
        msg = "the projection matrix is singular, so that it has no source; calibrate the imager again"
        raise GeometryError(msg)
    source_mm: Array = np.asarray(-np.linalg.solve(matrix[:, :3], matrix[:, 3]), dtype=np.float64)
    depth = float(matrix[2, :3] @ (seen_mm - source_mm))
    if depth == 0.0:
        msg = f"the point {seen_mm.tolist()} mm is level with the X-ray source; give one that is seen"
        raise GeometryError(msg)
    left = matrix[:, :3] * (np.sign(depth) / lengths[2])
    # The rows of a triangular matrix times a rotation, from the last to the first: Gram and Schmidt.
    normal = left[2]
    centre = left @ normal
    down = left[1] - centre[1] * normal
    scale_down = float(np.linalg.norm(down))
    column = down / scale_down
    shear = float(left[0] @ column)
    along = left[0] - centre[0] * normal - shear * column
    scale_along = float(np.linalg.norm(along))
    row = along / scale_along
    inner: Array = np.array([[scale_along, shear, centre[0]], [0.0, scale_down, centre[1]], [0.0, 0.0, 1.0]])
    axes: Array = np.stack([row, column, normal])
    return inner, axes, source_mm


def _misfit_px(inner: Array, view: XrayView) -> float:
    """Compare where the inner matrix and the view show the corners of the detector."""
    ends = np.array(view.size, dtype=np.float64) - 1.0
    corners = np.array([[0.0, 0.0, 1.0], [ends[0], 0.0, 1.0], [0.0, ends[1], 1.0], [*ends, 1.0]])
    rays = np.linalg.solve(inner, corners.T).T
    scale = view.source_detector_distance_mm / np.array(view.pixel_spacing_mm)
    return float(np.abs(rays[:, :2] * scale + inner[:2, 2] - corners[:, :2]).max())
