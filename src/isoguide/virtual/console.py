"""The console outside the room: the day's image is matched there, and somebody decides about the match."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from isoguide.virtual.clock import VirtualClock
from isoguide.virtual.room_settings import ConsoleSettings

_Given = ParamSpec("_Given")
_Answer = TypeVar("_Answer")


class Console:
    """Lets the work at the console take its time.

    Parameters
    ----------
    clock
        Of the room.
    settings
        How long everything takes.
    """

    def __init__(self, clock: VirtualClock, settings: ConsoleSettings) -> None:
        self._clock = clock
        self._settings = settings

    def timed_match(self, match: Callable[_Given, _Answer]) -> Callable[_Given, _Answer]:
        """Return the same match of an image, which answers only after its time."""
        return self._timed(match, self._settings.match_s)

    def timed_decision(self, decide: Callable[_Given, _Answer]) -> Callable[_Given, _Answer]:
        """Return the same way to decide about a match, which answers only after its time."""
        return self._timed(decide, self._settings.decision_s)

    def _timed(self, work: Callable[_Given, _Answer], seconds: float) -> Callable[_Given, _Answer]:
        def timed(*given: _Given.args, **named: _Given.kwargs) -> _Answer:
            self._clock.wait(seconds)
            return work(*given, **named)

        return timed
