"""Where the voxels are, without the voxels: a first-class object for resampling and dose grids."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array, Frame, frozen_array

ORTHOGONAL_TOLERANCE = 1e-4
"""Largest deviation of direction cosines from orthonormal: DICOM writes them with about six digits."""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """A regular, orthogonal voxel grid in a patient frame.

    Parameters
    ----------
    frame
        The frame the positions are in.
    shape
        Number of voxels (slices, rows, columns): arrays on this grid are indexed ``[k, j, i]``.
    spacing_mm
        Distance between neighbours along i, j, k (columns, rows, slices), shape (3,), positive.
    origin_mm
        Centre of voxel [0, 0, 0], shape (3,).
    direction
        Unit vectors along increasing i, j, k as the columns of a (3, 3) matrix with determinant +1 or -1.

    Raises
    ------
    GeometryError
        If a size or spacing is not positive or the axes are not orthonormal.
    """

    frame: Frame
    shape: tuple[int, int, int]
    spacing_mm: Array
    origin_mm: Array
    direction: Array

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        if len(shape) != 3 or min(shape) < 1:
            msg = f"a grid needs three positive sizes, not {self.shape}"
            raise GeometryError(msg)
        spacing = frozen_array(self.spacing_mm, (3,), "grid spacing")
        if spacing.min() <= 0.0:
            msg = f"grid spacing must be positive, not {spacing.tolist()} mm"
            raise GeometryError(msg)
        direction = frozen_array(self.direction, (3, 3), "grid direction")
        deviation = float(np.abs(direction.T @ direction - np.eye(3)).max())
        if deviation > ORTHOGONAL_TOLERANCE:
            msg = (
                f"the grid axes are not orthonormal (off by {deviation:.2g}): the image is sheared or scaled"
            )
            raise GeometryError(msg)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "spacing_mm", spacing)
        object.__setattr__(self, "origin_mm", frozen_array(self.origin_mm, (3,), "grid origin"))
        object.__setattr__(self, "direction", direction)

    @classmethod
    def axial(
        cls,
        frame: Frame,
        shape: tuple[int, int, int],
        spacing_mm: tuple[float, float, float],
        origin_mm: tuple[float, float, float],
    ) -> Self:
        """Build a grid whose i, j, k run along patient x, y, z."""
        return cls(frame, shape, np.array(spacing_mm), np.array(origin_mm), np.eye(3))

    @property
    def xyz_from_index(self) -> Array:
        """Homogeneous 4×4 matrix from (i, j, k) to (x, y, z) mm."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.direction * self.spacing_mm
        matrix[:3, 3] = self.origin_mm
        return matrix

    @property
    def index_from_xyz(self) -> Array:
        """Homogeneous 4×4 matrix from (x, y, z) mm to fractional (i, j, k)."""
        return np.asarray(np.linalg.inv(self.xyz_from_index), dtype=np.float64)

    @property
    def centre_mm(self) -> Array:
        """Centre of the grid, shape (3,)."""
        return self.xyz(np.array([(n - 1) / 2.0 for n in self.shape[::-1]]))

    @property
    def extent_mm(self) -> Array:
        """Edge lengths of the box of voxels along i, j, k, shape (3,)."""
        return np.array(self.shape[::-1], dtype=np.float64) * self.spacing_mm

    def xyz(self, ijk: Array) -> Array:
        """Positions (..., 3) in mm of fractional voxel indices (..., 3) given as (i, j, k)."""
        return np.asarray(ijk, dtype=np.float64) @ (self.direction * self.spacing_mm).T + self.origin_mm

    def index(self, xyz_mm: Array) -> Array:
        """Fractional (i, j, k) indices (..., 3) of positions (..., 3) in mm."""
        offset_mm = np.asarray(xyz_mm, dtype=np.float64) - self.origin_mm
        return offset_mm @ np.linalg.inv(self.direction * self.spacing_mm).T

    def contains(self, xyz_mm: Array) -> NDArray[np.bool_]:
        """Tell which positions (..., 3) lie between the outermost voxel centres, shape (...)."""
        ijk = self.index(xyz_mm)
        last = np.array(self.shape[::-1], dtype=np.float64) - 1.0
        return np.asarray(((ijk >= 0.0) & (ijk <= last)).all(axis=-1))

    def corners_mm(self) -> Array:
        """Return the eight outermost voxel centres, shape (8, 3)."""
        last = np.array(self.shape[::-1], dtype=np.float64) - 1.0
        unit = np.array(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij")).reshape(3, -1).T
        return self.xyz(unit * last)
