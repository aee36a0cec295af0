"""A beam as a few still moments: what a dose calculation takes one at a time.

Between two control points everything moves in proportion to the monitor units (PS3.3 C.8.8.14.5). An arc is
cut into pieces of equal travel, and each piece stands still at the mean angle of its monitor units, with all
the openings that pass while it is delivered.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Final

import numpy as np

from isoguide.dose.opening import Opening, opening_of
from isoguide.errors import AmbiguityError, InputError, MissingEvidenceError
from isoguide.plan import Beam, ControlPoint
from isoguide.units import wrap_deg

SLICE_DEG: Final = 1.0
SLICE_MM: Final = 2.0
"""While the gantry turns and leaves travel so far, an opening is taken as still."""
MOST_SLICES: Final = 32
"""Between two control points: leaves that travel farther sweep in steps below one pixel's blur anyway."""
LARGEST_TURN_DEG: Final = 179.0
"""Between two control points: beyond it the plan does not say which way round the gantry goes."""


@dataclass(frozen=True, slots=True, eq=False)
class SubArc:
    """A piece of a beam that is delivered from one direction.

    Parameters
    ----------
    beam_number
        Of the beam.
    gantry_deg, collimator_deg, couch_deg
        Where the machine stands, 0 to 360 for the gantry.
    meterset_mu
        Delivered in this piece.
    openings
        With their monitor units, in the order of delivery.
    first_control_point, last_control_point
        Indices of the control points between which it lies.
    """

    beam_number: int
    gantry_deg: float
    collimator_deg: float
    couch_deg: float
    meterset_mu: float
    openings: tuple[tuple[Opening, float], ...]
    first_control_point: int
    last_control_point: int


@dataclass(frozen=True, slots=True, eq=False)
class _Slice:
    interval: int
    travel_deg: float
    angles_deg: tuple[float, float, float]
    opening: Opening
    meterset_mu: float


def subarcs(
    beam: Beam, *, step_deg: float, control_points: tuple[int, int] | None = None
) -> tuple[SubArc, ...]:
    """Cut a beam into pieces that turn no more than ``step_deg``; a beam that does not turn is one piece.

    Parameters
    ----------
    beam
        With monitor units.
    step_deg
        Most that gantry, collimator and couch together turn in a piece.
    control_points
        First and last of those between which to stay; the whole beam where None.

    Raises
    ------
    MissingEvidenceError
        If the beam has no monitor units, no control points, or states no opening.
    AmbiguityError
        If two control points are half a turn or more apart.
    InputError
        If the step is not positive.
    """
    if not step_deg > 0.0:
        msg = f"the step of an arc is {step_deg}°; give a positive number"
        raise InputError(msg)
    _require_whole(beam)
    slices = tuple(_slices(beam, control_points))
    if not slices:
        return ()
    least, most = slices[0].travel_deg, slices[-1].travel_deg
    count = max(int(np.ceil((most - least) / step_deg - 1e-6)), 1)
    width = (most - least) / count or 1.0

    def piece(one: _Slice) -> int:
        return min(int((one.travel_deg - least) / width), count - 1)

    return tuple(_joined(beam, tuple(members)) for _, members in groupby(slices, key=piece))


def _require_whole(beam: Beam) -> None:
    weights = [point.cumulative_meterset for point in beam.control_points]
    if beam.meterset_mu is None or len(weights) < 2 or weights[-1] <= 0.0:
        msg = (
            f"beam {beam.number} ({beam.name}) has no monitor units over its control points; export the plan"
            " with them"
        )
        raise MissingEvidenceError(msg)
    if weights[0] != 0.0 or (np.diff(weights) < 0.0).any():
        msg = (
            f"the meterset of beam {beam.number} ({beam.name}) does not rise from 0 over its control points;"
            " export the plan again"
        )
        raise InputError(msg)


def _joined(beam: Beam, slices: Sequence[_Slice]) -> SubArc:
    shares = [one.meterset_mu for one in slices]
    gantry, collimator, couch = np.average(
        [one.angles_deg for one in slices], axis=0, weights=shares
    ).tolist()
    return SubArc(
        beam.number,
        gantry % 360.0,
        wrap_deg(collimator),
        wrap_deg(couch),
        float(sum(shares)),
        tuple((one.opening, one.meterset_mu) for one in slices),
        slices[0].interval,
        slices[-1].interval + 1,
    )


def _slices(beam: Beam, control_points: tuple[int, int] | None) -> Iterator[_Slice]:
    points = beam.control_points
    first, last = control_points or (0, len(points) - 1)
    travel_deg, at_deg = 0.0, np.array(_angles(points[0]))
    for interval, ((start, stop), mu) in enumerate(zip(pairwise(points), beam.interval_mu, strict=True)):
        turn_deg = _turn(beam, start, stop)
        if mu > 0.0 and first <= interval < last:
            yield from _between(beam, interval, (travel_deg, at_deg, turn_deg), mu)
        travel_deg += float(np.abs(turn_deg).sum())
        at_deg = at_deg + turn_deg


def _between(
    beam: Beam, interval: int, motion: tuple[float, np.ndarray, np.ndarray], mu: float
) -> Iterator[_Slice]:
    """Yield the moments between two control points, each in the middle of its share of the monitor units."""
    travel_deg, at_deg, turn_deg = motion
    start = opening_of(beam, beam.control_points[interval])
    stop = opening_of(beam, beam.control_points[interval + 1])
    far_deg = float(np.abs(turn_deg).sum())
    wanted = max(far_deg / SLICE_DEG, _farthest_mm(start, stop) / SLICE_MM)
    count = min(max(int(np.ceil(wanted - 1e-6)), 1), MOST_SLICES)
    for share in ((np.arange(count) + 0.5) / count).tolist():
        gantry, collimator, couch = (at_deg + share * turn_deg).tolist()
        opening = start if count == 1 and wanted == 0.0 else _mixed(start, stop, share)
        yield _Slice(interval, travel_deg + share * far_deg, (gantry, collimator, couch), opening, mu / count)


def _angles(point: ControlPoint) -> tuple[float, float, float]:
    return point.gantry_deg, point.collimator_deg, point.couch_deg


def _turn(beam: Beam, start: ControlPoint, stop: ControlPoint) -> np.ndarray:
    turn = np.array([wrap_deg(b - a) for a, b in zip(_angles(start), _angles(stop), strict=True)])
    if np.abs(turn).max() > LARGEST_TURN_DEG:
        msg = (
            f"two control points of beam {beam.number} ({beam.name}) are {np.abs(turn).max():g}° apart, so"
            " the way round is not known; export the arc with more control points"
        )
        raise AmbiguityError(msg)
    return turn


def _farthest_mm(start: Opening, stop: Opening) -> float:
    pairs = ((start.jaw_x_mm, stop.jaw_x_mm), (start.jaw_y_mm, stop.jaw_y_mm))
    moves = [max(abs(a[0] - b[0]), abs(a[1] - b[1])) for a, b in pairs if a and b]
    if start.leaf_positions_mm is not None and stop.leaf_positions_mm is not None:
        moves.append(float(np.abs(stop.leaf_positions_mm - start.leaf_positions_mm).max()))
    return max(moves, default=0.0)


def _mixed(start: Opening, stop: Opening, share: float) -> Opening:
    """Return the opening at a share of the way; wedges are as they are at its start."""
    leaf = start.leaf_positions_mm
    if leaf is not None and stop.leaf_positions_mm is not None:
        leaf = leaf + share * (stop.leaf_positions_mm - leaf)
    return Opening(
        _mixed_jaw(start.jaw_x_mm, stop.jaw_x_mm, share),
        _mixed_jaw(start.jaw_y_mm, stop.jaw_y_mm, share),
        leaf,
        start.leaves,
        start.wedges,
    )


def _mixed_jaw(
    start: tuple[float, float] | None, stop: tuple[float, float] | None, share: float
) -> tuple[float, float] | None:
    if start is None or stop is None:
        return start
    return start[0] + share * (stop[0] - start[0]), start[1] + share * (stop[1] - start[1])
