"""The IEC 61217 chain of coordinate systems, and where a lying patient is in it.

Every step is a transform ``<parent>_from_<child>``; ``.inverse()`` is the way down and ``@`` joins steps. The
X axis of the room points to the right of an observer who faces the gantry, Y from the isocentre to the
gantry, Z up. All rotations are right-handed: ``rotation_y(90) @ z == x`` puts the source of a gantry at 90°
on the +X side.

Sources: IEC 61217 as DICOM PS3.3 defers to it: C.8.8.14.12 (table top pitch and roll), C.8.8.2 (image
receptor), C.8.8.25.6 (IEC coordinates describe the machine, never the patient).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from isoguide.errors import GeometryError
from isoguide.geometry.frames import (
    BEAM_LIMITING_DEVICE,
    DAILY,
    FIXED,
    GANTRY,
    PATIENT_SUPPORT,
    PLANNING,
    TABLE_TOP,
    TABLE_TOP_ECCENTRIC,
    XRAY_IMAGE_RECEPTOR,
    Array,
    frozen_array,
)
from isoguide.geometry.transforms import RigidTransform, rotation_x, rotation_y, rotation_z
from isoguide.units import wrap_deg

_LEFT, _POSTERIOR, _SUPERIOR = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
_RIGHT, _ANTERIOR, _INFERIOR = (-1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, -1.0)

_ROOM_AXES: Final = {
    "HFS": (_LEFT, _SUPERIOR, _ANTERIOR),
    "HFP": (_RIGHT, _SUPERIOR, _POSTERIOR),
    "HFDR": (_POSTERIOR, _SUPERIOR, _LEFT),
    "HFDL": (_ANTERIOR, _SUPERIOR, _RIGHT),
    "FFS": (_RIGHT, _INFERIOR, _ANTERIOR),
    "FFP": (_LEFT, _INFERIOR, _POSTERIOR),
    "FFDR": (_ANTERIOR, _INFERIOR, _LEFT),
    "FFDL": (_POSTERIOR, _INFERIOR, _RIGHT),
}
"""Where room X, Y, Z point in the patient, couch at 0°; "decubitus right" lies on the right side."""

PATIENT_POSITIONS: Final = tuple(_ROOM_AXES)
"""The DICOM PatientPosition codes with a known room orientation; all others are refused."""

GIMBAL_TOLERANCE: Final = 1e-6
"""Below this cosine of the pitch, yaw and roll turn about the same axis and cannot be told apart."""


def iec_from_lps(position: str) -> Array:
    """Return the rotation (3, 3) from patient LPS axes to IEC fixed axes, couch at 0°.

    Its rows are the room axes X, Y, Z written in the patient's LPS axes.

    Parameters
    ----------
    position
        DICOM PatientPosition (0018,5100) of the plan's patient setup.

    Raises
    ------
    GeometryError
        If the position is not one of :data:`PATIENT_POSITIONS`, such as SITTING.
    """
    if position not in _ROOM_AXES:
        known = ", ".join(PATIENT_POSITIONS)
        msg = f"the patient position '{position}' has no known axes in the room; use a plan in {known}"
        raise GeometryError(msg)
    return np.array(_ROOM_AXES[position])


def rotation_iec(yaw_deg: float, pitch_deg: float, roll_deg: float) -> Array:
    """Return the rotation (3, 3) ``Rz(yaw) Rx(pitch) Ry(roll)``, the order of the IEC table top."""
    return rotation_z(yaw_deg) @ rotation_x(pitch_deg) @ rotation_y(roll_deg)


def angles_iec(rotation: Array) -> tuple[float, float, float]:
    """Return yaw, pitch and roll in degrees of a rotation (3, 3): the inverse of :func:`rotation_iec`.

    Pitch is within ±90°, yaw and roll within (-180°, 180°].

    Raises
    ------
    GeometryError
        If the pitch is ±90°, where yaw and roll are not defined.
    """
    sine, cosine = float(rotation[2, 1]), float(np.hypot(rotation[0, 1], rotation[1, 1]))
    if cosine < GIMBAL_TOLERANCE:
        msg = "a pitch of ±90° leaves yaw and roll undefined; no couch does this, so check the registration"
        raise GeometryError(msg)
    yaw_rad = np.arctan2(-rotation[0, 1], rotation[1, 1])
    # The arc tangent keeps all digits where the arc sine of the textbook formula loses half of them.
    pitch_rad = np.arctan2(sine, cosine)
    roll_rad = np.arctan2(-rotation[2, 0], rotation[2, 2])
    # Adding zero turns the -0.0 that a display would show as "-0.0°" into 0.0.
    yaw_deg, pitch_deg, roll_deg = (float(np.rad2deg(rad)) + 0.0 for rad in (yaw_rad, pitch_rad, roll_rad))
    return wrap_deg(yaw_deg), pitch_deg, wrap_deg(roll_deg)


@dataclass(frozen=True, slots=True)
class TableTopPose:
    """Readings of the couch drives: absolute IEC values, mm and degrees.

    Parameters
    ----------
    lateral_mm, longitudinal_mm, vertical_mm
        Position of the table-top origin along the axes of the table-top eccentric system.
    pitch_deg, roll_deg
        Turn about the table-top origin, pitch before roll (DICOM PS3.3 C.8.8.14.12).
    support_deg
        Isocentric couch rotation, counter-clockwise seen from above.
    eccentric_deg, eccentric_distance_mm
        Rotation of the table top about its own vertical axis, and how far that axis is from the isocentric
        one.

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
    support_deg: float = 0.0
    eccentric_deg: float = 0.0
    eccentric_distance_mm: float = 0.0

    def __post_init__(self) -> None:
        values = [getattr(self, name) for name in self.__slots__]
        frozen_array(values, (len(values),), "the table-top pose")

    @property
    def position_mm(self) -> Array:
        """(lateral, longitudinal, vertical), shape (3,), in mm."""
        return np.array([self.lateral_mm, self.longitudinal_mm, self.vertical_mm])


def fixed_from_gantry(gantry_deg: float) -> RigidTransform:
    """Gantry to fixed: rotation about Y, clockwise for an observer who faces the gantry."""
    return RigidTransform.from_parts(FIXED, GANTRY, rotation_y(gantry_deg), np.zeros(3))


def gantry_from_beam_limiting_device(
    collimator_deg: float, *, source_axis_distance_mm: float
) -> RigidTransform:
    """Beam limiting device to gantry: its origin is the source, from where it turns counter-clockwise."""
    origin_mm = np.array([0.0, 0.0, source_axis_distance_mm])
    return RigidTransform.from_parts(GANTRY, BEAM_LIMITING_DEVICE, rotation_z(collimator_deg), origin_mm)


def gantry_from_xray_image_receptor(translation_mm: Array, receptor_deg: float = 0.0) -> RigidTransform:
    """X-ray image receptor to gantry.

    Parameters
    ----------
    translation_mm
        XRayImageReceptorTranslation (3002,000D), (3,): the receptor origin in the gantry system; z is
        negative beyond the isocentre.
    receptor_deg
        XRayImageReceptorAngle (3002,000E), counter-clockwise seen from the source.
    """
    origin_mm = frozen_array(translation_mm, (3,), "the receptor translation")
    return RigidTransform.from_parts(GANTRY, XRAY_IMAGE_RECEPTOR, rotation_z(receptor_deg), origin_mm)


def fixed_from_beam_limiting_device(
    gantry_deg: float, collimator_deg: float, *, source_axis_distance_mm: float
) -> RigidTransform:
    """Beam limiting device to fixed, through the gantry; its translation is the source position."""
    device = gantry_from_beam_limiting_device(collimator_deg, source_axis_distance_mm=source_axis_distance_mm)
    return fixed_from_gantry(gantry_deg) @ device


def fixed_from_xray_image_receptor(
    gantry_deg: float, translation_mm: Array, receptor_deg: float = 0.0
) -> RigidTransform:
    """X-ray image receptor to fixed, through the gantry."""
    return fixed_from_gantry(gantry_deg) @ gantry_from_xray_image_receptor(translation_mm, receptor_deg)


def fixed_from_patient_support(support_deg: float) -> RigidTransform:
    """Patient support (turntable) to fixed: rotation about Z, counter-clockwise seen from above."""
    return RigidTransform.from_parts(FIXED, PATIENT_SUPPORT, rotation_z(support_deg), np.zeros(3))


def patient_support_from_table_top_eccentric(
    eccentric_deg: float = 0.0, eccentric_distance_mm: float = 0.0
) -> RigidTransform:
    """Table-top eccentric to patient support: offset along Y of the support, then rotation about Z."""
    offset_mm = np.array([0.0, eccentric_distance_mm, 0.0])
    return RigidTransform.from_parts(
        PATIENT_SUPPORT, TABLE_TOP_ECCENTRIC, rotation_z(eccentric_deg), offset_mm
    )


def table_top_eccentric_from_table_top(pose: TableTopPose) -> RigidTransform:
    """Table top to table-top eccentric: translation, then pitch, then roll about the table-top origin."""
    tilt = rotation_iec(0.0, pose.pitch_deg, pose.roll_deg)
    return RigidTransform.from_parts(TABLE_TOP_ECCENTRIC, TABLE_TOP, tilt, pose.position_mm)


def fixed_from_table_top_eccentric(pose: TableTopPose) -> RigidTransform:
    """Table-top eccentric to fixed."""
    eccentric = patient_support_from_table_top_eccentric(pose.eccentric_deg, pose.eccentric_distance_mm)
    return fixed_from_patient_support(pose.support_deg) @ eccentric


def fixed_from_table_top(pose: TableTopPose) -> RigidTransform:
    """Table top to fixed: the whole couch."""
    return fixed_from_table_top_eccentric(pose) @ table_top_eccentric_from_table_top(pose)


def fixed_from_planning(position: str, plan_isocentre_mm: Array, support_deg: float = 0.0) -> RigidTransform:
    """Planning LPS to fixed for the patient as planned: the plan isocentre lies at the machine isocentre.

    Parameters
    ----------
    position
        DICOM PatientPosition of the plan.
    plan_isocentre_mm
        (3,) in planning LPS.
    support_deg
        Couch angle; patient and table turn together.

    Raises
    ------
    GeometryError
        If the position is not supported or the isocentre is not three finite numbers.
    """
    rotation = rotation_z(support_deg) @ iec_from_lps(position)
    isocentre_mm = frozen_array(plan_isocentre_mm, (3,), "the plan isocentre")
    return RigidTransform.from_parts(FIXED, PLANNING, rotation, -rotation @ isocentre_mm)


def fixed_from_daily(position: str, machine_isocentre_mm: Array) -> RigidTransform:
    """Daily LPS to fixed for an image taken with the couch at 0°.

    Parameters
    ----------
    position
        DICOM PatientPosition, the same as the plan's.
    machine_isocentre_mm
        (3,), the machine isocentre in the daily image's LPS coordinates; (0, 0, 0) only where evidence says
        so.

    Raises
    ------
    GeometryError
        If the position is not supported or the isocentre is not three finite numbers.
    """
    rotation = iec_from_lps(position)
    isocentre_mm = frozen_array(machine_isocentre_mm, (3,), "the machine isocentre")
    return RigidTransform.from_parts(FIXED, DAILY, rotation, -rotation @ isocentre_mm)
