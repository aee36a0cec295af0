"""Where the steps of a fraction go whose machine says itself what it delivered."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from isoguide.course import DeliveryRecord, MotionRecord, PlannedBeam
from isoguide.errors import IsoguideError
from isoguide.records import AuditNote
from isoguide.treatment import Entry, FractionMemory
from isoguide.treatment.memory import Sink
from isoguide.treatment.session import TOWARDS_SAFETY
from isoguide.workflow.clinic.recorder import ENDS_BEAM, FractionRecorder

_COMPLETE_MU: Final = 0.01
"""A beam that lacks less is complete: what rounding leaves."""


@dataclass(eq=False)
class DeliverySink:
    """Tells the recorder what the machine delivered: it gives the beams of a plan in their order.

    Parameters
    ----------
    recorder
        Writes the steps.
    beams
        Treatment beams of the plan.
    recorded_mu
        What of this fraction is in the records already.
    ended_by
        How a beam that is not complete ended, as treatment records say it: "MACHINE" or "OPERATOR".
    end_recording
        Ends the recording of the target, keeps it, and says what moved; None without a gate, and its answer
        where nothing is being recorded.
    """

    recorder: FractionRecorder
    beams: tuple[PlannedBeam, ...]
    recorded_mu: float = 0.0
    ended_by: str = "MACHINE"
    end_recording: Callable[[], MotionRecord | None] | None = None

    def __call__(self, entry: Entry, memory: FractionMemory) -> None:
        """Write one step; with one that ends the beam, what was delivered and how the target moved.

        Raises
        ------
        ConflictError, OutputError
            As the recorder; nothing was written.
        """
        status = memory.beam.last
        if entry.event in ENDS_BEAM and status is not None and status.delivered_mu > self.recorded_mu:
            ended = "UNKNOWN" if memory.beam.may_be_on else self.ended_by
            self.recorder.deliver(delivered_between(self.beams, self.recorded_mu, status.delivered_mu, ended))
            self.recorded_mu = status.delivered_mu
        if entry.event in ENDS_BEAM and self.end_recording is not None:
            self._keep_motion(self.end_recording)
        self.recorder(entry, memory)

    def _keep_motion(self, end_recording: Callable[[], MotionRecord | None]) -> None:
        """Tell the recorder how the target moved; what was delivered is written even where this cannot be."""
        try:
            motion = end_recording()
        except IsoguideError as error:
            self.recorder.note_beside(AuditNote("motion not kept", {"reason": str(error)}))
            return
        if motion is not None:
            self.recorder.watched(motion)


def delivered_between(
    beams: Sequence[PlannedBeam], begin_mu: float, end_mu: float, ended: str
) -> tuple[DeliveryRecord, ...]:
    """Split what was given between two readings of the meterset over beams that are given in their order.

    Parameters
    ----------
    beams
        Of the plan.
    begin_mu, end_mu
        Meterset of the fraction before and after.
    ended
        How a beam that is not complete ended.
    """
    found, before_mu = [], 0.0
    for beam in beams:
        after_mu = before_mu + beam.meterset_mu
        given_mu = min(end_mu, after_mu) - max(begin_mu, before_mu)
        if given_mu > 0.0:
            end = "NORMAL" if end_mu >= after_mu - _COMPLETE_MU else ended
            found.append(DeliveryRecord(beam.number, beam.name, beam.meterset_mu, given_mu, end))
        before_mu = after_mu
    return tuple(found)


@dataclass(eq=False)
class PatientSink:
    """Keeps the steps towards safety that could not be written, and writes them when that is possible again.

    A beam is held whether or not that can be recorded; what was delivered must not be lost for it.

    Parameters
    ----------
    sink
        Writes.
    """

    sink: Sink
    waiting: list[tuple[Entry, FractionMemory]] = field(default_factory=list, init=False)

    def __call__(self, entry: Entry, memory: FractionMemory) -> None:
        """Write what waits and then this step.

        Raises
        ------
        IsoguideError
            As the sink; a step towards safety then waits.
        """
        try:
            self.write_waiting()
            self.sink(entry, memory)
        except Exception:
            if entry.event in TOWARDS_SAFETY:
                self.waiting.append((entry, memory))
            raise

    def write_waiting(self) -> None:
        """Write what could not be written before, in order.

        Raises
        ------
        IsoguideError
            As the sink; the rest goes on waiting.
        """
        while self.waiting:
            self.sink(*self.waiting[0])
            del self.waiting[0]
