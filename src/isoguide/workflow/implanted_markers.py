"""Where the implanted markers were planned: marked in the structure set, or found in the planning CT."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from isoguide.dicom import marked_points
from isoguide.errors import MismatchError, MissingEvidenceError
from isoguide.geometry.frames import Array
from isoguide.images.volume import Volume
from isoguide.plan import Fiducial
from isoguide.registration.markers import (
    DeclaredMarkers,
    PreparedMarkers,
    as_the_planning_ct_shows,
    find_in_volume,
)
from isoguide.registration.pyramid import crop
from isoguide.workflow.inputs import PlanningInput

LOOKED_AT_MM: Final = 80.0
"""Markers are put into or beside the target: further from the isocentre nothing is taken for one."""


@dataclass(frozen=True, slots=True, eq=False)
class MarkerPlan:
    """The markers as the match takes them, how their planned places are known, and what is doubtful."""

    prepared: PreparedMarkers
    evidence: str
    warnings: tuple[str, ...] = ()


def prepare_markers(
    planning: PlanningInput, declared: DeclaredMarkers, target_points_mm: Array | None
) -> MarkerPlan:
    """Find out where the declared markers were planned.

    Parameters
    ----------
    planning
        The planning side; points of type MARKER in its structure set count first, its CT second.
    declared
        What was implanted.
    target_points_mm
        (n, 3), planning LPS, where the uncertainty counts; None: the isocentre.

    Raises
    ------
    MismatchError
        If more or fewer are marked than declared.
    MissingEvidenceError
        If none is marked and the CT does not show as many as declared, or it shows none at a mark.
    """
    planned, evidence, warnings = _planned(planning, declared)
    points_mm = np.zeros((0, 3)) if target_points_mm is None else target_points_mm
    prepared = PreparedMarkers(planned, declared, planning.isocentre.xyz_mm, target_points_mm=points_mm)
    return MarkerPlan(prepared, evidence, warnings)


def _planned(
    planning: PlanningInput, declared: DeclaredMarkers
) -> tuple[tuple[Fiducial, ...], str, tuple[str, ...]]:
    structure_set = planning.structure_set
    points = marked_points(structure_set.structures if structure_set is not None else ())
    marked = points.fiducials
    warnings: tuple[str, ...] = ()
    if not marked and points.unspecified:
        marked = tuple(
            Fiducial(one.name, one.point_mm) for one in points.unspecified if one.point_mm is not None
        )
        warnings = (
            f"{planning.path} does not say whether its markers ({_names(marked)}) are in the patient or on "
            "his skin: taken for the implanted ones",
        )
    if not marked:
        found = _found_in_ct(planning, declared)
        note = "the planned places of the markers were found in the planning CT: no structure set marks them"
        return found, "planning CT", (note,)
    if len(marked) != declared.count:
        msg = (
            f"{declared.count} markers are declared with --markers but {planning.path} marks {len(marked)} "
            f"({_names(marked)}): correct one of them"
        )
        raise MismatchError(msg)
    label = structure_set.label if structure_set is not None else ""
    shown = as_the_planning_ct_shows(marked, declared, planning.volume)
    return shown, f"structure set '{label}', where the planning CT shows them", warnings


def _found_in_ct(planning: PlanningInput, declared: DeclaredMarkers) -> tuple[Fiducial, ...]:
    centre, volume = planning.isocentre.xyz_mm, planning.volume
    grid, values = crop(volume.grid, volume.values, centre - LOOKED_AT_MM, centre + LOOKED_AT_MM)
    near = Volume(grid, values, is_hounsfield=volume.is_hounsfield)
    found = sorted(
        (marker.measured.position_mm for marker in find_in_volume(near, declared)), key=lambda xyz: xyz[2]
    )
    if len(found) != declared.count:
        msg = (
            f"{planning.path} marks no implanted marker, and its CT shows {len(found)} within "
            f"{LOOKED_AT_MM:.0f} mm of the isocentre where {declared.count} are declared: mark them in the "
            "structure set (points of type MARKER), or correct --markers"
        )
        raise MissingEvidenceError(msg)
    return tuple(
        Fiducial(f"marker {number}", xyz_mm, declared.kind.value)
        for number, xyz_mm in enumerate(found, start=1)
    )


def _names(markers: tuple[Fiducial, ...]) -> str:
    return ", ".join(f"'{marker.name}'" for marker in markers)
