"""The prostate, followed through the probe on the perineum: where it is, and what must not be believed."""

from dataclasses import replace

import numpy as np
import pytest
from room_parts import BLIND, day_in_room, fraction_with_true_match, room_of
from ultrasound_parts import QUICK_SCAN, by_ultrasound, nothing_to_look_at, watch_of

from isoguide.course import Monitoring
from isoguide.errors import DeviceError, InputError
from isoguide.motion.gate import predicting_gate
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.sample import TargetSample, Unseen
from isoguide.registration import Verdict
from isoguide.treatment import FractionLimits, State, treat
from isoguide.virtual import CourseSettings, Phantom, ProstateMotion, SetUpErrors, draw_days
from isoguide.virtual.faults import Fault
from isoguide.virtual.motion_watch import motion_watch
from isoguide.virtual.room_settings import BeamSettings, MachineSettings
from isoguide.virtual.ultrasound_model import UltrasoundModel

ULTRASOUND = Monitoring("ultrasound")
AT_REST = day_in_room((0.0, 0.0, 0.0))
WATCHED = replace(
    QUICK_SCAN,
    watch_per_s=2.0,
)


@pytest.fixture(autouse=True)
def _without_scans(monkeypatch) -> None:
    """Scans are tried elsewhere."""
    monkeypatch.setattr(UltrasoundModel, "swept", nothing_to_look_at)


def seen_of(room, seconds=2.0):
    watch = watch_of(room, WATCHED)
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
    watch = watch_of(room_with(pelvis), WATCHED, verdict=Verdict.REVIEW)
    with pytest.raises(DeviceError, match="does not say where the target is: the match knows the truth"):
        watch.start()


def test_a_room_that_images_otherwise_has_nothing_to_watch_with(pelvis: Phantom) -> None:
    with pytest.raises(InputError, match="no ultrasound probe lies on the patient"):
        motion_watch(room_of(pelvis, AT_REST, BLIND), ULTRASOUND)


class TestBeam:
    """Fractions under the real gate, with the target followed in simulated images."""

    ROOM = by_ultrasound(
        replace(WATCHED, watch_per_s=3.0, watch_delay_s=0.05),
        BLIND.with_changes(beam=BeamSettings(planned_mu=30.0), machine=MachineSettings(gantry_deg_s=90.0)),
    )
    GATE = GateSettings(gate_mm=20.0, realign_after_s=5.0)
    """So wide that it opens before much is known of how the target moves."""

    def treated(self, patient, faults=()):
        room = room_of(patient, day_in_room((2.0, -1.5, 1.0)), self.ROOM, faults=faults)
        gate = predicting_gate(watch_of(room, self.ROOM.ultrasound), self.GATE)
        outcome = treat(fraction_with_true_match(room, FractionLimits(images=1)), gate=gate)
        room.clock.wait(room.settings.beam.heartbeat_s)
        return room, outcome

    def test_a_target_that_lies_still_is_treated(self, pelvis: Phantom) -> None:
        room, outcome = self.treated(pelvis)
        assert outcome.state is State.CLOSED, outcome.reason
        assert room.beam.delivered_mu == pytest.approx(30.0, abs=0.5)

    @pytest.mark.parametrize("name", ["probe-lifted", "probe-pose-jumps"])
    def test_whatever_fails_radiation_ends_within_a_second(self, pelvis: Phantom, name) -> None:
        size = 45.0 if name == "probe-pose-jumps" else None
        fault = Fault(name, occurrence=18, times=None, size=size)
        room, outcome = self.treated(pelvis, [fault])
        assert outcome.state in fault.ends_in, outcome.reason
        assert outcome.state is State.STOPPED
        assert not room.beam.is_radiating()
        # Frames come three times a second: the eighteenth is exposed 17/3 s after the first.
        assert 0.0 < room.beam.delivered_mu < 29.0
        ((begin_s, end_s),) = room.beam.intervals
        assert end_s - begin_s < 3.0  # the gate waits for ten frames at first
