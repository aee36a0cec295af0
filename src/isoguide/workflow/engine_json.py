"""What only some engines say, as plain values for the result document: radiographs, markers, ultrasound."""

from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from isoguide.geometry.frames import Array
from isoguide.registration import WithoutDepth
from isoguide.registration.markers import MarkerOutcome
from isoguide.registration.result import CHI_95_PER_AXIS
from isoguide.workflow.alignment import Alignment
from isoguide.workflow.radiographs.align_views import ViewsInput
from isoguide.workflow.radiographs.placing import ViewOrigin
from isoguide.workflow.ultrasound.align_input import TrackedProbe, UltrasoundInput, UltrasoundReference

Json = Any
"""Nested dict, list, str, int, float, bool and None."""


def radiographs_json(alignment: Alignment) -> Json:
    """Describe the radiographs of the day and where their geometry is from; None for a volume."""
    daily = alignment.daily
    if not isinstance(daily, ViewsInput):
        return None
    found = alignment.radiographs
    quality = found.quality if found is not None else None
    apart = quality.disagreement if quality is not None else None
    return {
        "views": [_view(daily, number, alignment) for number in range(len(daily.views))],
        "moments_apart_s": daily.moments_apart_s,
        "view_angle_deg": quality.view_angle_deg if quality is not None and len(daily.views) > 1 else None,
        "disagreement": {"shift_mm": apart.shift_mm, "angle_deg": apart.angle_deg} if apart else None,
        "without_depth": _without_depth(found.without_depth) if found and found.without_depth else None,
    }


def _view(daily: ViewsInput, number: int, alignment: Alignment) -> Json:
    view = daily.views[number]
    found = alignment.radiographs
    quality = found.quality.views[number] if found is not None and found.quality is not None else None
    described = {
        "source": view.source,
        "similarity": quality.similarity if quality is not None else None,
        "shown_fraction": quality.shown_fraction if quality is not None else None,
        "share_that_counts": view.share_that_counts,
    }
    return described | (_origin(daily.origins[number]) if daily.origins else {})


def _origin(origin: ViewOrigin) -> dict[str, Json]:
    header, imager = origin.header, origin.imager
    return {
        "place": origin.place,
        "modality": header.modality,
        "patient_id": header.patient.patient_id,
        "acquired_at": header.acquired_at.isoformat() if header.acquired_at is not None else None,
        "device_serial_number": header.serial_number,
        "study_instance_uid": header.study_instance_uid,
        "series_instance_uid": header.series_instance_uid,
        "sop_instance_uid": header.sop_instance_uid,
        "frame_of_reference_uid": header.frame_of_reference_uid,
        "calibration": {
            "file": imager.source,
            "calibrated_at": imager.calibrated_at.isoformat(),
            "valid_days": imager.written.valid_days,
        }
        if imager is not None
        else None,
    }


def _without_depth(five: WithoutDepth) -> Json:
    half_widths = np.sqrt(np.clip(np.diag(five.covariance), 0.0, None)) * CHI_95_PER_AXIS
    return {
        "verdict": five.verdict.value,
        "reasons": list(five.reasons),
        "depth": "not available",
        "depth_direction": _list(five.depth_direction),
        "shift_mm": _list(five.shift_mm),
        "shift_half_width_mm": _list(half_widths[:2]),
        "rotation_deg": _list(np.rad2deg(Rotation.from_matrix(five.rotation).as_rotvec())),
        "rotation_half_width_deg": _list(np.rad2deg(half_widths[2:])),
    }


def ultrasound_json(alignment: Alignment) -> Json:
    """Describe what ultrasound of the day was matched to, and how far it is deformed; None for other days."""
    daily = alignment.daily
    if not isinstance(daily, UltrasoundInput):
        return None
    reference, quality = daily.reference, alignment.registration.quality
    lengths = [float(np.linalg.norm(one.shift_mm)) for one in quality.residuals] if quality else []
    return {
        "against": "planning CT" if reference is None else "reference",
        "reference": _reference(reference) if reference is not None else None,
        "probe": _probe(daily.probe) if daily.probe is not None else None,
        "shadowed_fraction": float(daily.volume.shadowed.sum() / daily.volume.seen.sum()),
        "deformation": {
            "regions": len(lengths),
            "median_mm": float(np.median(lengths)),
            "p95_mm": float(np.percentile(lengths, 95.0)),
            "largest_mm": max(lengths),
        }
        if lengths
        else None,
    }


def _probe(probe: TrackedProbe) -> Json:
    variance_mm2 = float(np.linalg.eigvalsh(probe.place.about(np.zeros(3)).covariance[:3, :3])[-1])
    return {
        "file": str(probe.path),
        "name": probe.name,
        "calibrated_at": probe.calibrated_at.isoformat() if probe.calibrated_at is not None else None,
        "place_sd_mm": float(np.sqrt(max(variance_mm2, 0.0))),
    }


def _reference(reference: UltrasoundReference) -> Json:
    return {
        "path": str(reference.path),
        "content_sha256": reference.content_sha256,
        "patient_id": reference.patient.patient_id,
        "acquired_at": reference.acquired_at.isoformat() if reference.acquired_at is not None else None,
        "sop_instance_uid": reference.sop_instance_uid,
    }


def markers_json(alignment: Alignment) -> Json:
    """Describe what each implanted marker did; None for a match of anatomy."""
    found, plan = alignment.markers, alignment.marker_plan
    if found is None or plan is None:
        return None
    planned = {marker.name: marker.position_mm for marker in plan.prepared.planned}
    return [_marker(outcome, planned[outcome.name]) for outcome in found.markers]


def _marker(outcome: MarkerOutcome, planned_mm: Array) -> Json:
    left = outcome.left_out
    return {
        "name": outcome.name,
        "state": outcome.state.value,
        "planned_mm": _list(planned_mm),
        "residual_mm": _list(outcome.residual_mm) if outcome.residual_mm is not None else None,
        "left_out_mm": left.distance_mm if left is not None else None,
    }


def marker_settings(alignment: Alignment) -> dict[str, Json]:
    """Say what was declared and how the planned places are known; empty for a match of anatomy."""
    plan, found = alignment.marker_plan, alignment.markers
    if plan is None or found is None:
        return {}
    declared = plan.prepared.declared
    return {
        "markers declared": f"{declared.kind.value}:{declared.count}:{declared.length_mm:g}x"
        f"{declared.diameter_mm:g}",
        "markers planned by": plan.evidence,
        "markers residual mm": found.fre_mm,
    }


def _list(values: Array) -> list[float]:
    return [float(value) for value in values]
