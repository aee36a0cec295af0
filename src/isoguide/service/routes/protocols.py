"""The protocols in use."""

from fastapi import APIRouter

from isoguide.service.dependencies import ClinicDep, UserDep
from isoguide.service.documents.department import ProtocolDocument, ProtocolLine
from isoguide.service.problems import problem_responses
from isoguide.workflow.clinic.protocols_in_use import protocol_in_use, protocols_in_use

router = APIRouter(prefix="/protocols", tags=["protocols"])


@router.get("", summary="The protocols in use")
def list_protocols(clinic: ClinicDep, user: UserDep) -> tuple[ProtocolLine, ...]:
    """Return every version of every protocol, by name, the newest version first."""
    del user
    return tuple(map(ProtocolLine.of, protocols_in_use(clinic.desk.records)))


@router.get("/{name}/{version}", summary="One protocol in full", responses=problem_responses(404))
def read_protocol(name: str, version: int, clinic: ClinicDep, user: UserDep) -> ProtocolDocument:
    """Return a version as it was written, in sentences, and each value with its source."""
    del user
    return ProtocolDocument.of(protocol_in_use(clinic.desk.records, name, version))
