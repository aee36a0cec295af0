"""A written protocol: when a patient is imaged, what is matched, what may be done, and who may sign it.

Only values and their contradictions are here; :mod:`isoguide.treatment` decides by them.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from enum import StrEnum
from itertools import permutations
from types import MappingProxyType
from typing import Final, Literal, get_args

from isoguide.course.assessment_limits import AssessmentInstructions
from isoguide.course.dose_instructions import DoseInstructions
from isoguide.course.monitoring import ULTRASOUND, Monitoring
from isoguide.course.staff import Role
from isoguide.errors import InputError

NOT_CHECKED: Final = "not checked against a guideline"
"""What a value says for its source where nobody compared it with one."""

Content = Literal["auto", "bone", "soft"]
MarkerShape = Literal["seed", "sphere", "coil"]
DegreesOfFreedom = Literal[3, 4, 6]


class Modality(StrEnum):
    """What images the position."""

    CONE_BEAM_CT = "cone-beam CT"
    CT = "CT"
    KV_PAIR = "kV pair"
    ULTRASOUND = "ultrasound"


class ScheduleKind(StrEnum):
    """When images are taken, and what they are used for on days without one (``algorithms`` in review)."""

    DAILY = "daily"
    FIRST_THEN_WEEKLY = "first, then weekly"
    NAL = "NAL"
    ENAL = "eNAL"
    SAL = "SAL"


class ProtocolAction(StrEnum):
    """What a rule can ask for, from harmless to final."""

    NO_CORRECTION = "no correction"
    CORRECT = "correct"
    SECOND_LOOK = "second look"
    REIMAGE = "image again"
    REPOSITION = "set up again"
    STOP = "stop"

    @property
    def gravity(self) -> int:
        """Its place in this order; of two rules that hold, the graver one counts."""
        return list(ProtocolAction).index(self)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When the position is imaged.

    Parameters
    ----------
    kind
        The scheme.
    first
        So many fractions are imaged at the beginning ("first, then weekly", NAL and eNAL: their Nm).
    every
        Afterwards each so-many-th fraction ("first, then weekly" and eNAL; 5 is weekly).
    alpha_mm, most
        SAL: initial action level, and after how many measurements without a correction imaging ends.

    Raises
    ------
    InputError
        If a value is impossible.
    """

    kind: ScheduleKind = ScheduleKind.DAILY
    first: int = 3
    every: int = 5
    alpha_mm: float = 9.0
    most: int = 3

    def __post_init__(self) -> None:
        _need(self.first >= 1, f"schedule.first must be 1 or more, not {self.first}")
        _need(self.every >= 1, f"schedule.every must be 1 or more, not {self.every}")
        _need(self.most >= 1, f"schedule.most must be 1 or more, not {self.most}")
        _positive("schedule.alpha_mm", self.alpha_mm)

    @property
    def counts(self) -> tuple[str, ...]:
        """Names of the values that mean something for this kind; the others are not looked at."""
        return _COUNTS[self.kind]


_COUNTS: Final[Mapping[ScheduleKind, tuple[str, ...]]] = {
    ScheduleKind.DAILY: (),
    ScheduleKind.FIRST_THEN_WEEKLY: ("first", "every"),
    ScheduleKind.NAL: ("first",),
    ScheduleKind.ENAL: ("first", "every"),
    ScheduleKind.SAL: ("alpha_mm", "most"),
}


@dataclass(frozen=True, slots=True)
class MatchInstructions:
    """What is matched and with which freedom.

    ``structures`` are names to look for, in this order, the first one found is used; empty for "auto".
    ``box_mm`` is the edge of a box about the isocentre where there is none of them; None for "auto".
    """

    structures: tuple[str, ...] = ()
    box_mm: float | None = None
    content: Content = "auto"
    degrees_of_freedom: DegreesOfFreedom = 6

    def __post_init__(self) -> None:
        for name, known in (("content", Content), ("degrees_of_freedom", DegreesOfFreedom)):
            value, allowed = getattr(self, name), get_args(known)
            _need(value in allowed, f"match.{name} must be one of {_listed(allowed)}, not {value}")
        blank = any(not structure.strip() for structure in self.structures)
        _need(not blank, "match.structures holds an empty name: leave it out")
        if self.box_mm is not None:
            _positive("match.box_mm", self.box_mm)


@dataclass(frozen=True, slots=True)
class MarkerInstructions:
    """Implanted markers that are matched instead of anatomy.

    Parameters
    ----------
    kind, length_mm, diameter_mm
        Shape and size of one; a sphere is as long as it is thick.
    migration_mm
        A marker that moved further has to be noticed.
    rotation_sigma_deg
        How far the constellation may have turned from the set-up, standard deviation per axis; None where
        that is not known, so that three markers cannot exclude a migration.
    """

    kind: MarkerShape
    length_mm: float
    diameter_mm: float
    migration_mm: float = 2.0
    rotation_sigma_deg: float | None = None

    def __post_init__(self) -> None:
        known = get_args(MarkerShape)
        _need(self.kind in known, f"markers.kind must be one of {_listed(known)}, not {self.kind}")
        for name in ("length_mm", "diameter_mm", "migration_mm"):
            _positive(f"markers.{name}", getattr(self, name))
        if self.rotation_sigma_deg is not None:
            _positive("markers.rotation_sigma_deg", self.rotation_sigma_deg)
        _need(
            self.diameter_mm <= self.length_mm,
            f"markers.diameter_mm = {self.diameter_mm:g} is more than markers.length_mm = "
            f"{self.length_mm:g}: exchange them",
        )


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Below both values nothing is done: length of the shift at the isocentre, angle of the rotation."""

    shift_mm: float
    rotation_deg: float

    def __post_init__(self) -> None:
        _positive("tolerance.shift_mm", self.shift_mm)
        _positive("tolerance.rotation_deg", self.rotation_deg)


@dataclass(frozen=True, slots=True)
class ActionLevel:
    """Above any of the values the action is taken; None where it does not depend on this one.

    Length of the shift at the isocentre, angle of the rotation, and what the correction leaves at the target.
    """

    action: ProtocolAction
    shift_mm: float | None = None
    rotation_deg: float | None = None
    residual_mm: float | None = None

    @property
    def limits(self) -> dict[str, float]:
        """The limits that it states, by name."""
        given = {name: getattr(self, name) for name in LEVEL_LIMITS}
        return {name: value for name, value in given.items() if value is not None}

    def __post_init__(self) -> None:
        _need(
            bool(self.limits),
            f"the action level '{self.action}' states no limit: give one of {', '.join(LEVEL_LIMITS)}",
        )
        _need(
            self.action not in (ProtocolAction.NO_CORRECTION, ProtocolAction.CORRECT),
            f"'{self.action}' is no action level: below all levels the position is corrected anyway",
        )
        for name, value in self.limits.items():
            _positive(f"action_levels.{name}", value)


LEVEL_LIMITS: Final = ("shift_mm", "rotation_deg", "residual_mm")
"""What an action level can limit."""


@dataclass(frozen=True, slots=True)
class CouchLimit:
    """Rotations beyond the couch: its travel, and what happens where more is called for."""

    pitch_deg: float = 3.0
    roll_deg: float = 3.0
    beyond: ProtocolAction = ProtocolAction.REPOSITION

    def __post_init__(self) -> None:
        _positive("rotation.pitch_deg", self.pitch_deg)
        _positive("rotation.roll_deg", self.roll_deg)
        _need(
            self.beyond in (ProtocolAction.REPOSITION, ProtocolAction.SECOND_LOOK, ProtocolAction.STOP),
            f"rotation.beyond cannot be '{self.beyond}': the couch cannot make the rotation",
        )


@dataclass(frozen=True, slots=True)
class Intrafraction:
    """What is watched between the image and the end of the beam; None where nothing is."""

    shift_mm: float | None = None
    reimage_after_s: float | None = None
    verify_with_image: bool = False

    def __post_init__(self) -> None:
        for name in ("shift_mm", "reimage_after_s"):
            value = getattr(self, name)
            if value is not None:
                _positive(f"intrafraction.{name}", value)


@dataclass(frozen=True, slots=True)
class Approval:
    """Who may sign: a correction or confirmation, the second look, and doing otherwise than the protocol."""

    routine: tuple[Role, ...] = (Role.THERAPIST, Role.PHYSICIST, Role.ONCOLOGIST)
    second_look: tuple[Role, ...] = (Role.PHYSICIST, Role.ONCOLOGIST)
    override: tuple[Role, ...] = (Role.PHYSICIST, Role.ONCOLOGIST)

    def __post_init__(self) -> None:
        for name in ("routine", "second_look", "override"):
            _need(bool(getattr(self, name)), f"approval.{name} names nobody: give at least one role")


@dataclass(frozen=True, slots=True)
class Protocol:
    """One version of one protocol.

    Parameters
    ----------
    name, version
        Together they are unique in a department; what was stored under them never changes.
    title, site
        For people, and for statistics.
    action_levels
        In any order; the gravest action whose level is passed counts.
    image_age_s, approval_s
        An older image is not used for anything; an approval not carried out for this long expires.
    images
        How many exposures a fraction may have.
    markers
        Those that are matched; None where the anatomy is.
    monitoring
        How the target is watched during the beam; None where nothing gates it.
    assessment
        What is looked at in the anatomy of the day; None where nobody asks.
    dose
        How the dose of the day is computed and judged; None where nobody asks.
    sources
        Key of :attr:`values`, such as "tolerance.shift_mm", to where its value comes from.

    Raises
    ------
    InputError
        If values contradict each other, and the message names both; or if a source is that of no value.
    """

    name: str
    version: int
    title: str
    site: str
    modality: Modality
    schedule: Schedule
    match: MatchInstructions
    tolerance: Tolerance
    action_levels: tuple[ActionLevel, ...]
    rotation: CouchLimit = field(default_factory=CouchLimit)
    intrafraction: Intrafraction = field(default_factory=Intrafraction)
    approval: Approval = field(default_factory=Approval)
    image_age_s: float = 900.0
    approval_s: float = 300.0
    images: int = 4
    markers: MarkerInstructions | None = None
    monitoring: Monitoring | None = None
    assessment: AssessmentInstructions | None = None
    dose: DoseInstructions | None = None
    sources: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", MappingProxyType(dict(self.sources)))
        _need(bool(self.name.strip()), "name is empty: give the protocol one")
        _need(self.name == self.name.strip(), f"name '{self.name}' has spaces at its ends: remove them")
        _need(self.version >= 1, f"version must be 1 or more, not {self.version}")
        _need(self.images >= 1, f"images must be 1 or more, not {self.images}")
        _positive("image_age_s", self.image_age_s)
        _positive("approval_s", self.approval_s)
        _need(
            self.images >= 2 or not self.intrafraction.verify_with_image,
            f"images = {self.images} leaves none for intrafraction.verify_with_image = true: allow 2 or more",
        )
        _need(
            self.markers is None or (not self.match.structures and self.match.box_mm is None),
            "match.structures and match.box_mm mean nothing where markers are matched: leave them out, or "
            "leave markers out",
        )
        _need(
            self.markers is None or self.modality is not Modality.ULTRASOUND,
            "modality = 'ultrasound' shows no implanted markers: leave markers out, or image by X-rays",
        )
        if self.monitoring is not None:
            self._need_what_is_monitored(self.monitoring)
        _need(
            self.assessment is None or self.modality in (Modality.CONE_BEAM_CT, Modality.CT),
            f"assessment needs a CT of the day, and modality = '{self.modality}' gives none: leave it out",
        )
        _need(
            self.dose is None or self.modality in (Modality.CONE_BEAM_CT, Modality.CT),
            f"dose needs a CT of the day, and modality = '{self.modality}' gives none: leave it out",
        )
        _need_levels_above_tolerance(self.action_levels, self.tolerance)
        _need_graver_above(self.action_levels)
        _need_sources_of(self.values, self.sources)

    def _need_what_is_monitored(self, monitoring: Monitoring) -> None:
        _need(
            self.intrafraction.shift_mm is not None,
            "monitoring has no gate: give its radius as intrafraction.shift_mm",
        )
        _need(
            self.markers is not None or not monitoring.looks_for_markers,
            f"monitoring.device = '{monitoring.device}' looks for markers, and the protocol does not say "
            "which: add the section markers, or choose another device",
        )
        _need(
            monitoring.device != ULTRASOUND or self.modality is Modality.ULTRASOUND,
            f"monitoring.device = '{monitoring.device}' begins with a match to the ultrasound reference, and "
            f"modality = '{self.modality}' has none: image by ultrasound, or choose another device",
        )

    @property
    def values(self) -> dict[str, object]:
        """Every value that decides something, by its key in a written protocol, in reading order.

        Action levels and goals are counted from 1: "action_levels[1].shift_mm", "dose.goals[1]", which is the
        limit of that goal.
        """
        found: dict[str, object] = {
            name: getattr(self, name) for name in ("modality", "image_age_s", "approval_s", "images")
        }
        schedule = {name: getattr(self.schedule, name) for name in ("kind", *self.schedule.counts)}
        found |= {f"schedule.{name}": value for name, value in schedule.items()}
        levels = {f"action_levels[{place}]": level for place, level in enumerate(self.action_levels, 1)}
        sections: dict[str, object] = {
            "match": self.match,
            **({"markers": self.markers} if self.markers is not None else {}),
            "tolerance": self.tolerance,
            **levels,
            "rotation": self.rotation,
            "intrafraction": self.intrafraction,
            **({"monitoring": self.monitoring} if self.monitoring is not None else {}),
            **({"assessment": self.assessment} if self.assessment is not None else {}),
            **({"dose": self.dose} if self.dose is not None else {}),
            "approval": self.approval,
        }
        for section, values in sections.items():
            found |= {f"{section}.{name}": value for name, value in _stated(values)}
        return found

    @property
    def numbers(self) -> dict[str, float]:
        """Those of :attr:`values` that are numbers: each should have its source."""
        return {
            key: value
            for key, value in self.values.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }

    @property
    def label(self) -> str:
        """Name and version, as records say it."""
        return f"{self.name} v{self.version}"


def _stated(section: object) -> Iterator[tuple[str, object]]:
    for item in fields(section):  # type: ignore[arg-type]  # every section is a dataclass
        value = getattr(section, item.name)
        if isinstance(section, DoseInstructions) and item.name == "goals":
            yield from ((f"goals[{place}]", goal.limit) for place, goal in enumerate(section.goals, 1))
        elif value is not None:
            yield item.name, value


def _need_levels_above_tolerance(levels: tuple[ActionLevel, ...], tolerance: Tolerance) -> None:
    for level in levels:
        for name in ("shift_mm", "rotation_deg"):
            limit, tolerated = level.limits.get(name, math.inf), getattr(tolerance, name)
            _need(
                limit > tolerated,
                f"the action level '{level.action}' at {name} = {limit:g} is not above tolerance.{name} = "
                f"{tolerated:g}: nothing would ever be corrected",
            )


def _need_graver_above(levels: tuple[ActionLevel, ...]) -> None:
    for one, other in permutations(levels, 2):
        for name in one.limits.keys() & other.limits.keys():
            lower, higher = one.limits[name], other.limits[name]
            _need(
                one.action is not other.action,
                f"'{one.action}' has two limits for {name}, {lower:g} and {higher:g}: leave one",
            )
            _need(
                one.action.gravity > other.action.gravity or lower < higher,
                f"'{one.action}' above {name} = {lower:g} can never happen: "
                f"'{other.action}' comes at {higher:g}",
            )


def _need_sources_of(values: Mapping[str, object], sources: Mapping[str, str]) -> None:
    for key in (key for key in sources if key not in values):
        close = get_close_matches(key, values, n=1)
        remedy = f"did you mean '{close[0]}'?" if close else f"known are {_listed(values)}"
        msg = f"sources names '{key}', which has no value here: {remedy}"
        raise InputError(msg)


def _listed(words: Iterable[object]) -> str:
    return ", ".join(str(word) for word in words)


def _need(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - a condition is the whole point
    if not holds:
        raise InputError(otherwise)


def _positive(name: str, value: float) -> None:
    _need(math.isfinite(value) and value > 0.0, f"{name} must be a positive number, not {value}")
