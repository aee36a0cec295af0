"""What a course has delivered so far, beside the dose of its newest day: sums and alerts of a kept record."""

from collections.abc import Sequence
from dataclasses import replace

from isoguide.course import DoseInstructions, DoseRecord, StructureDose
from isoguide.dose.accumulate import AccumulatedDose, DeliveredPart, carried_dose, nothing_yet
from isoguide.dose.density_curve import GENERIC_CURVE
from isoguide.dose.histograms import dose_volume_histogram
from isoguide.dose.result import DoseVolume
from isoguide.errors import MissingEvidenceError
from isoguide.images.structure import Structure
from isoguide.registration.deformable.result import DeformableRegistration, FieldVerdict
from isoguide.review.dose_trends import dose_alert_words, dose_trend
from isoguide.workflow.dose.day import DayDose, PlannedDose


def delivered_part(name: str, day: DayDose, found: DeformableRegistration) -> DeliveredPart:
    """Return the dose of a day as it is added up: weighed by the day's density, moved by its deformation.

    Parameters
    ----------
    name
        For sentences, such as "fraction 3".
    day
        As treated.
    found
        The deformation of the same day.

    Raises
    ------
    MissingEvidenceError
        If the day has no dose.
    """
    if day.treated is None or day.density is None:
        msg = f"{name} has no dose ({'; '.join(day.reasons)}), so nothing can be added up"
        raise MissingEvidenceError(msg)
    weighed = GENERIC_CURVE.weighed(day.density.volume)
    part = DeliveredPart.of(name, day.treated.dose, found, weighed)
    return replace(part, is_for_decision=day.verdict is FieldVerdict.FOR_DECISION)


def carried_home(
    name: str, planned: PlannedDose, day: DayDose, found: DeformableRegistration
) -> AccumulatedDose:
    """Return the dose of one fraction in the planning anatomy, on the grid of the planned dose.

    Parameters
    ----------
    name, day, found
        As for :func:`delivered_part`.
    planned
        The dose as planned.

    Raises
    ------
    MissingEvidenceError
        If the day has no dose.
    GeometryError
        If it lies where no tissue of the plan is.
    """
    grid = planned.placed.dose.grid
    return nothing_yet(grid).plus(carried_dose(delivered_part(name, day, found), grid))


def with_sums(record: DoseRecord, so_far: AccumulatedDose, structures: Sequence[Structure]) -> DoseRecord:
    """Return a record with what the course has delivered to its structures, in the planning anatomy.

    Parameters
    ----------
    record
        Of the newest day.
    so_far
        With that day.
    structures
        Planning LPS; those of the record are looked up by name, and one that is not here gets no sum.
    """
    drawn = {one.name: one for one in structures}
    spread = DoseVolume(so_far.dose.grid, so_far.sigma_gy)

    def summed(one: StructureDose) -> StructureDose:
        if one.name not in drawn:
            return one
        found = dose_volume_histogram(so_far.dose, drawn[one.name])
        sigma = dose_volume_histogram(spread, drawn[one.name])
        return replace(
            one,
            accumulated_mean_gy=found.mean_gy,
            accumulated_d95_gy=found.dose_at_volume_gy(95.0),
            accumulated_d2_gy=found.dose_at_volume_gy(2.0),
            accumulated_sigma_gy=sigma.mean_gy,
        )

    return replace(
        record,
        fractions_so_far=so_far.fractions,
        structures=tuple(summed(one) for one in record.structures),
        approximations=tuple(dict.fromkeys((*record.approximations, *so_far.approximations))),
    )


def with_alerts(
    record: DoseRecord,
    number: int,
    earlier: Sequence[tuple[int, DoseRecord]],
    instructions: DoseInstructions | None,
) -> DoseRecord:
    """Return a record with the alerts that stand on its day by the protocol.

    Parameters
    ----------
    record, number
        Of the newest day, and which fraction that is.
    earlier
        Those of the fractions before it.
    instructions
        Of the protocol; None: there can be no alert.
    """
    trend = dose_trend([*earlier, (number, record)], instructions)
    return replace(record, alerts=tuple(dose_alert_words(alert) for alert in trend.standing))
