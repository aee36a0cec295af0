"""What was measured of a beam in a tank of water: depth doses, profiles and output factors."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from isoguide.dose.machine.open_field import Rectangle
from isoguide.errors import GeometryError, MissingEvidenceError
from isoguide.geometry.frames import Array, frozen_array

Along = Literal["x", "y"]


@dataclass(frozen=True, slots=True, eq=False)
class DepthDose:
    """Dose along the axis.

    Parameters
    ----------
    field
        Opening at the isocentre.
    source_surface_mm
        From the source to the water.
    depth_mm, dose
        (n,), depths increasing; the dose in any unit.

    Raises
    ------
    GeometryError
        If the arrays do not fit, depths do not increase, or a dose is not positive.
    """

    field: Rectangle
    source_surface_mm: float
    depth_mm: Array
    dose: Array

    def __post_init__(self) -> None:
        depth, dose = _curve(self.depth_mm, self.dose, f"the depth dose of {self.label}")
        if depth[0] < 0.0:
            msg = f"the depth dose of {self.label} starts above the water at {depth[0]:g} mm; count from 0"
            raise GeometryError(msg)
        object.__setattr__(self, "depth_mm", depth)
        object.__setattr__(self, "dose", dose)

    @property
    def label(self) -> str:
        """What it is, for tables."""
        return f"{field_words(self.field)} at {self.source_surface_mm:g} mm"


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Dose across the beam at one depth.

    Parameters
    ----------
    field, source_surface_mm
        As of :class:`DepthDose`.
    depth_mm
        In water.
    along
        Axis of the collimator.
    position_mm, dose
        (n,), positions in the water at this depth, increasing, with 0 within them; the dose in any unit.

    Raises
    ------
    GeometryError
        If the arrays do not fit, positions do not increase or leave the axis out, or a dose is not positive.
    """

    field: Rectangle
    source_surface_mm: float
    depth_mm: float
    along: Along
    position_mm: Array
    dose: Array

    def __post_init__(self) -> None:
        position, dose = _curve(self.position_mm, self.dose, f"the profile of {self.label}")
        if not position[0] <= 0.0 <= position[-1]:
            msg = f"the profile of {self.label} leaves the axis out; give positions on both sides of 0"
            raise GeometryError(msg)
        object.__setattr__(self, "position_mm", position)
        object.__setattr__(self, "dose", dose)

    @property
    def label(self) -> str:
        """What it is, for tables."""
        return f"{field_words(self.field)} along {self.along}, {self.depth_mm:g} mm deep"


@dataclass(frozen=True, slots=True, eq=False)
class OutputFactors:
    """Dose of square fields against that of the reference field, at one depth on the axis.

    Parameters
    ----------
    source_surface_mm, depth_mm
        Where it was measured.
    side_mm, factor
        (n,), at the isocentre, increasing.

    Raises
    ------
    GeometryError
        If the arrays do not fit, sides do not increase, or a factor is not positive.
    """

    source_surface_mm: float
    depth_mm: float
    side_mm: Array
    factor: Array

    def __post_init__(self) -> None:
        side, factor = _curve(self.side_mm, self.factor, "the output factors")
        object.__setattr__(self, "side_mm", side)
        object.__setattr__(self, "factor", factor)


@dataclass(frozen=True, slots=True)
class MeasuredBeam:
    """All that was measured of one beam.

    Parameters
    ----------
    depth_doses, profiles, output_factors
        Curves and factors; there have to be depth doses.

    Raises
    ------
    MissingEvidenceError
        If there is no depth dose.
    """

    depth_doses: tuple[DepthDose, ...]
    profiles: tuple[Profile, ...] = ()
    output_factors: OutputFactors | None = None

    def __post_init__(self) -> None:
        if not self.depth_doses:
            msg = "no depth dose was given, so the beam's quality is unknown; measure at least one"
            raise MissingEvidenceError(msg)


def field_words(field: Rectangle) -> str:
    """Say how wide a field is: "100 mm × 40 mm"."""
    return f"{field.x_mm[1] - field.x_mm[0]:g} mm × {field.y_mm[1] - field.y_mm[0]:g} mm"


def _curve(place: Array, value: Array, what: str) -> tuple[Array, Array]:
    at = frozen_array(place, (-1,), what)
    values = frozen_array(value, (len(at),), what)
    if len(at) == 0 or not (np.diff(at) > 0.0).all():
        msg = f"places of {what} must increase; sort the table and drop doubles"
        raise GeometryError(msg)
    if values.min() <= 0.0:
        msg = f"{what} holds a value that is not positive ({values.min():g}); remove it or measure again"
        raise GeometryError(msg)
    return at, values
