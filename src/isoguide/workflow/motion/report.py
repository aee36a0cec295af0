"""The monitoring report: what the target did while the beam was on, and what the gate made of it."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

from isoguide.course import MotionHold, MotionResidual
from isoguide.workflow.motion.figures import MotionFigures
from isoguide.workflow.motion.recording import Recording
from isoguide.workflow.motion.recording_lines import settings_values
from isoguide.workflow.motion.report_figures import monitoring_pictures
from isoguide.workflow.numbers import number, signed
from isoguide.workflow.page import bullets, closing, facts, heading, page, section, table
from isoguide.workflow.review.axis_words import SIX
from isoguide.workflow.review.drawing import Picture
from isoguide.workflow.review.html_parts import STYLES, TRUTH_BADGE, not_available
from isoguide.workflow.review.write_files import PAGE, write_files

MOST_HOLDS: Final = 12
"""A longer table of holds is folded behind its first lines."""
_OVER_TIME: Final = (
    "Blue: where the target was seen, minus where the plan wants it (IEC fixed), with 95 % of its error. The "
    "gate is a ball: the dashed lines are its radius, and the fourth panel decides. Tinted: beam could not "
    "pass. In the gate: probability that the target is inside when the beam reacts."
)
_RESIDUALS: Final = (
    "How often the target was seen how far from its place: grey over the whole time, as it would have been "
    "treated without a gate, blue while the beam was on. Dashed: the gate. What is seen holds the error of "
    "seeing, so the target itself was a little closer to its place."
)
_LATENCY: Final = (
    "Left: from each exposure until the gate had what it shows; dashed, what is allowed before the beam "
    "reacts. Right: for how long, and how often, beam was held for which reason."
)


def monitoring_html(
    recording: Recording,
    figures: MotionFigures,
    pictures: Sequence[Picture],
    *,
    title: str = "Target during the beam",
    notes: Sequence[str] = (),
) -> str:
    """Write the page. Every text that comes from a file is escaped, and nothing is loaded from anywhere.

    Parameters
    ----------
    recording, figures, pictures
        What is shown.
    title
        Of the page.
    notes
        What the reader has to know before all else, such as that this was played again with another gate.
    """
    shown = {one.name: one for one in pictures}
    sections = [
        _header(recording, figures, title),
        section("Mind", bullets([*notes, *recording.findings]), kind="warnings"),
        section("In short", _short(recording, figures)),
        section("The target over time", _shown(shown, "motion", _OVER_TIME), kind="pictures"),
        section("Closer", _shown(shown, "closer", ""), kind="pictures"),
        section("What the gate left of the motion", _residuals(figures, shown)),
        section("Latency and reasons", _shown(shown, "latency", _LATENCY)),
        section("Holds", _holds(figures)),
        section("Marked by people", _marks(recording, figures)),
        section("How this was recorded", _provenance(recording, figures)),
        closing(),
    ]
    return page(f"isoguide: {title}", sections, *STYLES)


def write_monitoring_report(
    recording: Recording,
    folder: Path,
    *,
    title: str = "Target during the beam",
    notes: Sequence[str] = (),
) -> MotionFigures:
    """Write ``report.html`` about a recording into a folder, which is made; return its figures.

    Raises
    ------
    InputError
        If the recording holds no decision.
    OutputError
        If the folder cannot be written.
    """
    figures = MotionFigures.of(recording)
    html = monitoring_html(
        recording, figures, monitoring_pictures(recording, figures), title=title, notes=notes
    )
    write_files(folder, {PAGE: html.encode()})
    return figures


def _header(recording: Recording, figures: MotionFigures, title: str) -> str:
    header = recording.header
    fraction = f"fraction {header.fraction}" if header.fraction else ""
    patient = f"patient {header.patient_id}" if header.patient_id else "no patient identity"
    told = (
        patient,
        fraction,
        f"watched by {header.device}",
        f"gate {header.settings.gate_mm:g} mm",
        f"{figures.started_at:%Y-%m-%d %H:%M:%S} UTC",
    )
    return heading("monitoring", title, told)


def _short(recording: Recording, figures: MotionFigures) -> str:
    gate_mm = recording.header.settings.gate_mm
    cells = [
        (f"{100.0 * figures.duty_cycle:.0f} %", "duty cycle",
         f"{figures.permitted_s:.0f} of {figures.watched_s:.0f} s"),
        (str(len(figures.holds)), "holds", _longest(figures.holds)),
        (*_p95(figures.inside), "95 % of the frames with beam closer"),
        (*_p95(figures.without_gating), "without a gate"),
        (_ms(figures.latency_p99_s), "latency, 99 % below", f"median {_ms(figures.latency_median_s)}"),
        (f"{100.0 * figures.unseen / max(figures.frames, 1):.1f} %", "frames without target",
         f"{figures.unseen} of {figures.frames}"),
    ]  # fmt: skip
    cards = "".join(
        f'<div class="card"><strong>{escape(value)}</strong><span>{escape(what)}</span>'
        f"<small>{escape(more)}</small></div>"
        for value, what, more in cells
    )
    return f'<div class="cards">{cards}</div>{bullets(short_words(figures, gate_mm))}'


def _p95(residual: MotionResidual | None) -> tuple[str, str]:
    return ("–", "residual") if residual is None else (f"{number(residual.p95_length_mm, 1)} mm", "residual")


def _ms(seconds: float | None) -> str:
    return "–" if seconds is None else f"{1000.0 * seconds:.0f} ms"


def _longest(holds: Sequence[MotionHold]) -> str:
    if not holds:
        return "never held"
    return f"longest {max(hold.lasted_s for hold in holds):.1f} s"


def figure_rows(figures: MotionFigures) -> list[tuple[str, str]]:
    """Return the figures as names and values, for a terminal."""
    rows = [
        (
            "Duty cycle",
            f"{100.0 * figures.duty_cycle:.0f} % ({figures.permitted_s:.1f} of {figures.watched_s:.1f} s)",
        ),
        ("Holds", f"{len(figures.holds)}, {_longest(figures.holds)}"),
    ]
    for name, residual in (
        ("With the beam on", figures.inside),
        ("As without a gate", figures.without_gating),
    ):
        if residual is not None:
            mean, p95 = number(residual.mean_length_mm, 1), number(residual.p95_length_mm, 1)
            rows.append((name, f"{mean} mm from its place on average, 95 % within {p95} mm"))
    latency = f"median {_ms(figures.latency_median_s)}, 99 % below {_ms(figures.latency_p99_s)}"
    rows.append(("Latency", latency if figures.frames else "–"))
    rows.append(("Frames", f"{figures.frames}, {figures.unseen} without the target"))
    return rows


def short_words(figures: MotionFigures, gate_mm: float) -> list[str]:
    """Return sentences that say how the delivery went."""
    words = []
    inside, without = figures.inside, figures.without_gating
    if inside is not None and without is not None:
        words.append(
            f"With the beam on the target was on average {number(inside.mean_length_mm, 1)} mm from its "
            f"place, over the whole time {number(without.mean_length_mm, 1)} mm; the gate is {gate_mm:g} mm."
        )
    if figures.true_inside is not None and figures.true_without_gating is not None:
        words.append(
            "Truth: with the beam on the virtual target was within "
            f"{number(figures.true_inside.p95_length_mm, 1)} mm of its place for 95 % of the time, over the "
            f"whole time within {number(figures.true_without_gating.p95_length_mm, 1)} mm."
        )
    asked = [hold for hold in figures.holds if hold.proposal_mm is not None or hold.state == "re-align"]
    words += [f"The gate asked to align anew: {hold.reason}." for hold in asked]
    words += [f"The gate stopped: {hold.reason}." for hold in figures.holds if hold.state == "stopped"]
    return words


def _shown(shown: dict[str, Picture], name: str, caption: str) -> str:
    return shown[name].html(escape(caption)) if name in shown else ""


def _residuals(figures: MotionFigures, shown: dict[str, Picture]) -> str:
    if figures.without_gating is None:
        return f"<p>{not_available('too few frames with the target')}.</p>"
    header = ("", "Frames", *(f"{words.title} (mm)" for words in SIX[:3]), "Distance, mean", "95 % within")
    rows = [
        _residual_row("Beam on", figures.inside),
        _residual_row("Whole time, as without a gate", figures.without_gating),
    ]
    if figures.true_without_gating is not None:
        rows.append(_residual_row(f"Beam on {TRUTH_BADGE}", figures.true_inside))
        rows.append(_residual_row(f"Whole time {TRUTH_BADGE}", figures.true_without_gating))
    note = '<p class="small">By axis: mean ± standard deviation, and 95 % of the frames within.</p>'
    return _shown(shown, "residuals", _RESIDUALS) + table(header, rows, kind="numbers") + note


def _residual_row(name: str, residual: MotionResidual | None) -> tuple[str, ...]:
    if residual is None:
        return (name, *(["–"] * 6))
    axes = (
        f"{signed(mean, 2)} ± {number(deviation, 2)} <span class='range'>({number(p95, 1)})</span>"
        for mean, deviation, p95 in zip(
            residual.mean_mm.tolist(), residual.sd_mm.tolist(), residual.p95_mm.tolist(), strict=True
        )
    )
    ends = (f"{number(residual.mean_length_mm, 2)} mm", f"{number(residual.p95_length_mm, 2)} mm")
    return (name, str(residual.frames), *axes, *ends)


def _holds(figures: MotionFigures) -> str:
    if not figures.holds:
        return "<p>The beam was never held.</p>"
    header = ("", "At", "For", "State", "Reason", "Target had been at")
    rows = [_hold_row(place, hold, figures) for place, hold in enumerate(figures.holds, start=1)]
    if len(rows) <= MOST_HOLDS:
        return table(header, rows, kind="plain journal")
    more = table(header, rows[MOST_HOLDS:], kind="plain journal")
    return (
        table(header, rows[:MOST_HOLDS], kind="plain journal")
        + f"<details><summary>{len(rows) - MOST_HOLDS} more</summary>{more}</details>"
    )


def _hold_row(place: int, hold: MotionHold, figures: MotionFigures) -> tuple[str, ...]:
    at_s = (hold.began_at - figures.started_at).total_seconds()
    proposal = "–"
    if hold.proposal_mm is not None:
        proposal = " / ".join(signed(float(value), 1) for value in hold.proposal_mm) + " mm"
    lasted = f"{hold.lasted_s:.1f} s" if hold.lasted_s else "to the end"
    return (str(place), f"{at_s:.1f} s", lasted, escape(hold.state), escape(hold.reason), proposal)


def _marks(recording: Recording, figures: MotionFigures) -> str:
    if not recording.marks:
        return ""
    rows = [
        (f"{(mark.at - figures.started_at).total_seconds():.1f} s", escape(mark.by), escape(mark.words))
        for mark in recording.marks
    ]
    return table(("At", "By", "What"), rows, kind="plain journal")


def _provenance(recording: Recording, figures: MotionFigures) -> str:
    header = recording.header
    rate = figures.frames / figures.watched_s if figures.watched_s else 0.0
    settings = ", ".join(f"{name} {value:g}" for name, value in settings_values(header.settings).items())
    delivered = max((change.delivered_mu for change in recording.beam), default=0.0)
    radiation = "not recorded: what the gate permitted counts as beam"
    if figures.is_beam_known:
        radiation = f"{figures.beam_on_s:.1f} s, {delivered:.1f} MU"
    rows = [
        ("Watched by", header.device),
        ("Patient, plan", f"{header.patient_id or 'none'}, {header.plan_uid or 'none'}"),
        ("From, to", f"{figures.started_at:%Y-%m-%d %H:%M:%S} to {figures.ended_at:%H:%M:%S} UTC"),
        ("Clock", header.clock),
        ("Frames", f"{figures.frames}, {rate:.1f} a second; {figures.unseen} without the target"),
        ("Gate", settings),
        ("Radiation", radiation),
        ("Recorded by", header.made_by),
    ]
    return facts(rows)
