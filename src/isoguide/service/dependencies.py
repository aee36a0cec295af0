"""What routes ask for: the desk, who is signed in, a signature."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from isoguide.course import Person
from isoguide.service.clinic import Clinic
from isoguide.service.event_texts import EventTexts
from isoguide.service.refusals import AdministratorNeededError, NotSignedInError
from isoguide.service.signed_in import SignedIn
from isoguide.service.state import ServiceState
from isoguide.workflow.clinic.desk import Desk

VerifySignature = Callable[[str, str], Person]
"""Takes a user name and a password, and returns who signs; see :func:`verify_signature`."""


async def _state(connection: HTTPConnection) -> ServiceState:
    state: ServiceState = connection.app.state.service
    return state


StateDep = Annotated[ServiceState, Depends(_state)]
"""What all requests share."""


async def _clinic(connection: HTTPConnection) -> Clinic:
    clinic: Clinic = connection.app.state.clinic
    return clinic


ClinicDep = Annotated[Clinic, Depends(_clinic)]
"""What the routes of the clinic share."""


async def _event_texts(connection: HTTPConnection) -> EventTexts:
    texts: EventTexts = connection.app.state.event_texts
    return texts


EventTextsDep = Annotated[EventTexts, Depends(_event_texts)]
"""The messages of the event stream, each made once."""


async def _desk(state: StateDep) -> Desk:
    return state.desk


DeskDep = Annotated[Desk, Depends(_desk)]
"""The one door to fractions and records."""


async def _user(connection: HTTPConnection) -> SignedIn:
    user: SignedIn | None = connection.scope.get("signed_in")
    if user is None:
        msg = "nobody is signed in: sign in"
        raise NotSignedInError(msg)
    return user


UserDep = Annotated[SignedIn, Depends(_user)]
"""Who is signed in; ``user.name`` is what ``by`` is."""


async def _administrator(user: UserDep) -> SignedIn:
    if not user.is_administrator:
        msg = f"{user.person} is no administrator and may not do this: an administrator has to"
        raise AdministratorNeededError(msg)
    return user


AdminDep = Annotated[SignedIn, Depends(_administrator)]
"""Who is signed in, refused unless he is an administrator."""


async def verify_signature(state: StateDep, user: UserDep) -> VerifySignature:
    """Return what compares the password under a signature, as slowly as at sign-in.

    It raises :class:`~isoguide.workflow.clinic.accounts.SignInError` where name and password do not go
    together, and :class:`~isoguide.service.refusals.TooManyError` after too many wrong ones. Who signs may be
    another person than the one who is signed in: a second look has two signatures.
    """

    def verify(name: str, password: str) -> Person:
        return state.sign_in.check(name, password, address=user.address, purpose="sign").person

    return verify


SignatureDep = Annotated[VerifySignature, Depends(verify_signature)]
"""Compares the password under a signature: ``person = verify_signature(name, password)``."""
