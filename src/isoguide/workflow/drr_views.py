"""From where set-up DRRs are seen: the set-up fields of a plan, or angles that were asked for."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from isoguide.dicom.planned_images import PlannedImages, read_planned_images
from isoguide.errors import GeometryError, MismatchError, MissingEvidenceError
from isoguide.geometry.frames import Array
from isoguide.geometry.iec61217 import fixed_from_planning
from isoguide.geometry.xray_view import XrayView
from isoguide.plan import SAME_ISOCENTRE_MM, Beam, PatientPosition, Plan
from isoguide.workflow.drr_request import DrrRequest
from isoguide.workflow.inputs import PlanningInput, point_text
from isoguide.workflow.setup_drr import SAD_MM, SID_MM, setup_fields, setup_view

LEVEL_DEG: Final = 0.01
"""A table top whose planned pitch and roll are smaller is level."""


@dataclass(frozen=True, slots=True, eq=False)
class DrrView:
    """One image to compute.

    Parameters
    ----------
    name
        Of the field, or the angle in words.
    in_room
        Source and detector in FIXED.
    gantry_deg, couch_deg, collimator_deg
        Of the field.
    machine
        Empty where it is not known.
    beam_number
        None for an angle that was asked for.
    """

    name: str
    in_room: XrayView
    gantry_deg: float
    couch_deg: float = 0.0
    collimator_deg: float = 0.0
    machine: str = ""
    beam_number: int | None = None

    def in_patient(self, position: PatientPosition, isocentre_mm: Array) -> XrayView:
        """Return source and detector in PLANNING, for a patient who lies as planned."""
        return self.in_room.in_frame(fixed_from_planning(position, isocentre_mm, self.couch_deg).inverse())


def views_of(
    request: DrrRequest, loaded: PlanningInput, planned: PlannedImages | None
) -> tuple[tuple[DrrView, ...], tuple[str, ...]]:
    """Return the views that the request asks for, and what the user should know of fields left out.

    Raises
    ------
    MissingEvidenceError
        If no angle is given and there is no set-up field about the isocentre.
    MismatchError
        If the plan states several distances to the image of one field.
    GeometryError
        If a field has a table top that is not level.
    """
    if request.angles_deg:
        angles = dict.fromkeys(angle_deg % 360.0 for angle_deg in request.angles_deg)
        return tuple(_view_of_angle(angle_deg, request, loaded.plan) for angle_deg in angles), ()
    fields, others = _fields(request, loaded)
    views = tuple(_view_of_field(beam, request, planned) for beam in fields)
    notes = tuple(
        f"the set-up field {_named(beam)} was left out: it has another isocentre" for beam in others
    )
    return views, notes


def planned_images_of(loaded: PlanningInput) -> PlannedImages | None:
    """Read what the plan says about images of its fields; None where there is no plan."""
    path = loaded.dicom.plan_path if loaded.dicom is not None else None
    return read_planned_images(path) if path is not None else None


def _fields(request: DrrRequest, loaded: PlanningInput) -> tuple[list[Beam], list[Beam]]:
    """Return the set-up fields about the isocentre, and the others."""
    plan = loaded.plan
    found = setup_fields(plan) if plan is not None else ()
    if plan is None or not found:
        what = (
            f"{request.planning} holds no plan"
            if plan is None
            else f"plan '{plan.label}' has no set-up fields"
        )
        msg = f"{what}: say from where to look with --angle DEG, for instance --angle 0 --angle 90"
        raise MissingEvidenceError(msg)
    centre_mm = loaded.isocentre.xyz_mm
    fields = [beam for beam in found if _is_about(beam, centre_mm)]
    if not fields:
        msg = (
            f"no set-up field of plan '{plan.label}' is about the isocentre {point_text(centre_mm)}: choose "
            "another with --beam N, or say from where to look with --angle DEG"
        )
        raise MissingEvidenceError(msg)
    return fields, [beam for beam in found if beam not in fields]


def _is_about(beam: Beam, centre_mm: Array) -> bool:
    stated_mm = beam.isocentre_mm
    return stated_mm is None or float(np.linalg.norm(stated_mm - centre_mm)) <= SAME_ISOCENTRE_MM


def _view_of_field(beam: Beam, request: DrrRequest, planned: PlannedImages | None) -> DrrView:
    point = beam.control_points[0]
    if max(abs(point.table_pitch_deg), abs(point.table_roll_deg)) > LEVEL_DEG:
        msg = (
            f"the set-up field {_named(beam)} is planned with a table top pitched by "
            f"{point.table_pitch_deg:g}° and rolled by {point.table_roll_deg:g}°, which is not "
            "computed: give --angle DEG for a level one"
        )
        raise GeometryError(msg)
    view = setup_view(
        point.gantry_deg,
        request.pixels,
        field_mm=request.size_mm,
        sad_mm=beam.source_axis_distance_mm or SAD_MM,
        sid_mm=_sid_mm(beam, request, planned),
    )
    return DrrView(
        beam.name or f"field {beam.number}",
        view,
        point.gantry_deg % 360.0,
        point.couch_deg,
        point.collimator_deg,
        beam.machine,
        beam.number,
    )


def _view_of_angle(gantry_deg: float, request: DrrRequest, plan: Plan | None) -> DrrView:
    beams = plan.beams if plan is not None else ()
    machines = {beam.machine for beam in beams}
    distances = {beam.source_axis_distance_mm for beam in beams} - {None}
    view = setup_view(
        gantry_deg,
        request.pixels,
        field_mm=request.size_mm,
        sad_mm=(distances.pop() if len(distances) == 1 else None) or SAD_MM,
        sid_mm=request.sid_mm or SID_MM,
    )
    machine = machines.pop() if len(machines) == 1 else ""
    return DrrView(f"gantry {gantry_deg:g}", view, gantry_deg, machine=machine)


def _sid_mm(beam: Beam, request: DrrRequest, planned: PlannedImages | None) -> float:
    if request.sid_mm is not None:
        return request.sid_mm
    stated = planned.sid_mm.get(beam.number, ()) if planned is not None else ()
    if len(stated) > 1:
        distances = " and ".join(f"{sid_mm:g}" for sid_mm in stated)
        msg = f"the plan states {distances} mm to the image of field {_named(beam)}: choose with --sid MM"
        raise MismatchError(msg)
    return stated[0] if stated else SID_MM


def _named(beam: Beam) -> str:
    return f"{beam.number} ({beam.name})" if beam.name else str(beam.number)
