"""A department's patients: errors by group, the margins they ask for, who stands out, what would help."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from isoguide.course import AXES, CourseHistory
from isoguide.review.coverage import Coverage, dose_coverage
from isoguide.review.error_table import SHIFTS, ErrorTable, Position, error_table
from isoguide.review.groups import GroupStatistics, MarginSettings, by_all_groupings
from isoguide.review.margins import PENUMBRA_WATER_MM, Margin
from isoguide.review.multiple_tests import FALSE_DISCOVERIES, adjusted
from isoguide.review.outliers import Outlier, find_outliers
from isoguide.review.replay import SCHEMES, Scheme, SchemeResult, scheme_results
from isoguide.review.trends import fit_lines, mann_kendall


@dataclass(frozen=True, slots=True)
class PopulationSettings:
    """How a population is reviewed.

    Parameters
    ----------
    margins
        Recipes and other components.
    schemes
        Replayed.
    false_discoveries
        Share of false ones that the list of drifting patients may have on average.
    penumbra_mm
        For the coverage.
    """

    margins: MarginSettings = field(default_factory=MarginSettings)
    schemes: tuple[Scheme, ...] = SCHEMES
    false_discoveries: float = FALSE_DISCOVERIES
    penumbra_mm: float = PENUMBRA_WATER_MM


@dataclass(frozen=True, slots=True)
class Drift:
    """A patient who drifts on one axis, mm or degrees per fraction by least squares.

    ``p_value`` is that of Mann-Kendall, ``adjusted`` the one among all axes of all patients.
    """

    course_id: str
    patient: str
    axis: str
    per_fraction: float
    p_value: float
    adjusted: float


@dataclass(frozen=True, slots=True, eq=False)
class PopulationReview:
    """A population.

    Parameters
    ----------
    courses, measurements
        How many there are.
    groups
        All, then by site, device, machine and protocol, from the marks; then the same after correction, where
        corrected positions were imaged.
    drifts
        Patients who drift, by adjusted p value; ``drifts_tested`` axes of patients were tested.
    outliers
        Patients who stand out, the furthest first.
    schemes
        What each would have left of the errors from the marks.
    coverages
        One for each margin of the whole population: the dose if the patients had been treated at their marks.
    """

    courses: int
    measurements: int
    groups: tuple[GroupStatistics, ...]
    drifts: tuple[Drift, ...]
    drifts_tested: int
    outliers: tuple[Outlier, ...]
    schemes: tuple[SchemeResult, ...]
    coverages: tuple[tuple[Margin, Coverage], ...]


def review_population(
    histories: Sequence[CourseHistory], settings: PopulationSettings | None = None
) -> PopulationReview:
    """Return what the courses of a department say together; without courses, that there are none.

    Raises
    ------
    InputError
        If a course has fractions numbered twice, or not from 1.
    """
    settings = settings or PopulationSettings()
    marks = error_table(histories)
    corrected = error_table(histories, Position.CORRECTED)
    tables = [marks, corrected] if corrected.is_measured.any() else [marks]
    groups = by_all_groupings(tables, settings.margins)
    found, tested = find_drifts(marks, settings.false_discoveries)
    shifts_mm = marks.errors[:, :, :SHIFTS]
    return PopulationReview(
        courses=len(histories),
        measurements=int(marks.is_measured.sum()),
        groups=groups,
        drifts=found,
        drifts_tested=tested,
        outliers=find_outliers(marks),
        schemes=scheme_results(shifts_mm, settings.schemes, settings.margins),
        coverages=tuple(
            (margin, dose_coverage(shifts_mm, _millimetres(margin), settings.penumbra_mm))
            for margin in (groups[0].margins if groups else ())
        ),
    )


def _millimetres(margin: Margin) -> np.ndarray:
    return np.array([estimate.value for estimate in margin.mm])


def find_drifts(table: ErrorTable, share: float = FALSE_DISCOVERIES) -> tuple[tuple[Drift, ...], int]:
    """Return the patients who drift, and how many axes of patients were tested.

    Of those returned a share of at most ``share`` is false on average (Benjamini and Hochberg).
    """
    patients, days, axes = table.errors.shape
    series = np.moveaxis(table.errors, 2, 1).reshape(patients * axes, days)
    p_values = mann_kendall(series)
    among = adjusted(p_values)
    chosen = np.flatnonzero(np.nan_to_num(among, nan=1.0) <= share)
    slopes = fit_lines(series[chosen]).slope
    found = [
        Drift(
            course_id=table.courses[row // len(AXES)].course_id,
            patient=table.courses[row // len(AXES)].patient,
            axis=AXES[row % len(AXES)],
            per_fraction=float(slope),
            p_value=float(p_values[row]),
            adjusted=float(among[row]),
        )
        for row, slope in zip(chosen.tolist(), slopes, strict=True)
    ]
    return tuple(sorted(found, key=lambda drift: drift.p_value)), int(np.isfinite(p_values).sum())
