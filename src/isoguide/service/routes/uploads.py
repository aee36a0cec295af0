"""Folders of files: sent by a browser, or exported into the inbox by a machine."""

from typing import Any, Final

from fastapi import APIRouter, Request, status
from fastapi.concurrency import contextmanager_in_threadpool
from starlette.concurrency import run_in_threadpool

from isoguide.service.dependencies import ClinicDep, UserDep
from isoguide.service.documents.department import InboxEntry, UploadDocument
from isoguide.service.multipart import FORM, receive_files
from isoguide.service.problems import problem_responses

router = APIRouter(tags=["uploads"])
_FILES: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "description": "All files of one folder, whatever they are called.",
                        }
                    },
                }
            }
        },
    }
}
"""FastAPI would read the whole form into memory and temporary files before anybody could refuse it."""


@router.post("/uploads", summary="Send a folder", status_code=status.HTTP_201_CREATED, openapi_extra=_FILES)
async def upload(request: Request, clinic: ClinicDep, user: UserDep) -> UploadDocument:
    """Keep the files of a folder for an hour, for the one who sent them, and say what they hold.

    Files with nothing of DICOM among them are refused, and nothing is kept.
    """
    async with contextmanager_in_threadpool(clinic.uploads.receiving(user.name)) as receiver:
        await receive_files(request.headers.get("content-type", ""), request.stream(), receiver)
        return UploadDocument.of(await run_in_threadpool(clinic.uploads.keep, receiver))


@router.delete(
    "/uploads/{upload_id}",
    summary="Remove an upload",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(404),
)
def drop_upload(upload_id: str, clinic: ClinicDep, user: UserDep) -> None:
    """Remove what one has sent and not used."""
    clinic.uploads.drop(upload_id, user.name)


@router.get("/inbox", summary="Exports in the inbox")
def read_inbox(clinic: ClinicDep, user: UserDep) -> tuple[InboxEntry, ...]:
    """Return the folders that machines exported, the newest first; empty where there is no inbox."""
    del user
    return tuple(map(InboxEntry.of, clinic.inbox.entries()))
