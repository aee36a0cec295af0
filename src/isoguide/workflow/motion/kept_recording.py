"""The recording of one delivery: where it is written, and what is kept of it when the beam has ended."""

from pathlib import Path

from isoguide.course import MotionRecord
from isoguide.records.image_store import ImageStore
from isoguide.workflow.motion.figures import MotionFigures
from isoguide.workflow.motion.recording import Recording, RecordingHeader, RecordingWriter


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


class DeliveryRecordings:
    """The recordings of one fraction, each delivery: ``fraction-4.jsonl``, then ``fraction-4-2.jsonl``.

    Parameters
    ----------
    folder
        Where they are written.
    store
        Where they are kept when the beam has ended.
    """

    def __init__(self, folder: Path, store: ImageStore) -> None:
        self._folder, self._store = folder, store
        self._writer: RecordingWriter | None = None

    def begin(self, header: RecordingHeader) -> RecordingWriter:
        """Begin the recording of a delivery; one that is open is ended, and its file stays.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        if self._writer is not None:
            self._writer.close()
        self._writer = RecordingWriter(self._free(header.fraction), header)
        return self._writer

    def end(self) -> MotionRecord | None:
        """End the recording of a delivery and keep it; None where none is open.

        Raises
        ------
        IsoguideError
            As :func:`keep_recording`; the file stays where it was written.
        """
        writer, self._writer = self._writer, None
        if writer is None:
            return None
        writer.close()
        return keep_recording(writer.path, self._store)

    def _free(self, fraction: int) -> Path:
        path, count = self._folder / f"fraction-{fraction}.jsonl", 1
        while path.exists():
            count += 1
            path = self._folder / f"fraction-{fraction}-{count}.jsonl"
        return path
