"""How a beam follows a target that was displaced as a rigid body.

With the couch at θ the target moves by ``R(θ) M R(θ)⁻¹``. The ideal beam moves with it, but the source stays
on its circle about the isocentre. The gantry takes the turn about its own axis; what a turn leaves out of
the gantry's plane tilts the beam against the patient and remains. The rest is seen in the plane through the
isocentre: what the planned beam saw at ``u`` the new one sees at ``v``, and about the middle of the target,
for points as far from the source as that, it is the affine map ``v = A u + b``. ``A`` is taken apart as
``A = Rz(δ) U``: δ turns the collimator, and ``U``, which moves nothing across the leaves by its place along
them, is what leaves and jaws can do: it holds the magnification at the target's distance, the shift along and
across the leaves, and a shear along them. For a shift in the plane of the beam's eye and a turn about the
beam, points at one distance from the source are met exactly; nearer ones move more, and that remains.

Sources: Bol et al., Phys. Med. Biol. 58 (2013) 2989 (virtual couch shift); IEC 61217 by PS3.3 C.8.8.14.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np

from isoguide.adaptation.beam_trim import BeamTrim
from isoguide.adaptation.field_shape import beams_eye_view_mm
from isoguide.adaptation.opening import leaf_axis
from isoguide.geometry.frames import FIXED, Array, Points
from isoguide.geometry.iec61217 import fixed_from_patient_support
from isoguide.geometry.transforms import RigidTransform, rotation_y, rotation_z
from isoguide.plan import Beam, ControlPoint
from isoguide.units import wrap_deg

ANGLE_DIGITS: Final = 2
"""Gantry and collimator angles are rounded to 0.01°; machines position to 0.1° or so."""
STILL_DEG: Final = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class AffineView:
    """``U`` and ``b`` of a control point: where its opening goes, along (first) and across the leaves.

    Parameters
    ----------
    along_from_along, along_from_across, across_from_across
        The entries of ``U``; nothing goes across by its place along the leaves.
    shift_mm
        ``b``, (2,), along and across.
    """

    along_from_along: float
    along_from_across: float
    across_from_across: float
    shift_mm: Array

    def across_before_mm(self, after_mm: Array) -> Array:
        """Return where across the leaves something at ``after_mm`` was planned."""
        return np.asarray((after_mm - self.shift_mm[1]) / self.across_from_across)

    def across_after_mm(self, before_mm: Array) -> Array:
        """Return where across the leaves something planned at ``before_mm`` goes."""
        return np.asarray(before_mm * self.across_from_across + self.shift_mm[1])

    def along_after_mm(self, before_mm: Array, across_mm: Array) -> Array:
        """Return where positions along the leaves go, for leaves at the new ``across_mm``."""
        sheared_mm = self.along_from_across * self.across_before_mm(across_mm)
        return np.asarray(before_mm * self.along_from_along + sheared_mm + self.shift_mm[0])

    def points_after_mm(self, before_mm: Array) -> Array:
        """Return where points (n, 2), along and across, go."""
        across_mm = self.across_after_mm(before_mm[:, 1])
        return np.column_stack([self.along_after_mm(before_mm[:, 0], across_mm), across_mm])


@dataclass(frozen=True, slots=True, eq=False)
class Following:
    """What one control point does to follow the target, and what remains.

    Parameters
    ----------
    gantry_deg, collimator_deg
        The new angles.
    view
        Where the opening goes, in the axes of the collimator.
    tilt_deg
        Between the beam and the way through the patient that was planned; remains.
    miss_mm
        Root mean square of what the map leaves between the target's points and where they are seen.
    meterset_factor
        By which its dose is lower at the target's distance from the source (inverse square).
    """

    gantry_deg: float
    collimator_deg: float
    view: AffineView
    tilt_deg: float
    miss_mm: float
    meterset_factor: float

    def trimmed(self, trim: BeamTrim, axis: str) -> "Following":
        """Return the same with the opening moved towards the gantry and other monitor units.

        The leaves travel along ``axis``. The outline was met without an offset, so that what the shift adds
        to the miss adds up in squares.
        """
        device = rotation_z(self.collimator_deg)[:2, :2]
        shift_mm = device.T @ np.array([0.0, trim.shift_mm])
        along_across_mm = shift_mm if axis == "X" else shift_mm[::-1]
        return replace(
            self,
            view=replace(self.view, shift_mm=self.view.shift_mm + along_across_mm),
            miss_mm=float(np.hypot(self.miss_mm, trim.shift_mm)),
            meterset_factor=self.meterset_factor * trim.meterset_factor,
        )


def followed(
    beam: Beam,
    fixed_after_from_before: RigidTransform,
    target: Points,
    *,
    sad_mm: float,
    turns_with_beam_on: bool,
) -> tuple[Following, ...]:
    """Say for each control point of a beam how it follows the target.

    Parameters
    ----------
    beam
        As planned.
    fixed_after_from_before
        How the patient was displaced, FIXED from FIXED, couch at 0°.
    target
        Points all over the target's side as planned, FIXED, couch at 0°.
    sad_mm
        From the source to the isocentre.
    turns_with_beam_on
        Whether the collimator can turn while the beam is on; if not, it takes one turn for the whole beam.
    """
    motions = [_motion(point, fixed_after_from_before) for point in beam.control_points]
    gantry_deg = _gantry_angles(beam.control_points, motions)
    views: list[_View] = []
    for point, motion, angle in zip(beam.control_points, motions, gantry_deg, strict=True):
        # A sweep of leaves has one view for all its control points.
        before = beam.control_points[len(views) - 1] if views else None
        if before is not None and _same_angles(before, point) and views[-1].gantry_deg == angle:
            views.append(views[-1])
        else:
            views.append(_View.of(point, motion, target, angle, sad_mm, leaf_axis(beam)))
    turns_deg = np.array([view.turn_deg for view in views])
    if not turns_with_beam_on:
        turns_deg[:] = np.average(turns_deg, weights=_weights(beam.control_points))
    turned = _rounded_turns(beam.control_points, turns_deg)
    return tuple(view.followed(turn) for view, turn in zip(views, turned, strict=True))


def _same_angles(one: ControlPoint, other: ControlPoint) -> bool:
    return (one.gantry_deg, one.collimator_deg, one.couch_deg) == (
        other.gantry_deg,
        other.collimator_deg,
        other.couch_deg,
    )


def _motion(point: ControlPoint, fixed_after_from_before: RigidTransform) -> RigidTransform:
    """How the patient moved, with the couch turned as in this control point."""
    support = fixed_from_patient_support(point.couch_deg).rotation
    turn = RigidTransform.from_parts(FIXED, FIXED, support, np.zeros(3))
    return turn @ fixed_after_from_before @ turn.inverse()


def _weights(points: Sequence[ControlPoint]) -> Array:
    """Share of the meterset that belongs to each control point, (n,)."""
    steps = np.diff([point.cumulative_meterset for point in points]) / 2.0
    weights: Array = np.concatenate([steps, [0.0]]) + np.concatenate([[0.0], steps])
    return weights if weights.sum() > 0.0 else np.ones(len(points))


def _gantry_angles(points: Sequence[ControlPoint], motions: Sequence[RigidTransform]) -> list[float]:
    """Turn the gantry after the beam's direction as far as it lies in its plane, (n,), 0 to 360.

    An arc that keeps to one side of 180° goes on doing so: a gantry that stops there cannot turn past it.
    """
    turns = []
    for point, motion in zip(points, motions, strict=True):
        towards = motion.rotation @ rotation_y(point.gantry_deg)[:, 2]
        turned_deg = float(np.rad2deg(np.arctan2(towards[0], towards[2])))
        turns.append(wrap_deg(turned_deg - point.gantry_deg))
    way = _way_from_below(points)
    if way is None:
        return [
            round((point.gantry_deg + turn) % 360.0, ANGLE_DIGITS)
            for point, turn in zip(points, turns, strict=True)
        ]
    stopped = np.clip(way + np.array(turns), -180.0, 180.0)
    return [round(float(angle) % 360.0, ANGLE_DIGITS) for angle in stopped]


def _way_from_below(points: Sequence[ControlPoint]) -> Array | None:
    """Return the gantry's angles of a beam in which it turns, from -180° to 180°, (n,).

    None where it stands still or passes 180° as planned: nothing then says that it must not.
    """
    steps = [wrap_deg(b.gantry_deg - a.gantry_deg) for a, b in pairwise(points)]
    if max(map(abs, steps), default=0.0) <= STILL_DEG:
        return None
    way = wrap_deg(points[0].gantry_deg) + np.concatenate([[0.0], np.cumsum(steps)])
    for turn in (0.0, -360.0):
        if (way + turn).min() >= -180.01 and (way + turn).max() <= 180.01:
            return np.asarray(way + turn)
    return None


def _rounded_turns(points: Sequence[ControlPoint], turns_deg: Array) -> list[float]:
    """Round so that the new angle of the collimator has two digits after the point."""
    return [
        round(point.collimator_deg + turn, ANGLE_DIGITS) - point.collimator_deg
        for point, turn in zip(points, turns_deg.tolist(), strict=True)
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """What a control point sees of the target, before and after, along and across its leaves."""

    gantry_deg: float
    collimator_deg: float
    before_mm: Array
    after_mm: Array
    axis: str
    matrix: Array
    shift_mm: Array
    tilt_deg: float
    meterset_factor: float

    @classmethod
    def of(
        cls,
        point: ControlPoint,
        motion: RigidTransform,
        target: Points,
        gantry_deg: float,
        sad_mm: float,
        axis: str,
    ) -> "_View":
        support = fixed_from_patient_support(point.couch_deg).rotation
        planned = Points(FIXED, target.xyz_mm @ support.T)
        today = motion @ planned
        before_mm = beams_eye_view_mm(planned, point.gantry_deg, point.collimator_deg, sad_mm)
        after_mm = beams_eye_view_mm(today, gantry_deg, point.collimator_deg, sad_mm)
        matrix, shift_mm = _affine(point, motion, planned, gantry_deg, sad_mm)
        planned_way = motion.rotation @ rotation_y(point.gantry_deg)[:, 2]
        way = rotation_y(gantry_deg)[:, 2]
        # The arc sine of the chord keeps the digits that the arc cosine of a product near 1 loses.
        tilt_deg = float(np.rad2deg(2.0 * np.arcsin(np.linalg.norm(planned_way - way) / 2.0)))
        near_mm = sad_mm - planned.xyz_mm @ rotation_y(point.gantry_deg)[:, 2]
        far_mm = sad_mm - today.xyz_mm @ way
        factor = float((far_mm**2).mean() / (near_mm**2).mean())
        return cls(
            gantry_deg, point.collimator_deg, before_mm, after_mm, axis, matrix, shift_mm, tilt_deg, factor
        )

    @property
    def turn_deg(self) -> float:
        """How the collimator has to turn: what is along the leaves stays along them."""
        (xx, xy), (yx, yy) = self.matrix
        turn_rad = np.arctan2(yx, xx) if self.axis == "X" else np.arctan2(-xy, yy)
        return float(np.rad2deg(turn_rad))

    def followed(self, turn_deg: float) -> Following:
        """Fit the map that leaves and jaws can follow with the collimator turned by this."""
        cosine, sine = np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))
        back = np.array([[cosine, sine], [-sine, cosine]])
        order = [0, 1] if self.axis == "X" else [1, 0]
        matrix = (back @ self.matrix)[np.ix_(order, order)]
        shift_mm = (back @ self.shift_mm)[order]
        view = AffineView(float(matrix[0, 0]), float(matrix[0, 1]), float(matrix[1, 1]), shift_mm)
        met_mm = view.points_after_mm(self.before_mm[:, order])
        left_mm = met_mm - (self.after_mm @ back.T)[:, order]
        return Following(
            gantry_deg=self.gantry_deg,
            collimator_deg=round(self.collimator_deg + turn_deg, ANGLE_DIGITS) % 360.0,
            view=view,
            tilt_deg=self.tilt_deg,
            miss_mm=float(np.sqrt((left_mm**2).sum(axis=1).mean())),
            meterset_factor=self.meterset_factor,
        )


def _affine(
    point: ControlPoint, motion: RigidTransform, planned: Points, gantry_deg: float, sad_mm: float
) -> tuple[Array, Array]:
    """Return ``A`` (2, 2) and ``b`` (2,) about the middle of the target, in the axes of the planned device.

    A point p of the plane square to the beam through the middle goes to q = Q p + t, both in the axes of the
    gantry, and is seen at SAD q / (SAD - q_z); the map is its tangent.
    """
    gantry = rotation_y(point.gantry_deg)
    turn = rotation_y(gantry_deg).T @ motion.rotation @ gantry
    middle_mm = planned.xyz_mm.mean(axis=0) @ gantry
    moved_mm = turn @ middle_mm + rotation_y(gantry_deg).T @ motion.translation_mm
    near_mm, far_mm = sad_mm - middle_mm[2], sad_mm - moved_mm[2]
    tangent = near_mm / far_mm * (turn[:2, :2] + np.outer(moved_mm[:2], turn[2, :2]) / far_mm)
    shift_mm = sad_mm / far_mm * moved_mm[:2] - tangent @ (middle_mm[:2] * sad_mm / near_mm)
    device = rotation_z(point.collimator_deg)[:2, :2]
    return device.T @ tangent @ device, device.T @ shift_mm
