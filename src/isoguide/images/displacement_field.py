"""How tissue is displaced against the planning CT: a field that cannot fold, with its exact inverse."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError
from isoguide.geometry.frames import PLANNING, Array
from isoguide.geometry.grid import Grid
from isoguide.kernels.fields import moved_points, origins_of_points, steepest_gradient

Floats = NDArray[np.float32]

STEEPEST: Final = 0.95
"""Largest change of displacement, mm per mm. At 1 tissue may fold; below it the inverse is unique, and at
this limit it still converges within a few hundred steps."""
LONGEST_MM: Final = 150.0
"""No tissue moves farther than this against the planning CT, however large the set-up error is."""


@dataclass(frozen=True, slots=True, eq=False)
class DisplacementField:
    """Where the tissue of the planning CT has gone: ``x`` is found at ``x + u(x)``, both planning LPS.

    The field is trilinear between its nodes and constant beyond the outermost ones; that *is* the truth, there
    is nothing finer behind it. Where all nodes around a bone move alike the bone moves exactly rigidly, because
    trilinear interpolation repeats every affine function.

    Parameters
    ----------
    grid
        Where the nodes are, frame PLANNING, at least two along each axis.
    vectors_mm
        Displacement u at the nodes, float32 ``[k, j, i, (x, y, z)]`` (not copied when it is read-only already).

    Attributes
    ----------
    steepest
        Lipschitz constant of u, mm per mm: exact, and below :data:`STEEPEST`, so that nothing folds.

    Raises
    ------
    GeometryError
        If the shape or frame is another, a value is not finite or longer than 150 mm, or the field would fold.
    """

    grid: Grid
    vectors_mm: Floats
    steepest: float = field(init=False)

    def __post_init__(self) -> None:
        vectors = np.asarray(self.vectors_mm)
        if self.grid.frame != PLANNING:
            msg = f"a displacement field belongs to '{PLANNING}', not '{self.grid.frame}'"
            raise GeometryError(msg)
        if vectors.shape != (*self.grid.shape, 3) or min(self.grid.shape) < 2:
            msg = (
                f"a displacement field on a grid of {self.grid.shape} needs vectors of {(*self.grid.shape, 3)}"
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
            msg = f"the displacement field moves tissue by {self.longest_mm:.0f} mm; the most is {LONGEST_MM:g} mm"
            raise GeometryError(msg)
        steepest, node = steepest_gradient(self.vectors_mm, self.grid.spacing_mm)
        if steepest > STEEPEST:
            x, y, z = self.grid.xyz(np.array(node, dtype=np.float64))
            msg = (
                f"the displacement field changes by {steepest:.2f} mm per mm near ({x:.0f}, {y:.0f}, {z:.0f}) mm,"
                f" so that tissue would fold or tear; the most is {STEEPEST:g}: make the displacement smaller"
            )
            raise GeometryError(msg)
        return steepest

    @property
    def longest_mm(self) -> float:
        """Length of the longest displacement."""
        return float(np.sqrt(np.square(self.vectors_mm).sum(axis=-1).max()))

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

        The round trip through :meth:`moved` closes within 0.001 mm (``2e-5 mm × steepest / (1 - steepest)``).

        Parameters
        ----------
        points_mm
            Positions (n, 3), planning LPS.
        """
        return origins_of_points(self.vectors_mm, self.grid.index_from_xyz[:3], np.atleast_2d(points_mm))

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
    k, j, i = (np.arange(n, dtype=np.float64) for n in grid.shape)
    kji = np.stack(np.meshgrid(k, j, i, indexing="ij"), axis=-1).reshape(-1, 3)
    return grid.xyz(kji[:, ::-1])
