"""A signature under a decision, as the fraction takes it."""

from collections.abc import Sequence

from isoguide.course import DecisionRecord, Person
from isoguide.treatment import Approver


def approver_of(record: DecisionRecord, people: Sequence[Person]) -> Approver:
    """Return who answers for a decision, with the reason and who looked besides.

    Parameters
    ----------
    record
        As :func:`isoguide.treatment.signatures.require_signatures` returned it.
    people
        Those who signed.
    """
    signer = next(person for person in people if person.name == record.by)
    also = next((f"looked at by {person}" for person in people if person.name == record.second), "")
    words = "; ".join(part for part in (record.reason, also) if part)
    return Approver(str(signer), is_person=True, reason=words, role=str(signer.role))
