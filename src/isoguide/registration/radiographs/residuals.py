"""What the match left: parts of the body, one above the other, each shifted by itself."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import Array
from isoguide.registration.radiographs.planning import PreparedRadiographs
from isoguide.registration.radiographs.rays import NEAR_MM, RayLevel
from isoguide.registration.radiographs.solve import PatchImage, RayFit, evaluate, solve
from isoguide.registration.refine import small_motion, weighted_sum
from isoguide.registration.result import RegionResidual

PART_MM: Final = 30.0
"""Length of a part along the body: about a vertebra."""
LEAST_PATCHES: Final = 4
"""A part needs so many patches in each of two views."""
LEAST_VIEWS: Final = 2
LEAST_PARTS: Final = 2
STEPS: Final = 4


def part_residuals(
    prepared: PreparedRadiographs, images: Sequence[PatchImage], pose: Array
) -> tuple[RegionResidual, ...]:
    """Shift every part by itself from a pose (4, 4) daily from planning, at the middle resolution.

    Returns one for each part that two views hold, from the feet up; the shift is how far the day's tissue
    lies off the pose there, along the planning CT's axes.
    """
    level, centre = prepared.middle, prepared.centre_mm
    parts = [np.rint((view.anchors_mm[:, 2] - centre[2]) / PART_MM).astype(np.int64) for view in level.views]
    found = []
    for part in np.unique(np.concatenate(parts)):
        own = _only(level, [numbers == part for numbers in parts])
        fit = evaluate(own, prepared.views, images, pose, centre)
        if not _held(fit):
            continue
        for _ in range(STEPS):
            normal = fit.normal[:3, :3]
            step = np.zeros(6)
            step[:3] = solve(normal, weighted_sum(fit.weight, fit.gradient[:, :3]))
            moved = fit.daily_from_planning @ small_motion(step, centre)
            fit = evaluate(own, prepared.views, images, moved, centre)
            if not _held(fit):
                break
        else:
            shift_mm = pose[:3, :3].T @ (fit.daily_from_planning[:3, 3] - pose[:3, 3])
            middle = centre + np.array([0.0, 0.0, part * PART_MM])
            count = int(np.count_nonzero(fit.weight))
            found.append(RegionResidual(middle, shift_mm, fit.similarity, count))
    return tuple(found)


def bend_at_target_mm(residuals: Sequence[RegionResidual], centre_mm: Array) -> float:
    """Return the largest shift of the parts at the isocentre and next to it; 0 where there is none."""
    near = [one for one in residuals if abs(one.centre_mm[2] - centre_mm[2]) < 1.5 * PART_MM]
    return max((float(np.linalg.norm(one.shift_mm)) for one in near), default=0.0)


def spread_mm(residuals: Sequence[RegionResidual], centre_mm: Array) -> float | None:
    """Return how far the parts lie apart, root mean square per axis, those near the isocentre first.

    None where fewer than two parts were shifted by themselves: they then contradict nothing.
    """
    if len(residuals) < LEAST_PARTS:
        return None
    along_mm = np.array([one.centre_mm[2] for one in residuals]) - centre_mm[2]
    near = np.exp(-0.5 * (along_mm / NEAR_MM) ** 2)
    squares = np.array([one.shift_mm @ one.shift_mm for one in residuals]) / 3.0
    return float(np.sqrt(near @ squares / near.sum()))


def _only(level: RayLevel, chosen: Sequence[NDArray[np.bool_]]) -> RayLevel:
    views = tuple(
        replace(view, anchors_mm=view.anchors_mm[own], near=view.near[own])
        for view, own in zip(level.views, chosen, strict=True)
    )
    return replace(level, views=views)


def _held(fit: RayFit) -> bool:
    """Tell whether two views have enough patches in a part that agree with the CT."""
    counts = np.bincount(fit.view[fit.weight > 0.0], minlength=LEAST_VIEWS)
    return int(np.count_nonzero(counts >= LEAST_PATCHES)) >= LEAST_VIEWS
