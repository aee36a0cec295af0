"""A fraction in one line, as reviews read it: what the image called for, what was done, what was left."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from isoguide.course import FractionSummary, ImagingDose, MatchRecord
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.frames import Array
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.treatment.match import Match, moved_since
from isoguide.treatment.memory import FractionMemory

_M = TypeVar("_M", Match, MatchRecord)


@dataclass(frozen=True, slots=True, eq=False)
class Circumstances:
    """What the memory of a fraction does not hold.

    Parameters
    ----------
    number, began_at
        Of the fraction.
    set_up_pose
        Where the couch was before any correction by an image.
    offline
        The systematic correction that is in it, None for none.
    deviation
        Standard deviation of the six numbers measured, (6,), None where it is not known.
    action, rule
        The decision about the first usable image.
    overrides
        Reasons for which somebody did otherwise than the protocol says.
    doses
        Of the exposures.
    """

    number: int
    began_at: datetime
    set_up_pose: TableTopPose
    offline: CouchCorrection | None = None
    deviation: Array | None = None
    action: str = ""
    rule: str = ""
    overrides: tuple[str, ...] = ()
    doses: tuple[ImagingDose, ...] = field(default=())


def summary_of(memory: FractionMemory, known: Circumstances) -> FractionSummary:
    """Return the fraction in one line, at any moment of it.

    Measured is the answer of the first image with one, taken before the couch was moved by it; of an image
    that was matched several times, by the engine and by hand, the last match counts. Applied is how the
    patient was moved by all corrections together. Residual is the last answer of an image taken after that.
    """
    before, after = _before_and_after_the_couch_moved(memory)
    first = next((match for match in standing(before) if match.proposal is not None), None)
    status = memory.beam.last
    return FractionSummary(
        number=known.number,
        at=known.began_at,
        state=memory.state.value,
        measured=first.correction if first is not None else None,
        deviation=known.deviation if first is not None else None,
        applied=moved_since(known.set_up_pose, memory.destination) if memory.corrections else None,
        residual=after[-1].correction if after else None,
        offline=known.offline,
        action=known.action,
        rule=known.rule,
        overrides=known.overrides,
        images=memory.exposures,
        doses=known.doses,
        delivered_mu=status.delivered_mu if status is not None else 0.0,
    )


def standing(matches: Sequence[_M]) -> tuple[_M, ...]:
    """Return the last match of each image, in the order of the images."""
    return tuple({match.image_uid: match for match in matches}.values())


def _before_and_after_the_couch_moved(memory: FractionMemory) -> tuple[Sequence[Match], Sequence[Match]]:
    made = memory.orders.carried_out
    if not made:
        return memory.matches, ()
    after = 1 + max(
        index for index, match in enumerate(memory.matches) if match.image_uid == made[0].image_uid
    )
    return memory.matches[:after], memory.matches[after:]
