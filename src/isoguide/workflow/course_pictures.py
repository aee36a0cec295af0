"""Pictures of a virtual course: the patient with structures, the day's image, the match before and after."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from html import escape
from itertools import cycle
from typing import Final

from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.structure import Structure
from isoguide.images.volume import Volume
from isoguide.treatment.ports import DayImage
from isoguide.virtual import Phantom
from isoguide.workflow.outlines import CroppedMask, outlines
from isoguide.workflow.picture_svg import crosshair, labels, outline_path, picture_svg
from isoguide.workflow.pictures import (
    CT_WINDOW,
    Picture,
    colour_blend,
    daily_window,
    grey_picture,
    png,
)
from isoguide.workflow.planes import Pixels, Plane, field_of_view_mm, planes_through, sample, sample_daily
from isoguide.workflow.target import TARGET_TYPES, choose_target

PIXELS: Final = 400
COLOURS: Final = ("s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8")
"""Classes of the style sheet for structures, in the order of the structure set."""
NOT_SHOWN: Final = ("EXTERNAL", "SUPPORT")


@dataclass(frozen=True, slots=True)
class FractionPictures:
    """SVG elements of the three planes: the day's image, and the fused match before and after."""

    image: tuple[str, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CourseScene:
    """What stays the same in all pictures of a course: planes, planning pixels, coloured structures."""

    planes: tuple[Plane, ...]
    planning: tuple[Pixels, ...]
    structures: tuple[tuple[CroppedMask, str], ...]
    target: CroppedMask | None
    isocentre_mm: Array

    @classmethod
    def of(cls, phantom: Phantom) -> "CourseScene":
        """Cut the planning CT through the isocentre and rasterise the structures once."""
        volume, isocentre_mm = phantom.volume, phantom.isocentre_mm
        field_mm = field_of_view_mm(volume, isocentre_mm, volume.grid.extent_mm)
        planes = planes_through(isocentre_mm, field_mm=field_mm, pixels=PIXELS)
        masks = [CroppedMask.of(structure, volume.grid) for structure in shown_structures(phantom)]
        chosen = choose_target(phantom.structures, isocentre_mm)
        kinds = cycle(COLOURS)
        coloured = tuple((mask, "target" if mask.structure is chosen else next(kinds)) for mask in masks)
        target = next((mask for mask, kind in coloured if kind == "target"), None)
        return cls(planes, tuple(sample(volume, plane) for plane in planes), coloured, target, isocentre_mm)

    def patient_pictures(self) -> tuple[str, ...]:
        """Draw the planning CT with every structure."""
        figures = []
        for plane, pixels in zip(self.planes, self.planning, strict=True):
            lines = "".join(outline_path(outlines(mask, plane), kind) for mask, kind in self.structures)
            data = png(grey_picture(CT_WINDOW.grey(pixels)))
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
        before = self._daily_pixels(image.volume, uncorrected)
        after = (
            self._daily_pixels(image.volume, planning_from_daily) if planning_from_daily is not None else []
        )
        window = daily_window(
            CT_WINDOW, list(self.planning), after or before, same_scale=image.volume.is_hounsfield
        )
        grey = [grey_picture(window.grey(cut)) for cut in before]
        blends = [
            [
                colour_blend(CT_WINDOW.grey(planning), window.grey(day))
                for planning, day in zip(self.planning, cut, strict=bool(cut))
            ]
            for cut in (before, after)
        ]
        return FractionPictures(
            image=self._placed(grey, outlined=False),
            before=self._placed(blends[0], outlined=True),
            after=self._placed(blends[1], outlined=True),
        )

    def _daily_pixels(self, volume: Volume, planning_from_daily: RigidTransform) -> list[Pixels]:
        cut = partial(sample_daily, volume, planning_from_daily)
        with ThreadPoolExecutor(max_workers=len(self.planes)) as pool:
            return list(pool.map(cut, self.planes))

    def _placed(self, pictures: list[Picture], *, outlined: bool) -> tuple[str, ...]:
        figures = []
        for plane, picture in zip(self.planes, pictures, strict=bool(pictures)):
            target = outline_path(outlines(self.target, plane)) if outlined and self.target else ""
            figures.append(picture_svg(plane, png(picture), target + crosshair(plane) + labels(plane)))
        return tuple(figures)


def shown_structures(phantom: Phantom) -> tuple[Structure, ...]:
    """Structures worth a line: volumes other than the outline of the body, the targets last and so on top."""
    drawn = [s for s in phantom.structures if s.is_volume and s.interpreted_type.upper() not in NOT_SHOWN]
    return tuple(sorted(drawn, key=lambda s: s.interpreted_type.upper() in TARGET_TYPES))
