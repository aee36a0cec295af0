"""Signing in and out, and one's own password."""

from fastapi import APIRouter, Request, Response, status

import isoguide
from isoguide.service.dependencies import StateDep, UserDep
from isoguide.service.documents.session import (
    NewPasswordRequest,
    SessionDocument,
    SignInRequest,
    VersionDocument,
)
from isoguide.service.security import address_of, cookie_name, is_secure
from isoguide.service.signed_in import SignedIn
from isoguide.service.state import ServiceState

router = APIRouter(tags=["session"])


@router.get("/version", summary="Which isoguide this is")
def read_version(state: StateDep) -> VersionDocument:
    """Answer without a sign-in; a page compares the build with its own."""
    return VersionDocument(version=isoguide.__version__, page_build=state.page.build)


@router.post("/session", summary="Sign in")
def sign_in(body: SignInRequest, request: Request, response: Response, state: StateDep) -> SessionDocument:
    """Begin a session: the answer sets its cookie, and holds the token for everything that changes something.

    A session of the same browser before it ends. After five wrong passwords for a name each further one
    doubles the time until the next is heard.
    """
    address = address_of(request.scope)
    account = state.sign_in.check(
        body.name, body.password.get_secret_value(), address=address, purpose="sign in"
    )
    cookie = cookie_name(state, request.scope)
    earlier = state.sessions.find(request.cookies.get(cookie, ""))
    if earlier is not None:
        state.sessions.end(earlier)
    token, session = state.sessions.begin(account)
    response.set_cookie(
        cookie, token, httponly=True, samesite="strict", path="/", secure=is_secure(state, request.scope)
    )
    return _document(state, SignedIn(account, session, address))


@router.get("/session", summary="Who is signed in")
def read_session(state: StateDep, user: UserDep) -> SessionDocument:
    """Say who is signed in and until when; asking does not count as use."""
    return _document(state, user)


@router.post("/session/extend", summary="Somebody is at the screen")
def extend_session(state: StateDep, user: UserDep) -> SessionDocument:
    """Count as use: for a page that somebody works on without asking the service for anything."""
    return _document(state, user)


@router.delete("/session", summary="Sign out", status_code=status.HTTP_204_NO_CONTENT)
def sign_out(request: Request, response: Response, state: StateDep, user: UserDep) -> None:
    """End the session."""
    state.sessions.end(user.session)
    cookie = cookie_name(state, request.scope)
    secure = is_secure(state, request.scope)
    response.delete_cookie(cookie, httponly=True, samesite="strict", path="/", secure=secure)
    state.desk.records.note("sign out", f"person {user.name}", by=user.name, address=user.address)


@router.post("/session/password", summary="Change one's own password")
def change_password(body: NewPasswordRequest, state: StateDep, user: UserDep) -> SessionDocument:
    """Change one's own password; all other sessions of the person end."""
    password = body.password.get_secret_value()
    state.sign_in.check(user.name, password, address=user.address, purpose="confirm password")
    account = state.accounts.set_password(user.name, body.new_password.get_secret_value(), by=user.name)
    session = state.sessions.renew(user.session, account)
    return _document(state, SignedIn(account, session, user.address))


def _document(state: ServiceState, user: SignedIn) -> SessionDocument:
    return SessionDocument(
        name=user.name,
        role=user.person.role,
        is_administrator=user.is_administrator,
        csrf_token=user.session.csrf_token,
        expires_at=state.sessions.expires_at(user.session),
        version=isoguide.__version__,
        page_build=state.page.build,
    )
