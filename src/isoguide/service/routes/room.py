"""The connected rooms."""

from fastapi import APIRouter

from isoguide.service.dependencies import ClinicDep, UserDep
from isoguide.service.documents.department import RoomStateDocument
from isoguide.service.event_texts import room_document

router = APIRouter(prefix="/room", tags=["room"])


@router.get("", summary="The connected rooms now")
def read_rooms(clinic: ClinicDep, user: UserDep) -> tuple[RoomStateDocument, ...]:
    """Return what each connected room shows; the event stream sends the same twenty times a second."""
    del user
    return tuple(room_document(drive.state()) for drive in clinic.console.drives)
