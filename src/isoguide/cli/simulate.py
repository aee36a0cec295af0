"""Run ``isoguide simulate`` and show what came of the scenario."""

import sys
from pathlib import Path

import typer

from isoguide.cli.course_table import show_course
from isoguide.cli.endings import complain
from isoguide.cli.terminal import console, shown_progress
from isoguide.workflow.course_json import course_text
from isoguide.workflow.scenario_file import load_scenario, shipped_scenarios
from isoguide.workflow.simulate import simulate
from isoguide.workflow.write_course import PAGE, simulate_into


def list_scenarios() -> None:
    """Print the scenarios that ship, each with its title."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    for name in shipped_scenarios():
        table.add_row(Text(name, style="bold"), load_scenario(name).title)
    console().print(table)


def simulate_and_show(
    scenario: str, out: Path | None, *, as_json: bool, overwrite: bool, quiet: bool
) -> bool:
    """Run, write where wanted, print; returns whether every fraction ended as expected."""
    if not scenario:
        msg = "name a scenario file or one that ships; isoguide simulate --list shows those"
        raise typer.BadParameter(msg)
    wanted = load_scenario(scenario)
    with shown_progress(wanted=not quiet) as progress:
        if out is None:
            course = simulate(wanted, for_report=False, progress=progress)
        else:
            course = simulate_into(wanted, out, overwrite=overwrite, progress=progress)
    if as_json:
        sys.stdout.write(course_text(course))
    elif not quiet:
        show_course(course, results=str(out / PAGE) if out is not None else None)
    if quiet:
        for words in course.surprises:
            complain(words)
    return not course.surprises
