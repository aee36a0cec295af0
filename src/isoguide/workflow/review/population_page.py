"""The page about a population."""

from collections.abc import Sequence
from html import escape
from typing import Final

from isoguide.review.estimate import Estimate
from isoguide.review.groups import AxisStatistics, Grouping, GroupStatistics
from isoguide.review.margins import Margin
from isoguide.review.multiple_tests import FALSE_DISCOVERIES
from isoguide.review.outliers import BEYOND, FEWEST_PATIENTS
from isoguide.review.replay import SchemeResult
from isoguide.workflow.numbers import number, signed
from isoguide.workflow.page import bullets, closing, facts, page, section, table
from isoguide.workflow.review.axis_words import SIX, STANDPOINT, WORDS, AxisWords
from isoguide.workflow.review.drawing import Picture
from isoguide.workflow.review.html_parts import (
    CONDUCT_HEADER,
    STYLES,
    TRUTH_BADGE,
    conduct_cells,
    dose_html,
    estimate_html,
    not_available,
    rate_html,
)
from isoguide.workflow.review.patient_words import counted, p_words
from isoguide.workflow.review.population_words import (
    Population,
    group_name,
    has_coverage,
    has_enough,
    is_inside,
    lead_words,
    left_out_words,
    margin_title,
    true_values,
    truth_words,
    why_not,
)

MOST_ROWS: Final = 15
"""Rows of outliers and drifts on the page; all are in the tables."""
_ERRORS: Final = (
    "Dots are estimates, lines their 95 % intervals, in brackets the number of patients. Shifts have one "
    "scale, rotations another."
)
_PATIENTS: Final = (
    "One dot for each patient. Ringed: stands out by mean or spread on this axis; the first are named."
)


def population_html(population: Population, pictures: Sequence[Picture]) -> str:
    """Write the page. Every text that comes from records is escaped, and nothing is loaded from anywhere."""
    shown = {picture.name: picture for picture in pictures}
    sections = [
        _header(population),
        section("What stands out", f'<div class="lead">{bullets(lead_words(population))}</div>'),
        section("Set-up errors of all patients", _all_patients(population)),
        section(f"Set-up errors by {population.by.value}", _by_group(population, shown)),
        section("Margins", _margins(population, shown)),
        section("What other schemes would have left", _schemes(population, shown)),
        section("Patients", _patients(population, shown)),
        section("After correction", _after_correction(population)),
        section("Images and decisions", _conduct(population)),
        section("Imaging dose", _doses(population)),
        section("What was left out, and why", _left_out(population)),
        section("How to read this", _provenance(population)),
        closing(),
    ]
    return page("isoguide: review of a population", sections, *STYLES)


def _header(population: Population) -> str:
    review = population.review
    fractions = sum(len(history.fractions) for history in population.histories)
    told = (
        counted(review.courses, "course"),
        counted(fractions, "fraction"),
        f"{review.measurements} of them measured",
        _span(population),
    )
    simulated = f"<p>{TRUTH_BADGE} These patients are simulated.</p>" if population.truth else ""
    return (
        '<header><div class="brand">isoguide <span>review of a population</span></div>'
        f"<h1>Set-up of {counted(review.courses, 'course')}</h1>"
        f"<p>{' · '.join(escape(text) for text in told if text)}</p>{simulated}</header>"
    )


def _span(population: Population) -> str:
    days = [summary.at for history in population.histories for summary in history.fractions]
    return f"{min(days):%Y-%m-%d} to {max(days):%Y-%m-%d}" if days else ""


def _all_patients(population: Population) -> str:
    everybody = population.everybody
    if everybody is None or not everybody.axes:
        return f"<p>{not_available(why_not(everybody) if everybody else 'no course')}.</p>"
    header = ["Axis", "Mean M", "Systematic Σ", "Random σ", "σ without the error of the match"]
    rows = [
        _axis_row(words, axis, everybody, population) for words, axis in zip(SIX, everybody.axes, strict=True)
    ]
    note = (
        '<p class="small">From the skin marks, before any correction, with 95 % confidence intervals. M: '
        "mean of the patients' means. Σ: how far patients' means scatter, the part that σ lends them taken "
        "out. σ: how far a patient's days scatter about his mean.</p>"
    )
    truth = bullets(truth_words(everybody.axes, population.truth)) if population.truth else ""
    return table(header, rows, kind="numbers") + note + truth


def _axis_row(
    words: AxisWords, axis: AxisStatistics, group: GroupStatistics, population: Population
) -> tuple[str, ...]:
    systematic = axis.systematic if has_enough(group) else None
    taken = "<br><span class='range'>taken for zero: the means differ less than chance</span>"
    zero = taken if systematic is not None and axis.is_systematic_taken_for_zero else ""
    without = axis.random_without_measurement
    return (
        f"{words.title} ({words.unit})",
        estimate_html(axis.mean, 2, with_sign=True)
        + _truth(population, words, "mean", axis.mean)
        + f"<br>{escape(words.where(axis.mean.value))}",
        estimate_html(systematic, 2, why=why_not(group))
        + _truth(population, words, "systematic", systematic)
        + zero,
        estimate_html(axis.random, 2) + _truth(population, words, "random", axis.random),
        not_available("a match has no uncertainty") if without is None else number(without, 2),
    )


def _truth(population: Population, words: AxisWords, name: str, estimate: Estimate | None) -> str:
    """Return what is true of a simulated population, and whether the interval holds it."""
    if population.truth is None or estimate is None:
        return ""
    value = float(true_values(population.truth)[name][SIX.index(words)])
    write = signed if name == "mean" else number
    held = "inside" if is_inside(estimate, value) else "outside"
    return f'<br>{TRUTH_BADGE} <span class="truth-value">{write(value, 2)}, {held}</span>'


def _by_group(population: Population, shown: dict[str, Picture]) -> str:
    truth = f" Purple stroke: {TRUTH_BADGE}" if population.truth else ""
    picture = shown["errors"].html(_ERRORS + truth) if "errors" in shown else ""
    return picture + _groups(population, population.shown)


def _groups(population: Population, groups: Sequence[GroupStatistics]) -> str:
    header = (
        population.by.value.capitalize(),
        "Patients",
        "Measured",
        "",
        *(words.label for words in SIX),
        "",
    )
    return table(header, [row for group in groups for row in _group_rows(group)], kind="numbers groups")


def _group_rows(group: GroupStatistics) -> list[tuple[str, ...]]:
    head = (escape(group_name(group)), str(group.patients), str(group.measurements))
    none, why = ["–"] * len(SIX), not_available(why_not(group))
    if not group.axes:
        return [(*head, "M, Σ, σ", *none, why)]
    is_enough = has_enough(group)
    systematic = [number(axis.systematic.value, 1) for axis in group.axes] if is_enough else none
    return [
        (*head, "M", *(signed(axis.mean.value, 1) for axis in group.axes), ""),
        ("", "", "", "Σ", *systematic, "" if is_enough else why),
        ("", "", "", "σ", *(number(axis.random.value, 1) for axis in group.axes), ""),
    ]


def _margins(population: Population, shown: dict[str, Picture]) -> str:
    everybody = population.everybody
    if everybody is None or not has_enough(everybody):
        return f"<p>{not_available(why_not(everybody) if everybody else 'no course')}.</p>"
    lead = (
        "<p>What these errors alone ask for if patients are treated at their marks: delineation, motion and "
        "the machine are not in it, and a margin is a decision, not the result of a formula.</p>"
    )
    coverage = {
        margin.name: rate_html(covered.covered)
        for margin, covered in population.review.coverages
        if has_coverage(margin)
    }
    header = (
        "Recipe",
        "Lateral",
        "Longitudinal",
        "Vertical",
        "Covered",
        "Assumes",
        "Source, and how checked",
    )
    rows = [_margin_row(margin, coverage) for margin in everybody.margins]
    note = (
        '<p class="small">Millimetres. Covered: share of these patients whose whole target reaches 95 % of '
        "the dose when the dose is shifted by their own errors, penumbra in water; not for lung.</p>"
    )
    return lead + shown["margins"].html() + table(header, rows, kind="told") + note


def _margin_row(margin: Margin, coverage: dict[str, str]) -> tuple[str, ...]:
    return (
        f"{escape(margin.name)}<br><span class='range'>{escape(margin.formula)}</span>",
        *(estimate_html(estimate, 1) for estimate in margin.mm),
        coverage.get(margin.name, "–"),
        escape(margin.assumes),
        f"{escape(margin.source)}<br><span class='range'>{escape(margin.checked)}</span>",
    )


def _schemes(population: Population, shown: dict[str, Picture]) -> str:
    everybody = population.everybody
    if everybody is None or not has_enough(everybody):
        return f"<p>{not_available(why_not(everybody) if everybody else 'no course')}.</p>"
    lead = (
        "<p>The measured days of these patients, set up again under other schemes: shifts only, and what the "
        "match and the couch add is not in it. A day that is imaged for its own sake counts as corrected.</p>"
    )
    schemes = population.review.schemes
    margin = margin_title(schemes)
    header = ("Scheme", "Images a patient", "Σ left", "σ left", margin, "95 % of days within")
    rows = [_scheme_row(scheme) for scheme in schemes]
    note = '<p class="small">Lateral / longitudinal / vertical, mm.</p>'
    return lead + shown["schemes"].html() + table(header, rows, kind="numbers") + note


def _scheme_row(scheme: SchemeResult) -> tuple[str, ...]:
    def three(values: Sequence[float]) -> str:
        return " / ".join(number(value, 1) for value in values) if values else not_available()

    lengths = scheme.lengths
    return (
        escape(scheme.scheme.name),
        f"{scheme.images_per_patient:.1f}",
        three([axis.systematic.value for axis in scheme.axes]),
        three([axis.random.value for axis in scheme.axes]),
        three([estimate.value for estimate in scheme.margins[0].mm] if scheme.margins else []),
        not_available() if lengths is None else f"{lengths.p95_mm:.1f} mm",
    )


def _patients(population: Population, shown: dict[str, Picture]) -> str:
    picture = shown["patients"].html(_PATIENTS) if "patients" in shown else ""
    return picture + _outliers(population) + _drifts(population)


def _outliers(population: Population) -> str:
    outliers, everybody = population.review.outliers, population.everybody
    if everybody is None or everybody.patients < FEWEST_PATIENTS:
        return f"<h3>Who stands out</h3><p>{not_available(f'takes {FEWEST_PATIENTS} patients')}.</p>"
    if not outliers:
        return "<h3>Who stands out</h3><p>Nobody.</p>"
    rows = [
        (
            escape(o.course_id),
            escape(o.patient),
            WORDS[o.axis].title,
            "mean" if o.by == "mean" else "spread from day to day",
            escape(WORDS[o.axis].where(o.value) if o.by == "mean" else WORDS[o.axis].with_unit(o.value)),
            signed(o.score, 1),
        )
        for o in outliers[:MOST_ROWS]
    ]
    header = ("Course", "Patient", "Axis", "By", "Value", "Score")
    note = (
        f'<p class="small">Modified z score beyond {BEYOND:g} (median and MAD; Iglewicz and Hoaglin, 1993): '
        f"of a normal distribution one value in two thousand.{_more(len(outliers), 'outliers.csv')}</p>"
    )
    return f"<h3>Who stands out</h3>{table(header, rows, kind='numbers')}{note}"


def _drifts(population: Population) -> str:
    drifts, tested = population.review.drifts, population.review.drifts_tested
    if not tested:
        return f"<h3>Who drifts</h3><p>{not_available('takes four measurements of a patient')}.</p>"
    rows = [
        (
            escape(d.course_id),
            escape(d.patient),
            WORDS[d.axis].title,
            escape(
                f"{WORDS[d.axis].with_unit(abs(d.per_fraction), 2)} a fraction, further "
                f"{WORDS[d.axis].plus if d.per_fraction > 0.0 else WORDS[d.axis].minus}"
            ),
            f"p {escape(p_words(d.adjusted))}",
        )
        for d in drifts[:MOST_ROWS]
    ]
    header = ("Course", "Patient", "Axis", "Drift", "Adjusted")
    found = table(header, rows, kind="numbers") if rows else "<p>Nobody.</p>"
    note = (
        f'<p class="small">Mann-Kendall on {tested} axes of patients; of those listed, a share of '
        f"{100 * FALSE_DISCOVERIES:.0f} % is false on average.{_more(len(drifts), 'drifts.csv')}</p>"
    )
    return f"<h3>Who drifts</h3>{found}{note}"


def _more(count: int, file: str) -> str:
    return f" {MOST_ROWS} of {count} are listed here, all in {file}." if count > MOST_ROWS else ""


def _after_correction(population: Population) -> str:
    groups = population.corrected
    if not groups:
        return f"<p>{not_available('no image was taken after a correction')}.</p>"
    note = '<p class="small">What images taken after the couch had been moved still called for.</p>'
    return _groups(population, groups) + note


def _conduct(population: Population) -> str:
    title = "" if population.by is Grouping.ALL else population.by.value.capitalize()
    rows = [(escape(group_name(group)), *conduct_cells(group.conduct)) for group in population.shown]
    note = (
        '<p class="small">Rates per fraction with 95 % intervals (Clopper and Pearson). Imaged again: more '
        "exposures than the first one and the one that verifies a correction.</p>"
    )
    return table((title, *CONDUCT_HEADER), rows, kind="numbers") + note


def _doses(population: Population) -> str:
    doses = [(group_name(group), dose) for group in population.shown for dose in group.doses]
    return dose_html(doses, heading=population.by.value.capitalize())


def _left_out(population: Population) -> str:
    found = left_out_words(population)
    recipe = (
        "The recipe of McKenzie for breathing: its formula could not be verified; breathing enters a margin "
        "as a random error.",
    )
    return bullets([*found, *recipe])


def _provenance(population: Population) -> str:
    first = population.histories[:1]
    rows = [
        ("Signs", STANDPOINT),
        ("A patient", "is a course: who is treated again is set up anew."),
        (
            "Few patients",
            "Where a number would say nothing there is none, and the reason stands in its place.",
        ),
    ]
    return facts(rows if first else rows[:1])
