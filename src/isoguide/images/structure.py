"""Structures as they were drawn: polygons stay polygons, masks are derived."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array, Frame, frozen_array

ContourType = Literal["CLOSED_PLANAR", "CLOSEDPLANAR_XOR", "OPEN_PLANAR", "OPEN_NONPLANAR", "POINT"]
AREA_TYPES: Final = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")


@dataclass(frozen=True, slots=True, eq=False)
class Contour:
    """One drawn polygon, polyline or point: vertices (n, 3) in mm of the structure's frame."""

    kind: ContourType
    xyz_mm: Array

    def __post_init__(self) -> None:
        vertices = frozen_array(self.xyz_mm, (-1, 3), "contour vertices")
        if len(vertices) == 0:
            msg = "a contour needs at least one vertex"
            raise GeometryError(msg)
        object.__setattr__(self, "xyz_mm", vertices)


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """A region of interest of an RT Structure Set.

    Parameters
    ----------
    name, number
        ROIName and ROINumber.
    frame
        The frame its vertices are in.
    contours
        What was drawn, in file order.
    interpreted_type
        RTROIInterpretedType (EXTERNAL, PTV, CTV, GTV, ORGAN, ISOCENTER ...), empty when not stated.
    description
        ROIDescription, empty when not stated.
    colour
        ROIDisplayColor, red, green and blue from 0 to 255; None when not stated.
    """

    name: str
    number: int
    frame: Frame
    contours: tuple[Contour, ...]
    interpreted_type: str = ""
    description: str = ""
    colour: tuple[int, int, int] | None = None

    @property
    def is_volume(self) -> bool:
        """True when the structure encloses volume, so that a mask of it makes sense."""
        return any(contour.kind in AREA_TYPES for contour in self.contours)

    @property
    def point_mm(self) -> Array | None:
        """The position (3,) of a structure that is a single point, such as an isocentre; None for others."""
        if len(self.contours) == 1 and self.contours[0].kind == "POINT":
            position_mm: Array = self.contours[0].xyz_mm[0]
            return position_mm
        return None

    @property
    def points_mm(self) -> Array:
        """All vertices, shape (n, 3)."""
        if not self.contours:
            return np.empty((0, 3))
        return np.concatenate([contour.xyz_mm for contour in self.contours])
