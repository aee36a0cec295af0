"""What happened, in order: entries that a record can keep, and the time that can only go forwards."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from isoguide.treatment.ports import Clock, require_aware
from isoguide.treatment.refusals import ClockError
from isoguide.treatment.states import Event, State


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal: when (aware UTC), what, from which state to which, and why or how."""

    at: datetime
    state_before: State
    event: Event
    state_after: State
    detail: str


class Timeline:
    """The clock of the room, watched: it may stand, it may not go backwards, nor before ``since``.

    Raises
    ------
    InputError
        If the clock has no time zone.
    """

    def __init__(self, clock: Clock, since: datetime | None = None) -> None:
        self.clock = clock
        self.latest = max(self._read(), since) if since is not None else self._read()

    def _read(self) -> datetime:
        at = self.clock.now()
        require_aware(at, "the clock of the room")
        return at

    def now(self) -> datetime:
        """Return the time, aware UTC, and remember it as :attr:`latest`.

        Raises
        ------
        ClockError
            If the clock went backwards.
        InputError
            If the clock has no time zone.
        """
        at = self._read()
        if at < self.latest:
            back_s = (self.latest - at) / timedelta(seconds=1)
            msg = (
                f"the clock of the room went backwards by {back_s:.3f} s, so no age can be trusted: check it"
            )
            raise ClockError(msg)
        self.latest = at
        return at

    def stamp(self) -> datetime:
        """Return a time for the journal, whatever the clock does: the latest one seen where it fails."""
        try:
            return self.now()
        except Exception:  # noqa: BLE001 - a broken clock must not keep the beam from being held
            return self.latest
