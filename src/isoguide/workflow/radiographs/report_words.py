"""Sides of the body for directions that lie between its axes, as oblique views have them."""

from typing import Final

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.workflow.words import anatomical_side, orientation_letter

SECOND_SIDE: Final = 0.35
"""Direction cosine (20 degrees) from which a second side is named."""


def oblique_letters(direction_lps: Array) -> str:
    """One or two letters of the sides of the body that a direction (3,) points to, the nearer first."""
    return "".join(orientation_letter(part) for part in _parts(direction_lps))


def oblique_sides(direction_lps: Array) -> str:
    """One or two sides of the body that a direction (3,) points to: 'front and left side'."""
    return " and ".join(anatomical_side(part) for part in _parts(direction_lps))


def _parts(direction_lps: Array) -> list[Array]:
    """Split a direction (3,) into at most two along the axes of the body, the larger first."""
    unit = direction_lps / np.linalg.norm(direction_lps)
    # Rounded, so that of two equal parts the order of the axes decides and not the last digit.
    order = np.argsort(-np.round(np.abs(unit), 6), kind="stable")[:2]
    return [unit[axis] * np.eye(3)[axis] for axis in order if abs(unit[axis]) >= SECOND_SIDE]
