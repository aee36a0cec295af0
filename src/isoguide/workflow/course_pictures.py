"""Pictures of a virtual course: the patient with structures, the day's image, the match before and after."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Final

import numpy as np

from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.radiograph_view import RadiographView
from isoguide.images.structure import Structure
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.images.volume import Volume
from isoguide.treatment.ports import DayImage
from isoguide.virtual import Phantom
from isoguide.workflow.outlines import CroppedMask, outlines
from isoguide.workflow.picture_svg import crosshair, labels, outline_path, picture_svg
from isoguide.workflow.pictures import (
    CT_WINDOW,
    Picture,
    Window,
    colour_blend,
    daily_window,
    grey_picture,
    png,
)
from isoguide.workflow.planes import Pixels, Plane, field_of_view_mm, planes_through, sample, sample_daily
from isoguide.workflow.radiographs.report_view_pictures import RadiographScene, view_pictures
from isoguide.workflow.structure_colours import kinds_of
from isoguide.workflow.target import TARGET_TYPES, choose_target
from isoguide.workflow.ultrasound.align_pictures import cut, ultrasound_window

PIXELS: Final = 400
PLANNING_CT, REFERENCE = "planning CT", "ultrasound of the simulation"
MARGIN: Final = 1.08
"""A fraction's pictures show this much more than its image."""
LUNG_WINDOW: Final = Window(-1000.0, 300.0)
"""Lung with its vessels, and still some of the soft tissue, Hounsfield units."""
LUNG_BELOW_HU, LUNG_HALF_MM, LUNG_SHARE = -500.0, 50.0, 0.4
"""Lung counts where this much of the square about the isocentre is darker than soft tissue."""
NOT_SHOWN: Final = ("EXTERNAL", "SUPPORT")


@dataclass(frozen=True, slots=True)
class FractionPictures:
    """SVG elements of three planes or of each radiograph: the day's image, the match before and after.

    ``under`` is what the day's image lies on.
    """

    image: tuple[str, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]
    under: str = PLANNING_CT


@dataclass(frozen=True, slots=True, eq=False)
class CourseScene:
    """What stays the same in all pictures of a course: the planning CT, planes, coloured structures."""

    volume: Volume
    window: Window
    planes: tuple[Plane, ...]
    structures: tuple[tuple[CroppedMask, str], ...]
    target: CroppedMask | None
    isocentre_mm: Array
    reference: UltrasoundVolume | None = None

    @classmethod
    def of(cls, phantom: Phantom, reference: UltrasoundVolume | None = None) -> "CourseScene":
        """Cut the planning CT through the isocentre and rasterise the structures once.

        ``reference`` is the ultrasound of the simulation, frame PLANNING, where the days are matched to it.
        """
        volume, isocentre_mm = phantom.volume, phantom.isocentre_mm
        field_mm = field_of_view_mm(volume, isocentre_mm, volume.grid.extent_mm)
        planes = planes_through(isocentre_mm, field_mm=field_mm, pixels=PIXELS)
        masks = [CroppedMask.of(structure, volume.grid) for structure in shown_structures(phantom)]
        chosen = choose_target(phantom.structures, isocentre_mm)
        kinds = kinds_of((mask.structure.name for mask in masks), chosen.name if chosen is not None else None)
        coloured = tuple((mask, kinds[mask.structure.name]) for mask in masks)
        target = next((mask for mask in masks if mask.structure is chosen), None)
        return cls(volume, window_for(volume, planes), planes, coloured, target, isocentre_mm, reference)

    @property
    def kinds(self) -> dict[str, str]:
        """Class of colour of each structure."""
        return {mask.structure.name: kind for mask, kind in self.structures}

    def patient_pictures(self) -> tuple[str, ...]:
        """Draw the planning CT with every structure."""
        figures = []
        for plane in self.planes:
            lines = "".join(outline_path(outlines(mask, plane), kind) for mask, kind in self.structures)
            data = png(grey_picture(self.window.grey(sample(self.volume, plane))))
            figures.append(picture_svg(plane, data, lines + crosshair(plane) + labels(plane)))
        return tuple(figures)

    def legend(self) -> str:
        """Name the structures beside their colours, as HTML."""
        swatches = (
            f'<span class="swatch line {kind}"></span>{escape(mask.structure.name)}'
            for mask, kind in self.structures
        )
        return f'<p class="legend">{" ".join(swatches)}</p>'

    def fraction_pictures(
        self, image: DayImage, planning_from_daily: RigidTransform | None
    ) -> FractionPictures:
        """Draw a day's image, and the match before and after; nothing for after when there is no answer."""
        uncorrected = RigidTransform.translation(
            PLANNING, DAILY, self.isocentre_mm - image.machine_isocentre_mm
        )
        if isinstance(image.content, Volume):
            return self._volume_pictures(image.content, uncorrected, planning_from_daily)
        if isinstance(image.content, UltrasoundVolume):
            return self._ultrasound_pictures(image.content, uncorrected, planning_from_daily)
        return self._radiograph_pictures(image.content, uncorrected, planning_from_daily)

    def _radiograph_pictures(
        self,
        views: Sequence[RadiographView],
        uncorrected: RigidTransform,
        planning_from_daily: RigidTransform | None,
    ) -> FractionPictures:
        structures = [mask.structure for mask, _ in self.structures]
        scene = RadiographScene.of(self.volume, self.isocentre_mm, structures)
        drawn = view_pictures(scene, views, uncorrected, planning_from_daily)
        return FractionPictures(
            tuple(one.image for one in drawn),
            tuple(one.before for one in drawn),
            tuple(one.after for one in drawn if one.after is not None),
        )

    def _volume_pictures(
        self, image: Volume, uncorrected: RigidTransform, planning_from_daily: RigidTransform | None
    ) -> FractionPictures:
        field_mm = min(self.planes[0].field_mm, MARGIN * float(np.max(image.grid.extent_mm)))
        planes = planes_through(self.isocentre_mm, field_mm=field_mm, pixels=PIXELS)
        planning = [sample(self.volume, plane) for plane in planes]
        before = _cuts(image, uncorrected, planes)
        after = _cuts(image, planning_from_daily, planes) if planning_from_daily is not None else []
        window = daily_window(self.window, planning, after or before, same_scale=image.is_hounsfield)

        def blended(cuts: list[Pixels]) -> tuple[str, ...]:
            pairs = zip(planes, planning, cuts, strict=True) if cuts else ()
            return tuple(
                self._figure(plane, colour_blend(self.window.grey(first), window.grey(second)), outlined=True)
                for plane, first, second in pairs
            )

        grey = (
            self._figure(plane, grey_picture(window.grey(cut)), outlined=False)
            for plane, cut in zip(planes, before, strict=True)
        )
        return FractionPictures(tuple(grey), blended(before), blended(after))

    def _ultrasound_pictures(
        self,
        image: UltrasoundVolume,
        uncorrected: RigidTransform,
        planning_from_daily: RigidTransform | None,
    ) -> FractionPictures:
        """Draw the day's ultrasound alone, and on its reference (the planning CT without one)."""
        field_mm = min(self.planes[0].field_mm, MARGIN * float(np.max(image.grid.extent_mm)))
        planes = planes_through(self.isocentre_mm, field_mm=field_mm, pixels=PIXELS)
        before = [cut(image, plane, uncorrected) for plane in planes]
        window, under = ultrasound_window(before), self._under(planes)

        def blended(placed: RigidTransform | None) -> tuple[str, ...]:
            if placed is None:
                return ()
            greys = [window.grey(cut(image, plane, placed).brightness) for plane in planes]
            pairs = zip(planes, under, greys, strict=True)
            return tuple(
                self._figure(plane, colour_blend(own, grey), outlined=True) for plane, own, grey in pairs
            )

        grey = (
            self._figure(plane, grey_picture(window.grey(one.brightness)), outlined=False)
            for plane, one in zip(planes, before, strict=True)
        )
        name = PLANNING_CT if self.reference is None else REFERENCE
        return FractionPictures(tuple(grey), blended(uncorrected), blended(planning_from_daily), name)

    def _under(self, planes: Sequence[Plane]) -> list[Pixels]:
        """Return what ultrasound is blended with, as grey values 0 to 1."""
        if self.reference is None:
            return [self.window.grey(sample(self.volume, plane)) for plane in planes]
        cuts = [cut(self.reference, plane) for plane in planes]
        window = ultrasound_window(cuts)
        return [window.grey(one.brightness) for one in cuts]

    def _figure(self, plane: Plane, picture: Picture, *, outlined: bool) -> str:
        target = outline_path(outlines(self.target, plane)) if outlined and self.target else ""
        return picture_svg(plane, png(picture), target + crosshair(plane) + labels(plane))


def window_for(volume: Volume, planes: Sequence[Plane]) -> Window:
    """Choose the grey values: those that show lung where there is much of it about the isocentre."""
    shares = []
    for plane in planes:
        half = int(LUNG_HALF_MM / plane.pixel_mm)
        middle = slice(plane.pixels // 2 - half, plane.pixels // 2 + half)
        near = np.nan_to_num(sample(volume, plane)[middle, middle], nan=0.0)
        shares.append(float((near < LUNG_BELOW_HU).mean()))
    return LUNG_WINDOW if np.mean(shares) > LUNG_SHARE else CT_WINDOW


def _cuts(volume: Volume, planning_from_daily: RigidTransform, planes: Sequence[Plane]) -> list[Pixels]:
    with ThreadPoolExecutor(max_workers=len(planes)) as pool:
        return list(pool.map(partial(sample_daily, volume, planning_from_daily), planes))


def shown_structures(phantom: Phantom) -> tuple[Structure, ...]:
    """Structures worth a line: volumes other than the outline of the body, the targets last and so on top."""
    drawn = [s for s in phantom.structures if s.is_volume and s.interpreted_type.upper() not in NOT_SHOWN]
    return tuple(sorted(drawn, key=lambda s: s.interpreted_type.upper() in TARGET_TYPES))
