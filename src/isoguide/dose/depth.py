"""The patient as rays see him: relative electron density, and radiological depth in a fan."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.dose.density_curve import DensityCurve
from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.images.volume import Volume
from isoguide.kernels.beam_depth import march_fan
from isoguide.registration.pyramid import make_level

Float32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

RAY_MM: Final = 3.0
"""Between two rays of a fan, at the isocentre."""
PLANE_MM: Final = 2.5
AIR_HU: Final = -1000.0
AIR: Final = 0.1
"""Layers at the edge of an image that are nowhere denser are left out: air with its noise."""


@dataclass(frozen=True, slots=True, eq=False)
class DensityField:
    """Relative electron density ``[k, j, i]`` on a grid of a few millimetres."""

    grid: Grid
    relative: Float32


@dataclass(frozen=True, slots=True)
class Region:
    """Part of the plane through the isocentre that a beam is computed in, mm."""

    x_mm: tuple[float, float]
    y_mm: tuple[float, float]

    def grown(self, margin_mm: float) -> "Region":
        """Return the region with a margin on all sides."""
        x, y = self.x_mm, self.y_mm
        return Region((x[0] - margin_mm, x[1] + margin_mm), (y[0] - margin_mm, y[1] + margin_mm))


@dataclass(frozen=True, slots=True, eq=False)
class Fan:
    """Radiological depth ``[v, u, plane]``; lattice and planes as of :func:`march_fan`."""

    depth_mm: Float32
    lattice: tuple[float, float, float, float, float]
    planes: tuple[float, float]


def density_field(density: Volume, body: Mask | None, curve: DensityCurve, spacing_mm: float) -> DensityField:
    """Bring HU to relative electron density at about ``spacing_mm``; outside the body there is air.

    Raises
    ------
    GeometryError
        If the image is not in HU, or the body has another shape.
    """
    if not density.is_hounsfield:
        msg = (
            f"the image {density.source or 'for the dose'} is not in Hounsfield units; give a planning CT, or"
            " make the density of the day first"
        )
        raise GeometryError(msg)
    if body is not None and body.shape != density.grid.shape:
        msg = f"the body has the shape {body.shape} but the image {density.grid.shape}; make it on that image"
        raise GeometryError(msg)
    values = density.values
    if body is not None:
        # Before smoothing: a couch against the skin must not leak into the patient.
        values = np.where(body, values, values.dtype.type(AIR_HU))
    level = make_level(density.grid, values, spacing_mm, interpolate=False)
    return _without_air_around(DensityField(level.grid, curve.density(level.values)))


def _without_air_around(field: DensityField) -> DensityField:
    """Cut off what is air all over, so that rays start at the patient; one layer of it stays."""
    dense = field.relative > AIR
    box = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        found = np.flatnonzero(dense.any(axis=others))
        if not len(found):
            msg = "the image for the dose holds nothing but air; check the image and the body"
            raise GeometryError(msg)
        box.append(slice(max(int(found[0]) - 1, 0), int(found[-1]) + 2))
    part = np.ascontiguousarray(field.relative[tuple(box)])
    # A last layer of air: rays are sampled between voxel centres only, so the outermost voxels would be lost.
    part = np.pad(part, 1)
    grid, first = field.grid, np.array([one.start for one in box[::-1]], dtype=np.float64) - 1.0
    shape = (part.shape[0], part.shape[1], part.shape[2])
    return DensityField(Grid(grid.frame, shape, grid.spacing_mm, grid.xyz(first), grid.direction), part)


def fan_depth(field: DensityField, xyz_from_device: Array, region: Region, far_mm: float) -> Fan:
    """Return radiological depths in a fan over a region.

    Parameters
    ----------
    field
        The patient.
    xyz_from_device
        4×4 from the beam limiting device system to the field's frame.
    region
        At the isocentre.
    far_mm
        Source to axis.

    Raises
    ------
    GeometryError
        If the patient reaches to the source.
    """
    index_from_device = field.grid.index_from_xyz @ xyz_from_device
    corners = np.array(np.meshgrid(*[[-0.5, n - 0.5] for n in field.grid.shape[::-1]])).reshape(3, -1)
    index_to_device = np.linalg.inv(index_from_device)
    s = -(index_to_device[2, :3] @ corners + index_to_device[2, 3])
    first_mm = max(float(s.min()) - PLANE_MM, PLANE_MM)
    if s.max() <= first_mm:
        msg = "the patient lies behind the source; check the isocentre"
        raise GeometryError(msg)
    (u_first, u_count), (v_first, v_count) = (_seats(side) for side in (region.x_mm, region.y_mm))
    shape = (v_count, u_count, int(np.ceil((s.max() - first_mm) / PLANE_MM)) + 2)
    lattice = (u_first, RAY_MM, v_first, RAY_MM, far_mm)
    planes = (first_mm, PLANE_MM)
    depth = march_fan(field.relative, np.ascontiguousarray(index_from_device[:3]), lattice, planes, shape)
    return Fan(depth, lattice, planes)


def _seats(side_mm: tuple[float, float]) -> tuple[float, int]:
    """First position and number of rays that reach over both ends of a side."""
    return side_mm[0] - RAY_MM, int(np.ceil((side_mm[1] - side_mm[0]) / RAY_MM)) + 3
