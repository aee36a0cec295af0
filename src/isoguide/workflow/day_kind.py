"""What the image of the day is: a CT, DICOM radiographs, a views file, or ultrasound."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from isoguide.dicom import FolderContents, scan_folder
from isoguide.dicom.scan import FLAT_ULTRASOUND_CLASSES, scan_files
from isoguide.errors import AmbiguityError, InputError, MissingEvidenceError, UnreadableError
from isoguide.progress import Progress, silent
from isoguide.volume_files import is_volume_file
from isoguide.volume_files.tracked_sequence import is_tracked_sequence
from isoguide.workflow.inputs import require_existing
from isoguide.workflow.radiographs.align_views import is_views_file
from isoguide.workflow.radiographs.choose import exposures
from isoguide.workflow.request import AlignRequest, RadiographChoice, UltrasoundChoice

DayKind = Literal["volume", "radiographs", "views file", "ultrasound"]


@dataclass(frozen=True, slots=True, eq=False)
class Day:
    """What the day's side of a request is, and what its folder holds where it is DICOM.

    ``ultrasound`` is the file of an ultrasound volume, None for a tracked sequence.
    """

    kind: DayKind
    contents: FolderContents | None = None
    ultrasound: Path | None = None


def look_at_day(request: AlignRequest, progress: Progress = silent) -> Day:
    """Find out what the image of the day is, by content.

    Raises
    ------
    AmbiguityError
        If a folder holds images of several kinds, or several ultrasound volumes, and nobody said which.
    UnreadableError
        If there is nothing, or one of several files is no radiograph.
    MissingEvidenceError
        If there is only ultrasound that has no place in the room.
    InputError
        If something was said about radiographs or ultrasound and there are none.
    """
    day = _looked_at(request, progress)
    _refuse_what_is_for_ultrasound(request, day)
    choice = request.radiographs
    if day.kind != "radiographs" and choice != RadiographChoice():
        what = "a views file, which says all itself" if day.kind == "views file" else "no radiograph"
        msg = (
            f"{request.daily} is {what}: leave --imager, --view, --source-from-gantry, --pixels and "
            "--moments-apart out"
        )
        raise InputError(msg)
    return day


def _refuse_what_is_for_ultrasound(request: AlignRequest, day: Day) -> None:
    choice = request.ultrasound
    if day.kind != "ultrasound" and choice != UltrasoundChoice():
        msg = f"{request.daily} is no ultrasound: leave --probe, --ultrasound-reference and --against out"
        raise InputError(msg)
    if day.ultrasound is not None and choice.probe is not None:
        msg = f"{day.ultrasound} states its place in the room itself: leave --probe out"
        raise InputError(msg)


def _looked_at(request: AlignRequest, progress: Progress) -> Day:
    if request.radiographs.files:
        return _named_files(request)
    require_existing(request.daily)
    if is_views_file(request.daily):
        return Day("views file")
    if is_tracked_sequence(request.daily):
        return Day("ultrasound")
    if is_volume_file(request.daily):
        return Day("volume")
    return _of_contents(request, scan_folder(request.daily, progress))


def _of_contents(request: AlignRequest, contents: FolderContents) -> Day:
    radiographs, series_uid = exposures(contents), request.daily_series_uid
    if series_uid is not None:
        if any(file.series_instance_uid == series_uid for file in contents.ultrasound):
            return _ultrasound(request, contents, series_uid)
        chosen = any(file.series_instance_uid == series_uid for file in radiographs)
        return Day("radiographs" if chosen else "volume", contents)
    kinds = (contents.ct_series, radiographs, contents.ultrasound)
    if sum(bool(found) for found in kinds) > 1:
        raise _several_kinds(request, contents, len(radiographs))
    if contents.ultrasound:
        return _ultrasound(request, contents, None)
    return Day("radiographs" if contents.radiographs and not contents.ct_series else "volume", contents)


def _several_kinds(request: AlignRequest, contents: FolderContents, radiographs: int) -> AmbiguityError:
    held = [f"the {series.label}" for series in contents.ct_series]
    held += [f"{radiographs} radiographs"] if radiographs else []
    held += [f"{len(contents.ultrasound)} ultrasound images"] if contents.ultrasound else []
    files = ", or give the files of the radiographs" if radiographs else ""
    return AmbiguityError(
        f"{request.daily} holds {' and '.join(held)}: choose with --daily-series UID{files}"
    )


def _ultrasound(request: AlignRequest, contents: FolderContents, series_uid: str | None) -> Day:
    """Take the one volume that has a place; several are not chosen among."""
    files = [file for file in contents.ultrasound if series_uid in (None, file.series_instance_uid)]
    volumes = {
        file.sop_instance_uid: file.path
        for file in reversed(files)
        if file.sop_class_uid not in FLAT_ULTRASOUND_CLASSES
    }
    if not volumes:
        msg = (
            f"{files[0].path} has no place in the room: it needs a tracked probe and its calibration; give a "
            "tracked sequence with --probe FILE, or a volume that was made of one"
        )
        raise MissingEvidenceError(msg)
    if len(volumes) > 1:
        listed = ", ".join(str(path) for path in sorted(volumes.values()))
        msg = f"{request.daily} holds {len(volumes)} ultrasound volumes ({listed}): give the file of one"
        raise AmbiguityError(msg)
    return Day("ultrasound", contents, next(iter(volumes.values())))


def _named_files(request: AlignRequest) -> Day:
    files = request.radiographs.files
    contents = scan_files(files)
    known = {file.path for file in exposures(contents)}
    other = next((path for path in files if path not in known), None)
    if other is not None:
        msg = (
            f"{other} is no exposed DICOM radiograph, or a copy of another: give several files of a pair only"
        )
        raise UnreadableError(msg)
    return Day("radiographs", contents)
