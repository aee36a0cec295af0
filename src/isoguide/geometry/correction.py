"""The couch correction that brings the patient of today to where the plan wants him.

Convention: **translate first, then rotate about the machine isocentre.** A point of the patient at ``x`` in
IEC fixed goes to ``Rc (x + d)`` with ``d`` = (lateral, longitudinal, vertical) and ``Rc = Rz(yaw) Rx(pitch)
Ry(roll)``. A device that rotates before it translates needs ``Rc d`` instead. Positive: lateral +X,
longitudinal towards the gantry, vertical up, pitch raises the gantry end of the table, roll lowers the +X
side, yaw is counter-clockwise seen from above.

The 4×4 matrix is the record; angles are a display product that always carries their order.

Source: DICOM PS3.3 C.20.2.1.1 (registration matrix), C.8.8.14.12 (table top angles).
"""

import math
from dataclasses import dataclass
from typing import Final, Literal, Self

import numpy as np

from isoguide.errors import GeometryError
from isoguide.geometry.frames import FIXED, Array, frozen_array
from isoguide.geometry.iec61217 import (
    angles_iec,
    fixed_from_daily,
    fixed_from_planning,
    iec_from_lps,
    rotation_iec,
)
from isoguide.geometry.transforms import RigidTransform, rotation_x, rotation_z
from isoguide.units import wrap_deg

ANGLE_ORDER: Final = "translate first, then R = Rz(yaw) Rx(pitch) Ry(roll) about the machine isocentre"
"""The label that goes wherever the angles are shown or written."""

SMALLEST_SPREAD_MM: Final = 1.0
"""Target points that spread less across the couch than this (root mean square) say nothing about yaw."""


@dataclass(frozen=True, slots=True)
class CouchCorrection:
    """How the couch has to move, in IEC fixed axes: translate, then rotate about the machine isocentre.

    Angles are brought into (-180°, 180°], because 358.03° is a legal way to write -1.97°.

    Raises
    ------
    GeometryError
        If a value is not finite.
    """

    lateral_mm: float
    longitudinal_mm: float
    vertical_mm: float
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    yaw_deg: float = 0.0

    def __post_init__(self) -> None:
        # Not frozen_array: reviews read tens of thousands of corrections.
        if not all(map(math.isfinite, map(self.__getattribute__, self.__slots__))):
            msg = "the couch correction holds a value that is not a finite number"
            raise GeometryError(msg)
        for name in ("pitch_deg", "roll_deg", "yaw_deg"):
            object.__setattr__(self, name, wrap_deg(getattr(self, name)))

    @classmethod
    def from_parts(cls, rotation: Array, shift_mm: Array) -> Self:
        """Build from the rotation ``Rc`` (3, 3) and the shift ``d`` (3,) in mm that is made before it."""
        yaw_deg, pitch_deg, roll_deg = angles_iec(rotation)
        lateral_mm, longitudinal_mm, vertical_mm = (float(value) + 0.0 for value in shift_mm)
        return cls(lateral_mm, longitudinal_mm, vertical_mm, pitch_deg, roll_deg, yaw_deg)

    @classmethod
    def from_transform(cls, fixed_from_fixed: RigidTransform) -> Self:
        """Build from the motion of the patient in the room; the inverse of :attr:`fixed_from_fixed`.

        Raises
        ------
        GeometryError
            If the transform is not between IEC fixed and IEC fixed, or pitches by ±90°.
        """
        if (fixed_from_fixed.to_frame, fixed_from_fixed.from_frame) != (FIXED, FIXED):
            frames = f"'{fixed_from_fixed.to_frame} from {fixed_from_fixed.from_frame}'"
            msg = f"a couch correction is a motion in '{FIXED}', but the transform given is {frames}"
            raise GeometryError(msg)
        rotation = fixed_from_fixed.rotation
        return cls.from_parts(rotation, rotation.T @ fixed_from_fixed.translation_mm)

    @property
    def shift_mm(self) -> Array:
        """``d`` = (lateral, longitudinal, vertical) along IEC fixed X, Y, Z, shape (3,), in mm."""
        return np.array([self.lateral_mm, self.longitudinal_mm, self.vertical_mm])

    @property
    def rotation(self) -> Array:
        """``Rc = Rz(yaw) Rx(pitch) Ry(roll)``, shape (3, 3)."""
        return rotation_iec(self.yaw_deg, self.pitch_deg, self.roll_deg)

    @property
    def fixed_from_fixed(self) -> RigidTransform:
        """The motion of the patient, ``C = [Rc | Rc d]``: from where he is to where he will be."""
        rotation = self.rotation
        return RigidTransform.from_parts(FIXED, FIXED, rotation, rotation @ self.shift_mm)

    def shift_along_table_mm(self, support_deg: float) -> Array:
        """Return the same shift along the axes of a table turned by ``support_deg``, (3,) mm.

        The table drives ride on the turntable, so a shift of the room is another one of the drives.
        """
        return rotation_z(-support_deg) @ self.shift_mm

    def turned_with_couch(self, support_deg: float) -> "CouchCorrection":
        """Return the same correction of the patient once the couch is turned by ``support_deg`` (couch kick).

        Patient, error and correction turn together: what the drives have to do stays the same, what it looks
        like in the room does not.
        """
        kick = rotation_z(support_deg)
        return CouchCorrection.from_parts(kick @ self.rotation @ kick.T, kick @ self.shift_mm)


def couch_correction(
    planning_from_daily: RigidTransform,
    *,
    plan_isocentre_mm: Array,
    machine_isocentre_mm: Array,
    patient_position: str,
) -> CouchCorrection:
    """Return the 6-DoF correction that makes the registered patient coincide with the plan.

    With a rotation in it, the shift belongs to this isocentre only: compute one per isocentre, never reuse
    it.

    Parameters
    ----------
    planning_from_daily
        The registration, daily LPS to planning LPS (the direction of a DICOM Spatial Registration).
    plan_isocentre_mm
        (3,), planning LPS.
    machine_isocentre_mm
        (3,), the machine isocentre in the daily image's LPS coordinates.
    patient_position
        DICOM PatientPosition of the plan.

    Raises
    ------
    GeometryError
        If the frames, the position or the isocentres do not fit.
    """
    wanted = fixed_from_planning(patient_position, plan_isocentre_mm) @ planning_from_daily
    present = fixed_from_daily(patient_position, machine_isocentre_mm)
    return CouchCorrection.from_transform(wanted @ present.inverse())


def planning_from_daily_of(
    correction: CouchCorrection,
    *,
    plan_isocentre_mm: Array,
    machine_isocentre_mm: Array,
    patient_position: str,
) -> RigidTransform:
    """Return the registration that calls for this correction: the inverse of :func:`couch_correction`.

    Parameters and errors are those of :func:`couch_correction`.
    """
    planned = fixed_from_planning(patient_position, plan_isocentre_mm)
    present = fixed_from_daily(patient_position, machine_isocentre_mm)
    return planned.inverse() @ correction.fixed_from_fixed @ present


def constrained_correction(
    planning_from_daily: RigidTransform,
    *,
    degrees_of_freedom: Literal[3, 4, 6],
    target_points_mm: Array,
    plan_isocentre_mm: Array,
    machine_isocentre_mm: Array,
    patient_position: str,
) -> CouchCorrection:
    """Return the correction that a couch with fewer degrees of freedom should make.

    It is solved, not truncated: the sum of the squared residual displacements of the target points is the
    least that 3 translations, or 3 translations and yaw, can reach. Both have a closed form (for yaw the
    planar case of Kabsch, Acta Cryst. A32:922, 1976). Where the points do not spread across the couch (a
    single point) they say nothing about yaw: it is then the one that fits a small ball around them.

    Parameters
    ----------
    planning_from_daily, plan_isocentre_mm, machine_isocentre_mm, patient_position
        As for :func:`couch_correction`.
    degrees_of_freedom
        3 (translations), 4 (and yaw) or 6 (exact; the points play no part).
    target_points_mm
        (n, 3), planning LPS, n ≥ 1: points of the target, or the isocentre.

    Raises
    ------
    GeometryError
        If the number of degrees of freedom is another, or no point is given.
    """
    full = couch_correction(
        planning_from_daily,
        plan_isocentre_mm=plan_isocentre_mm,
        machine_isocentre_mm=machine_isocentre_mm,
        patient_position=patient_position,
    )
    if degrees_of_freedom == 6:
        return full
    if degrees_of_freedom not in (3, 4):
        msg = f"a couch has 3, 4 or 6 degrees of freedom, not {degrees_of_freedom}"
        raise GeometryError(msg)
    wanted_mm = _in_room(target_points_mm, plan_isocentre_mm, patient_position)
    present_mm = full.fixed_from_fixed.inverse().apply(wanted_mm)
    rotation = np.eye(3)
    if degrees_of_freedom == 4:
        rotation = _best_yaw(wanted_mm, present_mm, full.rotation)
    return CouchCorrection.from_parts(rotation, rotation.T @ wanted_mm.mean(axis=0) - present_mm.mean(axis=0))


def _in_room(points_mm: Array, plan_isocentre_mm: Array, patient_position: str) -> Array:
    points = frozen_array(points_mm, (-1, 3), "points of the target")
    if len(points) == 0:
        msg = "no target point was given: give the isocentre or points of a structure"
        raise GeometryError(msg)
    return fixed_from_planning(patient_position, plan_isocentre_mm).apply(points)


def _best_yaw(wanted_mm: Array, present_mm: Array, rotation: Array) -> Array:
    """Rotation about Z (3, 3) that best brings the present points to the wanted ones, both centred."""
    wanted = (wanted_mm - wanted_mm.mean(axis=0))[:, :2]
    present = (present_mm - present_mm.mean(axis=0))[:, :2]
    cosine = float((wanted * present).sum())
    sine = float((present[:, 0] * wanted[:, 1] - present[:, 1] * wanted[:, 0]).sum())
    if np.hypot(cosine, sine) < len(wanted) * SMALLEST_SPREAD_MM**2:
        cosine, sine = rotation[0, 0] + rotation[1, 1], rotation[1, 0] - rotation[0, 1]
    return rotation_z(float(np.rad2deg(np.arctan2(sine, cosine))))


def residual_displacement_mm(
    planning_from_daily: RigidTransform,
    correction: CouchCorrection,
    points_mm: Array,
    *,
    plan_isocentre_mm: Array,
    machine_isocentre_mm: Array,
    patient_position: str,
) -> Array:
    """Return where tissue ends up after the correction minus where it should be.

    Parameters
    ----------
    planning_from_daily, plan_isocentre_mm, machine_isocentre_mm, patient_position
        As for :func:`couch_correction`.
    correction
        What the couch does; a correction of zeros gives today's displacement.
    points_mm
        (n, 3), planning LPS; ``structure.points_mm`` for a structure.

    Returns
    -------
    Array
        (n, 3), mm along the IEC fixed axes (lateral, longitudinal, vertical).

    Raises
    ------
    GeometryError
        If no point is given, or as for :func:`couch_correction`.
    """
    needed = couch_correction(
        planning_from_daily,
        plan_isocentre_mm=plan_isocentre_mm,
        machine_isocentre_mm=machine_isocentre_mm,
        patient_position=patient_position,
    )
    wanted_mm = _in_room(points_mm, plan_isocentre_mm, patient_position)
    present_mm = needed.fixed_from_fixed.inverse().apply(wanted_mm)
    return correction.fixed_from_fixed.apply(present_mm) - wanted_mm


def correction_covariance(
    covariance_planning_lps: Array, planning_from_daily: RigidTransform, patient_position: str
) -> Array:
    """Return the covariance of the couch correction that follows from that of the registration.

    To first order, exactly: with the true transform ``exp(xi) @ estimate`` and xi = (u, w) about the plan
    isocentre, the shift changes by ``Rcᵀ B u`` and the rotation ``Rc`` by a small turn ``B w`` on its
    left, which the columns ``Rz x``, ``Rz Rx y`` and ``z`` distribute over pitch, roll and yaw.

    Parameters
    ----------
    covariance_planning_lps
        (6, 6) of xi: translation (mm) first, then rotation vector (rad), planning LPS axes, about the plan
        isocentre.
    planning_from_daily
        The estimate.
    patient_position
        DICOM PatientPosition of the plan.

    Returns
    -------
    Array
        (6, 6) for lateral, longitudinal, vertical (mm), pitch, roll, yaw (deg).

    Raises
    ------
    GeometryError
        If the matrix is not a covariance, or the position is not supported.
    """
    covariance = frozen_array(covariance_planning_lps, (6, 6), "the covariance of the registration")
    _refuse_unless_covariance(covariance)
    lps = iec_from_lps(patient_position)
    rotation = lps @ planning_from_daily.rotation @ lps.T
    yaw_deg, pitch_deg, _ = angles_iec(rotation)
    yaw, pitch = rotation_z(yaw_deg), rotation_x(pitch_deg)
    turn_from_angles = np.column_stack([yaw[:, 0], (yaw @ pitch)[:, 1], [0.0, 0.0, 1.0]])
    jacobian = np.zeros((6, 6))
    jacobian[:3, :3] = rotation.T @ lps
    jacobian[3:, 3:] = np.rad2deg(np.linalg.solve(turn_from_angles, lps))
    propagated: Array = jacobian @ covariance @ jacobian.T
    return propagated


def _refuse_unless_covariance(covariance: Array) -> None:
    # Rounding leaves a relative 1e-12 or so; 1e-6 of the largest entry is far above it and far below a
    # mistake.
    tolerance = 1e-6 * float(np.abs(covariance).max())
    symmetric = np.abs(covariance - covariance.T).max() <= tolerance
    if not symmetric or np.linalg.eigvalsh(covariance).min() < -tolerance:
        msg = "the covariance of the registration is not symmetric with variances of zero or more"
        raise GeometryError(msg)
