"""The page about one course."""

from collections.abc import Sequence
from html import escape
from typing import Final

import numpy as np

from isoguide.course import FractionSummary
from isoguide.geometry.correction import ANGLE_ORDER, CouchCorrection
from isoguide.review.anatomy_trends import alert_words
from isoguide.review.control_charts import CUSUM_LIMIT, CUSUM_SLACK, EWMA_WEIGHT, EWMA_WIDTH
from isoguide.review.dose_trends import dose_alert_words
from isoguide.review.error_table import six
from isoguide.review.multiple_tests import FALSE_DISCOVERIES
from isoguide.review.patient import PatientAxis, PatientReview, PatientScheme
from isoguide.workflow.numbers import number, signed
from isoguide.workflow.page import bullets, closing, facts, heading, page, section, table
from isoguide.workflow.review.anatomy_figures import ANATOMY_PICTURE
from isoguide.workflow.review.anatomy_page import HEADING, anatomy_html
from isoguide.workflow.review.axis_words import SIX, STANDPOINT, AxisWords
from isoguide.workflow.review.dose_figures import DOSE_PICTURE
from isoguide.workflow.review.dose_page import DOSE_HEADING, course_dose_html
from isoguide.workflow.review.drawing import Picture
from isoguide.workflow.review.html_parts import (
    CONDUCT_HEADER,
    STYLES,
    conduct_cells,
    dose_html,
    estimate_html,
    not_available,
    placed_html,
)
from isoguide.workflow.review.patient_words import (
    correction_words,
    counted,
    course_span,
    gap_words,
    has_charts,
    has_schemes,
    missing_words,
    p_words,
    quiet_words,
    signal_words,
)

_GLANCE: Final = (
    "Blue dot: where the patient lay by the image, counted from the skin marks, with the 95 % interval of "
    "the measurement where it is known. Open circle: where he lay for treatment, by image and couch. The "
    "grey line between them is what the couch moved. Cross: what an image taken after that still showed. "
    "Plan = 0. Dashed: the mean of the course."
)
_CHARTS: Final = (
    "Blue: each day, between dashed limits of three standard deviations (from the moving range). Orange: the "
    f"running average (EWMA, weight {EWMA_WEIGHT:g}, limits {EWMA_WIDTH:g}) in its band. A ring marks a "
    "signal."
)
_CUSUMS: Final = (
    f"What exceeds {CUSUM_SLACK:g} standard deviations adds up, △ upwards and ▽ downwards; beyond the dashed "
    f"limits of {CUSUM_LIMIT:g} standard deviations it signals (ring)."
)


def patient_html(review: PatientReview, pictures: Sequence[Picture]) -> str:
    """Write the page. Every text that comes from records is escaped, and nothing is loaded from anywhere."""
    shown = {picture.name: picture for picture in pictures}
    sections = [
        _header(review),
        section("What stands out", _lead(review)),
        section("The course at a glance", _shown(shown, "course", _GLANCE), kind="pictures"),
        section("Position by axis", _axes(review)),
        section("Control charts", _charts(review, shown)),
        section(HEADING, _anatomy(review, shown)),
        section(DOSE_HEADING, _delivered(review, shown)),
        section("Correcting the systematic part", bullets(correction_words(review))),
        section("What other schemes would have left", _schemes(review, shown)),
        section("Done otherwise than the protocol says", _overrides(review.course.fractions)),
        section("Images and imaging dose", _images(review)),
        section("Every fraction", _fractions(review)),
        section("How to read this", _provenance(review)),
        closing(),
    ]
    return page(f"isoguide: course {review.course.course_id}", sections, *STYLES)


def _header(review: PatientReview) -> str:
    course = review.course
    planned = f" of {course.fractions_planned} planned" if course.fractions_planned is not None else ""
    told = (
        course.patient,
        course.site,
        course.machine,
        course.protocol,
        course.device,
        f"{counted(len(course.fractions), 'fraction')}{planned}, {len(review.numbers)} measured",
        course_span(course),
    )
    return heading("review of a course", f"Course {course.course_id}", told)


def _lead(review: PatientReview) -> str:
    signals = (*_replanning(review), *signal_words(review))
    if not review.numbers:
        return bullets([*signals, *missing_words(review), *gap_words(review.course)])
    lines = [*(signals or quiet_words(review)), *missing_words(review), *gap_words(review.course)]
    return f'<div class="lead">{bullets(lines)}</div>'


def _replanning(review: PatientReview) -> tuple[str, ...]:
    """Return why re-planning should be considered, and why the dose needs a look."""
    anatomy = () if review.anatomy is None else review.anatomy.standing
    dose = () if review.dose is None else review.dose.standing
    return (*(alert_words(alert) for alert in anatomy), *(dose_alert_words(alert) for alert in dose))


def _shown(shown: dict[str, Picture], name: str, caption: str) -> str:
    return (
        shown[name].html(escape(caption)) if name in shown else f"<p>{not_available('no measurement')}.</p>"
    )


def _axes(review: PatientReview) -> str:
    header = (
        "Axis",
        "Mean (95 %)",
        "Standard deviation",
        "Change a fraction",
        "Drift",
        "Lies elsewhere",
        "Cpk",
    )
    rows = [_axis_row(words, axis, review) for words, axis in zip(SIX, review.axes, strict=True)]
    allowed = f"{review.settings.allowed_mm:g} mm and {review.settings.allowed_deg:g}°"
    note = (
        '<p class="small">Set-up error from the skin marks, before any correction, with 95 % confidence '
        "intervals. Drift: Mann-Kendall; lies elsewhere: change point; both p values are adjusted for six "
        f"axes. Cpk: capability within ± {allowed} (a setting of the department); 1 and more fits well.</p>"
    )
    return table(header, rows, kind="numbers") + note


def _axis_row(words: AxisWords, axis: PatientAxis, review: PatientReview) -> tuple[str, ...]:
    return (
        f"{words.title} ({words.unit})",
        placed_html(words, axis.mean),
        estimate_html(axis.deviation, 1),
        estimate_html(None if axis.trend is None else axis.trend.slope, 2, with_sign=True),
        not_available() if axis.drifts is None else f"p {escape(p_words(axis.drifts.adjusted))}",
        _change(axis, review),
        estimate_html(None if axis.capability is None else axis.capability.actual, 1),
    )


def _change(axis: PatientAxis, review: PatientReview) -> str:
    if axis.change is None or axis.changes is None:
        return not_available()
    p_value = f"p {escape(p_words(axis.changes.adjusted))}"
    if axis.changes.adjusted > FALSE_DISCOVERIES:
        return p_value
    return f"{p_value}<br><span class='range'>at fraction {review.numbers[axis.change.position]}</span>"


def _charts(review: PatientReview, shown: dict[str, Picture]) -> str:
    if not has_charts(review):
        return f"<p>{not_available('too few measurements, see above')}.</p>"
    return _shown(shown, "control-charts", _CHARTS) + _shown(shown, "cumulative-sums", _CUSUMS)


def _delivered(review: PatientReview, shown: dict[str, Picture]) -> str:
    return "" if review.dose is None else course_dose_html(review.dose, shown.get(DOSE_PICTURE))


def _anatomy(review: PatientReview, shown: dict[str, Picture]) -> str:
    return "" if review.anatomy is None else anatomy_html(review.anatomy, shown.get(ANATOMY_PICTURE))


def _schemes(review: PatientReview, shown: dict[str, Picture]) -> str:
    if not has_schemes(review):
        return f"<p>{not_available('too few measurements, see above')}.</p>"
    lead = (
        "<p>The measured days of this patient, set up again under other schemes: shifts only, and what the "
        "match and the couch add is not in it. A day that is imaged for its own sake counts as corrected.</p>"
    )
    header = ("Scheme", "Images", "Mean left, lateral / longitudinal / vertical", "Largest day")
    rows = [_scheme_row(scheme) for scheme in review.schemes]
    return lead + _shown(shown, "schemes", "") + table(header, rows, kind="numbers")


def _scheme_row(scheme: PatientScheme) -> tuple[str, ...]:
    mean = " / ".join(signed(float(value), 1) for value in scheme.mean_mm)
    largest_mm = float(np.linalg.norm(scheme.residual_mm, axis=1).max())
    return escape(scheme.scheme.name), str(scheme.images), f"{mean} mm", f"{number(largest_mm, 1)} mm"


def _overrides(summaries: Sequence[FractionSummary]) -> str:
    rows = [
        (str(summary.number), escape(summary.action) or "–", escape(summary.rule) or "–", escape(reason))
        for summary in summaries
        for reason in summary.overrides
    ]
    if not rows:
        return "<p>Never.</p>"
    return table(("Fraction", "The protocol said", "By the rule", "Reason"), rows, kind="told")


def _images(review: PatientReview) -> str:
    return table(CONDUCT_HEADER, [conduct_cells(review.conduct)], kind="numbers") + dose_html(
        [("", dose) for dose in review.doses]
    )


def _fractions(review: PatientReview) -> str:
    header = ("", "Day", "Image called for", "Couch made", "Left after it", "Images", "Decision", "Rule")
    rows = [_fraction_row(summary) for summary in review.course.fractions]
    if not rows:
        return "<p>None yet.</p>"
    note = (
        '<p class="small">Lateral, longitudinal, vertical (mm) above pitch, roll, yaw (°): couch '
        f"corrections, IEC 61217, {escape(ANGLE_ORDER)}. The set-up error is minus what the image "
        "called for.</p>"
    )
    return table(header, rows, kind="plain fractions-of-course") + note


def _fraction_row(summary: FractionSummary) -> tuple[str, ...]:
    state = "" if summary.state == "closed" else f"<br><strong>{escape(summary.state)}</strong>"
    return (
        str(summary.number),
        f"{summary.at:%Y-%m-%d}{state}",
        _six(summary.measured),
        _six(summary.applied),
        _six(summary.residual),
        str(summary.images),
        escape(summary.action) or "–",
        escape(summary.rule) or "–",
    )


def _six(correction: CouchCorrection | None) -> str:
    if correction is None:
        return "–"
    values = [signed(value, 1) for value in six(correction)]
    return f'<span class="six">{" ".join(values[:3])}<br>{" ".join(values[3:])}</span>'


def _provenance(review: PatientReview) -> str:
    course = review.course
    rows = [
        ("Signs", STANDPOINT),
        ("Course", f"{course.course_id}, patient {course.patient}"),
        ("Protocol", course.protocol),
        ("Treated at", f"{course.machine}, held by {course.device or 'nothing recorded'}"),
        ("Counts as known", f"95 % interval of the mean within ± {review.settings.known_mm:g} mm"),
    ]
    return facts(rows)
