"""A plan in a patient, made ready for a dose engine: beams in pieces, density, and how one sees the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.dose.beam_data import BeamData
from isoguide.dose.density_curve import GENERIC_CURVE, GENERIC_CURVE_TEXT
from isoguide.dose.depth import DensityField, Region, density_field
from isoguide.dose.fluence import Opening, SubArc, opening_of, subarcs
from isoguide.dose.placement import DoseSettings, Placement
from isoguide.dose.supported import require_supported, treated_beams
from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array
from isoguide.geometry.iec61217 import fixed_from_beam_limiting_device, fixed_from_planning, iec_from_lps
from isoguide.geometry.transforms import rotation_z
from isoguide.images.volume import Volume
from isoguide.plan import Beam, ControlPoint, Plan

Mask = NDArray[np.bool_]

OUT_OF_FIELD_MM: Final = 100.0
"""Beyond the edge of the opening, at the isocentre: farther out there is no dose."""
PENUMBRA_MM: Final = 20.0
"""Beyond the edge of the opening: farther out dose changes slowly, and the nearest ray tells it."""
OUT_OF_FIELD_TEXT: Final = (
    f"farther than {OUT_OF_FIELD_MM:g} mm from a beam's largest opening its dose is taken as 0"
)
NO_BODY_TEXT: Final = (
    "no outline of the patient was given: all in the image holds beams back and gets dose, the couch as well"
)
TRUNCATED_TEXT: Final = "the patient reaches the edge of the image; what lies beyond it counts as air"
TISSUE_HU: Final = -300.0
"""More than this at the edge of an image is the patient."""
SHUT_MM: Final = (-10.0, 10.0)
"""Region of a beam that never opens: what leaks is computed about the axis."""


@dataclass(frozen=True, slots=True, eq=False)
class BeamDelivery:
    """One beam, ready to compute.

    Parameters
    ----------
    beam
        Of the plan.
    opening
        Part of the plane through the isocentre that the beam opens at any moment.
    fixed_from_patient
        4×4, couch at 0°, for this beam's isocentre.
    pieces
        What it is computed in.
    """

    beam: Beam
    opening: Region
    fixed_from_patient: Array
    pieces: tuple[SubArc, ...]

    @property
    def region(self) -> Region:
        """What the beam is computed in: the opening with what lies around it."""
        return self.opening.grown(OUT_OF_FIELD_MM)

    def device_from_patient(self, piece: SubArc | ControlPoint) -> Array:
        """4×4 from the patient to the beam limiting device system of a piece of the beam, or a moment."""
        sad_mm = self.beam.source_axis_distance_mm or 0.0
        device = fixed_from_beam_limiting_device(
            piece.gantry_deg, piece.collimator_deg, source_axis_distance_mm=sad_mm
        )
        turned = np.eye(4)
        turned[:3, :3] = rotation_z(piece.couch_deg)
        return np.asarray(device.inverse().matrix @ turned @ self.fixed_from_patient, dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """A plan in a patient.

    Parameters
    ----------
    plan, density, machine, placement, settings
        As given.
    beams
        Those that deliver dose.
    field
        What the patient is made of.
    approximations
        What is assumed.
    """

    plan: Plan
    density: Volume
    machine: BeamData
    placement: Placement
    settings: DoseSettings
    beams: tuple[BeamDelivery, ...]
    field: DensityField
    approximations: tuple[str, ...]


def delivery_of(
    plan: Plan, density: Volume, machine: BeamData, placement: Placement, settings: DoseSettings
) -> Delivery:
    """Make a plan ready to be computed in a patient.

    Raises
    ------
    MissingEvidenceError
        If the plan lacks what is needed.
    InputError
        If something in the plan is not supported.
    GeometryError
        If frames do not fit or the image is not in HU.
    """
    left_out = require_supported(plan, machine)
    beams = treated_beams(plan)
    placed = _placed(plan, beams, density, placement)
    deliveries = tuple(
        BeamDelivery(one, _opened(one), placed[one.number], subarcs(one, step_deg=settings.arc_step_deg))
        for one in beams
    )
    field = density_field(density, placement.body, settings.curve, settings.spacing_mm)
    told = [*left_out, OUT_OF_FIELD_TEXT]
    if settings.curve == GENERIC_CURVE:
        told.append(GENERIC_CURVE_TEXT)
    if placement.body is None:
        told.append(NO_BODY_TEXT)
    if _is_truncated(density, placement.body, beams):
        told.append(TRUNCATED_TEXT)
    return Delivery(plan, density, machine, placement, settings, deliveries, field, tuple(told))


def _placed(plan: Plan, beams: Sequence[Beam], density: Volume, placement: Placement) -> dict[int, Array]:
    """Return fixed from patient of each beam, by its number."""
    position = str(plan.patient_position)
    first = _isocentre(beams[0])
    given = placement.fixed_from_patient or fixed_from_planning(position, first)
    if given.from_frame != density.grid.frame:
        msg = (
            f"the patient is placed from '{given.from_frame}' but the density is in '{density.grid.frame}';"
            " give a placement for that image"
        )
        raise GeometryError(msg)
    placed = {}
    for beam in beams:
        matrix = given.matrix.copy()
        # The table carries the beam's own isocentre to where the first one was.
        matrix[:3, 3] -= iec_from_lps(position) @ (_isocentre(beam) - first)
        placed[beam.number] = matrix
    return placed


def _isocentre(beam: Beam) -> Array:
    if beam.isocentre_mm is None:
        msg = f"beam {beam.number} ({beam.name}) has no isocentre; export the plan with isocentres"
        raise GeometryError(msg)
    return beam.isocentre_mm


def _opened(beam: Beam) -> Region:
    """Return what a beam opens at any moment."""
    boxes = [box for point in beam.control_points if (box := _open_box(opening_of(beam, point))) is not None]
    if not boxes:
        return Region(SHUT_MM, SHUT_MM)
    low, high = np.min(boxes, axis=0)[[0, 2]], np.max(boxes, axis=0)[[1, 3]]
    return Region((float(low[0]), float(high[0])), (float(low[1]), float(high[1])))


def _open_box(opening: Opening) -> tuple[float, float, float, float] | None:
    """Return the box about what is open, x then y; None where nothing is."""
    far = (-1e6, 1e6)
    x, y = opening.jaw_x_mm or far, opening.jaw_y_mm or far
    if opening.leaves is not None and opening.leaf_positions_mm is not None:
        along, across = (y, x) if opening.leaves.axis == "Y" else (x, y)
        border = opening.leaves.boundaries_mm
        low, high = opening.leaf_positions_mm
        low, high = np.maximum(low, along[0]), np.minimum(high, along[1])
        shown = (high > low) & (border[1:] > across[0]) & (border[:-1] < across[1])
        if not shown.any():
            return None
        along = float(low[shown].min()), float(high[shown].max())
        edges = border[:-1][shown].min(), border[1:][shown].max()
        across = max(across[0], float(edges[0])), min(across[1], float(edges[1]))
        x, y = (across, along) if opening.leaves.axis == "Y" else (along, across)
    if x[0] >= x[1] or y[0] >= y[1]:
        return None
    return *x, *y


def _is_truncated(density: Volume, body: Mask | None, beams: Sequence[Beam]) -> bool:
    """Tell whether the patient is cut by the image where beams may enter."""
    patient = density.values if body is None else body
    least = TISSUE_HU if body is None else 0.0
    turned = any(point.couch_deg for beam in beams for point in beam.control_points)
    sides = [patient.take(end, axis=axis) for axis in ((0, 1, 2) if turned else (1, 2)) for end in (0, -1)]
    return any(bool((side > least).any()) for side in sides)
