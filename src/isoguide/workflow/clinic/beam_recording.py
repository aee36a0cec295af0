"""The recording of one delivery under a gate: it grows in a folder of its own and ends in the image store."""

import secrets
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.course import MotionRecord, SimulationRecord
from isoguide.course.monitoring import DEVICE_WORDS, Monitoring
from isoguide.geometry.frames import Array
from isoguide.geometry.iec61217 import fixed_from_planning
from isoguide.motion.gate_settings import GateSettings
from isoguide.records.image_store import ImageStore
from isoguide.treatment.ports import BeamStatus
from isoguide.workflow.motion.kept_recording import keep_recording
from isoguide.workflow.motion.recording import Recording, RecordingHeader, RecordingWriter

FOLDER: Final = "motion"
"""Beside the image store: what lies there was not kept, because the process ended before its beam did."""


class BeamRecording:
    """Writes what the target, the gate and the beam did, and keeps it with the fraction.

    Parameters
    ----------
    store
        Where it is kept in the end; it grows in the folder ``motion`` beside it.
    header
        What it is about.

    Raises
    ------
    OutputError
        If it cannot be written.
    """

    def __init__(self, store: ImageStore, header: RecordingHeader) -> None:
        name = f"{header.started_at:%Y%m%dT%H%M%S}-fraction-{header.fraction}-{secrets.token_hex(4)}.jsonl"
        self._store = store
        self.writer = RecordingWriter(store.folder.with_name(FOLDER) / name, header)
        self._was_on = False
        self._kept: MotionRecord | None = None

    @property
    def path(self) -> Path:
        """Where it grows."""
        return self.writer.path

    def note_beam(self, status: BeamStatus | None) -> None:
        """Write what the machine says of the beam, where it went on or off.

        Raises
        ------
        OutputError
            If that cannot be written.
        """
        if status is not None and status.is_on is not self._was_on:
            self.writer.beam(status.read_at, is_on=status.is_on, delivered_mu=status.delivered_mu)
            self._was_on = status.is_on

    def keep(self, status: BeamStatus | None) -> MotionRecord | None:
        """End it, put it into the image store and return what it comes to; None where no gate decided.

        Asking again returns the same.

        Raises
        ------
        IsoguideError
            If it cannot be written, read or kept; it stays where it grew.
        """
        if self._kept is None:
            self.note_beam(status)
            self.writer.close()
            self._kept = keep_recording(self.path, self._store)
        return self._kept

    def end(self) -> None:
        """End it at last, and take away what is kept elsewhere, or says nothing; never raises."""
        with suppress(Exception):
            self.writer.close()
            if self._kept is not None or not Recording.read(self.path).decisions:
                self.path.unlink()


def recording_header(
    simulation: SimulationRecord,
    fraction: int,
    monitoring: Monitoring,
    settings: GateSettings,
    *,
    started_at: datetime,
    room: str,
) -> RecordingHeader:
    """Return what the recording of a delivery is about."""
    return RecordingHeader(
        started_at,
        simulation.patient.patient_id,
        simulation.plan_uid,
        fraction,
        DEVICE_WORDS[monitoring.device],
        settings,
        _planned_mm(simulation) if monitoring.looks_for_markers else np.zeros((0, 3)),
        f"the clock of {room}",
    )


def _planned_mm(simulation: SimulationRecord) -> Array:
    """Return where the plan wants the markers that the structure set names, IEC fixed (m, 3)."""
    places: Array = np.array([one.position_mm for one in simulation.fiducials]).reshape(-1, 3)
    return fixed_from_planning(str(simulation.patient_position), simulation.isocentre_mm).apply(places)
