"""M, Σ and σ of groups of patients: all, one site, one device, one machine, one protocol."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from isoguide.course import AXES
from isoguide.geometry.frames import Array
from isoguide.review.conduct import Conduct, DoseSum, conduct_of, dose_sums
from isoguide.review.error_table import SHIFTS, ErrorTable, Position
from isoguide.review.estimate import Estimate
from isoguide.review.margins import RECIPES, ErrorSource, Margin, Recipe, margins_for
from isoguide.review.variance_components import Components, variance_components


class Grouping(StrEnum):
    """What the patients of a group have in common."""

    ALL = "all"
    SITE = "site"
    DEVICE = "device"
    MACHINE = "machine"
    PROTOCOL = "protocol"


@dataclass(frozen=True, slots=True)
class AxisStatistics:
    """One axis of one group, mm or degrees as its name says.

    Parameters
    ----------
    axis
        One of :data:`isoguide.course.AXES`.
    mean, systematic, random
        M, Σ and σ with their 95 % intervals.
    observed
        Standard deviation of the patients' means; it holds Σ and a part of σ.
    systematic_variance
        Σ² before it was taken for zero where it is negative.
    random_without_measurement
        σ with the mean variance of the measurements taken out; None where a measurement has no deviation.
        Σ needs no such correction: what changes from day to day is not in it.
    """

    axis: str
    mean: Estimate
    systematic: Estimate
    random: Estimate
    observed: float
    systematic_variance: float
    random_without_measurement: float | None

    @property
    def is_systematic_taken_for_zero(self) -> bool:
        """Whether the patients' means differ less than their random errors would make them."""
        return self.systematic_variance < 0.0


@dataclass(frozen=True, slots=True)
class VectorLengths:
    """Lengths of the shift (three axes) in mm, of every day and of the patients' means."""

    mean_mm: float
    median_mm: float
    p95_mm: float
    largest_mm: float
    patient_median_mm: float
    patient_p95_mm: float
    patient_largest_mm: float


@dataclass(frozen=True, slots=True)
class GroupStatistics:
    """One group.

    Parameters
    ----------
    by, name
        Such as "site" and "prostate"; the name is empty for all, or where a course does not say.
    position
        Whose errors these are.
    patients, measurements
        How many of each there are with a measurement.
    axes
        The six axes; empty where Σ and σ cannot be told apart, then ``note`` says why.
    lengths
        None without a measurement.
    margins
        By each recipe; empty with ``axes``.
    conduct, doses
        Of all fractions of the group, measured or not.
    note
        What has to be said; empty for nothing.
    """

    by: Grouping
    name: str
    position: Position
    patients: int
    measurements: int
    axes: tuple[AxisStatistics, ...]
    lengths: VectorLengths | None
    margins: tuple[Margin, ...]
    conduct: Conduct
    doses: tuple[DoseSum, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class MarginSettings:
    """How margins are calculated; :func:`isoguide.review.margins.margins_for` says what each is."""

    recipes: tuple[Recipe, ...] = RECIPES
    others: tuple[ErrorSource, ...] = ()
    fractions: int | None = None

    def margins(self, components: Components) -> tuple[Margin, ...]:
        """Return the margins of a population."""
        return margins_for(components, self.recipes, others=self.others, fractions=self.fractions)


def group_statistics(
    table: ErrorTable,
    by: Grouping = Grouping.ALL,
    *,
    settings: MarginSettings | None = None,
) -> tuple[GroupStatistics, ...]:
    """Return the statistics of every group, by name.

    Patients are courses: a patient with two courses is set up anew for the second.
    """
    rows: defaultdict[str, list[int]] = defaultdict(list)
    for row, course in enumerate(table.courses):
        rows["" if by is Grouping.ALL else str(getattr(course, by.value))].append(row)
    settings = settings or MarginSettings()
    return tuple(_group(by, name, table.rows(rows[name]), settings) for name in sorted(rows))


def _group(by: Grouping, name: str, table: ErrorTable, settings: MarginSettings) -> GroupStatistics:
    measured = table.is_measured
    components = variance_components(table.errors)
    return GroupStatistics(
        by=by,
        name=name,
        position=table.position,
        patients=int(measured.any(axis=1).sum()),
        measurements=int(measured.sum()),
        axes=() if components is None else axis_statistics(components, measurement_variance(table)),
        lengths=vector_lengths(table.errors[:, :, :SHIFTS]),
        margins=() if components is None else settings.margins(components),
        conduct=conduct_of(table.courses),
        doses=dose_sums(table.courses),
        note="Σ and σ need two patients, and one of them measured twice." if components is None else "",
    )


def axis_statistics(components: Components, measured: Array | None = None) -> tuple[AxisStatistics, ...]:
    """Return one :class:`AxisStatistics` per axis, in the order of :data:`isoguide.course.AXES`.

    ``measured`` is the variance of the measurements (A,) (:func:`measurement_variance`).
    """
    means, systematics, randoms = components.means(), components.systematics(), components.randoms()
    return tuple(
        AxisStatistics(
            axis=AXES[axis],
            mean=mean,
            systematic=systematics[axis],
            random=randoms[axis],
            observed=float(components.observed[axis]),
            systematic_variance=float(components.systematic_variance[axis]),
            random_without_measurement=None
            if measured is None
            else float(np.sqrt(max(0.0, components.random[axis] ** 2 - measured[axis]))),
        )
        for axis, mean in enumerate(means)
    )


def measurement_variance(table: ErrorTable) -> Array | None:
    """Return the mean variance of the measurements (6,), None where one of them has no deviation."""
    deviations = table.deviations[table.is_measured]
    if not len(deviations) or not np.isfinite(deviations).all():
        return None
    variance: Array = (deviations**2).mean(axis=0)
    return variance


def vector_lengths(shifts_mm: Array) -> VectorLengths | None:
    """Return the lengths of shifts (P, F, 3), NaN where not measured; None without any."""
    is_measured = np.isfinite(shifts_mm[:, :, 0])
    counts = is_measured.sum(axis=1)
    if not counts.any():
        return None
    days_mm = np.linalg.norm(shifts_mm[is_measured], axis=1)
    sums_mm = np.where(is_measured[:, :, None], shifts_mm, 0.0).sum(axis=1)
    patients_mm = np.linalg.norm(sums_mm[counts > 0] / counts[counts > 0, None], axis=1)
    return VectorLengths(
        mean_mm=float(days_mm.mean()),
        median_mm=float(np.median(days_mm)),
        p95_mm=float(np.percentile(days_mm, 95.0)),
        largest_mm=float(days_mm.max()),
        patient_median_mm=float(np.median(patients_mm)),
        patient_p95_mm=float(np.percentile(patients_mm, 95.0)),
        patient_largest_mm=float(patients_mm.max()),
    )


def by_all_groupings(
    tables: Sequence[ErrorTable], settings: MarginSettings | None = None
) -> tuple[GroupStatistics, ...]:
    """Return the groups of all groupings, of each table in turn."""
    return tuple(
        group
        for table in tables
        for by in Grouping
        for group in group_statistics(table, by, settings=settings)
    )
