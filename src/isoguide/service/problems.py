"""Every error as a problem document (RFC 9457): one table says which status and kind it has.

``detail`` is the very sentence that the command line prints. A page decides by ``kind``, never by the words.
"""

import logging
import math
import secrets
from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket

from isoguide import errors
from isoguide.records import ConflictError
from isoguide.service import refusals as service
from isoguide.treatment import refusals as treatment
from isoguide.workflow.clinic.accounts import SignInError

MEDIA_TYPE: Final = "application/problem+json"
_LOG: Final = logging.getLogger("isoguide.service")
_CLOSED_FOR_POLICY: Final = 1008
_LONGEST_CLOSING_BYTES: Final = 123


_KINDS: Final[Mapping[type[errors.IsoguideError], tuple[int, str]]] = {
    errors.IsoguideError: (500, "mistake"),
    errors.InputError: (422, "bad input"),
    errors.UnreadableError: (422, "unreadable"),
    errors.GeometryError: (422, "geometry"),
    errors.MismatchError: (422, "mismatch"),
    errors.AmbiguityError: (422, "ambiguous"),
    errors.MissingEvidenceError: (422, "missing evidence"),
    errors.UnknownNameError: (404, "not found"),
    errors.OutputError: (503, "not written"),
    errors.DeviceError: (502, "device"),
    errors.ImageLostError: (502, "image lost"),
    errors.LinkLostError: (502, "link lost"),
    errors.Cancelled: (409, "cancelled"),
    ConflictError: (409, "conflict"),
    treatment.RefusedError: (409, "refused"),
    treatment.OutOfOrderError: (409, "out of order"),
    treatment.StaleImageError: (409, "stale image"),
    treatment.OrderError: (409, "order"),
    treatment.PositionError: (409, "position"),
    treatment.PersonNeededError: (409, "person needed"),
    treatment.NotAllowedError: (409, "not allowed"),
    treatment.ClockError: (409, "clock"),
    SignInError: (403, "wrong password"),
    service.NotSignedInError: (401, "not signed in"),
    service.ForeignRequestError: (403, "foreign request"),
    service.StalePageError: (409, "stale page"),
    service.AdministratorNeededError: (403, "administrator needed"),
    service.TooManyError: (429, "too many"),
    service.NoSuchAddressError: (404, "no such address"),
}
"""Status and kind of each error; one that is not here has those of the nearest family that is."""


_KIND_NAMES: Final[list[JsonValue]] = [*sorted({kind for _, kind in _KINDS.values()})]


class Problem(BaseModel):
    """Why something was not done."""

    model_config = ConfigDict(frozen=True)

    type: str = Field(description="The kind as a name for machines: urn:isoguide:problem:KIND.")
    title: str = Field(description="The kind in a few words; the same for every problem of it.")
    status: int = Field(description="Status of HTTP.")
    detail: str = Field(description="One sentence: what is wrong, with which value, and what to do.")
    kind: str = Field(
        description="What a page decides by.",
        json_schema_extra={"enum": _KIND_NAMES},
    )
    reference: str | None = Field(default=None, description="Number under which a mistake stands in the log.")


_TITLES: Final = {
    "mistake": "A mistake of isoguide",
    "bad input": "The data given cannot be used",
    "conflict": "Somebody else changed it meanwhile",
    "not written": "Nothing could be written",
}


def status_and_kind(error: errors.IsoguideError) -> tuple[int, str]:
    """Return the status of HTTP and the kind that an error has."""
    return next(_KINDS[family] for family in type(error).__mro__ if family in _KINDS)


def problem(status: int, kind: str, detail: str, reference: str | None = None) -> Problem:
    """Return the document."""
    title = _TITLES.get(kind, kind.capitalize())
    name = f"urn:isoguide:problem:{kind.replace(' ', '-')}"
    return Problem(type=name, title=title, status=status, detail=detail, kind=kind, reference=reference)


def as_response(found: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer that a document is."""
    content = found.model_dump(exclude_none=True)
    return JSONResponse(content, found.status, headers, media_type=MEDIA_TYPE)


def response_to(error: errors.IsoguideError) -> Response:
    """Return the answer to an error."""
    status, kind = status_and_kind(error)
    headers = {}
    if isinstance(error, service.TooManyError):
        headers["Retry-After"] = str(math.ceil(error.retry_after_s))
    return as_response(problem(status, kind, _one_line(str(error))), headers)


def response_to_mistake(error: Exception) -> Response:
    """Log what nobody expected under a number, and return the answer that names the number only."""
    reference = secrets.token_hex(4)
    _LOG.error("mistake %s", reference, exc_info=error)
    detail = f"this is a mistake of isoguide: report it with the number {reference} that stands in the log"
    return as_response(problem(500, "mistake", detail, reference))


def add_handlers(app: FastAPI) -> None:
    """Let an app answer every error with a problem document."""
    app.add_exception_handler(errors.IsoguideError, _on_error)  # type: ignore[arg-type]  # serves sockets too
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http)


async def _on_error(connection: HTTPConnection, error: Exception) -> Response | None:
    assert isinstance(error, errors.IsoguideError)  # noqa: S101 - registered for these; tells the type checker
    if isinstance(connection, WebSocket):
        await refuse_socket(connection, error)
        return None
    return response_to(error)


async def refuse_socket(socket: WebSocket, error: errors.IsoguideError) -> None:
    """Close a socket with the sentence of an error, or do not open it."""
    if socket.client_state.name == "CONNECTING" and "websocket.http.response" in socket.scope.get(
        "extensions", {}
    ):
        await socket.send_denial_response(response_to(error))
        return
    reason = str(error).encode()[:_LONGEST_CLOSING_BYTES].decode(errors="ignore")
    await socket.close(_CLOSED_FOR_POLICY, reason)


async def _on_invalid_request(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for these; tells the type checker
    return as_response(problem(422, "bad input", sentence_of(error.errors())))


def sentence_of(findings: Any) -> str:
    """Return the first finding of pydantic as a sentence; it never repeats the value, which may be secret."""
    first = findings[0]
    if first["type"] == "json_invalid":
        return "the body of the request is no JSON: correct it"
    where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path", "header"))
    what = str(first["msg"]).removeprefix("Value error, ")
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    place = f"'{where}' of the request" if where else "the body of the request"
    return _one_line(f"{place} cannot be used ({what[:1].lower()}{what[1:]}){more}: correct it")


async def _on_http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for these; tells the type checker
    sentences = {
        404: ("no such address", "there is nothing at this address: check it"),
        405: ("no such address", "this address does not take this method: look into the document of the API"),
    }
    kind, detail = sentences.get(error.status_code, ("bad input", f"{error.detail}: correct the request"))
    return as_response(problem(error.status_code, kind, _one_line(detail)), error.headers)


def _one_line(sentence: str) -> str:
    return "".join(character if character.isprintable() else " " for character in sentence)


_EXAMPLES: Final = {
    401: ("not signed in", "nobody is signed in, or the session has ended: sign in"),
    403: ("wrong password", "the user name or the password is wrong: try again"),
    404: ("not found", "there is no course 'C0009' here: look at the list of courses"),
    409: ("stale page", "this page is of another version of isoguide: load it again"),
    422: ("bad input", "a fraction is stopped with a reason: say why"),
    429: ("too many", "too many wrong passwords: try again in 8 s"),
    500: (
        "mistake",
        "this is a mistake of isoguide: report it with the number 9f3a61c2 that stands in the log",
    ),
    502: ("link lost", "the couch does not answer: look at its console"),
    503: (
        "not written",
        "the disk of the records is full, so nothing was written: make room, then try again",
    ),
}
EVERY_ROUTE: Final = (401, 403, 409, 422, 429, 500, 503)
"""Statuses that any route behind the sign-in can answer with."""


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what the document of the API says about the problems of a route.

    Parameters
    ----------
    statuses
        Beside those of :data:`EVERY_ROUTE`, which are always declared: 404 and 502.
    """
    return {status: _declared(status) for status in sorted({*EVERY_ROUTE, *statuses})}


def _declared(status: int) -> dict[str, Any]:
    kind, detail = _EXAMPLES[status]
    example = problem(status, kind, detail).model_dump(exclude_none=True)
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}}
    return {"description": kind.capitalize(), "content": content}
