"""The day's ultrasound matched to its reference or the planning CT, and how well the place is known."""

from dataclasses import replace

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.geometry.probe_chain import UncertainPose
from isoguide.geometry.transforms import RigidTransform
from isoguide.progress import Progress, part_of, silent
from isoguide.registration.assess import CHI2_95_3
from isoguide.registration.result import Registration, Uncertainty, Verdict
from isoguide.registration.ultrasound import (
    prepare_ultrasound,
    prepare_ultrasound_to_ct,
    register_ultrasound,
    register_ultrasound_to_ct,
    same_verdict,
    to_ct_verdict,
)
from isoguide.workflow.inputs import PlanningInput
from isoguide.workflow.ultrasound.align_input import UltrasoundInput


def register_ultrasound_day(
    planning: PlanningInput,
    daily: UltrasoundInput,
    initial: RigidTransform,
    target_points_mm: Array | None,
    progress: Progress = silent,
) -> Registration:
    """Match the day's ultrasound with six degrees of freedom.

    Parameters
    ----------
    planning
        The planning CT and the plan isocentre.
    daily
        With its reference, or without one for a match to the planning CT, whose verdict is review at best.
    initial
        Planning from daily with isocentre on isocentre.
    target_points_mm
        (n, 3) planning LPS, where accuracy matters; None where no target was drawn.
    progress
        Told the fraction done.

    Raises
    ------
    InputError
        If one of the images shows too little about the target.
    """
    centre_mm = planning.isocentre.xyz_mm
    rest = part_of(progress, 0.3, 1.0)
    if daily.reference is None:
        progress(0.0, "Preparing the planning CT for ultrasound")
        on_ct = prepare_ultrasound_to_ct(
            planning.volume, centre_mm=centre_mm, target_points_mm=target_points_mm
        )
        found = register_ultrasound_to_ct(on_ct, daily.volume, initial=initial, progress=rest)
        points_mm, largest_mm = on_ct.target_points_mm, to_ct_verdict.LARGEST_UNCERTAINTY_MM
    else:
        progress(0.0, "Preparing the ultrasound reference")
        prepared = prepare_ultrasound(
            daily.reference.volume, centre_mm=centre_mm, target_points_mm=target_points_mm
        )
        found = register_ultrasound(prepared, daily.volume, initial=initial, progress=rest)
        points_mm, largest_mm = prepared.target_points_mm, same_verdict.LARGEST_UNCERTAINTY_MM
    if daily.probe is None:
        return found
    return with_place(found, daily.daily_from_fixed, daily.probe.place, points_mm, largest_mm=largest_mm)


def with_place(
    found: Registration,
    daily_from_fixed: RigidTransform,
    place: UncertainPose,
    points_mm: Array,
    *,
    largest_mm: float,
) -> Registration:
    """Add the uncertainty of where the images lie in the room to that of their match.

    Parameters
    ----------
    found
        The match of the images, which knows nothing of the tracking system.
    daily_from_fixed
        Where the room is in the frame of the day's image.
    place
        Error of the images' place, FIXED from FIXED.
    points_mm
        (n, 3) planning LPS, where accuracy matters.
    largest_mm
        An answer that is less certain than this at the target is not available.
    """
    matched, known = found.planning_from_daily, found.uncertainty
    if matched is None or known is None:
        return found
    there = UncertainPose(matched, known.centre_mm, known.covariance)
    whole = there @ (UncertainPose.exact(daily_from_fixed) @ place)
    uncertainty = Uncertainty(known.centre_mm, whole.about(known.centre_mm).covariance, 0.0)
    variance_mm2 = max(float(np.linalg.eigvalsh(uncertainty.about(point)[:3, :3])[-1]) for point in points_mm)
    at_target_mm = float(np.sqrt(CHI2_95_3 * variance_mm2))
    found = replace(found, uncertainty=replace(uncertainty, largest_at_target_mm=at_target_mm))
    reason = (
        f"with the probe's place in the room the answer is uncertain by {at_target_mm:.1f} mm at the target"
    )
    if at_target_mm > largest_mm:
        return replace(
            found,
            verdict=Verdict.NOT_AVAILABLE,
            reasons=(f"{reason} (at most {largest_mm:.0f} mm)",),
            planning_from_daily=None,
            unconstrained=None,
        )
    # The match has said how sure it is by itself, so the whole is said after it.
    doubtful = at_target_mm > same_verdict.HIGH_UNCERTAINTY_MM
    verdict = Verdict.REVIEW if doubtful else found.verdict
    return replace(found, verdict=verdict, reasons=(*found.reasons, reason))
