"""Run ``isoguide demo`` and show how close to the truth the patient was treated."""

from pathlib import Path

from isoguide.cli.course_table import show_course
from isoguide.cli.terminal import shown_progress
from isoguide.cli.values import site as known_site
from isoguide.workflow.demo_course import demonstrate
from isoguide.workflow.write_course import PAGE


def demonstrate_and_show(site: str, fractions: int, out: Path, *, seed: int, overwrite: bool) -> bool:
    """Treat a virtual patient and print the course; returns whether every fraction ended as expected."""
    chosen = known_site(site)
    with shown_progress(wanted=True) as progress:
        course = demonstrate(
            out, site=chosen, fractions=fractions, seed=seed, overwrite=overwrite, progress=progress
        )
    show_course(course, results=str(out / PAGE))
    return not course.surprises
