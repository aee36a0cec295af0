"""Gold seeds in a radiograph: a mm of gold is far thinner than a voxel, so its shadow is drawn by rays.

A volume image may hold a seed as the share of each voxel that it fills. A radiograph through these voxels
would show a wide pale spot instead of a small dark bar with sharp edges.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import Array
from isoguide.geometry.xray_view import XrayView
from isoguide.images.volume import Volume
from isoguide.projection.analytic import Solid
from isoguide.virtual.markers import SEED_DIAMETER_MM

Float32 = NDArray[np.float32]

SPREAD_VOXELS: Final = 2.0
"""As far from a seed its gold is found in voxels: the scanner's blur and the spline's."""
TISSUE_BAND_HU: Final = 40.0
"""Tissue about a seed varies by less."""
RAYS: Final = 3
"""Per pixel and direction: a seed is only a few pixels wide."""


def without_seeds(anatomy: Volume, ends_mm: Sequence[Array]) -> Volume:
    """Return an anatomy with tissue where the seeds are.

    Parameters
    ----------
    anatomy
        In Hounsfield units.
    ends_mm
        Ends of the axis of each seed (2, 3), in the frame of the anatomy.
    """
    if not ends_mm:
        return anatomy
    values = np.array(anatomy.values, dtype=np.float32)
    reach_mm = SPREAD_VOXELS * float(anatomy.grid.spacing_mm.max()) + SEED_DIAMETER_MM / 2.0
    for ends in ends_mm:
        index = anatomy.grid.index(ends)
        margin = 2.0 * reach_mm / anatomy.grid.spacing_mm
        low = np.maximum(np.floor(index.min(axis=0) - margin).astype(int), 0)
        high = np.minimum(np.ceil(index.max(axis=0) + margin).astype(int) + 1, anatomy.grid.shape[::-1])
        part = values[low[2] : high[2], low[1] : high[1], low[0] : high[0]]
        k, j, i = np.meshgrid(
            *(np.arange(a, b) for a, b in zip(low[::-1], high[::-1], strict=True)), indexing="ij"
        )
        far_mm = _distance_mm(anatomy.grid.xyz(np.stack([i, j, k], axis=-1).astype(np.float64)), ends)
        tissue_hu = np.float32(np.median(part[far_mm > reach_mm]))
        near = far_mm <= reach_mm
        part[near] = np.minimum(part[near], tissue_hu + np.float32(TISSUE_BAND_HU))
    return Volume(anatomy.grid, values, anatomy.is_hounsfield, anatomy.source)


def gold_mm(view: XrayView, ends_mm: Sequence[Array]) -> Float32:
    """Return how many mm of gold the ray to each pixel crosses, (rows, columns), mean over the pixel.

    Parameters
    ----------
    view
        The view.
    ends_mm
        Ends of the axis of each seed (2, 3), in the frame of the view.
    """
    columns, rows = view.size
    total = np.zeros((rows, columns), dtype=np.float32)
    inner = (np.arange(RAYS) + 0.5) / RAYS - 0.5
    for ends in ends_mm:
        seed = _cylinder(ends)
        at = view.project(ends)
        margin = (
            2.0
            * SEED_DIAMETER_MM
            * view.source_detector_distance_mm
            / float(np.min((ends - view.source_mm) @ view.normal))
            / min(view.pixel_spacing_mm)
        )
        low = np.maximum(np.floor(at.min(axis=0) - margin).astype(int), 0)
        high = np.minimum(np.ceil(at.max(axis=0) + margin).astype(int) + 1, (columns, rows))
        if (high <= low).any():
            continue
        column, row = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
        for across in inner:
            for down in inner:
                pixels = np.stack([column + across, row + down], axis=-1).reshape(-1, 2)
                chord = seed.line_integrals(view.source_mm, view.pixel_mm(pixels)).reshape(column.shape)
                total[low[1] : high[1], low[0] : high[0]] += (chord / RAYS**2).astype(np.float32)
    return total


def _cylinder(ends_mm: Array) -> Solid:
    axis = ends_mm[1] - ends_mm[0]
    length_mm = float(np.linalg.norm(axis))
    # Any two directions across it will do.
    _, _, across = np.linalg.svd(axis[None] / length_mm)
    axes = np.column_stack([across[1], across[2], axis / length_mm])
    axes[:, 0] *= np.sign(np.linalg.det(axes))
    half_mm = np.array([SEED_DIAMETER_MM / 2.0, SEED_DIAMETER_MM / 2.0, length_mm / 2.0])
    return Solid("cylinder", ends_mm.mean(axis=0), half_mm, axes=axes)


def _distance_mm(points_mm: Array, ends_mm: Array) -> Array:
    along = ends_mm[1] - ends_mm[0]
    offset = points_mm - ends_mm[0]
    share = np.clip(offset @ along / float(along @ along), 0.0, 1.0)
    return np.asarray(np.linalg.norm(offset - share[..., None] * along, axis=-1))
