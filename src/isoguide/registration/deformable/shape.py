"""One structure today beside the plan: volume, place, extent, surface, and how sure they are."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from isoguide.errors import MissingEvidenceError
from isoguide.geometry.frames import PLANNING, Array, frozen_array
from isoguide.images.drawn_shape import DrawnShape, drawn_shape
from isoguide.images.structure import Structure
from isoguide.images.structure_measures import outline_points_mm, volume_ml
from isoguide.images.surface import ClosedSurface, SurfaceChange, surface_change
from isoguide.images.volume import Volume
from isoguide.registration.deformable.carry import carried_surface, field_of
from isoguide.registration.deformable.edges import edge_agreement
from isoguide.registration.deformable.result import DeformableRegistration

Mask = NDArray[np.bool_]

CORRELATION_MM: Final = 20.0
"""Errors of a surface along its normal are alike within about this distance: where a field cannot see an
edge, it falls short of a growth or of a shrinkage on all sides at once. Of 42 structures of virtual patients
about four of five then lie within one standard deviation."""
PATCHES: Final = 600
"""Patches of a surface between which errors are correlated: each is far smaller than that distance."""
CUBE: Final = 1.3
"""Edge of a cube that holds a patch, against that of a square as large: a surface cuts cubes at corners."""
SAMPLES: Final = 20000
"""Places of a structure at which is asked whether the day's image shows them."""
CLEARLY_DRAWN: Final = 0.1
"""Area times thickness and the surface enclose the same but for so much, unless contours of neighbouring
slices hardly overlap or cross each other."""
LEAST_EDGE_AGREEMENT: Final = 0.7
"""Organs of virtual patients whose surface was found lie above it where they have an edge at all; those whose
volume was missed by a quarter or more, below."""
WHOLLY_SEEN: Final = 0.995
"""A structure of which the day's image shows this much is shown whole: nodes of the field are coarse."""


@dataclass(frozen=True, slots=True, eq=False)
class StructureShape:
    """One structure of the plan as it is today, beside the plan.

    Parameters
    ----------
    name
        ROIName.
    planned_volume_ml, volume_ml
        As drawn, and today: the planned volume times how much its tissue has grown.
    volume_sigma_ml
        Standard deviation of today's volume from that of the displacement field; how well it was drawn is
        not part of it.
    shift_mm
        Centre of its volume today minus planned, patient LPS, the patient put where the rigid match puts
        him, (3,).
    planned_extent_mm, extent_mm
        Size of the box around it along x, y, z (LPS), (3,).
    surface
        How far its surface has moved, planning LPS.
    seen_fraction
        Share of its tissue that the day's image shows, 0 to 1.
    edge_agreement
        How alike grey values across its surface are at planning and today, -1 to 1, see
        :mod:`isoguide.registration.deformable.edges`; None where that was not looked at.
    approximations
        What of this is assumed rather than seen, one sentence each.
    """

    name: str
    planned_volume_ml: float
    volume_ml: float
    volume_sigma_ml: float
    shift_mm: Array
    planned_extent_mm: Array
    extent_mm: Array
    surface: SurfaceChange
    seen_fraction: float
    edge_agreement: float | None
    approximations: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in ("shift_mm", "planned_extent_mm", "extent_mm"):
            object.__setattr__(self, name, frozen_array(getattr(self, name), (3,), name))


def structure_of_day(
    structure: Structure | DrawnShape,
    found: DeformableRegistration,
    *,
    images: tuple[Volume, Volume] | None = None,
) -> StructureShape:
    """Return what became of one structure of the plan.

    Parameters
    ----------
    structure
        Planning LPS, as drawn; a :class:`isoguide.images.drawn_shape.DrawnShape` of it saves time.
    found
        Where its tissue is today.
    images
        Planning CT and the day's image: whether the latter shows the surface where the field puts it is then
        looked at, and said when it does not.

    Raises
    ------
    GeometryError
        If the structure has no volume, is drawn on a single slice, or is not in planning LPS.
    MissingEvidenceError
        If the day's image shows nothing of it.
    """
    shape = structure if isinstance(structure, DrawnShape) else drawn_shape(structure)
    name = shape.structure.name
    today = carried_surface(shape, found, PLANNING)
    seen = seen_fraction(shape, found)
    if seen == 0.0:
        msg = f"the day's image shows nothing of structure '{name}', so nothing is known of it: leave it out"
        raise MissingEvidenceError(msg)
    planned_ml = volume_ml(shape.structure)
    edges = None if images is None else edge_agreement(shape, found, *images)
    grown = planned_ml / shape.surface.volume_ml
    outline = outline_points_mm(shape.planes)
    planned_points = np.concatenate([outline, shape.surface.points_mm])
    moved_points = np.concatenate([field_of(found).moved(outline), today.points_mm])
    return StructureShape(
        name=name,
        planned_volume_ml=planned_ml,
        volume_ml=today.volume_ml * grown,
        volume_sigma_ml=volume_sigma_ml(today, found, shape.surface.points_mm),
        shift_mm=today.centre_mm - shape.surface.centre_mm,
        planned_extent_mm=np.ptp(planned_points, axis=0),
        extent_mm=np.ptp(moved_points, axis=0),
        surface=surface_change(shape.surface, today),
        seen_fraction=seen,
        edge_agreement=edges,
        approximations=tuple(_assumed(shape, planned_ml, seen, edges)),
    )


def _assumed(shape: DrawnShape, planned_ml: float, seen: float, edges: float | None) -> list[str]:
    """Say what of a structure is assumed rather than seen or drawn."""
    assumed, name, by_surface_ml = [], shape.structure.name, shape.surface.volume_ml
    if seen < WHOLLY_SEEN:
        assumed.append(
            f"the day's image shows {100.0 * seen:.0f} % of structure '{name}': the rest is assumed to move"
            " as its edge does"
        )
    if abs(by_surface_ml / planned_ml - 1.0) > CLEARLY_DRAWN:
        assumed.append(
            f"structure '{name}' is drawn so coarsely that its contours enclose {planned_ml:.3g} ml by their"
            f" areas and {by_surface_ml:.3g} ml by what lies between them: its change is that of the latter"
        )
    if edges is not None and not edges >= LEAST_EDGE_AGREEMENT:
        assumed.append(
            f"the day's image does not show the surface of structure '{name}' where the deformation puts it"
            f" (correlation across it {edges:.2f}, at least {LEAST_EDGE_AGREEMENT:g}): its size and shape are"
            " those of its surroundings' deformation"
        )
    return assumed


def seen_fraction(shape: DrawnShape, found: DeformableRegistration) -> float:
    """Return the share of a planned structure whose tissue the day's image shows, 0 to 1.

    What lies beyond the nodes of the field is not seen.
    """
    inside = np.flatnonzero(shape.distance_mm <= 0.0)
    k, j, i = np.unravel_index(inside[:: max(len(inside) // SAMPLES, 1)], shape.grid.shape)
    return float(_at_nodes(found, shape.grid.xyz(np.stack([i, j, k], axis=1))).mean())


def _at_nodes(found: DeformableRegistration, points_mm: Array) -> Mask:
    """Tell which positions (n, 3), planning LPS, lie nearest to a node that is seen."""
    grid = field_of(found).grid
    if found.seen is None:
        msg = "the registration does not say what the day's image shows"
        raise ValueError(msg)
    ijk = np.rint(grid.index(points_mm)).astype(int)
    size = np.array(grid.shape[::-1])
    within = ((ijk >= 0) & (ijk < size)).all(axis=1)
    i, j, k = np.clip(ijk, 0, size - 1).T
    return np.asarray(found.seen[k, j, i] & within)


def volume_sigma_ml(today: ClosedSurface, found: DeformableRegistration, planned_mm: Array) -> float:
    """Return the standard deviation of the volume within a carried surface.

    Each piece of surface sweeps volume when it errs along its normal: dV = ∮ e dA. The errors e have the
    standard deviation of the field along an axis and are alike within :data:`CORRELATION_MM` (correlation
    exp(-d²/2c²)), so that Var V = ∮∮ σ σ' exp(-d²/2c²) dA dA'.

    Parameters
    ----------
    today
        The surface.
    found
        Its ``sigma_mm`` is used.
    planned_mm
        Where the points of the surface were planned, (n, 3) planning LPS.
    """
    grid = field_of(found).grid
    if found.sigma_mm is None:
        msg = "the registration does not say how sure it is"
        raise ValueError(msg)
    size = np.array(grid.shape[::-1])
    i, j, k = np.clip(np.rint(grid.index(planned_mm)).astype(int), 0, size - 1).T
    areas = np.linalg.norm(today.area_vectors_mm2, axis=1)
    sweeps = areas * found.sigma_mm[k, j, i].astype(np.float64)
    places, sweeps = _patches(today.points_mm, sweeps, float(areas.sum()))
    alike = np.exp(-cdist(places, places, "sqeuclidean") / (2.0 * CORRELATION_MM**2))
    return float(np.sqrt(sweeps @ alike @ sweeps)) / 1000.0


def _patches(points_mm: Array, values: Array, area_mm2: float) -> tuple[Array, Array]:
    """Pool points (n, 3) and the values there (n,) in cubes, in about :data:`PATCHES` or fewer."""
    edge_mm = float(np.sqrt(area_mm2 / PATCHES)) * CUBE
    cubes = np.floor((points_mm - points_mm.min(axis=0)) / edge_mm).astype(np.int64)
    _, of = np.unique(np.ravel_multi_index(tuple(cubes.T), cubes.max(axis=0) + 1), return_inverse=True)
    count = np.bincount(of)
    places = np.stack([np.bincount(of, points_mm[:, axis]) / count for axis in range(3)], axis=-1)
    return places, np.bincount(of, values).astype(np.float64)
