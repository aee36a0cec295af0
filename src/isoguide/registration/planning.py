"""The planning side of a match, prepared once per plan and reused for every fraction."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.errors import InputError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.geometry.grid import Grid
from isoguide.images.volume import Volume
from isoguide.progress import Progress, silent
from isoguide.registration.anatomy import (
    AIR_HU,
    content_mask,
    ellipsoid,
    find_body,
    grey_to_hu,
    spine_box_mm,
    vertebral_pitch_mm,
)
from isoguide.registration.pyramid import Level, crop, make_level
from isoguide.registration.search import PlanningSpectrum, planning_spectrum
from isoguide.registration.settings import AUTOMATIC_HALF_WIDTH_MM, MatchSettings
from isoguide.registration.templates import PATCH, RIM, Templates, make_templates

BoolArray = NDArray[np.bool_]

COARSE_MM, MIDDLE_MM, FINE_MM = 6.0, 3.0, 1.5
COARSE_HALF_MM, MIDDLE_MARGIN_MM = 140.0, 15.0
SEARCH_HALF_MM = 225.0
PATCHES = {COARSE_MM: 900, MIDDLE_MM: 900, FINE_MM: 2500}
LEAST_PATCHES = 40
TARGET_RADIUS_MM = 30.0


@dataclass(frozen=True, eq=False)
class PreparedPlanning:
    """Everything that depends on the planning CT and the settings only.

    ``coarse``, ``middle`` and ``fine`` hold the templates at 6, 3 and 1.5 mm; ``coarse`` sees the whole
    anatomy around the isocentre, the others the region of match. ``target_points_mm`` (n, 3) is where the
    accuracy is judged.
    """

    volume: Volume
    centre_mm: Array
    settings: MatchSettings
    target_points_mm: Array
    coarse: Templates
    middle: Templates
    fine: Templates
    fine_level: Level
    spectrum: PlanningSpectrum
    pitch_mm: float


@dataclass(frozen=True, eq=False)
class _Anatomy:
    """The planning CT in values near HU, with its body, while templates are chosen."""

    planning: Volume
    centre_mm: Array
    scale: np.float32
    offset: np.float32
    coarse: Level
    core: BoolArray

    def level(self, low_mm: Array, high_mm: Array, spacing_mm: float) -> Level:
        """Resample a box of the planning CT, with the rim that patches centred at its faces need."""
        rim_mm = (PATCH // 2 + RIM) * spacing_mm
        grid, values = crop(self.planning.grid, self.planning.values, low_mm - rim_mm, high_mm + rim_mm)
        level = make_level(grid, values, spacing_mm, interpolate=True)
        return Level(level.grid, level.values * self.scale + self.offset)


def prepare_planning(
    volume: Volume,
    *,
    isocentre_mm: Array,
    settings: MatchSettings | None = None,
    target_points_mm: Array | None = None,
    progress: Progress = silent,
) -> PreparedPlanning:
    """Prepare a planning CT for matching.

    Parameters
    ----------
    volume
        Planning CT (Hounsfield units, or grey values marked as such).
    isocentre_mm
        (3,) planning LPS: the centre of rotation, of the search and of the automatic region.
    settings
        Region, content and degrees of freedom.
    target_points_mm
        (n, 3) planning LPS, where accuracy matters; a sphere of 30 mm around the isocentre when not given.

    Raises
    ------
    InputError
        If the isocentre lies outside the image, or the region holds too little to match on.
    """
    settings = settings or MatchSettings()
    centre = frozen_array(isocentre_mm, (3,), "isocentre")
    if not volume.grid.contains(centre):
        where = ", ".join(f"{value:.1f}" for value in centre)
        msg = f"the isocentre ({where}) mm lies outside the planning image: check --isocentre and the plan"
        raise InputError(msg)
    progress(0.0, "finding the body")
    anatomy, spectrum = _find_anatomy(volume, centre)
    low, high = region_box_mm(settings, volume, centre)
    progress(0.3, "choosing templates at 6 mm")
    around = centre - COARSE_HALF_MM, centre + COARSE_HALF_MM
    coarse = _templates(
        anatomy, Level(*crop(anatomy.coarse.grid, anatomy.coarse.values, *around)), None, around
    )
    progress(0.4, "choosing templates at 3 mm")
    wider = low - MIDDLE_MARGIN_MM, high + MIDDLE_MARGIN_MM
    middle = _templates(anatomy, anatomy.level(*wider, MIDDLE_MM), settings, wider)
    progress(0.6, "choosing templates at 1.5 mm")
    fine_level = anatomy.level(low, high, FINE_MM)
    fine = _templates(anatomy, fine_level, settings, (low, high))
    targets = _targets(centre, target_points_mm)
    column = anatomy.level(*spine_box_mm(anatomy.coarse, anatomy.core), MIDDLE_MM)
    pitch_mm = vertebral_pitch_mm(column)
    return PreparedPlanning(
        volume, centre, settings, targets, coarse, middle, fine, fine_level, spectrum, pitch_mm
    )


def _find_anatomy(volume: Volume, centre: Array) -> tuple[_Anatomy, PlanningSpectrum]:
    scale, offset = (np.float32(number) for number in grey_to_hu(volume))
    grid, values = crop(volume.grid, volume.values, centre - SEARCH_HALF_MM, centre + SEARCH_HALF_MM)
    level = make_level(grid, values, COARSE_MM, interpolate=False)
    coarse = Level(level.grid, level.values * scale + offset)
    body = find_body(coarse, centre)
    if not body.any():
        msg = "the planning image shows no body near the isocentre: is it a CT of the patient?"
        raise InputError(msg)
    # Without a rim of one voxel neither skin nor mask nor couch takes part.
    core = ndimage.binary_erosion(body, np.ones((3, 3, 3), dtype=bool), border_value=1)
    without_room = Level(coarse.grid, np.where(body, coarse.values, np.float32(AIR_HU)))
    return _Anatomy(volume, centre, scale, offset, coarse, core), planning_spectrum(without_room, centre)


def region_box_mm(settings: MatchSettings, volume: Volume, centre: Array) -> tuple[Array, Array]:
    """Return two opposite corners (3,), planning LPS, of the box that holds the region of match.

    Raises
    ------
    InputError
        If a mask does not fit the planning CT.
    """
    region = settings.region
    if region.mask is not None:
        if region.mask.shape != volume.grid.shape:
            msg = (
                f"the mask of '{region.name}' has the shape {region.mask.shape}, "
                f"the planning CT {volume.grid.shape}"
            )
            raise InputError(msg)
        kji = np.argwhere(region.mask)
        ends = volume.grid.xyz(np.stack([kji.min(axis=0), kji.max(axis=0)])[:, ::-1].astype(np.float64))
        margin = settings.structure_margin_mm
        return ends.min(axis=0) - margin, ends.max(axis=0) + margin
    if region.low_mm is not None and region.high_mm is not None:
        return region.low_mm, region.high_mm
    return centre - AUTOMATIC_HALF_WIDTH_MM, centre + AUTOMATIC_HALF_WIDTH_MM


def _templates(
    anatomy: _Anatomy, level: Level, settings: MatchSettings | None, box_mm: tuple[Array, Array]
) -> Templates:
    """Templates of a level inside body and box; with settings, in their region and of their content only."""
    allowed = np.zeros(level.grid.shape, dtype=bool)
    box = _box_slices(level.grid, *box_mm)
    allowed[box] = _on_grid(anatomy.core, anatomy.coarse.grid, level.grid)[box]
    if settings is not None:
        allowed &= content_mask(level, settings.content)
        if settings.region.mask is not None:
            inside = _on_grid(settings.region.mask, anatomy.planning.grid, level.grid)
            reach = (settings.structure_margin_mm / level.grid.spacing_mm[::-1]).round().astype(int)
            allowed &= ndimage.binary_dilation(inside, ellipsoid(reach)) if reach.any() else inside
    spacing = float(level.grid.spacing_mm.min())
    count = PATCHES[min(PATCHES, key=lambda h: abs(h - spacing))]
    templates = make_templates(level, allowed, anatomy.centre_mm, count)
    if templates is None or len(templates) < LEAST_PATCHES:
        raise InputError(_too_little(0 if templates is None else len(templates), settings))
    return templates


def _too_little(found: int, settings: MatchSettings | None) -> str:
    where = "the surroundings of the isocentre"
    if settings is not None:
        where = f"the region '{settings.region.name}' with content '{settings.content}'"
    return (
        f"{where} holds only {found} places to match on (at least {LEAST_PATCHES} are needed): "
        "choose a larger --roi or another --content"
    )


def _box_slices(grid: Grid, low_mm: Array, high_mm: Array) -> tuple[slice, slice, slice]:
    """Slices [k, j, i] of the nodes between two opposite corners; around them on an oblique grid."""
    ends = np.stack([low_mm, high_mm])
    corners = np.stack(np.meshgrid(*ends.T, indexing="ij"), axis=-1).reshape(-1, 3)
    index = grid.index(corners)
    first = np.maximum(np.ceil(index.min(axis=0) - 1e-6), 0.0).astype(int)
    after = np.maximum(np.floor(index.max(axis=0) + 1e-6) + 1.0, 0.0).astype(int)
    i, j, k = (slice(low, high) for low, high in zip(first, after, strict=True))
    return k, j, i


def _on_grid(mask: BoolArray, of: Grid, onto: Grid) -> BoolArray:
    """Nearest-neighbour copy of a mask onto another grid with the same axes; False outside."""
    start = of.index(onto.origin_mm)[::-1]
    step = onto.spacing_mm[::-1] / of.spacing_mm[::-1]
    picks, known = [], []
    for axis in range(3):
        index = np.rint(start[axis] + step[axis] * np.arange(onto.shape[axis])).astype(np.int64)
        known.append((index >= 0) & (index < mask.shape[axis]))
        picks.append(np.clip(index, 0, mask.shape[axis] - 1))
    inside = known[0][:, None, None] & known[1][:, None] & known[2]
    sampled: BoolArray = mask[np.ix_(*picks)] & inside
    return sampled


def _targets(centre: Array, target_points_mm: Array | None) -> Array:
    if target_points_mm is not None and len(target_points_mm) > 0:
        return frozen_array(target_points_mm, (-1, 3), "target points")
    axes = TARGET_RADIUS_MM * np.concatenate([np.eye(3), -np.eye(3)])
    return frozen_array(centre + np.concatenate([np.zeros((1, 3)), axes]), (-1, 3), "target points")
