"""The clock of the virtual room: faster than real time, and the same in every run."""

from datetime import UTC, datetime, timedelta

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
        return self.at(self._seconds)

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
        if not 0.0 <= seconds < float("inf"):
            msg = f"the clock can wait a finite time of zero or more, not {seconds} s"
            raise InputError(msg)
        self._seconds += seconds
