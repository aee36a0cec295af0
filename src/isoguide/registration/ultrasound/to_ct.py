"""Rigid registration of the day's ultrasound to the planning CT: for review, never applied by itself."""

from typing import Final

import numpy as np

from isoguide.errors import GeometryError
from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.transforms import RigidTransform, rotation_angle_deg
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.progress import Progress, silent
from isoguide.registration.assess import motion_in_words
from isoguide.registration.couch_freedom import motion_basis, pose_for_couch
from isoguide.registration.refine import displacement_mm
from isoguide.registration.result import Quality, Registration, Uncertainty, Verdict
from isoguide.registration.ultrasound.to_ct_assess import condition, residual_map, share_seen, uncertainty
from isoguide.registration.ultrasound.to_ct_patches import (
    UltrasoundPatches,
    shown_around,
    ultrasound_patches,
)
from isoguide.registration.ultrasound.to_ct_planning import WIDER_MM, PreparedUltrasoundToCt
from isoguide.registration.ultrasound.to_ct_search import (
    COARSE,
    FINE,
    FINE_PATCHES,
    START_PATCHES,
    Found,
    find,
)
from isoguide.registration.ultrasound.to_ct_verdict import judge

ALGORITHM: Final = "LC2 variable-projection Gauss-Newton 1"
CONTENT: Final = "ultrasound to CT"
LEAST_PATCHES: Final = 150
"""Fewer at the fine resolution do not hold six motions against speckle."""


def register_ultrasound_to_ct(
    prepared: PreparedUltrasoundToCt,
    daily: UltrasoundVolume,
    *,
    initial: RigidTransform,
    progress: Progress = silent,
) -> Registration:
    """Match the day's ultrasound to the planning CT.

    Parameters
    ----------
    prepared
        From :func:`isoguide.registration.ultrasound.prepare_ultrasound_to_ct`, reusable for every fraction.
    daily
        The day's volume in patient axes about the machine isocentre, frame DAILY.
    initial
        Planning from daily as the patient should be: the machine isocentre on the plan isocentre.
    progress
        Called with the fraction done.

    Returns
    -------
    Registration
        With the verdict "review" at best: what sound and X-rays show of a patient differs, so a person judges
        it. "Not available" and no transform where the images do not determine an answer.

    Raises
    ------
    GeometryError
        If ``initial`` does not take the daily to the planning frame, or the volume is not in DAILY.
    """
    if (initial.to_frame, initial.from_frame) != (PLANNING, DAILY):
        msg = (
            f"the initial transform must be '{PLANNING} from {DAILY}', "
            f"not '{initial.to_frame} from {initial.from_frame}'"
        )
        raise GeometryError(msg)
    if daily.frame != DAILY:
        msg = f"the day's ultrasound must be in '{DAILY}', not in '{daily.frame}'"
        raise GeometryError(msg)
    progress(0.0, "cutting patches")
    points_mm = initial.inverse().apply(prepared.target_points_mm)
    reach_mm = prepared.settings.margin_mm + WIDER_MM
    shown = shown_around(daily, points_mm, reach_mm)
    coarse, fine = (
        ultrasound_patches(shown, lattice, points_mm, reach_mm, count)
        for lattice, count in ((COARSE, START_PATCHES), (FINE, FINE_PATCHES))
    )
    if min(len(coarse), len(fine)) < LEAST_PATCHES:
        reason = (
            f"the ultrasound shows too little around the target outside shadows ({len(fine)} places to match "
            f"on, at least {LEAST_PATCHES} are needed): scan the target again"
        )
        return _not_available(prepared, (reason,), None)
    progress(0.2, "finding the place")
    found = find(prepared, coarse, fine, initial.matrix)
    progress(0.9, "checking the answer")
    return _assess(prepared, daily, fine, found, initial.matrix)


def _assess(
    prepared: PreparedUltrasoundToCt,
    daily: UltrasoundVolume,
    patches: UltrasoundPatches,
    found: Found,
    initial: Array,
) -> Registration:
    fit, targets = found.best, prepared.target_points_mm
    number, weakest = condition(fit)
    quality = Quality(
        similarity=fit.similarity,
        overlap_fraction=share_seen(
            daily, fit.planning_from_daily, targets, prepared.settings.margin_mm + WIDER_MM
        ),
        condition_number=number,
        weakest_direction=weakest,
        weakest_direction_words=motion_in_words(weakest),
        inverse_inconsistency_mm=float("nan"),
        start_agreement_mm=found.spread_mm,
        starts_agreeing=(found.agreeing, found.started),
        residuals=residual_map(fit, patches),
        alternatives=found.alternatives,
    )
    basis = motion_basis(prepared.settings)
    sure = uncertainty(fit, patches, prepared.centre_mm, targets, basis)
    back, start = np.linalg.inv(fit.planning_from_daily), np.linalg.inv(initial)
    shift_mm = float(displacement_mm(np.asarray(start), np.asarray(back), prepared.centre_mm[None])[0])
    angle_deg = rotation_angle_deg(initial[:3, :3].T @ fit.planning_from_daily[:3, :3])
    verdict, reasons = judge(quality, sure, shift_mm, angle_deg)
    if verdict is Verdict.NOT_AVAILABLE:
        return _not_available(prepared, reasons, quality)
    return _registration(prepared, (verdict, reasons), np.asarray(back), sure, quality)


def _registration(
    prepared: PreparedUltrasoundToCt,
    judged: tuple[Verdict, tuple[str, ...]],
    back: Array,
    sure: Uncertainty,
    quality: Quality,
) -> Registration:
    settings = prepared.settings
    pose = pose_for_couch(back, prepared.target_points_mm, settings)
    return Registration(
        verdict=judged[0],
        reasons=judged[1],
        planning_from_daily=RigidTransform(DAILY, PLANNING, pose).inverse(),
        unconstrained=RigidTransform(DAILY, PLANNING, back).inverse(),
        degrees_of_freedom=settings.degrees_of_freedom,
        centre_mm=prepared.centre_mm,
        content=CONTENT,
        uncertainty=sure,
        quality=quality,
        algorithm=ALGORITHM,
        settings=settings.as_record(),
    )


def _not_available(
    prepared: PreparedUltrasoundToCt, reasons: tuple[str, ...], quality: Quality | None
) -> Registration:
    return Registration.without_answer(
        reasons,
        settings=prepared.settings,
        centre_mm=prepared.centre_mm,
        content=CONTENT,
        algorithm=ALGORITHM,
        quality=quality,
    )
