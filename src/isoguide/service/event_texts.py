"""The messages of the event stream: each made once, however many consoles listen."""

from collections import deque
from typing import Final

from isoguide.errors import UnknownNameError
from isoguide.records import FractionKey
from isoguide.service.clinic import Clinic
from isoguide.service.documents import department as documents
from isoguide.service.documents.base import Document
from isoguide.service.documents.course import WaitingSignature
from isoguide.service.documents.department import JobDocument
from isoguide.service.documents.room import RoomStateDocument
from isoguide.workflow.clinic.room_events import Event, FractionChanged, JobChanged, SecondLookAsked
from isoguide.workflow.clinic.room_state import RoomState

_KEPT: Final = 64
"""So many messages are remembered: more than a slow console is behind without losing states of the room."""


class EventTexts:
    """Makes messages of events; may be shared by threads.

    Parameters
    ----------
    clinic
        Knows the jobs and the signatures that events only name.
    """

    def __init__(self, clinic: Clinic) -> None:
        self._clinic = clinic
        self._made: deque[tuple[Event, str]] = deque(maxlen=_KEPT)

    def text(self, event: Event) -> str:
        """Return the message of an event as JSON; empty where it tells nothing any more."""
        for known, text in tuple(self._made):
            if known is event:
                return text
        document = self._document(event)
        text = document.model_dump_json() if document is not None else ""
        self._made.append((event, text))
        return text

    def _document(self, event: Event) -> Document | None:
        match event:
            case RoomState():
                return RoomStateDocument.of(event)
            case FractionChanged():
                return documents.FractionChanged(
                    course_id=event.course_id,
                    number=event.number,
                    version=event.version,
                    state=event.state,
                    by=event.by,
                )
            case JobChanged():
                return self._job(event.job_id)
            case SecondLookAsked():
                return self._second_look(event)

    def _job(self, job_id: str) -> Document | None:
        try:
            return documents.JobChanged(job=JobDocument.of(self._clinic.jobs.get(job_id)))
        except UnknownNameError:  # finished and forgotten meanwhile
            return None

    def _second_look(self, event: SecondLookAsked) -> Document:
        waiting = self._clinic.console.waiting().get(FractionKey(event.course_id, event.number))
        return documents.SecondLookAsked(
            course_id=event.course_id,
            number=event.number,
            waiting=WaitingSignature.of(waiting) if waiting is not None else None,
        )
