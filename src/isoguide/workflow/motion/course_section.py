"""What a course's report says of the target during the beam."""

from collections.abc import Sequence
from html import escape
from typing import Final

from isoguide.course import MotionResidual
from isoguide.workflow.course import Course
from isoguide.workflow.motion.monitored_room import MonitoredDelivery
from isoguide.workflow.motion.report_curves import reason_times
from isoguide.workflow.motion.report_figures import motion_picture
from isoguide.workflow.numbers import number
from isoguide.workflow.page import section, table
from isoguide.workflow.review.html_parts import TRUTH_BADGE

MOST_REASONS: Final = 2
_HEADER: Final = (
    "Fraction",
    "Watched by",
    "Gate",
    "Duty cycle",
    "Holds",
    "With beam, 95 % within",
    "Without a gate",
    "Latency",
    "Why it was held",
)


def monitoring_section(course: Course) -> str:
    """Return the section: every delivery under a gate, and one of them over time; empty without one."""
    found = [(one.number, delivery) for one in course.fractions for delivery in one.monitored]
    if not found:
        return ""
    lead = (
        "<p>The target was watched while the beam was on, and beam passed only while it was, by all "
        f"probability, in the gate. {TRUTH_BADGE} Distances are those of the virtual target from its planned "
        "place, in the room. Without a gate: what the same beam would have met, begun at the same moment and "
        "given without a pause.</p>"
    )
    rows = [_row(fraction, delivery) for fraction, delivery in found]
    fraction, shown = max(found, key=lambda one: (len(one[1].figures.holds), -one[0]))
    caption = escape(
        f"Fraction {fraction}. Blue: where the target was seen, minus where the plan wants it (IEC fixed), "
        "with 95 % of its error; dotted: where it was. Dashed: the gate, a ball. Tinted: beam could not pass."
    )
    picture = motion_picture(shown.recording, shown.figures).html(caption)
    return section("The target during the beam", lead + table(_HEADER, rows, kind="plain told") + picture)


def _row(fraction: int, delivery: MonitoredDelivery) -> tuple[str, ...]:
    figures, header = delivery.figures, delivery.recording.header
    latency = "–"
    if figures.latency_median_s is not None and figures.latency_p99_s is not None:
        latency = f"{1000.0 * figures.latency_median_s:.0f} ms, 99 % {1000.0 * figures.latency_p99_s:.0f} ms"
    return (
        str(fraction),
        escape(header.device),
        f"{header.settings.gate_mm:g}\u00a0mm",
        f"{100.0 * figures.duty_cycle:.0f} %<br>of {figures.watched_s:.0f} s",
        str(len(figures.holds)),
        _within(figures.true_inside or figures.inside),
        _within(delivery.ungated or figures.true_without_gating or figures.without_gating),
        latency,
        _reasons(reason_times(figures)),
    )


def _within(residual: MotionResidual | None) -> str:
    return "–" if residual is None else f"{number(residual.p95_length_mm, 1)} mm"


def _reasons(reasons: Sequence[tuple[str, int, float]]) -> str:
    if not reasons:
        return "never"
    told = [f"{seconds:.1f} s: {escape(reason)}" for reason, _, seconds in reasons[:MOST_REASONS]]
    more = len(reasons) - MOST_REASONS
    return "<br>".join([*told, *([f"{more} more"] if more > 0 else [])])
