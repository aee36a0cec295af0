"""Courses: looked up, and begun from an uploaded planning export."""

from fastapi import APIRouter, status

from isoguide.service.dependencies import ClinicDep, UserDep
from isoguide.service.documents.course import CourseDocument, NewCourseRequest
from isoguide.service.documents.department import JobDocument
from isoguide.service.long_work import begin_course
from isoguide.service.problems import problem_responses
from isoguide.workflow.clinic.course_facts import course_facts
from isoguide.workflow.clinic.worklist import sites_of

router = APIRouter(tags=["courses"])


@router.get("/sites", summary="Parts of the body that courses are sorted by")
def list_sites(clinic: ClinicDep, user: UserDep) -> tuple[str, ...]:
    """Return the sites of all courses and of all protocols in use, in alphabetical order."""
    del user
    return sites_of(clinic.desk.records)


@router.post(
    "/courses",
    summary="Begin a course",
    status_code=status.HTTP_202_ACCEPTED,
    responses=problem_responses(404),
)
def new_course(body: NewCourseRequest, clinic: ClinicDep, user: UserDep) -> JobDocument:
    """Register a course from an uploaded planning export: the job's result is its course_id.

    Anybody on the staff may, as on the command line: who did stands in the audit.
    """
    return JobDocument.of(begin_course(clinic, body, by=user.name))


@router.get("/courses/{course_id}", summary="A course", responses=problem_responses(404))
def read_course(course_id: str, clinic: ClinicDep, user: UserDep) -> CourseDocument:
    """Return what a course is measured against, its protocol in sentences, and its fractions."""
    del user
    return CourseDocument.of(course_facts(clinic.desk, course_id))
