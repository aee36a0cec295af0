"""Goals and verdicts of a dose as lines of text, for terminals, alerts and logs."""

from isoguide.dose.goal_text import goal_words
from isoguide.dose.goals import GoalResult


def goal_line(one: GoalResult) -> str:
    """Say a goal, what was found, and whether it is met: ``PTV D95% >= 57 Gy: 58.1 Gy, met``."""
    goal = one.goal
    if one.value is None:
        return f"{goal_words(goal)}: no value, because {one.reason}"
    unit = "%" if goal.unit.startswith("%") else goal.unit
    found = f"{goal_words(goal)}: {one.value:.1f} {unit}, {'met' if one.is_met else 'not met'}"
    return f"{found} ({one.reason})" if one.reason else found
