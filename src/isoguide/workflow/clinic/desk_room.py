"""A treatment room whose devices are read by people: what staff say is what the ports answer.

isoguide moves no real couch and turns on no real beam. Where no adapter of a machine is installed, staff work
at the machine's own console and tell isoguide what it reads there; the fraction is the same code with the
same guards as on a machine that answers by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from isoguide.errors import ImageLostError, LinkLostError
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.treatment.ports import BeamStatus, CouchReading, DayImage, Room


@dataclass(frozen=True, slots=True)
class DeskClock:
    """The clock of the work station; waiting costs nothing, because devices were read already."""

    now_utc: Callable[[], datetime]

    def now(self) -> datetime:
        """Return the time, aware UTC."""
        return self.now_utc()

    def wait(self, seconds: float) -> None:
        """Return at once: a reading told by staff does not change by waiting."""


@dataclass(frozen=True, slots=True)
class DeskCouch:
    """The couch as staff read it; ``pose`` is None where nobody said."""

    clock: DeskClock
    pose: TableTopPose | None

    def read(self) -> CouchReading:
        """Return what staff read.

        Raises
        ------
        LinkLostError
            If nobody said where the couch is.
        """
        if self.pose is None:
            msg = "where the couch is was not said: read it at the machine and give it with --couch"
            raise LinkLostError(msg)
        return CouchReading(self.pose, self.clock.now())

    def move_to(self, _pose: TableTopPose) -> None:
        """Do nothing: staff drive the couch, and its read-back says where it came to stand."""


@dataclass(frozen=True, slots=True)
class DeskImager:
    """Hands over the image that staff took and exported."""

    image: DayImage | None = None

    def acquire(self) -> DayImage:
        """Return that image.

        Raises
        ------
        ImageLostError
            If there is none.
        """
        if self.image is None:
            msg = "no image of this fraction was given: export it and name its folder"
            raise ImageLostError(msg)
        return self.image


@dataclass(eq=False)
class DeskBeam:
    """The beam as its machine recorded it; it was delivered before anybody tells isoguide.

    Parameters
    ----------
    clock
        Of the work station.
    planned_mu, before_mu
        Of the whole fraction, and what was delivered of it before this time.
    delivered_mu
        What was delivered in all, as staff or a treatment record say.
    """

    clock: DeskClock
    planned_mu: float
    before_mu: float = 0.0
    delivered_mu: float | None = None
    _looks_since_on: int = field(default=-1, init=False)

    def turn_on(self) -> None:
        """Take it that the beam was turned on at the machine.

        Raises
        ------
        LinkLostError
            If nobody said what was delivered.
        """
        if self.delivered_mu is None:
            msg = "what was delivered was not said: give the meterset or the treatment record of the machine"
            raise LinkLostError(msg)
        self._looks_since_on = 0

    def hold(self, _reason: str) -> None:
        """Do nothing: the beam is off when its meterset is told."""

    def status(self) -> BeamStatus:
        """Return the beam before, and then after what was delivered."""
        now = self.clock.now()
        if self._looks_since_on < 0 or self.delivered_mu is None:
            return BeamStatus(
                is_on=False, delivered_mu=self.before_mu, planned_mu=self.planned_mu, read_at=now
            )
        self._looks_since_on += 1
        return BeamStatus(
            is_on=self._looks_since_on == 1,
            delivered_mu=self.delivered_mu,
            planned_mu=self.planned_mu,
            read_at=now,
        )


def desk_room(
    clock: DeskClock, couch: TableTopPose | None, *, beam: DeskBeam, image: DayImage | None = None
) -> Room:
    """Return the room in which one step of a fraction is made."""
    return Room(DeskImager(image), DeskCouch(clock, couch), beam, clock)
