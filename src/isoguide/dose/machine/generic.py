"""A 6 MV machine like most that treat today, made from formulas alone: no vendor's data.

Its spectrum and kernels follow from physics (:mod:`isoguide.dose.machine.spectrum`,
:mod:`isoguide.dose.machine.point_kernel`); the few numbers that physics leaves open were chosen so that water gets
what published tables say of 6 MV beams. See ``docs/concepts/dose.md``.
"""

from dataclasses import dataclass, replace
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
from isoguide.dose.machine.open_field import Rectangle, rectangle_fluence
from isoguide.dose.machine.pencil_kernels import depth_parts, pencil_kernels, ring_area_mm2
from isoguide.dose.machine.point_kernel import Transport, point_kernel
from isoguide.dose.machine.spectrum import CLINAC_6MV, LinacSpectrum, spectrum_of

GENERIC_NAME: Final = "generic 6 MV"
_DIRECTIONS: Final = 64


@dataclass(frozen=True, slots=True)
class BeamParameters:
    """The numbers from which a machine's beam is made; a fitter moves them.

    Parameters
    ----------
    spectrum, transport
        Photons, and what they do in water.
    head, collimation, reference
        As in :class:`isoguide.dose.beam_data.BeamData`.
    """

    spectrum: LinacSpectrum
    transport: Transport
    head: HeadModel
    collimation: Collimation
    reference: ReferenceConditions
    source_axis_distance_mm: float = 1000.0


def _generic_head() -> HeadModel:
    return HeadModel(
        off_axis_radius_mm=np.array([0.0, 25.0, 50.0, 75.0, 100.0, 150.0, 200.0, 250.0, 285.0]),
        off_axis_ratio=np.array([1.0, 1.006, 1.015, 1.023, 1.031, 1.043, 1.051, 1.054, 1.045]),
        source_sigma_mm=(1.2, 1.4),
        extra_focal_share=0.08,
        extra_focal_sigma_mm=25.0,
        extra_focal_distance_mm=125.0,
        electron_share=0.30,
        electron_decay_per_mm=0.15,
        electron_sigma_mm=60.0,
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


def _generic_parameters() -> BeamParameters:
    return BeamParameters(
        spectrum=replace(CLINAC_6MV, root_aluminium=6.4),
        transport=Transport(
            electron_depth=0.42, electron_smear_deg=25.0, scatter_absorption=1.39, scattered_again=0.21
        ),
        head=_generic_head(),
        collimation=Collimation(
            jaw_transmission=0.003, leaf_transmission=0.015, leaf_gap_mm=1.6, tongue_and_groove_mm=0.4
        ),
        reference=ReferenceConditions(
            field_mm=100.0, source_surface_distance_mm=900.0, depth_mm=100.0, gy_per_mu=0.0081
        ),
    )


def calibrated_pencil(pencil: PencilKernels, parameters: BeamParameters) -> PencilKernels:
    """Scale pencil kernels so that the reference conditions get their dose per monitor unit."""
    reference, sad_mm = parameters.reference, parameters.source_axis_distance_mm
    fluence = rectangle_fluence(
        parameters.head, parameters.collimation, sad_mm, Rectangle.square(reference.field_mm)
    )
    turn = (np.arange(_DIRECTIONS) + 0.5) * 2.0 * np.pi / _DIRECTIONS
    x_mm, y_mm = (pencil.radius_mm[:, None] * part for part in (np.cos(turn), np.sin(turn)))
    ring = fluence(x_mm, y_mm).mean(axis=1) * ring_area_mm2(pencil.radius_mm)
    depth = depth_parts(pencil.attenuation_per_mm, pencil.build_up_per_mm, np.array([reference.depth_mm]))[
        :, 0
    ]
    far = (sad_mm / (reference.source_surface_distance_mm + reference.depth_mm)) ** 2
    dose = float(depth @ (pencil.gy_per_mu_mm2 @ ring)) * far
    return replace(pencil, gy_per_mu_mm2=pencil.gy_per_mu_mm2 * (reference.gy_per_mu / dose))


def beam_data_of(parameters: BeamParameters, like: BeamData | None = None) -> BeamData:
    """Make the data of a beam from its parameters; name, machines, wedges and limits as of another one."""
    spectrum = spectrum_of(parameters.spectrum)
    point = point_kernel(spectrum, parameters.transport)
    made = BeamData(
        name=GENERIC_NAME if like is None else like.name,
        machines=() if like is None else like.machines,
        energy_mv=6.0 if like is None else like.energy_mv,
        is_flattened=True if like is None else like.is_flattened,
        source_axis_distance_mm=parameters.source_axis_distance_mm,
        reference=parameters.reference,
        spectrum=spectrum,
        pencil=calibrated_pencil(pencil_kernels(spectrum, point), parameters),
        point=point,
        head=parameters.head,
        collimation=parameters.collimation,
        wedges=() if like is None else like.wedges,
        limits=GENERIC_LIMITS if like is None else like.limits,
        provenance=(
            "made by isoguide from open formulas (Ali and Rogers 2012, Klein and Nishina 1929), "
            "so that published 6 MV depth doses are met"
        ),
    )
    return made


@cache
def generic_6mv() -> BeamData:
    """Return the beam of a generic 6 MV machine with flattening filter and 120 leaves; always the same."""
    return beam_data_of(_generic_parameters())
