"""The records of a department: the one door to everything that is kept."""

from collections.abc import Iterable
from types import TracebackType
from typing import Self

from isoguide.course import (
    AssessmentRecord,
    CourseHistory,
    DoseRecord,
    Person,
    Protocol,
    SimulationRecord,
)
from isoguide.errors import InputError
from isoguide.progress import Progress, silent
from isoguide.records import (
    audit,
    courses,
    fractions,
    histories,
    kept_images,
    of_image,
    passwords,
    protocols,
    schema,
    staff,
    verification,
)
from isoguide.records.audit import AuditEntry, AuditFilter, AuditHead, AuditSlice
from isoguide.records.connection import PATIENCE_S, Clock, Database
from isoguide.records.place import Place
from isoguide.records.plain import Plain
from isoguide.records.stored import (
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
)
from isoguide.records.verification import AuditReport


class Records:
    """Open records; :func:`open_records` makes them, and they may be shared by threads.

    Every method that changes something is one transaction: when it returns, all of it is on the disk and in
    the audit; when it raises, nothing is. Beside the errors named, each of them raises

    * :class:`~isoguide.treatment.refusals.ClockError` if the clock is behind the newest entry of the audit,
    * :class:`~isoguide.errors.OutputError` if the database cannot be written to,
    * :class:`~isoguide.errors.UnreadableError` if it is damaged,
    * :class:`~isoguide.errors.InputError` if a value cannot be stored, or ``by`` names nobody.

    Parameters
    ----------
    database
        The connections.
    clock
        Says the time, aware UTC; the only source of times that are not given.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    @property
    def place(self) -> Place:
        """Where they are."""
        return self._database.place

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all connections."""
        self._database.close()

    def add_person(self, person: Person, *, by: str) -> None:
        """Add somebody who may sign from now on.

        Raises
        ------
        InputError
            If the user name is taken: it never passes to somebody else.
        """
        with self._database.writing(self._clock, by) as write:
            staff.add_person(write, person)

    def set_active(self, name: str, *, is_active: bool, by: str, reason: str = "") -> None:
        """Say that somebody may not sign any more, or may again.

        Raises
        ------
        MissingEvidenceError
            If nobody has this user name.
        InputError
            If it is so already.
        """
        with self._database.writing(self._clock, by) as write:
            staff.set_active(write, name, is_active=is_active, reason=reason)

    def people(self) -> tuple[StaffMember, ...]:
        """Return everybody who may sign or once could, by name."""
        with self._database.reading() as connection:
            return staff.people(connection)

    def person(self, name: str) -> Person:
        """Return somebody who may sign.

        Raises
        ------
        MissingEvidenceError
            If nobody has this user name, or he is not active any more.
        """
        with self._database.reading() as connection:
            return staff.person(connection, name)

    def set_password(
        self, name: str, password_hash: str, *, by: str, is_administrator: bool | None = None
    ) -> None:
        """Keep what the password of somebody who may sign is compared with from now on.

        Parameters
        ----------
        name, by
            Whose it is, and who sets it.
        password_hash
            Never the password itself; the audit holds the SHA-256 of it only.
        is_administrator
            Whether he says who may sign in; as it is when None, and False where there is no password yet.

        Raises
        ------
        MissingEvidenceError
            If nobody has this user name, or he is not active any more.
        """
        with self._database.writing(self._clock, by) as write:
            passwords.set_password(write, name, password_hash, is_administrator=is_administrator)

    def password_of(self, name: str) -> StoredPassword | None:
        """Return what the password of somebody is compared with, None if there is none."""
        with self._database.reading() as connection:
            return passwords.password_of(connection, name)

    def passwords(self) -> tuple[StoredPassword, ...]:
        """Return what all passwords are compared with, by name; also of those who may not sign any more."""
        with self._database.reading() as connection:
            return passwords.passwords(connection)

    def note(self, action: str, subject: str, *, by: str, **details: Plain) -> None:
        """Append an entry to the audit about something that changes no row, such as a sign-in."""
        with self._database.writing(self._clock, by) as write:
            write.log(action, subject, **details)

    def add_protocol(self, protocol: Protocol, text: str, *, by: str) -> None:
        """Add a version of a protocol with the text it was read from; the same once more changes nothing.

        Raises
        ------
        InputError
            If the version is stored with another text.
        """
        with self._database.writing(self._clock, by) as write:
            protocols.add_protocol(write, protocol, text)

    def protocols(self) -> tuple[StoredProtocol, ...]:
        """Return all versions of all protocols, by name and version."""
        with self._database.reading() as connection:
            return protocols.protocols(connection)

    def protocol_text(self, name: str, version: int | None = None) -> str:
        """Return the text of a version, or of the newest one, as it was stored.

        Raises
        ------
        MissingEvidenceError
            If there is none; the message says which there are.
        UnreadableError
            If it is not what was stored.
        """
        with self._database.reading() as connection:
            return protocols.protocol_text(connection, name, version)

    def add_course(
        self, simulation: SimulationRecord, *, protocol_name: str, protocol_version: int, by: str
    ) -> str:
        """Begin a course and return its name, such as "C0001".

        Raises
        ------
        MissingEvidenceError
            If the protocol is not stored.
        InputError
            If the plan is being treated already.
        """
        with self._database.writing(self._clock, by) as write:
            return courses.add_course(write, simulation, protocol_name, protocol_version)

    def courses(self) -> tuple[CourseLine, ...]:
        """Return every course in one line, by name; imported ones too."""
        with self._database.reading() as connection:
            return courses.courses(connection)

    def course_line(self, course_id: str) -> CourseLine:
        """Return one course in one line; an imported one too.

        Raises
        ------
        UnknownNameError
            If there is no such course.
        """
        with self._database.reading() as connection:
            return courses.require_line(connection, course_id)

    def course(self, course_id: str) -> StoredCourse:
        """Return a course with its simulation, the text of its protocol, and its fractions in one line each.

        Raises
        ------
        MissingEvidenceError
            If there is none.
        InputError
            If it was imported and has no simulation.
        UnreadableError
            If it is not what was stored.
        """
        with self._database.reading() as connection:
            return courses.course(connection, course_id)

    def course_standings(self) -> tuple[CourseStanding, ...]:
        """Return every course that goes on, with where its fractions are, by name."""
        with self._database.reading() as connection:
            return courses.standings(connection)

    def finish_course(self, course_id: str, status: CourseStatus, *, by: str, reason: str = "") -> None:
        """End a course.

        Raises
        ------
        MissingEvidenceError
            If there is none.
        InputError
            If it has ended, a fraction of it goes on, or it is stopped without a reason.
        """
        with self._database.writing(self._clock, by) as write:
            courses.finish_course(write, course_id, CourseStatus(status), reason)

    def begin_fraction(
        self, course_id: str, number: int, *, by: str, memory: str, reason: str = ""
    ) -> StoredFraction:
        """Begin the next fraction of a course, in the state "prepared" and at version 1.

        Parameters
        ----------
        course_id, number
            Which one; the number has to be the next.
        by
            Who begins it.
        memory
            JSON text: what is needed to go on after a restart.
        reason
            Why there is one more than planned.

        Raises
        ------
        MissingEvidenceError
            If there is no such course.
        InputError
            If the number is not the next one, another fraction goes on, the course has ended, or more than
            planned would be given without a reason.
        """
        key = FractionKey(course_id, number)
        with self._database.writing(self._clock, by) as write:
            fractions.begin_fraction(write, key, memory, reason)
            return fractions.fraction(write.connection, key)

    def add_step(self, key: FractionKey, expected_version: int, step: FractionStep) -> int:
        """Add what a step brought, all of it or nothing, and return the version that it made.

        Raises
        ------
        MissingEvidenceError
            If there is no such fraction.
        ConflictError
            If its version is not the expected one: somebody else changed it.
        InputError
            If it has ended, the step does not follow from its state, or the image is known.
        OutOfOrderError
            If the table of states has no such step.
        """
        with self._database.writing(self._clock, step.by) as write:
            return fractions.add_step(write, key, expected_version, step)

    def keep_assessment(self, course_id: str, fraction: int, assessment: AssessmentRecord, *, by: str) -> int:
        """Keep what the anatomy of a day was found to be, and return which one of the fraction it is.

        It may be added at any time, after the fraction too. None is replaced: of a fraction counts the one
        that was kept last.

        Raises
        ------
        MissingEvidenceError
            If there is no such fraction.
        InputError
            If the image is not one of this fraction, or is younger than its assessment.
        """
        with self._database.writing(self._clock, by) as write:
            return of_image.ANATOMY.keep(write, FractionKey(course_id, fraction), assessment)

    def assessments(self, course_id: str) -> tuple[tuple[int, AssessmentRecord], ...]:
        """Return what was found of a course's anatomy, each with its fraction, in the order of fractions.

        Raises
        ------
        UnknownNameError
            If there is no such course.
        """
        with self._database.reading() as connection:
            return of_image.ANATOMY.of_course(connection, course_id)

    def keep_dose(self, course_id: str, fraction: int, dose: DoseRecord, *, by: str) -> int:
        """Keep what the treatment of a day delivered, and return which one of the fraction it is.

        It may be added at any time, after the fraction too. None is replaced: of a fraction counts the one
        that was kept last.

        Raises
        ------
        MissingEvidenceError
            If there is no such fraction.
        InputError
            If the image is not one of this fraction, or is younger than the dose.
        """
        with self._database.writing(self._clock, by) as write:
            return of_image.DOSE.keep(write, FractionKey(course_id, fraction), dose)

    def doses(self, course_id: str) -> tuple[tuple[int, DoseRecord], ...]:
        """Return what the days of a course delivered, each with its fraction, in the order of fractions.

        Raises
        ------
        UnknownNameError
            If there is no such course.
        """
        with self._database.reading() as connection:
            return of_image.DOSE.of_course(connection, course_id)

    def fraction(self, course_id: str, number: int) -> StoredFraction:
        """Return everything of a fraction.

        Raises
        ------
        MissingEvidenceError
            If there is none.
        UnreadableError
            If a part of it cannot be read.
        """
        with self._database.reading() as connection:
            return fractions.fraction(connection, FractionKey(course_id, number))

    def newest_fraction(self, course_id: str) -> FractionLine | None:
        """Return the newest fraction of a course, None before the first.

        Raises
        ------
        UnknownNameError
            If there is no such course.
        """
        with self._database.reading() as connection:
            return courses.newest_fraction(connection, course_id)

    def unfinished_fractions(self) -> tuple[FractionLine, ...]:
        """Return the fractions of all courses that go on, or were left behind by a failure."""
        with self._database.reading() as connection:
            return courses.open_fractions(connection)

    def used_image_uids(self, course_id: str) -> frozenset[str]:
        """Return the UIDs of all images of a course: none of them may be used again."""
        with self._database.reading() as connection:
            return fractions.used_image_uids(connection, course_id)

    def image_hashes(self) -> frozenset[str]:
        """Return the hashes of all files in the image store that the records refer to."""
        with self._database.reading() as connection:
            return kept_images.image_hashes(connection)

    def histories(
        self,
        *,
        site: str | None = None,
        machine: str | None = None,
        protocol: str | None = None,
        course_ids: Iterable[str] | None = None,
    ) -> tuple[CourseHistory, ...]:
        """Return courses as reviews read them, by name; all that meet every condition given.

        Parameters
        ----------
        site, machine
            As the simulation names them.
        protocol
            A label such as "prostate v2", or a name for all its versions.
        course_ids
            Names of courses; unknown ones are passed over.
        """
        chosen = None if course_ids is None else tuple(course_ids)
        with self._database.reading() as connection:
            return histories.histories(connection, histories.Choice(site, machine, protocol, chosen))

    def add_history(self, history: CourseHistory, *, source: str, by: str) -> None:
        """Take in a course that ended elsewhere, with its own name.

        Raises
        ------
        InputError
            If there is a course of this name, or it has not ended, or its numbers do not go up.
        """
        with self._database.writing(self._clock, by) as write:
            histories.add_history(write, history, source)

    def audit_entries(self, since: int = 0) -> tuple[AuditEntry, ...]:
        """Return the entries of the audit behind this one, in order."""
        with self._database.reading() as connection:
            return audit.entries_after(connection, since)

    def audit_slice(
        self, before: int | None = None, *, most: int, about: AuditFilter | None = None
    ) -> AuditSlice:
        """Return the newest entries of the audit, newest first.

        Parameters
        ----------
        before
            Only entries before this one; None for the newest of all.
        most
            How many.
        about
            Which entries are meant; all when None.

        Raises
        ------
        InputError
            If none is wanted.
        """
        if most < 1:
            msg = f"a page of the audit has at least one entry, not {most}: ask for some"
            raise InputError(msg)
        with self._database.reading() as connection:
            return audit.entries_before(connection, before, most, about or AuditFilter())

    def audit_head(self) -> AuditHead:
        """Return the newest entry: what to keep elsewhere to see later that nothing is missing."""
        with self._database.reading() as connection:
            return audit.newest(connection)[0]

    def verify_audit(
        self, expected_head: AuditHead | None = None, *, progress: Progress = silent
    ) -> AuditReport:
        """Compare the chain with itself and every row with the chain.

        Parameters
        ----------
        expected_head
            A head that was kept elsewhere, to see that the newest entries are there.
        progress
            Told how far it is.
        """
        with self._database.reading() as connection:
            return verification.verify(connection, expected_head, progress=progress)


def open_records(place: Place, *, clock: Clock, patience_s: float = PATIENCE_S) -> Records:
    """Open the records at a place.

    Parameters
    ----------
    place
        Where they are.
    clock
        Says the time, aware UTC.
    patience_s
        How long a writer waits for others.

    Raises
    ------
    MissingEvidenceError
        If there are none.
    InputError
        If they are of an older or newer isoguide.
    UnreadableError
        If the database is damaged.
    OutputError
        If it cannot be opened.
    """
    database = Database(place, patience_s)
    try:
        schema.require_current(database)
    except BaseException:
        database.close()
        raise
    return Records(database, clock)


def create_records(place: Place, *, clock: Clock, patience_s: float = PATIENCE_S) -> Records:
    """Make records at a place where there are none, and open them.

    Raises
    ------
    InputError
        If there are some.
    OutputError
        If they cannot be made; nothing remains.
    """
    if schema.exists(place):
        msg = f"there is a database in {place} already: open it, or name another place"
        raise InputError(msg)
    schema.upgrade(place)
    return open_records(place, clock=clock, patience_s=patience_s)
