"""Everything a simulated course leaves behind: a report for people and a document for programs."""

from pathlib import Path
from typing import Final

from isoguide.progress import Progress, part_of, silent
from isoguide.workflow.course import Course
from isoguide.workflow.course_json import course_text
from isoguide.workflow.course_report import Links, course_html
from isoguide.workflow.output_folder import published_folder, write_text
from isoguide.workflow.scenario import Scenario
from isoguide.workflow.simulate import simulate

PAGE, DOCUMENT = "report.html", "course.json"
COURSE_NAMES: Final = (PAGE, DOCUMENT)


def simulate_into(
    scenario: Scenario, target: Path, *, overwrite: bool = False, progress: Progress = silent
) -> Course:
    """Run a scenario and write report and document into a folder, both at once or not at all.

    Raises
    ------
    InputError
        As :func:`isoguide.workflow.simulate.simulate`.
    OutputError
        If the folder cannot be written, or holds results and ``overwrite`` is not set.
    """
    with published_folder(target, COURSE_NAMES, overwrite=overwrite) as folder:
        course = simulate(scenario, progress=part_of(progress, 0.0, 0.95))
        progress(0.95, "Writing the report")
        write_course(course, folder)
        return course


def write_course(course: Course, folder: Path, links: Links = ()) -> None:
    """Write report and document into an existing folder.

    Parameters
    ----------
    course
        What was simulated.
    folder
        Where.
    links
        What lies beside the report: what it is, and its path from there.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    for name, text in ((PAGE, course_html(course, links)), (DOCUMENT, course_text(course))):
        write_text(folder / name, text)
