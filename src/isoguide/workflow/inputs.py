"""Bring DICOM folders and volume files to one shape: what the alignment needs, and where it came from."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from isoguide.dicom import (
    DailySet,
    FolderContents,
    ImageSeries,
    PatientIdentity,
    PlanningSet,
    StructureSet,
    load_daily_set,
    load_planning_set,
    machine_isocentre,
)
from isoguide.errors import GeometryError, InputError, MismatchError, MissingEvidenceError
from isoguide.geometry.frames import DAILY, PLANNING, Array, Frame, frozen_array
from isoguide.images.volume import Volume
from isoguide.plan import SAME_ISOCENTRE_MM, PatientPosition, Plan
from isoguide.progress import Progress
from isoguide.volume_files import VolumeFile, is_volume_file, load_volume_file
from isoguide.workflow.request import IMAGE_ORIGIN, AlignRequest, Point


@dataclass(frozen=True, slots=True, eq=False)
class PlacedPoint:
    """A point (3,) in LPS mm and how it is known."""

    xyz_mm: Array
    evidence: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "xyz_mm", frozen_array(self.xyz_mm, (3,), "isocentre"))


@dataclass(frozen=True, slots=True, eq=False)
class PlanningInput:
    """The planning side: image, isocentre, position, and the DICOM objects where there are any."""

    path: Path
    volume: Volume
    isocentre: PlacedPoint
    patient_position: PatientPosition
    content_sha256: str
    dicom: PlanningSet | None
    warnings: tuple[str, ...]

    @property
    def series(self) -> ImageSeries | None:
        """The DICOM image series, None for a volume file."""
        return self.dicom.image if self.dicom is not None else None

    @property
    def plan(self) -> Plan | None:
        """The plan, where there is one."""
        return self.dicom.plan if self.dicom is not None else None

    @property
    def structure_set(self) -> StructureSet | None:
        """The structure set, where there is one."""
        return self.dicom.structure_set if self.dicom is not None else None


@dataclass(frozen=True, slots=True, eq=False)
class DailyInput:
    """The day's side: image, machine isocentre in its frame, and the DICOM objects where there are any."""

    path: Path
    volume: Volume
    isocentre: PlacedPoint
    content_sha256: str
    dicom: DailySet | None
    warnings: tuple[str, ...]

    @property
    def series(self) -> ImageSeries | None:
        """The DICOM image series, None for a volume file."""
        return self.dicom.image if self.dicom is not None else None

    @property
    def patient(self) -> PatientIdentity | None:
        """Whose it is, None for a volume file."""
        return self.series.patient if self.series is not None else None

    @property
    def acquired_at(self) -> datetime | None:
        """When it was acquired, by the clock of the room; None where nothing says."""
        return self.series.acquired_at if self.series is not None else None


def load_planning(request: AlignRequest, progress: Progress) -> PlanningInput:
    """Read the planning side.

    Raises
    ------
    InputError
        If the files cannot be used, or the isocentre or the patient position is neither there nor stated.
    """
    require_existing(request.planning)
    if is_volume_file(request.planning):
        loaded = _planning_volume_file(request)
    else:
        loaded = _planning_dicom(request, progress)
    point_mm = loaded.isocentre.xyz_mm
    if not loaded.volume.grid.contains(point_mm):
        msg = (
            f"the isocentre {point_text(point_mm)} lies outside the planning image {request.planning}: "
            "check the plan, or state the isocentre with --isocentre X,Y,Z"
        )
        raise GeometryError(msg)
    return loaded


def load_daily(
    request: AlignRequest, progress: Progress, contents: FolderContents | None = None
) -> DailyInput:
    """Read the day's side; ``contents`` is what was found there already.

    Raises
    ------
    InputError
        If the files cannot be used, or nothing says where the machine isocentre is.
    """
    require_existing(request.daily)
    if is_volume_file(request.daily):
        return _daily_volume_file(request)
    found_there = request.daily if contents is None else contents
    daily = load_daily_set(found_there, series_uid=request.daily_series_uid, progress=progress)
    stated = _stated_machine_isocentre(request)
    if stated is None:
        found = machine_isocentre(daily)
        stated = PlacedPoint(found.xyz_mm, found.evidence)
    warnings = (
        *daily.image.warnings,
        *daily.warnings,
        *_contradiction_warnings(daily, stated),
        *_machine_isocentre_warnings(daily.image.volume, stated),
    )
    return DailyInput(
        request.daily, daily.image.volume, stated, daily.image.content_sha256, daily, _unique(warnings)
    )


def point_text(xyz_mm: Array) -> str:
    """Write a point as ``(x, y, z) mm`` with one decimal."""
    return "(" + ", ".join(f"{value:.1f}" for value in np.asarray(xyz_mm) + 0.0) + ") mm"


def require_existing(path: Path) -> None:
    """Refuse a path with nothing at its end, or that may not be followed.

    Raises
    ------
    InputError
        If so; the message names the path.
    """
    try:
        exists = path.exists()
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror or error}): check the path and its permissions"
        raise InputError(msg) from error
    if not exists:
        msg = f"{path} does not exist: check the path"
        raise InputError(msg)


def _planning_dicom(request: AlignRequest, progress: Progress) -> PlanningInput:
    planning = load_planning_set(
        request.planning,
        series_uid=request.planning_series_uid,
        plan_uid=request.plan_uid,
        structure_set_uid=request.structure_set_uid,
        progress=progress,
    )
    position = _planning_position(request, planning)
    isocentre, extra = _plan_isocentre(request, planning.plan)
    plan_warnings = planning.plan.warnings if planning.plan is not None else ()
    structure_warnings = planning.structure_set.warnings if planning.structure_set is not None else ()
    warnings = (*planning.image.warnings, *plan_warnings, *structure_warnings, *planning.warnings, *extra)
    image = planning.image
    return PlanningInput(
        request.planning, image.volume, isocentre, position, image.content_sha256, planning, _unique(warnings)
    )


def _planning_position(request: AlignRequest, planning: PlanningSet) -> PatientPosition:
    known = planning.plan.patient_position if planning.plan is not None else planning.image.patient_position
    stated = request.patient_position
    if known is None and stated is None:
        msg = (
            f"neither a plan nor the images in {request.planning} say how the patient lies: "
            "state it with --patient-position HFS (or HFP, FFS, FFP, HFDR, HFDL, FFDR, FFDL)"
        )
        raise MissingEvidenceError(msg)
    if known is not None and stated is not None and known != stated:
        msg = (
            f"--patient-position {stated} contradicts {request.planning}, which says {known}: "
            "leave the option out, or correct the plan"
        )
        raise MismatchError(msg)
    position = known or stated
    assert position is not None  # noqa: S101 - one of the two is set, as checked above; tells the type checker
    return position


def _plan_isocentre(request: AlignRequest, plan: Plan | None) -> tuple[PlacedPoint, tuple[str, ...]]:
    if request.isocentre_mm is not None:
        stated = PlacedPoint(np.array(request.isocentre_mm), "stated with --isocentre")
        return stated, _stated_isocentre_warnings(stated, plan)
    if plan is None:
        msg = (
            f"{request.planning} holds no plan, so the isocentre is not known: "
            "add the RT Plan to the folder, or state the isocentre with --isocentre X,Y,Z"
        )
        raise MissingEvidenceError(msg)
    of_beam = f"beam {request.beam} of " if request.beam is not None else ""
    return PlacedPoint(plan.isocentre_mm(request.beam), f"{of_beam}plan '{plan.label}'"), ()


def _stated_isocentre_warnings(stated: PlacedPoint, plan: Plan | None) -> tuple[str, ...]:
    if plan is None:
        return ("there is no plan: the isocentre was stated by hand and could not be checked",)
    planned = [beam.isocentre_mm for beam in plan.beams if beam.isocentre_mm is not None]
    if any(np.linalg.norm(point - stated.xyz_mm) <= SAME_ISOCENTRE_MM for point in planned):
        return ()
    return (
        f"the isocentre {point_text(stated.xyz_mm)} stated with --isocentre is none of plan '{plan.label}'",
    )


def _planning_volume_file(request: AlignRequest) -> PlanningInput:
    if request.isocentre_mm is None:
        msg = f"{request.planning} is a volume without a plan: state the isocentre with --isocentre X,Y,Z"
        raise MissingEvidenceError(msg)
    found = _read_volume(request.planning, PLANNING, request)
    warnings = [
        *found.warnings,
        "there is no plan: the isocentre was stated by hand and could not be checked",
    ]
    position = request.patient_position
    if position is None:
        position = PatientPosition.HFS
        warnings.append(
            f"PATIENT POSITION ASSUMED: {request.planning.name} does not say how the patient lies, "
            "head first supine (HFS) was taken; state it with --patient-position, because a wrong position "
            "turns the couch correction round"
        )
    isocentre = PlacedPoint(np.array(request.isocentre_mm), "stated with --isocentre")
    return PlanningInput(
        request.planning, found.volume, isocentre, position, found.sha256, None, tuple(warnings)
    )


def _daily_volume_file(request: AlignRequest) -> DailyInput:
    stated = _stated_machine_isocentre(request)
    if stated is None:
        msg = (
            f"{request.daily} does not say where the machine isocentre is: "
            "state it with --machine-isocentre X,Y,Z or --machine-isocentre image-origin"
        )
        raise MissingEvidenceError(msg)
    found = _read_volume(request.daily, DAILY, request)
    warnings = (*found.warnings, *_machine_isocentre_warnings(found.volume, stated))
    return DailyInput(request.daily, found.volume, stated, found.sha256, None, warnings)


def _read_volume(path: Path, frame: Frame, request: AlignRequest) -> VolumeFile:
    return load_volume_file(path, frame, assume_mm=request.assume_mm)


def _stated_machine_isocentre(request: AlignRequest) -> PlacedPoint | None:
    stated: Point | str | None = request.machine_isocentre_mm
    if stated is None:
        return None
    if isinstance(stated, str):
        text = f"the origin of the day's image, stated with --machine-isocentre {IMAGE_ORIGIN}"
        return PlacedPoint(np.zeros(3), text)
    return PlacedPoint(np.array(stated), "stated with --machine-isocentre")


def _contradiction_warnings(daily: DailySet, used: PlacedPoint) -> tuple[str, ...]:
    """Warn where a machine isocentre stated by hand is not the one that the day's files prove."""
    try:
        proven = machine_isocentre(daily)
    except InputError:  # no evidence, or none that agrees with itself: why the user had to state it
        return ()
    apart_mm = float(np.linalg.norm(proven.xyz_mm - used.xyz_mm))
    if apart_mm <= SAME_ISOCENTRE_MM:
        return ()
    return (
        f"the machine isocentre {point_text(used.xyz_mm)} ({used.evidence}) is {apart_mm:.1f} mm from "
        f"{point_text(proven.xyz_mm)}, which the day's files say ({proven.evidence})",
    )


def _machine_isocentre_warnings(volume: Volume, isocentre: PlacedPoint) -> tuple[str, ...]:
    if volume.grid.contains(isocentre.xyz_mm):
        return ()
    return (
        f"the machine isocentre {point_text(isocentre.xyz_mm)} ({isocentre.evidence}) lies outside the day's "
        "image",
    )


def _unique(warnings: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(warnings))
