"""The prostate, followed through the probe on the perineum: where it is, and what must not be believed."""

from dataclasses import replace

import numpy as np
import pytest
from room_parts import BLIND, day_in_room, room_of
from ultrasound_parts import QUICK_SCAN, by_ultrasound

from isoguide.course import Monitoring
from isoguide.errors import DeviceError, InputError
from isoguide.motion.sample import TargetSample, Unseen
from isoguide.registration import Registration, Verdict
from isoguide.virtual import CourseSettings, Phantom, ProstateMotion, SetUpErrors, draw_days
from isoguide.virtual.faults import Fault
from isoguide.virtual.motion_watch import motion_watch
from isoguide.virtual.ultrasound_watch import ProbeWatch

ULTRASOUND = Monitoring("ultrasound")
AT_REST = day_in_room((0.0, 0.0, 0.0))
WATCHED = replace(
    QUICK_SCAN,
    watch_per_s=2.0,
    locate_deg=6.0,
    locate_frames=5,
)


def true_match(room, verdict=Verdict.ACCEPT):
    """A match that finds exactly what the scan shows."""

    def match(_content, _uncorrected) -> Registration:
        return Registration(
            verdict=verdict,
            reasons=("the match knows the truth",),
            planning_from_daily=room.planning_from_daily(),
            unconstrained=None,
            degrees_of_freedom=6,
            centre_mm=room.truth.patient.isocentre_mm,
            content="ultrasound",
            uncertainty=None,
            quality=None,
            algorithm="the truth",
            settings={},
        )

    return match


def watch_of(room, settings=WATCHED, verdict=Verdict.ACCEPT) -> ProbeWatch:
    return ProbeWatch(
        room.monitor_link,
        settings,
        model=room.ultrasound,
        truth=room.truth,
        match=true_match(room, verdict),
        source="ultrasound",
    )


def seen_of(room, seconds=2.0, settings=WATCHED):
    watch = watch_of(room, settings)
    watch.start()
    said = []
    for _ in range(round(seconds / 0.25)):
        room.clock.wait(0.25)
        said += watch.take(room.clock.now())
    return said


def room_with(patient, day=AT_REST, settings=WATCHED, **more):
    return room_of(patient, day, by_ultrasound(settings), **more)


def test_a_patient_too_far_left_is_seen_too_far_left(pelvis: Phantom) -> None:
    said = seen_of(room_with(pelvis, day_in_room((2.0, -1.5, 1.0))))
    assert len(said) >= 3
    for one in said:
        assert isinstance(one, TargetSample), one
        np.testing.assert_allclose(one.position_mm, [2.0, -1.5, 1.0], atol=0.3)
        # The plane is sagittal: to the side nothing is seen.
        deviations_mm = np.sqrt(np.diag(one.covariance_mm2))
        assert deviations_mm[0] == pytest.approx(WATCHED.across_sigma_mm, abs=0.2)
        assert max(deviations_mm[1:]) < 0.5


def test_a_prostate_that_drifts_is_followed(pelvis: Phantom) -> None:
    motion = ProstateMotion(drift_mm_per_min=(0.0, 5.0, 5.0), transients_per_min=0.0)
    still = SetUpErrors(fixed_mm=(0.0, 0.0, 0.0))
    (day,) = draw_days(pelvis, CourseSettings(set_up=still, prostate=motion), 1, np.random.default_rng(1))
    slow = replace(WATCHED, watch_per_s=0.5)
    room = room_with(pelvis, day, slow)
    watch = watch_of(room, slow)
    watch.start()
    begin_mm = room.truth.residual().mean_shift_mm
    for _ in range(10):
        room.clock.wait(2.0)
        said = watch.take(room.clock.now())
    assert isinstance(said[-1], TargetSample), said[-1]
    moved_mm = room.truth.residual().mean_shift_mm - begin_mm
    assert np.linalg.norm(moved_mm[1:]) > 1.5
    last_mm = np.asarray(said[-1].position_mm)
    np.testing.assert_allclose(last_mm[1:], room.truth.residual().mean_shift_mm[1:], atol=0.7)


@pytest.mark.parametrize("name", ["probe-lifted", "gas-shadow", "picture-saturated"])
def test_where_nothing_is_seen_nothing_is_said(pelvis: Phantom, name) -> None:
    room = room_with(pelvis, faults=[Fault(name, occurrence=3, times=2)])
    said = seen_of(room, seconds=3.5)
    assert [isinstance(one, Unseen) for one in said[:4]] == [False, False, True, True], said


def test_a_pose_that_jumps_is_a_target_that_jumps(pelvis: Phantom) -> None:
    said = seen_of(room_with(pelvis, faults=[Fault("probe-pose-jumps", occurrence=3, size=6.0)]))
    jump_mm = np.asarray(said[2].position_mm) - np.asarray(said[1].position_mm)
    np.testing.assert_allclose(jump_mm, [0.0, 6.0, 0.0], atol=0.3)


def test_without_a_sure_match_before_the_beam_it_does_not_watch(pelvis: Phantom) -> None:
    watch = watch_of(room_with(pelvis), verdict=Verdict.REVIEW)
    with pytest.raises(DeviceError, match="does not say where the target is: the match knows the truth"):
        watch.start()


def test_a_room_that_images_otherwise_has_nothing_to_watch_with(pelvis: Phantom) -> None:
    with pytest.raises(InputError, match="no ultrasound probe lies on the patient"):
        motion_watch(room_of(pelvis, AT_REST, BLIND), ULTRASOUND)
