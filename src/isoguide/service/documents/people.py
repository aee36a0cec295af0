"""Who may sign and sign in."""

from datetime import datetime

from pydantic import ConfigDict, Field, SecretStr

from isoguide.course import Role
from isoguide.service.documents.base import Document


class PersonDocument(Document):
    """Somebody of the staff."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "anna",
                    "role": "therapist",
                    "is_active": True,
                    "added_at": "2026-03-02T08:00:00Z",
                    "has_password": True,
                    "is_administrator": False,
                }
            ]
        }
    )

    name: str = Field(description="The user name; it never passes to somebody else.")
    role: Role = Field(description="What he may sign.")
    is_active: bool = Field(description="Whether he may still sign.")
    added_at: datetime = Field(description="Since when he is on the staff, UTC.")
    has_password: bool = Field(description="Whether he can sign in.")
    is_administrator: bool = Field(description="Whether he says who may sign in.")


class NewPersonRequest(Document):
    """Somebody to be added to the staff, with a first password."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "ben", "role": "therapist", "password": "k7f3m-08qzt-wd5ne-r2x9c"}]
        }
    )

    name: str = Field(min_length=1, max_length=200, description="The user name.")
    role: Role = Field(description="What he may sign.")
    password: SecretStr = Field(description="His first password; 12 characters at least.")
    is_administrator: bool = Field(default=False, description="Whether he says who may sign in.")


class PersonPasswordRequest(Document):
    """A password that an administrator gives to somebody; whoever is signed in with the old one is out."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "ben", "password": "k7f3m-08qzt-wd5ne-r2x9c"}]}
    )

    name: str = Field(description="Whose.")
    password: SecretStr = Field(description="Which; 12 characters at least.")
    is_administrator: bool | None = Field(
        default=None, description="Whether he says who may sign in; as it is if not given."
    )


class EndPersonRequest(Document):
    """Somebody who may not sign any more."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "ben", "reason": "left the department"}]}
    )

    name: str = Field(description="Whose right to sign ends.")
    reason: str = Field(min_length=1, description="Why.")
