"""The one computation of the day's anatomy that the command, the course and the console share."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from isoguide.course.assessment import AssessmentRecord, FieldFigures, StructureOfDay
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.structure import Structure
from isoguide.images.volume import Volume
from isoguide.progress import Progress, silent
from isoguide.registration.deformable.result import DeformableRegistration, FieldVerdict
from isoguide.workflow.assess.request import DensityMethod


@dataclass(frozen=True, slots=True)
class NotAssessed:
    """A structure of the plan about which nothing can be said, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class PlannedAnatomy:
    """The planning side, prepared once and used for every day of a course.

    Parameters
    ----------
    volume
        Planning CT.
    structures
        What is assessed, planning LPS: the target first, then in the order of the plan.
    target_name
        The structure that is treated; None where the plan names none.
    not_assessed
        What cannot be assessed on any day: empty, on a single slice, outside the image.
    """

    volume: Volume
    structures: tuple[Structure, ...]
    target_name: str | None
    not_assessed: tuple[NotAssessed, ...]


@dataclass(frozen=True, slots=True, eq=False)
class DayAnatomy:
    """What there is of a day.

    Parameters
    ----------
    volume
        CT or cone-beam CT.
    planning_from_daily
        The rigid match.
    drawn
        Structures that somebody drew on the day's image, daily LPS; may be empty.
    """

    volume: Volume
    planning_from_daily: RigidTransform
    drawn: tuple[Structure, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class AnatomyOfDay:
    """Where target and organs are today, which size and shape they have, and whether to believe it.

    Parameters
    ----------
    found
        The displacement field on the rigid match.
    verdict, reasons
        Of the whole: that of the field, and what the figures say.
    approximations
        What is assumed rather than seen, one sentence each.
    target_name
        The structure that is treated; None where the plan names none.
    figures
        Quality of the field; None exactly when the verdict is "not available".
    structures
        The target first, then in the order of the plan; empty when the verdict is "not available".
    not_assessed
        Structures that are left out, with the reason.
    carried
        The assessed structures as they are today, daily LPS, on the slices of the day's image.
    """

    found: DeformableRegistration
    verdict: FieldVerdict
    reasons: tuple[str, ...]
    approximations: tuple[str, ...]
    target_name: str | None
    figures: FieldFigures | None
    structures: tuple[StructureOfDay, ...]
    not_assessed: tuple[NotAssessed, ...]
    carried: tuple[Structure, ...]

    @property
    def target(self) -> StructureOfDay | None:
        """The structure that is treated, where it could be assessed."""
        return next((one for one in self.structures if one.is_target), None)


def prepare_anatomy(
    volume: Volume,
    structures: Sequence[Structure],
    *,
    target_name: str | None,
    progress: Progress = silent,
) -> PlannedAnatomy:
    """Prepare the planning side; use it again for every day of the course.

    Parameters
    ----------
    volume
        Planning CT.
    structures
        What to assess, planning LPS; what cannot be assessed is set aside with the reason.
    target_name
        Which of them is treated, or None.
    """
    raise NotImplementedError


def assess_anatomy(
    planned: PlannedAnatomy,
    day: DayAnatomy,
    *,
    density: DensityMethod | None = None,
    progress: Progress = silent,
) -> AnatomyOfDay:
    """Find the day's displacement field, carry the structures and judge both.

    Raises
    ------
    Cancelled
        If ``progress`` asked to stop.
    """
    raise NotImplementedError


def assessment_record(
    anatomy: AnatomyOfDay, *, image_uid: str, assessed_at: datetime, alerts: tuple[str, ...] = ()
) -> AssessmentRecord:
    """Describe the day's anatomy as it is kept; ``assessed_at`` is aware UTC."""
    raise NotImplementedError
