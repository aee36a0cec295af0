"""The steps of a fraction: each rests on the version that its user saw, and answers with where it is now."""

from typing import Final

import numpy as np
from fastapi import APIRouter, status

from isoguide.course import ImagingDose, ProtocolAction
from isoguide.errors import InputError
from isoguide.records import FractionKey
from isoguide.service.dependencies import ClinicDep, SignatureDep, UserDep
from isoguide.service.documents.base import CouchPose, Six
from isoguide.service.documents.department import JobDocument
from isoguide.service.documents.fraction import (
    ApproveRequest,
    BeginRequest,
    DeliverRequest,
    FractionDocument,
    HandMatchRequest,
    ImageRequest,
    MarksAnswer,
    MarksRequest,
    MovementDocument,
    ReasonRequest,
    SecondSignatureRequest,
    SetUpRequest,
    StepRequest,
)
from isoguide.service.documents.fraction_now import fraction_document
from isoguide.service.long_work import ImageSource, take_image
from isoguide.service.problems import problem_responses
from isoguide.service.signed_in import SignedIn
from isoguide.workflow.clinic.asked import Asked, Given, Signed
from isoguide.workflow.clinic.day_image import ImageSaid
from isoguide.workflow.clinic.hand_match import Movement, MovementKind
from isoguide.workflow.request import RadiographChoice

router = APIRouter(
    prefix="/courses/{course_id}/fractions", tags=["fractions"], responses=problem_responses(404, 502)
)
_STEP: Final = "/{number}"


@router.post("", summary="Begin a fraction", status_code=status.HTTP_201_CREATED)
def begin_fraction(course_id: str, body: BeginRequest, clinic: ClinicDep, user: UserDep) -> FractionDocument:
    """Begin the next fraction: the accessories are compared with the simulation, the schedule is asked."""
    key = FractionKey(course_id, body.number)
    accessories = [one.accessory() for one in body.accessories]
    return fraction_document(clinic.console.begin(key, accessories, by=user.name, reason=body.reason))


@router.get(_STEP, summary="A fraction")
def read_fraction(course_id: str, number: int, clinic: ClinicDep, user: UserDep) -> FractionDocument:
    """Return where a fraction is, what was decided, what may be done now, and whose signatures that needs."""
    del user
    return fraction_document(clinic.console.fraction(FractionKey(course_id, number)))


@router.post(_STEP + "/marks", summary="The first move of the couch from the marks")
def compute_marks(
    course_id: str, number: int, body: MarksRequest, clinic: ClinicDep, user: UserDep
) -> MarksAnswer:
    """Compute the move that three or more marks call for, and what it leaves at each; nothing is recorded."""
    del user
    measured = {name: np.array(place) for name, place in body.measured_mm.items()}
    found = clinic.console.marks(FractionKey(course_id, number), measured, body.couch.pose())
    return MarksAnswer(
        correction=Six.of(found.correction),
        pose=CouchPose.of(found.pose),
        left_mm=dict(found.residual_mm),
        rms_mm=found.rms_mm,
    )


@router.post(_STEP + "/set-up", summary="The patient lies on his marks")
def set_up(
    course_id: str, number: int, body: SetUpRequest, clinic: ClinicDep, user: UserDep
) -> FractionDocument:
    """Record the set-up position; a connected room lays the patient down and reads its couch."""
    on_marks = body.on_marks.pose() if body.on_marks is not None else None
    return fraction_document(clinic.console.set_up(_asked(course_id, number, body, user), on_marks))


@router.post(_STEP + "/image", summary="Take and match an image", status_code=status.HTTP_202_ACCEPTED)
def image(course_id: str, number: int, body: ImageRequest, clinic: ClinicDep, user: UserDep) -> JobDocument:
    """Match the image that was exported, or let the connected room take one: the result is a fraction."""
    source = ImageSource(body.upload_id, body.inbox_name)
    job = take_image(clinic, _asked(course_id, number, body, user), source, _said(body))
    return JobDocument.of(job)


@router.post(_STEP + "/match", summary="Match by hand")
def match_by_hand(
    course_id: str, number: int, body: HandMatchRequest, clinic: ClinicDep, user: UserDep
) -> FractionDocument:
    """Take what a person found for the match of the newest image, and ask the protocol again."""
    matrix = np.array(body.planning_from_daily).reshape(4, 4)
    movements = tuple(map(_movement, body.movements))
    asked = _asked(course_id, number, body, user)
    return fraction_document(clinic.console.match_by_hand(asked, matrix, body.image_uid, movements))


@router.post(_STEP + "/approve", summary="Sign what is done about the match")
def approve(
    course_id: str,
    number: int,
    body: ApproveRequest,
    clinic: ClinicDep,
    user: UserDep,
    verify_signature: SignatureDep,
) -> FractionDocument:
    """Sign with passwords, whoever is signed in; or sign first and let a second person answer elsewhere."""
    people = tuple(verify_signature(one.name, one.password.get_secret_value()) for one in body.signatures)
    signed = Signed(
        tuple(person.name for person in people),
        ProtocolAction(body.action),
        body.reason,
        body.image_uid,
        body.match_index,
    )
    asked = _asked(course_id, number, body, user)
    step = clinic.console.ask_second if body.ask_second else clinic.console.approve
    return fraction_document(step(asked, signed))


@router.post(_STEP + "/second-signature", summary="Answer a first signature that waits")
def second_signature(
    course_id: str,
    number: int,
    body: SecondSignatureRequest,
    clinic: ClinicDep,
    user: UserDep,
    verify_signature: SignatureDep,
) -> FractionDocument:
    """Sign second with a password, or say with a reason that one does not agree."""
    person = verify_signature(body.signature.name, body.signature.password.get_secret_value())
    asked = _asked(course_id, number, body, user)
    return fraction_document(
        clinic.console.answer_second(asked, person.name, agrees=body.agree, reason=body.reason)
    )


@router.post(_STEP + "/couch", summary="Carry the order out")
def move_couch(
    course_id: str, number: int, body: StepRequest, clinic: ClinicDep, user: UserDep
) -> FractionDocument:
    """Let the connected room drive the couch by the order and read it back, or take the reading of staff."""
    return fraction_document(clinic.console.move_couch(_asked(course_id, number, body, user)))


@router.post(_STEP + "/deliver", summary="What staff read of the delivery")
def deliver(
    course_id: str, number: int, body: DeliverRequest, clinic: ClinicDep, user: UserDep
) -> FractionDocument:
    """Record what the machine delivered, and close the fraction when that was all."""
    asked = _asked(course_id, number, body, user)
    deliveries = [Given(one.beam_number, one.delivered_mu, one.ended) for one in body.deliveries]
    return fraction_document(clinic.console.deliver(asked, deliveries))


@router.post(_STEP + "/beam", summary="Turn the beam on")
def beam_on(
    course_id: str, number: int, body: StepRequest, clinic: ClinicDep, user: UserDep
) -> FractionDocument:
    """Turn the beam of a connected room on; the console that asks has to send its heartbeat from then on."""
    return fraction_document(clinic.console.beam_on(_asked(course_id, number, body, user)))


@router.post(_STEP + "/hold", summary="Hold the beam")
def hold(
    course_id: str, number: int, body: ReasonRequest, clinic: ClinicDep, user: UserDep
) -> FractionDocument:
    """Hold the beam of a connected room; anybody may, at any console."""
    del number  # a beam is held whatever fraction a page shows
    return fraction_document(clinic.console.hold(course_id, by=user.name, reason=body.reason))


@router.post(_STEP + "/resume", summary="Turn the beam on again")
def resume(
    course_id: str, number: int, body: StepRequest, clinic: ClinicDep, user: UserDep
) -> FractionDocument:
    """Go on after a short hold that was asked for; the console that asks watches the beam from then on."""
    return fraction_document(clinic.console.resume(_asked(course_id, number, body, user)))


@router.post(_STEP + "/stop", summary="Stop the fraction")
def stop(
    course_id: str, number: int, body: ReasonRequest, clinic: ClinicDep, user: UserDep
) -> FractionDocument:
    """End the fraction without more beam, whatever others do meanwhile; a beam that is on is held first."""
    key = FractionKey(course_id, number)
    return fraction_document(clinic.console.stop(key, by=user.name, reason=body.reason))


def _asked(course_id: str, number: int, body: StepRequest, user: SignedIn) -> Asked:
    couch = body.couch.pose() if body.couch is not None else None
    return Asked(FractionKey(course_id, number), body.seen_version, user.name, couch, user.session.key)


def _movement(one: MovementDocument) -> Movement:
    return Movement(one.at, MovementKind(one.kind), one.correction.correction())


def _said(body: ImageRequest) -> ImageSaid:
    if (body.dose_value is None) != (body.dose_metric is None):
        msg = "a dose means nothing without its metric, nor a metric without a value: give both or none"
        raise InputError(msg)
    dose = None
    if body.dose_value is not None and body.dose_metric is not None:
        dose = ImagingDose(body.dose_value, body.dose_metric)
    radiographs = RadiographChoice(source_from_gantry_deg=body.source_from_gantry_deg)
    return ImageSaid(body.machine_isocentre_mm, dose, radiographs)
