"""What is put into and onto a patient so that he can be found again: gold seeds, and marks on the skin."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.geometry.grid import Grid
from isoguide.plan import Fiducial, SkinMark

Floats = NDArray[np.float32]

SEED_LENGTH_MM, SEED_DIAMETER_MM = 5.0, 1.0
"""A common size of gold seeds."""
SEED_HU = 20000.0
"""An assumption: what a scanner with an extended scale shows in a voxel full of gold. By its attenuation
(424 times that of water at 60 keV, NIST XCOM) it would be far more, but few photons come through to tell."""
BALL_DIAMETER_MM, BALL_HU = 2.0, 2500.0
"""The balls that mark the skin during the planning scan, and nothing of which remains but the mark."""
STEPS_ACROSS = 8
"""Of the grid that counts what a mark covers of a voxel, over its diameter: marks are smaller than voxels."""
SKIN_STEP_MM = 0.25
_DIRECTIONS = {"anterior": (0.0, -1.0, 0.0), "left": (1.0, 0.0, 0.0), "right": (-1.0, 0.0, 0.0)}


@dataclass(frozen=True, slots=True, eq=False)
class ImplantedSeed:
    """A gold seed as it lies in the patient: its name, and the ends of its axis (2, 3), planning LPS."""

    name: str
    ends_mm: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "ends_mm", frozen_array(self.ends_mm, (2, 3), "the ends of a seed"))

    @property
    def fiducial(self) -> Fiducial:
        """Its centre, as a plan marks it."""
        return Fiducial(self.name, np.round(self.ends_mm.mean(axis=0), 2))


def paint_rod(
    values: Floats, grid: Grid, ends_mm: tuple[Array, Array], diameter_mm: float, hu: float
) -> None:
    """Put a small rod with round ends into an image, blurred by a tent of the size of a voxel.

    Each part of it is shared among the eight voxels about it, so that its picture lies where it lies: the
    plain share of each voxel would put a rod thinner than a voxel into the middle of that voxel.

    Parameters
    ----------
    values
        HU ``[k, j, i]``, changed in place.
    grid
        Where the voxels are.
    ends_mm
        Ends of the rod's axis, (3,) each; a ball when they are one point.
    diameter_mm, hu
        Thickness and value of the rod.
    """
    index = np.stack([grid.index(end) for end in ends_mm])
    reach = (diameter_mm / 2.0 + 0.5) / grid.spacing_mm + 1.0
    low = np.maximum(np.floor(index.min(axis=0) - reach).astype(int), 0)
    high = np.minimum(np.ceil(index.max(axis=0) + reach).astype(int) + 1, grid.shape[::-1])
    if (high <= low).any():
        return
    steps = np.ceil(STEPS_ACROSS * grid.spacing_mm / diameter_mm).astype(int).tolist()
    axes = [
        (np.arange(a, b)[:, None] + (np.arange(n) + 0.5) / n - 0.5).ravel()
        for a, b, n in zip(low, high, steps, strict=True)
    ]
    # Of the points in these voxels only those in the box about the rod can lie in it.
    thick = diameter_mm / 2.0 / grid.spacing_mm + 1e-6
    first, last = index.min(axis=0) - thick, index.max(axis=0) + thick
    axes = [one[(one >= a) & (one <= b)] for one, a, b in zip(axes, first, last, strict=True)]
    ijk = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    along = ends_mm[1] - ends_mm[0]
    offset = grid.xyz(ijk) - ends_mm[0]
    t = np.clip(offset @ along / max(float(along @ along), 1e-9), 0.0, 1.0)
    inside = np.linalg.norm(offset - t[..., None] * along, axis=-1) < diameter_mm / 2.0
    cover = (_shared(ijk[inside] - low, high - low) / np.prod(steps)).astype(np.float32)
    view = values[low[2] : high[2], low[1] : high[1], low[0] : high[0]]
    view += cover.transpose(2, 1, 0) * (np.float32(hu) - view)


def _shared(index: Array, shape: NDArray[np.int_]) -> Array:
    """Share points (n, 3) of an image of this shape among the eight voxels about each."""
    first = np.floor(index).astype(int)
    part = index - first
    found = np.zeros(int(np.prod(shape)))
    for corner in product((0, 1), repeat=3):
        at = first + corner
        weight = np.where(corner, part, 1.0 - part).prod(axis=1)
        there = ((at >= 0) & (at < shape)).all(axis=1)
        flat = np.ravel_multi_index(tuple(at[there].T), tuple(shape))
        found += np.bincount(flat, weight[there], len(found))
    return found.reshape(shape)


def implant_seeds(
    values: Floats, grid: Grid, positions_mm: Sequence[Array], rng: np.random.Generator
) -> tuple[ImplantedSeed, ...]:
    """Put gold seeds into an image, as a needle leaves them: more or less along z.

    Parameters
    ----------
    values
        HU ``[k, j, i]``, changed in place.
    grid
        Where the voxels are, frame PLANNING.
    positions_mm
        Where their centres shall lie, (3,) each; they come to lie within 2 mm of there.
    rng
        Where scatter and directions are drawn from.
    """
    seeds = []
    for number, wanted_mm in enumerate(positions_mm, start=1):
        centre_mm = np.round(wanted_mm + np.clip(rng.normal(0.0, 0.8, 3), -1.1, 1.1), 2)
        direction = np.array([0.0, 0.0, 1.0]) + 0.35 * rng.standard_normal(3)
        half = direction / np.linalg.norm(direction) * SEED_LENGTH_MM / 2.0
        round_end = 1.0 - SEED_DIAMETER_MM / SEED_LENGTH_MM
        ends_mm = (centre_mm - half * round_end, centre_mm + half * round_end)
        paint_rod(values, grid, ends_mm, SEED_DIAMETER_MM, SEED_HU)
        seeds.append(ImplantedSeed(f"Seed {number}", np.stack([centre_mm - half, centre_mm + half])))
    return tuple(seeds)


def skin_marks(outside_mm: Floats, grid: Grid, isocentre_mm: Array) -> tuple[SkinMark, ...]:
    """Find where the lasers through the isocentre meet the skin in front, at the left and at the right.

    A side that the image cuts off has no mark.

    Parameters
    ----------
    outside_mm
        Zero at the skin and negative inside the body, ``[k, j, i]``: a distance or what grows like one.
    grid
        Axial grid of a supine patient, frame PLANNING.
    isocentre_mm
        Where the lasers cross, (3,).

    Raises
    ------
    GeometryError
        If the isocentre lies outside the body.
    """
    marks = []
    for name, direction in _DIRECTIONS.items():
        steps = np.arange(0.0, float(grid.extent_mm.max()), SKIN_STEP_MM)
        ray = isocentre_mm + steps[:, None] * np.array(direction)
        ray = ray[grid.contains(ray)]
        depth = ndimage.map_coordinates(outside_mm, grid.index(ray).T[::-1], order=1, prefilter=False)
        inside = np.flatnonzero(depth < 0.0)
        if len(inside) == 0:
            x, y, z = isocentre_mm
            msg = (
                f"the isocentre ({x:.1f}, {y:.1f}, {z:.1f}) mm lies outside the body: no laser finds the skin"
            )
            raise GeometryError(msg)
        last = inside[-1]
        if last + 1 == len(depth):
            continue
        share = float(depth[last] / (depth[last] - depth[last + 1]))
        position_mm = isocentre_mm + (steps[last] + share * SKIN_STEP_MM) * np.array(direction)
        marks.append(SkinMark(name, np.round(position_mm, 2)))
    return tuple(marks)


def stick_balls(values: Floats, grid: Grid, marks: Sequence[SkinMark]) -> None:
    """Put a ball on every mark of the skin, for the planning scan; ``values`` is changed in place."""
    for mark in marks:
        paint_rod(values, grid, (mark.position_mm, mark.position_mm), BALL_DIAMETER_MM, BALL_HU)
