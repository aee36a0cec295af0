"""``isoguide dose``: what a plan delivers to its target and to healthy tissue."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from isoguide.cli import options
from isoguide.cli.endings import ACCEPTED, LOOK, Reply, one_sentence_endings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from isoguide.dose.dvh import DoseVolumeHistogram
    from isoguide.dose.goals import GoalResult
    from isoguide.workflow.dose.compute import PlanDose
    from isoguide.workflow.dose.day import DoseOrder
    from isoguide.workflow.dose.request import DoseRequest

MISSING: Final = "What the plan does not say"


def dose_command(
    planning: options.ExportArgument,
    machine: options.MachineOption = None,
    algorithm: Annotated[
        str,
        typer.Option(
            help="pencil (fast, too high in lung) or cone (to confirm, and in lung).",
            rich_help_panel=options.DOSE,
        ),
    ] = "pencil",
    compare: Annotated[
        Path | None,
        typer.Option(metavar="RTDOSE", help="RT Dose of the planning system, to compare with."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write report.html, dose.json and rtdose.dcm there.")
    ] = None,
    json: options.JsonOption = False,
    goal: options.GoalOption = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            metavar="PROTOCOL",
            help="Goals of a protocol: a file, or one that ships.",
            rich_help_panel=options.DOSE,
        ),
    ] = None,
    structure: options.StructureOption = None,
    spacing: Annotated[
        float, typer.Option(metavar="MM", help="Spacing of the dose grid.", rich_help_panel=options.DOSE)
    ] = 2.5,
    target: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The structure that is treated.", rich_help_panel=MISSING),
    ] = None,
    prescription: Annotated[
        float | None,
        typer.Option(metavar="GY", help="Prescribed dose of all fractions.", rich_help_panel=MISSING),
    ] = None,
    fractions: Annotated[
        int | None, typer.Option(help="Number of fractions.", rich_help_panel=MISSING)
    ] = None,
    planning_series: options.PlanningSeriesOption = None,
    plan: options.PlanOption = None,
    structures: options.StructuresOption = None,
    force: options.ForceOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Compute the dose of a plan in the patient as he was planned: isodoses, histograms, goals.

    Photon plans with jaws and multileaf collimator. Exits with 1 where a goal is not met.

    **Examples**

    `isoguide dose plan/ --machine generic-6mv --out dose/`

    `isoguide dose plan/ --machine my-linac.json --goal "PTV D95% >= 95 %" --goal "Rectum V60Gy <= 35 %"`

    `isoguide dose plan/ --machine my-linac.json --algorithm cone --compare plan/rtdose.dcm --out dose/`
    """
    with one_sentence_endings():
        # Inside: importing takes seconds, and an interruption then has to end like any other.
        from isoguide.cli import values
        from isoguide.workflow.dose.request import DoseRequest

        request = DoseRequest(
            planning,
            machine=machine,
            algorithm=values.dose_algorithm(algorithm),
            spacing_mm=spacing,
            target_name=target,
            structure_names=tuple(structure or ()),
            goals=tuple(goal or ()),
            protocol=protocol,
            prescription_gy=prescription,
            fractions=fractions,
            compare=compare,
            planning_series_uid=planning_series,
            plan_uid=plan,
            structure_set_uid=structures,
        )
        is_clear = _compute_and_show(request, Reply(out, as_json=json, overwrite=force, quiet=quiet))
    raise typer.Exit(ACCEPTED if is_clear else LOOK)


def _compute_and_show(request: "DoseRequest", reply: Reply) -> bool:
    """Compute, write where wanted, print; returns whether every goal is met."""
    from isoguide.workflow.documents import document_text
    from isoguide.workflow.dose.compute import dose_of_plan
    from isoguide.workflow.dose.document import dose_document
    from isoguide.workflow.dose.write_results import dose_into

    answer = reply.give(
        request, dose_of_plan, dose_into, text=lambda found: document_text(dose_document(found)), show=_show
    )
    return answer.is_clear


def _show(answer: "PlanDose") -> None:
    """Print the doses, the goals and what is assumed."""
    from rich.text import Text

    from isoguide.cli.terminal import console, show_lines
    from isoguide.workflow.dose.stated import stated_lines

    terminal = console()
    patient, order = answer.given.planning.image.patient, answer.given.order
    terminal.print(Text(f"Patient {patient}, plan '{order.plan.label}', {order.algorithm}", style="bold"))
    show_doses(terminal, order, (("", answer.planned.placed.histograms),))
    show_goals(terminal, answer.planned.placed.goals)
    show_lines(terminal, "beside the plan", "dim", stated_lines(answer.stated))
    show_lines(terminal, "assumed", "dim", answer.planned.approximations)
    show_lines(terminal, "warning", "yellow", answer.warnings)


def show_goals(terminal: "Console", goals: "Sequence[GoalResult]") -> None:
    """Print each goal with what was found."""
    from rich.text import Text

    from isoguide.workflow.dose.words import goal_line

    for one in goals:
        sign, colour = ("✔", "green") if one.is_met else ("▲", "yellow")
        terminal.print(Text(f"{sign} {goal_line(one)}", style=colour))


def show_doses(
    terminal: "Console",
    order: "DoseOrder",
    groups: "Sequence[tuple[str, Mapping[str, DoseVolumeHistogram]]]",
) -> None:
    """Print the doses of each structure; where there are several groups, each under its word."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from isoguide.workflow.dose.figures import DoseFigures

    fractions = order.prescription.fractions
    table = Table(box=None, pad_edge=False)
    for title in (f"Gy in {fractions} fractions", ""):
        table.add_column(title, header_style="dim")
    for title in ("ml", "mean", "D98%", "D95%", "D50%", "D2%"):
        table.add_column(title, justify="right", header_style="dim")
    for structure in order.structures:
        name = structure.name
        for words, histograms in groups:
            histogram = histograms.get(structure.name)
            if histogram is None:
                continue
            one = DoseFigures.of(histogram, fractions)
            doses = (one.mean_gy, one.d98_gy, one.d95_gy, one.d50_gy, one.d2_gy)
            style = "bold" if histogram.is_target else ""
            figures = [f"{histogram.volume_ml:.1f}", *(f"{dose:.2f}" for dose in doses)]
            table.add_row(Text(name, style=style), words, *figures)
            name = ""
    terminal.print(Padding(table, (1, 0, 1, 2)))
