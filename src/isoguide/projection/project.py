"""Line integrals through volumes: what an X-ray source and a flat detector make of values on a grid."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.xray_view import XrayView
from isoguide.kernels.ray_march import march_rays, march_rays_through_two

Float32 = NDArray[np.float32]

LARGEST_VOXELS = 2**32
"""The kernel addresses voxels with 32 bits."""


def project_volume(values: Float32, grid: Grid, views: Sequence[XrayView]) -> Float32:
    """Integrate a volume along the ray from the source to the middle of every pixel of every view.

    Values are interpolated linearly between voxel centres and go on unchanged from the outermost centres to
    the faces of the grid; beyond them there is nothing. Rays are sampled once per voxel plane that they cross
    (Joseph, IEEE Transactions on Medical Imaging 1(3), 1982), exactly from where they enter to where they
    leave. Air (zero) around what the volume shows costs no time.

    Parameters
    ----------
    values
        Array ``[k, j, i]``, for instance linear attenuation per mm.
    grid
        Where the voxels are.
    views
        In the frame of the grid, all with one detector size.

    Returns
    -------
    float32 (views, rows, columns): value times mm.

    Raises
    ------
    GeometryError
        If the array does not fit the grid or holds a value that is not finite, or a view has another frame or
        another detector size.
    """
    result: Float32 = project_volumes(np.asarray(values)[None], grid, views)[0]
    return result


def project_volumes(values: Float32, grid: Grid, views: Sequence[XrayView]) -> Float32:
    """Integrate several volumes on one grid, such as materials, along the same rays.

    Volumes without negative values go in pairs, for little more than the time of one: they are rounded to
    1/65535 of the largest value of each for it.

    Parameters and errors as for :func:`project_volume`, except that ``values`` is ``[material, k, j, i]`` and
    the result (materials, views, rows, columns).
    """
    values = np.asarray(values, dtype=np.float32)
    _check_values(values, grid)
    _check_views(views, grid)
    if not views:
        return np.empty((len(values), 0, 0, 0), dtype=np.float32)
    return _integrals(*_without_air(values), grid, views)


@dataclass(frozen=True, slots=True, eq=False)
class CastVolume:
    """A volume that is projected again and again: checked and cut to what it shows once.

    ``padded`` is ``[1, k, j, i]`` with one voxel around; voxel ``[0, 0, 0, 0]`` is ``first_ijk`` of ``grid``.
    """

    grid: Grid
    padded: Float32
    first_ijk: Array

    @classmethod
    def of(cls, values: Float32, grid: Grid) -> Self:
        """Take a volume; parameters and errors as for :func:`project_volume`."""
        values = np.asarray(values, dtype=np.float32)[None]
        _check_values(values, grid)
        return cls(grid, *_without_air(values))

    def coarser(self, factors: tuple[int, int, int]) -> Self:
        """Return the volume with larger voxels, each the mean of those that it takes the place of.

        Line integrals stay what they are where the volume changes little from one such voxel to the next.

        Parameters
        ----------
        factors
            How many voxels make one, along i, j, k.
        """
        values = self.padded[0, 1:-1, 1:-1, 1:-1]
        blocks = factors[::-1]
        # What no whole block is left for is filled up with nothing: there is nothing beyond the grid.
        whole = np.pad(values, [(0, -size % block) for size, block in zip(values.shape, blocks, strict=True)])
        mean = np.zeros([size // block for size, block in zip(whole.shape, blocks, strict=True)], np.float32)
        for k, j, i in np.ndindex(*blocks):
            mean += whole[k :: blocks[0], j :: blocks[1], i :: blocks[2]]
        mean /= np.float32(np.prod(blocks))
        middle_ijk = self.first_ijk + 1.0 + (np.array(factors) - 1.0) / 2.0
        spacing_mm = self.grid.spacing_mm * factors
        grid = Grid(self.grid.frame, mean.shape, spacing_mm, self.grid.xyz(middle_ijk), self.grid.direction)
        return type(self).of(mean, grid)

    def project(self, views: Sequence[XrayView]) -> Float32:
        """Integrate along the rays of views, (views, rows, columns); errors as for :func:`project_volume`."""
        _check_views(views, self.grid)
        if not views:
            return np.empty((0, 0, 0), dtype=np.float32)
        result: Float32 = _integrals(self.padded, self.first_ijk, self.grid, views)[0]
        return result


def _without_air(values: Float32) -> tuple[Float32, Array]:
    """Cut ``[material, k, j, i]`` to what is not zero, with an edge of one voxel, and say where it begins."""
    box = occupied_box(values)
    padded = np.pad(values[:, *box], ((0, 0), (1, 1), (1, 1), (1, 1)), mode="edge")
    return padded, np.array([part.start - 1.0 for part in box[::-1]])


def _integrals(padded: Float32, first_ijk: Array, grid: Grid, views: Sequence[XrayView]) -> Float32:
    columns, rows = views[0].size
    by_column = _is_faster_by_column(grid, views)
    lines = np.concatenate([_lines(view, grid, first_ijk, by_column=by_column) for view in views])
    marched = _march(padded, grid.spacing_mm, lines, rows if by_column else columns)
    if by_column:
        marched = marched.reshape(-1, len(views), columns, rows).swapaxes(2, 3)
    return np.ascontiguousarray(marched.reshape(-1, len(views), rows, columns))


def occupied_box(values: Float32) -> tuple[slice, slice, slice]:
    """Return the part of ``[material, k, j, i]`` with all values that are not zero, and one voxel more.

    The border of zeros keeps the interpolation as it is; where everything is zero, one voxel remains.
    """
    box = [slice(0, size) for size in values.shape[1:]]
    for axis in range(3):
        layers = np.moveaxis(values[:, *box], axis + 1, 0)
        first = next((n for n, layer in enumerate(layers) if layer.any()), 0)
        last = (
            len(layers)
            - 1
            - next((n for n, layer in enumerate(layers[::-1]) if layer.any()), len(layers) - 1)
        )
        box[axis] = slice(max(first - 1, 0), min(last + 2, len(layers)))
    return box[0], box[1], box[2]


def _check_values(values: Float32, grid: Grid) -> None:
    if values.shape[1:] != grid.shape:
        msg = f"the values have the shape {values.shape[1:]} but their grid says {grid.shape}"
        raise GeometryError(msg)
    if values[0].size + 4 * max(grid.shape) ** 2 >= LARGEST_VOXELS:
        msg = f"a volume of {grid.shape} voxels is too large to project; crop it or use larger voxels"
        raise GeometryError(msg)
    if not np.isfinite(values.sum()) and not np.isfinite(values).all():
        msg = "the volume to project holds values that are not finite numbers"
        raise GeometryError(msg)


def _check_views(views: Sequence[XrayView], grid: Grid) -> None:
    for view in views:
        if view.frame != grid.frame:
            msg = f"a view in '{view.frame}' cannot look at a volume in '{grid.frame}'; use XrayView.in_frame"
            raise GeometryError(msg)
        if view.size != views[0].size:
            msg = f"views of one call need one detector size, not {views[0].size} and {view.size}"
            raise GeometryError(msg)


def _is_faster_by_column(grid: Grid, views: Sequence[XrayView]) -> bool:
    # Neighbouring rays find each other's voxels in the cache when they lie side by side along i.
    along_i = grid.direction[:, 0]
    by_row = sum(abs(float(view.row_direction @ along_i)) for view in views)
    return sum(abs(float(view.column_direction @ along_i)) for view in views) > by_row


def _lines(view: XrayView, grid: Grid, first_ijk: Array, *, by_column: bool) -> Array:
    """Source, first pixel and pixel step of every row (or column), (lines, 3, 3), from ``first_ijk``."""
    columns, rows = view.size
    index_from_xyz = np.linalg.inv(grid.direction * grid.spacing_mm)
    along_row, along_column = (index_from_xyz @ step_mm for step_mm in view.pixel_steps_mm)
    count, step, next_line = (
        (columns, along_column, along_row) if by_column else (rows, along_row, along_column)
    )
    lines = np.empty((count, 3, 3))
    lines[:, 0] = grid.index(view.source_mm) - first_ijk
    lines[:, 1] = grid.index(view.first_pixel_mm) - first_ijk + np.arange(count)[:, None] * next_line
    lines[:, 2] = step
    return lines


def _march(padded: Float32, spacing_mm: Array, lines: Array, pixels: int) -> Float32:
    results: list[Float32] = []
    waiting = list(padded)
    while waiting:
        if len(waiting) > 1 and min(waiting[0].min(), waiting[1].min()) >= 0.0:
            results += [*march_rays_through_two(waiting.pop(0), waiting.pop(0), spacing_mm, lines, pixels)]
        else:
            results.append(march_rays(waiting.pop(0), spacing_mm, lines, pixels))
    return np.stack(results)
