"""Who may sign and sign in; for administrators only."""

from fastapi import APIRouter, status

from isoguide.course import Person
from isoguide.errors import UnknownNameError
from isoguide.service.dependencies import AdminDep, StateDep
from isoguide.service.documents.people import (
    EndPersonRequest,
    NewPersonRequest,
    PersonDocument,
    PersonPasswordRequest,
)
from isoguide.service.problems import problem_responses
from isoguide.service.state import ServiceState

router = APIRouter(prefix="/people", tags=["people"])


@router.get("", summary="List the staff")
def list_people(state: StateDep, user: AdminDep) -> list[PersonDocument]:
    """Return everybody who may sign or once could, by name."""
    del user
    return _people(state)


@router.post("", summary="Add somebody to the staff", status_code=status.HTTP_201_CREATED)
def add_person(body: NewPersonRequest, state: StateDep, user: AdminDep) -> PersonDocument:
    """Add somebody with a first password."""
    state.accounts.add(
        Person(body.name, body.role),
        body.password.get_secret_value(),
        by=user.name,
        is_administrator=body.is_administrator,
    )
    return _person(state, body.name)


@router.post("/password", summary="Give somebody a password", responses=problem_responses(404))
def set_person_password(body: PersonPasswordRequest, state: StateDep, user: AdminDep) -> PersonDocument:
    """Give somebody a password, and say whether he is an administrator; his sessions end."""
    password = body.password.get_secret_value()
    state.accounts.set_password(body.name, password, by=user.name, is_administrator=body.is_administrator)
    return _person(state, body.name)


@router.post("/end", summary="End somebody's right to sign", responses=problem_responses(404))
def end_person(body: EndPersonRequest, state: StateDep, user: AdminDep) -> PersonDocument:
    """Say that somebody may neither sign nor sign in any more; what he signed stays, and his sessions end."""
    state.accounts.end(body.name, by=user.name, reason=body.reason)
    return _person(state, body.name)


def _people(state: ServiceState) -> list[PersonDocument]:
    kept = {one.name: one for one in state.desk.records.passwords()}
    return [
        PersonDocument(
            name=one.person.name,
            role=one.person.role,
            is_active=one.is_active,
            added_at=one.added_at,
            has_password=one.person.name in kept,
            is_administrator=one.person.name in kept and kept[one.person.name].is_administrator,
        )
        for one in state.desk.records.people()
    ]


def _person(state: ServiceState, name: str) -> PersonDocument:
    for one in _people(state):
        if one.name == name:
            return one
    msg = f"nobody here has the user name '{name}': look at the list of the staff"
    raise UnknownNameError(msg)
