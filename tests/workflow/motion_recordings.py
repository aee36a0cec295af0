"""A made-up recording of a target: its header, frames and decisions."""

from datetime import UTC, datetime, timedelta

import numpy as np

from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.gating import GateDecision, GateState
from isoguide.motion.sample import TargetSample
from isoguide.workflow.motion.recording import RecordingHeader

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SEEDS = np.array([[1.0, 2.0, 3.0], [-4.0, 5.5, 6.0]])


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def header(**more: object) -> RecordingHeader:
    values = {
        "started_at": START,
        "patient_id": "P1",
        "plan_uid": "1.2.3",
        "fraction": 4,
        "device": "implanted markers in the images of the kV arm",
        "settings": GateSettings(2.5, dwell_s=0.4),
        "planned_mm": SEEDS,
        "clock": "of the virtual room",
    }
    return RecordingHeader(**{**values, **more})


def sample(seconds: float, number: int, x_mm: float = 0.3, **more: object) -> TargetSample:
    values = {
        "position_mm": np.array([x_mm, -0.1, 0.7]),
        "covariance_mm2": np.diag([0.01, 0.02, 0.3]),
        "at": at(seconds),
        "number": number,
        "source": "kV arm",
        "quality": 1.0,
        "words": "3 of 3 markers",
    }
    return TargetSample(**{**values, **more})


def decision(seconds: float, state: GateState, reason: str = "", **more: object) -> GateDecision:
    return GateDecision(at(seconds), state, reason, **more)
