"""The quality figures of a displacement field (AAPM TG-132), each beside its limit."""

from collections.abc import Iterator
from dataclasses import dataclass

from isoguide.course import FieldFigures
from isoguide.registration.deformable.quality import QualityLimits


@dataclass(frozen=True, slots=True)
class FigureLine:
    """One figure.

    Parameters
    ----------
    name, unit
        In words; the unit is empty where it has none.
    value, decimals
        And how it is written; None where it was not measured.
    limit, is_kept
        The limit in words, and whether the value keeps it; empty and None where there is none to compare.
    """

    name: str
    value: float | None
    unit: str
    decimals: int
    limit: str = ""
    is_kept: bool | None = None


def figure_lines(figures: FieldFigures | None, limits: QualityLimits) -> tuple[FigureLine, ...]:
    """Return the figures of a field in the order in which they are read; none where there is no field."""
    return () if figures is None else tuple(_lines(figures, limits))


def _lines(figures: FieldFigures, limits: QualityLimits) -> Iterator[FigureLine]:
    least, folded = figures.jacobian_least, 100.0 * figures.folded_fraction
    above = f"above {limits.jacobian_least:g}"
    yield FigureLine("smallest volume ratio (Jacobian)", least, "", 2, above, least > limits.jacobian_least)
    yield FigureLine("largest volume ratio (Jacobian)", figures.jacobian_largest, "", 2)
    yield FigureLine("tissue that folds", folded, "%", 2, "none", folded == 0.0)
    there_and_back, bones = "matched there and back", "length of bones changes"
    yield _at_most(f"{there_and_back}, mean", figures.inconsistency_mean_mm, limits.inconsistency_mean_mm)
    yield _at_most(f"{there_and_back}, 95 %", figures.inconsistency_p95_mm, limits.inconsistency_p95_mm)
    strain = figures.bone_strain_p95
    yield _at_most(
        f"{bones}, 95 %", None if strain is None else 100.0 * strain, 100.0 * limits.bone_strain_p95, "%"
    )
    yield FigureLine("longest displacement", figures.longest_mm, "mm", 1)
    yield FigureLine("likeness after the rigid match", figures.similarity_before, "", 2)
    yield _likeness_after(figures, limits)
    if figures.landmarks:
        name = f"error at {figures.landmarks} landmarks"
        yield _at_most(f"{name}, mean", figures.landmark_mean_mm, limits.landmark_mean_mm)
        yield _at_most(f"{name}, largest", figures.landmark_largest_mm, limits.landmark_largest_mm)


def _likeness_after(figures: FieldFigures, limits: QualityLimits) -> FigureLine:
    least = figures.similarity_before - limits.similarity_loss
    after = figures.similarity_after
    return FigureLine("likeness after the deformation", after, "", 2, f"at least {least:.2f}", after >= least)


def _at_most(name: str, value: float | None, limit: float, unit: str = "mm") -> FigureLine:
    words = f"at most {limit:g} {unit}"
    return FigureLine(name, value, unit, 1, words, None if value is None else value <= limit)
