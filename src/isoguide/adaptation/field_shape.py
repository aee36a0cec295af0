"""Leaves and jaws around a target as the source sees it.

The target is projected from the source into the plane through the isocentre, in the axes of the IEC beam
limiting device system (IEC 61217, PS3.3 C.8.8.14), and grown there by the margin in all directions. Every
leaf pair opens as far as the widest place of the grown shape beneath it: no part of it is covered by a leaf.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np

from isoguide.errors import GeometryError, MissingEvidenceError
from isoguide.geometry.frames import Array, Points, frozen_array
from isoguide.geometry.iec61217 import fixed_from_beam_limiting_device
from isoguide.images.structure import AREA_TYPES, Structure
from isoguide.plan import ControlPoint, MultileafCollimator

OUTLINE_STEP_MM: Final = 1.0
"""Points of a target's outline are this close: between two of them a margin of 5 mm gives way 0.03 mm."""


@dataclass(frozen=True, slots=True, eq=False)
class FieldShape:
    """An opening: leaves (2, pairs), the negative side first, and jaws, at the isocentre in mm."""

    leaf_positions_mm: Array
    jaw_x_mm: tuple[float, float]
    jaw_y_mm: tuple[float, float]

    def __post_init__(self) -> None:
        leaves = frozen_array(self.leaf_positions_mm, (2, -1), "leaf positions")
        object.__setattr__(self, "leaf_positions_mm", leaves)

    def of(self, point: ControlPoint) -> ControlPoint:
        """Return the control point with this opening."""
        return replace(
            point,
            jaw_x_mm=self.jaw_x_mm,
            jaw_y_mm=self.jaw_y_mm,
            leaf_positions_mm=self.leaf_positions_mm,
        )


def target_outline_mm(target: Structure, step_mm: float = OUTLINE_STEP_MM) -> Array:
    """Return points (n, 3) all over the side of a target that was drawn on axial planes.

    Every polygon stands for a slab as thick as the planes are apart; its edge is filled with points no
    further than ``step_mm`` from each other, at as many heights as that takes.

    Raises
    ------
    MissingEvidenceError
        If the structure encloses no volume.
    """
    polygons = [one.xyz_mm for one in target.contours if one.kind in AREA_TYPES]
    if not polygons:
        msg = f"the structure '{target.name}' encloses no volume, so no field can be shaped to it; draw it"
        raise MissingEvidenceError(msg)
    heights_mm = np.unique(np.round([polygon[0, 2] for polygon in polygons], 3))
    thickness_mm = float(np.median(np.diff(heights_mm))) if len(heights_mm) > 1 else 0.0
    layers = np.linspace(-0.5, 0.5, int(np.ceil(thickness_mm / step_mm)) + 1) * thickness_mm
    edge = np.concatenate([_filled(polygon, step_mm) for polygon in polygons])
    spread = edge[:, None, :] + layers[None, :, None] * np.array([0.0, 0.0, 1.0])
    return np.reshape(spread, (-1, 3))


def _filled(polygon: Array, step_mm: float) -> Array:
    """Put points on the edges of a polygon (n, 3), no further apart than a step."""
    edges = np.roll(polygon, -1, axis=0) - polygon
    counts = np.maximum(np.ceil(np.linalg.norm(edges, axis=1) / step_mm), 1.0).astype(int)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    share = (np.arange(counts.sum()) - first) / np.repeat(counts, counts)
    return np.asarray(np.repeat(polygon, counts, axis=0) + share[:, None] * np.repeat(edges, counts, axis=0))


def beams_eye_view_mm(points: Points, gantry_deg: float, collimator_deg: float, sad_mm: float) -> Array:
    """Project points from the source into the plane through the isocentre.

    Parameters
    ----------
    points
        In FIXED.
    gantry_deg, collimator_deg, sad_mm
        Where the source is and how the beam limiting device is turned.

    Returns
    -------
    Array
        x and y (n, 2) along the axes of the beam limiting device.

    Raises
    ------
    GeometryError
        If the points are of another frame, or one lies behind the source.
    """
    device = fixed_from_beam_limiting_device(gantry_deg, collimator_deg, source_axis_distance_mm=sad_mm)
    seen = (device.inverse() @ points).xyz_mm
    # The device's origin is the source and its z axis points away from the patient.
    if len(seen) and seen[:, 2].max() >= 0.0:
        msg = f"a point of the target lies behind the source at gantry {gantry_deg:g}°; check the isocentre"
        raise GeometryError(msg)
    return np.asarray(seen[:, :2] * (-sad_mm / seen[:, 2:]), dtype=np.float64)


def shaped_field(shadow_mm: Array, leaves: MultileafCollimator, margin_mm: float) -> FieldShape:
    """Open leaves and jaws around the projection of a target.

    Parameters
    ----------
    shadow_mm
        Points (n, 2) of the projection, from :func:`beams_eye_view_mm`.
    leaves
        The collimator; leaves that the target does not reach stay closed in its middle, behind the jaws.
    margin_mm
        By how much the projection grows in all directions.

    Raises
    ------
    GeometryError
        If the target does not fit between the outermost leaves.
    """
    along, across = (0, 1) if leaves.axis == "X" else (1, 0)
    travel_mm, side_mm = shadow_mm[:, along], shadow_mm[:, across]
    reach_mm = (float(side_mm.min()) - margin_mm, float(side_mm.max()) + margin_mm)
    edges_mm = leaves.boundaries_mm
    if reach_mm[0] < edges_mm[0] or reach_mm[1] > edges_mm[-1]:
        msg = (
            f"the target needs a field from {reach_mm[0]:.0f} to {reach_mm[1]:.0f} mm across the leaves, "
            f"which reach from {edges_mm[0]:.0f} to {edges_mm[-1]:.0f} mm; plan a smaller target"
        )
        raise GeometryError(msg)
    positions = np.full((2, leaves.pairs), (travel_mm.min() + travel_mm.max()) / 2.0)
    for pair, (low_mm, high_mm) in enumerate(pairwise(edges_mm.tolist())):
        aside_mm = np.maximum(np.maximum(low_mm - side_mm, side_mm - high_mm), 0.0)
        near = aside_mm < margin_mm if margin_mm > 0.0 else aside_mm == 0.0
        if near.any():
            grown_mm = np.sqrt(margin_mm**2 - aside_mm[near] ** 2)
            positions[:, pair] = (travel_mm[near] - grown_mm).min(), (travel_mm[near] + grown_mm).max()
    ends_mm = (float(travel_mm.min()) - margin_mm, float(travel_mm.max()) + margin_mm)
    jaws = (ends_mm, reach_mm) if leaves.axis == "X" else (reach_mm, ends_mm)
    return FieldShape(positions, *jaws)


def with_common_jaws(shapes: Sequence[FieldShape]) -> tuple[FieldShape, ...]:
    """Give all openings of a beam the jaws that hold each of them: not every machine has tracking jaws."""
    x_mm = np.array([shape.jaw_x_mm for shape in shapes])
    y_mm = np.array([shape.jaw_y_mm for shape in shapes])
    jaw_x = (float(x_mm[:, 0].min()), float(x_mm[:, 1].max()))
    jaw_y = (float(y_mm[:, 0].min()), float(y_mm[:, 1].max()))
    return tuple(FieldShape(shape.leaf_positions_mm, jaw_x, jaw_y) for shape in shapes)
