"""The part of a fit that the axis tells: beam quality, scatter, extra-focal source and electrons."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.optimize import least_squares

from isoguide.dose.beam_data import BeamData
from isoguide.dose.machine.beam_change import BeamChange
from isoguide.dose.machine.comparison import BUILD_UP_MM, normal_place, output_factors
from isoguide.dose.machine.measured import DepthDose, MeasuredBeam
from isoguide.dose.machine.water_dose import WaterTank
from isoguide.geometry.frames import Array

_GRID_MM: Final = np.array(
    [0.0, 1.0, 2.0, 3.0, 4.5, 6.0, 8.0, 11.0, 14.0, 18.0, 23.0, 30.0, 45.0, 70.0, 100.0, 150.0, 200.0, 300.0]
    + [400.0]
)
"""Depths that are computed; between them a spline of the logarithm is within 0.1 %."""
_PERCENT: Final = 0.3
"""A difference that counts as one; in the build-up it takes five times as much."""
_POINTS_PER_CURVE: Final = 15.0
_NEED_SHALLOW: Final = 3
_KEPT_TANKS: Final = 24

_QUALITY: Final = {"hardening_mm": 60.0, "electron_reach": 0.3, "scatter_reach": 0.4, "primary": 0.06}
_OUTPUT: Final = {"extra_focal_share": 0.8, "extra_focal_sigma": 0.4}
_ELECTRONS: Final = {"electron_share": 1.0, "electron_decay": 0.5, "electron_sigma": 0.5}
"""How far each number may be expected to be from that of the machine that a fit starts with."""
_FARTHEST: Final = 4.0
"""No number goes farther than so many times that."""


def moved_by(measured: MeasuredBeam) -> dict[str, float]:
    """Which changes these measurements speak of, and how far each may be expected to go."""
    moved = dict(_QUALITY)
    if measured.output_factors is not None:
        moved |= _OUTPUT
    if _shallow(measured) >= _NEED_SHALLOW:
        moved |= _ELECTRONS
    return moved


def _shallow(measured: MeasuredBeam) -> int:
    return max(int((curve.depth_mm < BUILD_UP_MM - 3.0).sum()) for curve in measured.depth_doses)


def fitted_on_axis(machine: BeamData, measured: MeasuredBeam, evaluations: int = 12) -> BeamChange:
    """Return the change of a beam with which depth doses and output factors are met best."""
    moved = moved_by(measured)
    sizes = np.array(list(moved.values()))
    target = _Target(machine, measured)

    def misses(steps: Array) -> Array:
        change = BeamChange(**dict(zip(moved, (steps * sizes).tolist(), strict=True)))
        return np.concatenate([target.misses(change), 0.3 * steps])

    found = least_squares(
        misses,
        np.zeros(len(moved)),
        bounds=(-_FARTHEST, _FARTHEST),
        diff_step=[1e-3],
        max_nfev=evaluations,
        xtol=1e-4,
        ftol=1e-4,
    )
    return BeamChange(**dict(zip(moved, (found.x * sizes).tolist(), strict=True)))


@dataclass(frozen=True, slots=True, eq=False)
class _Target:
    machine: BeamData
    measured: MeasuredBeam
    tanks: dict[tuple[object, ...], WaterTank] = field(default_factory=dict)

    def misses(self, change: BeamChange) -> Array:
        """Differences in units of what counts as one."""
        machine = change.of(self.machine)
        by_surface: dict[float, list[DepthDose]] = defaultdict(list)
        for curve in self.measured.depth_doses:
            by_surface[curve.source_surface_mm].append(curve)
        missed: list[Array] = []
        for surface_mm, curves in by_surface.items():
            grid = _computed_depths_mm(curves)
            tank = self._tank(change, machine, surface_mm, grid)
            missed += [_curve_misses(tank, curve) for curve in curves]
        factors = self.measured.output_factors
        if factors is not None:
            place = np.array([factors.depth_mm])
            tank = self._tank(change, machine, factors.source_surface_mm, place)
            computed = output_factors(tank, factors.side_mm)
            weight = np.sqrt(_POINTS_PER_CURVE / len(computed)) / _PERCENT
            missed.append(weight * 100.0 * (computed - factors.factor))
        return np.concatenate(missed)

    def _tank(self, change: BeamChange, machine: BeamData, surface_mm: float, depth_mm: Array) -> WaterTank:
        """Prepare a tank; with the same photons it is used again, as heads cost next to nothing."""
        quality = tuple(getattr(change, name) for name in _QUALITY)
        key = (surface_mm, len(depth_mm), float(depth_mm[0]), *quality)
        if key not in self.tanks:
            while len(self.tanks) > _KEPT_TANKS:
                del self.tanks[next(iter(self.tanks))]
            self.tanks[key] = WaterTank.of(machine, surface_mm, depth_mm)
        return self.tanks[key].with_head(machine)


def _computed_depths_mm(curves: list[DepthDose]) -> Array:
    """All measured depths where they are few, else a grid for a spline of the logarithm.

    It begins right above the first of them: at the surface a beam without contaminating electrons has no
    dose, and no logarithm.
    """
    measured = np.unique(np.concatenate([curve.depth_mm for curve in curves]))
    if len(measured) <= len(_GRID_MM):
        return measured
    first = int(np.searchsorted(_GRID_MM, measured[0], side="right")) - 1
    return _GRID_MM[first : int(np.searchsorted(_GRID_MM, measured[-1])) + 1]


def _curve_misses(tank: WaterTank, curve: DepthDose) -> Array:
    log_dose = np.log(tank.axis_gy(curve.field))
    if np.isin(curve.depth_mm, tank.depth_mm).all():
        computed = np.exp(np.interp(curve.depth_mm, tank.depth_mm, log_dose))
    else:
        computed = np.exp(CubicSpline(tank.depth_mm, log_dose)(curve.depth_mm))
    place = normal_place(curve.depth_mm)
    measured = 100.0 * curve.dose / curve.dose.max()
    difference = computed * (measured[place] / computed[place]) - measured
    weight = np.where(curve.depth_mm < BUILD_UP_MM, 0.2, 1.0) / _PERCENT
    return np.asarray(difference * weight * np.sqrt(_POINTS_PER_CURVE / len(measured)))
