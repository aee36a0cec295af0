"""What the projections of a part of a scan count, when the part has to stand for the whole arc.

The projections of one phase of breathing come in groups, one group a breath, with gaps between. Each group
stands for the arc up to half-way to the next ones, and shares it equally among its projections: they see the
same from nearly the same side, and their mean has less noise than any of them (in RTK's weights, by gaps, the
outermost of a group count most).
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array
from isoguide.geometry.xray_view import XrayView
from isoguide.projection.scan_geometry import FULL_TURN_GAP_DEG, source_angles_deg

SAME_GROUP: Final = 2.5
"""Projections nearer than this many usual steps of the scan belong to one group: one may be missing."""


def bin_weights(views: Sequence[XrayView], members: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return by how much the projections of a part count more than in the whole scan, (members,).

    Parameters
    ----------
    views
        Of the whole scan.
    members
        Indices of two or more of them, in any order.

    Raises
    ------
    GeometryError
        If there are fewer than two.
    """
    if len(members) < 2:
        msg = f"a part of a scan needs two projections or more, not {len(members)}: make fewer bins"
        raise GeometryError(msg)
    places_deg, arc_deg, is_turn = _along_the_arc(views)
    order = np.argsort(places_deg[members], kind="stable")
    part_deg = places_deg[members][order]
    step_deg = float(np.median(np.diff(np.sort(places_deg))))
    starts = np.flatnonzero(np.diff(part_deg) > SAME_GROUP * step_deg) + 1
    groups = np.split(np.arange(len(part_deg)), starts)
    borders = [0.5 * (part_deg[one[-1]] + part_deg[other[0]]) for one, other in pairwise(groups)]
    first, last = -0.5 * step_deg, arc_deg + 0.5 * step_deg
    if is_turn:  # the last group and the first one meet
        first = 0.5 * (part_deg[-1] - 360.0 + part_deg[0])
        last = first + 360.0
    arcs_deg = np.diff([first, *borders, last])
    own_deg = _shares(places_deg, arc_deg, is_turn=is_turn)[members][order]
    weights = np.empty(len(members), dtype=np.float32)
    for group, share_deg in zip(groups, arcs_deg, strict=True):
        weights[order[group]] = share_deg / len(group) / own_deg[group]
    return weights


def largest_gap_deg(views: Sequence[XrayView], members: NDArray[np.intp]) -> float:
    """Return the largest arc without a projection of a part, degrees; a short scan's own gap is none."""
    places_deg, arc_deg, is_turn = _along_the_arc(views)
    part_deg = np.sort(places_deg[members])
    if not len(part_deg):
        return arc_deg
    ends = (part_deg[:1] + 360.0,) if is_turn else ()
    inside = np.diff(np.concatenate([part_deg, *ends]))
    edges = () if is_turn else (part_deg[0], arc_deg - part_deg[-1])
    return float(np.max([*inside, *edges]))


def _along_the_arc(views: Sequence[XrayView]) -> tuple[Array, float, bool]:
    """Place of each projection on the arc from its beginning, its length, and whether it is a full turn."""
    angles_deg = source_angles_deg(views)
    ordered = np.sort(angles_deg)
    gaps = np.diff(np.append(ordered, ordered[0] + 360.0))
    widest = int(gaps.argmax())
    if gaps[widest] <= FULL_TURN_GAP_DEG:
        return angles_deg, 360.0, True
    begin_deg = ordered[(widest + 1) % len(ordered)]
    return (angles_deg - begin_deg) % 360.0, float(360.0 - gaps[widest]), False


def _shares(places_deg: Array, arc_deg: float, *, is_turn: bool) -> Array:
    """Arc that each projection of the whole scan stands for, half-way to its neighbours, degrees."""
    order = np.argsort(places_deg, kind="stable")
    ordered = places_deg[order]
    if is_turn:
        around = np.concatenate([ordered[-1:] - 360.0, ordered, ordered[:1] + 360.0])
    else:
        around = np.concatenate([-ordered[1:2], ordered, 2.0 * arc_deg - ordered[-2:-1]])
    shares = np.empty(len(places_deg))
    # Two exposures from one place share what one would have.
    shares[order] = np.maximum(0.5 * (around[2:] - around[:-2]), 1e-3)
    return shares
