"""Fluence in air of a rectangle between jaws, in closed form, at the isocentre plane.

Two sources: the focal spot, whose size blurs the edges, and the flattening filter, a Gaussian disc nearer to
the jaws of which a point sees what the opening leaves (M. B. Sharpe et al., Phys. Med. Biol. 42 (1997) 589).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import erf

from isoguide.dose.beam_data import BeamData, Collimation, HeadModel
from isoguide.geometry.frames import Array

WIDEST_FIELD_MM: Final = 400.0


@dataclass(frozen=True, slots=True)
class Rectangle:
    """An opening between jaws, lowest and highest position at the isocentre."""

    x_mm: tuple[float, float]
    y_mm: tuple[float, float]

    @classmethod
    def square(cls, side_mm: float) -> "Rectangle":
        """Return a square about the axis."""
        half = side_mm / 2.0
        return cls((-half, half), (-half, half))


def open_fluence(machine: BeamData, field: Rectangle, x_mm: Array, y_mm: Array) -> Array:
    """Return the fluence at positions of the isocentre plane; 1 on the axis of the widest field."""
    head, jaws, sad_mm = machine.head, machine.collimation, machine.source_axis_distance_mm
    return rectangle_fluence(head, jaws, sad_mm, field)(x_mm, y_mm)


@dataclass(frozen=True, slots=True)
class _FieldFluence:
    head: HeadModel
    jaws: Collimation
    sad_mm: float
    field: Rectangle
    seen_by_widest: float

    def __call__(self, x_mm: Array, y_mm: Array) -> Array:
        head = self.head
        closed = self.jaws.jaw_transmission
        through = np.ones_like(x_mm)
        for position, opening, sigma_mm in zip(
            (x_mm, y_mm), (self.field.x_mm, self.field.y_mm), head.source_sigma_mm, strict=True
        ):
            through = through * (closed + (1.0 - closed) * _between(position, opening, sigma_mm))
        off_axis = np.interp(np.hypot(x_mm, y_mm), head.off_axis_radius_mm, head.off_axis_ratio)
        seen = extra_focal_seen(head, self.jaws, self.sad_mm, self.field, (x_mm, y_mm))
        share = head.extra_focal_share
        return np.asarray((1.0 - share) * off_axis * through + share * seen / self.seen_by_widest)


def rectangle_fluence(head: HeadModel, jaws: Collimation, sad_mm: float, field: Rectangle) -> _FieldFluence:
    """Return the fluence of a rectangle as a function of x and y at the isocentre plane."""
    axis = (np.zeros(1), np.zeros(1))
    widest = extra_focal_seen(head, jaws, sad_mm, Rectangle.square(WIDEST_FIELD_MM), axis)
    return _FieldFluence(head, jaws, sad_mm, field, float(widest[0]))


def extra_focal_seen(
    head: HeadModel, jaws: Collimation, sad_mm: float, field: Rectangle, at_mm: tuple[Array, Array]
) -> Array:
    """Share of the extra-focal disc that points (x, y) of the isocentre plane see through the jaws."""
    scale = np.sqrt(2.0) * max(head.extra_focal_sigma_mm, 1e-6)
    closed = jaws.jaw_transmission
    seen = np.ones_like(at_mm[0])
    sides = ((at_mm[0], field.x_mm, jaws.jaw_x_distance_mm), (at_mm[1], field.y_mm, jaws.jaw_y_distance_mm))
    for position, opening, jaw_mm in sides:
        # Where the rays through both edges of the opening meet the plane of the source.
        stretch = (sad_mm - head.extra_focal_distance_mm) / (sad_mm - jaw_mm)
        low, high = (position + (edge * jaw_mm / sad_mm - position) * stretch for edge in opening)
        part = 0.5 * (erf(high / scale) - erf(low / scale))
        seen = seen * (closed + (1.0 - closed) * part)
    return np.asarray(seen)


def _between(position: Array, opening: tuple[float, float], sigma_mm: float) -> Array:
    scale = np.sqrt(2.0) * max(sigma_mm, 1e-6)
    low, high = (erf((position - edge) / scale) for edge in opening)
    return np.asarray(0.5 * (low - high))
