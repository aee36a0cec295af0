"""A monitoring report for each delivery of a course, beside its own report."""

from collections import Counter
from pathlib import Path
from typing import Final

from isoguide.errors import OutputError
from isoguide.workflow.course import Course
from isoguide.workflow.motion.report import write_monitoring_report
from isoguide.workflow.review.write_files import PAGE

FOLDER: Final = "monitoring"
"""Where they lie beside the report of the course."""


def write_course_monitoring(course: Course, folder: Path) -> tuple[tuple[str, str], ...]:
    """Write a report of each delivery under a gate into ``monitoring/fraction-N``, and return the links.

    Parameters
    ----------
    course
        What was simulated.
    folder
        That of its report.

    Returns
    -------
    tuple
        What each is, and its path from the folder; empty without a gate.

    Raises
    ------
    OutputError
        If a folder or file cannot be written.
    """
    links, count = [], Counter[int]()
    for fraction in course.fractions:
        for delivery in fraction.monitored:
            number = fraction.number
            count[number] += 1
            again = f"-{count[number]}" if count[number] > 1 else ""
            name = f"{FOLDER}/fraction-{number}{again}"
            place = folder / name
            try:
                place.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                msg = f"cannot write {name} ({error.strerror}): free some space or choose another --out"
                raise OutputError(msg) from error
            part = f", delivery {count[number]}" if again else ""
            title = f"Target during the beam of fraction {number}{part}"
            write_monitoring_report(delivery.recording, place, title=title)
            links.append((f"the target during the beam of fraction {number}{part}", f"{name}/{PAGE}"))
    return tuple(links)
