"""The clocks of the virtual room: one that is the same in every run, one that is real, one of a day."""

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Lock

from isoguide.errors import InputError
from isoguide.treatment.ports import require_aware


class VirtualClock:
    """Time that passes only when a device works or somebody waits.

    Parameters
    ----------
    started_at
        When the patient lies in set-up position: second 0 of the patient's day. Aware; kept in UTC.

    Raises
    ------
    InputError
        If the time has no time zone.
    """

    def __init__(self, started_at: datetime) -> None:
        require_aware(started_at, "the clock of the virtual room")
        self._started_at = started_at.astimezone(UTC)
        self._seconds = 0.0

    @property
    def seconds(self) -> float:
        """Seconds since ``started_at``."""
        return self._seconds

    def now(self) -> datetime:
        """Return the time, aware UTC."""
        return self.at(self.seconds)

    def at(self, seconds: float) -> datetime:
        """Return the time, aware UTC, at a second of the room."""
        return self._started_at + timedelta(seconds=seconds)

    def wait(self, seconds: float) -> None:
        """Let this much time pass, at once.

        Raises
        ------
        InputError
            If the time is negative or not finite: this clock does not run backwards.
        """
        self._seconds += _possible(seconds)


class RealTimeClock(VirtualClock):
    """Time that passes by itself, as it does for a person who watches.

    It follows a clock that nobody sets, so a work station whose time is corrected does not move the machine.

    Parameters
    ----------
    started_at
        The time now, aware: second 0.
    speed
        Seconds of the room in a second of a person: 1, or more to practise quickly.
    monotonic, sleep
        What it follows and how it waits, both in seconds of a person.

    Raises
    ------
    InputError
        If the time has no time zone, or the speed is not a positive number.
    """

    def __init__(
        self,
        started_at: datetime,
        *,
        speed: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(started_at)
        if not (math.isfinite(speed) and speed > 0.0):
            msg = f"the speed of the clock has to be a positive number, not {speed}"
            raise InputError(msg)
        self._speed, self._monotonic, self._sleep = speed, monotonic, sleep
        self._zero_s = monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since ``started_at``."""
        return self._speed * (self._monotonic() - self._zero_s)

    def wait(self, seconds: float) -> None:
        """Return when this much time has passed.

        Raises
        ------
        InputError
            If the time is negative or not finite.
        """
        over_s = self.seconds + _possible(seconds)
        while (left_s := over_s - self.seconds) > 0.0:
            self._sleep(left_s / self._speed)


class DayClock(VirtualClock):
    """One patient's day on a clock that goes on: second 0 is when he was laid down, which is now.

    Parameters
    ----------
    clock
        Which goes on; both say the same time.
    lock
        Held by whoever uses the room. It is let go while a device works, so that others can look meanwhile;
        so only its holder may wait.
    """

    def __init__(self, clock: VirtualClock, lock: Lock) -> None:
        super().__init__(clock.now())
        self._clock, self._lock = clock, lock
        self._zero_s = clock.seconds

    @property
    def seconds(self) -> float:
        """Seconds since the patient was laid down."""
        return self._clock.seconds - self._zero_s

    def now(self) -> datetime:
        """Return the time, aware UTC."""
        return self._clock.now()

    def at(self, seconds: float) -> datetime:
        """Return the time, aware UTC, at a second of the day."""
        return self._clock.at(self._zero_s + seconds)

    def wait(self, seconds: float) -> None:
        """Return when this much time has passed.

        Raises
        ------
        InputError
            If the time is negative or not finite.
        """
        self._lock.release()
        try:
            self._clock.wait(seconds)
        finally:
            self._lock.acquire()


def _possible(seconds: float) -> float:
    if not 0.0 <= seconds < math.inf:
        msg = f"the clock can wait a finite time of zero or more, not {seconds} s"
        raise InputError(msg)
    return seconds
