"""From two paths to a couch correction: read, check, match, correct."""

from dataclasses import replace
from types import MappingProxyType
from typing import Final

from isoguide.geometry.correction import CouchCorrection, correction_covariance
from isoguide.geometry.frames import Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.structure import Structure
from isoguide.progress import Progress, part_of, silent
from isoguide.registration.result import Verdict
from isoguide.workflow.alignment import Alignment
from isoguide.workflow.day_kind import Day, look_at_day
from isoguide.workflow.inputs import PlanningInput, load_planning
from isoguide.workflow.match_day import match_day, timed
from isoguide.workflow.pair_checks import doubts_about
from isoguide.workflow.request import AlignRequest
from isoguide.workflow.target import (
    StructureResidual,
    choose_target,
    points_about,
    residual_of_points,
    structure_residuals,
    surface_points_mm,
)

RESIDUAL_REVIEW_MM: Final = 2.0
"""Positioning tolerance of stereotactic body treatments (AAPM MPPG 9.a): a person has to look when a couch
that cannot turn leaves more than this at the target."""
COUCH_TILT_DEG: Final = 3.0
"""Pitch and roll within reach of usual 6-DoF couches; a site with another couch has another limit."""


def align(request: AlignRequest, progress: Progress = silent, *, day: Day | None = None) -> Alignment:
    """Align the day's image to the plan; ``day`` is what the day's side was found to be, if that is known.

    Raises
    ------
    InputError
        If the data cannot be used; the message says what to do. A match that cannot be trusted is not an
        error but the verdict "not available".
    Cancelled
        If ``progress`` asked to stop.
    """
    seconds: dict[str, float] = {}
    with timed(seconds, "total"):
        if day is None:
            with timed(seconds, "look_at_daily"):
                day = look_at_day(request, part_of(progress, 0.0, 0.05))
        return _align(request, day, progress, seconds)


def _align(request: AlignRequest, day: Day, progress: Progress, seconds: dict[str, float]) -> Alignment:
    with timed(seconds, "read_planning"):
        planning = load_planning(request, part_of(progress, 0.05, 0.4))
    target = _target(planning)
    matched = match_day(request, planning, target, day, progress, seconds)
    registration = matched.registration
    answer = Alignment(
        request=request,
        planning=planning,
        daily=matched.daily,
        registration=registration,
        verdict=registration.verdict,
        reasons=registration.reasons,
        warnings=tuple(dict.fromkeys((*planning.warnings, *matched.warnings))),
        target=target,
        timing_s=MappingProxyType(seconds),
        radiographs=matched.radiographs,
        markers=matched.markers,
        marker_plan=matched.marker_plan,
    )
    return _with_correction(answer)


def _target(planning: PlanningInput) -> Structure | None:
    if planning.structure_set is None:
        return None
    return choose_target(planning.structure_set.structures, planning.isocentre.xyz_mm)


def _with_correction(answer: Alignment) -> Alignment:
    """Turn the match into what the couch has to do, and add the doubts that the match itself cannot know."""
    matched = answer.registration.planning_from_daily
    if matched is None:
        return answer
    setup, degrees_of_freedom = answer.setup, answer.request.degrees_of_freedom
    points_mm = surface_points_mm(answer.target) if answer.target else points_about(setup.plan_isocentre_mm)
    correction, placed = setup.correction(matched), matched
    unconstrained: CouchCorrection | None = None
    residuals: tuple[StructureResidual, ...] = ()
    if degrees_of_freedom != 6:
        unconstrained = correction
        correction = setup.constrained(matched, degrees_of_freedom, points_mm)
        placed = setup.realised(correction)
        residuals = _residuals(answer, matched, correction, points_mm)
    reasons = (*answer.reasons, *doubts_about(answer.planning, answer.daily), *_residual_doubts(residuals))
    escalates = len(reasons) > len(answer.reasons) and answer.verdict is Verdict.ACCEPT
    return replace(
        answer,
        verdict=Verdict.REVIEW if escalates else answer.verdict,
        reasons=reasons,
        warnings=(*answer.warnings, *_reach_warnings(correction)),
        planning_from_daily=placed,
        correction=correction,
        covariance=_covariance(answer, matched, points_mm),
        unconstrained_correction=unconstrained,
        residuals=residuals,
    )


def _residuals(
    answer: Alignment, full: RigidTransform, correction: CouchCorrection, points_mm: Array
) -> tuple[StructureResidual, ...]:
    structure_set = answer.planning.structure_set
    structures = structure_set.structures if structure_set is not None else ()
    lines = structure_residuals(structures, answer.target, full, correction, answer.setup)
    if answer.target is not None:
        return lines
    around = residual_of_points("30 mm around the isocentre", full, correction, points_mm, answer.setup)
    return (around, *lines)


def _residual_doubts(residuals: tuple[StructureResidual, ...]) -> tuple[str, ...]:
    return tuple(
        f"the rotation that the couch cannot make leaves up to {line.largest_mm:.1f} mm at {line.name}"
        for line in residuals
        if line.is_target and line.largest_mm > RESIDUAL_REVIEW_MM
    )


def _reach_warnings(correction: CouchCorrection) -> tuple[str, ...]:
    tilts = (("pitch", correction.pitch_deg), ("roll", correction.roll_deg))
    return tuple(
        f"{name} {angle_deg:+.1f}° is beyond the ±{COUCH_TILT_DEG:g}° that usual 6-DoF couches can make: "
        "set the patient up again"
        for name, angle_deg in tilts
        if abs(angle_deg) > COUCH_TILT_DEG
    )


def _covariance(answer: Alignment, matched: RigidTransform, points_mm: Array) -> Array | None:
    """Covariance (6, 6) of the correction; None where the match has none."""
    uncertainty = answer.registration.uncertainty
    if uncertainty is None:
        return None
    setup, degrees_of_freedom = answer.setup, answer.request.degrees_of_freedom
    about_isocentre = uncertainty.about(setup.plan_isocentre_mm)
    if degrees_of_freedom == 6:
        return correction_covariance(about_isocentre, matched, setup.patient_position)
    jacobian = setup.constrained_jacobian(matched, degrees_of_freedom, points_mm)
    propagated: Array = jacobian @ about_isocentre @ jacobian.T
    return propagated
