"""The report about the dose of a plan: one file, readable without a network, printable on A4."""

from html import escape

import isoguide
from isoguide.geometry.frames import Array
from isoguide.images.structure import Structure
from isoguide.plan import Beam
from isoguide.workflow.dose.compute import PlanDose
from isoguide.workflow.dose.day import DosePrescription, PlacedDose
from isoguide.workflow.dose.pictures import DoseReference
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
from isoguide.workflow.dose.stated import stated_section
from isoguide.workflow.numbers import signed
from isoguide.workflow.page import banner, closing, facts, heading, page, section, table, warnings
from isoguide.workflow.report_tables import date_text, name_text

KEYS = "assess/assess.css"


def plan_dose_html(answer: PlanDose) -> str:
    """Write the report of the dose of a plan.

    Every text that comes from files or from the user is escaped, and a content security policy forbids
    loading anything.
    """
    planned, order = answer.planned, answer.given.order
    scene = DoseScene(
        order.volume,
        planned.placed.dose,
        dose_planes(order.volume, middle_mm(answer.given.target)),
        outlined_structures(order.structures, order_kinds(order), order.volume),
    )
    reference = reference_of(order.prescription, planned.placed)
    names = [one.name for one in order.structures]
    histograms = planned.placed.histograms
    sections = [
        _header(answer),
        _banner(answer),
        warnings(answer.warnings),
        section("Goals", goals_table(planned.placed.goals)),
        section("Isodoses", isodose_section(scene, reference), kind="pictures"),
        section("Dose-volume histograms", histogram_section(order, histograms, None)),
        section("Dose of each structure", doses_table(names, histograms, None, order.prescription)),
        _comparison(answer, scene, reference),
        section("Beside what the plan states of its beams", stated_section(answer.stated)),
        section("What is assumed", assumed_section(order.algorithm, planned.approximations)),
        section("Beams", _beams(answer)),
        section("Provenance", _provenance(answer)),
        closing(),
    ]
    return page(f"isoguide: dose of plan {order.plan.label}, {_who(answer)}", sections, KEYS, STYLE)


def middle_mm(structure: Structure) -> Array:
    """Middle (3,) of the box about a structure."""
    points_mm = structure.points_mm
    middle: Array = (points_mm.min(axis=0) + points_mm.max(axis=0)) / 2.0
    return middle


def reference_of(prescription: DosePrescription, placed: PlacedDose) -> DoseReference:
    """Return what 100 % of the pictures are: the prescription, or else the highest dose."""
    if prescription.fraction_gy is not None:
        return DoseReference(prescription.fraction_gy)
    return DoseReference(float(placed.dose.dose_gy.max()), "the highest dose")


def _who(answer: PlanDose) -> str:
    patient = answer.given.planning.image.patient
    return f"{name_text(patient)}, ID {patient.patient_id or 'none'}"


def _header(answer: PlanDose) -> str:
    order, patient = answer.given.order, answer.given.planning.image.patient
    prescription = order.prescription
    prescribed = (
        f"{prescription.dose_gy:g} Gy in {prescription.fractions} fractions"
        if prescription.dose_gy is not None
        else f"{prescription.fractions} fractions, no prescription stated"
    )
    said = (
        f"born {date_text(patient.birth_date)}" if patient.birth_date else "",
        f"plan {order.plan.label}",
        prescribed,
        str(order.algorithm),
    )
    return heading("dose of the plan", _who(answer), said)


def _banner(answer: PlanDose) -> str:
    if not answer.planned.placed.goals:
        kind, sign, word = "accept", "▤", "COMPUTED"
        advice = "No goals were given, so nothing is judged. A person decides."
    elif answer.is_clear:
        kind, sign, word = "accept", "✔", "GOALS MET"
        advice = "Every goal is met by this calculation. A person still decides."
    else:
        kind, sign, word = "review", "▲", "GOALS NOT MET"
        advice = f"Look at {escape(', '.join(answer.goals_missed))}."
    return banner(kind, sign, word, f"<p>{advice}</p>")


def _comparison(answer: PlanDose, scene: DoseScene, reference: DoseReference) -> str:
    other = answer.comparison
    if other is None:
        return ""
    order = answer.given.order
    names, words = [one.name for one in order.structures], ("planning system", "isoguide")
    histograms = answer.planned.placed.histograms
    lead = (
        f"<p>{escape(other.path.name)}, as one fraction. Where it is at least half of its highest dose, "
        f"isoguide is {signed(other.mean_percent)} ± {other.sigma_percent:.1f} % of that dose off (mean "
        f"and standard deviation); 95 % of these places agree within {other.p95_percent:.1f} %.</p>"
    )
    body = (
        lead
        + difference_section(scene, other.dose, reference, lead="isoguide less the planning system.")
        + histogram_section(order, other.histograms, histograms, words=words)
        + doses_table(names, other.histograms, histograms, order.prescription, words=words)
    )
    return section("Beside the planning system's dose", body, kind="pictures")


def _beams(answer: PlanDose) -> str:
    header = ("Beam", "name", "gantry", "collimator", "couch", "energy", "monitor units", "")
    rows = [_beam_row(beam) for beam in answer.given.plan.beams]
    return table(header, rows, kind="plain figures")


def _beam_row(beam: Beam) -> tuple[str, ...]:
    first, last = beam.control_points[0], beam.control_points[-1]
    gantry = f"{first.gantry_deg:g}°"
    if last.gantry_deg != first.gantry_deg:
        gantry += f" to {last.gantry_deg:g}°"
    counts = beam.is_treatment and bool(beam.meterset_mu)
    return (
        str(beam.number),
        escape(beam.name),
        gantry,
        f"{first.collimator_deg:g}°",
        f"{first.couch_deg:g}°",
        f"{first.energy_mv:g} MV" if first.energy_mv is not None else "–",
        f"{beam.meterset_mu:.1f}" if beam.meterset_mu is not None else "–",
        "" if counts else "left out: it does not treat",
    )


def _provenance(answer: PlanDose) -> str:
    order, dose, planning = answer.given.order, answer.planned.placed.dose, answer.given.planning
    i, j, k = dose.grid.shape[::-1]
    rows = [
        ("Plan", f"{order.plan.label}, {order.plan.sop_instance_uid}"),
        ("Planning CT", planning.image.label),
        ("Machine", f"{order.machine.name}: {order.machine.provenance}"),
        ("Beam data SHA-256", dose.beam_data_sha256),
        ("Algorithm", str(order.algorithm)),
        ("Dose grid", f"{i} × {j} × {k} voxels of {order.spacing_mm:g} mm"),
        ("Computed", f"{answer.created_at:%Y-%m-%d %H:%M} UTC by isoguide {isoguide.__version__}"),
    ]
    return facts(rows)
