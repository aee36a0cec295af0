"""Long work: what it is doing, and how it is cancelled."""

from fastapi import APIRouter

from isoguide.service.dependencies import ClinicDep, UserDep
from isoguide.service.documents.department import JobDocument
from isoguide.service.problems import problem_responses

router = APIRouter(prefix="/jobs", tags=["jobs"])


@router.get("", summary="All jobs")
def list_jobs(clinic: ClinicDep, user: UserDep) -> tuple[JobDocument, ...]:
    """Return the jobs that are not finished, and the last hundred that are, the newest first."""
    del user
    return tuple(map(JobDocument.of, clinic.jobs.all()))


@router.get("/{job_id}", summary="One job", responses=problem_responses(404))
def read_job(job_id: str, clinic: ClinicDep, user: UserDep) -> JobDocument:
    """Return how far a job is, and what came of it."""
    del user
    return JobDocument.of(clinic.jobs.get(job_id))


@router.delete("/{job_id}", summary="Cancel a job", responses=problem_responses(404))
def cancel_job(job_id: str, clinic: ClinicDep, user: UserDep) -> JobDocument:
    """Ask a job to stop; it does so at its next step, and what already counts is not undone."""
    del user
    return JobDocument.of(clinic.jobs.cancel(job_id))
