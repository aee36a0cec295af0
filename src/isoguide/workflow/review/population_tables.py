"""The review of a population as tables for a spreadsheet."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np

from isoguide.course import AXES
from isoguide.review.conduct import Conduct
from isoguide.review.estimate import Estimate
from isoguide.review.groups import GroupStatistics
from isoguide.review.margins import Margin
from isoguide.workflow.review.csv_tables import Cell, csv_text
from isoguide.workflow.review.patient_points import PatientPoints
from isoguide.workflow.review.population_words import (
    Population,
    group_name,
    has_enough,
    left_out_words,
    why_not,
)

_ENDS: Final = ("", "_low", "_high")
_GROUP: Final = ("by", "name", "position")
_DIRECTIONS: Final = ("lateral_mm", "longitudinal_mm", "vertical_mm")
_RATES: Final = ("imaged", "imaged_again", "overridden", "stopped")


def population_tables(population: Population, points: PatientPoints) -> dict[str, str]:
    """Return the tables by the names of their files."""
    review = population.review
    return {
        "errors.csv": _errors(review.groups),
        "margins.csv": _margins(review.groups),
        "schemes.csv": _schemes(population),
        "patients.csv": _patients(points),
        "outliers.csv": csv_text(
            ["course", "patient", "axis", "by", "value", "score"],
            ([o.course_id, o.patient, o.axis, o.by, o.value, o.score] for o in review.outliers),
        ),
        "drifts.csv": csv_text(
            ["course", "patient", "axis", "per_fraction", "p_value", "adjusted"],
            ([d.course_id, d.patient, d.axis, d.per_fraction, d.p_value, d.adjusted] for d in review.drifts),
        ),
        "conduct.csv": _conduct(review.groups),
        "doses.csv": _doses(review.groups),
        "left-out.csv": csv_text(["left_out"], ([sentence] for sentence in left_out_words(population))),
    }


def _head(group: GroupStatistics) -> tuple[Cell, ...]:
    return group.by.value, group_name(group), group.position.value


def _ends(estimate: Estimate | None) -> tuple[float | None, ...]:
    return (None, None, None) if estimate is None else (estimate.value, estimate.low, estimate.high)


def _errors(groups: Iterable[GroupStatistics]) -> str:
    header = [*_GROUP, "patients", "measurements", "axis"]
    header += [f"{name}{end}" for name in ("mean", "systematic", "random") for end in _ENDS]
    return csv_text([*header, "not_available"], (row for group in groups for row in _error_rows(group)))


def _error_rows(group: GroupStatistics) -> Iterator[list[Cell]]:
    for axis in group.axes:
        systematic = axis.systematic if has_enough(group) else None
        numbers = [*_ends(axis.mean), *_ends(systematic), *_ends(axis.random)]
        counts = (group.patients, group.measurements)
        yield [*_head(group), *counts, axis.axis, *numbers, why_not(group)]
    if not group.axes:
        yield [*_head(group), group.patients, group.measurements, None, *(None,) * 9, why_not(group)]


def _margins(groups: Iterable[GroupStatistics]) -> str:
    header = [*_GROUP, "recipe", "formula", *(f"{axis}{end}" for axis in _DIRECTIONS for end in _ENDS)]
    header += ["assumes", "source", "checked"]
    rows = (
        [*_head(group), *_margin(margin)] for group in groups if has_enough(group) for margin in group.margins
    )
    return csv_text(header, rows)


def _margin(margin: Margin) -> tuple[Cell, ...]:
    numbers = [number for estimate in margin.mm for number in _ends(estimate)]
    return margin.name, margin.formula, *numbers, margin.assumes, margin.source, margin.checked


def _schemes(population: Population) -> str:
    header = ["scheme", "patients", "days", "images_per_patient", "axis"]
    header += [f"{name}{end}" for name in ("mean", "systematic", "random") for end in _ENDS]
    everybody = population.everybody
    schemes = population.review.schemes if everybody is not None and has_enough(everybody) else ()
    rows: Iterator[Sequence[Cell]] = (
        [
            *(scheme.scheme.name, scheme.patients, scheme.days, scheme.images_per_patient, axis.axis),
            *(*_ends(axis.mean), *_ends(axis.systematic), *_ends(axis.random)),
        ]
        for scheme in schemes
        for axis in scheme.axes
    )
    return csv_text(header, rows)


def _patients(points: PatientPoints) -> str:
    header = ["course", "patient", "site", "machine", "device", "protocol", "measurements"]
    header += [f"{what}_{axis}" for what in ("mean", "sd") for axis in AXES]
    days = zip(points.courses, points.counts.tolist(), points.means, points.spreads, strict=True)
    rows = (
        [
            *(c.course_id, c.patient, c.site, c.machine, c.device, c.protocol, int(count)),
            *(*mean.tolist(), *(value if np.isfinite(value) else None for value in spread.tolist())),
        ]
        for c, count, mean, spread in days
    )
    return csv_text(header, rows)


def _conduct(groups: Iterable[GroupStatistics]) -> str:
    header = [*_GROUP[:2], "fractions", "images", "images_per_fraction"]
    header += [f"{name}{end}" for name in _RATES for end in _ENDS]
    return csv_text(header, ([*_head(g)[:2], *_rates(g.conduct)] for g in _once(groups)))


def _rates(conduct: Conduct) -> Iterator[Cell]:
    yield from (conduct.fractions, conduct.images, conduct.images_per_fraction)
    for name in _RATES:
        yield from _ends(getattr(conduct, name))


def _doses(groups: Iterable[GroupStatistics]) -> str:
    header = [*_GROUP[:2], "metric", "exposures", "total", "per_exposure", "per_course"]
    header += ["largest_course", "largest"]
    rows = (
        [
            *_head(group)[:2],
            *(dose.metric, dose.exposures, dose.total, dose.per_exposure, dose.per_course),
            *(dose.largest_course, dose.largest),
        ]
        for group in _once(groups)
        for dose in group.doses
    )
    return csv_text(header, rows)


def _once(groups: Iterable[GroupStatistics]) -> list[GroupStatistics]:
    """Return each group once: conduct and dose do not depend on the position whose errors are meant."""
    return list({(group.by, group.name): group for group in groups}.values())
