"""What a match of ultrasound says in a sentence or two: what it was matched to, and what it cannot undo."""

from typing import Final

import numpy as np

from isoguide.registration.result import Quality
from isoguide.workflow.ultrasound.align_input import UltrasoundInput

TO_CT: Final = (
    "The day's ultrasound was matched to the planning CT and not to ultrasound of the simulation. Sound and "
    "X-rays show different things of the same tissue: it is for review, and never applied by itself."
)


def matched_words(daily: UltrasoundInput) -> str:
    """Say what the day's ultrasound was matched to."""
    reference = daily.reference
    if reference is None:
        return TO_CT
    when = f" of {reference.acquired_at:%Y-%m-%d %H:%M}" if reference.acquired_at is not None else ""
    return f"The day's ultrasound was matched to the ultrasound reference{when} ({reference.path.name})."


def deformation_words(quality: Quality | None) -> str:
    """Say how far the tissue is deformed after the match; nothing where that is not known."""
    if quality is None or not quality.residuals:
        return ""
    lengths_mm = [float(np.linalg.norm(one.shift_mm)) for one in quality.residuals]
    return (
        f"Regions would still like to move by {np.median(lengths_mm):.1f} mm (median), "
        f"{max(lengths_mm):.1f} mm at most: the pressure of the probe, and filling."
    )
