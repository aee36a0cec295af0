"""Does the patient lie on and in what he was simulated with, and does the couch stand about where it stood.

Another mask, another notch of the couch top or another couch top changes how the patient lies, what the beam
passes through, and what the couch values mean; all three are found before an image is taken.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

from isoguide.course.simulation import Accessory
from isoguide.errors import InputError
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.treatment.refusals import PositionError, RefusedError
from isoguide.units import wrap_deg

COUCH_TOP: Final = "COUCH_TOP"
"""The kind of an accessory that is the couch top itself."""


@dataclass(frozen=True, slots=True)
class CouchIndexLimits:
    """How far the couch may stand from where it stood before, per axis, until somebody has to look.

    A patient whose devices are indexed comes to lie within about 20 mm of the same couch values; more means
    another notch, another device or another patient. Settings of a department, not checked against a
    guideline.

    Raises
    ------
    InputError
        If a value is not a positive number.
    """

    lateral_mm: float = 20.0
    longitudinal_mm: float = 20.0
    vertical_mm: float = 20.0
    pitch_deg: float = 3.0
    roll_deg: float = 3.0
    yaw_deg: float = 3.0

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if not (math.isfinite(value) and value > 0.0):
                msg = f"the couch limit {item.name} must be a positive number, not {value}"
                raise InputError(msg)


def compare_accessories(planned: Sequence[Accessory], today: Sequence[Accessory]) -> tuple[str, ...]:
    """Return in words what differs between the accessories of the simulation and those of today.

    Upper and lower case and spaces do not count, because labels are read by people and by bar code readers.

    Parameters
    ----------
    planned
        Of the simulation.
    today
        What is on the couch now.

    Returns
    -------
    tuple[str, ...]
        One part of a sentence per difference; none when all is the same, in whatever order.
    """
    missing, added = _unmatched(planned, today)
    found = []
    for belong_together in (_same_device, _same_kind):
        for one in tuple(missing):
            other = next((two for two in added if belong_together(one, two)), None)
            if other is not None:
                missing.remove(one)
                added.remove(other)
                found.append(_difference(one, other))
    found += [f"{_words(one)} is missing" for one in missing]
    found += [f"{_words(one)} was not there at simulation" for one in added]
    return tuple(found)


def require_same_accessories(planned: Sequence[Accessory], today: Sequence[Accessory]) -> None:
    """Refuse a set-up on or in anything else than the patient was simulated with.

    Parameters
    ----------
    planned, today
        As for :func:`compare_accessories`.

    Raises
    ------
    RefusedError
        If anything differs; the message names all of it.
    """
    differences = compare_accessories(planned, today)
    if differences:
        msg = (
            f"the patient is not set up as he was simulated: {'; '.join(differences)}; "
            "set him up with the accessories of the simulation"
        )
        raise RefusedError(msg)


def compare_couch_index(
    planned: TableTopPose, today: TableTopPose, limits: CouchIndexLimits | None = None
) -> tuple[str, ...]:
    """Return in words which couch values of the day are a surprise against those of the simulation.

    Parameters
    ----------
    planned
        The couch as planned or, where the plan leaves it open, at the end of the first set-up.
    today
        The couch after the set-up of today.
    limits
        How much may differ.

    Returns
    -------
    tuple[str, ...]
        One part of a sentence per axis beyond its limit.
    """
    limits = limits or CouchIndexLimits()
    found = []
    for name in ("lateral_mm", "longitudinal_mm", "vertical_mm"):
        apart = getattr(today, name) - getattr(planned, name)
        found += _surprise(name, apart, getattr(limits, name), "mm")
    for name in ("pitch_deg", "roll_deg"):
        apart = wrap_deg(getattr(today, name) - getattr(planned, name))
        found += _surprise(name, apart, getattr(limits, name), "°")
    yaw_deg = wrap_deg(today.support_deg + today.eccentric_deg - planned.support_deg - planned.eccentric_deg)
    found += _surprise("yaw_deg", yaw_deg, limits.yaw_deg, "°")
    return tuple(found)


def require_couch_index(
    planned: TableTopPose, today: TableTopPose, limits: CouchIndexLimits | None = None
) -> None:
    """Refuse to go on from couch values that are a surprise.

    Parameters
    ----------
    planned, today, limits
        As for :func:`compare_couch_index`.

    Raises
    ------
    PositionError
        If an axis is beyond its limit; the message names all that are.
    """
    surprises = compare_couch_index(planned, today, limits)
    if surprises:
        msg = (
            f"the couch stands where it was not expected: {'; '.join(surprises)}; "
            "check patient, devices and their index before the first image"
        )
        raise PositionError(msg)


def _unmatched(
    planned: Sequence[Accessory], today: Sequence[Accessory]
) -> tuple[list[Accessory], list[Accessory]]:
    """Leave out what is the same in both; two of the same need two of the same."""
    there = Counter(_key(one) for one in today)
    wanted = Counter(_key(one) for one in planned)
    return _beyond(planned, there), _beyond(today, wanted)


def _beyond(accessories: Sequence[Accessory], matched: Counter[tuple[str, str, str]]) -> list[Accessory]:
    left = matched.copy()
    beyond = []
    for one in accessories:
        if left[_key(one)] > 0:
            left[_key(one)] -= 1
        else:
            beyond.append(one)
    return beyond


def _difference(planned: Accessory, today: Accessory) -> str:
    if _same_device(planned, today):
        return f"{_name(planned)} is at {_place(today)}, at simulation it was at {_place(planned)}"
    if _plain(planned.kind) == _plain(COUCH_TOP):
        return f"another couch top: {_words(today)} instead of {_words(planned)}"
    return f"{_words(today)} instead of {_words(planned)}"


def _same_device(one: Accessory, other: Accessory) -> bool:
    return _key(one)[:2] == _key(other)[:2]


def _same_kind(one: Accessory, other: Accessory) -> bool:
    return _plain(one.kind) == _plain(other.kind)


def _key(one: Accessory) -> tuple[str, str, str]:
    return _plain(one.kind), _plain(one.label), _plain(one.index)


def _plain(text: str) -> str:
    return " ".join(text.replace("_", " ").split()).casefold()


def _name(one: Accessory) -> str:
    return f"{_plain(one.kind)} '{one.label}'"


def _words(one: Accessory) -> str:
    return _name(one) + (f" at index {one.index}" if one.index else "")


def _place(one: Accessory) -> str:
    return f"index {one.index}" if one.index else "no index"


def _surprise(name: str, apart: float, limit: float, unit: str) -> list[str]:
    if abs(apart) <= limit:
        return []
    space = " " if unit == "mm" else ""
    axis = name.rsplit("_", 1)[0]
    return [f"{axis} {apart:+.1f}{space}{unit} from the expected value (limit {limit:g}{space}{unit})"]
