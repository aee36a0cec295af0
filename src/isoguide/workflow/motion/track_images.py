"""Markers followed through images on a disk, as they would be while the beam is on."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.dicom.identity import compare_patients
from isoguide.errors import InputError, MissingEvidenceError
from isoguide.geometry.iec61217 import fixed_from_planning
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.marker_pixels import MarkerFinder
from isoguide.motion.sample import Sighting
from isoguide.motion.single_imager import SingleImagerTracker
from isoguide.progress import Progress, part_of, silent
from isoguide.registration.markers import DeclaredMarkers
from isoguide.workflow.implanted_markers import prepare_markers
from isoguide.workflow.inputs import PlanningInput, load_planning
from isoguide.workflow.motion.image_frames import (
    ImageFrames,
    TimedImage,
    frames_of_file,
    frames_of_folder,
)
from isoguide.workflow.motion.recording import Recording, RecordingHeader, TakenSighting
from isoguide.workflow.request import AlignRequest, RadiographChoice

TOGETHER: Final = timedelta(seconds=0.02)
"""Images exposed closer to each other are one pair."""


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
    finder, tracker = MarkerFinder(declared), SingleImagerTracker(planned_mm, names=names)
    finder.warm_up()
    taken = _followed(frames.images, finder, tracker, part_of(progress, 0.2, 1.0))
    patient = planning.series.patient.patient_id if planning.series is not None else ""
    header = RecordingHeader(
        min(one.at for one in frames.images),
        patient,
        planning.plan.sop_instance_uid if planning.plan is not None else "",
        0,
        "implanted markers in the images of one imager",
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
        frames = frames_of_folder(path, choice, now=now)
    else:
        _refuse_choice(path, choice)
        as_planned = fixed_from_planning(planning.patient_position, planning.isocentre.xyz_mm)
        frames = frames_of_file(path, as_planned)
    _refuse_pairs(frames.images)
    return frames


def _refuse_choice(path: Path, choice: RadiographChoice) -> None:
    if choice.imagers or choice.source_from_gantry_deg is not None or choice.pixels is not None:
        msg = f"{path} states its geometry itself: leave --imager, --source-from-gantry and --pixels out"
        raise InputError(msg)


def _refuse_pairs(images: Sequence[TimedImage]) -> None:
    for one, other in pairwise(images):
        if one.seen_from != other.seen_from and abs(other.at - one.at) < TOGETHER:
            msg = (
                f"{one.path} and {other.path} were exposed at the same time from two sides: give the images "
                "of one imager"
            )
            raise InputError(msg)


def _followed(
    images: Sequence[TimedImage], finder: MarkerFinder, tracker: SingleImagerTracker, progress: Progress
) -> tuple[TakenSighting, ...]:
    """Look at each image where its markers are expected; the time that takes is measured."""
    found: list[TakenSighting] = []
    arrived = min(one.at for one in images)
    for place, image in enumerate(images):
        progress(place / len(images), f"looking at {image.path.name}")
        view = image.load().radiograph
        begin_s = time.perf_counter()
        expected_mm, covariance = tracker.expect()
        pixels = finder.find(view.values, view.view, expected_mm, covariance, view.quantity)
        seen: Sighting = tracker.see(view.view, pixels, at=image.at, number=image.number)
        took = timedelta(seconds=time.perf_counter() - begin_s)
        arrived = max(arrived, image.at) + took
        found.append(TakenSighting(arrived, seen))
    return tuple(found)
