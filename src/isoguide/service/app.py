"""The app: every router behind one layer of security, and the page beside them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI, Security
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from fastapi.security import APIKeyCookie, APIKeyHeader
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

import isoguide
from isoguide.service import security
from isoguide.service.clinic import Clinic
from isoguide.service.documents.department import (
    FractionChanged,
    Heartbeat,
    Hello,
    JobChanged,
    Ping,
    SecondLookAsked,
)
from isoguide.service.documents.room import RoomStateDocument
from isoguide.service.event_texts import EventTexts
from isoguide.service.problems import Problem, add_handlers, problem_responses
from isoguide.service.refusals import NoSuchAddressError
from isoguide.service.routes import ROUTERS
from isoguide.service.routes import events as stream
from isoguide.service.settings import ServiceSettings
from isoguide.service.state import ServiceState
from isoguide.workflow.clinic.desk import Desk
from isoguide.workflow.clinic.room_drive import RoomDrive
from isoguide.workflow.clinic.room_events import RoomEvents

_DESCRIPTION: Final = (
    "The steps of a fraction and the records behind them, as the command line has them. Not a medical "
    "device. Lengths are millimetres, angles degrees, patient coordinates DICOM LPS, couch values IEC 61217. "
    "Everything that changes something takes the header X-CSRF-Token of the session, and X-Isoguide-Page "
    "with the build of the page. What cannot be done is a problem document (RFC 9457): decide by its kind."
)
_TAGS: Final = (
    {"name": "session", "description": "Signing in and out."},
    {"name": "pictures", "description": "Volumes, radiographs and what is drawn over them, as numbers."},
    {"name": "anatomy", "description": "How target and organs moved and changed since the plan."},
    {"name": "dose", "description": "What the day delivers, and what corrections of the beams would do."},
    {"name": "people", "description": "Who may sign in; for administrators."},
    {"name": "worklist", "description": "Who is treated, and what can be done now."},
    {"name": "courses", "description": "Courses of treatment."},
    {"name": "fractions", "description": "The steps of a fraction; each rests on the version its user saw."},
    {"name": "room", "description": "Rooms that answer by themselves."},
    {"name": "uploads", "description": "Folders of files, and the inbox."},
    {"name": "jobs", "description": "Long work."},
    {"name": "review", "description": "What courses say."},
    {"name": "protocols", "description": "Written protocols in use."},
    {"name": "audit", "description": "What was written, by whom; the proof that nothing was changed."},
)
_COOKIE: Final = APIKeyCookie(
    name="isoguide-session",
    auto_error=False,
    description="Set by POST /api/session; over TLS it is called __Host-isoguide-session.",
)
_TOKEN: Final = APIKeyHeader(
    name=security.CSRF_HEADER,
    auto_error=False,
    description="The csrf_token of the session, with every method that changes something.",
)


def create_app(
    desk: Desk,
    settings: ServiceSettings | None = None,
    *,
    events: RoomEvents | None = None,
    drives: Sequence[RoomDrive] = (),
) -> FastAPI:
    """Return the service of an open desk.

    Parameters
    ----------
    desk
        The records of a department, which stay open as long as the app serves.
    settings
        How it is set up; those of this computer alone when None.
    events, drives
        The connected rooms, and the hub that they tell; none when not given.

    Raises
    ------
    UnreadableError
        If the built page is damaged.
    """
    app = app_without_records()
    state = ServiceState.of(desk, settings or ServiceSettings())
    app.state.service = state
    app.state.clinic = Clinic.of(desk, state.settings, events or RoomEvents(), drives)
    app.state.event_texts = EventTexts(app.state.clinic)
    app.state.gallery = app.state.clinic.gallery

    @app.get("/{path:path}", include_in_schema=False)
    def read_page(path: str) -> Response:
        """Return a file of the page."""
        if f"/{path}/".startswith(security.API):
            msg = "there is nothing at this address: look into the document of the API"
            raise NoSuchAddressError(msg)
        return state.page.answer(path)

    app.add_middleware(security.Security, state=state)
    return app


def app_without_records() -> FastAPI:
    """Return the routes alone: enough for the document of the API."""
    app = FastAPI(
        title="isoguide",
        version=isoguide.__version__,
        description=_DESCRIPTION,
        openapi_tags=[dict(tag) for tag in _TAGS],
        openapi_url="/api/openapi.json",
        docs_url=None,  # the pages of FastAPI load their script from elsewhere
        redoc_url=None,
        generate_unique_id_function=_operation_name,
        lifespan=_serving,
    )
    for router in ROUTERS:
        app.include_router(
            router,
            prefix="/api",
            responses=problem_responses(),
            dependencies=[Security(_COOKIE), Security(_TOKEN)],
        )
    app.include_router(stream.router, prefix="/api")
    app.webhooks.post("events", summary="Messages of the event stream", responses=problem_responses())(
        _messages
    )
    add_handlers(app)
    app.openapi = lambda: _document_of(app)  # type: ignore[method-assign]  # as FastAPI documents it
    return app


@asynccontextmanager
async def _serving(app: FastAPI) -> AsyncIterator[None]:
    """Leave nothing running and no file of a patient behind when the service ends."""
    clinic: Clinic | None = getattr(app.state, "clinic", None)
    if clinic is None:  # the routes alone, for the document of the API
        yield
        return
    clinic.start()
    try:
        yield
    finally:
        await run_in_threadpool(clinic.close)
        await run_in_threadpool(app.state.gallery.close)


def _messages(
    body: Hello | Ping | RoomStateDocument | FractionChanged | JobChanged | SecondLookAsked | Heartbeat,
) -> None:
    """Declare what is sent over the WebSocket at /api/events: all but the heartbeat come from the service."""


def _operation_name(route: APIRoute) -> str:
    return route.name


def _document_of(app: FastAPI) -> dict[str, Any]:
    """Return the document of the API, with the problem that routes refer to."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            tags=app.openapi_tags,
            routes=app.routes,
            webhooks=app.webhooks.routes,
        )
        document["components"]["schemas"]["Problem"] = Problem.model_json_schema()
        app.openapi_schema = document
    return app.openapi_schema
