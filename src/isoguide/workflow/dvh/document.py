"""Histograms, goals and gamma as one strict JSON document with a published, versioned schema."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from pydantic import AwareDatetime, Field

import isoguide
from isoguide.dicom import DoseGrid
from isoguide.dose.dvh import DoseVolumeHistogram
from isoguide.dose.gamma import GammaResult
from isoguide.dose.goal_text import goal_words
from isoguide.dose.goals import GoalResult
from isoguide.geometry.frames import Array
from isoguide.workflow.charts import tick_step
from isoguide.workflow.documents import Record
from isoguide.workflow.dvh.analyse import DvhAnalysis
from isoguide.workflow.radiographs.strict_json import schema_text
from isoguide.workflow.review.csv_tables import csv_text

SCHEMA_FILE: Final = "dvh-1.json"
SCHEMA_VERSION: Final = "1.0"
"""Major: a reader of the previous one may break. Minor: fields were added."""
CURVE_STEPS: Final = 500
"""At most so many steps of a curve."""


class StructureDoseDocument(Record):
    """Dose of one structure. What lies outside the dose grid counts with 0 Gy."""

    name: str
    is_target: bool
    volume_ml: float
    outside_percent: float = Field(description="Share of it that lies outside the dose grid.")
    mean_gy: float
    least_gy: float
    largest_gy: float
    d98_gy: float = Field(description="The dose that 98 % of it get at least.")
    d95_gy: float
    d50_gy: float
    d2_gy: float
    dose_gy: tuple[float, ...] = Field(description="Doses of the curve, from 0.")
    volume_percent: tuple[float, ...] = Field(description="Share of it that gets at least each dose.")


class GoalDocument(Record):
    """What became of a goal."""

    goal: str
    structure: str
    value: float | None = Field(description="In the unit; null with the reason.")
    unit: str
    limit: float
    is_met: bool | None
    reason: str = Field(description="Why there is no value, or what is assumed in it.")


class DoseDocument(Record):
    """One of the doses."""

    path: str
    sop_instance_uid: str
    summation_type: str
    plan_uid: str
    structures: tuple[StructureDoseDocument, ...] = Field(description="Targets first.")
    goals: tuple[GoalDocument, ...]


class LeftOutDocument(Record):
    """A structure without a histogram."""

    name: str
    reason: str


class GammaDocument(Record):
    """Gamma index, the first dose being the reference."""

    percent: float = Field(description="Of the largest dose of the reference.")
    distance_mm: float
    threshold_percent: float = Field(description="Below this share of the largest dose nothing is compared.")
    pass_percent: float
    mean: float
    points: int
    outside_points: int = Field(description="Compared where the second dose has no voxels: failed.")


class DvhDocument(Record):
    """What ``isoguide dvh --json`` prints and ``dvh.json`` holds."""

    schema_version: str
    version: str = Field(description="Of isoguide.")
    created_at: AwareDatetime
    patient_id: str
    structure_set: str
    structure_set_uid: str
    prescription_gy: float | None
    fractions: int = Field(description="How often the dose is given when goals are evaluated.")
    is_clear: bool = Field(description="Whether every goal is met.")
    dose: DoseDocument
    compared: DoseDocument | None
    gamma: GammaDocument | None
    left_out: tuple[LeftOutDocument, ...]
    approximations: tuple[str, ...] = Field(description="What is assumed.")
    warnings: tuple[str, ...]


def dvh_document(analysis: DvhAnalysis) -> DvhDocument:
    """Describe an analysis as plain values."""
    inputs = analysis.inputs
    compared = None
    if inputs.compared is not None and analysis.compared is not None:
        compared = _dose(inputs.compared, analysis.compared, analysis.compared_goals)
    return DvhDocument(
        schema_version=SCHEMA_VERSION,
        version=isoguide.__version__,
        created_at=analysis.created_at,
        patient_id=inputs.dose.patient.patient_id,
        structure_set=str(inputs.structure_set.path),
        structure_set_uid=inputs.structure_set.sop_instance_uid,
        prescription_gy=analysis.prescription_gy,
        fractions=analysis.fractions,
        is_clear=analysis.is_clear,
        dose=_dose(inputs.dose, analysis.histograms, analysis.goals),
        compared=compared,
        gamma=_gamma(analysis.gamma),
        left_out=tuple(LeftOutDocument(name=one.name, reason=one.reason) for one in analysis.left_out),
        approximations=analysis.approximations,
        warnings=analysis.warnings,
    )


def dvh_schema_text() -> str:
    """Write the schema as the file ``docs/schema/dvh-1.json`` holds it."""
    return schema_text(DvhDocument)


def curves_csv(analysis: DvhAnalysis) -> str:
    """Write all curves as one table: dose, then the share of each structure in percent, dose by dose."""
    named = [("", one) for one in analysis.histograms]
    named += [(" compared", one) for one in analysis.compared or ()]
    dose_gy = _steps(max(one.largest_gy for _, one in named))
    header = ["dose_gy"] + [f"{one.name}{word} (% of {one.volume_ml:.3f} ml)" for word, one in named]
    columns = [one.curve(dose_gy).round(4).tolist() for _, one in named]
    return csv_text(header, zip(dose_gy.round(6).tolist(), *columns, strict=True))


def _steps(largest_gy: float) -> Array:
    """Doses from 0 to beyond the largest in round steps."""
    step_gy = tick_step(max(largest_gy, 1e-3), CURVE_STEPS)
    return np.asarray(np.arange(int(np.ceil(largest_gy / step_gy)) + 2) * step_gy, np.float64)


def _dose(
    dose: DoseGrid, histograms: Sequence[DoseVolumeHistogram], goals: Sequence[GoalResult]
) -> DoseDocument:
    return DoseDocument(
        path=str(dose.path),
        sop_instance_uid=dose.sop_instance_uid,
        summation_type=dose.summation_type,
        plan_uid=dose.plan_uid,
        structures=tuple(_structure(one) for one in histograms),
        goals=tuple(_goal(one) for one in goals),
    )


def _structure(one: DoseVolumeHistogram) -> StructureDoseDocument:
    dose_gy = _steps(one.largest_gy)
    return StructureDoseDocument(
        name=one.name,
        is_target=one.is_target,
        volume_ml=one.volume_ml,
        outside_percent=one.outside_percent,
        mean_gy=one.mean_gy,
        least_gy=one.least_gy,
        largest_gy=one.largest_gy,
        d98_gy=one.dose_at_volume_gy(98.0),
        d95_gy=one.dose_at_volume_gy(95.0),
        d50_gy=one.dose_at_volume_gy(50.0),
        d2_gy=one.dose_at_volume_gy(2.0),
        dose_gy=tuple(dose_gy.round(6).tolist()),
        volume_percent=tuple(one.curve(dose_gy).round(4).tolist()),
    )


def _goal(one: GoalResult) -> GoalDocument:
    return GoalDocument(
        goal=goal_words(one.goal),
        structure=one.goal.structure,
        value=one.value,
        unit=one.goal.unit,
        limit=one.goal.limit,
        is_met=one.is_met,
        reason=one.reason,
    )


def _gamma(found: GammaResult | None) -> GammaDocument | None:
    if found is None:
        return None
    return GammaDocument(
        percent=found.percent,
        distance_mm=found.distance_mm,
        threshold_percent=found.threshold_percent,
        pass_percent=found.pass_percent,
        mean=found.mean,
        points=found.points,
        outside_points=found.outside_points,
    )
