"""The quality figures of a displacement field (AAPM TG-132), each beside its limit."""

from collections.abc import Iterator
from dataclasses import dataclass

from isoguide.course import AssessmentInstructions, FieldFigures


@dataclass(frozen=True, slots=True)
class FigureLimits:
    """What a field has to keep; the defaults are TG-132's, for courses whose protocol says nothing.

    Parameters
    ----------
    inconsistency_mm
        Largest mean distance by which tissue that is matched there and back misses itself.
    landmark_mean_mm, landmark_largest_mm
        Errors at landmarks.
    """

    inconsistency_mm: float = 3.0
    landmark_mean_mm: float = 2.0
    landmark_largest_mm: float = 5.0

    @classmethod
    def of(cls, instructions: AssessmentInstructions | None) -> "FigureLimits":
        """Return those of a protocol."""
        if instructions is None:
            return cls()
        return cls(
            instructions.inconsistency_mm,
            instructions.landmark_mean_mm,
            instructions.landmark_largest_mm,
        )


@dataclass(frozen=True, slots=True)
class FigureLine:
    """One figure.

    Parameters
    ----------
    name, unit
        In words; the unit is empty where it has none.
    value, decimals
        And how it is written.
    limit, is_kept
        The limit in words, and whether the value keeps it; empty and None where there is none.
    """

    name: str
    value: float
    unit: str
    decimals: int
    limit: str = ""
    is_kept: bool | None = None


def figure_lines(figures: FieldFigures | None, limits: FigureLimits) -> tuple[FigureLine, ...]:
    """Return the figures of a field in the order in which they are read; none where there is no field."""
    return () if figures is None else tuple(_lines(figures, limits))


def _lines(figures: FieldFigures, limits: FigureLimits) -> Iterator[FigureLine]:
    least, folded = figures.jacobian_least, figures.folded_fraction
    yield FigureLine("smallest change of volume (Jacobian)", least, "", 2, "above 0", least > 0.0)
    yield FigureLine("largest change of volume (Jacobian)", figures.jacobian_largest, "", 2)
    yield FigureLine("tissue that folds", 100.0 * folded, "%", 2, "none", folded == 0.0)
    yield _at_most("matched there and back, mean", figures.inconsistency_mean_mm, limits.inconsistency_mm)
    yield FigureLine("matched there and back, 95 %", figures.inconsistency_p95_mm, "mm", 1)
    yield FigureLine("bones are bent, 95 %", figures.bone_strain_p95, "mm per mm", 3)
    yield FigureLine("longest displacement", figures.longest_mm, "mm", 1)
    yield FigureLine("likeness after the rigid match", figures.similarity_before, "", 2)
    yield FigureLine("likeness after the deformation", figures.similarity_after, "", 2)
    if figures.landmark_mean_mm is not None:
        name = f"error at {figures.landmarks} landmarks, mean"
        yield _at_most(name, figures.landmark_mean_mm, limits.landmark_mean_mm)
    if figures.landmark_largest_mm is not None:
        yield _at_most("error at landmarks, largest", figures.landmark_largest_mm, limits.landmark_largest_mm)


def _at_most(name: str, value_mm: float, limit_mm: float) -> FigureLine:
    return FigureLine(name, value_mm, "mm", 1, f"at most {limit_mm:g} mm", value_mm <= limit_mm)
