"""Markers followed through images on a disk, as they would be while the beam is on."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.dicom.identity import compare_patients
from isoguide.errors import InputError, MissingEvidenceError
from isoguide.geometry.frames import Array
from isoguide.geometry.iec61217 import fixed_from_planning
from isoguide.images.radiograph import Radiograph
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.marker_pixels import MarkerFinder
from isoguide.motion.sample import Sighting, Unseen
from isoguide.motion.single_imager import SingleImagerTracker
from isoguide.motion.stereo_markers import StereoMarkerTracker
from isoguide.progress import Progress, part_of, silent
from isoguide.registration.markers import DeclaredMarkers
from isoguide.workflow.implanted_markers import prepare_markers
from isoguide.workflow.inputs import PlanningInput, load_planning
from isoguide.workflow.motion.image_frames import (
    ImageFrames,
    Side,
    TimedImage,
    frames_of_file,
    frames_of_folder,
)
from isoguide.workflow.motion.recording import Recording, RecordingHeader, TakenSighting
from isoguide.workflow.request import AlignRequest, RadiographChoice

TOGETHER: Final = timedelta(seconds=0.02)
"""Images that were exposed from two sides within this are one pair."""


def watch_images(
    request: AlignRequest,
    declared: DeclaredMarkers | None,
    settings: GateSettings,
    *,
    now: datetime,
    progress: Progress = silent,
) -> tuple[Recording, tuple[str, ...]]:
    """Follow the markers of a patient through images, one after the other.

    Parameters
    ----------
    request
        Planning side, and as ``daily`` the folder of radiographs or the frames file.
    declared
        What was implanted.
    settings
        Of the gate, for the header.
    now
        By the clock of the room.
    progress
        Told how far it is.

    Returns
    -------
    tuple
        A recording of the frames without a decision, and what a user has to know. A frame has arrived when
        this computer had looked at it, one after the other: what imager and network need is not in it.

    Raises
    ------
    MissingEvidenceError
        If no markers are declared.
    InputError
        If the files cannot be used.
    """
    if declared is None:
        msg = f"nothing says what {request.daily} shows of the target: give --markers such as seed:4:5x1"
        raise MissingEvidenceError(msg)
    planning = load_planning(request, part_of(progress, 0.0, 0.2))
    frames = _frames(request, planning, now=now)
    notes = (*planning.warnings, *frames.notes)
    if frames.patient is not None and planning.series is not None:
        notes += compare_patients(
            planning.series.patient, str(planning.path), frames.patient, str(frames.images[0].path)
        )
    plan = prepare_markers(planning, declared, None)
    as_planned = fixed_from_planning(planning.patient_position, planning.isocentre.xyz_mm)
    planned_mm = as_planned.apply(np.array([one.position_mm for one in plan.prepared.planned]))
    names = [one.name for one in plan.prepared.planned]
    exposures = _exposures(frames.images)
    kind = _Pair if any(len(images) == 2 for images in exposures) else _OneImager
    device = kind(declared, planned_mm, names)
    taken = _followed(exposures, device, part_of(progress, 0.2, 1.0))
    patient = planning.series.patient.patient_id if planning.series is not None else ""
    header = RecordingHeader(
        min(one.at for one in frames.images),
        patient,
        planning.plan.sop_instance_uid if planning.plan is not None else "",
        0,
        device.device,
        settings,
        planned_mm,
        frames.clock,
    )
    told = (
        f"The markers' planned places: {plan.evidence}. A frame counts as arrived when this computer had "
        "found the markers in it, one frame after the other; what imager and network need comes on top.",
    )
    recording = Recording(header, taken, (), (), (), (), ())
    return recording, (*told, *dict.fromkeys((*notes, *plan.warnings)))


def _frames(request: AlignRequest, planning: PlanningInput, *, now: datetime) -> ImageFrames:
    path, choice = request.daily, request.radiographs
    if path.is_dir():
        return frames_of_folder(path, choice, now=now)
    _refuse_choice(path, choice)
    as_planned = fixed_from_planning(planning.patient_position, planning.isocentre.xyz_mm)
    return frames_of_file(path, as_planned)


def _refuse_choice(path: Path, choice: RadiographChoice) -> None:
    if choice.imagers or choice.source_from_gantry_deg is not None or choice.pixels is not None:
        msg = f"{path} states its geometry itself: leave --imager, --source-from-gantry and --pixels out"
        raise InputError(msg)


def _exposures(images: Sequence[TimedImage]) -> list[tuple[TimedImage, ...]]:
    """Join neighbours that were exposed together from two sides.

    Raises
    ------
    InputError
        If there are more than two of them.
    """
    found: list[tuple[TimedImage, ...]] = []
    for image in images:
        last = found[-1] if found else ()
        is_partner = bool(last) and abs(image.at - last[0].at) < TOGETHER
        if not is_partner or any(one.seen_from == image.seen_from for one in last):
            found.append((image,))
            continue
        if len(last) == 2:
            msg = f"{image.path} was exposed together with two more images: give one imager or one pair"
            raise InputError(msg)
        found[-1] = (*last, image)
    return found


class _OneImager:
    """Follows the markers through the images of one imager."""

    device: Final = "implanted markers in the images of one imager"

    def __init__(self, declared: DeclaredMarkers, planned_mm: Array, names: Sequence[str]) -> None:
        self._finder = MarkerFinder(declared)
        self._tracker = SingleImagerTracker(planned_mm, names=names)
        self._finder.warm_up()

    def see(self, shown: Sequence[Radiograph], images: Sequence[TimedImage]) -> Sighting:
        expected_mm, covariance = self._tracker.expect()
        (one,), (image,) = shown, images
        pixels = self._finder.find(one.values, one.view, expected_mm, covariance, one.quantity)
        return self._tracker.see(one.view, pixels, at=image.at, number=image.number)


class _Pair:
    """Follows them through pairs; each side has a finder of its own, which knows its image before."""

    device: Final = "implanted markers in stereoscopic pairs of radiographs"

    def __init__(self, declared: DeclaredMarkers, planned_mm: Array, names: Sequence[str]) -> None:
        self._declared = declared
        self._finders: dict[Side, MarkerFinder] = {}
        self._tracker = StereoMarkerTracker(planned_mm, names=names)
        MarkerFinder(declared).warm_up()

    def see(self, shown: Sequence[Radiograph], images: Sequence[TimedImage]) -> Sighting:
        first = images[0]
        if len(shown) != 2:
            source = self._tracker.settings.source
            return Unseen(first.at, first.number, source, "only one image of the pair came")
        expected_mm, covariance = self._tracker.expect()
        found = []
        for one, image in zip(shown, images, strict=True):
            finder = self._finders.setdefault(image.seen_from, MarkerFinder(self._declared))
            found.append(finder.find(one.values, one.view, expected_mm, covariance, one.quantity))
        views = [one.view for one in shown]
        return self._tracker.see(views, found, at=first.at, number=first.number)


def _followed(
    exposures: Sequence[tuple[TimedImage, ...]], device: _OneImager | _Pair, progress: Progress
) -> tuple[TakenSighting, ...]:
    """Look at each exposure where its markers are expected; the time that takes is measured."""
    found: list[TakenSighting] = []
    arrived = min(one.at for images in exposures for one in images)
    for place, images in enumerate(exposures):
        progress(place / len(exposures), f"looking at {images[0].path.name}")
        shown = [image.load().radiograph for image in images]
        begin_s = time.perf_counter()
        seen = device.see(shown, images)
        took = timedelta(seconds=time.perf_counter() - begin_s)
        arrived = max(arrived, *(image.at for image in images)) + took
        found.append(TakenSighting(arrived, seen))
    return tuple(found)
