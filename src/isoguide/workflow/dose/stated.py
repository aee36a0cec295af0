"""What the planning system says of its own beams, beside this computation: in lines, warnings and a table."""

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from typing import Final

from isoguide.dose.stated import NO_DOSE, BeamCheck, PointCheck
from isoguide.workflow.numbers import signed
from isoguide.workflow.page import bullets, table

SURFACE_MM: Final = 10.0
"""A patient who begins farther off has another outline there; drawn and found ones differ by a few mm."""
DOSE_PERCENT: Final = 5.0
"""Beyond it an independent dose is not accepted without an explanation (AAPM TG-219, Zhu et al., Med. Phys.
48 (2021) e808)."""
_LEAD: Final = (
    "What the planning system found for the same patient with its own beam data. Nothing is scaled to it. "
    "Doses are Gy per fraction, ours by pencil beam; distances are from the source to the patient along the "
    "axis."
)


def mean_off_percent(checks: Sequence[BeamCheck]) -> float | None:
    """Return how much more we compute at all points together than is stated; None where none compares."""
    both = [point for check in checks for point in check.points if point.off_percent is not None]
    theirs = sum(point.stated.dose_gy for point in both)
    return 100.0 * (sum(point.computed_gy or 0.0 for point in both) / theirs - 1.0) if both else None


def stated_lines(checks: Sequence[BeamCheck]) -> tuple[str, ...]:
    """Say for each beam what is stated and what was computed; beams that do not compare together, and why."""
    compared = [
        f"{_beam(check)}: the planning system states {point.stated.dose_gy:.3f} Gy at "
        f"{_point(point)}, this computation gives {point.computed_gy:.3f} Gy ({point.off_percent:+.1f} %)"
        for check in checks
        for point in check.points
        if point.off_percent is not None
    ]
    silent = sorted((reason, check.number) for check in checks if (reason := not_compared(check)))
    for reason, group in groupby(silent, key=lambda one: one[0]):
        numbers = [number for _, number in group]
        compared.append(
            f"no comparison with the planning system's dose is available for {_numbered(numbers)}: {reason}"
        )
    return tuple(compared)


def not_compared(check: BeamCheck) -> str:
    """Say why no dose of a beam is compared; empty where one is."""
    if check.off_percent:
        return ""
    return next((point.reason for point in check.points if point.reason), NO_DOSE)


def stated_warnings(checks: Sequence[BeamCheck]) -> tuple[str, ...]:
    """Say where the planning system's patient or dose is another than ours."""
    return (*_surface_warnings(checks), *_dose_warnings(checks))


def stated_section(checks: Sequence[BeamCheck]) -> str:
    """Show the statements of the plan with ours beside them; nothing where the plan states nothing."""
    if not any(check.points or check.stated_surface_mm is not None for check in checks):
        return bullets(stated_lines(checks))
    header = ("Beam", "name", "surface: plan, mm", "here, mm", "point", "dose: plan, Gy", "here, Gy", "")
    rows = [row for check in checks for row in _rows(check)]
    reasons = [line for line in stated_lines(checks) if line.startswith("no comparison")]
    return f"<p>{_LEAD}</p>" + table(header, rows, kind="plain figures") + bullets(reasons)


def _rows(check: BeamCheck) -> Iterator[tuple[str, ...]]:
    stated, ours = check.stated_surface_mm, check.surface_mm
    off_mm = check.surface_off_mm
    here = "–" if ours is None else f"{ours:.1f}"
    if off_mm is not None and abs(off_mm) > SURFACE_MM:
        here = f'<span class="raised">{here}</span>'
    first = (
        str(check.number),
        escape(check.name),
        "–" if stated is None else f"{stated:.1f}",
        here,
    )
    if not check.points:
        yield (*first, "–", "–", "–", "")
    for n, point in enumerate(check.points):
        yield (*(first if n == 0 else ("",) * 4), *_point_cells(point))


def _point_cells(point: PointCheck) -> tuple[str, str, str, str]:
    off = point.off_percent
    found = "–" if point.computed_gy is None else f"{point.computed_gy:.3f}"
    told = "" if off is None else f"{signed(off)} %"
    if off is not None and abs(off) > DOSE_PERCENT:
        told = f'<span class="raised">{told}</span>'
    where = "not stated" if point.stated.position_mm is None else escape(_point(point))
    return where, f"{point.stated.dose_gy:.3f}", found, told


def _surface_warnings(checks: Sequence[BeamCheck]) -> Iterator[str]:
    for check in checks:
        off_mm = check.surface_off_mm
        if off_mm is None or abs(off_mm) <= SURFACE_MM:
            continue
        side = "nearer to" if off_mm > 0.0 else "farther from"
        cause = (
            "its outline may hold the couch or a cushion, which hold nothing back here"
            if off_mm > 0.0
            else "the outline here may hold what is no patient"
        )
        yield (
            f"the plan says that the patient begins {abs(off_mm):.0f} mm {side} the source of {_beam(check)} "
            f"than here ({check.stated_surface_mm:.1f} mm, not {check.surface_mm:.1f} mm): {cause}; check "
            "outline and isocentre"
        )


def _dose_warnings(checks: Sequence[BeamCheck]) -> Iterator[str]:
    off = mean_off_percent(checks)
    if off is None or abs(off) <= DOSE_PERCENT:
        return
    more = "more" if off > 0.0 else "less"
    yield (
        f"at the points of its beams this computation gives {abs(off):.1f} % {more} than the planning system "
        "states: absolute dose is not to be relied on before beam data, outline and density explain it"
    )


def _beam(check: BeamCheck) -> str:
    return f"beam {check.number} ({check.name})"


def _point(point: PointCheck) -> str:
    position_mm = point.stated.position_mm
    name = f"'{point.stated.name}'" if point.stated.name else "its point"
    if position_mm is None:
        return name
    return f"{name} ({', '.join(f'{value:.1f}' for value in position_mm)}) mm"


def _numbered(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"beam {numbers[0]}"
    return f"beams {', '.join(str(one) for one in numbers[:-1])} and {numbers[-1]}"
