"""The result as one strict JSON document with a published, versioned schema."""

import json
import math
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Final

import numpy as np

import isoguide
from isoguide.course import AXES
from isoguide.dicom import ImageSeries
from isoguide.geometry.correction import ANGLE_ORDER, CouchCorrection
from isoguide.geometry.frames import Array
from isoguide.registration.result import Alternative, Quality, RegionResidual
from isoguide.workflow.alignment import Alignment, DayInput
from isoguide.workflow.engine_json import (
    Json,
    marker_settings,
    markers_json,
    radiographs_json,
    ultrasound_json,
)
from isoguide.workflow.inputs import DailyInput, PlanningInput
from isoguide.workflow.ultrasound.align_input import UltrasoundInput

SCHEMA_VERSION: Final = "1.3"
"""Major: a reader of the previous one may break. Minor: fields were added."""
SCHEMA_FILE: Final = "alignment-1.json"


def result_document(alignment: Alignment) -> dict[str, Json]:
    """Describe an alignment as plain values; numbers that are not finite become null."""
    registration = alignment.registration
    document = {
        "schema_version": SCHEMA_VERSION,
        "version": isoguide.__version__,
        "created_at": alignment.created_at.isoformat(timespec="seconds"),
        "verdict": alignment.verdict.value,
        "reasons": list(alignment.reasons),
        "warnings": list(alignment.warnings),
        "couch_correction": _correction(alignment.correction),
        "angle_order": ANGLE_ORDER,
        "planning_from_daily": _rows(alignment),
        "uncertainty": _uncertainty(alignment),
        "quality": _quality(registration.quality),
        "degrees_of_freedom": alignment.request.degrees_of_freedom,
        "unconstrained_correction": _correction(alignment.unconstrained_correction),
        "residual_displacement": [
            {
                "structure": line.name,
                "is_target": line.is_target,
                "mean_mm": line.mean_mm,
                "largest_mm": line.largest_mm,
            }
            for line in alignment.residuals
        ],
        "patient_position": str(alignment.planning.patient_position),
        "isocentre": {
            "xyz_mm": _list(alignment.planning.isocentre.xyz_mm),
            "evidence": alignment.planning.isocentre.evidence,
        },
        "machine_isocentre": {
            "xyz_mm": _list(alignment.daily.isocentre.xyz_mm),
            "evidence": alignment.daily.isocentre.evidence,
        },
        "target": alignment.target.name if alignment.target is not None else None,
        "region": str(alignment.request.region),
        "content": registration.content,
        "algorithm": registration.algorithm,
        "settings": plain_json({**registration.settings, **marker_settings(alignment)}),
        "radiographs": radiographs_json(alignment),
        "markers": markers_json(alignment),
        "ultrasound": ultrasound_json(alignment),
        "inputs": {"planning": planning_json(alignment.planning), "daily": daily_json(alignment.daily)},
        "timing_s": {step: round(seconds, 3) for step, seconds in sorted(alignment.timing_s.items())},
    }
    finite: dict[str, Json] = finite_json(document)
    return finite


def result_text(document: Mapping[str, Json]) -> str:
    """Write a document as strict JSON with a final line break.

    Raises
    ------
    ValueError
        If a number is not finite: that would not be JSON (RFC 8259).
    """
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def result_schema() -> dict[str, Json]:
    """Return the JSON schema (draft 2020-12) that every document of :func:`result_document` satisfies."""
    text = resources.files("isoguide.workflow").joinpath("schema", SCHEMA_FILE).read_text(encoding="utf-8")
    schema: dict[str, Json] = json.loads(text)
    return schema


def _correction(correction: CouchCorrection | None) -> Json:
    if correction is None:
        return None
    return {key: getattr(correction, key) for key in AXES}


def _rows(alignment: Alignment) -> Json:
    transform = alignment.planning_from_daily
    return transform.matrix.tolist() if transform is not None else None


def _uncertainty(alignment: Alignment) -> Json:
    half_widths, uncertainty = alignment.half_widths, alignment.registration.uncertainty
    if half_widths is None or uncertainty is None or alignment.covariance is None:
        return None
    return {
        "confidence": 0.95,
        **{key: half_widths.get(key) for key in AXES},
        "largest_at_target_mm": uncertainty.largest_at_target_mm,
        "covariance": alignment.covariance.tolist(),
    }


def _quality(quality: Quality | None) -> Json:
    if quality is None:
        return None
    agreeing, starts = quality.starts_agreeing
    return {
        "similarity": quality.similarity,
        "overlap_fraction": quality.overlap_fraction,
        "condition_number": quality.condition_number,
        "weakest_direction": _list(quality.weakest_direction),
        "weakest_direction_words": quality.weakest_direction_words,
        "inverse_inconsistency_mm": quality.inverse_inconsistency_mm,
        "start_agreement_mm": quality.start_agreement_mm,
        "starts_agreeing": agreeing,
        "starts": starts,
        "residuals": [_residual(residual) for residual in quality.residuals],
        "alternatives": [_alternative(alternative) for alternative in quality.alternatives],
    }


def _residual(residual: RegionResidual) -> Json:
    return {
        "centre_mm": _list(residual.centre_mm),
        "shift_mm": _list(residual.shift_mm),
        "similarity": residual.similarity,
        "patches": residual.patches,
    }


def _alternative(alternative: Alternative) -> Json:
    return {
        "pitches": alternative.pitches,
        "offset_mm": alternative.offset_mm,
        "similarity": alternative.similarity,
        "log_odds": alternative.log_odds,
    }


def planning_json(planning: PlanningInput) -> dict[str, Json]:
    """Describe the planning side: image, plan, structure set."""
    described = _image(planning.series, str(planning.path), planning.content_sha256)
    plan, structure_set = planning.plan, planning.structure_set
    described["plan"] = (
        {
            "sop_instance_uid": plan.sop_instance_uid,
            "label": plan.label,
            "approval_status": plan.approval_status,
        }
        if plan is not None
        else None
    )
    described["structure_set"] = (
        {"sop_instance_uid": structure_set.sop_instance_uid, "label": structure_set.label}
        if structure_set is not None
        else None
    )
    return described


def daily_json(daily: DayInput) -> dict[str, Json]:
    """Describe the day's side."""
    if isinstance(daily, DailyInput):
        return _image(daily.series, str(daily.path), daily.content_sha256)
    described = _image(None, str(daily.path), daily.content_sha256)
    if isinstance(daily, UltrasoundInput):
        return described | _ultrasound(daily)
    described |= {"kind": "radiographs", "images": len(daily.views)}
    if daily.patient is not None:
        taken = daily.acquired_at
        described |= {
            "patient_id": daily.patient.patient_id,
            "modality": daily.origins[0].header.modality,
            "acquired_at": taken.isoformat() if taken is not None else None,
            "study_instance_uid": daily.origins[0].header.study_instance_uid,
        }
    return described


def _ultrasound(daily: UltrasoundInput) -> dict[str, Json]:
    taken, series = daily.acquired_at, daily.series
    described: dict[str, Json] = {
        "kind": "ultrasound",
        "modality": "US",
        "acquired_at": taken.isoformat() if taken is not None else None,
    }
    if daily.patient is not None:
        described["patient_id"] = daily.patient.patient_id
    if series is not None:
        described |= {
            "study_instance_uid": series.study_instance_uid,
            "series_instance_uid": series.series_instance_uid,
            "frame_of_reference_uid": series.frame_of_reference_uid,
            "images": len(series.instance_uids),
        }
    return described


def _image(series: ImageSeries | None, path: str, sha256: str) -> dict[str, Json]:
    described: dict[str, Json] = {"path": path, "kind": "volume file", "content_sha256": sha256}
    if series is None:
        return described
    acquired = series.acquired_at.isoformat() if series.acquired_at is not None else None
    return described | {
        "kind": "DICOM",
        "patient_id": series.patient.patient_id,
        "modality": series.modality,
        "description": series.description,
        "acquired_at": acquired,
        "study_instance_uid": series.study_instance_uid,
        "series_instance_uid": series.series_instance_uid,
        "frame_of_reference_uid": series.frame_of_reference_uid,
        "images": len(series.instance_uids),
    }


def _list(values: Array) -> list[float]:
    return [float(value) for value in values]


def plain_json(value: object) -> Json:
    """Turn the engine's settings into what JSON knows; anything else by its text."""
    if isinstance(value, np.ndarray | np.generic):
        return plain_json(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): plain_json(item) for key, item in value.items()}
    if isinstance(value, str | bool | int | float) or value is None:
        return value
    if isinstance(value, Sequence):
        return [plain_json(item) for item in value]
    return str(value)


def finite_json(value: Json) -> Json:
    """Replace numbers that are not finite by null, however deep they are."""
    if isinstance(value, dict):
        return {key: finite_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
