"""Whether a match of ultrasound to CT says anything at all: review at best, with the reasons."""

from typing import Final

from isoguide.registration.result import Quality, Uncertainty, Verdict
from isoguide.registration.verdict import largest_residual_mm

FOR_REVIEW: Final = (
    "ultrasound against CT is for review: compare target and organs on both images, and decide yourself"
)
LEAST_SEEN: Final = 0.2
"""Of the surroundings of the target: with less, other tissue than the target's decides."""
LEAST_SIMILARITY: Final = 0.45
"""Patches that show nothing but speckle are explained by chance up to here."""
LEAST_AGREEING: Final = 0.14
"""Of the starts: another patient gets 2 of 27 to one place, the right one from 15 mm away 4 and more."""
LEAST_LOG_ODDS: Final = 3.0
"""Against the best competing place."""
LARGEST_UNCERTAINTY_MM: Final = 6.0
LARGEST_CONDITION: Final = 2000.0
LARGEST_SHIFT_MM: Final = 30.0
LARGEST_ANGLE_DEG: Final = 12.0
"""Beyond twice what the search is made for, an answer is where it got lost."""
HIGH_RESIDUAL_MM: Final = 3.0


def judge(
    quality: Quality, sure: Uncertainty, shift_mm: float, angle_deg: float
) -> tuple[Verdict, tuple[str, ...]]:
    """Return the verdict and its reasons, most serious first."""
    impossible = _impossible(quality, sure, shift_mm, angle_deg)
    if impossible:
        return Verdict.NOT_AVAILABLE, tuple(impossible)
    reasons = [FOR_REVIEW]
    residual_mm = largest_residual_mm(quality)
    if residual_mm > HIGH_RESIDUAL_MM:
        reasons.append(
            f"regions would still move by up to {residual_mm:.1f} mm: the probe presses or tissue is deformed"
        )
    return Verdict.REVIEW, tuple(reasons)


def _impossible(q: Quality, sure: Uncertainty, shift_mm: float, angle_deg: float) -> list[str]:
    agreeing, started = q.starts_agreeing
    odds = q.alternatives[0].log_odds if q.alternatives else float("inf")
    checks = [
        (
            q.overlap_fraction < LEAST_SEEN,
            f"the ultrasound shows only {100.0 * q.overlap_fraction:.0f} % of the surroundings of the target "
            f"outside shadows (at least {100.0 * LEAST_SEEN:.0f} % is needed)",
        ),
        (
            not q.similarity >= LEAST_SIMILARITY,
            f"the CT does not explain the ultrasound (correlation {q.similarity:.2f}, at least "
            f"{LEAST_SIMILARITY} is needed): is this the right patient and the right place?",
        ),
        (
            agreeing < LEAST_AGREEING * started,
            f"only {agreeing} of {started} independent starts reach the same answer",
        ),
        (
            odds < LEAST_LOG_ODDS,
            "the ultrasound fits the CT almost as well "
            f"{q.alternatives[0].offset_mm if q.alternatives else 0.0:.0f} mm away",
        ),
        (
            not q.condition_number <= LARGEST_CONDITION,
            f"the ultrasound cannot hold the {q.weakest_direction_words} "
            f"(condition {q.condition_number:.0f}, at most {LARGEST_CONDITION:.0f})",
        ),
        (
            not sure.largest_at_target_mm <= LARGEST_UNCERTAINTY_MM,
            f"the answer is uncertain by {sure.largest_at_target_mm:.1f} mm at the target "
            f"(at most {LARGEST_UNCERTAINTY_MM:.0f} mm)",
        ),
        (
            shift_mm > LARGEST_SHIFT_MM or angle_deg > LARGEST_ANGLE_DEG,
            f"the match lies {shift_mm:.0f} mm and {angle_deg:.0f}° from the set-up position, "
            "beyond what can be searched reliably",
        ),
    ]
    return [reason for failed, reason in checks if failed]
