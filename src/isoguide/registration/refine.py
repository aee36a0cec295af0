"""Inverse-compositional Gauss-Newton: move the daily image until every template fits as well as it can."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from isoguide.geometry.frames import Array
from isoguide.kernels.patches import CORRELATION, GRADIENT, LENGTH, patch_sums
from isoguide.registration.pyramid import Level
from isoguide.registration.templates import LEVER_MM, Templates

DAMPING = 1e-3
LEAST_CORRELATION = 0.1
"""Patches that correlate less say nothing about where to go."""
NOISE_FLOOR = 0.02
"""Keeps a perfect patch from outweighing all others: 1 - rho² never counts as less than this."""
OUTLIER_SCALES = 4.685
"""Tukey's constant: 95 % efficiency for normal residuals."""


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Where a refinement ended and what each patch said there.

    ``daily_from_planning`` (4, 4); per patch: ``correlation`` (NaN outside the daily image), ``weight``, and
    ``gradient`` (patches, 6), whose weighted sum is near zero at the optimum. ``normal`` is the weighted 6x6
    sum of information.
    """

    daily_from_planning: Array
    correlation: Array
    weight: Array
    gradient: Array
    normal: Array
    steps: int

    @property
    def evidence(self) -> float:
        """Log-likelihood of the pose up to a constant: what the weights climb; compares answers."""
        shown = np.clip(self.correlation[np.isfinite(self.correlation)], 0.0, 1.0)
        return float(-np.log(1.0 - shown**2 + NOISE_FLOOR).sum())

    @property
    def similarity(self) -> float:
        """Mean correlation over the patches that the daily image shows, 0 when it shows none."""
        shown = np.isfinite(self.correlation)
        return float(self.correlation[shown].mean()) if shown.any() else 0.0


def small_motion(parameters_mm: Array, centre_mm: Array) -> Array:
    """Matrix (4, 4) of the motion with these six parameters in mm about a centre."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(parameters_mm[3:] / LEVER_MM).as_matrix()
    matrix[:3, 3] = parameters_mm[:3] + centre_mm - matrix[:3, :3] @ centre_mm
    return matrix


def displacement_mm(first: Array, second: Array, points_mm: Array) -> Array:
    """Distance (n,) mm on the planning CT between two matrices daily from planning, at its points (n, 3)."""
    moved = points_mm @ second[:3, :3].T + second[:3, 3]
    back = (moved - first[:3, 3]) @ first[:3, :3]
    return np.asarray(np.linalg.norm(back - points_mm, axis=1))


def weighted_sum(weight: Array, gradient: Array) -> Array:
    """Sum gradients (patches, 6) to (6,) without BLAS, whose order of adding depends on its threads."""
    return np.asarray(np.einsum("p,pc->c", weight, gradient))


def refine(
    templates: Templates,
    daily: Level,
    daily_from_planning: Array,
    basis: Array,
    *,
    steps: int,
    tolerance_mm: float,
) -> Fit:
    """Refine a pose until a step is shorter than ``tolerance_mm`` or ``steps`` are done.

    Parameters
    ----------
    basis
        (6, parameters) columns span the motions allowed.
    """
    pose = daily_from_planning.copy()
    index_from_xyz = daily.grid.index_from_xyz
    taken, length = 0, np.inf
    while True:
        fit = _evaluate(templates, daily, index_from_xyz, pose, taken)
        if taken >= steps or length < tolerance_mm or not fit.weight.any():
            return fit
        step = _solve(fit, basis)
        longest = float(np.abs(step).max())
        limit = 2.0 * templates.spacing_mm
        if longest > limit:
            step *= limit / longest
        pose = pose @ small_motion(-step, templates.centre_mm)
        length, taken = min(longest, limit), taken + 1


def _evaluate(templates: Templates, daily: Level, index_from_xyz: Array, pose: Array, steps: int) -> Fit:
    sums = patch_sums(
        daily.values,
        np.ascontiguousarray((index_from_xyz @ pose)[:3]),
        templates.centres_mm,
        templates.offsets_mm,
        templates.values,
        templates.derivatives,
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = np.where(sums[:, LENGTH] > 0.0, sums[:, CORRELATION] / sums[:, LENGTH], np.nan)
        usable = correlation > LEAST_CORRELATION
        gradient = np.where(usable[:, None], sums[:, GRADIENT:] / sums[:, [CORRELATION]], 0.0)
        weight = np.where(usable, correlation**2 / (1.0 - correlation**2 + NOISE_FLOOR), 0.0)
    weight = weight * _agreement(templates, gradient, weight)
    normal = np.einsum("p,pij->ij", weight, templates.information)
    return Fit(pose, correlation, weight, gradient, normal, steps)


def _agreement(templates: Templates, gradient: Array, weight: Array) -> Array:
    """Tukey weights for how far each patch's own wish is from the common one, in its own noise."""
    if not weight.any():
        return weight
    normal = np.einsum("p,pij->ij", weight, templates.information)
    common = np.linalg.solve(
        normal + DAMPING * np.trace(normal) / 6.0 * np.eye(6), weighted_sum(weight, gradient)
    )
    wish = gradient - templates.information @ common
    distance = np.sqrt(weight * (wish**2).sum(axis=1) / np.trace(templates.information, axis1=1, axis2=2))
    scale = 1.4826 * float(np.median(distance[weight > 0.0])) + 1e-12
    tukey: Array = np.clip(1.0 - (distance / (OUTLIER_SCALES * scale)) ** 2, 0.0, None) ** 2
    return tukey


def _solve(fit: Fit, basis: Array) -> Array:
    normal = basis.T @ fit.normal @ basis
    damped = normal + DAMPING * np.trace(normal) / len(normal) * np.eye(len(normal))
    step: Array = basis @ np.linalg.solve(damped, basis.T @ weighted_sum(fit.weight, fit.gradient))
    return step
