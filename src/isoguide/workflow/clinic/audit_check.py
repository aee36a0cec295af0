"""Whether the records and the image store are what the audit says was written."""

from dataclasses import dataclass

from isoguide.progress import Progress, part_of, silent
from isoguide.records import AuditHead, AuditReport
from isoguide.workflow.clinic.desk import Desk


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """What was found: the report of the database, and the files of images that are missing or changed."""

    report: AuditReport
    damaged: tuple[str, ...]

    @property
    def findings(self) -> tuple[str, ...]:
        """Everything that was found, one sentence each."""
        return (*self.report.findings, *self.damaged)


def check_audit(
    desk: Desk, expected_head: AuditHead | None = None, *, progress: Progress = silent
) -> AuditCheck:
    """Follow the audit, compare every row with it, and every file of an image with its hash.

    Parameters
    ----------
    desk
        Of the department.
    expected_head
        A head that was kept elsewhere, to see that the newest entries are there.
    progress
        Told how far it is.
    """
    report = desk.records.verify_audit(expected_head, progress=part_of(progress, 0.0, 0.5))
    damaged = desk.store.verify(desk.records.image_hashes(), progress=part_of(progress, 0.5, 1.0))
    progress(1.0, "Done")
    return AuditCheck(report, damaged)
