"""A match by hand as it comes from a console: the pose that a person found, and how it was found."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Final

from isoguide.course import AXES
from isoguide.errors import InputError
from isoguide.geometry.correction import CouchCorrection, couch_correction, planning_from_daily_of
from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.records import AuditNote
from isoguide.records.plain import Plain, time_text
from isoguide.treatment import Event
from isoguide.treatment.refusals import StaleImageError
from isoguide.treatment.states import state_after
from isoguide.treatment.words import correction_words
from isoguide.workflow.clinic.open_fraction import OpenFraction

MOST_MOVEMENTS: Final = 5000
"""More are no work of a hand at one match."""
SAME_MM: Final = 0.1
SAME_DEG: Final = 0.1
"""The last movement and the pose that is signed may differ by rounding, and by nothing else."""
_DECIMALS: Final = 4


class MovementKind(StrEnum):
    """What moved the image."""

    DRAG = "drag"
    KEY = "key"
    TYPED = "typed"
    UNDO = "undo"
    REDO = "redo"
    RESET = "reset"
    ENGINE = "engine"


@dataclass(frozen=True, slots=True)
class Movement:
    """One movement of the day's image over the planning image by a person.

    Parameters
    ----------
    at
        When, aware UTC.
    kind
        What moved it.
    after
        The couch correction that the image calls for where it lies now.

    Raises
    ------
    InputError
        If the time has no zone, or the kind is none.
    """

    at: datetime
    kind: MovementKind
    after: CouchCorrection

    def __post_init__(self) -> None:
        time_text(self.at, "a movement by hand")
        try:
            object.__setattr__(self, "kind", MovementKind(self.kind))
        except ValueError:
            msg = f"a movement by hand is one of {', '.join(MovementKind)}, not '{self.kind}'"
            raise InputError(msg) from None


@dataclass(frozen=True, slots=True, eq=False)
class HandMatch:
    """What a person found, how in words for the journal, and every movement for the audit."""

    planning_from_daily: RigidTransform
    words: str
    note: AuditNote


def hand_match(
    opened: OpenFraction, planning_from_daily: Array, by: str, movements: Sequence[Movement]
) -> HandMatch:
    """Check what a person found against the fraction and against the way in which it was found.

    Parameters
    ----------
    opened
        The fraction.
    planning_from_daily
        (4, 4), daily LPS to planning LPS.
    by
        User name of the person.
    movements
        In order; none where a pose was taken as it stood.

    Raises
    ------
    OutOfOrderError
        If no match waits for a decision.
    StaleImageError
        If what a match needs was not kept with the image.
    InputError
        If the movements are too many, not in order, or do not end at the pose.
    GeometryError
        If the matrix is not rigid.
    """
    found = RigidTransform(PLANNING, DAILY, planning_from_daily)
    state_after(opened.stored.line.state, Event.MATCH_BY_HAND)
    machine_mm = _machine_isocentre_mm(opened)
    after = _six(opened, found, machine_mm)
    _require_movements(movements, after)
    before = _before(opened, machine_mm)
    count = "1 movement" if len(movements) == 1 else f"{len(movements)} movements"
    words = f"{count} from {correction_words(before) if before else 'no answer'} to {correction_words(after)}"
    return HandMatch(found, words, _note(by, before, after, movements))


def planning_from_daily_for(opened: OpenFraction, correction: CouchCorrection) -> RigidTransform:
    """Return the match of the newest image that calls for a correction of the couch.

    Raises
    ------
    OutOfOrderError
        If no match waits for a decision.
    StaleImageError
        If what a match needs was not kept with the image.
    """
    state_after(opened.stored.line.state, Event.MATCH_BY_HAND)
    simulation = opened.simulation
    return planning_from_daily_of(
        correction,
        plan_isocentre_mm=simulation.isocentre_mm,
        machine_isocentre_mm=_machine_isocentre_mm(opened),
        patient_position=simulation.patient_position,
    )


def _machine_isocentre_mm(opened: OpenFraction) -> Array:
    memory = opened.kept.memory
    exposure = memory.images[-1] if memory is not None and memory.images else None
    if exposure is None or exposure.machine_isocentre_mm is None or opened.kept.target_points_mm is None:
        msg = (
            f"what a match by hand needs was not kept with the image of {opened.stored.line.key}, because an "
            "older isoguide took it: image again"
        )
        raise StaleImageError(msg)
    return exposure.machine_isocentre_mm


def _six(opened: OpenFraction, found: RigidTransform, machine_mm: Array) -> CouchCorrection:
    return couch_correction(
        found,
        plan_isocentre_mm=opened.simulation.isocentre_mm,
        machine_isocentre_mm=machine_mm,
        patient_position=opened.simulation.patient_position,
    )


def _before(opened: OpenFraction, machine_mm: Array) -> CouchCorrection | None:
    matches = opened.kept.memory.matches if opened.kept.memory is not None else ()
    placed = matches[-1].registration.planning_from_daily if matches else None
    return _six(opened, placed, machine_mm) if placed is not None else None


def _require_movements(movements: Sequence[Movement], after: CouchCorrection) -> None:
    if len(movements) > MOST_MOVEMENTS:
        msg = (
            f"{len(movements)} movements were given, more than {MOST_MOVEMENTS}: take the match as it is now"
        )
        raise InputError(msg)
    for one, other in pairwise(movements):
        if other.at < one.at:
            msg = f"the movements are not in order: {other.at:%H:%M:%S.%f} follows {one.at:%H:%M:%S.%f}"
            raise InputError(msg)
    if not movements:
        return
    last = movements[-1].after
    # Rotations by a composed transform: near ±180° the angles of the same turn differ.
    apart = last.fixed_from_fixed @ after.fixed_from_fixed.inverse()
    shift_mm = max(abs(a - b) for a, b in zip(last.shift_mm, after.shift_mm, strict=True))
    if shift_mm > SAME_MM or apart.angle_deg > SAME_DEG:
        msg = (
            f"the last movement ended at {correction_words(last)}, and the pose given is "
            f"{correction_words(after)}: nothing was done, match again"
        )
        raise InputError(msg)


def _note(
    by: str, before: CouchCorrection | None, after: CouchCorrection, movements: Sequence[Movement]
) -> AuditNote:
    """Return every movement as [time, kind, six numbers], mm and degrees to 0.0001."""
    lines: list[Plain] = [[time_text(one.at), str(one.kind), *_numbers(one.after)] for one in movements]
    details: dict[str, Plain] = {
        "by": by,
        "from": _numbers(before) if before is not None else None,
        "to": _numbers(after),
        "movements": lines,
    }
    return AuditNote("movements by hand", details)


def _numbers(correction: CouchCorrection) -> list[Plain]:
    return [round(float(getattr(correction, name)), _DECIMALS) for name in AXES]
