"""From errors to a margin: published recipes, each with what it assumes and whether it was checked.

A recipe ignores the shape of the dose, rotations and changes of the anatomy. :mod:`isoguide.review.coverage`
shifts a dose instead.

Left out, because the formula could not be verified: the recipe of McKenzie et al. (2000) for
breathing. Breathing enters as a random component (:func:`breathing_error`) instead.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from isoguide.errors import InputError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.review.error_table import SHIFTS
from isoguide.review.estimate import Estimate, with_intervals
from isoguide.review.variance_components import Components

PENUMBRA_WATER_MM: Final = 3.2
"""Standard deviation of the Gaussian that the penumbra is the integral of, in water (van Herk 2000)."""
PENUMBRA_LUNG_MM: Final = 6.4
"""In lung."""
BETA_95: Final = 1.64
"""Normal quantile of 95 %: the field edge is where the dose is 95 %."""
BETA_80: Final = 0.84
"""Of 80 %: steep dose around the target."""

_MOST_PATIENTS: Final = "90 % of the patients receive at least 95 % of the dose in the whole CTV"
_VAN_HERK: Final = "van Herk et al., Int J Radiat Oncol Biol Phys 47:1121, 2000"
_DERIVED: Final = "derived anew and confirmed by shifting a dose (tests of isoguide.review.coverage)"
_TABLE: Final = "formula compared with table 5 of doi 10.1186/s13014-016-0724-5, not with the paper itself"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A margin as a function of Σ and σ.

    Parameters
    ----------
    name, formula
        For people; Σ, σ and the margin in mm.
    assumes
        What has to hold.
    source
        The paper.
    checked
        What the formula was compared with.
    margin_mm
        Σ and σ in mm, of any one shape, to the margin.
    """

    name: str
    formula: str
    assumes: str
    source: str
    checked: str
    margin_mm: Callable[[Array, Array], Array]


def van_herk_full(penumbra_mm: float, beta: float, where: str) -> Recipe:
    """Return van Herk's recipe with the width of the penumbra and the isodose (its normal quantile)."""

    def margin_mm(systematic: Array, random: Array) -> Array:
        blurred: Array = np.sqrt(random**2 + penumbra_mm**2)
        return 2.5 * systematic + beta * (blurred - penumbra_mm)

    return Recipe(
        f"van Herk, full, {where}",
        f"2.5 Σ + {beta:g} (√(σ² + {penumbra_mm:g}²) - {penumbra_mm:g})",
        f"{_MOST_PATIENTS}; spherical target, many fractions, penumbra of {penumbra_mm:g} mm",
        _VAN_HERK,
        _DERIVED,
        margin_mm,
    )


VAN_HERK: Final = Recipe(
    "van Herk",
    "2.5 Σ + 0.7 σ",
    f"{_MOST_PATIENTS}; spherical target, many fractions, penumbra in water, σ of a few mm",
    _VAN_HERK,
    "compared with margins printed in table 1 of Phys Imaging Radiat Oncol 9:97, 2019",
    lambda systematic, random: 2.5 * systematic + 0.7 * random,
)
STROOM: Final = Recipe(
    "Stroom",
    "2 Σ + 0.7 σ",
    "on average 99 % of the CTV receives at least 95 % of the dose, in realistic plans",
    "Stroom et al., Int J Radiat Oncol Biol Phys 43:905, 1999",
    _TABLE,
    lambda systematic, random: 2.0 * systematic + 0.7 * random,
)
PARKER: Final = Recipe(
    "Parker",
    "Σ + √(Σ² + σ²)",
    "at least 95 % of the dose everywhere and 100 % in 95 % of the volume; no probability is stated",
    "Parker et al., 2002",
    _TABLE,
    lambda systematic, random: systematic + np.sqrt(systematic**2 + random**2),
)
RECIPES: Final = (
    VAN_HERK,
    van_herk_full(PENUMBRA_WATER_MM, BETA_95, "water"),
    van_herk_full(PENUMBRA_LUNG_MM, BETA_95, "lung"),
    van_herk_full(PENUMBRA_LUNG_MM, BETA_80, "lung, 80 % isodose"),
    STROOM,
    PARKER,
)


@dataclass(frozen=True, slots=True)
class Margin:
    """What one recipe gives: lateral, longitudinal and vertical, with the 95 % interval of each.

    The interval is that of Σ and σ of the measured component; other components are taken as known.
    """

    name: str
    formula: str
    assumes: str
    source: str
    checked: str
    mm: tuple[Estimate, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ErrorSource:
    """Another source of error that the margin has to hold, (3,) standard deviations each, mm.

    Examples are delineation, motion within the fraction, the registration and the couch.
    """

    name: str
    systematic_mm: Array
    random_mm: Array

    def __post_init__(self) -> None:
        for name in ("systematic_mm", "random_mm"):
            values = frozen_array(getattr(self, name), (3,), f"{name} of '{self.name}'")
            if (values < 0.0).any():
                msg = f"{name} of '{self.name}' is {values.tolist()}: a standard deviation is zero or more"
                raise InputError(msg)
            object.__setattr__(self, name, values)


def breathing_error(peak_to_peak_mm: Array) -> ErrorSource:
    """Return breathing as a random error: a sine has the standard deviation of its range / √8.

    It holds while the range (3,) is small beside the penumbra: below about 10 mm.
    """
    random_mm = np.asarray(peak_to_peak_mm, dtype=np.float64) / np.sqrt(8.0)
    return ErrorSource("breathing", np.zeros(3), random_mm)


def registration_error(covariance: Array) -> ErrorSource:
    """Return the error of the daily match as a random error.

    ``covariance`` is (6, 6) of a couch correction, as
    :func:`isoguide.geometry.correction.correction_covariance` gives it.
    An error that every match of a course shares, as that of the planning CT, is not in it.
    """
    variances = np.diag(frozen_array(covariance, (6, 6), "the covariance of the registration"))[:SHIFTS]
    return ErrorSource("registration", np.zeros(3), np.sqrt(variances))


def combined(sources: Sequence[ErrorSource]) -> ErrorSource:
    """Return independent sources as one: the squares add."""
    systematic = np.sqrt(sum((s.systematic_mm**2 for s in sources), np.zeros(3)))
    random = np.sqrt(sum((s.random_mm**2 for s in sources), np.zeros(3)))
    return ErrorSource(" + ".join(s.name for s in sources), systematic, random)


def of_few_fractions(systematic: Array, random: Array, fractions: int) -> tuple[Array, Array]:
    """Return Σ and σ as a course of few fractions has them: the mean of its random errors stays in it.

    Σ² + σ²/N is the variance of a course's mean, (1 - 1/N) σ² that of its fractions about it.

    Raises
    ------
    InputError
        If the number of fractions is below 1.
    """
    if fractions < 1:
        msg = f"a course has 1 fraction or more, not {fractions}"
        raise InputError(msg)
    return np.sqrt(systematic**2 + random**2 / fractions), random * np.sqrt(1.0 - 1.0 / fractions)


def margins_for(
    components: Components,
    recipes: Sequence[Recipe] = RECIPES,
    *,
    others: Sequence[ErrorSource] = (),
    fractions: int | None = None,
) -> tuple[Margin, ...]:
    """Return the margins that a population's set-up errors ask for.

    Parameters
    ----------
    components
        Of errors whose first three axes are the shifts.
    recipes
        Which.
    others
        Added in quadrature.
    fractions
        Of a course, for few of them; None for many.
    """
    added = combined(others)

    def prepared(systematic: Array, random: Array) -> tuple[Array, Array]:
        systematic = np.sqrt(systematic[..., :SHIFTS] ** 2 + added.systematic_mm**2)
        random = np.sqrt(random[..., :SHIFTS] ** 2 + added.random_mm**2)
        return (systematic, random) if fractions is None else of_few_fractions(systematic, random, fractions)

    found = prepared(components.systematic, components.random)
    draws = prepared(components.systematic_draws, components.random_draws)
    return tuple(_margin(recipe, recipe.margin_mm(*found), recipe.margin_mm(*draws)) for recipe in recipes)


def _margin(recipe: Recipe, value: Array, draws: Array) -> Margin:
    r = recipe
    return Margin(r.name, r.formula, r.assumes, r.source, r.checked, with_intervals(value, draws))
