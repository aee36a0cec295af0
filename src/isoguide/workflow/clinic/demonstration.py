"""The folder of a demonstration opened as a department whose virtual room is connected."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from isoguide.errors import IsoguideError
from isoguide.virtual.clock import RealTimeClock
from isoguide.workflow.clinic.department import open_desk, utc_now
from isoguide.workflow.clinic.desk import Desk
from isoguide.workflow.clinic.gate_source import MonitorProcess
from isoguide.workflow.clinic.room_drive import RoomDrive
from isoguide.workflow.clinic.room_events import RoomEvents
from isoguide.workflow.clinic.sign_in_file import SIGN_IN
from isoguide.workflow.clinic.station_file import StationFile, read_station_file
from isoguide.workflow.clinic.virtual_department import RECORDS
from isoguide.workflow.clinic.virtual_station import VirtualStation
from isoguide.workflow.clinic.waiting_fraction import prepare_waiting_fraction

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Demonstration:
    """A department with one virtual room.

    Parameters
    ----------
    desk, events, drive
        What a service takes.
    station
        The room.
    sign_in_file
        Where names and passwords are.
    """

    desk: Desk
    events: RoomEvents
    drive: RoomDrive
    station: VirtualStation
    sign_in_file: Path

    def begin(self) -> None:
        """Prepare the room and the waiting fraction in the background; the room says how far it is."""
        self.station.start()
        threading.Thread(target=self._bring_patient, name="isoguide-waiting-fraction", daemon=True).start()

    def _bring_patient(self) -> None:
        if not self.station.wait_ready():
            return
        try:
            prepare_waiting_fraction(self.drive)
        except IsoguideError as error:  # the worklist shows where the fraction is, and it goes on by hand
            _log.warning("the waiting fraction could not be prepared: %s", error)


@contextmanager
def open_demonstration(
    folder: Path,
    *,
    speed: float = 1.0,
    connect: Callable[[StationFile, Desk, RealTimeClock], VirtualStation] = VirtualStation,
) -> Iterator[Demonstration]:
    """Open the department that a demonstration left in its folder, with its virtual room, by the real time.

    Parameters
    ----------
    folder
        Of ``isoguide demo``.
    speed
        Seconds of the room in a second of a person.
    connect
        Makes the room.

    Raises
    ------
    MissingEvidenceError
        If the folder is none of a demonstration.
    InputError, UnreadableError
        If its records or its room cannot be read.
    """
    file = read_station_file(folder)
    clock = RealTimeClock(utc_now(), speed=speed)
    with open_desk(str(folder / RECORDS), now=clock.now) as desk:
        events = RoomEvents()
        station = connect(file, desk, clock)
        gates = MonitorProcess(clock.now, speed)
        with RoomDrive(desk, station, file.course_id, events, gates=gates) as drive:
            yield Demonstration(desk, events, drive, station, folder / SIGN_IN)
