"""The surface of a structure as triangles, and how far it has moved.

Source of the triangles: surface nets (Gibson, MICCAI 1998): one point in each cell of a grid that the zero
level passes through, a square across each edge that it cuts.
"""

from dataclasses import dataclass, field
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array, Frame, frozen_array
from isoguide.geometry.grid import Grid
from isoguide.kernels.nearest_surface import nearest_on_triangles

Float32 = NDArray[np.float32]
IntArray = NDArray[np.int64]

_CORNERS: Final = np.array(list(product((0, 1), repeat=3)))
"""Of a cell, k, j, i each 0 or 1."""


@dataclass(frozen=True, slots=True, eq=False)
class ClosedSurface:
    """A closed surface made of triangles.

    Parameters
    ----------
    frame
        The frame its points are in.
    points_mm
        Corners (n, 3).
    triangles
        Three corners each (m, 3), counter-clockwise seen from outside (not copied when read-only already).
    area_vectors_mm2
        Area and outward direction that belong to each point, (n, 3): a third of its triangles'.
    volume_ml, centre_mm
        What it encloses, and the centre (3,) of that.
    """

    frame: Frame
    points_mm: Array
    triangles: IntArray
    area_vectors_mm2: Array = field(init=False)
    volume_ml: float = field(init=False)
    centre_mm: Array = field(init=False)

    def __post_init__(self) -> None:
        points_mm = frozen_array(self.points_mm, (-1, 3), "surface points")
        triangles = self.triangles
        if triangles.flags.writeable:
            triangles = triangles.copy()
            triangles.flags.writeable = False
        if len(triangles) == 0:
            msg = "a surface needs triangles"
            raise GeometryError(msg)
        object.__setattr__(self, "points_mm", points_mm)
        object.__setattr__(self, "triangles", triangles)
        middle = points_mm.mean(axis=0)
        a, b, c = ((points_mm - middle)[triangles[:, n]] for n in range(3))
        areas = np.cross(b - a, c - a) / 2.0
        # Tetrahedra between the triangles and the middle fill the body (divergence theorem).
        parts = np.einsum("na,na->n", a, areas) / 3.0
        volume = float(parts.sum())
        moment = (parts[:, None] * (a + b + c)).sum(axis=0) / 4.0
        object.__setattr__(self, "volume_ml", volume / 1000.0)
        object.__setattr__(self, "centre_mm", middle + moment / (volume or np.inf))
        at_points = [_share_out(areas[:, axis] / 3.0, triangles, len(points_mm)) for axis in range(3)]
        object.__setattr__(self, "area_vectors_mm2", np.stack(at_points, axis=-1))

    def moved_to(self, points_mm: Array, frame: Frame | None = None) -> "ClosedSurface":
        """Return the surface with its points (n, 3) elsewhere, in another frame when one is given."""
        return ClosedSurface(self.frame if frame is None else frame, points_mm, self.triangles)


def _share_out(values: Array, triangles: IntArray, points: int) -> Array:
    """Give each corner of a triangle its value, (points,)."""
    total = np.zeros(points)
    for n in range(3):
        total += np.bincount(triangles[:, n], values, minlength=points)
    return total


@dataclass(frozen=True, slots=True, eq=False)
class SurfaceChange:
    """How far the surface of a structure has moved.

    Parameters
    ----------
    points_mm
        Points of the planned surface (n, 3), in its frame.
    normals
        Outward unit vectors there, (n, 3).
    weights_mm2
        Area that each stands for, (n,).
    signed_mm
        Distance from there to today's surface, (n,): positive where it has moved outwards.
    mean_mm
        Mean of the signed distance, half from the planned surface to today's and half back, so that a mere
        shift is no change of size.
    p95_mm, largest_mm
        95th percentile and largest distance without sign; the larger of those from the planned surface to
        today's and back, so that neither a new bulge nor a vanished one is missed.
    """

    points_mm: Array
    normals: Array
    weights_mm2: Array
    signed_mm: Array
    mean_mm: float
    p95_mm: float
    largest_mm: float

    def __post_init__(self) -> None:
        for name, shape in (
            ("points_mm", (-1, 3)),
            ("normals", (-1, 3)),
            ("weights_mm2", (-1,)),
            ("signed_mm", (-1,)),
        ):
            object.__setattr__(self, name, frozen_array(getattr(self, name), shape, name))


def surface_of(distance_mm: Float32, grid: Grid) -> ClosedSurface:
    """Return the surface where a signed distance is zero, closed where it leaves the grid.

    Parameters
    ----------
    distance_mm
        ``[k, j, i]`` at the nodes of the grid, mm, negative inside.
    grid
        The grid.

    Raises
    ------
    GeometryError
        If nothing is inside.
    """
    # A frame outside closes the surface half a voxel beyond the outermost nodes.
    padded = np.pad(distance_mm.astype(np.float64), 1, mode="edge")
    for axis in range(3):
        for end in (0, -1):
            border = np.moveaxis(padded, axis, 0)[end]
            np.maximum(np.abs(border), 1e-6, out=border)
    inside = padded <= 0.0
    if not inside.any():
        msg = "nothing lies inside the surface: the structure is smaller than the grid shows"
        raise GeometryError(msg)
    cells = tuple(n - 1 for n in padded.shape)
    mixed = np.zeros(cells, dtype=np.int8)
    for k, j, i in _CORNERS:
        mixed += inside[k : k + cells[0], j : j + cells[1], i : i + cells[2]]
    place = np.argwhere((mixed > 0) & (mixed < 8))
    number = np.full(cells, -1, dtype=np.int64)
    number[tuple(place.T)] = np.arange(len(place))
    kji = _cell_points(padded, place)
    triangles = np.concatenate([_squares(inside, number, axis) for axis in range(3)])
    if np.linalg.det(grid.direction) < 0.0:
        triangles = triangles[:, ::-1]
    return ClosedSurface(grid.frame, grid.xyz(kji[:, ::-1] - 1.0), triangles)


def _cell_points(padded: Array, place: IntArray) -> Array:
    """Mean (n, 3), k, j, i, of where the zero level cuts the edges of each cell."""
    total, count = np.zeros((len(place), 3)), np.zeros(len(place))
    for first, second in _edges():
        a = padded[tuple((place + first).T)]
        b = padded[tuple((place + second).T)]
        cut = (a <= 0.0) != (b <= 0.0)
        share = np.zeros(len(place))
        share[cut] = a[cut] / (a[cut] - b[cut])
        total += np.where(cut[:, None], first + share[:, None] * (second - first), 0.0)
        count += cut
    points: Array = place + total / count[:, None]
    return points


def _edges() -> list[tuple[IntArray, IntArray]]:
    return [
        (a, b) for n, a in enumerate(_CORNERS) for b in _CORNERS[n + 1 :] if int(np.abs(a - b).sum()) == 1
    ]


def _squares(inside: NDArray[np.bool_], number: IntArray, axis: int) -> IntArray:
    """Two triangles across each edge along an axis of the array whose ends lie on different sides."""
    along = np.moveaxis(inside, axis, 0)
    leaving = along[:-1] & ~along[1:]
    entering = ~along[:-1] & along[1:]
    cells = np.moveaxis(number, axis, 0)
    found = []
    for crossed, outwards in ((leaving, True), (entering, False)):
        n, a, b = np.nonzero(crossed)
        ring = np.stack([cells[n, a - 1, b - 1], cells[n, a, b - 1], cells[n, a, b], cells[n, a - 1, b]], -1)
        found.append(ring if outwards == _turns_right(axis) else ring[:, ::-1])
    rings = np.concatenate(found)
    return np.concatenate([rings[:, [0, 1, 2]], rings[:, [0, 2, 3]]])


def _turns_right(axis: int) -> bool:
    """Tell whether the ring of :func:`_squares` runs counter-clockwise seen from increasing ``axis``.

    The axes of [k, j, i] that are left span j × i = -k, k × i = j and k × j = -i.
    """
    return axis == 1


def surface_change(planned: ClosedSurface, today: ClosedSurface) -> SurfaceChange:
    """Return how far a surface has moved, everywhere on it.

    Parameters
    ----------
    planned, today
        In the same frame: today's, the patient put where he was planned.

    Raises
    ------
    GeometryError
        If the frames differ.
    """
    forth = signed_distances_mm(planned.points_mm, today, planned.frame)
    back = signed_distances_mm(today.points_mm, planned, today.frame)
    areas = planned.area_vectors_mm2
    weights, weights_back = np.linalg.norm(areas, axis=1), np.linalg.norm(today.area_vectors_mm2, axis=1)
    normals = areas / np.maximum(weights, 1e-12)[:, None]
    return SurfaceChange(
        points_mm=planned.points_mm,
        normals=normals,
        weights_mm2=weights,
        # A point of the plan that lies inside today's surface has been overtaken outwards.
        signed_mm=-forth,
        mean_mm=float(np.average(back, weights=weights_back) - np.average(forth, weights=weights)) / 2.0,
        p95_mm=max(
            weighted_percentile(np.abs(forth), weights, 95.0),
            weighted_percentile(np.abs(back), weights_back, 95.0),
        ),
        largest_mm=float(max(np.abs(forth).max(), np.abs(back).max())),
    )


def signed_distances_mm(points_mm: Array, surface: ClosedSurface, frame: Frame) -> Array:
    """Return the distance (n,) of points (n, 3) of a frame from a surface, negative inside.

    Raises
    ------
    GeometryError
        If the frames differ.
    """
    if frame != surface.frame:
        msg = f"the distance of points in '{frame}' from a surface in '{surface.frame}' means nothing"
        raise GeometryError(msg)
    return nearest_on_triangles(points_mm, surface.points_mm, surface.triangles, surface.area_vectors_mm2)


def weighted_percentile(values: Array, weights: Array, percent: float) -> float:
    """Return the value below which a share of the weight lies."""
    order = np.argsort(values, kind="stable")
    share = (np.cumsum(weights[order]) - weights[order] / 2.0) / weights.sum()
    return float(np.interp(percent / 100.0, share, values[order]))
