"""``isoguide ultrasound``: tracked sweeps made into volumes, probes calibrated, structures followed."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from isoguide.cli.endings import one_sentence_endings
from isoguide.cli.options import ForceOption, JsonOption, QuietOption
from isoguide.cli.ultrasound_track import track_command

PROBE: Final = "The probe"
VOLUME: Final = "The volume"
PATIENT: Final = "The patient"

ultrasound_app = typer.Typer(
    name="ultrasound",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Ultrasound: make a volume of a tracked sweep, calibrate a probe, follow structures.",
)


@ultrasound_app.command(name="reconstruct")
def reconstruct_command(
    recording: Annotated[
        Path, typer.Argument(metavar="SWEEP", help="Tracked sequence of Plus (.igs.mha, .seq.mha).")
    ],
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Volume, result.json and report.html go there.")
    ],
    probe: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Probe file, of isoguide ultrasound calibrate.", rich_help_panel=PROBE
        ),
    ] = None,
    plus_config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Device-set configuration of Plus (XML) instead. Its volume has no place in the room.",
            rich_help_panel=PROBE,
        ),
    ] = None,
    spacing: Annotated[
        float, typer.Option(metavar="MM", help="Edge of a voxel.", rich_help_panel=VOLUME)
    ] = 0.5,
    method: Annotated[
        str,
        typer.Option(
            metavar="mean|maximum|nearest", help="What a voxel gets of its pixels.", rich_help_panel=VOLUME
        ),
    ] = "mean",
    fill: Annotated[
        float,
        typer.Option(
            metavar="MM",
            help="Holes are bridged up to this; a gap that is longer is refused.",
            rich_help_panel=VOLUME,
        ),
    ] = 3.0,
    planning: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Export of the planning CT: whose volume it is.", rich_help_panel=PATIENT
        ),
    ] = None,
    patient_id: Annotated[
        str, typer.Option(metavar="ID", help="Without --planning.", rich_help_panel=PATIENT)
    ] = "",
    patient_position: Annotated[
        str | None,
        typer.Option(metavar="HFS|FFS|...", help="How the patient lay.", rich_help_panel=PATIENT),
    ] = None,
    body_part: Annotated[
        str,
        typer.Option(
            metavar="PROSTATE|PELVIS|ABDOMEN|LIVER|BREAST", help="What was scanned.", rich_help_panel=PATIENT
        ),
    ] = "PELVIS",
    side: Annotated[str, typer.Option(metavar="L|R", help="Of a paired part.", rich_help_panel=PATIENT)] = "",
    taken: Annotated[
        datetime | None,
        typer.Option(
            metavar="TIME", help="When it was recorded: 2026-03-01T08:30:00.", rich_help_panel=PATIENT
        ),
    ] = None,
    force: ForceOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a volume of a tracked freehand sweep.

    Images without tracking, without contact, or that stood still are left out and named; a jumping tracker or
    a gap is refused. The volume is written as DICOM (Enhanced US Volume) where the probe file says where its
    tracking system is in the room or in the CT room, and as MetaImage always.

    **Examples**

    `isoguide ultrasound reconstruct sweep.igs.mha --probe probe.json --planning plan/ --taken
    2026-03-01T08:30:00 --out reference/`

    `isoguide ultrasound reconstruct sweep.igs.mha --plus-config PlusDeviceSet.xml --out volume/`
    """
    with one_sentence_endings():
        from isoguide.cli.ultrasound_run import reconstruct_and_show, reconstruct_request

        request = reconstruct_request(
            recording,
            {"probe": probe, "plus_config": plus_config, "planning": planning, "taken_at": taken},
            volume=(spacing, method, fill),
            patient=(patient_id, patient_position),
            part=(body_part, side),
        )
        reconstruct_and_show(request, out, overwrite=force, quiet=quiet, as_json=as_json)


@ultrasound_app.command(name="calibrate")
def calibrate_command(
    recording: Annotated[
        Path, typer.Argument(metavar="RECORDING", help="Tracked sequence of Plus that shows the phantom.")
    ],
    sightings: Annotated[
        Path,
        typer.Argument(metavar="SIGHTINGS", help="The phantom and where it was marked (JSON, see above)."),
    ],
    name: Annotated[str, typer.Option(metavar="NAME", help='Probe and settings, such as "C5-2, 15 cm".')],
    taken: Annotated[datetime, typer.Option(metavar="TIME", help="When: 2026-03-01T08:30:00.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="probe.json and report.html go there.")],
    line_recording: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Tracked sequence of the flat bottom of a water tank while the probe moves up and down: "
            "the delay.",
        ),
    ] = None,
    place: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where the tracking system or the reference sensor is in the room (JSON: to, of, matrix, "
            "covariance).",
        ),
    ] = None,
    force: ForceOption = False,
    quiet: QuietOption = False,
) -> None:
    """Find where the image of a tracked probe is relative to its sensor, and by how much it is late.

    SIGHTINGS is JSON with `format` ("isoguide-sightings-1"), `targets` (each with `name` and `at_mm` of a
    point, `from_mm` and `to_mm` of a wire, or nothing for a point at rest whose place is not known), and
    `sightings` (each with `at_s`, the time of the image in the recording, `target` and `pixel`: column and
    row). Targets are in the coordinates of the reference sensor, unless `reference_from_phantom` (4 × 4) says
    how to get there. An N-wire phantom is wires. At least 16 images, from directions that differ by 15° or
    more.

    **Examples**

    `isoguide ultrasound calibrate phantom.igs.mha marks.json --name "C5-2, 15 cm" --taken 2026-03-01T08:30:00
    --line-recording tank.igs.mha --out probe/`
    """
    with one_sentence_endings():
        from isoguide.cli.ultrasound_run import calibrate_and_show
        from isoguide.workflow.ultrasound.calibrate import ProbeCalibrationRequest

        request = ProbeCalibrationRequest(recording, sightings, name, taken, line_recording, place)
        calibrate_and_show(request, out, overwrite=force, quiet=quiet)


ultrasound_app.command(name="track")(track_command)
