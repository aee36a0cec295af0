"""The dose behind slabs of other densities as an exact sum over the point kernel with scaled distances.

What a collapsed cone approximates: every direction, every tilt, distances in mm of water along straight
lines.
"""

from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.dose.beam_data import BeamData
from isoguide.dose.machine import Rectangle, TankField, reference_dose
from isoguide.dose.machine.open_field import open_fluence
from isoguide.dose.machine.release import Release

Floats = NDArray[np.float64]
Slabs = Sequence[tuple[float, float, float]]
SURFACE_MM: Final = 900.0
RINGS, TURNS = 48, 24


def slab_dose(machine: BeamData, side_mm: float, slabs: Slabs, depth_mm: float) -> float:
    """Gy per monitor unit on the axis at a depth, the surface at 90 cm; without contaminating electrons."""
    scale = _gy_per_unit(machine)
    return scale * _bare_dose(machine, side_mm, slabs, depth_mm)


@cache
def _gy_per_unit(machine: BeamData) -> float:
    """From the sum below to Gy, by the dose in plain water."""
    known = reference_dose(
        machine, TankField(Rectangle.square(100.0), SURFACE_MM), np.array([[0.0, 0.0, 100.0]])
    )
    return float(known[0]) / _bare_dose(machine, 100.0, (), 100.0)


def _bare_dose(machine: BeamData, side_mm: float, slabs: Slabs, depth_mm: float) -> float:
    cosine, weight = np.polynomial.legendre.leggauss(RINGS)
    turn = (np.arange(TURNS) + 0.5) * 2.0 * np.pi / TURNS
    sine = np.sqrt(1.0 - cosine**2)
    way = np.stack(
        [np.outer(sine, np.cos(turn)), np.outer(sine, np.sin(turn)), np.outer(cosine, np.ones(TURNS))],
        axis=-1,
    ).reshape(-1, 1, 3)
    solid_angle = np.repeat(weight * 2.0 * np.pi / TURNS, TURNS)
    edges = np.concatenate(
        [np.arange(0.0, 20.0, 0.25), np.arange(20.0, 60.0, 1.0), np.arange(60.0, 401.0, 4.0)]
    )
    middle, step = 0.5 * (edges[1:] + edges[:-1]), np.diff(edges)
    place = np.array([0.0, 0.0, depth_mm]) - middle[:, None] * way
    depth = place[..., 2]
    dense = _density(depth, slabs)
    before = np.cumsum(dense * step, axis=1) - dense * step
    below = SURFACE_MM + depth
    ray = place + np.array([0.0, 0.0, SURFACE_MM])
    along = np.linalg.norm(ray, axis=-1)
    angle = np.rad2deg(np.arccos(np.clip((ray * way).sum(axis=-1) / along, -1.0, 1.0)))
    water = _water(depth, slabs) * along / below
    iso = 1000.0 / below
    seen = open_fluence(machine, Rectangle.square(side_mm), place[..., 0] * iso, place[..., 1] * iso)
    seen = seen * iso**2 * (depth > 0.0)
    total = 0.0
    point = machine.point
    for released, amount, decay in zip(
        Release.of(machine.spectrum).at(water),
        (point.primary_per_mm_sr, point.scatter_per_mm_sr),
        (point.primary_decay_per_mm, point.scatter_decay_per_mm),
        strict=True,
    ):
        rate = np.exp(np.interp(angle, point.angle_deg, np.log(decay)))
        share = np.exp(np.interp(angle, point.angle_deg, np.log(np.maximum(amount, 1e-30)))) / rate
        left = np.exp(-rate * before) * -np.expm1(-rate * dense * step)
        total += float((solid_angle[:, None] * released * seen * share * left).sum())
    return total


def _density(depth: Floats, slabs: Slabs) -> Floats:
    dense = np.where(depth > 0.0, 1.0, 0.001)
    for start, stop, density in slabs:
        dense[(depth > start) & (depth < stop)] = density
    return dense


def _water(depth: Floats, slabs: Slabs) -> Floats:
    """Depth in mm of water along the axis."""
    water = np.maximum(depth, 0.0)
    for start, stop, density in slabs:
        water = water - (1.0 - density) * np.clip(depth - start, 0.0, stop - start)
    return water
