"""Structures followed through a recording of ultrasound: pictures, DICOM, or a tracked sequence of Plus."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.dicom.ultrasound import read_ultrasound
from isoguide.errors import InputError, MissingEvidenceError
from isoguide.geometry.frames import FIXED, Array
from isoguide.images.ultrasound_depth import depth_scale_mm
from isoguide.images.ultrasound_fan import Fan, find_fan
from isoguide.images.ultrasound_frames import UltrasoundFrames
from isoguide.images.ultrasound_image import UltrasoundImage
from isoguide.motion.sample import Sighting
from isoguide.motion.ultrasound_points import TrackedPoints, UltrasoundPointTracker
from isoguide.motion.ultrasound_target import UltrasoundTargetTracker
from isoguide.progress import Progress, part_of, silent
from isoguide.volume_files.frame_folder import read_frame_folder
from isoguide.volume_files.tracked_sequence import read_tracked_frames
from isoguide.workflow.ultrasound.load_sweep import LoadedSweep, place_sweep
from isoguide.workflow.ultrasound.probe_file import ProbeFile, read_probe_file

MOST_TARGETS: Final = 20
FEWEST_FRAMES: Final = 2
RETURN_MM: Final = 1.5
"""Followed back, a structure that was followed well comes out within this of its start."""
SEQUENCES: Final = (".mha", ".mhd")


@dataclass(frozen=True, slots=True)
class UltrasoundTrackRequest:
    """What is to be followed.

    Parameters
    ----------
    recording
        A folder of pictures, a DICOM file, or a tracked sequence of Plus.
    targets_px
        Column and row of each structure in the first frame.
    depth_mm
        Depth of the image as the scanner shows it; None where the recording states the size of its pixels.
    rate_per_s
        Frames a second; None where the recording has times, or time does not matter.
    probe
        Probe file, where a tracked sequence is to be placed in the room; None: pixels only.
    across_mm
        How far the target may be across the image, standard deviation; None: not known.
    taken_at
        When the recording began, aware; needed with ``probe``.
    back
        Whether to follow back from the last frame, as a check.

    Raises
    ------
    InputError
        If there is no target, or a number is impossible.
    """

    recording: Path
    targets_px: tuple[tuple[float, float], ...]
    depth_mm: float | None = None
    rate_per_s: float | None = None
    probe: Path | None = None
    across_mm: float | None = None
    taken_at: datetime | None = None
    back: bool = True

    def __post_init__(self) -> None:
        if not 1 <= len(self.targets_px) <= MOST_TARGETS:
            msg = f"give 1 to {MOST_TARGETS} structures (--target COLUMN,ROW), not {len(self.targets_px)}"
            raise InputError(msg)
        for name, value in (("--rate", self.rate_per_s), ("--depth", self.depth_mm)):
            if value is not None and not 0.0 < value < np.inf:
                msg = f"{name} has to be positive, not {value:g}"
                raise InputError(msg)
        if self.probe is not None and self.taken_at is None:
            msg = "a recording with a place in the room needs the time it began: give --taken"
            raise MissingEvidenceError(msg)


@dataclass(frozen=True, slots=True, eq=False)
class UltrasoundTrack:
    """Where structures were.

    Parameters
    ----------
    request
        What was asked.
    first
        Pixels of the first frame.
    in_fan
        Which of them show the patient, bool [row, column].
    spacing_mm
        Between columns and between rows.
    at_s
        Time of each frame, (frames,), from the first; None where nothing says it.
    pixels
        Columns and rows, (frames, n, 2); NaN where not seen. The first frame is the targets themselves.
    sigma_mm
        Of the same shape.
    correlation, speckle
        (frames, n).
    reasons
        Why a structure was not seen, for each frame and structure.
    back_mm
        How far from its start each structure came out when followed back, (n,); NaN where it was not seen at
        either end; None where that was not asked.
    sightings
        Where the target was in the room, for each frame but the first; None where that is not known.
    warnings
        What the user has to know.
    """

    request: UltrasoundTrackRequest
    first: NDArray[np.uint8]
    in_fan: NDArray[np.bool_]
    spacing_mm: tuple[float, float]
    at_s: Array | None
    pixels: Array
    sigma_mm: Array
    correlation: Array
    speckle: Array
    reasons: tuple[tuple[str, ...], ...]
    back_mm: Array | None
    sightings: tuple[Sighting, ...] | None
    warnings: tuple[str, ...]

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which structure was seen in which frame, (frames, n)."""
        return np.asarray(np.isfinite(self.pixels[..., 0]))

    @property
    def moved_mm(self) -> Array:
        """How far each structure is from its place in the first frame, (frames, n, 2)."""
        return np.asarray((self.pixels - self.pixels[0]) * np.array(self.spacing_mm))

    @property
    def is_doubtful(self) -> bool:
        """Whether a structure was not seen in the end, or came out elsewhere when followed back."""
        strayed = self.back_mm is not None and bool((self.back_mm > RETURN_MM).any())
        return strayed or not bool(self.seen[-1].all())

    def losses(self, structure: int) -> tuple[tuple[int, int, str], ...]:
        """Return first and last frame of each stretch without a structure, from 1, and the first reason."""
        found: list[tuple[int, int, str]] = []
        for number, is_seen in enumerate(self.seen[:, structure], start=1):
            if is_seen:
                continue
            if found and found[-1][1] == number - 1:
                found[-1] = (found[-1][0], number, found[-1][2])
            else:
                found.append((number, number, self.reasons[number - 1][structure]))
        return tuple(found)


@dataclass(frozen=True, slots=True, eq=False)
class _Loaded:
    frames: UltrasoundFrames
    in_fan: NDArray[np.bool_]
    spacing_mm: tuple[float, float]
    sweep: LoadedSweep | None
    probe: ProbeFile | None
    warnings: tuple[str, ...]


def track_ultrasound(request: UltrasoundTrackRequest, progress: Progress = silent) -> UltrasoundTrack:
    """Follow structures through a recording.

    Raises
    ------
    InputError
        If the recording or its fan cannot be used, its pixels have no size, or a structure cannot be
        followed.
    """
    progress(0.0, "reading the recording")
    loaded = _load(request)
    targets = np.array(request.targets_px, dtype=np.float64)
    _require_inside(targets, loaded)
    points = _followed(loaded, loaded.frames.pixels[1:], targets, part_of(progress, 0.1, 0.6))
    back_mm = None
    if request.back:
        back_mm = _back_mm(loaded, targets, points[-1], part_of(progress, 0.6, 0.95))
    count = len(targets)
    start = TrackedPoints(
        targets, np.ones(count), np.ones(count), np.ones(count, bool), np.zeros((count, 2)), ("",) * count
    )
    every = [start, *points]
    return UltrasoundTrack(
        request,
        loaded.frames.pixels[0],
        loaded.in_fan,
        loaded.spacing_mm,
        _times_s(request, loaded.frames),
        np.stack([one.pixels for one in every]),
        np.stack([one.sigma_mm for one in every]),
        np.stack([one.correlation for one in every]),
        np.stack([one.speckle for one in every]),
        tuple(one.reasons for one in every),
        back_mm,
        _in_room(request, loaded, targets, part_of(progress, 0.95, 1.0)),
        loaded.warnings,
    )


def _load(request: UltrasoundTrackRequest) -> _Loaded:
    path = request.recording
    if request.probe is not None:
        return _load_placed(path, request.probe)
    if path.is_dir():
        frames = read_frame_folder(path)
    elif path.suffix.lower() in SEQUENCES:
        frames = read_tracked_frames(path).frames
    else:
        frames = read_ultrasound(path).frames
    if len(frames.pixels) < FEWEST_FRAMES:
        msg = f"{path} holds {len(frames.pixels)} image: nothing can be followed in less than two"
        raise InputError(msg)
    fan = find_fan(frames.pixels, source=frames.source)
    spacing_mm, warnings = _spacing(request, frames, fan)
    return _Loaded(frames, fan.in_fan, spacing_mm, None, None, warnings)


def _load_placed(path: Path, probe_path: Path) -> _Loaded:
    if path.suffix.lower() not in SEQUENCES:
        msg = f"{path} has no tracking, so that a probe file places it nowhere: leave --probe out"
        raise InputError(msg)
    probe = read_probe_file(probe_path)
    sweep = place_sweep(read_tracked_frames(path), probe)
    if sweep.sweep.frame != FIXED:
        msg = f"{probe_path} does not say where the tracking system is in the treatment room"
        raise MissingEvidenceError(msg)
    frames, first = _of_sweep(sweep), sweep.sweep.images[0]
    return _Loaded(frames, first.in_fan, first.pixel_spacing_mm, sweep, probe, sweep.warnings)


def _of_sweep(loaded: LoadedSweep) -> UltrasoundFrames:
    images = loaded.sweep.images
    pixels = np.stack([image.values for image in images])
    return UltrasoundFrames(
        pixels, loaded.sweep.at_s, images[0].pixel_spacing_mm, loaded.sweep.source or "the sweep"
    )


def _spacing(
    request: UltrasoundTrackRequest, frames: UltrasoundFrames, fan: Fan
) -> tuple[tuple[float, float], tuple[str, ...]]:
    if frames.pixel_spacing_mm is not None:
        if request.depth_mm is not None:
            msg = f"{frames.source} states the size of its pixels: leave --depth out"
            raise InputError(msg)
        return frames.pixel_spacing_mm, ()
    if request.depth_mm is None:
        msg = f"{frames.source} does not say how large its pixels are: give the scanner's depth (--depth MM)"
        raise MissingEvidenceError(msg)
    scale = depth_scale_mm(frames.pixels, fan, depth_mm=request.depth_mm, source=frames.source)
    unsure = "no ruler in the picture confirms the depth, which all lengths depend on"
    return scale.pixel_spacing_mm, () if scale.confirmed else (unsure,)


def _times_s(request: UltrasoundTrackRequest, frames: UltrasoundFrames) -> Array | None:
    if frames.at_s is not None:
        if request.rate_per_s is not None:
            msg = f"{frames.source} states its times: leave --rate out"
            raise InputError(msg)
        return np.asarray(frames.at_s - frames.at_s[0])
    if request.rate_per_s is None:
        return None
    return np.arange(len(frames.pixels)) / request.rate_per_s


def _require_inside(targets: Array, loaded: _Loaded) -> None:
    rows, columns = loaded.in_fan.shape
    for number, (column, row) in enumerate(targets, start=1):
        inside = 0.0 <= column <= columns - 1 and 0.0 <= row <= rows - 1
        if not inside or not loaded.in_fan[round(row), round(column)]:
            msg = (
                f"structure {number} at {column:g},{row:g} lies outside the fan of the first frame "
                f"({columns} × {rows} pixels): correct --target"
            )
            raise InputError(msg)


def _tracker(loaded: _Loaded, frame: NDArray[np.uint8], targets: Array) -> UltrasoundPointTracker:
    return UltrasoundPointTracker(frame, loaded.in_fan, loaded.spacing_mm, targets)


def _followed(
    loaded: _Loaded, frames: NDArray[np.uint8], targets: Array, progress: Progress
) -> list[TrackedPoints]:
    tracker = _tracker(loaded, loaded.frames.pixels[0], targets)
    found = []
    for number, frame in enumerate(frames):
        progress(number / len(frames), f"frame {number + 2} of {len(frames) + 1}")
        found.append(tracker.see(frame))
    return found


def _back_mm(loaded: _Loaded, targets: Array, last: TrackedPoints, progress: Progress) -> Array:
    """Follow back from where structures were in the last frame, with nothing known of how they began."""
    away_mm = np.full(len(targets), np.nan)
    ends = np.flatnonzero(last.seen)
    usable = []
    for which in ends:
        try:
            tracker = _tracker(loaded, loaded.frames.pixels[-1], last.pixels[which][None])
        except InputError:
            continue  # it has come too near to the edge to begin there
        usable.append((which, tracker))
    for count, (which, tracker) in enumerate(usable):
        progress(count / len(usable), "following back")
        found = [tracker.see(frame) for frame in loaded.frames.pixels[-2::-1]][-1]
        off_mm = (found.pixels[0] - targets[which]) * np.array(loaded.spacing_mm)
        away_mm[which] = float(np.linalg.norm(off_mm))
    return away_mm


def _in_room(
    request: UltrasoundTrackRequest, loaded: _Loaded, targets: Array, progress: Progress
) -> tuple[Sighting, ...] | None:
    if loaded.sweep is None or loaded.probe is None or request.taken_at is None:
        return None
    images = loaded.sweep.sweep.images
    tracker = UltrasoundTargetTracker(images[0], images[0].xyz_mm(targets), across_sigma_mm=request.across_mm)
    sightings = []
    at_s = loaded.sweep.sweep.at_s
    for number, image in enumerate(images[1:], start=2):
        progress(number / len(images), "placing the target in the room")
        at = request.taken_at + timedelta(seconds=float(at_s[number - 1] - at_s[0]))
        covariance = _pose_covariance(image, loaded.probe)
        sightings.append(tracker.see(image, at=at, number=number, pose_covariance=covariance))
    return tuple(sightings)


def _pose_covariance(image: UltrasoundImage, probe: ProbeFile) -> Array | None:
    """Return the error of an image's place, (6, 6) in FIXED about the face, without the tracker's noise."""
    if probe.place is None:
        return None
    pose, calibration = image.frame_from_image, probe.calibration
    of_room = probe.place.about(pose.translation_mm).covariance
    if calibration.covariance is None:
        return of_room
    from_probe = np.kron(np.eye(2), pose.rotation @ calibration.probe_from_image.rotation.T)
    return np.asarray(of_room + from_probe @ calibration.covariance @ from_probe.T)
