"""The beam of a machine from physics, and fitted to what was measured."""

from isoguide.dose.machine.calibration import pencil_reference_gy, with_pencil_kernels
from isoguide.dose.machine.comparison import CurveComparison, compare
from isoguide.dose.machine.fit import FitResult, fit_beam_data
from isoguide.dose.machine.generic import generic_6mv
from isoguide.dose.machine.measured import DepthDose, MeasuredBeam, OutputFactors, Profile
from isoguide.dose.machine.open_field import Rectangle
from isoguide.dose.machine.reference_dose import TankField, reference_dose
from isoguide.dose.machine.release import released_shares
from isoguide.dose.machine.water_dose import WaterTank, electron_dose_gy

__all__ = [
    "CurveComparison",
    "DepthDose",
    "FitResult",
    "MeasuredBeam",
    "OutputFactors",
    "Profile",
    "Rectangle",
    "TankField",
    "WaterTank",
    "compare",
    "electron_dose_gy",
    "fit_beam_data",
    "generic_6mv",
    "pencil_reference_gy",
    "reference_dose",
    "released_shares",
    "with_pencil_kernels",
]
