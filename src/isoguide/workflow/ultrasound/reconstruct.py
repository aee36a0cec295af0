"""From a tracked freehand sweep to a volume with its place, files and a report."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

import isoguide
from isoguide.dicom import PatientIdentity
from isoguide.dicom.planning_set import load_planning_set
from isoguide.dicom.write_ultrasound import UltrasoundDetails, write_ultrasound_volume
from isoguide.errors import InputError, MissingEvidenceError
from isoguide.geometry.frames import FIXED, PLANNING, REFERENCE_SENSOR, TRACKER, Frame
from isoguide.images.compounding import Method, compound
from isoguide.images.ultrasound_fan import find_fan
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.plan import PatientPosition
from isoguide.progress import Progress, part_of, silent
from isoguide.volume_files.tracked_sequence import read_tracked_frames
from isoguide.volume_files.write_metaimage import write_metaimage
from isoguide.workflow.output_folder import published_folder
from isoguide.workflow.result_json import result_text
from isoguide.workflow.review.write_files import PAGE
from isoguide.workflow.ultrasound.load_sweep import LoadedSweep, place_sweep
from isoguide.workflow.ultrasound.plus_config import read_plus_config
from isoguide.workflow.ultrasound.probe_file import ProbeFile, read_probe_file

RESULT: Final = "result.json"
DICOM_FILE: Final = "volume.dcm"
_MHA_NAMES: Final[dict[Frame, str]] = {
    FIXED: "volume-in-room.mha",
    PLANNING: "volume-in-planning.mha",
    REFERENCE_SENSOR: "volume-in-reference.mha",
    TRACKER: "volume-in-tracker.mha",
}
"""The name says the frame, because the format cannot."""


@dataclass(frozen=True, slots=True)
class UltrasoundReconstructRequest:
    """What to make of which recording.

    Parameters
    ----------
    recording
        MetaImage sequence of Plus.
    probe
        Probe file; None with ``plus_config``.
    plus_config
        Device-set configuration of Plus instead of it.
    spacing_mm, method, fill_mm
        See :func:`isoguide.images.compounding.compound`.
    planning
        Export of the planning CT: whose volume it is, and for a volume in its coordinates their frame of
        reference.
    patient
        Whose it is, where no planning export says so.
    taken_at
        When the sweep was made, by the clock of the room; recordings do not say the day.
    patient_position
        How the patient lay, for a volume in the room; that of the planning export unless given.
    details
        Body part and side.
    """

    recording: Path
    probe: Path | None = None
    plus_config: Path | None = None
    spacing_mm: float = 0.5
    method: Method = "mean"
    fill_mm: float = 3.0
    planning: Path | None = None
    patient: PatientIdentity = field(default_factory=PatientIdentity)
    taken_at: datetime | None = None
    patient_position: PatientPosition | None = None
    details: UltrasoundDetails = field(
        default_factory=lambda: UltrasoundDetails(model="isoguide ultrasound reconstruct")
    )

    def __post_init__(self) -> None:
        if (self.probe is None) == (self.plus_config is None):
            msg = "a sweep needs the calibration of its probe: give --probe FILE, or --plus-config FILE"
            raise MissingEvidenceError(msg)


@dataclass(frozen=True, slots=True, eq=False)
class UltrasoundReconstruction:
    """What was made.

    Parameters
    ----------
    volume, loaded, probe
        The volume, the sweep it was made of, and its probe.
    request
        What was asked for.
    patient
        Whose it is.
    files
        Names of what was written.
    """

    volume: UltrasoundVolume
    loaded: LoadedSweep
    probe: ProbeFile
    request: UltrasoundReconstructRequest
    patient: PatientIdentity
    files: tuple[str, ...]

    @property
    def is_placed(self) -> bool:
        """Whether its place in the room or in the planning CT is known."""
        return self.volume.frame in (FIXED, PLANNING)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user has to know."""
        if self.is_placed:
            return self.loaded.warnings
        none = (
            f"the volume is in the coordinates of the {self.volume.frame}: {self.probe.source} does not "
            "say where that is in the room, so it can be looked at and not be used for guidance"
        )
        return (*self.loaded.warnings, none)


@dataclass(frozen=True, slots=True)
class _Owner:
    patient: PatientIdentity
    frame_of_reference_uid: str | None
    patient_position: PatientPosition | None


def reconstruct_ultrasound_into(
    target: Path,
    request: UltrasoundReconstructRequest,
    *,
    overwrite: bool = False,
    progress: Progress = silent,
) -> UltrasoundReconstruction:
    """Reconstruct a sweep; write the volume (DICOM where its place is known, MetaImage) and a report.

    Raises
    ------
    InputError
        If recording or probe cannot be used, or the volume has a place but its patient or its time is not
        given.
    OutputError
        If the folder cannot be written, or holds a result and ``overwrite`` is not set.
    """
    names = (*_MHA_NAMES.values(), DICOM_FILE, RESULT, PAGE)
    with published_folder(target, names, overwrite=overwrite) as staging:
        progress(0.0, "reading the recording")
        loaded, probe = _load(request, part_of(progress, 0.0, 0.4))
        owner = _owner(request, loaded.sweep.frame, part_of(progress, 0.4, 0.5))
        volume = compound(
            loaded.sweep,
            spacing_mm=request.spacing_mm,
            method=request.method,
            fill_mm=request.fill_mm,
            progress=part_of(progress, 0.5, 0.85),
        )
        progress(0.85, "writing the volume")
        files = _write_volume(staging, volume, owner, request)
        made = UltrasoundReconstruction(volume, loaded, probe, request, owner.patient, (*files, RESULT, PAGE))
        progress(0.9, "writing the report")
        _write_texts(staging, made)
    return made


def _load(request: UltrasoundReconstructRequest, progress: Progress) -> tuple[LoadedSweep, ProbeFile]:
    tracked = read_tracked_frames(request.recording)
    if request.plus_config is not None:
        fan = find_fan(tracked.frames.pixels, source=tracked.frames.source)
        probe = read_plus_config(request.plus_config, face_px=fan.face_px)
    else:
        assert request.probe is not None  # noqa: S101 - one of them, see the request; tells the type checker
        probe = read_probe_file(request.probe)
    return place_sweep(tracked, probe, progress), probe


def _owner(request: UltrasoundReconstructRequest, frame: Frame, progress: Progress) -> _Owner:
    """Say whose volume it is. Only a volume without a place may be nobody's.

    Raises
    ------
    MissingEvidenceError
        If the volume has a place and patient, time or planning export are not given.
    """
    owner = _Owner(request.patient, None, request.patient_position)
    if request.planning is not None:
        image = load_planning_set(request.planning, progress=progress).image
        if request.patient.patient_id not in ("", image.patient.patient_id):
            msg = (
                f"the patient ID {request.patient.patient_id!r} is not that of {request.planning} "
                f"({image.patient.patient_id!r}); give one of them"
            )
            raise InputError(msg)
        uid = image.frame_of_reference_uid if frame == PLANNING else None
        owner = _Owner(image.patient, uid, request.patient_position or image.patient_position)
    if frame not in (FIXED, PLANNING):
        return owner
    if frame == PLANNING and owner.frame_of_reference_uid is None:
        msg = (
            "the probe file places the sweep in the planning CT, whose frame of reference is needed: give "
            "--planning"
        )
        raise MissingEvidenceError(msg)
    if not owner.patient.patient_id:
        msg = "a volume with a place belongs to a patient: give --planning, or --patient-id"
        raise MissingEvidenceError(msg)
    if request.taken_at is None:
        msg = f"{request.recording} does not say the day it was recorded: give --taken"
        raise MissingEvidenceError(msg)
    return owner


def _write_volume(
    folder: Path, volume: UltrasoundVolume, owner: _Owner, request: UltrasoundReconstructRequest
) -> tuple[str, ...]:
    name = _MHA_NAMES[volume.frame]
    write_metaimage(folder / name, volume.grid, volume.values)
    if volume.frame not in (FIXED, PLANNING):
        return (name,)
    assert request.taken_at is not None  # noqa: S101 - asked for with the owner; tells the type checker
    write_ultrasound_volume(
        folder / DICOM_FILE,
        volume,
        owner.patient,
        acquired_at=request.taken_at,
        frame_of_reference_uid=owner.frame_of_reference_uid,
        patient_position=owner.patient_position if volume.frame == FIXED else None,
        details=request.details,
    )
    return (DICOM_FILE, name)


def _write_texts(folder: Path, made: UltrasoundReconstruction) -> None:
    from isoguide.workflow.ultrasound.reconstruct_report import reconstruction_html

    (folder / RESULT).write_text(result_text(reconstruction_document(made)), encoding="utf-8")
    (folder / PAGE).write_text(reconstruction_html(made), encoding="utf-8")


def reconstruction_document(made: UltrasoundReconstruction) -> dict[str, object]:
    """Describe a reconstruction as plain values, lengths in mm."""
    grid, volume, request = made.volume.grid, made.volume, made.request
    voxel_ml = float(np.prod(grid.spacing_mm)) / 1000.0
    calibration = made.probe.calibration
    return {
        "schema_version": "1.0",
        "kind": "ultrasound volume",
        "version": isoguide.__version__,
        "recording": str(request.recording),
        "frame": str(volume.frame),
        "has_place_in_room": made.is_placed,
        "patient_id": made.patient.patient_id,
        "taken_at": None if request.taken_at is None else request.taken_at.isoformat(timespec="seconds"),
        "size": list(grid.shape[::-1]),
        "spacing_mm": grid.spacing_mm.tolist(),
        "origin_mm": grid.origin_mm.tolist(),
        "seen_ml": round(float(volume.seen.sum()) * voxel_ml, 3),
        "shadowed_ml": round(float(volume.shadowed.sum()) * voxel_ml, 3),
        "method": request.method,
        "fill_mm": request.fill_mm,
        "images": {
            "recorded": made.loaded.recorded,
            "used": len(made.loaded.sweep.images),
            "left_out": [{"number": n + 1, "why": why} for n, why in made.loaded.left_out],
        },
        "probe": {
            "source": made.probe.source,
            "name": made.probe.name,
            "pixel_spacing_mm": list(calibration.pixel_spacing_mm),
            "shear_deg": calibration.shear_deg,
            "rms_mm": calibration.rms_mm,
            "delay_s": made.probe.delay_s,
        },
        "warnings": list(made.warnings),
        "files": list(made.files),
    }
