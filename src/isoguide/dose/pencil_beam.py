"""Photon dose by pencil beams: fluence blurred by a few kernels, each with its own course over depth.

Every point takes its radiological depth from the ray that leads to it, and scatter as if all around the ray
were like the ray itself (see :data:`isoguide.dose.result.WEAKNESS`). Oblique surfaces, missing tissue and
different densities count through that depth.

Source: Bortfeld, Schlegel and Rhein, Med. Phys. 20 (1993) 311.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.dose.beam_data import BeamData
from isoguide.dose.blurred_fluence import (
    STEPS_PER_MM,
    BlurredFluence,
    blurred_fluence,
    depth_table,
)
from isoguide.dose.delivery import PENUMBRA_MM, BeamDelivery, Delivery, delivery_of
from isoguide.dose.depth import Fan, fan_depth
from isoguide.dose.fluence import FluencePlane, SubArc, subarcs, total_fluence
from isoguide.dose.placement import AS_PLANNED, USUAL_SETTINGS, DoseSettings, Placement
from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array
from isoguide.images.volume import Volume
from isoguide.kernels.chunks import run_chunked
from isoguide.kernels.pencil_gather import gather_dose
from isoguide.plan import Beam, Plan
from isoguide.progress import Progress, silent

Float32 = NDArray[np.float32]

FLUENCE_MM: Final = 2.0
"""Pixels of the fluence that is blurred."""
PIXEL_BLUR: Final = 1.0 / 3.0
"""Variance that pixels add, in squared pixels: 1/12 for the mean over them in the fluence, 1/12 in the
kernel, and 1/6 on average for reading between them linearly."""
BATCH: Final = 16
"""Pieces that are made ready together, on all cores."""
STILL_MM: Final = 0.1
"""Leaves and jaws that move less while the beam is on make a segment of their own."""


@dataclass(frozen=True, slots=True)
class SegmentKey:
    """A part of a beam whose monitor units can be changed alone: between two of its control points."""

    beam_number: int
    first_control_point: int
    last_control_point: int


@dataclass(frozen=True, slots=True, eq=False)
class SegmentDoses:
    """Dose of each segment at points.

    Parameters
    ----------
    segments
        In the order of delivery.
    meterset_mu
        Of each as planned, (segments,).
    gy_per_mu
        Float32 (segments, points), for one fraction.
    """

    segments: tuple[SegmentKey, ...]
    meterset_mu: Array
    gy_per_mu: Float32


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """A piece of a beam, where it is seen from, and which row of the result it adds to."""

    delivery: BeamDelivery
    piece: SubArc
    row: int


@dataclass(frozen=True, slots=True, eq=False)
class _Ready:
    device_from_patient: Array
    fan: Fan
    lateral: BlurredFluence
    near_field: tuple[float, float, float, float]
    row: int


def pencil_dose(delivery: Delivery, points_mm: Array | Float32, progress: Progress = silent) -> Float32:
    """Return the dose of a plan at points, (n,) Gy per fraction.

    Parameters
    ----------
    delivery
        The plan in the patient.
    points_mm
        (n, 3) in the frame of the density.
    progress
        Told how far it is.
    """
    tasks = [_Task(one, piece, 0) for one in delivery.beams for piece in one.pieces]
    dose: Float32 = _gathered(delivery, tasks, points_mm, 1, progress)[0]
    return dose


def beam_doses(delivery: Delivery, points_mm: Array | Float32, progress: Progress = silent) -> Float32:
    """Return the dose of each beam of a plan at points, (beams, n) Gy per fraction.

    Parameters
    ----------
    delivery, points_mm, progress
        As of :func:`pencil_dose`; a row for each of its beams, in their order.
    """
    tasks = [_Task(one, piece, row) for row, one in enumerate(delivery.beams) for piece in one.pieces]
    return _gathered(delivery, tasks, points_mm, len(delivery.beams), progress)


def segment_doses(
    plan: Plan,
    density: Volume,
    machine: BeamData,
    points_mm: Array,
    *,
    placement: Placement = AS_PLANNED,
    settings: DoseSettings = USUAL_SETTINGS,
    progress: Progress = silent,
) -> SegmentDoses:
    """Return the dose per monitor unit of each segment of a plan at points, by pencil beams.

    Parameters
    ----------
    plan, density, machine, placement, settings
        As of :func:`isoguide.dose.compute.compute_dose`.
    points_mm
        (n, 3) in the frame of the density.
    progress
        Told how far it is.

    Raises
    ------
    InputError
        As of :func:`isoguide.dose.compute.compute_dose`.
    """
    delivery = delivery_of(plan, density, machine, placement, settings)
    keys: list[SegmentKey] = []
    tasks: list[_Task] = []
    metersets: list[float] = []
    for one in delivery.beams:
        for key in segments_of(one.beam):
            between = (key.first_control_point, key.last_control_point)
            pieces = subarcs(one.beam, step_deg=settings.arc_step_deg, control_points=between)
            tasks += [_Task(one, piece, len(keys)) for piece in pieces]
            metersets.append(sum(piece.meterset_mu for piece in pieces))
            keys.append(key)
    dose = _gathered(delivery, tasks, points_mm, len(keys), progress)
    dose /= np.array(metersets, dtype=np.float32)[:, None]
    return SegmentDoses(tuple(keys), np.array(metersets), dose)


def segments_of(beam: Beam) -> tuple[SegmentKey, ...]:
    """Return the parts of a beam whose monitor units can be changed alone.

    On an arc, and where nothing moves while the beam is on, that is every interval between two control points
    that has monitor units; intervals of a beam from one direction in which leaves move belong together, as
    their monitor units draw one field.
    """
    keys: list[SegmentKey] = []
    is_sweeping = False
    for n, (start, stop) in enumerate(pairwise(beam.control_points)):
        if stop.cumulative_meterset <= start.cumulative_meterset:
            continue
        turns = start.gantry_deg != stop.gantry_deg
        sweeps = not turns and _farthest_leaf_mm(start.leaf_positions_mm, stop.leaf_positions_mm) > STILL_MM
        if sweeps and is_sweeping:
            keys[-1] = SegmentKey(beam.number, keys[-1].first_control_point, n + 1)
        else:
            keys.append(SegmentKey(beam.number, n, n + 1))
        is_sweeping = sweeps
    return tuple(keys)


def _farthest_leaf_mm(start: Array | None, stop: Array | None) -> float:
    return 0.0 if start is None or stop is None else float(np.abs(stop - start).max())


def _gathered(
    delivery: Delivery, tasks: Sequence[_Task], points_mm: Array | Float32, rows: int, progress: Progress
) -> Float32:
    points = np.ascontiguousarray(points_mm, dtype=np.float32)
    if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
        msg = f"points for a dose must be finite and of the shape (n, 3), not {points.shape}"
        raise GeometryError(msg)
    out = np.zeros((rows, len(points)), dtype=np.float32)
    table = (depth_table(delivery.machine), STEPS_PER_MM)
    for first in range(0, len(tasks), BATCH):
        progress(first / len(tasks), "computing the dose")
        for ready in _prepared(delivery, tasks[first : first + BATCH]):
            gather_dose(
                points,
                np.ascontiguousarray(ready.device_from_patient[:3]),
                (ready.fan.depth_mm, ready.fan.lattice, ready.fan.planes),
                (ready.lateral.maps, ready.lateral.pixel, ready.lateral.distances_mm, ready.near_field),
                table,
                out[ready.row],
            )
    return out


def _prepared(delivery: Delivery, tasks: Sequence[_Task]) -> Iterator[_Ready]:
    """Make pieces ready; their fluence on all cores, and each direction's depths once."""
    lateral: dict[int, BlurredFluence] = {}

    def blur(start: int, stop: int) -> None:
        for n in range(start, stop):
            lateral[n] = _lateral(delivery.machine, tasks[n])

    run_chunked(blur, len(tasks))
    seen: tuple[object, ...] = ()
    for n, task in enumerate(tasks):
        piece = task.piece
        direction = (id(task.delivery), piece.gantry_deg, piece.collimator_deg, piece.couch_deg)
        if direction != seen:
            matrix = task.delivery.device_from_patient(piece)
            patient_from_device = np.asarray(np.linalg.inv(matrix), dtype=np.float64)
            fan = fan_depth(
                delivery.field,
                patient_from_device,
                task.delivery.region,
                delivery.machine.source_axis_distance_mm,
            )
            seen = direction
        near = task.delivery.opening.grown(PENUMBRA_MM)
        yield _Ready(matrix, fan, lateral.pop(n), (*near.x_mm, *near.y_mm), task.row)


def _lateral(machine: BeamData, task: _Task) -> BlurredFluence:
    region = task.delivery.region
    half_mm = max(abs(edge) for edge in (*region.x_mm, *region.y_mm))
    plane = FluencePlane(FLUENCE_MM, half_mm)
    fluence = total_fluence(task.piece.openings, machine, plane, blurred_later_mm2=PIXEL_BLUR * FLUENCE_MM**2)
    return blurred_fluence(fluence, machine, plane, region)
