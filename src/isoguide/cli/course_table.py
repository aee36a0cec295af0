"""A simulated course on the terminal: one line per fraction, what was measured beside what was true."""

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from isoguide.cli.terminal import console

if TYPE_CHECKING:
    from isoguide.geometry.correction import CouchCorrection
    from isoguide.workflow.course import Course, TreatedFraction

_NOTE = "* truth. Corrections are lateral, longitudinal, vertical; pitch, roll, yaw."


def show_course(course: "Course", *, results: str | None) -> None:
    """Print the table of fractions, how they ended, and what came otherwise than expected."""
    from isoguide.workflow.course_report import summary

    out = console()
    out.print(Text(f"{course.scenario.title} · {course.patient_name}", style="bold"))
    out.print(Padding(_fractions(course), (1, 0, 0, 2)))
    out.print(Padding(Text(_NOTE, style="dim"), (0, 0, 0, 2)))
    out.print(Padding(_endings(course), (1, 0, 1, 2)))
    if course.surprises:
        out.print(Text("✖ NOT AS EXPECTED", style="bold red"))
        for words in course.surprises:
            out.print(Padding(Text(words), (0, 0, 0, 2)))
    else:
        out.print(Text("✔ AS EXPECTED", style="bold green"))
        out.print(Padding(Text(summary(course)), (0, 0, 0, 2)))
    if results is not None:
        out.print(Text(f"Look at {results}"), soft_wrap=True)


def _fractions(course: "Course") -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("", "set-up error*", "measured mm, °", "needed mm, °*", "left*"):
        table.add_column(title, header_style="dim", no_wrap=True)
    for fraction in course.fractions:
        table.add_row(
            Text(f"{fraction.number}", style="bold"),
            _off(fraction.set_up.residual.largest_mm, fraction.set_up.residual.angle_deg),
            _shift(fraction.measured),
            _shift(fraction.set_up.needed),
            _left(fraction),
        )
        table.add_row("", "", _turn(fraction.measured), _turn(fraction.set_up.needed), "")
    return table


def _off(distance_mm: float, angle_deg: float) -> Text:
    return Text(f"{distance_mm:.2f} mm {angle_deg:.2f}°")


def _left(fraction: "TreatedFraction") -> Text:
    if fraction.treated is None:
        return Text("no beam", style="yellow")
    residual = fraction.treated.residual
    words = f"{residual.largest_mm:.2f} mm {residual.angle_deg:.2f}°"
    return Text(words, style="bold cyan")


def _shift(correction: "CouchCorrection | None") -> Text:
    if correction is None:
        return Text("none")
    c = correction
    return Text(f"{c.lateral_mm:+.2f} {c.longitudinal_mm:+.2f} {c.vertical_mm:+.2f}")


def _turn(correction: "CouchCorrection | None") -> Text:
    if correction is None:
        return Text("")
    c = correction
    return Text(f"{c.pitch_deg:+.2f} {c.roll_deg:+.2f} {c.yaw_deg:+.2f}", style="dim")


def _endings(course: "Course") -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("", "day's image", "ended"):
        table.add_column(title, header_style="dim")
    for fraction in course.fractions:
        outcome = fraction.outcome
        count = f"{fraction.images_taken} × " if fraction.images_taken != 1 else ""
        closed = outcome.state.value == "closed"
        words = f"{outcome.delivered_mu:.1f} MU delivered" if closed else outcome.reason
        table.add_row(
            Text(f"{fraction.number}", style="bold"),
            f"{count}{fraction.imaging_model}",
            Text.assemble((outcome.state.value, "green" if closed else "yellow"), f": {words}"),
        )
    return table
