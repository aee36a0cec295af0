"""DRRs of the plan beside the day's radiographs, and what is drawn over both."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.geometry.xray_view import XrayView
from isoguide.images.radiograph_view import RadiographView
from isoguide.images.volume import Volume
from isoguide.workflow.clinic.pictures.day_scene import DayScene
from isoguide.workflow.clinic.pictures.structure_distance import Colour, DrawnStructure
from isoguide.workflow.pictures import Window
from isoguide.workflow.planes import Pixels
from isoguide.workflow.radiographs.display_drr import (
    ShadowCaster,
    coarser,
    detail,
    enlarged,
    in_the_patient,
    pixel_at_mm,
    posed,
    reduced,
    windows,
)
from isoguide.workflow.radiographs.report_words import oblique_letters, oblique_sides
from isoguide.workflow.radiographs.shadow_lines import shadow_lines
from isoguide.workflow.shown_markers import ShownMarker
from isoguide.workflow.silhouette import shadow_mask
from isoguide.workflow.target import NOT_ANATOMY

Grey = NDArray[np.uint8]

WIDEST: Final = 512
"""Most rows and columns of a radiograph on the screen."""
QUICK_PIXEL_MM: Final = 1.0
"""While a pose moves, DRRs have about one ray in so many mm each way, at the isocentre."""
QUICK_FACTORS: Final = (2, 4)
"""At least and at most one ray for so many rows and columns."""


@dataclass(frozen=True, slots=True, eq=False)
class ShownView:
    """A radiograph as it is shown.

    Parameters
    ----------
    name
        From where the patient is seen.
    view
        Its geometry in the frame of the day.
    grey
        ``[row, column]``, 0 to 255, dense parts bright; black where nothing counts.
    pixel_mm
        Length of a pixel at the isocentre.
    letters
        Sides of the body at the left, right, top and bottom edge; two letters where oblique.
    isocentre
        Machine isocentre, (2,), column and row: whole numbers are the middles of pixels.
    window
        What of a DRR is drawn black and white, so that the same bone has the same grey in both.
    """

    name: str
    view: XrayView
    grey: Grey
    pixel_mm: float
    letters: tuple[str, str, str, str]
    isocentre: Array
    window: Window

    @property
    def sha256(self) -> str:
        """Of the grey values, row by row, hexadecimal."""
        return hashlib.sha256(self.grey.tobytes()).hexdigest()

    @classmethod
    def of(cls, radiograph: RadiographView, day: DayScene, caster: ShadowCaster) -> Self:
        """Cut a radiograph to what counts, and bring it to the grey values of its DRR.

        Grey values come from the DRR of the patient as he lies: they stay as they are while a pose is tried.
        """
        one = reduced(radiograph, WIDEST)
        pose = posed(one.view, day.uncorrected)
        isocentre_mm = day.plan.planning.isocentre.xyz_mm
        pixel_mm = pixel_at_mm(pose, isocentre_mm)
        (shadow,) = caster.shadows([pose])
        xray = detail(one.radiograph.values, one.counts, pixel_mm)
        drr = detail(shadow, np.isfinite(shadow), pixel_mm)
        drr_window, xray_window = windows(drr, xray, in_the_patient(shadow))
        right, down = pose.row_direction, pose.column_direction
        sides = (-right, right, -down, down)
        left_letter, right_letter, top_letter, bottom_letter = (oblique_letters(side) for side in sides)
        return cls(
            name=f"seen from the patient's {oblique_sides(pose.source_mm - pose.detector_centre_mm)}",
            view=one.view,
            grey=_grey(_share(xray, xray_window)),
            pixel_mm=pixel_mm,
            letters=(left_letter, right_letter, top_letter, bottom_letter),
            isocentre=pose.project(isocentre_mm[None])[0],
            window=drr_window,
        )

    def drr(self, planning_from_daily: RigidTransform, caster: ShadowCaster) -> Grey:
        """Draw the planning CT as the view would see it in a pose, ``[row, column]``, black beside the CT."""
        return _grey(self._share(self.view, planning_from_daily, caster))

    def quick_drr(self, planning_from_daily: RigidTransform, quick_caster: ShadowCaster) -> Grey:
        """Draw the same, of the same size, from few rays through few voxels: for a pose that moves on."""
        factor = int(np.clip(QUICK_PIXEL_MM / self.pixel_mm, *QUICK_FACTORS))
        share = self._share(coarser(self.view, factor), planning_from_daily, quick_caster)
        return _grey(enlarged(share, factor, self.grey.shape))

    def _share(self, view: XrayView, planning_from_daily: RigidTransform, caster: ShadowCaster) -> Pixels:
        """Return greys from 0 to 1 for a view with pixels a whole number of times as large."""
        (shadow,) = caster.shadows([posed(view, planning_from_daily)])
        pixel_mm = self.pixel_mm * view.pixel_spacing_mm[0] / self.view.pixel_spacing_mm[0]
        return _share(detail(shadow, np.isfinite(shadow), pixel_mm), self.window)


def _share(pixels: Pixels, window: Window) -> Pixels:
    return np.nan_to_num(window.grey(pixels))


def _grey(share: Pixels) -> Grey:
    return np.asarray(share * np.float32(255.0) + np.float32(0.5), dtype=np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class ShadowMask:
    """A structure that casts a shadow, rasterised once."""

    name: str
    colour: Colour
    mask: Volume


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """The lines about the shadow of a structure, each (n, 2), column and row."""

    name: str
    colour: Colour
    lines: tuple[Array, ...]


@dataclass(frozen=True, slots=True, eq=False)
class MarkerSpot:
    """Where a marker belongs, how far off it may be, and where it was found; (2,), column and row."""

    name: str
    expected: Array
    tolerance_px: float
    found: Array | None


@dataclass(frozen=True, slots=True, eq=False)
class Overlays:
    """What lies over a radiograph for a pose; ``isocentre`` (2,) is that of the plan.

    ``were_markers_sought``: where they were not, a marker without a found place is not a lost one.
    """

    isocentre: Array
    outlines: tuple[Outline, ...]
    markers: tuple[MarkerSpot, ...]
    were_markers_sought: bool


def shadow_masks(drawn: Sequence[DrawnStructure], volume: Volume) -> tuple[ShadowMask, ...]:
    """Rasterise the structures whose shadows are drawn: those of the patient that the CT holds."""
    return tuple(
        ShadowMask(one.structure.name, one.colour, shadow_mask(one.structure, volume.grid))
        for one in drawn
        if one.structure.interpreted_type.upper() not in NOT_ANATOMY and _meets(one, volume)
    )


def _meets(drawn: DrawnStructure, volume: Volume) -> bool:
    points = volume.grid.index(drawn.structure.points_mm)
    last = np.array(volume.grid.shape[::-1]) - 1
    return bool(((points.max(axis=0) >= 0) & (points.min(axis=0) <= last)).all())


def overlays(
    shown: ShownView,
    planning_from_daily: RigidTransform,
    isocentre_mm: Array,
    masks: Sequence[ShadowMask],
    markers: Sequence[ShownMarker],
    *,
    were_markers_sought: bool,
) -> Overlays:
    """Project the plan into a view.

    Parameters
    ----------
    shown
        The view.
    planning_from_daily
        Where the patient is taken to lie.
    isocentre_mm
        Of the plan, (3,), planning LPS.
    masks
        Structures.
    markers
        Implanted markers; where one was found stays where it is in the image, whatever the pose.
    were_markers_sought
        Whether the match looked for them.
    """
    pose = posed(shown.view, planning_from_daily)
    return Overlays(
        isocentre=pose.project(isocentre_mm[None])[0],
        outlines=tuple(
            Outline(one.name, one.colour, tuple(shadow_lines(one.mask, [pose], shown.pixel_mm)[0]))
            for one in masks
        ),
        markers=tuple(
            MarkerSpot(
                one.name,
                pose.project(one.planned_mm[None])[0],
                one.tolerance_mm / pixel_at_mm(pose, one.planned_mm),
                None if one.found_mm is None else shown.view.project(one.found_mm[None])[0],
            )
            for one in markers
        ),
        were_markers_sought=were_markers_sought,
    )
