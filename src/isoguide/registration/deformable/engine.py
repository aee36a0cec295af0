"""Deformable registration of the day's CT or cone-beam CT to the planning CT, after the rigid match."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.errors import GeometryError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.displacement_field import DisplacementField
from isoguide.images.volume import Volume
from isoguide.progress import Progress, part_of, silent
from isoguide.registration.deformable.engine_levels import (
    backward_levels,
    coarse_start,
    forward_levels,
    solved_levels,
)
from isoguide.registration.deformable.fine import FineSolve, LocalFit
from isoguide.registration.deformable.images import (
    PlanningLevel,
    PreparedDeformable,
    day_levels,
    prepare_deformable,
)
from isoguide.registration.deformable.result import DeformableRegistration, FieldVerdict
from isoguide.registration.deformable.settings import DeformableSettings
from isoguide.registration.deformable.uncertainty import sigma_mm, way_back_mm
from isoguide.registration.deformable.verdict import LEAST_SEEN, Evidence, approximations, judge

__all__ = ["ALGORITHM", "PreparedDeformable", "prepare_deformable", "register_deformable"]

Float32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

ALGORITHM = "self-similarity search and local correlation Gauss-Newton 1"
FOREIGN_HU = 500.0


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
    settings = prepared.settings
    levels = forward_levels(settings, prepared.levels, days, planning_from_daily)
    last = levels[-1]
    before = last.fit(last.warped(np.zeros((3, *prepared.nodes.shape), dtype=np.float32)))
    seen_fraction = share_of(before.counts, last.planned.body)
    if seen_fraction < LEAST_SEEN:
        _, reasons = judge(Evidence(seen_fraction, 0.0, 0.0, 0.0, 0.0))
        return _without_field(prepared, planning_from_daily, reasons)
    start = coarse_start(levels, settings.largest_mm, part_of(progress, 0.1, 0.3))
    u = solved_levels(levels, start, settings.iterations, part_of(progress, 0.3, 0.8))
    return _assessed(prepared, levels, (u, before), planning_from_daily, part_of(progress, 0.8, 1.0))


def _assessed(
    prepared: PreparedDeformable,
    levels: list[FineSolve],
    found: tuple[Float32, LocalFit],
    planning_from_daily: RigidTransform,
    progress: Progress,
) -> DeformableRegistration:
    """Say how sure a displacement is and what it is good for."""
    (u, before), last, settings = found, levels[-1], prepared.settings
    nodes, body = last.planned.nodes, last.planned.body
    moved = last.warped(u)
    after = last.fit(moved)
    progress(0.0, "matching back")
    way_back = _way_back_mm(levels, u, settings, part_of(progress, 0.0, 0.9))
    seen = after.counts
    measured = way_back[seen & body & np.isfinite(way_back)]
    evidence = Evidence(
        seen_fraction=share_of(seen, body),
        similarity_before=similarity(before, body),
        similarity_after=similarity(after, body),
        inconsistency_p95_mm=float(np.quantile(measured, 0.95)) if measured.size else 0.0,
        foreign_ml=foreign_ml(last.planned, moved),
    )
    verdict, reasons = judge(evidence)
    if verdict is FieldVerdict.NOT_AVAILABLE:
        return _without_field(prepared, planning_from_daily, reasons)
    last.set_noise(after)
    hessian = last.pulls(after, moved)[3:]
    vectors = np.tensordot(u, nodes.direction.T.astype(np.float32), axes=(0, 0))
    return DeformableRegistration(
        verdict=verdict,
        reasons=reasons,
        approximations=approximations(evidence),
        planning_from_daily=planning_from_daily,
        field=DisplacementField(nodes, np.ascontiguousarray(vectors, dtype=np.float32)),
        seen=seen,
        sigma_mm=sigma_mm(hessian, (last.springs, last.bending), seen, float(nodes.spacing_mm[0])),
        inconsistency_mm=np.where(seen, way_back, np.float32(np.nan)),
        similarity_before=evidence.similarity_before,
        similarity_after=evidence.similarity_after,
        algorithm=ALGORITHM,
        settings=settings.as_record(),
    )


def _way_back_mm(
    levels: list[FineSolve], u: Float32, settings: DeformableSettings, progress: Progress
) -> Float32:
    """Match the day's image to the planning CT, one level coarser, and follow tissue there and back."""
    back = backward_levels(levels[:-1] or levels, settings)
    still = np.zeros((3, *back[0].planned.nodes.shape), dtype=np.float32)
    # The way back starts from nothing, so that it cannot repeat the mistakes of the way there.
    v = solved_levels(back, still, settings.iterations, progress)
    there_mm, back_mm = (float(level.planned.nodes.spacing_mm[0]) for level in (levels[-1], back[-1]))
    distance = way_back_mm(u, v, there_mm, back_mm)
    # At the rim of what is seen the way back is a guess of its own and says nothing about the way there.
    hidden = back[-1].planned.body & ~back[-1].fit(back[-1].warped(v)).counts
    known = ~ndimage.binary_dilation(hidden)
    at = (
        np.minimum(np.rint(np.arange(n) * there_mm / back_mm).astype(int), size - 1)
        for n, size in zip(distance.shape, known.shape, strict=True)
    )
    return np.where(known[np.ix_(*at)], distance, np.float32(np.nan))


def _without_field(
    prepared: PreparedDeformable, planning_from_daily: RigidTransform, reasons: tuple[str, ...]
) -> DeformableRegistration:
    return DeformableRegistration(
        verdict=FieldVerdict.NOT_AVAILABLE,
        reasons=reasons,
        approximations=(),
        planning_from_daily=planning_from_daily,
        field=None,
        seen=None,
        sigma_mm=None,
        inconsistency_mm=None,
        similarity_before=None,
        similarity_after=None,
        algorithm=ALGORITHM,
        settings=prepared.settings.as_record(),
    )


def similarity(fit: LocalFit, body: Mask) -> float:
    """Mean local correlation in the body that both images show."""
    chosen = fit.counts & body
    return float(fit.correlation[chosen].mean()) if chosen.any() else 0.0


def share_of(chosen: Mask, whole: Mask) -> float:
    """Share of the nodes of a whole that are chosen."""
    return float(chosen[whole].mean()) if whole.any() else 0.0


def foreign_ml(planned: PlanningLevel, moved: Float32) -> float:
    """Volume of what only one of the images shows: it differs by half the contrast of air and water."""
    with np.errstate(invalid="ignore"):
        differs = np.abs(planned.values - moved) > FOREIGN_HU
    return float(differs.sum()) * float(planned.grid.spacing_mm.prod()) / 1000.0
