"""The one computation of the dose of a day that the command, the course and the console share."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.dose.beam_data import BeamData
from isoguide.dose.compute import DoseSettings, Placement, dose_of
from isoguide.dose.delivery import Delivery, delivery_of
from isoguide.dose.density import DensityImage, virtual_ct
from isoguide.dose.dvh import DoseVolumeHistogram, beyond_grid
from isoguide.dose.goals import DoseGoal, GoalResult, evaluate_goals
from isoguide.dose.histograms import dose_volume_histogram, dose_volume_histograms
from isoguide.dose.result import WEAKNESS, DoseAlgorithm, DoseDistribution
from isoguide.errors import GeometryError
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.frames import DAILY, FIXED
from isoguide.geometry.grid import Grid
from isoguide.geometry.iec61217 import fixed_from_daily
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.structure import Structure
from isoguide.images.volume import Volume
from isoguide.plan import Plan
from isoguide.progress import Progress, part_of, silent
from isoguide.registration.deformable.carry import CUT, carried
from isoguide.registration.deformable.result import FieldVerdict
from isoguide.workflow.assess.anatomy import AnatomyOfDay
from isoguide.workflow.treatment_setup import TreatmentSetup

Mask = NDArray[np.bool_]

DENSITY_MM: Final = 2.0
"""The density of the day is no finer than this: less than the spacing of dose grids."""
MARGIN_MM: Final = 15.0
"""About the body of the planning CT: so much a patient may have grown."""
LEAST_SEEN: Final = 0.95
"""Of the target: a dose to tissue that the day's image does not show is a guess."""
USUAL_PERCENT: Final = (90.0, 150.0)
"""Of the prescription, the median of a target: stereotactic plans are prescribed to isodoses down to about
60 % of the maximum (ICRU Report 91), so that the median may be half as high again, and none is much below."""


@dataclass(frozen=True, slots=True)
class DosePrescription:
    """What the target shall get, and in how many fractions.

    Parameters
    ----------
    dose_gy
        Over all fractions; None where the plan does not say, so that nothing can be given as a share of it.
    fractions
        How many.
    """

    dose_gy: float | None
    fractions: int

    @property
    def fraction_gy(self) -> float | None:
        """Dose of one fraction; None with the prescription."""
        return None if self.dose_gy is None else self.dose_gy / self.fractions


@dataclass(frozen=True, slots=True, eq=False)
class DoseOrder:
    """What a dose is asked of: the plan, the patient as he was planned, a machine, and what is looked at.

    Parameters
    ----------
    plan, machine
        Treatment beams, and the data of the machine that delivers them.
    volume
        Planning CT, HU, frame PLANNING.
    structures
        Those that get a histogram, planning LPS: the target first, then organs.
    target_name
        The structure that is treated; None where the plan names none.
    prescription
        What the target shall get.
    body
        Bool ``[k, j, i]`` on the planning CT: the patient without what he lies on; None: all that the CT
        shows counts.
    goals
        Of the whole course.
    algorithm, spacing_mm
        How it is computed, and the spacing of the dose grid.
    assumed
        What is assumed about machine, prescription and body, one sentence each.
    """

    plan: Plan
    machine: BeamData
    volume: Volume
    structures: tuple[Structure, ...]
    target_name: str | None
    prescription: DosePrescription
    body: Mask | None = None
    goals: tuple[DoseGoal, ...] = ()
    algorithm: DoseAlgorithm = DoseAlgorithm.PENCIL_BEAM
    spacing_mm: float = 2.5
    assumed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class PlacedDose:
    """The dose of one fraction in a patient who lies in one place.

    Parameters
    ----------
    dose
        In the frame of the density it was computed on.
    histograms
        By name of the structure, of one fraction.
    goals
        Goals of the course, this fraction taken times the number of fractions.
    """

    dose: DoseDistribution
    histograms: Mapping[str, DoseVolumeHistogram]
    goals: tuple[GoalResult, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "histograms", MappingProxyType(dict(self.histograms)))


@dataclass(frozen=True, slots=True, eq=False)
class PlannedDose:
    """The planning side, computed once and used for every day of a course.

    Parameters
    ----------
    order
        What was asked.
    placed
        Dose, histograms and goals as planned, frame PLANNING.
    approximations
        What is assumed, one sentence each; never empty.
    left_out
        Structures without a histogram, with the reason.
    """

    order: DoseOrder
    placed: PlacedDose
    approximations: tuple[str, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class DayPlacement:
    """Where the patient lay in the beams of a day.

    Parameters
    ----------
    treated
        FIXED from DAILY with the couch at 0°, after the couch correction.
    as_found
        The same before it; None: its dose is not asked for.
    doubts
        Why the place is not sure: those about the rigid match, one sentence each.

    Raises
    ------
    GeometryError
        If a transform is not between these frames.
    """

    treated: RigidTransform
    as_found: RigidTransform | None = None
    doubts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for one in (self.treated, self.as_found):
            if one is not None and (one.to_frame, one.from_frame) != (FIXED, DAILY):
                msg = f"a patient of the day is placed by '{FIXED} from {DAILY}'"
                raise GeometryError(msg)

    @classmethod
    def of(
        cls,
        setup: TreatmentSetup,
        correction: CouchCorrection,
        *,
        with_as_found: bool = False,
        doubts: tuple[str, ...] = (),
    ) -> "DayPlacement":
        """Place him by what the couch did after the image of the day."""
        found = fixed_from_daily(setup.patient_position, setup.machine_isocentre_mm)
        treated = correction.fixed_from_fixed @ found
        return cls(treated, found if with_as_found else None, doubts)


@dataclass(frozen=True, slots=True, eq=False)
class DayDose:
    """What one day's treatment delivers.

    Parameters
    ----------
    verdict, reasons
        What the dose may be used for, and why not for more: the doubts of the match, of the displacement
        field and of the density count.
    approximations
        What is assumed rather than known, one sentence each.
    treated
        In the patient as he was treated, frame DAILY, structures as they are today; None exactly when the
        verdict is "not available".
    as_found
        The same if the couch had not moved; None where it was not asked for.
    structures
        Today's, daily LPS, those of the histograms.
    density
        What it was computed on; None with ``treated``.
    """

    verdict: FieldVerdict
    reasons: tuple[str, ...]
    approximations: tuple[str, ...]
    treated: PlacedDose | None = None
    as_found: PlacedDose | None = None
    structures: tuple[Structure, ...] = ()
    density: DensityImage | None = None

    def __post_init__(self) -> None:
        if (self.treated is None) != (self.verdict is FieldVerdict.NOT_AVAILABLE):
            msg = "a dose of the day is there exactly when its verdict is not 'not available'"
            raise ValueError(msg)

    @property
    def dose(self) -> DoseDistribution | None:
        """The dose as treated."""
        return None if self.treated is None else self.treated.dose

    @property
    def histograms(self) -> Mapping[str, DoseVolumeHistogram]:
        """Histograms as treated, by name; empty where there is no dose."""
        return {} if self.treated is None else self.treated.histograms

    @property
    def goals(self) -> tuple[GoalResult, ...]:
        """Goals as treated; empty where there is no dose."""
        return () if self.treated is None else self.treated.goals


def planned_delivery(order: DoseOrder) -> Delivery:
    """Make the plan ready to be computed in the patient as he was planned.

    Raises
    ------
    InputError
        If the plan holds what is not supported.
    """
    return _delivery(order, order.volume, Placement(body=order.body))


def planned_dose(
    order: DoseOrder, progress: Progress = silent, *, delivery: Delivery | None = None
) -> PlannedDose:
    """Compute the dose of a plan in the patient as he was planned.

    ``delivery`` is that of :func:`planned_delivery`, where it was made for something else too.

    Raises
    ------
    InputError
        If the plan holds what is not supported, or its dose grid misses the target.
    Cancelled
        If ``progress`` asked to stop.
    """
    plan = order.plan
    placed, left_out = _placed(order, delivery or planned_delivery(order), order.structures, progress)
    missed = _missed(order, placed, left_out, f"the dose of plan '{plan.label}'")
    if missed:
        msg = (
            f"{missed}; check that plan, structures and planning CT belong together, and that the CT shows "
            "all of it"
        )
        raise GeometryError(msg)
    weakness = WEAKNESS[order.algorithm]
    told = _each_once(order.assumed, placed.dose.approximations, [weakness], _beyond(placed.histograms))
    return PlannedDose(order, placed, told, left_out)


def far_from_prescription(planned: PlannedDose) -> tuple[str, ...]:
    """Say that a target gets another dose than is prescribed: goals of "at least" hide what is too much."""
    order = planned.order
    target = planned.placed.histograms.get(order.target_name or "")
    prescribed_gy = order.prescription.fraction_gy
    if target is None or prescribed_gy is None:
        return ()
    percent = 100.0 * target.dose_at_volume_gy(50.0) / prescribed_gy
    lowest, highest = USUAL_PERCENT
    if lowest <= percent <= highest:
        return ()
    return (
        f"the plan gives half of '{target.name}' at least {percent:.0f} % of the prescription: check that "
        "beam data, monitor units and prescription belong together",
    )


def dose_of_day(
    planned: PlannedDose,
    anatomy: AnatomyOfDay,
    placement: DayPlacement,
    *,
    image: Volume,
    density: DensityImage | None = None,
    progress: Progress = silent,
) -> DayDose:
    """Compute what the day's treatment delivers, on the day's density, to the structures of the day.

    Parameters
    ----------
    planned
        From :func:`planned_dose`.
    anatomy
        The displacement field of the day with the structures it carries.
    placement
        Where the patient lay.
    image
        The day's CT or cone-beam CT that the anatomy was found in.
    density
        In DAILY, of the whole patient and not only of what the image shows; made where not given.
    progress
        Told how far it is.

    Returns
    -------
    DayDose
        "not available" where there is no displacement field, or the target is not known or not covered.

    Raises
    ------
    InputError
        If grey values cannot be brought to Hounsfield units, or the plan has several isocentres.
    Cancelled
        If ``progress`` asked to stop.
    """
    order = planned.order
    order.plan.isocentre_mm()  # a day is placed at one isocentre: refuses a plan with several
    if anatomy.found.field is None:
        return _no_dose(anatomy.reasons or ("no deformation of the day was found",))
    if density is None:
        density = density_for_dose(order, anatomy, image, part_of(progress, 0.0, 0.3))
    structures, told = _structures_today(order, anatomy, density)
    if order.target_name is not None and order.target_name not in {one.name for one in structures}:
        return _no_dose((f"the target '{order.target_name}' could not be carried to the day", *told))
    share = 1.0 if placement.as_found is None else 0.65
    treated, left_out = _placed(
        order,
        _delivery(order, density.volume, Placement(placement.treated, density.body)),
        structures,
        part_of(progress, 0.3, 0.3 + 0.7 * share),
    )
    missed = _missed(order, treated, left_out, "the dose of the day")
    if missed:
        return _no_dose((missed, *told))
    as_found, unmoved = _as_found(order, density, structures, placement, part_of(progress, 0.755, 1.0))
    reasons = _doubts(planned, anatomy, placement)
    approximations = _each_once(
        order.assumed,
        treated.dose.approximations,
        [WEAKNESS[order.algorithm]],
        density.approximations,
        anatomy.approximations,
        told,
        left_out,
        _beyond(treated.histograms),
        unmoved,
    )
    verdict = FieldVerdict.NOT_FOR_DECISION if reasons else FieldVerdict.FOR_DECISION
    return DayDose(verdict, reasons, approximations, treated, as_found, structures, density)


def _as_found(
    order: DoseOrder,
    density: DensityImage,
    structures: Sequence[Structure],
    placement: DayPlacement,
    progress: Progress,
) -> tuple[PlacedDose | None, tuple[str, ...]]:
    """Compute the dose if the couch had not moved; the second says why there is none, or what it lacks."""
    if placement.as_found is None:
        return None, ()
    lead = "the dose if the couch had not moved"
    try:
        found = _delivery(order, density.volume, Placement(placement.as_found, density.body))
        placed, left_out = _placed(order, found, structures, progress)
    except GeometryError as error:  # he lay beside every beam, so that the couch had to move
        return None, (f"{lead} is not given: {error}",)
    missed = _missed(order, placed, left_out, lead)
    if missed:
        return None, (f"{missed}, so it is not given",)
    return placed, tuple(f"if the couch had not moved: {one}" for one in _beyond(placed.histograms))


def _missed(order: DoseOrder, placed: PlacedDose, left_out: Sequence[str], of: str) -> str:
    """Say that a dose says nothing, or not all, of the target; nothing where it does."""
    name = order.target_name
    if name is None:
        return ""
    target = placed.histograms.get(name)
    if target is None:
        why = next((one for one in left_out if f"'{name}'" in one), "it was not looked at")
        return f"{of} says nothing of the target '{name}' ({why})"
    return "" if target.is_covered else f"{of} misses {target.outside_percent:.0f} % of '{name}'"


def density_for_dose(
    order: DoseOrder, anatomy: AnatomyOfDay, image: Volume, progress: Progress = silent
) -> DensityImage:
    """Make the virtual CT of the day, frame DAILY, on a grid that holds the whole patient.

    Beams pass through more of him than a cone-beam CT shows: beyond it the warped planning CT stands in.

    Raises
    ------
    InputError
        If grey values cannot be brought to Hounsfield units, or no body is found.
    """
    grid = _patient_grid(order, anatomy)
    return virtual_ct(order.volume, image, anatomy.found, grid=grid, progress=progress)


def _patient_grid(order: DoseOrder, anatomy: AnatomyOfDay) -> Grid:
    """Box in DAILY about the body of the planning CT, with a margin as far as the planning CT reaches."""
    planning = order.volume.grid
    size = np.array(planning.shape[::-1])
    low, high = np.zeros(3), size - 1.0
    if order.body is not None and order.body.any():
        for axis in range(3):
            others = tuple(2 - other for other in range(3) if other != axis)
            inside = np.flatnonzero(order.body.any(axis=others))
            low[axis], high[axis] = inside[0], inside[-1]
    margin = MARGIN_MM / planning.spacing_mm
    low, high = np.maximum(low - margin, 0.0), np.minimum(high + margin, size - 1.0)
    corners = np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(3, -1).T
    corners_mm = anatomy.found.planning_from_daily.inverse().apply(planning.xyz(corners))
    first_mm, last_mm = corners_mm.min(axis=0), corners_mm.max(axis=0)
    spacing_mm = np.maximum(np.abs(planning.direction) @ planning.spacing_mm, DENSITY_MM)
    i, j, k = (int(n) for n in np.ceil((last_mm - first_mm) / spacing_mm) + 1)
    return Grid(DAILY, (k, j, i), spacing_mm, first_mm, np.eye(3))


def _delivery(order: DoseOrder, density: Volume, placement: Placement) -> Delivery:
    settings = DoseSettings(algorithm=order.algorithm, spacing_mm=order.spacing_mm)
    return delivery_of(order.plan, density, order.machine, placement, settings)


def _placed(
    order: DoseOrder, delivery: Delivery, structures: Sequence[Structure], progress: Progress
) -> tuple[PlacedDose, tuple[str, ...]]:
    """Compute dose, histograms and goals; the second is which structures have no histogram, and why."""
    dose = dose_of(delivery, part_of(progress, 0.0, 0.9))
    histograms, left_out = _histograms(dose, structures, part_of(progress, 0.9, 1.0))
    prescription = order.prescription
    goals = evaluate_goals(
        order.goals, histograms, prescription_gy=prescription.dose_gy, fractions=prescription.fractions
    )
    return PlacedDose(dose, {one.name: one for one in histograms}, goals), left_out


def _histograms(
    dose: DoseDistribution, structures: Sequence[Structure], progress: Progress
) -> tuple[tuple[DoseVolumeHistogram, ...], tuple[str, ...]]:
    try:
        return dose_volume_histograms(dose, structures, progress), ()
    except GeometryError:
        found, left_out = [], []
    # One of them cannot have a histogram, such as one drawn on a single slice: the others shall.
    for structure in structures:
        try:
            found.append(dose_volume_histogram(dose, structure))
        except GeometryError as error:
            left_out.append(f"no dose is given for '{structure.name}': {error}")
    return tuple(found), tuple(left_out)


def _structures_today(
    order: DoseOrder, anatomy: AnatomyOfDay, density: DensityImage
) -> tuple[tuple[Structure, ...], tuple[str, ...]]:
    """Return today's structures in the order of the plan, whole even where they leave the day's image."""
    carried_today = {one.name: one for one in anatomy.carried}
    why = {one.name: one.reason for one in anatomy.not_assessed}
    found, told = [], []
    for planned in order.structures:
        today = carried_today.get(planned.name)
        if today is None:
            reason = why.get(planned.name, "it was not assessed")
            told.append(f"no dose of the day is given for '{planned.name}': {reason}")
            continue
        if CUT in today.description:
            today = carried(planned, anatomy.found, density.volume.grid)
            told.append(
                f"'{planned.name}' reaches beyond the day's image: there it follows the deformation, unseen"
            )
        found.append(today)
    return tuple(found), tuple(told)


def _doubts(planned: PlannedDose, anatomy: AnatomyOfDay, placement: DayPlacement) -> tuple[str, ...]:
    """Say why the dose of the day may not be decided by."""
    told = [f"the rigid match needs a look first: {one}" for one in placement.doubts]
    if anatomy.verdict is not FieldVerdict.FOR_DECISION:
        told += [f"the anatomy of the day is {anatomy.verdict}: {one}" for one in anatomy.reasons]
        told = told or [f"the anatomy of the day is {anatomy.verdict}"]
    target = next((one for one in anatomy.structures if one.name == planned.order.target_name), None)
    if target is not None and target.seen_fraction < LEAST_SEEN:
        told.append(f"the day's image shows only {100.0 * target.seen_fraction:.0f} % of '{target.name}'")
    return _each_once(told, far_from_prescription(planned))


def _beyond(histograms: Mapping[str, DoseVolumeHistogram]) -> tuple[str, ...]:
    """Name what lies outside the dose grid by more than a trace."""
    return tuple(words for one in histograms.values() if (words := beyond_grid(one)))


def _no_dose(reasons: Sequence[str]) -> DayDose:
    return DayDose(FieldVerdict.NOT_AVAILABLE, _each_once(reasons), ())


def _each_once(*groups: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for group in groups for one in group))
