"""What single views and single markers said, as rows of plain words for the report and the terminal."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from scipy.spatial.transform import Rotation

from isoguide.geometry.frames import Array
from isoguide.images.radiograph_view import RadiographView
from isoguide.registration import WithoutDepth
from isoguide.registration.markers import MarkerMatch, MarkerOutcome
from isoguide.registration.radiographs.result import RadiographQuality
from isoguide.registration.result import CHI_95_PER_AXIS
from isoguide.workflow.alignment import Alignment
from isoguide.workflow.radiographs.align_views import ViewsInput
from isoguide.workflow.radiographs.report_words import oblique_sides
from isoguide.workflow.words import anatomical_side, half_width_text

Row = tuple[str, ...]

VIEW_HEADER: Final[Row] = ("View", "similarity", "shown")
TOGETHER_HEADER: Final[Row] = ("Together", "")
MARKER_HEADER: Final[Row] = ("Marker", "state", "from its place", "mostly", "by the others alone")
MOTION_HEADER: Final[Row] = ("One view shows", "the patient lies", "95 %")
DEPTH_ROW: Final[Row] = ("Depth, along the beam", "not available: take a second view", "")


def figure_tables(alignment: Alignment) -> tuple[tuple[Row, tuple[Row, ...]], ...]:
    """Header and rows of what single views or markers said; nothing for a match of volumes."""
    found, daily = alignment.radiographs, alignment.daily
    if alignment.markers is not None:
        return ((MARKER_HEADER, marker_rows(alignment.markers)),)
    if found is None or found.quality is None or not isinstance(daily, ViewsInput):
        return ()
    tables = [(VIEW_HEADER, view_rows(found.quality, daily.views))]
    together = tuple((name, value) for name, value, _ in between_views(found.quality))
    if found.quality.alternatives:
        nearest = found.quality.alternatives[0]
        together += (("Log-odds against the next vertebrae", f"{nearest.log_odds:.1f}"),)
    if together:
        tables.append((TOGETHER_HEADER, together))
    return tuple(tables)


def view_rows(quality: RadiographQuality, views: Sequence[RadiographView]) -> tuple[Row, ...]:
    """Rows of :data:`VIEW_HEADER`: how well each view agrees, and how much of what was planned it shows."""
    return tuple(
        (Path(view.source).name, f"{one.similarity:.3f}", f"{100.0 * min(1.0, one.shown_fraction):.0f} %")
        for view, one in zip(views, quality.views, strict=True)
    )


def between_views(quality: RadiographQuality) -> tuple[Row, ...]:
    """Rows of a figure, its value and what it says, of several views together; nothing for one view."""
    if len(quality.views) == 1:
        return ()
    rows = [
        (
            "Angle between the views",
            f"{quality.view_angle_deg:.0f}°",
            "The nearer to 90° the better each view shows the depth of the other.",
        )
    ]
    if quality.disagreement is not None:
        rows.append(
            (
                "Single views differ by",
                f"{quality.disagreement.shift_mm:.2f} mm, {quality.disagreement.angle_deg:.2f}°",
                "In what two views, each taken alone, both see: an error of the imager, a motion between the "
                "exposures, or a wrong match.",
            )
        )
    return tuple(rows)


def five_motions(five: WithoutDepth, view: RadiographView) -> tuple[Row, ...]:
    """Rows of :data:`MOTION_HEADER`: the five motions that one view shows, and no depth."""
    half_widths = CHI_95_PER_AXIS * np.sqrt(np.clip(np.diag(five.covariance), 0.0, None))
    names = ("Along the detector's rows", "Along the detector's columns")
    directions = (view.view.row_direction, view.view.column_direction)
    rows = [
        (name, _shift_words(float(shift_mm), direction), f"{half_width_text(float(half_width))} mm")
        for name, direction, shift_mm, half_width in zip(
            names, directions, five.shift_mm, half_widths[:2], strict=True
        )
    ]
    turn_deg = Rotation.from_matrix(five.rotation).as_rotvec(degrees=True)
    turns = (
        ("About the axis from right to left", "head towards the front", "head towards the back"),
        ("About the axis from front to back", "head towards the left side", "head towards the right side"),
        ("About the axis from feet to head", "left side towards the back", "left side towards the front"),
    )
    for (name, positive, negative), angle_deg, half_width in zip(
        turns, turn_deg, np.rad2deg(half_widths[2:]), strict=True
    ):
        words = f"turned {abs(angle_deg):.1f}°, {positive if angle_deg > 0.0 else negative}"
        still = round(abs(float(angle_deg)), 1) == 0.0
        rows.append((name, "not turned" if still else words, f"{half_width_text(float(half_width))}°"))
    return (*rows, DEPTH_ROW)


def _shift_words(shift_mm: float, direction: Array) -> str:
    if round(abs(shift_mm), 1) == 0.0:
        return "as planned"
    towards = oblique_sides(direction if shift_mm > 0.0 else -direction)
    return f"{abs(shift_mm):.1f} mm too far towards the patient's {towards}"


def marker_rows(found: MarkerMatch) -> tuple[Row, ...]:
    """Rows of :data:`MARKER_HEADER`: what each planned marker did."""
    return tuple(_marker_row(outcome) for outcome in found.markers)


def _marker_row(outcome: MarkerOutcome) -> Row:
    if outcome.residual_mm is None:
        return outcome.name, outcome.state.value, "–", "", ""
    still = round(_length(outcome.residual_mm), 1) == 0.0
    alone = "" if outcome.left_out is None else f"{outcome.left_out.distance_mm:.1f} mm"
    return (
        outcome.name,
        outcome.state.value,
        f"{_length(outcome.residual_mm):.1f} mm",
        "" if still else f"towards the {anatomical_side(outcome.residual_mm)}",
        alone,
    )


def _length(vector_mm: Array) -> float:
    return float(np.linalg.norm(vector_mm))
