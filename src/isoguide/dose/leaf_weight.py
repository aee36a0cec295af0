"""How much of a plan's dose hangs on two numbers of the leaves: their dosimetric gap and their transmission.

An opening that sweeps as a narrow slit lives on what the leaves let by, so that these two numbers change the
dose of an intensity-modulated plan by several percent and that of an open field hardly at all (LoSasso, Chui
and Ling, Med. Phys. 25 (1998) 1919). What is counted is the fluence over all that a beam opens at any moment.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from isoguide.dose.beam_data import Collimation
from isoguide.dose.opening import Opening, opening_of
from isoguide.dose.supported import treated_beams
from isoguide.geometry.frames import Array
from isoguide.plan import Beam, MultileafCollimator, Plan

_FAR = (-1e6, 1e6)


@dataclass(frozen=True, slots=True)
class LeafWeight:
    """Change of the fluence over what a beam opens at any moment.

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
        moments = list(_moments(beam, collimation.leaf_gap_mm))
        if moments:
            lows, highs = (np.array([getattr(one, side) for one in moments]) for side in ("low", "high"))
            swept = np.clip(highs.max(axis=0) - lows.min(axis=0), 0.0, None)
            for one in moments:
                clear = np.clip(one.high - one.low, 0.0, None)
                lengths = np.stack([one.ends, clear, np.clip(swept - clear, 0.0, None)])
                sums += one.mu * (lengths @ one.width_mm)
    ends_mm, open_mm2, closed_mm2 = sums
    fluence = open_mm2 + collimation.leaf_transmission * closed_mm2
    if ends_mm <= 0.0 or fluence <= 0.0:
        return None
    through = 1.0 - collimation.leaf_transmission
    return LeafWeight(float(100.0 * through * ends_mm / fluence), float(closed_mm2 / fluence))


@dataclass(frozen=True, slots=True, eq=False)
class _Moment:
    """What a beam opens at one moment, by leaf pair between the jaws.

    ``low`` to ``high`` (pairs,) is open along each pair, ``width_mm`` (pairs,) is how wide it is and ``ends``
    (pairs,) which share of its gap lies there; ``mu`` are the monitor units delivered so.
    """

    low: Array
    high: Array
    width_mm: Array
    ends: Array
    mu: float


def _moments(beam: Beam, gap_mm: float) -> Iterator[_Moment]:
    """Yield the openings of control points, each with half the monitor units on either side of it."""
    if beam.leaves is None:
        return
    for ends, mu in zip(pairwise(beam.control_points), beam.interval_mu, strict=True):
        for point in ends:
            if mu > 0.0 and point.leaf_positions_mm is not None:
                yield _moment(beam.leaves, opening_of(beam, point), gap_mm, mu / 2.0)


def _moment(leaves: MultileafCollimator, opening: Opening, gap_mm: float, mu: float) -> _Moment:
    jaws = (opening.jaw_x_mm or _FAR, opening.jaw_y_mm or _FAR)
    along, across = jaws if leaves.axis == "X" else jaws[::-1]
    positions = np.asarray(opening.leaf_positions_mm, dtype=np.float64)
    low, high = positions[0] - gap_mm / 2.0, positions[1] + gap_mm / 2.0
    # Half of a gap belongs to either leaf end, and counts only where that end lies between the jaws.
    ends = ((low > along[0]) & (low < along[1])) / 2.0 + ((high > along[0]) & (high < along[1])) / 2.0
    width_mm = np.diff(np.clip(leaves.boundaries_mm, *across))
    return _Moment(np.clip(low, *along), np.clip(high, *along), width_mm, ends, mu)
