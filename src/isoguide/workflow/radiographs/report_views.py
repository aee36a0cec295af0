"""The part of a report that shows radiographs and implanted markers: pictures and what each of them said."""

from collections.abc import Sequence
from html import escape
from typing import Final

import numpy as np

from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.geometry.xray_view import XrayView
from isoguide.registration import RadiographRegistration, WithoutDepth
from isoguide.registration.markers import MarkerMatch
from isoguide.registration.radiographs.solve import without_depth
from isoguide.workflow.alignment import Alignment
from isoguide.workflow.page import bullets, picture_row, section, table
from isoguide.workflow.pictures import TILE_MM
from isoguide.workflow.radiographs.align_views import ViewsInput
from isoguide.workflow.radiographs.report_figures import (
    MARKER_HEADER,
    MOTION_HEADER,
    VIEW_HEADER,
    Row,
    between_views,
    five_motions,
    marker_rows,
    view_rows,
)
from isoguide.workflow.radiographs.report_view_pictures import (
    RadiographScene,
    ViewDrawing,
)
from isoguide.workflow.shown_markers import ShownMarker, marker_legend, shown_markers

HOW_TO_READ: Final = (
    "A DRR is the shadow of the planning CT in the geometry of the X-ray. Dense parts are bright in both, "
    "and what changes slowly is taken out of both. Pictures lie as the detector recorded them: the letters "
    "say which side of the patient is where. The X-ray cannot be moved, so the DRR is: before, it shows the "
    "patient as planned; after, as found. The cross is the machine isocentre, and after the "
    "correction the plan isocentre in the patient as found. Checkerboard tiles are "
    f"{TILE_MM:g} mm at the isocentre; the tile up and left of the middle shows the DRR. Parts that only one "
    "image shows are dim."
)
SIMILARITY_SAYS: Final = (
    "Similarity is the mean correlation of small patches of X-ray and DRR: 1 is identical texture, 0 is none "
    "in common. Shown is the share of the patches of the plan that lie on the detector."
)


def radiograph_pictures(alignment: Alignment, daily: ViewsInput) -> str:
    """Draw every view: X-ray and DRRs side by side, then both fused, after and before the correction."""
    planning, found = alignment.planning, alignment.radiographs
    structure_set = planning.structure_set
    structures = structure_set.structures if structure_set is not None else ()
    scene = RadiographScene.of(planning.volume, planning.isocentre.xyz_mm, structures)
    five = found.without_depth if found is not None else None
    after = alignment.planning_from_daily
    if after is None and five is not None:
        after = pose_of_five(five, daily.views[0].view, planning.isocentre.xyz_mm)
    markers = shown_markers(alignment)
    drawings = scene.drawings(daily.views, alignment.setup.uncorrected, after, markers=markers)
    views = [
        section(_title(number, drawing, daily), _rows(drawing, five), kind="pictures")
        for number, drawing in enumerate(drawings, start=1)
    ]
    return section("The match in the radiographs", _legend(scene, markers)) + "".join(views)


def pose_of_five(five: WithoutDepth, view: XrayView, isocentre_mm: Array) -> RigidTransform:
    """Return planning from daily of the five motions that one view shows, with the planned depth."""
    shift_mm = without_depth(view, np.eye(4), isocentre_mm)[:3, :2] @ five.shift_mm
    offset_mm = isocentre_mm + shift_mm - five.rotation @ isocentre_mm
    return RigidTransform.from_parts(DAILY, PLANNING, five.rotation, offset_mm).inverse()


def _title(number: int, drawing: ViewDrawing, daily: ViewsInput) -> str:
    place = f" ({daily.origins[number - 1].place})" if daily.origins else ""
    return f"View {number}: {drawing.name}{place}, tube at {drawing.seen_from}"


def _legend(scene: RadiographScene, markers: Sequence[ShownMarker]) -> str:
    keys = (("planning", "planning CT as DRR"), ("daily", "X-ray"), ("both", "both agree"))
    named = [f'<span class="swatch {kind}"></span>{text}' for kind, text in keys]
    named += [
        f'<span class="swatch line {kind}"></span>{escape(structure.name)}'
        for structure, kind in scene.structures
    ]
    legend = " ".join(f'<span class="key">{key}</span>' for key in named) + marker_legend(markers)
    return f'<p class="legend">{legend}</p><p class="small">{HOW_TO_READ}</p>'


def _rows(drawing: ViewDrawing, five: WithoutDepth | None) -> str:
    before, after = drawing.before, drawing.after
    beside = [drawing.image()]
    fused = ""
    if after is not None:
        beside.append(drawing.drr(after, "DRR, patient as found"))
        title = "After the correction" if five is None else "As the view shows the patient, without depth"
        fused = _fused(drawing, title, of_after=True)
    beside.append(drawing.drr(before, "DRR, patient as planned"))
    return (
        picture_row("X-ray and planning CT", "X-ray and DRR", beside)
        + fused
        + _fused(drawing, "Before: as the patient lies now", of_after=False)
    )


def _fused(drawing: ViewDrawing, title: str, *, of_after: bool) -> str:
    moment = drawing.after if of_after and drawing.after is not None else drawing.before
    pictures = (drawing.checkerboard(moment), drawing.blend(moment), drawing.difference(moment))
    return picture_row(title, title, pictures)


def radiograph_quality(found: RadiographRegistration, daily: ViewsInput) -> str:
    """Say what each view said, and where there is one only, what it shows without depth."""
    if found.quality is None:
        return ""
    each = _escaped(VIEW_HEADER, view_rows(found.quality, daily.views))
    each += f'<p class="small">{SIMILARITY_SAYS}</p>'
    rows = between_views(found.quality)
    together = _escaped(("Figure", "value", "what it says"), rows) if rows else ""
    return section("What each view shows", each + together) + _without_depth(found.without_depth, daily)


def _without_depth(five: WithoutDepth | None, daily: ViewsInput) -> str:
    if five is None:
        return ""
    lead = (
        "<p>These five motions may be compared with the pictures. They are no couch correction, because how "
        "far along the beam the patient lies is not known.</p>"
    )
    body = lead + bullets(five.reasons) + _escaped(MOTION_HEADER, five_motions(five, daily.views[0]))
    return section("What one view shows", body)


def marker_section(found: MarkerMatch) -> str:
    """Say what every implanted marker did."""
    lead = (
        "<p>Distances are what is left after the match. A marker further than "
        f"{found.settings.migration_limit_mm:g} mm from its place has migrated, and is left out. By the "
        "others alone says how far a marker lies from where the others put it."
    )
    if found.fre_mm is not None:
        lead += f" Root mean square of those used: {found.fre_mm:.2f} mm."
    return section("What each marker did", f"{lead}</p>{_escaped(MARKER_HEADER, marker_rows(found))}")


def _escaped(header: Row, rows: Sequence[Row]) -> str:
    return table(header, [[escape(cell) for cell in row] for row in rows], kind="plain")
