"""Twenty-seven starts around the set-up position, coarse to fine."""

from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.registration.refine import displacement_mm, small_motion
from isoguide.registration.result import Alternative
from isoguide.registration.ultrasound.to_ct_patches import Lattice, UltrasoundPatches
from isoguide.registration.ultrasound.to_ct_planning import (
    COARSE_MM,
    FINE_MM,
    SMOOTHING_MM,
    PreparedUltrasoundToCt,
)
from isoguide.registration.ultrasound.to_ct_refine import LinearFit, climb

COARSE: Final = Lattice(COARSE_MM, SMOOTHING_MM[COARSE_MM], edge=3, stride=1)
FINE: Final = Lattice(FINE_MM, SMOOTHING_MM[FINE_MM], edge=5, stride=2)
"""Patches of 8 mm at both resolutions. Larger ones follow shading: sound fades differently on every way."""
START_MM: Final = 8.0
"""Starts stand on a cube of this half edge: with what one climbs by itself, ±15 mm along each axis."""
START_PATCHES, FINE_PATCHES = 900, 3500
START_STEPS, FINE_STEPS = 12, 18
START_TOLERANCE_MM, FINE_TOLERANCE_MM = 0.1, 0.03
SAME_ANSWER_MM: Final = 3.0
"""Coarse answers nearer than this at the target are one."""
RIVALS: Final = 1
"""So many of the other answers are refined, to see whether one is better after all."""
INDEPENDENT: Final = 0.5 / (8.0 * 12.0)
"""Log-likelihood per unit of evidence: half, as fine patches overlap eightfold and speckle is smoothed over
about twelve samples."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The answer, what competes with it, and how many of the starts reached it."""

    best: LinearFit
    alternatives: tuple[Alternative, ...]
    agreeing: int
    started: int
    spread_mm: float


def find(
    prepared: PreparedUltrasoundToCt,
    coarse: UltrasoundPatches,
    fine: UltrasoundPatches,
    planning_from_daily: Array,
) -> Found:
    """Climb from all starts at the coarse resolution, and from the best of them at the fine one."""
    starts = [
        climb(
            prepared.coarse,
            coarse,
            small_motion(START_MM * np.array([*corner, 0, 0, 0]), prepared.centre_mm) @ planning_from_daily,
            prepared.centre_mm,
            steps=START_STEPS,
            tolerance_mm=START_TOLERANCE_MM,
        )
        for corner in product((0, -1, 1), repeat=3)
    ]
    ranked = sorted(starts, key=lambda fit: -fit.evidence)
    distinct = _distinct(prepared, ranked)[: 1 + RIVALS]
    refined = [
        climb(
            prepared.fine,
            fine,
            fit.planning_from_daily,
            prepared.centre_mm,
            steps=FINE_STEPS,
            tolerance_mm=FINE_TOLERANCE_MM,
        )
        for fit in distinct
    ]
    refined.sort(key=lambda fit: -fit.evidence)
    best = refined[0]
    away = [_apart_mm(prepared, best, fit) for fit in starts]
    agreeing = [one for one in away if one < SAME_ANSWER_MM]
    rivals = [
        Alternative(
            0, _apart_mm(prepared, best, fit), fit.similarity, INDEPENDENT * (best.evidence - fit.evidence)
        )
        for fit in refined[1:]
        if _apart_mm(prepared, best, fit) >= SAME_ANSWER_MM
    ]
    return Found(best, tuple(rivals), len(agreeing), len(starts), max(agreeing, default=float("inf")))


def _distinct(prepared: PreparedUltrasoundToCt, ranked: list[LinearFit]) -> list[LinearFit]:
    kept: list[LinearFit] = []
    for fit in ranked:
        if all(_apart_mm(prepared, fit, other) >= SAME_ANSWER_MM for other in kept):
            kept.append(fit)
    return kept


def _apart_mm(prepared: PreparedUltrasoundToCt, one: LinearFit, other: LinearFit) -> float:
    """Largest distance at the target between two answers."""
    back = [np.linalg.inv(fit.planning_from_daily) for fit in (one, other)]
    return float(displacement_mm(np.asarray(back[0]), np.asarray(back[1]), prepared.target_points_mm).max())
