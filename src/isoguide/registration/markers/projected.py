"""Fits of projected markers: one alone, and several that lie across each other.

All markers are of one kind, and what a marker absorbs in all does not depend on the direction it is seen
from: seen along its axis it is short and strong. This mass tells markers from edges of bone, and a blot of
two from one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import Array
from isoguide.kernels.wires import PARAMETERS, SHORTEST_PX, wire_shapes
from isoguide.registration.markers.declared import DeclaredMarkers, MarkerKind
from isoguide.registration.markers.fit import PRIOR_SHARE, fit_shapes, polynomial_background

LEAST_CORRELATION: Final = 0.9
"""Of the fitted shape with the image."""
LEAST_CONTRAST: Final = 4.0
"""Height in units of what remains around it."""
BLUR_PX: Final = 0.8
"""Blur of focal spot and detector, standard deviation; the fit finds it anew for each marker."""
LIGHTEST: Final = 0.4
"""In usual masses: seen along its axis a marker absorbs all there is, and no more; what is lighter is an edge
of bone or a calcification."""
HEAVIEST: Final = 1.4
"""In usual masses; what is heavier is more than one marker, or another thing."""
MASS_SIGMA: Final = 0.2
"""Standard deviation of a marker's mass in usual masses."""
_LEAST_PIXELS: Final = 25


@dataclass(frozen=True, slots=True)
class MarkerSize:
    """What a declared marker measures in pixels, across the ray."""

    length_px: float
    diameter_px: float
    longest_px: float
    is_round: bool

    @classmethod
    def of(cls, declared: DeclaredMarkers, px_per_mm: float) -> "MarkerSize":
        """Return the size at a magnification."""
        is_round = declared.kind is MarkerKind.SPHERE
        length_px = 0.0 if is_round else declared.length_mm * px_per_mm
        longest_px = 0.0 if is_round else declared.longest_mm * px_per_mm
        return cls(length_px, declared.diameter_mm * px_per_mm, longest_px, is_round)

    @property
    def width2(self) -> float:
        """Variance across the wire of the chords through its thickness: r²/4."""
        return self.diameter_px**2 / 16.0

    @property
    def half(self) -> int:
        """How far a marker reaches from its middle, whole pixels."""
        return int(np.ceil(self.length_px / 2.0 + 2.0 * BLUR_PX + self.diameter_px))


@dataclass(frozen=True, slots=True, eq=False)
class FittedWire:
    """A fitted marker: its wire (column, row, angle, logarithm of the blur, length) and what it explains."""

    wire: Array
    covariance_px2: Array
    height: float
    correlation: float
    noise: float
    cost: float
    width2: float

    @property
    def pixel(self) -> Array:
        """Its centre (column, row)."""
        return self.wire[:2]

    @property
    def length_px(self) -> float:
        """Length of what is seen of it."""
        return float(np.hypot(self.wire[4], SHORTEST_PX))

    @property
    def peak(self) -> float:
        """Its height above the background in the middle."""
        values, _ = wire_shapes(self.wire[None, :2], self.wire[None], self.width2)
        return self.height * float(values[0, 0])

    @property
    def mass(self) -> float:
        """Integral over the image: the same from all directions."""
        return self.height * float(self.masses(self.wire[None], self.width2)[0])

    @property
    def width_px(self) -> float:
        """Standard deviation of its profile across."""
        return float(np.sqrt(np.exp(2.0 * np.clip(self.wire[3], -2.0, 2.0)) + self.width2))

    @staticmethod
    def masses(wires: Array, width2: float) -> Array:
        """Integrals (n,) over the image of wires (n, 5) of unit height."""
        variance = np.exp(2.0 * np.clip(wires[:, 3], -2.0, 2.0)) + width2
        return np.asarray(np.hypot(wires[:, 4], SHORTEST_PX) * np.sqrt(2.0 * np.pi * variance))

    @property
    def is_clear(self) -> bool:
        """True when the image shows this shape and little else."""
        clear = self.height > 0.0 and self.peak >= LEAST_CONTRAST * self.noise
        return clear and self.correlation >= LEAST_CORRELATION

    @property
    def sigma_px(self) -> float:
        """Standard deviation of its centre along the direction in which it is known least."""
        return float(np.sqrt(max(float(np.linalg.eigvalsh(self.covariance_px2)[-1]), 0.0)))


def wire(pixel: Array, angle_rad: float, length_px: float) -> Array:
    """Return a wire (5,) to start from, with the usual blur."""
    return np.array([*pixel, angle_rad, np.log(BLUR_PX), length_px])


def bank_of(size: MarkerSize, directions: int, shares: tuple[float, ...]) -> Array:
    """Return wires (n, 5) about the origin, seen along their axis and at several angles and lengths."""
    wires = [wire(np.zeros(2), 0.0, 0.0)]
    if not size.is_round:
        turns = np.pi * np.arange(directions) / directions
        wires += [
            wire(np.zeros(2), float(turn), share * size.length_px) for share in shares for turn in turns
        ]
    return np.array(wires)


def capsule(
    shape: tuple[int, ...], start: Array, size: MarkerSize, wider_px: float = 0.0
) -> NDArray[np.bool_]:
    """Return the pixels [row, column] about a wire: wide enough to show the background, no wider."""
    near = np.zeros(shape, dtype=bool)
    reach_px = 2.5 + 2.0 * BLUR_PX + size.diameter_px + wider_px
    rows, columns = window(shape, start[:2], int(np.ceil(abs(start[4]) / 2.0 + reach_px)))
    offset = np.stack([columns, rows], axis=1) - start[:2]
    axis = np.array([np.cos(start[2]), np.sin(start[2])])
    along = np.maximum(np.abs(offset @ axis) - abs(start[4]) / 2.0, 0.0)
    across = offset @ np.array([-axis[1], axis[0]])
    near[rows, columns] = np.hypot(along, across) <= reach_px
    return near


def fit_wires(
    image: Array,
    starts: Sequence[Array],
    size: MarkerSize,
    near: NDArray[np.bool_] | None = None,
    usual_mass: float | None = None,
) -> list[FittedWire]:
    """Fit wires together on a smooth background.

    Parameters
    ----------
    image
        Line integrals [row, column].
    starts
        A wire (5,) each.
    size
        What was declared.
    near
        Pixels that are looked at, those about the starts if not given.
    usual_mass
        What one is expected to absorb; None: nothing is known.

    Returns
    -------
    list of FittedWire
        In the order of the starts; none where too few pixels are left or one ran away or grew too long.
    """
    if near is None:
        near = np.logical_or.reduce([capsule(image.shape, start, size) for start in starts])
    places = np.argwhere(near)[:, ::-1].astype(np.float64)
    if len(places) < _LEAST_PIXELS * len(starts):
        return []
    drawing = _Drawing(image[near], places, len(starts), size, usual_mass)
    turn, stretch = (1e-3, 1e-3) if size.is_round else (0.4, 0.2 * size.length_px)
    fit = fit_shapes(
        drawing.values,
        drawing.background,
        drawing.shapes,
        np.concatenate(starts),
        np.tile([np.inf, np.inf, turn, 0.5, stretch], len(starts)),
        slopes=drawing.slopes,
    )
    found = []
    for n, (start, p) in enumerate(zip(starts, fit.parameters.reshape(-1, PARAMETERS), strict=True)):
        astray = np.linalg.norm(p[:2] - start[:2]) > max(3.0, 0.5 * size.length_px)
        if astray or abs(p[4]) > size.longest_px + 2.0:
            return []
        block = slice(PARAMETERS * n, PARAMETERS * n + 2)
        quality = float(fit.heights[n]), float(fit.correlations[n]), fit.noise, fit.cost
        found.append(FittedWire(p, fit.covariance[block, block], *quality, size.width2))
    return found


class _Drawing:
    # What is fitted: the pixels, and below them one row for the mass of each wire.

    def __init__(
        self, values: Array, places: Array, count: int, size: MarkerSize, usual_mass: float | None
    ) -> None:
        background = polynomial_background(places - places.mean(axis=0), 2)
        free = values - background @ (background.T @ values)
        expected = 0.0 if usual_mass is None else PRIOR_SHARE * float(np.ptp(free)) / MASS_SIGMA
        self.values = np.concatenate([values, np.full(count, expected)])
        self.background = np.vstack([background, np.zeros((count, background.shape[1]))])
        self._per_mass = 0.0 if usual_mass is None else expected / max(usual_mass, 1e-12)
        self._places, self._width2 = places, size.width2
        self._parameters: Array = np.zeros(0)
        self._shapes = self._slopes = np.zeros((0, 0))

    def _draw(self, p: Array) -> None:
        # Values and slopes are asked for at the same parameters, one after the other.
        if np.array_equal(self._parameters, p):
            return
        wires = p.reshape(-1, PARAMETERS)
        count, pixels = len(wires), len(self._places)
        values, slopes = wire_shapes(self._places, wires, self._width2)
        masses = self._per_mass * FittedWire.masses(wires, self._width2)
        self._shapes = np.vstack([values.T, np.diag(masses)])
        self._slopes = np.zeros((count, PARAMETERS, pixels + count))
        self._slopes[:, :, :pixels] = slopes
        blur2 = np.exp(2.0 * np.clip(wires[:, 3], -2.0, 2.0))
        own = np.arange(count)
        self._slopes[own, 3, pixels + own] = masses * blur2 / (blur2 + self._width2)
        self._slopes[own, 4, pixels + own] = masses * wires[:, 4] / (wires[:, 4] ** 2 + SHORTEST_PX**2)
        self._parameters = p.copy()

    def shapes(self, p: Array) -> Array:
        self._draw(p)
        return self._shapes

    def slopes(self, p: Array, heights: Array) -> Array:
        self._draw(p)
        return np.asarray((heights[:, None, None] * self._slopes).reshape(len(p), -1).T)


def add(image: Array, one: FittedWire, size: MarkerSize, sign: float) -> None:
    """Add a fitted marker to an image [row, column] in place, or take it out with ``sign`` -1."""
    rows, columns = window(image.shape, one.pixel, 2 * size.half)
    places = np.stack([columns, rows], axis=1).astype(np.float64)
    image[rows, columns] += sign * one.height * wire_shapes(places, one.wire[None], size.width2)[0][0]


def touch(one: FittedWire, other: FittedWire, size: MarkerSize) -> bool:
    """Tell whether two markers may lie across each other."""
    reach_px = (one.length_px + other.length_px) / 2.0 + 4.0 * BLUR_PX + size.diameter_px
    return bool(np.linalg.norm(other.pixel - one.pixel) < reach_px)


def are_markers(fit: Sequence[FittedWire], usual_mass: float) -> bool:
    """Tell whether wires fitted together are all clear and of about the usual mass."""
    return all(one.is_clear and LIGHTEST * usual_mass <= one.mass <= HEAVIEST * usual_mass for one in fit)


def window(shape: tuple[int, ...], pixel: Array, half: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows and columns (n,) each of the square of pixels about a place that lie in an image."""
    column, row = np.round(pixel).astype(int)
    rows = np.arange(max(row - half, 0), min(row + half + 1, shape[0]))
    columns = np.arange(max(column - half, 0), min(column + half + 1, shape[1]))
    grid = np.meshgrid(rows, columns, indexing="ij")
    return grid[0].ravel(), grid[1].ravel()
