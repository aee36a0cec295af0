"""Line integrals that are known exactly: of simple solids, and of a volume's own trilinear interpolation."""

from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RIGID_TOLERANCE

BoolArray = NDArray[np.bool_]
Float32 = NDArray[np.float32]
Indices = NDArray[np.int64]
Shape = Literal["ellipsoid", "cylinder", "box"]

GAUSS: Final = np.array([-1.0, 1.0]) / np.sqrt(3.0)
"""Nodes of the two-point Gauss rule on [-1, 1], exact for the cubic that a trilinear cell is along a ray."""

SPREAD: Final = 1.0 / 1.2207440846057596 ** np.arange(1, 4)
"""Multiples of it, modulo 1, fill the unit cube evenly along every axis (the root of x⁴ = x + 1)."""


@dataclass(frozen=True, slots=True, eq=False)
class Solid:
    """A convex solid of one attenuation, given by its half axes.

    Parameters
    ----------
    shape
        "ellipsoid"; "cylinder" (elliptical, along its third axis); "box".
    centre_mm, half_mm
        Centre and half axes, shape (3,).
    per_mm
        Value inside, for instance attenuation per mm.
    axes
        Unit vectors of the three half axes as the columns of a rotation (3, 3).

    Raises
    ------
    GeometryError
        If a half axis is not positive or the axes are not orthonormal.
    """

    shape: Shape
    centre_mm: Array
    half_mm: Array
    per_mm: float = 1.0
    axes: Array = field(default_factory=lambda: np.eye(3))

    def __post_init__(self) -> None:
        object.__setattr__(self, "centre_mm", frozen_array(self.centre_mm, (3,), "the centre of a solid"))
        object.__setattr__(self, "half_mm", frozen_array(self.half_mm, (3,), "the half axes of a solid"))
        object.__setattr__(self, "axes", frozen_array(self.axes, (3, 3), "the axes of a solid"))
        if self.half_mm.min() <= 0.0:
            msg = f"the half axes of a solid must be positive, not {self.half_mm.tolist()} mm"
            raise GeometryError(msg)
        if np.abs(self.axes.T @ self.axes - np.eye(3)).max() > RIGID_TOLERANCE:
            msg = "the axes of a solid are not orthogonal unit vectors"
            raise GeometryError(msg)

    def contains(self, xyz_mm: Array) -> BoolArray:
        """Tell which positions (..., 3) lie inside, shape (...)."""
        own = self._own(np.asarray(xyz_mm, dtype=np.float64) - self.centre_mm)
        if self.shape == "ellipsoid":
            u, v, w = np.moveaxis(own, -1, 0)  # a sum over an axis of three takes NumPy far longer
            return np.asarray(u * u + v * v + w * w <= 1.0)
        if self.shape == "cylinder":
            return np.asarray(((own[..., :2] ** 2).sum(axis=-1) <= 1.0) & (np.abs(own[..., 2]) <= 1.0))
        return np.asarray((np.abs(own) <= 1.0).all(axis=-1))

    def line_integrals(self, source_mm: Array, pixels_mm: Array) -> Array:
        """Return the integrals, value times mm, (...), from a source (3,) to pixels (..., 3)."""
        towards = np.asarray(pixels_mm, dtype=np.float64) - source_mm
        start, way = self._own(source_mm - self.centre_mm), self._own(towards)
        if self.shape == "ellipsoid":
            enter, leave = _round(start, way)
        elif self.shape == "cylinder":
            round_part, flat_part = _round(start[:2], way[..., :2]), _flat(start[2:], way[..., 2:])
            enter, leave = np.maximum(round_part[0], flat_part[0]), np.minimum(round_part[1], flat_part[1])
        else:
            enter, leave = _flat(start, way)
        share = np.clip(np.minimum(leave, 1.0) - np.maximum(enter, 0.0), 0.0, None)
        return np.asarray(share * np.linalg.norm(towards, axis=-1) * self.per_mm)

    def voxels(self, grid: Grid, samples: int = 125) -> Float32:
        """Return the solid on a grid ``[k, j, i]``; voxels on its surface by the share that is inside.

        ``samples`` points are tested in each voxel whose corners are not all on one side.
        """
        low, high = self._reach(grid)
        counts = np.zeros((high - low)[::-1], dtype=np.int8)
        below = self._corners(grid, low, high, int(low[2]))
        for k, layer in enumerate(counts, start=int(low[2])):
            above = self._corners(grid, low, high, k + 1)
            for corners in (below, above):
                layer += corners[:-1, :-1] + corners[:-1, 1:] + corners[1:, :-1] + corners[1:, 1:]
            below = above
        whole = np.zeros(grid.shape, dtype=np.float32)
        values = whole[tuple(slice(a, b) for a, b in zip(low[::-1], high[::-1], strict=True))]
        values[counts == 8] = 1.0
        cut = (counts > 0) & (counts < 8)
        centres_mm = grid.xyz((np.argwhere(cut)[:, ::-1] + low).astype(np.float64))
        total = np.zeros(len(centres_mm))
        for n in range(samples):
            offset = np.modf((n + 0.5) * SPREAD)[0] - 0.5
            total += self.contains(centres_mm + (grid.direction * grid.spacing_mm) @ offset)
        values[cut] = total / samples
        whole *= np.float32(self.per_mm)
        return whole

    def _reach(self, grid: Grid) -> tuple[Indices, Indices]:
        """First voxel (i, j, k) that the solid may touch, and the one behind the last, within the grid."""
        middle = grid.index(self.centre_mm)
        reach = np.abs(grid.direction.T @ self.axes) @ self.half_mm / grid.spacing_mm + 0.6
        size = np.array(grid.shape[::-1])
        low = np.clip(np.floor(middle - reach), 0, size).astype(np.int64)
        return low, np.clip(np.ceil(middle + reach) + 1.0, low, size).astype(np.int64)

    def _corners(self, grid: Grid, low: Indices, high: Indices, k: int) -> NDArray[np.int8]:
        """Which corners of voxels lie inside, of the layer of corners below slice k: 0 or 1, ``[j, i]``."""
        j, i = np.meshgrid(*(np.arange(low[n], high[n] + 1) - 0.5 for n in (1, 0)), indexing="ij")
        return self.contains(grid.xyz(np.stack([i, j, np.full(i.shape, k - 0.5)], axis=-1))).astype(np.int8)

    def _own(self, xyz_mm: Array) -> Array:
        return np.asarray(xyz_mm @ self.axes / self.half_mm)


def interpolated_line_integrals(values: Float32, grid: Grid, source_mm: Array, pixels_mm: Array) -> Array:
    """Integrate the trilinear interpolation of a volume exactly (to rounding), slowly.

    What :func:`isoguide.projection.project.project_volume` approximates: every ray is cut where it crosses a
    plane of voxel centres, and each piece, a cubic, is integrated by the two-point Gauss rule.

    Parameters
    ----------
    values, grid
        Array ``[k, j, i]`` and where its voxels are; they continue to the faces of the grid.
    source_mm, pixels_mm
        Source (3,) and ends of the rays (n, 3) in the frame of the grid.

    Returns
    -------
    (n,): value times mm.
    """
    padded = np.pad(np.asarray(values, dtype=np.float64), 1, mode="edge")
    sizes = np.array(grid.shape[::-1], dtype=np.float64)
    start = grid.index(source_mm) + 1.0
    totals = np.zeros(len(pixels_mm))
    for n, pixel_mm in enumerate(pixels_mm):
        way = grid.index(pixel_mm) + 1.0 - start
        box = _flat((start - (sizes + 1.0) / 2.0) / (sizes / 2.0), way / (sizes / 2.0))
        enter, leave = max(float(box[0]), 0.0), min(float(box[1]), 1.0)
        if enter >= leave:
            continue
        planes = [
            (np.arange(size + 2) - s) / w
            for size, s, w in zip(grid.shape[::-1], start, way, strict=True)
            if w
        ]
        crossings = np.concatenate(planes)
        cuts = np.unique([enter, *crossings[(crossings > enter) & (crossings < leave)], leave])
        middle, half = (cuts[1:] + cuts[:-1]) / 2.0, np.diff(cuts) / 2.0
        at = start + (middle[:, None] + half[:, None] * GAUSS)[..., None] * way
        samples = ndimage.map_coordinates(padded, at.reshape(-1, 3).T[::-1], order=1, mode="nearest")
        totals[n] = float(half @ samples.reshape(-1, 2).sum(axis=1)) * np.linalg.norm(pixel_mm - source_mm)
    return totals


def _round(start: Array, way: Array) -> tuple[Array, Array]:
    """Where rays (..., n) from one start (n,) enter and leave the unit ball; reversed where they miss."""
    a, b = (way**2).sum(axis=-1), way @ start
    discriminant = b**2 - a * (start @ start - 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        root = np.sqrt(discriminant)
        enter, leave = (-b - root) / a, (-b + root) / a
    stands_inside = float(start @ start) <= 1.0
    enter, leave = (np.where(a > 0.0, edge, end) for edge, end in ((enter, -np.inf), (leave, np.inf)))
    hits = np.where(a > 0.0, discriminant > 0.0, stands_inside)
    return np.where(hits, enter, np.inf), np.where(hits, leave, -np.inf)


def _flat(start: Array, way: Array) -> tuple[Array, Array]:
    """Where rays (..., n) from one start (n,) enter and leave the cube -1 to 1; reversed where they miss."""
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = (-1.0 - start) / way, (1.0 - start) / way
    between = np.abs(start) <= 1.0
    low = np.where(way == 0.0, np.where(between, -np.inf, np.inf), np.minimum(first, second))
    high = np.where(way == 0.0, np.where(between, np.inf, -np.inf), np.maximum(first, second))
    return low.max(axis=-1), high.min(axis=-1)
