"""What a person sees of courses."""

from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from isoguide.cli.department import print_json
from isoguide.cli.terminal import console
from isoguide.course import (
    AssessmentRecord,
    CourseHistory,
    FractionSummary,
    MotionRecord,
    SimulationRecord,
    StructureMotion,
)
from isoguide.records import CourseLine, FractionLine, StoredCourse
from isoguide.treatment.marks import mark_shifts
from isoguide.treatment.words import correction_words
from isoguide.workflow.clinic.new_course import NewCourse
from isoguide.workflow.clinic.take_in import TakenIn
from isoguide.workflow.motion.motion_words import short_motion_words


def show_new(made: NewCourse, *, as_json: bool) -> None:
    """Print the name of a new course and what was read."""
    simulation = made.registered.simulation
    if as_json:
        content = {
            "course": made.course_id,
            "protocol": made.protocol,
            "simulation": simulation,
            "mark_shifts": made.registered.mark_shifts,
        }
        print_json("course", content)
        return
    out = console()
    out.print(Text(f"course {made.course_id} by {made.protocol}", style="bold green"))
    _show_simulation(simulation)


def show_list(
    lines: Sequence[CourseLine], unfinished: Sequence[FractionLine], *, as_json: bool, hidden: int = 0
) -> None:
    """Print courses, one line each, what is not finished, and how many are not shown."""
    if as_json:
        print_json("courses", {"courses": lines, "unfinished": unfinished})
        return
    columns = ("course", "patient", "born", "site", "machine", "protocol", "status")
    table = Table(*columns, box=None, pad_edge=False)
    for one in lines:
        cells = (one.course_id, one.patient_id, one.birth_date, one.site, one.machine, one.protocol)
        table.add_row(*(Text(cell) for cell in cells), one.status.value)
    out = console()
    out.print(table if lines else "no course goes on: isoguide course new")
    if hidden:
        out.print(Text(f"{hidden} more have ended: --all", style="dim"))
    for fraction in unfinished:
        out.print(Text(f"{fraction.key} is not finished: {fraction.state}", style="yellow"))


def show_course(
    course: StoredCourse,
    history: CourseHistory | None,
    motions: Mapping[int, Sequence[MotionRecord]],
    assessments: Sequence[tuple[int, AssessmentRecord]],
    *,
    as_json: bool,
) -> None:
    """Print everything that is recorded of a course before and about its fractions.

    ``motions`` says by the number of a fraction how its target moved during the beam, ``assessments`` beside
    the number of a fraction what was found of its anatomy; the last one of a fraction counts.
    """
    fractions = history.fractions if history is not None else ()
    simulation = course.simulation
    shifts = mark_shifts(simulation.marks, simulation.isocentre_mm, simulation.patient_position)
    if as_json:
        content = {
            "course": course.line,
            "simulation": simulation,
            "mark_shifts": shifts,
            "fractions": fractions,
            "motions": {str(number): found for number, found in motions.items() if found},
            "assessments": [{"fraction": number, "assessment": found} for number, found in assessments],
        }
        print_json("course", content)
        return
    line = course.line
    console().print(
        Text(f"{line.course_id} · {line.patient_name} ({line.patient_id}) · {line.protocol}", style="bold"),
        Text(f" {line.status}"),
    )
    _show_simulation(simulation)
    if fractions:
        columns = ["fraction", "day", "measured, mm and °", "decision", "ended"]
        is_gated = any(motions.values())
        table = Table(*columns, *(["beam passed"] if is_gated else []), box=None, pad_edge=False)
        for one in fractions:
            gated = [short_motion_words(motions.get(one.number, ()))] if is_gated else []
            table.add_row(*_fraction_cells(one), *gated)
        console().print(table)
    if assessments:
        _show_anatomy(dict(assessments))


def _show_anatomy(assessed: Mapping[int, AssessmentRecord]) -> None:
    told = ", ".join(f"{number} {assessed[number].verdict}" for number in sorted(assessed))
    console().print(Text(f"Anatomy assessed in fraction {told}"))
    for alert in assessed[max(assessed)].alerts:
        console().print(Text(alert, style="yellow"))


def _fraction_cells(one: FractionSummary) -> tuple[str, str, str, str, str]:
    measured = correction_words(one.measured) if one.measured is not None else "none"
    return str(one.number), f"{one.at:%Y-%m-%d}", measured, one.action, one.state


def _show_simulation(simulation: SimulationRecord) -> None:
    rows = [
        ("patient", f"{simulation.patient.name} ({simulation.patient.patient_id})"),
        ("plan", f"'{simulation.plan_label}', {simulation.patient_position}, {simulation.machine}"),
        ("target", simulation.target),
        ("prescribed", _prescribed(simulation)),
        ("beams", ", ".join(f"{one.number} {one.name} {one.meterset_mu:.1f} MU" for one in simulation.beams)),
        ("markers", ", ".join(f"{one.name} ({one.kind})" for one in simulation.fiducials) or "none"),
        (
            "devices",
            ", ".join(f"{one.label} {one.index}".strip() for one in simulation.accessories) or "none",
        ),
    ]
    rows += [
        (
            f"mark {one.name}",
            f"to the isocentre: lateral {one.lateral_mm:+.1f}, longitudinal {one.longitudinal_mm:+.1f}, "
            f"vertical {one.vertical_mm:+.1f} mm",
        )
        for one in mark_shifts(simulation.marks, simulation.isocentre_mm, simulation.patient_position)
    ]
    for motion in simulation.motions:
        left_right, front_back, head_feet = motion.amplitude_mm
        words = f"left-right {left_right:.1f}, front-back {front_back:.1f}, head-feet {head_feet:.1f} mm"
        rows.append((f"motion of {motion.structure}", words))
        rows += _mean_place(motion)
    if simulation.internal_target_cm3 is not None:
        rows.append(("internal target", f"{simulation.internal_target_cm3:.1f} cm³ over the breath"))
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, words in rows:
        table.add_row(Text(name), Text(words))
    out = console()
    out.print(table)
    for warning in simulation.warnings:
        out.print(Text(f"warning: {warning}", style="yellow"))


def _mean_place(motion: StructureMotion) -> list[tuple[str, str]]:
    if motion.mid_ventilation is None:
        return []
    percent = motion.phases_percent[motion.mid_ventilation]
    words = f"phase {percent:g} %, {motion.mid_ventilation_off_mm:.1f} mm from the mean over time"
    rows = [("  mid-ventilation", words)]
    if motion.mid_position_mm is not None:
        left, back, head = motion.mid_position_mm
        where = f"left {left:+.1f}, back {back:+.1f}, head {head:+.1f} mm from where it is drawn"
        rows.append(("  mean place", where))
    return rows


def _prescribed(simulation: SimulationRecord) -> str:
    count, dose_gy = simulation.fractions_planned, simulation.dose_per_fraction_gy
    fractions = f"{count} fractions" if count is not None else "number of fractions not stated"
    return f"{fractions}, {dose_gy:g} Gy each" if dose_gy is not None else fractions


def show_imported(taken: TakenIn, *, as_json: bool) -> None:
    """Print which courses were taken in, and what could not be used."""
    if as_json:
        print_json("import", taken)
        return
    out = console()
    out.print(Text(f"{len(taken.course_ids)} courses were taken in", style="bold"))
    for what, why in taken.refused:
        out.print(Text(f"left out: {what}: {why}", style="yellow"), soft_wrap=True)
