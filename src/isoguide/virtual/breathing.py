"""Breathing: tissue moves with the depth of a breath and with its flow: the way in is not the way out.

Linear model of Low et al., Int J Radiat Oncol Biol Phys 63:921 (2005): ``u(x, t) = a(t) U1(x) + b(t) U2(x)``
with the tidal volume ``a`` and the air flow ``b``.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import InputError
from isoguide.geometry.frames import Array
from isoguide.images.displacement_field import DisplacementField
from isoguide.virtual.motion import LONGEST_S, Trace, motion_that_fits
from isoguide.virtual.phantom import Phantom
from isoguide.virtual.setting_limits import require
from isoguide.virtual.tissue_lattice import LATTICE_MM, TissueLattice, smooth_step

Floats = NDArray[np.float32]

STEP_S = 0.1
MEAN_VOLUME = 3.0 / 8.0
"""Mean over time of sin⁴: the planning CT shows the mean position."""
FASTEST = 3.0 * np.sqrt(3.0) / 16.0
"""Largest value of sin³ cos, by which the flow is brought to ±1."""
DEEPEST, HIGHEST = 1.0, -0.8
"""No breath goes farther from the mean than these times the typical movement."""
FORWARDS = 0.25
"""How far the front of the belly goes forwards for each mm of the diaphragm."""
RIB_SHARE = 0.06
"""How far the front ends of the ribs go for each mm of the diaphragm."""
SLIDE_MM = 34.0
"""Depth of the tissue between organs that move and bones that do not; it takes the place of the pleura."""
BELOW_MM = 250.0
"""Distance below the diaphragm at which nothing moves any more."""
COUGH_DEPTH, COUGH_S = 0.6, 0.25


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

    def draw(self, rng: np.random.Generator) -> Trace:
        """Draw an hour of breathing: depth ``a`` about the mean (1: a typical breath) and flow ``b`` (±1).

        Parameters
        ----------
        rng
            Where breaths, baseline and coughs are drawn from.
        """
        times_s = np.arange(0.0, LONGEST_S + STEP_S, STEP_S)
        depth, flow = self._breaths(times_s, rng)
        per_mm = 1.0 / self.peak_to_peak_mm if self.peak_to_peak_mm else 0.0
        walk_mm = rng.standard_normal(len(times_s)) * self.baseline_walk_mm * np.sqrt(STEP_S / 60.0)
        depth += per_mm * (np.cumsum(walk_mm) + times_s / 60.0 * self.baseline_drift_mm_per_min)
        for cough_s in rng.uniform(0.0, LONGEST_S, rng.poisson(self.coughs_per_min * LONGEST_S / 60.0)):
            after = (times_s - cough_s) / COUGH_S
            depth += COUGH_DEPTH * (np.exp(-np.square(after)) - np.exp(-np.square(after - 2.0)))
        depth = np.clip(depth, HIGHEST, DEEPEST)
        return Trace(STEP_S, np.stack([depth, np.clip(flow, -1.3, 1.3)], axis=-1))

    def _breaths(self, times_s: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Depth about the mean and flow, breath by breath from one end of breathing out to the next."""
        most = int(2.5 * LONGEST_S / self.period_s) + 10
        variation = np.clip(rng.standard_normal((most, 2)), -2.5, 2.5)
        size = np.maximum(1.0 + self.amplitude_variation * variation[:, 0], 0.2)
        length_s = self.period_s * np.maximum(1.0 + self.period_variation * variation[:, 1], 0.4)
        starts_s = np.cumsum(length_s) - length_s - rng.uniform(0.0, self.period_s)
        breath = np.searchsorted(starts_s, times_s, side="right") - 1
        angle = np.pi * (times_s - starts_s[breath]) / length_s[breath]
        depth, flow = _depth_and_flow(angle)
        # Depth is lost and won about the end of breathing out, where lungs rest.
        return (
            size[breath] * (depth + MEAN_VOLUME) - MEAN_VOLUME,
            size[breath] * flow * self.period_s / length_s[breath],
        )


def _depth_and_flow(angle_rad: Array) -> tuple[Array, Array]:
    """Depth about its mean and flow: longer at the end of breathing out than of breathing in (Lujan 1999)."""
    sine = np.sin(angle_rad)
    return sine**4 - MEAN_VOLUME, sine**3 * np.cos(angle_rad) / FASTEST


def breathing_modes(lattice: TissueLattice, breathing: Breathing) -> tuple[Floats, Floats]:
    """Return the displacements (k, j, i, 3) for a depth of 1 and for a flow of 1.

    The diaphragm and what hangs on it go along the body, least at the top of the lungs and far below; the
    belly goes forwards, ribs a little, other bones not at all.

    Parameters
    ----------
    lattice
        Of a patient with lungs or a liver.
    breathing
        How large the movement is.

    Raises
    ------
    InputError
        If the patient has neither lungs nor a liver.
    """
    along = _share_along(lattice)
    x, y, _ = np.moveaxis(lattice.positions_mm, -1, 0)
    free = smooth_step((lattice.from_bone_mm - 3.0) / SLIDE_MM)
    hanging = along * smooth_step(np.minimum(lattice.from_bone_mm - 3.0, lattice.depth_mm) / SLIDE_MM)
    spine_y = _front_of_spine_mm(lattice)
    front_y = float(np.quantile(y[lattice.body], 0.01))
    front = smooth_step((spine_y - y) / max(spine_y - front_y, 1.0))
    fixed = lattice.bone & ~lattice.bones_named("rib", "sternum") if lattice.has_bone_names else None
    of_ribs = smooth_step(lattice.distance_mm(fixed) / SLIDE_MM) if fixed is not None else 1.0
    ribs = (1.0 - free) * front * along * of_ribs
    zero = np.zeros_like(x)
    deep = np.stack(
        [zero, -FORWARDS * front * along * free - RIB_SHARE * ribs, 0.5 * RIB_SHARE * ribs - hanging], -1
    )
    fast = np.stack([0.35 * hanging, -0.94 * hanging, zero], axis=-1)
    return (
        np.float32(breathing.peak_to_peak_mm) * deep.astype(np.float32),
        np.float32(breathing.hysteresis_mm / 2.0) * fast.astype(np.float32),
    )


def _share_along(lattice: TissueLattice) -> Floats:
    """How much of the diaphragm's movement tissue shares at its height."""
    grid = lattice.patient.anatomy.grid
    lungs = [name for name in ("Lung_L", "Lung_R") if lattice.has_structure(name)]
    if not lungs and not lattice.has_structure("Liver"):
        msg = f"{lattice.patient.name} cannot breathe: it has no structure 'Lung_L', 'Lung_R' or 'Liver'"
        raise InputError(msg)
    voxels = [np.argwhere(lattice.structure(name))[::7, ::-1] for name in lungs or ["Liver"]]
    z_mm = grid.xyz(np.concatenate(voxels).astype(np.float64))[:, 2]
    diaphragm_mm = float(np.quantile(z_mm, 0.1)) if lungs else float(z_mm.max())
    top_mm = max(float(z_mm.max()), diaphragm_mm + 120.0)
    z = lattice.positions_mm[..., 2]
    above = smooth_step((top_mm - z) / (top_mm - diaphragm_mm))
    return above * smooth_step((z - diaphragm_mm + BELOW_MM) / BELOW_MM)


def _front_of_spine_mm(lattice: TissueLattice) -> float:
    """Height y of the front of the spine; behind it nothing moves."""
    centres = [vertebra.centre_mm[1] for vertebra in lattice.patient.vertebrae]
    if centres:
        return float(np.mean(centres)) - 15.0
    return float(np.median(lattice.positions_mm[lattice.bone, 1] if lattice.bone.any() else 0.0))


def breathing_phases(
    phantom: Phantom, breathing: Breathing, count: int = 10, *, lattice_mm: float = LATTICE_MM
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
    lattice_mm
        Distance of the nodes of the fields.

    Raises
    ------
    InputError
        If the count is below 1, or the patient has neither lungs nor a liver.
    """
    if count < 1:
        msg = f"a breath cannot be shown in {count} phases: ask for 1 or more"
        raise InputError(msg)
    lattice = TissueLattice(phantom, lattice_mm)
    angle = np.pi * (0.5 + np.arange(count + 1) / count)
    trace = Trace(1.0, np.stack(_depth_and_flow(angle), axis=-1))
    still = np.zeros((*lattice.grid.shape, 3), dtype=np.float32)
    modes = breathing_modes(lattice, breathing)
    motion, steepest = motion_that_fits(still, modes, trace, lattice.grid.spacing_mm)
    fields = []
    for phase in range(count):
        vectors = still.copy()
        motion.add_to(vectors, float(phase))
        fields.append(DisplacementField(lattice.grid, vectors, steepest))
    return tuple(fields)
