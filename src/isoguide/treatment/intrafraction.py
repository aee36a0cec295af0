"""What a protocol asks for between the image and the end of the beam, as monitors of a fraction."""

import math
from collections.abc import Callable
from datetime import datetime, timedelta

from isoguide.course import Intrafraction
from isoguide.treatment.fraction import Fraction, Monitor

Displacement = Callable[[datetime], float | None]
"""Says how far the patient has moved since the verified position, mm; None where it cannot tell."""


def monitors_of(
    asked: Intrafraction, fraction: Fraction, displacement: Displacement | None = None
) -> tuple[Monitor, ...]:
    """Return what watches a fraction during the beam.

    Parameters
    ----------
    asked
        Of the protocol.
    fraction
        Which is watched.
    displacement
        What watches the patient; None where nothing does, and then no movement can hold the beam.
    """
    found: list[Monitor] = []
    if asked.reimage_after_s is not None:
        found.append(image_age_monitor(fraction, asked.reimage_after_s))
    if asked.shift_mm is not None and displacement is not None:
        found.append(movement_monitor(displacement, asked.shift_mm))
    return tuple(found)


def image_age_monitor(fraction: Fraction, reimage_after_s: float) -> Monitor:
    """Hold when the newest image has become this old; a day without an image is not held for it."""

    def watch(now: datetime) -> str | None:
        images = fraction.memory.images
        age_s = (now - images[-1].acquired_at) / timedelta(seconds=1) if images else -math.inf
        if age_s <= reimage_after_s:
            return None
        return f"the image is {age_s:.0f} s old, and after {reimage_after_s:g} s the position is imaged again"

    return watch


def movement_monitor(displacement: Displacement, shift_mm: float) -> Monitor:
    """Hold when the patient has moved further than this, or when nobody can tell."""

    def watch(now: datetime) -> str | None:
        moved_mm = displacement(now)
        if moved_mm is None or not math.isfinite(moved_mm):
            return "where the patient is cannot be told"
        if moved_mm <= shift_mm:
            return None
        return f"the patient has moved by {moved_mm:.1f} mm, more than {shift_mm:g} mm"

    return watch
