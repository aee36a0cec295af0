"""One picture for the review of a fraction: the plan in orange, the day in blue, the target's outline."""

from typing import Final, Literal, get_args

import numpy as np

from isoguide.errors import MissingEvidenceError
from isoguide.geometry.frames import Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.structure import Structure
from isoguide.workflow.clinic.pictures.day_scene import DayScene
from isoguide.workflow.clinic.pictures.plan_shadow import ShownView
from isoguide.workflow.outlines import CroppedMask, half_level_lines, outlines
from isoguide.workflow.pictures import Picture, colour_blend, daily_window, planning_window, png
from isoguide.workflow.planes import Pixels, field_of_view_mm, planes_through, sample, sample_daily
from isoguide.workflow.radiographs.display_drr import ShadowCaster, posed
from isoguide.workflow.radiographs.shadow_lines import shadow_lines
from isoguide.workflow.silhouette import shadow_mask, with_lines
from isoguide.workflow.ultrasound.align_pictures import Cut, cut, ultrasound_window

PlaneName = Literal["axial", "coronal", "sagittal"]
PLANES: Final[tuple[PlaneName, ...]] = get_args(PlaneName)

PIXELS: Final = 400
TARGET_COLOUR: Final = (255, 255, 255)
FAN_COLOUR: Final = (150, 150, 150)
SHADOW_STRENGTH: Final = 0.45
ACROSS: Final = {"coronal": 1, "sagittal": 0}
"""Axis of planning LPS that a picture looks along."""
LEAST_ALONG: Final = 0.7
"""Cosine of the angle up to which a radiograph stands for a coronal or sagittal picture: 45 degrees."""


def volume_picture(
    day: DayScene, target: Structure | None, planning_from_daily: RigidTransform, plane: PlaneName
) -> bytes:
    """Draw a plane through the isocentre of the plan, as PNG, :data:`PIXELS` wide and high.

    Parameters
    ----------
    day
        A volume of the day.
    target
        Whose outline is drawn.
    planning_from_daily
        Where the day's image lies.
    plane
        Which plane.
    """
    volume, isocentre_mm = day.plan.planning.volume, day.plan.planning.isocentre.xyz_mm
    daily = day.image.volume
    field_mm = field_of_view_mm(volume, isocentre_mm, daily.grid.extent_mm)
    shown = planes_through(isocentre_mm, field_mm=field_mm, pixels=PIXELS)[PLANES.index(plane)]
    planning_cut, daily_cut = sample(volume, shown), sample_daily(daily, planning_from_daily, shown)
    window = planning_window([planning_cut], is_hounsfield=volume.is_hounsfield)
    same_scale = volume.is_hounsfield and daily.is_hounsfield
    other = daily_window(window, [planning_cut], [daily_cut], same_scale=same_scale)
    picture = colour_blend(window.grey(planning_cut), other.grey(daily_cut))
    lines: list[Array] = []
    if target is not None:
        # Picture coordinates begin at the corner of a pixel, lines of a picture in its middle.
        lines = [_closed(line) - 0.5 for line in outlines(CroppedMask.of(target, volume.grid), shown)]
    return png(with_lines(picture, lines, TARGET_COLOUR))


def ultrasound_picture(
    day: DayScene, target: Structure | None, planning_from_daily: RigidTransform, plane: PlaneName
) -> bytes:
    """Draw a plane of the day's ultrasound over what it was matched to; as :func:`volume_picture`.

    The edge of the day's fan is drawn beside the target: nothing beyond it was compared.
    """
    planning, isocentre_mm = day.plan.planning.volume, day.plan.planning.isocentre.xyz_mm
    daily, reference = day.image.ultrasound, day.plan.reference
    field_mm = field_of_view_mm(planning, isocentre_mm, daily.grid.extent_mm)
    shown = planes_through(isocentre_mm, field_mm=field_mm, pixels=PIXELS)[PLANES.index(plane)]
    over = cut(daily, shown, planning_from_daily)
    if reference is not None:
        under = _echoes(cut(reference.volume, shown))
    else:
        pixels = sample(planning, shown)
        under = planning_window([pixels], is_hounsfield=planning.is_hounsfield).grey(pixels)
    picture = colour_blend(under, _echoes(over))
    edge = [_closed(line) - 0.5 for line in half_level_lines(over.seen.astype(np.float32))]
    lines: list[Array] = []
    if target is not None:
        lines = [_closed(line) - 0.5 for line in outlines(CroppedMask.of(target, planning.grid), shown)]
    return png(with_lines(with_lines(picture, edge, FAN_COLOUR), lines, TARGET_COLOUR))


def _echoes(shown: Cut) -> Pixels:
    """Return grey values 0 to 1; what lies in a shadow says nothing of the tissue, and is dimmed."""
    grey = ultrasound_window([shown]).grey(shown.brightness)
    return np.where(shown.shadow, np.float32(SHADOW_STRENGTH) * grey, grey)


def radiograph_picture(
    day: DayScene,
    views: tuple[ShownView, ...],
    caster: ShadowCaster,
    target: Structure | None,
    planning_from_daily: RigidTransform,
    plane: PlaneName,
) -> bytes:
    """Draw the radiograph that looks along a plane's normal over its DRR, as PNG.

    Parameters
    ----------
    day, target, planning_from_daily, plane
        As for :func:`volume_picture`.
    views
        The radiographs as they are shown.
    caster
        The planning CT.

    Raises
    ------
    MissingEvidenceError
        If no radiograph looks that way.
    """
    shown = _view_along(views, day.uncorrected, plane)
    drr, xray = (_share(grey) for grey in (shown.drr(planning_from_daily, caster), shown.grey))
    picture = colour_blend(drr, xray)
    if target is None:
        return png(picture)
    mask = shadow_mask(target, day.plan.planning.volume.grid)
    (lines,) = shadow_lines(mask, [posed(shown.view, planning_from_daily)], shown.pixel_mm)
    return png(with_lines(picture, [_closed(line) for line in lines], TARGET_COLOUR))


def _share(grey: Picture) -> Pixels:
    return grey.astype(np.float32) / np.float32(255.0)


def _closed(line: Array) -> Array:
    return np.concatenate([line, line[:1]])


def _view_along(views: tuple[ShownView, ...], uncorrected: RigidTransform, plane: PlaneName) -> ShownView:
    axis = ACROSS.get(plane)
    if axis is not None:
        along = [abs(float((uncorrected.rotation @ one.view.normal)[axis])) for one in views]
        best = int(np.argmax(along))
        if along[best] >= LEAST_ALONG:
            return views[best]
    names = ", ".join(one.name for one in views)
    msg = f"no radiograph of this image stands for the {plane} plane ({names}): choose another plane"
    raise MissingEvidenceError(msg)
