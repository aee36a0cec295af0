"""The report of histograms: one file, readable without a network, printable on A4."""

from html import escape

from isoguide.workflow.dvh.analyse import DvhAnalysis
from isoguide.workflow.dvh.chart import dvh_svg
from isoguide.workflow.dvh.tables import dose_table, goal_table
from isoguide.workflow.page import banner, bullets, closing, facts, heading, page, section, table, warnings
from isoguide.workflow.report_tables import date_text, name_text

STYLE = "dose/dose.css"


def dvh_html(analysis: DvhAnalysis) -> str:
    """Write the report.

    Every text that comes from files or from the user is escaped, and a content security policy forbids
    loading anything.
    """
    words = _words(analysis)
    goals = goal_table(analysis.goals, analysis.compared_goals, words=words)
    sections = [
        _header(analysis),
        _banner(analysis),
        warnings(analysis.warnings),
        section("Goals", goals),
        section("Dose-volume histograms", _chart(analysis, words)),
        section("Doses, Gy", dose_table(analysis.histograms, analysis.compared, words=words)),
        section("Gamma index", _gamma(analysis)),
        section("Not counted", _left_out(analysis)),
        section("What is assumed", bullets(analysis.approximations)),
        section("Identification", _identification(analysis)),
        closing(),
    ]
    return page(f"isoguide: dose, {_who(analysis)}", sections, STYLE)


def _words(analysis: DvhAnalysis) -> tuple[str, str]:
    """Name the two doses by their files."""
    compared = analysis.inputs.compared
    return analysis.inputs.dose.path.name, compared.path.name if compared is not None else ""


def _who(analysis: DvhAnalysis) -> str:
    patient = analysis.inputs.dose.patient
    return f"{name_text(patient)}, ID {patient.patient_id or 'none'}"


def _header(analysis: DvhAnalysis) -> str:
    patient, plan = analysis.inputs.dose.patient, analysis.inputs.plan
    prescription = analysis.prescription_gy
    told = (
        f"born {date_text(patient.birth_date)}" if patient.birth_date else "",
        f"plan {plan.label}" if plan is not None else "",
        f"prescribed {prescription:g} Gy" if prescription is not None else "no prescription",
        f"dose of one of {analysis.fractions} fractions" if analysis.fractions > 1 else "",
    )
    return heading("dose and volume", _who(analysis), told)


def _banner(analysis: DvhAnalysis) -> str:
    results = (*analysis.goals, *analysis.compared_goals)
    if not results:
        return ""
    missed = sum(one.is_met is False for one in results)
    unknown = sum(one.is_met is None for one in results)
    if analysis.is_clear:
        kind, sign, word, said = "accept", "✔", "GOALS MET", "Every goal is met. A person still decides."
    else:
        kind, sign, word = "review", "▲", "LOOK"
        said = f"{missed} of {len(results)} goals missed, {unknown} without a value."
    return banner(kind, sign, word, f"<p>{said}</p>")


def _chart(analysis: DvhAnalysis, words: tuple[str, str]) -> str:
    prescription_gy = analysis.prescription_gy
    if prescription_gy is not None:
        prescription_gy /= analysis.fractions
    return dvh_svg(
        analysis.histograms,
        analysis.compared,
        _colours(analysis),
        words=words,
        prescription_gy=prescription_gy,
    )


def _colours(analysis: DvhAnalysis) -> dict[str, str]:
    """Colours of the structure set where each is of one structure only and none is too pale for paper."""
    shown = {one.name for one in analysis.histograms}
    of_name = {one.name: one.colour for one in analysis.inputs.structure_set.structures if one.name in shown}
    colours = [colour for colour in of_name.values() if colour is not None and sum(colour) <= PALE]
    if len(set(colours)) < len(of_name):
        return {}
    return {name: f"rgb({','.join(map(str, colour or ()))})" for name, colour in of_name.items()}


PALE = 510
"""Sum of red, green and blue from which a line is lost on white."""


def _gamma(analysis: DvhAnalysis) -> str:
    found = analysis.gamma
    if found is None:
        return ""
    outside = f", {found.outside_points} of them where the second dose ends" if found.outside_points else ""
    return (
        f"<p><b>{found.pass_percent:.1f} %</b> of {found.points} voxels pass {found.percent:g} % of the"
        f" largest dose and {found.distance_mm:g} mm{outside}; mean gamma {found.mean:.2f}. Voxels below"
        f" {found.threshold_percent:g} % of the largest dose are not compared. By pymedphys.</p>"
    )


def _left_out(analysis: DvhAnalysis) -> str:
    if not analysis.left_out:
        return ""
    rows = [(escape(one.name), escape(one.reason)) for one in analysis.left_out]
    return table(("Structure", "why"), rows, kind="plain")


def _identification(analysis: DvhAnalysis) -> str:
    inputs = analysis.inputs
    rows = [("Dose", f"{inputs.dose.path.name} ({inputs.dose.sop_instance_uid})")]
    rows.append(("It is the dose of", inputs.dose.summation_type or "not stated"))
    if inputs.compared is not None:
        rows.append(("Compared with", f"{inputs.compared.path.name} ({inputs.compared.sop_instance_uid})"))
    structures = inputs.structure_set
    rows.append(("Structures", f"{structures.label} ({structures.sop_instance_uid})"))
    rows.append(("Frame of reference", inputs.dose.frame_of_reference_uid))
    rows.append(("Worked out", f"{analysis.created_at:%Y-%m-%d %H:%M} UTC"))
    return facts(rows)
