"""Rigid registration of the day's CT or cone-beam CT to the planning CT."""

from dataclasses import dataclass, replace

import numpy as np

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform, rotation_angle_deg
from isoguide.images.volume import Volume
from isoguide.progress import Progress, silent
from isoguide.registration import assess
from isoguide.registration.anatomy import field_of_view, grey_to_hu
from isoguide.registration.couch_freedom import motion_basis, pose_for_couch
from isoguide.registration.planning import COARSE_MM, FINE_MM, MIDDLE_MM, PreparedPlanning
from isoguide.registration.pyramid import Level, crop, make_level
from isoguide.registration.refine import Fit, displacement_mm, refine
from isoguide.registration.result import Quality, Registration, Verdict
from isoguide.registration.search import Candidate, search
from isoguide.registration.starts import Starts, best_of_starts
from isoguide.registration.verdict import LEAST_OVERLAP_FRACTION, Evidence, judge

ALGORITHM = "patch-NCC inverse-compositional Gauss-Newton 2"
DAILY_HALF_MM = 230.0
"""This much of the day's image around the machine isocentre is used: region, largest offset, context."""
COARSE_STEPS, FINE_STEPS = 25, 15
TOLERANCE_MM = {COARSE_MM: 0.05, MIDDLE_MM: 0.02, FINE_MM: 0.003}
CONVINCING = 0.7
"""Mean correlation at 6 mm above which a start has found the place; below it rotations are searched."""
LEAST_SHOWN = 25
"""Patches a coarse fit needs in the daily image to count."""


@dataclass(frozen=True, slots=True, eq=False)
class DailyLevels:
    """The day's image about the machine isocentre at 6, 3 and 1.5 mm; ``centre_mm`` (3,) is in its frame."""

    coarse: Level
    middle: Level
    fine: Level
    centre_mm: Array
    grid: Grid

    def voxel_mm(self, planning: Grid) -> Array:
        """Voxel edges (3,) along x, y, z of the coarser of the two images."""
        return np.maximum(*(np.abs(grid.direction) @ grid.spacing_mm for grid in (planning, self.grid)))


def register_volumes(
    prepared: PreparedPlanning, daily: Volume, *, initial: RigidTransform, progress: Progress = silent
) -> Registration:
    """Match the day's image to the planning CT.

    Parameters
    ----------
    prepared
        From :func:`isoguide.registration.prepare_planning`, reusable for every fraction.
    daily
        CT or cone-beam CT in the daily frame; grey values need not be Hounsfield units.
    initial
        Planning from daily as the patient should be: the machine isocentre on the plan isocentre. The truth
        may be up to ±50 mm and ±15° per axis away.
    progress
        Called with the fraction done.

    Returns
    -------
    Registration
        With the verdict "not available" and no transform where the images do not determine an answer.

    Raises
    ------
    GeometryError
        If ``initial`` does not take the daily to the planning frame.
    """
    if (initial.to_frame, initial.from_frame) != (PLANNING, DAILY):
        msg = (
            f"the initial transform must be '{PLANNING} from {DAILY}', "
            f"not '{initial.to_frame} from {initial.from_frame}'"
        )
        raise GeometryError(msg)
    progress(0.0, "reading the field of view")
    start = initial.inverse().matrix
    try:
        images = daily_levels(prepared, daily, initial)
    except InputError as error:
        return _not_available(prepared, (str(error),))
    progress(0.2, "finding the place")
    found = _find(prepared, images, start)
    if found is None:
        reason = "the daily image does not show the planned region: no place was found where the two agree"
        return _not_available(prepared, (reason,))
    progress(0.5, "refining")
    chosen, starts = best_of_starts(prepared, images.middle, found.daily_from_planning)
    full = _refine_fine(prepared, images, chosen)
    pose = pose_for_couch(full.daily_from_planning, prepared.target_points_mm, prepared.settings)
    constrained = replace(full, daily_from_planning=pose)
    progress(0.7, "checking the answer")
    return _assess(prepared, images, (full, constrained), starts, start)


def similarity_at(
    prepared: PreparedPlanning, images: DailyLevels, planning_from_daily: RigidTransform
) -> float | None:
    """Return how well the images agree at a pose: the very figure that the match gives for its answer.

    Parameters
    ----------
    prepared
        The planning side.
    images
        The day's.
    planning_from_daily
        The pose.

    Returns
    -------
    float
        -1 to 1; None where the day's image shows too little of the match region for a match.
    """
    pose = planning_from_daily.inverse().matrix
    fit = refine(prepared.fine, images.fine, pose, np.eye(6), steps=0, tolerance_mm=0.0)
    shown = float(np.isfinite(fit.correlation).mean())
    return fit.similarity if shown >= LEAST_OVERLAP_FRACTION else None


def daily_levels(prepared: PreparedPlanning, daily: Volume, initial: RigidTransform) -> DailyLevels:
    """Bring the day's image to the resolutions of the match.

    Parameters
    ----------
    prepared, daily, initial
        As for :func:`register_volumes`.

    Raises
    ------
    InputError
        If the image does not show what lies about the machine isocentre.
    """
    centre = initial.inverse().apply(prepared.centre_mm)
    grid, values = crop(daily.grid, daily.values, centre - DAILY_HALF_MM, centre + DAILY_HALF_MM)
    if min(grid.shape) < 4:
        msg = "the daily image lies away from the machine isocentre: check --machine-isocentre"
        raise InputError(msg)
    part = field_of_view(values)
    scale, offset = (np.float32(number) for number in grey_to_hu(daily))
    levels = [
        make_level(grid, part, spacing, interpolate=False) for spacing in (COARSE_MM, MIDDLE_MM, FINE_MM)
    ]
    coarse = Level(levels[0].grid, levels[0].values * scale + offset)
    return DailyLevels(coarse, levels[1], levels[2], centre, daily.grid)


def _find(prepared: PreparedPlanning, images: DailyLevels, start: Array) -> Fit | None:
    """Find the best coarse fit from the set-up position and the peaks of the correlation, if any fits."""
    candidates = [Candidate(start, 0.0)]
    candidates += search(prepared.spectrum, images.coarse, images.centre_mm, rotations=False, keep=4)
    best = _best_coarse(prepared, images, candidates)
    if best is None or best.similarity < CONVINCING:
        wide = search(prepared.spectrum, images.coarse, images.centre_mm, rotations=True, keep=8)
        contenders = [_best_coarse(prepared, images, wide), best]
        best = max((fit for fit in contenders if fit is not None), key=_merit, default=None)
    return best


def _best_coarse(prepared: PreparedPlanning, images: DailyLevels, candidates: list[Candidate]) -> Fit | None:
    fits: list[Fit] = []
    for candidate in candidates:
        fit = refine(
            prepared.coarse,
            images.coarse,
            candidate.daily_from_planning,
            np.eye(6),
            steps=COARSE_STEPS,
            tolerance_mm=TOLERANCE_MM[COARSE_MM],
        )
        if np.isfinite(fit.correlation).sum() >= LEAST_SHOWN:
            fits.append(fit)
    return max(fits, key=_merit, default=None)


def _merit(fit: Fit) -> float:
    """Mean correlation, less where fewer patches are seen: a sliver that fits by chance must not win."""
    shown = int(np.isfinite(fit.correlation).sum())
    return fit.similarity * float(np.sqrt(min(1.0, shown / (3.0 * LEAST_SHOWN))))


def _refine_fine(prepared: PreparedPlanning, images: DailyLevels, start: Fit) -> Fit:
    pose, tolerance = start.daily_from_planning, TOLERANCE_MM[FINE_MM]
    return refine(prepared.fine, images.fine, pose, np.eye(6), steps=FINE_STEPS, tolerance_mm=tolerance)


def _assess(
    prepared: PreparedPlanning, images: DailyLevels, fits: tuple[Fit, Fit], starts: Starts, initial: Array
) -> Registration:
    full, fit = fits
    basis = motion_basis(prepared.settings)
    # Whether the images belong together is judged on the free match: a rotation that the couch cannot make
    # must not look like another patient.
    shown = float(np.isfinite(full.correlation).mean())
    if shown < LEAST_OVERLAP_FRACTION or not fit.weight.any():
        reason = f"the daily image shows only {100.0 * shown:.0f} % of the match region"
        return _not_available(prepared, (reason,))
    number, weakest = assess.condition(fit, basis)
    quality = Quality(
        similarity=full.similarity,
        overlap_fraction=shown,
        condition_number=number,
        weakest_direction=weakest,
        weakest_direction_words=assess.motion_in_words(weakest),
        inverse_inconsistency_mm=assess.backward_inconsistency_mm(full, images.fine, prepared, np.eye(6)),
        start_agreement_mm=starts.spread_mm,
        starts_agreeing=(starts.agreeing, starts.started),
        residuals=assess.residual_map(full, prepared.fine),
        alternatives=assess.vertebral_alternatives(full, (images.coarse, images.middle), prepared, np.eye(6)),
    )
    sure = assess.uncertainty(fit, prepared, basis, images.voxel_mm(prepared.volume.grid))
    shift = displacement_mm(initial, full.daily_from_planning, prepared.centre_mm[None])[0]
    angle = rotation_angle_deg(initial[:3, :3].T @ full.daily_from_planning[:3, :3])
    verdict, reasons = judge(Evidence(quality, sure, float(shift), angle))
    available = verdict is not Verdict.NOT_AVAILABLE
    return Registration(
        verdict=verdict,
        reasons=reasons,
        planning_from_daily=_transform(fit) if available else None,
        unconstrained=_transform(full) if available else None,
        degrees_of_freedom=prepared.settings.degrees_of_freedom,
        centre_mm=prepared.centre_mm,
        content=prepared.settings.content,
        uncertainty=sure if available else None,
        quality=quality,
        algorithm=ALGORITHM,
        settings=prepared.settings.as_record(),
    )


def _transform(fit: Fit) -> RigidTransform:
    return RigidTransform(DAILY, PLANNING, fit.daily_from_planning).inverse()


def _not_available(prepared: PreparedPlanning, reasons: tuple[str, ...]) -> Registration:
    return Registration.without_answer(
        reasons,
        settings=prepared.settings,
        centre_mm=prepared.centre_mm,
        content=prepared.settings.content,
        algorithm=ALGORITHM,
    )
