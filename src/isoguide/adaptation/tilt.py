"""What the virtual couch shift does about beams that pass the patient tilted.

The dose that a perfect couch would give is computed in the patient of today, at points of his structures and
of the tissue around the target, and beside it that of the beams that follow the middle of the target, moved a
little either way. :mod:`isoguide.adaptation.beam_trim` finds shifts and weights from these; the plan made
with them is computed once more, and kept only where it is nearer and no target has lost.

Only where the gantry stands still in every beam: in an arc the tilts of opposite sides cancel for the most,
and the doses of its many directions take longer than a patient on the table should wait.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from isoguide.adaptation.beam_trim import BeamTrim, TrimProblem, find_trims
from isoguide.adaptation.problem import AdaptationProblem
from isoguide.adaptation.reweighting import SampledStructure
from isoguide.adaptation.segment_sample import AROUND, sampled
from isoguide.adaptation.virtual_couch_shift import CorrectedBeams, stands_still
from isoguide.dose.pencil_beam import SegmentDoses
from isoguide.geometry.frames import Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.plan import Plan
from isoguide.progress import Progress, part_of

LEAST_TILT_DEG: Final = 1.0
"""Less moves tissue 50 mm before or behind the target by less than 0.9 mm."""
STEP_MM: Final = 2.0
"""How far openings are moved either way to see what that does: less than half a leaf, more than rounding."""
TARGET_IMPORTANCE: Final = (10.0, 40.0, 160.0)
"""Of a target against an organ; the next one where a target lost with the one before."""
TARGET_MAY_LOSE: Final = 0.005
"""Of the mean dose of a target, at the dose that 95 % of it get."""
LEAST_GAIN: Final = 0.1
"""By what share the penalty must fall; else beams stay as they follow the target."""

SegmentsAt = Callable[[Plan, RigidTransform, Array, Progress], SegmentDoses]
"""Doses of segments of a plan, for a patient placed so, at points (n, 3), daily LPS."""
Shifted = Callable[[Mapping[int, BeamTrim]], CorrectedBeams]
"""Beams that follow the target with these trims, by number of the beam."""


@dataclass(frozen=True, slots=True, eq=False)
class KnownDoses:
    """Points, what they get with a perfect couch, and from each beam that follows the target.

    Parameters
    ----------
    points_mm
        (n, 3), daily LPS.
    structures
        Which points belong to what, the tissue around the target among them.
    problem
        Doses at the points; without parts.
    """

    points_mm: Array
    structures: tuple[SampledStructure, ...]
    problem: TrimProblem

    def with_importance(self, of_targets: float) -> TrimProblem:
        """Return what is to be solved when a target counts so many times as much as an organ."""
        parts = tuple((one.rows, of_targets if one.is_target else 1.0) for one in self.structures)
        return replace(self.problem, parts=parts)


def is_worth_trimming(shifted: CorrectedBeams) -> bool:
    """Say whether beams are tilted so much that shifts and weights are looked for."""
    if shifted.plan is None or max(shifted.tilt_deg.values(), default=0.0) < LEAST_TILT_DEG:
        return False
    return all(stands_still(beam) for beam in shifted.plan.beams if beam.number in shifted.tilt_deg)


def trim_tilted(
    problem: AdaptationProblem,
    fixed_from_daily: RigidTransform,
    plain: CorrectedBeams,
    shifted: Shifted,
    segments_at: SegmentsAt,
    progress: Progress,
) -> CorrectedBeams:
    """Return beams that follow the target and make up for their tilt, or only follow it where that is best.

    Parameters
    ----------
    problem
        The plan and the patient of today.
    fixed_from_daily
        How he lies when the corrected beams are on.
    plain
        Beams that only follow the target.
    shifted
        Makes the same with trims.
    segments_at
        Computes doses.
    progress
        Told how far it is.

    Raises
    ------
    GeometryError
        If the target has no voxel in the density of the day.
    """
    progress(0.0, "making up for the tilt of beams")
    found = known_doses(problem, plain, shifted, segments_at, fixed_from_daily, part_of(progress, 0.0, 0.8))
    if isinstance(found, str):
        return plain.with_change(f"nothing is done about the tilt: {found}")
    numbers = sorted(plain.tilt_deg)
    reason = "no shift of openings and no weights of beams come nearer to the planned dose"
    before_gy = found.problem.beam_gy.sum(axis=0)
    for turn, importance in enumerate(TARGET_IMPORTANCE):
        asked = found.with_importance(importance)
        trims = dict(zip(numbers, find_trims(asked), strict=True))
        trimmed = shifted(trims)
        if trimmed.plan is None:
            return plain.with_change(f"nothing is done about the tilt: {trimmed.reasons[0]}")
        part = part_of(progress, 0.8 + 0.06 * turn, 0.86 + 0.06 * turn)
        known = segments_at(trimmed.plan, fixed_from_daily, found.points_mm, part)
        after_gy = _by_beam(known, numbers).sum(axis=0)
        if asked.penalty(after_gy) > asked.penalty(before_gy) * (1.0 - LEAST_GAIN):
            break
        reason = "the target would lose dose by it"
        if not _has_lost(found.structures, before_gy, after_gy):
            return trimmed.with_change(_words(found, trims, before_gy, after_gy))
    return plain.with_change(f"nothing is done about the tilt: {reason}")


def known_doses(
    problem: AdaptationProblem,
    plain: CorrectedBeams,
    shifted: Shifted,
    segments_at: SegmentsAt,
    fixed_from_daily: RigidTransform,
    progress: Progress,
) -> KnownDoses | str:
    """Compute doses at points of the structures, or say why openings cannot be moved.

    Parameters
    ----------
    problem, plain, shifted, segments_at, fixed_from_daily, progress
        As of :func:`trim_tilted`.

    Raises
    ------
    GeometryError
        If the target has no voxel in the density of the day.
    """
    points_mm, sample = sampled(problem)
    numbers = sorted(plain.tilt_deg)
    moved = [shifted(dict.fromkeys(numbers, BeamTrim(step))) for step in (-STEP_MM, STEP_MM)]
    for one in moved:
        if one.plan is None:
            return one.reasons[0]
    perfect = problem.fixed_from_planning @ problem.planning_from_daily
    asked = [(problem.plan, perfect), *((one.plan, fixed_from_daily) for one in (plain, *moved))]
    doses = [
        segments_at(plan, placed, points_mm, part_of(progress, n / 4.0, (n + 1) / 4.0))
        for n, (plan, placed) in enumerate(asked)
        if plan is not None
    ]
    wanted, base, back, forth = (_by_beam(one, numbers) for one in doses)
    tilt_deg = np.array([plain.tilt_deg[number] for number in numbers])
    structures = tuple(one for one in sample.of(doses[1]) if one.name != AROUND or len(one.rows))
    slope = (forth - back) / (2.0 * STEP_MM)
    return KnownDoses(points_mm, structures, TrimProblem(wanted.sum(axis=0), base, slope, tilt_deg, ()))


def _by_beam(known: SegmentDoses, numbers: list[int]) -> Array:
    """Add up the segments of each beam, (beams, points) Gy."""
    mu = known.meterset_mu[:, None]
    doses = np.where(mu > 0.0, known.gy_per_mu, 0.0) * mu
    of_beam = np.array([key.beam_number for key in known.segments])
    return np.array([doses[of_beam == number].sum(axis=0) for number in numbers])


def _has_lost(structures: tuple[SampledStructure, ...], before_gy: Array, after_gy: Array) -> bool:
    for one in structures:
        if not one.is_target or not len(one.rows):
            continue
        before, after = before_gy[one.rows], after_gy[one.rows]
        if np.percentile(after, 5.0) < np.percentile(before, 5.0) - TARGET_MAY_LOSE * before.mean():
            return True
    return False


def _words(known: KnownDoses, trims: Mapping[int, BeamTrim], before_gy: Array, after_gy: Array) -> str:
    organs = [one.rows for one in known.structures if not one.is_target and one.name != AROUND]
    wanted_gy = known.problem.wanted_gy
    most = [
        max((abs(float((dose[rows] - wanted_gy[rows]).mean())) for rows in organs if len(rows)), default=0.0)
        for dose in (before_gy, after_gy)
    ]
    factors = [100.0 * (one.meterset_factor - 1.0) for one in trims.values()]
    return (
        f"to make up for the tilt, openings move by up to "
        f"{max(abs(one.shift_mm) for one in trims.values()):.1f} mm along the gantry's axis and monitor "
        f"units of a beam change by {min(factors):+.1f} to {max(factors):+.1f} %: the mean dose of an organ "
        f"is off a perfect couch by at most {most[1]:.2f} Gy of a fraction, not {most[0]:.2f} Gy"
    )
