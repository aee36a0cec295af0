"""``isoguide assess``: how target and organs moved and changed, and whether to believe it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from isoguide.cli import options
from isoguide.cli.endings import ACCEPTED, LOOK, Reply, one_sentence_endings

if TYPE_CHECKING:
    from rich.console import Console

    from isoguide.workflow.assess.assess import Assessment
    from isoguide.workflow.assess.request import AssessRequest

DEFORMATION: Final = "What is known besides"


def assess_command(
    planning: options.PlanningArgument,
    daily: Annotated[
        Path,
        typer.Argument(
            metavar="DAILY",
            help="The day's CT or cone-beam CT: a folder or a volume file. A structure set in the folder "
            "that was drawn on it is compared.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Write report.html, assessment.json, rtstruct.dcm and deformation.dcm there."),
    ] = None,
    json: options.JsonOption = False,
    structure: options.StructureOption = None,
    protocol: options.ProtocolOption = None,
    density: Annotated[
        str | None,
        typer.Option(
            metavar="METHOD",
            help="Also write the folder density, a CT of the day for the dose: virtual (planning CT in the "
            "day's body), shading (the day's image in HU) or classes (a few tissues).",
        ),
    ] = None,
    dose: Annotated[
        bool,
        typer.Option(
            "--dose",
            help="Also compute the dose of the day, as planned and as treated, and write rtdose.dcm.",
            rich_help_panel=options.DOSE,
        ),
    ] = False,
    machine: options.MachineOption = None,
    algorithm: Annotated[
        str | None,
        typer.Option(
            metavar="pencil|cone", help="Instead of what the protocol says.", rich_help_panel=options.DOSE
        ),
    ] = None,
    goal: options.GoalOption = None,
    daily_structures: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="RT Structure Set drawn on the day's image, to compare with.",
            rich_help_panel=DEFORMATION,
        ),
    ] = None,
    landmarks: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Points found in both images: a table with planning_x, planning_y, planning_z, daily_x, "
            "daily_y, daily_z, mm, DICOM LPS.",
            rich_help_panel=DEFORMATION,
        ),
    ] = None,
    roi: Annotated[
        str,
        typer.Option(
            help="Where to match rigidly first: auto, box:SIZE_MM about the isocentre, or a structure's name."
        ),
    ] = "auto",
    content: Annotated[str, typer.Option(help="What to match rigidly: auto, bone or soft.")] = "auto",
    isocentre: options.IsocentreOption = None,
    machine_isocentre: options.MachineIsocentreOption = None,
    patient_position: options.PatientPositionOption = None,
    units: options.UnitsOption = None,
    beam: options.BeamOption = None,
    planning_series: options.PlanningSeriesOption = None,
    daily_series: options.DailySeriesOption = None,
    plan: options.PlanOption = None,
    structures: options.StructuresOption = None,
    force: options.ForceOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Assess the anatomy of the day: how target and organs moved, grew, shrank or changed shape.

    Matches the images rigidly, then lets tissue move, carries the structures of the plan to the day, and says
    by quality figures (AAPM TG-132) whether to believe it. Exits with 1 where the result is not for decision,
    a structure is beyond a limit of the protocol, or the dose is, misses a goal, or is not for decision.

    **Examples**

    `isoguide assess plan/ cbct/ --out result/`

    `isoguide assess plan/ cbct/ --protocol my-neck.toml --structure Parotid_L --out result/`

    `isoguide assess plan/ ct/ --daily-structures redrawn.dcm --landmarks points.csv --out result/`

    `isoguide assess plan/ cbct/ --density virtual --out result/`

    `isoguide assess plan/ cbct/ --dose --machine generic-6mv --goal "PTV D95% >= 95 %" --out result/`

    `isoguide assess plan.nii.gz day.nii.gz --isocentre -7.5,-234,16 --machine-isocentre 0,0,0 --json`
    """
    with one_sentence_endings():
        # Inside: importing takes seconds, and an interruption then has to end like any other.
        from isoguide.cli import values
        from isoguide.workflow.assess.request import AssessRequest
        from isoguide.workflow.request import AlignRequest

        match = AlignRequest(
            planning=planning,
            daily=daily,
            region=values.region(roi),
            content=values.content(content),
            beam=beam,
            isocentre_mm=values.point(isocentre, "--isocentre"),
            machine_isocentre_mm=values.machine_isocentre(machine_isocentre),
            planning_series_uid=planning_series,
            daily_series_uid=daily_series,
            plan_uid=plan,
            structure_set_uid=structures,
            patient_position=values.patient_position(patient_position),
            assume_mm=values.units(units),
        )
        request = AssessRequest(
            match,
            structure_names=tuple(structure or ()),
            daily_structures=daily_structures,
            landmarks=landmarks,
            density=values.density(density),
            protocol=protocol,
            dose=values.dose_choice(wanted=dose, machine=machine, algorithm=algorithm, goals=goal),
        )
        is_clear = _assess_and_show(request, Reply(out, as_json=json, overwrite=force, quiet=quiet))
    raise typer.Exit(ACCEPTED if is_clear else LOOK)


def _assess_and_show(request: "AssessRequest", reply: Reply) -> bool:
    """Assess, write where wanted, print; returns whether nobody has to look."""
    from isoguide.workflow.assess.assess import assess
    from isoguide.workflow.assess.document import assessment_document
    from isoguide.workflow.assess.write_results import assess_into
    from isoguide.workflow.documents import document_text

    assessment = reply.give(
        request, assess, assess_into, text=lambda found: document_text(assessment_document(found)), show=_show
    )
    return assessment.is_clear


def _show(assessment: "Assessment") -> None:
    """Print the structures, the quality and the verdict."""
    from rich.text import Text

    from isoguide.cli.terminal import console, identification, show_field_verdict, show_lines

    terminal = console()
    terminal.print(Text(identification(assessment.alignment), style="bold"))
    _show_structures(terminal, assessment)
    terminal.print()
    show_field_verdict(terminal, assessment.verdict, assessment.reasons)
    show_lines(terminal, "alert", "red", assessment.alerts)
    anatomy = assessment.anatomy
    if anatomy is not None:
        left_out = tuple(f"{one.name}: {one.reason}" for one in anatomy.not_assessed)
        show_lines(terminal, "not assessed", "yellow", left_out)
        show_lines(terminal, "assumed", "dim", anatomy.approximations)
    show_lines(terminal, "warning", "yellow", assessment.warnings)
    _show_dose(terminal, assessment)


def _show_dose(terminal: "Console", assessment: "Assessment") -> None:
    from isoguide.cli.dose import show_doses, show_goals
    from isoguide.cli.terminal import show_field_verdict, show_lines

    found = assessment.dose
    if found is None:
        return
    terminal.print()
    show_field_verdict(terminal, found.day.verdict, found.day.reasons, "DOSE OF THE DAY")
    show_lines(terminal, "alert", "red", found.alerts)
    if found.day.treated is not None:
        groups = (("planned", found.planned.placed.histograms), ("today", found.day.treated.histograms))
        show_doses(terminal, found.planned.order, groups)
        show_goals(terminal, found.day.goals)
    show_lines(terminal, "assumed in the dose", "dim", found.day.approximations)


def _show_structures(terminal: "Console", assessment: "Assessment") -> None:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from isoguide.workflow.assess.report_tables import moved_words
    from isoguide.workflow.numbers import signed

    anatomy = assessment.anatomy
    if anatomy is None or not anatomy.structures:
        return
    table = Table(box=None, pad_edge=False)
    for title in ("Structure", "planned", "today, ml", "change", "surface", "centre has moved, mm"):
        right = title in ("planned", "today, ml", "change", "surface")
        table.add_column(title, justify="right" if right else "left", header_style="dim")
    for one in anatomy.structures:
        table.add_row(
            Text(one.name, style="bold" if one.is_target else ""),
            f"{one.planned_volume_ml:.1f}",
            f"{one.volume_ml:.1f} ± {one.volume_sigma_ml:.1f}",
            f"{signed(one.volume_change_percent, 0)} %",
            f"{one.surface_p95_mm:.1f} mm",
            Text(moved_words(one.shift_mm)),
        )
    terminal.print(Padding(table, (1, 0, 0, 2)))
