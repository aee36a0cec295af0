"""The part of a report that shows ultrasound: pictures of the match, and where the probe pressed."""

from html import escape
from typing import Final

from isoguide.workflow.alignment import Alignment
from isoguide.workflow.page import facts, picture_row, section
from isoguide.workflow.pictures import TILE_MM
from isoguide.workflow.report_pictures import ARROW_MAGNIFICATION, CALM_MM, SLAB_MM, residual_arrows
from isoguide.workflow.report_tables import date_text, name_text, regions_table
from isoguide.workflow.ultrasound.align_input import UltrasoundInput
from isoguide.workflow.ultrasound.align_pictures import UltrasoundScene
from isoguide.workflow.ultrasound.match_words import matched_words

PRESSURE: Final = (
    "How each region would still like to move after the match. The probe presses the tissue that it touches, "
    "and a match that moves the patient as a whole cannot undo that: neighbouring arrows that agree and grow "
    "towards the probe are its pressure, small arrows in all directions are noise. "
    f"Arrows are drawn {ARROW_MAGNIFICATION:g} times as long as the motion, with a number from "
    f"{CALM_MM:g} mm on; each picture shows the regions within {SLAB_MM:g} mm of its plane."
)


def ultrasound_section(alignment: Alignment, daily: UltrasoundInput) -> str:
    """Show both ultrasound volumes and the planning CT, fused and alone, and what the probe deformed."""
    planning = alignment.planning
    structure_set = planning.structure_set
    scene = UltrasoundScene.of(
        planning.volume,
        planning.isocentre.xyz_mm,
        structure_set.structures if structure_set is not None else (),
        alignment.target,
        reference=daily.reference.volume if daily.reference is not None else None,
        daily=daily.volume,
    )
    rows = scene.rows(alignment.setup.uncorrected, alignment.planning_from_daily)
    pictures = "".join(picture_row(row.heading, row.label, row.pictures) for row in rows)
    lead = f"<p>{escape(matched_words(daily))}</p>"
    return section(
        "The match through the isocentre", lead + _legend(scene) + pictures, kind="pictures"
    ) + _pressure(alignment, scene)


def _legend(scene: UltrasoundScene) -> str:
    fixed = "reference of the simulation" if scene.reference else "planning CT"
    keys = [("planning", fixed), ("daily", "day's ultrasound"), ("both", "both agree")]
    keys += [(f"line {one.kind}", one.name) for one in scene.structures]
    keys += [("fan", "edge of what the probe saw"), ("shadow", "shadow of bone or gas")]
    named = " ".join(
        f'<span class="key"><span class="swatch {kind}"></span>{escape(text)}</span>' for kind, text in keys
    )
    on_ct = " Over the planning CT, the CT is orange." if scene.reference else ""
    how_to_read = (
        f"Structures lie as planned, and tissue that lies as planned fills them.{on_ct} Checkerboard tiles "
        f"are {TILE_MM:g} mm; the tile up and left of the cross shows the {fixed}. Dim parts are in one "
        "image only. The cross marks the plan isocentre. Before and after use the same grey window. "
        "Anatomical orientation: axial from the feet, coronal from the front, sagittal from the left."
    )
    return f'<p class="legend">{named}</p><p class="small">{how_to_read}</p>'


def _pressure(alignment: Alignment, scene: UltrasoundScene) -> str:
    arrows = residual_arrows(alignment, scene.planes)
    if not arrows:
        return ""
    row = picture_row("", "Residual map", scene.residual_map(arrows))
    return section("Probe pressure", f"<p>{PRESSURE}</p>{row}{regions_table(alignment)}")


def reference_facts(daily: UltrasoundInput) -> str:
    """Say which ultrasound reference the day's was matched to; nothing for a match to the CT."""
    reference = daily.reference
    if reference is None:
        return ""
    acquired = f"{reference.acquired_at:%Y-%m-%d %H:%M:%S}" if reference.acquired_at is not None else ""
    rows = [
        ("Ultrasound reference", str(reference.path)),
        ("of", f"{name_text(reference.patient)} ({reference.patient.patient_id})"),
        ("born", date_text(reference.patient.birth_date)),
        ("acquired", acquired),
        ("SOP instance UID", reference.sop_instance_uid),
        ("Content SHA-256", reference.content_sha256),
    ]
    return facts(rows)
