"""Recordings of the target during the beam: written line by line as it happens, read back strictly.

A file is begun once and only grows: a line is handed to the operating system before the next one is made, so
that a crash of the program costs at most the line that was being written.
"""

import json
import os
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from pydantic import TypeAdapter, ValidationError

import isoguide
from isoguide.errors import GeometryError, InputError, MissingEvidenceError, OutputError, UnreadableError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.gating import GateDecision
from isoguide.motion.sample import Sighting
from isoguide.workflow.motion.recording_lines import (
    FORMAT,
    ArmLine,
    BeamLine,
    DecisionLine,
    HeaderLine,
    Line,
    MarkLine,
    SampleLine,
    TruthLine,
    UnseenLine,
    decision_line,
    settings_of,
    settings_values,
    sighting_line,
    time,
)
from isoguide.workflow.radiographs.strict_json import said_of, without_doubles

DECISION_EVERY: Final = timedelta(seconds=1)
"""A decision that changes nothing is written this often."""
CUT: Final = "the last line is cut off, so what happened last may be missing"
_LINES: Final[TypeAdapter[Any]] = TypeAdapter(Line)


@dataclass(frozen=True, slots=True, eq=False)
class RecordingHeader:
    """What a recording is about.

    Parameters
    ----------
    started_at
        Aware UTC.
    patient_id, plan_uid, fraction
        Whose, by which plan, and which fraction; 0 for none.
    device
        What watches the target, in words.
    settings
        What the gate demands.
    planned_mm
        Planned places of what is watched, such as markers, IEC fixed, (m, 3); none for a surface.
    clock
        Whose time all times are, in words.
    made_by
        Program and version.
    """

    started_at: datetime
    patient_id: str
    plan_uid: str
    fraction: int
    device: str
    settings: GateSettings
    planned_mm: Array
    clock: str
    made_by: str = f"isoguide {isoguide.__version__}"

    def __post_init__(self) -> None:
        rows = np.reshape(self.planned_mm, (-1, 3)) if np.size(self.planned_mm) == 0 else self.planned_mm
        planned = frozen_array(rows, (-1, 3), "the planned places")
        object.__setattr__(self, "planned_mm", planned)

    def line(self) -> dict[str, Any]:
        """Return it as the first line of a file."""
        return {
            "kind": "header",
            "format": FORMAT,
            "made_by": self.made_by,
            "started_at": time(self.started_at),
            "patient_id": self.patient_id,
            "plan_uid": self.plan_uid,
            "fraction": self.fraction,
            "device": self.device,
            "clock": self.clock,
            "planned_mm": self.planned_mm.tolist(),
            "gate": settings_values(self.settings),
        }


class RecordingWriter:
    """Writes one recording; may be used by several threads.

    Parameters
    ----------
    path
        The file, which must not exist.
    header
        What it is about.

    Raises
    ------
    OutputError
        If there is such a file, or it cannot be written; every other method likewise.
    """

    def __init__(self, path: Path, header: RecordingHeader) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._last: GateDecision | None = None
        self._passed_over: GateDecision | None = None
        self._frames: set[int] = set()
        if path.exists():
            msg = f"{path} exists already, and a recording is never overwritten: choose another name"
            raise OutputError(msg)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("xb", buffering=0)
        except OSError as error:
            raise self._failed(error) from error
        self._write(header.line())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def sighting(self, seen: Sighting, taken_at: datetime) -> None:
        """Write what one frame said, and when the gate had it."""
        self._frames.add(seen.number)
        self._write(sighting_line(seen, taken_at))

    def decision(self, decision: GateDecision) -> None:
        """Write a decision if it changes state or reason, or a second after the last one that was written.

        The last of all is written too, when the gate is armed anew or the recording is closed. The frame
        that it was made with is written before it, where that has not been done.
        """
        with self._lock:
            last = self._last
            is_same = last is not None and (last.state, last.reason) == (decision.state, decision.reason)
            self._passed_over = None
            if last is not None and is_same and abs(decision.at - last.at) < DECISION_EVERY:
                self._passed_over = decision
                return
            self._last = decision
        self._write_decision(decision)

    def _write_decision(self, decision: GateDecision) -> None:
        if decision.sighting is not None and decision.sighting.number not in self._frames:
            self.sighting(decision.sighting, decision.at)
        self._write(decision_line(decision))

    def _write_last_decision(self) -> None:
        """Write the newest decision where it was passed over: it says until when the one before held."""
        with self._lock:
            decision, self._passed_over = self._passed_over, None
        if decision is not None:
            self._write_decision(decision)

    def beam(self, at: datetime, *, is_on: bool, delivered_mu: float) -> None:
        """Write that the beam went on or off, and how much had been delivered by then."""
        self._write({"kind": "beam", "at": time(at), "is_on": is_on, "delivered_mu": float(delivered_mu)})

    def arm(self, at: datetime) -> None:
        """Write that the gate was armed, or armed anew."""
        self._write_last_decision()
        self._write({"kind": "arm", "at": time(at)})

    def mark(self, at: datetime, by: str, words: str) -> None:
        """Write what somebody wants to be found again."""
        self._write({"kind": "mark", "at": time(at), "by": by, "words": words})

    def truth(self, at: datetime, position_mm: Array) -> None:
        """Write where a virtual target really was, as in :class:`~isoguide.motion.sample.TargetSample`."""
        self._write({"kind": "truth", "at": time(at), "position_mm": [float(value) for value in position_mm]})

    def close(self) -> None:
        """End the recording, flushed to the disk; harmless when it has ended."""
        if not self._file.closed:
            self._write_last_decision()
        with self._lock:
            if self._file.closed:
                return
            try:
                os.fsync(self._file.fileno())
                self._file.close()
            except OSError as error:
                raise self._failed(error) from error

    def _write(self, line: dict[str, Any]) -> None:
        try:
            text = json.dumps(line, separators=(",", ":"), ensure_ascii=False, allow_nan=False) + "\n"
        except ValueError as error:
            msg = f"a line of the recording {self.path} cannot be written ({error}): nothing of it was"
            raise OutputError(msg) from error
        with self._lock:
            try:
                self._write_all(text.encode())
            except (OSError, ValueError) as error:
                raise self._failed(error) from error

    def _write_all(self, content: bytes) -> None:
        """Write without a buffer, which may take less than all at once."""
        rest = memoryview(content)
        while rest:
            rest = rest[self._file.write(rest) :]

    def _failed(self, error: OSError | ValueError) -> OutputError:
        reason = getattr(error, "strerror", None) or error
        return OutputError(
            f"cannot write the recording {self.path} ({reason}): make room, or choose another place"
        )


@dataclass(frozen=True, slots=True)
class TakenSighting:
    """What a frame said, and when the gate had it."""

    taken_at: datetime
    seen: Sighting


@dataclass(frozen=True, slots=True)
class BeamChange:
    """The beam went on or off; ``delivered_mu`` counts from the begin of the delivery."""

    at: datetime
    is_on: bool
    delivered_mu: float


@dataclass(frozen=True, slots=True)
class Mark:
    """What somebody wanted to be found again."""

    at: datetime
    by: str
    words: str


@dataclass(frozen=True, slots=True, eq=False)
class TruePosition:
    """Where a virtual target really was, (3,) mm."""

    at: datetime
    position_mm: Array


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A recording, each kind of line in the order in which it was written.

    ``arms`` says when the gate was armed. ``findings`` are sentences about what is wrong with the file and
    could be read all the same.
    """

    header: RecordingHeader
    sightings: tuple[TakenSighting, ...]
    decisions: tuple[GateDecision, ...]
    beam: tuple[BeamChange, ...]
    arms: tuple[datetime, ...]
    marks: tuple[Mark, ...]
    truth: tuple[TruePosition, ...]
    findings: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a recording; one whose last line is cut off is read up to it.

        Raises
        ------
        MissingEvidenceError
            If there is no such file.
        UnreadableError
            If it cannot be read, or is no recording.
        InputError
            If a line says what cannot be; the sentence names line and value.
        """
        texts, findings = _texts(path)
        numbered = enumerate(texts, start=1)
        first = _line(path, *next(numbered))
        if not isinstance(first, HeaderLine):
            raise _no_recording(path)
        reading = _Reading()
        for number, text in numbered:
            line = _line(path, number, text)
            try:
                reading.take(line)
            except (InputError, GeometryError) as error:
                raise _said_at(path, number, error) from None
        try:
            header = _header(first)
        except (InputError, GeometryError) as error:
            raise _said_at(path, 1, error) from None
        return cls(header, **reading.parts(), findings=findings)


class _Reading:
    """Sorts lines by their kind."""

    def __init__(self) -> None:
        self._sightings: list[TakenSighting] = []
        self._decisions: list[GateDecision] = []
        self._beam: list[BeamChange] = []
        self._arms: list[datetime] = []
        self._marks: list[Mark] = []
        self._truth: list[TruePosition] = []
        self._frames: dict[int, Sighting] = {}

    def take(self, line: Any) -> None:
        match line:
            case SampleLine() | UnseenLine():
                taken = TakenSighting(line.taken_at, line.value())
                self._sightings.append(taken)
                self._frames[line.number] = taken.seen
            case DecisionLine():
                self._decisions.append(line.value(self._frame(line.frame)))
            case BeamLine():
                self._beam.append(BeamChange(line.at, line.is_on, line.delivered_mu))
            case ArmLine():
                self._arms.append(line.at)
            case MarkLine():
                self._marks.append(Mark(line.at, line.by, line.words))
            case TruthLine():
                self._truth.append(TruePosition(line.at, frozen_array(line.position_mm, (3,), "the truth")))
            case _:
                msg = "it is a second header: two recordings were joined, part them again"
                raise InputError(msg)

    def _frame(self, number: int | None) -> Sighting | None:
        if number is not None and number not in self._frames:
            msg = f"the decision was made with frame {number}, which no line before it holds"
            raise InputError(msg)
        return None if number is None else self._frames[number]

    def parts(self) -> dict[str, Any]:
        return {
            "sightings": tuple(self._sightings),
            "decisions": tuple(self._decisions),
            "beam": tuple(self._beam),
            "arms": tuple(self._arms),
            "marks": tuple(self._marks),
            "truth": tuple(self._truth),
        }


def _texts(path: Path) -> tuple[list[str], tuple[str, ...]]:
    """Return the whole lines of a file, and what is wrong with the last one."""
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        msg = f"there is no recording {path}: correct the name"
        raise MissingEvidenceError(msg) from None
    except OSError as error:
        msg = f"cannot read {path} ({error.strerror}): give a recording that can be read"
        raise UnreadableError(msg) from error
    whole, newline, rest = content.rpartition(b"\n")
    if not newline:
        raise _no_recording(path)
    try:
        texts = whole.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise _no_recording(path) from None
    return texts, (f"{path.name}: {CUT}",) if rest else ()


def _no_recording(path: Path) -> UnreadableError:
    return UnreadableError(
        f"{path} is no recording of a target: its first line has to be a header of {FORMAT}"
    )


def _line(path: Path, number: int, text: str) -> Any:
    try:
        json.loads(text, object_pairs_hook=without_doubles)
    except ValueError as error:
        if number == 1:
            raise _no_recording(path) from None
        msg = f"{path}, line {number}: it is not JSON ({error})"
        raise UnreadableError(msg) from None
    try:
        return _LINES.validate_json(text)
    except ValidationError as error:
        msg = f"{path}, line {number}: {said_of(error)}"
        raise InputError(msg) from None


def _said_at(path: Path, number: int, error: InputError | GeometryError) -> InputError:
    return InputError(f"{path}, line {number}: {error}")


def _header(line: HeaderLine) -> RecordingHeader:
    return RecordingHeader(
        line.started_at,
        line.patient_id,
        line.plan_uid,
        line.fraction,
        line.device,
        settings_of(line.gate),
        np.array(line.planned_mm),
        line.clock,
        line.made_by,
    )
