"""Whether the day's image shows the surface of a structure where the displacement field puts it.

A field is found from patches of both images and held together by stiffness. Where a structure hardly differs
from its surroundings it is stiffness that speaks, and a tumour that has shrunk keeps its size. So the grey
values across the planned surface are compared with those across the carried one, patch by patch: they
correlate where the edge lies where the field says, and not where it lies elsewhere, or is not seen at all.
"""

from typing import Final

import numpy as np
from scipy import ndimage

from isoguide.geometry.frames import Array
from isoguide.images.drawn_shape import DrawnShape
from isoguide.images.mask import IntArray
from isoguide.images.surface import ClosedSurface
from isoguide.images.volume import Volume
from isoguide.registration.deformable.carry import field_of
from isoguide.registration.deformable.result import DeformableRegistration

DEPTHS_MM: Final = np.arange(-3.0, 3.01, 0.5)
"""Along the normal, outwards: about as far as an edge is blurred, and no further into other edges."""
PATCH_MM: Final = 10.0
"""Profiles of a patch are averaged, so that noise is not what is compared."""
LEAST_PROFILES: Final = 8
LEAST_SHARE: Final = 0.5
"""Of a surface, which both images have to show."""
MOST_PROFILES: Final = 6000


def edge_agreement(
    shape: DrawnShape, found: DeformableRegistration, planning: Volume, daily: Volume
) -> float | None:
    """Return how alike the grey values across a surface are at planning and today.

    Parameters
    ----------
    shape
        Planning LPS.
    found
        Where its tissue is said to be today.
    planning, daily
        The images, whatever their grey values mean.

    Returns
    -------
    float or None
        Mean correlation over the patches of the surface, by area, -1 to 1: near 1 when the edge lies where
        the field puts it, low when it lies elsewhere or is not to be seen. None where too little of the
        surface lies in both images.
    """
    surface = shape.surface
    today = surface.moved_to(field_of(found).moved(surface.points_mm))
    chosen, areas = _chosen(surface)
    daily_from_planning = found.planning_from_daily.inverse()
    planned = _profiles(planning, _places(surface, chosen))
    seen = _profiles(daily, daily_from_planning.apply(_places(today, chosen)))
    both = np.isfinite(planned).all(axis=1) & np.isfinite(seen).all(axis=1)
    if areas[both].sum() < LEAST_SHARE * areas.sum():
        return None
    chosen, areas = chosen[both], areas[both]
    cubes = np.floor((surface.points_mm[chosen] - surface.points_mm.min(axis=0)) / PATCH_MM).astype(np.int64)
    _, of = np.unique(np.ravel_multi_index(tuple(cubes.T), cubes.max(axis=0) + 1), return_inverse=True)
    count, weight = np.bincount(of), np.bincount(of, areas)
    enough = count >= LEAST_PROFILES
    if not enough.any():
        return None
    there, here = (_departures(one[both], of, count)[enough] for one in (planned, seen))
    norms = np.sqrt((there**2).sum(axis=1) * (here**2).sum(axis=1))
    # Without any edge in a patch there is nothing that could agree.
    alike = (there * here).sum(axis=1) / np.maximum(norms, 1e-9)
    return float(np.average(alike, weights=weight[enough]))


def _chosen(surface: ClosedSurface) -> tuple[IntArray, Array]:
    """Points of a surface to look across, evenly taken, and the area that each stands for."""
    areas = np.linalg.norm(surface.area_vectors_mm2, axis=1)
    chosen = np.flatnonzero(areas > 0.0)
    chosen = chosen[:: max(len(chosen) // MOST_PROFILES, 1)]
    return chosen, areas[chosen]


def _places(surface: ClosedSurface, chosen: IntArray) -> Array:
    """Positions (n, depths, 3) along the normals."""
    vectors = surface.area_vectors_mm2[chosen]
    normals = vectors / np.maximum(np.linalg.norm(vectors, axis=1), 1e-12)[:, None]
    places: Array = surface.points_mm[chosen][:, None] + DEPTHS_MM[:, None] * normals[:, None]
    return places


def _profiles(image: Volume, places_mm: Array) -> Array:
    """Grey values (n, depths); NaN outside the image."""
    kji = np.moveaxis(image.grid.index(places_mm)[..., ::-1], -1, 0)
    values: Array = ndimage.map_coordinates(
        image.values, kji, output=np.float64, order=1, mode="constant", cval=np.nan
    )
    return values


def _departures(profiles: Array, of: IntArray, count: IntArray) -> Array:
    """Mean profile (patches, depths) of each patch, less its own mean."""
    columns = [np.bincount(of, profiles[:, depth]) / count for depth in range(profiles.shape[1])]
    means = np.stack(columns, axis=1)
    departures: Array = means - means.mean(axis=1, keepdims=True)
    return departures
