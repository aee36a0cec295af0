"""Segments that follow the outline of the target: segment aperture morphing.

Each control point sees the target's outline twice: as planned, moved as a rigid body to where the beams
already follow it, and as it is today. Across the leaves, the extent of the one is stretched over that of the
other. Along each leaf pair, positions between the two edges of the planned outline are stretched between
those of today's, and positions outside keep their distance from the edge: margins stay as planned, and so
does the shape of a segment within the target.

Source: Ahunbay et al., Med. Phys. 35 (2008) 3607 (segment aperture morphing).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.spatial import cKDTree

from isoguide.adaptation.field_shape import beams_eye_view_mm
from isoguide.adaptation.machine_limits import violations
from isoguide.adaptation.opening import leaf_axis, moved_opening, opening_of, used_pairs
from isoguide.adaptation.virtual_couch_shift import CorrectedBeams, with_jaws_still, with_opening
from isoguide.dose.beam_data import BeamData
from isoguide.geometry.frames import FIXED, Array, Points
from isoguide.geometry.iec61217 import fixed_from_patient_support
from isoguide.plan import Beam, ControlPoint, Plan

LARGEST_CHANGE_MM: Final = 30.0
LARGEST_STRETCH: Final = 2.0
"""An outline that changed by more than this is another target: plan anew."""
SAME_MM: Final = 0.2
"""An outline that changed by less than this everywhere is the same."""


@dataclass(frozen=True, slots=True, eq=False)
class OutlineView:
    """Where the outline of the target goes along and across the leaves of one control point.

    Parameters
    ----------
    across_before_ends_mm, across_after_ends_mm
        Extent across the leaves, planned and today, (2,) each.
    centres_mm
        Middles of the strips across the leaves, (n,), as planned.
    planned_edges_mm, edges_mm
        Edges of the outline in each strip, planned and at the place today that corresponds, (2, n).
    """

    across_before_ends_mm: Array
    across_after_ends_mm: Array
    centres_mm: Array
    planned_edges_mm: Array
    edges_mm: Array

    def across_before_mm(self, after_mm: Array) -> Array:
        """Return where across the leaves something at ``after_mm`` was planned."""
        return _stretched(after_mm, self.across_after_ends_mm, self.across_before_ends_mm)

    def across_after_mm(self, before_mm: Array) -> Array:
        """Return where across the leaves something planned at ``before_mm`` goes."""
        return _stretched(before_mm, self.across_before_ends_mm, self.across_after_ends_mm)

    def along_after_mm(self, before_mm: Array, across_mm: Array) -> Array:
        """Return where positions along the leaves go, for leaves at the new ``across_mm``."""
        planned_mm = self.across_before_mm(across_mm)
        edges = [
            np.stack([np.interp(planned_mm, self.centres_mm, one) for one in ends])
            for ends in (self.planned_edges_mm, self.edges_mm)
        ]
        return _stretched(before_mm, *edges)


def _stretched(values_mm: Array, before_mm: Array, after_mm: Array) -> Array:
    """Stretch what lies between two ends (2, ...) between two others, and shift what lies outside."""
    width_mm = np.maximum(before_mm[1] - before_mm[0], 1e-6)
    within = after_mm[0] + (values_mm - before_mm[0]) * (after_mm[1] - after_mm[0]) / width_mm
    below, above = values_mm - before_mm[0] + after_mm[0], values_mm - before_mm[1] + after_mm[1]
    return np.asarray(
        np.where(values_mm < before_mm[0], below, np.where(values_mm > before_mm[1], above, within))
    )


def morph_apertures(plan: Plan, planned_target: Points, target: Points, machine: BeamData) -> CorrectedBeams:
    """Shape the segments of a plan to the target of the day.

    Parameters
    ----------
    plan
        Beams that follow the target as a rigid body already, from
        :func:`~isoguide.adaptation.virtual_couch_shift.shift_beams`; it stays as it is.
    planned_target
        Points all over the side of the target as planned, carried as a rigid body to where it is today;
        FIXED, couch at 0°.
    target
        The same of the target of today.
    machine
        Whose limits the new beams keep.
    """
    changed_mm = largest_change_mm(planned_target, target)
    if changed_mm > LARGEST_CHANGE_MM:
        return CorrectedBeams(
            None,
            (f"the target's outline has changed by {changed_mm:.0f} mm somewhere: plan anew",),
            (),
        )
    beams, ways_mm = [], [0.0]
    for beam in plan.beams:
        if not beam.is_treatment or beam.leaves is None:
            beams.append(beam)
            continue
        views = [_outline_view(point, beam, planned_target, target, machine) for point in beam.control_points]
        if any(_is_torn(view) for view in views):
            reason = (
                f"the target's outline is more than {LARGEST_STRETCH:g} times as wide or as narrow as planned"
            )
            return CorrectedBeams(None, (f"{reason}: plan anew",), ())
        new = _morphed(beam, views)
        ways_mm.append(_largest_way_mm(beam, new))
        beams.append(new)
    if max(ways_mm) < SAME_MM:
        return CorrectedBeams(
            None, ("the target has the outline that was planned: there is nothing to morph",), ()
        )
    corrected = replace(plan, beams=tuple(beams), approval_status="UNAPPROVED", sop_instance_uid="")
    reasons = violations(corrected, machine, plan)
    if reasons:
        return CorrectedBeams(None, reasons, ())
    changes = (
        f"leaf edges move by up to {max(ways_mm):.1f} mm to the target's outline of the day, which differs "
        f"from the planned one by up to {changed_mm:.1f} mm",
        "monitor units stay, so that a target at another depth or of another width gets another dose",
    )
    return CorrectedBeams(corrected, (), changes)


def largest_change_mm(before: Points, after: Points) -> float:
    """Return the largest distance from a point of one outline to the other, either way, mm."""
    there, _ = cKDTree(after.xyz_mm).query(before.xyz_mm)
    back, _ = cKDTree(before.xyz_mm).query(after.xyz_mm)
    return max(float(np.max(there)), float(np.max(back)))


def _outline_view(
    point: ControlPoint, beam: Beam, planned_target: Points, target: Points, machine: BeamData
) -> OutlineView:
    before_mm, after_mm = (_seen(point, beam, one, machine) for one in (planned_target, target))
    across_before, across_after = (
        np.array([one[:, 1].min(), one[:, 1].max()]) for one in (before_mm, after_mm)
    )
    boundaries = np.asarray(beam.leaves.boundaries_mm) if beam.leaves is not None else np.zeros(2)
    middles = (boundaries[1:] + boundaries[:-1]) / 2.0
    crossed = (boundaries[1:] > across_before[0]) & (boundaries[:-1] < across_before[1])
    # The end strips of a small target may reach past it: their middle is put into its extent.
    centres = np.unique(np.clip(middles[crossed], *across_before))
    width_mm = float(np.diff(boundaries)[crossed].min()) if crossed.any() else 5.0
    there = _stretched(centres, across_before, across_after)
    return OutlineView(
        across_before,
        across_after,
        centres,
        _edges(before_mm, centres, width_mm),
        _edges(after_mm, there, width_mm),
    )


def _seen(point: ControlPoint, beam: Beam, target: Points, machine: BeamData) -> Array:
    """Project the target, (n, 2), along and across the leaves."""
    turned = Points(FIXED, target.xyz_mm @ fixed_from_patient_support(point.couch_deg).rotation.T)
    sad_mm = beam.source_axis_distance_mm or machine.source_axis_distance_mm
    seen_mm = beams_eye_view_mm(turned, point.gantry_deg, point.collimator_deg, sad_mm)
    return seen_mm if leaf_axis(beam) == "X" else seen_mm[:, ::-1]


def _edges(outline_mm: Array, centres_mm: Array, width_mm: float) -> Array:
    """Lowest and highest place along the leaves of an outline in strips about these middles, (2, n)."""
    order = np.argsort(outline_mm[:, 1])
    along, across = outline_mm[order, 0], outline_mm[order, 1]
    first = np.searchsorted(across, centres_mm - width_mm / 2.0)
    last = np.searchsorted(across, centres_mm + width_mm / 2.0)
    edges = np.full((2, len(centres_mm)), np.nan)
    for n, (start, stop) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        if stop > start:
            edges[:, n] = along[start:stop].min(), along[start:stop].max()
    return np.stack([_filled(one, centres_mm) for one in edges])


def _filled(values: Array, at_mm: Array) -> Array:
    known = np.isfinite(values)
    return np.interp(at_mm, at_mm[known], values[known]) if known.any() else np.zeros(len(values))


def _is_torn(view: OutlineView) -> bool:
    """Whether an outline as a whole is stretched or squeezed beyond what keeps a segment's meaning."""
    across = np.ptp(view.across_after_ends_mm) / max(float(np.ptp(view.across_before_ends_mm)), 1e-6)
    widths = [float(np.ptp(one)) for one in (view.planned_edges_mm, view.edges_mm)]
    stretches = np.array([across, widths[1] / max(widths[0], 1e-6)])
    return bool((stretches > LARGEST_STRETCH).any() or (stretches < 1.0 / LARGEST_STRETCH).any())


def _morphed(beam: Beam, views: Sequence[OutlineView]) -> Beam:
    used, axis = used_pairs(beam), leaf_axis(beam)
    planned = [opening_of(point, axis) for point in beam.control_points]
    openings = [
        moved_opening(opening, beam.leaves, used, view) for opening, view in zip(planned, views, strict=True)
    ]
    openings = with_jaws_still(planned, openings)
    points = tuple(
        with_opening(point, opening, axis)
        for point, opening in zip(beam.control_points, openings, strict=True)
    )
    return replace(beam, control_points=points)


def _largest_way_mm(before: Beam, after: Beam) -> float:
    ways = [
        float(np.abs(b.leaf_positions_mm - a.leaf_positions_mm).max())
        for a, b in zip(before.control_points, after.control_points, strict=True)
        if a.leaf_positions_mm is not None and b.leaf_positions_mm is not None
    ]
    return max(ways, default=0.0)
