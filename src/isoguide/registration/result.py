"""What a registration answers: a transform, how sure it is, why to believe it, and a verdict."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, Self

import numpy as np

from isoguide.geometry.frames import Array, frozen_array
from isoguide.geometry.transforms import RigidTransform

CHI_95_PER_AXIS = 1.959964
"""Two-sided 95 % quantile of the normal distribution."""


class Verdict(StrEnum):
    """What may be done with the answer."""

    ACCEPT = "accept"
    REVIEW = "review"
    NOT_AVAILABLE = "not available"


@dataclass(frozen=True, slots=True, eq=False)
class Uncertainty:
    """Uncertainty of ``planning_from_daily`` as a small motion in planning LPS about ``centre_mm``.

    The true transform is ``exp(xi) @ estimate`` with ``xi = (translation mm, rotation rad)``, so that a point
    x of the planning CT is wrong by ``translation + rotation × (x - centre)``.

    Parameters
    ----------
    centre_mm
        The point the rotation part turns about, (3,).
    covariance
        (6, 6), translation (mm) first, rotation vector (rad) second.
    largest_at_target_mm
        Semi-axis of the 95 % error ellipsoid at the target point where it is largest.
    """

    centre_mm: Array
    covariance: Array
    largest_at_target_mm: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "centre_mm", frozen_array(self.centre_mm, (3,), "centre"))
        object.__setattr__(self, "covariance", frozen_array(self.covariance, (6, 6), "covariance"))

    def about(self, centre_mm: Array) -> Array:
        """Covariance (6, 6) of the same motion described about another centre."""
        jacobian = np.eye(6)
        jacobian[:3, 3:] = -cross_matrix(np.asarray(centre_mm) - self.centre_mm)
        return jacobian @ self.covariance @ jacobian.T


def cross_matrix(v: Array) -> Array:
    """Matrix (3, 3) with ``cross_matrix(v) @ w == v × w``."""
    return np.array([[0.0, -v[2], v[1]], [v[2], 0.0, -v[0]], [-v[1], v[0], 0.0]])


@dataclass(frozen=True, slots=True, eq=False)
class RegionResidual:
    """How one region (about 3 cm) would still like to move after the match: deformation shows here."""

    centre_mm: Array
    shift_mm: Array
    similarity: float
    patches: int


@dataclass(frozen=True, slots=True)
class Alternative:
    """A competing answer, started ``pitches`` vertebrae along the spine, judged on context outside the match.

    ``offset_mm`` is where it ended relative to the answer; ``similarity`` is on the common context;
    ``log_odds`` says how much better the answer explains the images (negative: the alternative is better).
    """

    pitches: int
    offset_mm: float
    similarity: float
    log_odds: float


@dataclass(frozen=True, slots=True, eq=False)
class Quality:
    """Figures that say whether to believe the match.

    Parameters
    ----------
    similarity
        Weighted mean of the patches' normalised cross-correlation, -1 to 1.
    overlap_fraction
        Share of the match region that the daily image shows, 0 to 1.
    condition_number
        Of the 6x6 (or smaller) normal matrix scaled to mm; large means a direction is nearly free.
    weakest_direction
        Unit vector (6,) (tx, ty, tz, rx, ry, rz) of the least certain motion, planning LPS, and in words.
    inverse_inconsistency_mm
        Largest difference at the target between matching forward and backward.
    start_agreement_mm
        Largest distance at the target between answers from independent starts that reached the same optimum.
    starts_agreeing
        How many of the independent starts ended at the answer, and how many there were.
    residuals
        The per-region residual map.
    alternatives
        Answers one and two vertebral pitches away, best competitor first.
    """

    similarity: float
    overlap_fraction: float
    condition_number: float
    weakest_direction: Array
    weakest_direction_words: str
    inverse_inconsistency_mm: float
    start_agreement_mm: float
    starts_agreeing: tuple[int, int]
    residuals: tuple[RegionResidual, ...]
    alternatives: tuple[Alternative, ...]


class RecordedSettings(Protocol):
    """Settings of a match as its result repeats them."""

    @property
    def degrees_of_freedom(self) -> int:
        """What the couch can correct: 3, 4 or 6."""

    def as_record(self) -> dict[str, object]:
        """Plain values for the result's provenance."""


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """The answer of :func:`isoguide.registration.register_volumes`.

    ``planning_from_daily`` maps the day's image to the planning CT (LPS mm); it is None exactly when the
    verdict is "not available". ``unconstrained`` is the 6-DoF answer where fewer degrees of freedom were
    asked for.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    planning_from_daily: RigidTransform | None
    unconstrained: RigidTransform | None
    degrees_of_freedom: int
    centre_mm: Array
    content: str
    uncertainty: Uncertainty | None
    quality: Quality | None
    algorithm: str
    settings: dict[str, object]

    def __post_init__(self) -> None:
        available = self.planning_from_daily is not None
        if available == (self.verdict is Verdict.NOT_AVAILABLE):
            msg = "a registration has a transform exactly when its verdict is not 'not available'"
            raise ValueError(msg)

    @classmethod
    def without_answer(
        cls,
        reasons: tuple[str, ...],
        *,
        settings: RecordedSettings,
        centre_mm: Array,
        content: str,
        algorithm: str,
        quality: Quality | None = None,
    ) -> Self:
        """Say that there is no answer, and why; ``quality`` where it was measured."""
        return cls(
            verdict=Verdict.NOT_AVAILABLE,
            reasons=reasons,
            planning_from_daily=None,
            unconstrained=None,
            degrees_of_freedom=settings.degrees_of_freedom,
            centre_mm=centre_mm,
            content=content,
            uncertainty=None,
            quality=quality,
            algorithm=algorithm,
            settings=settings.as_record(),
        )
