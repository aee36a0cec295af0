"""Who works on a course, and with which right."""

from dataclasses import dataclass
from enum import StrEnum

from isoguide.errors import InputError


class Role(StrEnum):
    """The three professions that decide about a fraction."""

    THERAPIST = "therapist"
    PHYSICIST = "physicist"
    ONCOLOGIST = "oncologist"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signs: the user name is unique in a department and never given to somebody else.

    Raises
    ------
    InputError
        If the name is empty or has white space at its ends.
    """

    name: str
    role: Role

    def __post_init__(self) -> None:
        if not self.name or self.name != self.name.strip():
            msg = f"'{self.name}' is not a user name: give one without spaces at its ends"
            raise InputError(msg)

    def __str__(self) -> str:
        return f"{self.name} ({self.role})"
