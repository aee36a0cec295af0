"""The connected rooms."""

from fastapi import APIRouter

from isoguide.service.dependencies import ClinicDep, UserDep
from isoguide.service.documents.room import RoomStateDocument

router = APIRouter(prefix="/room", tags=["room"])


@router.get("", summary="The connected rooms now")
def read_rooms(clinic: ClinicDep, user: UserDep) -> tuple[RoomStateDocument, ...]:
    """Return what each connected room shows; the event stream sends the same twenty times a second."""
    del user
    return tuple(RoomStateDocument.of(drive.state()) for drive in clinic.console.drives)
