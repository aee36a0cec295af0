"""A population with known M, Σ and σ, for demonstrations and to test the statistics themselves."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from isoguide.course import CourseHistory, FractionSummary
from isoguide.errors import InputError
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.frames import Array, frozen_array

_ZERO = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class KnownErrors:
    """The truth of a simulated population: six numbers each, (6,), mm and degrees along IEC fixed.

    Parameters
    ----------
    mean, systematic, random
        M, Σ and σ of the set-up error.
    drift
        Standard deviation among patients of what the error changes by in each fraction.
    measurement
        Standard deviation of the image match.
    outliers, outlier
        The share of days on which the patient is set up wrongly by ``outlier`` (6,), either way.

    Raises
    ------
    InputError
        If a deviation is negative, or the share is not one.
    """

    mean: Array = field(default_factory=lambda: np.array(_ZERO))
    systematic: Array = field(default_factory=lambda: np.array([2.5, 2.5, 2.5, 0.7, 0.7, 0.7]))
    random: Array = field(default_factory=lambda: np.array([2.5, 2.5, 2.5, 0.7, 0.7, 0.7]))
    drift: Array = field(default_factory=lambda: np.array(_ZERO))
    measurement: Array = field(default_factory=lambda: np.array(_ZERO))
    outliers: float = 0.0
    outlier: Array = field(default_factory=lambda: np.array(_ZERO))

    def __post_init__(self) -> None:
        for name in ("mean", "systematic", "random", "drift", "measurement", "outlier"):
            values = frozen_array(getattr(self, name), (6,), f"{name} of the population")
            if name != "mean" and (values < 0.0).any():
                msg = f"{name} of the population is {values.tolist()}: give zero or more"
                raise InputError(msg)
            object.__setattr__(self, name, values)
        if not 0.0 <= self.outliers <= 1.0:
            msg = f"outliers is a share between 0 and 1, not {self.outliers}"
            raise InputError(msg)


@dataclass(frozen=True, slots=True)
class WhereTreated:
    """What the simulated courses say of themselves; courses take turns in each list."""

    sites: Sequence[str] = ("pelvis",)
    machines: Sequence[str] = ("machine 1",)
    devices: Sequence[str] = ("",)
    protocols: Sequence[str] = ("daily v1",)
    began: datetime = datetime(2024, 1, 1, 8, tzinfo=UTC)


def simulate_errors(
    rng: np.random.Generator, patients: int, fractions: int, known: KnownErrors
) -> tuple[Array, Array]:
    """Return what is true and what is measured, each (patients, fractions, 6).

    Raises
    ------
    InputError
        If there is no patient or no fraction.
    """
    if patients < 1 or fractions < 1:
        msg = f"a population has patients and fractions, not {patients} and {fractions}"
        raise InputError(msg)
    course = (patients, 1, 6)
    days = (patients, fractions, 6)
    true = known.mean + known.systematic * rng.standard_normal(course)
    true = true + known.drift * rng.standard_normal(course) * np.arange(fractions)[:, None]
    true = true + known.random * rng.standard_normal(days)
    is_wrong = rng.random((patients, fractions, 1)) < known.outliers
    true = true + is_wrong * known.outlier * rng.choice([-1.0, 1.0], (patients, fractions, 1))
    return true, true + known.measurement * rng.standard_normal(days)


def simulate_population(
    rng: np.random.Generator,
    patients: int,
    fractions: int | Sequence[int],
    known: KnownErrors | None = None,
    where: WhereTreated | None = None,
) -> tuple[CourseHistory, ...]:
    """Return courses that were imaged and corrected every day.

    Parameters
    ----------
    rng
        All that is random comes from it.
    patients
        How many.
    fractions
        Of every course, or of each (patients of them).
    known
        The truth; 2.5 mm and 0.7° each way by default.
    where
        Sites, machines, devices, protocols.

    Raises
    ------
    InputError
        If the numbers of fractions are not as many as the patients, or any number is impossible.
    """
    known, where = known or KnownErrors(), where or WhereTreated()
    lengths = [fractions] * patients if isinstance(fractions, int) else list(fractions)
    if len(lengths) != patients or min(lengths, default=0) < 1:
        msg = f"{patients} patients need as many numbers of fractions, 1 or more each, not {lengths}"
        raise InputError(msg)
    _, measured = simulate_errors(rng, patients, max(lengths), known)
    return tuple(
        CourseHistory(
            course_id=f"C{row + 1:05d}",
            patient=f"P{row + 1:05d}",
            site=_turn(where.sites, row),
            machine=_turn(where.machines, row),
            protocol=_turn(where.protocols, row),
            device=_turn(where.devices, row),
            fractions_planned=count,
            fractions=_fractions(measured[row, :count], known.measurement, where.began + timedelta(days=row)),
        )
        for row, count in enumerate(lengths)
    )


def _turn(choices: Sequence[str], row: int) -> str:
    return choices[row % len(choices)]


def _fractions(errors: Array, deviation: Array, began: datetime) -> tuple[FractionSummary, ...]:
    corrections = [CouchCorrection(*(float(-value) for value in error)) for error in errors]
    return tuple(
        FractionSummary(
            number=number,
            at=began + timedelta(days=number - 1),
            state="closed",
            measured=correction,
            deviation=deviation if deviation.any() else None,
            applied=correction,
            action="correct",
            images=1,
        )
        for number, correction in enumerate(corrections, start=1)
    )
