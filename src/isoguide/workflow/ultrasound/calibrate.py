"""Calibrating a tracked probe: images of a phantom in, a probe file and a report out."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.errors import InputError
from isoguide.geometry.frames import Array
from isoguide.geometry.probe_calibration import Delay
from isoguide.geometry.probe_delay import calibrate_delay
from isoguide.geometry.probe_fit import CalibratedProbe, PhantomSightings, calibrate_probe
from isoguide.images.line_depth import line_rows
from isoguide.images.ultrasound_fan import Fan, find_fan
from isoguide.images.ultrasound_frames import TrackedFrames
from isoguide.progress import Progress, part_of, silent
from isoguide.volume_files.tracked_sequence import read_tracked_frames
from isoguide.workflow.output_folder import published_folder
from isoguide.workflow.radiographs.strict_json import read_json
from isoguide.workflow.review.write_files import PAGE
from isoguide.workflow.ultrasound.load_sweep import base_poses
from isoguide.workflow.ultrasound.probe_file import (
    FanSection,
    PlaceSection,
    ProbeDocument,
    document_of,
    place_of,
    write_probe_file,
)
from isoguide.workflow.ultrasound.sightings_file import read_sightings, sightings_in

PROBE_FILE: Final = "probe.json"


@dataclass(frozen=True, slots=True)
class ProbeCalibrationRequest:
    """What is asked for.

    Parameters
    ----------
    recording
        Tracked sequence that shows the phantom.
    sightings
        The phantom, and where it was marked in which image.
    name
        What the user knows the probe and its settings by.
    taken_at
        When, by the clock of the room.
    line_recording
        Tracked sequence of a flat bottom while the probe moves up and down; None leaves the delay unmeasured.
    place
        File with the place of the tracking system or the reference sensor; None: volumes have no place in the
        room.
    """

    recording: Path
    sightings: Path
    name: str
    taken_at: datetime
    line_recording: Path | None = None
    place: Path | None = None

    def __post_init__(self) -> None:
        if not self.name.strip() or self.taken_at.tzinfo is not None:
            msg = (
                f"a calibration needs a name and a time by the clock of the room, not {self.name!r} and "
                f"{self.taken_at}; correct them"
            )
            raise InputError(msg)


@dataclass(frozen=True, slots=True, eq=False)
class DelayFit:
    """The delay, and the two motions it was found from.

    Parameters
    ----------
    delay
        The result.
    image_mm, image_at_s
        (n,): how far the line rose in the images, by the pixel spacing, and the times of these.
    tracker_mm, tracker_at_s
        (m,): how far the probe moved towards the line, and the times.
    """

    delay: Delay
    image_mm: Array
    image_at_s: Array
    tracker_mm: Array
    tracker_at_s: Array


@dataclass(frozen=True, slots=True, eq=False)
class ProbeCalibrated:
    """What was found.

    Parameters
    ----------
    request, seen, fit, delay
        What was asked for, what was marked, and what came of it.
    fan
        Of the recording's images.
    written
        What the probe file says.
    warnings
        What the user has to know.
    """

    request: ProbeCalibrationRequest
    seen: PhantomSightings
    fit: CalibratedProbe
    delay: DelayFit | None
    fan: Fan
    written: ProbeDocument
    warnings: tuple[str, ...]


def calibrate_probe_into(
    target: Path, request: ProbeCalibrationRequest, *, overwrite: bool = False, progress: Progress = silent
) -> ProbeCalibrated:
    """Calibrate a probe, and write ``probe.json`` and ``report.html`` into a folder.

    Raises
    ------
    InputError
        If a file cannot be used, or the images do not determine the calibration.
    OutputError
        If the folder cannot be written, or holds a result and ``overwrite`` is not set.
    """
    from isoguide.workflow.ultrasound.calibrate_report import calibration_html

    with published_folder(target, (PROBE_FILE, PAGE), overwrite=overwrite) as staging:
        found = calibrate_tracked_probe(request, part_of(progress, 0.0, 0.8))
        progress(0.8, "writing the report")
        write_probe_file(found.written, staging / PROBE_FILE)
        (staging / PAGE).write_text(calibration_html(found), encoding="utf-8")
    return found


def calibrate_tracked_probe(request: ProbeCalibrationRequest, progress: Progress = silent) -> ProbeCalibrated:
    """Find where the image of a probe is relative to its sensor; see :func:`calibrate_probe_into`."""
    said = read_sightings(request.sightings)
    progress(0.0, "reading the recording")
    tracked = read_tracked_frames(request.recording)
    fan = find_fan(tracked.frames.pixels, source=tracked.frames.source)
    seen, warnings = sightings_in(said, tracked, str(request.sightings))
    face_px = fan.face_px if said.face_px is None else np.array(said.face_px)
    progress(0.4, "fitting")
    spacing = said.pixel_spacing_mm or tracked.frames.pixel_spacing_mm
    fit = calibrate_probe(seen, face_px=face_px, pixel_spacing_mm=spacing)
    delay = None if request.line_recording is None else _delay(request.line_recording, fit, progress)
    if delay is None:
        warnings += ("the delay of the images was not measured: give --line-recording, or sweep slowly",)
    place = None if request.place is None else place_of(read_json(request.place, PlaceSection, "place file"))
    _, rows, columns = tracked.frames.pixels.shape
    written = document_of(
        fit.calibration,
        name=request.name,
        size=(columns, rows),
        calibrated_at=request.taken_at,
        delay=None if delay is None else delay.delay,
        fan=fan_section(fan),
        place=place,
    )
    return ProbeCalibrated(request, seen, fit, delay, fan, written, (*warnings, *_left_out(seen, fit)))


def fan_section(fan: Fan) -> FanSection:
    """Say a fan as a probe file does."""
    if fan.is_linear:
        return FanSection(radius_px=0.0, depth_px=fan.depth_px, half_width_px=fan.half_width_px)
    return FanSection(
        radius_px=fan.radius_px,
        depth_px=fan.depth_px,
        half_angle_deg=float(np.rad2deg(fan.half_angle_rad)),
    )


def _delay(path: Path, fit: CalibratedProbe, progress: Progress) -> DelayFit:
    progress(0.6, "finding the delay")
    tracked = read_tracked_frames(path)
    fan = find_fan(tracked.frames.pixels, source=tracked.frames.source)
    rows = line_rows(tracked.frames.pixels, fan.in_fan, source=tracked.frames.source)
    times = tracked.frames.at_s
    assert times is not None  # noqa: S101 - TrackedFrames has times; tells the type checker
    tracker_mm, tracker_at_s = _approach(tracked, times, fit)
    clear = np.isfinite(rows)
    # A probe that comes nearer to the bottom sees it in a higher row.
    image_mm = -rows[clear] * fit.calibration.pixel_spacing_mm[1]
    delay = calibrate_delay(image_mm, times[clear], tracker_mm, tracker_at_s)
    return DelayFit(delay, image_mm - image_mm.mean(), times[clear], tracker_mm, tracker_at_s)


def _approach(tracked: TrackedFrames, times: Array, fit: CalibratedProbe) -> tuple[Array, Array]:
    """Return how far the face moved along the image's depth, (m,) mm about the mean, and when."""
    seen = [
        (float(time), pose @ fit.calibration.probe_from_image)
        for time, pose in zip(times, base_poses(tracked), strict=True)
        if pose is not None
    ]
    if not seen:
        msg = f"{tracked.frames.source} has no pose of the probe: record again in view of the tracker"
        raise InputError(msg)
    depth = np.mean([pose.rotation[:, 1] for _, pose in seen], axis=0)
    moved = np.array([pose.translation_mm for _, pose in seen]) @ (depth / np.linalg.norm(depth))
    return np.asarray(moved - moved.mean()), np.array([time for time, _ in seen])


def _left_out(seen: PhantomSightings, fit: CalibratedProbe) -> tuple[str, ...]:
    lengths = np.linalg.norm(fit.residuals_mm, axis=1)
    return tuple(
        f"left out: {seen.names[seen.target[n]]} in marked image {int(seen.image[n]) + 1} is off by "
        f"{lengths[n]:.1f} mm"
        for n in np.flatnonzero(~fit.used)
    )


def calibration_lines(found: ProbeCalibrated) -> tuple[str, ...]:
    """Say what was found."""
    fit, calibration = found.fit, found.fit.calibration
    sd_mm = np.sqrt(np.trace(np.asarray(calibration.covariance)[:3, :3]))
    spacing = calibration.pixel_spacing_mm
    lines: tuple[str, ...] = (
        f"{calibration.points} of {len(fit.used)} points in {len(found.seen.base_from_probe)} images, seen "
        f"within {fit.spread_deg:.0f}°: residual {calibration.rms_mm:.2f} mm per coordinate, "
        f"{fit.leave_one_out_mm:.2f} mm in images left out",
        f"the face is known to {sd_mm:.2f} mm, the least known pixel to {fit.largest_sd_mm:.2f} mm",
        f"pixels of {spacing[0]:.4f} × {spacing[1]:.4f} mm (± {fit.spacing_sd_mm[0]:.4f}, "
        f"{fit.spacing_sd_mm[1]:.4f})",
    )
    if found.delay is not None:
        delay = found.delay.delay
        lines += (
            f"an image's time {1000.0 * delay.seconds:+.1f} ± {1000.0 * delay.sigma_s:.1f} ms is the "
            f"tracker's (correlation {delay.correlation:.3f})",
        )
    return lines
