"""The planned dose as it is drawn: that of this plan in the frame of the planning CT, or none and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.dicom import DoseGrid, PlanningSet, read_dose
from isoguide.dicom.identity import compare_patients
from isoguide.errors import InputError, MismatchError
from isoguide.workflow.clinic.pictures.voxel_bytes import VoxelBytes

CGY_PER_GY: Final = 100.0
WHOLE_PLAN: Final = "PLAN"
"""DoseSummationType of what the whole plan gives (PS3.3 C.8.8.3); parts of it are no isodoses to treat by."""


@dataclass(frozen=True, slots=True, eq=False)
class PlannedDose:
    """The dose of the whole plan.

    Parameters
    ----------
    voxels
        In cGy on the dose's own grid, planning LPS.
    largest_gy
        Its largest value.
    """

    voxels: VoxelBytes
    largest_gy: float


def planned_dose(planning: PlanningSet) -> tuple[PlannedDose | None, str]:
    """Return the dose of a planning export, or None and the sentence why it is not drawn.

    Parameters
    ----------
    planning
        Its files have to be where they were.
    """
    if planning.plan is None:
        return None, "the planning export holds no plan, so no dose belongs to it"
    if not planning.doses:
        return (
            None,
            f"the planning export holds no dose of plan '{planning.plan.label}': export it with the plan",
        )
    try:
        return _of_plan(planning, planning.doses), ""
    except InputError as error:
        return None, str(error)


def _of_plan(planning: PlanningSet, paths: Sequence[Path]) -> PlannedDose:
    label = planning.plan.label if planning.plan is not None else ""
    doses = [read_dose(path) for path in paths]
    whole = [dose for dose in doses if dose.summation_type == WHOLE_PLAN]
    if not whole:
        found = ", ".join(sorted({dose.summation_type or "not stated" for dose in doses}))
        msg = f"no dose of plan '{label}' is that of the whole plan ({found}): export that one"
        raise MismatchError(msg)
    if len(whole) > 1:
        msg = f"the planning export holds {len(whole)} doses of plan '{label}': export the one that counts"
        raise MismatchError(msg)
    return _checked(planning, whole[0])


def _checked(planning: PlanningSet, dose: DoseGrid) -> PlannedDose:
    image, plan = planning.image, planning.plan
    compare_patients(image.patient, f"the {image.label}", dose.patient, "the dose")
    if plan is None or dose.plan_uid != plan.sop_instance_uid:
        msg = f"the dose is of another plan ({dose.plan_uid or 'not stated'}): export that of this plan"
        raise MismatchError(msg)
    if not dose.frame_of_reference_uid or dose.frame_of_reference_uid != image.frame_of_reference_uid:
        msg = (
            f"the dose is in the frame of reference {dose.frame_of_reference_uid or 'not stated'} but the "
            f"planning CT in {image.frame_of_reference_uid}: export the dose on this CT"
        )
        raise MismatchError(msg)
    centigray = np.rint(dose.dose_gy * np.float32(CGY_PER_GY))
    largest, least = float(dose.dose_gy.max()), float(dose.dose_gy.min())
    if centigray.max() > np.iinfo(np.int16).max or least < 0.0:
        msg = f"the dose goes from {least:g} to {largest:g} Gy, which cannot be drawn: check the export"
        raise InputError(msg)
    return PlannedDose(VoxelBytes.of(dose.grid, centigray.astype(np.int16)), largest)
