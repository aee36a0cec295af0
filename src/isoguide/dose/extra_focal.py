"""What a point sees of the extra-focal source through jaws and leaves.

The source is a Gaussian disc at the flattening filter. Seen from a point of the isocentre plane, every edge
of jaws and leaves cuts the disc somewhere, the later the nearer the edge is to the disc, and of two edges on
one side the further one in counts. As the source is wide, a few points tell, and between them the map is
interpolated. What closed jaws and leaves let through of it is left out.

Source: Sharpe et al., Phys. Med. Biol. 42 (1997) 589.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.special import ndtr

from isoguide.dose.beam_data import BeamData
from isoguide.dose.opening import Opening
from isoguide.geometry.frames import Array

STEP_MM: Final = 10.0
"""Between points that are looked from: of a map that changes over some 30 mm, interpolation misses 1 %."""
WIDEST_FIELD_MM: Final = (-200.0, 200.0)
"""Jaws of the field whose fluence on the axis is 1."""
UNBOUNDED_MM: Final = (-1e6, 1e6)
"""Jaws that a machine does not have."""

Edges = tuple[Array, Array]


def extra_focal_map(members: Sequence[tuple[Opening, float]], machine: BeamData, middle_mm: Array) -> Array:
    """Return the extra-focal fluence of openings times their weights, ``[y, x]``, its share included.

    Parameters
    ----------
    members
        Openings with weights; all of the same leaves and the same jaws across them.
    machine
        Its head and collimation.
    middle_mm
        Positions of the pixels, of x as of y.
    """
    share = machine.head.extra_focal_share
    if share == 0.0:
        return np.zeros((len(middle_mm), len(middle_mm)))
    seats = max(int(np.ceil((middle_mm[-1] - middle_mm[0]) / STEP_MM)), 1) + 1
    from_mm = np.linspace(middle_mm[0], middle_mm[-1], seats)
    across, along = _seen(members, machine, from_mm)
    seen = across.T @ along
    if _runs_along_y(members[0][0]):
        seen = seen.T
    fine = np.stack([np.interp(middle_mm, from_mm, unit) for unit in np.eye(seats)], axis=1)
    widest = [
        _disc(_cuts(WIDEST_FIELD_MM, distance, machine, np.zeros(1)), machine) for distance in _jaws(machine)
    ]
    return np.asarray(share / float(widest[0][0] * widest[1][0]) * (fine @ seen @ fine.T))


def _seen(members: Sequence[tuple[Opening, float]], machine: BeamData, from_mm: Array) -> tuple[Array, Array]:
    """Shares of the disc across and along the leaves, (bands, points) each, along summed over openings."""
    first = members[0][0]
    turned = _runs_along_y(first)
    along_mm, across_mm = _jaws(machine)[::-1] if turned else _jaws(machine)
    jaw_across = first.jaw_x_mm if turned else first.jaw_y_mm
    closed_in = _cuts(jaw_across or UNBOUNDED_MM, across_mm, machine, from_mm)
    leaf_mm = machine.collimation.leaf_distance_mm
    if first.leaves is not None:
        border = first.leaves.boundaries_mm[:, None]
        closed_in = _both(closed_in, _cuts((border[:-1], border[1:]), leaf_mm, machine, from_mm))
    total = np.zeros((1 if first.leaves is None else first.leaves.pairs, len(from_mm)))
    for opening, weight in members:
        jaw = (opening.jaw_y_mm if turned else opening.jaw_x_mm) or UNBOUNDED_MM
        open_to = _cuts(jaw, along_mm, machine, from_mm)
        if opening.leaf_positions_mm is not None:
            gap_mm = machine.collimation.leaf_gap_mm / 2.0
            low, high = opening.leaf_positions_mm[:, :, None]
            open_to = _both(open_to, _cuts((low - gap_mm, high + gap_mm), leaf_mm, machine, from_mm))
        total += weight * _disc(open_to, machine)
    return np.broadcast_to(_disc(closed_in, machine), total.shape), total


def _runs_along_y(opening: Opening) -> bool:
    return opening.leaves is not None and opening.leaves.axis == "Y"


def _jaws(machine: BeamData) -> tuple[float, float]:
    return machine.collimation.jaw_x_distance_mm, machine.collimation.jaw_y_distance_mm


def _cuts(
    edges: tuple[Array | float, Array | float], distance_mm: float, machine: BeamData, from_mm: Array
) -> Edges:
    """Where on the disc two edges cut it off, seen from positions, (..., points) each, in mm on the disc."""
    sad_mm = machine.source_axis_distance_mm
    stretch = (sad_mm - machine.head.extra_focal_distance_mm) / (sad_mm - distance_mm)
    low, high = (from_mm + (edge * distance_mm / sad_mm - from_mm) * stretch for edge in edges)
    return low, high


def _both(one: Edges, other: Edges) -> Edges:
    return np.maximum(one[0], other[0]), np.minimum(one[1], other[1])


def _disc(cuts: Edges, machine: BeamData) -> Array:
    sigma_mm = machine.head.extra_focal_sigma_mm
    return np.asarray(np.maximum(ndtr(cuts[1] / sigma_mm) - ndtr(cuts[0] / sigma_mm), 0.0))
