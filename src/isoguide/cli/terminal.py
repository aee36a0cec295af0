"""What a person sees: progress on standard error, the answer as a table on standard output."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from isoguide.progress import Progress, silent

if TYPE_CHECKING:
    from isoguide.registration.deformable.result import FieldVerdict
    from isoguide.workflow.alignment import Alignment
    from isoguide.workflow.inspect import Inspection

_LONGEST_STEP = 48
_FIELD_SIGNS = {
    "for decision": ("✔", "green"),
    "not for decision": ("▲", "yellow"),
    "not available": ("✖", "red"),
}
_SIGNS = {"accept": ("✔", "green"), "review": ("▲", "yellow"), "not available": ("✖", "red")}


@contextmanager
def shown_progress(*, wanted: bool) -> Iterator[Progress]:
    """Show a bar on standard error while the block runs, if that is a terminal and ``wanted``."""
    if not (wanted and sys.stderr.isatty()):
        yield silent
        return
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (BarColumn(bar_width=30), TextColumn("{task.description}"), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("Starting", total=1.0)

        def report(fraction: float, step: str) -> None:
            words = step[:1].upper() + step[1:_LONGEST_STEP]
            bars.update(task, completed=fraction, description=escape(words))

        yield report


def console() -> Console:
    """Write on standard output as a person reads it: wrapped to the terminal, coloured only there."""
    return Console(highlight=False, soft_wrap=False)


def show_alignment(alignment: "Alignment") -> None:
    """Print identification, correction, verdict, reasons and warnings."""
    out = console()
    out.print(Text(identification(alignment), style="bold"))
    if alignment.correction is not None:
        out.print(Padding(_correction_table(alignment), (1, 0, 0, 2)))
    _show_residuals(out, alignment)
    _show_single_figures(out, alignment)
    _show_single_view(out, alignment)
    _show_ultrasound(out, alignment)
    _show_verdict(out, alignment)
    show_lines(out, "warning", "yellow", alignment.warnings)


def show_place(results: Path | None) -> None:
    """Say where the results are; nothing where they were not written."""
    if results is not None:
        console().print(Text(f"Results: {results}"), soft_wrap=True)


def identification(alignment: "Alignment") -> str:
    """Say whose images these are, in one line."""
    series, plan = alignment.planning.series, alignment.planning.plan
    who = (
        str(series.patient) if series is not None else f"{alignment.planning.path.name}, no patient identity"
    )
    what = f"plan '{plan.label}'" if plan is not None else "no plan"
    return f"{who} · {what} · {alignment.planning.patient_position}"


def _correction_table(alignment: "Alignment") -> Table:
    from isoguide.workflow.words import movements

    assert alignment.correction is not None  # noqa: S101 - the caller has checked; tells the type checker
    half_widths = alignment.half_widths or {}
    table = Table(box=None, pad_edge=False)
    for title, justify in (
        ("Move the couch", "left"),
        ("by", "right"),
        ("95 %", "right"),
        ("in words", "left"),
    ):
        table.add_column(title, justify="right" if justify == "right" else "left", header_style="dim")
    for movement in movements(alignment.correction, alignment.planning.patient_position):
        if movement.axis in alignment.fixed_axes:
            table.add_row(movement.axis, "–", "", Text("not with this couch", style="dim"))
            continue
        half_width = half_widths.get(movement.key)
        spread = f"± {half_width:.2f}" if half_width is not None else ""
        table.add_row(
            movement.axis,
            Text(f"{movement.value + 0.0:+.2f} {movement.unit}", style="bold"),
            Text(spread),
            Text(movement.direction, style="dim" if movement.is_still else ""),
        )
    return table


def _show_residuals(out: Console, alignment: "Alignment") -> None:
    for line in alignment.residuals:
        if line.is_target:
            text = (
                f"  A couch with {alignment.request.degrees_of_freedom} degrees of freedom leaves "
                f"{line.largest_mm:.1f} mm at most at {line.name}."
            )
            out.print(Text(text))


def _show_single_figures(out: Console, alignment: "Alignment") -> None:
    """Print what each radiograph, or each implanted marker, said."""
    from isoguide.workflow.radiographs.report_figures import figure_tables

    for header, rows in figure_tables(alignment):
        table = Table(box=None, pad_edge=False)
        for title in header:
            table.add_column(title, header_style="dim")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        out.print(Padding(table, (1, 0, 0, 2)))


def _show_single_view(out: Console, alignment: "Alignment") -> None:
    found = alignment.radiographs
    if found is not None and found.without_depth is not None:
        from isoguide.workflow.radiographs.align_views import single_view_words

        words = single_view_words(found.without_depth)
        out.print(Text(f"  {words[:1].upper()}{words[1:]}."))


def _show_ultrasound(out: Console, alignment: "Alignment") -> None:
    from isoguide.workflow.ultrasound.align_input import UltrasoundInput
    from isoguide.workflow.ultrasound.match_words import deformation_words, matched_words

    if isinstance(alignment.daily, UltrasoundInput):
        words = f"{matched_words(alignment.daily)} {deformation_words(alignment.registration.quality)}"
        out.print(Padding(Text(words.strip()), (1, 0, 0, 2)))


def _show_verdict(out: Console, alignment: "Alignment") -> None:
    sign, colour = _SIGNS[alignment.verdict.value]
    uncertainty = alignment.registration.uncertainty
    target = alignment.target.name if alignment.target is not None else "the target"
    sure = (
        f"   95 % of the error at {target} within {uncertainty.largest_at_target_mm:.2f} mm"
        if uncertainty is not None and alignment.correction is not None
        else ""
    )
    out.print()
    out.print(Text.assemble((f"{sign} {alignment.verdict.value.upper()}", f"bold {colour}"), sure))
    show_lines(out, "reason", colour, alignment.reasons)


def show_lines(out: Console, kind: str, colour: str, lines: Sequence[str]) -> None:
    """Print sentences, each after its kind in a colour."""
    for line in lines:
        out.print(Padding(Text.assemble((f"{kind}: ", colour), line), (0, 0, 0, 2)))


def show_field_verdict(out: Console, verdict: "FieldVerdict", reasons: Sequence[str], of: str = "") -> None:
    """Print whether to decide by the anatomy of the day, or by what rests on it, and why."""
    sign, colour = _FIELD_SIGNS[verdict.value]
    words = f"{sign} {of} {verdict.value.upper()}" if of else f"{sign} {verdict.value.upper()}"
    out.print(Text(words, style=f"bold {colour}"))
    show_lines(out, "reason", colour, reasons)


def show_inspection(inspection: "Inspection") -> None:
    """Print what a path holds, one paragraph per thing, and what is wrong."""
    out = console()
    out.print(Text(str(inspection.path), style="bold"))
    for item in inspection.items:
        out.print(Padding(Text.assemble((f"{item.kind} ", "bold"), item.text), (0, 0, 0, 2)))
        if item.uid:
            out.print(Padding(Text(f"UID {item.uid}", style="dim"), (0, 0, 0, 6)))
        if item.problem:
            out.print(Padding(Text.assemble(("cannot be used: ", "bold red"), item.problem), (0, 0, 0, 6)))
    if inspection.other_files:
        names = ", ".join(path.name for path in inspection.other_files[:8])
        more = ", ..." if len(inspection.other_files) > 8 else ""
        out.print(
            Padding(
                Text(f"{len(inspection.other_files)} other file(s), ignored: {names}{more}"), (0, 0, 0, 2)
            )
        )
    if not inspection.items:
        out.print(Padding(Text("nothing that isoguide can read", style="bold red"), (0, 0, 0, 2)))
