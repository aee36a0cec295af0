"""The three things that turn a registration into a couch correction, kept together."""

from dataclasses import dataclass

from isoguide.geometry.correction import (
    CouchCorrection,
    constrained_correction,
    couch_correction,
    planning_from_daily_of,
    residual_displacement_mm,
)
from isoguide.geometry.frames import DAILY, PLANNING, Array, frozen_array
from isoguide.geometry.iec61217 import iec_from_lps
from isoguide.geometry.transforms import RigidTransform
from isoguide.plan import PatientPosition
from isoguide.workflow.request import DegreesOfFreedom


@dataclass(frozen=True, slots=True, eq=False)
class TreatmentSetup:
    """Where the isocentre is in the plan, where the machine's is on the day, and how the patient lies.

    Points are (3,) mm, in planning LPS and in daily LPS.
    """

    plan_isocentre_mm: Array
    machine_isocentre_mm: Array
    patient_position: PatientPosition

    def __post_init__(self) -> None:
        for name in ("plan_isocentre_mm", "machine_isocentre_mm"):
            object.__setattr__(self, name, frozen_array(getattr(self, name), (3,), name))

    @property
    def uncorrected(self) -> RigidTransform:
        """The day's image on the plan as the patient lies now: isocentre on isocentre."""
        offset_mm = self.plan_isocentre_mm - self.machine_isocentre_mm
        return RigidTransform.translation(PLANNING, DAILY, offset_mm)

    @property
    def yaw_axis_lps(self) -> tuple[float, float, float]:
        """The vertical axis of the room in planning LPS."""
        x, y, z = (float(value) for value in iec_from_lps(self.patient_position)[2])
        return x, y, z

    def correction(self, planning_from_daily: RigidTransform) -> CouchCorrection:
        """6-DoF correction of :func:`isoguide.geometry.correction.couch_correction`."""
        return couch_correction(
            planning_from_daily,
            plan_isocentre_mm=self.plan_isocentre_mm,
            machine_isocentre_mm=self.machine_isocentre_mm,
            patient_position=self.patient_position,
        )

    def constrained(
        self, planning_from_daily: RigidTransform, degrees_of_freedom: DegreesOfFreedom, points_mm: Array
    ) -> CouchCorrection:
        """Correction that serves points (n, 3) of the target best with fewer degrees of freedom."""
        return constrained_correction(
            planning_from_daily,
            degrees_of_freedom=degrees_of_freedom,
            target_points_mm=points_mm,
            plan_isocentre_mm=self.plan_isocentre_mm,
            machine_isocentre_mm=self.machine_isocentre_mm,
            patient_position=self.patient_position,
        )

    def realised(self, correction: CouchCorrection) -> RigidTransform:
        """``planning_from_daily`` as a correction realises it."""
        return planning_from_daily_of(
            correction,
            plan_isocentre_mm=self.plan_isocentre_mm,
            machine_isocentre_mm=self.machine_isocentre_mm,
            patient_position=self.patient_position,
        )

    def residual_mm(
        self, planning_from_daily: RigidTransform, correction: CouchCorrection, points_mm: Array
    ) -> Array:
        """Where tissue at points (n, 3) ends up minus where it should be, (n, 3), IEC axes."""
        return residual_displacement_mm(
            planning_from_daily,
            correction,
            points_mm,
            plan_isocentre_mm=self.plan_isocentre_mm,
            machine_isocentre_mm=self.machine_isocentre_mm,
            patient_position=self.patient_position,
        )
