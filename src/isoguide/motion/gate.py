"""Decides from moment to moment whether beam may pass while the target is watched."""

from datetime import datetime

from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.gating import GateDecision, GateState, TargetWatch
from isoguide.motion.prediction import Predictor


class TargetGate:
    """The gate around one source of sightings; :class:`~isoguide.motion.gating.Gate` says what it does.

    Parameters
    ----------
    watch
        What watches the target.
    settings
        What the gate demands.
    predictor
        Says where the target will be when the beam reacts; None: where it was, less surely with each moment.
    """

    def __init__(
        self, watch: TargetWatch, settings: GateSettings, predictor: Predictor | None = None
    ) -> None:
        self.settings = settings
        self._watch = watch
        self._predictor = predictor

    @property
    def period_s(self) -> float:
        """How often it wants to be asked."""
        return self.settings.period_s

    @property
    def permit_s(self) -> float:
        """How long a permission lasts without another one."""
        return self.settings.permit_s

    def arm(self) -> None:
        """Watch; beam may not pass yet."""
        self._watch.start()

    def look(self, now: datetime) -> GateDecision:
        """Let nothing pass."""
        return GateDecision(now, GateState.STOPPED, "the gate is not armed")

    def end(self) -> None:
        """Stop watching."""
        self._watch.stop()
