"""A 6 MV machine like most that treat today, made from formulas alone: no vendor's data.

Its spectrum and kernels follow from physics (:mod:`isoguide.dose.machine.spectrum`,
:mod:`isoguide.dose.machine.point_kernel`); the few numbers that physics leaves open were chosen so that
water gets what published tables say of 6 MV beams. See ``docs/concepts/dose.md``.
"""

from dataclasses import replace
from functools import cache
from typing import Final

import numpy as np

from isoguide.dose.beam_data import (
    BeamData,
    Collimation,
    HeadModel,
    MachineLimits,
    PencilKernels,
    ReferenceConditions,
)
from isoguide.dose.machine.calibration import with_pencil_kernels
from isoguide.dose.machine.point_kernel import Transport, point_kernel
from isoguide.dose.machine.spectrum import CLINAC_6MV, spectrum_of

GENERIC_NAME: Final = "generic-6mv"


def _generic_head() -> HeadModel:
    return HeadModel(
        off_axis_radius_mm=np.array([0.0, 25.0, 50.0, 75.0, 100.0, 150.0, 200.0, 250.0, 285.0]),
        off_axis_ratio=np.array([1.0, 1.006, 1.015, 1.023, 1.031, 1.043, 1.051, 1.054, 1.045]),
        source_sigma_mm=(1.8, 1.9),
        extra_focal_share=0.079,
        extra_focal_sigma_mm=19.6,
        extra_focal_distance_mm=125.0,
        electron_share=0.30,
        electron_decay_per_mm=0.20,
        electron_sigma_mm=61.0,
    )


GENERIC_LIMITS: Final = MachineLimits(
    leaf_travel_mm=(-200.0, 200.0),
    leaf_over_travel_mm=150.0,
    leaf_span_mm=150.0,
    least_gap_mm=0.5,
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
    collimator_deg=(-165.0, 165.0),
)
"""What a C-arm machine with 120 leaves can typically do."""


GENERIC_TRANSPORT: Final = Transport(
    electron_depth=0.49, electron_smear_deg=24.0, scatter_absorption=1.4, scattered_again=0.41, primary=0.968
)
_ALUMINIUM: Final = 7.0
"""Square root of g/cm²: harder than the photons that leave a head (5.1), because the kernel of the surface is
used at every depth."""
_NO_PENCIL: Final = PencilKernels(0.004, np.ones(1), np.zeros(1), np.zeros((1, 1)))


@cache
def generic_6mv() -> BeamData:
    """Return the beam of a generic 6 MV machine with flattening filter and 120 leaves; always the same."""
    spectrum = spectrum_of(replace(CLINAC_6MV, root_aluminium=_ALUMINIUM))
    bare = BeamData(
        name=GENERIC_NAME,
        machines=(),
        energy_mv=6.0,
        is_flattened=True,
        source_axis_distance_mm=1000.0,
        reference=ReferenceConditions(
            field_mm=100.0, source_surface_distance_mm=900.0, depth_mm=100.0, gy_per_mu=0.00807
        ),
        spectrum=spectrum,
        pencil=_NO_PENCIL,
        point=point_kernel(spectrum, GENERIC_TRANSPORT),
        head=_generic_head(),
        collimation=Collimation(
            jaw_transmission=0.003, leaf_transmission=0.015, leaf_gap_mm=1.6, tongue_and_groove_mm=0.4
        ),
        wedges=(),
        limits=GENERIC_LIMITS,
        provenance=(
            "made by isoguide from open formulas (Ali and Rogers 2012, Klein and Nishina 1929) such that "
            "published 6 MV depth doses (BJR Supplement 25) and output factors (Followill 2012) are met"
        ),
    )
    return with_pencil_kernels(bare)
