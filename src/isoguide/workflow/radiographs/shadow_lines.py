"""Smooth lines about the shadow of a structure, at the pixels of a radiograph."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.ndimage import uniform_filter1d

from isoguide.geometry.frames import Array
from isoguide.geometry.xray_view import XrayView
from isoguide.images.volume import Volume
from isoguide.workflow.radiographs.display_drr import coarser
from isoguide.workflow.silhouette import silhouettes_of_mask

COARSEST: Final = 4
"""Shadows of structures are computed with pixels no smaller than voxels, at most this many times larger."""
STEPS_PER_PIXEL: Final = 1.5
"""Vertices of a line about a shadow, where it crosses a pixel."""


def shadow_lines(mask: Volume, poses: Sequence[XrayView], pixel_mm: float) -> list[list[Array]]:
    """Return, for every pose, lines about the shadow of a structure, without the steps of its voxels.

    Parameters
    ----------
    mask
        The structure as values 0 and 1 on voxels of the planning CT.
    poses
        Views in its frame, all with one detector size.
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
    coarse = [coarser(pose, factor) for pose in poses]
    return [
        [(_smoothed(line, window) + 0.5) * factor - 0.5 for line in lines]
        for lines in silhouettes_of_mask(mask, coarse)
    ]


def _smoothed(line: Array, window: int) -> Array:
    """Average a closed line (n, 2) over neighbouring vertices, and keep as many as it takes then.

    Short lines stay as they are.
    """
    if len(line) < 3 * window:
        return line
    return np.asarray(uniform_filter1d(line[:-1], window, axis=0, mode="wrap"))[:: max(1, window // 3)]
