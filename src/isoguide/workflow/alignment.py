"""The answer of an alignment, as one immutable value: everything that is shown or written comes from here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

import numpy as np

from isoguide.course import AXES
from isoguide.errors import InputError
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.frames import Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.structure import Structure
from isoguide.images.volume import Volume
from isoguide.registration.markers import MarkerMatch
from isoguide.registration.radiographs.result import RadiographRegistration
from isoguide.registration.result import CHI_95_PER_AXIS, Registration, Verdict
from isoguide.workflow.implanted_markers import MarkerPlan
from isoguide.workflow.inputs import DailyInput, PlanningInput
from isoguide.workflow.radiographs.align_views import ViewsInput
from isoguide.workflow.request import AlignRequest
from isoguide.workflow.target import StructureResidual
from isoguide.workflow.treatment_setup import TreatmentSetup
from isoguide.workflow.ultrasound.align_input import UltrasoundInput

DayInput = DailyInput | ViewsInput | UltrasoundInput
"""The day's side of an alignment; each has ``path``, ``isocentre``, ``patient``, ``acquired_at``."""


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """The answer to an :class:`~isoguide.workflow.request.AlignRequest`.

    ``planning_from_daily`` and ``correction`` belong together and describe what the couch can do; they are
    None exactly when the verdict is "not available". ``unconstrained_correction`` is the 6-DoF correction
    where fewer degrees of freedom were asked for, and ``residuals`` what the difference leaves at the
    structures. ``covariance`` is that of (lateral, longitudinal, vertical, pitch, roll, yaw), (6, 6), mm
    and degrees. ``radiographs`` is the whole answer of a match of radiographs, ``markers`` that of a match by
    implanted markers with ``marker_plan``, where they were planned; None for other matches.
    """

    request: AlignRequest
    planning: PlanningInput
    daily: DayInput
    registration: Registration
    verdict: Verdict
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    planning_from_daily: RigidTransform | None = None
    correction: CouchCorrection | None = None
    covariance: Array | None = None
    unconstrained_correction: CouchCorrection | None = None
    target: Structure | None = None
    residuals: tuple[StructureResidual, ...] = ()
    timing_s: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    radiographs: RadiographRegistration | None = None
    markers: MarkerMatch | None = None
    marker_plan: MarkerPlan | None = None

    @property
    def daily_volume(self) -> Volume:
        """The day's image where it is a volume.

        Raises
        ------
        InputError
            If it is radiographs or ultrasound.
        """
        if isinstance(self.daily, DailyInput):
            return self.daily.volume
        msg = f"{self.daily.path} is no CT or cone-beam CT: give one of the day"
        raise InputError(msg)

    @property
    def setup(self) -> TreatmentSetup:
        """Both isocentres and the patient position."""
        return TreatmentSetup(
            self.planning.isocentre.xyz_mm, self.daily.isocentre.xyz_mm, self.planning.patient_position
        )

    @property
    def fixed_axes(self) -> tuple[str, ...]:
        """Names of the rotations that the couch cannot make."""
        return {3: ("Pitch", "Roll", "Yaw"), 4: ("Pitch", "Roll"), 6: ()}[self.request.degrees_of_freedom]

    @property
    def rotation_was_measured(self) -> bool:
        """False where too few markers agreed: the rotation is that of the set-up then."""
        return self.markers is None or self.markers.degrees_of_freedom == 6

    @property
    def half_widths(self) -> dict[str, float] | None:
        """95 % half widths by name of what was measured, None where the match has no uncertainty."""
        if self.covariance is None:
            return None
        deviations = np.sqrt(np.clip(np.diag(self.covariance), 0.0, None)) * CHI_95_PER_AXIS
        measured = AXES if self.rotation_was_measured else AXES[:3]
        return {name: float(value) for name, value in zip(measured, deviations, strict=False)}
