"""Which doses of a course may be added up, and whether sums that were kept still hold.

A sum is of every fraction that was treated or it is not told: one that leaves out a day would look like a
course that has delivered less than it has.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Final

from isoguide.course import DoseRecord
from isoguide.errors import MissingEvidenceError
from isoguide.records import StoredFraction
from isoguide.registration.deformable.result import FieldVerdict
from isoguide.treatment.states import State
from isoguide.workflow.review.outdated_dose import UNDECIDED, correction_of, outdated_dose

NOT_TOLD: Final = "what the course has delivered so far is not told"
EXPECTED: Final = "what the course has delivered so far counts this fraction as if it was delivered in full"
WHOLE: Final = 0.99
"""Of the meterset of every beam: a fraction that got less was treated in part."""

_CUT_SHORT: Final = (
    "{} was stopped or a beam of it fell short, and the dose of its day is that of a whole fraction"
)

_NOT_TREATED_BY: Final = "the dose of fraction {} is that of an image by which nothing was treated"


class Given(StrEnum):
    """How much of a fraction was delivered."""

    NOTHING = "nothing"
    NOT_ENDED = "not ended"
    IN_PART = "in part"
    IN_FULL = "in full"


def given(stored: StoredFraction) -> Given:
    """Say how much of a fraction was delivered, by its state and the metersets of its beams."""
    state = stored.line.state
    if state in (State.DELIVERED, State.CLOSED):
        is_short = any(one.delivered_mu < WHOLE * one.planned_mu for one in stored.deliveries)
        return Given.IN_PART if is_short else Given.IN_FULL
    if not state.is_final:
        return Given.NOT_ENDED
    some = stored.summary.delivered_mu > 0.0 or any(one.delivered_mu > 0.0 for one in stored.deliveries)
    return Given.IN_PART if some else Given.NOTHING


def doses_to_add(
    earlier: Iterable[StoredFraction], stored: StoredFraction, record: DoseRecord
) -> tuple[tuple[int, DoseRecord], ...]:
    """Return fraction and dose of all that was treated before a fraction, in order.

    Parameters
    ----------
    earlier
        All fractions of the course before it.
    stored, record
        The fraction, and its dose.

    Raises
    ------
    MissingEvidenceError
        If one of them has no dose that can be added, or the fraction itself was not delivered in full.
    """
    number, own = stored.line.key.number, given(stored)
    if own is Given.IN_PART or own is Given.NOTHING:
        raise MissingEvidenceError(_CUT_SHORT.format(f"fraction {number}"))
    assumed = correction_of(stored, record.image_uid)[1]
    if assumed and (own is Given.IN_FULL or assumed != (UNDECIDED,)):
        raise MissingEvidenceError(_NOT_TREATED_BY.format(number))
    treated = (one for one in earlier if given(one) is not Given.NOTHING)
    found = ((one.line.key.number, _dose_to_add(one, record)) for one in treated)
    return tuple(sorted(found, key=lambda each: each[0]))


def _dose_to_add(stored: StoredFraction, like: DoseRecord) -> DoseRecord:
    why = _why_not_whole(stored) or _why_not_added(stored, like)
    if why:
        raise MissingEvidenceError(why)
    return stored.doses[-1]


def _why_not_whole(stored: StoredFraction) -> str:
    name, amount = f"fraction {stored.line.key.number}", given(stored)
    if amount is Given.NOT_ENDED:
        return f"{name} has not ended"
    if amount is Given.IN_PART:
        return _CUT_SHORT.format(name)
    return "" if stored.doses else f"{name} was treated and has no dose of its day"


def _why_not_added(stored: StoredFraction, like: DoseRecord) -> str:
    name, record = f"the dose of fraction {stored.line.key.number}", stored.doses[-1]
    outdated = outdated_dose(stored, record)
    if outdated:
        return f"{name} does not hold any more ({outdated})"
    if record.verdict == FieldVerdict.NOT_AVAILABLE:
        return f"{name} is not available"
    if correction_of(stored, record.image_uid)[1]:
        return _NOT_TREATED_BY.format(stored.line.key.number)
    if _how(record) != _how(like):
        return f"{name} was computed by other beam data or another algorithm: compute both alike"
    return "" if record.carried_sha256 else f"{name} was not kept in the planning anatomy: compute it again"


def _how(record: DoseRecord) -> tuple[str, str]:
    return record.algorithm, record.beam_data_sha256


def sums_as_they_stand(
    earlier: Sequence[StoredFraction], stored: StoredFraction, record: DoseRecord
) -> DoseRecord:
    """Return a dose without its sums where they do not hold any more; parameters as :func:`doses_to_add`.

    They do not when this dose or that of an earlier fraction does not hold, or one was not delivered in full.
    """
    if not record.fractions_so_far:
        return record
    outdated = outdated_dose(stored, record)
    if outdated:
        return without_sums(record, outdated)
    try:
        added = doses_to_add(earlier, stored, record)
    except MissingEvidenceError as error:
        return without_sums(record, str(error))
    anew = [number for number, one in added if one.computed_at > record.computed_at]
    if anew:
        return without_sums(
            record, f"the dose of fraction {anew[0]} was computed anew: compute this one again"
        )
    if len(added) + 1 != record.fractions_so_far:
        return without_sums(record, "other fractions were treated than it holds: compute this dose again")
    return record


def without_sums(record: DoseRecord, why: str) -> DoseRecord:
    """Return a dose that says why there are no sums, and has none."""
    return replace(
        record,
        fractions_so_far=0,
        structures=tuple(
            replace(
                one,
                accumulated_mean_gy=None,
                accumulated_d95_gy=None,
                accumulated_d2_gy=None,
                accumulated_sigma_gy=None,
            )
            for one in record.structures
        ),
        approximations=tuple(one for one in record.approximations if one != EXPECTED)
        + (f"{NOT_TOLD}: {why}",),
    )
