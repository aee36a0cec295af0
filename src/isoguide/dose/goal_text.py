"""Goals as people write them: ``PTV D95% >= 57 Gy``."""

import re
from typing import Final, cast

from isoguide.dose.goals import DoseGoal, GoalMeasure, GoalUnit
from isoguide.errors import UnreadableError

EXAMPLES: Final = "PTV D95% >= 57 Gy, Rectum V60Gy <= 35 %, SpinalCord D0.1ml <= 45 Gy or Lungs mean <= 20 Gy"

_NUMBER: Final = r"\d+(?:\.\d+)?|\.\d+"
_GOAL: Final = re.compile(
    rf"(?P<structure>\S.*?)\s+(?P<measure>[DdVv]\s?(?P<at>{_NUMBER})\s?(?P<of>%|ml|cc|Gy)|mean|max|min)"
    rf"\s*(?P<sign><=|>=|≤|≥)\s*(?P<limit>{_NUMBER})\s*(?P<unit>%|ml|cc|Gy)",
    re.IGNORECASE,
)
_UNITS: Final = {"%": "%", "ml": "ml", "cc": "ml", "gy": "Gy"}


def parse_goal(text: str) -> DoseGoal:
    """Read a goal.

    The structure comes first and may hold spaces, in quotes or without. ``cc`` is ``ml``. Percent mean the
    structure's volume after D and for a V, the prescription after a V and for a dose.

    Raises
    ------
    UnreadableError
        If it does not say one measure and one limit in units that fit each other, or a share of a volume is
        more than 100 %.
    """
    found = _GOAL.fullmatch(text.strip())
    if found is None:
        msg = f"'{text.strip()}' is not a goal; write it like {EXAMPLES}"
        raise UnreadableError(msg)
    measure, at = _measure(found, text.strip())
    unit = _unit(measure, _UNITS[found["unit"].lower()], text.strip())
    limit = float(found["limit"])
    _require_possible(measure, at, limit, unit, text.strip())
    return DoseGoal(
        structure=found["structure"].strip("\"'"),
        measure=measure,
        at=at,
        is_upper=found["sign"] in ("<=", "≤"),
        limit=limit,
        unit=unit,
    )


def goal_words(goal: DoseGoal) -> str:
    """Write a goal so that :func:`parse_goal` reads the same."""
    sign = "<=" if goal.is_upper else ">="
    unit = "%" if goal.unit == "% of prescription" else goal.unit
    return f"{goal.structure} {measure_words(goal)} {sign} {goal.limit:g} {unit}"


def measure_words(goal: DoseGoal) -> str:
    """Write what a goal measures: ``D95%``, ``D0.1ml``, ``V60Gy``, ``V95%``, ``mean``."""
    if goal.at is None:
        return goal.measure
    letter, of = goal.measure.split()[:2]
    return f"{letter}{goal.at:g}{'%' if of == 'percent' else of}"


def _measure(found: re.Match[str], text: str) -> tuple[GoalMeasure, float | None]:
    """Return what is measured, and at how much."""
    if found["at"] is None:
        return cast("GoalMeasure", found["measure"].lower()), None
    letter, of = found["measure"][0].upper(), _UNITS[found["of"].lower()]
    if (letter, of) in (("D", "Gy"), ("V", "ml")):
        msg = f"'{text}' measures {letter} at {found['at']} {of}; D is at % or ml, V at Gy or %"
        raise UnreadableError(msg)
    of = "percent" if of == "%" else of
    if letter == "V":
        of = f"{of} {'percent' if found['unit'] == '%' else 'ml'}"
    return cast("GoalMeasure", f"{letter} {of}"), float(found["at"])


def _unit(measure: GoalMeasure, unit: str, text: str) -> GoalUnit:
    is_volume = measure.startswith("V")
    if unit == ("Gy" if is_volume else "ml"):
        msg = f"'{text}' limits a {'volume' if is_volume else 'dose'} in {unit}; write it like {EXAMPLES}"
        raise UnreadableError(msg)
    return cast("GoalUnit", "% of prescription" if unit == "%" and not is_volume else unit)


def _require_possible(
    measure: GoalMeasure, at: float | None, limit: float, unit: GoalUnit, text: str
) -> None:
    shares = [limit] if unit == "%" else []
    shares += [at or 0.0] if measure == "D percent" else []
    if shares and max(shares) > 100.0:
        msg = f"'{text}' speaks of {max(shares):g} % of a volume; give 100 % or less"
        raise UnreadableError(msg)
    if at == 0.0:
        msg = f"'{text}' measures at 0; give a dose or a volume above 0"
        raise UnreadableError(msg)
