"""``isoguide review``: what a course, and the courses of a department together, say."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isoguide.cli.endings import ACCEPTED, LOOK, one_sentence_endings
from isoguide.cli.options import PLACE, CourseArgument, ForceOption, JsonOption, QuietOption, RecordsOption

if TYPE_CHECKING:
    from isoguide.records import Records
    from isoguide.review.groups import Grouping

review_app = typer.Typer(
    name="review",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="What courses say: trends, systematic and random errors, margins, imaging dose.",
)
_GROUPINGS = ("site", "device", "machine", "protocol")


@review_app.command(name="patient")
def patient_command(
    course: CourseArgument,
    records: RecordsOption = PLACE,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write report.html, for-the-patient.html, patient-review.json, figures and tables there."
        ),
    ] = None,
    json: JsonOption = False,
    force: ForceOption = False,
    quiet: QuietOption = False,
) -> None:
    """Review one course: where the patient lay, whether that changed, what was done about it.

    Exits with 0 when there is something to review, with 1 when no fraction was measured.

    **Examples**

    `isoguide review patient C0001`

    `isoguide review patient C0001 --out review/`

    `isoguide review patient C0001 --json`
    """
    with one_sentence_endings():
        from isoguide.cli.review_views import show_patient
        from isoguide.cli.terminal import shown_progress
        from isoguide.errors import MissingEvidenceError
        from isoguide.review.patient import review_patient
        from isoguide.workflow.review.course_anatomy import course_anatomy
        from isoguide.workflow.review.course_dose import course_dose
        from isoguide.workflow.review.patient import review_patient_into
        from isoguide.workflow.review.patient_json import patient_review_text

        with _opened(records) as opened:
            found = opened.histories(course_ids=[course])
            anatomy = course_anatomy(opened, course) if found else None
            dose = course_dose(opened, course) if found else None
        if not found:
            msg = f"there is no course '{course}' in {records}: check its name, or name the place (--records)"
            raise MissingEvidenceError(msg)
        with shown_progress(wanted=not (quiet or json)) as progress:
            if out is None:
                review = review_patient(found[0], anatomy=anatomy, dose=dose)
            else:
                review = review_patient_into(
                    found[0], out, anatomy=anatomy, dose=dose, overwrite=force, progress=progress
                )
        if json:
            sys.stdout.write(patient_review_text(review))
        elif not quiet:
            show_patient(review, results=out)
    raise typer.Exit(ACCEPTED if review.numbers else LOOK)


@review_app.command(name="population")
def population_command(
    records: RecordsOption = PLACE,
    site: Annotated[str | None, typer.Option(help="Only courses of this site.")] = None,
    machine: Annotated[str | None, typer.Option(help="Only courses on this machine.")] = None,
    protocol: Annotated[
        str | None, typer.Option(help="Only courses under this protocol: 'prostate v2', or all its versions.")
    ] = None,
    by: Annotated[
        str, typer.Option(metavar="site|device|machine|protocol", help="How the groups differ.")
    ] = "site",
    out: Annotated[
        Path | None,
        typer.Option(help="Write report.html, population-review.json, figures and tables there."),
    ] = None,
    json: JsonOption = False,
    force: ForceOption = False,
    quiet: QuietOption = False,
) -> None:
    """Review courses together: M, Σ and σ with their intervals, margins, schemes, who stands out.

    Exits with 0 when there is something to review, with 1 when no fraction was measured.

    **Examples**

    `isoguide review population`

    `isoguide review population --site prostate --by device --out review/`

    `isoguide review population --protocol 'prostate v2' --json`
    """
    with one_sentence_endings():
        from isoguide.cli.review_views import show_population
        from isoguide.cli.terminal import shown_progress
        from isoguide.errors import MissingEvidenceError
        from isoguide.workflow.review.population import review_population_into, reviewed
        from isoguide.workflow.review.population_json import population_review_text

        grouping = _grouping(by)
        with _opened(records) as opened:
            found = opened.histories(site=site, machine=machine, protocol=protocol)
        if not found:
            msg = f"no course in {records} is of that site, machine and protocol: ask for less"
            raise MissingEvidenceError(msg)
        with shown_progress(wanted=not (quiet or json)) as progress:
            if out is None:
                population = reviewed(found, by=grouping)
            else:
                population = review_population_into(
                    found, out, by=grouping, overwrite=force, progress=progress
                )
        if json:
            sys.stdout.write(population_review_text(population))
        elif not quiet:
            show_population(population, results=out)
    raise typer.Exit(ACCEPTED if population.review.measurements else LOOK)


@contextmanager
def _opened(place: str) -> "Iterator[Records]":
    from isoguide.workflow.clinic.department import open_desk

    with open_desk(place) as desk:
        yield desk.records


def _grouping(text: str) -> "Grouping":
    from isoguide.review.groups import Grouping

    if text not in _GROUPINGS:
        msg = f"--by needs one of {', '.join(_GROUPINGS)}, not '{text}'"
        raise typer.BadParameter(msg)
    return Grouping(text)
