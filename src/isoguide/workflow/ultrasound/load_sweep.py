"""From a tracked recording and its probe to a sweep: every image with its place, useless ones left out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from isoguide.errors import InputError, MismatchError, MissingEvidenceError
from isoguide.geometry.frames import REFERENCE_SENSOR, TRACKER, Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.straighten import straightened
from isoguide.images.sweep_contact import lost_contact, repeated
from isoguide.images.ultrasound_fan import find_fan
from isoguide.images.ultrasound_frames import TrackedFrames, UltrasoundFrames
from isoguide.images.ultrasound_image import UltrasoundImage
from isoguide.images.ultrasound_sweep import UltrasoundSweep
from isoguide.progress import Progress, silent
from isoguide.volume_files.tracked_sequence import read_tracked_frames
from isoguide.workflow.ultrasound.probe_file import ProbeFile

LONGEST_BRIDGE_S: Final = 0.25
"""Between two poses of the tracker that are interpolated, where images have a delay."""
LARGEST_FACE_SHIFT_PX: Final = 4.0
LARGEST_SPACING_CHANGE: Final = 0.02
"""Of the face on the screen, and of the pixel spacing a file states: more is another depth or zoom."""
FEWEST_IMAGES: Final = 3
LEAST_SHARE: Final = 0.5
"""Of the images that have to be good: a sweep with fewer is not one."""

_MOVED_MM: Final = 0.1
_DYNAMIC_RANGE_DB: Final = 60.0
"""No recording says it, and nothing that is done with a sweep uses it."""
_LOST = "the tracker did not see the probe or the reference"
_OUTSIDE = "with the delay its time is where the tracker saw nothing"
_STILL = "the picture stood still while the probe moved"
_NO_CONTACT = "no contact"


@dataclass(frozen=True, slots=True, eq=False)
class LoadedSweep:
    """A sweep and what was left out of it.

    Parameters
    ----------
    sweep
        In the frame that the probe file places, otherwise that of the reference sensor or the tracking
        system.
    left_out
        For each image that was left out its number, counted from 0, and why.
    recorded
        How many images there were.
    warnings
        What the user has to know.
    """

    sweep: UltrasoundSweep
    left_out: tuple[tuple[int, str], ...]
    recorded: int
    warnings: tuple[str, ...]


def load_sweep(path: Path | str, probe: ProbeFile, progress: Progress = silent) -> UltrasoundSweep:
    """Read a tracked recording and place its images.

    Raises
    ------
    InputError
        If the file, its fan or its tracking cannot be used, it was made with other settings of the scanner
        than the probe was calibrated for, or too few images are left.
    """
    progress(0.0, "reading the recording")
    return place_sweep(read_tracked_frames(path), probe, progress).sweep


def place_sweep(tracked: TrackedFrames, probe: ProbeFile, progress: Progress = silent) -> LoadedSweep:
    """Place the images of a recording; see :func:`load_sweep`."""
    frames = tracked.frames
    _, rows, columns = frames.pixels.shape
    probe.check_image(columns, rows, frames.source)
    _check_spacing(frames, probe)
    in_fan = _in_fan(frames, probe)
    progress(0.2, "placing images")
    base_from_probe = _poses(tracked, probe)
    poses, reasons = _at_images(tracked, base_from_probe, probe.delay_s)
    _leave_out_still(frames, poses, reasons)
    for number in np.flatnonzero(lost_contact(frames.pixels, in_fan, source=frames.source)):
        reasons.setdefault(int(number), _NO_CONTACT)
    kept = _kept(frames, reasons)
    progress(0.5, "straightening images")
    sweep = _sweep(frames, in_fan, [poses[number] for number in kept], kept, probe)
    left_out = tuple(sorted(reasons.items()))
    return LoadedSweep(sweep, left_out, len(frames.pixels), (*probe.warnings, *left_out_words(left_out)))


def left_out_words(left_out: Sequence[tuple[int, str]]) -> tuple[str, ...]:
    """Say in one sentence for each reason which images were left out, counted from 1."""
    return tuple(
        f"left out: {count} image{'s' if count > 1 else ''} "
        f"({', '.join(str(n + 1) for n, why in left_out if why == reason)}): {reason}"
        for reason, count in Counter(why for _, why in left_out).items()
    )


def _check_spacing(frames: UltrasoundFrames, probe: ProbeFile) -> None:
    if frames.pixel_spacing_mm is None:
        return
    stated, calibrated = np.array(frames.pixel_spacing_mm), np.array(probe.calibration.pixel_spacing_mm)
    change = float(np.abs(stated / calibrated - 1.0).max())
    if change > LARGEST_SPACING_CHANGE:
        msg = (
            f"{frames.source} states pixels of {stated[0]:.4f} × {stated[1]:.4f} mm, but {probe.source} "
            f"was calibrated for {calibrated[0]:.4f} × {calibrated[1]:.4f} mm; give the probe file of this "
            "depth"
        )
        raise MismatchError(msg)


def _in_fan(frames: UltrasoundFrames, probe: ProbeFile) -> NDArray[np.bool_]:
    if probe.in_fan is not None:
        return probe.in_fan
    fan = find_fan(frames.pixels, source=frames.source)
    off_px = float(np.linalg.norm(fan.face_px - probe.calibration.face_px))
    if off_px > LARGEST_FACE_SHIFT_PX:
        msg = (
            f"the transducer's face is {off_px:.0f} pixels from where it was when {probe.source} was made, "
            f"so {frames.source} has another depth or zoom; give the probe file of these settings"
        )
        raise MismatchError(msg)
    return fan.in_fan


def _poses(tracked: TrackedFrames, probe: ProbeFile) -> list[RigidTransform | None]:
    """Return the probe's pose for each image, in the frame that is placed in the room, or else at hand."""
    base = None if probe.place is None else probe.place.pose.from_frame
    if base == REFERENCE_SENSOR and not tracked.tracker_from_reference:
        msg = (
            f"{tracked.frames.source} has no reference sensor, but {probe.source} places that in the room; "
            "record with it"
        )
        raise MissingEvidenceError(msg)
    return list(tracked.tracker_from_probe) if base == TRACKER else base_poses(tracked)


def base_poses(tracked: TrackedFrames) -> list[RigidTransform | None]:
    """Return the pose of the probe in the reference sensor, or in the tracker where there is none.

    It is None where the tracker did not see one of them.
    """
    if not tracked.tracker_from_reference:
        return list(tracked.tracker_from_probe)
    return [
        None
        if probe is None or reference is None
        else RigidTransform(TRACKER, REFERENCE_SENSOR, reference.matrix).inverse() @ probe
        for probe, reference in zip(tracked.tracker_from_probe, tracked.tracker_from_reference, strict=True)
    ]


def _at_images(
    tracked: TrackedFrames, poses: Sequence[RigidTransform | None], delay_s: float
) -> tuple[list[RigidTransform | None], dict[int, str]]:
    """Return the pose when each image was truly made, and why some have none."""
    if delay_s == 0.0:
        return list(poses), {number: _LOST for number, pose in enumerate(poses) if pose is None}
    times = tracked.frames.at_s
    assert times is not None  # noqa: S101 - TrackedFrames has times; tells the type checker
    found = [_interpolated(times, poses, float(time) + delay_s) for time in times]
    reasons = {
        number: _LOST if poses[number] is None else _OUTSIDE
        for number, pose in enumerate(found)
        if pose is None
    }
    return found, reasons


def _interpolated(times: Array, poses: Sequence[RigidTransform | None], at_s: float) -> RigidTransform | None:
    after = int(np.searchsorted(times, at_s))
    if after == 0 or after == len(times):
        return poses[0] if len(times) and times[0] == at_s else None
    one, two = poses[after - 1], poses[after]
    if one is None or two is None or times[after] - times[after - 1] > LONGEST_BRIDGE_S:
        return None
    share = (at_s - times[after - 1]) / (times[after] - times[after - 1])
    turn = Slerp([0.0, 1.0], Rotation.from_matrix(np.stack([one.rotation, two.rotation])))(share)
    place = (1.0 - share) * one.translation_mm + share * two.translation_mm
    return RigidTransform.from_parts(one.to_frame, one.from_frame, turn.as_matrix(), place)


def _leave_out_still(
    frames: UltrasoundFrames, poses: Sequence[RigidTransform | None], reasons: dict[int, str]
) -> None:
    """Leave out pictures that are old: the same to the last bit although the probe has moved since."""
    first = 0  # where the present picture was new
    for number, is_same in enumerate(repeated(frames.pixels)):
        if not is_same:
            first = number
            continue
        before, now = poses[first], poses[number]
        if before is None or now is None:
            continue
        if float(np.linalg.norm(now.translation_mm - before.translation_mm)) > _MOVED_MM:
            reasons[number] = _STILL


def _kept(frames: UltrasoundFrames, reasons: dict[int, str]) -> list[int]:
    kept = [number for number in range(len(frames.pixels)) if number not in reasons]
    if len(kept) < max(FEWEST_IMAGES, LEAST_SHARE * len(frames.pixels)):
        why = ", ".join(f"{count} {reason}" for reason, count in Counter(reasons.values()).most_common())
        msg = (
            f"only {len(kept)} of {len(frames.pixels)} images of {frames.source} can be used"
            f"{f' ({why})' if why else ''}: record the sweep again"
        )
        raise InputError(msg)
    return kept


def _sweep(
    frames: UltrasoundFrames,
    in_fan: NDArray[np.bool_],
    poses: Sequence[RigidTransform | None],
    kept: Sequence[int],
    probe: ProbeFile,
) -> UltrasoundSweep:
    calibration = probe.calibration
    spacing = calibration.pixel_spacing_mm
    slope = float(np.tan(np.deg2rad(calibration.shear_deg))) * spacing[0] / spacing[1]
    pixels, fan = straightened(frames.pixels[kept], in_fan, slope, float(calibration.face_px[0]))
    fan.flags.writeable = False
    images = []
    for values, pose in zip(pixels, poses, strict=True):
        assert pose is not None  # noqa: S101 - those without were left out; tells the type checker
        base_from_image = pose @ calibration.probe_from_image
        frame_from_image = base_from_image if probe.place is None else probe.place.pose @ base_from_image
        images.append(
            UltrasoundImage(
                values * fan, fan, calibration.corner_mm, spacing, frame_from_image, _DYNAMIC_RANGE_DB
            )
        )
    assert frames.at_s is not None  # noqa: S101 - TrackedFrames has times; tells the type checker
    return UltrasoundSweep(tuple(images), frames.at_s[kept], frames.source)
