"""Ultrasound of the day and its reference, read, held against the plan and placed in patient axes."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.dicom.identity import compare_patients, study_of
from isoguide.dicom.item import tolerating_odd_values
from isoguide.dicom.scan import open_dicom
from isoguide.dicom.ultrasound_volume import VOLUME, UltrasoundVolumeFile, read_ultrasound_volume
from isoguide.errors import AmbiguityError, InputError, MismatchError, MissingEvidenceError
from isoguide.geometry.frames import FIXED, Array
from isoguide.geometry.iec61217 import fixed_from_daily
from isoguide.geometry.probe_chain import UncertainPose
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.compounding import compound
from isoguide.images.ultrasound_sweep import UltrasoundSweep
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.progress import Progress, part_of, silent
from isoguide.volume_files.tracked_sequence import read_tracked_frames
from isoguide.workflow.day_kind import Day
from isoguide.workflow.inputs import PlacedPoint, PlanningInput, require_existing
from isoguide.workflow.radiographs.report_series import ReferencedImages
from isoguide.workflow.request import AlignRequest, RegionChoice
from isoguide.workflow.ultrasound.align_input import TrackedProbe, UltrasoundInput, UltrasoundReference
from isoguide.workflow.ultrasound.load_sweep import place_sweep
from isoguide.workflow.ultrasound.probe_file import ProbeFile, read_probe_file

VOXEL_MM: Final = 1.0
"""Of a volume made of a tracked sequence: half of what a probe resolves across its plane."""
ORIGIN: Final = "the origin of the room, in which the ultrasound is placed"
_LATTICE: Final = 9
"""Points per axis of the day's volume that are looked up in what it is matched to."""


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
        If the planning export holds several references.
    MismatchError
        If it belongs to another patient or another frame of reference, or the two show no common place.
    InputError
        If a file cannot be used, or something was said that ultrasound does not have.
    """
    _refuse_what_is_for_others(request)
    reference, notes = load_reference(request, planning)
    if day.ultrasound is None:
        daily = _of_sequence(request, planning, progress)
    else:
        daily = _of_volume(request, planning, day.ultrasound)
    _refuse_other_side(daily, reference)
    daily = replace(daily, reference=reference, warnings=tuple(dict.fromkeys((*notes, *daily.warnings))))
    require_common_place(planning, daily)
    return daily


def _refuse_what_is_for_others(request: AlignRequest) -> None:
    said = {
        "--machine-isocentre": request.machine_isocentre_mm is not None,
        "--roi": request.region != RegionChoice(),
        "--content": request.content != "auto",
        "--markers": request.markers is not None,
    }
    extra = [option for option, was_said in said.items() if was_said]
    if extra:
        msg = (
            f"{request.daily} is ultrasound, which is matched about the target where the room has it: leave "
            f"{' and '.join(extra)} out"
        )
        raise InputError(msg)


def _refuse_other_side(daily: UltrasoundInput, reference: UltrasoundReference | None) -> None:
    if reference is None or not daily.laterality or not reference.laterality:
        return
    if daily.laterality != reference.laterality:
        msg = (
            f"{daily.path} is of the side {daily.laterality} but {reference.path} of {reference.laterality}: "
            "scan the side that was planned"
        )
        raise MismatchError(msg)


def load_reference(
    request: AlignRequest, planning: PlanningInput
) -> tuple[UltrasoundReference | None, tuple[str, ...]]:
    """Read the ultrasound reference of the simulation, and what a user should know about it.

    Returns
    -------
    tuple[UltrasoundReference | None, tuple[str, ...]]
        None for a match to the planning CT.

    Raises
    ------
    MissingEvidenceError
        If a reference was asked for and there is none, or its frame of reference cannot be compared.
    AmbiguityError
        If there are several.
    MismatchError
        If it belongs to another patient, another frame of reference or a treatment room.
    """
    path = _chosen_reference(request, planning)
    if path is None:
        return None, ()
    file = read_ultrasound_volume(path)
    warnings = (*file.warnings, *_check_reference(path, file, planning))
    reference = UltrasoundReference(
        path=path,
        volume=file.volume,
        patient=file.patient,
        acquired_at=file.acquired_at,
        sop_instance_uid=file.sop_instance_uid,
        content_sha256=file.sha256,
        laterality=file.laterality,
    )
    return reference, warnings


def _chosen_reference(request: AlignRequest, planning: PlanningInput) -> Path | None:
    choice = request.ultrasound
    if choice.against == "ct":
        return None
    if choice.reference is not None:
        require_existing(choice.reference)
        return choice.reference
    found = planning.dicom.ultrasound if planning.dicom is not None else ()
    if len(found) > 1:
        listed = ", ".join(str(path) for path in found)
        msg = (
            f"{planning.path} holds {len(found)} ultrasound volumes ({listed}): choose the reference with "
            "--ultrasound-reference FILE"
        )
        raise AmbiguityError(msg)
    if not found and choice.against == "reference":
        msg = (
            f"{planning.path} holds no ultrasound reference: give it with --ultrasound-reference FILE, or "
            "match to the planning CT with --against ct"
        )
        raise MissingEvidenceError(msg)
    return found[0] if found else None


def _check_reference(path: Path, file: UltrasoundVolumeFile, planning: PlanningInput) -> tuple[str, ...]:
    if planning.series is None:
        msg = (
            f"{planning.path} has no frame of reference in which the ultrasound {path} could lie: give the "
            "planning export as DICOM, or match to the CT with --against ct"
        )
        raise MissingEvidenceError(msg)
    if file.in_room:
        msg = (
            f"{path} states its place in the treatment room, so it is an image of a day and no reference: "
            "give the volume that was made in the CT room"
        )
        raise MismatchError(msg)
    frame_uid = planning.series.frame_of_reference_uid
    if file.frame_of_reference_uid != frame_uid:
        msg = (
            f"{path} is in the frame of reference {file.frame_of_reference_uid or '(none)'} but the "
            f"{planning.series.label} is in {frame_uid}: give the ultrasound that was made with this CT"
        )
        raise MismatchError(msg)
    return compare_patients(
        planning.series.patient, f"the planning {planning.series.label}", file.patient, str(path)
    )


def _of_volume(request: AlignRequest, planning: PlanningInput, path: Path) -> UltrasoundInput:
    file = read_ultrasound_volume(path)
    if not file.in_room:
        msg = (
            f"{path} does not state its place in the treatment room, so it is no ultrasound of the day: give "
            "the volume that was made in the room, or the tracked sequence with --probe FILE"
        )
        raise MismatchError(msg)
    if planning.series is None:
        notes: tuple[str, ...] = (f"PATIENT NOT CHECKED: {planning.path} carries no patient identity",)
    else:
        notes = compare_patients(
            planning.series.patient, f"the planning {planning.series.label}", file.patient, str(path)
        )
    daily_from_fixed = _daily_from_fixed(planning)
    series, fixed_from_file = _reference_to(path, file)
    return UltrasoundInput(
        path=request.daily,
        volume=file.volume.in_frame(daily_from_fixed),
        daily_from_fixed=daily_from_fixed,
        isocentre=PlacedPoint(np.zeros(3), ORIGIN),
        content_sha256=file.sha256,
        warnings=(*file.warnings, *notes),
        patient=file.patient,
        acquired_at=file.acquired_at,
        laterality=file.laterality,
        series=series,
        daily_from_file=daily_from_fixed @ fixed_from_file,
    )


@tolerating_odd_values
def _reference_to(path: Path, file: UltrasoundVolumeFile) -> tuple[ReferencedImages, RigidTransform]:
    """Return how DICOM objects refer to a volume, and where its own frame of reference is in the room.

    The places of its voxels are stated in that frame only (PS3.3 C.8.24.2): it is what a registration maps.
    """
    found = open_dicom(path)
    series = ReferencedImages(
        patient=found.patient,
        study=study_of(found.item),
        study_instance_uid=file.study_instance_uid,
        series_instance_uid=file.series_instance_uid,
        frame_of_reference_uid=found.item.text("VolumeFrameOfReferenceUID"),
        sop_class_uid=found.sop_class_uid,
        instance_uids=(found.sop_instance_uid,),
    )
    matrix = found.item.need_numbers("VolumeToTableMappingMatrix", 16).reshape(4, 4)
    return series, RigidTransform(FIXED, VOLUME, matrix)


def _of_sequence(request: AlignRequest, planning: PlanningInput, progress: Progress) -> UltrasoundInput:
    path, probe_path = request.daily, request.ultrasound.probe
    if probe_path is None:
        msg = (
            f"{path} is a tracked sequence, whose images have no place in the room without the calibration "
            "of their probe: give it with --probe FILE"
        )
        raise MissingEvidenceError(msg)
    probe = read_probe_file(probe_path)
    loaded = place_sweep(read_tracked_frames(path), probe, part_of(progress, 0.0, 0.3))
    sweep = loaded.sweep
    if sweep.frame != FIXED:
        msg = (
            f"{probe_path} places the tracking system in '{sweep.frame}' and not in the treatment room: give "
            "the probe file of the room in which the patient lies"
        )
        raise MismatchError(msg)
    volume = compound(sweep, spacing_mm=VOXEL_MM, progress=part_of(progress, 0.3, 1.0))
    daily_from_fixed = _daily_from_fixed(planning)
    notes = (
        f"PATIENT NOT CHECKED: {path} carries no patient identity and no date",
        *loaded.warnings,
    )
    return UltrasoundInput(
        path=path,
        volume=volume.in_frame(daily_from_fixed),
        daily_from_fixed=daily_from_fixed,
        isocentre=PlacedPoint(np.zeros(3), ORIGIN),
        content_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        warnings=notes,
        probe=TrackedProbe(probe_path, probe.name, probe.calibrated_at, place_of(probe, sweep)),
    )


def _daily_from_fixed(planning: PlanningInput) -> RigidTransform:
    return fixed_from_daily(planning.patient_position, np.zeros(3)).inverse()


def place_of(probe: ProbeFile, sweep: UltrasoundSweep) -> UncertainPose:
    """Return the error of the images' place in the room, FIXED from FIXED, about the machine isocentre.

    That of the tracking system's place and, as the image in the middle of the sweep has it, that of the
    calibration; both stay the same through the sweep, while the noise of the tracker averages out.

    Raises
    ------
    MissingEvidenceError
        If the probe file does not say how well the probe or the tracking system is known.
    """
    known, place = probe.calibration.covariance, probe.place
    if known is None or place is None:
        what = "its probe" if known is None else "the tracking system's place"
        msg = f"{probe.source} does not say how well {what} is known: calibrate it with its uncertainty"
        raise MissingEvidenceError(msg)
    middle = sweep.images[len(sweep.images) // 2].frame_from_image
    fixed_from_probe = middle @ probe.calibration.probe_from_image.inverse()
    turned = np.kron(np.eye(2), fixed_from_probe.rotation)
    room = RigidTransform.identity(FIXED, FIXED)
    of_image = UncertainPose(room, middle.translation_mm, turned @ known @ turned.T).about(np.zeros(3))
    return UncertainPose(room, np.zeros(3), of_image.covariance + place.about(np.zeros(3)).covariance)


def require_common_place(planning: PlanningInput, daily: UltrasoundInput) -> None:
    """Refuse a day's volume that shares no place with what it is matched to, isocentre on isocentre."""
    offset_mm = planning.isocentre.xyz_mm - daily.isocentre.xyz_mm
    there_mm = _seen_mm(daily.volume) + offset_mm
    if daily.reference is None:
        shared, name = planning.volume.grid.contains(there_mm).any(), planning.path
    else:
        shared, name = _is_seen(daily.reference.volume, there_mm).any(), daily.reference.path
    if not shared:
        msg = (
            f"the ultrasound {daily.path} shows no place that {name} shows, with the plan isocentre in the "
            "machine isocentre: check that both are of this target, and where the tracking system is"
        )
        raise MismatchError(msg)


def _seen_mm(volume: UltrasoundVolume) -> Array:
    """Return the places (n, 3) that a volume shows, on a lattice over it."""
    steps = [np.unique(np.linspace(0, n - 1, _LATTICE).round().astype(int)) for n in volume.grid.shape]
    k, j, i = (axis.ravel() for axis in np.meshgrid(*steps, indexing="ij"))
    seen = volume.seen[k, j, i]
    return volume.grid.xyz(np.column_stack([i, j, k])[seen].astype(np.float64))


def _is_seen(volume: UltrasoundVolume, xyz_mm: Array) -> NDArray[np.bool_]:
    inside = volume.grid.contains(xyz_mm)
    last = np.array(volume.grid.shape[::-1]) - 1
    i, j, k = np.clip(np.rint(volume.grid.index(xyz_mm)).astype(int), 0, last).T
    return np.asarray(inside & volume.seen[k, j, i])
