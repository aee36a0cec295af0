"""Run ``isoguide ultrasound track`` and say what came of it."""

import math
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.table import Table
from rich.text import Text

from isoguide.cli.terminal import console, shown_progress
from isoguide.errors import InputError
from isoguide.workflow.result_json import result_text
from isoguide.workflow.ultrasound.track import UltrasoundTrack, UltrasoundTrackRequest
from isoguide.workflow.ultrasound.track_files import PAGE, track_document, track_into


def track_request(
    recording: Path,
    targets: Sequence[str],
    *,
    images: tuple[float | None, float | None, bool],
    room: tuple[Path | None, float | None, datetime | None],
) -> UltrasoundTrackRequest:
    """Put the options together; times without a zone are those of this computer.

    Raises
    ------
    InputError
        If a target is not two numbers, or what is asked for is impossible.
    """
    depth_mm, rate_per_s, back = images
    probe, across_mm, taken = room
    return UltrasoundTrackRequest(
        recording,
        tuple(_pixel(text) for text in targets),
        depth_mm=depth_mm,
        rate_per_s=rate_per_s,
        probe=probe,
        across_mm=across_mm,
        taken_at=None if taken is None else taken.astimezone(),
        back=back,
    )


def _pixel(text: str) -> tuple[float, float]:
    try:
        column, row = (float(part) for part in text.split(","))
    except ValueError:
        column = row = math.nan
    if not (math.isfinite(column) and math.isfinite(row)):
        msg = f"--target {text!r} is no pixel: give column and row of the first frame, such as 310,255"
        raise InputError(msg)
    return column, row


def track_and_show(
    request: UltrasoundTrackRequest, out: Path, *, overwrite: bool, quiet: bool, as_json: bool
) -> bool:
    """Follow, write, print where and what; return whether somebody has to look at it."""
    with shown_progress(wanted=not (quiet or as_json)) as progress:
        track = track_into(out, request, overwrite=overwrite, progress=progress)
    if as_json:
        sys.stdout.write(result_text(track_document(track)))
    elif not quiet:
        _show(track, out)
    return track.is_doubtful


def _show(track: UltrasoundTrack, out: Path) -> None:
    terminal = console()
    shown = Table("structure", "frames seen", "range mm (across × down)", "followed back", box=None)
    for number, one in enumerate(track_document(track)["structures"], start=1):
        across, down = one["range_mm"]
        back = "–" if one["back_mm"] is None else f"{one['back_mm']:.2f} mm from the start"
        seen = f"{one['frames_seen']} of {len(track.seen)}"
        shown.add_row(str(number), seen, f"{across:.1f} × {down:.1f}", back)
    terminal.print(shown)
    for which in range(track.seen.shape[1]):
        for first, last, reason in track.losses(which):
            terminal.print(Text(f"structure {which + 1}, frames {first} to {last}: {reason}", style="yellow"))
    for warning in track.warnings:
        terminal.print(Text(f"warning: {warning}", style="yellow"))
    terminal.print(Text(f"written to {out / PAGE}"))
