"""One patient on one day: the truth of everything that is not as planned, at every moment of a fraction."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.displacement_field import DisplacementField
from isoguide.virtual.breathing import Breathing
from isoguide.virtual.displacement import Displacement
from isoguide.virtual.neck import NeckFlexion
from isoguide.virtual.organ_changes import OrganChanges
from isoguide.virtual.phantom import Phantom
from isoguide.virtual.prostate_motion import ProstateMotion
from isoguide.virtual.set_up_errors import SetUpErrors


@dataclass(frozen=True, slots=True, eq=False)
class PatientMoment:
    """Where every piece of tissue is at one moment.

    Tissue of planning position x has moved to ``field.moved(x)`` within the patient, who as a whole lies
    displaced by ``displacement``.

    Parameters
    ----------
    displacement
        How the patient lies, patient LPS, about the isocentre.
    field
        How his anatomy differs from the planning CT, planning LPS; None when it does not.
    """

    displacement: Displacement
    field: DisplacementField | None = None

    def moved(self, points_mm: Array) -> Array:
        """Return where the anatomy has moved within the patient, (n, 3) planning LPS; the rigid part is not in it."""
        points = np.atleast_2d(np.asarray(points_mm, dtype=np.float64))
        return points if self.field is None else self.field.moved(points)

    def daily_positions(self, points_mm: Array, *, isocentre_mm: Array, machine_isocentre_mm: Array) -> Array:
        """Return where tissue of planning positions (n, 3) lies in the day's frame, (n, 3) daily LPS."""
        return (
            self.planning_from_daily(isocentre_mm=isocentre_mm, machine_isocentre_mm=machine_isocentre_mm)
            .inverse()
            .apply(self.moved(points_mm))
        )

    def planning_from_daily(self, *, isocentre_mm: Array, machine_isocentre_mm: Array) -> RigidTransform:
        """Return the rigid part as :meth:`Displacement.planning_from_daily` does."""
        return self.displacement.planning_from_daily(
            isocentre_mm=isocentre_mm, machine_isocentre_mm=machine_isocentre_mm
        )


@dataclass(frozen=True, slots=True, eq=False)
class PatientDay:
    """How one patient is on one day.

    Parameters
    ----------
    number
        Fraction, counted from 1.
    displacement
        Set-up error: how the patient lies on the table, patient LPS, about the isocentre.
    anatomy
        What differs from the planning CT all day (filling, weight, tumour, neck); None when nothing does.
    numbers
        What was drawn, by name with unit (``set_up_left_mm``, ``bladder_ml``, ``neck_flexion_deg`` ...).
    """

    number: int
    displacement: Displacement
    anatomy: DisplacementField | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_still(self) -> bool:
        """True when nothing moves during the fraction, so that every moment is alike."""
        return True

    def moment(self, seconds: float) -> PatientMoment:
        """Return where everything is this many seconds after set-up (0 or later)."""
        return PatientMoment(self.displacement, self.anatomy)

    def moments(self, start_s: float, stop_s: float, count: int) -> tuple[PatientMoment, ...]:
        """Return moments at the middles of ``count`` equal parts of a span of time; one if the patient is still."""
        if self.is_still:
            return (self.moment(start_s),)
        step_s = (stop_s - start_s) / count
        return tuple(self.moment(start_s + (n + 0.5) * step_s) for n in range(count))


@dataclass(frozen=True, slots=True)
class CourseSettings:
    """What a patient is drawn from; None leaves a source of change out. The default is a course of rigid days."""

    set_up: SetUpErrors = field(default_factory=SetUpErrors)
    organs: OrganChanges | None = None
    neck: NeckFlexion | None = None
    breathing: Breathing | None = None
    prostate: ProstateMotion | None = None


def draw_days(
    patient: Phantom, settings: CourseSettings, fractions: int, rng: np.random.Generator
) -> tuple[PatientDay, ...]:
    """Draw the days of a patient's course.

    Parameters
    ----------
    patient
        Who is treated: anatomy and structures decide what can move.
    settings
        How large everything is.
    fractions
        How many days, at least 1.
    rng
        Everything random; the same state gives the same course.

    Raises
    ------
    InputError
        If fractions is below 1, or the patient has no structure that a setting needs.
    GeometryError
        If a displacement takes the target out of the image or would fold tissue.
    """
    return tuple(
        PatientDay(number, displacement)
        for number, displacement in enumerate(settings.set_up.draw(fractions, rng), start=1)
    )
