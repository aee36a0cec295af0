"""Does an image show this patient, in this fraction, as he lies now? Each way not to has its own reason."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from isoguide.geometry.iec61217 import TableTopPose
from isoguide.treatment.couch_check import out_of_place
from isoguide.treatment.limits import CouchLimits
from isoguide.treatment.match import PlannedPosition
from isoguide.treatment.ports import DayImage, Exposure
from isoguide.treatment.refusals import StaleImageError


@dataclass(frozen=True, slots=True)
class Moment:
    """What an image has to be of: aware UTC times, and the couch as it is read now.

    ``fraction_began_at`` is when the patient was being set up, ``couch_stopped_at`` when the couch last
    stopped, ``asked_at`` when this exposure was asked for; ``known_uids`` are those of all images before.
    """

    fraction_began_at: datetime
    couch_stopped_at: datetime
    asked_at: datetime
    now: datetime
    couch: TableTopPose
    known_uids: Collection[str]


def require_current(image: DayImage, planned: PlannedPosition, moment: Moment, limits: CouchLimits) -> None:
    """Refuse an image that does not show this patient as he lies now.

    Raises
    ------
    StaleImageError
        The message says which of the checks failed.
    """
    raise_first(
        image,
        (
            (
                image.patient_id != planned.patient_id,
                f"is of the patient '{image.patient_id}', not of '{planned.patient_id}'",
            ),
            (
                image.patient_position != planned.patient_position,
                f"was taken in the position {image.patient_position}, the plan is for "
                f"{planned.patient_position}",
            ),
            (image.uid in moment.known_uids, "was seen before: the imager repeats an old image"),
            (
                image.started_at < moment.fraction_began_at,
                f"is of another fraction: it was begun {image.started_at:%Y-%m-%d %H:%M:%S}, before this one",
            ),
            (
                image.started_at < moment.couch_stopped_at,
                f"was begun {image.started_at:%H:%M:%S.%f}, before the couch last stopped "
                f"{moment.couch_stopped_at:%H:%M:%S.%f}",
            ),
            (
                image.started_at < moment.asked_at,
                "was begun before it was asked for: the imager repeats an old image",
            ),
            (image.acquired_at > moment.now, "ends in the future: the clocks of imager and room disagree"),
        ),
    )
    differences = out_of_place(image.couch, moment.couch, limits)
    raise_first(
        image, ((bool(differences), f"was taken with the couch elsewhere ({'; '.join(differences)})"),)
    )


def require_young(image: Exposure, age_s: float, limit_s: float) -> None:
    """Refuse an image that is too old to act on.

    Raises
    ------
    StaleImageError
        If it is older than the limit.
    """
    raise_first(image, ((age_s > limit_s, f"is {age_s:.0f} s old, more than {limit_s:g} s"),))


def raise_first(image: DayImage | Exposure, checks: tuple[tuple[bool, str], ...]) -> None:
    """Raise for the first check that failed.

    Raises
    ------
    StaleImageError
        Names the image and the reason.
    """
    for failed, reason in checks:
        if failed:
            msg = f"image {image.uid} {reason}; take a new one"
            raise StaleImageError(msg)
