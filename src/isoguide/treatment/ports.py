"""The devices of a treatment room as the fraction sees them: protocols, and what they answer.

Nothing here is a device. A virtual room or an adapter of a vendor implements the protocols; the fraction is
the same code on all of them. A port that fails raises :class:`~isoguide.errors.DeviceError`
(:class:`~isoguide.errors.ImageLostError`, :class:`~isoguide.errors.LinkLostError`); it never answers with a
value it does not have.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

import numpy as np

from isoguide.errors import InputError, MismatchError
from isoguide.geometry.frames import DAILY, Array, Frame, frozen_array
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.images.volume import Volume
from isoguide.plan import PatientPosition
from isoguide.registration.day_match import DayContent, kind_of


@dataclass(frozen=True, slots=True, eq=False)
class Exposure:
    """What has to be remembered of an image when its voxels are gone; see :class:`DayImage`.

    ``machine_isocentre_mm`` is None where an older version of isoguide did not keep it.
    """

    uid: str
    model: str
    started_at: datetime
    acquired_at: datetime
    couch: TableTopPose
    machine_isocentre_mm: Array | None = None

    def __post_init__(self) -> None:
        if self.machine_isocentre_mm is not None:
            isocentre_mm = frozen_array(self.machine_isocentre_mm, (3,), "the machine isocentre")
            object.__setattr__(self, "machine_isocentre_mm", isocentre_mm)


@dataclass(frozen=True, slots=True, eq=False)
class DayImage:
    """What was imaged in the treatment room: a CT, ultrasound, or radiographs taken together.

    Parameters
    ----------
    uid
        Identifies this exposure and no other (the SOP or series instance UID).
    content
        A CT, ultrasound or the radiographs, in the frame ``DAILY``: patient LPS axes as ``patient_position``
        puts them into the room, whatever small angle the couch has
        (:func:`isoguide.geometry.iec61217.fixed_from_daily`).
    machine_isocentre_mm
        The treatment isocentre as the imager knows it, in daily LPS, (3,).
    patient_position
        As entered at the imager.
    started_at, acquired_at
        Begin and end of the exposure, aware UTC.
    couch
        The couch as the imager read it at the exposure.
    model
        How the image came about, such as "cone beam", "physical cone beam" or "image-domain cone-beam model".
    patient_id
        As the imager has it; has to equal that of the plan.

    Raises
    ------
    InputError
        If the UID is empty, or a time has no time zone or the end comes before the begin.
    GeometryError
        If the isocentre is not three finite numbers.
    """

    uid: str
    content: DayContent
    machine_isocentre_mm: Array
    patient_position: PatientPosition
    started_at: datetime
    acquired_at: datetime
    couch: TableTopPose
    model: str
    patient_id: str = ""

    def __post_init__(self) -> None:
        isocentre_mm = frozen_array(self.machine_isocentre_mm, (3,), "the machine isocentre")
        object.__setattr__(self, "machine_isocentre_mm", isocentre_mm)
        if not self.uid:
            msg = "the day's image has no UID, so it cannot be told from another: the imager must give one"
            raise InputError(msg)
        for frame in self._frames():
            if frame != DAILY:
                msg = f"image {self.uid} is in the frame '{frame}', not '{DAILY}'"
                raise InputError(msg)
        for at in (self.started_at, self.acquired_at):
            require_aware(at, f"image {self.uid}")
        if self.acquired_at < self.started_at:
            msg = f"image {self.uid} ended ({self.acquired_at}) before it began ({self.started_at})"
            raise InputError(msg)

    def _frames(self) -> tuple[Frame, ...]:
        if not isinstance(self.content, tuple):
            return (self.content.grid.frame,)
        if not self.content:
            msg = f"image {self.uid} holds no radiograph: the imager must give at least one"
            raise InputError(msg)
        return tuple(radiograph.view.frame for radiograph in self.content)

    @property
    def volume(self) -> Volume:
        """The CT or cone-beam CT.

        Raises
        ------
        MismatchError
            If the image is ultrasound or radiographs.
        """
        if isinstance(self.content, Volume):
            return self.content
        msg = f"image {self.uid} holds {kind_of(self.content)}, of which there is no CT volume"
        raise MismatchError(msg)

    @property
    def ultrasound(self) -> UltrasoundVolume:
        """The ultrasound.

        Raises
        ------
        MismatchError
            If the image is a CT or radiographs.
        """
        if isinstance(self.content, UltrasoundVolume):
            return self.content
        msg = f"image {self.uid} holds {kind_of(self.content)}, which is no ultrasound"
        raise MismatchError(msg)

    @property
    def exposure(self) -> Exposure:
        """The image without its voxels."""
        return Exposure(
            self.uid,
            self.model,
            self.started_at,
            self.acquired_at,
            self.couch,
            self.machine_isocentre_mm,
        )


@dataclass(frozen=True, slots=True)
class CouchReading:
    """Where the couch is by its own scales, and when it said so (aware UTC)."""

    pose: TableTopPose
    read_at: datetime

    def __post_init__(self) -> None:
        require_aware(self.read_at, "the couch reading")


@dataclass(frozen=True, slots=True)
class BeamStatus:
    """What the machine says of the beam, and when it said so (aware UTC).

    ``planned_mu`` is the meterset of the whole fraction, ``delivered_mu`` what was given of it. Between two
    fields the machine is ``travelling``: the beam is off and comes on again by itself. In a gated delivery it
    is ``waiting`` where radiation would come with the next permission.

    Raises
    ------
    InputError
        If the time has no time zone, or a meterset is negative or not finite.
    """

    is_on: bool
    delivered_mu: float
    planned_mu: float
    read_at: datetime
    travelling: bool = False
    waiting: bool = False

    @property
    def is_under_way(self) -> bool:
        """True while there is beam, or will be without another command to turn it on."""
        return self.is_on or self.travelling or self.waiting

    def __post_init__(self) -> None:
        require_aware(self.read_at, "the beam status")
        for name in ("delivered_mu", "planned_mu"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0.0):
                msg = f"the machine says {name} = {value}, which is not a meterset"
                raise InputError(msg)


class Clock(Protocol):
    """The one clock of the room. It may be faster than real time; it may not run backwards."""

    def now(self) -> datetime:
        """Return the time, aware UTC."""
        ...

    def wait(self, seconds: float) -> None:
        """Return after this long."""
        ...


class Imager(Protocol):
    """Takes images: volumes or radiographs."""

    def acquire(self) -> DayImage:
        """Make one exposure now and return its image.

        Raises
        ------
        ImageLostError
            If the exposure was made and no image came of it.
        LinkLostError
            If the imager does not answer.
        """
        ...


class Couch(Protocol):
    """The treatment couch."""

    def read(self) -> CouchReading:
        """Return where the scales say the couch is now.

        Raises
        ------
        LinkLostError
            If the couch does not answer.
        """
        ...

    def move_to(self, pose: TableTopPose) -> None:
        """Drive to an absolute pose; return when the couch has stopped, wherever that is.

        Raises
        ------
        LinkLostError
            If the couch does not answer; it may have moved.
        """
        ...


class Beam(Protocol):
    """The treatment beam.

    The machine holds by itself when it has not been asked for its status for longer than its heartbeat.
    """

    def turn_on(self) -> None:
        """Deliver what is left of the planned meterset.

        Raises
        ------
        LinkLostError
            If the machine does not answer; the beam may be on.
        """
        ...

    def hold(self, reason: str) -> None:
        """Turn the beam off and keep what is left; harmless when it is off.

        Raises
        ------
        LinkLostError
            If the machine does not answer; the beam may be on.
        """
        ...

    def status(self) -> BeamStatus:
        """Return what the beam does now, and keep the machine's heartbeat going.

        Raises
        ------
        LinkLostError
            If the machine does not answer; the beam may be on.
        """
        ...


@runtime_checkable
class GatedBeam(Beam, Protocol):
    """A treatment beam that lets radiation pass only while it is permitted.

    A permission ends by itself: a machine that is told nothing more does not radiate.
    """

    def turn_on_gated(self) -> None:
        """Deliver what is left of the planned meterset, radiating only while permitted; nothing is yet.

        Raises
        ------
        LinkLostError
            If the machine does not answer; the delivery may be under way.
        """
        ...

    def permit(self, seconds: float) -> None:
        """Let radiation pass for so long from now, in place of any permission before.

        Raises
        ------
        LinkLostError
            If the machine does not answer.
        """
        ...

    def withhold(self, reason: str) -> None:
        """Let no radiation pass from now on; the delivery goes on waiting.

        Raises
        ------
        LinkLostError
            If the machine does not answer; what was permitted before ends by itself.
        """
        ...


@dataclass(frozen=True, slots=True)
class Room:
    """The four devices that a fraction needs."""

    imager: Imager
    couch: Couch
    beam: Beam
    clock: Clock


def require_aware(at: datetime, what: str) -> None:
    """Refuse a time without a time zone.

    Raises
    ------
    InputError
        If ``at`` has none, because it cannot be compared with the clock of the room.
    """
    if at.tzinfo is None:
        msg = f"{what} has the time {at} without a time zone: devices must state aware times (UTC)"
        raise InputError(msg)
