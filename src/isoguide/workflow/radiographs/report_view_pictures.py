"""Pictures of radiographs: each beside its DRR, and fused with it before and after the correction."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.geometry.xray_view import XrayView
from isoguide.images.radiograph_view import RadiographView
from isoguide.images.structure import Structure
from isoguide.images.volume import Volume
from isoguide.workflow.outlines import cropped_grid
from isoguide.workflow.picture_svg import (
    cross_at,
    edge_letters,
    marker_at,
    note,
    outline_path,
    scale_bar,
    svg_of,
)
from isoguide.workflow.pictures import Picture, checkerboard, colour_blend, difference, grey_picture, png
from isoguide.workflow.planes import Pixels
from isoguide.workflow.radiographs.display_drr import (
    ShadowCaster,
    detail,
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
from isoguide.workflow.structure_colours import kinds_of
from isoguide.workflow.target import NOT_ANATOMY, choose_target

WIDEST: Final = 512
"""Most rows and columns of a picture in the report of an alignment."""
SMALL: Final = 256
"""The same beside many others, in the report of a course."""
UNITS: Final = 400.0
"""Width of a picture in the units of its lines and letters."""
GREY_LEVELS: Final = 48
"""Finer steps cannot be told apart, and noise in them is what a file is large by."""
BARS_MM: Final = (50.0, 20.0, 10.0)


@dataclass(frozen=True, slots=True, eq=False)
class ViewPictures:
    """SVG elements of one view: the X-ray, and its colour blend with the DRR; no ``after`` without answer."""

    image: str
    before: str
    after: str | None


@dataclass(frozen=True, slots=True, eq=False)
class RadiographScene:
    """What stays the same in all radiographs of a patient: attenuation, isocentre, coloured structures.

    ``structures`` are those drawn, each with its class of the style sheet; the target comes last.
    """

    caster: ShadowCaster
    isocentre_mm: Array
    structures: tuple[tuple[Structure, str], ...]

    @classmethod
    def of(cls, volume: Volume, isocentre_mm: Array, structures: Sequence[Structure]) -> "RadiographScene":
        """Take the planning CT (Hounsfield units), the plan isocentre (3,) and the structures drawn in it.

        Raises
        ------
        MissingEvidenceError
            If the image has no Hounsfield units.
        """
        target = choose_target(structures, isocentre_mm)
        shown = sorted((one for one in structures if _is_shown(one, volume)), key=lambda one: one is target)
        kinds = kinds_of((one.name for one in shown), target.name if target is not None else None)
        coloured = tuple((one, kinds[one.name]) for one in shown)
        return cls(ShadowCaster.of(volume), np.asarray(isocentre_mm), coloured)

    def drawings(
        self,
        views: Sequence[RadiographView],
        before: RigidTransform,
        after: RigidTransform | None,
        *,
        markers: Sequence[ShownMarker] = (),
        widest: int = WIDEST,
    ) -> tuple["ViewDrawing", ...]:
        """Prepare the pictures of radiographs.

        Parameters
        ----------
        views
            All in one frame, that of the day.
        before, after
            Planning CT from that frame: of a patient who needs no correction, and as he was found.
        markers
            Implanted markers.
        widest
            Most rows and columns.
        """
        return tuple(self._drawing(reduced(one, widest), before, after, markers) for one in views)

    def _drawing(
        self,
        one: RadiographView,
        before: RigidTransform,
        after: RigidTransform | None,
        markers: Sequence[ShownMarker],
    ) -> "ViewDrawing":
        poses = [posed(one.view, pose) for pose in (before, after) if pose is not None]
        shadows = self.caster.shadows(poses)
        pixel_mm = pixel_at_mm(poses[0], self.isocentre_mm)
        details = [detail(shadow, np.isfinite(shadow), pixel_mm) for shadow in shadows]
        xray = detail(one.radiograph.values, one.counts, pixel_mm)
        drr_window, xray_window = windows(details[-1], xray, in_the_patient(shadows[-1]))
        masks = [shadow_mask(structure, self.caster.grid) for structure, _ in self.structures]
        lines = [shadow_lines(mask, poses, pixel_mm) for mask in masks]
        found = [None if m.found_mm is None else one.view.project(m.found_mm[None])[0] for m in markers]
        moments = [
            Moment(
                pose,
                _rounded(drr_window.grey(shadow)),
                pose.project(self.isocentre_mm[None])[0],
                tuple((kind, own[n]) for (_, kind), own in zip(self.structures, lines, strict=True)),
                tuple(_marks(pose, marker, spot) for marker, spot in zip(markers, found, strict=True)),
            )
            for n, (pose, shadow) in enumerate(zip(poses, details, strict=True))
        ]
        return ViewDrawing(
            name=file_name(one),
            xray=_rounded(xray_window.grey(xray)),
            pixel_mm=pixel_mm,
            before=moments[0],
            after=moments[1] if after is not None else None,
        )


@dataclass(frozen=True, slots=True, eq=False)
class MarkerSpot:
    """Where a marker belongs in a picture, how large its tolerance is, and where it is; (2,), pixels."""

    planned: Array
    radius: float
    found: Array | None


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """A DRR and what is drawn on it: before or after the correction.

    ``grey`` is (rows, columns), 0 to 1; positions are pixels, column and row.
    """

    pose: XrayView
    grey: Pixels
    isocentre: Array
    outlines: tuple[tuple[str, list[Array]], ...]
    markers: tuple[MarkerSpot, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ViewDrawing:
    """One radiograph with its DRRs on common grey values; every method draws one SVG element.

    Parameters
    ----------
    name
        Of the file.
    xray
        Grey values (rows, columns), 0 to 1, NaN where nothing counts.
    pixel_mm
        Length of a pixel at the isocentre.
    before, after
        The planning CT as set up and as found; no ``after`` without an answer.
    """

    name: str
    xray: Pixels
    pixel_mm: float
    before: Moment
    after: Moment | None

    def image(self) -> str:
        """Draw the X-ray with the machine isocentre and the structures where the match found them."""
        moment = self.after or self.before
        return self._svg("X-ray", grey_picture(self.xray), moment, self.before.isocentre, every=True)

    def drr(self, moment: Moment, words: str) -> str:
        """Draw the DRR of a moment with all structures."""
        return self._svg(words, grey_picture(moment.grey), moment, moment.isocentre, every=True)

    def checkerboard(self, moment: Moment) -> str:
        """Interleave DRR and X-ray in tiles as large as those of a CT at the isocentre."""
        picture = checkerboard(moment.grey, self.xray, self.pixel_mm)
        return self._svg("Checkerboard", picture, moment, moment.isocentre, every=False)

    def blend(self, moment: Moment) -> str:
        """Add the DRR in orange and the X-ray in blue."""
        picture = colour_blend(moment.grey, self.xray)
        return self._svg("Colour blend", picture, moment, moment.isocentre, every=False)

    def difference(self, moment: Moment) -> str:
        """Draw the X-ray less the DRR."""
        picture = difference(moment.grey, self.xray)
        return self._svg("X-ray less DRR", picture, moment, moment.isocentre, every=False)

    @property
    def seen_from(self) -> str:
        """Say where the tube stands: 'the patient's front and left side'."""
        towards = self.before.pose.source_mm - self.before.pose.detector_centre_mm
        return f"the patient's {oblique_sides(towards)}"

    @property
    def letters(self) -> tuple[str, str, str, str]:
        """Letters of the sides of the body at the left, right, top and bottom edge; two where oblique."""
        right, down = self.before.pose.row_direction, self.before.pose.column_direction
        return (
            oblique_letters(-right),
            oblique_letters(right),
            oblique_letters(-down),
            oblique_letters(down),
        )

    def _bar_mm(self) -> float:
        """Choose a scale bar that leaves the letter in the middle free."""
        width_mm = self.pixel_mm * self.xray.shape[1]
        return next((length for length in BARS_MM if length < 0.25 * width_mm), BARS_MM[-1])

    def _svg(self, words: str, picture: Picture, moment: Moment, cross: Array, *, every: bool) -> str:
        rows, columns = picture.shape[:2]
        unit = UNITS / columns
        size = (UNITS, rows * unit)
        # Shadows of organs lie over each other: thin lines leave the bones visible.
        lines = "".join(
            outline_path([(line + 0.5) * unit for line in drawn], kind)
            if kind == "target"
            else outline_path([(line + 0.5) * unit for line in drawn], f"{kind} thin", halo=False)
            for kind, drawn in moment.outlines
            if every or kind == "target"
        )
        x, y = ((cross + 0.5) * unit).tolist()
        overlay = (
            lines
            + "".join(_spot_svg(spot, unit) for spot in moment.markers)
            + cross_at(x, y)
            + edge_letters(self.letters, size)
            + scale_bar(self.pixel_mm / unit, size[1], self._bar_mm())
            + note(words)
        )
        return svg_of(png(picture), size, f"{words}, {self.name}", overlay)


def view_pictures(
    scene: RadiographScene,
    views: Sequence[RadiographView],
    before: RigidTransform,
    after: RigidTransform | None,
    *,
    markers: Sequence[ShownMarker] = (),
) -> tuple[ViewPictures, ...]:
    """Draw small pictures of radiographs, one entry a view; parameters as of ``scene.drawings``."""
    return tuple(
        ViewPictures(
            one.image(),
            one.blend(one.before),
            one.blend(one.after) if one.after is not None else None,
        )
        for one in scene.drawings(views, before, after, markers=markers, widest=SMALL)
    )


def file_name(one: RadiographView) -> str:
    """Return what a report calls a radiograph: its file without the folders."""
    return Path(one.source).name


def _is_shown(structure: Structure, volume: Volume) -> bool:
    """Tell whether a structure is worth a line: a volume of the patient that the image holds."""
    if not structure.is_volume or structure.interpreted_type.upper() in NOT_ANATOMY:
        return False
    return cropped_grid(volume.grid, structure.points_mm) is not None


def _rounded(grey: Pixels) -> Pixels:
    steps = np.float32(GREY_LEVELS - 1)
    return np.asarray(np.round(grey * steps) / steps, dtype=np.float32)


def _marks(pose: XrayView, marker: ShownMarker, found: Array | None) -> MarkerSpot:
    radius = marker.tolerance_mm / pixel_at_mm(pose, marker.planned_mm)
    return MarkerSpot(pose.project(marker.planned_mm[None])[0], radius, found)


def _spot_svg(spot: MarkerSpot, unit: float) -> str:
    found = None if spot.found is None else (spot.found + 0.5) * unit
    return marker_at((spot.planned + 0.5) * unit, spot.radius * unit, found)
