"""A treatment room that answers by itself: what staff read and type elsewhere, it says.

:class:`isoguide.workflow.clinic.virtual_station.VirtualStation` is one; an adapter of a machine would be
another.
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from isoguide.course.monitoring import Monitoring
from isoguide.errors import ImageLostError
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.motion.gating import TargetWatch
from isoguide.motion.sample import Sighting
from isoguide.treatment import FractionMemory
from isoguide.treatment.ports import Beam, BeamStatus, Clock, CouchReading, DayImage, Room
from isoguide.workflow.clinic.day_image import ImageSaid


@dataclass(frozen=True, slots=True)
class RoomLook:
    """What a room shows to whoever looks in, at one moment; None where it does not answer.

    ``at`` is the moment of it, aware UTC: a look may be an earlier one while the room is busy.
    """

    at: datetime
    couch: CouchReading | None = None
    beam: BeamStatus | None = None
    sighting: Sighting | None = None


@dataclass(frozen=True, slots=True)
class Preparation:
    """How far the room is: ``share`` from 0 to 1, and what it does, or why it cannot be used."""

    share: float
    words: str
    is_ready: bool = False
    has_failed: bool = False


class ConnectedRoom(Protocol):
    """A treatment room behind the ports of :mod:`isoguide.treatment.ports`, and what a console needs besides.

    Every method may be called from any thread.
    """

    @property
    def name(self) -> str:
        """What the department calls it."""
        ...

    @property
    def preparation(self) -> Preparation:
        """How far it is with what it needs before it can be used."""
        ...

    @property
    def clock(self) -> Clock:
        """The one clock of the room; every step of a fraction in it is stamped by it."""
        ...

    @property
    def beam(self) -> Beam:
        """The beam. Only what watches it may ask for its status: each question keeps it on."""
        ...

    @property
    def image_said(self) -> ImageSaid:
        """What the files of its images do not say."""
        ...

    @property
    def watches_target(self) -> bool:
        """Whether :meth:`target` tells where the target is, where the protocol asks for no gate."""
        ...

    def watch(self, monitoring: Monitoring) -> TargetWatch:
        """Return what watches the target in this room as a protocol asks for it; it has not begun.

        Raises
        ------
        RefusedError, InputError
            If this room cannot watch it so, or the patient has nothing that could be watched.
        DeviceError
            If nobody lies here.
        """
        ...

    def is_for(self, course_id: str, number: int | None = None) -> bool:
        """Tell whether the patient of a course can be treated here, and in the fraction of this number."""
        ...

    def place_patient(self, course_id: str, number: int, kept: FractionMemory | None = None) -> None:
        """Lay the patient down on his marks, where the room does that by itself: the virtual one.

        Parameters
        ----------
        course_id, number
            Whose, and for which fraction.
        kept
            Of a fraction that goes on after a restart: the couch then stands where it was.

        Raises
        ------
        DeviceError
            If the room is not ready.
        MismatchError
            If it is not for this fraction.
        """
        ...

    def couch(self) -> CouchReading:
        """Return where the scales say the couch is now.

        Raises
        ------
        LinkLostError
            If it does not answer.
        """
        ...

    def drive_couch(self, pose: TableTopPose) -> None:
        """Drive to an absolute pose; return when the couch has stopped, wherever that is.

        Raises
        ------
        LinkLostError
            If it does not answer; it may have moved.
        """
        ...

    def take_image(self, folder: Path) -> Path:
        """Expose one image now and write its export into a folder; return where it is.

        Raises
        ------
        ImageLostError
            If the exposure was made and no image came of it.
        LinkLostError
            If the imager does not answer.
        OutputError
            If the export cannot be written.
        """
        ...

    def target(self) -> Sighting | None:
        """Return where the target is now; None where nothing watches it, or it cannot be told."""
        ...

    def look(self) -> RoomLook:
        """Return what the room shows, at once: keeps no heartbeat going, and never raises."""
        ...


@dataclass(frozen=True, slots=True)
class RoomCouch:
    """The couch of a connected room as a port."""

    room: ConnectedRoom

    def read(self) -> CouchReading:
        """Return where it is.

        Raises
        ------
        LinkLostError
            If it does not answer.
        """
        return self.room.couch()

    def move_to(self, pose: TableTopPose) -> None:
        """Drive it.

        Raises
        ------
        LinkLostError
            If it does not answer.
        """
        self.room.drive_couch(pose)


@dataclass(frozen=True, slots=True)
class NoImage:
    """The imager of a step that takes none, or whose exposure failed: hands on why."""

    why: Exception = field(default_factory=lambda: ImageLostError("this step takes no image"))

    def acquire(self) -> DayImage:
        """Raise why there is no image.

        Raises
        ------
        DeviceError
            Always.
        """
        raise self.why


def ports_of(room: ConnectedRoom, imager: NoImage | None = None) -> Room:
    """Return the devices of a connected room as a fraction sees them."""
    return Room(imager or NoImage(), RoomCouch(room), room.beam, room.clock)
