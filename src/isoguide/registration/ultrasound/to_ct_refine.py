"""Gauss-Newton on the residual of LC2: move the CT under the ultrasound until it explains it best.

A patch's residual is compared with its own variance: ``n log((residual + noise) / (total + noise))``, the
likelihood of normal noise whose strength is the patch's own and at least that of speckle. So a bright echo
that the CT cannot explain costs little, and no patch counts for its brightness alone.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.kernels.lc2 import COUNT, GRADIENT, NORMAL, RESIDUAL, TOTAL, lc2_sums
from isoguide.registration.refine import small_motion
from isoguide.registration.templates import motion_jacobian
from isoguide.registration.ultrasound.to_ct_patches import UltrasoundPatches
from isoguide.registration.ultrasound.to_ct_planning import CtLevel

DAMPING: Final = 0.02
SYMMETRIC: Final = ((0, 1, 2), (1, 3, 4), (2, 4, 5))
"""Where xx, xy, xz, yy, yz, zz stand in a matrix."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearFit:
    """How well the CT explains the ultrasound at a pose.

    ``planning_from_daily`` (4, 4); per patch ``explained`` (the share of its variance, NaN where the CT does
    not show it), ``score`` (patches, 3) and ``information`` (patches, 3, 3) of a shift of its place on the
    CT; ``jacobian`` (patches, 3, 6) of that place by the motion in mm about the centre; ``evidence`` grows
    with the log-likelihood; ``similarity`` is the multiple correlation over all patches, 0 to 1.
    """

    planning_from_daily: Array
    explained: Array
    score: Array
    information: Array
    jacobian: Array
    evidence: float
    similarity: float

    @property
    def gradient(self) -> Array:
        """Sum of the scores for the motion, (6,)."""
        return np.asarray(np.einsum("pai,pa->i", self.jacobian, self.score))

    @property
    def normal(self) -> Array:
        """Gauss-Newton matrix of the motion, (6, 6)."""
        turned = np.einsum("pab,pbj->paj", self.information, self.jacobian)
        return np.asarray(np.einsum("pai,paj->ij", self.jacobian, turned))


def explain(
    level: CtLevel, patches: UltrasoundPatches, planning_from_daily: Array, centre_mm: Array
) -> LinearFit:
    """Explain the ultrasound at one pose (4, 4); motions turn about ``centre_mm`` (3,), planning LPS."""
    index_from_daily = np.ascontiguousarray((level.grid.index_from_xyz @ planning_from_daily)[:3])
    sums = lc2_sums(
        level.channels,
        index_from_daily,
        patches.centres_mm,
        patches.offsets_mm,
        patches.values,
        patches.weights,
    )
    shown = np.isfinite(sums[:, COUNT])
    sums = np.where(shown[:, None], sums, 0.0)
    floor = sums[:, COUNT] * patches.noise
    safe = np.where(shown, floor + sums[:, RESIDUAL], 1.0)
    weight = sums[:, COUNT] / safe
    gain = -sums[:, COUNT] * np.log(safe / np.where(shown, floor + sums[:, TOTAL], 1.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        explained = np.where(shown, 1.0 - sums[:, RESIDUAL] / sums[:, TOTAL], np.nan)
    places_mm = patches.centres_mm @ planning_from_daily[:3, :3].T + planning_from_daily[:3, 3]
    total = float(sums[:, TOTAL].sum())
    return LinearFit(
        planning_from_daily,
        explained,
        weight[:, None] * sums[:, GRADIENT],
        weight[:, None, None] * sums[:, NORMAL][:, SYMMETRIC],
        motion_jacobian(places_mm, centre_mm),
        float(gain.sum()),
        float(np.sqrt(max(1.0 - sums[:, RESIDUAL].sum() / total, 0.0))) if total > 0.0 else 0.0,
    )


def climb(
    level: CtLevel,
    patches: UltrasoundPatches,
    planning_from_daily: Array,
    centre_mm: Array,
    *,
    steps: int,
    tolerance_mm: float,
) -> LinearFit:
    """Refine a pose until a step is shorter than ``tolerance_mm`` or ``steps`` are done."""
    pose, length, taken = planning_from_daily, np.inf, 0
    longest_mm = 1.5 * patches.spacing_mm
    while True:
        fit = explain(level, patches, pose, centre_mm)
        if taken >= steps or length < tolerance_mm:
            return fit
        normal = fit.normal
        damped = normal + (DAMPING * np.trace(normal) / 6.0 + 1e-12) * np.eye(6)
        step = np.linalg.solve(damped, fit.gradient)
        length = float(np.abs(step).max())
        if length > longest_mm:
            step *= longest_mm / length
        pose = small_motion(step, centre_mm) @ pose
        taken += 1
