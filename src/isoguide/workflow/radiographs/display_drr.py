"""A radiograph and the shadow of the planning CT in the same geometry, on grey values that can be compared.

X-rays of another energy, scatter and the thickness of the body change a radiograph slowly across the
detector; bones do so fast. Of both images most of what is slow is taken away, and a straight line brings the
quantiles of what is left on one scale, so that the same bone has the same grey in both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from isoguide.geometry.frames import PLANNING, Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.geometry.xray_view import XrayView
from isoguide.images.radiograph import Radiograph
from isoguide.images.radiograph_view import RadiographView
from isoguide.images.volume import Volume
from isoguide.projection.materials import attenuation_of
from isoguide.projection.project import CastVolume
from isoguide.workflow.pictures import Window
from isoguide.workflow.planes import Pixels
from isoguide.workflow.setup_drr import ENERGY_KEV

SLOW_MM: Final = 15.0
"""Standard deviation, at the isocentre, of what counts as slow: wider than a vertebra or a femur."""
SLOW_LEFT: Final = 0.15
"""Share of the slow part that stays, so that the body keeps its shape."""
BODY_SHARE: Final = 0.05
"""A ray with less than this of the largest line integral passes beside the patient."""
COUNTED_SHARE: Final = 0.05
"""Rows and columns of which less counts are beyond the collimator, and cut off."""
MATCHED_QUANTILES: Final = np.linspace(0.05, 0.9, 35)
"""Without the brightest part: bars of the couch and instruments are in one image only."""
SHOWN_PERCENTILES: Final = (1.0, 99.7)
LONGEST_QUICK_MM: Final = 2.0
"""Voxels are put together in pairs for quick shadows up to this length: longer ones would hide a movement."""


@dataclass(frozen=True, slots=True, eq=False)
class ShadowCaster:
    """The planning CT as attenuation per mm, computed once, and its grid."""

    grid: Grid
    attenuation: CastVolume

    @classmethod
    def of(cls, volume: Volume) -> "ShadowCaster":
        """Take the attenuation of a planning CT at the energy of set-up DRRs.

        Raises
        ------
        MissingEvidenceError
            If the image has no Hounsfield units.
        """
        return cls(volume.grid, CastVolume.of(attenuation_of(volume, ENERGY_KEV), volume.grid))

    def quicker(self) -> "ShadowCaster":
        """Return a caster with pairs of voxels put together, for shadows of half the pixels.

        Along an axis where pairs would be longer than :data:`LONGEST_QUICK_MM` voxels stay as they are.
        """
        i, j, k = (2 if 2.0 * float(mm) <= LONGEST_QUICK_MM else 1 for mm in self.grid.spacing_mm)
        return ShadowCaster(self.grid, self.attenuation.coarser((i, j, k)))

    def shadows(self, views: Sequence[XrayView]) -> list[Pixels]:
        """Line integrals (rows, columns) for views in PLANNING; NaN where a ray misses the image."""
        shadows = [shadow.copy() for shadow in self.attenuation.project(views)]
        for view, shadow in zip(views, shadows, strict=True):
            row, column = np.nonzero(shadow == 0.0)
            missed = ~meets_grid(self.grid, view, np.column_stack([column, row]))
            shadow[row[missed], column[missed]] = np.nan
        return shadows


def posed(view: XrayView, planning_from_daily: RigidTransform) -> XrayView:
    """Return a view in coordinates of the planning CT, for tissue that lies as the transform says."""
    return view.in_frame(RigidTransform(PLANNING, view.frame, planning_from_daily.matrix))


def meets_grid(grid: Grid, view: XrayView, pixels: Array) -> NDArray[np.bool_]:
    """Tell for pixels (n, 2), column and row, whether their rays pass through the voxels of a grid."""
    start = grid.index(view.source_mm)
    along = grid.index(view.pixel_mm(pixels)) - start
    last = np.array(grid.shape[::-1]) - 0.5
    # Slabs: a ray is inside from where it has entered all of them until it leaves the first.
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.stack([(-0.5 - start) / along, (last - start) / along])
    ends = np.nan_to_num(ends, nan=0.0)
    entered, left = ends.min(axis=0).max(axis=-1), ends.max(axis=0).min(axis=-1)
    return np.asarray(entered < left)


def reduced(one: RadiographView, widest: int) -> RadiographView:
    """Return a radiograph cut to what counts, as line integrals, with at most ``widest`` rows and columns.

    Whole blocks of pixels are averaged over those that count; a block counts when half of it does.
    """
    rows, columns = (_counted(one.counts.mean(axis=axis)) for axis in (1, 0))
    factor = ceil(max(rows.stop - rows.start, columns.stop - columns.start) / widest)
    high, wide = (max(1, (part.stop - part.start) // factor) for part in (rows, columns))
    cut = (
        slice(rows.start, rows.start + high * factor),
        slice(columns.start, columns.start + wide * factor),
    )
    blocks = (high, factor, wide, factor)
    counts = one.counts[cut].reshape(blocks)
    values = one.radiograph.line_integrals[cut].reshape(blocks)
    share = counts.mean(axis=(1, 3))
    mean = (values * counts).mean(axis=(1, 3)) / np.where(share > 0.0, share, 1.0)
    mean = np.where(share > 0.0, mean, values.mean(axis=(1, 3)))
    view = _cut_view(one.view, cut, factor)
    radiograph = Radiograph(view, np.ascontiguousarray(mean, dtype=np.float32), "line integral")
    return RadiographView(radiograph, share >= 0.5, one.source, one.warnings)


def _counted(share: Array) -> slice:
    counted = np.flatnonzero(share >= COUNTED_SHARE)
    return slice(int(counted[0]), int(counted[-1]) + 1) if len(counted) else slice(0, len(share))


def _cut_view(view: XrayView, cut: tuple[slice, slice], factor: int) -> XrayView:
    rows, columns = cut
    middle = np.array([[columns.start + columns.stop - 1.0, rows.start + rows.stop - 1.0]]) / 2.0
    return XrayView(
        view.frame,
        view.source_mm,
        view.pixel_mm(middle)[0],
        view.row_direction,
        view.column_direction,
        (view.pixel_spacing_mm[0] * factor, view.pixel_spacing_mm[1] * factor),
        ((columns.stop - columns.start) // factor, (rows.stop - rows.start) // factor),
    )


def coarser(view: XrayView, factor: int) -> XrayView:
    """Return a view with pixels as large as blocks of a view's; what fills no block at the end is cut off.

    Position p in it is position ``(p + 1/2) factor - 1/2`` in the view.
    """
    columns, rows = (max(1, count // factor) * factor for count in view.size)
    return _cut_view(view, (slice(0, rows), slice(0, columns)), factor)


def enlarged(values: Pixels, factor: int, shape: tuple[int, int]) -> Pixels:
    """Return values of :func:`coarser` pixels (rows, columns) at the pixels of the view, ``shape``.

    In between they are interpolated linearly; the outermost ones go on to the edge.
    """
    rows, columns = (
        np.clip((np.arange(count, dtype=np.float32) + 0.5) / factor - 0.5, 0, size - 1)
        for count, size in zip(shape, values.shape, strict=True)
    )
    row, column = rows.astype(np.intp), columns.astype(np.intp)
    below = np.minimum(row + 1, values.shape[0] - 1)
    beside = np.minimum(column + 1, values.shape[1] - 1)
    down, right = (rows - row)[:, None], (columns - column)[None]
    tall = values[row] * (np.float32(1.0) - down) + values[below] * down
    return np.asarray(tall[:, column] * (np.float32(1.0) - right) + tall[:, beside] * right, dtype=np.float32)


def window_of(view: XrayView, rows: slice, columns: slice) -> XrayView:
    """Return a view of some neighbouring rows and columns of a view."""
    return _cut_view(view, (rows, columns), 1)


def pixel_at_mm(view: XrayView, point_mm: Array) -> float:
    """Return how long a pixel of a view is at the depth of a point (3,), mm: the mean of both directions."""
    depth_mm = float(view.normal @ (point_mm - view.source_mm))
    return float(np.mean(view.pixel_spacing_mm)) * depth_mm / view.source_detector_distance_mm


def in_the_patient(shadow: Pixels) -> NDArray[np.bool_]:
    """Tell which rays of a shadow (rows, columns) pass through the patient."""
    known = np.nan_to_num(shadow)
    return np.asarray(known > BODY_SHARE * known.max())


def detail(values: Pixels, known: NDArray[np.bool_], pixel_mm: float) -> Pixels:
    """Take most of what is slow away; (rows, columns), NaN where not ``known``.

    What is slow is the mean of known pixels only, so that the edge of a collimator makes no fringe.
    """
    width = max(1, round(2.0 * SLOW_MM / pixel_mm))
    slow = _blurred(np.where(known, values, np.float32(0.0)), width)
    slow /= np.maximum(_blurred(known.astype(np.float32), width), np.float32(1e-6))
    return np.where(known, values - np.float32(1.0 - SLOW_LEFT) * slow, np.float32(np.nan))


def _blurred(values: Pixels, width: int) -> Pixels:
    """Average over a square three times, which is nearly a Gaussian of half its width."""
    for _ in range(3):
        values = uniform_filter(values, width, mode="constant")
    return values


def windows(shadow: Pixels, image: Pixels, where: NDArray[np.bool_]) -> tuple[Window, Window]:
    """Return what is drawn black and white of a shadow and of an image (rows, columns), from rays ``where``.

    Quantiles do not need the two to be aligned, so before and after are drawn on the same grey values.
    """
    where = where & np.isfinite(shadow) & np.isfinite(image)
    if not where.any():
        return _own_window(shadow), _own_window(image)
    drawn, other = shadow[where].astype(np.float64), image[where].astype(np.float64)
    window = _own_window(shadow[where])
    pairs = np.quantile(drawn, MATCHED_QUANTILES), np.quantile(other, MATCHED_QUANTILES)
    if min(np.ptp(part) for part in pairs) <= 0.0:
        return window, _own_window(image[where])
    slope, offset = (float(value) for value in np.polyfit(*pairs, 1))
    return window, Window(slope * window.low + offset, slope * window.high + offset)


def _own_window(values: Pixels) -> Window:
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return Window(0.0, 1.0)
    low, high = (float(value) for value in np.percentile(finite, SHOWN_PERCENTILES))
    return Window(low, max(high, low + 1e-6))
