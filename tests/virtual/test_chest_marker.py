"""A marker on the chest: it follows the breath with its own lag and drift, and X-rays say what that means."""

from datetime import timedelta

import numpy as np
import pytest
from room_parts import BLIND, day_in_room, room_of

from isoguide.course import Monitoring
from isoguide.errors import InputError
from isoguide.motion.sample import TargetSample, Unseen
from isoguide.motion.surrogate import SurrogateModel
from isoguide.virtual import Breathing, CourseSettings, Phantom, SetUpErrors, draw_days
from isoguide.virtual.chest_marker import ChestMarker
from isoguide.virtual.faults import Fault
from isoguide.virtual.motion_watch import motion_watch
from isoguide.virtual.patient_day import PatientDay
from isoguide.virtual.tissue_path import TissuePath
from isoguide.virtual.watch_settings import WatchSettings

CHEST = Monitoring("chest marker", xray_every_s=10.0)
SLOW = WatchSettings(chest_per_s=10.0)


@pytest.fixture(scope="module")
def breathing_day(thorax: Phantom) -> PatientDay:
    settings = CourseSettings(set_up=SetUpErrors(fixed_mm=(0.0, 0.0, 0.0)), breathing=Breathing())
    (day,) = draw_days(thorax, settings, 1, np.random.default_rng(1))
    return day


class Notes(SurrogateModel):
    """The model, which writes down what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.readings, self.xrays = [], []

    def sample(self, reading):
        self.readings.append(reading)
        return super().sample(reading)

    def learn(self, value_mm, speed_mm_s, sample):
        self.xrays.append((value_mm, speed_mm_s, sample))
        super().learn(value_mm, speed_mm_s, sample)


def chest_of(room, settings=SLOW, xray_every_s=5.0) -> tuple[ChestMarker, list[Notes]]:
    notes: list[Notes] = []

    def fresh() -> Notes:
        notes.append(Notes())
        return notes[-1]

    chest = ChestMarker(
        room.monitor_link,
        settings,
        day=room.truth.day,
        stereo=room.settings.stereo,
        target=TissuePath(room.truth, room.truth.target_points_mm),
        xray_every_s=xray_every_s,
        model=fresh,
    )
    return chest, notes


def looked(watch, room, seconds: float) -> list:
    said = []
    for _ in range(round(seconds / 0.05)):
        room.clock.wait(0.05)
        said += watch.take(room.clock.now())
    return said


def second(room, at) -> float:
    return (at - room.clock.at(0.0)) / timedelta(seconds=1)


def test_it_learns_from_x_rays_before_the_beam_and_goes_on_with_fewer(thorax, breathing_day) -> None:
    room = room_of(thorax, breathing_day)
    chest, notes = chest_of(room)
    chest.start()
    learned = len(notes[-1].xrays)
    assert learned == pytest.approx(SLOW.learning_xrays, abs=1)
    assert room.clock.seconds == pytest.approx(SLOW.learning_xrays * SLOW.learning_xray_every_s, abs=0.2)
    looked(chest, room, 20.0)
    assert len(notes[-1].xrays) - learned == pytest.approx(4, abs=1)


def test_the_target_is_told_within_its_stated_uncertainty(thorax, breathing_day) -> None:
    room = room_of(thorax, breathing_day, BLIND)
    chest = motion_watch(room, CHEST)
    chest.start()
    said = [one for one in looked(chest, room, 40.0) if isinstance(one, TargetSample)]
    assert len(said) > 900
    errors_mm = np.array(
        [one.position_mm - room.truth.residual(second(room, one.at)).mean_shift_mm for one in said[::5]]
    )
    moved_mm = np.array([room.truth.residual(second(room, one.at)).mean_shift_mm for one in said[::5]])
    assert np.ptp(moved_mm, axis=0).max() > 8.0
    assert np.linalg.norm(errors_mm.std(axis=0)) < 1.0
    stated_mm = np.sqrt([np.trace(one.covariance_mm2) for one in said[::5]])
    assert (np.linalg.norm(errors_mm, axis=1) < 3.0 * stated_mm).mean() > 0.95


def test_an_x_ray_shows_where_the_target_truly_is(thorax, breathing_day) -> None:
    room = room_of(thorax, breathing_day)
    chest, notes = chest_of(room, WatchSettings(chest_per_s=10.0, xray_sigma_mm=0.0))
    chest.start()
    for _, _, sample in notes[-1].xrays:
        truth_mm = room.truth.residual(second(room, sample.at)).mean_shift_mm
        np.testing.assert_allclose(sample.position_mm, truth_mm, atol=1e-3)


def test_the_chest_lags_and_drifts(thorax, breathing_day) -> None:
    settings = WatchSettings(
        chest_per_s=10.0, chest_sigma_mm=0.0, chest_lag_s=0.5, chest_drift_mm_per_min=3.0, chest_mm=10.0
    )
    room = room_of(thorax, breathing_day)
    chest, notes = chest_of(room, settings)
    chest.start()
    looked(chest, room, 30.0)
    for reading in notes[-1].readings[10::50]:
        at_s = second(room, reading.at)
        depth = float(breathing_day.motion.trace.at(at_s - 0.5)[0])
        assert reading.value_mm == pytest.approx(10.0 * depth + 3.0 * at_s / 60.0, abs=1e-3)


@pytest.mark.parametrize("name", ["marker-vanished", "picture-saturated"])
def test_a_marker_that_is_not_seen_says_nothing(thorax, breathing_day, name) -> None:
    room = room_of(thorax, breathing_day, faults=[Fault(name, occurrence=5, times=3)])
    chest, _ = chest_of(room)
    chest.start()
    said = looked(chest, room, 2.0)
    assert [isinstance(one, Unseen) for one in said[3:7]] == [False, True, True, True]
    assert isinstance(said[-1], TargetSample)  # once its speed is known again


def test_started_anew_it_learns_anew(thorax, breathing_day) -> None:
    room = room_of(thorax, breathing_day)
    chest, notes = chest_of(room)
    chest.start()
    chest.start()
    assert len(notes) == 3
    assert len(notes[2].xrays) == pytest.approx(len(notes[1].xrays), abs=1)


def test_a_patient_who_does_not_breathe_has_no_use_for_it(pelvis: Phantom) -> None:
    room = room_of(pelvis, day_in_room((0.0, 0.0, 0.0)))
    with pytest.raises(
        InputError, match="the patient does not breathe, so a marker on his chest says nothing"
    ):
        motion_watch(room, CHEST)


def test_x_rays_need_time_between_them(thorax, breathing_day) -> None:
    with pytest.raises(InputError, match=r"X-rays every 0 s cannot be made"):
        chest_of(room_of(thorax, breathing_day), xray_every_s=0.0)
