"""Exact and slow dose in a tank of water: every direction, every tilt, no decomposition.

What the fast algorithms are compared with. Seen from a point, energy comes from all directions; along each,
what photons released is taken with the fluence where it happened, the inverse square of that distance, the
depth along their own slanted path, and the angle between that path and the direction back to the point.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from isoguide.dose.beam_data import BeamData
from isoguide.dose.machine.open_field import Rectangle, rectangle_fluence
from isoguide.dose.machine.release import Release, SmoothKernel
from isoguide.dose.machine.water_dose import electron_dose_gy
from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array

_RINGS: Final = 48
_TURNS: Final = 24
_STEPS: Final = 140
_FARTHEST_MM: Final = 700.0
_NEAREST: Final = 3e-5
"""First step along a direction, against its length."""


@dataclass(frozen=True, slots=True)
class TankField:
    """A rectangular field on a tank of water, the beam straight down.

    Parameters
    ----------
    opening
        Jaws, at the isocentre.
    source_surface_mm
        From the source to the surface.
    """

    opening: Rectangle
    source_surface_mm: float


def reference_dose(machine: BeamData, field: TankField, points_mm: Array) -> Array:
    """Dose per monitor unit at points of the tank, about 0.1 s each.

    Parameters
    ----------
    machine
        Whose beam it is.
    field
        Opening and surface.
    points_mm
        x, y and depth (n, 3): mm in the water, not at the isocentre.

    Returns
    -------
    Array
        (n,), Gy per monitor unit.

    Raises
    ------
    GeometryError
        If a point is not below the surface.
    """
    if len(points_mm) and float(points_mm[:, 2].min()) <= 0.0:
        msg = "a reference dose is asked for above the surface of the water; give depths above 0"
        raise GeometryError(msg)
    reference = machine.reference
    there = TankField(Rectangle.square(reference.field_mm), reference.source_surface_distance_mm)
    known = _Beam.of(machine, there)
    at = np.array([0.0, 0.0, reference.depth_mm])
    scale = (reference.gy_per_mu - known.electrons_gy(at)) / known.photons(at)
    beam = _Beam.of(machine, field)
    return np.array([beam.photons(point) * scale + beam.electrons_gy(point) for point in points_mm])


@dataclass(frozen=True, slots=True, eq=False)
class _Beam:
    machine: BeamData
    field: TankField
    release: Release
    kernel: SmoothKernel

    @classmethod
    def of(cls, machine: BeamData, field: TankField) -> "_Beam":
        release = Release.of(machine.spectrum)
        return cls(machine, field, release, SmoothKernel.of(machine.point))

    def electrons_gy(self, point: Array) -> float:
        far = self.machine.source_axis_distance_mm / (self.field.source_surface_mm + point[2])
        at = (point[:1] * far, point[1:2] * far)
        dose = electron_dose_gy(self.machine, self.field.opening, at, point[2:])
        return float(dose[0]) * float(far) ** 2

    def photons(self, point: Array) -> float:
        """Dose at a point (3,) per unit of energy fluence, per mm."""
        directions, solid_angle = _directions()
        up = directions[:, 2]
        length = np.where(up > 1e-9, np.minimum(point[2] / np.maximum(up, 1e-9), _FARTHEST_MM), _FARTHEST_MM)
        distance = length[:, None] * np.geomspace(_NEAREST, 1.0, _STEPS)
        arriving = self._arriving(point, directions, distance)
        by_log = arriving * distance
        step = float(np.log(distance[0, 1] / distance[0, 0]))
        total = by_log[:, 0] + (0.5 * (by_log[:, 1:] + by_log[:, :-1])).sum(axis=1) * step
        return float(total @ solid_angle)

    def _arriving(self, point: Array, directions: Array, distance: Array) -> Array:
        """Energy per mm and steradian that comes to the point from distances along directions up."""
        sad_mm, surface_mm = self.machine.source_axis_distance_mm, self.field.source_surface_mm
        x, y = (point[axis] + distance * directions[:, axis, None] for axis in (0, 1))
        below = surface_mm + point[2] - distance * directions[:, 2, None]
        along = np.sqrt(x**2 + y**2 + below**2)
        path = (below - surface_mm) * along / below
        back = -(x * directions[:, 0, None] + y * directions[:, 1, None]) + below * directions[:, 2, None]
        angle = np.arccos(np.clip(back / along, -1.0, 1.0))
        fluence = rectangle_fluence(self.machine.head, self.machine.collimation, sad_mm, self.field.opening)(
            x * sad_mm / below, y * sad_mm / below
        )
        arriving = self.kernel.deposited(angle, distance, self.release.at(path))
        return np.asarray(arriving * fluence * (sad_mm / below) ** 2)


def _directions() -> tuple[Array, Array]:
    """Return unit vectors (n, 3), the third component towards the source, and solid angles (n,)."""
    edges = np.linspace(0.0, np.pi, _RINGS + 1)
    middle = 0.5 * (edges[1:] + edges[:-1])
    ring_sr = 2.0 * np.pi * (np.cos(edges[:-1]) - np.cos(edges[1:]))
    turn = (np.arange(_TURNS) + 0.5) * 2.0 * np.pi / _TURNS
    across = np.sin(middle)[:, None]
    vectors = np.stack(
        [
            across * np.cos(turn),
            across * np.sin(turn),
            np.broadcast_to(np.cos(middle)[:, None], (_RINGS, _TURNS)),
        ],
        axis=-1,
    )
    return vectors.reshape(-1, 3), np.repeat(ring_sr / _TURNS, _TURNS)
