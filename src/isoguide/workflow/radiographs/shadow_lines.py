"""Smooth lines about the shadow of a structure, at the pixels of a radiograph."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.ndimage import uniform_filter1d

from isoguide.geometry.frames import Array
from isoguide.geometry.xray_view import XrayView
from isoguide.images.volume import Volume
from isoguide.workflow.radiographs.display_drr import coarser, window_of
from isoguide.workflow.silhouette import silhouettes_of_mask

COARSEST: Final = 4
"""Shadows of structures are computed with pixels no smaller than voxels, at most this many times larger."""
MARGIN: Final = 2
"""Pixels about the shadow of the box of a structure: a line about a shadow needs nothing beside it."""
STEPS_PER_PIXEL: Final = 1.5
"""Vertices of a line about a shadow, where it crosses a pixel."""


def shadow_lines(mask: Volume, poses: Sequence[XrayView], pixel_mm: float) -> list[list[Array]]:
    """Return, for every pose, lines about the shadow of a structure, without the steps of its voxels.

    Parameters
    ----------
    mask
        The structure as values 0 and 1 on voxels of the planning CT.
    poses
        Views in its frame.
    pixel_mm
        Length of their pixels at the isocentre.

    Returns
    -------
    list of list of (n, 2)
        Pixels, column and row; whole numbers are the middles of pixels.
    """
    spacing_mm = mask.grid.spacing_mm
    factor = int(np.clip(spacing_mm.min() / pixel_mm, 1, COARSEST))
    window = 1 + 2 * round(STEPS_PER_PIXEL * float(spacing_mm.max()) / (factor * pixel_mm))
    return [
        [(_smoothed(line, window) + 0.5) * factor - 0.5 for line in _silhouette(mask, coarser(pose, factor))]
        for pose in poses
    ]


def _silhouette(mask: Volume, view: XrayView) -> list[Array]:
    """Return the lines in a view; only rays that may meet the structure are cast."""
    corners = view.project(_corners_mm(mask))
    first = np.maximum(np.floor(corners.min(axis=0)).astype(int) - MARGIN, 0)
    last = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 1 + MARGIN, view.size)
    if (first >= last).any():
        return []
    columns, rows = (slice(int(start), int(stop)) for start, stop in zip(first, last, strict=True))
    (lines,) = silhouettes_of_mask(mask, [window_of(view, rows, columns)])
    return [line + first for line in lines]


def _corners_mm(mask: Volume) -> Array:
    """Corners of the box of voxels, (8, 3)."""
    k, j, i = mask.grid.shape
    ends = np.array([[-0.5, i - 0.5], [-0.5, j - 0.5], [-0.5, k - 0.5]])
    return mask.grid.xyz(np.stack(np.meshgrid(*ends), axis=-1).reshape(-1, 3))


def _smoothed(line: Array, window: int) -> Array:
    """Average a closed line (n, 2) over neighbouring vertices, and keep as many as it takes then.

    Short lines stay as they are.
    """
    if len(line) < 3 * window:
        return line
    return np.asarray(uniform_filter1d(line[:-1], window, axis=0, mode="wrap"))[:: max(1, window // 3)]
