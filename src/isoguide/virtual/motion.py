"""What moves during a fraction: a few fixed fields, each times a number that changes with time."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import InputError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.kernels.fields import steepest_gradient

Floats = NDArray[np.float32]

LONGEST_S = 3600.0
"""Traces are drawn for an hour: no fraction lasts longer."""
STEEPEST_MOVING = 0.92
"""Motion is made smaller where tissue would change by more than this per mm: the neighbour is in the way."""


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Numbers that change with time: drawn every ``step_s`` and linear in between, which is the truth.

    Parameters
    ----------
    step_s
        Time between rows.
    values
        Shape (times, numbers), from second 0 on.
    """

    step_s: float
    values: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", frozen_array(self.values, (-1, -1), "trace"))

    def at(self, seconds: float) -> Array:
        """Return the numbers at a time.

        Raises
        ------
        InputError
            If the time lies before the trace or after it.
        """
        last_s = self.step_s * (len(self.values) - 1)
        if not 0.0 <= seconds <= last_s:
            msg = f"there is no truth {seconds:g} s after set-up: ask for 0 to {last_s:g} s"
            raise InputError(msg)
        position = seconds / self.step_s
        below = min(int(position), len(self.values) - 2)
        share = position - below
        return np.asarray((1.0 - share) * self.values[below] + share * self.values[below + 1])


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """Displacement ``sum_n c_n(t) modes[n]`` on a lattice, on top of what stays all day.

    Parameters
    ----------
    modes
        Fields (k, j, i, 3).
    trace
        Their coefficients c, already made smaller.
    share
        How much of the motion that was drawn tissue has room for, 0 to 1.
    """

    modes: tuple[Floats, ...]
    trace: Trace
    share: float = 1.0

    def add_to(self, vectors_mm: Floats, seconds: float) -> None:
        """Add the displacement at a time to vectors, in place."""
        for coefficient, mode in zip(self.trace.at(seconds), self.modes, strict=True):
            vectors_mm += np.float32(coefficient) * mode


def share_that_fits(steepest_of: Callable[[float], float], most: float = STEEPEST_MOVING) -> float:
    """Return how much of a displacement tissue has room for: 1 where all of it is.

    The largest gradient is convex in the share, so that there is one place where it passes the limit.

    Parameters
    ----------
    steepest_of
        Largest gradient with a share of the displacement, 0 to 1; within the limit at 0.
    most
        Largest gradient allowed.
    """
    whole = steepest_of(1.0)
    if whole <= most:
        return 1.0
    share, still = 0.0, steepest_of(0.0)
    # Under a chord of a convex function there is always room; three chords come within a few per cent.
    for _ in range(3):
        if still >= most:  # no room at all, or all of it used
            break
        share += (1.0 - share) * (most - still) / (whole - still)
        still = steepest_of(share)
    return share


def motion_that_fits(
    base_mm: Floats, modes: tuple[Floats, ...], trace: Trace, spacing_mm: Array, *, stops: bool = False
) -> tuple[Motion, float]:
    """Return the motion, made smaller where it would fold tissue, and the largest gradient that it can reach.

    On the whole box of coefficients that norm is not larger than at the box's corners, because it is convex.
    So it need not be looked at again at any moment.

    Parameters
    ----------
    base_mm
        What stays all day, (k, j, i, 3).
    modes
        Fields of the same shape.
    trace
        Their coefficients.
    spacing_mm
        Distance of nodes along i, j, k.
    stops
        Whether what goes too far is stopped there; else the whole motion is made smaller, keeping its shape.
    """
    values = trace.values
    low, high = np.minimum(values.min(axis=0), 0.0), np.maximum(values.max(axis=0), 0.0)
    box = _support(modes)
    near, near_modes = base_mm[box], [mode[box] for mode in modes]
    corners = [np.array(corner) for corner in product(*zip(low, high, strict=True))]

    def steepest_at(coefficients: Array) -> float:
        vectors = near.copy()
        for coefficient, mode in zip(coefficients, near_modes, strict=True):
            vectors += np.float32(coefficient) * mode
        return steepest_gradient(vectors, spacing_mm)[0]

    # The worst corner first: when it fits, the others mostly do.
    corners.sort(key=steepest_at, reverse=True)
    share = 1.0
    for corner in corners:
        goal = share * corner

        def steepest_of(part: float, goal: Array = goal) -> float:
            return steepest_at(part * goal)

        share *= share_that_fits(steepest_of)
    reached = max(steepest_at(share * corner) for corner in corners)
    steepest = max(reached, steepest_gradient(base_mm, spacing_mm)[0])
    # The vectors of a moment are rounded to float32 once more.
    reached = max(steepest, 1e-3) * 1.001
    fitting = np.clip(values, share * low, share * high) if stops else share * values
    return Motion(modes, Trace(trace.step_s, fitting), share), reached


def _support(modes: tuple[Floats, ...]) -> tuple[slice, slice, slice]:
    """Box of nodes outside which no mode moves anything, with one node around it."""
    moving = np.zeros(modes[0].shape[:3], dtype=bool)
    for mode in modes:
        moving |= mode.any(axis=-1)
    slices = []
    for axis, others in enumerate(((1, 2), (0, 2), (0, 1))):
        at = np.flatnonzero(moving.any(axis=others))
        first, last = (int(at[0]), int(at[-1])) if len(at) else (0, 0)
        # At least two nodes, so that there is a gradient.
        slices.append(slice(max(first - 1, 0), min(max(last + 2, 2), moving.shape[axis])))
    return slices[0], slices[1], slices[2]
