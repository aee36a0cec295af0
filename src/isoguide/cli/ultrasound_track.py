"""``isoguide ultrasound track``: structures followed through a recording."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from isoguide.cli.endings import LOOK, one_sentence_endings
from isoguide.cli.options import ForceOption, JsonOption, QuietOption

IMAGES: Final = "The images"
ROOM: Final = "The room"


def track_command(
    recording: Annotated[
        Path,
        typer.Argument(
            metavar="IMAGES",
            help="Folder of pictures (PNG), DICOM ultrasound, or a tracked sequence of Plus (.igs.mha).",
        ),
    ],
    target: Annotated[
        list[str],
        typer.Option(
            metavar="COLUMN,ROW", help="A structure in the first frame, pixels from 0. Repeat it for more."
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="report.html, figures, result.json and frames go there.")
    ],
    depth: Annotated[
        float | None,
        typer.Option(
            metavar="MM",
            help="Depth that the scanner shows, where the images do not state the size of their pixels.",
            rich_help_panel=IMAGES,
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            metavar="N", help="Frames a second, where the images have no times.", rich_help_panel=IMAGES
        ),
    ] = None,
    back: Annotated[
        bool,
        typer.Option("--back/--no-back", help="Follow back from the last frame too.", rich_help_panel=IMAGES),
    ] = True,
    probe: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Probe file: a tracked sequence gets its place in the room.",
            rich_help_panel=ROOM,
        ),
    ] = None,
    across: Annotated[
        float | None,
        typer.Option(
            metavar="MM",
            help="How far the target may be across the image, standard deviation. An image does not show it.",
            rich_help_panel=ROOM,
        ),
    ] = None,
    taken: Annotated[
        datetime | None,
        typer.Option(
            metavar="TIME",
            help="When the recording began, with --probe: 2026-03-01T08:30:00.",
            rich_help_panel=ROOM,
        ),
    ] = None,
    force: ForceOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Follow structures through a recording of ultrasound.

    Every frame is compared with the first one, so that nothing drifts. A structure whose outline or speckle
    is no longer that of the first frame is lost until it is found again, and the report says why. Followed
    back from the last frame, a path that is right comes out at its start.

    Exit code 0: done; 1: a structure was not seen in the end, or came out elsewhere when followed back; 2:
    the images cannot be used, and a sentence says why.

    **Examples**

    `isoguide ultrasound track frames/ --depth 150 --rate 19 --target 640,222 --target 612,365 --out track/`

    `isoguide ultrasound track liver.dcm --target 310,255 --out track/`

    `isoguide ultrasound track prostate.igs.mha --probe probe.json --taken 2026-03-01T08:30:00 --target
    310,255 --out track/`
    """
    with one_sentence_endings():
        from isoguide.cli.ultrasound_track_run import track_and_show, track_request

        request = track_request(
            recording,
            target,
            images=(depth, rate, back),
            room=(probe, across, taken),
        )
        is_doubtful = track_and_show(request, out, overwrite=force, quiet=quiet, as_json=as_json)
    if is_doubtful:
        raise typer.Exit(LOOK)
