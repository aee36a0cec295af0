"""Monitor units of segments, weighted anew for the anatomy of the day.

The dose of every segment per monitor unit is known in some ten thousand points of the structures; the dose is
then linear in the weights, and quadratic penalties have one minimum. Wanted is what was planned: in a target
each part shall get the dose that its place in the planned dose-volume histogram says, not more and not less;
in an organ not more. Goals that the plan would miss are wanted besides. Which place a part has depends on the
weights, so places and weights are found by turns. Weights are never negative and stay near those of before
where the dose does not care.

Each turn solves a bounded least-squares problem of as many unknowns as there are segments (its normal
equations are formed once per turn). Source: Bortfeld, Med. Phys. 26 (1999) 1456 (penalties and their
gradients); Wu and Mohan, Med. Phys. 27 (2000) 701 (dose-volume penalties by sorted dose).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import lsq_linear

from isoguide.dose.dvh import DoseVolumeHistogram
from isoguide.dose.goals import DoseGoal
from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.progress import Progress, silent

Float32 = NDArray[np.float32]

TURNS: Final = 12
TARGET_IMPORTANCE: Final = 10.0
"""Of a target against an organ: what a mean square of 1 Gy² counts."""
GOAL_IMPORTANCE: Final = 5.0
NEAR: Final = 0.003
"""How much the weights are held to those of before, as a share of the curvature of all penalties."""
LARGEST_FACTOR: Final = 4.0
"""A segment gets at most so many times its monitor units of before."""


@dataclass(frozen=True, slots=True, eq=False)
class SampledStructure:
    """A structure as points in which the segments' doses are known.

    Parameters
    ----------
    name, is_target
        Of the structure.
    rows
        Which points of the whole sample belong to it, (n,) indices; all of them stand for the same volume.
    planned
        Histogram of one fraction as planned; None where there is none, and then only goals count.
    """

    name: str
    is_target: bool
    rows: NDArray[np.intp]
    planned: DoseVolumeHistogram | None


@dataclass(frozen=True, slots=True, eq=False)
class Reweighted:
    """New monitor units.

    Parameters
    ----------
    segment_mu
        (segments,), not negative.
    penalty_before, penalty_after
        Weighted mean square of the dose that is missing or too much, Gy².
    """

    segment_mu: Array
    penalty_before: float
    penalty_after: float


@dataclass(frozen=True, slots=True, eq=False)
class WeightingProblem:
    """What segments give per monitor unit, and what is wanted.

    Parameters
    ----------
    gy_per_mu
        Dose of each segment in each point, (segments, points).
    segment_mu
        Monitor units of before, (segments,).
    structures
        Where the points are.
    goals, fractions, prescription_gy
        Goals of the course; they hold for the dose of one fraction times the fractions. The prescription is
        None where the plan states none; goals in percent of it then do not count.
    """

    gy_per_mu: Float32
    segment_mu: Array
    structures: tuple[SampledStructure, ...]
    goals: tuple[DoseGoal, ...] = ()
    fractions: int = 1
    prescription_gy: float | None = None

    def __post_init__(self) -> None:
        mu = frozen_array(self.segment_mu, (-1,), "monitor units of the segments")
        if len(mu) != len(self.gy_per_mu) or (mu < 0.0).any():
            msg = "monitor units of the segments must be one for each, and not negative"
            raise GeometryError(msg)
        object.__setattr__(self, "segment_mu", mu)


def reweight(problem: WeightingProblem, progress: Progress = silent) -> Reweighted:
    """Find the weights that come nearest to what was planned and to the goals.

    Parameters
    ----------
    problem
        Doses per monitor unit and wishes.
    progress
        Told how far it is.

    Raises
    ------
    GeometryError
        If no structure has a point.
    """
    if not any(len(one.rows) for one in problem.structures):
        msg = "no structure lies where the beams' dose is known: check the structures of the day"
        raise GeometryError(msg)
    mu = problem.segment_mu
    before = _penalty(problem, mu)
    best, least = mu, before
    for turn in range(TURNS):
        progress(turn / TURNS, "weighting the segments")
        mu = _solved(problem, mu)
        now = _penalty(problem, mu)
        if now < least * (1.0 - 1e-4):
            best, least = mu, now
        else:
            break
    return Reweighted(np.maximum(best, 0.0), before, least)


@dataclass(frozen=True, slots=True, eq=False)
class _Wish:
    """Doses that points shall have, each with how much it matters; all that is well already is left out."""

    rows: NDArray[np.intp]
    dose_gy: Array
    importance: Array


def _dose_gy(problem: WeightingProblem, mu: Array) -> Array:
    return np.asarray(mu.astype(np.float32) @ problem.gy_per_mu, dtype=np.float64)


def _penalty(problem: WeightingProblem, mu: Array) -> float:
    dose_gy = _dose_gy(problem, mu)
    return sum(
        float((wish.importance * (dose_gy[wish.rows] - wish.dose_gy) ** 2).sum())
        for wish in _wishes(problem, dose_gy)
    )


def _solved(problem: WeightingProblem, mu: Array) -> Array:
    """Minimise the penalties of this turn's wishes over weights that are not negative.

    With W the importances, A the doses per unit of weight (weights relative to those of before) and d the
    wanted doses, the normal matrix H = AᵀWA + εI is taken apart once (Cholesky), and the bounds are kept by a
    least-squares problem of its size.
    """
    scale = np.maximum(problem.segment_mu, problem.segment_mu.mean() * 1e-2)
    wishes = _wishes(problem, _dose_gy(problem, mu))
    count = len(scale)
    normal, side = np.zeros((count, count)), np.zeros(count)
    for wish in wishes:
        rows = problem.gy_per_mu[:, wish.rows].astype(np.float64) * scale[:, None]
        weighted = rows * wish.importance
        normal += weighted @ rows.T
        side += weighted @ wish.dose_gy
    near = NEAR * max(float(np.trace(normal)) / count, 1e-12)
    normal[np.diag_indices(count)] += near
    side += near * problem.segment_mu / scale
    factor = cholesky(normal, lower=False)
    target = solve_triangular(factor, side, trans="T")
    highest = LARGEST_FACTOR * np.maximum(problem.segment_mu / scale, 1.0)
    found = lsq_linear(factor, target, bounds=(0.0, highest), method="bvls", max_iter=10 * count)
    return np.asarray(np.clip(found.x, 0.0, highest) * scale)


def _wishes(problem: WeightingProblem, dose_gy: Array) -> list[_Wish]:
    wishes = []
    for one in problem.structures:
        if len(one.rows) == 0:
            continue
        order = np.argsort(dose_gy[one.rows])
        rows = one.rows[order]
        if one.planned is not None:
            wishes.append(_as_planned(one, one.planned, rows, dose_gy[rows]))
        wishes += [
            _of_goal(goal, problem, rows, dose_gy[rows])
            for goal in problem.goals
            if goal.structure == one.name
        ]
    return wishes


def _as_planned(
    one: SampledStructure, planned: DoseVolumeHistogram, rows: NDArray[np.intp], dose_gy: Array
) -> _Wish:
    """Want the planned dose of the same place in the histogram: exactly in a target, at most in an organ."""
    share = (np.arange(len(rows)) + 0.5) / len(rows)
    below = (np.cumsum(planned.part_ml) - planned.part_ml / 2.0) / planned.volume_ml
    wanted = np.interp(share, below, planned.dose_gy)
    importance = np.full(len(rows), (TARGET_IMPORTANCE if one.is_target else 1.0) / len(rows))
    if not one.is_target:
        importance[dose_gy <= wanted] = 0.0
    return _Wish(rows, wanted, importance)


def _of_goal(goal: DoseGoal, problem: WeightingProblem, rows: NDArray[np.intp], dose_gy: Array) -> _Wish:
    """Want what a goal says of the points that stand between it and being met; ``dose_gy`` increases."""
    nothing = _Wish(rows[:0], dose_gy[:0], dose_gy[:0])
    limit_gy, share = _limit_of(goal, problem)
    if limit_gy is None:
        return nothing
    if goal.measure == "mean":
        excess = float(dose_gy.mean()) - limit_gy
        if excess == 0.0 or (excess > 0.0) != goal.is_upper:
            return nothing
        return _Wish(rows, dose_gy - excess, np.full(len(rows), GOAL_IMPORTANCE / len(rows)))
    # The hottest ``share`` may be above an upper limit; of a lower one they have to be.
    hottest = len(rows) - min(max(round(share * len(rows)), 0), len(rows))
    chosen = slice(0, hottest) if goal.is_upper else slice(hottest, len(rows))
    picked, dose = rows[chosen], dose_gy[chosen]
    off = dose > limit_gy if goal.is_upper else dose < limit_gy
    wanted = np.full(int(off.sum()), limit_gy)
    return _Wish(picked[off], wanted, np.full(len(wanted), GOAL_IMPORTANCE / len(rows)))


def _limit_of(goal: DoseGoal, problem: WeightingProblem) -> tuple[float | None, float]:
    """Return the dose of one fraction that a goal is about, and the share of the hottest that it means.

    Volumes in ml are goals that histograms judge; without the volume of the sample they do not count here.
    """
    share = {"max": 0.0, "min": 1.0, "mean": 1.0}.get(goal.measure)
    if share is None and goal.measure == "D percent" and goal.at is not None:
        share = goal.at / 100.0
    course_gy: float | None = goal.limit
    if goal.measure in ("V Gy percent", "V percent percent"):
        course_gy, share = goal.at, goal.limit / 100.0
    if share is None or course_gy is None:
        return None, 0.0
    if goal.needs_prescription:
        if problem.prescription_gy is None:
            return None, 0.0
        course_gy *= problem.prescription_gy / 100.0
    return course_gy / problem.fractions, share
