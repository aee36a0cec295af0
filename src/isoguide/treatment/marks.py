"""Set-up to the skin marks: from where the marks are measured in the room to the first move of the couch.

Shifts are computed from the plan, never typed, and a measurement that cannot be right gives no shift at all:
too few marks or marks on a line, a mark that moved, names that were mixed up, an axis that was reversed.

Source: W. Kabsch, Acta Cryst. A32:922 (1976), for the motion that brings points onto points.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from types import MappingProxyType
from typing import Final

import numpy as np

from isoguide.errors import GeometryError, InputError, MismatchError, MissingEvidenceError
from isoguide.geometry.correction import CouchCorrection, constrained_correction, planning_from_daily_of
from isoguide.geometry.couch import corrected_pose
from isoguide.geometry.frames import FIXED, Array, frozen_array
from isoguide.geometry.iec61217 import TableTopPose, fixed_from_planning, iec_from_lps
from isoguide.geometry.transforms import RigidTransform, rotation_angle_deg
from isoguide.plan import SkinMark
from isoguide.treatment.couch_check import beyond_travel
from isoguide.treatment.limits import CouchLimits

FEWEST_MARKS: Final = 3
ALIKE_MM: Final = 1.0
"""Marks that fit this much better or worse fit equally well: a laser line is about as wide."""
_AXES: Final = ("lateral", "longitudinal", "vertical")


@dataclass(frozen=True, slots=True)
class MarkLimits:
    """When a measurement of the marks is believed. Settings of a department, checked against no guideline.

    Parameters
    ----------
    residual_mm
        Largest distance of a mark from its planned place after the best rigid motion: skin moves and lasers
        are wide, but not more than this.
    least_spread_mm
        Root mean square distance of the marks from the line that fits them best; below it a turn about that
        line is not determined.
    largest_shift_mm, largest_angle_deg
        Longest plausible first move: a patient lies within an arm's length of the isocentre, and straight.
    couch
        What the couch can do.

    Raises
    ------
    InputError
        If a value is not a positive number.
    """

    residual_mm: float = 5.0
    least_spread_mm: float = 20.0
    largest_shift_mm: float = 300.0
    largest_angle_deg: float = 10.0
    couch: CouchLimits = field(default_factory=CouchLimits)

    def __post_init__(self) -> None:
        for name in ("residual_mm", "least_spread_mm", "largest_shift_mm", "largest_angle_deg"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                msg = f"the limit {name} of the marks must be a positive number, not {value}"
                raise InputError(msg)


@dataclass(frozen=True, slots=True)
class MarkShift:
    """How the couch moves, at 0° and in IEC axes, from the mark in the lasers' crossing to the isocentre."""

    name: str
    lateral_mm: float
    longitudinal_mm: float
    vertical_mm: float


@dataclass(frozen=True, slots=True)
class MarksSetUp:
    """What the marks call for.

    Parameters
    ----------
    correction
        The first move of the couch, within its degrees of freedom.
    pose
        Where the couch is after it.
    needed
        All six numbers that the marks call for, whatever the couch can do.
    misfit_mm
        Per mark: distance from its planned place after the best rigid motion, which is what the marks
        disagree by among each other.
    residual_mm
        Per mark: distance from its planned place after ``correction``.
    rms_mm
        Root mean square of ``residual_mm``.
    """

    correction: CouchCorrection
    pose: TableTopPose
    needed: CouchCorrection
    misfit_mm: Mapping[str, float]
    residual_mm: Mapping[str, float]
    rms_mm: float


def mark_shifts(
    marks: Sequence[SkinMark], isocentre_mm: Array, patient_position: str
) -> tuple[MarkShift, ...]:
    """Return the way of the couch from each mark to the isocentre.

    Parameters
    ----------
    marks
        Planning LPS.
    isocentre_mm
        Of the plan, (3,), planning LPS.
    patient_position
        DICOM PatientPosition of the plan.

    Raises
    ------
    GeometryError
        If the position is not supported or the isocentre is not three finite numbers.
    """
    room = iec_from_lps(patient_position)
    isocentre = frozen_array(isocentre_mm, (3,), "the plan isocentre")
    # Adding zero turns the -0.0 that a display would show into 0.0.
    return tuple(
        MarkShift(mark.name, *(float(value) + 0.0 for value in room @ (mark.position_mm - isocentre)))
        for mark in marks
    )


def check_marks(marks: Sequence[SkinMark], limits: MarkLimits | None = None) -> None:
    """Refuse marks that no set-up can be made to, whatever is measured.

    Parameters
    ----------
    marks
        Planning LPS.
    limits
        How far the marks have to be from a line.

    Raises
    ------
    MissingEvidenceError
        If there are fewer than three.
    MismatchError
        If two have one name.
    GeometryError
        If they lie on a line.
    """
    _refuse_names([mark.name for mark in marks])
    _refuse_on_a_line(
        np.stack([mark.position_mm for mark in marks]), "the marks of the plan", limits or MarkLimits()
    )


def set_up_from_marks(
    marks: Sequence[SkinMark],
    measured: Mapping[str, Array],
    *,
    isocentre_mm: Array,
    patient_position: str,
    pose: TableTopPose,
    limits: MarkLimits | None = None,
) -> MarksSetUp:
    """Return the first move of the couch from where the marks are measured.

    The best rigid motion brings the measured marks onto the planned ones by least squares. A couch that
    cannot turn gets the move that serves the isocentre, not the motion with its angles dropped.

    Parameters
    ----------
    marks
        As planned, planning LPS.
    measured
        By name: where they are now, (3,) mm in IEC fixed.
    isocentre_mm, patient_position
        Of the plan, for a couch at 0°.
    pose
        Where the couch is now.
    limits
        When the measurement is believed.

    Raises
    ------
    MissingEvidenceError
        If there are fewer than three marks, or a planned mark was not measured.
    MismatchError
        If names do not fit, marks were swapped, or they do not lie to each other as planned.
    GeometryError
        If a position is not finite, the marks lie on a line, or the move is implausible or beyond the couch.
    """
    limits = limits or MarkLimits()
    check_marks(marks, limits)
    names, present_mm = _measured(marks, measured)
    fixed_from_plan = fixed_from_planning(patient_position, isocentre_mm)
    wanted_mm = np.asarray(fixed_from_plan.apply(np.stack([mark.position_mm for mark in marks])))
    _refuse_on_a_line(present_mm, "the measured marks", limits)
    best = _Fit.of(names, present_mm, wanted_mm)
    if not best.is_plausible(limits):
        raise _objection(best, limits)
    needed = CouchCorrection.from_transform(best.fixed_from_fixed)
    correction = _within_couch(needed, isocentre_mm, patient_position, limits.couch)
    after = corrected_pose(pose, correction, yaw_axis=limits.couch.yaw_axis)
    out_of_reach = beyond_travel(after, limits.couch)
    if out_of_reach:
        msg = f"the couch cannot bring the marks to their places: {'; '.join(out_of_reach)}"
        raise GeometryError(msg)
    residual_mm = best.distance_mm(correction.fixed_from_fixed)
    return MarksSetUp(
        correction,
        after,
        needed,
        _by_name(names, best.misfit_mm),
        _by_name(names, residual_mm),
        float(np.sqrt((residual_mm**2).mean())),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """The rigid motion that brings measured marks (n, 3) best to their planned places, IEC fixed."""

    names: tuple[str, ...]
    present_mm: Array
    wanted_mm: Array
    fixed_from_fixed: RigidTransform

    @classmethod
    def of(cls, names: Sequence[str], present_mm: Array, wanted_mm: Array) -> "_Fit":
        present, wanted = present_mm.mean(axis=0), wanted_mm.mean(axis=0)
        u, _, vt = np.linalg.svd((wanted_mm - wanted).T @ (present_mm - present))
        # A patient is turned, never mirrored.
        rotation = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
        motion = RigidTransform.from_parts(FIXED, FIXED, rotation, wanted - rotation @ present)
        return cls(tuple(names), present_mm, wanted_mm, motion)

    def distance_mm(self, fixed_from_fixed: RigidTransform) -> Array:
        """How far each mark is from its place after a motion, (n,)."""
        return np.asarray(np.linalg.norm(fixed_from_fixed.apply(self.present_mm) - self.wanted_mm, axis=1))

    @property
    def misfit_mm(self) -> Array:
        return self.distance_mm(self.fixed_from_fixed)

    @property
    def shift_mm(self) -> float:
        """How far the tissue that belongs at the isocentre is from it."""
        rotation = self.fixed_from_fixed.rotation
        return float(np.linalg.norm(rotation.T @ self.fixed_from_fixed.translation_mm))

    @property
    def angle_deg(self) -> float:
        return rotation_angle_deg(self.fixed_from_fixed.rotation)

    def is_consistent(self, limits: MarkLimits) -> bool:
        return bool(self.misfit_mm.max() <= limits.residual_mm)

    def is_plausible(self, limits: MarkLimits) -> bool:
        near = self.shift_mm <= limits.largest_shift_mm and self.angle_deg <= limits.largest_angle_deg
        return near and self.is_consistent(limits)


def _refuse_names(names: Sequence[str]) -> None:
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        msg = f"the plan has several marks called {_quoted(doubled)}: give each mark a name of its own"
        raise MismatchError(msg)
    if len(names) < FEWEST_MARKS:
        there = f"{len(names)} skin mark{'s' if len(names) != 1 else ''} ({_quoted(names)})"
        msg = f"the plan has {there}; {FEWEST_MARKS} are needed to set the patient up to them"
        raise MissingEvidenceError(msg)


def _measured(marks: Sequence[SkinMark], measured: Mapping[str, Array]) -> tuple[tuple[str, ...], Array]:
    """Names and measured positions (n, 3) in the order of the plan."""
    names = tuple(mark.name for mark in marks)
    unknown = [name for name in measured if name not in names]
    if unknown:
        msg = f"the plan has no mark called {_quoted(unknown)}; its marks are {_quoted(names)}"
        raise MismatchError(msg)
    missing = [name for name in names if name not in measured]
    if missing:
        msg = f"the mark {_quoted(missing)} was not measured; measure all marks of the plan"
        raise MissingEvidenceError(msg)
    return names, np.stack(
        [frozen_array(measured[name], (3,), f"the measured mark '{name}'") for name in names]
    )


def _refuse_on_a_line(points_mm: Array, what: str, limits: MarkLimits) -> None:
    centred = points_mm - points_mm.mean(axis=0)
    across = np.linalg.svd(centred, compute_uv=False)[1:]
    spread_mm = float(np.sqrt((across**2).sum() / len(points_mm)))
    if spread_mm < limits.least_spread_mm:
        msg = (
            f"{what} lie on a line but for {spread_mm:.1f} mm ({limits.least_spread_mm:g} mm are needed): "
            "a turn about that line is not determined, use marks farther apart"
        )
        raise GeometryError(msg)


def _objection(best: _Fit, limits: MarkLimits) -> InputError:
    """Say what is wrong with marks that do not fit, as precisely as they allow."""
    misread = _misreadings(best, limits)
    if misread:
        return MismatchError(
            f"the marks were not measured as they are named: {' or '.join(misread)}; measure again"
        )
    if not best.is_consistent(limits):
        return MismatchError(_disagreement(best, limits))
    msg = (
        f"the marks call for a move of {best.shift_mm:.0f} mm and a turn of {best.angle_deg:.1f}°, more than "
        f"the plausible {limits.largest_shift_mm:g} mm and {limits.largest_angle_deg:g}°: check patient, "
        "plan, couch angle and the coordinates of the measurement"
    )
    return GeometryError(msg)


def _misreadings(best: _Fit, limits: MarkLimits) -> list[str]:
    """Return what would explain all: marks exchanged, an axis reversed; a symmetric set allows both."""
    found = []
    for one, other in combinations(range(len(best.names)), 2):
        order = list(range(len(best.names)))
        order[one], order[other] = other, one
        if _Fit.of(best.names, best.present_mm[order], best.wanted_mm).is_plausible(limits):
            found.append(f"'{best.names[one]}' and '{best.names[other]}' are exchanged")
    for axis, signs in zip(_AXES, 1.0 - 2.0 * np.eye(3), strict=True):
        if _Fit.of(best.names, best.present_mm * signs, best.wanted_mm).is_plausible(limits):
            found.append(f"the {axis} axis is reversed")
    return found


def _disagreement(best: _Fit, limits: MarkLimits) -> str:
    outliers = _outliers(best, limits)
    if outliers:
        named = " or ".join(f"'{name}' is {off_mm:.1f} mm" for name, off_mm in outliers)
        return f"the mark {named} from where the others place it: look for it on the skin and measure again"
    worst = int(best.misfit_mm.argmax())
    return (
        "the measured marks do not lie to each other as planned: after the best move they are off by up to "
        f"{best.misfit_mm[worst]:.1f} mm ('{best.names[worst]}'; {limits.residual_mm:g} mm are allowed): "
        "measure again, and check that the values are in mm"
    )


def _outliers(best: _Fit, limits: MarkLimits) -> list[tuple[str, float]]:
    """Return the marks without which at least three others fit, and how far each is off.

    Of several only those are kept whose absence makes the others fit about equally well.
    """
    found = []
    for n, name in enumerate(best.names):
        rest = [m for m in range(len(best.names)) if m != n]
        if len(rest) < FEWEST_MARKS:
            return []
        others = _Fit.of([best.names[m] for m in rest], best.present_mm[rest], best.wanted_mm[rest])
        if others.is_plausible(limits):
            off_mm = float(best.distance_mm(others.fixed_from_fixed)[n])
            found.append((float(others.misfit_mm.max()), name, off_mm))
    least_mm = min((misfit_mm for misfit_mm, _, _ in found), default=0.0)
    return [(name, off_mm) for misfit_mm, name, off_mm in found if misfit_mm <= least_mm + ALIKE_MM]


def _within_couch(
    needed: CouchCorrection, isocentre_mm: Array, patient_position: str, couch: CouchLimits
) -> CouchCorrection:
    # Any image of the day would do to hand the motion over; this one has the machine isocentre at its origin.
    setting = {
        "plan_isocentre_mm": isocentre_mm,
        "machine_isocentre_mm": np.zeros(3),
    }
    return constrained_correction(
        planning_from_daily_of(needed, **setting, patient_position=patient_position),
        degrees_of_freedom=couch.degrees_of_freedom,
        target_points_mm=np.atleast_2d(isocentre_mm),
        **setting,
        patient_position=patient_position,
    )


def _by_name(names: Sequence[str], values: Array) -> Mapping[str, float]:
    return MappingProxyType(dict(zip(names, values.tolist(), strict=True)))


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names) or "none"
