"""What happened, kept: a database and an image store that lose nothing and notice every change."""

from isoguide.records.audit import AuditEntry, AuditFilter, AuditHead, AuditSlice
from isoguide.records.errors import ConflictError
from isoguide.records.place import Place
from isoguide.records.schema import upgrade
from isoguide.records.store import Records, create_records, open_records
from isoguide.records.stored import (
    AuditNote,
    CourseLine,
    CourseStanding,
    CourseStatus,
    FractionKey,
    FractionLine,
    FractionStep,
    StaffMember,
    StoredCourse,
    StoredFraction,
    StoredPassword,
    StoredProtocol,
    StoredStep,
    newest_of,
)
from isoguide.records.verification import AuditReport

__all__ = [
    "AuditEntry",
    "AuditFilter",
    "AuditHead",
    "AuditNote",
    "AuditReport",
    "AuditSlice",
    "ConflictError",
    "CourseLine",
    "CourseStanding",
    "CourseStatus",
    "FractionKey",
    "FractionLine",
    "FractionStep",
    "Place",
    "Records",
    "StaffMember",
    "StoredCourse",
    "StoredFraction",
    "StoredPassword",
    "StoredProtocol",
    "StoredStep",
    "create_records",
    "newest_of",
    "open_records",
    "upgrade",
]
