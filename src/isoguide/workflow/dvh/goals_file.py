"""Goals in a text file: one a line, ``#`` begins a remark."""

from pathlib import Path

from isoguide.dose.goal_text import parse_goal
from isoguide.dose.goals import DoseGoal
from isoguide.errors import MissingEvidenceError, UnreadableError


def read_goals(path: Path) -> tuple[DoseGoal, ...]:
    """Read the goals of a file.

    Raises
    ------
    UnreadableError
        If the file cannot be read or a line is no goal; the message names the line.
    MissingEvidenceError
        If there is no goal in it.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path} cannot be read as text ({error}); give a text file with one goal a line"
        raise UnreadableError(msg) from error
    goals = []
    for number, line in enumerate(text.splitlines(), start=1):
        said = line.partition("#")[0].strip()
        if said:
            try:
                goals.append(parse_goal(said))
            except UnreadableError as error:
                msg = f"{path}, line {number}: {error}"
                raise UnreadableError(msg) from error
    if not goals:
        msg = f"{path} holds no goal; write one a line"
        raise MissingEvidenceError(msg)
    return tuple(goals)
