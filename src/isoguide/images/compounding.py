"""From the images of a freehand sweep to a volume."""

from collections.abc import Iterator
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import InputError
from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.images.sweep_motion import check_gaps, check_motion, fan_box_px
from isoguide.images.ultrasound_image import UltrasoundImage
from isoguide.images.ultrasound_shadow import shadows_of_images
from isoguide.images.ultrasound_sweep import UltrasoundSweep
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.kernels.compounding import DARK, LIT, fill_holes, insert, means, splat
from isoguide.progress import Progress, part_of, silent

Method = Literal["mean", "maximum", "nearest"]

MOST_VOXELS: Final = 200_000_000
"""Of a grid: 3 GB of sums."""

SHADOW_MOVES_MM: Final = 1.0
"""Images whose planes are no farther apart share their shadows: the plane is about 3 mm thick."""

_LEAST_WEIGHT: Final = 0.02
"""Sum of trilinear weights below which a voxel was only brushed."""

_LIT_SCORE: Final = 512.0
_Bytes = NDArray[np.uint8]
_Bools = NDArray[np.bool_]


def compound(
    sweep: UltrasoundSweep,
    *,
    spacing_mm: float | tuple[float, float, float] = 0.5,
    method: Method = "mean",
    fill_mm: float = 3.0,
    progress: Progress = silent,
) -> UltrasoundVolume:
    """Make a volume of a sweep, on a grid along the axes of the sweep's frame.

    Parameters
    ----------
    sweep
        The images with their places.
    spacing_mm
        Of the voxels, one for all or along x, y, z.
    method
        What a voxel gets: the mean of the pixels around it with trilinear weights, the brightest of those
        nearest to it, or the one nearest to its centre. Pixels in a shadow count only where there are no
        others.
    fill_mm
        The longest distance between two voxels over which a hole is bridged: the default is about the
        thickness of the plane that the transducer sees, so that nothing lies unseen between images that far
        apart.
    progress
        Told of the images.

    Raises
    ------
    InputError
        If a setting is impossible, or the volume would be enormous.
    GeometryError
        If the probe jumps, or a gap is left; see :mod:`isoguide.images.sweep_motion`.
    """
    spacing = _checked_spacing(spacing_mm, fill_mm)
    check_motion(sweep)
    grid = _grid(sweep, spacing)
    values, seen, shadowed = _gather(sweep, grid, method, part_of(progress, 0.0, 0.85))
    progress(0.85, "filling holes")
    values, seen, shadowed = fill_holes(values, seen, shadowed, grid.spacing_mm, fill_mm)
    check_gaps(sweep, grid, seen, fill_mm)
    return UltrasoundVolume(grid, values, seen, shadowed, sweep.source)


def _checked_spacing(spacing_mm: float | tuple[float, float, float], fill_mm: float) -> Array:
    spacing: Array = np.broadcast_to(np.asarray(spacing_mm, dtype=np.float64), (3,)).copy()
    if not (spacing.min() >= 0.05 and spacing.max() <= 10.0):
        msg = f"voxels of {spacing.tolist()} mm cannot be made: choose 0.05 to 10 mm"
        raise InputError(msg)
    if not 0.0 <= fill_mm <= 20.0:
        msg = f"holes of {fill_mm:g} mm cannot be filled: choose 0 to 20 mm"
        raise InputError(msg)
    return spacing


def _grid(sweep: UltrasoundSweep, spacing: Array) -> Grid:
    """Box around everything that was seen, with one voxel more on each side."""
    edges = np.concatenate([_outline_mm(image) for image in sweep.images])
    low = np.floor(edges.min(axis=0) / spacing) - 1.0
    high = np.ceil(edges.max(axis=0) / spacing) + 1.0
    count = (high - low).astype(int) + 1
    if count.prod() > MOST_VOXELS:
        msg = (
            f"the sweep spans {' × '.join(f'{size:.0f}' for size in count * spacing)} mm, which is "
            f"{count.prod() / 1e6:.0f} million voxels: choose larger ones"
        )
        raise InputError(msg)
    x, y, z = (int(size) for size in count)
    return Grid(sweep.frame, (z, y, x), spacing, low * spacing, np.eye(3))


def _outline_mm(image: UltrasoundImage) -> Array:
    """Corners of the box around the fan, (4, 3)."""
    (left, top), (right, bottom) = fan_box_px(image.in_fan)
    return image.xyz_mm(np.array([[left, top], [right, top], [left, bottom], [right, bottom]]))


def _gather(
    sweep: UltrasoundSweep, grid: Grid, method: Method, progress: Progress
) -> tuple[_Bytes, _Bools, _Bools]:
    labels = _labels(sweep)
    if method == "mean":
        sums = np.zeros((*grid.shape, 4), dtype=np.float32)
        for number, image in enumerate(sweep.images):
            progress(number / len(sweep.images), f"image {number + 1} of {len(sweep.images)}")
            splat(image.values, next(labels), _index_from_pixel(image, grid), sums)
        return means(sums, _LEAST_WEIGHT)
    score = np.full(grid.shape, -np.inf, dtype=np.float32)
    values = np.zeros(grid.shape, dtype=np.uint8)
    for number, image in enumerate(sweep.images):
        progress(number / len(sweep.images), f"image {number + 1} of {len(sweep.images)}")
        keep: Literal["brightest", "nearest"] = "brightest" if method == "maximum" else "nearest"
        insert(image.values, next(labels), _index_from_pixel(image, grid), score, values, keep=keep)
    seen = np.isfinite(score)
    return values, seen, seen & (score < _LIT_SCORE)


def _labels(sweep: UltrasoundSweep) -> Iterator[_Bytes]:
    """Label the pixels of one image after another; shadows are looked for anew when the plane has moved."""
    places = [_outline_mm(image) for image in sweep.images]
    chosen = [0]
    for number, place in enumerate(places):
        if np.linalg.norm(place - places[chosen[-1]], axis=1).max() > SHADOW_MOVES_MM:
            chosen.append(number)
    shadows = shadows_of_images(sweep.images[number] for number in chosen)
    starts = set(chosen)
    for number, image in enumerate(sweep.images):
        if number in starts:
            shadow = next(shadows)
        labels: _Bytes = np.where(shadow, np.uint8(DARK), np.uint8(LIT)) * image.in_fan
        yield labels


def _index_from_pixel(image: UltrasoundImage, grid: Grid) -> Array:
    """(3, 3) from (column, row, 1) to voxel (i, j, k)."""
    origin, column, row = grid.index(image.xyz_mm(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])))
    return np.column_stack([column - origin, row - origin, origin])
