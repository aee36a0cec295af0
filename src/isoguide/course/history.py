"""A course as reviews read it: six numbers a fraction, and what was done about them."""

from dataclasses import dataclass, field
from datetime import datetime

from isoguide.course.fraction_record import ImagingDose
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.frames import Array, frozen_array


@dataclass(frozen=True, slots=True, eq=False)
class FractionSummary:
    """One fraction.

    Parameters
    ----------
    number
        Counted from 1.
    at
        When it began, aware UTC.
    state
        "closed", "stopped", or where it is.
    measured
        The correction that the first usable image called for from the set-up position; None without one.
        It is minus the set-up error.
    deviation
        Standard deviation of the measurement, (6,); None where unknown.
    applied
        What the couch was sent to do in all; None where it was not moved after the image.
    residual
        What the last image, taken after the couch had been moved, still called for; None without one.
    offline
        The systematic correction that was already in the set-up position; None for none.
    action, rule
        The decision about the first usable image, and the rule that decided.
    overrides
        Reasons for which somebody did otherwise than the protocol says.
    images
        How many exposures.
    doses
        Of the exposures.
    delivered_mu
        Over all beams.
    """

    number: int
    at: datetime
    state: str
    measured: CouchCorrection | None = None
    deviation: Array | None = None
    applied: CouchCorrection | None = None
    residual: CouchCorrection | None = None
    offline: CouchCorrection | None = None
    action: str = ""
    rule: str = ""
    overrides: tuple[str, ...] = ()
    images: int = 0
    doses: tuple[ImagingDose, ...] = ()
    delivered_mu: float = 0.0

    def __post_init__(self) -> None:
        if self.deviation is not None:
            object.__setattr__(self, "deviation", frozen_array(self.deviation, (6,), "the deviation"))


@dataclass(frozen=True, slots=True, eq=False)
class CourseHistory:
    """One course with all its fractions in order; ``device`` is the main accessory that holds the patient."""

    course_id: str
    patient: str
    site: str
    machine: str
    protocol: str
    device: str = ""
    fractions_planned: int | None = None
    fractions: tuple[FractionSummary, ...] = field(default=())
