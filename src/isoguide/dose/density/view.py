"""What the day's image shows: padding is told from air, because one is unknown and the other is outside.

Scanners fill what they have not reconstructed with one value, often that of air. Where the fill cuts tissue,
the field of view ends within the patient; where it meets nothing but air, there is air.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.dose.density.result import Float32, Mask
from isoguide.images.volume import VolumeValues
from isoguide.kernels.filtering import blank_border_runs

PLATEAU: Final = 1e-3
"""The lowest value is a fill, or clipped air, when this share of the voxels has it."""
TISSUE_SHARE: Final = 0.7
"""Of the way from the fill to soft tissue: what is brighter is no longer the blur of a skin."""
CUT_SHARE, CUT_VOXELS = 0.02, 4
"""A slice is cut when the fill touches tissue along this share of its border, and at so many voxels."""


def shown(values: VolumeValues) -> Float32:
    """Copy grey values ``[k, j, i]`` to float32, NaN where the image shows nothing.

    Slices are judged one by one, as the ends of a cone beam demand. Fill in air becomes as dark as the
    darkest voxel of the image.
    """
    result = values.astype(np.float32)
    for fill in _fills(values):
        blank = np.isnan(blank_border_runs(values, fill))
        rest = result[~blank & np.isfinite(result)]
        if len(rest) == 0:
            result[blank] = np.nan
            continue
        soft = float(np.percentile(rest[:: max(1, len(rest) // 100_000)], 90.0))
        unknown = _cut(blank, result > fill + TISSUE_SHARE * (soft - fill)) | blank.all(axis=(1, 2))
        result[blank] = rest.min()
        result[blank & unknown[:, None, None]] = np.nan
    return result


def _fills(values: VolumeValues) -> list[float]:
    """Values that runs from the border of slices may be made of: the lowest, and what most corners have."""
    lowest = values.min()
    fills = [float(lowest)] if np.count_nonzero(values == lowest) >= PLATEAU * values.size else []
    corners = np.stack([values[:, j, i] for j in (0, -1) for i in (0, -1)])
    candidates, counts = np.unique(corners, return_counts=True)
    commonest = float(candidates[counts.argmax()])
    if counts.max() >= 0.5 * corners.size and commonest not in fills:
        fills.append(commonest)
    return fills


def _cut(blank: Mask, tissue: Mask) -> NDArray[np.bool_]:
    """Tell in which slices the fill cuts tissue."""
    border = np.zeros_like(blank)
    border[:, 1:] |= blank[:, :-1]
    border[:, :-1] |= blank[:, 1:]
    border[:, :, 1:] |= blank[:, :, :-1]
    border[:, :, :-1] |= blank[:, :, 1:]
    border &= ~blank
    length = border.sum(axis=(1, 2))
    touching = (border & tissue).sum(axis=(1, 2))
    cut: NDArray[np.bool_] = touching > np.maximum(CUT_SHARE * length, CUT_VOXELS)
    return cut
