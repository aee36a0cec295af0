"""One sheet of paper for the patient: what the images were for and what was seen, in everyday words.

It tells what is recorded and judges nothing: whether a movement is small or a course went well is for the
treating team to say.
"""

from collections.abc import Sequence
from html import escape
from typing import Final

import numpy as np

import isoguide
from isoguide.course import CourseHistory, FractionSummary
from isoguide.review.error_table import SHIFTS, six
from isoguide.workflow.charts import BarChart
from isoguide.workflow.numbers import number
from isoguide.workflow.page import bullets, page, section

NEAR_MM: Final = 5.0
"""What the movements are counted against: about half the width of a finger, and drawn as a ruler."""
SMALLEST_MOVE_MM: Final = 0.05
"""A move that reads as zero is none."""
SMALLEST_TURN_DEG: Final = 0.05
"""Likewise."""
MOST_LABELS: Final = 20
_STYLES: Final = ("course.css", "review/for_patient.css")


def for_patient_html(history: CourseHistory) -> str:
    """Write the sheet; A4, one page, nothing is loaded from anywhere."""
    days = history.fractions
    sections = [
        _header(history),
        section("How the pictures were used", _pictures_taken(days)),
        section("How your position was corrected", _moves(days)),
        section("Day by day", _chart(days)),
        _questions(),
        _closing(),
    ]
    return page("Your position, day by day", sections, *_STYLES)


def _header(history: CourseHistory) -> str:
    days = history.fractions
    when = ""
    if days:
        when = f", {days[0].at:%d %B %Y} to {days[-1].at:%d %B %Y}"
        if days[0].at.date() == days[-1].at.date():
            when = f", {days[0].at:%d %B %Y}"
    return (
        "<header><h1>Your position, day by day</h1>"
        f"<p>For {escape(history.patient)}, {_days(len(days))} of treatment{when}</p></header>"
    )


def _days(count: int) -> str:
    return f"{count} day{'' if count == 1 else 's'}"


def _on_days(count: int, of: int) -> str:
    if of == 1:
        return "On your day of treatment" if count else "On no day"
    return f"On {'all' if count == of else f'{count} of' if count else 'none of'} {of} days"


def _pictures_taken(days: Sequence[FractionSummary]) -> str:
    pictured = sum(day.images > 0 for day in days)
    compared = sum(day.measured is not None for day in days)
    again = sum(day.images > 1 for day in days)
    if not pictured:
        return "<p>No pictures of your position are recorded for your treatment days so far.</p>"
    lines = [
        f"{_on_days(pictured, len(days))} we took a picture of the inside of your body while you lay on the "
        "treatment table. It showed how you were lying at that moment.",
        f"{_on_days(compared, len(days))} the picture was compared with the one from your planning visit.",
    ]
    if again:
        lines.append(
            f"{_on_days(again, len(days))} more than one picture was taken, for example to look again."
        )
    return bullets(lines)


def _moves(days: Sequence[FractionSummary]) -> str:
    compared = [day for day in days if day.measured is not None]
    if not compared:
        return "<p>There is no comparison of pictures to report about.</p>"
    lines = [
        "Nobody lies in exactly the same place every day. The table can move to bring you to "
        "the planned place.",
        *_how_far([_moved_mm(day) for day in compared]),
        *_turned(compared),
        *_from_the_start(days),
        *_stopped(days),
    ]
    ruler = f'<p class="small">This is {NEAR_MM:g} millimetres, on paper: <span class="ruler"></span></p>'
    return bullets(lines) + ruler


def _how_far(moved_mm: Sequence[float]) -> list[str]:
    largest_mm = max(moved_mm)
    if largest_mm < SMALLEST_MOVE_MM:
        return ["After these comparisons the table was not moved."]
    if len(moved_mm) == 1:
        return [f"After this comparison you were moved by {_long(largest_mm)}."]
    near = sum(moved < NEAR_MM for moved in moved_mm)
    return [
        f"{_on_days(near, len(moved_mm))} with such a comparison you were moved by less than {NEAR_MM:g} "
        "millimetres.",
        f"The longest move was {_long(largest_mm)}.",
    ]


def _moved_mm(day: FractionSummary) -> float:
    return 0.0 if day.applied is None else float(np.linalg.norm(day.applied.shift_mm))


def _long(size_mm: float) -> str:
    """Return a distance in millimetres, and in centimetres where it is one or more."""
    if size_mm >= 10.0:
        return f"{number(size_mm / 10.0, 1)} centimetres"
    return f"{number(size_mm, 1)} millimetre{'' if round(size_mm, 1) == 1.0 else 's'}"


def _turned(days: Sequence[FractionSummary]) -> list[str]:
    turns = [
        max(abs(angle) for angle in six(day.applied)[SHIFTS:]) for day in days if day.applied is not None
    ]
    turned = [turn for turn in turns if turn >= SMALLEST_TURN_DEG]
    if not turned:
        return []
    return [
        f"{_on_days(len(turned), len(days))} the table was also turned, by {number(max(turned), 1)} "
        "degrees at most. (The minute hand of a clock turns by 6 degrees in one minute.)"
    ]


def _from_the_start(days: Sequence[FractionSummary]) -> list[str]:
    count = sum(day.offline is not None and any(six(day.offline)) for day in days)
    if not count:
        return []
    return [
        f"{_on_days(count, len(days))} what was learned on earlier days was used: the table was set with it "
        "before the first picture."
    ]


def _stopped(days: Sequence[FractionSummary]) -> list[str]:
    count = sum(day.state == "stopped" for day in days)
    if not count:
        return []
    return [
        f"{_on_days(count, len(days))} the treatment was ended before it was complete. Your team can tell "
        "you why."
    ]


def _chart(days: Sequence[FractionSummary]) -> str:
    if not any(day.measured is not None and _moved_mm(day) >= SMALLEST_MOVE_MM for day in days):
        return ""
    every = max(1, -(-len(days) // MOST_LABELS))
    chart = BarChart(
        "How far the table was moved",
        "millimetres",
        tuple(None if day.measured is None else round(_moved_mm(day), 1) for day in days),
        tuple(str(day.number) if (at % every == 0) else "" for at, day in enumerate(days)),
        "moved",
    )
    note = (
        '<p class="small">One bar for each day of treatment. No bar: not moved. A dash: no comparison on '
        "that day.</p>"
    )
    return chart.svg(width=640.0, height=190.0) + note


def _questions() -> str:
    return (
        '<section class="ask"><h2>Do you have questions?</h2><p>Please ask the team that treats you. They '
        "know you and your treatment, and they can explain these numbers to you. This sheet only "
        "tells what was recorded.</p></section>"
    )


def _closing() -> str:
    return (
        f"<footer><p>Made with isoguide {escape(isoguide.__version__)}, software for research. "
        "It is not a medical device.</p></footer>"
    )
