"""Rooms and fractions in the states that tests begin from."""

import pytest
from fake_room import FakeRoom

from isoguide.treatment import AUTOMATIC, Fraction


@pytest.fixture
def room() -> FakeRoom:
    """A patient who lies 5 mm too far to his left."""
    return FakeRoom()


@pytest.fixture
def imaged(room: FakeRoom) -> Fraction:
    fraction = room.fraction()
    fraction.set_up()
    fraction.image()
    return fraction


@pytest.fixture
def aligned(imaged: Fraction) -> Fraction:
    imaged.align()
    return imaged


@pytest.fixture
def approved(aligned: Fraction) -> Fraction:
    aligned.approve(AUTOMATIC)
    return aligned


@pytest.fixture
def verified(approved: Fraction) -> Fraction:
    approved.move_couch(approved.order.token)
    approved.verify()
    return approved


@pytest.fixture
def beam_on(verified: Fraction) -> Fraction:
    verified.turn_beam_on()
    return verified
