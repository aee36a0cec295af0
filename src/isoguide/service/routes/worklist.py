"""Who is treated."""

from fastapi import APIRouter

from isoguide.service.dependencies import ClinicDep, UserDep
from isoguide.service.documents.course import RoomLine, WaitingSignature, Worklist, WorklistEntry
from isoguide.treatment.states import State

router = APIRouter(tags=["worklist"])


@router.get("/worklist", summary="Who is treated, and what can be done now")
def read_worklist(clinic: ClinicDep, user: UserDep) -> Worklist:
    """Return every course that goes on with its open or next fraction, the open ones first."""
    del user
    waiting = clinic.console.waiting()
    rooms = clinic.console.rooms()
    placed = {room.course_id: room.name for room in rooms}
    lines = clinic.worklist.lines()
    clinic.console.look_ahead([line.key for line in lines if line.state == State.ALIGNED])
    return Worklist(
        at=clinic.desk.clock.now(),
        entries=tuple(
            WorklistEntry.of(
                line,
                WaitingSignature.of(waiting[line.key]) if line.key in waiting else None,
                placed.get(line.key.course_id),
            )
            for line in lines
        ),
        rooms=tuple(map(RoomLine.of, rooms)),
    )
