"""What a person sees of beam data."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from isoguide.cli.terminal import console, shown_progress
from isoguide.dose.beam_data import BeamData
from isoguide.workflow.beam_data import read_beam_data, shipped_machines
from isoguide.workflow.beam_data.check import kernel_agreement
from isoguide.workflow.beam_data.fit import FitRequest, fit_machine, show_picture
from isoguide.workflow.beam_data.measured_file import load_measurement, shipped_measurements
from isoguide.workflow.beam_data.words import machine_lines, water_figures


def show_shipped() -> None:
    """Print the beam data and the measurements that ship."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for name in shipped_machines():
        machine = read_beam_data(name)
        table.add_row(Text(name, style="bold"), f"{machine.energy_mv:g} MV", Text(machine.provenance))
    for name in shipped_measurements():
        written = load_measurement(name).written
        table.add_row(
            Text(name, style="bold"), f"{written.energy_mv:g} MV", Text(f"measured: {written.source}")
        )
    console().print(table)


def show_machine(file: str, picture: Path | None) -> None:
    """Print what a beam does to water, and draw it where that is wanted."""
    machine = read_beam_data(file)
    out = console()
    _print_lines(out, machine.name, machine_lines(machine, water_figures(machine)))
    if picture is not None:
        show_picture(machine, picture)
        out.print(Text(f"drawn in {picture}"))


def check_machine(file: str) -> bool:
    """Print whether a file of beam data holds together, and return it."""
    machine: BeamData = read_beam_data(file)
    agreement = kernel_agreement(machine)
    lines = (*machine_lines(machine, water_figures(machine)), agreement.words, f"SHA-256 {machine.sha256}")
    _print_lines(console(), machine.name, lines)
    return agreement.is_met


def fit_and_show(request: FitRequest) -> bool:
    """Fit beam data, print how well they meet what was measured, and return whether they do."""
    with shown_progress(wanted=True) as progress:
        fitted = fit_machine(request, progress)
    out = console()
    _print_lines(out, fitted.result.machine.name, fitted.lines())
    out.print(Text(f"written to {request.out}"))
    if not fitted.is_met:
        out.print(Text("not every curve is met: look at the picture before these beam data are used"))
    return fitted.is_met


def _print_lines(out: Console, title: str, lines: tuple[str, ...]) -> None:
    out.print(Text(title, style="bold"))
    for line in lines:
        out.print(Text(f"• {line}"))
