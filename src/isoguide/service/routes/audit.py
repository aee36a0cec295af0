"""The audit: what was written, by whom, and the proof that nothing was changed."""

from typing import Annotated

from fastapi import APIRouter, Query, status

from isoguide.records import AuditFilter
from isoguide.service.dependencies import ClinicDep, UserDep
from isoguide.service.documents.department import AuditPage, JobDocument
from isoguide.service.long_work import verify_audit

router = APIRouter(prefix="/audit", tags=["audit"])
_MOST = 500


@router.get("", summary="Entries of the audit, the newest first")
def read_audit(
    clinic: ClinicDep,
    user: UserDep,
    before: Annotated[int | None, Query(ge=1, description="Only entries before this one.")] = None,
    limit: Annotated[int, Query(ge=1, le=_MOST)] = 100,
    subject: Annotated[str, Query(description="Words of the subject, such as 'course C0001'.")] = "",
    actor: Annotated[str, Query(description="Words of the user name.")] = "",
) -> AuditPage:
    """Return a page of entries, each with what was written in words."""
    del user
    about = AuditFilter(subject, actor)
    return AuditPage.of(clinic.desk.records.audit_slice(before, most=limit, about=about))


@router.post("/verify", summary="Verify the audit", status_code=status.HTTP_202_ACCEPTED)
def verify(clinic: ClinicDep, user: UserDep) -> JobDocument:
    """Follow the chain and compare every row and image with it: the job's result says what was found."""
    return JobDocument.of(verify_audit(clinic, by=user.name))
