"""Ultrasound of the day and its reference, read, held against the plan and placed in patient axes."""

import hashlib
from typing import Final

import numpy as np

from isoguide.dicom import PatientIdentity
from isoguide.dicom.identity import compare_patients
from isoguide.dicom.ultrasound_volume import UltrasoundVolumeFile, read_ultrasound_volume
from isoguide.errors import AmbiguityError, InputError, MismatchError, MissingEvidenceError
from isoguide.geometry.frames import FIXED
from isoguide.geometry.iec61217 import fixed_from_daily
from isoguide.geometry.probe_chain import UncertainPose
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.compounding import compound
from isoguide.images.ultrasound_sweep import UltrasoundSweep
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.progress import Progress, part_of, silent
from isoguide.workflow.day_kind import Day
from isoguide.workflow.inputs import PlacedPoint, PlanningInput, require_existing
from isoguide.workflow.request import AlignRequest, RegionChoice
from isoguide.workflow.ultrasound.align_input import TrackedProbe, UltrasoundInput, UltrasoundReference
from isoguide.workflow.ultrasound.load_sweep import load_sweep
from isoguide.workflow.ultrasound.probe_file import ProbeFile, read_probe_file

VOXEL_MM: Final = 1.0
"""Of a volume made of a tracked sequence: half of what the probe resolves across its plane."""
MACHINE_ISOCENTRE: Final = "the origin of the room, in which the ultrasound is placed"


def load_ultrasound_day(
    request: AlignRequest, planning: PlanningInput, day: Day, progress: Progress = silent
) -> UltrasoundInput:
    """Read the day's ultrasound and what it is matched to.

    Parameters
    ----------
    request
        What the user says about them.
    planning
        The plan, and how the patient lies.
    day
        What was found on the day's side.
    progress
        Told the fraction done.

    Raises
    ------
    MissingEvidenceError
        If nothing places it in the room, or there is no reference where one was asked for.
    AmbiguityError
        If the planning export holds several references, or the day's folder several volumes.
    MismatchError
        If it belongs to another patient or another frame of reference, or the two show no common place.
    InputError
        If a file cannot be used, or something was said that ultrasound does not have.
    """
    _refuse_what_is_for_others(request)
    reference, notes = load_reference(request, planning)
    back = fixed_from_daily(planning.patient_position, np.zeros(3)).inverse()
    if day.kind == "tracked ultrasound":
        daily = _of_sequence(request, back, progress)
    else:
        daily = _of_volume(request, planning, day, back)
    return daily
