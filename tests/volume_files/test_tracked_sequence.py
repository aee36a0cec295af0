"""Recordings of Plus: images, poses and times as they were, or a refusal."""

from pathlib import Path

import numpy as np

from isoguide.geometry.frames import PROBE, REFERENCE_SENSOR, TRACKER
from isoguide.volume_files.tracked_sequence import (
    is_tracked_sequence,
    read_tracked_frames,
    write_tracked_frames,
)


def test_a_recording_of_the_spine_phantom_is_read(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "PlusLibData" / "TestImages" / "SpinePhantomFreehand.igs.mha"
    assert is_tracked_sequence(path)
    tracked = read_tracked_frames(path)
    assert tracked.frames.pixels.shape == (21, 616, 820)
    assert tracked.frames.at_s is not None
    # Numbers of the file's text.
    assert tracked.frames.at_s[[0, 20]].tolist() == [215.102186, 216.947186]
    pose = tracked.tracker_from_probe[0]
    assert pose is not None
    assert (pose.to_frame, pose.from_frame) == (TRACKER, PROBE)
    assert np.allclose(pose.translation_mm, [172.641, -98.0022, -22.0262])
    assert np.allclose(pose.rotation[0], [0.231245, 0.951424, -0.203269], atol=1e-5)
    reference = tracked.tracker_from_reference[20]
    assert reference is not None
    assert reference.from_frame == REFERENCE_SENSOR

    write_tracked_frames(tmp_path / "again.mha", tracked)
    again = read_tracked_frames(tmp_path / "again.mha")
    assert np.array_equal(again.frames.pixels, tracked.frames.pixels)
    assert np.array_equal(again.frames.at_s, tracked.frames.at_s)
    for ours, theirs in zip(again.tracker_from_probe, tracked.tracker_from_probe, strict=True):
        assert ours is not None
        assert theirs is not None
        assert np.allclose(ours.matrix, theirs.matrix, atol=1e-12)
