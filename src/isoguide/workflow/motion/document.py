"""What the target did during the beam as one strict JSON document with a published, versioned schema."""

from collections.abc import Sequence
from typing import Any, Final

from pydantic import AwareDatetime, Field

import isoguide
from isoguide.course import MotionHold, MotionResidual
from isoguide.workflow.documents import Record
from isoguide.workflow.motion.figures import MotionFigures
from isoguide.workflow.motion.recording import Recording
from isoguide.workflow.motion.recording_lines import settings_values
from isoguide.workflow.radiographs.strict_json import schema_text

SCHEMA_FILE: Final = "monitoring-1.json"
SCHEMA_VERSION: Final = "1.0"
"""Major: a reader of the previous one may break. Minor: fields were added."""
_Vector = tuple[float, float, float]


class ResidualDocument(Record):
    """How far the target was from its planned place; lateral, longitudinal, vertical, IEC fixed."""

    frames: int
    mean_mm: _Vector
    sd_mm: _Vector
    p95_mm: _Vector = Field(description="95 % of the frames are closer along each axis, either way.")
    mean_length_mm: float
    p95_length_mm: float


class HoldDocument(Record):
    """A stretch in which beam could not pass."""

    began_at: AwareDatetime
    lasted_s: float = Field(description="0: to the end of the recording.")
    state: str = Field(description="Gravest state: hold, re-align or stopped.")
    reason: str
    proposal_mm: _Vector | None = Field(description="Where the target had been when it asked to re-align.")


class FiguresDocument(Record):
    """What came of a recording."""

    started_at: AwareDatetime
    ended_at: AwareDatetime
    watched_s: float = Field(description="How long the gate was asked.")
    permitted_s: float = Field(description="For how long of it beam could pass.")
    duty_cycle: float = Field(description="Their quotient.")
    beam_on_s: float
    is_beam_recorded: bool = Field(description="False: what the gate permitted counts as beam.")
    holds: tuple[HoldDocument, ...]
    frames: int
    unseen: int = Field(description="Frames that did not show the target.")
    latency_median_s: float | None = Field(description="From an exposure until the gate had it.")
    latency_p99_s: float | None
    inside: ResidualDocument | None = Field(description="While the beam was on.")
    without_gating: ResidualDocument | None = Field(description="Over the whole time.")
    true_inside: ResidualDocument | None = Field(description="Truth of a virtual target.")
    true_without_gating: ResidualDocument | None


class PredictionDocument(Record):
    """How well the target was predicted over the latency."""

    horizon_s: float
    rms_mm: float = Field(description="Root mean square of the error, all axes together.")
    persistence_rms_mm: float = Field(description="The same, had it been expected to stay where it was.")
    p95_mm: float
    predictions: int


class MonitoringDocument(Record):
    """What ``isoguide monitor --json`` prints."""

    schema_version: str
    version: str = Field(description="Of isoguide.")
    source: str = Field(description="What was monitored.")
    patient_id: str
    plan_uid: str
    fraction: int = Field(description="0 for none.")
    device: str
    gate: dict[str, float] = Field(description="What the gate demanded, by name.")
    figures: FiguresDocument
    as_recorded: FiguresDocument | None = Field(
        description="What came of the recording itself, where it was played through a gate again."
    )
    prediction: PredictionDocument | None = Field(description="For a breathing trace.")
    findings: tuple[str, ...]


def figures_document(figures: MotionFigures) -> FiguresDocument:
    """Return the figures as the document holds them."""
    return FiguresDocument(
        started_at=figures.started_at,
        ended_at=figures.ended_at,
        watched_s=figures.watched_s,
        permitted_s=figures.permitted_s,
        duty_cycle=figures.duty_cycle,
        beam_on_s=figures.beam_on_s,
        is_beam_recorded=figures.is_beam_known,
        holds=tuple(_hold(hold) for hold in figures.holds),
        frames=figures.frames,
        unseen=figures.unseen,
        latency_median_s=figures.latency_median_s,
        latency_p99_s=figures.latency_p99_s,
        inside=_residual(figures.inside),
        without_gating=_residual(figures.without_gating),
        true_inside=_residual(figures.true_inside),
        true_without_gating=_residual(figures.true_without_gating),
    )


def monitoring_document(
    source: str,
    recording: Recording,
    figures: MotionFigures,
    *,
    as_recorded: MotionFigures | None = None,
    prediction: PredictionDocument | None = None,
    findings: Sequence[str] = (),
) -> MonitoringDocument:
    """Return the document about a recording; ``findings`` are sentences beside those of the recording."""
    header = recording.header
    return MonitoringDocument(
        schema_version=SCHEMA_VERSION,
        version=isoguide.__version__,
        source=source,
        patient_id=header.patient_id,
        plan_uid=header.plan_uid,
        fraction=header.fraction,
        device=header.device,
        gate=settings_values(header.settings),
        figures=figures_document(figures),
        as_recorded=None if as_recorded is None else figures_document(as_recorded),
        prediction=prediction,
        findings=(*findings, *recording.findings),
    )


def monitoring_schema_text() -> str:
    """Write the schema as the file ``docs/schema/monitoring-1.json`` holds it."""
    return schema_text(MonitoringDocument)


def _hold(hold: MotionHold) -> HoldDocument:
    return HoldDocument(
        began_at=hold.began_at,
        lasted_s=hold.lasted_s,
        state=hold.state,
        reason=hold.reason,
        proposal_mm=None if hold.proposal_mm is None else _three(hold.proposal_mm),
    )


def _residual(residual: MotionResidual | None) -> ResidualDocument | None:
    if residual is None:
        return None
    return ResidualDocument(
        frames=residual.frames,
        mean_mm=_three(residual.mean_mm),
        sd_mm=_three(residual.sd_mm),
        p95_mm=_three(residual.p95_mm),
        mean_length_mm=residual.mean_length_mm,
        p95_length_mm=residual.p95_length_mm,
    )


def _three(values: Any) -> _Vector:
    lateral, longitudinal, vertical = (float(value) for value in values)
    return lateral, longitudinal, vertical
