"""The two images of a deformable registration at its resolutions: body, grey values, field of view."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.errors import InputError
from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.mask import structure_mask
from isoguide.images.structure import Structure
from isoguide.images.volume import Volume
from isoguide.kernels.convolution import convolved
from isoguide.progress import Progress, silent
from isoguide.registration.anatomy import AIR_HU, BODY_ABOVE_HU, field_of_view, find_body, grey_to_hu
from isoguide.registration.deformable.regions import bone_mask, share_at_nodes
from isoguide.registration.deformable.settings import DeformableSettings
from isoguide.registration.pyramid import (
    SMOOTHING_PER_SPACING,
    TAIL_SIGMAS,
    UPSAMPLE_BELOW,
    Level,
    crop,
    make_level,
)

Float32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

BODY_MM = 4.0
"""At this resolution the body is found."""
MARGIN_MM = 12.0
"""So much air around the body belongs to the box that is solved."""
SKIN_MM = 6.0
"""So far outside the planned body the images are still compared: skin moves."""
DENSEST_HU = 1500.0
"""Metal is no denser than this: its brightness says nothing."""
KNOWN_SHARE = 0.98
SOFT, TUMOUR_REACH_MM = 0.1, 8.0
"""A tumour and what lies this close to it is so much less stiff; at twice the distance tissue is as usual."""
REACH_MM = 40.0
"""So much of the day's image around the planned box is kept."""


@dataclass(frozen=True, slots=True, eq=False)
class PlanningLevel:
    """The planning CT at one resolution.

    Parameters
    ----------
    grid
        Isotropic samples along the CT's own axes; samples of all levels begin at the same place.
    values
        HU, float32 ``[k, j, i]``; NaN farther from the body than its skin may go.
    whole
        The same without NaN.
    slope
        Gradient ``[k, j, i, (i, j, k)]`` along the grid's axes, HU/mm.
    nodes
        Grid of the displacement field's nodes at this level.
    body
        Bool at the nodes: inside the patient.
    bone
        Share of bone at the nodes, 0 to 1.
    firm
        How stiff tissue is at the nodes, against usual: less where a tumour may grow or shrink.
    """

    grid: Grid
    values: Float32
    whole: Float32
    slope: Float32
    nodes: Grid
    body: Mask
    bone: Float32
    firm: Float32


@dataclass(frozen=True, slots=True, eq=False)
class PreparedDeformable:
    """Everything of the planning side, prepared once per plan and reused for every fraction.

    ``levels`` go from coarse to fine.
    """

    planning: Volume
    settings: DeformableSettings
    levels: tuple[PlanningLevel, ...]

    @property
    def nodes(self) -> Grid:
        """Where the nodes of the field will be."""
        return self.levels[-1].nodes


def prepare_deformable(
    planning: Volume,
    *,
    settings: DeformableSettings | None = None,
    structures: tuple[Structure, ...] = (),
    region_mm: tuple[Array, Array] | None = None,
    progress: Progress = silent,
) -> PreparedDeformable:
    """Prepare a planning CT for deformable registration.

    Parameters
    ----------
    planning
        Planning CT, frame PLANNING.
    settings
        The default when not given.
    structures
        Those of the plan: an EXTERNAL among them says what the body is, which is found otherwise; in and
        around a GTV tissue is softer, because tumours grow and shrink.
    region_mm
        Two opposite corners (3,) of the box that matters, planning LPS; the body as far as the CT shows it
        when not given.
    progress
        Called with the fraction done.

    Raises
    ------
    InputError
        If the planning CT shows no body there.
    """
    settings = settings or DeformableSettings()
    progress(0.0, "finding the body")
    scale, offset = grey_to_hu(planning)
    grid, values = (
        (planning.grid, planning.values)
        if region_mm is None
        else crop(planning.grid, planning.values, *region_mm)
    )
    rough = make_level(grid, values, BODY_MM, interpolate=True)
    rough = Level(rough.grid, rough.values * np.float32(scale) + np.float32(offset))
    body = _body(rough, structures)
    if not body.any():
        msg = f"the planning CT {planning.source} shows no body where it is to be compared: check the region"
        raise InputError(msg)
    low, high = _box(rough.grid, body)
    grid, values = crop(grid, values, low, high)
    settings = settings.fitted_to(float(np.prod(grid.extent_mm)), float(grid.spacing_mm.min()))
    spacings = [settings.spacing_mm * 2.0**n for n in reversed(range(settings.levels))]
    levels = []
    for number, spacing in enumerate(spacings):
        progress((1 + number) / (1 + len(spacings)), f"resampling the planning CT to {spacing:g} mm")
        level = make_level(grid, values, spacing, interpolate=True)
        level = Level(_isotropic(level.grid, spacing), level.values * np.float32(scale) + np.float32(offset))
        levels.append(
            _planning_level(level, Level(rough.grid, body.astype(np.float32)), structures, settings)
        )
    return PreparedDeformable(planning, settings, tuple(levels))


def _body(rough: Level, structures: tuple[Structure, ...]) -> Mask:
    for structure in structures:
        if structure.interpreted_type == "EXTERNAL" and structure.is_volume:
            return structure_mask(structure, rough.grid)
    # Filled first: the wall of the chest is thinner than a couch and must not be taken for one.
    tissue = rough.values > BODY_ABOVE_HU
    filled = np.stack([ndimage.binary_fill_holes(plane) for plane in tissue])
    values = np.where(filled, np.float32(0.0), np.float32(AIR_HU))
    return find_body(Level(rough.grid, values), rough.grid.centre_mm)


def _isotropic(grid: Grid, spacing_mm: float) -> Grid:
    return Grid(grid.frame, grid.shape, np.full(3, spacing_mm), grid.origin_mm, grid.direction)


def _box(grid: Grid, body: Mask) -> tuple[Array, Array]:
    kji = np.argwhere(body)
    corners = grid.xyz(np.array([kji.min(axis=0)[::-1], kji.max(axis=0)[::-1]], dtype=np.float64))
    return corners.min(axis=0) - MARGIN_MM, corners.max(axis=0) + MARGIN_MM


def _planning_level(
    level: Level, body: Level, structures: tuple[Structure, ...], settings: DeformableSettings
) -> PlanningLevel:
    spacing = float(level.grid.spacing_mm[0])
    inside = _nearest(body, level.grid) > 0.5
    near = ndimage.binary_dilation(inside, iterations=max(1, round(SKIN_MM / spacing)))
    nodes = node_grid(level.grid, settings.steps_per_node)
    tissue = _nearest(body, nodes) > 0.5, firmness(structures, nodes)
    return planning_level(level, near, tissue, settings)


def firmness(structures: tuple[Structure, ...], nodes: Grid) -> Float32:
    """Return how stiff tissue is at nodes: soft in a tumour and close around it, where its growth ends.

    Parameters
    ----------
    structures
        Those of type or name GTV are tumours.
    nodes
        Grid of the nodes.
    """
    firm = np.ones(nodes.shape, dtype=np.float32)
    for structure in structures:
        is_tumour = structure.interpreted_type == "GTV" or structure.name.upper().startswith("GTV")
        if not is_tumour or not structure.is_volume:
            continue
        mask = structure_mask(structure, nodes)
        if mask.any():
            far_mm = ndimage.distance_transform_edt(~mask, sampling=nodes.spacing_mm[::-1])
            share = np.clip(far_mm / TUMOUR_REACH_MM - 1.0, 0.0, 1.0)
            firm = np.minimum(firm, SOFT + (1.0 - SOFT) * share).astype(np.float32)
    return firm


def planning_level(
    level: Level, near: Mask, tissue: tuple[Mask, Float32], settings: DeformableSettings
) -> PlanningLevel:
    """Make what the solve needs of the image that stays.

    Parameters
    ----------
    level
        The image, HU everywhere.
    near
        Samples that are compared.
    tissue
        Nodes inside the patient, and how firm tissue is at each.
    settings
        How far nodes are apart.
    """
    spacing = float(level.grid.spacing_mm[0])
    whole = np.ascontiguousarray(np.clip(level.values, np.float32(AIR_HU), np.float32(DENSEST_HU)))
    slopes = [np.gradient(whole, spacing, axis=axis) for axis in (2, 1, 0)]
    slope: Float32 = np.stack(slopes, axis=-1).astype(np.float32)
    values = np.where(near, whole, np.float32(np.nan))
    nodes = node_grid(level.grid, settings.steps_per_node)
    bone = share_at_nodes(bone_mask(values, spacing), nodes.shape, settings.steps_per_node)
    return PlanningLevel(level.grid, values, whole, slope, nodes, tissue[0], bone, tissue[1])


def node_grid(samples: Grid, steps: int) -> Grid:
    """Return the grid of nodes that lie at every few samples, the last ones at or beyond the last sample."""
    nk, nj, ni = (max(2, -(-(n - 1) // steps) + 1) for n in samples.shape)
    return Grid(samples.frame, (nk, nj, ni), samples.spacing_mm * steps, samples.origin_mm, samples.direction)


def _nearest(level: Level, grid: Grid) -> Float32:
    """Values of a level at the samples of a grid with the same axes; the edge goes on beyond it."""
    first = level.grid.index(grid.origin_mm)
    ratio = grid.spacing_mm / level.grid.spacing_mm
    at = [
        np.clip(np.rint(first[2 - axis] + ratio[2 - axis] * np.arange(grid.shape[axis])), 0, size - 1)
        for axis, size in enumerate(level.values.shape)
    ]
    found: Float32 = level.values[np.ix_(*(axis.astype(int) for axis in at))]
    return found


@dataclass(frozen=True, slots=True, eq=False)
class DayLevel:
    """The day's image at one resolution, on its own axes: near HU, NaN where it shows nothing."""

    grid: Grid
    values: Float32

    def matrix(self, planning_from_daily: RigidTransform, samples: Grid) -> Array:
        """Matrix (3, 4) from (i, j, k) of planning samples to those of this level, by the rigid match."""
        matrix: Array = (
            self.grid.index_from_xyz @ planning_from_daily.inverse().matrix @ samples.xyz_from_index
        )
        return matrix[:3]


def day_levels(
    prepared: PreparedDeformable, daily: Volume, planning_from_daily: RigidTransform
) -> tuple[DayLevel, ...]:
    """Bring the day's image to the resolutions of the registration, coarse to fine."""
    scale, offset = (np.float32(number) for number in grey_to_hu(daily))
    corners = planning_from_daily.inverse().apply(prepared.levels[0].grid.corners_mm())
    low, high = corners.min(axis=0) - REACH_MM, corners.max(axis=0) + REACH_MM
    grid, values = crop(daily.grid, daily.values, low, high)
    seen = field_of_view(values)
    levels = []
    for planned in prepared.levels:
        level = _day_level(grid, seen, float(planned.grid.spacing_mm[0]))
        grey = np.clip(level.values * scale + offset, np.float32(AIR_HU), np.float32(DENSEST_HU))
        levels.append(DayLevel(level.grid, np.ascontiguousarray(grey)))
    return tuple(levels)


def _day_level(grid: Grid, seen: Float32, spacing_mm: float) -> Level:
    """Smooth the day's image as the planning CT is at this spacing, on samples half as far apart.

    Between such samples linear interpolation is as good as exact; between those of the planning CT it would
    blur by as much as it is off a sample, and pull the match towards the samples.
    """
    half = _with_gaps(grid, seen, spacing_mm / 2.0)
    values = half.values
    for axis in range(3):
        native = float(grid.spacing_mm[2 - axis])
        if spacing_mm < UPSAMPLE_BELOW * native:
            continue
        has = SMOOTHING_PER_SPACING * spacing_mm / 2.0 if spacing_mm / 2.0 >= UPSAMPLE_BELOW * native else 0.0
        wanted = np.sqrt((SMOOTHING_PER_SPACING * spacing_mm) ** 2 - has**2)
        values = convolved(values, axis, _gaussian(wanted / float(half.grid.spacing_mm[2 - axis])))
    return Level(half.grid, values)


def _with_gaps(grid: Grid, seen: Float32, spacing_mm: float) -> Level:
    """Resample an image that is NaN where it shows nothing, which splines cannot be."""
    hidden = np.isnan(seen)
    if not hidden.any():
        return make_level(grid, seen, spacing_mm, interpolate=True)
    # A spline forgets the step at the edge within two voxels.
    known = ndimage.binary_erosion(~hidden, iterations=2, border_value=1).astype(np.float32)
    filled = np.where(hidden, np.nanmin(seen), seen)
    level = make_level(grid, filled, spacing_mm, interpolate=True)
    share = make_level(grid, known, spacing_mm, interpolate=True).values
    return Level(level.grid, np.where(share > KNOWN_SHARE, level.values, np.float32(np.nan)))


def _gaussian(sigma: float) -> Float32:
    reach = int(np.ceil(TAIL_SIGMAS * sigma))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.asarray(taps / taps.sum(), dtype=np.float32)
