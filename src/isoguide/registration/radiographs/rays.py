"""Patches of rays: where a view's picture of the planning CT has edges in both directions."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.xray_view import XrayView
from isoguide.projection.project import occupied_box, project_volume
from isoguide.registration.pyramid import crop, make_level

Float32 = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

FIELD_MM: Final = 128.0
BESIDE_MM: Final = 25.0
"""Patches lie within the first distance of the isocentre across each view, and beside the detector as far as
the second: what a displaced patient brings in front of it."""
CELLS: Final = 5
"""The field is cut into this many parts each way; every part gets its share of patches."""
CUT_PER_MM: Final = 0.008
"""Attenuation of a quarter of water's is tissue: a face of the CT that shows more has cut the patient."""
CUT_SHARE: Final = 0.01
NEAR_MM: Final = 50.0
"""Standard deviation of how tissue counts as near the isocentre: beyond it, bodies bend from day to day."""
LEAST_NEAR: Final = 0.03
"""A patch that shows only what is far keeps this much of its weight."""
OVERLAP: Final = 0.6
"""Centres of patches keep this share of a patch's width apart."""


@dataclass(frozen=True, eq=False)
class RayVolume:
    """The planning CT as attenuation per mm, with one empty voxel around, and where its voxels are.

    ``index_from_mm`` (3, 4) takes mm from the isocentre to (i, j, k); ``cut`` says whether the first and the
    last slice cut through the patient.
    """

    grid: Grid
    values: Float32
    padded: Float32
    index_from_mm: Array
    cut: tuple[bool, bool]


@dataclass(frozen=True, eq=False)
class ViewPatches:
    """Square patches of one view.

    ``anchors_mm`` (patches, 3), planning: points at the depth of the isocentre that the patches are centred
    on; ``offsets`` (rays, 2): columns and rows of a patch's rays from its centre; ``smooth`` orthonormal
    (rays, 3): constant and ramps, which scatter and heel are in a patch; ``near`` (patches,): how much of a
    patch's contrast comes from near the isocentre, 0 to 1, squared. ``planned`` is how many of them the
    detector shows of a patient who lies as planned.
    """

    anchors_mm: Array
    offsets: Array
    smooth: Array
    near: Array
    planned: int


@dataclass(frozen=True, eq=False)
class RayLevel:
    """One resolution: the volume, and for each view its patches.

    ``ray_mm`` is the distance of rays at the isocentre; ``blur_mm`` the sigma of the blur that the volume has
    and the images get.
    """

    ray_mm: float
    blur_mm: float
    volume: RayVolume
    views: tuple[ViewPatches, ...]


def ray_volume(
    attenuation: Float32, grid: Grid, centre_mm: Array, spacing_mm: float, half_mm: float
) -> RayVolume:
    """Bring attenuation to a spacing, cut along the body to what the views can see."""
    reach_mm = np.array([1e4, 1e4, half_mm])
    part_grid, part = crop(grid, attenuation, centre_mm - reach_mm, centre_mm + reach_mm)
    level = make_level(part_grid, part, spacing_mm, interpolate=True)
    values = np.maximum(level.values, np.float32(0.0))
    box = occupied_box(values[None])
    first = np.array([side.start for side in box[::-1]], dtype=np.float64)
    inner = np.ascontiguousarray(values[box])
    first_slice, last_slice = (bool((side > CUT_PER_MM).mean() > CUT_SHARE) for side in (inner[0], inner[-1]))
    shape = (inner.shape[0], inner.shape[1], inner.shape[2])
    own = Grid(grid.frame, shape, level.grid.spacing_mm, level.grid.xyz(first), level.grid.direction)
    linear = own.index_from_xyz[:3, :3]
    index_from_mm = np.column_stack([linear, own.index(centre_mm) + 1.0])
    return RayVolume(own, inner, np.pad(inner, 1), index_from_mm, (first_slice, last_slice))


def magnification(view: XrayView, centre_mm: Array) -> float:
    """How much larger than at the isocentre things appear on the detector."""
    return view.source_detector_distance_mm / float(view.normal @ (centre_mm - view.source_mm))


def wide_view(view: XrayView, centre_mm: Array, ray_mm: float, count: int) -> XrayView:
    """Return a panel of ``count`` × ``count`` rays in the plane of the detector, its middle on the isocentre.

    Larger than the real one, so that it shows what a displaced patient brings in front of it.
    """
    pitch = ray_mm * magnification(view, centre_mm)
    middle = view.pixel_mm(view.project(centre_mm[None]))[0]
    axes = view.row_direction, view.column_direction
    return XrayView(view.frame, view.source_mm, middle, *axes, (pitch, pitch), (count, count))


def choose_patches(
    volume: RayVolume, view: XrayView, centre_mm: Array, shape: tuple[float, int, int]
) -> ViewPatches:
    """Choose the patches of a view; ``shape`` is distance of rays, rays along a patch's edge, patches."""
    near_values = _near_the_isocentre(volume, centre_mm)
    ray_mm, edge, wanted = shape
    panel_mm = max(np.array(view.size) * view.pixel_spacing_mm) / 2.0 / magnification(view, centre_mm)
    count = 2 * int(min(FIELD_MM, panel_mm + BESIDE_MM) / ray_mm) + 1
    wide = wide_view(view, centre_mm, ray_mm, count)
    picture, near_picture = (
        project_volume(values, volume.grid, [wide])[0] for values in (volume.values, near_values)
    )
    near = _share(near_picture, picture, edge)
    score = _edges_both_ways(picture, edge) * near
    nodes = np.stack(np.unravel_index(np.argsort(-score, axis=None, kind="stable"), score.shape), axis=-1)
    nodes = nodes[score[tuple(nodes.T)] > 0.0]
    pixels = nodes[:, ::-1].astype(np.float64)
    on_detector = wide.pixel_mm(pixels)
    anchors = view.source_mm + (on_detector - view.source_mm) / magnification(view, centre_mm)
    shown = rays_inside(volume, view.source_mm - centre_mm, on_detector - centre_mm)
    kept = _spread(pixels, _apart(pixels, shown, OVERLAP * edge), count)[:wanted]
    steps = np.arange(edge) - (edge - 1) / 2.0
    column, row = (grid.ravel() for grid in np.meshgrid(steps, steps))
    pitch = np.array(wide.pixel_spacing_mm) / np.array(view.pixel_spacing_mm)
    smooth, _ = np.linalg.qr(np.column_stack([np.ones_like(column), column, row]))
    offsets = np.column_stack([column, row]) * pitch
    planned = on_panel(view, view.project(anchors[kept]), offsets)
    return ViewPatches(anchors[kept], offsets, smooth, near[tuple(nodes[kept].T)], int(planned.sum()))


def _near_the_isocentre(volume: RayVolume, centre_mm: Array) -> Float32:
    """Fade attenuation out with the distance from the isocentre; smoothly, so that no edge is made."""
    axes = [np.arange(count) for count in volume.grid.shape]
    middle = volume.grid.index(centre_mm)[::-1]
    spacing = volume.grid.spacing_mm[::-1]
    fading = [
        np.exp(-0.5 * ((axis - at) * mm / NEAR_MM) ** 2).astype(np.float32)
        for axis, at, mm in zip(axes, middle, spacing, strict=True)
    ]
    return np.asarray(
        volume.values * fading[0][:, None, None] * fading[1][:, None] * fading[2], dtype=np.float32
    )


def _share(part: Float32, whole: Float32, edge: int) -> Array:
    """Share of a picture's contrast over a patch that one part of the volume makes, squared."""
    small, large = (image - ndimage.gaussian_filter(image, edge / 2.0) for image in (part, whole))
    together, own = (ndimage.uniform_filter(small * large, edge), ndimage.uniform_filter(large**2, edge))
    share = together / np.maximum(own, max(float(own.max()) * 1e-6, 1e-30))
    return np.asarray(np.clip(share, np.sqrt(LEAST_NEAR), 1.0) ** 2, dtype=np.float64)


def on_panel(view: XrayView, middles: Array, offsets: Array) -> BoolArray:
    """Tell which patches with these middles (n, 2) the detector shows in full."""
    reach = offsets.max(axis=0)
    return np.asarray(((middles >= reach) & (middles <= np.array(view.size) - 1.0 - reach)).all(axis=1))


def rays_inside(volume: RayVolume, source_mm: Array, pixels_mm: Array) -> BoolArray:
    """Tell which rays (n,) to pixels (n, 3) do not meet the patient where the CT has cut him off.

    Beyond the first and last slice that is everywhere; at the sides it is where tissue touches the border.
    Positions in mm from the isocentre, in the axes of the planning CT.
    """
    linear, offset = volume.index_from_mm[:, :3], volume.index_from_mm[:, 3]
    start = linear @ source_mm + offset
    direction = (pixels_mm - source_mm) @ linear.T
    last = np.array(volume.padded.shape[::-1]) - 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.stack([1.0 - start[:2], last[:2] - 1.0 - start[:2]])[:, None] / direction[:, :2]
    enter = np.maximum(np.nanmax(ends.min(axis=0), axis=1), 0.0)
    leave = np.minimum(np.nanmin(ends.max(axis=0), axis=1), 1.0)
    lowest = 2.0 if volume.cut[0] else -np.inf
    highest = last[2] - 2.0 if volume.cut[1] else np.inf
    inside = np.ones(len(direction), dtype=bool)
    for share in (enter, leave):
        at = start + share[:, None] * direction
        i, j, k = np.clip(np.rint(at), 1.0, last - 1.0).astype(np.int64).T
        inside &= (at[:, 2] >= lowest) & (at[:, 2] <= highest) & (volume.padded[k, j, i] < CUT_PER_MM)
    inside |= enter >= leave
    return inside


def _edges_both_ways(image: Float32, edge: int) -> Array:
    """Smaller eigenvalue of the structure tensor over a patch: zero along a straight edge."""
    rows, columns = np.gradient(ndimage.gaussian_filter(image.astype(np.float64), 0.7))
    means = [
        ndimage.uniform_filter(a * b, edge) for a, b in ((rows, rows), (columns, columns), (rows, columns))
    ]
    half_sum, half_difference = (means[0] + means[1]) / 2.0, (means[0] - means[1]) / 2.0
    smaller: Array = half_sum - np.hypot(half_difference, means[2])
    margin = edge // 2 + 1
    inner = np.zeros_like(smaller)
    inner[margin:-margin, margin:-margin] = smaller[margin:-margin, margin:-margin]
    return np.maximum(inner, 0.0)


def _spread(pixels: Array, chosen: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Order pixels so that the best of every part of the field come first, then the second best."""
    column, row = (pixels[chosen] * CELLS // count).T
    cell = (row * CELLS + column).astype(np.int64)
    rank = np.array([np.count_nonzero(cell[:n] == own) for n, own in enumerate(cell)], dtype=np.int64)
    return chosen[np.argsort(rank, kind="stable")]


def _apart(pixels: Array, allowed: BoolArray, distance: float) -> NDArray[np.int64]:
    """Return the indices of allowed pixels, best first, that keep a distance from each other."""
    free = np.ones(int(pixels.max()) + 1 if len(pixels) else 1)
    taken = np.zeros((len(free), len(free)), dtype=bool)
    reach, kept = int(np.ceil(distance)) - 1, []
    for number in np.flatnonzero(allowed):
        column, row = pixels[number].astype(int)
        if taken[row, column]:
            continue
        kept.append(int(number))
        taken[max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1] = True
    return np.array(kept, dtype=np.int64)
