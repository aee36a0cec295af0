"""The report about corrected beams: one file, readable without a network, printable on A4."""

from collections.abc import Sequence
from html import escape

from isoguide.adaptation.result import RungDose, RungResult
from isoguide.dose.dvh import beyond_grid
from isoguide.dose.goals import GoalResult
from isoguide.dose.result import DoseVolume
from isoguide.registration.deformable.result import FieldVerdict
from isoguide.workflow.adapt.adapt import Adaptation
from isoguide.workflow.adapt.files import folder_of, why_no_files
from isoguide.workflow.dose.day import DosePrescription
from isoguide.workflow.dose.figures import DoseFigures, beside_gy
from isoguide.workflow.dose.report import KEYS, middle_mm, reference_of
from isoguide.workflow.dose.scene import DoseScene, dose_planes, order_kinds, outlined_structures
from isoguide.workflow.dose.sections import (
    STYLE,
    assumed_section,
    difference_section,
    doses_table,
    goals_table,
    histogram_section,
    isodose_section,
)
from isoguide.workflow.page import banner, bullets, closing, heading, page, section, table, warnings
from isoguide.workflow.report_tables import date_text, name_text

_DASH = "–"
_BANNER = {
    FieldVerdict.FOR_DECISION: (
        "accept",
        "✔",
        "FOR DECISION",
        "Every corrected plan is UNAPPROVED and goes nowhere by itself. A person chooses, and approves it in "
        "the planning system.",
    ),
    FieldVerdict.NOT_FOR_DECISION: (
        "review",
        "▲",
        "NOT FOR DECISION",
        "Look at the reasons; correct no beam by these figures. No plan was written.",
    ),
    FieldVerdict.NOT_AVAILABLE: (
        "refused",
        "✖",
        "NOT AVAILABLE",
        "There is no dose of this day, so nothing to correct. Look at it by hand.",
    ),
}


def adaptation_html(answer: Adaptation) -> str:
    """Write the report of a ladder.

    Every text that comes from files or from the user is escaped, and a content security policy forbids
    loading anything.
    """
    sections = [_header(answer), _banner(answer), warnings(answer.assessment.warnings)]
    if answer.problem is not None:
        sections += [
            section("The ladder", _ladder_table(answer)),
            *(_rung_section(answer, one) for one in answer.ladder),
            section(
                "What is assumed",
                assumed_section(answer.dose.planned.placed.dose.algorithm, answer.approximations),
            ),
        ]
    sections.append(closing())
    return page(f"isoguide: corrected beams, {_who(answer)}", sections, KEYS, STYLE)


def _who(answer: Adaptation) -> str:
    planning = answer.assessment.alignment.planning
    if planning.series is None:
        return f"no patient identity ({planning.path.name})"
    return f"{name_text(planning.series.patient)}, ID {planning.series.patient.patient_id or 'none'}"


def _header(answer: Adaptation) -> str:
    alignment = answer.assessment.alignment
    series, plan, acquired = alignment.planning.series, alignment.planning.plan, alignment.daily.acquired_at
    couch = answer.request.couch
    said = (
        f"born {date_text(series.patient.birth_date)}" if series and series.patient.birth_date else "",
        f"plan {plan.label}" if plan is not None else "no plan",
        f"imaged {acquired:%Y-%m-%d %H:%M}" if acquired is not None else "imaged at an unknown time",
        "the couch stays" if couch is None else f"the couch corrects {couch} degrees of freedom first",
    )
    return heading("corrected beams", _who(answer), said)


def _banner(answer: Adaptation) -> str:
    kind, sign, word, advice = _BANNER[answer.verdict]
    why = why_no_files(answer)
    told = (*answer.reasons, *([f"no plan was written: {why}"] if why else []))
    return banner(kind, sign, word, f"<p>{advice}</p>{bullets(told)}")


def _ladder_table(answer: Adaptation) -> str:
    """Give each rung one line: the target beside the plan, goals, monitor units."""
    target = answer.dose.planned.order.target_name or ""
    header = ("Rung", "", f"{target} D95%", "D2%", "mean", "goals met", "monitor units")
    planned = answer.dose.planned
    rows = [
        ["as planned", "", *_target_cells(answer, None), _goals(planned.placed.goals), _units(answer, None)]
    ]
    for one in answer.ladder:
        word = (
            '<span class="calm">✔ available</span>'
            if one.is_available
            else '<span class="large">✖ not available</span>'
        )
        cells = (
            [_DASH] * 4
            if one.effect is None
            else [*_target_cells(answer, one.effect), _goals(one.effect.goals)]
        )
        rows.append([escape(one.rung.value), word, *cells, _units(answer, one)])
    note = (
        '<p class="small">Gy of the whole course if every fraction were like today, in brackets the change '
        "against the plan.</p>"
    )
    return table([escape(one) for one in header], rows, kind="plain figures") + note


def _target_cells(answer: Adaptation, effect: RungDose | None) -> list[str]:
    order = answer.dose.planned.order
    planned = answer.dose.planned.placed.histograms.get(order.target_name or "")
    if planned is None:
        return [_DASH] * 3
    before = DoseFigures.of(planned, order.prescription.fractions)
    if effect is None:
        return [f"{value:.2f}" for value in (before.d95_gy, before.d2_gy, before.mean_gy)]
    histogram = effect.histograms.get(order.target_name or "")
    if histogram is None or not histogram.is_covered:
        return [_DASH] * 3
    now = DoseFigures.of(histogram, order.prescription.fractions)
    pairs = ((now.d95_gy, before.d95_gy), (now.d2_gy, before.d2_gy), (now.mean_gy, before.mean_gy))
    return [beside_gy(new, old) for new, old in pairs]


def _goals(goals: Sequence[GoalResult]) -> str:
    return f"{sum(1 for one in goals if one.is_met)} of {len(goals)}" if goals else _DASH


def _units(answer: Adaptation, one: RungResult | None) -> str:
    plan = answer.dose.planned.order.plan if one is None or one.plan is None else one.plan
    if one is not None and one.effect is None:
        return _DASH
    return f"{plan.treatment_mu:.0f}"


def _rung_section(answer: Adaptation, one: RungResult) -> str:
    order = answer.dose.planned.order
    planned = answer.dose.planned.placed
    body = bullets((*(f"not available: {reason}" for reason in one.reasons), *one.changes))
    folder = folder_of(one, answer)
    if folder is not None:
        body += f'<p class="small">Files: {escape(folder)}/</p>'
    if one.effect is None:
        return section(one.rung.value.capitalize(), body)
    names = [structure.name for structure in order.structures]
    words = ("planned", one.rung.value)
    body += bullets([told for each in one.effect.histograms.values() if (told := beyond_grid(each))])
    body += histogram_section(order, planned.histograms, one.effect.histograms, words=words)
    body += _goals_beside(planned.goals, one.effect.goals)
    body += doses_table(names, planned.histograms, one.effect.histograms, order.prescription, words=words)
    body += _isodoses(answer, one.effect, order.prescription)
    return section(one.rung.value.capitalize(), body, kind="pictures")


def _goals_beside(planned: Sequence[GoalResult], effect: Sequence[GoalResult]) -> str:
    return goals_table(planned, effect).replace("as treated today", "with this rung")


def _isodoses(answer: Adaptation, effect: RungDose, prescription: DosePrescription) -> str:
    """Draw the dose over the density of the day, the anatomy where the rigid match puts it."""
    problem, planned, target = answer.problem, answer.dose.planned, answer.assessment.alignment.target
    if problem is None or target is None:
        return ""
    scene = DoseScene(
        problem.density,
        effect.dose,
        dose_planes(planned.order.volume, middle_mm(target)),
        outlined_structures(problem.structures, order_kinds(planned.order), problem.density),
        problem.planning_from_daily,
    )
    reference = reference_of(prescription, planned.placed)
    lead = "On the density of the day, structures as they are today."
    before: DoseVolume = planned.placed.dose
    return isodose_section(scene, reference, lead=lead) + difference_section(
        scene, before, reference, lead="This dose less that of the plan, patient beside patient."
    )
