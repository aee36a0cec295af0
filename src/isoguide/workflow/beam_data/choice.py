"""Which beam data a plan is computed with: those of its machine, or others that somebody chose by name."""

from collections.abc import Sequence
from typing import Final

from isoguide.dose.beam_data import BeamData
from isoguide.dose.leaf_weight import leaf_weight
from isoguide.errors import AmbiguityError, MissingEvidenceError
from isoguide.plan import Beam, Plan
from isoguide.workflow.beam_data.file import read_beam_data, shipped_machines

_ENERGY_TOLERANCE_MV: Final = 0.05
_UNFLATTENED: Final = "NON_STANDARD"
_LEAF_GAPS_MM: Final = (0.2, 2.3)
"""Dosimetric gaps of leaves in use: hardly any of an Agility (Bedford, Thomas and Smyth, J. Appl. Clin. Med.
Phys. 14 (2013) 4094), up to the largest that was adjusted for AcurosXB (0.7 to 2.3 mm, PMC8200512)."""
_LEAF_TRANSMISSIONS: Final = (0.005, 0.015)
"""Agility (the same source) and usual tungsten leaves with what leaks between them."""


def choose_beam_data(
    plan: Plan, candidates: Sequence[BeamData] | None = None, *, chosen: str | None = None
) -> tuple[BeamData, tuple[str, ...]]:
    """Choose the beam data for a plan; another machine's are never taken silently.

    Parameters
    ----------
    plan
        Whose treatment beams name machines and energies.
    candidates
        Beam data to choose from; None for those that ship.
    chosen
        Name of one of them, or a file; None for those made for the plan's machine.

    Returns
    -------
    tuple
        The data, and what is assumed by taking them, one sentence each.

    Raises
    ------
    MissingEvidenceError
        If none are for the plan's machine and none were chosen, or there are none of the name.
    AmbiguityError
        If several are for the plan's machine.
    """
    if candidates is None:
        candidates = [read_beam_data(name) for name in shipped_machines()]
    beams = _treated(plan)
    if chosen is None:
        return _made_for(plan, beams, candidates), ()
    machine = next((one for one in candidates if one.name == chosen), None) or read_beam_data(chosen)
    foreign = sorted({beam.machine for beam in beams if not machine.is_for(beam.machine)})
    assumed = tuple(_assumed(machine, name) for name in foreign)
    return machine, (*assumed, *_of_leaves(plan, machine)) if foreign else assumed


def _treated(plan: Plan) -> tuple[Beam, ...]:
    beams = tuple(beam for beam in plan.beams if beam.is_treatment)
    if not beams:
        msg = f"plan '{plan.label}' has no treatment beam, so it has no dose; give another plan"
        raise MissingEvidenceError(msg)
    return beams


def _made_for(plan: Plan, beams: tuple[Beam, ...], known: Sequence[BeamData]) -> BeamData:
    names = sorted({beam.machine for beam in beams})
    fitting = [one for one in known if all(one.is_for(name) for name in names) and _fits(one, beams)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        told = ", ".join(one.name for one in fitting)
        msg = f"several beam data are for plan '{plan.label}': choose one of {told} with --machine"
        raise AmbiguityError(msg)
    told = " and ".join(f"'{name}'" for name in names)
    offered = " or ".join(one.name for one in known) or "a file"
    msg = (
        f"there are no beam data for the machine {told} ({_energies(beams)}) of plan '{plan.label}'; fit "
        f"some to it (isoguide machine fit), or accept those of another one with --machine {offered}"
    )
    raise MissingEvidenceError(msg)


def _fits(machine: BeamData, beams: tuple[Beam, ...]) -> bool:
    for beam in beams:
        energies = {point.energy_mv for point in beam.control_points if point.energy_mv is not None}
        if any(abs(energy - machine.energy_mv) > _ENERGY_TOLERANCE_MV for energy in energies):
            return False
        unflattened = beam.fluence_mode.upper().startswith(_UNFLATTENED)
        if beam.fluence_mode and unflattened == machine.is_flattened:
            return False
    return True


def _energies(beams: tuple[Beam, ...]) -> str:
    energies = sorted(
        {point.energy_mv for beam in beams for point in beam.control_points if point.energy_mv is not None}
    )
    return " and ".join(f"{energy:g} MV" for energy in energies) or "of unknown energy"


def _assumed(machine: BeamData, name: str) -> str:
    kind = f"of {' and '.join(machine.machines)}" if machine.machines else "of a generic machine"
    return (
        f"the dose is computed with the beam data '{machine.name}' {kind}, chosen by name: those of "
        f"'{name or 'a machine without a name'}' may give several percent more or less, and other field edges"
    )


def _of_leaves(plan: Plan, machine: BeamData) -> tuple[str, ...]:
    """Say what it may cost in this plan that the leaves are those of another machine."""
    collimation = machine.collimation
    weight = leaf_weight(plan, collimation)
    if weight is None:
        return ()
    gap_mm, through_percent = collimation.leaf_gap_mm, 100.0 * collimation.leaf_transmission
    low, high = (
        (gap - gap_mm) * weight.percent_per_mm
        + (100.0 * through - through_percent) * weight.percent_per_percent
        for gap, through in zip(_LEAF_GAPS_MM, _LEAF_TRANSMISSIONS, strict=True)
    )
    return (
        f"the leaves are taken with a dosimetric gap of {gap_mm:g} mm and a transmission of "
        f"{through_percent:g} %; in this plan 1 mm of gap is {weight.percent_per_mm:.1f} % of the fluence "
        f"and 1 % of transmission {weight.percent_per_percent:.1f} %, so that leaves of other machines "
        f"({_LEAF_GAPS_MM[0]:g} to {_LEAF_GAPS_MM[1]:g} mm, {100.0 * _LEAF_TRANSMISSIONS[0]:g} to "
        f"{100.0 * _LEAF_TRANSMISSIONS[1]:g} %) would change its absolute dose by "
        f"{low:+.0f} to {high:+.0f} %",
    )
