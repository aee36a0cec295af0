"""Do these two inputs belong together? Wrong patient, position, place or day is caught here."""

from pathlib import Path
from typing import Final

import numpy as np

from isoguide.dicom import check_same_patient
from isoguide.dicom.identity import compare_patients
from isoguide.errors import MismatchError
from isoguide.geometry.frames import Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.plan import PatientPosition
from isoguide.workflow.alignment import DayInput
from isoguide.workflow.inputs import DailyInput, PlanningInput, point_text
from isoguide.workflow.radiographs.align_views import ViewsInput
from isoguide.workflow.ultrasound.align_input import UltrasoundInput

_LATTICE: Final = 9
"""Points per axis of the day's image that are looked up in the planning image."""


def check_pair(planning: PlanningInput, daily: DailyInput) -> tuple[str, ...]:
    """Refuse what must not be matched, and return warnings about what could not be checked.

    Raises
    ------
    MismatchError
        If the patients or the patient positions differ.
    """
    if planning.dicom is None or daily.dicom is None:
        files = [str(side.path) for side in (planning, daily) if side.dicom is None]
        warnings: tuple[str, ...] = (f"PATIENT NOT CHECKED: {' and '.join(files)} carry no patient identity",)
    else:
        warnings = check_same_patient(planning.dicom, daily.dicom)
    _refuse_other_position(planning, daily)
    return warnings


def check_views(planning: PlanningInput, daily: ViewsInput) -> tuple[str, ...]:
    """Do the same for radiographs.

    Raises
    ------
    MismatchError
        If the patients or the patient positions differ.
    """
    for origin in daily.origins:
        lay = origin.header.patient_position
        if lay in PatientPosition.__members__ and lay != planning.patient_position:
            raise MismatchError(_other_position(origin.header.path, lay, planning))
    if not daily.origins:
        return (
            "PATIENT NOT CHECKED: radiographs of a views file carry no patient identity and no time of "
            "exposure",
        )
    if planning.series is None:
        return (f"PATIENT NOT CHECKED: {planning.path} carries no patient identity",)
    warnings: tuple[str, ...] = ()
    for origin in daily.origins:
        warnings += compare_patients(
            planning.series.patient,
            f"the planning {planning.series.label}",
            origin.header.patient,
            str(origin.header.path),
        )
    return warnings


def _refuse_other_position(planning: PlanningInput, daily: DailyInput) -> None:
    """Hold a position that was stated or assumed, not read from a plan, against the day's image as well."""
    lay = daily.series.patient_position if daily.series is not None else None
    if lay is None or lay == planning.patient_position:
        return
    raise MismatchError(_other_position(daily.path, lay, planning))


def _other_position(path: Path, lay: str, planning: PlanningInput) -> str:
    return (
        f"{path} was taken in the patient position {lay} but {planning.path} is taken for "
        f"{planning.patient_position}: give the image of this treatment position, or correct "
        "--patient-position"
    )


def require_overlap(planning: PlanningInput, daily: DailyInput, planning_from_daily: RigidTransform) -> None:
    """Refuse images that do not share a single place when isocentre lies on isocentre.

    Raises
    ------
    MismatchError
        If no part of the day's image falls into the planning image.
    """
    points_mm = planning_from_daily.apply(_lattice_mm(daily))
    if planning.volume.grid.contains(points_mm).any():
        return
    msg = (
        f"the images {planning.path} and {daily.path} do not overlap with the plan isocentre "
        f"{point_text(planning.isocentre.xyz_mm)} on the machine isocentre "
        f"{point_text(daily.isocentre.xyz_mm)} ({daily.isocentre.evidence}): check both isocentres"
    )
    raise MismatchError(msg)


def _lattice_mm(daily: DailyInput) -> Array:
    grid = daily.volume.grid
    steps = [np.linspace(0.0, n - 1.0, _LATTICE) for n in grid.shape[::-1]]
    return grid.xyz(np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3))


def doubts_about(planning: PlanningInput, daily: DayInput) -> tuple[str, ...]:
    """Reasons why a person has to look even at a good match: perhaps it is not the image of the day."""
    if planning.content_sha256 == daily.content_sha256:
        return ("the day's image is the planning image itself",)
    if isinstance(daily, UltrasoundInput):
        return (*_of_reference(daily), *_older_than_plan(planning, daily))
    return (*_of_another_plan(planning, daily), *_older_than_plan(planning, daily))


def _of_reference(daily: UltrasoundInput) -> tuple[str, ...]:
    """Tell of ultrasound that cannot be of a day after the simulation."""
    reference, taken_at = daily.reference, daily.acquired_at
    if reference is None:
        return ()
    one, other = daily.volume.values, reference.volume.values
    if one.shape == other.shape and (one == other).all():
        return ("the day's ultrasound is the reference itself",)
    if taken_at is None or reference.acquired_at is None or taken_at >= reference.acquired_at:
        return ()
    return (
        f"the day's ultrasound ({taken_at:%Y-%m-%d %H:%M}) was acquired before its reference "
        f"({reference.acquired_at:%Y-%m-%d %H:%M})",
    )


def _of_another_plan(planning: PlanningInput, daily: DailyInput | ViewsInput) -> tuple[str, ...]:
    """Tell of radiographs that name another plan: its isocentre may be another one, too."""
    if planning.plan is None or isinstance(daily, DailyInput):
        return ()
    return tuple(
        f"{origin.header.path} was taken for another plan ({origin.header.plan_uid}) than "
        f"'{planning.plan.label}': check that both have one isocentre"
        for origin in daily.origins
        if origin.header.plan_uid not in ("", planning.plan.sop_instance_uid)
    )


def _older_than_plan(planning: PlanningInput, daily: DayInput) -> tuple[str, ...]:
    planned_at = planning.series.acquired_at if planning.series is not None else None
    taken_at = daily.acquired_at
    if planned_at is None or taken_at is None or taken_at >= planned_at:
        return ()
    return (
        f"the day's image ({taken_at:%Y-%m-%d %H:%M}) was acquired before the planning CT "
        f"({planned_at:%Y-%m-%d %H:%M})",
    )
