"""Known displacements of the virtual patient, and how far an estimate of one is from the truth.

In set-up position the tissue at the plan isocentre lies at the machine isocentre and nothing is turned. A
displacement is what happened on top of that: tissue at ``isocentre + v`` of the planning CT is found at
``machine_isocentre + translation + R v`` in the day's image (patient LPS in both).
"""

from dataclasses import dataclass

import numpy as np

from isoguide.errors import GeometryError
from isoguide.geometry.frames import DAILY, PLANNING, Array, frozen_array
from isoguide.geometry.transforms import (
    RigidTransform,
    rotation_angle_deg,
    rotation_x,
    rotation_y,
    rotation_z,
)

GOLDEN_ANGLE_RAD = float(np.pi * (3.0 - np.sqrt(5.0)))
"""Turning by this much per point covers a sphere evenly (Fibonacci lattice)."""


@dataclass(frozen=True, slots=True, eq=False)
class Displacement:
    """How the patient lies relative to the set-up position, in patient LPS.

    Parameters
    ----------
    translation_mm
        Where the isocentre tissue went, (3,): (5, 0, 0) means that the patient lies 5 mm too far to his left.
    rotation
        How the patient is turned about the isocentre tissue, (3, 3).
    """

    translation_mm: Array
    rotation: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "translation_mm", frozen_array(self.translation_mm, (3,), "displacement"))
        object.__setattr__(self, "rotation", frozen_array(self.rotation, (3, 3), "displacement rotation"))

    @property
    def angle_deg(self) -> float:
        """Angle of the rotation about its own axis, 0 to 180."""
        return rotation_angle_deg(self.rotation)

    def planning_from_daily(self, *, isocentre_mm: Array, machine_isocentre_mm: Array) -> RigidTransform:
        """Return where daily positions belong in the planning CT: what a registration has to find.

        Parameters
        ----------
        isocentre_mm
            Plan isocentre, planning LPS, (3,).
        machine_isocentre_mm
            Machine isocentre, daily LPS, (3,).
        """
        now_mm = np.asarray(machine_isocentre_mm, dtype=np.float64) + self.translation_mm
        offset_mm = now_mm - self.rotation @ np.asarray(isocentre_mm, dtype=np.float64)
        return RigidTransform.from_parts(DAILY, PLANNING, self.rotation, offset_mm).inverse()


def displacement_of(
    planning_from_daily: RigidTransform, *, isocentre_mm: Array, machine_isocentre_mm: Array
) -> Displacement:
    """Return the displacement that a ``planning_from_daily`` stands for; the inverse of the method above.

    Parameters
    ----------
    planning_from_daily
        Maps daily LPS to planning LPS.
    isocentre_mm, machine_isocentre_mm
        Plan isocentre in planning LPS and machine isocentre in daily LPS, (3,) each.

    Raises
    ------
    GeometryError
        If the transform joins other frames.
    """
    _require_planning_from_daily(planning_from_daily)
    daily_from_planning = planning_from_daily.inverse()
    now_mm = daily_from_planning.apply(np.asarray(isocentre_mm, dtype=np.float64))
    return Displacement(now_mm - np.asarray(machine_isocentre_mm), daily_from_planning.rotation)


def random_displacement(
    rng: np.random.Generator,
    *,
    largest_mm: float,
    largest_deg: float,
    isocentre_mm: Array,
    machine_isocentre_mm: Array,
) -> RigidTransform:
    """Draw a displacement and return it as ``planning_from_daily``.

    The translation is uniform in ±``largest_mm`` along each LPS axis; the rotation is Rz·Ry·Rx about the
    isocentre with each angle uniform in ±``largest_deg``, so that the whole angle reaches 1.7 times that.

    Parameters
    ----------
    rng
        Where the six numbers are drawn from.
    largest_mm, largest_deg
        Half widths of the uniform distributions.
    isocentre_mm, machine_isocentre_mm
        Plan isocentre in planning LPS and machine isocentre in daily LPS, (3,) each.
    """
    translation_mm = rng.uniform(-largest_mm, largest_mm, 3)
    about_x, about_y, about_z = rng.uniform(-largest_deg, largest_deg, 3)
    rotation = rotation_z(about_z) @ rotation_y(about_y) @ rotation_x(about_x)
    displacement = Displacement(translation_mm, rotation)
    return displacement.planning_from_daily(
        isocentre_mm=isocentre_mm, machine_isocentre_mm=machine_isocentre_mm
    )


def target_points(isocentre_mm: Array, radius_mm: float = 60.0, count: int = 200) -> Array:
    """Return points that fill a ball about the isocentre evenly: where target errors are evaluated.

    The points lie on a Fibonacci lattice whose radius grows with the cube root of the index; they are the
    same on every call. The outermost lies within 0.2 % of ``radius_mm``.

    Parameters
    ----------
    isocentre_mm
        Centre of the ball, (3,), planning LPS.
    radius_mm
        Radius of the ball.
    count
        How many points, at least 1.

    Returns
    -------
    Array
        Shape (count, 3), planning LPS mm.
    """
    n = np.arange(count) + 0.5
    radius = radius_mm * np.cbrt(n / count)
    z = 1.0 - 2.0 * ((n * 0.754877666) % 1.0)  # plastic-number sequence: height independent of radius
    ring = np.sqrt(1.0 - z * z)
    turn = GOLDEN_ANGLE_RAD * n
    unit: Array = np.stack([ring * np.cos(turn), ring * np.sin(turn), z], axis=-1)
    points: Array = np.asarray(isocentre_mm, dtype=np.float64) + radius[:, None] * unit
    return points


def target_error_mm(estimate: RigidTransform, truth: RigidTransform, points_mm: Array) -> Array:
    """Return how far the estimate puts each tissue point from where it belongs.

    Parameters
    ----------
    estimate, truth
        Both ``planning_from_daily``.
    points_mm
        Tissue points, (n, 3), planning LPS.

    Returns
    -------
    Array
        Distances (n,) in mm: where the estimate puts the point's true daily position, minus the point.

    Raises
    ------
    GeometryError
        If a transform joins other frames.
    """
    _require_planning_from_daily(estimate)
    _require_planning_from_daily(truth)
    points = np.asarray(points_mm, dtype=np.float64).reshape(-1, 3)
    found = estimate.apply(truth.inverse().apply(points))
    distances: Array = np.linalg.norm(found - points, axis=-1)
    return distances


def _require_planning_from_daily(transform: RigidTransform) -> None:
    if (transform.to_frame, transform.from_frame) != (PLANNING, DAILY):
        msg = f"expected '{PLANNING} from {DAILY}', not '{transform.to_frame} from {transform.from_frame}'"
        raise GeometryError(msg)
