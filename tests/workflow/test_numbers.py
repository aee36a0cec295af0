"""Numbers on pages: a true minus sign before a negative number, and nothing else is touched."""

from isoguide.workflow.numbers import typeset
from isoguide.workflow.page import bullets


def test_names_dates_and_ranges_keep_their_hyphens() -> None:
    kept = "PTV-1 of 2026-11-30, re-planned, plan '-3', 1-2 days"
    assert typeset(kept) == kept
    assert bullets(["lateral -7.3 mm (-2 %)"]) == (
        "<ul><li>lateral \N{MINUS SIGN}7.3 mm (\N{MINUS SIGN}2 %)</li></ul>"
    )
