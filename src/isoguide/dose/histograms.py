"""Histograms from polygons and a dose grid: every part of a structure counts with its exact volume.

Planes stand for slabs (:mod:`isoguide.images.mask`). Their inside is cut into tens of thousands of parts
(:mod:`isoguide.kernels.partial_volume`), and the dose of a part is that of the grid at a place in it, linear
between voxel centres. Nothing is rounded to voxels, so a lens of 0.1 ml is as exact as a lung.

Checked with the analytic structures of Nelms et al., Med. Phys. 42 (2015) 4435.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from isoguide.dose.dvh import DoseVolumeHistogram
from isoguide.dose.result import DoseVolume
from isoguide.errors import GeometryError, MismatchError
from isoguide.geometry.frames import Array
from isoguide.images.drawn_shape import DrawnPlanes, drawn_planes
from isoguide.images.mask import IntArray
from isoguide.images.structure import Structure
from isoguide.kernels.chunks import run_chunked
from isoguide.kernels.partial_volume import slab_points, values_at
from isoguide.progress import Progress, silent

PARTS: Final = 50_000
"""Parts of a structure: the share of it above any dose is then known to some hundredths of a percent."""
MOST_PARTS: Final = 150_000
FINEST_MM: Final = 0.05
MM3_PER_ML: Final = 1000.0
TOUCHING_MM: Final = 1e-6
TARGET_TYPES: Final = ("PTV", "CTV", "GTV")


def dose_volume_histogram(dose: DoseVolume, structure: Structure) -> DoseVolumeHistogram:
    """Return the histogram of one structure.

    Parameters
    ----------
    dose
        Of whatever is asked about: one fraction or the whole course.
    structure
        In the frame of the dose, drawn in parallel planes of any orientation.

    Raises
    ------
    MismatchError
        If dose and structure are in different frames.
    GeometryError
        If the structure encloses no volume, or was not drawn in parallel planes on neighbouring slices.
    """
    if structure.frame != dose.grid.frame:
        msg = (
            f"structure '{structure.name}' is in the frame '{structure.frame}' but the dose in"
            f" '{dose.grid.frame}'; give those that belong together"
        )
        raise MismatchError(msg)
    planes = drawn_planes(structure)
    edges, first = _edges(planes)
    lower_mm, upper_mm = _slabs(planes)
    cell_mm = _cell_mm(edges, first, upper_mm - lower_mm, float(dose.grid.spacing_mm.min()))
    points, volumes = slab_points(edges, first, lower_mm, upper_mm, cell_mm)
    if len(points) == 0 or volumes.sum() <= 0.0:
        msg = f"structure '{structure.name}' encloses no volume: check its contours, or leave it out"
        raise GeometryError(msg)
    drawn_to_xyz = np.eye(4)
    drawn_to_xyz[:3, :3] = planes.direction
    dose_gy = values_at(points, dose.grid.index_from_xyz @ drawn_to_xyz, dose.dose_gy)
    is_outside = np.isnan(dose_gy)
    dose_gy[is_outside] = 0.0
    order = np.argsort(dose_gy)
    return DoseVolumeHistogram(
        name=structure.name,
        is_target=is_target(structure),
        dose_gy=dose_gy[order].astype(np.float64),
        part_ml=volumes[order] / MM3_PER_ML,
        outside_ml=float(volumes[is_outside].sum()) / MM3_PER_ML,
    )


def dose_volume_histograms(
    dose: DoseVolume, structures: Sequence[Structure], progress: Progress = silent
) -> tuple[DoseVolumeHistogram, ...]:
    """Return the histograms of structures, in their order; they are worked out side by side.

    Raises
    ------
    MismatchError, GeometryError
        As :func:`dose_volume_histogram`.
    """
    found = _side_by_side(dose, structures, progress)
    histograms = []
    for one in found:
        if isinstance(one, GeometryError):
            raise one
        histograms.append(one)
    return tuple(histograms)


def histograms_where_drawn(
    dose: DoseVolume, structures: Sequence[Structure], progress: Progress = silent
) -> tuple[tuple[DoseVolumeHistogram, ...], Mapping[str, str]]:
    """Return the histograms of those structures that have a volume, and by name why the others have none.

    Raises
    ------
    MismatchError
        As :func:`dose_volume_histogram`.
    """
    found = _side_by_side(dose, structures, progress)
    histograms = tuple(one for one in found if isinstance(one, DoseVolumeHistogram))
    reasons = {
        structure.name: str(one)
        for structure, one in zip(structures, found, strict=True)
        if isinstance(one, GeometryError)
    }
    return histograms, reasons


def _side_by_side(
    dose: DoseVolume, structures: Sequence[Structure], progress: Progress
) -> list[DoseVolumeHistogram | GeometryError]:
    progress(0.0, "Dose-volume histograms")
    found: dict[int, DoseVolumeHistogram | GeometryError] = {}

    def piece(start: int, stop: int) -> None:
        for n in range(start, stop):
            try:
                found[n] = dose_volume_histogram(dose, structures[n])
            except GeometryError as error:
                found[n] = error

    run_chunked(piece, len(structures))
    return [found[n] for n in range(len(structures))]


def is_target(structure: Structure) -> bool:
    """Whether a structure is a target: by its RTROIInterpretedType, or by its name where none is stated."""
    stated = structure.interpreted_type.upper()
    if stated:
        return stated in TARGET_TYPES
    return structure.name.upper().startswith(TARGET_TYPES)


def _edges(planes: DrawnPlanes) -> tuple[Array, IntArray]:
    """Edges x0, y0, x1, y1 (n, 4) of the contours in their planes, plane by plane, and where each begins."""
    lengths = np.array([len(contour.xyz_mm) for contour in planes.contours])
    first = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    vertices = np.concatenate([contour.xyz_mm for contour in planes.contours]) @ planes.direction[:, :2]
    following = np.arange(1, len(vertices) + 1)
    following[first + lengths - 1] = first
    plane_of_edge = np.repeat(planes.plane_of, lengths)
    order = np.argsort(plane_of_edge, kind="stable")
    edges = np.concatenate([vertices, vertices[following]], axis=1)[order]
    bounds = np.searchsorted(plane_of_edge[order], np.arange(len(planes.positions_mm) + 1))
    return edges, bounds.astype(np.int64)


def _slabs(planes: DrawnPlanes) -> tuple[Array, Array]:
    """Borders of the slabs, but each part ends at its outermost planes.

    A histogram does not reach half a slice beyond what was drawn, as a mask does: so counts Eclipse, and so
    the analytic structures of the benchmark are drawn.
    """
    is_first = np.append(True, planes.lower_mm[1:] > planes.upper_mm[:-1] + TOUCHING_MM)
    is_last = np.append(is_first[1:], True)
    is_alone = is_first & is_last
    lower_mm = np.where(is_first & ~is_alone, planes.positions_mm, planes.lower_mm)
    upper_mm = np.where(is_last & ~is_alone, planes.positions_mm, planes.upper_mm)
    return lower_mm, upper_mm


def _cell_mm(edges: Array, first: IntArray, thickness_mm: Array, spacing_mm: float) -> float:
    """Return the side of a part: :data:`PARTS` of them, none coarser than the dose grid while they are few.

    Layers are no thicker than slabs, so that parts of a large structure on thin slices are flat.
    """
    x0, y0, x1, y1 = edges.T
    twice = np.abs(np.add.reduceat(x0 * y1 - x1 * y0, first[:-1]))
    volume_mm3 = float(twice @ thickness_mm) / 2.0
    cell_mm = float(np.clip((volume_mm3 / PARTS) ** (1.0 / 3.0), FINEST_MM, spacing_mm))
    layer_mm = min(cell_mm, float(np.median(thickness_mm)))
    return max(cell_mm, float(np.sqrt(volume_mm3 / (MOST_PARTS * max(layer_mm, FINEST_MM)))))
