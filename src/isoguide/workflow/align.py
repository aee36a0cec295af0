"""From two paths to a couch correction: read, check, match, correct."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from isoguide.errors import InputError, MissingEvidenceError
from isoguide.geometry.correction import CouchCorrection, correction_covariance
from isoguide.geometry.frames import Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.mask import structure_mask
from isoguide.images.structure import Structure
from isoguide.progress import Progress, part_of, silent
from isoguide.registration import (
    MatchSettings,
    PreparedPlanning,
    Region,
    Registration,
    prepare_planning,
    register_volumes,
)
from isoguide.registration.result import Verdict
from isoguide.workflow.alignment import Alignment
from isoguide.workflow.inputs import DailyInput, PlanningInput, load_daily, load_planning
from isoguide.workflow.pair_checks import check_pair, doubts_about, require_overlap
from isoguide.workflow.radiographs.align_views import (
    ViewsInput,
    is_views_file,
    load_views_input,
    register_views,
)
from isoguide.workflow.request import AlignRequest, RegionChoice
from isoguide.workflow.target import (
    StructureResidual,
    choose_target,
    points_about,
    residual_of_points,
    structure_residuals,
    surface_points_mm,
)
from isoguide.workflow.treatment_setup import TreatmentSetup

RESIDUAL_REVIEW_MM: Final = 2.0
"""Positioning tolerance of stereotactic body treatments (AAPM MPPG 9.a): a person has to look when a couch
that cannot turn leaves more than this at the target."""
PATIENT_UNKNOWN: Final = (
    "PATIENT NOT CHECKED: radiographs of a views file carry no patient identity and no time of exposure",
)
COUCH_TILT_DEG: Final = 3.0
"""Pitch and roll within reach of usual 6-DoF couches; a site with another couch has another limit."""


def align(request: AlignRequest, progress: Progress = silent) -> Alignment:
    """Align the day's image to the plan.

    Raises
    ------
    InputError
        If the data cannot be used; the message says what to do. A match that cannot be trusted is not an
        error but the verdict "not available".
    Cancelled
        If ``progress`` asked to stop.
    """
    seconds: dict[str, float] = {}
    with _timed(seconds, "total"):
        return _align(request, progress, seconds)


def _align(request: AlignRequest, progress: Progress, seconds: dict[str, float]) -> Alignment:
    with _timed(seconds, "read_planning"):
        planning = load_planning(request, part_of(progress, 0.0, 0.4))
    target = _target(planning)
    daily: DailyInput | ViewsInput
    if is_views_file(request.daily):
        daily, registration = _match_views(request, planning, target, progress, seconds)
        warnings = (*planning.warnings, *daily.warnings, *PATIENT_UNKNOWN)
    else:
        daily, registration, warnings = _match_volume(request, planning, target, progress, seconds)
    answer = Alignment(
        request=request,
        planning=planning,
        daily=daily,
        registration=registration,
        verdict=registration.verdict,
        reasons=registration.reasons,
        warnings=tuple(dict.fromkeys(warnings)),
        target=target,
        timing_s=MappingProxyType(seconds),
    )
    return _with_correction(answer)


def _match_views(
    request: AlignRequest,
    planning: PlanningInput,
    target: Structure | None,
    progress: Progress,
    seconds: dict[str, float],
) -> tuple[ViewsInput, Registration]:
    if request.region != RegionChoice() or request.content != "auto":
        msg = "radiographs are matched about the isocentre on all they show: leave --roi and --content out"
        raise InputError(msg)
    with _timed(seconds, "read_daily"):
        daily = load_views_input(request, planning)
    with _timed(seconds, "register"):
        progress(0.4, "Matching the radiographs")
        points_mm = surface_points_mm(target) if target is not None else None
        registration = register_views(planning, daily, points_mm, part_of(progress, 0.4, 1.0))
    return daily, registration


def _match_volume(
    request: AlignRequest,
    planning: PlanningInput,
    target: Structure | None,
    progress: Progress,
    seconds: dict[str, float],
) -> tuple[DailyInput, Registration, tuple[str, ...]]:
    # The day's image is read while the planning side is prepared: the kernels run without the interpreter's
    # lock.
    with ThreadPoolExecutor(max_workers=1) as pool:
        daily_reader = pool.submit(_load_daily, request, seconds)
        with _timed(seconds, "prepare_planning"):
            progress(0.4, "Preparing the planning image")
            prepared = _prepare(request, planning, target, part_of(progress, 0.4, 0.6))
        progress(0.6, "Reading the day's image")
        daily = daily_reader.result()
    setup = TreatmentSetup(planning.isocentre.xyz_mm, daily.isocentre.xyz_mm, planning.patient_position)
    warnings = (*planning.warnings, *daily.warnings, *check_pair(planning, daily))
    require_overlap(planning, daily, setup.uncorrected)
    with _timed(seconds, "register"):
        progress(0.65, "Matching")
        registration = register_volumes(
            prepared, daily.volume, initial=setup.uncorrected, progress=part_of(progress, 0.65, 1.0)
        )
    return daily, registration, warnings


def _load_daily(request: AlignRequest, seconds: dict[str, float]) -> DailyInput:
    with _timed(seconds, "read_daily"):
        return load_daily(request, silent)


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[step] = time.perf_counter() - start


def _target(planning: PlanningInput) -> Structure | None:
    if planning.structure_set is None:
        return None
    return choose_target(planning.structure_set.structures, planning.isocentre.xyz_mm)


def _prepare(
    request: AlignRequest, planning: PlanningInput, target: Structure | None, progress: Progress
) -> PreparedPlanning:
    # The match is always free to turn: a rotation that the couch cannot make must not look like another
    # patient. What the couch can do is solved for at the target afterwards.
    return prepare_planning(
        planning.volume,
        isocentre_mm=planning.isocentre.xyz_mm,
        settings=MatchSettings(region=_region(request, planning), content=request.content),
        target_points_mm=surface_points_mm(target) if target is not None else None,
        progress=progress,
    )


def _region(request: AlignRequest, planning: PlanningInput) -> Region:
    choice = request.region
    if choice.box_mm is not None:
        return Region.box(planning.isocentre.xyz_mm, choice.box_mm)
    if choice.structure_name is None:
        return Region.automatic()
    if planning.structure_set is None:
        msg = (
            f"{planning.path} holds no structure set, so no structure '{choice.structure_name}': "
            "add the RT Structure Set, or use --roi auto or --roi box:SIZE_MM"
        )
        raise MissingEvidenceError(msg)
    structure = planning.structure_set.structure(choice.structure_name)
    return Region.structure(structure.name, structure_mask(structure, planning.volume.grid))


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
