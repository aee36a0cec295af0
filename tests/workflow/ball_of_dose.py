"""A dose that costs nothing: a ball about the isocentre of the room, wherever the patient lies."""

from typing import Any

import numpy as np

from isoguide.dose.placement import Placement
from isoguide.dose.result import DoseDistribution
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.iec61217 import fixed_from_planning
from isoguide.images.displacement_field import node_positions_mm
from isoguide.plan import PatientPosition, Plan


def ball_of_dose(
    plan: Plan, _density: object, _machine: object, *, placement: Placement, **_said: Any
) -> DoseDistribution:
    """Give 3 Gy within 45 mm of the room's isocentre, falling off beyond."""
    isocentre_mm = plan.beams[0].isocentre_mm
    if isocentre_mm is None:
        raise AssertionError
    grid = placement.grid or Grid.axial(
        PLANNING, (31, 31, 31), (5.0, 5.0, 5.0), tuple((isocentre_mm - 75.0).tolist())
    )
    placed = placement.fixed_from_patient or fixed_from_planning(PatientPosition.HFS, isocentre_mm)
    away_mm = np.linalg.norm(placed.apply(node_positions_mm(grid)), axis=1)
    dose = 3.0 / (1.0 + np.exp((away_mm - 45.0) / 4.0))
    return DoseDistribution(grid, dose.astype(np.float32).reshape(grid.shape), approximations=("a ball",))
