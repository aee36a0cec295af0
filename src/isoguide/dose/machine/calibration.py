"""Pencil kernels in Gy per monitor unit: those of the physics, scaled to the reference conditions."""

from dataclasses import replace
from typing import Final

import numpy as np

from isoguide.dose.beam_data import BeamData
from isoguide.dose.machine.open_field import Rectangle, open_fluence
from isoguide.dose.machine.pencil_kernels import depth_parts, pencil_kernels, ring_area_mm2
from isoguide.dose.machine.water_dose import photon_gy
from isoguide.geometry.frames import Array

_DIRECTIONS: Final = 64


def with_pencil_kernels(machine: BeamData) -> BeamData:
    """Return a beam whose pencil kernels follow from its spectrum and point kernel."""
    bare = pencil_kernels(machine.spectrum, machine.point, machine.source_axis_distance_mm)
    factor = photon_gy(machine) / _reference_dose(replace(machine, pencil=bare))
    return replace(machine, pencil=replace(bare, gy_per_mu_mm2=bare.gy_per_mu_mm2 * factor))


def pencil_reference_gy(machine: BeamData) -> float:
    """Dose per monitor unit that pencil kernels and electrons give in the reference conditions."""
    return _reference_dose(machine) + machine.reference.gy_per_mu - photon_gy(machine)


def pencil_axis_gy(machine: BeamData, field: Rectangle, source_surface_mm: float, depth_mm: Array) -> Array:
    """Dose per monitor unit on the axis from pencil kernels, without electrons, at depths (d,) in water."""
    sad_mm = machine.source_axis_distance_mm
    pencil = machine.pencil.for_surface(source_surface_mm, sad_mm)
    turn = (np.arange(_DIRECTIONS) + 0.5) * 2.0 * np.pi / _DIRECTIONS
    x_mm, y_mm = (pencil.radius_mm[:, None] * part for part in (np.cos(turn), np.sin(turn)))
    fluence = open_fluence(machine, field, x_mm, y_mm).mean(axis=1)
    lateral = pencil.gy_per_mu_mm2 @ (fluence * ring_area_mm2(pencil.radius_mm))
    parts = depth_parts(pencil.attenuation_per_mm, pencil.build_up_per_mm, depth_mm)
    return np.asarray(lateral @ parts * (sad_mm / (source_surface_mm + depth_mm)) ** 2)


def _reference_dose(machine: BeamData) -> float:
    """Dose in the reference conditions from pencil kernels as they are."""
    reference = machine.reference
    square, depth_mm = Rectangle.square(reference.field_mm), np.array([reference.depth_mm])
    return float(pencil_axis_gy(machine, square, reference.source_surface_distance_mm, depth_mm)[0])
