"""A plan whose segments get other monitor units."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from isoguide.adaptation.machine_limits import violations
from isoguide.adaptation.virtual_couch_shift import CorrectedBeams
from isoguide.dose.beam_data import BeamData
from isoguide.dose.pencil_beam import SegmentKey
from isoguide.geometry.frames import Array
from isoguide.plan import Beam, Plan

MU_DIGITS: Final = 3
WEIGHT_DIGITS: Final = 8


def with_weights(
    plan: Plan, segments: Sequence[SegmentKey], segment_mu: Array, machine: BeamData
) -> CorrectedBeams:
    """Give the segments of a plan new monitor units, as far as the machine can deliver them.

    Segments of a beam that stands still get no monitor units at all rather than fewer than the machine can
    deliver; those that come near its least get that.

    Parameters
    ----------
    plan
        It stays as it is.
    segments, segment_mu
        Which, and their new monitor units, (segments,).
    machine
        Whose limits.
    """
    beams, shares = [], []
    for beam in plan.beams:
        chosen = [n for n, key in enumerate(segments) if key.beam_number == beam.number]
        if not chosen or not beam.meterset_mu:
            beams.append(beam)
            continue
        new = _weighted(beam, [segments[n] for n in chosen], segment_mu[chosen], machine)
        if new is None:
            reason = f"beam {beam.number} ({beam.name}) would get no monitor units"
            return CorrectedBeams(None, (reason,), ())
        beams.append(new)
        shares.append((new.meterset_mu or 0.0) / beam.meterset_mu)
    corrected = replace(plan, beams=tuple(beams), approval_status="UNAPPROVED", sop_instance_uid="")
    reasons = violations(corrected, machine, plan)
    if reasons:
        return CorrectedBeams(None, reasons, ())
    least, most = 100.0 * (min(shares) - 1.0), 100.0 * (max(shares) - 1.0)
    changes = (
        f"{len(segments)} segments get other monitor units; those of a beam change by {least:+.1f} to "
        f"{most:+.1f} %, all together from {plan.treatment_mu:.0f} to {corrected.treatment_mu:.0f} MU",
    )
    return CorrectedBeams(corrected, (), changes)


def _weighted(beam: Beam, keys: Sequence[SegmentKey], new_mu: Array, machine: BeamData) -> Beam | None:
    intervals = np.array(beam.interval_mu)
    is_still = len({point.gantry_deg for point in beam.control_points}) == 1
    for key, wanted in zip(keys, new_mu.tolist(), strict=True):
        part = slice(key.first_control_point, key.last_control_point)
        before = float(intervals[part].sum())
        given = _deliverable(wanted, machine.limits.least_segment_mu) if is_still else wanted
        if before > 0.0:
            intervals[part] *= given / before
    total = float(intervals.sum())
    if total <= 0.0:
        return None
    first, last = beam.control_points[0].cumulative_meterset, beam.control_points[-1].cumulative_meterset
    weights = np.round(
        first + np.concatenate([[0.0], np.cumsum(intervals)]) * (last - first) / total, WEIGHT_DIGITS
    )
    weights[-1] = last
    points = tuple(
        replace(point, cumulative_meterset=weight)
        for point, weight in zip(beam.control_points, weights.tolist(), strict=True)
    )
    return replace(beam, control_points=points, meterset_mu=round(total, MU_DIGITS))


def _deliverable(wanted_mu: float, least_mu: float) -> float:
    if wanted_mu < least_mu / 2.0:
        return 0.0
    return max(wanted_mu, least_mu)
