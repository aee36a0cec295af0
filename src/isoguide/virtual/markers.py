"""What is put into and onto a patient so that he can be found again: gold seeds, and marks on the skin."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.xray_view import XrayView
from isoguide.plan import Fiducial, SkinMark

Floats = NDArray[np.float32]

SEED_LENGTH_MM, SEED_DIAMETER_MM = 5.0, 1.0
"""A common size of gold seeds."""
SEED_HU = 20000.0
"""An assumption: what a scanner with an extended scale shows in a voxel full of gold. By its attenuation
(424 times that of water at 60 keV, NIST XCOM) it would be far more, but few photons come through to tell."""
BALL_DIAMETER_MM, BALL_HU = 2.0, 2500.0
"""The balls that mark the skin during the planning scan, and nothing of which remains but the mark."""
SUBSAMPLES = 5
"""Per axis and voxel: marks are smaller than voxels, so that what they cover has to be counted."""
CHORDS = 3
"""Rays per axis and pixel through a rod."""
SKIN_STEP_MM = 0.25
_AXES = np.vstack([np.eye(3), -np.eye(3)])
_DIRECTIONS = {"anterior": (0.0, -1.0, 0.0), "left": (1.0, 0.0, 0.0), "right": (-1.0, 0.0, 0.0)}


def paint_rod(
    values: Floats, grid: Grid, ends_mm: tuple[Array, Array], diameter_mm: float, hu: float
) -> None:
    """Put a small rod with round ends into an image; voxels take their share of it.

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
    inner = (np.arange(SUBSAMPLES) + 0.5) / SUBSAMPLES - 0.5
    axes = [(np.arange(a, b)[:, None] + inner).ravel() for a, b in zip(low, high, strict=True)]
    ijk = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    along = ends_mm[1] - ends_mm[0]
    offset = grid.xyz(ijk) - ends_mm[0]
    t = np.clip(offset @ along / max(float(along @ along), 1e-9), 0.0, 1.0)
    inside = np.linalg.norm(offset - t[..., None] * along, axis=-1) < diameter_mm / 2.0
    counts = [n for pair in ((b - a, SUBSAMPLES) for a, b in zip(low, high, strict=True)) for n in pair]
    cover = inside.reshape(counts).mean(axis=(1, 3, 5)).astype(np.float32).transpose(2, 1, 0)
    view = values[low[2] : high[2], low[1] : high[1], low[0] : high[0]]
    view += cover * (np.float32(hu) - view)


def add_chords(
    image: Array, view: XrayView, centre_mm: Array, axis: Array, size_mm: tuple[float, float], per_mm: float
) -> None:
    """Add to a radiograph what a rod with flat ends absorbs: the length of each ray inside it.

    Parameters
    ----------
    image
        Line integrals or thicknesses [row, column], changed in place.
    view
        Of the radiograph.
    centre_mm, axis
        Middle of the rod and unit vector along it, (3,), in the frame of the view.
    size_mm
        Its length and diameter.
    per_mm
        What a mm of the rod adds.
    """
    length_mm, diameter_mm = size_mm
    middle = np.round(view.project(centre_mm[None])[0]).astype(int)
    reach_px = view.project(centre_mm + (length_mm / 2.0 + diameter_mm) * _AXES) - middle
    half = int(np.ceil(np.abs(reach_px).max())) + 2
    inner = (np.arange((2 * half + 1) * CHORDS) + 0.5) / CHORDS - 0.5 - half
    pixels = np.stack(np.meshgrid(middle[0] + inner, middle[1] + inner), axis=-1).reshape(-1, 2)
    ray = view.pixel_mm(pixels) - view.source_mm
    ray /= np.linalg.norm(ray, axis=1)[:, None]
    start = view.source_mm - centre_mm
    along, from_start = ray @ axis, float(start @ axis)
    across, off = ray - along[:, None] * axis, start - from_start * axis
    a, b, c = (across * across).sum(axis=1), across @ off, float(off @ off) - diameter_mm**2 / 4.0
    root = np.sqrt(np.maximum(b * b - a * c, 0.0))
    ends = np.sort((np.array([[-0.5], [0.5]]) * length_mm - from_start) / along, axis=0)
    chord = np.minimum((-b + root) / a, ends[1]) - np.maximum((-b - root) / a, ends[0])
    chord = np.where(b * b > a * c, np.maximum(chord, 0.0), 0.0)
    size = 2 * half + 1
    column, row = middle
    patch = image[row - half : row + half + 1, column - half : column + half + 1]
    patch += per_mm * chord.reshape(size, CHORDS, size, CHORDS).mean(axis=(1, 3))


def implant_seeds(
    values: Floats, grid: Grid, positions_mm: Sequence[Array], rng: np.random.Generator
) -> tuple[Fiducial, ...]:
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
        half = direction / np.linalg.norm(direction) * (SEED_LENGTH_MM - SEED_DIAMETER_MM) / 2.0
        paint_rod(values, grid, (centre_mm - half, centre_mm + half), SEED_DIAMETER_MM, SEED_HU)
        seeds.append(Fiducial(f"Seed {number}", centre_mm))
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
