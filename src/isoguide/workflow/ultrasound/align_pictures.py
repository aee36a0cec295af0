"""Pictures of a match of ultrasound: each image alone, and two fused before and after the correction."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from isoguide.geometry.frames import Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.structure import Structure
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.images.volume import Volume
from isoguide.workflow.outlines import CroppedMask, cropped_grid, half_level_lines, outlines
from isoguide.workflow.picture_svg import crosshair, labels, outline_path, picture_svg
from isoguide.workflow.pictures import (
    Picture,
    Window,
    checkerboard,
    colour_blend,
    grey_picture,
    planning_window,
    png,
)
from isoguide.workflow.planes import (
    Pixels,
    Plane,
    field_of_view_mm,
    plane_indices,
    planes_through,
    sample,
)
from isoguide.workflow.structure_colours import kinds_of
from isoguide.workflow.target import NOT_ANATOMY

PIXELS: Final = 400
BRIGHTEST_PERCENTILE: Final = 99.5
"""What is drawn white: a few strong echoes must not leave the tissue dark."""
SOFT_TISSUE: Final = Window(-150.0, 250.0)
"""Of the planning CT, Hounsfield units: what ultrasound shows is soft."""
GREY_LEVELS: Final = 48
"""Finer steps cannot be told apart, and speckle in them is what a file is large by."""
HATCH_PIXELS, HATCH_LINE_PIXELS = 9, 2
"""Distance of the lines across a shadow, and how thick they are."""
HATCH: Final = (184, 120, 255)
HATCH_WEIGHT: Final = 0.75
"""Violet, which no grey value and no structure has; a little transparent, so that nothing is hidden."""

Mask = NDArray[np.bool_]
Drawing = Callable[[], Picture]


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """What a plane of the planning frame shows of an ultrasound volume, each (rows, columns).

    ``brightness`` is NaN where nothing was seen; ``shadow`` tells where darkness says nothing of the tissue.
    """

    brightness: Pixels
    shadow: Mask

    @property
    def seen(self) -> Mask:
        """Where the fan is."""
        return np.isfinite(self.brightness)


def cut(volume: UltrasoundVolume, plane: Plane, planning_from_volume: RigidTransform | None = None) -> Cut:
    """Cut a plane out of an ultrasound volume.

    Parameters
    ----------
    volume
        In PLANNING, or in the frame that ``planning_from_volume`` starts from.
    plane
        Of the planning frame.
    planning_from_volume
        Where the volume lies on the plan.
    """
    back = planning_from_volume.inverse() if planning_from_volume is not None else None
    indices = plane_indices(volume.grid, plane, back)
    last = np.array(volume.grid.shape)[:, np.newaxis, np.newaxis] - 1
    inside = ((indices >= -0.5) & (indices <= last + 0.5)).all(axis=0)
    k, j, i = np.clip(np.rint(indices), 0, last).astype(np.intp)
    brightness: Pixels = map_coordinates(volume.values, indices, np.float32, order=1, mode="nearest")
    brightness[~(inside & volume.seen[k, j, i])] = np.nan
    return Cut(brightness, inside & volume.shadowed[k, j, i])


def ultrasound_window(cuts: Sequence[Cut]) -> Window:
    """Choose the grey values of an ultrasound image from all its pictures: from nothing to a strong echo."""
    values = np.concatenate([one.brightness[one.seen] for one in cuts])
    if values.size == 0:
        return Window(0.0, 255.0)
    return Window(0.0, max(float(np.percentile(values, BRIGHTEST_PERCENTILE)), 1.0))


def hatched(picture: Picture, where: Mask) -> Picture:
    """Draw lines across parts (rows, columns) of a picture (rows, columns, 3)."""
    rows, columns = np.indices(where.shape)
    lines = where & ((rows + columns) % HATCH_PIXELS < HATCH_LINE_PIXELS)
    drawn = picture.copy()
    mixed = (1.0 - HATCH_WEIGHT) * picture[lines] + HATCH_WEIGHT * np.array(HATCH)
    drawn[lines] = np.rint(mixed).astype(np.uint8)
    return drawn


@dataclass(frozen=True, slots=True, eq=False)
class DrawnStructure:
    """A structure, its colour as a class of the style sheet, and its lines on each plane as SVG elements."""

    name: str
    kind: str
    lines: tuple[str, ...]


def drawn_structures(
    structures: Sequence[Structure], target: Structure | None, planning: Volume, planes: Sequence[Plane]
) -> tuple[DrawnStructure, ...]:
    """Draw the structures that meet one of the planes; the target comes last, on top of the others."""
    kinds = kinds_of((one.name for one in structures), target.name if target is not None else None)
    shown = []
    for structure in sorted(structures, key=lambda one: one is target):
        unusable = not structure.is_volume or structure.interpreted_type.upper() in NOT_ANATOMY
        if unusable or cropped_grid(planning.grid, structure.points_mm) is None:
            continue
        mask = CroppedMask.of(structure, planning.grid)
        met = [outlines(mask, plane) for plane in planes]
        if any(met):
            kind = kinds[structure.name]
            lines = tuple(outline_path(own, kind) for own in met)
            shown.append(DrawnStructure(structure.name, kind, lines))
    return tuple(shown)


@dataclass(frozen=True, slots=True)
class PictureRow:
    """Three pictures, axial, coronal and sagittal, as SVG elements.

    ``heading`` is empty where the row belongs to the one before; ``label`` says what it shows.
    """

    heading: str
    label: str
    pictures: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class UltrasoundScene:
    """What stays the same in all pictures of a match of ultrasound.

    Parameters
    ----------
    planes
        Through the plan isocentre.
    planning
        The planning CT in them, as grey values 0 to 1.
    reference
        The ultrasound of the simulation in them; empty for a match to the CT.
    structures
        Those of the plan that are drawn.
    daily
        The day's ultrasound, in its own frame.
    """

    planes: tuple[Plane, ...]
    planning: tuple[Pixels, ...]
    reference: tuple[Cut, ...]
    structures: tuple[DrawnStructure, ...]
    daily: UltrasoundVolume

    @classmethod
    def of(
        cls,
        planning: Volume,
        isocentre_mm: Array,
        structures: Sequence[Structure],
        target: Structure | None,
        *,
        reference: UltrasoundVolume | None,
        daily: UltrasoundVolume,
    ) -> "UltrasoundScene":
        """Take the planning CT, the plan isocentre (3,), what is drawn, and both ultrasound volumes."""
        field_mm = field_of_view_mm(planning, isocentre_mm, daily.grid.extent_mm)
        planes = planes_through(isocentre_mm, field_mm=field_mm, pixels=PIXELS)
        pixels = [sample(planning, plane) for plane in planes]
        window = SOFT_TISSUE if planning.is_hounsfield else planning_window(pixels, is_hounsfield=False)
        return cls(
            planes,
            tuple(window.grey(one) for one in pixels),
            tuple(cut(reference, plane) for plane in planes) if reference is not None else (),
            drawn_structures(structures, target, planning, planes),
            daily,
        )

    def rows(self, before: RigidTransform, after: RigidTransform | None) -> tuple[PictureRow, ...]:
        """Draw the match, and every image alone.

        Parameters
        ----------
        before, after
            Planning from the frame of the day's image: as the patient lies now, and as the correction puts
            him; None without an answer, and then nothing is drawn for it.
        """
        now = self._day(before)
        window = ultrasound_window(now)
        moved = self._day(after) if after is not None else None
        pending: list[_Pending] = []
        if moved is not None:
            pending += self._fused("After the correction", "After", moved, window)
        pending += self._alone(moved or now, window, "as corrected" if moved else "as the patient lies now")
        pending += self._fused("Before: as the patient lies now", "Before", now, window)
        return _drawn(self.planes, pending)

    def residual_map(self, arrows: Sequence[str]) -> tuple[str, ...]:
        """Draw SVG elements, one text for each plane, over the dimmed planning CT."""
        pictures = [partial(grey_picture, grey, 0.5) for grey in self.planning]
        notes = [own + labels(plane) for own, plane in zip(arrows, self.planes, strict=True)]
        return _drawn(self.planes, [_Pending("", "", pictures, notes)])[0].pictures

    def _day(self, planning_from_daily: RigidTransform) -> tuple[Cut, ...]:
        return tuple(cut(self.daily, plane, planning_from_daily) for plane in self.planes)

    def _fused(self, heading: str, when: str, day: Sequence[Cut], window: Window) -> list["_Pending"]:
        """Fuse the day's image with what it was matched to, and with the planning CT if that is another."""
        greys = [_grey(one, window) for one in day]
        fixed = list(self.planning)
        if self.reference:
            own = ultrasound_window(self.reference)
            fixed = [_grey(one, own) for one in self.reference]
        notes = self._overlays(day)
        pixel_mm = self.planes[0].pixel_mm
        pairs = list(zip(fixed, greys, strict=True))
        board = [partial(checkerboard, first, second, pixel_mm) for first, second in pairs]
        blend = [partial(colour_blend, first, second) for first, second in pairs]
        rows = [
            _Pending(heading, f"{when}, checkerboard", board, notes),
            _Pending("", f"{when}, colour blend", blend, notes),
        ]
        if self.reference:
            on_ct = [partial(colour_blend, ct, grey) for ct, grey in zip(self.planning, greys, strict=True)]
            title = f"{when}, over the planning CT"
            rows.append(_Pending(title, title, on_ct, notes))
        return rows

    def _alone(self, day: Sequence[Cut], window: Window, as_it_is: str) -> list["_Pending"]:
        notes = self._overlays(day)
        rows = [_ultrasound_row(f"The day's ultrasound alone, {as_it_is}", day, window, notes)]
        if self.reference:
            own, reference = ultrasound_window(self.reference), self.reference
            rows.append(_ultrasound_row("The reference alone", reference, own, self._overlays(reference)))
        ct = [partial(grey_picture, grey) for grey in self.planning]
        rows.append(_Pending("The planning CT alone", "The planning CT alone", ct, notes))
        return rows

    def _overlays(self, fans: Sequence[Cut]) -> list[str]:
        found = []
        for number, (plane, fan) in enumerate(zip(self.planes, fans, strict=True)):
            edge = outline_path(half_level_lines(fan.seen.astype(np.float32)), "fan", halo=False)
            lines = "".join(one.lines[number] for one in self.structures)
            found.append(edge + lines + crosshair(plane) + labels(plane))
        return found


@dataclass(frozen=True, slots=True)
class _Pending:
    """A row of pictures that are not drawn yet, and what comes over each."""

    heading: str
    label: str
    pictures: Sequence[Drawing]
    overlays: Sequence[str]


def _ultrasound_row(title: str, cuts: Sequence[Cut], window: Window, overlays: Sequence[str]) -> _Pending:
    pictures = [partial(_with_shadow, one, window) for one in cuts]
    return _Pending(title, title, pictures, overlays)


def _with_shadow(one: Cut, window: Window) -> Picture:
    return hatched(grey_picture(_grey(one, window)), one.shadow)


def _grey(one: Cut, window: Window) -> Pixels:
    steps = np.float32(GREY_LEVELS - 1)
    return np.asarray(np.round(window.grey(one.brightness) * steps) / steps, dtype=np.float32)


def _drawn(planes: Sequence[Plane], rows: Iterable[_Pending]) -> tuple[PictureRow, ...]:
    def row(pending: _Pending) -> PictureRow:
        three = zip(planes, pending.pictures, pending.overlays, strict=True)
        pictures = tuple(picture_svg(plane, png(draw()), overlay) for plane, draw, overlay in three)
        return PictureRow(pending.heading, pending.label, pictures)

    # Array arithmetic and compression run outside the interpreter's lock.
    with ThreadPoolExecutor(max_workers=4) as pool:
        return tuple(pool.map(row, rows))
