"""How far the nodes of a raster are from polygons, and which lie inside by the even-odd rule."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@njit(nogil=True, cache=True, error_model="numpy")
def _mark_squares(edges: FloatArray, spacing: FloatArray, reach: float, squares: FloatArray) -> None:
    """Lower the squared distance of every node in reach of an edge."""
    rows, columns = squares.shape
    for n in range(len(edges)):
        x0, y0, x1, y1 = edges[n, 0], edges[n, 1], edges[n, 2], edges[n, 3]
        dx, dy = x1 - x0, y1 - y0
        length_square = dx * dx + dy * dy
        first_row = max(int(np.ceil((min(y0, y1) - reach) / spacing[1])), 0)
        last_row = min(int(np.floor((max(y0, y1) + reach) / spacing[1])), rows - 1)
        first_column = max(int(np.ceil((min(x0, x1) - reach) / spacing[0])), 0)
        last_column = min(int(np.floor((max(x0, x1) + reach) / spacing[0])), columns - 1)
        for row in range(first_row, last_row + 1):
            y = row * spacing[1] - y0
            for column in range(first_column, last_column + 1):
                x = column * spacing[0] - x0
                along = 0.0
                if length_square > 0.0:
                    along = min(max((x * dx + y * dy) / length_square, 0.0), 1.0)
                away_x, away_y = x - along * dx, y - along * dy
                square = away_x * away_x + away_y * away_y
                squares[row, column] = min(squares[row, column], square)


@njit(nogil=True, cache=True, error_model="numpy")
def _mark_inside(edges: FloatArray, spacing: FloatArray, inside: BoolArray) -> None:
    """Turn over all nodes right of a crossing of their row: what is turned an odd number of times is in."""
    rows, columns = inside.shape
    turned = np.zeros((rows, columns + 1), np.uint8)
    for n in range(len(edges)):
        x0, y0, x1, y1 = edges[n, 0], edges[n, 1], edges[n, 2], edges[n, 3]
        if y0 > y1:
            # One direction for both banks of a channel: their crossings then agree to the last bit.
            x0, y0, x1, y1 = x1, y1, x0, y0
        first = max(int(np.ceil(y0 / spacing[1])), 0)
        last = min(int(np.ceil(y1 / spacing[1])), rows)
        for row in range(first, last):
            x = x0 + (row * spacing[1] - y0) * (x1 - x0) / (y1 - y0)
            column = min(max(int(np.ceil(x / spacing[0])), 0), columns)
            turned[row, column] ^= 1
    for row in range(rows):
        odd = np.uint8(0)
        for column in range(columns):
            odd ^= turned[row, column]
            inside[row, column] = odd == 1


def distance_to_edges(
    edges: FloatArray, spacing: tuple[float, float], shape: tuple[int, int], reach: float
) -> tuple[FloatArray, BoolArray]:
    """Return how far nodes are from the nearest edge, and which of them lie inside.

    Parameters
    ----------
    edges
        (n, 4): x0, y0, x1, y1 of the edges of all closed polygons; they may reach beyond the raster.
    spacing
        Of nodes along x and y: node [row, column] lies at (column × x spacing, row × y spacing).
    shape
        (rows, columns).
    reach
        Nodes further from every edge than this have an infinite distance.

    Returns
    -------
    FloatArray
        Distance without sign, ``[row, column]``, in the unit of the edges.
    BoolArray
        ``[row, column]``.
    """
    edges = np.ascontiguousarray(edges, dtype=np.float64)
    steps = np.array(spacing, dtype=np.float64)
    squares = np.full(shape, np.inf)
    _mark_squares(edges, steps, reach, squares)
    squares[squares > reach * reach] = np.inf
    inside = np.zeros(shape, np.bool_)
    _mark_inside(edges, steps, inside)
    return np.sqrt(squares), inside


def distance_to_edges_reference(
    edges: FloatArray, spacing: tuple[float, float], shape: tuple[int, int], reach: float
) -> tuple[FloatArray, BoolArray]:
    """Return what :func:`distance_to_edges` does, in plain NumPy."""
    y, x = np.meshgrid(np.arange(shape[0]) * spacing[1], np.arange(shape[1]) * spacing[0], indexing="ij")
    nearest = np.full(shape, np.inf)
    crossings = np.zeros(shape, dtype=np.int64)
    for x0, y0, x1, y1 in np.asarray(edges, dtype=np.float64):
        length_square = (x1 - x0) ** 2 + (y1 - y0) ** 2
        along = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / (length_square or 1.0)
        along = np.clip(along, 0.0, 1.0)
        nearest = np.minimum(nearest, np.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0)))
        crossed = (y >= min(y0, y1)) & (y < max(y0, y1))
        with np.errstate(divide="ignore", invalid="ignore"):
            crossings += crossed & (x >= x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return np.where(nearest <= reach, nearest, np.inf), crossings % 2 == 1
