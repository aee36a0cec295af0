"""When a patient is imaged, and what is done about his set-up before an image: the off-line schemes.

An off-line scheme measures the set-up error in some fractions and shifts the couch in later ones by minus its
systematic part. The variants, which the papers leave some freedom in:

* **daily**: every fraction is imaged; nothing is left for a systematic correction.
* **first, then weekly**: the first ``first`` fractions, then each ``every``-th: 1, 2, 3, 8, 13 ... for 3 and
  5. Images are used on their day only.
* **NAL**, no action level (de Boer and Heijmen, Int J Radiat Oncol Biol Phys 50:1350, 2001): minus the mean
  of the first ``first`` measurements, whatever its size, from the next fraction to the end; no more images.
* **eNAL**, extended (the same, 67:1586, 2007): as NAL, and each ``every``-th fraction is imaged as well. From
  the first of these follow-ups on, a straight line through all measurements (least squares, each axis by
  itself, equal weights) gives the set-up error expected at the fraction to be treated; the couch makes minus
  that.
* **SAL**, shrinking action level (Bel et al, Radiother Oncol 29:321, 1993): after the k-th measurement the
  mean of the k is corrected if its length exceeds ``alpha_mm`` / √k. After a correction counting starts anew,
  at the corrected position. After ``most`` measurements without correction imaging ends.

An image that was due and failed is made up for: measurements are counted, not days, and follow-ups are due
``every`` fractions after the latest measurement. A day is treated with the correction known before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from isoguide.course.protocol import Schedule, ScheduleKind
from isoguide.errors import InputError
from isoguide.geometry.frames import Array, frozen_array

Measurements = Sequence[tuple[int, Array]]


@dataclass(frozen=True, slots=True, eq=False)
class ImagingDay:
    """What a schedule says about one fraction.

    Parameters
    ----------
    is_due
        Whether the position is imaged.
    why
        The reason, one sentence.
    offline_mm
        (3,) couch shift along IEC fixed (lateral, longitudinal, vertical) from the marks, made at set-up,
        before any image: minus the systematic error estimated so far.
    """

    is_due: bool
    why: str
    offline_mm: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "offline_mm", frozen_array(self.offline_mm, (3,), "the off-line correction"))


def imaging_day(schedule: Schedule, measured: Measurements, number: int) -> ImagingDay:
    """Return whether a fraction is imaged, and the off-line correction that it is set up with.

    Parameters
    ----------
    schedule
        The scheme and its numbers; what each scheme does stands at the head of this module.
    measured
        (fraction number, set-up error) of the earlier fractions that were measured, in order. The error is
        (3,) mm along IEC fixed (lateral, longitudinal, vertical), relative to the *marks*: as it would have
        been without any off-line correction. It is minus the couch correction from there.
    number
        Of the fraction, from 1.

    Raises
    ------
    InputError
        If fractions are out of order, measured twice, not before this one, or not counted from 1, or if an
        error is not three finite numbers.
    """
    checked = _checked(measured, number)
    errors_mm = np.array([error for _, error in checked]).reshape(-1, 3)
    days = [day for day, _ in checked]
    match schedule.kind:
        case ScheduleKind.DAILY:
            return ImagingDay(True, "Every fraction is imaged.", np.zeros(3))  # noqa: FBT003 - it is due
        case ScheduleKind.SAL:
            return _shrinking_action_level(schedule, errors_mm)
        case ScheduleKind.FIRST_THEN_WEEKLY:
            return ImagingDay(*_due(schedule, days, number), np.zeros(3))
        case ScheduleKind.NAL | ScheduleKind.ENAL:
            offline_mm = -_expected_mm(schedule, days, errors_mm, number)
            return ImagingDay(*_due(schedule, days, number), offline_mm)


def _due(schedule: Schedule, days: list[int], number: int) -> tuple[bool, str]:
    """Whether it is imaged, and why, where the measurements decide by their count and the latest day."""
    kind, first, count = schedule.kind, schedule.first, len(days)
    if count < first:
        return True, f"{kind}: measurement {count + 1} of the first {first}."
    if kind is ScheduleKind.NAL:
        return False, f"{kind}: the mean of the first {first} measurements is corrected, without more images."
    ago = number - days[-1]
    if ago >= schedule.every:
        return (
            True,
            f"{kind}: the latest measurement is {ago} fractions ago, and one is due after {schedule.every}.",
        )
    return (
        False,
        f"{kind}: fraction {days[-1]} was measured, the next is fraction {days[-1] + schedule.every}.",
    )


def _expected_mm(schedule: Schedule, days: list[int], errors_mm: Array, number: int) -> Array:
    """Return the set-up error to expect at a fraction (3,) by NAL or eNAL; zero before enough is known."""
    first = schedule.first
    if len(days) < first:
        return np.zeros(3)
    if schedule.kind is ScheduleKind.NAL or len(days) == first:
        mean: Array = errors_mm[:first].mean(axis=0)
        return mean
    since_mean = np.array(days) - np.mean(days)
    slope = since_mean @ errors_mm / (since_mean @ since_mean)
    expected: Array = errors_mm.mean(axis=0) + slope * (number - np.mean(days))
    return expected


def _shrinking_action_level(schedule: Schedule, errors_mm: Array) -> ImagingDay:
    offline_mm, since = np.zeros(3), 0
    for latest in range(len(errors_mm)):
        since += 1
        mean_mm = (errors_mm[latest + 1 - since : latest + 1] + offline_mm).mean(axis=0)
        if np.linalg.norm(mean_mm) > schedule.alpha_mm / np.sqrt(since):
            offline_mm, since = offline_mm - mean_mm, 0
        elif since == schedule.most:
            why = f"SAL: {since} measurements since the last correction stayed below the action level."
            return ImagingDay(False, why, offline_mm)  # noqa: FBT003 - it is not due
    level_mm = schedule.alpha_mm / np.sqrt(since + 1)
    why = (
        f"SAL: measurement {since + 1} of at most {schedule.most}, with an action level of {level_mm:.1f} mm."
    )
    return ImagingDay(True, why, offline_mm)  # noqa: FBT003 - it is due


def _checked(measured: Measurements, number: int) -> list[tuple[int, Array]]:
    if number < 1:
        msg = f"fractions are counted from 1, and the fraction asked for is {number}"
        raise InputError(msg)
    checked = [(day, frozen_array(error, (3,), f"the error of fraction {day}")) for day, error in measured]
    days = [day for day, _ in checked]
    for earlier, later in pairwise(days):
        if earlier == later:
            msg = f"fraction {later} was measured twice: give one set-up error for each fraction"
            raise InputError(msg)
        if earlier > later:
            msg = f"fraction {earlier} comes before fraction {later}: give the measurements in order"
            raise InputError(msg)
    if days and days[0] < 1:
        msg = f"fractions are counted from 1, and one that was measured is {days[0]}"
        raise InputError(msg)
    if days and days[-1] >= number:
        msg = f"fraction {days[-1]} was measured, but only fractions before {number} can decide about it"
        raise InputError(msg)
    return checked
