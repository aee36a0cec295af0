"""Recordings placed: every image where it was, and the useless ones left out with a reason."""

from dataclasses import replace

import numpy as np
import pytest
from tracked_phantom import (
    SIZE,
    ball,
    looking,
    place_section,
    recorded,
    straight_sweep,
    write_probe,
)

from isoguide.errors import InputError, MismatchError, MissingEvidenceError
from isoguide.geometry.frames import FIXED, REFERENCE_SENSOR, TRACKER
from isoguide.geometry.transforms import RigidTransform, rotation_z
from isoguide.images.ultrasound_frames import TrackedFrames
from isoguide.volume_files.tracked_sequence import write_tracked_frames
from isoguide.workflow.ultrasound.load_sweep import load_sweep, place_sweep
from isoguide.workflow.ultrasound.probe_file import read_probe_file

BALL = ball((3.0, 18.0, 2.0))
IN_ROOM = RigidTransform.from_parts(FIXED, REFERENCE_SENSOR, rotation_z(90.0), np.array([100.0, 0.0, 50.0]))


@pytest.fixture
def probe(tmp_path):
    return read_probe_file(write_probe(tmp_path))


def with_pixels(tracked, change):
    pixels = tracked.frames.pixels.copy()
    change(pixels)
    return replace(tracked, frames=replace(tracked.frames, pixels=pixels))


def test_images_lie_where_the_probe_was_in_the_reference_sensor(probe):
    poses = straight_sweep(count=5)
    loaded = place_sweep(recorded(poses, BALL), probe)
    assert loaded.sweep.frame == REFERENCE_SENSOR
    for image, pose in zip(loaded.sweep.images, poses, strict=True):
        np.testing.assert_allclose(image.frame_from_image.matrix, pose.matrix, atol=1e-9)
    assert loaded.left_out == ()


def test_a_probe_file_with_a_place_puts_them_into_the_room(tmp_path):
    probe = read_probe_file(write_probe(tmp_path, place=place_section(IN_ROOM)))
    sweep = place_sweep(recorded(straight_sweep(count=5), BALL), probe).sweep
    assert sweep.frame == FIXED
    # (0, 0, -20) of the sensor, turned by 90° about z and moved.
    np.testing.assert_allclose(sweep.images[0].frame_from_image.translation_mm, [100.0, 0.0, 30.0], atol=1e-9)
    np.testing.assert_allclose(sweep.images[0].frame_from_image.rotation[:, 0], [0.0, 1.0, 0.0], atol=1e-9)


def test_a_recording_without_reference_is_in_the_tracker(probe):
    tracked = recorded(straight_sweep(TRACKER), BALL, base=TRACKER, tracker_from_base=identity())
    assert place_sweep(tracked, probe).sweep.frame == TRACKER


def identity():
    return RigidTransform.identity(TRACKER, TRACKER)


def test_a_place_of_the_reference_needs_the_reference(tmp_path):
    probe = read_probe_file(write_probe(tmp_path, place=place_section(IN_ROOM)))
    tracked = recorded(straight_sweep(TRACKER), BALL, base=TRACKER, tracker_from_base=identity())
    with pytest.raises(MissingEvidenceError, match="has no reference sensor"):
        place_sweep(tracked, probe)


def test_a_tracker_that_is_moved_does_not_move_what_is_placed_by_the_reference(probe):
    poses = straight_sweep(count=6)
    still = recorded(poses, BALL)
    bumped = RigidTransform.from_parts(TRACKER, TRACKER, rotation_z(7.0), np.array([5.0, 60.0, -4.0]))
    moved = TrackedFrames(
        still.frames,
        tuple(bumped @ pose for pose in still.tracker_from_probe),
        tuple(bumped @ pose for pose in still.tracker_from_reference),
    )
    one, two = (place_sweep(tracked, probe).sweep.images[3] for tracked in (still, moved))
    np.testing.assert_allclose(one.frame_from_image.matrix, two.frame_from_image.matrix, atol=1e-9)


def test_images_that_the_tracker_did_not_see_are_left_out_and_named(probe):
    poses = straight_sweep(count=12)
    poses[3] = poses[7] = None
    loaded = place_sweep(recorded(poses, BALL), probe)
    assert [number for number, _ in loaded.left_out] == [3, 7]
    assert len(loaded.sweep.images) == 10
    assert loaded.warnings == (
        "left out: 2 images (4, 8): the tracker did not see the probe or the reference",
    )


def test_a_picture_that_stood_still_while_the_probe_moved_is_left_out(probe):
    def freeze(pixels):
        pixels[5] = pixels[4]
        pixels[6] = pixels[4]

    loaded = place_sweep(with_pixels(recorded(straight_sweep(count=12), BALL), freeze), probe)
    assert [number for number, _ in loaded.left_out] == [5, 6]
    assert "stood still" in loaded.left_out[0][1]


def test_a_probe_at_rest_may_give_the_same_picture_twice(probe):
    poses = straight_sweep(count=12)
    poses[5] = poses[4]

    def freeze(pixels):
        pixels[5] = pixels[4]

    assert place_sweep(with_pixels(recorded(poses, BALL), freeze), probe).left_out == ()


def test_images_without_contact_are_left_out(probe):
    def lift(pixels):
        pixels[8] = pixels[8] // 40

    loaded = place_sweep(with_pixels(recorded(straight_sweep(count=12), BALL), lift), probe)
    assert loaded.left_out == ((8, "no contact"),)


def test_a_sweep_of_which_half_is_lost_is_refused(probe):
    poses = straight_sweep(count=12)
    poses[:7] = [None] * 7
    with pytest.raises(InputError, match=r"only 5 of 12 images .* \(7 the tracker did not see"):
        place_sweep(recorded(poses, BALL), probe)


@pytest.mark.parametrize("delay_s", [0.0, 0.02, -0.05, 0.07])
def test_the_delay_puts_images_where_the_probe_was_when_they_were_made(tmp_path, delay_s):
    probe = read_probe_file(write_probe(tmp_path, delay_s=delay_s))
    # 1 mm in 0.05 s: the image at time t was made where the tracker has the probe at t + delay.
    loaded = place_sweep(recorded(straight_sweep(count=21), BALL), probe)
    at_s = loaded.sweep.at_s
    z = [image.frame_from_image.translation_mm[2] for image in loaded.sweep.images]
    np.testing.assert_allclose(z, -20.0 + 20.0 * (at_s + delay_s), atol=1e-6)
    missing = int(np.ceil(abs(delay_s) / 0.05 - 1e-9))
    assert len(loaded.left_out) == missing
    assert all("with the delay" in why for _, why in loaded.left_out)


def test_no_pose_is_made_up_across_a_lost_tracker(tmp_path):
    probe = read_probe_file(write_probe(tmp_path, delay_s=0.02))
    poses = straight_sweep(count=21)
    poses[10] = None
    loaded = place_sweep(recorded(poses, BALL), probe)
    # Between 9 and 10, and between 10 and 11, there is nothing; the last lies beyond the end.
    assert [number for number, _ in loaded.left_out] == [9, 10, 20]


def test_another_depth_of_the_scanner_is_refused(tmp_path, probe):
    tracked = recorded(straight_sweep(count=5), BALL)
    finer = replace(tracked, frames=replace(tracked.frames, pixel_spacing_mm=(0.4, 0.36)))
    with pytest.raises(MismatchError, match=r"states pixels of 0\.4000 × 0\.3600 mm"):
        place_sweep(finer, probe)
    without_fan = replace(probe, in_fan=None)
    assert place_sweep(tracked, without_fan).sweep.images[0].in_fan.any()
    lower = with_pixels(tracked, lambda pixels: pixels.__setitem__(slice(None), np.roll(pixels, 6, axis=1)))
    with pytest.raises(MismatchError, match="face is 6 pixels from where it was"):
        place_sweep(lower, without_fan)


def test_images_of_another_size_are_refused(probe):
    tracked = recorded(straight_sweep(count=5), BALL)
    cut = replace(tracked, frames=replace(tracked.frames, pixels=tracked.frames.pixels[:, :-2]))
    with pytest.raises(MismatchError, match=f"images of {SIZE[0]} × {SIZE[1] - 2} pixels"):
        place_sweep(cut, probe)


def test_a_file_becomes_a_sweep(tmp_path, probe):
    path = tmp_path / "sweep.igs.mha"
    write_tracked_frames(path, recorded(straight_sweep(count=5), BALL))
    sweep = load_sweep(path, probe)
    assert len(sweep.images) == 5
    np.testing.assert_allclose(
        sweep.images[2].frame_from_image.matrix, looking(REFERENCE_SENSOR, (0, 0, -18.0)).matrix, atol=1e-6
    )


def test_a_sheared_calibration_straightens_images(tmp_path, probe):
    tracked = recorded(straight_sweep(count=5), BALL)
    calibration = replace(probe.calibration, shear_deg=2.0)
    sheared = place_sweep(tracked, replace(probe, calibration=calibration)).sweep.images[2]
    # A pixel of the sheared scanner image and its place by the calibration: the same brightness is there now.
    pixel = np.array([[60.0, 40.0]])
    place = calibration.xyz_mm(pixel)
    in_probe = probe.calibration.probe_from_image.inverse().apply(place)
    found = in_probe[0, :2] / probe.calibration.pixel_spacing_mm + calibration.face_px
    column, row = found
    upper = int(np.floor(row))
    beam = sheared.values[upper : upper + 2, round(column)].astype(float)
    straight = np.interp(row, [upper, upper + 1], beam)
    shown = tracked.frames.pixels[2, 40, 60]
    around = tracked.frames.pixels[2, 39:42, 60]
    assert around.min() - 1 <= straight <= around.max() + 1
    assert abs(straight - shown) < 8.0
