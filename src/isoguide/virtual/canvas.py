"""A volume that anatomy is painted into, solid by solid, with soft edges."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import Array
from isoguide.kernels.solids import paint_cover, paint_rod
from isoguide.virtual import shapes
from isoguide.virtual.shapes import Coordinates, Triple
from isoguide.virtual.texture import smooth_field

Floats = NDArray[np.float32]
Box = tuple[slice, slice, slice]
T = TypeVar("T")

WARP_MM = 2.0
"""Standard deviation of the random bend that makes every organ a little irregular and the sides unequal."""
WARP_KNOT_MM = 55.0
MUSCLE_HU, MARBLING_HU = np.float32(56.0), np.float32(75.0)
"""Muscle, and how much darker the fat between its bundles is."""
FASCIA_MM, FASCIA_HU = 1.3, -85.0
STRAND_HU = np.float32(55.0)
"""How much brighter the fibres in fat are."""
THREAD_KNOT_MM = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A solid on the canvas: its signed distance (negative inside) on a box of voxels ``[k, j, i]``."""

    box: Box
    distance: Floats

    def grown(self, margin_mm: float) -> "Part":
        """Return the solid with a margin all around."""
        return Part(self.box, self.distance - np.float32(margin_mm))

    def clipped(self, box: Box) -> "Part":
        """Return the piece of the solid that lies within a box of voxels."""
        shared = tuple(_overlap(a, b) for a, b in zip(self.box, box, strict=True))
        own = tuple(slice(s.start - a.start, s.stop - a.start) for s, a in zip(shared, self.box, strict=True))
        return Part((shared[0], shared[1], shared[2]), self.distance[own])


@dataclass(frozen=True, slots=True, eq=False)
class Stencil:
    """How much of each voxel of a box may be painted, 0 to 1."""

    box: Box
    weight: Floats

    def at(self, box: Box) -> Floats:
        """Weights on a box that lies within the stencil's."""
        k, j, i = (slice(a.start - b.start, a.stop - b.start) for a, b in zip(box, self.box, strict=True))
        return self.weight[k, j, i]


class Canvas:
    """Anatomy under construction.

    Parameters
    ----------
    rng
        Bends space, so that straight things come out slightly crooked.
    axes
        Anatomical positions of the voxel centres along k (z), j (y), i (x), mm, one-dimensional, ascending.
    """

    def __init__(self, rng: np.random.Generator, axes: tuple[Floats, Floats, Floats]) -> None:
        self.rng = rng
        self.axes = axes
        self.shape = (len(axes[0]), len(axes[1]), len(axes[2]))
        self.hu: Floats = np.full(self.shape, -1000.0, dtype=np.float32)
        self.bone_labels: NDArray[np.uint8] = np.zeros(self.shape, dtype=np.uint8)
        self.bone_names: list[str] = []
        bends = [smooth_field(rng, axes, WARP_KNOT_MM, WARP_MM) for _ in range(3)]
        z, y, x = axes
        bends[0] += x
        bends[1] += y[:, None]
        bends[2] += z[:, None, None]
        self._xyz = (bends[0], bends[1], bends[2])
        threads = smooth_field(rng, axes, THREAD_KNOT_MM, 1.0)
        self._muscle: Floats = MUSCLE_HU - MARBLING_HU * _threads(threads, 0.0, 0.13)
        self.strands: Floats = STRAND_HU * _threads(threads, 1.0, 0.1)
        self.edge_mm = np.float32(1.2 * max(float(x[1] - x[0]), float(y[1] - y[0])))

    def everywhere(self) -> Coordinates:
        """Bent coordinates of all voxels."""
        return self._xyz

    def box(self, low: Triple, high: Triple) -> Box:
        """Voxels whose bent position may lie in a box given by its corners (x, y, z) in mm."""
        slices = []
        for axis, first, last in zip(self.axes, low[::-1], high[::-1], strict=True):
            reach = 4.0 * WARP_MM
            slices.append(slice(*np.searchsorted(axis, (first - reach, last + reach))))
        return slices[0], slices[1], slices[2]

    def at(self, box: Box) -> Coordinates:
        """Bent coordinates of a box of voxels."""
        return self._xyz[0][box], self._xyz[1][box], self._xyz[2][box]

    def part(self, low: Triple, high: Triple, distance: Callable[[Coordinates], Floats]) -> Part:
        """Evaluate a signed distance on the voxels of a box in mm."""
        box = self.box(low, high)
        return Part(box, distance(self.at(box)))

    def ellipsoid(self, centre: Triple, radii: Triple, tilt_deg: Triple = shapes.UPRIGHT) -> Part:
        """Return an ellipsoid, not yet painted."""
        reach = max(radii) if tilt_deg != shapes.UPRIGHT else 0.0
        half = [max(r, reach) + 2.0 for r in radii]
        low, high = _corners([centre], half)
        return self.part(low, high, lambda p: shapes.ellipsoid(p, centre, radii, tilt_deg))

    def rod(self, start: Triple, stop: Triple, radius: float, radius_stop: float) -> Part:
        """Return a rod with round ends, not yet painted."""
        low, high = _corners([start, stop], [max(radius, radius_stop) + 2.0] * 3)
        return self.part(low, high, lambda p: shapes.capsule(p, start, stop, radius, radius_stop))

    def paint(self, part: Part, hu: float, only_in: "Stencil | None" = None) -> Part:
        """Fill a solid with a value, where a stencil is given only there. Returns the part."""
        if only_in is None:
            paint_cover(self.hu[part.box], part.distance, hu, float(self.edge_mm))
            return part
        shown = part.clipped(only_in.box)
        view = self.hu[shown.box]
        view += self.cover(shown) * only_in.at(shown.box) * (np.float32(hu) - view)
        return part

    def muscle(self, part: Part, only_in: "Stencil | None" = None) -> Part:
        """Fill a solid with marbled muscle under a thin layer of fat. Returns the part."""
        box = part.box if only_in is None else part.clipped(only_in.box).box
        shown = part.clipped(box)
        share = np.float32(1.0) if only_in is None else only_in.at(box)
        view = self.hu[box]
        view += self.cover(shown.grown(FASCIA_MM)) * share * (np.float32(FASCIA_HU) - view)
        view += self.cover(shown) * share * (self._muscle[box] - view)
        return part

    def stencil(self, part: Part) -> "Stencil":
        """Return a solid as something that limits what is painted."""
        return Stencil(part.box, self.cover(part))

    def cover(self, part: Part) -> Floats:
        """How much of each voxel of its box a part covers, 0 to 1."""
        cover = np.float32(0.5) - part.distance / self.edge_mm
        result: Floats = np.clip(cover, 0.0, 1.0, out=cover)
        return result

    def bone(self, part: Part, name: str, cortical_hu: float, spongy_hu: float, shell_mm: float) -> Part:
        """Fill a solid with a dense shell and a spongy inside, as a piece of a bone. Returns the part."""
        self.label(part, name)
        depth = -part.distance - np.float32(shell_mm)
        inner = np.clip(np.float32(0.5) + depth / self.edge_mm, 0.0, 1.0)
        value = np.float32(cortical_hu) + inner * np.float32(spongy_hu - cortical_hu)
        view = self.hu[part.box]
        view += self.cover(part) * (value - view)
        return part

    def place(self, bent: Triple) -> Array:
        """Find where on the canvas a point of the bent anatomy lies, (3,) mm: a bend varies slowly."""
        goal = np.array(bent)
        position = goal
        for _ in range(4):
            k, j, i = (
                min(int(np.searchsorted(axis, p)), len(axis) - 1)
                for axis, p in zip(self.axes, position[::-1], strict=True)
            )
            voxel = np.array([self.axes[2][i], self.axes[1][j], self.axes[0][k]])
            position = goal - (np.array([axis[k, j, i] for axis in self._xyz]) - voxel)
        return position

    def bones(self) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
        """Return the labels of the bones that show on the canvas, numbered from 1, and their names."""
        seen = np.bincount(self.bone_labels.ravel(), minlength=len(self.bone_names) + 1)[1:] > 0
        numbers = np.concatenate([[0], np.cumsum(seen) * seen]).astype(np.uint8)
        return numbers[self.bone_labels], tuple(np.array(self.bone_names)[seen].tolist())

    def label(self, part: Part, name: str) -> None:
        """Say that a solid is a piece of the rigid bone of this name."""
        if name not in self.bone_names:
            self.bone_names.append(name)
        self.bone_labels[part.box][part.distance < 0.0] = self.bone_names.index(name) + 1

    def tube(self, points: Sequence[Triple], radii: Sequence[float], hu: float, bone: str = "") -> None:
        """Paint a chain of rods, where a bone is named as a piece of it."""
        for ends, ends_mm in zip(_pairs(points), _pairs(radii), strict=True):
            low, high = _corners(ends, [max(ends_mm) + 2.0] * 3)
            box = self.box(low, high)
            axis, thickness = np.array(ends, dtype=np.float32), np.array(ends_mm, dtype=np.float32)
            paint_rod(self.hu[box], self.at(box), axis, thickness, hu, float(self.edge_mm))
            if bone:
                self.label(self.rod(*ends, *ends_mm), bone)

    def chain(self, points: Sequence[Triple], radii: Sequence[float]) -> Part:
        """Return a chain of rods as one solid, not yet painted."""
        low, high = _corners(points, [max(radii) + 2.0] * 3)
        rods = list(zip(_pairs(points), _pairs(radii), strict=True))
        return self.part(
            low,
            high,
            lambda p: shapes.union(*(shapes.capsule(p, a, b, r0, r1) for (a, b), (r0, r1) in rods)),
        )


def _threads(field: Floats, level: float, width: float) -> Floats:
    """1 on the sheets where a random field passes a level, 0 away from them."""
    sheet = (field - np.float32(level)) * np.float32(1.0 / width)
    result: Floats = np.exp(-sheet * sheet)
    return result


def _overlap(a: slice, b: slice) -> slice:
    start = max(a.start, b.start)
    return slice(start, max(start, min(a.stop, b.stop)))


def _pairs(items: Sequence[T]) -> list[tuple[T, T]]:
    return list(pairwise(items))


def _corners(points: Sequence[Triple], reach: Sequence[float]) -> tuple[Triple, Triple]:
    values = np.array(points, dtype=np.float64)
    low, high = values.min(axis=0) - reach, values.max(axis=0) + reach
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])
