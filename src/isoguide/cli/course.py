"""``isoguide course``: courses begin, are shown, end, and earlier ones are taken in."""

from pathlib import Path
from typing import Annotated

import typer

from isoguide.cli import options
from isoguide.cli.endings import ACCEPTED, LOOK, one_sentence_endings

course_app = typer.Typer(
    name="course",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Courses of treatment: register one from its planning export, show it, take in earlier ones.",
)


@course_app.command(name="new")
def new_command(
    planning: Annotated[
        Path,
        typer.Argument(metavar="PLANNING", help="The planning export: CT, structures, plan, and the 4DCT."),
    ],
    site: Annotated[str, typer.Option(metavar="SITE", help="Part of the body, for the statistics.")],
    protocol: Annotated[str, typer.Option(metavar="NAME", help="A protocol that is in use.")],
    by: options.ByOption,
    beam: options.BeamOption = None,
    target: Annotated[str | None, typer.Option(metavar="NAME", help="The structure that is treated.")] = None,
    plan: options.PlanOption = None,
    structures: options.StructuresOption = None,
    planning_series: options.PlanningSeriesOption = None,
    records: options.RecordsOption = options.PLACE,
    json: options.JsonOption = False,
    quiet: options.NoProgressOption = False,
) -> None:
    """Register a course: everything is read from the planning export, nothing is typed.

    **Examples**

    `isoguide course new planning/ --site prostate --protocol prostate-soft-tissue --by berg`

    `isoguide course new planning/ --site lung --protocol lung-sbrt --target ITV --by berg --json`
    """
    with one_sentence_endings():
        from isoguide.cli.course_views import show_new
        from isoguide.cli.terminal import shown_progress
        from isoguide.workflow.clinic.department import open_desk
        from isoguide.workflow.clinic.new_course import new_course
        from isoguide.workflow.register_course import CourseChoice

        choice = CourseChoice(beam, target, plan, structures, planning_series)
        with open_desk(records) as desk, shown_progress(wanted=not (quiet or json)) as progress:
            made = new_course(
                desk, planning, site=site, protocol=protocol, by=by, choice=choice, progress=progress
            )
        show_new(made, as_json=json)


@course_app.command(name="list")
def list_command(
    everything: Annotated[bool, typer.Option("--all", help="Those that have ended, too.")] = False,
    records: options.RecordsOption = options.PLACE,
    json: options.JsonOption = False,
) -> None:
    """List the courses that go on, and the fractions that are not finished.

    **Examples**

    `isoguide course list`

    `isoguide course list --all --json`
    """
    with one_sentence_endings():
        from isoguide.cli.course_views import show_list
        from isoguide.records import CourseStatus
        from isoguide.workflow.clinic.department import open_desk

        with open_desk(records) as desk:
            lines, unfinished = desk.records.courses(), desk.records.unfinished_fractions()
        shown = [line for line in lines if everything or line.status is CourseStatus.ACTIVE]
        show_list(shown, unfinished, as_json=json, hidden=len(lines) - len(shown))


@course_app.command(name="show")
def show_command(
    course: options.CourseArgument,
    records: options.RecordsOption = options.PLACE,
    json: options.JsonOption = False,
) -> None:
    """Show a course: plan, marks with their shifts, devices, markers, motion, fractions.

    **Examples**

    `isoguide course show C0001`
    """
    with one_sentence_endings():
        from isoguide.cli.course_views import show_course
        from isoguide.workflow.clinic.department import open_desk

        with open_desk(records) as desk:
            (history,) = desk.records.histories(course_ids=[course]) or (None,)
            stored = desk.records.course(course)
            motions = {
                line.key.number: desk.records.fraction(course, line.key.number).motions
                for line in stored.fractions
            }
            assessments = desk.records.assessments(course)
            show_course(stored, history, motions, assessments, as_json=json)


@course_app.command(name="finish")
def finish_command(
    course: options.CourseArgument,
    by: options.ByOption,
    stopped: Annotated[bool, typer.Option("--stopped", help="It ends before its last fraction.")] = False,
    reason: Annotated[str, typer.Option(help="Why; needed for a course that is stopped.")] = "",
    records: options.RecordsOption = options.PLACE,
    json: options.JsonOption = False,
) -> None:
    """End a course.

    **Examples**

    `isoguide course finish C0001 --by berg`

    `isoguide course finish C0001 --stopped --reason "the plan is replaced" --by berg`
    """
    with one_sentence_endings():
        from isoguide.cli.course_views import show_list
        from isoguide.records import CourseStatus
        from isoguide.workflow.clinic.department import open_desk

        status = CourseStatus.STOPPED if stopped else CourseStatus.COMPLETED
        with open_desk(records) as desk:
            desk.records.person(by)
            desk.records.finish_course(course, status, by=by, reason=reason)
            lines = [line for line in desk.records.courses() if line.course_id == course]
        show_list(lines, (), as_json=json)


@course_app.command(name="import")
def import_command(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Plans, images, registrations, treatment records.")
    ],
    by: options.ByOption,
    records: options.RecordsOption = options.PLACE,
    json: options.JsonOption = False,
    quiet: options.NoProgressOption = False,
) -> None:
    """Take in earlier courses from a folder of DICOM files, for the statistics.

    Exits with 1 when something in the folder could not be used.

    **Examples**

    `isoguide course import archive/ --by berg`
    """
    with one_sentence_endings():
        from isoguide.cli.course_views import show_imported
        from isoguide.cli.terminal import shown_progress
        from isoguide.workflow.clinic.department import open_desk
        from isoguide.workflow.clinic.take_in import take_in_courses

        with open_desk(records) as desk, shown_progress(wanted=not (quiet or json)) as progress:
            taken = take_in_courses(desk, folder, by=by, progress=progress)
        show_imported(taken, as_json=json)
    raise typer.Exit(LOOK if taken.refused else ACCEPTED)
