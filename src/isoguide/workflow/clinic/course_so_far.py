"""What a course has delivered so far, told with the dose of a fraction: from the doses that were kept."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

from isoguide.course import DoseRecord
from isoguide.dose.accumulate import AccumulatedDose
from isoguide.errors import GeometryError, MissingEvidenceError, UnreadableError
from isoguide.images.structure import Structure
from isoguide.records import FractionKey, Records, StoredFraction
from isoguide.records.image_store import ImageStore
from isoguide.workflow.clinic.kept_dose import keep_carried, kept_carried
from isoguide.workflow.dose.so_far import with_sums
from isoguide.workflow.review.course_sums import (
    EXPECTED,
    Given,
    doses_to_add,
    given,
    sums_as_they_stand,
    without_sums,
)


@dataclass(frozen=True, slots=True)
class CourseSoFar:
    """The doses of a course, as kept.

    Parameters
    ----------
    records, store
        Of the department.
    """

    records: Records
    store: ImageStore

    def earlier(self, key: FractionKey) -> tuple[StoredFraction, ...]:
        """Return the fractions before one, in order."""
        lines = self.records.course(key.course_id).fractions
        numbers = sorted(line.key.number for line in lines if line.key.number < key.number)
        return tuple(self.records.fraction(key.course_id, number) for number in numbers)

    def told(
        self,
        stored: StoredFraction,
        record: DoseRecord,
        carried: AccumulatedDose | str,
        structures: Sequence[Structure],
    ) -> DoseRecord:
        """Keep the dose of a fraction in the planning anatomy; return its record with the sums.

        Parameters
        ----------
        stored, record
            The fraction, and its dose.
        carried
            That dose in the planning anatomy, or why there is none.
        structures
            Planning LPS.

        Returns
        -------
        DoseRecord
            With the sums, or with a sentence why there are none.

        Raises
        ------
        OutputError
            If the store cannot be written.
        """
        if isinstance(carried, str):
            return without_sums(record, carried)
        record = replace(record, carried_sha256=keep_carried(self.store, carried))
        try:
            added = doses_to_add(self.earlier(stored.line.key), stored, record)
            before = [self._read(number, one) for number, one in added]
        except MissingEvidenceError as error:
            return without_sums(record, str(error))
        try:
            so_far = reduce(AccumulatedDose.joined, [*before, carried])
        except GeometryError:
            return without_sums(
                record, "the doses of earlier fractions lie on another grid: compute them again"
            )
        if given(stored) is Given.NOT_ENDED:
            record = replace(record, approximations=(*record.approximations, EXPECTED))
        return with_sums(record, so_far, structures)

    def as_they_stand(self, stored: StoredFraction, record: DoseRecord) -> DoseRecord:
        """Return a dose without its sums where they do not hold any more."""
        if not record.fractions_so_far:
            return record
        return sums_as_they_stand(self.earlier(stored.line.key), stored, record)

    def _read(self, number: int, record: DoseRecord) -> AccumulatedDose:
        try:
            return kept_carried(self.store, record.carried_sha256)
        except UnreadableError as error:
            # Without the folder: records go further than this computer.
            msg = (
                f"file {record.carried_sha256} with the dose of fraction {number} is missing or damaged: "
                "restore it from the backup"
            )
            raise MissingEvidenceError(msg) from error
