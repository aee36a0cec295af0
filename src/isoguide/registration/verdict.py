"""From figures to a verdict: accept, review, or not available, always with the reasons."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from isoguide.registration.result import Quality, Uncertainty, Verdict

LEAST_OVERLAP_FRACTION: Final = 0.25
"""Below this share of the region in the daily image there is not enough to match."""
LOW_OVERLAP_FRACTION: Final = 0.5
LEAST_SIMILARITY: Final = 0.42
"""Other body regions and other patients stay below it; the same patient on another day stays above."""
LOW_SIMILARITY: Final = 0.55
LARGEST_UNCERTAINTY_MM: Final = 3.0
HIGH_UNCERTAINTY_MM: Final = 1.0
LARGEST_CONDITION: Final = 2000.0
HIGH_INCONSISTENCY_MM: Final = 1.0
HIGH_RESIDUAL_MM: Final = 2.0
LARGEST_SHIFT_MM: Final = 87.0
"""±50 mm on each axis: what the search is made for."""
LARGEST_ANGLE_DEG: Final = 26.0
REVIEW_SHIFT_MM: Final = 50.0
REVIEW_ANGLE_DEG: Final = 15.0
CLEAR_LOG_ODDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a verdict is made from."""

    quality: Quality
    uncertainty: Uncertainty
    shift_mm: float
    angle_deg: float


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
        f"images agree (similarity {q.similarity:.2f}, overlap {100.0 * q.overlap_fraction:.0f} %), "
        f"{q.starts_agreeing[0]} of {q.starts_agreeing[1]} independent starts agree, "
        f"uncertainty at the target {evidence.uncertainty.largest_at_target_mm:.2f} mm"
    )
    return Verdict.ACCEPT, (reason,)


def _impossible(evidence: Evidence) -> list[str]:
    q, u = evidence.quality, evidence.uncertainty
    checks = [
        (
            q.overlap_fraction < LEAST_OVERLAP_FRACTION,
            f"the daily image shows only {100 * q.overlap_fraction:.0f} % of the match region "
            f"(at least {100 * LEAST_OVERLAP_FRACTION:.0f} % is needed)",
        ),
        (
            q.similarity < LEAST_SIMILARITY,
            f"the images do not show the same anatomy (similarity {q.similarity:.2f}, "
            f"at least {LEAST_SIMILARITY} is needed): is this the right patient and the right body region?",
        ),
        (
            q.condition_number > LARGEST_CONDITION,
            f"the region cannot hold the {q.weakest_direction_words} "
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
            bool(q.alternatives) and q.alternatives[0].log_odds < 0.0,
            "the surroundings fit better one or two vertebrae away from where the region fits",
        ),
    ]
    return [reason for failed, reason in checks if failed]


def _doubts(evidence: Evidence) -> list[str]:
    q, u = evidence.quality, evidence.uncertainty
    deformed = deformation_doubt(q)
    checks = [
        (
            bool(q.alternatives) and q.alternatives[0].log_odds < CLEAR_LOG_ODDS,
            "a neighbouring vertebra fits almost as well: check the level on the whole image",
        ),
        (
            q.similarity < LOW_SIMILARITY,
            f"the images agree only moderately (similarity {q.similarity:.2f})",
        ),
        (
            q.overlap_fraction < LOW_OVERLAP_FRACTION,
            f"the daily image shows only {100 * q.overlap_fraction:.0f} % of the match region",
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
            q.starts_agreeing[0] < q.starts_agreeing[1] - 1,
            f"only {q.starts_agreeing[0]} of {q.starts_agreeing[1]} independent starts reach the same answer",
        ),
        (bool(deformed), deformed),
        (
            evidence.shift_mm > REVIEW_SHIFT_MM or evidence.angle_deg > REVIEW_ANGLE_DEG,
            f"the correction is large ({evidence.shift_mm:.0f} mm, {evidence.angle_deg:.0f}°): "
            "check the set-up",
        ),
    ]
    return [reason for failed, reason in checks if failed]


def deformation_doubt(quality: Quality) -> str:
    """Say that the patient is deformed, where his regions do not move together; empty otherwise."""
    residual_mm = largest_residual_mm(quality)
    if residual_mm <= HIGH_RESIDUAL_MM:
        return ""
    return f"regions would still move by up to {residual_mm:.1f} mm: the patient is deformed"


def largest_residual_mm(quality: Quality) -> float:
    """Residual shift that nine regions in ten stay below, mm."""
    lengths = [float(np.linalg.norm(region.shift_mm)) for region in quality.residuals]
    return float(np.percentile(lengths, 90.0)) if lengths else 0.0
