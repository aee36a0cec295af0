"""A plan held against what its planning system says of it: surface distances and doses of beams at points.

The one number in a plan that another program computed for the same patient is the best check there is of beam
data, outline and isocentre together. Nothing is scaled to it. A factor that all beams share points to the
calibration of the machine or its leaves; a surface that lies elsewhere, to another outline or to a couch that
the planning system counted to the patient.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from isoguide.dose.delivery import BeamDelivery, Delivery
from isoguide.dose.pencil_beam import beam_doses
from isoguide.geometry.grid import Grid
from isoguide.plan import Beam, StatedDose
from isoguide.progress import Progress, silent

Mask = NDArray[np.bool_]

STEP_MM: Final = 0.5
"""Along the axis of a beam, on the way to the surface."""
BEYOND_AXIS_MM: Final = 500.0
"""So far behind the isocentre the surface is looked for."""
NO_DOSE: Final = "the plan states no dose for it"
NO_POINT: Final = "the plan does not say at which point it delivers that"
OUTSIDE: Final = "the point lies outside the patient"


@dataclass(frozen=True, slots=True, eq=False)
class PointCheck:
    """Dose of one beam at one point, Gy per fraction: as the planning system says, and ours by pencil beam.

    ``computed_gy`` is None where there is nothing to compare, for the ``reason`` given.
    """

    stated: StatedDose
    computed_gy: float | None
    reason: str = ""

    @property
    def off_percent(self) -> float | None:
        """Ours less theirs, in percent of theirs."""
        if self.computed_gy is None or self.stated.dose_gy <= 0.0:
            return None
        return 100.0 * (self.computed_gy / self.stated.dose_gy - 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class BeamCheck:
    """One beam against what the planning system says of it.

    Parameters
    ----------
    number, name
        Of the beam.
    stated_surface_mm, surface_mm
        From the source to the patient along the axis at the first control point: theirs and ours; None where
        the plan does not say, or where the axis misses the outline.
    points
        Doses; empty where the plan states none.
    """

    number: int
    name: str
    stated_surface_mm: float | None
    surface_mm: float | None
    points: tuple[PointCheck, ...]

    @property
    def surface_off_mm(self) -> float | None:
        """How much farther from the source our patient begins than theirs."""
        if self.stated_surface_mm is None or self.surface_mm is None:
            return None
        return self.surface_mm - self.stated_surface_mm

    @property
    def off_percent(self) -> tuple[float, ...]:
        """Ours less theirs at each point that has both, in percent of theirs."""
        return tuple(one.off_percent for one in self.points if one.off_percent is not None)


def check_stated(delivery: Delivery, progress: Progress = silent) -> tuple[BeamCheck, ...]:
    """Compare each beam that delivers dose with what the plan states of it.

    Parameters
    ----------
    delivery
        The plan in the patient. Doses at points come from the pencil beam whatever its settings say; without
        an outline no surface is found.
    progress
        Told how far it is.

    Returns
    -------
    tuple
        One for each beam, in the order of the plan; nothing is computed where a plan states nothing.
    """
    beams = [one.beam for one in delivery.beams]
    if not any(beam.stated_doses or beam.stated_surface_mm is not None for beam in beams):
        return tuple(BeamCheck(beam.number, beam.name, None, None, ()) for beam in beams)
    grid, body = delivery.density.grid, delivery.placement.body
    rows, places = _points(beams)
    held = _held(places, grid, body)
    computed = np.zeros((len(beams), len(places)), dtype=np.float32)
    if held.any():
        computed = beam_doses(delivery, places, progress)
    return tuple(
        BeamCheck(
            one.beam.number,
            one.beam.name,
            one.beam.stated_surface_mm,
            _surface_mm(one, grid, body),
            tuple(_checked(stated, at, found, held) for stated, at in mine),
        )
        for one, mine, found in zip(delivery.beams, rows, computed, strict=True)
    )


def _points(beams: Sequence[Beam]) -> tuple[list[list[tuple[StatedDose, int | None]]], NDArray[np.float64]]:
    """Return each beam's stated doses with the row of their point, and all points (n, 3)."""
    places: list[NDArray[np.float64]] = []
    rows: list[list[tuple[StatedDose, int | None]]] = []
    for beam in beams:
        mine: list[tuple[StatedDose, int | None]] = []
        for stated in beam.stated_doses:
            if stated.position_mm is None:
                mine.append((stated, None))
                continue
            mine.append((stated, len(places)))
            places.append(stated.position_mm)
        rows.append(mine)
    return rows, np.array(places, dtype=np.float64).reshape(-1, 3)


def _held(points_mm: NDArray[np.float64], grid: Grid, body: Mask | None) -> Mask:
    """Tell which points lie in the patient, or in the image where no outline is given."""
    if not len(points_mm):
        return np.zeros(0, dtype=np.bool_)
    voxels = np.rint(grid.index(points_mm)).astype(np.int64)
    last = np.array(grid.shape[::-1]) - 1
    inside = ((voxels >= 0) & (voxels <= last)).all(axis=1)
    if body is None:
        return np.asarray(inside, dtype=np.bool_)
    i, j, k = np.clip(voxels, 0, last).T
    return np.asarray(inside & body[k, j, i], dtype=np.bool_)


def _checked(stated: StatedDose, at: int | None, computed_gy: NDArray[np.float32], held: Mask) -> PointCheck:
    if at is None:
        return PointCheck(stated, None, NO_POINT)
    if not held[at]:
        return PointCheck(stated, None, OUTSIDE)
    return PointCheck(stated, float(computed_gy[at]))


def _surface_mm(one: BeamDelivery, grid: Grid, body: Mask | None) -> float | None:
    """Return the distance from the source at which the axis of a beam enters the outline."""
    if body is None:
        return None
    matrix = one.device_from_patient(one.beam.control_points[0])
    patient_from_device = np.asarray(np.linalg.inv(matrix), dtype=np.float64)
    far_mm = (one.beam.source_axis_distance_mm or 0.0) + BEYOND_AXIS_MM
    distance_mm = np.arange(0.0, far_mm, STEP_MM)
    ray_mm = patient_from_device[:3, 3] - distance_mm[:, None] * patient_from_device[:3, 2]
    at = grid.index(np.asarray(ray_mm, dtype=np.float64))[:, ::-1].T
    inside = map_coordinates(body.astype(np.float32), at, order=1, mode="constant") >= 0.5
    return float(distance_mm[np.argmax(inside)]) if inside.any() else None
