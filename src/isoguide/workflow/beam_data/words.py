"""What beam data mean, in figures that a physicist knows: depth doses, quality, output, edges."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from isoguide.dose.beam_data import BeamData
from isoguide.dose.machine import CurveComparison, Rectangle, WaterTank
from isoguide.dose.machine.comparison import LARGEST_MM
from isoguide.geometry.frames import Array

SQUARES_MM: Final = (40.0, 100.0, 200.0, 400.0)
"""Fields whose depth doses are shown."""
DEPTH_MM: Final = np.concatenate([np.arange(0.5, 30.0, 1.5), np.arange(30.0, 301.0, 10.0)])
_FACTOR_SIDES_MM: Final = (30.0, 40.0, 60.0, 100.0, 150.0, 200.0, 300.0, 400.0)


@dataclass(frozen=True, slots=True, eq=False)
class WaterFigures:
    """What a beam does to water.

    Parameters
    ----------
    depth_mm, depth_doses
        (n,) and (fields, n), percent of each maximum, surface at the isocentre, of :data:`SQUARES_MM`.
    maximum_mm, at_100_mm, at_200_mm
        Of the 10 cm field: depth of the maximum, percent at 100 mm and at 200 mm.
    tpr_20_10
        Beam quality of IAEA TRS-398.
    factor_sides_mm, factors
        Output factors, 100 mm deep, that point at the isocentre.
    position_mm, profiles
        (m,) and (fields, m): percent of the axis along x, 100 mm deep, at the isocentre.
    penumbra_mm
        From 80 % to 20 % of the 10 cm field there.
    """

    depth_mm: Array
    depth_doses: Array
    maximum_mm: float
    at_100_mm: float
    at_200_mm: float
    tpr_20_10: float
    factor_sides_mm: tuple[float, ...]
    factors: Array
    position_mm: Array
    profiles: Array
    penumbra_mm: float


def water_figures(machine: BeamData) -> WaterFigures:
    """Compute what a beam does to water."""
    sad_mm = machine.source_axis_distance_mm
    tank = WaterTank.of(machine, sad_mm, DEPTH_MM)
    doses = np.stack([tank.axis_gy(Rectangle.square(side)) for side in SQUARES_MM])
    doses = 100.0 * doses / doses.max(axis=1, keepdims=True)
    ten = doses[SQUARES_MM.index(100.0)]
    square = Rectangle.square(100.0)
    at_isocentre = WaterTank.of(machine, sad_mm - 100.0, np.array([100.0]))
    deep = WaterTank.of(machine, sad_mm - 200.0, np.array([200.0])).axis_gy(square)[0]
    known = at_isocentre.axis_gy(square)[0]
    factors = [at_isocentre.axis_gy(Rectangle.square(side))[0] / known for side in _FACTOR_SIDES_MM]
    right = np.arange(0.0, 231.0, 2.0)
    half = [
        at_isocentre.profile_gy(Rectangle.square(side), 0, right, np.zeros_like(right)) for side in SQUARES_MM
    ]
    # Squares about the axis are alike on both sides of it.
    position = np.concatenate([-right[:0:-1], right])
    profiles = np.stack([100.0 * np.concatenate([one[:0:-1], one]) / one[0] for one in half])
    return WaterFigures(
        depth_mm=DEPTH_MM,
        depth_doses=doses,
        maximum_mm=_maximum_mm(DEPTH_MM, ten),
        at_100_mm=float(np.interp(100.0, DEPTH_MM, ten)),
        at_200_mm=float(np.interp(200.0, DEPTH_MM, ten)),
        tpr_20_10=float(deep / known),
        factor_sides_mm=_FACTOR_SIDES_MM,
        factors=np.array(factors),
        position_mm=position,
        profiles=profiles,
        penumbra_mm=_penumbra_mm(position, profiles[SQUARES_MM.index(100.0)]),
    )


def _maximum_mm(depth_mm: Array, dose: Array) -> float:
    """Depth of the maximum by a parabola through its neighbours."""
    top = min(max(int(np.argmax(dose)), 1), len(dose) - 2)
    second, first, _ = np.polyfit(depth_mm[top - 1 : top + 2], dose[top - 1 : top + 2], 2)
    return float(-first / (2.0 * second)) if second < 0.0 else float(depth_mm[top])


def _penumbra_mm(position_mm: Array, profile: Array) -> float:
    right = position_mm >= 0.0
    high, low = np.interp([-80.0, -20.0], -profile[right], position_mm[right])
    return float(low - high)


def machine_lines(machine: BeamData, figures: WaterFigures) -> tuple[str, ...]:
    """Say what beam data are, one sentence each."""
    reference = machine.reference
    named = ", ".join(machine.machines) or "no machine by name; it has to be chosen, and every result says so"
    kind = "with" if machine.is_flattened else "without"
    wedges = ", ".join(wedge.identifier for wedge in machine.wedges) or "none"
    return (
        f"{machine.energy_mv:g} MV {kind} flattening filter, for {named}",
        f"{reference.gy_per_mu:.5f} Gy per monitor unit, {reference.depth_mm:g} mm deep, field "
        f"{reference.field_mm:g} mm, surface at {reference.source_surface_distance_mm:g} mm",
        f"10 cm field, surface at the isocentre: maximum {figures.maximum_mm:.0f} mm deep, "
        f"{figures.at_100_mm:.1f} % at 100 mm, {figures.at_200_mm:.1f} % at 200 mm; "
        f"TPR20,10 {figures.tpr_20_10:.3f}",
        f"edge of the 10 cm field from 80 to 20 %, 100 mm deep: {figures.penumbra_mm:.1f} mm",
        "output factors, 100 mm deep: "
        + ", ".join(
            f"{side:g} mm {factor:.3f}"
            for side, factor in zip(figures.factor_sides_mm, figures.factors, strict=True)
        ),
        f"leaves let {100.0 * machine.collimation.leaf_transmission:.1f} % through, leaf gap "
        f"{machine.collimation.leaf_gap_mm:g} mm; wedges: {wedges}",
        machine.provenance,
    )


def comparison_lines(curves: tuple[CurveComparison, ...]) -> tuple[str, ...]:
    """Say how far each curve is from what was measured, one line each."""
    return tuple(
        f"{'✓' if one.is_met else '✗'} {one.kind}, {one.label}: {one.worst_percent:.2f} %"
        + _shift_words(one.worst_mm)
        for one in curves
    )


def _shift_words(shift_mm: float) -> str:
    if shift_mm == 0.0:
        return ""
    told = f"{shift_mm:.2f}" if shift_mm < LARGEST_MM else f"more than {LARGEST_MM:g}"
    return f", {told} mm where dose is steep"
