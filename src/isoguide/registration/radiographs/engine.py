"""Rigid registration of one or more radiographs of known geometry to the planning CT."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from scipy.spatial.distance import pdist

from isoguide.errors import GeometryError, InputError, MismatchError
from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.transforms import RigidTransform, rotation_angle_deg
from isoguide.geometry.xray_view import XrayView
from isoguide.images.radiograph import Radiograph
from isoguide.images.radiograph_view import RadiographView
from isoguide.progress import Progress, silent
from isoguide.registration.couch_freedom import motion_basis, pose_for_couch
from isoguide.registration.radiographs import uncertainty as sure
from isoguide.registration.radiographs.exposures import Exposure, prepare_exposures
from isoguide.registration.radiographs.follow import follow
from isoguide.registration.radiographs.library import best_starts, coarse_image, counted_rays
from isoguide.registration.radiographs.planning import PreparedRadiographs
from isoguide.registration.radiographs.rays import RayLevel, magnification
from isoguide.registration.radiographs.residuals import bend_at_target_mm, part_residuals, spread_mm
from isoguide.registration.radiographs.result import (
    RadiographQuality,
    RadiographRegistration,
    ViewQuality,
    WithoutDepth,
)
from isoguide.registration.radiographs.solve import PatchImage, RayFit, evaluate, refine_rays
from isoguide.registration.radiographs.verdict import judge
from isoguide.registration.refine import NOISE_FLOOR, displacement_mm, small_motion
from isoguide.registration.result import Alternative, RegionResidual, Verdict

ALGORITHM: Final = "patch-NCC rays Gauss-Newton 1"
STARTS, COARSE_STEPS, MIDDLE_STEPS, FINE_STEPS = 5, 8, 6, 4
COARSE_TOLERANCE_MM, MIDDLE_TOLERANCE_MM, FINE_TOLERANCE_MM = 0.3, 0.1, 0.01
AROUND_MM, AROUND_STEPS = 1.5, 6
"""How far to its sides, as the radius of a target moves, an answer is looked for again."""
KEPT: Final = 2
"""Coarse answers that are refined at the middle resolution."""
ALTERNATIVE_STEPS: Final = 5
SAME_PITCH: Final = 0.4
SAME_GEOMETRY_MM: Final = 0.01
INDEPENDENT_SAMPLES: Final = 4.0
"""Neighbouring rays repeat each other: a patch counts as about this many comparisons."""


@dataclass(frozen=True, slots=True, eq=False)
class _Images:
    coarse: tuple[PatchImage, ...]
    middle: tuple[PatchImage, ...]
    fine: tuple[PatchImage, ...]


@dataclass(frozen=True, slots=True)
class _Around:
    """What a look around the answer found; nothing when tracking."""

    alternatives: tuple[Alternative, ...] = ()
    residuals: tuple[RegionResidual, ...] = ()


def register_radiographs(
    prepared: PreparedRadiographs,
    images: Sequence[Radiograph | RadiographView],
    *,
    initial: RigidTransform | None = None,
    tracking: bool = False,
    progress: Progress = silent,
) -> RadiographRegistration:
    """Find the pose of the planning CT that one or more radiographs show.

    Parameters
    ----------
    prepared
        From :func:`isoguide.registration.prepare_radiographs`, reusable for every exposure of this geometry.
    images
        One for each prepared view, in the same order; their views in any one frame. Pixels that do not count
        and the shades of collimator blades take no part.
    initial
        Planning from daily near the answer, daily being where tissue is in planning axes: identity for a
        patient who lies as planned.
    tracking
        Refine from ``initial`` only, without search and without looking at neighbouring vertebrae: it has to
        be within a few mm and a degree of the answer, or there is none.
    progress
        Called with the fraction done.

    Raises
    ------
    MismatchError
        If the images do not fit the prepared views, or two are the same image.
    InputError
        If tracking has no pose to start from, ``initial`` is between other frames, an image is blank, or
        hardly a pixel of it counts.
    """
    _check(prepared, images, initial, tracking=tracking)
    if tracking and initial is not None:
        return _followed(prepared, images, initial.inverse().matrix)
    progress(0.0, "preparing the images")
    exposures = prepare_exposures(images)
    levels = _Images(
        *(_blurred(prepared, exposures, level) for level in (prepared.coarse, prepared.middle, prepared.fine))
    )
    progress(0.1, "finding the place")
    found = _find(prepared, exposures, levels, None if initial is None else initial.inverse().matrix)
    progress(0.5, "refining")
    full = _refine(
        prepared, prepared.fine, levels.fine, found.daily_from_planning, FINE_STEPS, FINE_TOLERANCE_MM
    )
    full = _best_around(prepared, levels.fine, full)
    progress(0.8, "looking at neighbouring vertebrae")
    pose = full.daily_from_planning
    residuals = part_residuals(prepared, levels.middle, pose)
    return _answer(prepared, full, _Around(_alternatives(prepared, levels, pose), residuals))


def _followed(
    prepared: PreparedRadiographs, images: Sequence[Radiograph | RadiographView], start: Array
) -> RadiographRegistration:
    fit, at_rest = follow(prepared.following, images, start, prepared.centre_mm)
    answer = _answer(prepared, fit, _Around())
    if at_rest:
        return answer
    reason = "no answer was found near the pose to start from: match without tracking"
    reasons = answer.reasons if answer.verdict is Verdict.NOT_AVAILABLE else ()
    return _not_available(prepared, (*reasons, reason), _quality(prepared, fit, _Around()))


def _check(
    prepared: PreparedRadiographs,
    images: Sequence[Radiograph | RadiographView],
    initial: RigidTransform | None,
    *,
    tracking: bool,
) -> None:
    if tracking and initial is None:
        msg = "tracking needs the last pose to start from: give initial, or match without tracking first"
        raise InputError(msg)
    if initial is not None and (initial.to_frame, initial.from_frame) != (PLANNING, DAILY):
        msg = (
            f"the initial transform must be '{PLANNING} from {DAILY}', "
            f"not '{initial.to_frame} from {initial.from_frame}'"
        )
        raise GeometryError(msg)
    if len(images) != len(prepared.views):
        msg = f"{len(images)} radiographs do not fit {len(prepared.views)} prepared views: give one for each"
        raise MismatchError(msg)
    if any(one.view.frame != other.view.frame for one, other in pairwise(images)):
        msg = "the radiographs name their geometry in different frames: bring them to one with in_frame"
        raise MismatchError(msg)
    for number, (image, view) in enumerate(zip(images, prepared.views, strict=True)):
        if image.view.size != view.size or not np.allclose(
            image.view.pixel_spacing_mm, view.pixel_spacing_mm
        ):
            msg = f"radiograph {number + 1} has other pixels than the prepared view: prepare for this imager"
            raise MismatchError(msg)
    distances = [pdist(_corners_mm(views)) for views in ([image.view for image in images], prepared.views)]
    if np.abs(distances[0] - distances[1]).max() > SAME_GEOMETRY_MM:
        msg = "the radiographs were taken with another geometry than prepared: prepare for this imager"
        raise MismatchError(msg)


def _corners_mm(views: Sequence[XrayView]) -> Array:
    """Return sources, first and last pixels: their mutual distances are the same in every frame."""
    ends = [view.pixel_mm(np.array([[0.0, 0.0], [view.size[0] - 1.0, 0.0]])) for view in views]
    return np.concatenate([*(view.source_mm[None] for view in views), *ends])


def _blurred(
    prepared: PreparedRadiographs, exposures: list[Exposure], level: RayLevel
) -> tuple[PatchImage, ...]:
    """Give images the blur that the volume of a level has."""
    blurred = []
    for view, exposure in zip(prepared.views, exposures, strict=True):
        on_detector = level.blur_mm * magnification(view, prepared.centre_mm)
        blurred.append(exposure.blurred([on_detector / mm for mm in view.pixel_spacing_mm[::-1]]))
    return tuple(blurred)


def _refine(
    prepared: PreparedRadiographs,
    level: RayLevel,
    images: tuple[PatchImage, ...],
    pose: Array,
    steps: int,
    tolerance_mm: float,
) -> RayFit:
    return refine_rays(
        level, prepared.views, images, pose, prepared.centre_mm, steps=steps, tolerance_mm=tolerance_mm
    )


def _find(
    prepared: PreparedRadiographs, exposures: list[Exposure], levels: _Images, start: Array | None
) -> RayFit:
    small = [
        coarse_image(view, part.wide, exposure.values, prepared.centre_mm)
        for view, part, exposure in zip(prepared.views, prepared.library.views, exposures, strict=True)
    ]
    seen = [
        counted_rays(view, part.wide, exposure.counts)
        for view, part, exposure in zip(prepared.views, prepared.library.views, exposures, strict=True)
    ]
    poses = best_starts(prepared.library, small, seen, prepared.centre_mm, STARTS)
    poses += [] if start is None else [start]
    coarse = [
        _refine(prepared, prepared.coarse, levels.coarse, pose, COARSE_STEPS, COARSE_TOLERANCE_MM)
        for pose in poses
    ]
    best = sorted(coarse, key=lambda fit: -fit.merit)[:KEPT]
    middle = [
        _refine(
            prepared,
            prepared.middle,
            levels.middle,
            fit.daily_from_planning,
            MIDDLE_STEPS,
            MIDDLE_TOLERANCE_MM,
        )
        for fit in best
    ]
    return max(middle, key=lambda fit: fit.merit)


def _best_around(prepared: PreparedRadiographs, images: tuple[PatchImage, ...], found: RayFit) -> RayFit:
    """Start again to both sides of an answer, where the views hold it least; the best of all counts.

    What one view holds least is the depth, which it does not show: its answer is left as it is.
    """
    if len(prepared.views) == 1:
        return found
    _, motions = np.linalg.eigh(found.normal)
    starts = [
        found.daily_from_planning @ small_motion(side * AROUND_MM * motions[:, 0], prepared.centre_mm)
        for side in (-1.0, 1.0)
    ]
    others = [
        _refine(prepared, prepared.fine, images, start, AROUND_STEPS, FINE_TOLERANCE_MM) for start in starts
    ]
    return max([found, *others], key=lambda fit: fit.merit)


def _alternatives(prepared: PreparedRadiographs, levels: _Images, pose: Array) -> tuple[Alternative, ...]:
    """Start one and two vertebral pitches up and down and compare; best competitor first."""
    centre, level = prepared.centre_mm, prepared.coarse
    here = evaluate(level, prepared.views, levels.coarse, pose, centre)
    found = []
    for pitches in (-2, -1, 1, 2):
        start = pose.copy()
        start[:3, 3] += start[:3, :3] @ np.array([0.0, 0.0, pitches * prepared.pitch_mm])
        there = _refine(prepared, level, levels.coarse, start, ALTERNATIVE_STEPS, COARSE_TOLERANCE_MM)
        offset = float(displacement_mm(pose, there.daily_from_planning, centre[None])[0])
        both = np.isfinite(here.correlation) & np.isfinite(there.correlation)
        if offset < SAME_PITCH * prepared.pitch_mm or not both.any():
            continue
        ours, theirs = (
            np.log(1.0 - np.clip(fit.correlation[both], 0.0, 1.0) ** 2 + NOISE_FLOOR) for fit in (here, there)
        )
        odds = float(0.5 * INDEPENDENT_SAMPLES * (theirs - ours).sum())
        found.append(Alternative(pitches, offset, float(there.correlation[both].mean()), odds))
    return tuple(sorted(found, key=lambda alternative: alternative.log_odds))


def _quality(prepared: PreparedRadiographs, fit: RayFit, found: _Around) -> RadiographQuality:
    views = []
    for number in range(len(prepared.views)):
        correlation = fit.correlation[fit.view == number]
        shown = np.isfinite(correlation)
        similarity = float(correlation[shown].mean()) if shown.any() else 0.0
        planned = prepared.fine.views[number].planned
        views.append(ViewQuality(similarity, float(shown.sum()) / planned))
    return RadiographQuality(
        tuple(views),
        sure.condition(fit, prepared),
        sure.view_angle_deg(prepared),
        sure.disagreement(fit, prepared),
        found.alternatives,
        found.residuals,
        bend_at_target_mm(found.residuals, prepared.centre_mm),
    )


def _answer(prepared: PreparedRadiographs, full: RayFit, found: _Around) -> RadiographRegistration:
    quality = _quality(prepared, full, found)
    if not full.weight.any():
        reason = "the radiographs do not show the planned anatomy: no place was found where they agree"
        return _not_available(prepared, (reason,), quality)
    if len(prepared.views) == 1:
        return _one_view(prepared, full, quality)
    if quality.view_angle_deg < sure.PARALLEL_DEG:
        reason = f"the views are only {quality.view_angle_deg:.0f}° apart: together they show no depth either"
        return _not_available(prepared, (reason,), quality)
    basis = motion_basis(prepared.settings)
    spread = sure.uncertainty(full, prepared, basis, spread_mm(found.residuals, prepared.centre_mm))
    verdict, reasons = judge(quality, spread.largest_at_target_mm, *_displacement(prepared, full))
    if verdict is Verdict.NOT_AVAILABLE:
        return _not_available(prepared, reasons, quality)
    return RadiographRegistration(
        verdict=verdict,
        reasons=reasons,
        planning_from_daily=_transform(
            pose_for_couch(full.daily_from_planning, prepared.target_points_mm, prepared.settings)
        ),
        unconstrained=_transform(full.daily_from_planning),
        degrees_of_freedom=prepared.settings.degrees_of_freedom,
        centre_mm=prepared.centre_mm,
        uncertainty=spread,
        quality=quality,
        without_depth=None,
        algorithm=ALGORITHM,
    )


def _displacement(prepared: PreparedRadiographs, fit: RayFit) -> tuple[float, float]:
    pose = fit.daily_from_planning
    shift = displacement_mm(np.eye(4), pose, prepared.centre_mm[None])[0]
    return float(shift), rotation_angle_deg(pose[:3, :3])


def _one_view(
    prepared: PreparedRadiographs, fit: RayFit, quality: RadiographQuality
) -> RadiographRegistration:
    """Answer with what one view shows: everything but the depth, which is not available."""
    shift_mm, rotation, covariance = sure.five_parameters(fit, prepared)
    largest = sure.largest_across_mm(covariance)
    angle = rotation_angle_deg(rotation)
    verdict, reasons = judge(quality, largest, float(np.linalg.norm(shift_mm)), angle)
    if verdict is Verdict.NOT_AVAILABLE:
        return _not_available(prepared, reasons, quality)
    depth = prepared.centre_mm - prepared.views[0].source_mm
    five = WithoutDepth(verdict, reasons, shift_mm, rotation, depth / np.linalg.norm(depth), covariance)
    reason = "one view does not show how far along its axis the patient lies: take a second view"
    return _not_available(prepared, (reason,), quality, five)


def _transform(pose: Array) -> RigidTransform:
    return RigidTransform(DAILY, PLANNING, pose).inverse()


def _not_available(
    prepared: PreparedRadiographs,
    reasons: tuple[str, ...],
    quality: RadiographQuality,
    without_depth: WithoutDepth | None = None,
) -> RadiographRegistration:
    return RadiographRegistration(
        verdict=Verdict.NOT_AVAILABLE,
        reasons=reasons,
        planning_from_daily=None,
        unconstrained=None,
        degrees_of_freedom=prepared.settings.degrees_of_freedom,
        centre_mm=prepared.centre_mm,
        uncertainty=None,
        quality=quality,
        without_depth=without_depth,
        algorithm=ALGORITHM,
    )
