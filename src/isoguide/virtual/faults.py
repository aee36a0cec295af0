"""What can go wrong in the virtual room on purpose, and where a fraction has to end then.

The table :data:`FAULTS` is the specification: the scenarios that ship and the tests hold the treatment to it.
In all of them the beam is off at the end, and the end has a reason.
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
    "gate-sticks",
    "frames-lost",
    "frames-late",
    "frames-repeated",
    "frames-frozen",
    "frames-out-of-order",
    "frames-slow",
    "clock-off",
    "marker-vanished",
    "markers-swapped",
    "picture-saturated",
    "sweep-jumps",
    "probe-lifted",
    "probe-pose-jumps",
    "gas-shadow",
]
Device = Literal["imager", "couch", "beam", "monitor"]
Moment = Literal["before beam", "beam on"]

STOPS_AFTER: Final = 0.5
"""Share of the way that a couch makes which stops short, where the fault does not say."""
WRONG_BY_MM: Final = 5.0
"""Error of scales that are off, where the fault does not say."""
POSE_JUMPS_MM: Final = 5.0
"""Error of the tracking system while the beam is on, where the fault does not say."""
LATE_BY_S: Final = 1.0
"""Delay of a late frame, and error of a clock, where the fault does not say."""
SLOW_PER_S: Final = 1.0
"""Frames in a second, where the fault does not say."""

_CLOSED: Final = frozenset({State.CLOSED})
_STOPPED: Final = frozenset({State.STOPPED})


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One row of the table.

    Parameters
    ----------
    happens
        What happens, in words.
    expected
        What the treatment has to do about it, in words.
    ends_in_once, ends_in_always
        Where the fraction may end (with the default limits) when it strikes once, and when it strikes every
        time.
    sizes
        Lowest and highest ``size``; None where the fault has none.
    """

    happens: str
    expected: str
    ends_in_once: frozenset[State]
    ends_in_always: frozenset[State] = _STOPPED
    sizes: tuple[float, float] | None = None


FAULTS: Final[Mapping[str, FaultKind]] = MappingProxyType(
    {
        "image-lost": FaultKind(
            happens="an exposure is made and no image comes of it",
            expected="a new image is taken; when none ever comes the fraction is stopped before any beam",
            ends_in_once=_CLOSED,
        ),
        "stale-frame": FaultKind(
            happens="the imager hands over the image before, or yesterday's when there is none before",
            expected="the old image is refused by name and a new one taken; no movement, no beam from it",
            ends_in_once=_CLOSED,
        ),
        "wrong-patient-image": FaultKind(
            happens="the image is another patient's and says so",
            expected="the image is refused by name and a new one taken; no movement, no beam from it",
            ends_in_once=_CLOSED,
        ),
        "mislabelled-image": FaultKind(
            happens="the image is another patient's under this patient's name",
            expected="the match finds that it does not fit: another image, or the fraction is stopped",
            ends_in_once=_CLOSED | _STOPPED,
        ),
        "sweep-jumps": FaultKind(
            happens="the tracking system takes the ultrasound probe to be elsewhere in the middle of a sweep",
            expected="no volume is made of it; another sweep, or the fraction is stopped before any beam",
            ends_in_once=_CLOSED,
        ),
        "couch-stops-short": FaultKind(
            happens="the couch stops after part of its way (size, 0 to 1) and says where it is",
            expected="the read-back differs from the order: no beam; a new image if a miss is allowed",
            ends_in_once=_STOPPED,
            sizes=(0.0, 1.0),
        ),
        "couch-reads-wrong": FaultKind(
            happens="from a movement on the lateral scale is off (size in mm), the couch is not",
            expected="the read-back differs from the order: no beam",
            ends_in_once=_STOPPED,
            sizes=(-100.0, 100.0),
        ),
        "link-broken": FaultKind(
            happens="a device does not answer: imager, couch, beam or monitor",
            expected="no beam, or a beam that is held; one that cannot be held falls silent by its heartbeat",
            ends_in_once=_CLOSED | _STOPPED,
        ),
        "beam-drops": FaultKind(
            happens="the machine turns its beam off by itself before all is delivered",
            expected="the fraction is stopped with the meterset that was given",
            ends_in_once=_STOPPED,
        ),
        "gate-sticks": FaultKind(
            happens="the machine goes on radiating when a gated delivery has to wait",
            expected="the beam is held, and the fraction is stopped with the meterset that was given",
            ends_in_once=_STOPPED,
        ),
        **{
            name: FaultKind(happens, expected, ends_in_once=_CLOSED)
            for name, happens, expected in (
                (
                    "frames-lost",
                    "the target is exposed and no frame of it arrives",
                    "no radiation without a frame: a pause, a new image, and in the end a stop",
                ),
                (
                    "frames-repeated",
                    "the device hands over the frame before instead of a new one",
                    "the same frame counts once: then as with frames that are lost",
                ),
                (
                    "picture-saturated",
                    "a frame in which nothing can be seen",
                    "the target counts as not seen: then as with frames that are lost",
                ),
            )
        },
        "probe-lifted": FaultKind(
            happens="the ultrasound probe loses contact with the skin",
            expected="the target counts as not seen: then as with frames that are lost",
            ends_in_once=_CLOSED,
        ),
        "probe-pose-jumps": FaultKind(
            happens="the tracking system takes the ultrasound probe to be elsewhere (size in mm)",
            expected="the target seems to jump: beam is held, and it counts again only where it used to be",
            ends_in_once=_CLOSED | _STOPPED,
            ends_in_always=_STOPPED,
            sizes=(-50.0, 50.0),
        ),
        "gas-shadow": FaultKind(
            happens="gas lies between ultrasound probe and target, and behind it nothing is seen",
            expected="the target counts as not seen: then as with frames that are lost",
            ends_in_once=_CLOSED,
        ),
        "frames-late": FaultKind(
            happens="a frame arrives late (size in s)",
            expected="old frames permit nothing: a pause, a new image, and in the end a stop",
            ends_in_once=_CLOSED | _STOPPED,
            sizes=(0.0, 60.0),
        ),
        "frames-slow": FaultKind(
            happens="the device makes few frames (size: in a second)",
            expected="too few permit nothing: a pause, a new image, and in the end a stop",
            ends_in_once=_CLOSED,
            sizes=(0.05, 60.0),
        ),
        "frames-frozen": FaultKind(
            happens="the picture before comes again under a new number and time",
            expected="the gate sees that it does not change, and the fraction is stopped",
            ends_in_once=_CLOSED | _STOPPED,
        ),
        "clock-off": FaultKind(
            happens="the device's clock is off (size in s; positive is ahead)",
            expected="a frame of the future, or one too old, permits nothing",
            ends_in_once=_CLOSED | _STOPPED,
            sizes=(-60.0, 60.0),
        ),
        "frames-out-of-order": FaultKind(
            happens="a frame arrives after the next one",
            expected="the older one changes nothing any more; the others are enough, or there is a pause",
            ends_in_once=_CLOSED,
            ends_in_always=_CLOSED | _STOPPED,
        ),
        "marker-vanished": FaultKind(
            happens="one marker is not seen; where there is one only, nothing is",
            expected="the others are enough, or the target counts as not seen",
            ends_in_once=_CLOSED,
            ends_in_always=_CLOSED | _STOPPED,
        ),
        "markers-swapped": FaultKind(
            happens="two markers are taken for each other",
            expected="it is seen that they do not fit, and put right or not used",
            ends_in_once=_CLOSED | _STOPPED,
            ends_in_always=_CLOSED | _STOPPED,
        ),
    }
)
"""Every fault by name: what happens, what has to be done about it, and where the fraction may end."""

OF_GATED_BEAMS: Final[frozenset[FaultName]] = frozenset(
    {
        "gate-sticks",
        "frames-lost",
        "frames-late",
        "frames-repeated",
        "frames-frozen",
        "frames-out-of-order",
        "frames-slow",
        "clock-off",
        "marker-vanished",
        "markers-swapped",
        "picture-saturated",
        "probe-lifted",
        "probe-pose-jumps",
        "gas-shadow",
    }
)
"""These strike only where the target is watched during the beam."""
OF_ULTRASOUND: Final[frozenset[FaultName]] = frozenset(
    {"sweep-jumps", "probe-lifted", "probe-pose-jumps", "gas-shadow"}
)
"""These strike only where the patient is imaged by ultrasound."""


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
        Where in that fraction it strikes first, counted from 1: at which exposure, movement of the couch (one
        that goes somewhere), question about a beam that is on, order to wait, or frame of the device that
        watches the target; for "link-broken" at which call of the device.
    times
        How often in a row; None is every time from then on.
    device
        Which link breaks: "imager", "couch", "beam" or "monitor"; for "link-broken" only.
    moment
        "before beam": occurrence counts from the beginning; "beam on": from the first call with the beam on,
        for "link-broken" only.
    size
        How large it is; see :data:`FAULTS`.

    Raises
    ------
    InputError
        If the name is unknown, or a value is impossible for this fault.
    """

    name: FaultName
    fraction: int = 1
    occurrence: int = 1
    times: int | None = 1
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
        self._check_link()
        self._check_size()

    def _check_link(self) -> None:
        is_link = self.name == "link-broken"
        if is_link and self.device not in get_args(Device):
            known = ", ".join(get_args(Device))
            msg = f"the fault 'link-broken' needs a device, one of {known}, not {self.device!r}"
            raise InputError(msg)
        if not is_link and (self.device is not None or self.moment != "before beam"):
            msg = f"the fault '{self.name}' has neither device nor moment: leave them out"
            raise InputError(msg)
        if self.moment not in get_args(Moment):
            known = ", ".join(get_args(Moment))
            msg = f"moment of the fault '{self.name}' must be one of {known}, not '{self.moment}'"
            raise InputError(msg)
        if self.device == "imager" and self.moment == "beam on":
            msg = "the imager is not used while the beam is on: its link has to break at another moment"
            raise InputError(msg)

    def _check_size(self) -> None:
        if self.size is None:
            return
        limits = FAULTS[self.name].sizes
        if limits is None:
            msg = f"the fault '{self.name}' has no size: leave it out"
            raise InputError(msg)
        low, high = limits
        if not low <= self.size <= high:
            msg = f"size of the fault '{self.name}' must be from {low:g} to {high:g}, not {self.size}"
            raise InputError(msg)

    def strikes_at(self, occurrence: int) -> bool:
        """Tell whether it strikes at this exposure, movement, question or call, counted from 1."""
        past = occurrence - self.occurrence
        return past >= 0 and (self.times is None or past < self.times)

    @property
    def ends_in(self) -> frozenset[State]:
        """The states in which the fraction may end, with the default limits."""
        kind = FAULTS[self.name]
        return kind.ends_in_always if self.times is None else kind.ends_in_once

    @property
    def describe(self) -> str:
        """The fault in words."""
        where = f" ({self.device})" if self.device else ""
        return f"{self.name}{where}: {FAULTS[self.name].happens}"


def faults_of_fraction(faults: Sequence[Fault], fraction: int) -> tuple[Fault, ...]:
    """Return those that strike in this fraction, counted from 1."""
    return tuple(fault for fault in faults if fault.fraction == fraction)


class FaultWatch:
    """Tells a device, call by call, which of its faults strikes now.

    ``beam_is_on`` is asked for faults that begin only while the beam is on; the beam drive sets it.
    """

    def __init__(self, faults: Sequence[Fault] = ()) -> None:
        self._faults = tuple(faults)
        self._calls = [0] * len(self._faults)
        self.beam_is_on: Callable[[], bool] = lambda: False

    def strikes(self, name: FaultName, device: Device | None = None) -> Fault | None:
        """Count one call, and return the fault that strikes at it, if any."""
        found = None
        for n, fault in enumerate(self._faults):
            if (fault.name, fault.device) != (name, device):
                continue
            if fault.moment == "beam on" and not self._calls[n] and not self.beam_is_on():
                continue
            self._calls[n] += 1
            if fault.strikes_at(self._calls[n]):
                found = fault
        return found
