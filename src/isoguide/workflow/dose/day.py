"""The one computation of the dose of a day that the command, the course and the console share."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from isoguide.dose.beam_data import BeamData
from isoguide.dose.density import DensityImage
from isoguide.dose.dvh import DoseVolumeHistogram
from isoguide.dose.goals import DoseGoal, GoalResult
from isoguide.dose.result import DoseAlgorithm, DoseDistribution
from isoguide.errors import GeometryError
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.frames import DAILY, FIXED
from isoguide.geometry.iec61217 import fixed_from_daily
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.structure import Structure
from isoguide.images.volume import Volume
from isoguide.plan import Plan
from isoguide.progress import Progress, silent
from isoguide.registration.deformable.result import FieldVerdict
from isoguide.workflow.assess.anatomy import AnatomyOfDay
from isoguide.workflow.treatment_setup import TreatmentSetup

Mask = NDArray[np.bool_]


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


def planned_dose(order: DoseOrder, progress: Progress = silent) -> PlannedDose:
    """Compute the dose of a plan in the patient as he was planned.

    Raises
    ------
    InputError
        If the plan holds what is not supported, or its dose grid misses the target.
    Cancelled
        If ``progress`` asked to stop.
    """
    raise NotImplementedError


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
        In DAILY; made as a virtual CT (or taken from ``anatomy``) where not given.
    progress
        Told how far it is.

    Returns
    -------
    DayDose
        "not available" where there is no displacement field, or the target of the day is not covered by the
        image.

    Raises
    ------
    InputError
        If grey values cannot be brought to Hounsfield units.
    Cancelled
        If ``progress`` asked to stop.
    """
    raise NotImplementedError
