"""What holds the beam of a connected room: a target that leaves its place, and other people's steps."""

from datetime import datetime, timedelta
from typing import Final

import numpy as np

from isoguide.motion.sample import TargetSample
from isoguide.records import Records
from isoguide.treatment.fraction import Monitor
from isoguide.treatment.intrafraction import Displacement
from isoguide.workflow.clinic.connected_room import ConnectedRoom
from isoguide.workflow.clinic.recorder import FractionRecorder

FRESH: Final = timedelta(seconds=0.5)
"""An older sample of the target says nothing about now."""
LOOK_EVERY: Final = timedelta(seconds=1)
"""How often the records are asked whether somebody else made a step of this fraction."""


def target_displacement(room: ConnectedRoom) -> Displacement | None:
    """Return what tells how far the target is from its place by the plan; None where nothing watches it."""
    if not room.watches_target:
        return None

    def displacement(now: datetime) -> float | None:
        sample = room.target()
        if not isinstance(sample, TargetSample) or abs(now - sample.at) > FRESH:
            return None
        return float(np.linalg.norm(sample.position_mm))

    return displacement


def unchanged_monitor(records: Records, recorder: FractionRecorder) -> Monitor:
    """Hold when somebody else made a step of this fraction: two would treat one patient."""
    key = recorder.stored.line.key
    looked_at: datetime | None = None

    def watch(now: datetime) -> str | None:
        nonlocal looked_at
        if looked_at is not None and now - looked_at < LOOK_EVERY:
            return None
        looked_at = now
        versions = {line.key: line.version for line in records.unfinished_fractions()}
        if versions.get(key) == recorder.version:
            return None
        return f"somebody else made a step of {key} while the beam was on"

    return watch
