"""What happens, as it happens."""

from fastapi import APIRouter
from starlette.websockets import WebSocket

from isoguide.service.dependencies import ClinicDep, EventTextsDep, StateDep, UserDep
from isoguide.service.event_stream import EventStream, StreamOf

router = APIRouter()


@router.websocket("/events")
async def stream_events(
    socket: WebSocket, state: StateDep, clinic: ClinicDep, texts: EventTextsDep, user: UserDep
) -> None:
    """Send what happens, and take the heartbeat of the console that watches a beam.

    Where it comes from and who is signed in was asked before (:mod:`isoguide.service.security`).
    """
    whose = StreamOf(
        is_signed_in=lambda: state.standing(user.session) is not None,
        is_heard=lambda course_id: clinic.console.heartbeat(course_id, user.session.key),
        now=state.settings.now,
        page=state.page.build,
    )
    await EventStream(socket, texts, whose).run(clinic.events)
