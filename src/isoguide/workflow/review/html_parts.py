"""What both pages of a review are made of: estimates with their intervals, conduct, imaging dose."""

from collections.abc import Sequence
from html import escape
from typing import Final

from isoguide.review.conduct import Conduct, DoseSum
from isoguide.review.estimate import Estimate
from isoguide.workflow.numbers import number, signed
from isoguide.workflow.page import table
from isoguide.workflow.review.axis_words import AxisWords

STYLES: Final = ("course.css", "review/review.css")
"""Style sheets of both pages."""
TRUTH_BADGE: Final = '<span class="badge">truth</span>'
"""Marks what only a simulation can tell."""


def not_available(why: str = "") -> str:
    """Say that there is no number, and why."""
    return f'<span class="none">not available{f": {escape(why)}" if why else ""}</span>'


def estimate_html(estimate: Estimate | None, decimals: int, *, with_sign: bool = False, why: str = "") -> str:
    """Write a value with its interval, or that it is not available and why."""
    if estimate is None:
        return not_available(why)
    write = signed if with_sign else number
    low, high = write(estimate.low, decimals), write(estimate.high, decimals)
    return f'{write(estimate.value, decimals)} <span class="range">({low} to {high})</span>'


def placed_html(words: AxisWords, estimate: Estimate | None, decimals: int = 1) -> str:
    """Write a mean with its interval and the side it lies on."""
    if estimate is None:
        return not_available()
    told = escape(words.where(estimate.value, decimals))
    return f"{estimate_html(estimate, decimals, with_sign=True)}<br>{told}"


def rate_html(rate: Estimate | None) -> str:
    """Write a rate in percent with its interval."""
    if rate is None:
        return not_available()
    value, low, high = (f"{100.0 * share:.1f}" for share in (rate.value, rate.low, rate.high))
    return f'{value} % <span class="range">({low} to {high})</span>'


CONDUCT_HEADER: Final = (
    "Fractions",
    "Images",
    "Images a fraction",
    "With a usable image",
    "Imaged again",
    "Otherwise than the protocol",
    "Ended without treatment",
)


def conduct_cells(conduct: Conduct) -> tuple[str, ...]:
    """Return the cells under :data:`CONDUCT_HEADER`."""
    mean = conduct.images_per_fraction
    return (
        str(conduct.fractions),
        str(conduct.images),
        not_available() if mean is None else f"{mean:.2f}",
        rate_html(conduct.imaged),
        rate_html(conduct.imaged_again),
        rate_html(conduct.overridden),
        rate_html(conduct.stopped),
    )


def dose_html(doses: Sequence[tuple[str, DoseSum]], *, heading: str = "") -> str:
    """Write the imaging dose, a line for each metric; different metrics are never added.

    Parameters
    ----------
    doses
        Each with the name of its group.
    heading
        Of the names; none for a single course.
    """
    if not doses:
        return "<p>No imaging dose is recorded: the images carry none, or there are none.</p>"
    header = ["Metric", "Exposures", "Sum", "Each exposure (mean)"]
    if heading:
        header = [heading, *header, "A course (mean)", "Course with most"]
    rows = [((escape(name),) if heading else ()) + _dose_row(dose, bool(heading)) for name, dose in doses]
    return table(header, rows, kind="numbers") + (
        '<p class="small">A dose means something only with its metric: doses of different metrics, or of '
        "different parts of the body, do not add up.</p>"
    )


def _dose_row(dose: DoseSum, of_many: bool) -> tuple[str, ...]:  # noqa: FBT001 - one row of one table
    def told(value: float) -> str:
        # Four digits, never an exponent.
        decimals = max(0, 3 - int(f"{value:e}".partition("e")[2]))
        return f"{value:,.{min(decimals, 4)}f} <span class='range'>{escape(dose.metric)}</span>"

    row = (escape(dose.metric), str(dose.exposures), told(dose.total), told(dose.per_exposure))
    if not of_many:
        return row
    return (*row, told(dose.per_course), f"{escape(dose.largest_course)}: {told(dose.largest)}")
