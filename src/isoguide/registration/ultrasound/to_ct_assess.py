"""How sure a match of ultrasound to CT is: covariance, the least certain motion, and what is deformed."""

from typing import Final

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.registration.assess import CHI2_95_3
from isoguide.registration.result import RegionResidual, Uncertainty
from isoguide.registration.templates import LEVER_MM, motion_jacobian
from isoguide.registration.ultrasound.to_ct_patches import UltrasoundPatches
from isoguide.registration.ultrasound.to_ct_refine import LinearFit

INFLATION: Final = 2.0
"""Calibrated on simulated cases: cells see the same organs give way, which their spread does not show."""
FLOOR_MM: Final = 0.8
"""What organs that give way change however much is seen: from simulated cases with known truth."""
FLOOR_ROTATION: Final = 1.2
"""Rotations, at the lever, against shifts."""
REGION_MM: Final = 30.0
LEAST_IN_REGION: Final = 40
LATTICE_MM: Final = 6.0


def uncertainty(
    fit: LinearFit, patches: UltrasoundPatches, centre_mm: Array, target_points_mm: Array, basis: Array
) -> Uncertainty:
    """Estimate the covariance of a match about ``centre_mm`` and its effect at the target points (n, 3).

    Patches of one cell count as one observation (Cameron & Miller, J. Human Resources 50 (2015) 317).
    ``basis`` (6, n) spans the motions that are corrected; the others have no spread.
    """
    scores = np.einsum("pai,pa->pi", fit.jacobian, fit.score)
    cells, group = np.unique(patches.cells, return_inverse=True)
    sums = np.zeros((len(cells), 6))
    np.add.at(sums, group.reshape(-1), scores)
    bread = np.linalg.pinv(fit.normal)
    spread = bread @ np.einsum("ci,cj->ij", sums, sums) @ bread * len(cells) / max(len(cells) - 6, 1)
    floor = np.diag(np.repeat([FLOOR_MM, FLOOR_ROTATION * FLOOR_MM], 3) ** 2)
    corrected = np.diag(np.repeat([1.0, 1.0 / LEVER_MM], 3)) @ basis @ basis.T
    covariance = corrected @ (INFLATION**2 * spread + floor) @ corrected.T
    in_mm = np.repeat([1.0, LEVER_MM], 3)
    moved = motion_jacobian(target_points_mm, centre_mm) * in_mm
    at_targets = np.linalg.eigvalsh(np.einsum("nai,ij,nbj->nab", moved, covariance, moved, optimize=True))
    return Uncertainty(centre_mm, covariance, float(np.sqrt(CHI2_95_3 * at_targets[:, -1].max())))


def condition(fit: LinearFit) -> tuple[float, Array]:
    """Condition number of the normal matrix in mm and the weakest motion, a unit vector (6,)."""
    values, vectors = np.linalg.eigh(fit.normal)
    return float(values[-1] / max(values[0], 1e-12 * values[-1], 1e-300)), vectors[:, 0]


def residual_map(fit: LinearFit, patches: UltrasoundPatches) -> tuple[RegionResidual, ...]:
    """How each region of 30 mm would shift by itself: where the probe presses, it shows."""
    pose = fit.planning_from_daily
    places_mm = patches.centres_mm @ pose[:3, :3].T + pose[:3, 3]
    cell = np.floor(places_mm / REGION_MM).astype(np.int64)
    regions, group = np.unique(cell, axis=0, return_inverse=True)
    shown = np.isfinite(fit.explained)
    found = []
    for number in range(len(regions)):
        members = np.flatnonzero((group.reshape(-1) == number) & shown)
        if len(members) < LEAST_IN_REGION:
            continue
        normal = fit.information[members].sum(axis=0)
        # Stiffer than a step of the match: a region alone says little of some directions.
        normal += 0.1 * np.trace(normal) / 3.0 * np.eye(3)
        # The step moves the ultrasound onto the CT; where the anatomy went is the other way round.
        shift_mm = -np.linalg.solve(normal, fit.score[members].sum(axis=0))
        explained = float(np.sqrt(np.clip(fit.explained[members], 0.0, 1.0)).mean())
        found.append(RegionResidual(places_mm[members].mean(axis=0), shift_mm, explained, len(members)))
    return tuple(found)


def share_seen(
    daily: UltrasoundVolume, planning_from_daily: Array, points_mm: Array, reach_mm: float
) -> float:
    """Return what share of the surroundings of points (n, 3), planning LPS, lies in the fan and no shadow."""
    low, high = points_mm.min(axis=0) - reach_mm, points_mm.max(axis=0) + reach_mm
    axes = [np.arange(a, b + LATTICE_MM, LATTICE_MM) for a, b in zip(low, high, strict=True)]
    lattice = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    # How far from the box of the points: a rounded box around the target.
    away_mm = np.maximum(np.maximum(low + reach_mm - lattice, lattice - high + reach_mm), 0.0)
    around = lattice[np.linalg.norm(away_mm, axis=1) <= reach_mm]
    in_daily = (around - planning_from_daily[:3, 3]) @ planning_from_daily[:3, :3]
    index = np.rint(daily.grid.index(in_daily)).astype(np.int64)
    inside = np.asarray(((index >= 0) & (index < np.array(daily.grid.shape[::-1]))).all(axis=1))
    i, j, k = np.where(np.expand_dims(inside, 1), index, 0).T
    return float((daily.seen[k, j, i] & ~daily.shadowed[k, j, i] & inside).mean())
