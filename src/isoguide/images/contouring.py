"""Contours of a signed distance: its zero level as closed planar polygons, slice by slice.

Holes: where the plan used CLOSEDPLANAR_XOR, so do all contours here. Elsewhere a hole is joined to the
polygon around it by a channel of no width, which every reader of CLOSED_PLANAR understands (DICOM PS3.3
C.8.8.6.3).
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Final, cast

import contourpy
import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.images.mask import IntArray
from isoguide.images.structure import Contour, ContourType, Structure
from isoguide.kernels.polyline import simplified_ring

Float32 = NDArray[np.float32]

TOLERANCE_MM: Final = 0.05
"""A vertex is left out where the line passes it this closely."""
SMALLEST_MM2: Final = 0.05
"""Area below which a polygon is rounding, not anatomy."""
DECIMALS: Final = 3
"""Of the vertices, mm."""


def contours_of(distance_mm: Float32, grid: Grid, *, name: str, number: int, like: Structure) -> Structure:
    """Return the structure that a signed distance describes, drawn on the slices (k) of a grid.

    Outer polygons run counter-clockwise about the direction of increasing k, holes the other way. A structure
    that leaves the grid is closed half a voxel beyond its outermost nodes.

    Parameters
    ----------
    distance_mm
        ``[k, j, i]`` at the nodes of the grid, mm, negative inside. Only its zero level matters.
    grid
        The grid; its frame becomes the structure's.
    name, number
        ROIName and ROINumber.
    like
        Type, colour, description and the way of drawing holes are taken from it.

    Raises
    ------
    GeometryError
        If the array does not fit the grid, holds values that are not numbers, or nothing is inside.
    """
    if distance_mm.shape != grid.shape or not np.isfinite(distance_mm).all():
        msg = (
            f"the distance map of structure '{name}' does not fit its grid of {grid.shape}, or is not finite"
        )
        raise GeometryError(msg)
    by_xor = any(contour.kind == "CLOSEDPLANAR_XOR" for contour in like.contours)
    kind: ContourType = "CLOSEDPLANAR_XOR" if by_xor else "CLOSED_PLANAR"
    contours = []
    for k in np.flatnonzero((distance_mm <= 0.0).any(axis=(1, 2))):
        for rings in _polygons(distance_mm[k], grid):
            for ring in rings if by_xor else [_joined(rings)]:
                ijk = np.column_stack([ring, np.full(len(ring), float(k))])
                contours.append(Contour(kind, np.round(grid.xyz(ijk), DECIMALS)))
    if not contours:
        msg = (
            f"structure '{name}' does not meet a slice of the image: it lies outside, or is thinner than"
            f" {grid.spacing_mm[2]:g} mm and passes between two slices"
        )
        raise GeometryError(msg)
    return replace(like, name=name, number=number, frame=grid.frame, contours=tuple(contours))


def _polygons(plane: Float32, grid: Grid) -> Iterator[list[Array]]:
    """Outer ring and holes (n, 2), i and j, of each part in a slice."""
    rows, columns = np.nonzero(plane <= 0.0)
    # One node more on each side is enough for the zero level.
    j, i = max(rows.min() - 1, 0), max(columns.min() - 1, 0)
    part = plane[j : rows.max() + 2, i : columns.max() + 2].astype(np.float64)
    framed = np.pad(part, 1, mode="edge")
    for border in (framed[0], framed[-1], framed[:, 0], framed[:, -1]):
        # Its own size outside puts the zero level half a voxel beyond the last node.
        np.maximum(np.abs(border), 1e-6, out=border)
    generator = contourpy.contour_generator(z=-framed, fill_type=contourpy.FillType.OuterOffset)
    points, offsets = cast("tuple[list[Array], list[IntArray]]", generator.filled(0.0, np.inf))
    scale = grid.spacing_mm[:2]
    mirrored = np.linalg.det(grid.direction) < 0.0
    for all_points, bounds in zip(points, offsets, strict=True):
        rings: list[Array] = []
        for start, stop in pairwise(bounds):
            ring_mm = (np.asarray(all_points[start:stop], dtype=np.float64)[:-1] + [i - 1, j - 1]) * scale
            ring_mm = simplified_ring(ring_mm, TOLERANCE_MM)
            outer = not rings
            area = ring_area(ring_mm)
            if abs(area) < SMALLEST_MM2:
                if outer:
                    break
                continue
            # Seen from increasing k, i towards j turns left on a right-handed grid.
            counter_clockwise = (area > 0.0) != mirrored
            rings.append((ring_mm if counter_clockwise == outer else ring_mm[::-1]) / scale)
        if rings:
            yield rings


def ring_area(ring: Array) -> float:
    """Signed area of a closed polygon (n, 2), positive when it runs from the first axis to the second."""
    x, y = (ring - ring[:1]).T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2.0


def _joined(rings: list[Array]) -> Array:
    """One ring (n, 2) around a part with its holes, which are entered and left by the same channel."""
    whole = rings[0]
    for hole in rings[1:]:
        whole = _with_hole(whole, hole)
    return whole


def _with_hole(outer: Array, hole: Array) -> Array:
    square = ((outer[:, None, :] - hole[None, :, :]) ** 2).sum(axis=-1)
    at, start = np.unravel_index(int(np.argmin(square)), square.shape)
    entered = np.roll(hole, -int(start), axis=0)
    return np.concatenate([outer[: at + 1], entered, entered[:1], outer[at:]])
