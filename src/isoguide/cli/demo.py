"""Run ``isoguide demo`` and show how close to the truth the patient was treated, and how to go on."""

import shlex
from pathlib import Path

import typer
from rich.text import Text

from isoguide.cli.course_table import show_course
from isoguide.cli.terminal import console, shown_progress
from isoguide.cli.values import site as known_site
from isoguide.workflow.clinic.sign_in_file import SIGN_IN
from isoguide.workflow.demo_course import IMAGING, demonstrate
from isoguide.workflow.write_course import PAGE


def demonstrate_and_show(
    site: str, fractions: int, out: Path, *, seed: int, imaging: str, overwrite: bool
) -> bool:
    """Treat a virtual patient and print the course; returns whether every fraction ended as expected."""
    chosen = known_site(site)
    if imaging not in IMAGING:
        msg = f"--imaging needs one of {', '.join(IMAGING)}, not {imaging!r}"
        raise typer.BadParameter(msg)
    with shown_progress(wanted=True) as progress:
        course = demonstrate(
            out,
            site=chosen,
            fractions=fractions,
            seed=seed,
            imaging=imaging,
            overwrite=overwrite,
            progress=progress,
        )
    show_course(course, results=str(out / PAGE))
    opened_by = f"isoguide serve --demo {shlex.quote(str(out))}"
    lines = (
        f"Fraction {len(course.fractions) + 1} waits at the console: {opened_by}",
        f"Sign in there as {out / SIGN_IN} says",
    )
    for line in lines:
        console().print(Text(line), soft_wrap=True)
    return not course.surprises
