"""Tables for spreadsheets: commas, a head line with units in the names, empty where nothing is known."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO

Cell = str | int | float | bool | None


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Write a table; numbers in full, texts so that no spreadsheet takes one for a formula."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_written(cell) for cell in row] for row in rows)
    return text.getvalue()


def _written(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return repr(cell)
    # What somebody typed must not run when the table is opened (OWASP, CSV injection).
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else str(cell)
