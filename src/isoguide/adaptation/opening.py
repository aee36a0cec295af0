"""Leaves and jaws moved to where a map of the beam's eye view sends their opening.

Across the leaves an opening can move by any length but the leaves are as wide as they are: a leaf pair takes
the mean of the planned pairs that its strip came from, by the width that each has in it. Pairs that are never
open in a beam are parked somewhere, and the mean with them would move an edge for no reason: a strip opens
where at least half of what lies between the jaws came from pairs that open, and then by these alone. Of
those, a pair that is closed at the moment, or open elsewhere, counts only where it touches the opening.
Strips that do not open stay parked where the planned pairs are.
"""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import Array
from isoguide.plan import Beam, ControlPoint, MultileafCollimator

CLOSED_MM: Final = 1.0
"""Leaves no further apart than this are closed: dynamic deliveries keep up to a millimetre between them."""
DIGITS: Final = 2
"""Leaf and jaw positions are rounded to 0.01 mm; machines position to 0.1 mm or so."""
OPENS_FROM: Final = 0.5
"""Share of a strip from which it opens: the edges of a field are met to half a leaf either way."""

_Bools = NDArray[np.bool_]


class ViewMap(Protocol):
    """Where a planned opening goes in the plane through the isocentre: along the leaves and across them."""

    def across_before_mm(self, after_mm: Array) -> Array:
        """Return where across the leaves something at ``after_mm`` (n,) was planned; increasing."""

    def across_after_mm(self, before_mm: Array) -> Array:
        """Return the inverse of :meth:`across_before_mm`."""

    def along_after_mm(self, before_mm: Array, across_mm: Array) -> Array:
        """Return where positions along the leaves (..., n) go, for leaves at the new ``across_mm`` (n,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Opening:
    """An opening: leaves (2, pairs) or None, and jaws along and across the leaves or None, mm."""

    leaves_mm: Array | None
    jaw_along_mm: tuple[float, float] | None
    jaw_across_mm: tuple[float, float] | None


def leaf_axis(beam: Beam) -> str:
    """Return the axis along which leaves travel; X for a beam that has none."""
    return beam.leaves.axis if beam.leaves is not None else "X"


def opening_of(point: ControlPoint, axis: str) -> Opening:
    """Return the opening of a control point whose leaves travel along ``axis``, X or Y."""
    jaws = (point.jaw_x_mm, point.jaw_y_mm) if axis == "X" else (point.jaw_y_mm, point.jaw_x_mm)
    return Opening(point.leaf_positions_mm, *jaws)


def used_pairs(beam: Beam) -> _Bools:
    """Return which leaf pairs of a beam open anywhere between the jaws, (pairs,)."""
    leaves = beam.leaves
    used = np.zeros(0 if leaves is None else leaves.pairs, np.bool_)
    for point in beam.control_points:
        if leaves is None or point.leaf_positions_mm is None:
            continue
        jaw_mm = opening_of(point, leaves.axis).jaw_across_mm or (-np.inf, np.inf)
        between = (leaves.boundaries_mm[1:] > jaw_mm[0]) & (leaves.boundaries_mm[:-1] < jaw_mm[1])
        low_mm, high_mm = point.leaf_positions_mm
        used |= between & (high_mm - low_mm > CLOSED_MM)
    return used


def moved_opening(
    opening: Opening, leaves: MultileafCollimator | None, used: _Bools, view: ViewMap
) -> Opening:
    """Move one opening.

    Parameters
    ----------
    opening
        As planned.
    leaves
        The collimator.
    used
        Pairs that open anywhere in the beam, from :func:`used_pairs`.
    view
        Where the plane through the isocentre goes.

    Returns
    -------
    Opening
        Rounded to 0.01 mm; jaws along the leaves go as far as one leaf of those that they reach.
    """
    across_mm = opening.jaw_across_mm
    if across_mm is not None:
        low_mm, high_mm = view.across_after_mm(np.array(across_mm)).round(DIGITS).tolist()
        moved_across: tuple[float, float] | None = (low_mm, high_mm)
    else:
        moved_across = None
    moved_leaves = None
    if opening.leaves_mm is not None and leaves is not None:
        moved_leaves = _moved_leaves(opening, leaves, used, view)
    return Opening(moved_leaves, _moved_along(opening, leaves, view, moved_across), moved_across)


def _moved_along(
    opening: Opening,
    leaves: MultileafCollimator | None,
    view: ViewMap,
    across_mm: tuple[float, float] | None,
) -> tuple[float, float] | None:
    """Move the jaws along the leaves so far that they cut nothing that was open."""
    if opening.jaw_along_mm is None:
        return None
    places_mm = np.array(across_mm or (0.0, 0.0))
    if leaves is not None:
        centres_mm = (leaves.boundaries_mm[1:] + leaves.boundaries_mm[:-1]) / 2.0
        reach_mm = across_mm or (centres_mm[0], centres_mm[-1])
        between = centres_mm[(centres_mm >= reach_mm[0]) & (centres_mm <= reach_mm[1])]
        places_mm = between if len(between) else places_mm
    low_mm, high_mm = opening.jaw_along_mm
    lowest = view.along_after_mm(np.full(len(places_mm), low_mm), places_mm).min()
    highest = view.along_after_mm(np.full(len(places_mm), high_mm), places_mm).max()
    return round(float(lowest), DIGITS), round(float(highest), DIGITS)


def _moved_leaves(opening: Opening, leaves: MultileafCollimator, used: _Bools, view: ViewMap) -> Array:
    edges_mm = leaves.boundaries_mm
    positions_mm = np.asarray(opening.leaves_mm)
    back_mm = view.across_before_mm(edges_mm)
    overlap_mm = _overlap(back_mm, edges_mm, (-np.inf, np.inf))
    seen_mm = _overlap(back_mm, edges_mm, opening.jaw_across_mm or (-np.inf, np.inf))
    # A strip that lies behind a jaw altogether is judged by what is there nevertheless.
    hidden = seen_mm.sum(axis=1) == 0.0
    seen_mm[hidden] = overlap_mm[hidden]
    opens = seen_mm @ used >= OPENS_FROM * np.maximum(seen_mm.sum(axis=1), 1e-9)
    weights = np.where(opens[:, None], _touching(overlap_mm * used, positions_mm), overlap_mm * ~used)
    total = weights.sum(axis=1)
    mixed_mm = (weights @ positions_mm.T / np.maximum(total, 1e-9)[:, None]).T
    mixed_mm = np.where(total > 0.0, mixed_mm, _closed_beside(back_mm, edges_mm, positions_mm))
    centres_mm = (edges_mm[1:] + edges_mm[:-1]) / 2.0
    moved_mm = np.where(opens, view.along_after_mm(mixed_mm, centres_mm), mixed_mm)
    return np.round(np.stack([moved_mm[0], np.maximum(moved_mm[0], moved_mm[1])]), DIGITS)


def _overlap(back_mm: Array, edges_mm: Array, within_mm: tuple[float, float]) -> Array:
    """Width (new pairs, planned pairs) that a new strip, mapped back, shares with a planned one."""
    low_mm = np.maximum(back_mm[:-1, None], np.clip(edges_mm[None, :-1], *within_mm))
    high_mm = np.minimum(back_mm[1:, None], np.clip(edges_mm[None, 1:], *within_mm))
    return np.asarray(np.maximum(high_mm - low_mm, 0.0), dtype=np.float64)


def _touching(weights: Array, positions_mm: Array) -> Array:
    """Take out of the weights those of pairs that do not touch the widest strip of the opening."""
    low_mm, high_mm = positions_mm
    of_open = weights * (high_mm - low_mm > CLOSED_MM)
    leader = of_open.argmax(axis=1)
    touches = (low_mm[None, :] <= high_mm[leader][:, None]) & (high_mm[None, :] >= low_mm[leader][:, None])
    return np.asarray(np.where(of_open.any(axis=1)[:, None], weights * touches, weights))


def _closed_beside(back_mm: Array, edges_mm: Array, positions_mm: Array) -> Array:
    """Return positions (2, pairs) closed in the middle of the nearest planned pair."""
    centres_mm = (back_mm[1:] + back_mm[:-1]) / 2.0
    nearest = np.clip(np.searchsorted(edges_mm, centres_mm) - 1, 0, len(edges_mm) - 2)
    return np.repeat(positions_mm.mean(axis=0)[None, nearest], 2, axis=0)
