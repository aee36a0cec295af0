"""What is kept of the recording of a delivery when the beam has ended."""

from pathlib import Path

from isoguide.course import MotionRecord
from isoguide.records.image_store import ImageStore
from isoguide.workflow.motion.figures import MotionFigures
from isoguide.workflow.motion.recording import Recording


def keep_recording(path: Path, store: ImageStore) -> MotionRecord | None:
    """Put a recording that has ended into the image store; say what it comes to, None without a decision.

    Raises
    ------
    UnreadableError, InputError
        If it is no sound recording.
    OutputError
        If the store cannot be written.
    """
    recording = Recording.read(path)
    if not recording.decisions:
        return None
    return MotionFigures.of(recording).record(recording, store.add(path))
