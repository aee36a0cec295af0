"""The planning side of a match of radiographs, prepared once per plan and imager geometry."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.frames import PLANNING, Array, frozen_array
from isoguide.geometry.xray_view import XrayView
from isoguide.images.volume import Volume
from isoguide.progress import Progress, silent
from isoguide.projection.materials import attenuation_of
from isoguide.registration.anatomy import find_body, spine_box_mm, vertebral_pitch_mm
from isoguide.registration.planning import TARGET_RADIUS_MM
from isoguide.registration.pyramid import SMOOTHING_PER_SPACING, Level, crop, make_level
from isoguide.registration.radiographs.follow import Following, prepare_following
from isoguide.registration.radiographs.library import Library, build_library
from isoguide.registration.radiographs.rays import FIELD_MM, RayLevel, choose_patches, ray_volume
from isoguide.registration.radiographs.settings import RadiographSettings

VOLUME_MARGIN_MM: Final = 60.0
"""Beyond the field of the views along the body: what a turned and shifted patient brings into it."""
LEAST_PATCHES: Final = 8
SKIN_MM, BODY_MM, COLUMN_MM, SPINE_REACH_MM = 3.0, 6.0, 3.0, 225.0


@dataclass(frozen=True, slots=True)
class _Resolution:
    voxel_mm: float
    ray_mm: float
    edge: int
    patches: int


RESOLUTIONS: Final = (
    _Resolution(4.0, 4.0, 7, 50),
    _Resolution(2.0, 2.0, 9, 50),
    _Resolution(1.2, 1.2, 9, 80),
)
"""Coarse, middle, fine: voxels, rays at the isocentre, rays along a patch, patches in each view."""


@dataclass(frozen=True, eq=False)
class PreparedRadiographs:
    """Everything that depends on the planning CT, the views and the settings only."""

    centre_mm: Array
    views: tuple[XrayView, ...]
    settings: RadiographSettings
    target_points_mm: Array
    coarse: RayLevel
    middle: RayLevel
    fine: RayLevel
    following: Following
    library: Library
    pitch_mm: float


def prepare_radiographs(
    volume: Volume,
    *,
    isocentre_mm: Array,
    views: Sequence[XrayView],
    settings: RadiographSettings | None = None,
    target_points_mm: Array | None = None,
    progress: Progress = silent,
) -> PreparedRadiographs:
    """Prepare a planning CT for being found in radiographs.

    Parameters
    ----------
    volume
        Planning CT in Hounsfield units.
    isocentre_mm
        (3,) planning LPS: the centre of rotation and of the search.
    views
        One or more, in the planning frame as they stand when the patient lies as planned.
    settings
        Degrees of freedom and what is known about the geometry.
    target_points_mm
        (n, 3) planning LPS, where accuracy matters; a sphere of 30 mm around the isocentre when not given.
    progress
        Called with the fraction done.

    Raises
    ------
    InputError
        If the isocentre lies outside the image, a view shows too little, or the settings do not fit.
    GeometryError
        If there is no view, or one in another frame.
    """
    settings = settings or RadiographSettings()
    centre = frozen_array(isocentre_mm, (3,), "isocentre")
    _check(volume, centre, views, settings)
    progress(0.0, "finding the spine")
    attenuation = _of_the_body(attenuation_of(volume), volume, centre)
    pitch_mm = _pitch_mm(volume, centre)
    progress(0.1, "choosing rays")
    coarse, middle, fine = (
        _level(attenuation, volume, centre, views, resolution) for resolution in RESOLUTIONS
    )
    progress(0.7, "making pictures of all rotations")
    library = build_library(coarse.volume, views, centre)
    targets = _targets(centre, target_points_mm)
    return PreparedRadiographs(
        centre_mm=centre,
        views=tuple(views),
        settings=settings,
        target_points_mm=targets,
        coarse=coarse,
        middle=middle,
        fine=fine,
        following=prepare_following(middle, fine, views, centre),
        library=library,
        pitch_mm=pitch_mm,
    )


def _check(volume: Volume, centre: Array, views: Sequence[XrayView], settings: RadiographSettings) -> None:
    if not volume.grid.contains(centre):
        where = ", ".join(f"{value:.1f}" for value in centre)
        msg = f"the isocentre ({where}) mm lies outside the planning image: check the plan"
        raise InputError(msg)
    if not views:
        msg = "a match of radiographs needs at least one view: give the geometry of the imager"
        raise GeometryError(msg)
    for view in views:
        if view.frame != PLANNING:
            msg = f"the views must be given in '{PLANNING}', not in '{view.frame}'; use XrayView.in_frame"
            raise GeometryError(msg)
    known = settings.calibration_mm2
    if known is not None and len(known) != len(views):
        msg = f"{len(known)} calibration covariances do not fit {len(views)} views: give one for each view"
        raise InputError(msg)


def _level(
    attenuation: NDArray[np.float32],
    volume: Volume,
    centre: Array,
    views: Sequence[XrayView],
    resolution: _Resolution,
) -> RayLevel:
    reach_mm = FIELD_MM + VOLUME_MARGIN_MM
    rays = ray_volume(attenuation, volume.grid, centre, resolution.voxel_mm, reach_mm)
    shape = (resolution.ray_mm, resolution.edge, resolution.patches)
    patches = tuple(choose_patches(rays, view, centre, shape) for view in views)
    for number, chosen in enumerate(patches):
        if chosen.planned < LEAST_PATCHES:
            msg = (
                f"view {number + 1} shows only {chosen.planned} places of the planning CT to match on "
                f"(at least {LEAST_PATCHES} are needed): use a longer CT or another view"
            )
            raise InputError(msg)
    return RayLevel(resolution.ray_mm, SMOOTHING_PER_SPACING * resolution.voxel_mm, rays, patches)


def _of_the_body(attenuation: NDArray[np.float32], volume: Volume, centre: Array) -> NDArray[np.float32]:
    """Take out the simulator's couch and cushions: the treatment's are others."""
    coarse = make_level(volume.grid, volume.values, SKIN_MM, interpolate=False)
    body = find_body(coarse, centre)
    if not body.any():
        msg = "the planning image shows no body near the isocentre: is it a CT of the patient?"
        raise InputError(msg)
    body = ndimage.binary_dilation(body)
    nearest = [
        np.clip(np.rint(np.arange(count) * mm / coarse_mm), 0, coarse_count - 1).astype(np.int64)
        for count, mm, coarse_mm, coarse_count in zip(
            volume.grid.shape,
            volume.grid.spacing_mm[::-1],
            coarse.grid.spacing_mm[::-1],
            body.shape,
            strict=True,
        )
    ]
    return attenuation * body[np.ix_(*nearest)]


def _pitch_mm(volume: Volume, centre: Array) -> float:
    grid, values = crop(volume.grid, volume.values, centre - SPINE_REACH_MM, centre + SPINE_REACH_MM)
    coarse = make_level(grid, values, BODY_MM, interpolate=False)
    body = find_body(coarse, centre)
    part_grid, part = crop(grid, values, *spine_box_mm(coarse, body))
    column = make_level(part_grid, part, COLUMN_MM, interpolate=True)
    return vertebral_pitch_mm(Level(column.grid, column.values))


def _targets(centre: Array, target_points_mm: Array | None) -> Array:
    if target_points_mm is not None and len(target_points_mm) > 0:
        return frozen_array(target_points_mm, (-1, 3), "target points")
    axes = TARGET_RADIUS_MM * np.concatenate([np.eye(3), -np.eye(3)])
    return frozen_array(centre + np.concatenate([np.zeros((1, 3)), axes]), (-1, 3), "target points")
