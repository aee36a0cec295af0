"""What all pictures of a day share: planes through a point, both images in them, the field, outlines."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes, map_coordinates

from isoguide.geometry.frames import Array
from isoguide.images.displacement_field import DisplacementField
from isoguide.images.drawn_shape import DrawnShape
from isoguide.workflow.assess.anatomy import AnatomyOfDay, DayAnatomy, PlannedAnatomy
from isoguide.workflow.outlines import half_level_lines
from isoguide.workflow.pictures import Window, daily_window, planning_window
from isoguide.workflow.planes import (
    BODY_HU,
    Pixels,
    Plane,
    field_of_view_mm,
    planes_through,
    sample,
    sample_daily,
)
from isoguide.workflow.structure_colours import kinds_of

Mask = NDArray[np.bool_]

PIXELS: Final = 400
CLOSER: Final = 1.25
"""Pictures show so much less than those of a match: what changes lies about the target."""
OUTLINED: Final = 9
"""So many structures have a colour of their own: the target and eight more."""


@dataclass(frozen=True, slots=True, eq=False)
class ShownStructure:
    """A structure as pictures draw it; ``kind`` is its class of colour."""

    shape: DrawnShape
    kind: str

    @property
    def name(self) -> str:
        """ROIName."""
        return self.shape.structure.name

    def lines(self, points_mm: Array, shape: tuple[int, int]) -> list[Array]:
        """Lines (n, 2), picture coordinates, around the pixels whose tissue (n, 3) belongs to it."""
        corners_mm = self.shape.grid.corners_mm()
        # Most pixels are far off, and a plane has many.
        near = ((points_mm >= corners_mm.min(axis=0)) & (points_mm <= corners_mm.max(axis=0))).all(axis=1)
        inside = np.zeros(len(points_mm), dtype=np.float32)
        index = self.shape.grid.index(points_mm[near])[:, ::-1].T
        distance_mm = map_coordinates(self.shape.distance_mm, index, np.float32, order=1, mode="nearest")
        inside[near] = np.float32(0.5) - distance_mm
        return half_level_lines(inside.reshape(shape))


@dataclass(frozen=True, eq=False)
class AnatomyScene:
    """What all pictures of a day share.

    Every picture shows the patient put where he was planned, in the planes of the planning CT.

    Parameters
    ----------
    planned, day, anatomy
        What is drawn.
    planes
        Axial, coronal, sagittal.
    shown
        Structures that are outlined, the target first.
    """

    planned: PlannedAnatomy
    day: DayAnatomy
    anatomy: AnatomyOfDay
    planes: tuple[Plane, Plane, Plane]
    shown: tuple[ShownStructure, ...]

    @classmethod
    def of(
        cls,
        planned: PlannedAnatomy,
        day: DayAnatomy,
        anatomy: AnatomyOfDay,
        *,
        centre_mm: Array,
        pixels: int = PIXELS,
    ) -> "AnatomyScene":
        """Lay the three planes through ``centre_mm`` (3,), planning LPS."""
        field_mm = field_of_view_mm(planned.volume, centre_mm, day.volume.grid.extent_mm / CLOSER)
        planes = planes_through(centre_mm, field_mm=field_mm, pixels=pixels)
        return cls(planned, day, anatomy, planes, _shown(planned, anatomy))

    @property
    def field(self) -> DisplacementField | None:
        """The day's displacement field; None where there is none."""
        return self.anatomy.found.field

    @cached_property
    def planning(self) -> list[Pixels]:
        """The planning CT in the planes, as it was."""
        return [sample(self.planned.volume, plane) for plane in self.planes]

    @cached_property
    def daily(self) -> list[Pixels]:
        """The day's image in the planes, placed by the rigid match."""
        placed = self.day.planning_from_daily
        return [sample_daily(self.day.volume, placed, plane) for plane in self.planes]

    @cached_property
    def origins_mm(self) -> list[Array]:
        """Where the tissue that is now at each pixel (row by row) was planned, (n, 3) per plane."""
        places = [pixel_positions_mm(plane) for plane in self.planes]
        return places if self.field is None else [self.field.origin_of(one) for one in places]

    @cached_property
    def carried(self) -> list[Pixels]:
        """The planning CT in the planes, its tissue taken along by the field."""
        volume, carried = self.planned.volume, []
        for plane, origins_mm in zip(self.planes, self.origins_mm, strict=True):
            index = volume.grid.index(origins_mm)[:, ::-1].T
            values = map_coordinates(volume.values, index, np.float32, order=1, mode="nearest")
            values[~volume.grid.contains(origins_mm)] = np.nan
            carried.append(values.reshape(plane.pixels, plane.pixels))
        return carried

    @cached_property
    def windows(self) -> tuple[Window, Window]:
        """Grey windows of the planning CT and of the day's image that show the same tissue alike."""
        planned, today = self.planned.volume, self.day.volume
        window = planning_window(self.planning, is_hounsfield=planned.is_hounsfield)
        same_scale = planned.is_hounsfield and today.is_hounsfield
        return window, daily_window(window, self.carried, self.daily, same_scale=same_scale)

    def shows_tissue(self, number: int) -> Mask:
        """Which pixels of a plane are tissue of the patient that the day's image shows, (rows, columns)."""
        plane, found = self.planes[number], self.anatomy.found
        pixels = self.planning[number]
        lowest = BODY_HU if self.planned.volume.is_hounsfield else self.windows[0].low
        tissue = binary_fill_holes(np.nan_to_num(pixels, nan=-np.inf) > lowest)
        if found.seen is None or found.field is None:
            return np.asarray(tissue)
        index = found.field.grid.index(pixel_positions_mm(plane))[:, ::-1].T
        seen = map_coordinates(found.seen.astype(np.float32), index, np.float32, order=1, mode="nearest")
        return np.asarray(tissue & (seen.reshape(pixels.shape) >= 0.5))

    def planned_lines(self, number: int, structure: ShownStructure) -> list[Array]:
        """Where a structure as it was planned meets a plane."""
        plane = self.planes[number]
        return structure.lines(pixel_positions_mm(plane), (plane.pixels, plane.pixels))

    def lines_today(self, number: int, structure: ShownStructure) -> list[Array]:
        """Where a structure as it is today meets a plane."""
        plane = self.planes[number]
        return structure.lines(self.origins_mm[number], (plane.pixels, plane.pixels))


def pixel_positions_mm(plane: Plane) -> Array:
    """Centres (n, 3) of a plane's pixels, planning LPS, row by row."""
    offset_mm = (np.arange(plane.pixels) - (plane.pixels - 1) / 2.0) * plane.pixel_mm
    down, right = offset_mm[:, None, None] * plane.down, offset_mm[None, :, None] * plane.right
    positions_mm: Array = plane.centre_mm + down + right
    return positions_mm.reshape(-1, 3)


def _shown(planned: PlannedAnatomy, anatomy: AnatomyOfDay) -> tuple[ShownStructure, ...]:
    assessed = {one.name for one in anatomy.structures}
    kinds = kinds_of((shape.structure.name for shape in planned.shapes), planned.target_name)
    shown = [shape for shape in planned.shapes if shape.structure.name in assessed][:OUTLINED]
    return tuple(ShownStructure(shape, kinds[shape.structure.name]) for shape in shown)
