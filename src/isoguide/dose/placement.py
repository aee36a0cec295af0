"""What a dose calculation is told besides the plan: where the patient lies, and how finely to compute."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.dose.density_curve import GENERIC_CURVE, DensityCurve
from isoguide.dose.result import DoseAlgorithm
from isoguide.errors import GeometryError, InputError
from isoguide.geometry.frames import FIXED
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform

Mask = NDArray[np.bool_]

FINEST_MM: Final = 0.5
COARSEST_MM: Final = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Where the patient lies, what of the image is the patient, and where dose is wanted.

    Parameters
    ----------
    fixed_from_patient
        From the density's frame to the room **with the couch at 0°**, for the isocentre of the plan's first
        treatment beam; the couch angle of a control point turns the patient besides, and for a beam with
        another isocentre the table moves on as planned. As planned where None.
    body
        Voxels ``[k, j, i]`` of the density's grid that are the patient; what is outside counts as air.
    grid
        Of the dose, in the density's frame; chosen to hold the fields where None.

    Raises
    ------
    GeometryError
        If the transform does not lead to the room.
    """

    fixed_from_patient: RigidTransform | None = None
    body: Mask | None = None
    grid: Grid | None = None

    def __post_init__(self) -> None:
        placed = self.fixed_from_patient
        if placed is not None and placed.to_frame != FIXED:
            msg = f"the patient is placed in '{placed.to_frame}', not in '{FIXED}'; place him in the room"
            raise GeometryError(msg)


@dataclass(frozen=True, slots=True)
class DoseSettings:
    """How to compute.

    Parameters
    ----------
    algorithm
        Pencil beam for a decision, collapsed cone to confirm it.
    spacing_mm
        Of the dose grid.
    arc_step_deg
        An arc is computed from directions this far apart.
    curve
        From HU to electron density.

    Raises
    ------
    InputError
        If a number cannot be used.
    """

    algorithm: DoseAlgorithm = DoseAlgorithm.PENCIL_BEAM
    spacing_mm: float = 2.5
    arc_step_deg: float = 6.0
    curve: DensityCurve = GENERIC_CURVE

    def __post_init__(self) -> None:
        if not FINEST_MM <= self.spacing_mm <= COARSEST_MM:
            msg = f"a dose grid of {self.spacing_mm} mm cannot be used; give {FINEST_MM} to {COARSEST_MM} mm"
            raise InputError(msg)
        if not 0.0 < self.arc_step_deg <= 30.0:
            msg = f"an arc cannot be computed every {self.arc_step_deg}°; give a step above 0° up to 30°"
            raise InputError(msg)


AS_PLANNED: Final = Placement()
USUAL_SETTINGS: Final = DoseSettings()
