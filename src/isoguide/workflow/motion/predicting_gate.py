"""The gate as rooms use it; a process of its own finds it here by its name, so this imports little."""

from isoguide.motion.gate import TargetGate
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.gating import TargetWatch
from isoguide.motion.prediction import Predictor


def predicting_gate(watch: TargetWatch, settings: GateSettings) -> TargetGate:
    """Return a gate that predicts the target until the beam reacts."""
    return TargetGate(watch, settings, Predictor())
