"""Closed polygons around a painted part: marching squares on every slice."""

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.images.structure import Contour
from isoguide.virtual.canvas import Part

SMALLEST_VERTICES = 6
"""Shorter polygons are specks that nobody draws."""

# Edges of a cell: 0 top, 1 right, 2 bottom, 3 left. For each pattern of inside corners (bit 0 top left, 1 top
# right, 2 bottom right, 3 bottom left), the edges where lines enter and leave.
_LINES: dict[int, tuple[tuple[int, int], ...]] = {
    1: ((3, 0),), 2: ((0, 1),), 3: ((3, 1),), 4: ((1, 2),), 5: ((3, 0), (1, 2)), 6: ((0, 2),), 7: ((3, 2),),
    8: ((2, 3),), 9: ((2, 0),), 10: ((0, 1), (2, 3)), 11: ((2, 1),), 12: ((1, 3),), 13: ((1, 0),),
    14: ((0, 3),),
}  # fmt: skip


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
        for columns_rows in polygons(plane):
            ijk = np.column_stack(
                [columns_rows + np.array([i.start, j.start]), np.full(len(columns_rows), k.start + n)]
            )
            contours.append(Contour("CLOSED_PLANAR", np.round(grid.xyz(ijk), 2)))
    return tuple(contours)


def polygons(plane: NDArray[np.float32]) -> list[Array]:
    """Trace the zero level of a plane ``[row, column]`` whose inside is negative.

    Returns
    -------
    list[Array]
        One (n, 2) array of (column, row) positions per closed line.
    """
    # A positive frame closes the lines that would leave the plane.
    framed = np.pad(plane, 1, constant_values=1.0)
    inside = framed < 0.0
    pattern = inside[:-1, :-1] * 1 + inside[:-1, 1:] * 2 + inside[1:, 1:] * 4 + inside[1:, :-1] * 8
    follow: dict[tuple[int, int, int], tuple[int, int, int]] = {}
    for row, column in zip(*np.nonzero((pattern > 0) & (pattern < 15)), strict=True):
        for enter, leave in _LINES[int(pattern[row, column])]:
            follow[_edge(int(row), int(column), enter)] = _edge(int(row), int(column), leave)
    found = []
    while follow:
        edge, following = follow.popitem()
        line = [edge]
        while following != line[0]:
            line.append(following)
            following = follow.pop(following)
        if len(line) >= SMALLEST_VERTICES:
            found.append(_crossings(framed, line))
    return found


def _edge(row: int, column: int, side: int) -> tuple[int, int, int]:
    """Name an edge of a cell by its first corner and its direction (0 along the row, 1 along the column)."""
    return ((row, column, 0), (row, column + 1, 1), (row + 1, column, 0), (row, column, 1))[side]


def _crossings(framed: NDArray[np.float32], line: list[tuple[int, int, int]]) -> Array:
    rows, columns, along_column = np.array(line).T
    first = framed[rows, columns].astype(np.float64)
    second = framed[rows + along_column, columns + 1 - along_column].astype(np.float64)
    t = first / (first - second)
    return np.column_stack([columns + t * (1 - along_column) - 1.0, rows + t * along_column - 1.0])
