"""``isoguide monitor``: what the target did during the beam, and what a gate makes of it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from isoguide.cli import options
from isoguide.cli.endings import ACCEPTED, LOOK, one_sentence_endings

if TYPE_CHECKING:
    from isoguide.workflow.motion.monitor import Monitored

GATE: Final = "The gate"


def monitor_command(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="A recording (.jsonl), a breathing trace (.csv), a frames file (.json), or a folder of "
            "radiographs (RT Image, DX, XA).",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Write report.html, monitoring.json and recording.jsonl there.")],
    gate: Annotated[
        float | None, typer.Option(metavar="MM", help="Radius of the gate.", rich_help_panel=GATE)
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            metavar="PROTOCOL",
            help="Gate as a protocol has it: a file, or one that ships.",
            rich_help_panel=GATE,
        ),
    ] = None,
    dwell: Annotated[
        float | None,
        typer.Option(metavar="S", help="In the gate for so long before beam passes.", rich_help_panel=GATE),
    ] = None,
    stale: Annotated[
        float | None,
        typer.Option(metavar="S", help="Held when the newest frame is older.", rich_help_panel=GATE),
    ] = None,
    longest_latency: Annotated[
        float | None,
        typer.Option(metavar="S", help="Held when beam would react later.", rich_help_panel=GATE),
    ] = None,
    system_latency: Annotated[
        float | None,
        typer.Option(metavar="S", help="From the order to beam off, of the machine.", rich_help_panel=GATE),
    ] = None,
    least_probability: Annotated[
        float | None, typer.Option(metavar="P", help="Held below.", rich_help_panel=GATE)
    ] = None,
    settled_probability: Annotated[
        float | None, typer.Option(metavar="P", help="Begins above.", rich_help_panel=GATE)
    ] = None,
    realign_after: Annotated[
        float | None,
        typer.Option(metavar="S", help="Away for so long: align anew.", rich_help_panel=GATE),
    ] = None,
    no_prediction: Annotated[
        bool,
        typer.Option("--no-prediction", help="Expect the target where it was seen.", rich_help_panel=GATE),
    ] = False,
    planning: Annotated[
        Path | None,
        typer.Option(
            metavar="PLANNING",
            help="Planning export: CT, RT Structure Set, RT Plan.",
            rich_help_panel=options.RADIOGRAPHS,
        ),
    ] = None,
    markers: Annotated[
        str | None,
        typer.Option(
            metavar="KIND:COUNT:LENGTHxDIAMETER",
            help="Implanted markers, mm: seed:3:5x1, coil:4:10x0.5, sphere:3:2.",
            rich_help_panel=options.RADIOGRAPHS,
        ),
    ] = None,
    isocentre: options.IsocentreOption = None,
    patient_position: options.PatientPositionOption = None,
    imager: options.ImagerOption = None,
    source_from_gantry: options.SourceFromGantryOption = None,
    pixels: options.PixelsOption = None,
    json: options.JsonOption = False,
    force: options.ForceOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Report how the target moved during the beam, or ask what another gate would have done.

    A recording is reported as it is; with an option of the gate its frames are played through that gate.
    Exits with 1 where the gate asked to align anew or stopped, so that somebody looks.

    **Examples**

    What happened: `isoguide monitor monitoring/fraction-3.jsonl --out report/`

    What would a gate of 2 mm have done: `isoguide monitor fraction-3.jsonl --gate 2 --out report/`

    By a protocol: `isoguide monitor fraction-3.jsonl --protocol my-lung.toml --out report/`

    Markers in images: `isoguide monitor frames/ --planning plan/ --markers seed:4:5x1 --gate 3 --out report/`

    A breathing trace: `isoguide monitor trace.csv --gate 3 --out report/`
    """
    with one_sentence_endings():
        from isoguide.cli import values
        from isoguide.cli.terminal import shown_progress
        from isoguide.workflow.documents import document_text
        from isoguide.workflow.motion.monitor import GateChoice, MonitorRequest, monitor
        from isoguide.workflow.request import RadiographChoice

        changes = {
            "gate_mm": gate,
            "dwell_s": dwell,
            "stale_s": stale,
            "longest_latency_s": longest_latency,
            "system_latency_s": system_latency,
            "least_probability": least_probability,
            "settled_probability": settled_probability,
            "realign_after_s": realign_after,
        }
        stated = {name: value for name, value in changes.items() if value is not None}
        request = MonitorRequest(
            source,
            GateChoice(protocol, stated, predicts=not no_prediction),
            planning=planning,
            isocentre_mm=values.point(isocentre, "--isocentre"),
            patient_position=values.patient_position(patient_position),
            markers=values.markers(markers),
            radiographs=RadiographChoice(
                imagers=tuple(imager or ()),
                source_from_gantry_deg=source_from_gantry,
                pixels=values.pixels(pixels),
            ),
        )
        with shown_progress(wanted=not quiet) as progress:
            done = monitor(request, out, overwrite=force, progress=progress)
        if json:
            sys.stdout.write(document_text(done.document))
        elif not quiet:
            _show(done, out)
    raise typer.Exit(LOOK if done.somebody_has_to_look else ACCEPTED)


def _show(done: "Monitored", out: Path) -> None:
    """Print the figures, why the beam was held, and where the results are."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from isoguide.cli.terminal import console, show_place
    from isoguide.workflow.motion.report import figure_rows, short_words
    from isoguide.workflow.motion.report_curves import reason_times

    terminal, header = console(), done.recording.header
    fraction = f" · fraction {header.fraction}" if header.fraction else ""
    who = header.patient_id or "no patient identity"
    terminal.print(
        Text(f"{who}{fraction} · {header.device} · gate {header.settings.gate_mm:g} mm", style="bold")
    )
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in figure_rows(done.figures):
        table.add_row(Text(name, style="dim"), Text(value))
    terminal.print(Padding(table, (1, 0, 0, 2)))
    for reason, count, seconds in reason_times(done.figures):
        terminal.print(Padding(Text(f"held {count} × for {seconds:.1f} s: {reason}"), (0, 0, 0, 2)))
    for words in short_words(done.figures, header.settings.gate_mm):
        terminal.print(Padding(Text(words), (0, 0, 0, 2)))
    for note in (*done.notes, *done.recording.findings):
        terminal.print(Padding(Text.assemble(("mind: ", "yellow"), note), (0, 0, 0, 2)))
    show_place(out)
