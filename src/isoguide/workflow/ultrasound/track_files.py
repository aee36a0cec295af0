"""What following structures in ultrasound leaves on the disk: a page, figures, every frame line by line."""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np

import isoguide
from isoguide.errors import InputError
from isoguide.motion.gate_settings import GateSettings
from isoguide.progress import Progress, part_of, silent
from isoguide.workflow.motion.recording import RecordingHeader, RecordingWriter
from isoguide.workflow.output_folder import published_folder
from isoguide.workflow.result_json import result_text
from isoguide.workflow.ultrasound.track import UltrasoundTrack, UltrasoundTrackRequest, track_ultrasound
from isoguide.workflow.ultrasound.track_report import TRACK_PICTURES, track_html, track_pictures

FORMAT: Final = "isoguide-ultrasound-track-1"
FRAMES: Final = "frames.jsonl"
RECORDING: Final = "recording.jsonl"
RESULT: Final = "result.json"
PAGE: Final = "report.html"
GATE_MM: Final = 3.0
"""The header of a recording names a gate; nothing was gated here."""


def track_into(
    target: Path, request: UltrasoundTrackRequest, *, overwrite: bool, progress: Progress = silent
) -> UltrasoundTrack:
    """Follow structures and write what came of it into a folder.

    Raises
    ------
    InputError
        As :func:`~isoguide.workflow.ultrasound.track.track_ultrasound`.
    OutputError
        If the folder cannot be written, or holds a result and ``overwrite`` is not set.
    """
    pictures = [f"{name}.{kind}" for name in TRACK_PICTURES for kind in ("png", "svg")]
    with published_folder(
        target, (PAGE, RESULT, FRAMES, RECORDING, *pictures), overwrite=overwrite
    ) as staging:
        track = track_ultrasound(request, part_of(progress, 0.0, 0.85))
        progress(0.85, "writing the report")
        drawn = track_pictures(track)
        for one in drawn:
            for name, content in one.files.items():
                (staging / name).write_bytes(content)
        lines = [json.dumps(line, ensure_ascii=False, allow_nan=False) for line in frame_lines(track)]
        (staging / FRAMES).write_text("\n".join(lines) + "\n", encoding="utf-8")
        if track.sightings is not None:
            _write_recording(staging / RECORDING, track)
        (staging / RESULT).write_text(result_text(track_document(track)), encoding="utf-8")
        (staging / PAGE).write_text(track_html(track, drawn), encoding="utf-8")
    return track


def frame_lines(track: UltrasoundTrack) -> list[dict[str, Any]]:
    """Return a header and one line for each frame, as plain values."""
    header: dict[str, Any] = {
        "kind": "header",
        "format": FORMAT,
        "made_by": f"isoguide {isoguide.__version__}",
        "recording": str(track.request.recording),
        "pixel_spacing_mm": list(track.spacing_mm),
        "targets_px": [list(target) for target in track.request.targets_px],
    }
    moved_mm = track.moved_mm
    lines = [header]
    for frame, seen in enumerate(track.seen):
        structures: list[dict[str, Any]] = []
        for which, is_seen in enumerate(seen):
            if not is_seen:
                structures.append({"reason": track.reasons[frame][which]})
                continue
            structures.append(
                {
                    "pixel": _rounded(track.pixels[frame, which]),
                    "moved_mm": _rounded(moved_mm[frame, which]),
                    "sigma_mm": _rounded(track.sigma_mm[frame, which]),
                    "correlation": round(float(track.correlation[frame, which]), 4),
                    "speckle": round(float(track.speckle[frame, which]), 4),
                }
            )
        at_s = None if track.at_s is None else round(float(track.at_s[frame]), 6)
        lines.append({"kind": "frame", "number": frame + 1, "at_s": at_s, "structures": structures})
    return lines


def track_document(track: UltrasoundTrack) -> dict[str, Any]:
    """Describe what came of it as plain values, lengths in mm, frames counted from 1."""
    structures = []
    for which, target in enumerate(track.request.targets_px):
        seen = track.seen[:, which]
        moved_mm = track.moved_mm[seen, which]
        back = None if track.back_mm is None else float(track.back_mm[which])
        structures.append(
            {
                "target_px": list(target),
                "frames_seen": int(seen.sum()),
                "range_mm": _rounded(moved_mm.max(axis=0) - moved_mm.min(axis=0)),
                "median_sigma_mm": _rounded(np.median(track.sigma_mm[seen, which], axis=0)),
                "back_mm": None if back is None or not np.isfinite(back) else round(back, 3),
                "losses": [
                    {"first": first, "last": last, "reason": reason}
                    for first, last, reason in track.losses(which)
                ],
            }
        )
    return {
        "schema_version": "1.0",
        "kind": "ultrasound track",
        "version": isoguide.__version__,
        "recording": str(track.request.recording),
        "frames": len(track.seen),
        "pixel_spacing_mm": list(track.spacing_mm),
        "has_place_in_room": track.sightings is not None,
        "structures": structures,
        "warnings": list(track.warnings),
    }


def _write_recording(path: Path, track: UltrasoundTrack) -> None:
    if track.sightings is None or track.request.taken_at is None:
        msg = "this track has no place in the room: nothing can be recorded of it"
        raise InputError(msg)
    header = RecordingHeader(
        track.request.taken_at,
        "",
        "",
        0,
        "structures in ultrasound of a tracked probe",
        GateSettings(GATE_MM),
        np.zeros((0, 3)),
        "of the recording",
    )
    with RecordingWriter(path, header) as writer:
        for seen in track.sightings:
            writer.sighting(seen, seen.at)


def _rounded(values: Any) -> list[float]:
    return [round(float(value), 4) for value in values]
