"""The gate of one delivery in a connected room: what watches the target, what decides, and what is shown."""

from collections.abc import Callable
from dataclasses import dataclass, field

from isoguide.course import Protocol
from isoguide.course.monitoring import DEVICE_WORDS
from isoguide.motion.gate import TargetGate
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.gating import Gate, GateDecision, TargetWatch
from isoguide.motion.prediction import Predictor
from isoguide.treatment.protocol_limits import gate_settings
from isoguide.workflow.clinic.connected_room import ConnectedRoom
from isoguide.workflow.clinic.gate_shown import GateMeter, GateShown

MakeGate = Callable[[TargetWatch, GateSettings], Gate]
"""Makes a gate around what watches the target."""


def gate_in_this_process(watch: TargetWatch, settings: GateSettings) -> Gate:
    """Return a gate that works in the thread that watches the beam."""
    return TargetGate(watch, settings, Predictor())


def monitoring_words(protocol: Protocol) -> str:
    """Return what a protocol watches the target with while the beam is on; empty where with nothing."""
    return DEVICE_WORDS[protocol.monitoring.device] if protocol.monitoring is not None else ""


@dataclass(eq=False)
class BeamGate:
    """The gate of one delivery, from the order to turn the beam on to its end or the next hold.

    Parameters
    ----------
    gate
        That decides.
    """

    gate: Gate
    _meter: GateMeter = field(default_factory=GateMeter, init=False)

    @classmethod
    def of(cls, room: ConnectedRoom, protocol: Protocol, make_gate: MakeGate) -> "BeamGate | None":
        """Return the gate that a protocol asks for in a room; None where it asks for none.

        Raises
        ------
        InputError
            If the protocol asks for what no gate may do.
        RefusedError
            If the room cannot watch the target with what the protocol asks for.
        """
        if protocol.monitoring is None:
            return None
        return cls(make_gate(room.watch(protocol.monitoring), gate_settings(protocol)))

    def hear(self, decision: GateDecision) -> None:
        """Take a decision, after the machine has it."""
        self._meter.hear(decision)

    @property
    def shown(self) -> GateShown | None:
        """What is shown of it now; None before its first decision."""
        return self._meter.shown
