"""What the views of a scan determine: the field of view, full or half fan, a sufficient arc."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array
from isoguide.geometry.xray_view import XrayView

FULL_TURN_GAP_DEG: Final = 20.0
"""An arc with a larger gap is a short scan; RTK's own threshold."""
DISPLACED_SHARE: Final = 0.1
"""A panel whose middle lies this share of its width off the axis is displaced; RTK's own threshold."""
ARC_TOLERANCE_DEG: Final = 3.0
"""How much a short scan may miss of half a turn and the fan; the outermost rays then lose some weight."""


@dataclass(frozen=True, slots=True)
class FieldOfView:
    """What a circular scan sees: a cylinder about the FIXED y axis with cone-shaped ends.

    Parameters
    ----------
    radius_mm
        Of the cylinder that every view sees (full fan), or views from both sides together (half fan).
    low_slope, high_slope
        Edges of the detector along y, per mm of distance from the source.
    sad_mm
        Distance of the source from the axis.
    """

    radius_mm: float
    low_slope: float
    high_slope: float
    sad_mm: float

    def contains(self, xyz_mm: Array) -> NDArray[np.bool_]:
        """Tell which points (..., 3) in FIXED are seen."""
        radius = np.hypot(xyz_mm[..., 0], xyz_mm[..., 2])
        nearest = self.sad_mm - radius
        y = xyz_mm[..., 1]
        seen = (radius <= self.radius_mm) & (y >= self.low_slope * nearest) & (y <= self.high_slope * nearest)
        return np.asarray(seen)


def field_of_view(views: Sequence[XrayView]) -> FieldOfView:
    """Tell what a scan sees.

    Raises
    ------
    GeometryError
        If the detector does not see the axis of rotation.
    """
    left, right, low, high, sads = np.array([_edges(view) for view in views]).T
    # The worst view decides what all see.
    narrow, wide = -left.max(), right.min()
    reach = max(-left.min(), right.max()) if is_displaced(views) else min(narrow, wide)
    if min(narrow, wide) <= 0.0 or low.max() >= high.min():
        msg = "the detector does not see the axis of rotation, so that nothing can be reconstructed"
        raise GeometryError(msg)
    sad_mm = float(sads.mean())
    return FieldOfView(float(sad_mm * np.sin(np.arctan(reach))), float(low.max()), float(high.min()), sad_mm)


def is_displaced(views: Sequence[XrayView]) -> bool:
    """Tell whether the panel is shifted sideways (half fan): each view then sees one side of the body."""
    left, right, *_ = np.median([_edges(view) for view in views], axis=0)
    return bool(abs(left + right) > DISPLACED_SHARE * (right - left))


def _edges(view: XrayView) -> tuple[float, float, float, float, float]:
    """Edges of the detector about the axis, per mm of depth: left, right, low y, high y; then the SAD."""
    # To the centres of the outermost pixels: beyond them nothing can be interpolated.
    half_mm = (np.array(view.size) - 1.0) / 2.0 * view.pixel_spacing_mm
    distance_mm = view.source_detector_distance_mm
    radial_mm = float(np.hypot(view.source_mm[0], view.source_mm[2]))
    axis_mm = np.array([0.0, view.source_mm[1], 0.0])
    depth_mm = float(view.normal @ (axis_mm - view.source_mm))
    middle_mm = view.detector_centre_mm - view.source_mm
    across = float(view.row_direction @ middle_mm) / distance_mm
    across -= float(view.row_direction @ (axis_mm - view.source_mm)) / depth_mm
    along = view.detector_centre_mm[1] / distance_mm
    sideways = half_mm / distance_mm
    return across - sideways[0], across + sideways[0], along - sideways[1], along + sideways[1], radial_mm


def source_angles_deg(views: Sequence[XrayView]) -> Array:
    """Where the sources stand on the gantry circle, 0° above and 90° at +X, (n,), in [0°, 360°)."""
    sources = np.array([view.source_mm for view in views])
    return np.asarray(np.rad2deg(np.arctan2(sources[:, 0], sources[:, 2])) % 360.0)


def check_arc(views: Sequence[XrayView]) -> None:
    """Refuse scans whose arc does not determine the image.

    Raises
    ------
    GeometryError
        If a full fan covers less than half a turn and the fan angle, or a half fan less than a full turn.
    """
    angles = np.sort(source_angles_deg(views))
    gap_deg = float(np.diff(np.append(angles, angles[0] + 360.0)).max())
    if gap_deg <= FULL_TURN_GAP_DEG:
        return
    arc_deg = 360.0 - gap_deg
    if is_displaced(views):
        needed_deg = 360.0 - FULL_TURN_GAP_DEG
    else:
        left, right, *_ = _edges(views[0])
        needed_deg = 180.0 + float(np.rad2deg(np.arctan(right) - np.arctan(left))) - ARC_TOLERANCE_DEG
    if arc_deg < needed_deg:
        kind = "a displaced detector" if is_displaced(views) else "this fan"
        msg = (
            f"the projections cover an arc of {arc_deg:.0f}°, but {kind} needs {needed_deg:.0f}°: "
            "give the projections of the whole scan"
        )
        raise GeometryError(msg)
