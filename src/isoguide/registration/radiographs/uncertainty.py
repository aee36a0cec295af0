"""How sure a match of radiographs is: spread of the patches, the geometry of the views, and what is left."""

from itertools import combinations
from typing import Final

import numpy as np
from scipy.spatial.transform import Rotation

from isoguide.geometry.frames import Array
from isoguide.registration.assess import CHI2_95_3
from isoguide.registration.radiographs.planning import PreparedRadiographs
from isoguide.registration.radiographs.result import Disagreement
from isoguide.registration.radiographs.solve import RayFit, solve, without_depth
from isoguide.registration.refine import weighted_sum
from isoguide.registration.result import Uncertainty
from isoguide.registration.templates import LEVER_MM

INFLATION: Final = 1.5
PARTS: Final = 0.8
"""Factors on the spread of the patches, and on how far parts of the body, shifted by themselves, lie apart:
where a body has bent, neighbouring patches err alike and in both views, which only the parts show. From
matches with known truth, rigid and bent."""
INFLATION_ALONE: Final = 6.0
"""Factor on the spread of the patches where no parts were shifted: one view, and tracking."""
FLOOR_MM: Final = 0.01
"""What resolution leaves however many patches agree, from matches with known truth."""
CHI2_95_2: Final = 5.991465
"""95 % quantile of the chi-square distribution with two degrees of freedom."""
PARALLEL_DEG: Final = 10.0
"""Views whose axes differ by less show no depth."""


def covariance_mm(fit: RayFit, prepared: PreparedRadiographs, apart_mm: float | None) -> Array:
    """Covariance (6, 6) of the motion in mm: sandwich over patches, parts, and calibration of each view.

    Each patch counts as one observation; ``apart_mm`` is how far parts of the body lie apart, per axis, None
    where that is not known. Source: Cameron & Miller, "A practitioner's guide to cluster-robust
    inference", J. Human Resources 50 (2015) 317.
    """
    used = fit.weight > 0.0
    scores = fit.weight[used, None] * fit.gradient[used]
    bread = np.linalg.pinv(fit.normal)
    count = int(used.sum())
    inflation = INFLATION_ALONE if apart_mm is None else INFLATION
    meat = inflation**2 * count / max(count - 6, 1) * np.einsum("pi,pj->ij", scores, scores)
    left = FLOOR_MM**2 + (PARTS * (apart_mm or 0.0)) ** 2
    return np.asarray(bread @ (meat + _calibration_meat(fit, prepared)) @ bread + left * np.eye(6))


def uncertainty(
    fit: RayFit, prepared: PreparedRadiographs, basis: Array, apart_mm: float | None
) -> Uncertainty:
    """Covariance of translation (mm) and rotation (rad) about the isocentre, and its effect at the target.

    ``basis`` (6, n) spans the motions that are corrected; the others have no spread. ``apart_mm`` as in
    :func:`covariance_mm`.
    """
    scale = np.diag([1.0, 1.0, 1.0, 1.0 / LEVER_MM, 1.0 / LEVER_MM, 1.0 / LEVER_MM])
    corrected = scale @ basis @ basis.T
    answer = Uncertainty(
        prepared.centre_mm, corrected @ covariance_mm(fit, prepared, apart_mm) @ corrected.T, 0.0
    )
    largest = max(
        float(np.linalg.eigvalsh(answer.about(point)[:3, :3])[-1]) for point in prepared.target_points_mm
    )
    return Uncertainty(prepared.centre_mm, answer.covariance, float(np.sqrt(CHI2_95_3 * largest)))


def largest_across_mm(covariance: Array) -> float:
    """Semi-axis of the 95 % error ellipse across one view, from its five motions' covariance (5, 5)."""
    return float(np.sqrt(CHI2_95_2 * np.linalg.eigvalsh(covariance[:2, :2])[-1]))


def condition(fit: RayFit, prepared: PreparedRadiographs) -> float:
    """Condition number of the normal matrix in mm; with one view, of the motions that it shows."""
    basis = np.eye(6)
    if len(prepared.views) == 1:
        basis = without_depth(prepared.views[0], fit.daily_from_planning, prepared.centre_mm)
    values = np.linalg.eigvalsh(basis.T @ fit.normal @ basis)
    return float(values[-1] / max(values[0], 1e-12 * values[-1], 1e-300))


def view_angle_deg(prepared: PreparedRadiographs) -> float:
    """Largest angle between the axes of two views, 0 to 90."""
    axes = np.stack([prepared.centre_mm - view.source_mm for view in prepared.views])
    axes /= np.linalg.norm(axes, axis=1)[:, None]
    cosines = [abs(float(axes[n] @ axes[m])) for n, m in combinations(range(len(axes)), 2)]
    return float(np.rad2deg(np.arccos(min([*cosines, 1.0]))))


def disagreement(fit: RayFit, prepared: PreparedRadiographs) -> Disagreement | None:
    """Solve each view alone, from the answer, and compare what two views both see; None with one view."""
    wishes = [_wish(fit, prepared, number) for number in range(len(prepared.views))]
    pose = fit.daily_from_planning
    found = []
    for n, m in combinations(range(len(wishes)), 2):
        first, second = (
            pose[:3, :3].T @ (prepared.views[number].source_mm - prepared.centre_mm) for number in (n, m)
        )
        common = np.cross(first, second)
        common /= max(float(np.linalg.norm(common)), 1e-12)
        difference = wishes[n] - wishes[m]
        angle = float(np.rad2deg(np.linalg.norm(difference[3:]) / LEVER_MM))
        found.append(Disagreement(abs(float(difference[:3] @ common)), angle))
    return max(found, key=lambda one: one.shift_mm, default=None)


def five_parameters(fit: RayFit, prepared: PreparedRadiographs) -> tuple[Array, Array, Array]:
    """Shift (2,), rotation (3, 3) and covariance (5, 5), shift in mm and rotation in rad, of one view."""
    pose, centre = fit.daily_from_planning, prepared.centre_mm
    basis = without_depth(prepared.views[0], np.eye(4), centre)
    moved = pose[:3, :3] @ centre + pose[:3, 3] - centre
    here = without_depth(prepared.views[0], pose, centre)
    bread = np.linalg.inv(here.T @ fit.normal @ here)
    scores = fit.weight[:, None] * fit.gradient
    meat = INFLATION_ALONE**2 * np.einsum("pi,pj->ij", scores, scores) + _calibration_meat(fit, prepared)
    spread = bread @ here.T @ meat @ here @ bread + FLOOR_MM**2 * np.eye(5)
    scale = np.diag([1.0, 1.0, 1.0 / LEVER_MM, 1.0 / LEVER_MM, 1.0 / LEVER_MM])
    rotation = Rotation.from_matrix(pose[:3, :3]).as_matrix()
    return basis[:3, :2].T @ moved, rotation, scale @ spread @ scale


def _wish(fit: RayFit, prepared: PreparedRadiographs, number: int) -> Array:
    """Step (6,) in mm that one view alone would still take."""
    own = fit.view == number
    weight = fit.weight * own
    basis = without_depth(prepared.views[number], fit.daily_from_planning, prepared.centre_mm)
    normal = np.einsum("p,pij->ij", weight, fit.information)
    if not weight.any():
        return np.zeros(6)
    return np.asarray(basis @ solve(basis.T @ normal @ basis, basis.T @ weighted_sum(weight, fit.gradient)))


def _calibration_meat(fit: RayFit, prepared: PreparedRadiographs) -> Array:
    """Spread of the sum of gradients by errors of the geometry, which shift all patches of a view alike."""
    known, meat = prepared.settings.calibration_mm2, np.zeros((6, 6))
    for number, covariance in enumerate(known or ()):
        basis = without_depth(prepared.views[number], fit.daily_from_planning, prepared.centre_mm)[:, :2]
        own = np.einsum("p,pij->ij", fit.weight * (fit.view == number), fit.information)
        meat += own @ basis @ covariance @ basis.T @ own
    return meat
