"""What a dose calculation answers with."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError
from isoguide.geometry.grid import Grid

Float32 = NDArray[np.float32]


class DoseAlgorithm(StrEnum):
    """How a dose was computed."""

    PENCIL_BEAM = "pencil beam"
    COLLAPSED_CONE = "collapsed cone"


WEAKNESS = {
    DoseAlgorithm.PENCIL_BEAM: (
        "the pencil beam takes every ray as if all around it were like it: in lung it is 7 % (10 cm field) "
        "to 15 % (3 cm field) too high against Monte Carlo, behind air too, and at the edges of lung it is "
        "wrong by more; confirm it there by the collapsed cone"
    ),
    DoseAlgorithm.COLLAPSED_CONE: (
        "the collapsed cone carries scatter along straight cones and knows water of several densities, not "
        "bone or metal: against Monte Carlo it is 3 % too low in lung in a 3 cm field (7 % of the maximum "
        "near its edges) and 5 % too high within bone, whose dose it tells as that of water"
    ),
}
"""What everybody who reads a result has to know about the algorithm."""


@dataclass(frozen=True, slots=True, eq=False)
class DoseVolume:
    """A dose in three dimensions.

    Parameters
    ----------
    grid
        Where the voxels are.
    dose_gy
        Float32 ``[k, j, i]``, not negative (not copied when it is read-only already).

    Raises
    ------
    GeometryError
        If the array does not fit the grid, or holds a value that is negative or not finite.
    """

    grid: Grid
    dose_gy: Float32

    def __post_init__(self) -> None:
        dose = np.asarray(self.dose_gy, np.float32)
        if dose.shape != self.grid.shape:
            msg = f"the dose has the shape {dose.shape} but its grid says {self.grid.shape}"
            raise GeometryError(msg)
        if not np.isfinite(dose).all() or dose.min() < 0.0:
            msg = "the dose holds values that are negative or not finite; compute or export it again"
            raise GeometryError(msg)
        if dose.flags.writeable or not dose.flags.c_contiguous:
            dose = dose.copy(order="C")
            dose.flags.writeable = False
        object.__setattr__(self, "dose_gy", dose)

    def scaled(self, factor: float) -> Self:
        """Return the dose times a factor, such as the number of fractions."""
        return replace(self, dose_gy=(self.dose_gy * np.float32(factor)))


@dataclass(frozen=True, slots=True, eq=False)
class DoseDistribution(DoseVolume):
    """The dose of one fraction of a plan in a patient.

    Parameters
    ----------
    algorithm
        How it was computed.
    beam_data, beam_data_sha256
        By which data of a machine.
    plan_uid
        SOPInstanceUID of the plan.
    approximations
        What is assumed rather than known, one sentence each; with the weakness of the algorithm, never empty.
    """

    algorithm: DoseAlgorithm = DoseAlgorithm.PENCIL_BEAM
    beam_data: str = ""
    beam_data_sha256: str = ""
    plan_uid: str = ""
    approximations: tuple[str, ...] = ()
