"""Two users on one fraction: a step is made on what its user saw, or not at all."""

from dataclasses import dataclass
from typing import Self

from isoguide.records import ConflictError, StoredCourse, StoredFraction


@dataclass(frozen=True, slots=True)
class Seen:
    """What a user looked at when deciding: which fraction, at which version.

    The number belongs to it: a page that was left open shows a fraction that may be over, and the next one
    comes to the same versions.
    """

    number: int
    version: int

    @classmethod
    def of(cls, stored: StoredFraction) -> Self:
        """Return what somebody saw who saw this."""
        return cls(stored.line.key.number, stored.version)


SeenVersion = Seen | int | None
"""What a user saw; a version alone where the fraction is known to be the newest one, None for no guard."""


def require_seen(stored: StoredFraction, seen: SeenVersion) -> None:
    """Refuse a step that rests on an earlier version of a fraction, or on another fraction.

    Raises
    ------
    ConflictError
        The message says who changed it, and how.
    """
    if seen is None or seen in (stored.version, Seen.of(stored)):
        return
    key = stored.line.key
    if isinstance(seen, Seen) and seen.number != key.number:
        msg = (
            f"fraction {seen.number} of course {key.course_id} was looked at, and the newest one is fraction "
            f"{key.number}: look at it again, nothing was done"
        )
        raise ConflictError(msg)
    raise changed_meanwhile(stored)


def require_newest_seen(course: StoredCourse, seen: SeenVersion) -> None:
    """Refuse to begin a fraction of a course whose newest one is not as the user saw it.

    ``seen`` is the newest fraction, 0 where there was none.

    Raises
    ------
    ConflictError
        If it is not.
    """
    newest = Seen(course.fractions[-1].key.number, course.fractions[-1].version) if course.fractions else None
    if seen is None or seen in (newest or Seen(0, 0), newest.version if newest else 0):
        return
    what = f"fraction {newest.number} is the newest one" if newest else "there is no fraction any more"
    msg = f"course {course.line.course_id} was changed meanwhile ({what}): look at it again, nothing was done"
    raise ConflictError(msg)


def changed_meanwhile(stored: StoredFraction) -> ConflictError:
    """Return the error that says who changed a fraction last, and how."""
    by, what = _last_change(stored)
    return ConflictError(
        f"{stored.line.key} was changed by {by} meanwhile ({what}): look at it again, nothing was done"
    )


def begun_meanwhile(stored: StoredFraction) -> ConflictError:
    """Return the error that says that somebody else began this fraction."""
    return ConflictError(
        f"{stored.line.key} was begun by somebody else meanwhile: look at it again, nothing was done"
    )


def _last_change(stored: StoredFraction) -> tuple[str, str]:
    """Return who made the newest version, and what it is now."""
    if stored.steps and stored.steps[-1].seq == stored.version:
        return stored.steps[-1].by, str(stored.steps[-1].entry.state_after)
    if stored.decisions:
        return stored.decisions[-1].by, stored.decisions[-1].action
    return "somebody", str(stored.line.state)
