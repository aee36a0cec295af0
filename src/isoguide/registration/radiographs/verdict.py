"""From figures to a verdict on a match of radiographs, always with the reasons."""

from typing import Final

from isoguide.registration.radiographs.result import RadiographQuality
from isoguide.registration.result import Verdict

LEAST_SIMILARITY: Final = 0.5
LOW_SIMILARITY: Final = 0.75
LEAST_SHOWN_FRACTION: Final = 0.1
LARGEST_UNCERTAINTY_MM: Final = 3.0
HIGH_UNCERTAINTY_MM: Final = 1.0
LARGEST_CONDITION: Final = 5000.0
SMALL_VIEW_ANGLE_DEG: Final = 30.0
HIGH_DISAGREEMENT_MM: Final = 1.0
HIGH_BEND_MM: Final = 1.5
"""Rigid patients stay below 0.1 mm; one bent by 5 mm beyond 40 mm from the isocentre shows about 1 mm."""
CLEAR_LOG_ODDS: Final = 20.0
LARGEST_SHIFT_MM: Final = 62.0
"""±36 mm on each axis: what the search is made for."""
LARGEST_ANGLE_DEG: Final = 13.0
"""Somewhat more than ±6° about each axis, what the pictures are made for."""
REVIEW_SHIFT_MM: Final = 44.0
REVIEW_ANGLE_DEG: Final = 10.5


def judge(
    quality: RadiographQuality, uncertain_mm: float, shift_mm: float, angle_deg: float
) -> tuple[Verdict, tuple[str, ...]]:
    """Return the verdict and its reasons; ``uncertain_mm`` at the target, displacement from the plan."""
    impossible = _impossible(quality, uncertain_mm, shift_mm, angle_deg)
    if impossible:
        return Verdict.NOT_AVAILABLE, impossible
    doubts = _doubts(quality, uncertain_mm, shift_mm, angle_deg)
    if doubts:
        return Verdict.REVIEW, doubts
    least = min(view.similarity for view in quality.views)
    reason = (
        f"every view agrees with the plan (similarity at least {least:.2f}), "
        f"uncertainty at the target {uncertain_mm:.2f} mm"
    )
    return Verdict.ACCEPT, (reason,)


def _impossible(
    q: RadiographQuality, uncertain_mm: float, shift_mm: float, angle_deg: float
) -> tuple[str, ...]:
    least = min(view.similarity for view in q.views)
    shown = min(view.shown_fraction for view in q.views)
    checks = [
        (
            shown < LEAST_SHOWN_FRACTION,
            f"a view shows only {100.0 * shown:.0f} % of the planned places "
            f"(at least {100.0 * LEAST_SHOWN_FRACTION:.0f} % are needed)",
        ),
        (
            least < LEAST_SIMILARITY,
            f"a view does not show the planned anatomy (similarity {least:.2f}, at least {LEAST_SIMILARITY} "
            "is needed): is this the right patient and the right body region?",
        ),
        (
            q.condition_number > LARGEST_CONDITION,
            f"the views do not hold every motion (condition {q.condition_number:.0f}, "
            f"at most {LARGEST_CONDITION:.0f})",
        ),
        (
            not uncertain_mm <= LARGEST_UNCERTAINTY_MM,
            f"the answer is uncertain by {uncertain_mm:.1f} mm at the target "
            f"(at most {LARGEST_UNCERTAINTY_MM:.0f} mm)",
        ),
        (
            shift_mm > LARGEST_SHIFT_MM or angle_deg > LARGEST_ANGLE_DEG,
            f"the match lies {shift_mm:.0f} mm and {angle_deg:.0f}° from the plan, "
            "beyond what can be searched reliably",
        ),
        (
            bool(q.alternatives) and q.alternatives[0].log_odds < 0.0,
            "the views fit better one or two vertebrae away",
        ),
    ]
    return tuple(reason for failed, reason in checks if failed)


def _doubts(q: RadiographQuality, uncertain_mm: float, shift_mm: float, angle_deg: float) -> tuple[str, ...]:
    least = min(view.similarity for view in q.views)
    apart = q.disagreement.shift_mm if q.disagreement else 0.0
    checks = [
        (
            bool(q.alternatives) and q.alternatives[0].log_odds < CLEAR_LOG_ODDS,
            "a neighbouring vertebra fits almost as well: check the level on the images",
        ),
        (least < LOW_SIMILARITY, f"a view agrees only moderately with the plan (similarity {least:.2f})"),
        (
            not uncertain_mm <= HIGH_UNCERTAINTY_MM,
            f"the answer is uncertain by {uncertain_mm:.1f} mm at the target",
        ),
        (
            apart > HIGH_DISAGREEMENT_MM,
            f"two views taken alone differ by {apart:.1f} mm in what both see: "
            "check the imager's geometry and whether the patient moved between the exposures",
        ),
        (
            q.bend_at_target_mm > HIGH_BEND_MM,
            f"a part of the body near the target lies {q.bend_at_target_mm:.1f} mm off the match: "
            "the patient is bent otherwise than planned",
        ),
        (
            len(q.views) > 1 and q.view_angle_deg < SMALL_VIEW_ANGLE_DEG,
            f"the views are only {q.view_angle_deg:.0f}° apart, so that the depth is poorly held",
        ),
        (
            shift_mm > REVIEW_SHIFT_MM or angle_deg > REVIEW_ANGLE_DEG,
            f"the correction is large ({shift_mm:.0f} mm, {angle_deg:.0f}°): check the set-up",
        ),
    ]
    return tuple(reason for failed, reason in checks if failed)
