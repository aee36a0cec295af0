"""Beams that follow a displaced target: the virtual couch shift.

Gantry, collimator, leaves, jaws and monitor units of each control point follow the target as
:mod:`isoguide.adaptation.following` says; where the machine cannot do it, there is no corrected plan but the
reasons. After Bol et al., Phys. Med. Biol. 58 (2013) 2989.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

import numpy as np

from isoguide.adaptation.beam_trim import BeamTrim
from isoguide.adaptation.following import Following, followed
from isoguide.adaptation.machine_limits import violations
from isoguide.adaptation.opening import Opening, leaf_axis, moved_opening, opening_of, used_pairs
from isoguide.dose.beam_data import BeamData
from isoguide.errors import GeometryError
from isoguide.geometry.frames import FIXED, Array, Points
from isoguide.geometry.transforms import RigidTransform
from isoguide.plan import Beam, ControlPoint, Plan
from isoguide.units import wrap_deg

LARGEST_SHIFT_MM: Final = 50.0
LARGEST_TURN_DEG: Final = 10.0
"""A target displaced by more was set up wrongly or mistaken for another: move the patient instead."""
_SAME_JAW_MM: Final = 0.02
_NOTHING: Final = 0.05
"""mm or degrees: less is not told as a movement."""
AS_PLANNED: Final = "the target lies where it was planned: nothing is left that beams could follow"
_UNTRIMMED: Final = BeamTrim()


@dataclass(frozen=True, slots=True, eq=False)
class CorrectedBeams:
    """What a correction of beams comes to.

    Parameters
    ----------
    plan
        UNAPPROVED and without an identity of its own yet; None exactly where there are reasons.
    reasons
        Why there is none.
    changes
        What it changes and what remains, one sentence each.
    tilt_deg
        By how much each treatment beam that follows the target passes the patient tilted, by its number.
    """

    plan: Plan | None
    reasons: tuple[str, ...]
    changes: tuple[str, ...]
    tilt_deg: Mapping[int, float] = field(default_factory=lambda: MappingProxyType({}))

    def with_change(self, sentence: str) -> "CorrectedBeams":
        """Return the same beams with one more sentence about what is changed, or why it is not."""
        return replace(self, changes=(*self.changes, sentence))


def shift_beams(
    plan: Plan,
    fixed_after_from_before: RigidTransform,
    target: Points,
    machine: BeamData,
    *,
    isocentre_mm: Array | None = None,
    turn_couch_deg: float = 0.0,
    trims: Mapping[int, BeamTrim] = MappingProxyType({}),
) -> CorrectedBeams:
    """Let the treatment beams of a plan follow a target that was displaced as a rigid body.

    Parameters
    ----------
    plan
        As planned; it stays as it is.
    fixed_after_from_before
        The displacement, FIXED from FIXED with the couch at 0°: tissue planned at x is at M x.
    target
        Points all over the target's side, as planned, FIXED, couch at 0°.
    machine
        Whose limits the new beams keep.
    isocentre_mm
        Where the machine's isocentre lies in the frame of the new plan, (3,); the planned one when None.
    turn_couch_deg
        By how much the couch is turned for the new plan; the displacement is what remains after that.
    trims
        What is changed besides of the beams with these numbers.

    Raises
    ------
    GeometryError
        If the displacement is not between FIXED and FIXED, or the target is not in FIXED.
    """
    if (fixed_after_from_before.to_frame, fixed_after_from_before.from_frame) != (FIXED, FIXED):
        msg = "the displacement of a patient is a motion in the room: give it from IEC fixed to IEC fixed"
        raise GeometryError(msg)
    refused = _refused(plan, fixed_after_from_before, target)
    if refused:
        return CorrectedBeams(None, refused, ())
    beams, told = [], []
    for beam in plan.beams:
        if not beam.is_treatment or not beam.control_points:
            beams.append(beam)
            continue
        sad_mm = beam.source_axis_distance_mm or machine.source_axis_distance_mm
        steps = followed(
            beam,
            fixed_after_from_before,
            target,
            sad_mm=sad_mm,
            turns_with_beam_on=machine.limits.collimator_speed_deg_per_s > 0.0 or stands_still(beam),
        )
        trim = trims.get(beam.number, _UNTRIMMED)
        steps = tuple(step.trimmed(trim, leaf_axis(beam)) for step in steps)
        lost = _lost_behind_leaves(beam, steps)
        if lost:
            return CorrectedBeams(None, (lost,), ())
        new = _moved_beam(beam, steps, jaws_follow=machine.limits.jaw_speed_mm_per_s > 0.0)
        beams.append(new)
        told.append((beam, new, steps))
    placed = tuple(_placed(beam, isocentre_mm, turn_couch_deg) for beam in beams)
    corrected = replace(plan, beams=placed, approval_status="UNAPPROVED", sop_instance_uid="")
    reasons = violations(corrected, machine, plan)
    if reasons:
        return CorrectedBeams(None, reasons, ())
    tilt_deg = {beam.number: max(step.tilt_deg for step in steps) for beam, _, steps in told}
    return CorrectedBeams(corrected, (), _changes(told, is_trimmed=bool(trims)), MappingProxyType(tilt_deg))


def _refused(plan: Plan, motion: RigidTransform, target: Points) -> tuple[str, ...]:
    if not any(beam.is_treatment and beam.control_points for beam in plan.beams):
        return ("the plan has no treatment beam to correct",)
    middle_mm = (target.xyz_mm.min(axis=0) + target.xyz_mm.max(axis=0)) / 2.0
    moved_mm = float(np.linalg.norm(motion.apply(middle_mm) - middle_mm))
    if moved_mm > LARGEST_SHIFT_MM or motion.angle_deg > LARGEST_TURN_DEG:
        return (
            f"the target is displaced by {moved_mm:.0f} mm and {motion.angle_deg:.1f}°; beams follow up to "
            f"{LARGEST_SHIFT_MM:g} mm and {LARGEST_TURN_DEG:g}°: set the patient up again",
        )
    tilted = any(p.table_pitch_deg or p.table_roll_deg for beam in plan.beams for p in beam.control_points)
    if tilted:
        return ("the plan pitches or rolls the table, which this correction does not know",)
    return ()


def stands_still(beam: Beam) -> bool:
    """Say whether gantry, collimator and couch of a beam keep their angles."""
    return len({(p.gantry_deg, p.collimator_deg, p.couch_deg) for p in beam.control_points}) == 1


def _lost_behind_leaves(beam: Beam, steps: Sequence[Following]) -> str:
    """Say where part of an opening would come to lie beside the outermost leaves; empty where none does."""
    leaves = beam.leaves
    if leaves is None:
        return ""
    used = used_pairs(beam)
    if not used.any():
        return ""
    edges_mm = leaves.boundaries_mm
    for point, step in zip(beam.control_points, steps, strict=True):
        jaw_mm = opening_of(point, leaves.axis).jaw_across_mm or (edges_mm[0], edges_mm[-1])
        low_mm = max(float(edges_mm[:-1][used].min()), jaw_mm[0])
        high_mm = min(float(edges_mm[1:][used].max()), jaw_mm[1])
        reach_mm = step.view.across_after_mm(np.array([low_mm, high_mm]))
        if reach_mm[0] < edges_mm[0] - 0.5 or reach_mm[1] > edges_mm[-1] + 0.5:
            return (
                f"beam {beam.number} ({beam.name}): the opening would reach from {reach_mm[0]:.0f} to "
                f"{reach_mm[1]:.0f} mm across the leaves, which reach from {edges_mm[0]:g} "
                f"to {edges_mm[-1]:g} mm"
            )
    return ""


def _moved_beam(beam: Beam, steps: Sequence[Following], *, jaws_follow: bool) -> Beam:
    used, axis = used_pairs(beam), leaf_axis(beam)
    planned = [opening_of(point, axis) for point in beam.control_points]
    openings = [
        moved_opening(opening, beam.leaves, used, step.view)
        for opening, step in zip(planned, steps, strict=True)
    ]
    if not jaws_follow:
        openings = with_jaws_still(planned, openings)
    weights, meterset_mu = _metersets(beam, steps)
    points = tuple(
        replace(
            with_opening(point, opening, axis),
            gantry_deg=step.gantry_deg,
            collimator_deg=step.collimator_deg,
            cumulative_meterset=weight,
        )
        for point, opening, step, weight in zip(beam.control_points, openings, steps, weights, strict=True)
    )
    return replace(beam, control_points=points, meterset_mu=meterset_mu)


def with_jaws_still(planned: Sequence[Opening], openings: Sequence[Opening]) -> list[Opening]:
    """Keep jaws still that stood still as planned, as far open as the widest opening wants them."""
    along = _common([one.jaw_along_mm for one in planned], [one.jaw_along_mm for one in openings])
    across = _common([one.jaw_across_mm for one in planned], [one.jaw_across_mm for one in openings])
    return [
        replace(one, jaw_along_mm=along or one.jaw_along_mm, jaw_across_mm=across or one.jaw_across_mm)
        for one in openings
    ]


def _common(
    planned: Sequence[tuple[float, float] | None], moved: Sequence[tuple[float, float] | None]
) -> tuple[float, float] | None:
    """Return the widest of the moved jaws where the planned ones stand still, else None."""
    before = np.array([one for one in planned if one is not None])
    after = np.array([one for one in moved if one is not None])
    if len(before) < len(planned) or np.ptp(before, axis=0).max() > _SAME_JAW_MM:
        return None
    return float(after[:, 0].min()), float(after[:, 1].max())


def with_opening(point: ControlPoint, opening: Opening, axis: str) -> ControlPoint:
    """Return a control point with this opening; leaves travel along ``axis``."""
    jaws = (opening.jaw_along_mm, opening.jaw_across_mm)
    jaw_x_mm, jaw_y_mm = jaws if axis == "X" else jaws[::-1]
    return replace(point, leaf_positions_mm=opening.leaves_mm, jaw_x_mm=jaw_x_mm, jaw_y_mm=jaw_y_mm)


def _metersets(beam: Beam, steps: Sequence[Following]) -> tuple[list[float], float | None]:
    """Cumulative meterset weights and monitor units that make up for the changed distance."""
    planned = np.array([point.cumulative_meterset for point in beam.control_points])
    factors = np.array([step.meterset_factor for step in steps])
    parts = np.diff(planned) * (factors[1:] + factors[:-1]) / 2.0
    total, before = float(parts.sum()), float(planned[-1] - planned[0])
    if total <= 0.0 or before <= 0.0:
        return planned.tolist(), beam.meterset_mu
    weights = np.round(planned[0] + np.concatenate([[0.0], np.cumsum(parts)]) * before / total, 8)
    weights[-1] = planned[-1]
    meterset_mu = None if beam.meterset_mu is None else round(beam.meterset_mu * total / before, 3)
    return weights.tolist(), meterset_mu


def _placed(beam: Beam, isocentre_mm: Array | None, turn_couch_deg: float) -> Beam:
    """Put a beam about the isocentre of the new plan; table readings of another set-up are left open."""
    points = tuple(
        replace(
            point,
            isocentre_mm=point.isocentre_mm if isocentre_mm is None else isocentre_mm,
            couch_deg=round((point.couch_deg + turn_couch_deg) % 360.0, 2),
            table_top_mm=None,
        )
        for point in beam.control_points
    )
    return replace(beam, control_points=points)


def _changes(told: Sequence[tuple[Beam, Beam, Sequence[Following]]], *, is_trimmed: bool) -> tuple[str, ...]:
    steps = [step for _, _, one in told for step in one]
    shifts_mm = [float(np.linalg.norm(step.view.shift_mm)) for step in steps]
    turns_deg = [_turn_deg(old, new, "collimator_deg") for old, new, _ in told]
    swings_deg = [_turn_deg(old, new, "gantry_deg") for old, new, _ in told]
    factors = [
        new.meterset_mu / old.meterset_mu for old, new, _ in told if old.meterset_mu and new.meterset_mu
    ]
    if max(*shifts_mm, *turns_deg, *swings_deg) < _NOTHING:
        return (AS_PLANNED,)
    changes = [
        f"leaves and jaws follow the target by up to {max(shifts_mm):.1f} mm in the plane of the isocentre"
    ]
    if max(turns_deg) > 0.0:
        changes.append(f"the collimator turns by up to {max(turns_deg):.2f}°")
    if max(swings_deg) > 0.0:
        changes.append(f"the gantry turns by up to {max(swings_deg):.2f}°")
    if factors:
        # Adding zero after rounding turns the -0.0 that a display would show into 0.0.
        least, most = (round(100.0 * (one - 1.0), 1) + 0.0 for one in (min(factors), max(factors)))
        cause = "the distance and the tilt" if is_trimmed else "the distance"
        changes.append(f"monitor units of a beam change by {least:+.1f} to {most:+.1f} % for {cause}")
    if any(point.wedges_in for old, _, _ in told for point in old.control_points):
        changes.append("wedges turn with the collimator but stay where they are: the field moves under them")
    miss_mm = max(step.miss_mm for step in steps)
    remains = f"what remains: the outline of the target is met to {miss_mm:.1f} mm (root mean square)"
    return (*changes, remains + _tilt_words(told))


def _tilt_words(told: Sequence[tuple[Beam, Beam, Sequence[Following]]]) -> str:
    """Name the beams that pass tilted, the worst first; those of an arc differ from place to place."""
    tilts_deg = [(max(step.tilt_deg for step in steps), beam.number) for beam, _, steps in told]
    named = [
        f"beam {number} by up to {tilt:.1f}°" if len(tilts_deg) == 1 else f"beam {number} by {tilt:.1f}°"
        for tilt, number in sorted(tilts_deg, key=lambda one: (-one[0], one[1]))
        if tilt > 0.05
    ]
    return f", and beams pass through the patient tilted: {', '.join(named)}" if named else ""


def _turn_deg(old: Beam, new: Beam, name: str) -> float:
    pairs = zip(old.control_points, new.control_points, strict=True)
    return max(abs(wrap_deg(float(getattr(b, name) - getattr(a, name)))) for a, b in pairs)
