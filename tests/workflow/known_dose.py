"""A dose that is known: a ball of dose about the isocentre of the beams, whatever the plan says."""

from dataclasses import replace

import numpy as np
import pytest

from isoguide.adaptation.result import Rung, RungDose, RungResult
from isoguide.dose.density import DensityImage, DensityMethod
from isoguide.dose.goal_text import parse_goal
from isoguide.dose.goals import evaluate_goals
from isoguide.dose.histograms import dose_volume_histograms
from isoguide.dose.result import WEAKNESS, DoseDistribution
from isoguide.geometry.frames import Array, Frame
from isoguide.geometry.grid import Grid
from isoguide.images.structure import Structure
from isoguide.images.volume import Volume
from isoguide.progress import Progress, silent
from isoguide.registration.deformable.result import FieldVerdict
from isoguide.workflow.assess.anatomy import AnatomyOfDay
from isoguide.workflow.clinic import day_corrections, day_dose
from isoguide.workflow.clinic.day_dose import ComputedDose
from isoguide.workflow.dose.day import DayDose, DayPlacement, DoseOrder, PlacedDose, PlannedDose

FLAT_MM, FALL_MM = 45.0, 30.0
GRID_MM, NODES = 8.0, 33
GOALS = ("PTV D95% >= 90 %", "SeminalVes mean <= 30 Gy")
WITHOUT_HISTOGRAM = ("structure 'Hollow' has no histogram: it encloses no volume",)


def fraction_gy(order: DoseOrder) -> float:
    """What the target shall get in one fraction."""
    return order.prescription.fraction_gy or 2.0


def ball_of_dose(frame: Frame, centre_mm: Array, order: DoseOrder) -> DoseDistribution:
    """Even within 45 mm of a point, and falling to nothing over 30 mm."""
    half_mm = GRID_MM * (NODES - 1) / 2.0
    x, y, z = centre_mm - half_mm
    grid = Grid.axial(frame, (NODES,) * 3, (GRID_MM,) * 3, (x, y, z))
    along = np.arange(NODES) * GRID_MM - half_mm
    away_mm = np.sqrt(sum(np.square(one) for one in np.meshgrid(along, along, along, indexing="ij")))
    dose = fraction_gy(order) * np.clip(1.0 - (away_mm - FLAT_MM) / FALL_MM, 0.0, 1.0)
    return DoseDistribution(
        grid,
        dose.astype(np.float32),
        order.algorithm,
        order.machine.name,
        order.machine.sha256,
        order.plan.sop_instance_uid,
        (WEAKNESS[order.algorithm],),
    )


def placed(dose: DoseDistribution, structures: tuple[Structure, ...], order: DoseOrder) -> PlacedDose:
    """With real histograms and goals."""
    found = dose_volume_histograms(dose, structures)
    goals = evaluate_goals(
        tuple(map(parse_goal, GOALS)),
        found,
        prescription_gy=fraction_gy(order) * order.prescription.fractions,
        fractions=order.prescription.fractions,
    )
    return PlacedDose(dose, {one.name: one for one in found}, goals)


def water(grid: Grid) -> DensityImage:
    """Return a day on which all is water."""
    everywhere = np.ones(grid.shape, np.bool_)
    hu = Volume(grid, np.zeros(grid.shape, np.float32))
    return DensityImage(hu, DensityMethod.VIRTUAL_CT, ("the test says so",), everywhere, everywhere)


class KnowsTheDose:
    """Stands for the computation: it answers at once, with a dose where the beams meet."""

    def __init__(self, patched: pytest.MonkeyPatch) -> None:
        self.verdict = FieldVerdict.FOR_DECISION
        self.orders: list[DoseOrder] = []
        patched.setattr(day_dose, "planned_dose", self.planned)
        patched.setattr(day_dose, "dose_of_day", self.day)
        patched.setattr(day_corrections, "climb_ladder", self.climb)
        patched.setattr(day_corrections, "plan_file", lambda _image, _store, one, _now: one.rung.encode())

    def planned(self, order: DoseOrder, progress: Progress = silent) -> PlannedDose:
        progress(0.5, "the dose as planned")
        self.orders.append(order)
        dose = ball_of_dose(order.volume.grid.frame, order.plan.isocentre_mm(), order)
        return PlannedDose(order, placed(dose, order.structures, order), order.assumed, WITHOUT_HISTOGRAM)

    def day(
        self,
        planned: PlannedDose,
        anatomy: AnatomyOfDay,
        placement: DayPlacement,
        *,
        image: object,
        progress: Progress = silent,
    ) -> DayDose:
        del image
        progress(0.5, "the dose of the day")
        order = planned.order
        if self.verdict is FieldVerdict.NOT_AVAILABLE:
            return DayDose(self.verdict, ("the test says so",), order.assumed)
        # The beams meet at the origin of IEC fixed.
        centre_mm = placement.treated.inverse().apply(np.zeros(3))
        dose = ball_of_dose(placement.treated.from_frame, centre_mm, order)
        reasons = () if self.verdict is FieldVerdict.FOR_DECISION else ("the test says so",)
        return DayDose(
            verdict=self.verdict if not placement.doubts else FieldVerdict.NOT_FOR_DECISION,
            reasons=(*reasons, *placement.doubts),
            approximations=(*order.assumed, *dose.approximations),
            treated=placed(dose, anatomy.carried, order),
            structures=anatomy.carried,
            density=water(dose.grid),
        )

    def climb(self, _image: object, dose: ComputedDose, progress: Progress) -> tuple[RungResult, ...]:
        progress(0.5, "virtual couch shift")
        treated, plan = dose.day.treated, dose.planned.order.plan
        assert treated is not None
        effect = RungDose(treated.dose, treated.histograms, treated.goals)
        corrected = replace(plan, sop_instance_uid=f"{plan.sop_instance_uid}.9", approval_status="UNAPPROVED")
        return (
            RungResult(Rung.UNCORRECTED, (), ("nothing is changed",), effect=effect),
            RungResult(Rung.COUCH, ("this couch does not turn about that axis",), ()),
            RungResult(
                Rung.VIRTUAL_COUCH_SHIFT,
                (),
                ("the leaves follow the target by 5.0 mm", "the collimator turns by 1.2°"),
                plan=corrected,
                effect=effect,
            ),
            RungResult(Rung.APERTURE_MORPHING, ("a leaf would have to travel 3 mm too far",), ()),
            RungResult(Rung.REPLAN, (), ("image and structures are exported",)),
        )
