"""The continuous solve: Gauss-Newton steps on local correlation with springs between the nodes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import Array
from isoguide.kernels.convolution import convolved
from isoguide.kernels.elastic import bent, curved, solved
from isoguide.kernels.local_correlation import forces, moments, warped
from isoguide.registration.deformable.images import DayLevel, PlanningLevel
from isoguide.registration.deformable.regions import divergence, turned_edges

Float32 = NDArray[np.float32]

WINDOW = np.array([0.25, 0.5, 0.25], dtype=np.float32)
"""Blur of the nodes' tents over the nodes: the window of a local correlation."""
LEAST_SHARE = 0.3
"""A node counts when the day's image shows this share of its window."""
LEAST_NOISE_HU = 4.0
SOLVER_STEPS, FEWER_STEPS, MANY_NODES, SOLVER_TOLERANCE = 80, 35, 200_000, 0.03
"""Large lattices start from the answer of the coarser one and have little far to go."""
LONGEST_STEP = 1.5
"""No step is longer than so many samples: the images are only linear that far."""
SMALL_GAIN = 0.004
"""When a step makes the energy smaller by no more than this share, the level is done."""


@dataclass(frozen=True, slots=True, eq=False)
class LocalFit:
    """How well the moving image agrees with the fixed one around each node.

    Parameters
    ----------
    share
        Share of the window that both images show, ``[k, j, i]``.
    gain, offset
        The moving image is about ``gain F + offset``.
    residual
        Variance of what is left, HU².
    correlation
        -1 to 1; 0 where one image is flat.
    """

    share: Float32
    gain: Float32
    offset: Float32
    residual: Float32
    correlation: Float32

    @property
    def counts(self) -> NDArray[np.bool_]:
        """Where enough is seen for a comparison."""
        return np.asarray(self.share >= LEAST_SHARE)


def local_fit(fixed: Float32, moving: Float32, nodes: tuple[int, int, int], steps: int) -> LocalFit:
    """Fit the moving image by the fixed one around every node."""
    sums = np.stack([_blurred(channel) for channel in moments(fixed, moving, nodes, steps)])
    weight = np.maximum(sums[0], np.float32(1e-6))
    f, m, ff, mm, fm = sums[1:] / weight
    spread_f = np.maximum(ff - f * f, np.float32(1e-2))
    spread_m = np.maximum(mm - m * m, np.float32(1e-2))
    both = fm - f * m
    gain = both / spread_f
    residual = np.maximum(spread_m - gain * both, np.float32(0.0))
    return LocalFit(sums[0] / steps**6, gain, m - gain * f, residual, both / np.sqrt(spread_f * spread_m))


def _blurred(values: Float32) -> Float32:
    for axis in range(3):
        values = convolved(values, axis, WINDOW)
    return values


@dataclass(slots=True, eq=False)
class FineSolve:
    """One level of the solve; ``u`` is the displacement in mm along the grid's axes, ``[3, k, j, i]``.

    ``springs`` ``[3, k, j, i]`` hold tissue together along the edges; ``bone_springs`` are the part of them
    that a turn of the bone does not stretch; ``bending`` ``[k, j, i]`` is the stiffness against curvature.
    """

    planned: PlanningLevel
    day: DayLevel
    matrix: Array
    springs: Float32
    bone_springs: Float32
    bending: Float32
    steps: int
    noise: float = 0.0

    @property
    def spacing_mm(self) -> float:
        """Distance of samples."""
        return float(self.planned.grid.spacing_mm[0])

    def warped(self, u: Float32) -> Float32:
        """Return the day's image where the planned tissue is."""
        shift = np.ascontiguousarray(np.moveaxis(u, 0, -1) * np.float32(1.0 / self.spacing_mm))
        return warped(self.planned.values, self.day.values, self.matrix, shift, self.steps)

    def fit(self, moved: Float32) -> LocalFit:
        """Compare the images."""
        return local_fit(self.planned.values, moved, self.planned.nodes.shape, self.steps)

    def set_noise(self, fit: LocalFit) -> None:
        """Take the median residual in the body for the images' noise."""
        chosen = fit.residual[fit.counts & self.planned.body]
        median = float(np.median(chosen)) if chosen.size else 0.0
        self.noise = max(median, LEAST_NOISE_HU**2)

    def energy(self, fit: LocalFit, u: Float32) -> float:
        """Return what the solve makes small."""
        data = 0.5 * np.log1p(fit.residual / self.noise) * np.where(fit.counts, fit.share, 0.0)
        return float(data.sum(dtype=np.float64)) + self.strain(u)

    def strain(self, u: Float32) -> float:
        """Return the energy of the springs, bones turned as they are."""
        target = self.turned(u)
        force = divergence(self.bone_springs[:, None] * target)
        own = float((self.bone_springs[:, None] * target * target).sum(dtype=np.float64))
        stiff = 0.5 * (bent(self.springs, u)[1] + curved(self.bending, u)[1])
        return stiff + float((force * u).sum(dtype=np.float64)) + 0.5 * own

    def turned(self, u: Float32) -> Float32:
        """Return how far bones stretch their edges by turning only."""
        return turned_edges(u, self.planned.bone, float(self.planned.nodes.spacing_mm[0]))

    def is_better(self, one: Float32, other: Float32) -> bool:
        """Tell whether the images agree better after one displacement than after another."""
        fits = [self.fit(self.warped(u)) for u in (one, other)]
        self.set_noise(fits[1])
        return self.energy(fits[0], one) < self.energy(fits[1], other)

    def pulls(self, fit: LocalFit, moved: Float32) -> Float32:
        """Force and Hessian at the nodes, (9, k, j, i)."""
        weight = np.where(fit.counts, 1.0 / (self.noise + fit.residual) / self.steps**6, 0.0)
        fits = np.stack([fit.gain, fit.gain**2, fit.gain * fit.offset], axis=0) * weight
        fits = np.stack([_blurred(channel.astype(np.float32)) for channel in fits], axis=-1)
        return forces(self.planned.values, moved, np.ascontiguousarray(fits), self.planned.slope, self.steps)

    def solve(self, u: Float32, iterations: int) -> Float32:
        """Take steps until they are small or the energy falls no more."""
        moved = self.warped(u)
        fit = self.fit(moved)
        self.set_noise(fit)
        energy = self.energy(fit, u)
        for _ in range(iterations):
            step = self.step(fit, moved, u)
            share, accepted = 1.0, False
            while share > 0.2 and not accepted:
                trial = u + np.float32(share) * step
                moved_trial = self.warped(trial)
                fit_trial = self.fit(moved_trial)
                found = self.energy(fit_trial, trial)
                accepted = found < energy
                share *= 0.5
            if not accepted:
                break
            gain = (energy - found) / max(energy, 1e-9)
            u, moved, fit, energy = trial, moved_trial, fit_trial, found
            if gain < SMALL_GAIN:
                break
        return u

    def step(self, fit: LocalFit, moved: Float32, u: Float32) -> Float32:
        """One Gauss-Newton step."""
        pulls = self.pulls(fit, moved)
        right = pulls[:3] - bent(self.springs, u)[0] - curved(self.bending, u)[0]
        right -= divergence(self.bone_springs[:, None] * self.turned(u))
        step = solved(
            pulls[3:],
            self.springs,
            right,
            bending=self.bending,
            steps=SOLVER_STEPS if u[0].size < MANY_NODES else FEWER_STEPS,
            tolerance=SOLVER_TOLERANCE,
        )
        length = np.sqrt(np.square(step).sum(axis=0, keepdims=True))
        most = np.float32(LONGEST_STEP * self.spacing_mm)
        limited: Float32 = step * np.minimum(1.0, most / np.maximum(length, 1e-6)).astype(np.float32)
        return limited
