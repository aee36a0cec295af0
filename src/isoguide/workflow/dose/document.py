"""The dose of a plan as one strict JSON document with a published schema; its parts serve others."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Final

from pydantic import AwareDatetime, Field

import isoguide
from isoguide.dose.dvh import DoseVolumeHistogram
from isoguide.dose.goal_text import goal_words
from isoguide.dose.goals import GoalResult
from isoguide.dose.result import WEAKNESS, DoseDistribution
from isoguide.dose.stated import BeamCheck, PointCheck
from isoguide.workflow.documents import Record
from isoguide.workflow.dose.compare import DoseComparison
from isoguide.workflow.dose.compute import PlanDose
from isoguide.workflow.dose.day import DayDose, DoseOrder, PlacedDose, PlannedDose
from isoguide.workflow.dose.figures import DoseFigures, in_order
from isoguide.workflow.dose.stated import not_compared
from isoguide.workflow.radiographs.strict_json import schema_text

SCHEMA_FILE: Final = "dose-1.json"
SCHEMA_VERSION: Final = "1.1"
"""Major: a reader of the previous one may break. Minor: fields were added."""
_Vector = tuple[float, float, float]


class DoseFiguresDocument(Record):
    """Doses of one structure in one fraction, Gy."""

    mean_gy: float
    d98_gy: float = Field(description="What the hottest 98 % of the volume get at least.")
    d95_gy: float
    d50_gy: float
    d2_gy: float


class StructureDoseDocument(Record):
    """One structure."""

    name: str
    is_target: bool
    volume_ml: float
    outside_ml: float = Field(description="Outside the dose grid, counted with 0 Gy.")
    dose: DoseFiguresDocument


class GoalDocument(Record):
    """A goal of the whole course, as if every fraction were like this one."""

    goal: str
    value: float | None
    limit: float
    unit: str
    is_met: bool | None
    reason: str = Field(description="Why there is no value, or what is assumed in it.")


class MachineDocument(Record):
    """Whose beam was computed."""

    name: str
    sha256: str = Field(description="Of the beam data file; empty for one made in memory.")
    provenance: str


class CalculationDocument(Record):
    """How a dose was computed."""

    algorithm: str
    weakness: str = Field(description="What the algorithm cannot do.")
    machine: MachineDocument
    spacing_mm: _Vector
    voxels: tuple[int, int, int] = Field(description="Along x, y, z of the grid.")
    origin_mm: _Vector = Field(description="Centre of the first voxel, LPS.")
    highest_gy: float = Field(description="Of one fraction.")


class PrescriptionDocument(Record):
    """What the target shall get."""

    dose_gy: float | None = Field(description="Over all fractions; null where nobody stated it.")
    fractions: int


class ComparisonDocument(Record):
    """Another dose of the same plan; ours less theirs in percent of the highest of theirs."""

    file: str
    mean_percent: float
    sigma_percent: float
    p95_percent: float
    structures: tuple[StructureDoseDocument, ...]


class StatedPointDocument(Record):
    """Dose of a beam in one fraction at a point of the plan: the planning system's and ours."""

    name: str
    position_mm: _Vector | None = Field(description="LPS; null where the plan does not place its dose.")
    stated_gy: float
    computed_gy: float | None = Field(description="By pencil beam; null where nothing compares.")
    off_percent: float | None = Field(description="Ours less theirs, in percent of theirs.")
    reason: str = Field(description="Why nothing is compared.")


class StatedBeamDocument(Record):
    """A beam beside what the planning system says of it; nothing is scaled to that."""

    number: int
    name: str
    stated_surface_mm: float | None = Field(description="SourceToSurfaceDistance of the plan.")
    surface_mm: float | None = Field(description="Where the axis enters the outline used here.")
    points: tuple[StatedPointDocument, ...]
    not_compared: str = Field(description="Why no dose of it is compared; empty where one is.")


class DosePlanDocument(Record):
    """The plan."""

    sop_instance_uid: str
    label: str
    approval_status: str


class PlacedDoseDocument(Record):
    """The dose of one fraction in a patient who lies in one place."""

    structures: tuple[StructureDoseDocument, ...]
    goals: tuple[GoalDocument, ...]


class DayDoseDocument(Record):
    """The dose of a day beside that of the plan."""

    verdict: str = Field(description="for decision, not for decision, or not available.")
    reasons: tuple[str, ...]
    alerts: tuple[str, ...] = Field(description="Beyond a limit or a goal of the protocol on this day.")
    approximations: tuple[str, ...]
    prescription: PrescriptionDocument
    calculation: CalculationDocument
    planned: PlacedDoseDocument
    treated: PlacedDoseDocument | None = Field(description="After the couch correction.")
    as_found: PlacedDoseDocument | None = Field(description="If the couch had not moved.")


class DoseDocument(Record):
    """What ``isoguide dose --json`` prints and ``dose.json`` holds."""

    schema_version: str
    version: str = Field(description="Of isoguide.")
    created_at: AwareDatetime
    patient_id: str
    plan: DosePlanDocument
    planning_series_uid: str
    target: str
    prescription: PrescriptionDocument
    calculation: CalculationDocument
    structures: tuple[StructureDoseDocument, ...] = Field(description="The target first.")
    goals: tuple[GoalDocument, ...]
    comparison: ComparisonDocument | None
    stated: tuple[StatedBeamDocument, ...] = Field(
        description="Each beam that delivers dose beside what the plan states of it."
    )
    approximations: tuple[str, ...] = Field(description="What is assumed rather than known; never empty.")
    warnings: tuple[str, ...]
    timing_s: dict[str, float]


def dose_document(answer: PlanDose) -> DoseDocument:
    """Describe the dose of a plan as plain values."""
    order, planned, planning = answer.given.order, answer.planned, answer.given.planning
    return DoseDocument(
        schema_version=SCHEMA_VERSION,
        version=isoguide.__version__,
        created_at=answer.created_at,
        patient_id=planning.image.patient.patient_id,
        plan=DosePlanDocument(
            sop_instance_uid=order.plan.sop_instance_uid,
            label=order.plan.label,
            approval_status=order.plan.approval_status,
        ),
        planning_series_uid=planning.image.series_instance_uid,
        target=answer.given.target.name,
        prescription=prescription_document(order),
        calculation=calculation_document(order, planned.placed.dose),
        structures=structure_documents(order, planned.placed.histograms),
        goals=goal_documents(planned.placed.goals),
        comparison=_comparison(order, answer.comparison),
        stated=tuple(_stated(one) for one in answer.stated),
        approximations=planned.approximations,
        warnings=answer.warnings,
        timing_s={step: round(seconds, 3) for step, seconds in sorted(answer.timing_s.items())},
    )


def day_dose_document(planned: PlannedDose, day: DayDose, alerts: tuple[str, ...] = ()) -> DayDoseDocument:
    """Describe the dose of a day as plain values."""
    order, shown = planned.order, day.treated or planned.placed
    return DayDoseDocument(
        verdict=day.verdict.value,
        reasons=day.reasons,
        alerts=alerts,
        approximations=day.approximations,
        prescription=prescription_document(order),
        calculation=calculation_document(order, shown.dose),
        planned=_placed(order, planned.placed),
        treated=None if day.treated is None else _placed(order, day.treated),
        as_found=None if day.as_found is None else _placed(order, day.as_found),
    )


def _placed(order: DoseOrder, placed: PlacedDose) -> PlacedDoseDocument:
    return PlacedDoseDocument(
        structures=structure_documents(order, placed.histograms), goals=goal_documents(placed.goals)
    )


def dose_schema_text() -> str:
    """Write the schema as the file ``docs/schema/dose-1.json`` holds it."""
    return schema_text(DoseDocument)


def prescription_document(order: DoseOrder) -> PrescriptionDocument:
    """Describe what the target shall get."""
    return PrescriptionDocument(dose_gy=order.prescription.dose_gy, fractions=order.prescription.fractions)


def calculation_document(order: DoseOrder, dose: DoseDistribution) -> CalculationDocument:
    """Describe how a dose was computed."""
    machine, grid = order.machine, dose.grid
    k, j, i = grid.shape
    return CalculationDocument(
        algorithm=str(dose.algorithm),
        weakness=WEAKNESS[dose.algorithm],
        machine=MachineDocument(
            name=machine.name, sha256=dose.beam_data_sha256, provenance=machine.provenance
        ),
        spacing_mm=_three(grid.spacing_mm.tolist()),
        voxels=(i, j, k),
        origin_mm=_three(grid.origin_mm.tolist()),
        highest_gy=float(dose.dose_gy.max()),
    )


def structure_documents(
    order: DoseOrder, histograms: Mapping[str, DoseVolumeHistogram]
) -> tuple[StructureDoseDocument, ...]:
    """Describe histograms of one fraction, in the order of the structures."""
    names = in_order([one.name for one in order.structures], histograms)
    return tuple(
        StructureDoseDocument(
            name=name,
            is_target=one.is_target,
            volume_ml=one.volume_ml,
            outside_ml=one.outside_ml,
            dose=DoseFiguresDocument(**asdict(DoseFigures.of(one))),
        )
        for name in names
        for one in (histograms[name],)
    )


def goal_documents(goals: Sequence[GoalResult]) -> tuple[GoalDocument, ...]:
    """Describe goals and whether they are met."""
    return tuple(
        GoalDocument(
            goal=goal_words(one.goal),
            value=one.value,
            limit=one.goal.limit,
            unit=one.goal.unit,
            is_met=one.is_met,
            reason=one.reason,
        )
        for one in goals
    )


def _comparison(order: DoseOrder, other: DoseComparison | None) -> ComparisonDocument | None:
    if other is None:
        return None
    return ComparisonDocument(
        file=other.path.name,
        mean_percent=other.mean_percent,
        sigma_percent=other.sigma_percent,
        p95_percent=other.p95_percent,
        structures=structure_documents(order, other.histograms),
    )


def _stated(check: BeamCheck) -> StatedBeamDocument:
    return StatedBeamDocument(
        number=check.number,
        name=check.name,
        stated_surface_mm=check.stated_surface_mm,
        surface_mm=check.surface_mm,
        points=tuple(_stated_point(one) for one in check.points),
        not_compared=not_compared(check),
    )


def _stated_point(point: PointCheck) -> StatedPointDocument:
    position_mm = point.stated.position_mm
    return StatedPointDocument(
        name=point.stated.name,
        position_mm=None if position_mm is None else _three(position_mm.tolist()),
        stated_gy=point.stated.dose_gy,
        computed_gy=point.computed_gy,
        off_percent=point.off_percent,
        reason=point.reason,
    )


def _three(values: Sequence[float]) -> _Vector:
    x, y, z = (float(value) for value in values)
    return x, y, z
