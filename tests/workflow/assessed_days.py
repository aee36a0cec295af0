"""Assessments of the anatomy, written down as what became of a tumour and a gland."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from isoguide.course import AssessmentRecord, FieldFigures, StructureOfDay

FIGURES = FieldFigures(0.6, 1.6, 0.0, 0.4, 1.1, 0.02, 7.7, 0.71, 0.93)
FIELD_FAILS = {"verdict": "not for decision", "reasons": ("tissue folds in 0.4 % of the body",)}
NO_FIELD = {"verdict": "not available", "reasons": ("another body region",), "figures": None}


def structure(percent: float, name: str = "GTV", *, is_target: bool = True, **changes) -> StructureOfDay:
    """A ball of 20 ml that has changed its volume so much, and nothing else."""
    made = StructureOfDay(
        name, is_target, 20.0, 20.0 * (1.0 + percent / 100.0), 0.3,
        np.zeros(3), np.full(3, 34.0), np.full(3, 33.0), -0.5, 1.5, 2.0, 1.0,
    )  # fmt: skip
    return replace(made, **changes)


def assessed(*structures: StructureOfDay, fraction: int = 1, **changes) -> AssessmentRecord:
    """A day that is for decision."""
    made = AssessmentRecord(
        f"1.2.{fraction}", datetime(2026, 3, 2, 12, tzinfo=UTC) + timedelta(days=fraction),
        "for decision", (), (), FIGURES, structures, (), "isoguide", "1.0", "a" * 64,
    )  # fmt: skip
    return replace(made, **changes)


def volumes(*percents: float | dict | None) -> list[tuple[int, AssessmentRecord]]:
    """Fractions from 1 on of one tumour; None for a day that was not assessed, else what it was."""
    days = []
    for fraction, said in enumerate(percents, start=1):
        if isinstance(said, dict):
            found = () if said is NO_FIELD else (structure(-60.0),)
            days.append((fraction, assessed(*found, fraction=fraction, **said)))
        elif said is not None:
            days.append((fraction, assessed(structure(said), fraction=fraction)))
    return days
