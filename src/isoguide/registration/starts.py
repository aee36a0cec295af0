"""Several independent starts at 3 mm: the best answer wins, and how many agree says whether to trust it."""

from dataclasses import dataclass

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.registration.pyramid import Level
from isoguide.registration.reference import Reference
from isoguide.registration.refine import Fit, displacement_mm, refine, small_motion
from isoguide.registration.templates import LEVER_MM

SHIFT_MM, TURN_DEG = 7.0, 4.0
"""Each start is 12 mm and 7° from the coarse answer: farther than it is usually wrong."""
CORNERS = ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))
"""Four corners of a cube that make a tetrahedron: few starts, all directions."""
SAME_ANSWER_MM = 1.0
MIDDLE_STEPS, MIDDLE_TOLERANCE_MM = 20, 0.02
LEAST_IN_HALF = 30


@dataclass(frozen=True, slots=True)
class Starts:
    """How many starts ended at the answer, of how many, and how far apart they ended at the target."""

    agreeing: int
    started: int
    spread_mm: float


def best_of_starts(prepared: Reference, daily: Level, pose: Array) -> tuple[Fit, Starts]:
    """Refine from ``pose``, from four displaced poses, and from where the upper and lower half go alone.

    The halves matter where the patient bends: each may follow another bone, and the answer is the one that
    explains most of the region.
    """
    first = _refine(prepared, daily, pose)
    turn_mm = np.deg2rad(TURN_DEG) * LEVER_MM
    others = []
    for shift, turn in zip(CORNERS, CORNERS[::-1], strict=True):
        away = np.concatenate([SHIFT_MM * np.array(shift), -turn_mm * np.array(turn)])
        others.append(_refine(prepared, daily, pose @ small_motion(away, prepared.centre_mm)))
    others += [_refine(prepared, daily, half) for half in _halves(prepared, daily, first)]
    best = max([first, *others], key=lambda fit: fit.evidence)
    distances = [
        float(
            displacement_mm(
                best.daily_from_planning, fit.daily_from_planning, prepared.target_points_mm
            ).max()
        )
        for fit in others
    ]
    agreeing = [distance for distance in distances if distance < SAME_ANSWER_MM]
    return best, Starts(len(agreeing), len(others), max(agreeing, default=float("inf")))


def _refine(prepared: Reference, daily: Level, pose: Array) -> Fit:
    return refine(
        prepared.middle, daily, pose, np.eye(6), steps=MIDDLE_STEPS, tolerance_mm=MIDDLE_TOLERANCE_MM
    )


def _halves(prepared: Reference, daily: Level, fit: Fit) -> list[Array]:
    shown = np.isfinite(fit.correlation)
    if not shown.any():
        return []
    z_mm = prepared.middle.centres_mm[:, 2]
    middle_mm = float(np.median(z_mm[shown]))
    poses = []
    for half in (shown & (z_mm > middle_mm), shown & (z_mm <= middle_mm)):
        if half.sum() >= LEAST_IN_HALF:
            part = refine(
                prepared.middle.subset(half),
                daily,
                fit.daily_from_planning,
                np.eye(6),
                steps=MIDDLE_STEPS,
                tolerance_mm=MIDDLE_TOLERANCE_MM,
            )
            poses.append(part.daily_from_planning)
    return poses
