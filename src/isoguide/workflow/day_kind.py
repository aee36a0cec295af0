"""What the image of the day is: a CT, DICOM radiographs, or a views file."""

from dataclasses import dataclass
from typing import Literal

from isoguide.dicom import FolderContents, scan_folder
from isoguide.dicom.scan import scan_files
from isoguide.errors import AmbiguityError, InputError, UnreadableError
from isoguide.progress import Progress, silent
from isoguide.volume_files import is_volume_file
from isoguide.workflow.inputs import require_existing
from isoguide.workflow.radiographs.align_views import is_views_file
from isoguide.workflow.radiographs.choose import exposures
from isoguide.workflow.request import AlignRequest, RadiographChoice

DayKind = Literal["volume", "radiographs", "views file"]


@dataclass(frozen=True, slots=True, eq=False)
class Day:
    """What the day's side of a request is, and what its folder holds where it is DICOM."""

    kind: DayKind
    contents: FolderContents | None = None


def look_at_day(request: AlignRequest, progress: Progress = silent) -> Day:
    """Find out what the image of the day is, by content.

    Raises
    ------
    AmbiguityError
        If a folder holds a CT as well as radiographs and nobody said which.
    UnreadableError
        If there is nothing, or one of several files is no radiograph.
    InputError
        If something was said about radiographs and there are none.
    """
    day = _looked_at(request, progress)
    choice = request.radiographs
    if day.kind != "radiographs" and choice != RadiographChoice():
        what = "a views file, which says all itself" if day.kind == "views file" else "no radiograph"
        msg = (
            f"{request.daily} is {what}: leave --imager, --view, --source-from-gantry, --pixels and "
            "--moments-apart out"
        )
        raise InputError(msg)
    return day


def _looked_at(request: AlignRequest, progress: Progress) -> Day:
    if request.radiographs.files:
        return _named_files(request)
    require_existing(request.daily)
    if is_views_file(request.daily):
        return Day("views file")
    if is_volume_file(request.daily):
        return Day("volume")
    contents = scan_folder(request.daily, progress)
    radiographs = exposures(contents)
    series_uid = request.daily_series_uid
    if series_uid is not None:
        chosen = any(file.series_instance_uid == series_uid for file in radiographs)
        return Day("radiographs" if chosen else "volume", contents)
    if not contents.ct_series and contents.radiographs:
        return Day("radiographs", contents)
    if not radiographs:
        return Day("volume", contents)
    listed = " and ".join(f"the {series.label}" for series in contents.ct_series)
    msg = (
        f"{request.daily} holds {listed} and {len(radiographs)} radiographs: choose with --daily-series UID, "
        "or give the files of the radiographs"
    )
    raise AmbiguityError(msg)


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
