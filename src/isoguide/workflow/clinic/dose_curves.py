"""Dose-volume histograms as a page draws them: all on the same steps of dose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np

from isoguide.dose.dvh import DoseVolumeHistogram

STEPS: Final = 240
"""So many steps reach from 0 to just beyond the largest dose: finer ones are not told apart on a screen."""


@dataclass(frozen=True, slots=True)
class CurveLine:
    """The cumulative histograms of one structure, in percent at every step of dose.

    ``planned_percent`` is None where the plan has no histogram of it.
    """

    name: str
    is_target: bool
    planned_percent: tuple[float, ...] | None
    day_percent: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class CurveSheet:
    """Histograms on common steps of dose; the first value of each is that at 0 Gy."""

    step_gy: float
    curves: tuple[CurveLine, ...]


def curve_sheet(
    planned: Mapping[str, DoseVolumeHistogram], day: Mapping[str, DoseVolumeHistogram]
) -> CurveSheet:
    """Return the histograms of what is there today, targets first.

    Parameters
    ----------
    planned, day
        Histograms of one fraction by name of the structure.
    """
    shown = sorted(day.values(), key=lambda one: not one.is_target)
    step_gy = step_of([*planned.values(), *shown])
    lines = [
        CurveLine(
            one.name,
            one.is_target,
            percents(planned[one.name], step_gy) if one.name in planned else None,
            percents(one, step_gy),
        )
        for one in shown
    ]
    return CurveSheet(step_gy, tuple(lines))


def step_of(histograms: Sequence[DoseVolumeHistogram]) -> float:
    """Return a step in Gy, a whole number of milligray, in which all histograms fit."""
    largest_gy = max((one.largest_gy for one in histograms), default=1.0)
    return max(1, ceil(1000.0 * largest_gy / STEPS)) / 1000.0


def percents(histogram: DoseVolumeHistogram, step_gy: float) -> tuple[float, ...]:
    """Return how much of the structure gets at least each dose, in percent to two decimals.

    The last value is the first that is zero, so that a curve ends where the dose does.
    """
    last = int(np.floor(histogram.largest_gy / step_gy)) + 1
    curve = histogram.curve(step_gy * np.arange(last + 1, dtype=np.float64))
    return tuple(round(float(one), 2) for one in curve)
