"""Work at the console takes its time on the clock of the room."""

from datetime import UTC, datetime

import pytest

from isoguide.virtual.clock import VirtualClock
from isoguide.virtual.console import Console
from isoguide.virtual.room_settings import ConsoleSettings, RoomSettings


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(datetime(2026, 3, 2, 8, 0, tzinfo=UTC))


def test_a_match_and_a_decision_are_there_after_their_time_and_the_same_as_without_it(
    clock: VirtualClock,
) -> None:
    console = Console(clock, ConsoleSettings(match_s=12.0, decision_s=45.0))

    matched = console.timed_match(lambda daily, initial: f"{daily} on {initial}")("image", "plan")
    assert (matched, clock.seconds) == ("image on plan", 12.0)

    decided = console.timed_decision(lambda match: f"approve {match}")("match")
    assert (decided, clock.seconds) == ("approve match", 57.0)


def test_time_passes_even_when_the_work_fails(clock: VirtualClock) -> None:
    def refuse() -> None:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - the error is that of the line above
        Console(clock, ConsoleSettings(match_s=5.0)).timed_match(refuse)()
    assert clock.seconds == 5.0


def test_from_image_to_decision_it_takes_what_117_301_images_took_in_a_clinic() -> None:
    # Li et al., Radiotherapy and Oncology, 2016: 79 s in the mean.
    usual = ConsoleSettings()
    assert usual.match_s + usual.decision_s == pytest.approx(79.0, abs=2.0)


def test_in_a_perfect_room_nobody_has_to_think() -> None:
    assert RoomSettings.perfect().console == ConsoleSettings(match_s=0.0, decision_s=0.0)
