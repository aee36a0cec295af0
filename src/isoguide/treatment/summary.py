"""A fraction in one line, as reviews read it: what the image called for, what was done, what was left."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from isoguide.course import FractionSummary, ImagingDose
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.frames import Array
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.treatment.match import Match, moved_since
from isoguide.treatment.memory import FractionMemory


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
        Standard deviation of the six numbers of the first match, (6,), None where it has none.
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

    Measured is the first answer of an image taken before the couch was moved by one. Applied is how the
    patient was moved by all corrections together. Residual is the last answer of an image taken after that.
    """
    before, after = _before_and_after_the_couch_moved(memory)
    first = next((match for match in before if match.proposal is not None), None)
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


def _before_and_after_the_couch_moved(memory: FractionMemory) -> tuple[Sequence[Match], Sequence[Match]]:
    made = memory.orders.carried_out
    if not made:
        return memory.matches, ()
    index = [match.image_uid for match in memory.matches].index(made[0].image_uid)
    return memory.matches[: index + 1], memory.matches[index + 1 :]
