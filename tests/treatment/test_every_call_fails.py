"""Each call to each device of a whole fraction fails once: every fraction ends safely, with a reason."""

import pytest
from fake_room import FakeRoom

from isoguide.errors import ImageLostError, LinkLostError
from isoguide.treatment import FractionLimits, FractionOutcome, State, treat

LIMITS = FractionLimits(verify_with_image=True, images=3)
METHODS = [
    ("imager", "acquire"),
    ("couch", "read"),
    ("couch", "move_to"),
    ("beam", "turned on"),
    ("beam", "status"),
]


def small_room() -> FakeRoom:
    room = FakeRoom()
    room.beam.planned_mu = 5.0
    return room


def calls_of_a_good_fraction(device: str, method: str) -> int:
    room = small_room()
    assert treat(room.fraction(LIMITS)).state is State.CLOSED
    return getattr(room, device).calls.count(method)


def ended_safely(room: FakeRoom, outcome: FractionOutcome) -> bool:
    delivered = outcome.state is State.CLOSED and room.beam.mu == room.beam.planned_mu
    stopped = outcome.state is State.STOPPED and outcome.reason != ""
    return (delivered or stopped) and outcome.beam_is_off and not room.beam.truth()


@pytest.mark.parametrize(
    "error", [LinkLostError("no answer"), ImageLostError("no image"), ValueError("a bug")]
)
@pytest.mark.parametrize(("device", "method"), METHODS)
def test_a_call_that_fails_ends_safely(device: str, method: str, error: Exception) -> None:
    for number in range(calls_of_a_good_fraction(device, method)):
        room = small_room()
        getattr(room, device).fails[method] = [*[None] * number, error]
        outcome = treat(room.fraction(LIMITS))
        assert ended_safely(room, outcome), (number, outcome.reason)


@pytest.mark.parametrize(("device", "method"), METHODS)
def test_an_interruption_at_any_call_ends_safely(device: str, method: str) -> None:
    for number in range(calls_of_a_good_fraction(device, method)):
        room = small_room()
        getattr(room, device).fails[method] = [*[None] * number, KeyboardInterrupt()]
        fraction = room.fraction(LIMITS)
        with pytest.raises(KeyboardInterrupt):
            treat(fraction)
        assert fraction.state is State.STOPPED, number
        assert not fraction.beam_may_be_on, number
        assert not room.beam.truth(), number


@pytest.mark.parametrize(("device", "method"), METHODS)
def test_a_clock_that_goes_back_at_any_call_ends_safely(device: str, method: str) -> None:
    for number in range(calls_of_a_good_fraction(device, method)):
        room = small_room()
        tool = getattr(room, device)
        tool.before_call = lambda called, r=room, t=tool, n=number: (
            r.clock.go_back(100.0) if called == method and t.calls.count(method) == n + 1 else None
        )
        outcome = treat(room.fraction(LIMITS))
        assert outcome.beam_is_off, (number, outcome.reason)
        assert not room.beam.truth(), (number, outcome.reason)
        assert outcome.state is State.STOPPED, number
        assert "went backwards" in outcome.reason, number


def test_a_link_that_is_lost_for_good_at_any_look_leaves_the_beam_to_the_machine() -> None:
    for number in range(1, calls_of_a_good_fraction("beam", "status")):
        room = small_room()
        room.beam.fails = {
            "status": [*[None] * number, *[LinkLostError("no answer")] * 99],
            "hold": [LinkLostError("no answer")] * 99,
        }
        outcome = treat(room.fraction(LIMITS))
        assert outcome.state is State.STOPPED, number
        assert outcome.reason, number
        room.clock.wait(3.0)
        assert not room.beam.truth(), number
        assert outcome.beam_is_off or "press the emergency stop" in outcome.reason, number
