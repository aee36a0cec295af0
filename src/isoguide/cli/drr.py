"""Run ``isoguide drr`` and say what came of it."""

from pathlib import Path

import typer
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from isoguide.cli.terminal import console, shown_progress
from isoguide.workflow.drr import drrs_into
from isoguide.workflow.drr_request import DrrRequest
from isoguide.workflow.drr_views import DrrView
from isoguide.workflow.setup_drr import WEIGHTS, Weights


def read_weights(text: str) -> Weights:
    """Read ``all``, ``bone`` or ``soft``."""
    for choice in WEIGHTS:
        if choice == text:
            return choice
    msg = f"--weights needs {', '.join(WEIGHTS[:-1])} or {WEIGHTS[-1]}, not '{text}'"
    raise typer.BadParameter(msg)


def drr_and_show(request: DrrRequest, out: Path, *, overwrite: bool, quiet: bool) -> None:
    """Compute, write, and print which image is which."""
    with shown_progress(wanted=not quiet) as progress:
        made = drrs_into(out, request, overwrite=overwrite, progress=progress)
    if quiet:
        return
    terminal = console()
    terminal.print(Padding(_table(made.views), (0, 0, 0, 2)))
    for name, colour in made.outlines:
        terminal.print(Text(f"  outlined in {colour}: {name}"))
    for warning in made.warnings:
        terminal.print(Padding(Text.assemble(("warning: ", "yellow"), warning), (0, 0, 0, 2)))
    terminal.print(Text(f"written to {made.folder}"), soft_wrap=True)


def _table(views: tuple[DrrView, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("file", "field", "gantry", "couch"):
        table.add_column(
            title, header_style="dim", justify="right" if title in ("gantry", "couch") else "left"
        )
    for number, view in enumerate(views, start=1):
        name = Text(view.name)
        table.add_row(f"RI_{number:02d}", name, f"{view.gantry_deg:g}°", f"{view.couch_deg:g}°")
    return table
