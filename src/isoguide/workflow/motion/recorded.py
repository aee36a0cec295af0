"""A gate, and what watches for it, with everything that they say written into a recording."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from isoguide.errors import OutputError
from isoguide.motion.gating import Gate, GateDecision, GateState, TargetWatch
from isoguide.motion.sample import Sighting
from isoguide.workflow.motion.recording import RecordingWriter


class RecordedWatch:
    """What watches the target, with each frame written down before anybody sees it.

    Parameters
    ----------
    watch
        What watches.
    writer
        Where the frames go.
    """

    def __init__(self, watch: TargetWatch, writer: RecordingWriter) -> None:
        self.source = watch.source
        self._watch, self._writer = watch, writer

    def start(self) -> None:
        """Begin to watch; raises as the watch does."""
        self._watch.start()

    def take(self, now: datetime) -> Sequence[Sighting]:
        """Return what the watch returns.

        Raises
        ------
        OutputError
            If a frame cannot be written.
        """
        taken = self._watch.take(now)
        for seen in taken:
            self._writer.sighting(seen, now)
        return taken

    def stop(self) -> None:
        """Stop watching."""
        self._watch.stop()


class RecordedGate:
    """A gate with each change of its decision written down; what cannot be recorded is not treated.

    Parameters
    ----------
    gate
        What decides.
    writer
        Where the decisions go, with frames that a :class:`RecordedWatch` has not written.
    clock
        Says the time, aware UTC.
    """

    def __init__(self, gate: Gate, writer: RecordingWriter, clock: Callable[[], datetime]) -> None:
        self._gate, self._writer, self._clock = gate, writer, clock
        self._failure = ""

    @property
    def period_s(self) -> float:
        """How often it wants to be asked."""
        return self._gate.period_s

    @property
    def permit_s(self) -> float:
        """How long a permission lasts without another one."""
        return self._gate.permit_s

    def arm(self) -> None:
        """Arm the gate.

        Raises
        ------
        IsoguideError
            If what watches the target cannot, or this cannot be written.
        """
        self._writer.arm(self._clock())
        self._failure = ""
        self._gate.arm()

    def look(self, now: datetime) -> GateDecision:
        """Decide; "stopped" from the first decision on that cannot be written."""
        decision = self._gate.look(now)
        if not self._failure:
            try:
                self._writer.decision(decision)
            except OutputError as error:
                self._failure = f"what the gate decides cannot be recorded: {error}"
        if not self._failure:
            return decision
        return replace(decision, state=GateState.STOPPED, reason=self._failure, proposal_mm=None)

    def end(self) -> None:
        """Stop watching, and write the last decision."""
        self._gate.end()
