"""The anatomy of a day: assessed as long work, read as it is kept, and drawn."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response, status

from isoguide.errors import MissingEvidenceError
from isoguide.records import FractionKey
from isoguide.service.anatomy_documents import anatomy_document
from isoguide.service.dependencies import ClinicDep, UserDep
from isoguide.service.documents.anatomy import AnatomyDocument
from isoguide.service.documents.department import JobDocument
from isoguide.service.long_work import assess_image
from isoguide.service.problems import problem_responses
from isoguide.service.routes.images import BYTES, IMAGE, Version
from isoguide.service.voxel_response import bytes_response
from isoguide.workflow.clinic.pictures.drawn_anatomy import DrawnAnatomy, PartName

router = APIRouter(tags=["anatomy"], responses=problem_responses(404))

ANATOMY: Final = f"{IMAGE}/anatomy"


def _drawn(course_id: str, number: int, uid: str, clinic: ClinicDep, user: UserDep) -> DrawnAnatomy:
    del user
    return clinic.anatomy.drawn(FractionKey(course_id, number), uid)


DrawnDep = Annotated[DrawnAnatomy, Depends(_drawn)]
"""The pictures of the assessment of the image that the address names."""


@router.post(ANATOMY, summary="Assess the anatomy of the day", status_code=status.HTTP_202_ACCEPTED)
def assess_anatomy_of_day(
    course_id: str, number: int, uid: str, clinic: ClinicDep, user: UserDep
) -> JobDocument:
    """Find how target and organs moved and changed since the plan, and keep it in the records.

    Anybody on the staff may: it changes nothing of the fraction, and who asked stands in the audit. It rests
    on the match of the image that counts.
    """
    job = assess_image(clinic, FractionKey(course_id, number), uid, by=user.name)
    return JobDocument.of(job)


@router.get(ANATOMY, summary="The anatomy of the day")
def read_anatomy(course_id: str, number: int, uid: str, clinic: ClinicDep, user: UserDep) -> AnatomyDocument:
    """Return what the newest assessment of an image says, and what is drawn of it; nothing is computed."""
    del user
    shown = clinic.anatomy.shown(FractionKey(course_id, number), uid)
    address = f"/api/courses/{course_id}/fractions/{number}/images/{uid}/anatomy"
    return anatomy_document(uid, shown, address)


@router.get(
    f"{ANATOMY}/{{part}}/voxels",
    summary="A part of the deformation",
    response_class=Response,
    responses=BYTES,
)
def read_anatomy_voxels(drawn: DrawnDep, part: PartName, request: Request, v: Version = None) -> Response:
    """Return the warped plan in HU, a component in 1/100 mm, or the ratio of volumes in thousandths."""
    voxels = drawn.part(part)
    return bytes_response(request, voxels.content, voxels.sha256, wanted=v)


@router.get(
    f"{ANATOMY}/structures/{{structure}}/distance",
    summary="A structure of today as its signed distance",
    response_class=Response,
    responses=BYTES,
)
def read_anatomy_distance(drawn: DrawnDep, structure: int, request: Request, v: Version = None) -> Response:
    """Return 1/32 mm as little-endian int16, negative inside, daily LPS."""
    voxels = drawn.structure(structure)
    if voxels is None:
        msg = f"structure {structure} is not drawn as it is today: load the page again"
        raise MissingEvidenceError(msg)
    return bytes_response(request, voxels.content, voxels.sha256, wanted=v)
