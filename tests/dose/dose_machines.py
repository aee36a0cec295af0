"""A machine of round numbers, and plans for it."""

from dataclasses import replace
from typing import Any

import numpy as np

from isoguide.dose.beam_data import (
    BeamData,
    Collimation,
    HeadModel,
    MachineLimits,
    PencilKernels,
    PointKernel,
    ReferenceConditions,
    Spectrum,
    WedgeData,
)
from isoguide.plan import Beam, ControlPoint, MultileafCollimator, PatientPosition, Plan

RADIUS_MM = np.concatenate([np.linspace(0.0, 10.0, 41), np.linspace(11.0, 200.0, 190)])
LEAVES = MultileafCollimator("X", np.arange(-100.0, 101.0, 10.0))


def plain_machine() -> BeamData:
    """Return a machine whose kernels are Gaussians and an exponential, with an ideal head."""
    lateral = [
        0.9 * _disc(np.exp(-0.5 * (RADIUS_MM / 2.0) ** 2)),
        0.3 * _disc(np.exp(-0.5 * (RADIUS_MM / 12.0) ** 2)),
        0.2 * _disc(np.exp(-RADIUS_MM / 25.0)),
    ]
    return BeamData(
        name="plain",
        machines=("PLAIN",),
        energy_mv=6.0,
        is_flattened=True,
        source_axis_distance_mm=1000.0,
        reference=ReferenceConditions(100.0, 1000.0, 15.0, 0.01),
        spectrum=Spectrum(np.array([2.0]), np.array([1.0]), np.array([0.0049]), np.array([0.0026])),
        pencil=PencilKernels(0.005, np.array([0.2, 0.04, 0.012]), RADIUS_MM, 0.01 * np.array(lateral)),
        point=PointKernel(*(np.array([value]) for value in (90.0, 4.0 * np.pi, 0.01, 0.3, 0.001, 0.02))),
        head=HeadModel(np.array([0.0, 300.0]), np.ones(2), (0.0, 0.0), 0.0, 30.0, 125.0, 0.0, 0.1, 20.0),
        collimation=Collimation(0.0, 0.0, 0.0, 0.0),
        wedges=(WedgeData("W45", 45.0, (-100.0, 100.0), (0.9, 0.3)),),
        limits=MachineLimits(
            (-200.0, 200.0),
            *(150.0, 145.0, 0.5, 25.0, 25.0, 6.0, 15.0),
            (-200.0, 200.0),
            (-200.0, 200.0),
            *(600.0, 1.0, 999.0, 1.0),
            (-175.0, 175.0),
        ),
        provenance="round numbers for tests",
    )


def _disc(shape: np.ndarray) -> np.ndarray:
    return np.asarray(shape / np.trapezoid(2.0 * np.pi * RADIUS_MM * shape, RADIUS_MM))


def with_head(machine: BeamData, **changes: Any) -> BeamData:
    """Return the machine with another head."""
    return replace(machine, head=replace(machine.head, **changes))


def with_collimation(machine: BeamData, **changes: float) -> BeamData:
    """Return the machine with other jaws and leaves."""
    return replace(machine, collimation=replace(machine.collimation, **changes))


def leaves_at(low_mm: float, high_mm: float, y_mm: tuple[float, float] = (-100.0, 100.0)) -> np.ndarray:
    """Open the pairs between two heights from one position to another; the others are closed at 0."""
    middle = (LEAVES.boundaries_mm[:-1] + LEAVES.boundaries_mm[1:]) / 2.0
    is_open = (middle > y_mm[0]) & (middle < y_mm[1])
    return np.stack([np.where(is_open, low_mm, 0.0), np.where(is_open, high_mm, 0.0)])


def point_at(gantry_deg: float, meterset: float, **changes: Any) -> ControlPoint:
    """Return a control point, open 100 mm × 100 mm by jaws unless told otherwise, its isocentre at 0."""
    known: dict[str, Any] = {
        "collimator_deg": 0.0,
        "couch_deg": 0.0,
        "isocentre_mm": np.zeros(3),
        "energy_mv": 6.0,
        "jaw_x_mm": (-50.0, 50.0),
        "jaw_y_mm": (-50.0, 50.0),
    }
    return ControlPoint(gantry_deg=gantry_deg, cumulative_meterset=meterset, **(known | changes))


def beam_of(points: tuple[ControlPoint, ...], meterset_mu: float | None = 100.0, **changes: Any) -> Beam:
    """Return a treatment beam."""
    beam = Beam(1, "field", "TREATMENT", "PHOTON", "PLAIN", points, 1, meterset_mu, LEAVES, 1000.0)
    beam = replace(beam, fluence_mode="STANDARD")
    return replace(beam, **changes)


def static_beam(gantry_deg: float = 0.0, meterset_mu: float = 100.0, **changes: Any) -> Beam:
    """Return a beam from one direction with one opening."""
    return beam_of((point_at(gantry_deg, 0.0, **changes), point_at(gantry_deg, 1.0, **changes)), meterset_mu)


def plan_of(*beams: Beam, position: str = "HFS") -> Plan:
    """Return a plan of beams, numbered in order."""
    numbered = tuple(replace(beam, number=n + 1) for n, beam in enumerate(beams))
    return Plan("1.2.3", "plan", PatientPosition(position), numbered)
