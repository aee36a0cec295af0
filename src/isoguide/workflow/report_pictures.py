"""The report's figures: the match before and after the correction, and the residual map."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from isoguide.geometry.transforms import RigidTransform
from isoguide.registration.result import RegionResidual
from isoguide.workflow.alignment import Alignment
from isoguide.workflow.outlines import CroppedMask, outlines
from isoguide.workflow.picture_svg import crosshair, labels, marker_at, outline_path, picture_svg
from isoguide.workflow.pictures import (
    Picture,
    Window,
    checkerboard,
    colour_blend,
    daily_window,
    grey_picture,
    planning_window,
    png,
)
from isoguide.workflow.planes import (
    Pixels,
    Plane,
    field_of_view_mm,
    planes_through,
    sample,
    sample_daily,
)
from isoguide.workflow.shown_markers import shown_markers

PIXELS: Final = 400
ARROW_MAGNIFICATION: Final = 10.0
SLAB_MM: Final = 20.0
"""Regions and markers whose centre is no further than this from a plane are drawn on it."""
CALM_MM, LARGE_MM = 1.0, 2.0
"""Residuals below the first are drawn calm, above the second alarming (MPPG 9.a: 1 mm SRS, 2 mm SBRT)."""


@dataclass(frozen=True, slots=True)
class MatchFigures:
    """SVG elements of the three planes, ready to be placed: axial, coronal, sagittal."""

    field_mm: float
    before_checkerboard: tuple[str, ...]
    before_blend: tuple[str, ...]
    after_checkerboard: tuple[str, ...]
    after_blend: tuple[str, ...]
    residual_map: tuple[str, ...]


def match_figures(alignment: Alignment) -> MatchFigures:
    """Draw the match before and after the correction; nothing is drawn for after when there is no answer."""
    scene = _Scene.of(alignment)
    before = scene.daily_pixels(alignment.setup.uncorrected)
    placed = alignment.planning_from_daily
    after = scene.daily_pixels(placed) if placed is not None else None
    same_scale = alignment.planning.volume.is_hounsfield and alignment.daily_volume.is_hounsfield
    window = daily_window(scene.window, scene.planning, after or before, same_scale=same_scale)
    tasks: list[tuple[str, Plane, Callable[[], Picture]]] = []
    overlays = {"before": partial(scene.overlay, planning_from_daily=alignment.setup.uncorrected)}
    if placed is not None:
        overlays["after"] = partial(scene.overlay, planning_from_daily=placed)
    for phase, cut in (("before", before), ("after", after)):
        for plane, planning, daily in zip(scene.planes, scene.planning, cut or (), strict=cut is not None):
            first, second = scene.window.grey(planning), window.grey(daily)
            tasks.append(
                (f"{phase}_checkerboard", plane, partial(checkerboard, first, second, plane.pixel_mm))
            )
            tasks.append((f"{phase}_blend", plane, partial(colour_blend, first, second)))
    figures: dict[str, list[str]] = {kind: [] for kind, _, _ in tasks}
    # Array arithmetic and compression run outside the interpreter's lock.
    with ThreadPoolExecutor(max_workers=4) as pool:
        encoded = list(pool.map(lambda draw: png(draw()), [draw for _, _, draw in tasks]))
    for (kind, plane, _), data in zip(tasks, encoded, strict=True):
        figures[kind].append(picture_svg(plane, data, overlays[kind.partition("_")[0]](plane)))
    return MatchFigures(
        field_mm=scene.planes[0].field_mm,
        before_checkerboard=tuple(figures.get("before_checkerboard", ())),
        before_blend=tuple(figures.get("before_blend", ())),
        after_checkerboard=tuple(figures.get("after_checkerboard", ())),
        after_blend=tuple(figures.get("after_blend", ())),
        residual_map=_residual_map(alignment, scene),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """What stays the same in all pictures: planes, planning pixels, window, the target's outline."""

    planes: tuple[Plane, ...]
    planning: list[Pixels]
    window: Window
    alignment: Alignment
    target: CroppedMask | None

    @classmethod
    def of(cls, alignment: Alignment) -> "_Scene":
        volume, centre_mm = alignment.planning.volume, alignment.planning.isocentre.xyz_mm
        field_mm = field_of_view_mm(volume, centre_mm, alignment.daily_volume.grid.extent_mm)
        planes = planes_through(centre_mm, field_mm=field_mm, pixels=PIXELS)
        planning = [sample(volume, plane) for plane in planes]
        window = planning_window(planning, is_hounsfield=volume.is_hounsfield)
        target = CroppedMask.of(alignment.target, volume.grid) if alignment.target is not None else None
        return cls(planes, planning, window, alignment, target)

    def daily_pixels(self, planning_from_daily: RigidTransform) -> list[Pixels]:
        cut = partial(sample_daily, self.alignment.daily_volume, planning_from_daily)
        with ThreadPoolExecutor(max_workers=len(self.planes)) as pool:
            return list(pool.map(cut, self.planes))

    def overlay(self, plane: Plane, planning_from_daily: RigidTransform) -> str:
        parts = [self._markers(plane, planning_from_daily), crosshair(plane), labels(plane)]
        if self.target is not None:
            parts.insert(0, outline_path(outlines(self.target, plane)))
        return "".join(parts)

    def _markers(self, plane: Plane, planning_from_daily: RigidTransform) -> str:
        """Draw the markers near a plane, as if they lay in it."""
        return "".join(
            marker_at(
                plane.picture_xy(marker.planned_mm),
                marker.tolerance_mm / plane.pixel_mm,
                None
                if marker.found_mm is None
                else plane.picture_xy(planning_from_daily.apply(marker.found_mm)),
            )
            for marker in shown_markers(self.alignment)
            if abs(float(plane.depth_mm(marker.planned_mm))) <= SLAB_MM
        )


def _residual_map(alignment: Alignment, scene: _Scene) -> tuple[str, ...]:
    """Draw what every region would still like to move, as arrows over the dimmed planning image."""
    figures = []
    arrows = residual_arrows(alignment, scene.planes)
    for plane, planning, own in zip(scene.planes, scene.planning, arrows, strict=bool(arrows)):
        picture = grey_picture(scene.window.grey(planning), brightness=0.5)
        figures.append(picture_svg(plane, png(picture), own + labels(plane)))
    return tuple(figures)


def residual_arrows(alignment: Alignment, planes: Sequence[Plane]) -> tuple[str, ...]:
    """Draw how the regions near each plane would still like to move; empty where nothing is known of it."""
    quality = alignment.registration.quality
    # Regions of a match that was refused would only suggest that it means something.
    if quality is None or not quality.residuals or alignment.planning_from_daily is None:
        return ()
    if alignment.markers is not None:  # which are no regions, and have a table of their own
        return ()
    return tuple(
        "".join(
            _arrow(plane, one)
            for one in quality.residuals
            if abs(float(plane.depth_mm(one.centre_mm))) <= SLAB_MM
        )
        for plane in planes
    )


def residual_class(length_mm: float) -> str:
    """Name how alarming a residual is: calm, raised or large."""
    if length_mm < CALM_MM:
        return "calm"
    return "raised" if length_mm < LARGE_MM else "large"


def _arrow(plane: Plane, residual: RegionResidual) -> str:
    x, y = (float(value) for value in plane.picture_xy(residual.centre_mm))
    tip = plane.picture_xy(residual.centre_mm + ARROW_MAGNIFICATION * residual.shift_mm)
    length_mm = float(np.linalg.norm(residual.shift_mm))
    kind = residual_class(length_mm)
    number = f'<text x="{x + 7:.1f}" y="{y + 12:.1f}">{length_mm:.1f}</text>' if length_mm >= CALM_MM else ""
    return (
        f'<g class="residual {kind}"><circle cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
        f'<path d="M{x:.1f} {y:.1f}L{tip[0]:.1f} {tip[1]:.1f}"/>{number}</g>'
    )
