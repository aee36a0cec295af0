"""How sure a match is and why to believe it: covariance, residual map, backward match, other vertebrae."""

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.registration.planning import PreparedPlanning
from isoguide.registration.pyramid import Level
from isoguide.registration.reference import Reference
from isoguide.registration.refine import Fit, displacement_mm, refine, weighted_sum
from isoguide.registration.result import Alternative, RegionResidual, Uncertainty
from isoguide.registration.templates import LEVER_MM, PATCH, Templates, build_templates

INFLATION = 1.3
"""Calibrated on simulated cases: the sum over cells misses what neighbouring patches get wrong together."""
FLOOR_MM = 0.006
FLOOR_PER_MM2 = 0.0045
"""What resolution leaves however many patches agree grows with the square of the voxel size: 0.01 mm for
voxels of 1.3 mm, 0.07 mm for 4 mm, from matches with known truth at several resolutions."""
FLOOR_ROTATION = 0.5
"""Rotations, at the lever, are left with about half of what the shifts are."""
CHI2_95_3 = 7.814728
"""95 % quantile of the chi-square distribution with three degrees of freedom."""
REGION_MM = 36.0
LEAST_IN_REGION = 8
BACKWARD_PATCHES = 700
INDEPENDENT_SAMPLES = 6.0
"""Neighbouring samples repeat each other: a patch of 125 counts as about this many comparisons."""


def covariance_mm(fit: Fit, templates: Templates) -> Array:
    """Estimate the cluster-robust covariance (6, 6) of the parameters in mm about the templates' centre.

    Patches of one cell of 24 mm count as one observation. Source: Cameron & Miller, "A practitioner's guide
    to cluster-robust inference", J. Human Resources 50 (2015) 317.
    """
    used = fit.weight > 0.0
    scores = fit.weight[used, None] * fit.gradient[used]
    _, group = np.unique(templates.cells[used], return_inverse=True)
    sums = np.zeros((group.max() + 1, 6))
    np.add.at(sums, group, scores)
    clusters = len(sums)
    bread = np.linalg.pinv(fit.normal)
    correction = clusters / max(clusters - 6, 1)
    covariance: Array = INFLATION**2 * bread @ (correction * np.einsum("ci,cj->ij", sums, sums)) @ bread
    return covariance


def resolution_covariance_mm(voxel_mm: Array) -> Array:
    """Covariance (6, 6) of the parameters in mm that images with such voxels (3,) cannot go below."""
    shift = np.hypot(FLOOR_MM, FLOOR_PER_MM2 * np.asarray(voxel_mm, dtype=np.float64) ** 2)
    rotation = np.full(3, FLOOR_ROTATION * np.median(shift))
    return np.diag(np.concatenate([shift, rotation]) ** 2)


def uncertainty(fit: Fit, prepared: PreparedPlanning, basis: Array, voxel_mm: Array) -> Uncertainty:
    """Covariance of translation (mm) and rotation (rad) about the isocentre, and its effect at the target.

    ``basis`` (6, n) spans the motions that are corrected; the others have no spread. ``voxel_mm`` (3,) is the
    coarser of the two images' voxels along x, y, z.
    """
    scale = np.diag([1.0, 1.0, 1.0, 1.0 / LEVER_MM, 1.0 / LEVER_MM, 1.0 / LEVER_MM])
    corrected = scale @ basis @ basis.T
    spread = covariance_mm(fit, prepared.fine) + resolution_covariance_mm(voxel_mm)
    covariance = corrected @ spread @ corrected.T
    answer = Uncertainty(prepared.centre_mm, covariance, 0.0)
    largest = max(
        float(np.linalg.eigvalsh(answer.about(point)[:3, :3])[-1]) for point in prepared.target_points_mm
    )
    return Uncertainty(prepared.centre_mm, covariance, float(np.sqrt(CHI2_95_3 * largest)))


def condition(fit: Fit, basis: Array) -> tuple[float, Array]:
    """Condition number of the normal matrix in mm and the weakest motion, a unit vector (6,)."""
    values, vectors = np.linalg.eigh(basis.T @ fit.normal @ basis)
    weakest = basis @ vectors[:, 0]
    return float(values[-1] / max(values[0], 1e-12 * values[-1])), weakest / np.linalg.norm(weakest)


def motion_in_words(direction: Array) -> str:
    """Name the dominant part of a motion (6,) in planning LPS, such as 'shift along z (head-foot)'."""
    names = (
        "shift along x (left-right)",
        "shift along y (anterior-posterior)",
        "shift along z (head-foot)",
        "rotation about x (left-right axis)",
        "rotation about y (anterior-posterior axis)",
        "rotation about z (head-foot axis)",
    )
    return names[int(np.abs(direction).argmax())]


def residual_map(fit: Fit, templates: Templates) -> tuple[RegionResidual, ...]:
    """How each region of 36 mm would shift by itself: zero for a rigid patient, deformation otherwise."""
    used = np.flatnonzero(np.isfinite(fit.correlation))
    cell = np.floor((templates.centres_mm[used] - templates.centre_mm) / REGION_MM + 0.5).astype(np.int64)
    regions, group = np.unique(cell, axis=0, return_inverse=True)
    found = []
    for number in range(len(regions)):
        members = used[group.reshape(-1) == number]
        weight = fit.weight[members]
        if (weight > 0.0).sum() < LEAST_IN_REGION:
            continue
        normal = np.einsum("p,pij->ij", weight, templates.information[members][:, :3, :3])
        normal += 0.02 * np.trace(normal) / 3.0 * np.eye(3)
        # The step moves the template onto the image; where the anatomy went is the other way round.
        shift = -np.linalg.solve(normal, weighted_sum(weight, fit.gradient[members, :3]))
        centre = templates.centres_mm[members].mean(axis=0)
        found.append(RegionResidual(centre, shift, float(fit.correlation[members].mean()), len(members)))
    return tuple(found)


def backward_inconsistency_mm(fit: Fit, daily: Level, prepared: Reference, basis: Array) -> float:
    """Largest distance at the target between the answer and that with planning and daily exchanged."""
    pose = fit.daily_from_planning
    order = np.argsort(-fit.weight, kind="stable")[:BACKWARD_PATCHES]
    centres = prepared.fine.centres_mm[np.sort(order)] @ pose[:3, :3].T + pose[:3, 3]
    nodes = np.unique(np.rint(daily.grid.index(centres)).astype(np.int64)[:, ::-1], axis=0)
    margin = PATCH // 2 + 1
    nodes = nodes[np.all((nodes >= margin) & (nodes < np.array(daily.values.shape) - margin), axis=1)]
    if len(nodes) == 0:
        return float("inf")
    centre = pose[:3, :3] @ prepared.centre_mm + pose[:3, 3]
    templates = build_templates(daily, nodes, centre)
    usable = np.flatnonzero(np.isfinite(templates.information).all(axis=(1, 2)))
    turned = np.kron(np.eye(2), pose[:3, :3]) @ basis
    inverse = np.asarray(np.linalg.inv(pose), dtype=np.float64)
    back = refine(templates.subset(usable), prepared.fine_level, inverse, turned, steps=8, tolerance_mm=0.01)
    if not back.weight.any():
        return float("inf")
    returned = np.asarray(np.linalg.inv(back.daily_from_planning), dtype=np.float64)
    return float(displacement_mm(pose, returned, prepared.target_points_mm).max())


def vertebral_alternatives(
    fit: Fit, levels: tuple[Level, Level], prepared: PreparedPlanning, basis: Array
) -> tuple[Alternative, ...]:
    """Start one and two vertebral pitches up and down and compare on everything the daily image shows.

    ``levels`` are the daily image at 6 mm (context) and 3 mm (region). Best competitor first; starts that
    came back to the answer are left out.
    """
    coarse, middle = levels
    here = refine(prepared.coarse, coarse, fit.daily_from_planning, basis, steps=0, tolerance_mm=0.0)
    found = []
    for pitches in (-2, -1, 1, 2):
        start = fit.daily_from_planning.copy()
        start[:3, 3] += start[:3, :3] @ np.array([0.0, 0.0, pitches * prepared.pitch_mm])
        there = refine(prepared.middle, middle, start, basis, steps=12, tolerance_mm=0.05)
        pose = there.daily_from_planning
        offset = displacement_mm(fit.daily_from_planning, pose, prepared.centre_mm[None])[0]
        if offset < 0.4 * prepared.pitch_mm:
            continue
        context = refine(prepared.coarse, coarse, pose, basis, steps=0, tolerance_mm=0.0)
        odds = _log_odds(here.correlation, context.correlation)
        shown = np.isfinite(context.correlation)
        similarity = float(context.correlation[shown].mean()) if shown.any() else 0.0
        found.append(Alternative(pitches, float(offset), similarity, odds))
    return tuple(sorted(found, key=lambda alternative: alternative.log_odds))


def _log_odds(here: Array, there: Array) -> float:
    """Log-likelihood ratio of two poses over the patches both show, for normal noise of unknown strength."""
    both = np.isfinite(here) & np.isfinite(there)
    if not both.any():
        return float("inf")
    ours, theirs = (1.0 - np.clip(rho[both], 0.0, 0.995) ** 2 for rho in (here, there))
    return float(0.5 * INDEPENDENT_SAMPLES * (np.log(theirs) - np.log(ours)).sum())
