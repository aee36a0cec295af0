"""Which markers still lie as they were planned to each other, and what cannot be excluded of the rest.

Distances between markers do not depend on the pose; leaving one out also sees what distances do not. A
constellation of three leaves one thing open: a marker that turned about the line through the other two keeps
all distances, and looks like a turn of the patient. Nothing but a known rotation settles that.
"""

from itertools import combinations
from typing import Final

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.registration.markers.pose import Constellation, LeftOut, leave_one_out

DISTANCE_SIGMAS: Final = 4.0
"""Two-sided 0.006 % of the normal distribution: five markers make ten distances."""
SMALLEST_CHANGE_MM: Final = 0.5
"""Changes of distance below it are of no consequence, however small the errors are said to be."""
LEFT_OUT_CHI_SQUARE: Final = 21.11
"""0.01 % of chi-square with 3 degrees of freedom; what lies below still has to be excluded."""
SMALLEST_MOVE_MM: Final = 1.0
EXCLUDED_CHI_SQUARE: Final = 16.0
"""A migration is excluded when it is four standard deviations from what was measured."""
_DIRECTIONS: Final = 400


def changed_distances(markers: Constellation) -> Array:
    """Return by how much the distance between each two markers changed, measured less planned, (n, n) mm."""
    planned, measured = (
        np.linalg.norm(points[:, None] - points[None], axis=-1)
        for points in (markers.planned_mm, markers.measured_mm)
    )
    return np.asarray(measured - planned)


def consistent_subsets(
    markers: Constellation, expected_rotation: Array, *, limit_mm: float, turn_sigma_rad: float
) -> list[tuple[int, ...]]:
    """Return the largest sets of markers that agree with the plan, all of that size.

    Parameters
    ----------
    markers
        What was planned and measured.
    expected_rotation, turn_sigma_rad
        Where the rotation is thought to be, (3, 3), and how far from there it may be.
    limit_mm
        A change larger than this is never taken for error.

    Returns
    -------
    list of tuple
        Indices. One set: the rest has moved. Several: it cannot be told which moved. None: no more than half
        of the markers agree. A single marker is a set of its own.
    """
    agrees = _pairs_agree(markers, limit_mm)
    count = len(markers.planned_mm)
    if count < 2:
        return [tuple(range(count))] if count else []
    for size in range(count, count // 2, -1):
        found = [
            chosen
            for chosen in combinations(range(count), size)
            if agrees[np.ix_(chosen, chosen)].all()
            and _nobody_stands_out(markers.of(list(chosen)), expected_rotation, limit_mm, turn_sigma_rad)
        ]
        if found:
            return found
    return []


def _pairs_agree(markers: Constellation, limit_mm: float) -> Array:
    changes = np.abs(changed_distances(markers))
    count = len(changes)
    agrees = np.ones((count, count), dtype=bool)
    for i, j in combinations(range(count), 2):
        variance = 0.0
        for points, covariances in (
            (markers.planned_mm, markers.planned_mm2),
            (markers.measured_mm, markers.measured_mm2),
        ):
            along = points[i] - points[j]
            along = along / max(float(np.linalg.norm(along)), 1e-9)
            variance += float(along @ (covariances[i] + covariances[j]) @ along)
        most = min(max(DISTANCE_SIGMAS * np.sqrt(variance), SMALLEST_CHANGE_MM), limit_mm)
        agrees[i, j] = agrees[j, i] = changes[i, j] <= most
    return agrees


def _nobody_stands_out(
    markers: Constellation, expected_rotation: Array, limit_mm: float, turn_sigma_rad: float
) -> bool:
    for which in range(len(markers.planned_mm)):
        left = leave_one_out(markers, which, expected_rotation, turn_sigma_rad=turn_sigma_rad)
        if left.chi_square > LEFT_OUT_CHI_SQUARE and left.distance_mm > min(SMALLEST_MOVE_MM, limit_mm):
            return False
    return True


def excludes_migration(left: LeftOut, limit_mm: float) -> bool:
    """Tell whether a marker certainly moved by less than ``limit_mm``, given what leaving it out showed.

    True when no displacement of that length or more lies within four standard deviations of the measured one.
    """
    if left.distance_mm >= limit_mm:
        return False
    inverse = np.linalg.inv(left.covariance_mm2)
    away = limit_mm * _sphere() - left.moved_mm
    return bool((np.einsum("ni,ij,nj->n", away, inverse, away)).min() > EXCLUDED_CHI_SQUARE)


def _sphere() -> Array:
    # Directions of equal share of the sphere (Fibonacci lattice).
    n = np.arange(_DIRECTIONS) + 0.5
    height, turn = 1.0 - 2.0 * n / _DIRECTIONS, np.pi * (1.0 + np.sqrt(5.0)) * n
    ring = np.sqrt(1.0 - height * height)
    return np.stack([ring * np.cos(turn), ring * np.sin(turn), height], axis=1)
