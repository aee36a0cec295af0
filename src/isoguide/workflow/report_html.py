"""The report for people: one file, readable without a network, printable on A4."""

from html import escape

from isoguide.dicom import PatientIdentity
from isoguide.registration.result import Verdict
from isoguide.workflow.alignment import Alignment
from isoguide.workflow.inputs import point_text
from isoguide.workflow.page import banner, bullets, closing, heading, page, picture_row, section, warnings
from isoguide.workflow.pictures import TILE_MM
from isoguide.workflow.radiographs.align_views import ViewsInput
from isoguide.workflow.radiographs.report_views import (
    marker_section,
    radiograph_pictures,
    radiograph_quality,
)
from isoguide.workflow.report_pictures import (
    ARROW_MAGNIFICATION,
    CALM_MM,
    SLAB_MM,
    MatchFigures,
    match_figures,
)
from isoguide.workflow.report_tables import (
    alternatives_table,
    correction_table,
    date_text,
    identification_table,
    name_text,
    provenance_table,
    quality_table,
    regions_table,
    residual_table,
)
from isoguide.workflow.shown_markers import marker_legend, shown_markers
from isoguide.workflow.ultrasound.align_input import UltrasoundInput
from isoguide.workflow.ultrasound.report_section import reference_facts, ultrasound_section

_BANNER = {
    Verdict.ACCEPT: ("accept", "✔", "ACCEPT", "The match passed every check. A person still decides."),
    Verdict.REVIEW: (
        "review",
        "▲",
        "REVIEW",
        "Look at the pictures and the reasons before using these numbers.",
    ),
    Verdict.NOT_AVAILABLE: (
        "refused",
        "✖",
        "NOT AVAILABLE",
        "There is no correction. Set the patient up again, take another image, or match by hand.",
    ),
}


def report_html(alignment: Alignment) -> str:
    """Write the report of an alignment.

    Every text that comes from files or from the user is escaped, and a content security policy forbids
    loading anything.
    """
    sections = [
        _header(alignment),
        _banner(alignment),
        _correction(alignment),
        _match(alignment),
        _quality(alignment),
        section("Identification", _identification(alignment)),
        section("Provenance", provenance_table(alignment)),
        closing(),
    ]
    return page(f"isoguide: {alignment.verdict.value}, {_patient_line(alignment)}", sections)


def _patient_line(alignment: Alignment) -> str:
    patient = _patient(alignment)
    if patient is None:
        return f"no patient identity ({alignment.planning.path.name})"
    return f"{name_text(patient)}, ID {patient.patient_id or 'none'}"


def _patient(alignment: Alignment) -> PatientIdentity | None:
    planning = alignment.planning.series
    return planning.patient if planning is not None else alignment.daily.patient


def _header(alignment: Alignment) -> str:
    plan = alignment.planning.plan
    series = alignment.planning.series
    born = (
        f"born {date_text(series.patient.birth_date)}"
        if series is not None and series.patient.birth_date
        else ""
    )
    facts = (
        born,
        f"plan {plan.label}" if plan is not None else "no plan",
        f"patient position {alignment.planning.patient_position}",
        f"imaged {_when(alignment)}",
    )
    return heading("set-up report", _patient_line(alignment), facts)


def _when(alignment: Alignment) -> str:
    acquired = alignment.daily.acquired_at
    return f"{acquired:%Y-%m-%d %H:%M}" if acquired is not None else "at an unknown time"


def _banner(alignment: Alignment) -> str:
    kind, sign, word, advice = _BANNER[alignment.verdict]
    told = banner(kind, sign, word, f"<p>{advice}</p>{bullets(alignment.reasons)}")
    return told + warnings(alignment.warnings)


def _correction(alignment: Alignment) -> str:
    if alignment.correction is None:
        return ""
    plan_point, machine_point = alignment.planning.isocentre, alignment.daily.isocentre
    footnote = (
        '<p class="small">IEC 61217. Translate first, then rotate about the machine isocentre: R = Rz(yaw) '
        "Rx(pitch) Ry(roll). "
        "Right, left and clockwise as seen from the foot of the couch, facing the gantry. "
        f"Plan isocentre {escape(point_text(plan_point.xyz_mm))} ({escape(plan_point.evidence)}); "
        f"machine isocentre {escape(point_text(machine_point.xyz_mm))} in the day's image "
        f"({escape(machine_point.evidence)}).</p>"
    )
    return section("Couch correction", correction_table(alignment) + footnote) + _constrained(alignment)


def _constrained(alignment: Alignment) -> str:
    degrees_of_freedom = alignment.request.degrees_of_freedom
    if degrees_of_freedom == 6:
        return ""
    does = "translations" if degrees_of_freedom == 3 else "translations and yaw"
    lead = (
        f"<p>The couch makes {does} only. The numbers above were solved for that, so that the target ends up "
        "as close to its planned place as it can; this is what remains.</p>"
    )
    return section(
        f"What a {degrees_of_freedom}-degree-of-freedom couch leaves", lead + residual_table(alignment)
    )


def _match(alignment: Alignment) -> str:
    """Show the match, and what its regions, views or markers said one by one."""
    daily = alignment.daily
    parts = []
    if isinstance(daily, ViewsInput):
        parts.append(radiograph_pictures(alignment, daily))
        if alignment.radiographs is not None:
            parts.append(radiograph_quality(alignment.radiographs, daily))
    elif isinstance(daily, UltrasoundInput):
        parts.append(ultrasound_section(alignment, daily))
    else:
        figures = match_figures(alignment)
        parts += [_pictures(alignment, figures), _residuals(alignment, figures)]
    if alignment.markers is not None:
        parts.append(marker_section(alignment.markers))
    return "".join(parts)


def _identification(alignment: Alignment) -> str:
    daily = alignment.daily
    reference = reference_facts(daily) if isinstance(daily, UltrasoundInput) else ""
    return identification_table(alignment) + reference


def _pictures(alignment: Alignment, figures: MatchFigures) -> str:
    rows = []
    if figures.after_checkerboard:
        rows.append(picture_row("After the correction", "After, checkerboard", figures.after_checkerboard))
        rows.append(picture_row("", "After, colour blend", figures.after_blend))
    before = "Before: as the patient lies now"
    rows.append(picture_row(before, "Before, checkerboard", figures.before_checkerboard))
    rows.append(picture_row("", "Before, colour blend", figures.before_blend))
    return section("The match through the isocentre", _legend(alignment) + "".join(rows), kind="pictures")


def _legend(alignment: Alignment) -> str:
    keys = [("planning", "planning CT"), ("daily", "day's image"), ("both", "both agree")]
    if alignment.target is not None:
        keys.append(("outline", f"{alignment.target.name} as planned"))
    swatches = " ".join(f'<span class="swatch {kind}"></span>{escape(text)}' for kind, text in keys)
    markers = marker_legend(shown_markers(alignment))
    return (
        f'<p class="legend">{swatches}{markers}. Checkerboard tiles are {TILE_MM:g} mm; the tile up and left '
        "of the cross shows the planning CT. Dim parts are in one image only. The cross marks the isocentre. "
        "Before and after use the same grey window. Anatomical orientation: axial from the feet, coronal "
        "from the front, sagittal from the left.</p>"
    )


def _residuals(alignment: Alignment, figures: MatchFigures) -> str:
    if not figures.residual_map:
        return ""
    lead = (
        "<p>How each region of about 3 cm would still like to move after the match. Small arrows in all "
        "directions are noise; neighbouring arrows that agree are tissue that has changed its shape. "
        f"Arrows are drawn {ARROW_MAGNIFICATION:g} times as long as the motion, with a number from "
        f"{CALM_MM:g} mm on; each picture shows the regions within {SLAB_MM:g} mm of its plane.</p>"
    )
    row = picture_row("", "Residual map", figures.residual_map)
    return section("Residual map", lead + row + regions_table(alignment))


def _quality(alignment: Alignment) -> str:
    table = section("Quality of the match", quality_table(alignment))
    is_ultrasound = isinstance(alignment.daily, UltrasoundInput)
    question = "Could it lie elsewhere?" if is_ultrasound else "Was it the right vertebra?"
    return table + section(question, alternatives_table(alignment))
