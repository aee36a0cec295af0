"""From a dose and a structure set to histograms, goals and gamma."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from isoguide.dicom import DoseGrid
from isoguide.dose.dvh import DoseVolumeHistogram, beyond_grid
from isoguide.dose.gamma import GammaResult, gamma_index
from isoguide.dose.goals import GoalResult, evaluate_goals
from isoguide.dose.histograms import histograms_where_drawn
from isoguide.errors import GeometryError, MismatchError, MissingEvidenceError, UnknownNameError
from isoguide.images.structure import Structure
from isoguide.progress import Progress, part_of, silent
from isoguide.workflow.dvh.load import DvhInputs, load_inputs
from isoguide.workflow.dvh.request import DvhRequest

ONE_FRACTION: Final = ("FRACTION_SESSION", "BEAM_SESSION", "BRACHY_SESSION", "RECORD")
"""DoseSummationType of what is given in one session (PS3.3 C.8.8.3)."""
WHOLE: Final = ("PLAN", "FRACTION_SESSION")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A structure without a histogram, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class DvhAnalysis:
    """The answer to a :class:`~isoguide.workflow.dvh.request.DvhRequest`.

    Parameters
    ----------
    request, inputs
        What was asked and what was read.
    histograms, compared
        Targets first; of the other dose in the same order, None where none was asked for.
    left_out
        Structures without a histogram.
    goals, compared_goals
        What became of the goals, with either dose.
    prescription_gy, fractions
        What the goals were held against; how often the dose is given.
    gamma
        None where it was not asked for.
    approximations
        What is assumed.
    warnings
        What could not be checked.
    created_at
        Aware UTC.
    """

    request: DvhRequest
    inputs: DvhInputs
    histograms: tuple[DoseVolumeHistogram, ...]
    compared: tuple[DoseVolumeHistogram, ...] | None
    left_out: tuple[LeftOut, ...]
    goals: tuple[GoalResult, ...]
    compared_goals: tuple[GoalResult, ...]
    prescription_gy: float | None
    fractions: int
    gamma: GammaResult | None
    approximations: tuple[str, ...]
    warnings: tuple[str, ...]
    created_at: datetime

    @property
    def is_clear(self) -> bool:
        """Whether every goal is met, with either dose."""
        return all(one.is_met for one in (*self.goals, *self.compared_goals))


def analyse(request: DvhRequest, progress: Progress = silent) -> DvhAnalysis:
    """Work out what a request asks for.

    Raises
    ------
    InputError
        If the inputs cannot be used or do not belong together, a dose misses a target, a structure asked for
        is not there or has no volume, or goals need a prescription or a number of fractions that nobody
        states.
    """
    if request.gamma is not None and request.compare is None:
        msg = "a gamma index compares two doses; give the other one with --compare"
        raise MissingEvidenceError(msg)
    inputs = load_inputs(request, part_of(progress, 0.0, 0.4))
    prescription_gy, fractions = _prescribed(request, inputs)
    structures, names = _chosen(request, inputs), request.structure_names
    progress(0.4, "counting volumes")
    histograms, left_out = _histograms(inputs.dose, structures, names)
    compared = _histograms(inputs.compared, structures, names)[0] if inputs.compared is not None else None
    goals, compared_goals = (
        _goals(request, ones, left_out, prescription_gy, fractions) for ones in (histograms, compared)
    )
    progress(0.6, "comparing the doses, which takes minutes" if request.gamma else "done")
    return DvhAnalysis(
        request=request,
        inputs=inputs,
        histograms=histograms,
        compared=compared,
        left_out=left_out,
        goals=goals,
        compared_goals=compared_goals,
        prescription_gy=prescription_gy,
        fractions=fractions,
        gamma=_gamma(request, inputs),
        approximations=_approximations(inputs, histograms, compared or ()),
        warnings=inputs.warnings,
        created_at=datetime.now(UTC),
    )


def _prescribed(request: DvhRequest, inputs: DvhInputs) -> tuple[float | None, int]:
    """Return the prescription and how often the dose is given; neither is ever guessed."""
    plan = inputs.plan
    stated = {one.dose_gy for one in plan.prescriptions} if plan is not None else set()
    prescription_gy = request.prescription_gy
    if prescription_gy is None and len(stated) == 1:
        prescription_gy = stated.pop()
    if prescription_gy is not None and not prescription_gy > 0.0:
        msg = f"the prescription is {prescription_gy:g} Gy; give one above 0 Gy with --prescription"
        raise MissingEvidenceError(msg)
    if inputs.dose.summation_type not in ONE_FRACTION:
        if request.fractions not in (None, 1):
            msg = (
                f"{inputs.dose.path} is not the dose of one fraction, so --fractions makes no sense: drop it"
            )
            raise MismatchError(msg)
        return prescription_gy, 1
    fractions = request.fractions or (plan.fractions_planned if plan is not None else None)
    if fractions is None and (request.goals or prescription_gy is not None):
        msg = (
            f"{inputs.dose.path} is the dose of one fraction, and goals and prescription are those of the"
            " whole course: say how many fractions there are with --fractions"
        )
        raise MissingEvidenceError(msg)
    return prescription_gy, fractions or 1


def _chosen(request: DvhRequest, inputs: DvhInputs) -> tuple[Structure, ...]:
    """Return what is asked for."""
    names = inputs.structure_set.names
    for name in request.structure_names:
        if name not in names:
            there = ", ".join(f"'{one}'" for one in names)
            msg = f"there is no structure '{name}' in {inputs.structure_set.path}; there are {there}"
            raise UnknownNameError(msg)
    wanted = request.structure_names or names
    structures = inputs.structure_set.structures
    return tuple(one for one in structures if one.name in wanted and one.point_mm is None)


def _histograms(
    dose: DoseGrid, structures: Sequence[Structure], names: Sequence[str]
) -> tuple[tuple[DoseVolumeHistogram, ...], tuple[LeftOut, ...]]:
    """Histograms, targets first, and what has none; a dose that misses a target is refused."""
    found, reasons = histograms_where_drawn(dose.dose, structures)
    for name, reason in reasons.items():
        if name in names:
            raise GeometryError(reason)
    for one in found:
        if one.is_target and not one.is_covered:
            msg = (
                f"{one.outside_percent:.1f} % of target '{one.name}' lies outside the grid of {dose.path};"
                " export a dose that covers it, or choose other structures with --structure"
            )
            raise MismatchError(msg)
    if not found:
        msg = "no structure has a volume; give another structure set"
        raise MissingEvidenceError(msg)
    left_out = tuple(LeftOut(name, reason) for name, reason in reasons.items())
    return tuple(sorted(found, key=lambda one: not one.is_target)), left_out


def _goals(
    request: DvhRequest,
    histograms: Sequence[DoseVolumeHistogram] | None,
    left_out: Sequence[LeftOut],
    prescription_gy: float | None,
    fractions: int,
) -> tuple[GoalResult, ...]:
    if histograms is None:
        return ()
    found = evaluate_goals(request.goals, histograms, prescription_gy=prescription_gy, fractions=fractions)
    reasons = {one.name: one.reason for one in left_out}
    return tuple(
        replace(one, reason=reasons[one.goal.structure]) if one.goal.structure in reasons else one
        for one in found
    )


def _gamma(request: DvhRequest, inputs: DvhInputs) -> GammaResult | None:
    if request.gamma is None or inputs.compared is None:
        return None
    percent, distance_mm = request.gamma
    return gamma_index(inputs.dose.dose, inputs.compared.dose, percent=percent, distance_mm=distance_mm)


def _approximations(
    inputs: DvhInputs,
    histograms: Sequence[DoseVolumeHistogram],
    compared: Sequence[DoseVolumeHistogram],
) -> tuple[str, ...]:
    """Tell what is assumed in the figures, each once."""
    told = ["a structure ends at its outermost contours and keeps each contour half-way to the next"]
    for dose in (inputs.dose, inputs.compared):
        if dose is None:
            continue
        if dose.dose_type != "PHYSICAL":
            told.append(f"{dose.path} holds a dose of type {dose.dose_type}, not a physical one")
        if dose.summation_type not in WHOLE:
            told.append(
                f"{dose.path} is the dose of '{dose.summation_type or 'not stated'}', which may be a part of"
                " the plan, and is taken as the whole"
            )
    told += [beyond_grid(one) for one in (*histograms, *compared) if not one.is_covered]
    return tuple(dict.fromkeys(told))
