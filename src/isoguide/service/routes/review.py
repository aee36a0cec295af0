"""What courses say: of one patient, and of all together."""

from typing import Literal

from fastapi import APIRouter, Response

from isoguide.review.groups import Grouping
from isoguide.service.dependencies import ClinicDep, UserDep
from isoguide.service.problems import problem_responses
from isoguide.workflow.review.kept_reviews import PopulationQuestion, course_review
from isoguide.workflow.review.patient_json import PatientReviewRecord
from isoguide.workflow.review.population_json import PopulationReviewRecord

router = APIRouter(tags=["review"])


@router.get("/courses/{course_id}/review", summary="Review a course", responses=problem_responses(404))
def review_course(course_id: str, clinic: ClinicDep, user: UserDep) -> PatientReviewRecord:
    """Return where the patient lay in each fraction, whether that changed, what was done about it."""
    del user
    return course_review(clinic.desk.records, course_id)


@router.get("/review/population", summary="Review courses together", response_model=PopulationReviewRecord)
def review_population(
    clinic: ClinicDep,
    user: UserDep,
    site: str | None = None,
    machine: str | None = None,
    protocol: str | None = None,
    by: Literal["site", "device", "machine", "protocol"] = "site",
) -> Response:
    """Return M, Σ and σ with their intervals, margins, what schemes would have left, and who stands out.

    ``protocol`` is a label such as "prostate v2", or a name for all its versions.
    """
    del user
    question = PopulationQuestion(site or None, machine or None, protocol or None, Grouping(by))
    return Response(clinic.reviews.text(question), media_type="application/json")
