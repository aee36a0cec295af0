"""Whether a machine can deliver a plan: how far and how fast leaves, jaws, gantry and collimator go.

Speeds are held against the time that an interval between two control points takes at the dose rate that the
plan sets. A plan that sets none leaves the dose rate to the machine, which slows down as it must: it then has
no speed that is too high, only a way that it cannot go at all (a speed of 0).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from isoguide.dose.beam_data import BeamData, MachineLimits
from isoguide.geometry.frames import Array
from isoguide.plan import Beam, ControlPoint, Plan
from isoguide.units import wrap_deg

ROUNDING_MM: Final = 0.011
"""Positions are rounded to 0.01 mm; a limit is passed by more than that."""
ROUNDING_MU: Final = 1e-6
SAME_EXCESS: Final = 1.02
"""A corrected beam may ask for this much more of a machine than the planned one, which was delivered."""
STILL_MM, STILL_DEG = 0.02, 0.02
"""What moves less from one control point to the next stands still."""


@dataclass(frozen=True, slots=True)
class _Axis:
    """One motion: its name, unit, highest speed, and how far it goes between two control points."""

    name: str
    unit: str
    limit: float
    still: float
    way: Callable[[ControlPoint, ControlPoint], float]


def violations(plan: Plan, machine: BeamData, planned: Plan | None = None) -> tuple[str, ...]:
    """Say what of a plan the machine cannot do; nothing where it can do all of it.

    Parameters
    ----------
    plan
        The plan; its treatment beams are looked at.
    machine
        Whose limits.
    planned
        The plan that it was made from: what that asks for as well, in the same beam and as far, is not held
        against the other, because the machine was found to get by with it.

    Returns
    -------
    tuple of str
        One sentence for each beam and limit, with the worst value.
    """
    before = {beam.number: beam for beam in planned.beams} if planned is not None else {}
    found: list[str] = []
    for beam in plan.beams:
        if not beam.is_treatment or not beam.control_points:
            continue
        excused = {one.limit: one.excess for one in _of_beam(before.get(beam.number), machine.limits)}
        found += [
            f"beam {beam.number} ({beam.name}): {one.words}"
            for one in _of_beam(beam, machine.limits)
            if one.excess > excused.get(one.limit, 0.0) * SAME_EXCESS
        ]
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Excess:
    """A limit that a beam passes, by how much, in words."""

    limit: str
    excess: float
    words: str


def _of_beam(beam: Beam | None, limits: MachineLimits) -> Iterator[_Excess]:
    if beam is None or not beam.control_points:
        return
    yield from _leaf_places(beam, limits)
    yield from _jaw_places(beam, limits)
    yield from _collimator(beam, limits)
    yield from _monitor_units(beam, limits)
    yield from _speeds(beam, limits)


def _leaf_places(beam: Beam, limits: MachineLimits) -> Iterator[_Excess]:
    stated = [one.leaf_positions_mm for one in beam.control_points if one.leaf_positions_mm is not None]
    if not stated:
        return
    leaves_mm = np.stack(stated)
    low_mm, high_mm = limits.leaf_travel_mm
    far_mm, beyond_mm = _furthest(leaves_mm, low_mm, high_mm)
    if beyond_mm > ROUNDING_MM:
        words = f"leaves would go to {far_mm:.1f} mm, but travel from {low_mm:g} to {high_mm:g} mm"
        yield _Excess("leaf travel", beyond_mm, words)
    over_mm = max(float(leaves_mm[:, 0].max()), float(-leaves_mm[:, 1].min()))
    if over_mm > limits.leaf_over_travel_mm + ROUNDING_MM:
        words = (
            f"a leaf would pass the axis by {over_mm:.1f} mm, but can by {limits.leaf_over_travel_mm:g} mm"
        )
        yield _Excess("leaf over-travel", over_mm, words)
    span_mm = float((leaves_mm.max(axis=2) - leaves_mm.min(axis=2)).max())
    if span_mm > limits.leaf_span_mm + ROUNDING_MM:
        words = f"leaves of one bank would lie {span_mm:.1f} mm apart, but can by {limits.leaf_span_mm:g} mm"
        yield _Excess("leaf span", span_mm, words)
    gap_mm = float((leaves_mm[:, 1] - leaves_mm[:, 0]).min())
    if gap_mm < limits.least_gap_mm - ROUNDING_MM:
        words = f"opposing leaves would come as near as {gap_mm:.2f} mm, but need {limits.least_gap_mm:g} mm"
        yield _Excess("leaf gap", limits.least_gap_mm - gap_mm, words)


def _furthest(values: Array, low: float, high: float) -> tuple[float, float]:
    """Return the value that lies furthest outside, and by how much; that is negative where none does."""
    least, largest = float(values.min()), float(values.max())
    return (least, low - least) if low - least > largest - high else (largest, largest - high)


def _jaw_places(beam: Beam, limits: MachineLimits) -> Iterator[_Excess]:
    for name, reach_mm in (("x", limits.jaw_x_mm), ("y", limits.jaw_y_mm)):
        stated = [getattr(one, f"jaw_{name}_mm") for one in beam.control_points]
        jaws_mm = np.array([one for one in stated if one is not None]).reshape(-1, 2)
        if not len(jaws_mm):
            continue
        far_mm, beyond_mm = _furthest(jaws_mm, *reach_mm)
        if beyond_mm > ROUNDING_MM:
            words = f"jaw {name.upper()} would go to {far_mm:.1f} mm, but travels from {reach_mm[0]:g} "
            yield _Excess(f"jaw {name}", beyond_mm, words + f"to {reach_mm[1]:g} mm")
        if (jaws_mm[:, 0] > jaws_mm[:, 1]).any():
            yield _Excess(f"jaws {name}", np.inf, f"the jaws {name.upper()} would collide")


def _collimator(beam: Beam, limits: MachineLimits) -> Iterator[_Excess]:
    angles_deg = np.array([wrap_deg(point.collimator_deg) for point in beam.control_points])
    low_deg, high_deg = limits.collimator_deg
    far_deg, beyond_deg = _furthest(angles_deg, low_deg, high_deg)
    if beyond_deg > STILL_DEG:
        words = f"the collimator would turn to {far_deg:.1f}°, but turns from {low_deg:g} to {high_deg:g}°"
        yield _Excess("collimator", beyond_deg, words)


def _monitor_units(beam: Beam, limits: MachineLimits) -> Iterator[_Excess]:
    if beam.meterset_mu is None:
        return
    _, beyond_mu = _furthest(np.array([beam.meterset_mu]), limits.least_mu, limits.most_mu)
    if beyond_mu > ROUNDING_MU:
        words = f"it would deliver {beam.meterset_mu:.1f} MU, but can from {limits.least_mu:g} "
        yield _Excess("monitor units", beyond_mu, words + f"to {limits.most_mu:g} MU")
    small_mu = min(_segments_of_static_beam_mu(beam), default=np.inf)
    if small_mu < limits.least_segment_mu - ROUNDING_MU:
        words = f"a segment would deliver {small_mu:.2f} MU, but needs {limits.least_segment_mu:g} MU"
        yield _Excess("segment", limits.least_segment_mu - small_mu, words)


def _segments_of_static_beam_mu(beam: Beam) -> list[float]:
    """Monitor units of the intervals with beam in which nothing moves; zero is no segment at all."""
    return [
        mu
        for (first, last), mu in zip(pairwise(beam.control_points), beam.interval_mu, strict=True)
        if mu > 1e-9 and not any(axis.way(first, last) > axis.still for axis in _axes(None))
    ]


def _axes(limits: MachineLimits | None) -> tuple[_Axis, ...]:
    leaf, jaw, gantry, turn = (
        (np.inf,) * 4
        if limits is None
        else (
            limits.leaf_speed_mm_per_s,
            limits.jaw_speed_mm_per_s,
            limits.gantry_speed_deg_per_s,
            limits.collimator_speed_deg_per_s,
        )
    )
    return (
        _Axis("a leaf", "mm/s", leaf, STILL_MM, _leaf_way_mm),
        _Axis("a jaw", "mm/s", jaw, STILL_MM, _jaw_way_mm),
        _Axis("the gantry", "°/s", gantry, STILL_DEG, _gantry_way_deg),
        _Axis("the collimator", "°/s", turn, STILL_DEG, _collimator_way_deg),
    )


def _leaf_way_mm(first: ControlPoint, last: ControlPoint) -> float:
    if first.leaf_positions_mm is None or last.leaf_positions_mm is None:
        return 0.0
    return float(np.abs(last.leaf_positions_mm - first.leaf_positions_mm).max())


def _jaw_way_mm(first: ControlPoint, last: ControlPoint) -> float:
    pairs = ((first.jaw_x_mm, last.jaw_x_mm), (first.jaw_y_mm, last.jaw_y_mm))
    ways = [abs(b - a) for one, two in pairs if one and two for a, b in zip(one, two, strict=True)]
    return max(ways, default=0.0)


def _gantry_way_deg(first: ControlPoint, last: ControlPoint) -> float:
    return abs(wrap_deg(last.gantry_deg - first.gantry_deg))


def _collimator_way_deg(first: ControlPoint, last: ControlPoint) -> float:
    return abs(wrap_deg(last.collimator_deg - first.collimator_deg))


def _speeds(beam: Beam, limits: MachineLimits) -> Iterator[_Excess]:
    for axis in _axes(limits):
        speed = _largest_speed(beam, axis, limits)
        if speed <= axis.limit * (1.0 + 1e-9):
            continue
        words = f"{axis.name} would move while the beam is on, which this machine cannot do"
        if axis.limit > 0.0:
            words = (
                f"{axis.name} would have to move at {speed:.1f} {axis.unit} at the plan's dose rate, "
                f"but moves at {axis.limit:g} {axis.unit}"
            )
        yield _Excess(axis.name, speed, words)


def _largest_speed(beam: Beam, axis: _Axis, limits: MachineLimits) -> float:
    """Highest speed of a motion with the beam on; infinite where it must not move and does."""
    fastest = 0.0
    for (first, last), mu in zip(pairwise(beam.control_points), beam.interval_mu, strict=True):
        way = axis.way(first, last)
        if mu <= 1e-9 or way <= axis.still:
            continue
        if axis.limit <= 0.0:
            return float("inf")
        seconds = _beam_on_s(first, mu, limits)
        if seconds is not None and axis.way is not _gantry_way_deg:
            # The gantry sets the pace of an arc: leaves have at least the time that it needs.
            seconds = max(seconds, _gantry_way_deg(first, last) / max(limits.gantry_speed_deg_per_s, 1e-9))
        fastest = max(fastest, way / seconds) if seconds is not None else fastest
    return fastest


def _beam_on_s(first: ControlPoint, mu: float, limits: MachineLimits) -> float | None:
    """How long an interval takes at the dose rate that the plan sets; None where it sets none."""
    if first.dose_rate_mu_per_min is None or first.dose_rate_mu_per_min <= 0.0:
        return None
    return 60.0 * mu / min(first.dose_rate_mu_per_min, limits.dose_rate_mu_per_min)
