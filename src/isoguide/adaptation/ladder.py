"""The ladder: couch, virtual couch shift, aperture morphing, re-weighting, re-plan, each with its effect.

Every rung starts from the one below it: beams are corrected for what the couch leaves, segments are morphed
after they follow the target, and weighted anew after that. A rung that is not available says why, and the
next one starts from the last that is.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol
from uuid import uuid4

import numpy as np

from isoguide.adaptation.beam_trim import BeamTrim
from isoguide.adaptation.field_shape import target_outline_mm
from isoguide.adaptation.morphing import morph_apertures
from isoguide.adaptation.problem import AdaptationProblem, Stand
from isoguide.adaptation.result import Rung, RungDose, RungResult
from isoguide.adaptation.reweighting import WeightingProblem, reweight
from isoguide.adaptation.segment_sample import sampled
from isoguide.adaptation.segment_weights import with_weights
from isoguide.adaptation.tilt import is_worth_trimming, trim_tilted
from isoguide.adaptation.virtual_couch_shift import CorrectedBeams, shift_beams
from isoguide.dose.compute import Placement, compute_dose
from isoguide.dose.goals import evaluate_goals
from isoguide.dose.histograms import dose_volume_histograms
from isoguide.dose.pencil_beam import SegmentDoses, segment_doses
from isoguide.errors import InputError
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.frames import DAILY, FIXED, Array, Points
from isoguide.geometry.transforms import RigidTransform
from isoguide.plan import Plan
from isoguide.progress import Progress, part_of, silent

ALL_RUNGS: Final = tuple(Rung)
LEAST_GAIN: Final = 0.02
"""Weights that better the penalties by less than this share are left as they are."""
OUTLINE_MM: Final = 2.0
_BEAM_RUNGS: Final = (Rung.VIRTUAL_COUCH_SHIFT, Rung.APERTURE_MORPHING, Rung.REWEIGHTING)
_PARTS: Final = {
    Rung.UNCORRECTED: 0.0,
    Rung.COUCH: 0.15,
    Rung.VIRTUAL_COUCH_SHIFT: 0.3,
    Rung.APERTURE_MORPHING: 0.5,
    Rung.REWEIGHTING: 0.65,
    Rung.REPLAN: 0.95,
}


class DoseOfDay(Protocol):
    """Computes doses in the patient of the day."""

    def effect(self, plan: Plan, fixed_from_daily: RigidTransform, progress: Progress) -> RungDose:
        """Return dose, histograms and goals of one fraction for a patient placed so."""

    def segments(
        self, plan: Plan, fixed_from_daily: RigidTransform, points_mm: Array, progress: Progress
    ) -> SegmentDoses:
        """Return the doses of segments at points (n, 3), daily LPS."""


@dataclass(frozen=True, slots=True, eq=False)
class PencilBeamDoses:
    """Doses by the pencil beam on the density of the day."""

    problem: AdaptationProblem

    def effect(self, plan: Plan, fixed_from_daily: RigidTransform, progress: Progress) -> RungDose:
        """Return dose, histograms and goals of one fraction."""
        problem = self.problem
        dose = compute_dose(
            plan,
            problem.density,
            problem.machine,
            placement=Placement(fixed_from_daily, problem.body),
            settings=problem.settings,
            progress=part_of(progress, 0.0, 0.9),
        )
        histograms = dose_volume_histograms(dose, problem.structures)
        goals = evaluate_goals(
            problem.goals,
            histograms,
            prescription_gy=problem.prescription_gy,
            fractions=problem.fractions,
        )
        return RungDose(dose, {one.name: one for one in histograms}, goals)

    def segments(
        self, plan: Plan, fixed_from_daily: RigidTransform, points_mm: Array, progress: Progress
    ) -> SegmentDoses:
        """Return the doses of segments at points."""
        problem = self.problem
        return segment_doses(
            plan,
            problem.density,
            problem.machine,
            points_mm,
            placement=Placement(fixed_from_daily, problem.body),
            settings=problem.settings,
            progress=progress,
        )


def climb(
    problem: AdaptationProblem,
    progress: Progress = silent,
    *,
    rungs: Collection[Rung] = ALL_RUNGS,
    doses: DoseOfDay | None = None,
) -> tuple[RungResult, ...]:
    """Try each rung and compute what it does to the dose.

    Parameters
    ----------
    problem
        The plan and the patient of today.
    progress
        Told how far it is.
    rungs
        Those whose effect is wanted; those below them are made, but not computed.
    doses
        Who computes doses; the pencil beam when None.

    Returns
    -------
    tuple of RungResult
        One for each rung wanted, from what changes least to what changes most.

    Raises
    ------
    InputError
        If the plan holds what no dose can be computed of, or has several isocentres.
    Cancelled
        If ``progress`` asked to stop.
    """
    climber = _Climb(problem, doses or PencilBeamDoses(problem), frozenset(rungs), progress)
    return tuple(result for result in climber.results() if result.rung in climber.wanted)


class _Climb:
    """One way up: what the couch does, and the last corrected plan."""

    def __init__(
        self,
        problem: AdaptationProblem,
        doses: DoseOfDay,
        wanted: frozenset[Rung],
        progress: Progress,
    ) -> None:
        self.problem, self.doses, self.wanted, self._progress = problem, doses, wanted, progress
        self._correction = problem.couch_correction()
        self._stand = Stand.after(problem, self._correction)
        self._plan: Plan | None = None
        outline_mm = target_outline_mm(problem.planned_target, OUTLINE_MM)
        self._planned_target = Points(FIXED, problem.fixed_from_planning.apply(outline_mm))

    def results(self) -> Sequence[RungResult]:
        return [
            self._uncorrected(),
            self._couch(),
            self._beams(Rung.VIRTUAL_COUCH_SHIFT, self._shifted),
            self._beams(Rung.APERTURE_MORPHING, self._morphed),
            self._beams(Rung.REWEIGHTING, self._reweighted),
            self._replan(),
        ]

    def _uncorrected(self) -> RungResult:
        effect = self._effect(Rung.UNCORRECTED, self.problem.plan, self.problem.fixed_from_daily)
        return RungResult(Rung.UNCORRECTED, (), ("nothing is changed",), effect=effect)

    def _couch(self) -> RungResult:
        if self.problem.couch is None:
            return RungResult(Rung.COUCH, ("the couch was to stay where it is",), ())
        moved = self._correction.fixed_from_fixed @ self.problem.fixed_from_daily
        effect = self._effect(Rung.COUCH, self.problem.plan, moved)
        return RungResult(
            Rung.COUCH, (), _couch_words(self._correction, self._stand), couch=self._correction, effect=effect
        )

    def _beams(self, rung: Rung, made: Callable[[Progress], CorrectedBeams]) -> RungResult:
        if not any(one in self.wanted for one in _BEAM_RUNGS[_BEAM_RUNGS.index(rung) :]):
            return RungResult(rung, ("it was not asked for",), ())
        # One share of the progress makes the beams, the other computes their dose.
        corrected = made(self._part(rung, 0.0, 0.5))
        if corrected.plan is None:
            return RungResult(rung, corrected.reasons, ())
        self._plan = replace(corrected.plan, sop_instance_uid=f"2.25.{uuid4().int}")
        effect = self._effect(rung, self._plan, self._stand.fixed_from_daily)
        changes = (*self._after_couch(), *corrected.changes)
        return RungResult(rung, (), changes, plan=self._plan, effect=effect, plan_frame=self._stand.frame)

    def _after_couch(self) -> tuple[str, ...]:
        words = []
        if self.problem.couch is not None:
            words.append("it is delivered after the couch has made its correction")
        if self._stand.frame is not DAILY:
            words.append("its isocentre is in the coordinates of the planning CT")
        return tuple(words)

    def _shifted(self, progress: Progress) -> CorrectedBeams:
        plain = self._following({})
        if not is_worth_trimming(plain):
            return plain
        placed = self._stand.fixed_from_daily
        return trim_tilted(self.problem, placed, plain, self._following, self.doses.segments, progress)

    def _following(self, trims: Mapping[int, BeamTrim]) -> CorrectedBeams:
        return shift_beams(
            self.problem.plan,
            self._stand.fixed_after_from_before,
            self._planned_target,
            self.problem.machine,
            isocentre_mm=self._stand.isocentre_mm,
            turn_couch_deg=self._stand.turn_couch_deg,
            trims=trims,
        )

    def _morphed(self, _: Progress) -> CorrectedBeams:
        if self._plan is None:
            return CorrectedBeams(
                None, ("it starts from the virtual couch shift, which is not available",), ()
            )
        carried = self._stand.turned_back @ self._stand.fixed_after_from_before @ self._planned_target
        outline_mm = target_outline_mm(self.problem.target, OUTLINE_MM)
        today = Points(FIXED, self._stand.fixed_from_daily.apply(outline_mm))
        return morph_apertures(self._plan, carried, today, self.problem.machine)

    def _reweighted(self, progress: Progress) -> CorrectedBeams:
        if self._plan is None:
            return CorrectedBeams(
                None, ("it starts from the virtual couch shift, which is not available",), ()
            )
        problem = self.problem
        points_mm, structures = sampled(problem)
        known = self.doses.segments(
            self._plan, self._stand.fixed_from_daily, points_mm, part_of(progress, 0.0, 0.7)
        )
        weighting = WeightingProblem(
            known.gy_per_mu,
            known.meterset_mu,
            structures.of(known),
            problem.goals,
            problem.fractions,
            problem.prescription_gy,
        )
        found = reweight(weighting, part_of(progress, 0.7, 1.0))
        if found.penalty_after > found.penalty_before * (1.0 - LEAST_GAIN):
            return CorrectedBeams(None, ("other weights of the segments make the dose no better",), ())
        return with_weights(self._plan, known.segments, found.segment_mu, problem.machine)

    def _replan(self) -> RungResult:
        self._progress(_PARTS[Rung.REPLAN], "the ladder is climbed")
        changes = ("the day's image, structures, plan and doses are put into a folder for planning anew",)
        return RungResult(Rung.REPLAN, (), changes)

    def _effect(self, rung: Rung, plan: Plan, fixed_from_daily: RigidTransform) -> RungDose | None:
        if rung not in self.wanted:
            return None
        return self.doses.effect(plan, fixed_from_daily, self._part(rung, 0.5, 1.0))

    def _part(self, rung: Rung, first: float, last: float) -> Progress:
        order = list(_PARTS.values())
        start = _PARTS[rung]
        length = order[order.index(start) + 1] - start
        return part_of(self._progress, start + first * length, start + last * length)


def _couch_words(correction: CouchCorrection, stand: Stand) -> tuple[str, ...]:
    shift, turn = correction.shift_mm, (correction.pitch_deg, correction.roll_deg, correction.yaw_deg)
    words = (
        f"the couch moves lateral {shift[0]:+.1f}, longitudinal {shift[1]:+.1f}, vertical {shift[2]:+.1f} mm"
    )
    if np.any(np.abs(turn) > 0.005):
        words += f", pitch {turn[0]:+.2f}, roll {turn[1]:+.2f}, yaw {turn[2]:+.2f}°"
    left = stand.fixed_after_from_before
    remains = f"what remains: {left.angle_deg:.1f}° of rotation"
    return (words, remains) if left.angle_deg > 0.05 else (words,)


def require_one_isocentre(plan: Plan) -> None:
    """Refuse a plan whose treatment beams have several isocentres.

    Raises
    ------
    InputError
        If there are several: a rotation displaces each of them differently.
    """
    try:
        plan.isocentre_mm()
    except InputError as error:
        msg = f"beams are corrected about one isocentre: {error}"
        raise InputError(msg) from error
