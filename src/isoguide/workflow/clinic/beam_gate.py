"""The gate of one delivery in a connected room: what watches the target, decides, is shown and recorded."""

from dataclasses import dataclass, field
from typing import Self

from isoguide.course import MotionRecord
from isoguide.errors import IsoguideError, OutputError
from isoguide.motion.gating import Gate, GateDecision
from isoguide.records.image_store import ImageStore
from isoguide.treatment.protocol_limits import gate_settings
from isoguide.treatment.words import in_words
from isoguide.workflow.clinic.beam_recording import BeamRecording, recording_header
from isoguide.workflow.clinic.connected_room import ConnectedRoom
from isoguide.workflow.clinic.gate_shown import GateMeter, GateShown
from isoguide.workflow.clinic.gate_source import GateSource
from isoguide.workflow.clinic.open_fraction import OpenFraction
from isoguide.workflow.motion.recorded import RecordedGate, RecordedWatch


@dataclass(eq=False)
class BeamGate:
    """The gate of one delivery, from the order to turn the beam on to its end or the next hold.

    Parameters
    ----------
    gate
        That decides.
    recording
        Of the delivery.
    room
        Shows what the beam does.
    """

    gate: Gate
    recording: BeamRecording
    room: ConnectedRoom
    _meter: GateMeter = field(default_factory=GateMeter, init=False)

    @classmethod
    def of(
        cls, room: ConnectedRoom, opened: OpenFraction, store: ImageStore, gates: GateSource
    ) -> Self | None:
        """Return the gate that the protocol of a fraction asks for in a room; None where it asks for none.

        Parameters
        ----------
        room, opened
            Which fraction, and where it is treated.
        store
            Keeps the recording.
        gates
            Makes the gate.

        Raises
        ------
        InputError
            If the protocol asks for what no gate may do, or the patient has nothing that could be watched.
        RefusedError
            If the room cannot watch the target with what the protocol asks for.
        OutputError
            If the recording cannot be begun.
        DeviceError
            If the gate cannot be made.
        """
        monitoring = opened.protocol.monitoring
        if monitoring is None:
            return None
        settings, watch = gate_settings(opened.protocol), room.watch(monitoring)
        header = recording_header(
            opened.simulation,
            opened.stored.line.key.number,
            monitoring,
            settings,
            started_at=room.clock.now(),
            room=room.name,
        )
        recording = BeamRecording(store, header)
        try:
            decides = gates.gate(RecordedWatch(watch, recording.writer), settings)
        except BaseException:
            recording.end()
            raise
        return cls(RecordedGate(decides, recording.writer, room.clock.now), recording, room)

    def hear(self, decision: GateDecision) -> None:
        """Take a decision, after the machine has it.

        Raises
        ------
        OutputError
            If what the beam does cannot be recorded.
        """
        self._meter.hear(decision)
        self.recording.note_beam(self.room.look().beam)

    @property
    def shown(self) -> GateShown | None:
        """What is shown of it now; None before its first decision."""
        return self._meter.shown

    def end_recording(self) -> MotionRecord | None:
        """Return what is kept of the delivery, which has ended; None where the gate never decided.

        Raises
        ------
        IsoguideError
            If the recording cannot be kept.
        """
        try:
            return self.recording.keep(self.room.look().beam)
        except IsoguideError:
            raise
        except Exception as error:
            # The step that ends the beam has to be written, whatever is wrong with the recording.
            msg = f"the recording {self.recording.path} cannot be kept ({in_words(error)}): look at the file"
            raise OutputError(msg) from error
