"""Rigid registration of the day's ultrasound to the reference of the simulation.

Small cubes of the reference are moved over the day's image until each correlates as well as it can, whatever
gain and offset either has there: the engine of CT matching, on speckle-reduced images and only where tissue
was seen.
"""

from dataclasses import dataclass, replace
from itertools import product
from typing import Final

import numpy as np

from isoguide.errors import GeometryError
from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.transforms import RigidTransform, rotation_angle_deg
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.progress import Progress, silent
from isoguide.registration import assess
from isoguide.registration.couch_freedom import motion_basis, pose_for_couch
from isoguide.registration.pyramid import Level
from isoguide.registration.refine import Fit, displacement_mm, refine, small_motion
from isoguide.registration.result import Alternative, Quality, Registration, Verdict
from isoguide.registration.starts import Starts, best_of_starts
from isoguide.registration.templates import PATCH
from isoguide.registration.ultrasound.same_levels import FINE_MM, MIDDLE_MM, seen_level
from isoguide.registration.ultrasound.same_reference import WIDER, PreparedUltrasound
from isoguide.registration.ultrasound.same_uncertainty import uncertainty
from isoguide.registration.ultrasound.same_verdict import LEAST_OVERLAP_FRACTION, Evidence, judge

ALGORITHM = "patch-NCC of speckle-reduced ultrasound, inverse-compositional Gauss-Newton 1"
CONTENT: Final = "ultrasound"
REACH_MM: Final = 35.0
"""The day's image is read this far around where the target should be: ±15 mm along three axes, and turned."""
START_MM: Final = 10.0
"""Starts stand on a lattice of 3 × 3 × 3 about the set-up position, this far apart."""
START_STEPS, FINE_STEPS = 15, 25
START_TOLERANCE_MM, FINE_TOLERANCE_MM = 0.1, 0.003
LEAST_SHOWN: Final = 40
ELSEWHERE_MM: Final = 4.0
"""A start that ends farther than this from the answer has found another place."""
CLOSE_MM: Final = 8.0
"""Near the answer of the middle resolution, that of the fine one is not farther off than this."""


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """What a match ended with: both resolutions, what the couch corrects of it, and the starts' story."""

    middle: Fit
    full: Fit
    fit: Fit
    starts: Starts
    other: Alternative | None


def register_ultrasound(
    prepared: PreparedUltrasound,
    daily: UltrasoundVolume,
    *,
    initial: RigidTransform,
    progress: Progress = silent,
) -> Registration:
    """Match the day's ultrasound to the reference.

    Parameters
    ----------
    prepared
        From :func:`isoguide.registration.ultrasound.prepare_ultrasound`, reusable for every fraction.
    daily
        The day's volume in patient axes about the machine isocentre, frame DAILY.
    initial
        Planning from daily as the patient should be: the machine isocentre on the plan isocentre. The truth
        may be up to ±15 mm and ±8° per axis away.
    progress
        Called with the fraction done.

    Returns
    -------
    Registration
        With the verdict "not available" and no transform where the images do not determine an answer.

    Raises
    ------
    GeometryError
        If ``initial`` does not take the daily to the planning frame, or the volume is not in DAILY.
    """
    if (initial.to_frame, initial.from_frame) != (PLANNING, DAILY) or daily.frame != DAILY:
        msg = (
            f"a match of ultrasound takes an image in '{DAILY}' and '{PLANNING} from {DAILY}', not one in "
            f"'{daily.frame}' and '{initial.to_frame} from {initial.from_frame}'"
        )
        raise GeometryError(msg)
    start = initial.inverse().matrix
    progress(0.0, "reading what the probe saw")
    middle = _daily_level(prepared, daily, start, MIDDLE_MM)
    if middle is None:
        return _not_available(prepared, (NOTHING_THERE,))
    progress(0.3, "finding the place")
    fits = _started(prepared, middle, start)
    if not fits:
        return _not_available(prepared, (TOO_LITTLE,))
    chosen, starts = best_of_starts(prepared, middle, fits[0].daily_from_planning)
    progress(0.6, "refining")
    fine = _daily_level(prepared, daily, chosen.daily_from_planning, FINE_MM)
    full = None if fine is None else _refine_fine(prepared, fine, chosen)
    if fine is None or full is None:
        return _not_available(prepared, (TOO_LITTLE,))
    progress(0.8, "checking the answer")
    pose = pose_for_couch(full.daily_from_planning, prepared.target_points_mm, prepared.settings)
    fit = replace(full, daily_from_planning=pose)
    found = _Found(chosen, full, fit, starts, _elsewhere(prepared, fits, chosen))
    return _assessed(prepared, fine, found, start)


NOTHING_THERE: Final = (
    "the day's ultrasound shows nothing where the target should lie: check contact, gel and the tracking of "
    "the probe"
)
TOO_LITTLE: Final = (
    "the day's ultrasound shows too little of what the reference shows around the target: scan it again with "
    "full contact"
)


def _daily_level(
    prepared: PreparedUltrasound, daily: UltrasoundVolume, pose: Array, spacing_mm: float
) -> Level | None:
    """Smooth the day's image about where a pose puts the target; None where nothing was seen."""
    low, high = prepared.target_box_mm
    corners = np.array(list(product(*zip(low, high, strict=True))))
    moved = corners @ pose[:3, :3].T + pose[:3, 3]
    reach_mm = REACH_MM if spacing_mm == MIDDLE_MM else CLOSE_MM
    around_mm = prepared.settings.margin_mm * WIDER[spacing_mm] + PATCH * spacing_mm + reach_mm
    seen = seen_level(daily, moved.min(axis=0) - around_mm, moved.max(axis=0) + around_mm, spacing_mm)
    return None if seen is None else seen.or_nan()


def _started(prepared: PreparedUltrasound, daily: Level, pose: Array) -> list[Fit]:
    """Refine from 27 places about a pose; those that see enough, the best first."""
    fits = []
    for shift in product((-START_MM, 0.0, START_MM), repeat=3):
        motion = small_motion(np.array([*shift, 0.0, 0.0, 0.0]), prepared.centre_mm)
        fit = refine(
            prepared.middle,
            daily,
            pose @ motion,
            np.eye(6),
            steps=START_STEPS,
            tolerance_mm=START_TOLERANCE_MM,
        )
        if np.isfinite(fit.correlation).sum() >= LEAST_SHOWN and fit.weight.any():
            fits.append(fit)
    return sorted(fits, key=lambda fit: -fit.evidence)


def _elsewhere(prepared: PreparedUltrasound, fits: list[Fit], chosen: Fit) -> Alternative | None:
    """Return the best place that is not the answer's."""
    for fit in fits:
        offset_mm = _apart_mm(prepared, fit.daily_from_planning, chosen.daily_from_planning)
        if offset_mm > ELSEWHERE_MM:
            return Alternative(0, offset_mm, fit.similarity, chosen.evidence - fit.evidence)
    return None


def _apart_mm(prepared: PreparedUltrasound, first: Array, second: Array) -> float:
    return float(displacement_mm(first, second, prepared.target_points_mm).max())


def _refine_fine(prepared: PreparedUltrasound, daily: Level, start: Fit) -> Fit | None:
    fit = refine(
        prepared.fine,
        daily,
        start.daily_from_planning,
        np.eye(6),
        steps=FINE_STEPS,
        tolerance_mm=FINE_TOLERANCE_MM,
    )
    return fit if fit.weight.any() else None


def _assessed(prepared: PreparedUltrasound, daily: Level, found: _Found, initial: Array) -> Registration:
    full, fit = found.full, found.fit
    shown = float(np.isfinite(full.correlation).mean())
    if shown < LEAST_OVERLAP_FRACTION:
        reason = f"the day's ultrasound shows only {100.0 * shown:.0f} % of the reference around the target"
        return _not_available(prepared, (reason,))
    basis = motion_basis(prepared.settings)
    number, weakest = assess.condition(full, np.eye(6))
    quality = Quality(
        similarity=found.middle.similarity,
        overlap_fraction=shown,
        condition_number=number,
        weakest_direction=weakest,
        weakest_direction_words=assess.motion_in_words(weakest),
        inverse_inconsistency_mm=assess.backward_inconsistency_mm(full, daily, prepared, np.eye(6)),
        start_agreement_mm=found.starts.spread_mm,
        starts_agreeing=(found.starts.agreeing, found.starts.started),
        residuals=assess.residual_map(found.middle, prepared.middle),
        alternatives=() if found.other is None else (found.other,),
    )
    sure = uncertainty(full, prepared, basis)
    shift = float(displacement_mm(initial, full.daily_from_planning, prepared.centre_mm[None])[0])
    angle = rotation_angle_deg(initial[:3, :3].T @ full.daily_from_planning[:3, :3])
    between = _apart_mm(prepared, found.middle.daily_from_planning, full.daily_from_planning)
    verdict, reasons = judge(Evidence(quality, sure, _detail(full), shift, angle, between))
    if verdict is Verdict.NOT_AVAILABLE:
        return _not_available(prepared, reasons, quality)
    return Registration(
        verdict=verdict,
        reasons=reasons,
        planning_from_daily=_transform(fit),
        unconstrained=_transform(full),
        degrees_of_freedom=prepared.settings.degrees_of_freedom,
        centre_mm=prepared.centre_mm,
        content=CONTENT,
        uncertainty=sure,
        quality=quality,
        algorithm=ALGORITHM,
        settings=prepared.settings.as_record(),
    )


def _detail(fit: Fit) -> float:
    """Return the correlation that three patches in four exceed, of those that the day's image shows."""
    return float(np.percentile(fit.correlation[np.isfinite(fit.correlation)], 25.0))


def _transform(fit: Fit) -> RigidTransform:
    return RigidTransform(DAILY, PLANNING, fit.daily_from_planning).inverse()


def _not_available(
    prepared: PreparedUltrasound, reasons: tuple[str, ...], quality: Quality | None = None
) -> Registration:
    return Registration.without_answer(
        reasons,
        settings=prepared.settings,
        centre_mm=prepared.centre_mm,
        content=CONTENT,
        algorithm=ALGORITHM,
        quality=quality,
    )
