"""``isoguide adapt``: what correcting the beams instead of the patient would do to the dose of the day."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isoguide.cli import options
from isoguide.cli.endings import ACCEPTED, LOOK, Reply, one_sentence_endings

if TYPE_CHECKING:
    from isoguide.adaptation.result import Rung
    from isoguide.workflow.adapt.adapt import Adaptation
    from isoguide.workflow.adapt.request import AdaptRequest, StatedDisplacement


def adapt_command(
    planning: options.ExportArgument,
    daily: Annotated[Path, typer.Argument(metavar="DAILY", help="The day's CT or cone-beam CT: a folder.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Write report.html, adapt.json and, per rung, rtplan.dcm and rtdose.dcm there."),
    ] = None,
    json: options.JsonOption = False,
    machine: options.MachineOption = None,
    couch: Annotated[
        str,
        typer.Option(metavar="3|4|6|none", help="What the couch corrects before the beams do the rest."),
    ] = "none",
    rung: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Only the effect of this rung: couch, virtual-couch-shift, aperture-morphing, re-weighting "
            "or re-plan; repeatable.",
        ),
    ] = None,
    displacement: Annotated[
        str | None,
        typer.Option(
            metavar="LAT,LNG,VRT[,PITCH,ROLL,YAW]",
            help="Take this as how the patient lies away from the plan, IEC fixed, instead of the match; "
            "writes no plan.",
        ),
    ] = None,
    goal: options.GoalOption = None,
    protocol: options.ProtocolOption = None,
    structure: options.StructureOption = None,
    isocentre: options.IsocentreOption = None,
    machine_isocentre: options.MachineIsocentreOption = None,
    planning_series: options.PlanningSeriesOption = None,
    daily_series: options.DailySeriesOption = None,
    plan: options.PlanOption = None,
    structures: options.StructuresOption = None,
    force: options.ForceOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Correct the beams instead of the patient: each step of the ladder with its effect on the dose.

    Couch, virtual couch shift, aperture morphing, re-weighting, re-plan. Corrected plans keep to the
    machine's limits, are UNAPPROVED and are sent nowhere. Exits with 1 where the day is not for decision.

    **Examples**

    `isoguide adapt plan/ cbct/ --machine generic-6mv --out adapted/`

    `isoguide adapt plan/ cbct/ --machine my-linac.json --couch 3 --goal "PTV D95% >= 95 %" --out adapted/`

    `isoguide adapt plan/ cbct/ --machine my-linac.json --rung virtual-couch-shift --json`
    """
    with one_sentence_endings():
        # Inside: importing takes seconds, and an interruption then has to end like any other.
        from isoguide.cli import values
        from isoguide.workflow.adapt.request import AdaptRequest
        from isoguide.workflow.assess.request import AssessRequest
        from isoguide.workflow.request import AlignRequest

        match = AlignRequest(
            planning=planning,
            daily=daily,
            isocentre_mm=values.point(isocentre, "--isocentre"),
            machine_isocentre_mm=values.machine_isocentre(machine_isocentre),
            planning_series_uid=planning_series,
            daily_series_uid=daily_series,
            plan_uid=plan,
            structure_set_uid=structures,
        )
        dose = values.dose_choice(wanted=True, machine=machine, algorithm=None, goals=goal)
        request = AdaptRequest(
            AssessRequest(match, structure_names=tuple(structure or ()), protocol=protocol, dose=dose),
            couch=values.couch_freedom(couch),
            rungs=_rungs(rung),
            displacement=_displacement(displacement),
        )
        is_clear = _adapt_and_show(request, Reply(out, as_json=json, overwrite=force, quiet=quiet))
    raise typer.Exit(ACCEPTED if is_clear else LOOK)


def _rungs(names: list[str] | None) -> "tuple[Rung, ...]":
    from isoguide.adaptation.result import Rung

    known = {one.value.replace(" ", "-"): one for one in Rung if one is not Rung.UNCORRECTED}
    for name in names or ():
        if name not in known:
            msg = f"--rung needs one of {', '.join(known)}, not '{name}'"
            raise typer.BadParameter(msg)
    return tuple(known[name] for name in names) if names else tuple(Rung)


def _displacement(text: str | None) -> "StatedDisplacement | None":
    from isoguide.workflow.adapt.request import StatedDisplacement

    if text is None:
        return None
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (3, 6):
        msg = f"--displacement needs three or six numbers with commas between, such as 5,-3,2, not '{text}'"
        raise typer.BadParameter(msg)
    return StatedDisplacement(*numbers)


def _adapt_and_show(request: "AdaptRequest", reply: Reply) -> bool:
    """Climb the ladder, write where wanted, print; returns whether it may be decided by."""
    from isoguide.registration.deformable.result import FieldVerdict
    from isoguide.workflow.adapt.adapt import adapt
    from isoguide.workflow.adapt.document import adaptation_document
    from isoguide.workflow.adapt.write_results import adapt_into
    from isoguide.workflow.documents import document_text

    answer = reply.give(
        request, adapt, adapt_into, text=lambda found: document_text(adaptation_document(found)), show=_show
    )
    return answer.verdict is FieldVerdict.FOR_DECISION


def _show(answer: "Adaptation") -> None:
    """Print the rungs with their doses, and what each changes."""
    from rich.text import Text

    from isoguide.cli.dose import show_doses, show_goals
    from isoguide.cli.terminal import console, identification, show_field_verdict, show_lines
    from isoguide.dose.dvh import beyond_grid

    terminal = console()
    terminal.print(Text(identification(answer.assessment.alignment), style="bold"))
    found = answer.assessment.dose
    if found is not None and answer.ladder:
        groups = [("planned", found.planned.placed.histograms)]
        groups += [(one.rung.value, one.effect.histograms) for one in answer.ladder if one.effect is not None]
        show_doses(terminal, found.planned.order, groups)
    for one in answer.ladder:
        sign, colour = ("✔", "green") if one.is_available else ("✖", "yellow")
        terminal.print(Text(f"{sign} {one.rung.value}", style=f"bold {colour}"))
        show_lines(terminal, "not available", "yellow", one.reasons)
        show_lines(terminal, "changes", "default", one.changes)
        if one.effect is not None:
            missed = [words for each in one.effect.histograms.values() if (words := beyond_grid(each))]
            show_lines(terminal, "mind", "yellow", missed)
            show_goals(terminal, one.effect.goals)
    show_field_verdict(terminal, answer.verdict, answer.reasons)
    show_lines(terminal, "assumed", "dim", answer.approximations)
    show_lines(terminal, "warning", "yellow", answer.assessment.warnings)
