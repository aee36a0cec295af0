"""How much of a plan's dose hangs on two numbers of the leaves: their dosimetric gap and their transmission.

An opening that sweeps as a narrow slit lives on what the leaves let by, so that these two numbers change the
dose of an intensity-modulated plan by several percent and that of an open field hardly at all (LoSasso, Chui
and Ling, Med. Phys. 25 (1998) 1919). What is counted here is fluence over all that the jaws leave open.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from isoguide.dose.beam_data import Collimation
from isoguide.dose.opening import Opening, opening_of
from isoguide.dose.supported import treated_beams
from isoguide.plan import Beam, Plan

_FAR = (-1e6, 1e6)


@dataclass(frozen=True, slots=True)
class LeafWeight:
    """Change of the fluence between the jaws.

    Parameters
    ----------
    percent_per_mm
        For 1 mm more of dosimetric leaf gap.
    percent_per_percent
        For 1 % more of leaf transmission.
    """

    percent_per_mm: float
    percent_per_percent: float


def leaf_weight(plan: Plan, collimation: Collimation) -> LeafWeight | None:
    """Return how much the fluence of a plan changes with gap and transmission; None where it has no leaves.

    Openings count with their monitor units. They are taken at the control points, which is exact where leaves
    move evenly between them.
    """
    sums = np.zeros(3)
    for beam in treated_beams(plan):
        for opening, mu in _moments(beam):
            sums += mu * np.array(_areas(opening, collimation.leaf_gap_mm))
    ends_mm, open_mm2, closed_mm2 = sums
    fluence = open_mm2 + collimation.leaf_transmission * closed_mm2
    if ends_mm <= 0.0 or fluence <= 0.0:
        return None
    return LeafWeight(float(100.0 * ends_mm / fluence), float(closed_mm2 / fluence))


def _moments(beam: Beam) -> Iterator[tuple[Opening, float]]:
    """Yield the openings of control points with half the monitor units on either side of each."""
    total = beam.control_points[-1].cumulative_meterset if beam.control_points else 0.0
    if beam.leaves is None or not beam.meterset_mu or total <= 0.0:
        return
    for start, stop in pairwise(beam.control_points):
        mu = (stop.cumulative_meterset - start.cumulative_meterset) / total * beam.meterset_mu
        for point in (start, stop):
            if mu > 0.0 and point.leaf_positions_mm is not None:
                yield opening_of(beam, point), mu / 2.0


def _areas(opening: Opening, gap_mm: float) -> tuple[float, float, float]:
    """Return, between the jaws: how wide the pairs are whose gap counts, what is open, and what is closed."""
    leaves, positions = opening.leaves, opening.leaf_positions_mm
    if leaves is None or positions is None:
        return 0.0, 0.0, 0.0
    jaws = (opening.jaw_x_mm or _FAR, opening.jaw_y_mm or _FAR)
    along, across = jaws if leaves.axis == "X" else jaws[::-1]
    border = np.clip(leaves.boundaries_mm, *across)
    width = np.diff(border)
    low, high = positions[0] - gap_mm / 2.0, positions[1] + gap_mm / 2.0
    # Half of a gap belongs to either leaf end, and counts only where that end lies between the jaws.
    shown = ((low > along[0]) & (low < along[1])) / 2.0 + ((high > along[0]) & (high < along[1])) / 2.0
    clear = np.clip(np.minimum(high, along[1]) - np.maximum(low, along[0]), 0.0, None)
    whole = min(along[1], float(high.max())) - max(along[0], float(low.min()))
    return float(shown @ width), float(clear @ width), float((whole - clear).clip(0.0) @ width)
