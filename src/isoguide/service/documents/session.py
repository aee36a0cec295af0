"""Signing in and out."""

from datetime import datetime

from pydantic import ConfigDict, Field, SecretStr

from isoguide.course import Role
from isoguide.service.documents.base import Document

_MOST_LETTERS = 1024


class SignInRequest(Document):
    """A user name and its password."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "anna", "password": "four quiet words here"}]}
    )

    name: str = Field(max_length=_MOST_LETTERS, description="The user name.")
    password: SecretStr = Field(description="The password.")


class NewPasswordRequest(Document):
    """One's own password: the one that is, and the one that shall be."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"password": "four quiet words here", "new_password": "quite another sentence"}]
        }
    )

    password: SecretStr = Field(description="The password as it is.")
    new_password: SecretStr = Field(description="The password that shall be; 12 characters at least.")


class SessionDocument(Document):
    """Who is signed in, and until when."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "anna",
                    "role": "therapist",
                    "is_administrator": False,
                    "csrf_token": "8rQ0cVvGm4mMZ4J0YQ3m3l3b7pJ9bq0p3d0s1l2k3j4",
                    "expires_at": "2026-03-02T08:15:00Z",
                    "version": "0.1.0",
                    "page_build": "5d0c9f1a2b3c4d5e",
                }
            ]
        }
    )

    name: str = Field(description="The user name.")
    role: Role = Field(description="What he may sign.")
    is_administrator: bool = Field(description="Whether he says who may sign in.")
    csrf_token: str = Field(description="To be sent as X-CSRF-Token with everything that changes something.")
    expires_at: datetime = Field(description="When the session ends if nobody is at the screen, UTC.")
    version: str = Field(description="Version of isoguide.")
    page_build: str = Field(description="Which build of the page is served; empty where there is none.")


class VersionDocument(Document):
    """Which isoguide this is."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"version": "0.1.0", "page_build": "5d0c9f1a2b3c4d5e"}]}
    )

    version: str = Field(description="Version of isoguide.")
    page_build: str = Field(description="Which build of the page is served; empty where there is none.")
