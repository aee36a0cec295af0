"""The review of one course as tables for a spreadsheet."""

from collections.abc import Iterator
from typing import Final

from isoguide.course import AXES, FractionSummary
from isoguide.geometry.correction import CouchCorrection
from isoguide.review.error_table import six
from isoguide.review.estimate import Estimate
from isoguide.review.patient import PatientAxis, PatientReview
from isoguide.workflow.review.anatomy_tables import anatomy_tables
from isoguide.workflow.review.csv_tables import Cell, csv_text
from isoguide.workflow.review.dose_tables import dose_tables
from isoguide.workflow.review.patient_words import has_schemes, signal_words

_SETS: Final = ("measured", "deviation", "applied", "residual", "offline")
_NONE: Final = (None,) * len(AXES)


def patient_tables(review: PatientReview) -> dict[str, str]:
    """Return the tables by the names of their files."""
    return {
        "fractions.csv": _fractions(review),
        "positions.csv": _positions(review),
        "axes.csv": _axes(review),
        "schemes.csv": _schemes(review),
        "signals.csv": csv_text(["signal"], [[sentence] for sentence in signal_words(review)]),
        "doses.csv": _doses(review),
        **({} if review.anatomy is None else anatomy_tables(review.anatomy)),
        **({} if review.dose is None else dose_tables(review.dose)),
    }


def _fractions(review: PatientReview) -> str:
    header = ["fraction", "at", "state", "images", "action", "rule", "overrides", "delivered_mu"]
    header += [f"{name}_{axis}" for name in _SETS for axis in AXES]
    return csv_text(header, (list(_fraction(summary)) for summary in review.course.fractions))


def _fraction(summary: FractionSummary) -> Iterator[Cell]:
    yield from (summary.number, summary.at.isoformat(), summary.state, summary.images)
    yield from (summary.action, summary.rule, "; ".join(summary.overrides), summary.delivered_mu)
    yield from _six(summary.measured)
    yield from (_NONE if summary.deviation is None else summary.deviation.tolist())
    for correction in (summary.applied, summary.residual, summary.offline):
        yield from _six(correction)


def _six(correction: CouchCorrection | None) -> tuple[float | None, ...]:
    return _NONE if correction is None else six(correction)


def _positions(review: PatientReview) -> str:
    header = ["fraction", *(f"{which}_{axis}" for which in ("marks", "treatment") for axis in AXES)]
    days = zip(review.numbers, review.errors.tolist(), review.treated.tolist(), strict=True)
    return csv_text(header, ([number, *error, *treated] for number, error, treated in days))


def _axes(review: PatientReview) -> str:
    header = ["axis", "measurements"]
    header += [f"{what}{end}" for what in ("mean", "sd", "slope", "cpk") for end in ("", "_low", "_high")]
    header += ["p_drift", "p_drift_adjusted", "change_from_fraction", "p_change", "p_change_adjusted"]
    return csv_text(header, ([*_axis(axis, review)] for axis in review.axes))


def _axis(axis: PatientAxis, review: PatientReview) -> Iterator[Cell]:
    yield from (axis.axis, len(review.numbers))
    yield from _ends(axis.mean)
    yield from _ends(axis.deviation)
    yield from _ends(None if axis.trend is None else axis.trend.slope)
    yield from _ends(None if axis.capability is None else axis.capability.actual)
    yield from (None, None) if axis.drifts is None else (axis.drifts.p_value, axis.drifts.adjusted)
    yield None if axis.change is None else review.numbers[axis.change.position]
    yield from (None, None) if axis.changes is None else (axis.changes.p_value, axis.changes.adjusted)


def _ends(estimate: Estimate | None) -> tuple[float | None, ...]:
    return (None, None, None) if estimate is None else (estimate.value, estimate.low, estimate.high)


def _schemes(review: PatientReview) -> str:
    header = ["scheme", "images", "mean_lateral_mm", "mean_longitudinal_mm", "mean_vertical_mm"]
    schemes = review.schemes if has_schemes(review) else ()
    return csv_text(header, ([s.scheme.name, s.images, *s.mean_mm.tolist()] for s in schemes))


def _doses(review: PatientReview) -> str:
    rows: Iterator[list[Cell]] = (
        [summary.number, dose.value, dose.metric]
        for summary in review.course.fractions
        for dose in summary.doses
    )
    return csv_text(["fraction", "value", "metric"], rows)
