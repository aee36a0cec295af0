"""What a fraction leaves behind, as it is kept: images, matches, decisions, what was delivered.

Six numbers are always (lateral, longitudinal, vertical, pitch, roll, yaw) of
:class:`~isoguide.geometry.correction.CouchCorrection`, mm and degrees, IEC 61217.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.frames import Array, frozen_array
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.registration import Verdict

AXES: Final = ("lateral_mm", "longitudinal_mm", "vertical_mm", "pitch_deg", "roll_deg", "yaw_deg")
"""The six numbers in their order."""


@dataclass(frozen=True, slots=True)
class ImagingDose:
    """What an exposure cost: a number means nothing without its metric, such as "CTDIw, mGy"."""

    value: float
    metric: str


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One valid image of a fraction.

    ``uid`` is that of the exposure (series or SOP instance), ``sha256`` of its file or files in the image
    store (one each), ``model`` how it came about.
    """

    uid: str
    model: str
    started_at: datetime
    acquired_at: datetime
    couch: TableTopPose
    sha256: tuple[str, ...] = ()
    dose: ImagingDose | None = None


@dataclass(frozen=True, slots=True, eq=False)
class MatchRecord:
    """What the registration of one image said.

    Parameters
    ----------
    image_uid
        Of which image.
    verdict, reasons
        Of the registration.
    planning_from_daily
        (4, 4), daily LPS to planning LPS; None exactly when the verdict is "not available".
    correction
        What this couch can do about it; None likewise.
    deviation
        Standard deviation of the six numbers, (6,); None where the match has none.
    pose
        Where the couch has to be for it.
    residual_mm
        What the correction leaves at the target.
    needs_person
        Why a person has to look.
    algorithm, version, settings_sha256
        What found it.
    """

    image_uid: str
    verdict: Verdict
    reasons: tuple[str, ...]
    planning_from_daily: Array | None
    correction: CouchCorrection | None
    deviation: Array | None
    pose: TableTopPose | None
    residual_mm: float
    needs_person: tuple[str, ...]
    algorithm: str
    version: str
    settings_sha256: str

    def __post_init__(self) -> None:
        for name, shape in (("planning_from_daily", (4, 4)), ("deviation", (6,))):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, frozen_array(value, shape, name))


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """What was decided about a match, by which rule, and who signed.

    ``action`` is a value of :class:`isoguide.course.protocol.ProtocolAction`. ``role`` is empty where no
    person signed. ``is_override`` is True where the person did otherwise than the protocol says; then
    ``reason`` is never empty. ``proposed`` is what the protocol said.
    """

    action: str
    rule: str
    proposed: str
    by: str
    role: str = ""
    second: str = ""
    is_override: bool = False
    reason: str = ""
    image_uid: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """What was delivered of one beam; ``ended`` is NORMAL, OPERATOR, MACHINE or UNKNOWN (PS3.3 C.8.8.21)."""

    beam_number: int
    beam_name: str
    planned_mu: float
    delivered_mu: float
    ended: str = "NORMAL"
