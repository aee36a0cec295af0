"""Volumes of tracked sweeps: what is seen lies where it is, and what cannot be trusted is refused."""

from dataclasses import replace

import numpy as np
import pytest
from tracked_phantom import FACE_PX, SPACING_MM, ball, fan, looking, picture_of

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.correction import couch_correction
from isoguide.geometry.frames import DAILY, FIXED, PLANNING
from isoguide.geometry.iec61217 import fixed_from_daily, fixed_from_planning
from isoguide.geometry.transforms import RigidTransform, rotation_x
from isoguide.images.compounding import compound
from isoguide.images.line_depth import line_rows
from isoguide.images.straighten import straightened
from isoguide.images.sweep_contact import lost_contact, repeated
from isoguide.images.ultrasound_image import UltrasoundImage
from isoguide.images.ultrasound_sweep import UltrasoundSweep

BALL_MM = np.array([3.0, 18.0, 2.0])
FAN = fan()
FAN.flags.writeable = False


def image(pose, brightness, rng):
    return UltrasoundImage(
        picture_of(pose, brightness, rng), FAN, -FACE_PX * SPACING_MM, SPACING_MM, pose, 60.0
    )


def sweep(poses, brightness=None, at_s=None):
    rng = np.random.default_rng(1)
    images = tuple(image(pose, brightness or ball(BALL_MM), rng) for pose in poses)
    return UltrasoundSweep(images, np.arange(len(images)) * 0.05 if at_s is None else at_s, "sweep")


def along_z(count=41, step_mm=1.0, start_mm=-20.0, frame=FIXED):
    return [looking(frame, (0.0, 0.0, start_mm + n * step_mm)) for n in range(count)]


def bright_centre(volume):
    places = np.argwhere(volume.values > 130)[:, ::-1]
    return volume.grid.xyz(places.astype(float)).mean(axis=0)


@pytest.mark.parametrize("method", ["mean", "maximum", "nearest"])
def test_a_ball_is_where_it_is_and_as_large_as_it_is(method):
    volume = compound(sweep(along_z()), spacing_mm=1.0, method=method)
    np.testing.assert_allclose(bright_centre(volume), BALL_MM, atol=0.35)
    # 4/3 π 6³ = 905 mm³.
    assert np.count_nonzero(volume.values > 130) == pytest.approx(905, rel=0.12)
    assert volume.frame == FIXED


def test_a_probe_that_is_rocked_sees_it_at_the_same_place():
    poses = [
        looking(FIXED, (0.0, -20.0, 0.0), rotation_x(float(angle))) for angle in np.linspace(-30.0, 30.0, 61)
    ]
    rocked = sweep(poses, ball(np.array([2.0, 8.0, 4.0])))
    volume = compound(rocked, spacing_mm=1.0)
    np.testing.assert_allclose(bright_centre(volume), [2.0, 8.0, 4.0], atol=0.3)


def test_voxels_are_as_asked_along_each_axis():
    volume = compound(sweep(along_z()), spacing_mm=(1.0, 2.0, 1.5))
    assert volume.grid.spacing_mm.tolist() == [1.0, 2.0, 1.5]
    np.testing.assert_allclose(bright_centre(volume), BALL_MM, atol=0.6)


def test_nothing_is_seen_beside_the_fan():
    volume = compound(sweep(along_z()), spacing_mm=1.0)
    index = np.rint(volume.grid.index(np.array([[0.0, 18.0, 0.0], [24.5, 18.0, 0.0]]))).astype(int)
    assert volume.seen[tuple(index[0, ::-1])]
    assert not volume.seen[tuple(index[1, ::-1])]
    assert not volume.values[~volume.seen].any()


def test_a_patient_lying_5_mm_too_far_left_is_moved_5_mm_to_the_right():
    isocentre = np.zeros(3)
    fixed_from_plan = fixed_from_planning("HFS", isocentre)
    too_far_left = RigidTransform.translation(FIXED, FIXED, (5.0, 0.0, 0.0))  # head first, supine: left is +X
    in_plan = ball(BALL_MM)

    def in_room(xyz):
        return in_plan((too_far_left @ fixed_from_plan).inverse().apply(xyz))

    reference = compound(sweep(along_z(frame=PLANNING), in_plan), spacing_mm=1.0)
    poses = [too_far_left @ fixed_from_plan @ pose for pose in along_z(frame=PLANNING)]
    day = compound(sweep(poses, in_room), spacing_mm=1.0)
    daily = day.in_frame(fixed_from_daily("HFS", isocentre).inverse())
    assert daily.frame == DAILY
    shift = bright_centre(reference) - bright_centre(daily)
    correction = couch_correction(
        RigidTransform.translation(PLANNING, DAILY, shift),
        plan_isocentre_mm=isocentre,
        machine_isocentre_mm=isocentre,
        patient_position="HFS",
    )
    np.testing.assert_allclose(correction.shift_mm, [-5.0, 0.0, 0.0], atol=0.2)


def test_bone_throws_a_shadow_into_the_volume():
    def bone(xyz):
        is_bone = (np.abs(xyz[..., 0]) < 6.0) & (xyz[..., 1] > 10.0)
        return np.where(is_bone, np.where(xyz[..., 1] < 13.0, 240.0, 2.0), 110.0)

    volume = compound(sweep(along_z(), bone), spacing_mm=1.0)
    deep = np.rint(volume.grid.index(np.array([[0.0, 28.0, 0.0], [15.0, 28.0, 0.0]]))).astype(int)
    assert volume.shadowed[tuple(deep[0, ::-1])]
    assert not volume.shadowed[tuple(deep[1, ::-1])]
    assert not (volume.shadowed & ~volume.seen).any()


def test_steps_within_what_is_filled_leave_no_hole():
    volume = compound(sweep(along_z(21, 2.0)), spacing_mm=0.5, fill_mm=3.0)
    index = np.rint(volume.grid.index(np.array([[0.0, 18.0, z] for z in np.arange(-18.0, 18.0, 0.5)])))
    assert volume.seen[tuple(index.astype(int)[:, ::-1].T)].all()


def test_a_gap_is_refused_with_its_place():
    poses = along_z()
    with pytest.raises(GeometryError, match=r"a gap of 7\.0 mm between its images 16 and 17"):
        compound(sweep(poses[:16] + poses[22:], at_s=np.r_[np.arange(16), np.arange(22, 41)] * 0.05))


def test_a_gap_that_the_probe_went_back_to_fill_is_none():
    poses = along_z()
    missed = poses[:16] + poses[22:]
    back = [*missed, *reversed(along_z())]
    times = np.cumsum(np.r_[np.full(16, 0.05), 0.5, np.full(len(back) - 17, 0.05)])
    assert compound(sweep(back, at_s=times), spacing_mm=1.0).seen.any()


def jumping(kind):
    poses = along_z()
    if kind == "for one image":
        poses[20] = looking(FIXED, (4.0, 0.0, 0.0))
    elif kind == "and stays":
        poses[20:] = [looking(FIXED, (9.0, 0.0, pose.translation_mm[2])) for pose in poses[20:]]
    elif kind == "turning":
        poses[20] = looking(FIXED, (0.0, 0.0, 0.0), rotation_x(40.0))
    return poses


@pytest.mark.parametrize("kind", ["for one image", "and stays", "turning"])
def test_a_tracker_that_jumps_is_refused(kind):
    with pytest.raises(GeometryError, match="the tracker jumped"):
        compound(sweep(jumping(kind)))


def test_a_slow_hand_with_the_noise_of_a_tracker_is_no_jump():
    rng = np.random.default_rng(8)
    poses = [
        looking(FIXED, (*rng.normal(0.0, 0.25, 2), -20.0 + 0.5 * n + rng.normal(0.0, 0.25)))
        for n in range(81)
    ]
    assert compound(sweep(poses), spacing_mm=1.0).seen.any()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"spacing_mm": 0.0}, "voxels of .* cannot be made"),
        ({"spacing_mm": (1.0, float("nan"), 1.0)}, "voxels of .* cannot be made"),
        ({"fill_mm": -1.0}, "holes of -1 mm cannot be filled"),
    ],
)
def test_impossible_settings_are_refused(options, said):
    with pytest.raises(InputError, match=said):
        compound(sweep(along_z(3)), **options)


def test_a_sweep_across_the_room_is_no_volume():
    far = sweep(
        [looking(FIXED, (0.0, 0.0, 0.0)), looking(FIXED, (0.0, 0.0, 9000.0))], at_s=np.array([0.0, 1e4])
    )
    with pytest.raises(InputError, match="million voxels: choose larger ones"):
        compound(far, spacing_mm=0.05)


def test_an_empty_fan_is_refused():
    one = sweep(along_z(3))
    empty = np.zeros_like(FAN)
    images = tuple(replace(image, in_fan=empty) for image in one.images)
    with pytest.raises(InputError, match="empty fan"):
        compound(replace(one, images=images))


def test_images_without_contact_are_found_and_a_recording_without_any_is_refused():
    rng = np.random.default_rng(2)
    pose = looking(FIXED, (0.0, 0.0, 0.0))
    pixels = np.stack([picture_of(pose, ball(BALL_MM), rng) for _ in range(8)])
    pixels[[2, 5]] = (rng.integers(0, 5, pixels.shape[1:]) * FAN).astype(np.uint8)
    assert np.flatnonzero(lost_contact(pixels, FAN, source="it")).tolist() == [2, 5]
    with pytest.raises(InputError, match="it shows nothing"):
        lost_contact(np.zeros_like(pixels), FAN, source="it")


def test_a_picture_that_stands_still_is_found():
    pixels = np.random.default_rng(3).integers(0, 255, (4, 5, 6)).astype(np.uint8)
    pixels[2] = pixels[1]
    assert repeated(pixels).tolist() == [False, False, True, False]


def test_a_sheared_image_becomes_straight():
    # A line that rises by one row in four columns, drawn as the scanner shows it.
    pixels = np.zeros((1, 60, 41), np.uint8)
    columns = np.arange(41)
    pixels[0, np.rint(30 - 0.25 * columns).astype(int), columns] = 200
    straight, seen = straightened(pixels, np.ones((60, 41), bool), 0.25, 0.0)
    rows = (straight[0] * np.arange(60.0)[:, None]).sum(axis=0) / straight[0].sum(axis=0)
    np.testing.assert_allclose(rows, 30.0, atol=0.51)
    assert not seen[:9, 40].any()
    same, _ = straightened(pixels, seen, 0.0, 0.0)
    assert same is pixels


def test_the_bottom_of_a_tank_is_found_to_a_fraction_of_a_row():
    rng = np.random.default_rng(6)
    depths = np.array([40.3, 45.75, 52.0])
    y = np.arange(FAN.shape[0])[:, None]
    pixels = np.stack(
        [np.clip(rng.normal(8, 2, FAN.shape) + 200 * np.exp(-(((y - d) / 2.0) ** 2)), 0, 255) for d in depths]
    )
    rows = line_rows((pixels * FAN).astype(np.uint8), FAN, source="tank")
    np.testing.assert_allclose(rows, depths, atol=0.1)
    flat = rng.integers(40, 60, (3, *FAN.shape)).astype(np.uint8)
    with pytest.raises(InputError, match="3 of 3 images of tank show no clear line"):
        line_rows(flat, FAN, source="tank")
