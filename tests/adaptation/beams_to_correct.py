"""Small plans and a machine for the tests of corrected beams."""

from dataclasses import replace

import numpy as np

from isoguide.adaptation.field_shape import beams_eye_view_mm, shaped_field, with_common_jaws
from isoguide.dose.beam_data import (
    BeamData,
    Collimation,
    HeadModel,
    MachineLimits,
    PencilKernels,
    PointKernel,
    ReferenceConditions,
    Spectrum,
)
from isoguide.geometry.frames import FIXED, Array, Points
from isoguide.plan import Beam, ControlPoint, MultileafCollimator, PatientPosition, Plan, Prescription

SAD_MM = 1000.0
LEAVES = MultileafCollimator("X", np.arange(-100.0, 101.0, 5.0))
LIMITS = MachineLimits(
    leaf_travel_mm=(-200.0, 200.0),
    leaf_over_travel_mm=150.0,
    leaf_span_mm=150.0,
    least_gap_mm=0.0,
    leaf_speed_mm_per_s=25.0,
    jaw_speed_mm_per_s=25.0,
    gantry_speed_deg_per_s=6.0,
    collimator_speed_deg_per_s=15.0,
    jaw_x_mm=(-200.0, 200.0),
    jaw_y_mm=(-200.0, 200.0),
    dose_rate_mu_per_min=600.0,
    least_mu=2.0,
    most_mu=2000.0,
    least_segment_mu=1.0,
    collimator_deg=(-180.0, 180.0),
)


def small_machine(**changed: object) -> BeamData:
    """Beam data whose limits matter and whose kernels do not."""
    one = np.ones(1)
    return BeamData(
        name="test",
        machines=("TEST",),
        energy_mv=6.0,
        is_flattened=True,
        source_axis_distance_mm=SAD_MM,
        reference=ReferenceConditions(100.0, 900.0, 100.0, 0.01),
        spectrum=Spectrum(one, one, one, one),
        pencil=PencilKernels(0.005, one, np.array([0.0, 1.0]), np.ones((1, 2))),
        point=PointKernel(one, one, one, one, one, one),
        head=HeadModel(np.array([0.0, 1.0]), np.ones(2), (1.0, 1.0), 0.0, 10.0, 100.0, 0.0, 1.0, 1.0),
        collimation=Collimation(0.0, 0.0, 0.0, 0.0),
        wedges=(),
        limits=replace(LIMITS, **changed),
        provenance="made for tests",
    )


def _ring(radius_mm: float) -> Array:
    rng = np.random.default_rng(3)
    ways = rng.normal(size=(2000, 3))
    return radius_mm * ways / np.linalg.norm(ways, axis=1)[:, None]


def _opened(point: ControlPoint, radius_mm: float, leaves: MultileafCollimator) -> ControlPoint:
    shadow = beams_eye_view_mm(
        Points(FIXED, _ring(radius_mm)), point.gantry_deg, point.collimator_deg, SAD_MM
    )
    return shaped_field(shadow, leaves, 5.0).of(point)


def field_of(
    gantry_deg: float,
    collimator_deg: float,
    *,
    couch_deg: float = 0.0,
    axis: str = "X",
    target_mm: float = 30.0,
    meterset_mu: float = 100.0,
) -> Beam:
    """A static field about a ball."""
    leaves = MultileafCollimator("X" if axis == "X" else "Y", LEAVES.boundaries_mm)
    point = ControlPoint(gantry_deg, collimator_deg, couch_deg, 0.0, np.array([10.0, -20.0, 30.0]))
    opened = _opened(point, target_mm, leaves)
    points = (opened, replace(opened, cumulative_meterset=1.0))
    return Beam(1, "Field", "TREATMENT", "PHOTON", "TEST", points, 1, meterset_mu, leaves, SAD_MM)


def arc(steps: int = 45, target_mm: float = 30.0, dose_rate: float | None = None) -> Beam:
    """An arc from 181° to 179° about a ball, 300 MU."""
    points = []
    for share in np.linspace(0.0, 1.0, steps + 1).tolist():
        point = ControlPoint(
            round((181.0 + 358.0 * share) % 360.0, 2), 10.0, 0.0, share, np.array([10.0, -20.0, 30.0])
        )
        points.append(replace(_opened(point, target_mm, LEAVES), dose_rate_mu_per_min=dose_rate))
    widest = with_common_jaws([_shape(point) for point in points])
    opened = tuple(shape.of(point) for shape, point in zip(widest, points, strict=True))
    return Beam(1, "Arc", "TREATMENT", "PHOTON", "TEST", opened, 1, 300.0, LEAVES, SAD_MM)


def _shape(point: ControlPoint):
    from isoguide.adaptation.field_shape import FieldShape

    assert point.leaf_positions_mm is not None
    assert point.jaw_x_mm is not None
    assert point.jaw_y_mm is not None
    return FieldShape(point.leaf_positions_mm, point.jaw_x_mm, point.jaw_y_mm)


def plan_of(*beams: Beam) -> Plan:
    """A plan of 20 fractions of 3 Gy."""
    return Plan(
        sop_instance_uid="2.25.1",
        label="TEST",
        patient_position=PatientPosition.HFS,
        beams=beams,
        approval_status="APPROVED",
        fractions_planned=20,
        prescriptions=(Prescription(60.0, 1, "PTV"),),
    )
