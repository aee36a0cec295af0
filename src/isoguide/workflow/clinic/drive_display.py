"""What is shown of the fraction in a connected room, kept up to date beside the steps that are made."""

import itertools
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from isoguide.errors import IsoguideError
from isoguide.records import Records
from isoguide.treatment import Entry, Fraction, FractionMemory
from isoguide.treatment.memory import Sink
from isoguide.workflow.clinic.connected_room import ConnectedRoom
from isoguide.workflow.clinic.delivery_sink import DeliverySink
from isoguide.workflow.clinic.gate_shown import GateShown
from isoguide.workflow.clinic.open_fraction import open_fraction
from isoguide.workflow.clinic.room_events import FractionChanged, RoomEvents
from isoguide.workflow.clinic.room_state import RoomState, ShownFraction, room_state

LOOK_AGAIN: Final = timedelta(seconds=1)
"""So often the records are asked whether somebody made a step elsewhere."""


class DriveDisplay:
    """What a console sees of one course in a connected room.

    Parameters
    ----------
    records
        Of the department.
    room, course_id
        Who lies where.
    events
        Is told of each new version of the fraction, and asks for the state of the room.
    """

    def __init__(
        self, records: Records, room: ConnectedRoom, course_id: str, events: RoomEvents | None
    ) -> None:
        self._records, self._room, self._course_id, self._events = records, room, course_id, events
        self._sequence = itertools.count(1)
        self._lock = threading.Lock()
        self._shown: ShownFraction | None = None
        self._looked_at: datetime | None = None

    def state(
        self, watched: Fraction | None, watched_by: str = "", gate: GateShown | None = None
    ) -> RoomState:
        """Return what is shown now.

        Parameters
        ----------
        watched
            The fraction whose beam is watched, or whose end could not be recorded: it knows more than the
            records.
        watched_by
            Who turned the beam on.
        gate
            What the gate of its beam says.
        """
        look = self._room.look()
        self._look_again(look.at)
        shown = self._shown
        if watched is not None and shown is not None:
            shown = replace(shown, memory=watched.memory, reason=watched.reason)
        return room_state(
            self._room.name, next(self._sequence), look, shown, watched_by=watched_by, gate=gate
        )

    def refresh(self) -> None:
        """Read the fraction from the records, and tell if it has another version."""
        with self._lock:
            course = self._records.course(self._course_id)
            if not course.fractions:
                self._shown = None
                return
            opened = open_fraction(self._records, self._course_id)
            shown, before = ShownFraction.of(opened), self._shown
            self._shown = shown
            steps = opened.stored.steps
        if before is None or (before.key, before.version) != (shown.key, shown.version):
            self._tell(shown, steps[-1].by if steps else "")

    def telling(self, sink: DeliverySink) -> Sink:
        """Return the same sink, which also shows and tells each step once it is written."""

        def write(entry: Entry, memory: FractionMemory) -> None:
            sink(entry, memory)
            # Whatever becomes of it: the step is written, and a beam does not wait for those who look.
            with suppress(Exception):
                self._wrote(sink, entry, memory)

        return write

    def _wrote(self, sink: DeliverySink, entry: Entry, memory: FractionMemory) -> None:
        with self._lock:
            if self._shown is None:
                return
            version, delivered_mu = sink.recorder.version, max(sink.recorded_mu, self._shown.delivered_mu)
            self._shown = replace(
                self._shown, version=version, reason=entry.detail, memory=memory, delivered_mu=delivered_mu
            )
            shown = self._shown
        self._tell(shown, sink.recorder.by)

    def _tell(self, shown: ShownFraction, by: str) -> None:
        if self._events is not None:
            key = shown.key
            self._events.publish(
                FractionChanged(key.course_id, key.number, shown.version, str(shown.state), by)
            )

    def _look_again(self, now: datetime) -> None:
        if self._looked_at is not None and abs(now - self._looked_at) < LOOK_AGAIN:
            return
        self._looked_at = now
        # Records that cannot be read hide neither couch nor beam.
        with suppress(IsoguideError):
            open_now = {
                line.key.course_id: (line.key, line.version) for line in self._records.unfinished_fractions()
            }
            shown = self._shown
            known = (shown.key, shown.version) if shown is not None and not shown.state.is_final else None
            if open_now.get(self._course_id) != known or shown is None:
                self.refresh()
