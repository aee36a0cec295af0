"""Between the image and the end of the beam: an image grows old, a patient moves, and the beam is held."""

import math

import pytest
from fake_room import FakeRoom

from isoguide.course import Intrafraction
from isoguide.treatment import AUTOMATIC, Event, Fraction, State, treat
from isoguide.treatment.intrafraction import image_age_monitor, monitors_of, movement_monitor


def irradiating(room: FakeRoom) -> Fraction:
    fraction = room.fraction()
    fraction.set_up()
    fraction.image()
    fraction.align()
    fraction.move_couch(fraction.approve(AUTOMATIC).token)
    fraction.verify()
    fraction.turn_beam_on()
    return fraction


def test_an_image_that_has_grown_old_during_the_beam_holds_it_and_is_taken_again(room: FakeRoom) -> None:
    room.beam.rate = 0.5  # 50 MU take 100 s
    fraction = room.fraction()
    outcome = treat(fraction, monitors=monitors_of(Intrafraction(reimage_after_s=60.0), fraction))
    assert outcome.state is State.CLOSED
    holds = [entry.detail for entry in outcome.journal if entry.event is Event.HOLD]
    assert holds[0].startswith("the image is 60 s old, and after 60 s the position is imaged again")
    assert len(outcome.images) == 1 + len(holds)
    assert room.beam.mu == pytest.approx(room.beam.planned_mu)


def test_a_young_image_holds_nothing(room: FakeRoom) -> None:
    fraction = irradiating(room)
    assert image_age_monitor(fraction, 600.0)(room.clock.at) is None


def test_a_day_without_image_is_not_held_for_one(room: FakeRoom) -> None:
    fraction = room.fraction(no_image_because="fraction 5 of NAL")
    fraction.set_up()
    fraction.treat_without_image()
    fraction.turn_beam_on()
    assert fraction.watch(monitors=[image_age_monitor(fraction, 1.0)]) is State.DELIVERED


@pytest.mark.parametrize(
    ("moved_mm", "reason"),
    [
        (2.9, None),
        (3.0, None),
        (3.1, "the patient has moved by 3.1 mm, more than 3 mm"),
        (None, "where the patient is cannot be told"),
        (math.nan, "where the patient is cannot be told"),
    ],
)
def test_a_patient_who_moves_too_far_or_cannot_be_seen_holds_the_beam(room, moved_mm, reason) -> None:
    watch = movement_monitor(lambda _now: moved_mm, 3.0)
    assert watch(room.clock.at) == reason
    fraction = irradiating(room)
    assert fraction.watch(2.0, monitors=[watch]) is (State.HELD if reason else State.BEAM_ON)
    assert room.beam.truth() is (reason is None)


def test_only_what_the_protocol_asks_for_is_watched(room: FakeRoom) -> None:
    fraction = room.fraction()
    everything = Intrafraction(shift_mm=3.0, reimage_after_s=600.0)
    assert monitors_of(Intrafraction(), fraction, lambda _now: 9.0) == ()
    assert len(monitors_of(everything, fraction)) == 1
    assert len(monitors_of(everything, fraction, lambda _now: 0.0)) == 2
