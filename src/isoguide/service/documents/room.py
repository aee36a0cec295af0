"""A connected room now: couch, beam, target and gate."""

from datetime import datetime, timedelta
from typing import Literal, Self

import numpy as np
from pydantic import ConfigDict, Field

from isoguide.motion.gating import GateDecision
from isoguide.motion.sample import Sighting, TargetSample
from isoguide.service.documents.base import CouchPose, Document, Three, three
from isoguide.workflow.clinic.gate_shown import GateShown
from isoguide.workflow.clinic.room_state import RoomState


class CouchDifference(Document):
    """One axis of the couch."""

    axis: str
    expected: float
    read: float
    unit: Literal["mm", "°"]
    is_in_tolerance: bool


class TargetDocument(Document):
    """The newest look at the target; without a position where the target was not seen in it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "number": 171,
                    "at": "2026-03-02T08:21:40.150Z",
                    "age_s": 0.12,
                    "source": "markers, stereo pair",
                    "position_mm": [0.2, -1.4, 0.3],
                    "sigma_mm": [0.2, 0.1, 0.2],
                    "rotation_deg": None,
                    "quality": 1.0,
                    "words": "4 of 4 markers",
                }
            ]
        }
    )

    number: int = Field(description="Of the frame: a number that stays says that nothing new was exposed.")
    at: datetime = Field(description="Time of exposure.")
    age_s: float = Field(description="How long before this state it was exposed.")
    source: str
    position_mm: Three | None = Field(
        description="From where it should be: lateral, longitudinal, vertical. Null: it was not seen."
    )
    sigma_mm: Three | None = Field(description="Standard deviation of the error of each of the three.")
    rotation_deg: Three | None = Field(description="Pitch, roll, yaw against the plan, where it can be told.")
    quality: float | None = Field(
        ge=0.0, le=1.0, description="Share of what had to be seen that was seen and agrees."
    )
    words: str = Field(description="How sure the position is, or why the target was not seen.")

    @classmethod
    def of(cls, sighting: Sighting, now: datetime) -> Self:
        """Return a look at the target as a document of a moment."""
        seen = sighting if isinstance(sighting, TargetSample) else None
        turned = seen.rotation_deg if seen is not None else None
        return cls(
            number=sighting.number,
            at=sighting.at,
            age_s=(now - sighting.at) / timedelta(seconds=1),
            source=sighting.source,
            position_mm=three(seen.position_mm) if seen is not None else None,
            sigma_mm=three(np.sqrt(np.diag(seen.covariance_mm2).clip(0.0))) if seen is not None else None,
            rotation_deg=three(turned) if turned is not None else None,
            quality=seen.quality if seen is not None else None,
            words=sighting.words if isinstance(sighting, TargetSample) else sighting.reason,
        )


class GateDocument(Document):
    """What the gate says: whether beam may pass, and why not."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "at": "2026-03-02T08:21:40.270Z",
                    "state": "hold",
                    "reason": "target may be outside the gate",
                    "probability": 0.31,
                    "predicted_mm": [0.2, -3.1, 0.4],
                    "latency_s": 0.12,
                    "proposal_mm": None,
                    "holds": 3,
                    "duty_cycle": 0.74,
                }
            ]
        }
    )

    at: datetime = Field(description="Time of the decision.")
    state: Literal["armed", "beam on", "hold", "re-align", "stopped"]
    reason: str = Field(description="Why it is in this state; never empty while beam may not pass.")
    probability: float | None = Field(
        ge=0.0, le=1.0, description="That the target is inside the gate when the beam reacts."
    )
    predicted_mm: Three | None = Field(description="Where the target is expected to be then.")
    latency_s: float | None = Field(description="From the exposure of the newest frame to the decision.")
    proposal_mm: Three | None = Field(
        description="Where the target has settled: what a shift would have to undo. No order: take an image."
    )
    holds: int = Field(ge=0, description="How often the gate closed in this delivery.")
    duty_cycle: float | None = Field(
        ge=0.0, le=1.0, description="Share of the time in which beam might pass."
    )

    @classmethod
    def of(cls, shown: GateShown) -> Self:
        """Return what a gate says as a document."""
        said: GateDecision = shown.decision
        return cls(
            at=said.at,
            state=said.state.value,
            reason=said.reason,
            probability=said.probability,
            predicted_mm=three(said.position_mm) if said.position_mm is not None else None,
            latency_s=said.latency_s,
            proposal_mm=three(said.proposal_mm) if said.proposal_mm is not None else None,
            holds=said.holds,
            duty_cycle=shown.duty_cycle,
        )


class RoomStateDocument(Document):
    """A connected room now; sent 20 times a second."""

    type: Literal["room"] = "room"
    sequence: int
    at: datetime
    room: str
    course_id: str | None
    number: int | None
    version: int | None
    state: str
    reason: str
    couch: CouchPose | None
    expected_couch: CouchPose | None
    differences: tuple[CouchDifference, ...]
    beam: Literal["off", "on", "travelling", "waiting", "held", "unknown"]
    delivered_mu: float
    planned_mu: float
    target: TargetDocument | None
    gate_mm: float | None = Field(description="How far the target may be from its place.")
    is_in_gate: bool | None
    monitoring: str = Field(
        description="What the target is watched with while the beam is on; empty: with nothing."
    )
    gate: GateDocument | None = Field(description="What the gate says or said last; null before.")
    hold_reason: str
    watched_by: str = Field(description="Who turned the beam on; empty while it is off.")

    @classmethod
    def of(cls, state: RoomState) -> Self:
        """Return the state of a connected room as a document."""
        key, couch, expected = state.key, state.couch, state.expected_couch
        return cls(
            sequence=state.sequence,
            at=state.at,
            room=state.room,
            course_id=key.course_id if key is not None else None,
            number=key.number if key is not None else None,
            version=state.version,
            state=state.state,
            reason=state.reason,
            couch=CouchPose.of(couch.pose) if couch is not None else None,
            expected_couch=CouchPose.of(expected) if expected is not None else None,
            differences=tuple(map(CouchDifference.model_validate, state.differences)),
            beam=state.beam,
            delivered_mu=state.delivered_mu,
            planned_mu=state.planned_mu,
            target=TargetDocument.of(state.sighting, state.at) if state.sighting is not None else None,
            gate_mm=state.gate_mm,
            is_in_gate=state.is_in_gate,
            monitoring=state.monitoring,
            gate=GateDocument.of(state.gate) if state.gate is not None else None,
            hold_reason=state.hold_reason,
            watched_by=state.watched_by,
        )
