"""Follow lines from edge to edge until they close."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


@njit(nogil=True, cache=True, error_model="numpy")
def _follow(enter: Numbers, leave: Numbers, following: Numbers, order: Numbers, starts: Numbers) -> int:
    for n in range(enter.size):
        following[enter[n]] = leave[n]
    count, lines = 0, 0
    for n in range(enter.size - 1, -1, -1):
        edge = enter[n]
        if following[edge] < 0:
            continue
        starts[lines] = count
        lines += 1
        while following[edge] >= 0:
            order[count] = edge
            count += 1
            after = following[edge]
            following[edge] = -1
            edge = after
    return lines


def closed_lines(enter: Numbers, leave: Numbers, edges: int) -> list[Numbers]:
    """Chain pieces of lines into closed ones.

    Parameters
    ----------
    enter, leave
        The edges that each piece joins, (n,) each: every edge is entered once and left once.
    edges
        How many edges there are; they are numbered from 0.

    Returns
    -------
    list[Numbers]
        The edges of each line in their order.
    """
    order = np.empty(enter.size, dtype=np.int64)
    starts = np.empty(enter.size, dtype=np.int64)
    lines = _follow(enter, leave, np.full(edges, -1), order, starts)
    return np.split(order, starts[1:lines]) if lines else []


def closed_lines_reference(enter: Numbers, leave: Numbers, edges: int) -> list[Numbers]:
    """Do the same as :func:`closed_lines` with a dictionary."""
    follow = {int(a): int(b) for a, b in zip(enter, leave, strict=True) if max(a, b) < edges}
    found = []
    while follow:
        edge, following = follow.popitem()
        line = [edge]
        while following != edge:
            line.append(following)
            following = follow.pop(following)
        found.append(np.array(line))
    return found
