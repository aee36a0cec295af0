"""The virtual room under a gate: what watches, what decides, and the recording of both beside the truth."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.course import Monitoring, MotionResidual
from isoguide.course.monitoring import DEVICE_WORDS
from isoguide.geometry.frames import Array
from isoguide.motion.gate import predicting_gate
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.gating import Gate, GateDecision, TargetWatch
from isoguide.virtual.motion import LONGEST_S
from isoguide.virtual.motion_watch import motion_watch
from isoguide.virtual.room import VirtualRoom
from isoguide.virtual.tissue_path import TissuePath
from isoguide.workflow.motion.figures import MotionFigures, residual_of
from isoguide.workflow.motion.recorded import RecordedGate, RecordedWatch
from isoguide.workflow.motion.recording import Recording, RecordingHeader, RecordingWriter

TRUTH_EVERY_S: Final = 0.1
"""The truth is written down so often: a deep breath goes 12 mm in a second, about 1 mm in this time."""
CLOCK: Final = "the clock of the virtual room"


@dataclass(frozen=True, slots=True, eq=False)
class MonitoredDelivery:
    """One delivery under a gate.

    Parameters
    ----------
    recording
        What was seen, decided and done, and where the target really was.
    figures
        What that comes to.
    ungated
        Where the target really was during as much beam as was given, from its first moment on and without a
        pause: what a delivery without a gate would have met. None where there was no beam.
    path
        Where the recording was written.
    """

    recording: Recording
    figures: MotionFigures
    ungated: MotionResidual | None
    path: Path


@dataclass(frozen=True, slots=True, eq=False)
class Monitored:
    """What a fraction is watched by.

    Parameters
    ----------
    asked
        The device, and what beam needs, as a protocol says it.
    settings
        What the gate demands.
    folder
        Gets a recording of each delivery.
    patient_id, plan_uid, fraction
        What it is about.
    """

    asked: Monitoring
    settings: GateSettings
    folder: Path
    patient_id: str
    plan_uid: str
    fraction: int


Decides = Callable[[TargetWatch, GateSettings], Gate]
"""Makes a gate around what watches."""


class RoomGate:
    """The gate of a virtual room; each time it is armed a new recording begins.

    Parameters
    ----------
    room
        Its target is watched.
    monitored
        By what, and where it is recorded.
    decides
        Makes the gate.

    Attributes
    ----------
    deliveries
        Those that have ended.

    Raises
    ------
    InputError
        If the patient has nothing that the device could watch.
    """

    def __init__(self, room: VirtualRoom, monitored: Monitored, decides: Decides = predicting_gate) -> None:
        self._room, self._monitored, self._decides = room, monitored, decides
        self._watch = motion_watch(room, monitored.asked)
        self._target = TissuePath(room.truth, room.truth.target_points_mm)
        self._gate = decides(self._watch, monitored.settings)
        self._writer: RecordingWriter | None = None
        self._was_on = False
        self._begun_s = self._truth_due_s = 0.0
        self.deliveries: list[MonitoredDelivery] = []

    @property
    def period_s(self) -> float:
        """How often it wants to be asked."""
        return self._gate.period_s

    @property
    def permit_s(self) -> float:
        """How long a permission lasts without another one."""
        return self._gate.permit_s

    def arm(self) -> None:
        """Begin a recording, and to watch.

        Raises
        ------
        IsoguideError
            If what watches cannot, or the recording cannot be written.
        """
        self.finish()
        writer = RecordingWriter(self._free_path(), self._header())
        recorded = RecordedWatch(self._watch, writer)
        self._writer, self._was_on = writer, False
        self._gate = RecordedGate(
            self._decides(recorded, self._monitored.settings), writer, self._room.clock.now
        )
        self._gate.arm()
        self._begun_s = self._truth_due_s = self._room.clock.seconds

    def look(self, now: datetime) -> GateDecision:
        """Decide, and note what beam and target do."""
        decision = self._gate.look(now)
        self._note_beam()
        self._note_truth()
        return decision

    def end(self) -> None:
        """Stop watching, and end the recording."""
        try:
            self._gate.end()
        finally:
            self.finish()

    def finish(self) -> Path | None:
        """End the recording of a delivery and return it; None where none is open.

        Raises
        ------
        IsoguideError
            If it cannot be written, or read again.
        """
        writer = self._writer
        if writer is None:
            return None
        self._note_beam()
        self._writer = None
        writer.close()
        recording = Recording.read(writer.path)
        if recording.decisions:
            figures = MotionFigures.of(recording)
            self.deliveries.append(MonitoredDelivery(recording, figures, self._ungated(figures), writer.path))
        return writer.path

    def _note_beam(self) -> None:
        status = self._room.beam.peek()
        if self._writer is not None and status.is_on is not self._was_on:
            self._was_on = status.is_on
            self._writer.beam(status.read_at, is_on=status.is_on, delivered_mu=status.delivered_mu)

    def _note_truth(self) -> None:
        now_s = self._room.clock.seconds
        if self._writer is not None and now_s >= self._truth_due_s:
            self._truth_due_s = now_s + TRUTH_EVERY_S
            self._writer.truth(self._room.clock.now(), self._target.displacement_mm(now_s))

    def _ungated(self, figures: MotionFigures) -> MotionResidual | None:
        if not figures.beam:
            return None
        clock, beam_on_s = self._room.clock, figures.beam_on_s
        first_s = (figures.beam[0][0] - clock.at(0.0)) / timedelta(seconds=1)
        last_s = min(first_s + beam_on_s, LONGEST_S)
        seconds = np.arange(first_s, last_s, TRUTH_EVERY_S).tolist()
        truth = [(clock.at(at_s), self._target.displacement_mm(at_s)) for at_s in seconds]
        return residual_of(truth, [(clock.at(first_s), clock.at(last_s))])

    def _header(self) -> RecordingHeader:
        about, asked = self._monitored, self._monitored.asked
        return RecordingHeader(
            self._room.clock.now(),
            about.patient_id,
            about.plan_uid,
            about.fraction,
            DEVICE_WORDS[asked.device],
            about.settings,
            self._planned_mm() if asked.looks_for_markers else np.empty((0, 3)),
            CLOCK,
        )

    def _planned_mm(self) -> Array:
        truth = self._room.truth
        places = np.array([one.position_mm for one in truth.patient.fiducials]).reshape(-1, 3)
        return truth.wanted.apply(places)

    def _free_path(self) -> Path:
        folder, number = self._monitored.folder, self._monitored.fraction
        count, path = 1, folder / f"fraction-{number}.jsonl"
        while path.exists():
            count += 1
            path = folder / f"fraction-{number}-{count}.jsonl"
        return path
