"""Which of the radiographs in a folder are those of the day: what was exposed last, within one moment."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from isoguide.dicom import FolderContents
from isoguide.dicom.choice import refuse_strangers
from isoguide.dicom.daily_set import SERIES_OPTION
from isoguide.dicom.item import tolerating_odd_values
from isoguide.dicom.radiograph_header import COMPUTED, RadiographHeader, radiograph_header
from isoguide.dicom.rtimage import SHOW_NO_PATIENT, image_kind
from isoguide.dicom.scan import DicomFile
from isoguide.errors import MismatchError, MissingEvidenceError
from isoguide.workflow.request import RadiographChoice

LEFT_OUT: Final = (COMPUTED, *SHOW_NO_PATIENT)
"""Kinds of RT Image that are no image of a patient on the day."""


@tolerating_odd_values
def exposures(contents: FolderContents) -> tuple[DicomFile, ...]:
    """Return the radiographs that somebody exposed, each instance once: no DRRs, no calibration images."""
    own = {
        file.sop_instance_uid: file
        for file in reversed(contents.radiographs)
        if image_kind(file.item) not in LEFT_OUT
    }
    return tuple(own.values())[::-1]


def images_of_the_day(
    contents: FolderContents, choice: RadiographChoice, series_uid: str | None
) -> tuple[tuple[RadiographHeader, ...], tuple[str, ...]]:
    """Return the images exposed last, by their headers, and what was left out.

    Parameters
    ----------
    contents
        What was found.
    choice
        With the files that the user named, if any, and how far apart one moment reaches.
    series_uid
        Only this series, where it is given.

    Raises
    ------
    MissingEvidenceError
        If there is none.
    MismatchError
        If images of several patients lie there, or the images belong to several moments.
    """
    found = exposures(contents)
    files = [file for file in found if series_uid in (None, file.series_instance_uid)]
    if not files:
        others = " but computed or blank ones" if contents.radiographs else ""
        msg = f"{contents.path} holds no radiograph{others}; give the images of the day"
        raise MissingEvidenceError(msg)
    refuse_strangers(files, files[0].patient, source=str(files[0].path), option=SERIES_OPTION)
    headers = tuple(radiograph_header(file) for file in files)
    computed = len({file.sop_instance_uid for file in contents.radiographs}) - len(found)
    notes: tuple[str, ...] = (
        (f"{computed} computed or blank images of {contents.path} were left out",) if computed else ()
    )
    timeless = [header for header in headers if header.acquired_at is None]
    if timeless:
        timed = [header for header in headers if header.acquired_at is not None]
        _refuse_other_moments(timed, choice.moments_apart_s)
        note = (
            f"{timeless[0].path} does not say when it was taken: whether the patient moved between the "
            "images is not known"
        )
        return headers, (*notes, note) if len(headers) > 1 else notes
    if choice.files:
        _refuse_other_moments(headers, choice.moments_apart_s)
        return headers, notes
    newest, older = _last_moment(headers, choice.moments_apart_s)
    if older:
        notes += (f"{len(older)} older images of {contents.path} were left out",)
    return newest, notes


def _last_moment(
    headers: Sequence[RadiographHeader], moments_apart_s: float
) -> tuple[tuple[RadiographHeader, ...], tuple[RadiographHeader, ...]]:
    last = max(headers, key=_time)
    newest = tuple(header for header in headers if _time(last) - _time(header) <= moments_apart_s)
    older = tuple(header for header in headers if header not in newest)
    same_day = [one for one in older if _day(one) == _day(last)]
    if len(newest) == 1 and same_day:
        _refuse_other_moments((max(same_day, key=_time), last), moments_apart_s)
    return newest, older


def _refuse_other_moments(headers: Sequence[RadiographHeader], moments_apart_s: float) -> None:
    for one, other in pairwise(sorted(headers, key=_time)):
        apart_s = _time(other) - _time(one)
        if apart_s > moments_apart_s:
            msg = (
                f"{other.path} was taken {apart_s:.0f} s after {one.path}, and after {moments_apart_s:g} s a "
                "patient no longer counts as lying still: give images of one moment, or allow more with "
                "--moments-apart"
            )
            raise MismatchError(msg)


def _time(header: RadiographHeader) -> float:
    assert header.acquired_at is not None  # noqa: S101 - images without a time were sorted out before
    # Only differences count; the clock of the room has no zone.
    return (header.acquired_at - header.acquired_at.min).total_seconds()


def _day(header: RadiographHeader) -> object:
    return header.acquired_at.date() if header.acquired_at is not None else None
