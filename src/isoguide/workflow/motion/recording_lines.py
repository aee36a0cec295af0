"""The lines of a recording of the target: what each may say, and the values that it becomes.

A recording is JSON, one object a line, each with its ``kind``. Times are UTC, positions mm in IEC fixed
(lateral, longitudinal, vertical), minus where the plan wants the target.
"""

from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

import numpy as np
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from isoguide.errors import InputError
from isoguide.geometry.frames import Array
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.gating import GateDecision, GateState
from isoguide.motion.sample import Sighting, TargetSample, Unseen

FORMAT: Final = "isoguide-motion-1"
_Vector = Annotated[list[float], Field(min_length=3, max_length=3)]
_Matrix = Annotated[list[_Vector], Field(min_length=3, max_length=3)]


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class HeaderLine(_Line):
    """The first line: what was watched, by what, and what the gate demanded."""

    kind: Literal["header"]
    format: Literal["isoguide-motion-1"] = Field(description="Of the file.")
    made_by: str = Field(description="Program and version.")
    started_at: AwareDatetime
    patient_id: str
    plan_uid: str
    fraction: int = Field(ge=0, description="Its number; 0 for none.")
    device: str = Field(min_length=1, description="What watched the target, in words.")
    clock: str = Field(min_length=1, description="Whose time all times are, in words.")
    planned_mm: list[_Vector] = Field(description="Planned places of what was watched, IEC fixed.")
    gate: dict[str, float] = Field(description="Settings of the gate, by name.")


class SampleLine(_Line):
    """A frame that shows the target."""

    kind: Literal["sample"]
    at: AwareDatetime = Field(description="Of the exposure.")
    taken_at: AwareDatetime = Field(description="When the gate had it.")
    number: int
    source: str
    position_mm: _Vector
    covariance_mm2: _Matrix
    quality: float
    words: str
    rotation_deg: _Vector | None = None

    def value(self) -> Sighting:
        """Return what it says of the target."""
        return TargetSample(
            np.array(self.position_mm),
            np.array(self.covariance_mm2),
            self.at,
            self.number,
            self.source,
            self.quality,
            self.words,
            None if self.rotation_deg is None else np.array(self.rotation_deg),
        )


class UnseenLine(_Line):
    """A frame that does not show it."""

    kind: Literal["unseen"]
    at: AwareDatetime = Field(description="Of the exposure.")
    taken_at: AwareDatetime = Field(description="When the gate had it.")
    number: int
    source: str
    reason: str

    def value(self) -> Sighting:
        """Return what it says of the target."""
        return Unseen(self.at, self.number, self.source, self.reason)


class DecisionLine(_Line):
    """What the gate decided: every change, and one a second."""

    kind: Literal["decision"]
    at: AwareDatetime
    state: GateState
    reason: str
    probability: float | None = Field(ge=0.0, le=1.0, description="That the target is in the gate.")
    position_mm: _Vector | None = Field(description="Predicted for when the beam reacts.")
    frame: int | None = Field(description="Number of the newest frame.")
    latency_s: float | None = Field(description="From its exposure to this decision.")
    proposal_mm: _Vector | None = Field(description="Where the target has been for the last seconds.")
    holds: int = Field(ge=0)

    def value(self, sighting: Sighting | None) -> GateDecision:
        """Return the decision with the frame that it was made with."""
        return GateDecision(
            self.at,
            self.state,
            self.reason,
            self.probability,
            _vector(self.position_mm),
            sighting,
            self.latency_s,
            _vector(self.proposal_mm),
            self.holds,
        )


class BeamLine(_Line):
    """The beam went on or off."""

    kind: Literal["beam"]
    at: AwareDatetime
    is_on: bool
    delivered_mu: float = Field(ge=0.0, description="Since the begin of the delivery.")


class ArmLine(_Line):
    """The gate was armed, or armed anew: nothing that was seen before counts."""

    kind: Literal["arm"]
    at: AwareDatetime


class MarkLine(_Line):
    """What somebody wanted to be found again."""

    kind: Literal["mark"]
    at: AwareDatetime
    by: str = Field(min_length=1)
    words: str = Field(min_length=1)


class TruthLine(_Line):
    """Where a virtual target really was."""

    kind: Literal["truth"]
    at: AwareDatetime
    position_mm: _Vector


Line = Annotated[
    HeaderLine | SampleLine | UnseenLine | DecisionLine | BeamLine | ArmLine | MarkLine | TruthLine,
    Field(discriminator="kind"),
]
"""Any line of a recording."""


def sighting_line(seen: Sighting, taken_at: datetime) -> dict[str, Any]:
    """Return the line of one frame."""
    head = {"at": time(seen.at), "taken_at": time(taken_at), "number": seen.number, "source": seen.source}
    if isinstance(seen, Unseen):
        return {"kind": "unseen", **head, "reason": seen.reason}
    rotation = {} if seen.rotation_deg is None else {"rotation_deg": seen.rotation_deg.tolist()}
    return {
        "kind": "sample",
        **head,
        "position_mm": seen.position_mm.tolist(),
        "covariance_mm2": seen.covariance_mm2.tolist(),
        "quality": float(seen.quality),
        "words": seen.words,
        **rotation,
    }


def decision_line(decision: GateDecision) -> dict[str, Any]:
    """Return the line of one decision."""
    return {
        "kind": "decision",
        "at": time(decision.at),
        "state": str(decision.state),
        "reason": decision.reason,
        "probability": decision.probability,
        "position_mm": _listed(decision.position_mm),
        "frame": None if decision.sighting is None else decision.sighting.number,
        "latency_s": decision.latency_s,
        "proposal_mm": _listed(decision.proposal_mm),
        "holds": decision.holds,
    }


def settings_values(settings: GateSettings) -> dict[str, float]:
    """Return the settings of a gate by name."""
    return asdict(settings)


def settings_of(values: dict[str, float]) -> GateSettings:
    """Return the settings of a gate.

    Raises
    ------
    InputError
        If one is missing, unknown or impossible.
    """
    known = {item.name for item in fields(GateSettings)}
    for name in values.keys() ^ known:
        problem = "missing: add it" if name in known else "not known: remove or correct it"
        msg = f"gate.{name} is {problem}"
        raise InputError(msg)
    settings: dict[str, Any] = {**values, "bridged_frames": int(values["bridged_frames"])}
    return GateSettings(**settings)


def time(at: datetime) -> str:
    """Return a time as text, UTC with microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _vector(values: list[float] | None) -> Array | None:
    return None if values is None else np.array(values)


def _listed(values: Array | None) -> list[float] | None:
    return None if values is None else values.tolist()
