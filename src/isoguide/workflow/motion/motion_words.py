"""What is kept of the target's motion, in one line for people."""

from collections.abc import Sequence

from isoguide.course import MotionRecord


def motion_words(motion: MotionRecord) -> str:
    """Return one delivery under a gate: the gate, duty cycle, holds, what was left, and why it ended."""
    holds = f"{len(motion.holds)} hold{'s' if len(motion.holds) != 1 else ''}"
    parts = [
        f"gate {motion.gate_mm:g} mm",
        f"duty cycle {100.0 * motion.duty_cycle:.0f} % of {motion.watched_s:.0f} s",
        holds,
    ]
    if motion.inside is not None:
        without = motion.without_gating
        else_mm = "" if without is None else f" ({without.p95_length_mm:.1f} mm without a gate)"
        parts.append(f"95 % within {motion.inside.p95_length_mm:.1f} mm{else_mm}")
    last = motion.holds[-1] if motion.holds else None
    if last is not None and last.state != "hold":
        parts.append(f"{last.state}: {last.reason}")
    return ", ".join(parts)


def short_motion_words(motions: Sequence[MotionRecord]) -> str:
    """Return all deliveries of a fraction as a cell of a table, empty without a gate."""
    if not motions:
        return ""
    watched_s = sum(one.watched_s for one in motions)
    permitted_s = sum(one.permitted_s for one in motions)
    duty = f"{100.0 * permitted_s / watched_s:.0f} %" if watched_s > 0.0 else "0 %"
    return f"{duty} of {watched_s:.0f} s, {sum(len(one.holds) for one in motions)} held"
