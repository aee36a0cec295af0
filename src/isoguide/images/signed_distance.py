"""Signed distance from the surface of a structure: where it is zero, the structure was drawn.

In a plane of contours the distance is that from the polygons in this plane, negative inside by the even-odd
rule: its zero line is the drawing. Between the planes of one part the distances are interpolated linearly
(shape-based interpolation: Raya and Udupa, IEEE Transactions on Medical Imaging 9(1), 1990). Beyond the last
plane the part ends where the mask ends: as far outwards as half of the way to the next plane inwards, see
:mod:`isoguide.images.mask`.
"""

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.images.mask import PLANAR_TOLERANCE_MM, joined_planes, planar_edges, planes_of, slabs_of
from isoguide.images.structure import Structure
from isoguide.kernels.edge_distance import distance_to_edges

Float32 = NDArray[np.float32]

EXACT_NODES: Final = 3.0
"""Nodes about an edge whose distance is exact; further ones may be wrong by the diagonal of a pixel."""


def signed_distance_mm(structure: Structure, grid: Grid, *, slice_mm: float | None = None) -> Float32:
    """Return the distance of every node of a grid from the surface of a structure, negative inside.

    Parameters
    ----------
    structure
        With closed planar contours; open contours and points enclose nothing and are passed over.
    grid
        In the same frame, of any orthogonal orientation. The structure may reach beyond it.
    slice_mm
        Distance of the slices it was drawn on; that of the grid's slices when not given.

    Returns
    -------
    float32 ``[k, j, i]``, mm.

    Raises
    ------
    GeometryError
        If the frames differ, nothing closed was drawn, or the contours do not lie along one axis of the grid.
    """
    if structure.frame != grid.frame:
        msg = f"structure '{structure.name}' is in '{structure.frame}' but the grid in '{grid.frame}'"
        raise GeometryError(msg)
    edges = planar_edges(structure, grid)
    spacing_mm = float(grid.spacing_mm[edges.axis])
    slice_mm = spacing_mm if slice_mm is None else slice_mm
    planes, plane_of_edge = planes_of(edges.depth, PLANAR_TOLERANCE_MM / spacing_mm)
    planes = planes * (spacing_mm / slice_mm)
    x_mm, y_mm = (float(grid.spacing_mm[axis]) for axis in range(3) if axis != edges.axis)
    result = np.empty(grid.shape, dtype=np.float32)
    slices = np.moveaxis(result, 2 - edges.axis, 0)
    shape = (slices.shape[1], slices.shape[2])
    scale = np.array([x_mm, y_mm, x_mm, y_mm])
    order = np.argsort(plane_of_edge, kind="stable")
    ends = (np.concatenate([edges.start, edges.stop], axis=1) * scale)[order]
    bounds = np.searchsorted(plane_of_edge[order], np.arange(len(planes) + 1))
    drawn = [
        _in_plane_mm(_borders(ends[first:last]), (x_mm, y_mm), shape) for first, last in pairwise(bounds)
    ]
    stack = _Stack(planes, joined_planes(np.diff(planes), slice_mm), drawn, slice_mm)
    for position in range(len(slices)):
        slices[position] = stack.at(position * spacing_mm / slice_mm)
    return result


def _borders(edges_mm: Array) -> Array:
    """Edges (n, 4) without those drawn there and back: the channel of a keyhole is no border."""
    turned = (edges_mm[:, 0] > edges_mm[:, 2]) | (
        (edges_mm[:, 0] == edges_mm[:, 2]) & (edges_mm[:, 1] > edges_mm[:, 3])
    )
    alike = np.where(turned[:, None], edges_mm[:, [2, 3, 0, 1]], edges_mm)
    _, first, count = np.unique(alike, axis=0, return_index=True, return_counts=True)
    return edges_mm if len(first) == len(edges_mm) else edges_mm[np.sort(first[count % 2 == 1])]


def _in_plane_mm(edges_mm: Array, spacing_mm: tuple[float, float], shape: tuple[int, int]) -> Float32:
    reach_mm = EXACT_NODES * max(spacing_mm)
    distance, inside = distance_to_edges(edges_mm, spacing_mm, shape, reach_mm)
    far = np.isinf(distance)
    if far.all():
        # No edge near the raster: only the sign is known, and that the surface is out of reach.
        distance[:] = reach_mm
    elif far.any():
        beyond, (row, column) = distance_transform_edt(far, sampling=spacing_mm[::-1], return_indices=True)
        distance = distance[row, column] + beyond
    return np.where(inside, -distance, distance).astype(np.float32)


class _Stack:
    """Distances in the planes of contours, in ascending order, and what lies between and beyond them."""

    def __init__(
        self, planes: Array, joined: NDArray[np.bool_], drawn: list[Float32], spacing_mm: float
    ) -> None:
        self._planes, self._joined, self._drawn, self._spacing_mm = planes, joined, drawn, spacing_mm
        lower, upper = slabs_of(planes, joined)
        self._below, self._above = planes - lower, upper - planes

    def at(self, position: float) -> Float32:
        """Distance in the plane at a position along the axis, in slices."""
        after = int(np.searchsorted(self._planes, position))
        near = [n for n in (after - 1, after) if 0 <= n < len(self._planes)]
        for number in near:
            if abs(self._planes[number] - position) * self._spacing_mm <= PLANAR_TOLERANCE_MM:
                return self._drawn[number]
        if len(near) == 2 and self._joined[near[0]]:
            low, high = self._planes[near[0]], self._planes[near[1]]
            share = np.float32((position - low) / (high - low))
            return (np.float32(1.0) - share) * self._drawn[near[0]] + share * self._drawn[near[1]]
        ends = [self._beyond(number, position) for number in near]
        return np.minimum(*ends) if len(ends) == 2 else ends[0]

    def _beyond(self, number: int, position: float) -> Float32:
        """Distance beyond an end of a part, which is closed half a slab further."""
        drawn, away = self._drawn[number], abs(position - self._planes[number])
        half = self._above[number] if position > self._planes[number] else self._below[number]
        over_mm = np.float32(max(away - half, 0.0) * self._spacing_mm)
        # Inside, the distance of the end plane falls to zero at the end and comes back as far beyond.
        inside = drawn * np.float32(1.0 - min(away / half, 2.0))
        if over_mm > 0.0:
            inside = np.maximum(inside, over_mm)
        return np.where(drawn < 0.0, inside, np.hypot(drawn, over_mm)).astype(np.float32)
