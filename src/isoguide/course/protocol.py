"""A written protocol: when a patient is imaged, what is matched, what may be done, and who may sign it.

Only values and their contradictions are here; :mod:`isoguide.treatment` decides by them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from isoguide.course.staff import Role
from isoguide.errors import InputError

NOT_CHECKED = "not checked against a guideline"
"""What a value says for its source where nobody compared it with one."""


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


@dataclass(frozen=True, slots=True)
class Schedule:
    """When the position is imaged.

    Parameters
    ----------
    kind
        The scheme.
    first
        So many fractions are imaged at the beginning (all kinds but "daily"; the Nm of NAL).
    every
        Afterwards each so-many-th fraction ("first, then weekly" and eNAL; 5 is weekly).
    alpha_mm, most
        SAL: initial action level, and how many measurements at most before it starts anew.

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


@dataclass(frozen=True, slots=True)
class MatchInstructions:
    """What is matched and with which freedom.

    ``structures`` are names to look for, in this order, the first one found is used; empty for "auto".
    ``box_mm`` is the edge of a box about the isocentre where there is none of them; None for "auto".
    """

    structures: tuple[str, ...] = ()
    box_mm: float | None = None
    content: Literal["auto", "bone", "soft"] = "auto"
    degrees_of_freedom: Literal[3, 4, 6] = 6

    def __post_init__(self) -> None:
        if self.box_mm is not None:
            _positive("match.box_mm", self.box_mm)


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
    """Above either value the action is taken; None for "whatever the value"."""

    action: ProtocolAction
    shift_mm: float | None = None
    rotation_deg: float | None = None
    residual_mm: float | None = None

    def __post_init__(self) -> None:
        given = {name: getattr(self, name) for name in ("shift_mm", "rotation_deg", "residual_mm")}
        stated = {name: value for name, value in given.items() if value is not None}
        _need(
            bool(stated), f"the action level '{self.action}' states no limit: give shift_mm or rotation_deg"
        )
        _need(
            self.action not in (ProtocolAction.NO_CORRECTION, ProtocolAction.CORRECT),
            f"'{self.action}' is no action level: below all levels the position is corrected anyway",
        )
        for name, value in stated.items():
            _positive(f"action_levels.{name}", value)


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
    sources
        Key, such as "tolerance.shift_mm", to where its value comes from.

    Raises
    ------
    InputError
        If values contradict each other; the message names both.
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
    sources: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", MappingProxyType(dict(self.sources)))
        _need(bool(self.name.strip()), "name is empty: give the protocol one")
        _need(self.version >= 1, f"version must be 1 or more, not {self.version}")
        _need(self.images >= 1, f"images must be 1 or more, not {self.images}")
        _positive("image_age_s", self.image_age_s)
        _positive("approval_s", self.approval_s)
        for level in self.action_levels:
            for name in ("shift_mm", "rotation_deg"):
                limit, tolerated = getattr(level, name), getattr(self.tolerance, name)
                _need(
                    limit is None or limit > tolerated,
                    f"the action level '{level.action}' at {name} = {limit} is not above the tolerance of "
                    f"{tolerated}: nothing would ever be corrected",
                )
        _need_graver_above(self.action_levels)

    @property
    def label(self) -> str:
        """Name and version, as records say it."""
        return f"{self.name} v{self.version}"


def _need_graver_above(levels: tuple[ActionLevel, ...]) -> None:
    order = list(ProtocolAction)
    for name in ("shift_mm", "rotation_deg", "residual_mm"):
        stated = [
            (getattr(level, name), level.action) for level in levels if getattr(level, name) is not None
        ]
        for limit, action in stated:
            for other, graver in stated:
                _need(
                    not (order.index(action) < order.index(graver) and limit >= other),
                    f"'{action}' above {name} = {limit} can never happen: '{graver}' comes at {other}",
                )


def _need(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - a condition is the whole point
    if not holds:
        raise InputError(otherwise)


def _positive(name: str, value: float) -> None:
    _need(math.isfinite(value) and value > 0.0, f"{name} must be a positive number, not {value}")
