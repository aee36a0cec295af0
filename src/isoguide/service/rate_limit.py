"""How often: wrong passwords, which cost ever longer waits, and requests of a session."""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from isoguide.service.refusals import TooManyError

GUESSES_OF_A_NAME: Final = 5
"""Wrong passwords in a row that cost nothing: whoever mistypes more often has forgotten it."""
GUESSES_OF_AN_ADDRESS: Final = 20
"""The same of one computer, where several people sign in."""
LONGEST_WAIT: Final = timedelta(minutes=5)
"""Each further wrong password doubles the wait up to this: 288 guesses a day, and a name that somebody else
guesses at is not lost for the day."""
FORGOTTEN_AFTER: Final = timedelta(hours=1)
"""After so long without a guess the count begins anew."""
_FIRST_WAIT: Final = timedelta(seconds=2)
_MOST_KEYS: Final = 10_000
"""So many names and addresses are remembered: beyond it the oldest go, so that memory has an end."""

REQUESTS_PER_S: Final = 60.0
"""Of one session, in the long run: three times what a page does that follows the motion at 20 Hz."""
REQUESTS_AT_ONCE: Final = 300
"""Of one session in a burst, such as a page that loads all its pictures."""


@dataclass(frozen=True, slots=True)
class _Guesses:
    count: int
    newest: datetime
    free_at: datetime


class GuessLimit:
    """Counts wrong passwords by name or address; each beyond the free ones doubles the wait.

    Parameters
    ----------
    free
        So many in a row cost nothing.
    now
        Says the time.
    """

    def __init__(self, free: int, now: Callable[[], datetime]) -> None:
        self._free, self._now = free, now
        self._lock = threading.Lock()
        self._guesses: dict[str, _Guesses] = {}

    def take(self, key: str) -> timedelta:
        """Count a guess before it is known to be wrong, and return the wait that it costs if it is.

        Raises
        ------
        TooManyError
            If the wait of the guess before is not over; this one does not count then.
        """
        now = self._now()
        with self._lock:
            before = self._guesses.get(key)
            if before is not None and now < before.free_at:
                wait_s = (before.free_at - now) / timedelta(seconds=1)
                msg = f"too many wrong passwords: try again in {math.ceil(wait_s)} s"
                raise TooManyError(msg, wait_s)
            count = 1 + (before.count if before is not None and now - before.newest < FORGOTTEN_AFTER else 0)
            wait = self._wait(count)
            self._guesses.pop(key, None)
            self._guesses[key] = _Guesses(count, now, now + wait)
            if len(self._guesses) > _MOST_KEYS:
                del self._guesses[next(iter(self._guesses))]
            return wait

    def give_back(self, key: str) -> None:
        """Take back one guess: it was right."""
        with self._lock:
            known = self._guesses.get(key)
            if known is not None:
                self._guesses[key] = _Guesses(known.count - 1, known.newest, self._now())

    def forget(self, key: str) -> None:
        """Begin anew: somebody has shown that he knows the password."""
        with self._lock:
            self._guesses.pop(key, None)

    def _wait(self, count: int) -> timedelta:
        beyond = count - self._free
        if beyond < 0:
            return timedelta()
        return min(_FIRST_WAIT * 2.0 ** min(beyond, 16), LONGEST_WAIT)


@dataclass(slots=True)
class TokenBucket:
    """Tokens that come back at a steady pace; a request takes one."""

    at: datetime
    tokens: float = float(REQUESTS_AT_ONCE)

    def take(self, now: datetime) -> None:
        """Take a token.

        Raises
        ------
        TooManyError
            If there is none.
        """
        passed_s = max((now - self.at) / timedelta(seconds=1), 0.0)
        self.at, self.tokens = now, min(self.tokens + passed_s * REQUESTS_PER_S, float(REQUESTS_AT_ONCE))
        if self.tokens < 1.0:
            msg = f"more than {REQUESTS_PER_S:.0f} requests a second: slow down"
            raise TooManyError(msg, 1.0)
        self.tokens -= 1.0
