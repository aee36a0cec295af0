"""Closed polygons around a painted part: marching squares on every slice."""

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.images.structure import Contour
from isoguide.kernels.lines import closed_lines
from isoguide.virtual.canvas import Part

SMALLEST_VERTICES = 6
"""Shorter polygons are specks that nobody draws."""

# Edges of a cell: 0 top, 1 right, 2 bottom, 3 left. For each pattern of inside corners (bit 0 top left, 1 top
# right, 2 bottom right, 3 bottom left), the edges where lines enter and leave; -1 where there is no line.
_LINES = np.full((16, 2, 2), -1)
_LINES[[1, 2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 14], 0] = [
    (3, 0), (0, 1), (3, 1), (1, 2), (0, 2), (3, 2), (2, 3), (2, 0), (2, 1), (1, 3), (1, 0), (0, 3),
]  # fmt: skip
_LINES[[5, 10]] = [[(3, 0), (1, 2)], [(0, 1), (2, 3)]]
# An edge is named by its first corner and its direction (0 along the row, 1 along the column).
_FIRST_CORNER = np.array([(0, 0, 0), (0, 1, 1), (1, 0, 0), (0, 0, 1)])


def closed_contours(part: Part, grid: Grid) -> tuple[Contour, ...]:
    """Return the outline of a part on every slice of the grid it was painted on.

    Parameters
    ----------
    part
        Signed distances on a box of the grid.
    grid
        The grid of the canvas in patient coordinates.

    Returns
    -------
    tuple[Contour, ...]
        CLOSED_PLANAR polygons, slice by slice upwards along k; holes are polygons of their own.
    """
    k, j, i = part.box
    contours = []
    for n, plane in enumerate(part.distance):
        inside = plane < 0.0
        rows, columns = _around(inside.any(axis=1)), _around(inside.any(axis=0))
        for columns_rows in polygons(plane[rows, columns]):
            corner = np.array([i.start + columns.start, j.start + rows.start])
            ijk = np.column_stack([columns_rows + corner, np.full(len(columns_rows), k.start + n)])
            contours.append(Contour("CLOSED_PLANAR", np.round(grid.xyz(ijk), 2)))
    return tuple(contours)


def _around(inside: NDArray[np.bool_]) -> slice:
    """Return the range of what is inside with one more on either side; it is empty where nothing is."""
    found = np.flatnonzero(inside)
    return slice(max(int(found[0]) - 1, 0), int(found[-1]) + 2) if len(found) else slice(0, 0)


def polygons(plane: NDArray[np.float32]) -> list[Array]:
    """Trace the zero level of a plane ``[row, column]`` whose inside is negative.

    Returns
    -------
    list[Array]
        One (n, 2) array of (column, row) positions per closed line.
    """
    # A positive frame closes the lines that would leave the plane.
    framed = np.pad(plane, 1, constant_values=1.0)
    inside = (framed < 0.0).view(np.uint8)
    pattern = inside[:-1, :-1] | inside[:-1, 1:] << 1 | inside[1:, 1:] << 2 | inside[1:, :-1] << 3
    rows, columns = np.nonzero((pattern > 0) & (pattern < 15))
    lines = _LINES[pattern[rows, columns]]
    drawn = lines[..., 0] >= 0
    corner = _FIRST_CORNER[lines] + np.column_stack([rows, columns, np.zeros_like(rows)])[:, None, None]
    enter, leave = np.ravel_multi_index(tuple(corner[drawn].T), (*framed.shape, 2))
    lines_drawn = closed_lines(enter, leave, 2 * framed.size)
    return [_crossings(framed, line) for line in lines_drawn if len(line) >= SMALLEST_VERTICES]


def _crossings(framed: NDArray[np.float32], line: NDArray[np.int64]) -> Array:
    """Where a line crosses its edges: (column, row) in the plane without its frame."""
    rows, columns, along_column = np.unravel_index(line, (*framed.shape, 2))
    first = framed[rows, columns].astype(np.float64)
    second = framed[rows + along_column, columns + 1 - along_column].astype(np.float64)
    t = first / (first - second)
    return np.column_stack([columns + t * (1 - along_column) - 1.0, rows + t * along_column - 1.0])
