"""The dose of a day as it is kept: of each structure and each goal, as planned and today."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import isoguide
from isoguide.course.dose_of_day import DoseRecord, GoalOfDay, StructureDose
from isoguide.dose.dvh import DoseVolumeHistogram
from isoguide.dose.goal_text import goal_words
from isoguide.dose.goals import GoalResult
from isoguide.workflow.dose.day import DayDose, PlacedDose, PlannedDose


def dose_record(
    planned: PlannedDose,
    day: DayDose,
    *,
    image_uid: str,
    computed_at: datetime,
    assumed: tuple[str, ...] = (),
) -> DoseRecord:
    """Describe the dose of a day.

    Parameters
    ----------
    planned, day
        The dose as planned, and today's.
    image_uid
        By which image of the fraction.
    computed_at
        Aware UTC.
    assumed
        What is assumed besides, one sentence each.
    """
    dose = day.dose if day.dose is not None else planned.placed.dose
    return DoseRecord(
        image_uid=image_uid,
        computed_at=computed_at,
        verdict=day.verdict.value,
        reasons=day.reasons,
        approximations=tuple(dict.fromkeys((*assumed, *day.approximations, *planned.left_out))),
        algorithm=dose.algorithm.value,
        beam_data=dose.beam_data,
        beam_data_sha256=dose.beam_data_sha256,
        version=isoguide.__version__,
        fractions_so_far=0,
        structures=structure_doses(planned.placed, day.treated),
        goals=goals_of_day(planned.placed.goals, day.goals),
        alerts=(),
        prescribed_gy=planned.order.prescription.fraction_gy,
    )


def structure_doses(planned: PlacedDose, day: PlacedDose | None) -> tuple[StructureDose, ...]:
    """Describe the doses of one fraction to the structures that are there both in the plan and today."""
    if day is None:
        return ()
    found = [
        _structure(planned.histograms[name], today)
        for name, today in day.histograms.items()
        if name in planned.histograms
    ]
    return tuple(sorted(found, key=lambda one: not one.is_target))


def _structure(planned: DoseVolumeHistogram, today: DoseVolumeHistogram) -> StructureDose:
    return StructureDose(
        name=today.name,
        is_target=today.is_target,
        volume_ml=today.volume_ml,
        planned_mean_gy=planned.mean_gy,
        planned_d95_gy=planned.dose_at_volume_gy(95.0),
        planned_d2_gy=planned.dose_at_volume_gy(2.0),
        mean_gy=today.mean_gy,
        d95_gy=today.dose_at_volume_gy(95.0),
        d2_gy=today.dose_at_volume_gy(2.0),
    )


def goals_of_day(planned: Iterable[GoalResult], day: Iterable[GoalResult]) -> tuple[GoalOfDay, ...]:
    """Set each goal of the course beside what the plan makes of it."""
    return tuple(_goals({one.goal: one for one in planned}, day))


def _goals(planned: dict[object, GoalResult], day: Iterable[GoalResult]) -> Iterator[GoalOfDay]:
    for one in day:
        before = planned.get(one.goal)
        yield GoalOfDay(
            goal=goal_words(one.goal),
            value=one.value,
            limit=one.goal.limit,
            unit=one.goal.unit,
            is_met=one.is_met,
            was_met_in_plan=before.is_met if before is not None else None,
        )
