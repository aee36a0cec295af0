"""Doses of days, written down as what became of a target and an organ."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from isoguide.course import DoseInstructions, DoseRecord, GoalOfDay, StructureDose
from isoguide.dose.goal_text import parse_goal

GOAL = "PTV D95% >= 57 Gy"
ASKED = DoseInstructions((parse_goal(GOAL),), target_d95_percent=5.0, organ_mean_gy=0.3, days=3)
UNDECIDED = {"verdict": "not for decision", "reasons": ("tissue folds in 0.4 % of the body",)}
NO_DOSE = {
    "verdict": "not available",
    "reasons": ("the target is cut off",),
    "structures": (),
    "goals": (),
    "fractions_so_far": 0,
}
FRACTIONS = 20


def dosed(loss_percent: float = 0.0, rise_gy: float = 0.0, *, fraction: int = 1, **changes) -> DoseRecord:
    """A day on which a target planned with 2.9 Gy gets so much less of 3 Gy, and an organ so much more."""
    d95_gy = 2.9 - 0.03 * loss_percent
    target = StructureDose(
        "PTV", True, 60.0, 3.0, 2.9, 3.1, d95_gy + 0.1, d95_gy, 3.1,
        (d95_gy + 0.1) * fraction, d95_gy * fraction, 3.1 * fraction, 0.01 * fraction,
    )  # fmt: skip
    organ = StructureDose(
        "Rectum", False, 70.0, 1.0, 0.1, 2.8, 1.0 + rise_gy, 0.1, 2.8, fraction * (1.0 + rise_gy),
        0.1 * fraction, 2.8 * fraction, 0.02,
    )  # fmt: skip
    value = d95_gy * FRACTIONS
    made = DoseRecord(
        f"1.2.{fraction}", datetime(2026, 3, 2, 12, tzinfo=UTC) + timedelta(days=fraction),
        "for decision", (), ("the generic curve gives densities",), "pencil beam", "generic 6 MV", "b" * 64,
        "1.0", fraction, (organ, target), (GoalOfDay(GOAL, value, 57.0, "Gy", value >= 57.0, True),), (), 3.0,
    )  # fmt: skip
    return replace(made, **changes)


def losses(*percents: float | dict | None, rise_gy: float = 0.0) -> list[tuple[int, DoseRecord]]:
    """Fractions from 1 on; None for a day without a dose, a mapping for one that counts for nothing."""
    days = []
    for fraction, said in enumerate(percents, start=1):
        if isinstance(said, dict):
            days.append((fraction, dosed(50.0, 5.0, fraction=fraction, **said)))
        elif said is not None:
            days.append((fraction, dosed(said, rise_gy, fraction=fraction)))
    return days
