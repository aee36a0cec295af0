"""What is drawn of the dose of a day: its voxels as whole numbers, and today's outlines."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from isoguide.dose.result import DoseVolume
from isoguide.errors import InputError
from isoguide.geometry.frames import DAILY
from isoguide.geometry.grid import Grid
from isoguide.images.structure import Structure
from isoguide.workflow.clinic.pictures.structure_distance import DrawnStructure, drawn_structures
from isoguide.workflow.clinic.pictures.voxel_bytes import VoxelBytes

FINE_STEPS_PER_GY, COARSE_STEPS_PER_GY = 1000, 100
"""The first for one fraction, whose lines would be ragged in whole centigray; the second where that is too
much for 16 bits."""
MOST_STEPS: Final = np.iinfo(np.int16).max


@dataclass(frozen=True, slots=True, eq=False)
class DrawnDose:
    """The pictures of the dose of a day.

    Parameters
    ----------
    voxels
        The dose of one fraction in steps, on its own grid.
    steps_per_gy
        How many steps are one gray.
    largest_gy
        Its largest value.
    structures
        As they are today, daily LPS.
    """

    voxels: VoxelBytes
    steps_per_gy: int
    largest_gy: float
    structures: tuple[DrawnStructure, ...]

    @classmethod
    def of(cls, dose: DoseVolume, structures: Sequence[Structure], daily: Grid) -> Self:
        """Draw a dose.

        Parameters
        ----------
        dose
            Of one fraction.
        structures
            As they are today, daily LPS.
        daily
            Grid of the day's image.

        Raises
        ------
        InputError
            If the dose is too large to be drawn.
        """
        largest_gy = float(dose.dose_gy.max())
        is_fine = largest_gy * FINE_STEPS_PER_GY <= MOST_STEPS
        steps_per_gy = FINE_STEPS_PER_GY if is_fine else COARSE_STEPS_PER_GY
        if largest_gy * steps_per_gy > MOST_STEPS:
            msg = f"a fraction of {largest_gy:.0f} Gy cannot be drawn: check the plan and the beam data"
            raise InputError(msg)
        steps = np.rint(dose.dose_gy * np.float32(steps_per_gy)).astype(np.int16)
        drawn, _ = drawn_structures(structures, daily)
        return cls(VoxelBytes.of(dose.grid, steps), steps_per_gy, largest_gy, drawn)

    @property
    def is_in_daily(self) -> bool:
        """Whether it lies in daily LPS, and not in that of the plan."""
        return self.voxels.grid.frame == DAILY
