"""Tells of what another program recorded, such as the command line: consoles show it within a second."""

import logging
import threading
from typing import Final

from isoguide.errors import IsoguideError
from isoguide.records import FractionKey, FractionLine, Records
from isoguide.workflow.clinic.room_events import FractionChanged, RoomEvents, Subscription

PERIOD_S: Final = 1.0
_LOG: Final = logging.getLogger(__name__)


class RecordsWatch:
    """Compares the open fractions of the records with what consoles were told.

    Parameters
    ----------
    records
        Of the department.
    events
        The hub: it says what was told, and is told the rest.
    period_s
        How often.
    """

    def __init__(self, records: Records, events: RoomEvents, period_s: float = PERIOD_S) -> None:
        self._records, self._events, self._period_s = records, events, period_s
        self._told: dict[FractionKey, int] | None = None
        self._heard: Subscription | None = None
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="isoguide-records-watch", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._heard = self._events.subscribe()
        self._thread.start()

    def close(self) -> None:
        """Watch no more."""
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._heard is not None:
            self._events.unsubscribe(self._heard)

    def look(self) -> None:
        """Compare once; the first time everything there is counts as told.

        Raises
        ------
        IsoguideError
            If the records cannot be read.
        """
        found = {line.key: line for line in self._records.unfinished_fractions()}
        if self._told is None:
            self._told = {key: line.version for key, line in found.items()}
            return
        for event in self._heard.take_all() if self._heard is not None else ():
            if isinstance(event, FractionChanged):
                self._told[FractionKey(event.course_id, event.number)] = event.version
        lines = [*found.values(), *(self._ended(key) for key in self._told.keys() - found.keys())]
        for line in lines:
            if self._told.get(line.key, 0) < line.version:
                self._tell(line)
        self._told = {key: line.version for key, line in found.items()}

    def _ended(self, key: FractionKey) -> FractionLine:
        return self._records.fraction(key.course_id, key.number).line

    def _tell(self, line: FractionLine) -> None:
        key = line.key
        self._events.publish(FractionChanged(key.course_id, key.number, line.version, str(line.state), by=""))

    def _run(self) -> None:
        while not self._is_over.wait(self._period_s):
            try:
                self.look()
            except IsoguideError:
                # Who asks for a fraction gets the sentence; the next look may succeed.
                _LOG.exception("the records cannot be watched")
