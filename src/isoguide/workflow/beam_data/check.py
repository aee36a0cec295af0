"""Whether beam data agree with themselves: pencil kernels, point kernel and calibration."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from isoguide.dose.beam_data import BeamData
from isoguide.dose.machine import Rectangle, WaterTank, electron_dose_gy
from isoguide.dose.machine.calibration import pencil_axis_gy

DEPTHS_MM: Final = np.array([20.0, 50.0, 100.0, 200.0, 300.0])
SIDES_MM: Final = (40.0, 100.0, 200.0, 300.0)
AGREED_PERCENT: Final = 1.0


@dataclass(frozen=True, slots=True)
class KernelAgreement:
    """How far pencil kernels are from the point kernel, in percent of the local dose."""

    worst_percent: float
    side_mm: float
    depth_mm: float

    @property
    def is_met(self) -> bool:
        """Whether both algorithms will give the same dose in water."""
        return self.worst_percent <= AGREED_PERCENT

    @property
    def words(self) -> str:
        """The same in a sentence."""
        told = (
            f"pencil kernels and point kernel differ by {self.worst_percent:.2f} % at most, "
            f"{self.depth_mm:g} mm deep in the {self.side_mm:g} mm field"
        )
        return told if self.is_met else f"{told}: make the pencil kernels anew with isoguide machine fit"


def kernel_agreement(machine: BeamData) -> KernelAgreement:
    """Compare the dose of both kernels in water on the axis of square fields."""
    surface_mm = machine.source_axis_distance_mm - 100.0
    tank = WaterTank.of(machine, surface_mm, DEPTHS_MM)
    origin = (np.zeros(1), np.zeros(1))
    far = machine.source_axis_distance_mm / (surface_mm + DEPTHS_MM)
    worst = KernelAgreement(0.0, SIDES_MM[0], float(DEPTHS_MM[0]))
    for side in SIDES_MM:
        field = Rectangle.square(side)
        electrons = electron_dose_gy(machine, field, origin, DEPTHS_MM) * far**2
        direct = tank.axis_gy(field)
        off = 100.0 * np.abs(
            (pencil_axis_gy(machine, field, surface_mm, DEPTHS_MM) + electrons) / direct - 1.0
        )
        place = int(np.argmax(off))
        if float(off[place]) > worst.worst_percent:
            worst = KernelAgreement(float(off[place]), side, float(DEPTHS_MM[place]))
    return worst
