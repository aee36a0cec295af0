"""``isoguide fraction``: one fraction, step by step."""

from pathlib import Path
from typing import Annotated

import typer

from isoguide.cli import options
from isoguide.cli.endings import ACCEPTED, LOOK, one_sentence_endings

fraction_app = typer.Typer(
    name="fraction",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="One fraction, step by step: start, set-up, image, match, approve, couch, deliver. Every step is "
    "recorded.",
)


@fraction_app.command(name="start")
def start_command(
    course: options.CourseArgument,
    by: options.ByOption,
    device: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND:LABEL[@INDEX]", help="What is on the couch; once for each device."),
    ] = None,
    planning: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The planning export of today; refused if it was replaced."),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why there is one more fraction than planned.")] = "",
    records: options.RecordsOption = options.PLACE,
    json: options.JsonOption = False,
) -> None:
    """Begin the next fraction: compare plan and devices, and ask the schedule about today.

    **Examples**

    `isoguide fraction start C0001 --by anna --device "MASK:head mask@H2" --device "COUCH_TOP:Carbon top"`
    """
    with one_sentence_endings():
        from isoguide.cli import department, fraction_steps
        from isoguide.workflow.clinic.department import open_desk

        with open_desk(records) as desk:
            status = desk.begin(
                course,
                by=by,
                accessories=department.accessories(device or []),
                planning=planning,
                reason=reason,
            )
        fraction_steps.show(status, as_json=json)


@fraction_app.command(name="marks")
def marks_command(
    course: options.CourseArgument,
    mark: Annotated[
        list[str], typer.Option(metavar="NAME=X,Y,Z", help="Where a mark is in the room, mm, IEC fixed.")
    ],
    couch: options.CouchOption,
    records: options.RecordsOption = options.PLACE,
    json: options.JsonOption = False,
) -> None:
    """Compute the first couch move from three or more marks, and what it leaves at each. Records nothing.

    **Examples**

    `isoguide fraction marks C0001 --couch 0,850,-120 --mark left=-201,3,12 --mark right=198,2,11
    --mark front=-1,4,93`
    """
    with one_sentence_endings():
        from isoguide.cli import department, fraction_steps
        from isoguide.workflow.clinic.department import open_desk

        with open_desk(records) as desk:
            found = desk.marks(course, department.mark_positions(mark), department.couch_pose(couch))
        fraction_steps.show_marks(found, as_json=json)


@fraction_app.command(name="set-up")
def set_up_command(
    course: options.CourseArgument,
    by: options.ByOption,
    couch: options.CouchOption,
    on_marks: Annotated[
        str | None,
        typer.Option(
            metavar="LAT,LNG,VRT[,...]",
            help="The couch with the patient on his marks, where a systematic correction follows.",
        ),
    ] = None,
    records: options.RecordsOption = options.PLACE,
    json: options.JsonOption = False,
) -> None:
    """Record that the patient lies on his marks, with the couch as it is read.

    **Examples**

    `isoguide fraction set-up C0001 --by anna --couch 1.2,853.4,-118.0`
    """
    with one_sentence_endings():
        from isoguide.cli import department, fraction_steps
        from isoguide.workflow.clinic.department import open_desk

        before = department.couch_pose(on_marks, "--on-marks") if on_marks is not None else None
        with open_desk(records) as desk:
            status = desk.set_up(course, by=by, couch=department.couch_pose(couch), on_marks=before)
        fraction_steps.show(status, as_json=json)


@fraction_app.command(name="image")
def image_command(
    course: options.CourseArgument,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The exported image of today: a volume or radiographs.")
    ],
    by: options.ByOption,
    couch: options.CouchOption,
    machine_isocentre: Annotated[
        str | None,
        typer.Option(metavar="X,Y,Z", help="Machine isocentre in the image, where its files do not say."),
    ] = None,
    dose: Annotated[
        str | None,
        typer.Option(metavar="VALUE:METRIC", help="What the exposure cost, such as '4.49:CTDIw, mGy'."),
    ] = None,
    imager: options.ImagerOption = None,
    view: options.ViewOption = None,
    source_from_gantry: options.SourceFromGantryOption = None,
    pixels: options.PixelsOption = None,
    records: options.RecordsOption = options.PLACE,
    json: options.JsonOption = False,
    quiet: options.NoProgressOption = False,
) -> None:
    """Keep today's image, match it to the plan, and say what the protocol makes of it.

    Exits with 1 where the protocol asks for more than the routine: a second look, another image, a stop.

    **Examples**

    `isoguide fraction image C0001 cbct/ --by anna --couch 1.2,853.4,-118.0`

    `isoguide fraction image C0001 kv/ --by anna --couch 1.2,853.4,-118.0 --source-from-gantry 90`
    """
    with one_sentence_endings():
        from isoguide.cli import department, fraction_steps, values
        from isoguide.cli.terminal import shown_progress
        from isoguide.workflow.clinic.day_image import ImageSaid
        from isoguide.workflow.clinic.department import open_desk
        from isoguide.workflow.request import RadiographChoice

        said = ImageSaid(
            values.point(machine_isocentre, "--machine-isocentre"),
            department.imaging_dose(dose),
            RadiographChoice(
                imagers=tuple(imager or ()),
                view_names=values.view_names(view or ()),
                source_from_gantry_deg=source_from_gantry,
                pixels=values.pixels(pixels),
            ),
        )
        with open_desk(records) as desk, shown_progress(wanted=not (quiet or json)) as progress:
            status = desk.image(
                course,
                folder,
                by=by,
                couch=department.couch_pose(couch),
                said=said,
                progress=progress,
            )
        fraction_steps.show(status, as_json=json)
    raise typer.Exit(LOOK if status.needs_somebody else ACCEPTED)


@fraction_app.command(name="match")
def match_command(
    course: options.CourseArgument,
    by: options.ByOption,
    couch: options.CouchOption,
    shift: Annotated[
        str | None,
        typer.Option(
            metavar="LAT,LNG,VRT[,PITCH,ROLL,YAW]",
            help="The couch correction that you found, IEC 61217, mm and degrees.",
        ),
    ] = None,
    engine: Annotated[
        bool, typer.Option("--engine", help="Go back to what isoguide found, instead of --shift.")
    ] = False,
    records: options.RecordsOption = options.PLACE,
    json: options.JsonOption = False,
) -> None:
    """Match today's image by hand, and say what the protocol makes of it; or go back to isoguide's match.

    A match by hand needs a second person at least, unless it lies within the tolerance of what isoguide
    accepts. Exits with 1 where the protocol asks for more than the routine.

    **Examples**

    `isoguide fraction match C0001 --by anna --couch 1.2,853.4,-118.0 --shift -4.3,-3.2,-1.9`

    `isoguide fraction match C0001 --by anna --couch 1.2,853.4,-118.0 --shift -4.3,-3.2,-1.9,0.4,-0.2,0.7`

    `isoguide fraction match C0001 --by anna --couch 1.2,853.4,-118.0 --engine`
    """
    with one_sentence_endings():
        from isoguide.cli import department, fraction_steps
        from isoguide.workflow.clinic.department import open_desk

        found = fraction_steps.shift_or_engine(shift, engine=engine)
        read = department.couch_pose(couch)
        with open_desk(records) as desk:
            if found is None:
                status = desk.match_by_engine(course, by=by, couch=read)
            else:
                status = fraction_steps.match_by_hand(desk, course, found, by=by, couch=read)
        fraction_steps.show(status, as_json=json)
    raise typer.Exit(LOOK if status.needs_somebody else ACCEPTED)


@fraction_app.command(name="approve")
def approve_command(
    course: options.CourseArgument,
    by: Annotated[
        list[str], typer.Option("--by", metavar="NAME", help="Who signs; twice for a second look.")
    ],
    couch: options.CouchOption,
    action: Annotated[
        str | None, typer.Option(help="What is done, where it is not what the protocol says.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, where it is not what the protocol says.")] = "",
    records: options.RecordsOption = options.PLACE,
    json: options.JsonOption = False,
) -> None:
    """Sign what is done about the newest match: the correction, the position as it is, or something else.

    **Examples**

    `isoguide fraction approve C0001 --by anna --couch 1.2,853.4,-118.0`

    `isoguide fraction approve C0001 --by anna --by "Dr. Berg" --couch 1.2,853.4,-118.0`

    `isoguide fraction approve C0001 --by "Dr. Berg" --action "no correction" --reason "rib match,
    target in place" --couch 1.2,853.4,-118.0`
    """
    with one_sentence_endings():
        from isoguide.cli import department, fraction_steps
        from isoguide.workflow.clinic.department import open_desk

        with open_desk(records) as desk:
            status = desk.approve(
                course,
                by=by,
                couch=department.couch_pose(couch),
                action=department.action(action),
                reason=reason,
            )
        fraction_steps.show(status, as_json=json)


@fraction_app.command(name="couch")
def couch_command(
    course: options.CourseArgument,
    by: options.ByOption,
    couch: options.CouchOption,
    records: options.RecordsOption = options.PLACE,
    json: options.JsonOption = False,
) -> None:
    """Read the couch back after it was driven by the order; the beam is held until it is where it was sent.

    **Examples**

    `isoguide fraction couch C0001 --by anna --couch -3.1,850.2,-119.9,0.4,-0.2,0.7`
    """
    with one_sentence_endings():
        from isoguide.cli import department, fraction_steps
        from isoguide.workflow.clinic.department import open_desk

        with open_desk(records) as desk:
            status = desk.move(course, by=by, couch=department.couch_pose(couch))
        fraction_steps.show(status, as_json=json)


@fraction_app.command(name="deliver")
def deliver_command(
    course: options.CourseArgument,
    by: options.ByOption,
    couch: options.CouchOption,
    mu: Annotated[
        list[str] | None,
        typer.Option(metavar="BEAM=MU[:ENDED]", help="What a beam gave, as the machine says; per beam."),
    ] = None,
    record: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The machine's RT Beams Treatment Record instead.")
    ] = None,
    records: options.RecordsOption = options.PLACE,
    json: options.JsonOption = False,
) -> None:
    """Record what the machine delivered, and close the fraction when that was all.

    Exits with 1 when something is left to deliver.

    **Examples**

    `isoguide fraction deliver C0001 --by anna --couch -3.1,850.2,-119.9 --mu 1=375.0 --mu 2=375.0`

    `isoguide fraction deliver C0001 --by anna --couch -3.1,850.2,-119.9 --record RT.dcm`
    """
    with one_sentence_endings():
        from isoguide.cli import department, fraction_steps
        from isoguide.workflow.clinic.department import open_desk

        with open_desk(records) as desk:
            given = fraction_steps.deliveries(desk, course, mu or [], record)
            status = desk.deliver(course, given, by=by, couch=department.couch_pose(couch))
        fraction_steps.show(status, as_json=json)
    raise typer.Exit(LOOK if status.needs_somebody else ACCEPTED)


@fraction_app.command(name="stop")
def stop_command(
    course: options.CourseArgument,
    by: options.ByOption,
    reason: Annotated[str, typer.Option(help="Why.")],
    records: options.RecordsOption = options.PLACE,
    json: options.JsonOption = False,
) -> None:
    """End the fraction without more beam.

    **Examples**

    `isoguide fraction stop C0001 --by anna --reason "the patient is unwell"`
    """
    with one_sentence_endings():
        from isoguide.cli import fraction_steps
        from isoguide.workflow.clinic.department import open_desk

        with open_desk(records) as desk:
            status = desk.stop(course, by=by, reason=reason)
        fraction_steps.show(status, as_json=json)


@fraction_app.command(name="status")
def status_command(
    course: options.CourseArgument,
    number: Annotated[int | None, typer.Option(help="Which fraction; the newest unless given.")] = None,
    records: options.RecordsOption = options.PLACE,
    json: options.JsonOption = False,
) -> None:
    """Say where the fraction is, what was decided by which rule, and what comes next.

    **Examples**

    `isoguide fraction status C0001`

    `isoguide fraction status C0001 --number 3 --json`
    """
    with one_sentence_endings():
        from isoguide.cli import fraction_steps
        from isoguide.workflow.clinic.department import open_desk

        with open_desk(records) as desk:
            status = desk.status(course, number)
        fraction_steps.show(status, as_json=json)


@fraction_app.command(name="export")
def export_command(
    course: options.CourseArgument,
    out: Annotated[Path, typer.Option(help="Write the DICOM objects of the fraction there.")],
    number: Annotated[int | None, typer.Option(help="Which fraction; the newest unless given.")] = None,
    records: options.RecordsOption = options.PLACE,
    force: options.ForceOption = False,
    json: options.JsonOption = False,
) -> None:
    """Write registrations, reports and the treatment record of a fraction as DICOM files.

    **Examples**

    `isoguide fraction export C0001 --number 3 --out fraction-3/`
    """
    with one_sentence_endings():
        from isoguide.cli import fraction_steps
        from isoguide.workflow.clinic.department import open_desk

        with open_desk(records) as desk:
            fraction_steps.export(desk, course, number, out, overwrite=force, as_json=json)
