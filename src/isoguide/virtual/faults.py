"""What can go wrong in the virtual room on purpose, and where a fraction has to end then.

The table :data:`FAULTS` is the specification: the scenarios that ship and the tests hold the treatment to it. In
none of them may the beam be on at the end, and each ends with a reason.

=====================  =====================================================  ====================================
name                   what happens                                           where the fraction has to end
=====================  =====================================================  ====================================
image-lost             an exposure is made and no image comes of it           closed after imaging again; stopped
                                                                              when no image ever comes
stale-frame            the imager hands over the previous image again (or     as above: an old image is never used
                       yesterday's, when there is none yet)
wrong-patient-image    the image is another patient's and says so             stopped
mislabelled-image      the image is another patient's under this name         stopped: it does not match
couch-stops-short      the couch stops after part of the way and says where   stopped (closed after imaging again
                       it is                                                  where the limits allow a miss)
couch-reads-wrong      from here on the scales are off, the couch is not      stopped: the read-back contradicts
link-broken            from here on a device does not answer (imager,         stopped; a beam that was on is turned
                       couch or beam; before the beam or while it is on)      off by the machine's heartbeat
beam-drops             the machine turns its beam off by itself               closed after resuming, or stopped
=====================  =====================================================  ====================================
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, get_args

from isoguide.errors import InputError
from isoguide.treatment.states import State

FaultName = Literal[
    "image-lost",
    "stale-frame",
    "wrong-patient-image",
    "mislabelled-image",
    "couch-stops-short",
    "couch-reads-wrong",
    "link-broken",
    "beam-drops",
]
Device = Literal["imager", "couch", "beam"]
Moment = Literal["before beam", "beam on"]


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One row of the table.

    Parameters
    ----------
    happens
        In words.
    device
        Whose fault it is; None where :class:`Fault` says.
    lasts
        True when it stays for the rest of the fraction unless told otherwise; False when it strikes once.
    ends_in_once, ends_in_always
        Where the fraction may end when it strikes once, and when it strikes every time.
    """

    happens: str
    device: Device | None
    lasts: bool
    ends_in_once: frozenset[State]
    ends_in_always: frozenset[State]


_CLOSED, _STOPPED = frozenset({State.CLOSED}), frozenset({State.STOPPED})

FAULTS: Final[Mapping[str, FaultKind]] = MappingProxyType(
    {
        "image-lost": FaultKind(
            "an exposure is made and no image comes of it", "imager", False, _CLOSED, _STOPPED
        ),
        "stale-frame": FaultKind("the imager hands over an old image", "imager", False, _CLOSED, _STOPPED),
        "wrong-patient-image": FaultKind(
            "the image is another patient's and says so", "imager", False, _STOPPED, _STOPPED
        ),
        "mislabelled-image": FaultKind(
            "the image is another patient's under this patient's name", "imager", False, _STOPPED, _STOPPED
        ),
        "couch-stops-short": FaultKind(
            "the couch stops before its goal and says where it is", "couch", False, _STOPPED, _STOPPED
        ),
        "couch-reads-wrong": FaultKind(
            "the couch scales are off from here on", "couch", True, _STOPPED, _STOPPED
        ),
        "link-broken": FaultKind("a device no longer answers", None, True, _STOPPED, _STOPPED),
        "beam-drops": FaultKind("the machine turns its beam off by itself", "beam", False, _CLOSED, _STOPPED),
    }
)
"""Every fault by name."""

EVERY_TIME = 1000
"""More often than any fraction asks a device to do something on its own account."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that strikes at a known moment.

    Parameters
    ----------
    name
        One of :data:`FAULTS`.
    fraction
        In which fraction, counted from 1.
    occurrence
        At which exposure, movement, status request or call of that fraction it strikes first, counted from 1.
    times
        How often in a row; when left out, once, or for the rest of the fraction where the fault is of the lasting
        kind. :data:`EVERY_TIME` is always.
    device
        Which link breaks: "imager", "couch" or "beam"; for "link-broken" only.
    moment
        "before beam": occurrence counts from the beginning; "beam on": from the first call with the beam on.
    size
        couch-stops-short: share of the way that is made, 0 to 1; couch-reads-wrong: error along lateral, mm.

    Raises
    ------
    InputError
        If the name is unknown, or a value is impossible for this fault.
    """

    name: FaultName
    fraction: int = 1
    occurrence: int = 1
    times: int | None = None
    device: Device | None = None
    moment: Moment = "before beam"
    size: float | None = None

    def __post_init__(self) -> None:
        if self.name not in FAULTS:
            msg = f"unknown fault '{self.name}': choose one of {', '.join(FAULTS)}"
            raise InputError(msg)
        for what in ("fraction", "occurrence", "times"):
            value = getattr(self, what)
            if value is not None and value < 1:
                msg = f"{what} of the fault '{self.name}' is counted from 1, so it cannot be {value}"
                raise InputError(msg)
        if self.moment not in get_args(Moment):
            msg = f"moment of a fault must be one of {', '.join(get_args(Moment))}, not '{self.moment}'"
            raise InputError(msg)
        self._check_device()
        self._check_size()

    def _check_device(self) -> None:
        if self.name == "link-broken" and self.device not in get_args(Device):
            known = ", ".join(get_args(Device))
            msg = f"the fault 'link-broken' needs a device, one of {known}, not {self.device!r}"
            raise InputError(msg)
        if self.name != "link-broken" and self.device is not None:
            msg = f"the fault '{self.name}' has its own device: leave 'device' out"
            raise InputError(msg)

    def _check_size(self) -> None:
        if self.size is None:
            return
        limits = {"couch-stops-short": (0.0, 1.0), "couch-reads-wrong": (-100.0, 100.0)}.get(self.name)
        if limits is None:
            msg = f"the fault '{self.name}' has no size: leave 'size' out"
            raise InputError(msg)
        if not limits[0] <= self.size <= limits[1]:
            msg = f"size of the fault '{self.name}' must be from {limits[0]:g} to {limits[1]:g}, not {self.size}"
            raise InputError(msg)

    @property
    def last(self) -> int:
        """The last occurrence that is hit."""
        times = self.times or (EVERY_TIME if FAULTS[self.name].lasts else 1)
        return self.occurrence + times - 1

    @property
    def ends_in(self) -> frozenset[State]:
        """The states in which the fraction may end."""
        kind = FAULTS[self.name]
        return kind.ends_in_always if self.last >= EVERY_TIME else kind.ends_in_once

    @property
    def describe(self) -> str:
        """What happens and when, in words."""
        device = f" ({self.device}, {self.moment})" if self.device else ""
        return f"{self.name}{device}: {FAULTS[self.name].happens}"


def faults_of_fraction(faults: Sequence[Fault], fraction: int) -> tuple[Fault, ...]:
    """Return those that strike in this fraction, counted from 1."""
    return tuple(fault for fault in faults if fault.fraction == fraction)


class FaultWatch:
    """Tells a device, call by call, which of its faults strikes now."""

    def __init__(self, faults: Sequence[Fault] = ()) -> None:
        self._faults = tuple(faults)
        self._calls = [0] * len(self._faults)
        self.beam_is_on: Callable[[], bool] = lambda: False
        """Asked for faults that strike only while the beam is on; the beam drive sets it."""

    def strikes(self, name: FaultName, device: Device | None = None) -> Fault | None:
        """Count one call, and return the fault that strikes at it, if any."""
        found = None
        for n, fault in enumerate(self._faults):
            if fault.name != name or fault.device != device:
                continue
            if fault.moment == "beam on" and not self._calls[n] and not self.beam_is_on():
                continue
            self._calls[n] += 1
            if fault.occurrence <= self._calls[n] <= fault.last:
                found = fault
        return found
