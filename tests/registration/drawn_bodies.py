"""Bodies drawn slice by slice as a person would, and registrations whose field is a formula."""

from collections.abc import Callable

import numpy as np

from isoguide.geometry.frames import DAILY, PLANNING, Array, Frame
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.displacement_field import DisplacementField, node_positions_mm
from isoguide.images.structure import Contour, Structure
from isoguide.registration.deformable.result import DeformableRegistration, FieldVerdict

AXES = {
    "axial": np.eye(3),
    "coronal": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]),
    "sagittal": np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
    "feet first": np.diag([-1.0, 1.0, -1.0]),
    "left-handed": np.diag([1.0, 1.0, -1.0]),
}
"""Directions of columns, rows and slices."""


def circle(radius_mm: float, vertices: int = 120) -> Array:
    angle = np.linspace(0.0, 2.0 * np.pi, vertices, endpoint=False)
    # The polygon has the area of the circle.
    radius_mm = radius_mm * np.sqrt(2.0 * np.pi / vertices / np.sin(2.0 * np.pi / vertices))
    return radius_mm * np.column_stack([np.cos(angle), np.sin(angle)])


def rectangle(width_mm: float, height_mm: float) -> Array:
    return np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * [width_mm / 2.0, height_mm / 2.0]


def drawn(
    rings: Callable[[float], list[Array]],
    depths_mm: Array,
    *,
    centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    axes: Array | None = None,
    kind: str = "CLOSED_PLANAR",
    name: str = "Target",
    frame: Frame = PLANNING,
) -> Structure:
    """Draw the rings (n, 2) that a body has at each depth across the slices, about a centre."""
    axes = np.eye(3) if axes is None else axes
    contours = [
        Contour(kind, np.column_stack([ring, np.full(len(ring), depth)]) @ axes.T + centre_mm)
        for depth in depths_mm
        for ring in rings(depth)
    ]
    return Structure(name, 1, frame, tuple(contours))


def slices(half_mm: float, step_mm: float) -> Array:
    """Middles of slices that together reach from -half to half."""
    return np.arange(-half_mm + step_mm / 2.0, half_mm, step_mm)


def ball(radius_mm: float, step_mm: float = 2.0, **where: object) -> Structure:
    return drawn(
        lambda z: [circle(float(np.sqrt(radius_mm**2 - z * z)))], slices(radius_mm, step_mm), **where
    )


def cylinder(radius_mm: float, length_mm: float, step_mm: float = 2.0, **where: object) -> Structure:
    return drawn(lambda z: [circle(radius_mm)], slices(length_mm / 2.0, step_mm), **where)


def box(size_mm: tuple[float, float, float], step_mm: float = 2.0, **where: object) -> Structure:
    return drawn(lambda z: [rectangle(*size_mm[:2])], slices(size_mm[2] / 2.0, step_mm), **where)


def tube(
    outer_mm: float, inner_mm: float, length_mm: float, step_mm: float = 2.0, **where: object
) -> Structure:
    return drawn(lambda z: [circle(outer_mm), circle(inner_mm)], slices(length_mm / 2.0, step_mm), **where)


def registration(
    displacement: Callable[[Array], Array],
    *,
    planning_from_daily: RigidTransform | None = None,
    half_mm: float = 60.0,
    spacing_mm: float = 5.0,
    seen: Callable[[Array], Array] | None = None,
    sigma_mm: float = 1.0,
    inconsistency_mm: float = 0.5,
    verdict: FieldVerdict = FieldVerdict.FOR_DECISION,
) -> DeformableRegistration:
    """Return a registration whose field takes the formula's values (n, 3) at its nodes (n, 3)."""
    count = int(2.0 * half_mm / spacing_mm) + 1
    grid = Grid.axial(PLANNING, (count,) * 3, (spacing_mm,) * 3, (-half_mm,) * 3)
    nodes = node_positions_mm(grid)
    vectors = np.broadcast_to(displacement(nodes), nodes.shape).reshape(*grid.shape, 3)
    shown = np.ones(grid.shape, dtype=np.bool_) if seen is None else seen(nodes).reshape(grid.shape)
    return DeformableRegistration(
        verdict=verdict,
        reasons=(),
        approximations=(),
        planning_from_daily=planning_from_daily or RigidTransform.identity(PLANNING, DAILY),
        field=DisplacementField(grid, vectors.astype(np.float32)),
        seen=shown,
        sigma_mm=np.full(grid.shape, sigma_mm, dtype=np.float32),
        inconsistency_mm=np.full(grid.shape, inconsistency_mm, dtype=np.float32),
        similarity_before=0.6,
        similarity_after=0.8,
        algorithm="formula",
        settings={},
    )
