"""What of a plan can be computed: everything else is refused with its reason, or left out and named."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from isoguide.dose.beam_data import BeamData
from isoguide.dose.fluence import opening_of, wedge_data
from isoguide.errors import InputError, MissingEvidenceError
from isoguide.plan import Beam, Plan

SAD_TOLERANCE_MM: Final = 0.5
ENERGY_TOLERANCE_MV: Final = 0.05
TILT_TOLERANCE_DEG: Final = 0.01
UNFLATTENED: Final = "NON_STANDARD"


def treated_beams(plan: Plan) -> tuple[Beam, ...]:
    """Return the beams that deliver dose: of treatment, with monitor units."""
    return tuple(beam for beam in plan.beams if beam.is_treatment and beam.meterset_mu)


def require_supported(plan: Plan, machine: BeamData) -> tuple[str, ...]:
    """Refuse a plan whose dose cannot be computed, beam by beam.

    Returns
    -------
    tuple
        What is left out or assumed, one sentence each.

    Raises
    ------
    MissingEvidenceError
        If no beam has monitor units, or something that is needed is not stated.
    InputError
        If something is in a beam that is not supported, or the machine's data are for another beam.
    """
    beams = treated_beams(plan)
    if not beams:
        msg = (
            f"no treatment beam of plan '{plan.label}' has monitor units, so it has no dose; export the plan"
            " after its dose calculation"
        )
        raise MissingEvidenceError(msg)
    for beam in beams:
        for reason in _reasons(beam, machine):
            msg = (
                f"the dose of beam {beam.number} ({beam.name}) of '{plan.label}' cannot be computed: {reason}"
            )
            raise InputError(msg)
        _require_openings(beam, machine)
    left_out = [beam for beam in plan.beams if beam.is_treatment and not beam.meterset_mu]
    told = [
        f"beam {beam.number} ({beam.name}) has no monitor units and is left out of the dose"
        for beam in left_out
    ]
    if any(not beam.fluence_mode for beam in beams):
        kind = "with" if machine.is_flattened else "without"
        told.append(f"the plan does not say whether its beams are flattened; they are taken as {kind} filter")
    return tuple(told)


def _reasons(beam: Beam, machine: BeamData) -> Iterator[str]:
    """Tell why a beam is not supported."""
    if beam.radiation_type != "PHOTON":
        yield f"it is of {beam.radiation_type or 'an unknown'} radiation; only photons are computed"
    if beam.dosimeter_unit != "MU":
        yield f"its meterset is in {beam.dosimeter_unit}, not in monitor units"
    if beam.other_accessories:
        yield f"it has a {beam.other_accessories[0]}, which is not supported"
    unflattened = beam.fluence_mode.upper().startswith(UNFLATTENED)
    if beam.fluence_mode and unflattened == machine.is_flattened:
        kind = "with" if machine.is_flattened else "without"
        yield (
            f"its fluence mode is {beam.fluence_mode}, but the data '{machine.name}' are for a beam {kind}"
            " flattening filter"
        )
    yield from _geometry_reasons(beam, machine)


def _geometry_reasons(beam: Beam, machine: BeamData) -> Iterator[str]:
    sad_mm = beam.source_axis_distance_mm
    if sad_mm is None or abs(sad_mm - machine.source_axis_distance_mm) > SAD_TOLERANCE_MM:
        yield (
            f"its source is {sad_mm} mm from the axis, that of '{machine.name}'"
            f" {machine.source_axis_distance_mm:g} mm; give the data of its machine"
        )
    points = beam.control_points
    energies = sorted({point.energy_mv for point in points if point.energy_mv is not None})
    if not energies or any(abs(one - machine.energy_mv) > ENERGY_TOLERANCE_MV for one in energies):
        told = " and ".join(f"{one:g}" for one in energies) or "of unknown"
        yield f"its energy is {told} MV, that of '{machine.name}' {machine.energy_mv:g} MV; give other data"
    if any(max(abs(p.table_pitch_deg), abs(p.table_roll_deg)) > TILT_TOLERANCE_DEG for p in points):
        yield "the table is tilted in pitch or roll, which is not supported"
    isocentres = np.array([point.isocentre_mm for point in points if point.isocentre_mm is not None])
    if not len(isocentres) or np.ptp(isocentres, axis=0).max() > 0.1:
        yield "it states no isocentre, or moves it while it treats"


def _require_openings(beam: Beam, machine: BeamData) -> None:
    for point in beam.control_points:
        for wedge in opening_of(beam, point).wedges:
            wedge_data(wedge, machine)
