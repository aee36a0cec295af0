"""How far computed curves in water are from measured ones, in percent and in millimetres."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from isoguide.dose.beam_data import BeamData
from isoguide.dose.machine.measured import DepthDose, MeasuredBeam, OutputFactors, Profile
from isoguide.dose.machine.open_field import Rectangle
from isoguide.dose.machine.water_dose import WaterTank
from isoguide.geometry.frames import Array

BUILD_UP_MM: Final = 15.0
"""Shallower than this a curve is shown but does not count: detectors disagree there themselves."""
NORMAL_DEPTH_MM: Final = 100.0
"""Depth doses are compared after both were set equal at the measured depth nearest to this one."""
ALLOWED_PERCENT: Final = 1.0
ALLOWED_MM: Final = 1.0
LARGEST_MM: Final = 5.0
"""Shifts are looked for as far as this."""
_STEP_MM: Final = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class CurveComparison:
    """One measured curve beside the computed one.

    Parameters
    ----------
    kind, label
        "depth dose", "profile" or "output factors", and which one.
    place_mm, measured, computed
        (n,): percent of the largest measured value of the curve; of the reference field for output factors.
    counts
        bool (n,): where the difference counts.
    worst_percent
        Largest difference that counts and that no shift of 1 mm along the curve explains.
    worst_mm
        Largest shift that explains a difference of more than 1 %; 0 where there is none.
    """

    kind: str
    label: str
    place_mm: Array
    measured: Array
    computed: Array
    counts: NDArray[np.bool_]
    worst_percent: float
    worst_mm: float

    @property
    def is_met(self) -> bool:
        """Whether each point is within 1 % or 1 mm."""
        return self.worst_percent <= ALLOWED_PERCENT


def compare(machine: BeamData, measured: MeasuredBeam) -> tuple[CurveComparison, ...]:
    """Compute every measured curve, and say how far it is from what was measured."""
    compared = [_depth_dose(machine, curve) for curve in measured.depth_doses]
    compared += [_profile(machine, curve) for curve in measured.profiles]
    if measured.output_factors is not None:
        compared.append(_output_factors(machine, measured.output_factors))
    return tuple(compared)


def normal_place(depth_mm: Array) -> int:
    """Which of the depths both curves are set equal at."""
    return int(np.argmin(np.abs(depth_mm - NORMAL_DEPTH_MM)))


def _depth_dose(machine: BeamData, curve: DepthDose) -> CurveComparison:
    computed = WaterTank.of(machine, curve.source_surface_mm, curve.depth_mm).axis_gy(curve.field)
    place = normal_place(curve.depth_mm)
    measured = 100.0 * curve.dose / curve.dose.max()
    computed = computed * (measured[place] / computed[place])
    counts = curve.depth_mm >= BUILD_UP_MM
    return _compared("depth dose", curve.label, (curve.depth_mm, measured, computed), counts)


def _profile(machine: BeamData, curve: Profile) -> CurveComparison:
    computed = profile_gy(
        WaterTank.of(machine, curve.source_surface_mm, np.array([curve.depth_mm])), curve, curve.position_mm
    )
    axis = float(np.interp(0.0, curve.position_mm, computed))
    measured = 100.0 * curve.dose / float(np.interp(0.0, curve.position_mm, curve.dose))
    counts = np.ones(len(measured), dtype=bool)
    return _compared("profile", curve.label, (curve.position_mm, measured, 100.0 * computed / axis), counts)


def profile_gy(tank: WaterTank, curve: Profile, position_mm: Array) -> Array:
    """Dose per monitor unit at positions (n,) along a profile, in a tank prepared for its depth alone."""
    across = np.zeros_like(position_mm)
    x_mm, y_mm = (position_mm, across) if curve.along == "x" else (across, position_mm)
    return tank.profile_gy(curve.field, 0, x_mm, y_mm)


def output_factors(tank: WaterTank, side_mm: Array) -> Array:
    """Dose of square fields (n,) against that of the reference field, in a tank prepared for one depth."""
    known = tank.axis_gy(Rectangle.square(tank.machine.reference.field_mm))[0]
    return np.array([tank.axis_gy(Rectangle.square(float(side)))[0] / known for side in side_mm])


def _output_factors(machine: BeamData, factors: OutputFactors) -> CurveComparison:
    tank = WaterTank.of(machine, factors.source_surface_mm, np.array([factors.depth_mm]))
    computed = output_factors(tank, factors.side_mm)
    label = f"{factors.depth_mm:g} mm deep, surface at {factors.source_surface_mm:g} mm"
    curves = (factors.side_mm, 100.0 * factors.factor, 100.0 * computed)
    return _compared("output factors", label, curves, np.ones(len(computed), dtype=bool), in_place=True)


def _compared(
    kind: str,
    label: str,
    curves: tuple[Array, Array, Array],
    counts: NDArray[np.bool_],
    *,
    in_place: bool = False,
) -> CurveComparison:
    place, measured, computed = curves
    percent = np.abs(computed - measured)
    shift_mm = np.full(len(place), np.inf) if in_place else _shift_mm(place, measured, computed)
    unexplained = counts & (shift_mm > ALLOWED_MM)
    return CurveComparison(
        kind,
        label,
        place,
        measured,
        computed,
        counts,
        worst_percent=float(percent[unexplained].max(initial=0.0)),
        worst_mm=0.0 if in_place else float(shift_mm[counts & (percent > ALLOWED_PERCENT)].max(initial=0.0)),
    )


def _shift_mm(place: Array, measured: Array, computed: Array) -> Array:
    """Find how far from each place the computed curve has the measured value, at most 5 mm."""
    if len(place) < 2:
        return np.full(len(place), LARGEST_MM)
    curve = PchipInterpolator(place, computed)
    steps = np.linspace(-LARGEST_MM, LARGEST_MM, 2 * round(LARGEST_MM / _STEP_MM) + 1)
    at = np.clip(place[:, None] + steps, place[0], place[-1])
    above = curve(at) >= measured[:, None]
    crossed = above[:, 1:] != above[:, :-1]
    nearest = np.minimum(np.abs(steps[1:]), np.abs(steps[:-1]))
    return np.asarray(np.where(crossed, nearest, LARGEST_MM).min(axis=1))
