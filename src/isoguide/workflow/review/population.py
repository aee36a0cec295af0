"""Review the courses of a department and write everything about them, all at once or nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from isoguide.course import CourseHistory
from isoguide.progress import Progress, silent
from isoguide.review.groups import Grouping
from isoguide.review.population import PopulationSettings, review_population
from isoguide.review.simulated import KnownErrors
from isoguide.workflow.output_folder import published_folder
from isoguide.workflow.review.patient_points import PatientPoints
from isoguide.workflow.review.population_figures import population_pictures
from isoguide.workflow.review.population_json import population_review_text
from isoguide.workflow.review.population_page import population_html
from isoguide.workflow.review.population_tables import population_tables
from isoguide.workflow.review.population_words import Population
from isoguide.workflow.review.write_files import FIGURES, PAGE, TABLES, encoded, write_files

DOCUMENT: Final = "population-review.json"
POPULATION_NAMES: Final = (PAGE, DOCUMENT, FIGURES, TABLES)


def reviewed(
    histories: Sequence[CourseHistory],
    *,
    by: Grouping = Grouping.SITE,
    truth: KnownErrors | None = None,
    settings: PopulationSettings | None = None,
) -> Population:
    """Review courses together.

    Parameters
    ----------
    histories
        As :meth:`isoguide.records.Records.histories` returns them.
    by
        How the groups that the page draws differ.
    truth
        What is known of a simulated population: it stands beside the estimates.
    settings
        Recipes, schemes.

    Raises
    ------
    InputError
        If a course has fractions numbered twice, or not from 1.
    """
    return Population(review_population(histories, settings), tuple(histories), Grouping(by), truth)


def review_population_into(
    histories: Sequence[CourseHistory],
    target: Path,
    *,
    by: Grouping = Grouping.SITE,
    truth: KnownErrors | None = None,
    settings: PopulationSettings | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Population:
    """Review courses together and write page, document, figures and tables into a folder.

    Parameters are those of :func:`reviewed`, and where it goes.

    Raises
    ------
    InputError
        If a course has fractions numbered twice, or not from 1.
    OutputError
        If the folder cannot be written, or holds results and ``overwrite`` is not set.
    """
    with published_folder(target, POPULATION_NAMES, overwrite=overwrite) as folder:
        progress(0.0, "Reviewing the courses")
        population = reviewed(histories, by=by, truth=truth, settings=settings)
        progress(0.4, "Drawing")
        write_population_review(population, folder)
        return population


def write_population_review(population: Population, folder: Path) -> None:
    """Write everything about a population into an existing folder.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    points = PatientPoints.of(population.histories)
    pictures = population_pictures(population, points)
    files = {
        PAGE: population_html(population, pictures).encode(),
        DOCUMENT: population_review_text(population).encode(),
    }
    write_files(folder, files | encoded(pictures, population_tables(population, points)))
