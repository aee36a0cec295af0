"""Deformable registration of the day's CT or cone-beam CT to the planning CT, after the rigid match."""

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.displacement_field import DisplacementField
from isoguide.images.volume import Volume
from isoguide.progress import Progress, silent
from isoguide.registration.deformable.fine import FineSolve, LocalFit
from isoguide.registration.deformable.images import (
    DayLevel,
    PlanningLevel,
    PreparedDeformable,
    day_levels,
    prepare_deformable,
)
from isoguide.registration.deformable.result import DeformableRegistration, FieldVerdict

__all__ = ["ALGORITHM", "PreparedDeformable", "prepare_deformable", "register_deformable"]

Float32 = NDArray[np.float32]

ALGORITHM = "local correlation, Gauss-Newton 1"


def register_deformable(
    prepared: PreparedDeformable,
    daily: Volume,
    *,
    planning_from_daily: RigidTransform,
    progress: Progress = silent,
) -> DeformableRegistration:
    """Find where the tissue of the planning CT is today.

    Parameters
    ----------
    prepared
        From :func:`prepare_deformable`, reusable for every fraction.
    daily
        CT or cone-beam CT in the daily frame; grey values need not be Hounsfield units.
    planning_from_daily
        The rigid match.
    progress
        Called with the fraction done.

    Returns
    -------
    DeformableRegistration
        With the verdict "not available" and no field where the images do not determine one.

    Raises
    ------
    GeometryError
        If the transform is not planning from daily.
    """
    if (planning_from_daily.to_frame, planning_from_daily.from_frame) != (PLANNING, DAILY):
        msg = (
            f"a deformable registration builds on '{PLANNING} from {DAILY}', "
            f"not '{planning_from_daily.to_frame} from {planning_from_daily.from_frame}'"
        )
        raise GeometryError(msg)
    progress(0.0, "reading the day's image")
    days = day_levels(prepared, daily, planning_from_daily)
    u = np.zeros((*prepared.levels[0].nodes.shape, 3), dtype=np.float32)
    before: LocalFit | None = None
    for number, (planned, day) in enumerate(zip(prepared.levels, days, strict=True)):
        progress(0.2 + 0.7 * number / len(days), f"matching at {planned.grid.spacing_mm[0]:g} mm")
        u = refined(u, planned.nodes.shape)
        solve = fine_solve(prepared, planned, day, planning_from_daily)
        u = solve.solve(u, prepared.settings.iterations)
    before = solve.fit(solve.warped(np.zeros_like(u)))
    after = solve.fit(solve.warped(u))
    vectors = (u @ planned.nodes.direction.T.astype(np.float32)).astype(np.float32)
    field = DisplacementField(planned.nodes, vectors)
    seen = after.counts
    return DeformableRegistration(
        verdict=FieldVerdict.FOR_DECISION,
        reasons=(),
        approximations=(),
        planning_from_daily=planning_from_daily,
        field=field,
        seen=seen,
        sigma_mm=np.ones(planned.nodes.shape, dtype=np.float32),
        inconsistency_mm=None,
        similarity_before=similarity(before, planned),
        similarity_after=similarity(after, planned),
        algorithm=ALGORITHM,
        settings=prepared.settings.as_record(),
    )


def similarity(fit: LocalFit, planned: PlanningLevel) -> float:
    """Mean local correlation in the body that both images show."""
    chosen = fit.counts & planned.body
    return float(fit.correlation[chosen].mean()) if chosen.any() else 0.0


def fine_solve(
    prepared: PreparedDeformable, planned: PlanningLevel, day: DayLevel, planning_from_daily: RigidTransform
) -> FineSolve:
    """Set up one level."""
    node_mm = float(planned.nodes.spacing_mm[0])
    springs = np.full((*planned.nodes.shape, 3), prepared.settings.smoothness / node_mm**2, dtype=np.float32)
    matrix = day.matrix(planning_from_daily, planned.grid)
    return FineSolve(planned, day, matrix, springs, prepared.settings.steps_per_node)


def refined(u: Float32, shape: tuple[int, int, int]) -> Float32:
    """Bring a displacement to nodes half as far apart (the same when the lattice is the same)."""
    if u.shape[:3] == shape:
        return u
    for axis, size in enumerate(shape):
        place = np.minimum(np.arange(size) / 2.0, u.shape[axis] - 1.0)
        below = np.minimum(place.astype(int), u.shape[axis] - 2)
        share = (place - below).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(4)])
        u = u.take(below, axis=axis) * (1 - share) + u.take(below + 1, axis=axis) * share
    return np.ascontiguousarray(u, dtype=np.float32)
