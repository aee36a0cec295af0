"""``isoguide dvh``: how much of each structure gets how much dose, and whether goals are met."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from isoguide.cli import options
from isoguide.cli.endings import ACCEPTED, LOOK, Reply, one_sentence_endings

if TYPE_CHECKING:
    from rich.console import Console

    from isoguide.dose.goals import DoseGoal, GoalResult
    from isoguide.workflow.dvh.analyse import DvhAnalysis
    from isoguide.workflow.dvh.request import DvhRequest

_SIGNS: Final = {True: ("✔", "green"), False: ("✖", "red"), None: ("▲", "yellow")}


def dvh_command(
    dose: Annotated[
        Path, typer.Argument(metavar="DOSE", help="RT Dose in Gy: a file, or a folder that holds one.")
    ],
    structures: Annotated[
        Path,
        typer.Argument(
            metavar="STRUCTURES",
            help="RT Structure Set in the same frame of reference: a file, or the folder of the export. A "
            "plan in the folder gives prescription and fractions.",
        ),
    ],
    compare: Annotated[
        Path | None, typer.Option(metavar="DOSE", help="A second dose, shown and judged beside the first.")
    ] = None,
    goals: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Text file with one goal a line; # begins a remark.",
            rich_help_panel=options.DOSE,
        ),
    ] = None,
    goal: options.GoalOption = None,
    prescription: Annotated[
        float | None,
        typer.Option(
            metavar="GY", help="Of the whole course, instead of the plan's.", rich_help_panel=options.DOSE
        ),
    ] = None,
    fractions: Annotated[
        int | None,
        typer.Option(
            help="How often a dose of one fraction is given, instead of the plan's.",
            rich_help_panel=options.DOSE,
        ),
    ] = None,
    gamma: Annotated[
        str | None,
        typer.Option(
            metavar="PERCENT,MM",
            help="Gamma index of the second dose, such as 3,2. Needs `pip install 'isoguide[gamma]'`.",
        ),
    ] = None,
    structure: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this structure; repeatable.")
    ] = None,
    structure_set: options.StructuresOption = None,
    out: Annotated[Path | None, typer.Option(help="Write report.html, dvh.json and dvh.csv there.")] = None,
    json: options.JsonOption = False,
    force: options.ForceOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Tell how much of each structure gets how much dose, and whether the goals are met.

    Volumes are counted exactly from the contours, doses linearly between the voxels of the dose. Exits with 1
    where a goal is missed or has no value.

    **Examples**

    `isoguide dvh plan/dose.dcm plan/ --goal 'PTV D95% >= 57 Gy' --goal 'Rectum V60Gy <= 35 %' --out result/`

    `isoguide dvh planned.dcm plan/ --compare today.dcm --goals goals.txt --prescription 60 --out result/`

    `isoguide dvh ours.dcm plan/ --compare theirs.dcm --gamma 3,2 --json`
    """
    with one_sentence_endings():
        # Inside: importing takes seconds, and an interruption then has to end like any other.
        from isoguide.workflow.dvh.request import DvhRequest

        request = DvhRequest(
            dose=dose,
            structures=structures,
            compare=compare,
            goals=_goals(goals, goal or []),
            prescription_gy=prescription,
            fractions=_fractions(fractions),
            gamma=_gamma(gamma),
            structure_names=tuple(structure or ()),
            structure_set_uid=structure_set,
        )
        is_clear = _analyse_and_show(request, Reply(out, as_json=json, overwrite=force, quiet=quiet))
    raise typer.Exit(ACCEPTED if is_clear else LOOK)


def _goals(path: Path | None, texts: list[str]) -> tuple["DoseGoal", ...]:
    from isoguide.dose.goal_text import parse_goal
    from isoguide.workflow.dvh.goals_file import read_goals

    of_file = read_goals(path) if path is not None else ()
    return of_file + tuple(parse_goal(text) for text in texts)


def _fractions(number: int | None) -> int | None:
    if number is not None and number < 1:
        msg = f"--fractions needs a number above 0, not {number}"
        raise typer.BadParameter(msg)
    return number


def _gamma(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        percent, distance_mm = (float(part) for part in text.split(","))
    except ValueError as error:
        msg = f"--gamma needs percent and millimetres like 3,2, not '{text}'"
        raise typer.BadParameter(msg) from error
    return percent, distance_mm


def _analyse_and_show(request: "DvhRequest", reply: Reply) -> bool:
    """Work it out, write where wanted, print; returns whether nobody has to look."""
    from isoguide.workflow.documents import document_text
    from isoguide.workflow.dvh.analyse import analyse
    from isoguide.workflow.dvh.document import dvh_document
    from isoguide.workflow.dvh.write_results import analyse_into

    analysis = reply.give(
        request, analyse, analyse_into, text=lambda found: document_text(dvh_document(found)), show=_show
    )
    return analysis.is_clear


def _show(analysis: "DvhAnalysis") -> None:
    """Print doses, goals and what is assumed."""
    from rich.text import Text

    from isoguide.cli.terminal import console, show_lines

    terminal = console()
    patient = analysis.inputs.dose.patient
    terminal.print(Text(str(patient), style="bold"))
    _show_doses(terminal, analysis)
    for word, results in (("", analysis.goals), (" (compared)", analysis.compared_goals)):
        for one in results:
            _show_goal(terminal, one, word)
    found = analysis.gamma
    if found is not None:
        said = f"gamma {found.percent:g} % / {found.distance_mm:g} mm: {found.pass_percent:.1f} % pass"
        terminal.print(Text(said))
    left_out = tuple(f"{one.name}: {one.reason}" for one in analysis.left_out)
    show_lines(terminal, "not counted", "yellow", left_out)
    show_lines(terminal, "assumed", "dim", analysis.approximations)
    show_lines(terminal, "warning", "yellow", analysis.warnings)


def _show_goal(terminal: "Console", result: "GoalResult", word: str) -> None:
    from rich.text import Text

    from isoguide.dose.goal_text import goal_words

    sign, colour = _SIGNS[result.is_met]
    value = "no value" if result.value is None else f"{result.value:.2f} {result.goal.unit}"
    reason = f" ({result.reason})" if result.reason else ""
    terminal.print(Text(f"{sign} {goal_words(result.goal)}: {value}{word}{reason}", style=colour))


def _show_doses(terminal: "Console", analysis: "DvhAnalysis") -> None:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for title in ("Structure", "ml", "mean, Gy", "D95%", "D2%", "largest"):
        table.add_column(title, justify="left" if title == "Structure" else "right", header_style="dim")
    others = {one.name: one for one in analysis.compared or ()}
    for one in analysis.histograms:
        pair = [("", one)] + ([(" (compared)", others[one.name])] if one.name in others else [])
        for word, each in pair:
            doses = (each.mean_gy, each.dose_at_volume_gy(95.0), each.dose_at_volume_gy(2.0), each.largest_gy)
            name = Text(one.name + word, style="bold" if one.is_target and not word else "")
            table.add_row(name, f"{each.volume_ml:.1f}", *(f"{dose:.2f}" for dose in doses))
    terminal.print(Padding(table, (1, 0, 1, 2)))
