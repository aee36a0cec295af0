"""How tissue is displaced against the planning CT: a field that cannot fold, with its exact inverse."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError
from isoguide.geometry.frames import PLANNING, Array
from isoguide.geometry.grid import Grid
from isoguide.kernels.fields import (
    least_determinants,
    moved_points,
    origins_of_points,
    pull_back_shifts,
    steepest_gradient,
)

Floats = NDArray[np.float32]

STEEPEST: Final = 0.95
"""Largest change of displacement, mm per mm. At 1 tissue may fold; below it the inverse is unique, and at
this limit it still converges within a few hundred steps."""
LONGEST_MM: Final = 150.0
"""No tissue moves farther than this against the planning CT, however large the set-up error is."""

POINT_ACCURACY_MM: Final = 1e-5
IMAGE_ACCURACY_MM: Final = 1e-3
"""How exactly the field is inverted, for points and for the voxels of images."""


@dataclass(frozen=True, slots=True, eq=False)
class DisplacementField:
    """Where the tissue of the planning CT has gone: ``x`` is found at ``x + u(x)``, both planning LPS.

    The field is trilinear between its nodes and constant beyond the outermost ones; that *is* the truth, with
    nothing finer behind it. A bone moves exactly rigidly where all nodes around it do, because trilinear
    interpolation repeats every affine function.

    Parameters
    ----------
    grid
        Where the nodes are, frame PLANNING, at least two along each axis.
    vectors_mm
        Displacement u at the nodes, float32 ``[k, j, i, (x, y, z)]`` (not copied when read-only already).

    steepest
        Lipschitz constant of u, mm per mm, below :data:`STEEPEST`, so that nothing folds. It is measured
        exactly unless a proven upper bound is given (0 means: measure).

    Raises
    ------
    GeometryError
        If shape or frame do not fit, a value is not finite or longer than 150 mm, or the field would fold.
    """

    grid: Grid
    vectors_mm: Floats
    steepest: float = 0.0

    def __post_init__(self) -> None:
        vectors = np.asarray(self.vectors_mm)
        if self.grid.frame != PLANNING:
            msg = f"a displacement field belongs to '{PLANNING}', not '{self.grid.frame}'"
            raise GeometryError(msg)
        if vectors.shape != (*self.grid.shape, 3) or min(self.grid.shape) < 2:
            msg = (
                f"a displacement field needs vectors of {(*self.grid.shape, 3)} on its grid"
                f" and at least two nodes along each axis, not {vectors.shape}"
            )
            raise GeometryError(msg)
        if vectors.dtype != np.float32 or vectors.flags.writeable or not vectors.flags.c_contiguous:
            vectors = np.array(vectors, dtype=np.float32, order="C")
            vectors.flags.writeable = False
        object.__setattr__(self, "vectors_mm", vectors)
        if not np.isfinite(vectors).all():
            msg = "the displacement field holds values that are not finite numbers"
            raise GeometryError(msg)
        object.__setattr__(self, "steepest", self._checked_steepness())

    def _checked_steepness(self) -> float:
        if self.longest_mm > LONGEST_MM:
            msg = (
                f"the displacement field moves tissue by {self.longest_mm:.0f} mm: at most {LONGEST_MM:g} go"
            )
            raise GeometryError(msg)
        if 0.0 < self.steepest <= STEEPEST:
            return self.steepest
        steepest, node = steepest_gradient(self.vectors_mm, self.grid.spacing_mm)
        if steepest > STEEPEST:
            x, y, z = self.grid.xyz(np.array(node, dtype=np.float64))
            msg = (
                f"the displacement field changes by {steepest:.2f} mm per mm at ({x:.0f}, {y:.0f}, {z:.0f}),"
                f" so that tissue would fold or tear (limit {STEEPEST:g}): make the displacement smaller"
            )
            raise GeometryError(msg)
        return steepest

    @property
    def longest_mm(self) -> float:
        """Length of the longest displacement."""
        return float(np.sqrt(np.square(self.vectors_mm).sum(axis=-1).max()))

    def jacobian(self) -> Floats:
        """Return how tissue grows at each node, float32 ``[k, j, i]``.

        It is the smallest determinant of the gradient of ``x + u(x)`` among the corners of the cells that
        meet there: below 1 tissue is compressed, 0 or less would be folded.
        """
        return least_determinants(self.vectors_mm, self.grid.spacing_mm, self.grid.direction)

    def moved(self, points_mm: Array) -> Array:
        """Return where tissue is now.

        Parameters
        ----------
        points_mm
            Positions (n, 3) in the planning CT, planning LPS.

        Returns
        -------
        Array
            Shape (n, 3), planning LPS, before the patient as a whole is displaced.
        """
        return moved_points(self.vectors_mm, self.grid.index_from_xyz[:3], np.atleast_2d(points_mm))

    def origin_of(self, points_mm: Array) -> Array:
        """Return where the tissue that is now at these positions lies in the planning CT.

        The answer is within :data:`POINT_ACCURACY_MM` of the right one: a contracting iteration says how far
        it still has to go.

        Parameters
        ----------
        points_mm
            Positions (n, 3), planning LPS.
        """
        return origins_of_points(
            self.vectors_mm,
            self.grid.index_from_xyz[:3],
            np.atleast_2d(points_mm),
            self.steepest,
            POINT_ACCURACY_MM,
        )

    def pull_back(self, xyz_from_voxel: Array, to_image_index: Array, shape: tuple[int, int, int]) -> Floats:
        """Return where to look, in image voxels, for the tissue that is now at each voxel of another grid.

        Parameters
        ----------
        xyz_from_voxel
            Matrix (3 or 4, 4) from (i, j, k) of the other grid to planning LPS.
        to_image_index
            Matrix (3, 3) from a distance in mm to voxels of the image.
        shape
            ``[k, j, i]`` of the other grid.

        Returns
        -------
        Floats
            Shape (3, k, j, i): to be added to the image index of each voxel, right to 0.001 mm.
        """
        return pull_back_shifts(
            self.vectors_mm,
            self.grid.index_from_xyz[:3],
            xyz_from_voxel[:3],
            to_image_index,
            shape,
            (self.steepest, IMAGE_ACCURACY_MM),
        )

    def then(self, later: "DisplacementField") -> "DisplacementField":
        """Return one field that stands for this one followed by another.

        It is exact at the nodes of the finer of the two grids, and wherever both move tissue rigidly.

        Raises
        ------
        GeometryError
            If the two together would fold.
        """
        finer = self.grid if self.grid.spacing_mm.prod() <= later.grid.spacing_mm.prod() else later.grid
        nodes = node_positions_mm(finer)
        vectors = later.moved(self.moved(nodes)) - nodes
        return DisplacementField(finer, vectors.reshape(*finer.shape, 3).astype(np.float32))


def node_positions_mm(grid: Grid) -> Array:
    """Positions (n, 3) of a grid's points in mm, columns running fastest."""
    steps_mm = (grid.direction * grid.spacing_mm).T
    k, j, i = (np.arange(n)[:, None] * step for n, step in zip(grid.shape, steps_mm[::-1], strict=True))
    positions: Array = (grid.origin_mm + k)[:, None, None] + j[:, None] + i
    return positions.reshape(-1, 3)
