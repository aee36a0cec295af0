"""The image that staff took and exported, as the treatment room would have given it."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from isoguide.course import ImagingDose, Modality, Protocol
from isoguide.dicom import FolderContents
from isoguide.errors import MismatchError, MissingEvidenceError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.geometry.transforms import RigidTransform
from isoguide.geometry.xray_view import XrayView
from isoguide.progress import Progress, silent
from isoguide.treatment.ports import DayImage
from isoguide.workflow.day_kind import Day, DayKind, look_at_day
from isoguide.workflow.inputs import DailyInput, PlanningInput, load_daily
from isoguide.workflow.pair_checks import check_pair, check_views
from isoguide.workflow.radiographs.align_views import ViewsInput, load_room_views
from isoguide.workflow.request import Against, AlignRequest, Point, RadiographChoice
from isoguide.workflow.station_time import at_this_station
from isoguide.workflow.ultrasound.align_input import UltrasoundReference
from isoguide.workflow.ultrasound.load_day import load_ultrasound_day

PAIR_MODEL: Final = "radiographs"
ULTRASOUND_MODEL: Final = "ultrasound"
_IMAGED_BY: Final[dict[DayKind, tuple[str, tuple[Modality, ...]]]] = {
    "volume": ("a volume image", (Modality.CT, Modality.CONE_BEAM_CT)),
    "radiographs": ("radiographs", (Modality.KV_PAIR,)),
    "views file": ("radiographs", (Modality.KV_PAIR,)),
    "ultrasound": ("ultrasound", (Modality.ULTRASOUND,)),
}
"""What each kind of image is called, and by which modalities a protocol asks for it."""


@dataclass(frozen=True, slots=True)
class ImageSaid:
    """What staff say of an image beside its files.

    Parameters
    ----------
    machine_isocentre_mm
        Where no file says where the machine isocentre is in a volume.
    dose
        What the exposure cost, where it is known.
    radiographs
        What files of radiographs do not say.
    """

    machine_isocentre_mm: Point | None = None
    dose: ImagingDose | None = None
    radiographs: RadiographChoice = field(default_factory=RadiographChoice)


@dataclass(frozen=True, slots=True, eq=False)
class DayFiles:
    """The export of an image as far as it is read without the plan: a CT, or what a folder holds."""

    request: AlignRequest
    day: Day
    volume: DailyInput | None = None

    @property
    def contents(self) -> FolderContents | None:
        """What the folder holds where it is DICOM."""
        return self.day.contents


@dataclass(frozen=True, slots=True, eq=False)
class TakenImage:
    """An image of the day, its files, and for radiographs their views in planning axes as planned.

    ``content_sha256`` is that of geometry and values: the same image, read in the same way, gives the same.
    ``reference`` is what ultrasound was held against; None for the planning CT.
    """

    image: DayImage
    files: tuple[Path, ...]
    views: tuple[XrayView, ...] = ()
    content_sha256: str = ""
    reference: UltrasoundReference | None = None


def read_taken_image(
    planning: PlanningInput,
    folder: Path,
    said: ImageSaid,
    *,
    protocol: Protocol,
    couch: TableTopPose,
    progress: Progress = silent,
    now: datetime | None = None,
) -> TakenImage:
    """Read what staff exported: a CT, a cone-beam CT, radiographs, or an ultrasound volume.

    A time without a zone is one of this work station (PS3.3 C.12.1); an export says when an image was begun.

    Parameters
    ----------
    planning
        What it will be matched to.
    folder
        The export.
    said
        What its files do not say.
    protocol
        Says what the patient is imaged by.
    couch
        As staff read it.
    progress
        Told what is done.
    now
        By the clock of the room, when not now: an imager has to be calibrated by then.

    Raises
    ------
    MissingEvidenceError
        If it does not say whose it is, when it was taken, or how the patient lay.
    MismatchError
        If the protocol asks for another kind of image, or it is of another patient.
    InputError
        If it cannot be used.
    """
    return taken_image(planning, read_day_files(folder, said, protocol, progress), couch=couch, now=now)


def read_day_files(
    folder: Path, said: ImageSaid, protocol: Protocol, progress: Progress = silent
) -> DayFiles:
    """Read of an export what needs no plan: both can be read at once; see :func:`read_taken_image`."""
    request = AlignRequest(
        folder, folder, machine_isocentre_mm=said.machine_isocentre_mm, radiographs=said.radiographs
    )
    day = look_at_day(request, progress)
    _require_modality(protocol, folder, day.kind)
    if day.kind == "volume":
        return DayFiles(request, day, load_daily(request, progress, day.contents))
    return DayFiles(request, day)


def taken_image(
    planning: PlanningInput,
    files: DayFiles,
    *,
    couch: TableTopPose,
    now: datetime | None = None,
    has_reference_file: bool = True,
) -> TakenImage:
    """Take what was read for an image of the patient of a plan; see :func:`read_taken_image`.

    Ultrasound is held against the reference of the simulation, but for an image that was when it was taken
    and is read again without the files of the plan (``has_reference_file``).
    """
    daily = files.volume
    if daily is not None:
        check_pair(planning, daily)
        paths = daily.series.paths if daily.series is not None else ()
        return TakenImage(_of_volume(daily, couch), paths, content_sha256=daily.content_sha256)
    if files.day.kind == "ultrasound":
        return _of_ultrasound(planning, files, couch, "auto" if has_reference_file else "ct")
    if files.contents is None:
        msg = f"{files.request.daily} is a views file, which does not say whose it is or when: export DICOM"
        raise MissingEvidenceError(msg)
    request = replace(files.request, planning=planning.path)
    views = load_room_views(request, planning, files.contents, now=now or datetime.now())
    check_views(planning, views)
    return _of_radiographs(planning, views, couch)


def _require_modality(protocol: Protocol, folder: Path, kind: DayKind) -> None:
    found, modalities = _IMAGED_BY[kind]
    if protocol.modality in modalities:
        return
    msg = (
        f"protocol {protocol.label} images by {protocol.modality}, and {folder} holds {found}: take what the "
        "protocol asks for, or choose another protocol for the course"
    )
    raise MismatchError(msg)


def _of_volume(daily: DailyInput, couch: TableTopPose) -> DayImage:
    series = daily.series
    if series is None:
        msg = (
            f"{daily.path} is no DICOM image, so whose it is and when it was taken is not known: export DICOM"
        )
        raise MissingEvidenceError(msg)
    if series.acquired_at is None or series.patient_position is None:
        lacks = "when it was taken" if series.acquired_at is None else "how the patient lay"
        msg = f"{daily.path} does not say {lacks}: export it with acquisition date, time and position"
        raise MissingEvidenceError(msg)
    taken_at = at_this_station(series.acquired_at)
    return DayImage(
        uid=series.series_instance_uid,
        content=daily.volume,
        machine_isocentre_mm=daily.isocentre.xyz_mm,
        patient_position=series.patient_position,
        started_at=taken_at,
        acquired_at=taken_at,
        couch=couch,
        model=series.description or series.modality,
        patient_id=series.patient.patient_id,
    )


def _of_ultrasound(
    planning: PlanningInput, files: DayFiles, couch: TableTopPose, against: Against
) -> TakenImage:
    """Take a volume that states its place in the room; what it is held against does not change it."""
    choice = replace(files.request.ultrasound, against=against)
    request = replace(files.request, planning=planning.path, ultrasound=choice)
    daily = load_ultrasound_day(request, planning, files.day)
    if daily.patient is None or daily.series is None:
        msg = f"{daily.path} does not say whose it is: export the ultrasound as a DICOM volume"
        raise MissingEvidenceError(msg)
    if daily.acquired_at is None:
        msg = f"{daily.path} does not say when it was taken: export it with acquisition date and time"
        raise MissingEvidenceError(msg)
    taken_at = at_this_station(daily.acquired_at)
    image = DayImage(
        uid=daily.series.instance_uids[0],
        content=daily.volume,
        machine_isocentre_mm=daily.isocentre.xyz_mm,
        patient_position=planning.patient_position,
        started_at=taken_at,
        acquired_at=taken_at,
        couch=couch,
        model=ULTRASOUND_MODEL,
        patient_id=daily.patient.patient_id,
    )
    paths = (files.day.ultrasound,) if files.day.ultrasound is not None else ()
    return TakenImage(image, paths, content_sha256=daily.content_sha256, reference=daily.reference)


def _of_radiographs(planning: PlanningInput, daily: ViewsInput, couch: TableTopPose) -> TakenImage:
    if daily.acquired_at is None or daily.moments_apart_s is None or daily.patient is None:
        msg = f"{daily.path} does not say when it was taken: export it with acquisition date and time"
        raise MissingEvidenceError(msg)
    # The views are placed in planning axes: as the day's image they have the machine isocentre where the
    # plan has its own.
    as_daily = RigidTransform.identity(DAILY, PLANNING)
    headers = [origin.header for origin in daily.origins]
    moments = sorted(header.acquired_at for header in headers if header.acquired_at is not None)
    image = DayImage(
        uid=headers[0].sop_instance_uid,
        content=tuple(one.in_frame(as_daily) for one in daily.views),
        machine_isocentre_mm=daily.isocentre.xyz_mm,
        patient_position=planning.patient_position,
        started_at=at_this_station(moments[0]),
        acquired_at=at_this_station(moments[-1]),
        couch=couch,
        model=PAIR_MODEL,
        patient_id=daily.patient.patient_id,
    )
    views = tuple(one.view for one in daily.views)
    return TakenImage(image, tuple(header.path for header in headers), views, daily.content_sha256)
