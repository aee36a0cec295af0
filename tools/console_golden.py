"""Write the numbers that the page's geometry has to reproduce: what Python says of the same poses and planes.

Usage: python tools/console_golden.py      writes console/golden/geometry.json
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np

from isoguide.geometry.correction import CouchCorrection, couch_correction, planning_from_daily_of
from isoguide.geometry.couch import TableTopPose, corrected_pose
from isoguide.geometry.frames import PLANNING, Array
from isoguide.geometry.iec61217 import PATIENT_POSITIONS
from isoguide.geometry.transforms import RigidTransform, rotation_x, rotation_y, rotation_z
from isoguide.units import wrap_deg
from isoguide.workflow.planes import Plane, planes_through
from isoguide.workflow.words import orientation_letter

ROOT: Final = Path(__file__).resolve().parents[1]
GOLDEN: Final = ROOT / "console" / "golden" / "geometry.json"

SEED: Final = 20260901
SETUPS_PER_POSITION: Final = 3
SUPPORT_DEG: Final = 30.0
SHIFT_MM: Final = (2.0, -3.5, 1.25)
"""Right, down and into the screen."""
CLOCKWISE_DEG: Final = 1.5


def numbers(values: Array) -> list[float]:
    """List the numbers of an array, rows first."""
    return [float(value) for value in np.asarray(values).ravel()]


def correction_numbers(correction: CouchCorrection) -> dict[str, float]:
    """Name the six numbers as the page does."""
    return {
        "lateralMm": correction.lateral_mm,
        "longitudinalMm": correction.longitudinal_mm,
        "verticalMm": correction.vertical_mm,
        "pitchDeg": correction.pitch_deg,
        "rollDeg": correction.roll_deg,
        "yawDeg": correction.yaw_deg,
    }


def pose_numbers(pose: TableTopPose) -> dict[str, float]:
    """Name the readings of the couch as the page does."""
    return {
        "lateralMm": pose.lateral_mm,
        "longitudinalMm": pose.longitudinal_mm,
        "verticalMm": pose.vertical_mm,
        "pitchDeg": pose.pitch_deg,
        "rollDeg": pose.roll_deg,
        "supportDeg": pose.support_deg,
        "eccentricDeg": pose.eccentric_deg,
        "eccentricDistanceMm": pose.eccentric_distance_mm,
    }


def random_correction(random: np.random.Generator) -> CouchCorrection:
    """Draw a correction of up to 40 mm and 20°, more than any couch makes."""
    shift_mm, angles_deg = random.uniform(-40.0, 40.0, 3), random.uniform(-20.0, 20.0, 3)
    return CouchCorrection(*numbers(shift_mm), *numbers(angles_deg))


def setup_case(position: str, random: np.random.Generator) -> dict[str, Any]:
    """One registration with its correction, seen in every way the page shows it."""
    plan_isocentre_mm, machine_isocentre_mm = random.uniform(-150.0, 150.0, (2, 3))
    correction = random_correction(random)
    setup: dict[str, Any] = {
        "plan_isocentre_mm": plan_isocentre_mm,
        "machine_isocentre_mm": machine_isocentre_mm,
        "patient_position": position,
    }
    planning_from_daily = planning_from_daily_of(correction, **setup)
    return {
        "patientPosition": position,
        "planIsocentreMm": numbers(plan_isocentre_mm),
        "machineIsocentreMm": numbers(machine_isocentre_mm),
        "correction": correction_numbers(couch_correction(planning_from_daily, **setup)),
        "planningFromDaily": numbers(planning_from_daily.matrix),
        "supportDeg": SUPPORT_DEG,
        "turnedWithCouch": correction_numbers(correction.turned_with_couch(SUPPORT_DEG)),
        "shiftAlongTableMm": numbers(correction.shift_along_table_mm(SUPPORT_DEG)),
    }


def couch_case(random: np.random.Generator) -> dict[str, Any]:
    """One couch pose before and after a correction, with either axis that can make the yaw."""
    lateral_mm, longitudinal_mm, vertical_mm = numbers(random.uniform(-900.0, 900.0, 3))
    pitch_deg, roll_deg = numbers(random.uniform(-3.0, 3.0, 2))
    support_deg, eccentric_deg = numbers(random.uniform(-90.0, 90.0, 2))
    pose = TableTopPose(
        lateral_mm,
        longitudinal_mm,
        vertical_mm,
        pitch_deg=pitch_deg,
        roll_deg=roll_deg,
        support_deg=support_deg,
        eccentric_deg=eccentric_deg,
        eccentric_distance_mm=800.0,
    )
    correction = random_correction(random)
    return {
        "pose": pose_numbers(pose),
        "correction": correction_numbers(correction),
        "bySupport": pose_numbers(corrected_pose(pose, correction)),
        "byEccentric": pose_numbers(corrected_pose(pose, correction, yaw_axis="eccentric")),
    }


def motions(plane: Plane, planning_from_daily: RigidTransform, isocentre_mm: Array) -> dict[str, Any]:
    """Move the daily image by hand as a viewer of the plane sees it."""
    right_mm, down_mm, into_mm = SHIFT_MM
    shift_mm = right_mm * plane.right + down_mm * plane.down + into_mm * plane.normal
    # The standard planes look along an axis of the patient, so a turn about it is one of the plain rotations.
    turns = {
        "Axial": rotation_z(CLOCKWISE_DEG),
        "Coronal": rotation_y(CLOCKWISE_DEG),
        "Sagittal": rotation_x(-CLOCKWISE_DEG),
    }
    rotation = turns[plane.name]
    turn = RigidTransform.from_parts(PLANNING, PLANNING, rotation, isocentre_mm - rotation @ isocentre_mm)
    shift = RigidTransform.translation(PLANNING, PLANNING, numbers(shift_mm))
    return {
        "shifted": numbers((shift @ planning_from_daily).matrix),
        "turned": numbers((turn @ planning_from_daily).matrix),
    }


def plane_case(plane: Plane, random: np.random.Generator) -> dict[str, Any]:
    """One standard plane: its letters, where points appear, and motions of the daily image."""
    points_mm = random.uniform(-100.0, 100.0, (3, 3))
    isocentre_mm = random.uniform(-100.0, 100.0, 3)
    planning_from_daily = planning_from_daily_of(
        random_correction(random),
        plan_isocentre_mm=isocentre_mm,
        machine_isocentre_mm=np.zeros(3),
        patient_position="HFS",
    )
    return {
        "orientation": plane.name.lower(),
        "centreMm": numbers(plane.centre_mm),
        "pixels": plane.pixels,
        "mmPerPx": plane.pixel_mm,
        "letters": list(plane.letters),
        "pointsMm": [numbers(point) for point in points_mm],
        "pointsPx": [numbers(point) for point in plane.picture_xy(points_mm)],
        "depthsMm": numbers(plane.depth_mm(points_mm)),
        "isocentreMm": numbers(isocentre_mm),
        "planningFromDaily": numbers(planning_from_daily.matrix),
        "shiftMm": list(SHIFT_MM),
        "clockwiseDeg": CLOCKWISE_DEG,
        **motions(plane, planning_from_daily, isocentre_mm),
    }


def golden() -> dict[str, Any]:
    """Everything the file holds."""
    random = np.random.default_rng(SEED)
    directions = random.normal(size=(12, 3))
    angles_deg = [0.0, 180.0, -180.0, 358.03, -358.03, 540.0, -540.0, 179.5, 720.25]
    return {
        "setups": [
            setup_case(position, random) for position in PATIENT_POSITIONS for _ in range(SETUPS_PER_POSITION)
        ],
        "couches": [couch_case(random) for _ in range(4)],
        "planes": [
            plane_case(plane, random)
            for plane in planes_through(np.array([12.0, -34.0, 56.0]), field_mm=300.0, pixels=512)
        ],
        "letters": [
            {"direction": numbers(direction), "letter": orientation_letter(direction)}
            for direction in directions
        ],
        "wrapped": [{"angleDeg": angle_deg, "wrappedDeg": wrap_deg(angle_deg)} for angle_deg in angles_deg],
    }


def main() -> int:
    """Write the file."""
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps(golden(), indent=1) + "\n", encoding="utf-8")
    print(f"{GOLDEN.relative_to(ROOT)} is written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
