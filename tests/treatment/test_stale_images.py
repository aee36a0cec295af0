"""Every way in which an image does not show the patient as he lies now is refused with its own reason."""

from dataclasses import replace
from datetime import timedelta

import pytest
from fake_room import MORNING, SET_UP_POSE, FakeRoom

from isoguide.errors import ImageLostError, LinkLostError
from isoguide.plan import PatientPosition
from isoguide.treatment import AUTOMATIC, Event, Fraction, FractionLimits, State
from isoguide.treatment.refusals import OrderError, RefusedError, StaleImageError


def later(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda i: replace(i, patient_id="P-2"), "is of the patient 'P-2', not of 'P-1'"),
        (lambda i: replace(i, patient_id=""), "is of the patient '', not of 'P-1'"),
        (
            lambda i: replace(i, patient_position=PatientPosition.FFS),
            "was taken in the position FFS, the plan is for HFS",
        ),
        (
            lambda i: replace(i, started_at=MORNING - later(1)),
            "is of another fraction: it was begun 2026-03-02 07:59:59",
        ),
        (
            lambda i: replace(i, started_at=MORNING + later(4)),
            "was begun 08:00:04.000000, before the couch last stopped 08:00:05.000000",
        ),
        (lambda i: replace(i, started_at=MORNING + later(5.5)), "was begun before it was asked for"),
        (lambda i: replace(i, acquired_at=i.acquired_at + later(0.1)), "ends in the future"),
        (
            lambda i: replace(i, couch=replace(SET_UP_POSE, vertical_mm=-152.0)),
            r"with the couch elsewhere \(vertical: expected -152.00 mm, read -150.00 mm",
        ),
    ],
)
def test_a_stale_image_is_refused_for_its_own_reason(room: FakeRoom, edit, reason: str) -> None:
    fraction = room.fraction()
    fraction.set_up()
    room.clock.wait(1.0)
    room.imager.edit = edit
    with pytest.raises(StaleImageError, match=reason):
        fraction.image()
    assert fraction.state is State.SET_UP
    assert fraction.images == ()
    with pytest.raises(RefusedError, match="'align' is not possible in the state 'set up'"):
        fraction.align()


def test_an_image_with_a_uid_seen_before_is_refused(imaged: Fraction, room: FakeRoom) -> None:
    room.imager.edit = lambda image: replace(image, uid="image-1")
    with pytest.raises(StaleImageError, match="image image-1 was seen before: the imager repeats"):
        imaged.image()


def test_an_image_with_a_uid_of_an_earlier_fraction_is_refused(room: FakeRoom) -> None:
    fraction = room.fraction(known_uids=["image-1"])
    fraction.set_up()
    with pytest.raises(StaleImageError, match="was seen before"):
        fraction.image()


def test_a_refused_image_cannot_be_sent_again_under_better_circumstances(room: FakeRoom) -> None:
    fraction = room.fraction()
    fraction.set_up()
    room.imager.edit = lambda image: replace(image, uid="same", patient_id="P-2")
    with pytest.raises(StaleImageError, match="patient 'P-2'"):
        fraction.image()
    room.imager.edit = lambda image: replace(image, uid="same")
    with pytest.raises(StaleImageError, match="was seen before"):
        fraction.image()


def test_an_image_that_took_too_long_to_arrive_is_refused(room: FakeRoom) -> None:
    fraction = room.fraction(FractionLimits(image_age_s=30.0))
    fraction.set_up()
    room.imager.edit = lambda image: replace(image, acquired_at=image.acquired_at - later(40))
    with pytest.raises(StaleImageError, match="is 40 s old, more than 30 s"):
        fraction.image()


def test_an_image_taken_while_the_couch_moved_is_refused(imaged: Fraction, room: FakeRoom) -> None:
    def move_during_exposure(image):
        room.couch.pose = replace(SET_UP_POSE, lateral_mm=12.0)
        return image

    room.imager.edit = move_during_exposure
    with pytest.raises(StaleImageError, match=r"lateral: expected 10.00 mm, read 12.00 mm"):
        imaged.image()


@pytest.mark.parametrize(
    "step",
    [
        ("imaged", lambda fraction: fraction.align()),
        ("aligned", lambda fraction: fraction.approve(AUTOMATIC)),
        ("aligned", lambda fraction: fraction.confirm(AUTOMATIC)),
        ("verified", lambda fraction: fraction.turn_beam_on()),
    ],
    ids=["align", "approve", "confirm", "turn on"],
)
def test_an_image_that_has_aged_is_not_acted_on(step, room: FakeRoom, request) -> None:
    fraction = request.getfixturevalue(step[0])
    before = fraction.state
    room.clock.wait(901.0)
    with pytest.raises(StaleImageError, match=r"image image-1 is 9\d\d s old, more than 900 s"):
        step[1](fraction)
    assert fraction.state is before
    assert not room.beam.on


def test_the_couch_does_not_move_for_an_image_that_has_aged(room: FakeRoom) -> None:
    fraction = room.fraction(FractionLimits(image_age_s=100.0))
    fraction.set_up()
    fraction.image()
    fraction.align()
    order = fraction.approve(AUTOMATIC)
    room.clock.wait(101.0)
    with pytest.raises(StaleImageError, match="is 101 s old"):
        fraction.move_couch(order.token)
    assert room.couch.pose == SET_UP_POSE
    assert fraction.state is State.ALIGNED


@pytest.mark.parametrize("error", [ImageLostError("no image came"), LinkLostError("no answer"), OSError("x")])
@pytest.mark.parametrize("before", ["imaged", "aligned", "approved", "verified"])
def test_a_failed_image_takes_everything_away_that_rested_on_the_old_one(
    before: str, error: Exception, room: FakeRoom, request
) -> None:
    fraction = request.getfixturevalue(before)
    room.imager.fails["acquire"] = [error]
    with pytest.raises(type(error)):
        fraction.image()
    assert fraction.state is State.SET_UP
    assert fraction.place is None
    assert fraction.journal[-1].event is Event.LOSE_IMAGE
    assert str(error) in fraction.reason


def test_a_new_image_voids_the_order_of_the_old_one(approved: Fraction, room: FakeRoom) -> None:
    old = approved.order.token
    approved.image()
    approved.align()
    approved.approve(AUTOMATIC)
    with pytest.raises(OrderError, match="is void: a new image was asked for"):
        approved.move_couch(old)
    assert room.couch.pose == SET_UP_POSE
    assert approved.state is State.APPROVED  # the new order is still good
    assert approved.move_couch(approved.order.token) is State.COUCH_MOVED


def test_a_fraction_has_no_more_images_than_its_limit(room: FakeRoom) -> None:
    fraction = room.fraction(FractionLimits(images=2))
    fraction.set_up()
    fraction.image()
    fraction.image()
    with pytest.raises(RefusedError, match="2 images were taken, as many as this fraction may have"):
        fraction.image()
    assert fraction.state is State.IMAGED


def test_an_image_interrupted_by_the_keyboard_leaves_no_image(verified: Fraction, room: FakeRoom) -> None:
    room.imager.fails["acquire"] = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        verified.image()
    assert verified.state is State.SET_UP
    assert verified.reason == "unexpected KeyboardInterrupt"
