"""The report about the anatomy of the day: one file, readable without a network, printable on A4."""

from html import escape

from isoguide.geometry.frames import Array
from isoguide.registration.deformable.result import FieldVerdict
from isoguide.workflow.assess.assess import Assessment
from isoguide.workflow.assess.colours import CHANGE, LENGTH
from isoguide.workflow.assess.dose_report import dose_sections
from isoguide.workflow.assess.pictures import (
    MAGNIFIED,
    change_pictures,
    difference_pictures,
    motion_pictures,
    outline_pictures,
)
from isoguide.workflow.assess.report_sections import density_section, surface_section
from isoguide.workflow.assess.report_tables import (
    agreement_table,
    match_facts,
    not_assessed_table,
    provenance_facts,
    quality_table,
    structures_table,
)
from isoguide.workflow.assess.scene import PIXELS, AnatomyScene
from isoguide.workflow.dose.sections import STYLE as DOSE_STYLE
from isoguide.workflow.page import banner, bullets, closing, heading, page, picture_row, section, warnings
from isoguide.workflow.report_tables import date_text, identification_table, name_text

STYLE = "assess/assess.css"
_BANNER = {
    FieldVerdict.FOR_DECISION: (
        "accept",
        "✔",
        "FOR DECISION",
        "The deformation passed every check. A person still decides.",
    ),
    FieldVerdict.NOT_FOR_DECISION: (
        "review",
        "▲",
        "NOT FOR DECISION",
        "Look at the pictures and the reasons; decide nothing by these figures.",
    ),
    FieldVerdict.NOT_AVAILABLE: (
        "refused",
        "✖",
        "NOT AVAILABLE",
        "Nothing is known of the anatomy of this day. Take another image, or look at it by hand.",
    ),
}


def assessment_html(assessment: Assessment) -> str:
    """Write the report of an assessment.

    Every text that comes from files or from the user is escaped, and a content security policy forbids
    loading anything.
    """
    sections = [
        _header(assessment),
        _banner(assessment),
        _alerts(assessment),
        warnings(assessment.warnings),
        *_anatomy(assessment),
        *dose_sections(assessment.dose, assessment.alignment),
        section("The rigid match below it", match_facts(assessment)),
        section("Identification", identification_table(assessment.alignment)),
        section("Provenance", provenance_facts(assessment)),
        closing(),
    ]
    return page(
        f"isoguide: anatomy {assessment.verdict.value}, {_who(assessment)}", sections, STYLE, DOSE_STYLE
    )


def _who(assessment: Assessment) -> str:
    alignment = assessment.alignment
    series = alignment.planning.series
    patient = series.patient if series is not None else alignment.daily.patient
    if patient is None:
        return f"no patient identity ({alignment.planning.path.name})"
    return f"{name_text(patient)}, ID {patient.patient_id or 'none'}"


def _header(assessment: Assessment) -> str:
    alignment = assessment.alignment
    series, plan, acquired = alignment.planning.series, alignment.planning.plan, alignment.daily.acquired_at
    facts = (
        f"born {date_text(series.patient.birth_date)}" if series and series.patient.birth_date else "",
        f"plan {plan.label}" if plan is not None else "no plan",
        f"patient position {alignment.planning.patient_position}",
        f"imaged {acquired:%Y-%m-%d %H:%M}" if acquired is not None else "imaged at an unknown time",
    )
    return heading("anatomy of the day", _who(assessment), facts)


def _banner(assessment: Assessment) -> str:
    kind, sign, word, advice = _BANNER[assessment.verdict]
    return banner(kind, sign, word, f"<p>{advice}</p>{bullets(assessment.reasons)}")


def _alerts(assessment: Assessment) -> str:
    if not assessment.alerts:
        return ""
    lead = f"Beyond a limit of protocol {escape(assessment.request.protocol or '')}"
    words = bullets(assessment.alerts)
    return f'<section class="banner review alerts"><div><h2>{lead}</h2>{words}</div></section>'


def _anatomy(assessment: Assessment) -> list[str]:
    """All that a displacement field says; nothing where there is none."""
    planned, day, anatomy = assessment.planned, assessment.day, assessment.anatomy
    if planned is None or day is None or anatomy is None:
        return []
    approximations = section("What is assumed", bullets(anatomy.approximations))
    left_out = not_assessed_table(anatomy.not_assessed)
    if anatomy.figures is None:
        return [left_out, approximations]
    scene = AnatomyScene.of(planned, day, anatomy, centre_mm=_centre_mm(assessment), pixels=PIXELS)
    return [
        section("Target and organs today", structures_table(anatomy) + left_out),
        section("Agreement with what was drawn on the day's image", agreement_table(anatomy)),
        section("Contours", _contours(scene), kind="pictures"),
        surface_section(planned, anatomy),
        section("Does it fit?", _difference(scene), kind="pictures"),
        section("How tissue moved", _motion(scene), kind="pictures"),
        section("Where tissue grew or shrank", _change(scene), kind="pictures"),
        section("Quality of the deformation", quality_table(assessment)),
        density_section(scene),
        approximations,
    ]


def _centre_mm(assessment: Assessment) -> Array:
    """Middle of the target, or the isocentre where none is known."""
    target = assessment.alignment.target
    if target is None:
        return assessment.alignment.planning.isocentre.xyz_mm
    points_mm = target.points_mm
    middle_mm: Array = (points_mm.min(axis=0) + points_mm.max(axis=0)) / 2.0
    return middle_mm


def _contours(scene: AnatomyScene) -> str:
    keys = " ".join(
        f'<span class="key"><span class="swatch solid {one.kind}"></span>{escape(one.name)}</span>'
        for one in scene.shown
    )
    legend = (
        '<p class="legend">The day\'s image, the patient put where the rigid match puts him. '
        '<span class="key"><span class="swatch dashed ink"></span>as planned</span> '
        f'<span class="key"><span class="swatch solid ink"></span>today</span><br>{keys}</p>'
    )
    return legend + picture_row("", "Contours as planned and today", outline_pictures(scene))


def _difference(scene: AnatomyScene) -> str:
    legend = (
        '<p class="legend">The day\'s image less the planning CT on one grey scale: grey where they agree, '
        "brighter where the day is denser, darker where it is thinner. Edges that stay after the deformation "
        "were not explained by it. The line is the target today.</p>"
    )
    before = picture_row("Rigid match", "Difference before", difference_pictures(scene, deformed=False))
    after = picture_row("With the deformation", "Difference after", difference_pictures(scene, deformed=True))
    return legend + before + after


def _motion(scene: AnatomyScene) -> str:
    legend = (
        f'<p class="legend">On the planning CT. Arrows lead from where tissue was planned to where it is, '
        f"drawn {MAGNIFIED:g} times as long as the motion in the plane; colour is its length in space. "
        "Tissue without colour is not shown by the day's image. Dashed: the target as planned.</p>"
    )
    return legend + LENGTH.key("Motion") + picture_row("", "Motion", motion_pictures(scene))


def _change(scene: AnatomyScene) -> str:
    legend = (
        '<p class="legend">On the planning CT. Colour is the change of the volume of tissue (Jacobian '
        f"determinant less 1); the grid of 12 mm shows the motion {MAGNIFIED:g} times as long as it is. "
        '<span class="key"><span class="swatch folded"></span>folded</span></p>'
    )
    return (
        legend + CHANGE.key("Change of volume") + picture_row("", "Change of volume", change_pictures(scene))
    )
