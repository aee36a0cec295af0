"""Beam data fitted to what was measured in water.

Two parts take turns, because they hardly touch each other. On the axis: how hard the photons are, how much
and how far they scatter, how far electrons go, the extra-focal source and contaminating electrons, by least
squares over depth doses and output factors. Across the beam: the focal spot from the edges of profiles, and
the off-axis ratio from what lies between them, by the ratio of measured to computed dose.

Numbers that nothing measured speaks of stay what they were, and the result names them.
"""

from dataclasses import dataclass, replace
from typing import Final

from isoguide.dose.beam_data import BeamData
from isoguide.dose.machine.calibration import with_pencil_kernels
from isoguide.dose.machine.comparison import CurveComparison, compare
from isoguide.dose.machine.fit_across import fitted_across, flat_reach_mm
from isoguide.dose.machine.fit_axis import fitted_on_axis, moved_by
from isoguide.dose.machine.measured import MeasuredBeam
from isoguide.progress import Progress, silent

_EVALUATIONS: Final = (7, 3)
"""How often each round may ask: the second one only takes in what profiles changed."""
_WIDE_MM: Final = 150.0


@dataclass(frozen=True, slots=True, eq=False)
class FitResult:
    """A fitted beam, and how well it meets what was measured.

    Parameters
    ----------
    machine
        The fitted beam.
    before, after
        Every measured curve beside that of the beam that the fit started with, and of the fitted one.
    not_measured
        What stays as in the beam that the fit started with, one sentence each.
    """

    machine: BeamData
    before: tuple[CurveComparison, ...]
    after: tuple[CurveComparison, ...]
    not_measured: tuple[str, ...]

    @property
    def is_met(self) -> bool:
        """Whether every measured point is within 1 % or 1 mm."""
        return all(curve.is_met for curve in self.after)


def fit_beam_data(measured: MeasuredBeam, start: BeamData, progress: Progress = silent) -> FitResult:
    """Fit a beam to what was measured of it.

    Parameters
    ----------
    measured
        In water.
    start
        The beam to start from; its reference conditions, collimation, wedges and limits are kept.
    progress
        Told where the work is.

    Returns
    -------
    FitResult
        With the fitted beam, whose pencil kernels are made anew.
    """
    machine = start
    for round_ in range(len(_EVALUATIONS)):
        progress(round_ / len(_EVALUATIONS), "depth doses and output factors")
        machine = fitted_on_axis(machine, measured, _EVALUATIONS[round_]).of(machine)
        if measured.profiles:
            progress((round_ + 0.6) / len(_EVALUATIONS), "profiles")
            machine = fitted_across(machine, measured.profiles)
    machine = replace(with_pencil_kernels(machine), provenance=_provenance(measured, start), sha256="")
    return FitResult(machine, compare(start, measured), compare(machine, measured), _not_measured(measured))


def _provenance(measured: MeasuredBeam, start: BeamData) -> str:
    factors = measured.output_factors
    counted = (
        _counted(len(measured.depth_doses), "depth dose"),
        _counted(len(measured.profiles), "profile"),
        _counted(0 if factors is None else len(factors.side_mm), "output factor"),
    )
    return f"fitted by isoguide to {', '.join(counted)}, starting from '{start.name}'"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number or 'no'} {noun}s"


def _not_measured(measured: MeasuredBeam) -> tuple[str, ...]:
    left = []
    moved = moved_by(measured)
    if "extra_focal_share" not in moved:
        left.append("no output factors: the extra-focal source is that of the starting beam")
    if "electron_share" not in moved:
        left.append("no depth dose in the build-up: contaminating electrons are those of the starting beam")
    for along in ("x", "y"):
        if not any(curve.along == along for curve in measured.profiles):
            left.append(f"no profile along {along}: the focal spot along it is that of the starting beam")
    reach_mm = flat_reach_mm(measured.profiles)
    if reach_mm <= 0.0:
        left.append("no profile of a wide field: the off-axis ratio is that of the starting beam")
    elif reach_mm < _WIDE_MM:
        left.append(
            f"the off-axis ratio is measured up to {reach_mm:.0f} mm from the axis and assumed beyond"
        )
    left.append("transmission, leaf gap, wedges, limits and the dose per monitor unit are not fitted")
    return tuple(left)
