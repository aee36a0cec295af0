"""The devices of a virtual station that a beam needs: each is used under the lock of its room."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from isoguide.errors import LinkLostError
from isoguide.motion.gating import TargetWatch
from isoguide.motion.sample import Sighting
from isoguide.treatment.ports import BeamStatus
from isoguide.virtual.room import VirtualRoom


class UsedStation(Protocol):
    """A virtual room that several threads use, one at a time."""

    def used(self) -> AbstractContextManager[VirtualRoom]:
        """Use the room alone, but for the time that a device works."""
        ...

    def used_beam(self) -> AbstractContextManager[VirtualRoom]:
        """Use the room for its beam."""
        ...


@dataclass(frozen=True, slots=True)
class StationBeam:
    """The beam of a virtual station as a port."""

    station: UsedStation

    def turn_on(self) -> None:
        """Order the beam on.

        Raises
        ------
        LinkLostError
            If the machine does not answer.
        """
        with self.station.used_beam() as room:
            room.beam.turn_on()

    def turn_on_gated(self) -> None:
        """Order a delivery that radiates only while it is permitted.

        Raises
        ------
        LinkLostError
            If the machine does not answer.
        """
        with self.station.used_beam() as room:
            room.beam.turn_on_gated()

    def permit(self, seconds: float) -> None:
        """Permit radiation for so long from now.

        Raises
        ------
        LinkLostError
            If the machine does not answer.
        """
        with self.station.used_beam() as room:
            room.beam.permit(seconds)

    def withhold(self, reason: str) -> None:
        """Permit no radiation any more.

        Raises
        ------
        LinkLostError
            If the machine does not answer.
        """
        with self.station.used_beam() as room:
            room.beam.withhold(reason)

    def hold(self, reason: str) -> None:
        """Order the beam off.

        Raises
        ------
        LinkLostError
            If the machine does not answer.
        """
        with self.station.used_beam() as room:
            room.beam.hold(reason)

    def status(self) -> BeamStatus:
        """Ask the machine, which keeps its heartbeat going.

        Raises
        ------
        LinkLostError
            If the machine does not answer.
        """
        with self.station.used_beam() as room:
            return room.beam.status()


class StationWatch:
    """What watches the target of a virtual station.

    Parameters
    ----------
    station
        Whose room it is.
    room
        As it was made for the patient who lies there.
    watch
        A device of that room.
    """

    def __init__(self, station: UsedStation, room: VirtualRoom, watch: TargetWatch) -> None:
        self.source = watch.source
        self._station, self._room, self._watch = station, room, watch

    def start(self) -> None:
        """Begin to watch, which may take its time.

        Raises
        ------
        LinkLostError
            If the device does not answer, or another patient lies there now.
        """
        with self._station.used() as room:
            self._require_same(room)
            self._watch.start()

    def take(self, now: datetime) -> Sequence[Sighting]:
        """Return what has arrived since the last call.

        Raises
        ------
        LinkLostError
            As :meth:`start`.
        """
        with self._station.used() as room:
            self._require_same(room)
            return self._watch.take(now)

    def stop(self) -> None:
        """Stop watching."""
        with self._station.used():
            self._watch.stop()

    def _require_same(self, room: VirtualRoom) -> None:
        if room is not self._room:
            msg = "the patient in the virtual room was laid down anew: turn the beam on again"
            raise LinkLostError(msg)
