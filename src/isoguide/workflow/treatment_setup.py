"""The three things that turn a registration into a couch correction, kept together."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.spatial.transform import Rotation

from isoguide.geometry.correction import (
    CouchCorrection,
    constrained_correction,
    couch_correction,
    planning_from_daily_of,
    residual_displacement_mm,
)
from isoguide.geometry.frames import DAILY, PLANNING, Array, frozen_array
from isoguide.geometry.transforms import RigidTransform
from isoguide.plan import PatientPosition
from isoguide.workflow.request import DegreesOfFreedom

_DIFFERENCE: Final = 1e-4
"""Half width of the differences, mm and rad: rounding and curvature both stay far below 1e-6."""


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

    def constrained_jacobian(
        self, planning_from_daily: RigidTransform, degrees_of_freedom: DegreesOfFreedom, points_mm: Array
    ) -> Array:
        """Differentiate, (6, 6), the constrained correction by a small motion of the registration.

        Rows are lateral, longitudinal, vertical (mm), pitch, roll, yaw (deg). Columns are translation (mm)
        and rotation vector (rad) in planning LPS about the plan isocentre: ``exp(xi) @
        planning_from_daily``. Central differences; motions the couch cannot make give rows of zeros.
        """
        columns = []
        for step in np.eye(6) * _DIFFERENCE:
            ends = []
            for sign in (1.0, -1.0):
                moved = _small_motion(sign * step, self.plan_isocentre_mm) @ planning_from_daily
                correction = self.constrained(moved, degrees_of_freedom, points_mm)
                ends.append([getattr(correction, name) for name in correction.__slots__])
            columns.append((np.array(ends[0]) - np.array(ends[1])) / (2.0 * _DIFFERENCE))
        return np.column_stack(columns)

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


def _small_motion(xi: Array, centre_mm: Array) -> RigidTransform:
    """Build the motion of a shift (mm) and a rotation vector (rad) about a point of the planning frame."""
    rotation = Rotation.from_rotvec(xi[3:]).as_matrix()
    return RigidTransform.from_parts(PLANNING, PLANNING, rotation, xi[:3] + centre_mm - rotation @ centre_mm)
