"""Breathing: tissue moves with the depth of a breath and with its flow, so that the way in is not the way out.

Linear model of Low et al., Int J Radiat Oncol Biol Phys 63:921 (2005): ``u(x, t) = a(t) U1(x) + b(t) U2(x)``
with the tidal volume ``a`` and the air flow ``b``.
"""

from dataclasses import dataclass

from isoguide.images.displacement_field import DisplacementField
from isoguide.virtual.phantom import Phantom
from isoguide.virtual.setting_limits import require


@dataclass(frozen=True, slots=True)
class Breathing:
    """How a patient breathes.

    Parameters
    ----------
    peak_to_peak_mm
        Movement of the diaphragm along the body in a typical breath.
    period_s
        Mean length of a breath.
    hysteresis_mm
        Largest distance across, at the diaphragm, between the way in and the way out.
    amplitude_variation, period_variation
        Standard deviation from breath to breath as a share of the mean.
    baseline_drift_mm_per_min
        Steady drift of the mean position of the diaphragm, positive towards the feet.
    baseline_walk_mm
        Standard deviation of the random walk of the mean position after one minute.
    coughs_per_min
        How often the patient coughs: a short, deep, fast movement.

    Raises
    ------
    InputError
        If a value is impossible: a period that is not positive, a negative amplitude.
    """

    peak_to_peak_mm: float = 12.0
    period_s: float = 4.0
    hysteresis_mm: float = 2.0
    amplitude_variation: float = 0.12
    period_variation: float = 0.1
    baseline_drift_mm_per_min: float = 0.0
    baseline_walk_mm: float = 0.5
    coughs_per_min: float = 0.0

    def __post_init__(self) -> None:
        require("breathing peak_to_peak_mm", self.peak_to_peak_mm, 0.0, 30.0)
        require("breathing period_s", self.period_s, 0.5, 30.0)
        require("breathing hysteresis_mm", self.hysteresis_mm, 0.0, 10.0)
        require("breathing amplitude_variation", self.amplitude_variation, 0.0, 0.5)
        require("breathing period_variation", self.period_variation, 0.0, 0.5)
        require("breathing baseline_drift_mm_per_min", self.baseline_drift_mm_per_min, -5.0, 5.0)
        require("breathing baseline_walk_mm", self.baseline_walk_mm, 0.0, 5.0)
        require("breathing coughs_per_min", self.coughs_per_min, 0.0, 10.0)


def breathing_phases(
    phantom: Phantom, breathing: Breathing, count: int = 10
) -> tuple[DisplacementField, ...]:
    """Return the anatomy's displacement at evenly spaced phases of one regular breath, for a 4DCT.

    Phase 0 is the end of breathing in, as scanners count; the planning CT shows the mean over time.

    Parameters
    ----------
    phantom
        The patient.
    breathing
        How he breathes; what varies from breath to breath is left out.
    count
        How many phases, at least 1.

    Raises
    ------
    InputError
        If the count is below 1.
    """
    raise NotImplementedError
