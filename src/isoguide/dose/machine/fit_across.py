"""The part of a fit that profiles tell: the focal spot, and the off-axis ratio."""

from dataclasses import replace
from typing import Final

import numpy as np
from scipy.optimize import least_squares

from isoguide.dose.beam_data import BeamData
from isoguide.dose.machine.comparison import profile_gy
from isoguide.dose.machine.measured import Along, Profile
from isoguide.dose.machine.open_field import Rectangle
from isoguide.dose.machine.water_dose import WaterTank
from isoguide.geometry.frames import Array

_EDGE_MM: Final = 8.0
"""Half of the width about a field edge that tells of the focal spot, in the water."""
_FLAT_MM: Final = 18.0
"""So far within its edges a profile tells of the off-axis ratio, at the isocentre."""
_NODE_MM: Final = 25.0
_LARGEST_SIGMA_MM: Final = 8.0
_ROUNDS: Final = 3


def fitted_across(machine: BeamData, profiles: tuple[Profile, ...]) -> BeamData:
    """Return the beam with the focal spot and the off-axis ratio with which profiles are met best."""
    tanks = [WaterTank.of(machine, one.source_surface_mm, np.array([one.depth_mm])) for one in profiles]
    for _ in range(_ROUNDS):
        machine = _with_off_axis_ratio(machine, profiles, tanks)
    sigma_mm = (
        _focal_sigma_mm(machine, profiles, tanks, "x"),
        _focal_sigma_mm(machine, profiles, tanks, "y"),
    )
    return replace(machine, head=replace(machine.head, source_sigma_mm=sigma_mm))


def flat_reach_mm(profiles: tuple[Profile, ...]) -> float:
    """How far from the axis profiles tell of the off-axis ratio, at the isocentre."""
    return max((_half_width(one.field, one.along) - _FLAT_MM for one in profiles), default=0.0)


def _half_width(field: Rectangle, along: Along) -> float:
    low, high = field.x_mm if along == "x" else field.y_mm
    return min(-low, high)


def _with_off_axis_ratio(
    machine: BeamData, profiles: tuple[Profile, ...], tanks: list[WaterTank]
) -> BeamData:
    radius, ratio = [np.zeros(1)], [np.ones(1)]
    for curve, tank in zip(profiles, tanks, strict=True):
        wider = (curve.source_surface_mm + curve.depth_mm) / machine.source_axis_distance_mm
        at = np.abs(curve.position_mm) / wider
        inside = at <= _half_width(curve.field, curve.along) - _FLAT_MM
        if inside.any():
            computed = profile_gy(tank.with_head(machine), curve, curve.position_mm)
            radius.append(at[inside])
            ratio.append((_relative(curve, curve.dose) / _relative(curve, computed))[inside])
    return _times(machine, np.concatenate(radius), np.concatenate(ratio))


def _relative(curve: Profile, dose: Array) -> Array:
    return np.asarray(dose / np.interp(0.0, curve.position_mm, dose))


def _times(machine: BeamData, radius: Array, ratio: Array) -> BeamData:
    """Multiply the off-axis ratio by what was found at radii; beyond the last one by what is found there."""
    head = machine.head
    last = max(float(head.off_axis_radius_mm[-1]), float(radius.max()))
    nodes = np.unique(np.concatenate([np.arange(0.0, last, _NODE_MM), [last], head.off_axis_radius_mm]))
    factor = np.ones(len(nodes))
    known = np.zeros(len(nodes), dtype=bool)
    for index, node in enumerate(nodes):
        near = np.clip(1.0 - np.abs(radius - node) / _NODE_MM, 0.0, None)
        if near.sum() > 0.0:
            factor[index] = float(near @ ratio / near.sum())
            known[index] = True
    factor = np.interp(nodes, nodes[known], factor[known])
    before = np.interp(nodes, head.off_axis_radius_mm, head.off_axis_ratio)
    after = before * factor
    return replace(machine, head=replace(head, off_axis_radius_mm=nodes, off_axis_ratio=after / after[0]))


def _focal_sigma_mm(
    machine: BeamData, profiles: tuple[Profile, ...], tanks: list[WaterTank], along: Along
) -> float:
    index = 0 if along == "x" else 1
    start = max(machine.head.source_sigma_mm[index], 0.3)
    chosen = [pair for pair in zip(profiles, tanks, strict=True) if pair[0].along == along]
    edges = [(curve, tank, _edge_places(machine, curve)) for curve, tank in chosen]
    edges = [one for one in edges if one[2].any()]
    if not edges:
        return machine.head.source_sigma_mm[index]

    def misses(log_sigma: Array) -> Array:
        sigma = list(machine.head.source_sigma_mm)
        sigma[index] = float(np.exp(log_sigma[0]))
        tried = replace(machine, head=replace(machine.head, source_sigma_mm=(sigma[0], sigma[1])))
        return np.concatenate([_edge_misses(tried, *one) for one in edges])

    limits = (np.log(0.2), np.log(_LARGEST_SIGMA_MM))
    found = least_squares(misses, [np.log(start)], bounds=limits, diff_step=[0.02], max_nfev=8)
    return float(np.exp(found.x[0]))


def _edge_places(machine: BeamData, curve: Profile) -> Array:
    wider = (curve.source_surface_mm + curve.depth_mm) / machine.source_axis_distance_mm
    low, high = curve.field.x_mm if curve.along == "x" else curve.field.y_mm
    position = curve.position_mm
    near = (np.abs(position - low * wider) < _EDGE_MM) | (np.abs(position - high * wider) < _EDGE_MM)
    return np.asarray(near)


def _edge_misses(machine: BeamData, curve: Profile, tank: WaterTank, places: Array) -> Array:
    position = np.concatenate([[0.0], curve.position_mm[places]])
    computed = profile_gy(tank.with_head(machine), curve, position)
    measured = _relative(curve, curve.dose)[places]
    return np.asarray(computed[1:] / computed[0] - measured)
