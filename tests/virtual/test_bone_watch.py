"""Bone in the stereoscopic pair: how the patient lies with the stated error, not what moves in him."""

import numpy as np
import pytest
from room_parts import day_in_room, room_of

from isoguide.geometry.transforms import rotation_x, rotation_z
from isoguide.motion.sample import TargetSample, Unseen
from isoguide.virtual import CourseSettings, Phantom, ProstateMotion, SetUpErrors, draw_days
from isoguide.virtual.bone_watch import PairBone
from isoguide.virtual.faults import Fault
from isoguide.virtual.room_settings import StereoSettings
from isoguide.virtual.watch_settings import WatchSettings

NOT_OFF = StereoSettings()
SHARP = WatchSettings(bone_sigma_mm=0.0, bone_sigma_deg=0.0)


def watched(room, settings=SHARP, stereo=NOT_OFF, seconds=2.0):
    bone = PairBone(room.monitor_link, settings, stereo=stereo, truth=room.truth, source="bone, stereo pair")
    bone.start()
    said = []
    for _ in range(round(seconds / 0.05)):
        room.clock.wait(0.05)
        said += bone.take(room.clock.now())
    return said


def test_it_is_where_the_patient_lies_and_how_he_is_turned(pelvis: Phantom) -> None:
    turned = rotation_z(1.0) @ rotation_x(-0.5)
    said = watched(room_of(pelvis, day_in_room((5.0, -2.0, 1.0), turned)))
    assert len(said) >= 6
    for one in said:
        np.testing.assert_allclose(one.position_mm, [5.0, -2.0, 1.0], atol=1e-6)
        np.testing.assert_allclose(one.rotation_deg, [-0.5, 0.0, 1.0], atol=1e-6)
        assert one.source == "bone, stereo pair (drawn)"
        assert "drawn" in one.words


def test_its_errors_are_those_that_it_states(pelvis: Phantom) -> None:
    settings = WatchSettings(bone_sigma_mm=0.4, bone_per_s=20.0)
    said = watched(room_of(pelvis, day_in_room((5.0, -2.0, 1.0))), settings, seconds=50.0)
    errors_mm = np.array([one.position_mm - [5.0, -2.0, 1.0] for one in said])
    assert len(errors_mm) > 900
    np.testing.assert_allclose(errors_mm.std(axis=0), 0.4, rtol=0.1)
    np.testing.assert_allclose(errors_mm.mean(axis=0), 0.0, atol=0.05)
    np.testing.assert_allclose(said[0].covariance_mm2, 0.16 * np.eye(3))


def test_tubes_that_are_off_are_off_in_what_is_seen(pelvis: Phantom) -> None:
    stereo = StereoSettings(isocentre_offset_mm=(1.0, 0.0, -0.5))
    said = watched(room_of(pelvis, day_in_room((0.0, 0.0, 0.0))), stereo=stereo)
    np.testing.assert_allclose(said[0].position_mm, [-1.0, 0.0, 0.5], atol=1e-6)


def test_what_moves_in_the_patient_is_not_seen(pelvis: Phantom) -> None:
    motion = ProstateMotion(drift_mm_per_min=(0.0, 5.0, 0.0))
    still = SetUpErrors(fixed_mm=(0.0, 0.0, 0.0))
    (day,) = draw_days(pelvis, CourseSettings(set_up=still, prostate=motion), 1, np.random.default_rng(1))
    room = room_of(pelvis, day)
    room.clock.wait(60.0)
    said = watched(room)
    assert np.abs(room.truth.residual().mean_shift_mm).max() > 2.0
    np.testing.assert_allclose(said[-1].position_mm, 0.0, atol=1e-6)
    assert "what moves within the patient is not seen" in said[-1].words


@pytest.mark.parametrize("name", ["marker-vanished", "picture-saturated"])
def test_images_without_bone_are_frames_without_the_target(pelvis: Phantom, name) -> None:
    room = room_of(pelvis, day_in_room((0.0, 0.0, 0.0)), faults=[Fault(name, occurrence=2)])
    said = watched(room)
    assert isinstance(said[0], TargetSample)
    assert isinstance(said[1], Unseen)
