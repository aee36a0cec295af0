"""The levels of a deformable registration: set up, started by the coarse search, solved, and solved back."""

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.displacement_field import node_positions_mm
from isoguide.kernels.fields import moved_points
from isoguide.kernels.local_correlation import warped
from isoguide.progress import Progress
from isoguide.registration.deformable.coarse import coarse_field
from isoguide.registration.deformable.fine import FineSolve
from isoguide.registration.deformable.images import DayLevel, PlanningLevel, planning_level
from isoguide.registration.deformable.regions import edge_shares
from isoguide.registration.deformable.settings import DeformableSettings
from isoguide.registration.deformable.sliding import without_folds
from isoguide.registration.pyramid import Level

Float32 = NDArray[np.float32]

COARSE_MM = 4.0
"""The coarse search looks at images no coarser than this."""


def fine_solve(
    settings: DeformableSettings, planned: PlanningLevel, day: DayLevel, matrix: Array
) -> FineSolve:
    """Set up one level.

    Parameters
    ----------
    settings
        How stiff tissue is.
    planned, day
        The two images at this level.
    matrix
        From the samples of the one to those of the other, without displacement (3, 4).
    """
    soft = np.float32(settings.smoothness / float(planned.nodes.spacing_mm[0]) ** 2)
    bone = soft * np.float32(settings.bone_stiffness - 1.0) * edge_shares(planned.bone)
    bending = np.float32(settings.bending_mm2 / float(planned.nodes.spacing_mm[0]) ** 4) * planned.firm
    springs = soft * np.stack([planned.firm] * 3) + bone
    return FineSolve(planned, day, matrix, springs, bone, bending, settings.steps_per_node)


def forward_levels(
    settings: DeformableSettings,
    planned: tuple[PlanningLevel, ...],
    days: tuple[DayLevel, ...],
    planning_from_daily: RigidTransform,
) -> list[FineSolve]:
    """Set up all levels from the planning CT to the day's image."""
    return [
        fine_solve(settings, level, day, day.matrix(planning_from_daily, level.grid))
        for level, day in zip(planned, days, strict=True)
    ]


def coarse_start(levels: list[FineSolve], largest_mm: float, progress: Progress) -> Float32:
    """Search for displacements too large for a continuous solve.

    Returns
    -------
    Float32
        ``[3, k, j, i]`` at the nodes of the first level: what was found, or none where that fits better.
    """
    first = levels[0]
    still = np.zeros((3, *first.planned.nodes.shape), dtype=np.float32)
    if largest_mm == 0.0:
        return still
    solve = next((level for level in levels if level.spacing_mm <= COARSE_MM), levels[-1])
    planned = solve.planned
    nowhere = np.zeros((*planned.nodes.shape, 3), dtype=np.float32)
    moving = warped(np.zeros_like(planned.values), solve.day.values, solve.matrix, nowhere, solve.steps)
    mask = ~(np.isnan(planned.values) | np.isnan(moving))
    found = coarse_field(
        planned.values, moving, planned.grid, mask=mask, largest_mm=largest_mm, progress=progress
    )
    places = node_positions_mm(first.planned.nodes)
    vectors = moved_points(found.vectors_mm, found.grid.index_from_xyz[:3], places) - places
    along = (vectors @ first.planned.nodes.direction).T.reshape(still.shape)
    u = without_folds(np.ascontiguousarray(along, dtype=np.float32), float(first.planned.nodes.spacing_mm[0]))
    return u if first.is_better(u, still) else still


def solved_levels(levels: list[FineSolve], start: Float32, iterations: int, progress: Progress) -> Float32:
    """Solve from coarse to fine; return the displacement at the nodes of the last level."""
    u = start
    for number, level in enumerate(levels):
        progress(number / len(levels), f"matching at {level.spacing_mm:g} mm")
        u = level.solve(refined(u, level.planned.nodes.shape), iterations)
        u = without_folds(u, float(level.planned.nodes.spacing_mm[0]))
    return u


def backward_levels(levels: list[FineSolve], settings: DeformableSettings) -> list[FineSolve]:
    """Set up the way back: from the day's image, put where the rigid match puts it, to the planning CT."""
    back = []
    for level in levels:
        planned = level.planned
        nowhere = np.zeros((*planned.nodes.shape, 3), dtype=np.float32)
        grey = warped(planned.values, level.day.values, level.matrix, nowhere, level.steps)
        seen = np.where(np.isnan(grey), np.float32(-1000.0), grey)
        fixed = planning_level(
            Level(planned.grid, seen), ~np.isnan(grey), (planned.body, planned.firm), settings
        )
        back.append(fine_solve(settings, fixed, DayLevel(planned.grid, planned.whole), np.eye(4)[:3]))
    return back


def refined(u: Float32, shape: tuple[int, int, int]) -> Float32:
    """Bring a displacement to nodes half as far apart (the same when the lattice is the same)."""
    if u.shape[1:] == shape:
        return u
    for axis, size in enumerate(shape, start=1):
        place = np.minimum(np.arange(size) / 2.0, u.shape[axis] - 1.0)
        below = np.minimum(place.astype(int), u.shape[axis] - 2)
        share = (place - below).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(4)])
        u = u.take(below, axis=axis) * (1 - share) + u.take(below + 1, axis=axis) * share
    return np.ascontiguousarray(u, dtype=np.float32)
