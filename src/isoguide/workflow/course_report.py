"""The report of a virtual course for people: what was done beside what was true, with pictures."""

from collections.abc import Sequence
from html import escape
from typing import Final

from isoguide.course import AXES
from isoguide.treatment import Entry, Event, State
from isoguide.workflow.anatomy_section import anatomy_section
from isoguide.workflow.charts import BarChart, PairChart, Stretch, Timeline, Trace
from isoguide.workflow.course import Course, TreatedFraction
from isoguide.workflow.dose_section import dose_section
from isoguide.workflow.motion.course_section import monitoring_section
from isoguide.workflow.numbers import signed
from isoguide.workflow.page import banner, bullets, closing, facts, heading, page, picture_row, section, table
from isoguide.workflow.scenario import Scenario

TRUTH_BADGE: Final = '<span class="badge">truth</span>'
MOVES_MM: Final = 0.3
"""A target that goes this much further than its mean place is said to move."""
_EVENT_KIND: Final = {
    Event.IMAGE: "image",
    Event.LOSE_IMAGE: "image",
    Event.ALIGN: "match",
    Event.APPROVE: "decision",
    Event.CONFIRM: "decision",
    Event.WITHDRAW: "decision",
    Event.MOVE_COUCH: "couch",
    Event.VERIFY: "couch",
    Event.MISS: "couch",
    Event.TURN_ON: "couch",
    Event.HOLD: "beam",
    Event.RESUME: "held",
    Event.DELIVER: "beam",
    Event.CLOSE: "beam",
    Event.STOP: "stopped",
}
"""Class of the style sheet for the time that an event ended; all others end work at the marks."""
_KIND_WORDS: Final = {
    "marks": "to the marks",
    "image": "image",
    "match": "match",
    "decision": "decision",
    "couch": "couch",
    "beam": "beam",
    "held": "held",
    "stopped": "stopped",
}


Links = Sequence[tuple[str, str]]
"""What lies beside a report: what it is, and its path from there."""

BY_SOUND: Final = "in ultrasound on that of his simulation"
_MATCHED: Final = {"anatomy": "the patient's anatomy", "markers": "his implanted gold seeds"}


def course_html(course: Course, links: Links = ()) -> str:
    """Write the report. Every text that comes from files is escaped, and nothing is loaded from anywhere."""
    sections = [
        _header(course),
        _banner(course),
        _links(links),
        section("Fraction by fraction", _fraction_table(course) + _table_note()),
        _residual_charts(course),
        _corrections(course),
        monitoring_section(course),
        anatomy_section(course),
        dose_section(course),
        _patient(course),
        *(_fraction_pictures(fraction) for fraction in course.fractions),
        _timelines(course),
        _journals(course),
        _provenance(course),
        closing(),
    ]
    return page(
        f"isoguide: {course.scenario.title}", sections, "course.css", "review/review.css", "assess/assess.css"
    )


def _header(course: Course) -> str:
    scenario = course.scenario
    told = (
        course.patient_name,
        f"{len(course.fractions)} fraction{'s' if len(course.fractions) != 1 else ''}",
        f"imaging: {', '.join(_models(course))}",
        f"seed {scenario.seed}",
    )
    return heading("virtual treatment", scenario.title, told)


def _models(course: Course) -> list[str]:
    return list(dict.fromkeys(fraction.imaging_model for fraction in course.fractions))


def _links(links: Links) -> str:
    rows = [f'<li><a href="{escape(path)}">{escape(what)}</a></li>' for what, path in links]
    return section("Beside this report", f"<ul>{''.join(rows)}</ul>" if rows else "")


def _banner(course: Course) -> str:
    about = f"<p>{escape(course.scenario.about.strip())}</p>" if course.scenario.about else ""
    if course.surprises:
        kind, sign, word = "refused", "✖", "NOT AS EXPECTED"
        body = bullets(course.surprises)
    else:
        kind, sign, word, body = "accept", "✔", "AS EXPECTED", f"<p>{escape(summary(course))}</p>"
    return banner(kind, sign, word, body) + (
        f'<section class="truth-note">{about}<p>{TRUTH_BADGE} marks what only a virtual patient can tell: '
        "where the tissue really was. Nothing marked so was known to the code that aligned and treated.</p>"
        "</section>"
    )


def summary(course: Course) -> str:
    """Say in one sentence how the course went."""
    count = len(course.fractions)
    treated = [fraction.treated.residual for fraction in course.fractions if fraction.treated is not None]
    ended = f"{course.closed} of {count} fractions treated in full"
    if not treated:
        return f"{ended}; the beam never came on."
    worst_mm = max(residual.largest_mm for residual in treated)
    worst_deg = max(residual.angle_deg for residual in treated)
    return (
        f"{ended}; while there was beam, no point of the target was further than {worst_mm:.2f} mm from "
        f"its planned place in the mean, and it was turned by {worst_deg:.2f}° at most."
    )


def _fraction_table(course: Course) -> str:
    header = (
        "Fraction",
        "Day's image",
        "Set-up error",
        "Measured correction",
        "Needed correction",
        "Left at the beam",
        "Ended",
    )
    rows = [_fraction_row(fraction, course.tolerances) for fraction in course.fractions]
    return table(header, rows, kind="plain fractions")


def _fraction_row(fraction: TreatedFraction, tolerances: tuple[float, float]) -> tuple[str, ...]:
    before, after = fraction.set_up, fraction.treated
    left = "no beam"
    if after is not None:
        shift = _toned(after.residual.largest_mm, tolerances[0], " mm")
        left = f"{shift}<br>{_toned(after.residual.angle_deg, tolerances[1], '°')}"
        if after.excursion_mm > after.residual.largest_mm + MOVES_MM:
            left += f"<br>up to {after.excursion_mm:.1f} mm"
    count = fraction.images_taken
    return (
        f"{fraction.number}",
        f"{escape(fraction.imaging_model)}<br>{count} image{'s' if count != 1 else ''}",
        f"{before.residual.largest_mm:.2f} mm<br>{before.residual.angle_deg:.2f}°",
        _six(fraction.measured),
        _six(before.needed),
        left,
        _ending(fraction),
    )


def _ending(fraction: TreatedFraction) -> str:
    outcome = fraction.outcome
    word = f'<strong class="{_tone_of(fraction)}">{escape(outcome.state.value)}</strong>'
    if outcome.state is State.CLOSED:
        return f"{word}<br>{outcome.delivered_mu:.1f}\u00a0MU"
    return f"{word}<br>{escape(outcome.reason)}"


def _tone_of(fraction: TreatedFraction) -> str:
    if fraction.surprises:
        return "large"
    return "calm" if fraction.outcome.state is State.CLOSED else "raised"


def _toned(value: float, tolerance: float, unit: str) -> str:
    tone = "calm" if value <= tolerance else "raised"
    return f'<span class="{tone}">{value:.2f}{unit}</span>'


def _six(correction: object | None) -> str:
    if correction is None:
        return "none"
    values = [getattr(correction, key) for key in AXES]
    shifts = " ".join(signed(value, 2) for value in values[:3])
    angles = " ".join(signed(value, 2) for value in values[3:])
    return f'<span class="six">{shifts}<br>{angles}</span>'


def _table_note() -> str:
    return (
        f'<p class="small">{TRUTH_BADGE} Set-up error, needed correction and what was left are truth; '
        "distances are those of the target point furthest off. Corrections are lateral, longitudinal, "
        "vertical (mm) and pitch, roll, yaw (°), IEC 61217, translate first. Measured: the first correction "
        "that an image called for. Needed: the one that would have brought the target exactly to its place "
        "from the set-up position, in the mean while the first image was taken; where a patient breathes or "
        "has changed, his bones call for another one. Left: in the mean over the time of radiation; "
        '"up to" is where a moving '
        "target went at some moment.</p>"
    )


def _residual_charts(course: Course) -> str:
    fractions = course.fractions
    labels = tuple(str(fraction.number) for fraction in fractions)
    before = tuple(fraction.set_up.residual.largest_mm for fraction in fractions)
    treated = [fraction.treated for fraction in fractions]
    after_mm = tuple(None if moment is None else moment.residual.largest_mm for moment in treated)
    after_deg = tuple(None if moment is None else moment.residual.angle_deg for moment in treated)
    tolerance_mm, tolerance_deg = course.tolerances
    charts = (
        BarChart("Before: set-up error at the target", "mm", before, labels, "before"),
        BarChart("After: left at the beam", "mm", after_mm, labels, "after", tolerance_mm),
        BarChart("After: rotation left", "°", after_deg, labels, "after", tolerance_deg),
    )
    row = f'<div class="row charts">{"".join(chart.svg() for chart in charts)}</div>'
    lead = (
        f"<p>{TRUTH_BADGE} Largest distance of a target point from its planned place in the room, by "
        "fraction. The tolerance is what 95 % of days without a change of shape have to keep.</p>"
    )
    return section("From set-up error to residual", lead + row)


def _patient(course: Course) -> str:
    if course.scene is None:
        return ""
    lead = (
        "<p>The planning CT through the isocentre with the structures of the plan. Anatomical orientation: "
        "axial from the feet, coronal from the front, sagittal from the left.</p>"
    )
    row = picture_row("", "Planning CT with structures", course.scene.patient_pictures())
    return section("The patient", lead + course.scene.legend() + row, kind="pictures")


def _fraction_pictures(fraction: TreatedFraction) -> str:
    pictures = fraction.pictures
    if pictures is None:
        return ""
    legend = (
        f'<p class="legend"><span class="swatch planning"></span>{escape(pictures.under)} '
        '<span class="swatch daily"></span>day\'s image <span class="swatch both"></span>both agree '
        '<span class="swatch outline target"></span>target as planned</p>'
    )
    rows = [
        picture_row(
            f"The day's image ({fraction.imaging_model}), as the patient lay", "Image", pictures.image
        ),
        picture_row("Fused before the correction", "Before", pictures.before),
    ]
    if pictures.after:
        rows.append(picture_row("Fused after the measured correction", "After", pictures.after))
    body = legend + "".join(rows)
    if fraction.number > 1:
        body = f"<details><summary>Show the pictures</summary>{body}</details>"
    return section(f"Fraction {fraction.number}: image and match", body, kind="pictures")


def _corrections(course: Course) -> str:
    fractions = course.fractions
    labels = tuple(str(fraction.number) for fraction in fractions)
    charts = []
    for key in AXES:
        name, _, unit = key.partition("_")
        measured = tuple(
            None if fraction.measured is None else float(getattr(fraction.measured, key))
            for fraction in fractions
        )
        needed = tuple(float(getattr(fraction.set_up.needed, key)) for fraction in fractions)
        largest = _largest(fractions, unit)
        chart = PairChart(name.capitalize(), "mm" if unit == "mm" else "°", measured, needed, labels)
        charts.append(chart.svg(largest))
    lead = (
        '<p class="legend"><span class="swatch measured"></span>measured from the image '
        f'<span class="swatch needed"></span>needed {TRUTH_BADGE}</p>'
    )
    return section("Couch corrections", lead + f'<div class="row six-charts">{"".join(charts)}</div>')


def _largest(fractions: Sequence[TreatedFraction], unit: str) -> float:
    keys = [key for key in AXES if key.endswith(unit)]
    values = [0.1]
    for fraction in fractions:
        for correction in (fraction.measured, fraction.set_up.needed):
            if correction is not None:
                values.extend(abs(float(getattr(correction, key))) for key in keys)
    return 1.15 * max(values)


def stretches(fraction: TreatedFraction) -> tuple[Stretch, ...]:
    """Return what each stretch of time was for: the time before an entry belongs to the event that ended it.

    The beam is the exception: it is on after the entry that turned it on. What is decided about a match may
    also be to stop.
    """
    found, since_s, beam_is_on = [], 0.0, False
    for seconds, entry in fraction.entries:
        kind = "beam" if beam_is_on else _kind(entry)
        if seconds > since_s:
            found.append(Stretch(since_s, seconds, _KIND_WORDS[kind], kind))
        since_s, beam_is_on = seconds, entry.state_after is State.BEAM_ON
    return tuple(found)


def _kind(entry: Entry) -> str:
    if entry.event is Event.STOP and entry.state_before is State.ALIGNED:
        return "decision"
    return _EVENT_KIND.get(entry.event, "marks")


def _timelines(course: Course) -> str:
    rows = tuple((f"Fraction {fraction.number}", stretches(fraction)) for fraction in course.fractions)
    kinds = dict.fromkeys(stretch.kind for _, row in rows for stretch in row)
    legend = " ".join(f'<span class="swatch state {kind}"></span>{_KIND_WORDS[kind]}' for kind in kinds)
    lead = (
        f'<p>What the time went to, on the clock of the virtual room.</p><p class="legend">{legend}</p>'
        f"{Timeline(rows).svg()}"
    )
    return section("Time in the room", lead + _trace(course.fractions[0], course.tolerances[0]))


def _trace(fraction: TreatedFraction, tolerance_mm: float) -> str:
    if not fraction.trace:
        return ""
    seconds, values = zip(*fraction.trace, strict=True)
    beam = tuple((part.start_s, part.stop_s) for part in stretches(fraction) if part.kind == "beam")
    title = f"Fraction {fraction.number}: mean distance of the target from its planned place (truth)"
    return Trace(title, "mm", seconds, values, tolerance_mm, beam).svg()


def _journals(course: Course) -> str:
    parts = []
    for fraction in course.fractions:
        rows = [
            (
                f"{seconds:.1f} s",
                escape(entry.event.value),
                escape(entry.state_after.value),
                escape(entry.detail),
            )
            for seconds, entry in fraction.entries
        ]
        is_open = " open" if len(course.fractions) == 1 or fraction.outcome.state is not State.CLOSED else ""
        body = table(("At", "Event", "State", "Detail"), rows, kind="plain journal")
        parts.append(f"<details{is_open}><summary>Fraction {fraction.number}</summary>{body}</details>")
    return section("Journal of each fraction", "".join(parts))


def _matched_words(scenario: Scenario) -> str:
    imaging = scenario.room.imaging
    words = _MATCHED[imaging.match]
    return f"{words}, {BY_SOUND}" if "ultrasound" in (imaging.model, imaging.first_fraction) else words


def _provenance(course: Course) -> str:
    scenario = course.scenario
    rows = [
        ("Patient", course.patient_name),
        ("Imaging model", ", ".join(_models(course))),
        ("Matched on", _matched_words(scenario)),
        ("Set-up error", _set_up_words(scenario)),
        ("Prescribed", f"{scenario.plan.dose_gy:g} Gy, {scenario.plan.meterset_mu:g} MU a fraction"),
        ("Faults", "; ".join(_fault_words(scenario)) or "none"),
        ("Seed", str(scenario.seed)),
        ("Computed in", f"{course.wall_s:.0f} s"),
    ]
    days = "".join(_day(fraction) for fraction in course.fractions)
    return section("What was simulated", facts(rows) + days)


def _set_up_words(scenario: Scenario) -> str:
    said, axes = scenario.set_up, "(left, back, head)"
    nothing = (0.0, 0.0, 0.0)

    def triple(values: Sequence[float]) -> str:
        return " / ".join(f"{value:g}" for value in values)

    drawn = (
        f"standard deviations: systematic {triple(said.systematic_mm)} mm, {triple(said.systematic_deg)}°; "
        f"random {triple(said.random_mm)} mm, {triple(said.random_deg)}° {axes}"
    )
    if said.fixed_mm is None and said.fixed_deg is None:
        return drawn
    fixed = f"{triple(said.fixed_mm or nothing)} mm, {triple(said.fixed_deg or nothing)}° {axes}"
    if not said.fixed_fractions:
        return f"fixed, {fixed}"
    numbers = ", ".join(str(number) for number in said.fixed_fractions)
    return f"fixed in fraction {numbers}, {fixed}; else {drawn}"


def _fault_words(scenario: Scenario) -> list[str]:
    return [
        f"{fault.name} in fraction {fault.fraction}"
        + (f" ({fault.device})" if fault.device is not None else "")
        for fault in scenario.faults
    ]


def _day(fraction: TreatedFraction) -> str:
    if not fraction.day:
        return ""
    drawn = ", ".join(f"{name} = {value:.2f}" for name, value in fraction.day.items())
    return (
        f'<p class="small">{TRUTH_BADGE} Fraction {fraction.number}, {fraction.started_at:%Y-%m-%d}: '
        f"{escape(drawn)}.</p>"
    )
