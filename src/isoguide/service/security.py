"""What stands before every route: where a request comes from, who is signed in, what a browser may do.

It is one layer around the whole app, so that a route which forgets to ask is behind the sign-in all the same,
and the body of a request is read only when somebody may send it.
"""

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from isoguide.errors import InputError, IsoguideError
from isoguide.service.problems import refuse_socket, response_to, response_to_mistake
from isoguide.service.refusals import ForeignRequestError, NotSignedInError, StalePageError
from isoguide.service.sessions import Session
from isoguide.service.signed_in import SignedIn
from isoguide.service.state import ServiceState

API: Final = "/api/"
CSRF_HEADER: Final = "X-CSRF-Token"
PAGE_HEADER: Final = "X-Isoguide-Page"
BACKGROUND_HEADER: Final = "X-Isoguide-Background"
"""A page sends it with what nobody at the screen asked for, such as a poll: it keeps no session alive."""
SESSION_PATH: Final = "/api/session"
OPEN: Final = frozenset({("POST", SESSION_PATH), ("GET", "/api/version"), ("GET", "/api/openapi.json")})
"""What is answered before anybody is signed in."""
LARGEST_OPEN_BODY: Final = 16_384
"""Bytes that are read of somebody whom nobody knows yet: a name and a password."""
_READERS: Final = 4
_MISTAKE: Final = 1011
"""Code with which a socket is closed after a mistake (RFC 6455)."""
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_SOURCES: Final = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
_HEADERS: Final = {
    "Content-Security-Policy": f"{_SOURCES}form-action 'self'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), usb=(), serial=()",
}
"""A browser runs nothing foreign, shows the page in no frame, and lets it share memory with its workers."""


def cookie_name(state: ServiceState, scope: Scope) -> str:
    """Return the name of the cookie; over TLS one that no other host can set."""
    return "__Host-isoguide-session" if is_secure(state, scope) else "isoguide-session"


def is_secure(state: ServiceState, scope: Scope) -> bool:
    """Whether the cookie is for TLS only."""
    return state.settings.secure_cookie or scope["scheme"] in ("https", "wss")


class Security:
    """The layer; it lets through what may go on, with who is signed in under ``scope["signed_in"]``.

    Parameters
    ----------
    app
        What is behind it.
    state
        What all requests share.
    """

    def __init__(self, app: ASGIApp, state: ServiceState) -> None:
        self._app, self._state = app, state
        # Its own threads: where long work holds all those of the routes, a stop is still let through.
        self._readers = ThreadPoolExecutor(_READERS, "isoguide-sign-in")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        guarded = _Guarded(scope, send)
        try:
            await self._let_through(scope)
            await self._app(scope, receive, guarded)
        except IsoguideError as error:
            await _refuse(error, scope, receive, guarded)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody gets to see its traceback
            await _say_mistake(error, scope, receive, guarded)

    async def _let_through(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        self._require_known_host(headers)
        is_unsafe = scope.get("method", "GET") not in _SAFE_METHODS
        if is_unsafe or scope["type"] == "websocket":
            _require_same_origin(scope, headers)
        if not scope["path"].startswith(API):
            return
        if is_unsafe:
            self._require_current_page(headers)
        if (scope.get("method"), scope["path"]) in OPEN:
            _require_small_body(headers)
        else:
            scope["signed_in"] = await self._signed_in(scope, headers, is_unsafe=is_unsafe)

    def _require_known_host(self, headers: Headers) -> None:
        host = _host_name(headers.get("host", ""))
        if host not in self._state.settings.host_names:
            msg = f"this service is not known as '{host}': use the address that isoguide serve printed"
            raise ForeignRequestError(msg)

    def _require_current_page(self, headers: Headers) -> None:
        build = self._state.page.build
        if build and headers.get(PAGE_HEADER) != build:
            msg = "this page is of another version of isoguide: load it again"
            raise StalePageError(msg)

    async def _signed_in(self, scope: Scope, headers: Headers, *, is_unsafe: bool) -> SignedIn:
        session = self._session(scope)
        if session is None:
            raise _nobody()
        if is_unsafe and not _is_same(headers.get(CSRF_HEADER, ""), session.csrf_token):
            msg = f"the request has not the {CSRF_HEADER} of this session: load the page again"
            raise ForeignRequestError(msg)
        self._state.sessions.take(session)
        loop = asyncio.get_running_loop()
        account = await loop.run_in_executor(self._readers, self._state.standing, session)
        if account is None:
            raise _nobody()
        if _is_by_a_person(scope, headers):
            session = self._state.sessions.use(session)
        return SignedIn(account, session, address_of(scope))

    def _session(self, scope: Scope) -> Session | None:
        token = HTTPConnection(scope).cookies.get(cookie_name(self._state, scope))
        return self._state.sessions.find(token) if token else None


class _Guarded:
    """Sends an answer with the headers that every answer has."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send
        self.has_begun = self.has_ended = False

    async def __call__(self, message: Message) -> None:
        self.has_begun |= message["type"] == "websocket.accept"
        self.has_ended |= message["type"] == "websocket.close"
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            self.has_begun = True
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            if self._scope["path"].startswith(API):
                headers.setdefault("Cache-Control", "no-store")
        await self._send(message)


async def _say_mistake(error: Exception, scope: Scope, receive: Receive, guarded: "_Guarded") -> None:
    answer = response_to_mistake(error)
    if scope["type"] == "http":
        if not guarded.has_begun:
            await answer(scope, receive, guarded)
    elif not guarded.has_ended:
        await guarded({"type": "websocket.close", "code": _MISTAKE, "reason": "a mistake of isoguide"})


async def _refuse(error: IsoguideError, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        socket = WebSocket(scope, receive, send)
        await receive()  # the wish to connect, which has to be heard before it is answered
        await refuse_socket(socket, error)
        return
    await response_to(error)(scope, receive, send)


def _is_by_a_person(scope: Scope, headers: Headers) -> bool:
    if scope["type"] == "websocket" or BACKGROUND_HEADER in headers:
        return False
    return (scope["method"], scope["path"]) != ("GET", SESSION_PATH)


def _require_same_origin(scope: Scope, headers: Headers) -> None:
    """Refuse what a browser sends for a page of somebody else; other programs say nothing of a page."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
    own = f"{scheme}://{headers.get('host', '')}"
    if (site is not None and site != "same-origin") or (origin is not None and origin != own):
        msg = f"the request comes from another page ({origin or site}): use the page of this service"
        raise ForeignRequestError(msg)


def _require_small_body(headers: Headers) -> None:
    length = headers.get("content-length", "0")
    is_number = length.isdecimal() and len(length) <= len(str(LARGEST_OPEN_BODY))
    if "transfer-encoding" in headers or not is_number or int(length) > LARGEST_OPEN_BODY:
        msg = f"nobody is signed in, so no more than {LARGEST_OPEN_BODY} bytes are taken: sign in first"
        raise InputError(msg)


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _nobody() -> NotSignedInError:
    return NotSignedInError("nobody is signed in, or the session has ended: sign in")


def _is_same(given: str, wanted: str) -> bool:
    return secrets.compare_digest(given.encode(), wanted.encode())


def address_of(scope: Scope) -> str:
    """Return the address of the computer that a request comes from."""
    client = scope.get("client")
    return client[0] if client else "unknown"
