"""The simulated patient breathes; a camera sees the chest, 20 times a second, and X-rays the target."""

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy.stats import chi2

from isoguide.errors import InputError
from isoguide.motion.sample import TargetSample, Unseen
from isoguide.motion.surrogate import SurrogateModel, SurrogateReading, SurrogateSettings
from isoguide.virtual.breathing import Breathing

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CAMERA_S, XRAY_MM = 0.05, 0.3


def moment(at_s: float) -> datetime:
    return NOON + timedelta(seconds=float(at_s))


@dataclass
class Room:
    """Patient, camera and X-rays; ``shift_mm`` moves the target inside without the chest from a time on."""

    seed: int = 1
    breathing: Breathing = field(default_factory=Breathing)
    drift_mm_per_min: float = 0.0
    shift_at_s: float = math.inf
    odd_at_s: float = math.inf
    every_s: float = 4.7
    model: SurrogateModel = field(default_factory=SurrogateModel)
    said: list = field(default_factory=list)
    xrays: int = 0

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.trace = self.breathing.draw(self.rng)

    def truth_mm(self, at_s: float) -> np.ndarray:
        depth, flow = self.trace.at(at_s)
        shifted = 6.0 if at_s >= self.shift_at_s else 0.0
        along = -12.0 * depth - self.drift_mm_per_min * at_s / 60.0 + shifted
        return np.array([0.5 * flow, along + 1.5 * flow, 2.0 * depth - 0.5 * flow])

    def run(self, seconds: float, *, xrays_until_s: float = math.inf) -> "Room":
        next_s, waiting = 2.0, None
        for n in range(int(seconds / CAMERA_S)):
            at_s = n * CAMERA_S
            height_mm = 4.0 * self.trace.at(at_s)[0] + 0.05 * self.rng.standard_normal()
            sighting = self.model.sample(SurrogateReading(n, moment(at_s), height_mm))
            self.said.append((at_s, sighting))
            if at_s >= next_s and next_s <= xrays_until_s:
                waiting, next_s = at_s - 0.02, next_s + self.every_s
            signal = self.model.signal_at(moment(waiting)) if waiting is not None else None
            if waiting is not None and signal is not None:
                self.expose(waiting, *signal)
                waiting = None
        return self

    def expose(self, at_s: float, value_mm: float, speed_mm_s: float) -> None:
        odd_mm = 8.0 if self.odd_at_s <= at_s < self.odd_at_s + self.every_s else 0.0
        seen_mm = self.truth_mm(at_s) + XRAY_MM * self.rng.standard_normal(3) + [0.0, 0.0, odd_mm]
        self.xrays += 1
        self.model.learn(value_mm, speed_mm_s, xray(at_s, seen_mm, self.xrays))

    def errors(self, first_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Return errors (n, 3) and covariances (n, 3, 3) of what was said from a time on."""
        samples = [(at_s, s) for at_s, s in self.said if at_s >= first_s and isinstance(s, TargetSample)]
        return (
            np.array([s.position_mm - self.truth_mm(at_s) for at_s, s in samples]),
            np.array([s.covariance_mm2 for _, s in samples]),
        )

    def reasons(self, first_s: float, last_s: float) -> set[str]:
        return {
            s.reason if isinstance(s, Unseen) else "" for at_s, s in self.said if first_s <= at_s <= last_s
        }


def xray(at_s: float, position_mm, number: int = 0) -> TargetSample:
    return TargetSample(np.array(position_mm), XRAY_MM**2 * np.eye(3), moment(at_s), number, "pair", 1.0, "")


def rms(errors_mm: np.ndarray) -> np.ndarray:
    return np.sqrt(np.mean(errors_mm**2, axis=0))


def test_the_target_is_told_from_the_chest_to_half_a_millimetre_along_each_axis():
    errors_mm, _ = Room().run(150.0).errors(60.0)
    assert len(errors_mm) > 1700
    assert rms(errors_mm).max() < 0.5


def test_the_way_in_is_not_the_way_out():
    room = Room(breathing=Breathing(baseline_walk_mm=0.0)).run(150.0)
    errors_mm, _ = room.errors(60.0)
    flow = np.array([room.trace.at(at_s)[1] for at_s, s in room.said if at_s >= 60.0])
    slope = np.polyfit(flow, errors_mm[:, 1], 1)[0]
    assert abs(slope) < 0.4, "of 1.5 mm for the fullest flow, what is left"


@pytest.mark.parametrize("seed", [2, 3])
def test_errors_are_as_large_as_their_covariance_says(seed):
    errors_mm, covariances = Room(seed=seed).run(200.0).errors(45.0)
    squared = np.einsum("na,nab,nb->n", errors_mm, np.linalg.inv(covariances), errors_mm)
    assert np.mean(squared < chi2.ppf(0.95, 3)) > 0.93
    assert np.mean(np.trace(covariances, axis1=1, axis2=2)) < 25.0 * np.mean((errors_mm**2).sum(axis=1))


def test_a_drift_of_3_mm_a_minute_between_inside_and_outside_is_followed():
    errors_mm, _ = Room(drift_mm_per_min=3.0).run(240.0).errors(60.0)
    assert abs(np.mean(errors_mm[:, 1])) < 0.3
    assert rms(errors_mm)[1] < 0.7


def test_nothing_is_said_before_enough_xrays():
    room = Room().run(60.0)
    seventh_s, eighth_s = 2.0 + 6 * room.every_s, 2.0 + 7 * room.every_s
    assert room.reasons(seventh_s + 0.2, eighth_s - 0.1) == {
        "7 of 8 X-rays for the chest marker's model taken"
    }
    assert room.reasons(eighth_s + 0.2, 60.0) == {""}


def test_a_target_that_left_the_chest_alone_is_not_told_by_the_chest_any_more():
    room = Room(shift_at_s=80.0).run(180.0)
    first_after_s = 2.0 + math.ceil(78.0 / room.every_s) * room.every_s
    (reason,) = room.reasons(first_after_s + 0.2, first_after_s + room.every_s - 0.1)
    assert reason.startswith(
        "the chest marker no longer tells where the target is: an X-ray showed it elsewhere"
    )
    refitted_s = first_after_s + 7 * room.every_s
    assert "" not in room.reasons(first_after_s + 0.2, refitted_s - 0.1)
    assert room.reasons(refitted_s + 0.2, 180.0) == {""}
    assert rms(room.errors(refitted_s + 10.0)[0]).max() < 0.8


def test_one_odd_xray_silences_the_model_until_two_others_agree_with_it():
    room = Room(odd_at_s=80.0).run(140.0)
    odd_s = 2.0 + math.ceil(78.0 / room.every_s) * room.every_s
    assert "" not in room.reasons(odd_s + 0.2, odd_s + 2.0 * room.every_s - 0.1)
    assert room.reasons(odd_s + 2.0 * room.every_s + 0.2, 140.0) == {""}
    assert rms(room.errors(odd_s)[0]).max() < 0.6


def test_beyond_the_heights_seen_so_far_the_answer_is_less_sure():
    room = Room().run(60.0)
    sigma_mm = []
    for n, height_mm in enumerate((0.0, 8.0, 16.0)):
        for m in range(12):
            at_s = 60.0 + 2.0 * n + CAMERA_S * m
            said = room.model.sample(SurrogateReading(9000, moment(at_s), height_mm))
        sigma_mm.append(np.sqrt(np.linalg.eigvalsh(said.covariance_mm2)[-1]))
    assert sigma_mm[1] > 4.0 * sigma_mm[0]
    assert sigma_mm[2] - sigma_mm[1] > 8.0, "half of the slope of 3 mm for each of 8 mm"


def test_an_old_xray_lowers_the_quality_and_then_ends_the_answers():
    room = Room().run(130.0, xrays_until_s=60.0)
    last_s = 2.0 + math.floor(58.0 / room.every_s) * room.every_s
    samples = {round(at_s, 2): s for at_s, s in room.said}
    young, old = samples[round(last_s + 1.0, 1)], samples[round(last_s + 50.0, 1)]
    assert old.quality == pytest.approx(young.quality * 2.0 * (1.0 - 50.0 / 60.0), abs=0.01)
    assert np.trace(old.covariance_mm2) > np.trace(young.covariance_mm2)
    (reason,) = {r.split(" was ")[0] for r in room.reasons(last_s + 60.1, 130.0)}
    assert reason == "the last X-ray"


def test_a_marker_that_is_not_seen_says_nothing():
    room = Room().run(60.0)
    said = room.model.sample(SurrogateReading(1, moment(60.0), math.nan))
    assert said == Unseen(moment(60.0), 1, "chest marker", "the chest marker is not seen")
    late = room.model.sample(SurrogateReading(2, moment(62.0), 0.0))
    assert "too shortly to tell its speed" in late.reason
    again = room.model.sample(SurrogateReading(3, moment(62.0), 0.0))
    assert "repeats itself" in again.reason


def test_the_speed_is_the_slope_of_the_last_readings_and_needs_some():
    model = SurrogateModel()
    for n in range(21):
        model.sample(SurrogateReading(n, moment(0.05 * n), 10.0 + 3.0 * 0.05 * n))
    value_mm, speed_mm_s = model.signal_at(moment(0.77))
    assert (value_mm, speed_mm_s) == (pytest.approx(12.31), pytest.approx(3.0))
    assert model.signal_at(moment(1.02)) is None, "no reading has come since"
    assert model.signal_at(moment(0.06)) is None, "too few came before"
    model.sample(SurrogateReading(30, moment(2.0), 0.0))
    assert model.signal_at(moment(1.5)) is None, "the marker was not seen around that time"


def test_what_cannot_be_learned_is_refused_and_changes_nothing():
    model = SurrogateModel()
    model.learn(1.0, 0.0, xray(5.0, [0.0, 0.0, 0.0]))
    with pytest.raises(InputError, match="not later than the one before"):
        model.learn(1.0, 0.0, xray(5.0, [0.0, 0.0, 0.0]))
    for value_mm, speed_mm_s in ((math.nan, 0.0), (0.0, math.inf)):
        with pytest.raises(InputError, match="learn where it was seen"):
            model.learn(value_mm, speed_mm_s, xray(6.0, [0.0, 0.0, 0.0]))
    assert not model.is_doubted
    model.learn(1.0, 0.0, xray(6.0, [0.0, 0.0, 0.0]))


def test_a_model_that_was_reset_knows_no_xray():
    room = Room().run(60.0)
    room.model.reset()
    for n in range(12):
        said = room.model.sample(SurrogateReading(n, moment(70.0 + CAMERA_S * n), 0.0))
    assert said.reason == "0 of 8 X-rays for the chest marker's model taken"


def test_a_reading_needs_a_zone_and_a_height():
    with pytest.raises(InputError, match="without a time zone"):
        SurrogateReading(1, datetime(2026, 3, 2), 0.0)
    with pytest.raises(InputError, match="cannot be at inf mm"):
        SurrogateReading(1, NOON, math.inf)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fewest_xrays": 5}, "fewest_xrays"),
        ({"fewest_xrays": 21}, "fewest_xrays"),
        ({"forgetting": 1.1}, "forgetting"),
        ({"disagreement": 0.2}, "disagreement"),
        ({"longest_age_s": math.nan}, "longest_age_s"),
        ({"slope": 0.0}, "slope"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        SurrogateSettings(**settings)
