"""The sections about the dose of the day in the report of an assessment."""

from html import escape

from isoguide.registration.deformable.result import FieldVerdict
from isoguide.workflow.alignment import Alignment
from isoguide.workflow.assess.dose import AssessedDose
from isoguide.workflow.dose.day import PlacedDose
from isoguide.workflow.dose.report import middle_mm, reference_of
from isoguide.workflow.dose.scene import day_scene
from isoguide.workflow.dose.sections import (
    assumed_section,
    difference_section,
    doses_table,
    goals_table,
    histogram_section,
    isodose_section,
)
from isoguide.workflow.page import banner, bullets, section

_WORDS = {
    FieldVerdict.FOR_DECISION: ("accept", "✔", "DOSE FOR DECISION"),
    FieldVerdict.NOT_FOR_DECISION: ("review", "▲", "DOSE NOT FOR DECISION"),
    FieldVerdict.NOT_AVAILABLE: ("refused", "✖", "NO DOSE OF THE DAY"),
}


def dose_sections(found: AssessedDose | None, alignment: Alignment) -> list[str]:
    """Show the dose of the day beside the plan's; nothing where nobody asked."""
    if found is None:
        return []
    parts = [_banner(found)]
    if found.day.treated is None:
        return parts
    planned, treated = found.planned.placed, found.day.treated
    prescription = found.planned.order.prescription
    names = [one.name for one in found.planned.order.structures]
    return [
        *parts,
        section(
            "Goals of the course, if every fraction were like today",
            goals_table(planned.goals, treated.goals),
        ),
        section("Isodoses of the day", _isodoses(found, alignment), kind="pictures"),
        section(
            "Dose-volume histograms: as planned (dashed) and as treated today",
            histogram_section(found.planned.order, planned.histograms, treated.histograms),
        ),
        section(
            "Dose of each structure", doses_table(names, planned.histograms, treated.histograms, prescription)
        ),
        _as_found(found, treated, names),
        section(
            "What is assumed in the dose", assumed_section(treated.dose.algorithm, found.day.approximations)
        ),
    ]


def _banner(found: AssessedDose) -> str:
    kind, sign, word = _WORDS[found.day.verdict]
    if found.alerts or found.missed:
        kind = "review"
    lead = "The dose of the day as treated, after the couch correction. A person still decides."
    body = bullets((*found.day.reasons, *found.alerts, *found.missed))
    return banner(kind, sign, word, f"<p>{escape(lead)}</p>{body}")


def _isodoses(found: AssessedDose, alignment: Alignment) -> str:
    placed, target, order = alignment.planning_from_daily, alignment.target, found.planned.order
    if placed is None or target is None:
        return ""
    scene = day_scene(found.planned, found.day, alignment.daily_volume, placed, centre_mm=middle_mm(target))
    reference = reference_of(order.prescription, found.planned.placed)
    return isodose_section(
        scene,
        reference,
        lead="On the day's image, structures as they are today. Beyond the image the dose is that in the "
        "deformed planning CT.",
    ) + difference_section(
        scene, found.planned.placed.dose, reference, lead="Dose as treated today less that of the plan."
    )


def _as_found(found: AssessedDose, treated: PlacedDose, names: list[str]) -> str:
    other = found.day.as_found
    if other is None:
        return ""
    words = ("couch not moved", "as treated")
    lead = "<p>What the couch correction was worth: the same day if the couch had not moved.</p>"
    tables = doses_table(
        names, other.histograms, treated.histograms, found.planned.order.prescription, words=words
    )
    return section("With and without the couch correction", lead + tables)
