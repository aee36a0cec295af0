"""From the figures of an ultrasound match to a verdict: accept, review or not available, and why."""

from dataclasses import dataclass
from typing import Final

from isoguide.registration.result import Quality, Uncertainty, Verdict
from isoguide.registration.verdict import largest_residual_mm

LEAST_OVERLAP_FRACTION: Final = 0.3
LOW_OVERLAP_FRACTION: Final = 0.6
LEAST_SIMILARITY, LOW_SIMILARITY = 0.6, 0.75
LEAST_DETAIL, LOW_DETAIL = 0.45, 0.7
"""Correlation that three small patches in four exceed. In simulated cases it was 0.55 to 0.87 on the right
patient's days; another patient's liver or another region stayed below 0.1, but another man's prostate of
nearly the same size and shape reached 0.39 to 0.75: who the patient is has to be checked otherwise."""
LARGEST_UNCERTAINTY_MM, HIGH_UNCERTAINTY_MM = 4.0, 2.0
LARGEST_CONDITION: Final = 2000.0
HIGH_INCONSISTENCY_MM: Final = 1.5
HIGH_RESIDUAL_MM: Final = 2.5
LARGEST_SHIFT_MM: Final = 26.0
"""±15 mm along each axis: what the starts reach."""
LARGEST_ANGLE_DEG: Final = 14.0
REVIEW_SHIFT_MM, REVIEW_ANGLE_DEG = 20.0, 8.0
LARGEST_BETWEEN_MM: Final = 4.0
CLEAR_LOG_ODDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a verdict is made from.

    ``detail`` is the correlation at the finest resolution that three patches in four exceed; ``between_mm``
    how far apart, at the target, the two resolutions put it.
    """

    quality: Quality
    uncertainty: Uncertainty
    detail: float
    shift_mm: float
    angle_deg: float
    between_mm: float


def judge(evidence: Evidence) -> tuple[Verdict, tuple[str, ...]]:
    """Return the verdict and its reasons, most serious first; an accepted match says why it was accepted."""
    impossible = _impossible(evidence)
    if impossible:
        return Verdict.NOT_AVAILABLE, tuple(impossible)
    doubts = _doubts(evidence)
    if doubts:
        return Verdict.REVIEW, tuple(doubts)
    q = evidence.quality
    reason = (
        f"the ultrasound images agree (similarity {q.similarity:.2f}, overlap "
        f"{100.0 * q.overlap_fraction:.0f} %), {q.starts_agreeing[0]} of {q.starts_agreeing[1]} independent "
        f"starts agree, uncertainty at the target {evidence.uncertainty.largest_at_target_mm:.2f} mm"
    )
    return Verdict.ACCEPT, (reason,)


def _impossible(evidence: Evidence) -> list[str]:
    q, u = evidence.quality, evidence.uncertainty
    checks = [
        (
            q.similarity < LEAST_SIMILARITY or evidence.detail < LEAST_DETAIL,
            f"the ultrasound images do not show the same anatomy (similarity {q.similarity:.2f} of "
            f"{LEAST_SIMILARITY} needed, in detail {evidence.detail:.2f} of "
            f"{LEAST_DETAIL}): is this the right patient, side and region, with full contact?",
        ),
        (
            q.condition_number > LARGEST_CONDITION,
            f"what was seen cannot hold the {q.weakest_direction_words} "
            f"(condition {q.condition_number:.0f}, at most {LARGEST_CONDITION:.0f})",
        ),
        (
            not u.largest_at_target_mm <= LARGEST_UNCERTAINTY_MM,
            f"the answer is uncertain by {u.largest_at_target_mm:.1f} mm at the target "
            f"(at most {LARGEST_UNCERTAINTY_MM:.0f} mm)",
        ),
        (
            evidence.shift_mm > LARGEST_SHIFT_MM or evidence.angle_deg > LARGEST_ANGLE_DEG,
            f"the match lies {evidence.shift_mm:.0f} mm and {evidence.angle_deg:.0f}° from the set-up "
            "position, beyond what can be searched reliably",
        ),
        (
            evidence.between_mm > LARGEST_BETWEEN_MM,
            f"the image in detail puts the target {evidence.between_mm:.1f} mm from where the image without "
            "speckle does",
        ),
        (
            q.starts_agreeing[0] == 0,
            "no independent start reaches the answer again",
        ),
    ]
    return [reason for failed, reason in checks if failed]


def _doubts(evidence: Evidence) -> list[str]:
    q, u = evidence.quality, evidence.uncertainty
    residual_mm = largest_residual_mm(q)
    checks = [
        (
            bool(q.alternatives) and q.alternatives[0].log_odds < CLEAR_LOG_ODDS,
            "another place fits almost as well: check the match on the whole image",
        ),
        (
            q.similarity < LOW_SIMILARITY or evidence.detail < LOW_DETAIL,
            f"the ultrasound images agree only moderately (similarity {q.similarity:.2f}, in detail "
            f"{evidence.detail:.2f})",
        ),
        (
            q.overlap_fraction < LOW_OVERLAP_FRACTION,
            f"the day's ultrasound shows only {100 * q.overlap_fraction:.0f} % of the reference around the "
            "target",
        ),
        (
            not u.largest_at_target_mm <= HIGH_UNCERTAINTY_MM,
            f"the answer is uncertain by {u.largest_at_target_mm:.1f} mm at the target",
        ),
        (
            not q.inverse_inconsistency_mm <= HIGH_INCONSISTENCY_MM,
            f"matching forward and backward differs by {q.inverse_inconsistency_mm:.1f} mm at the target",
        ),
        (
            q.starts_agreeing[0] < q.starts_agreeing[1] - 2,
            f"only {q.starts_agreeing[0]} of {q.starts_agreeing[1]} independent starts reach the same answer",
        ),
        (
            residual_mm > HIGH_RESIDUAL_MM,
            f"regions around the target would still move by up to {residual_mm:.1f} mm: the probe presses "
            "otherwise, or organs have moved",
        ),
        (
            not q.residuals,
            "no region around the target shows enough to tell whether tissue is pressed or deformed",
        ),
        (
            evidence.shift_mm > REVIEW_SHIFT_MM or evidence.angle_deg > REVIEW_ANGLE_DEG,
            f"the correction is large ({evidence.shift_mm:.0f} mm, {evidence.angle_deg:.0f}°): "
            "check the set-up",
        ),
    ]
    return [reason for failed, reason in checks if failed]
