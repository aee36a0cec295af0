"""The dose of a day and the corrections of its beams: long work, read as they are, drawn, fetched, chosen."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response, status

from isoguide.adaptation.result import Rung
from isoguide.errors import MissingEvidenceError
from isoguide.records import FractionKey
from isoguide.service.dependencies import ClinicDep, SignatureDep, UserDep
from isoguide.service.documents.department import JobDocument
from isoguide.service.documents.dose import ChoiceRequest, DoseOfDayDocument, DoseRequest, RungName
from isoguide.service.dose_documents import dose_of_day_document
from isoguide.service.long_work import compute_dose, work_out_corrections
from isoguide.service.problems import problem_responses
from isoguide.service.routes.images import BYTES, IMAGE, Version
from isoguide.service.voxel_response import bytes_response
from isoguide.workflow.clinic.day_corrections import PlanFile
from isoguide.workflow.clinic.dose_order import DoseAsked
from isoguide.workflow.clinic.pictures.drawn_dose import DrawnDose

router = APIRouter(tags=["dose"], responses=problem_responses(404))

DOSE: Final = f"{IMAGE}/dose"
RTPLAN: Final = "application/dicom"


def _drawn(course_id: str, number: int, uid: str, clinic: ClinicDep, user: UserDep) -> DrawnDose:
    del user
    drawn = clinic.doses.require_computed(FractionKey(course_id, number), uid).drawn
    if drawn is None:
        msg = f"there is no dose of image {uid} to draw: load the page again"
        raise MissingEvidenceError(msg)
    return drawn


DrawnDep = Annotated[DrawnDose, Depends(_drawn)]
"""The pictures of the dose of the image that the address names."""


def _plan(
    course_id: str, number: int, uid: str, rung: RungName, clinic: ClinicDep, user: UserDep
) -> PlanFile:
    return clinic.corrections.fetch_plan(FractionKey(course_id, number), uid, Rung(rung), by=user.name)


PlanDep = Annotated[PlanFile, Depends(_plan)]
"""The file of the corrected plan that the address names; who fetched it stands in the audit."""


@router.post(DOSE, summary="Compute the dose of the day", status_code=status.HTTP_202_ACCEPTED)
def compute_dose_of_day(
    course_id: str, number: int, uid: str, body: DoseRequest, clinic: ClinicDep, user: UserDep
) -> JobDocument:
    """Compute what the day's treatment delivers to target and organs as they are today.

    Anybody on the staff may: it changes nothing of the fraction, and who asked stands in the audit. The
    anatomy of the day has to be assessed first.
    """
    asked = DoseAsked(body.beam_data, body.chosen_algorithm())
    return JobDocument.of(compute_dose(clinic, FractionKey(course_id, number), uid, asked, by=user.name))


@router.get(DOSE, summary="The dose of the day")
def read_dose(course_id: str, number: int, uid: str, clinic: ClinicDep, user: UserDep) -> DoseOfDayDocument:
    """Return what is known of the dose of an image, of its corrections and of the course so far."""
    del user
    return _document(clinic, FractionKey(course_id, number), uid)


@router.get(f"{DOSE}/voxels", summary="The dose in steps", response_class=Response, responses=BYTES)
def read_dose_of_day_voxels(drawn: DrawnDep, request: Request, v: Version = None) -> Response:
    """Return the dose of one fraction as little-endian int16 on its own grid."""
    return bytes_response(request, drawn.voxels.content, drawn.voxels.sha256, wanted=v)


@router.get(
    f"{DOSE}/structures/{{structure}}/distance",
    summary="A structure under the dose as its signed distance",
    response_class=Response,
    responses=BYTES,
)
def read_dose_structure(drawn: DrawnDep, structure: int, request: Request, v: Version = None) -> Response:
    """Return 1/32 mm as little-endian int16, negative inside, daily LPS."""
    found = next((one for one in drawn.structures if one.structure.number == structure), None)
    if found is None:
        msg = f"structure {structure} is not drawn under the dose: load the page again"
        raise MissingEvidenceError(msg)
    return bytes_response(request, found.distance.content, found.distance.sha256, wanted=v)


@router.post(f"{DOSE}/corrections", summary="Work out the corrections", status_code=status.HTTP_202_ACCEPTED)
def work_out_corrections_of_day(
    course_id: str, number: int, uid: str, clinic: ClinicDep, user: UserDep
) -> JobDocument:
    """Work out each correction and what it would do to the dose of the day; nothing is sent or treated."""
    return JobDocument.of(work_out_corrections(clinic, FractionKey(course_id, number), uid, by=user.name))


@router.get(
    f"{DOSE}/corrections/{{rung}}/plan",
    summary="The plan of a correction",
    response_class=Response,
    responses={200: {"content": {RTPLAN: {}}}},
)
def read_corrected_plan(plan: PlanDep, request: Request, v: Version = None) -> Response:
    """Return the RTPLAN of a correction, marked UNAPPROVED, for the planning system."""
    answer = bytes_response(request, plan.content, plan.sha256, wanted=v, media_type=RTPLAN)
    answer.headers["Content-Disposition"] = f'attachment; filename="{plan.name}"'
    return answer


@router.post(f"{DOSE}/corrections/choice", summary="Mark a correction for planning")
def choose_correction(
    course_id: str,
    number: int,
    uid: str,
    body: ChoiceRequest,
    *,
    clinic: ClinicDep,
    user: UserDep,
    verify_signature: SignatureDep,
) -> DoseOfDayDocument:
    """Sign with a password which correction was chosen for planning; nothing is sent or treated by it."""
    del user
    key = FractionKey(course_id, number)
    signer = verify_signature(body.signature.name, body.signature.password.get_secret_value())
    clinic.corrections.choose(
        key, uid, Rung(body.rung), signer=signer, reason=body.reason, plan_sha256=body.plan_sha256
    )
    return _document(clinic, key, uid)


def _document(clinic: ClinicDep, key: FractionKey, uid: str) -> DoseOfDayDocument:
    address = f"/api/courses/{key.course_id}/fractions/{key.number}/images/{uid}/dose"
    return dose_of_day_document(
        uid, clinic.doses.shown(key, uid), clinic.corrections.shown(key, uid), address
    )
