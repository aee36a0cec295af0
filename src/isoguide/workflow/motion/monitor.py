"""What ``isoguide monitor`` does: from a recording, images or a trace to a report about the gate."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from isoguide.errors import InputError, MissingEvidenceError
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.prediction import Predictor
from isoguide.plan import PatientPosition
from isoguide.progress import Progress, part_of, silent
from isoguide.registration.markers import DeclaredMarkers
from isoguide.treatment.protocol_limits import gate_settings
from isoguide.workflow.documents import document_text
from isoguide.workflow.motion.document import (
    MonitoringDocument,
    PredictionDocument,
    monitoring_document,
)
from isoguide.workflow.motion.figures import MotionFigures
from isoguide.workflow.motion.recording import Recording
from isoguide.workflow.motion.replay import not_judged, play
from isoguide.workflow.motion.report import write_monitoring_report
from isoguide.workflow.motion.trace_file import read_trace
from isoguide.workflow.motion.track_images import watch_images
from isoguide.workflow.motion.watch_trace import prediction_error, prediction_words, watch_trace
from isoguide.workflow.output_folder import published_folder
from isoguide.workflow.protocol_file import load_protocol
from isoguide.workflow.request import AlignRequest, Point, RadiographChoice
from isoguide.workflow.review.write_files import PAGE, write_files

DOCUMENT: Final = "monitoring.json"
RECORDING: Final = "recording.jsonl"
MONITOR_NAMES: Final = (PAGE, DOCUMENT, RECORDING)
"""What the folder of results holds."""
RECORDING_SUFFIX: Final = ".jsonl"
_BEGIN: Final = b'{"kind":"header"'
TRACE_SUFFIX: Final = ".csv"
UNGATED_REASONS: Final = ("re-align", "stopped")
"""States of the gate for which somebody has to look."""


@dataclass(frozen=True, slots=True)
class GateChoice:
    """What a user says about the gate.

    Parameters
    ----------
    protocol
        A protocol file or the name of one that ships, whose section "monitoring" is taken; None: none.
    changes
        Settings by the names of :class:`~isoguide.motion.gate_settings.GateSettings`, instead of those of
        protocol or recording.
    predicts
        Whether the target is predicted over the latency.
    """

    protocol: str | None = None
    changes: Mapping[str, float] = field(default_factory=dict)
    predicts: bool = True

    @property
    def is_stated(self) -> bool:
        """Whether the user said anything."""
        return self.protocol is not None or bool(self.changes) or not self.predicts

    def settings(self, recorded: GateSettings | None = None) -> GateSettings:
        """Return what the gate demands; ``recorded`` is what it demanded in a recording.

        Raises
        ------
        MissingEvidenceError
            If nothing says how wide the gate is.
        InputError
            If a value is impossible, or the protocol does not ask for monitoring.
        """
        base = gate_settings(load_protocol(self.protocol).protocol) if self.protocol is not None else recorded
        changes: dict[str, Any] = dict(self.changes)
        if base is not None:
            return replace(base, **changes)
        if "gate_mm" not in changes:
            msg = "nothing says how wide the gate is: give its radius with --gate MM, or a protocol"
            raise MissingEvidenceError(msg)
        return GateSettings(**changes)

    def predictor(self) -> Predictor | None:
        """Return what predicts the target, None where nothing shall."""
        return Predictor() if self.predicts else None


@dataclass(frozen=True, slots=True)
class MonitorRequest:
    """What is to be monitored.

    Parameters
    ----------
    source
        A recording, a trace, a frames file or a folder of radiographs.
    gate
        What decides.
    planning, isocentre_mm, patient_position
        For images: the planning export, and what a user says that it does not.
    markers, radiographs
        What was implanted, and what a user says about the images.
    """

    source: Path
    gate: GateChoice
    planning: Path | None = None
    isocentre_mm: Point | None = None
    patient_position: PatientPosition | None = None
    markers: DeclaredMarkers | None = None
    radiographs: RadiographChoice = field(default_factory=RadiographChoice)


@dataclass(frozen=True, slots=True, eq=False)
class Monitored:
    """What came of it.

    Parameters
    ----------
    recording
        That the report shows.
    figures
        Of it.
    document
        The same for programs.
    notes
        What a user has to know.
    """

    recording: Recording
    figures: MotionFigures
    document: MonitoringDocument
    notes: tuple[str, ...]

    @property
    def somebody_has_to_look(self) -> bool:
        """Whether the gate asked to align anew, or stopped."""
        return any(hold.state in UNGATED_REASONS for hold in self.figures.holds)


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """What a gate is to decide by: frames as a recording, and what is known beside them."""

    recording: Recording
    notes: tuple[str, ...] = ()
    prediction: PredictionDocument | None = None


def monitor(
    request: MonitorRequest, out: Path, *, overwrite: bool = False, progress: Progress = silent
) -> Monitored:
    """Monitor whatever the source is, and write the results into a folder, all at once or not at all.

    Parameters
    ----------
    request
        What is monitored.
    out, overwrite, progress
        As for :func:`monitor_recording`.

    Raises
    ------
    InputError
        If the source or the gate cannot be used.
    OutputError
        If the folder cannot be written, or holds results and ``overwrite`` is not set.
    """
    source, gate = request.source, request.gate
    _require_known(source)
    if _is_recording(source):
        _refuse_images(request)
        return monitor_recording(source, out, gate, overwrite=overwrite, progress=progress)
    settings = gate.settings()
    if source.suffix.lower() == TRACE_SUFFIX and not source.is_dir():
        _refuse_images(request)
        watched = _watched_trace(source, settings)
        return monitor_watched(source.name, watched, out, gate, overwrite=overwrite, progress=progress)
    recording, notes = watch_images(
        _aligning(request),
        request.markers,
        settings,
        now=datetime.now(UTC),
        progress=part_of(progress, 0.0, 0.6),
    )
    return monitor_watched(
        source.name,
        Watched(recording, notes),
        out,
        gate,
        overwrite=overwrite,
        progress=part_of(progress, 0.6, 1.0),
    )


def _watched_trace(path: Path, settings: GateSettings) -> Watched:
    trace = read_trace(path)
    recording, notes = watch_trace(trace, settings)
    found = prediction_error(trace, settings.system_latency_s)
    return Watched(recording, (*prediction_words(found), *notes), found)


def _aligning(request: MonitorRequest) -> AlignRequest:
    """Return what the readers of the planning side and of radiographs take."""
    if request.planning is None:
        msg = (
            f"nothing says where the plan wants what {request.source} shows: give the export with --planning"
        )
        raise MissingEvidenceError(msg)
    return AlignRequest(
        planning=request.planning,
        isocentre_mm=request.isocentre_mm,
        patient_position=request.patient_position,
        daily=request.source,
        markers=request.markers,
        radiographs=request.radiographs,
    )


def _refuse_images(request: MonitorRequest) -> None:
    for name, value in (("--planning", request.planning), ("--markers", request.markers)):
        if value is not None:
            msg = f"{request.source} holds no images, so {name} means nothing: leave it out"
            raise InputError(msg)


def monitor_recording(
    path: Path, out: Path, choice: GateChoice, *, overwrite: bool = False, progress: Progress = silent
) -> Monitored:
    """Report a recording, or play it through another gate where the user says so and report that.

    Parameters
    ----------
    path
        The recording.
    out
        Folder for ``report.html``, ``monitoring.json`` and ``recording.jsonl``.
    choice
        The gate; when nothing is stated the recording is reported as it is.
    overwrite
        Replace earlier results.
    progress
        Told how far it is.

    Raises
    ------
    InputError
        If the recording or the gate cannot be used.
    OutputError
        If the folder cannot be written, or holds results and ``overwrite`` is not set.
    """
    recording = Recording.read(path)
    if choice.is_stated:
        return monitor_watched(
            path.name, Watched(recording), out, choice, overwrite=overwrite, progress=progress
        )
    figures = MotionFigures.of(recording)
    with published_folder(out, MONITOR_NAMES, overwrite=overwrite) as folder:
        progress(0.3, "drawing the report")
        shutil.copyfile(path, folder / RECORDING)
        done = Monitored(recording, figures, monitoring_document(path.name, recording, figures), ())
        _write(done, folder, _title(recording))
    return done


def monitor_watched(
    source: str,
    watched: Watched,
    out: Path,
    choice: GateChoice,
    *,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Monitored:
    """Let a gate decide over frames that were seen, and report what it does.

    Parameters
    ----------
    source
        What it is called in the document.
    watched
        The frames.
    out, choice, overwrite, progress
        As for :func:`monitor_recording`.

    Raises
    ------
    InputError
        If the gate cannot be used.
    OutputError
        As for :func:`monitor_recording`.
    """
    given = watched.recording
    settings = choice.settings(given.header.settings if given.decisions else None)
    with published_folder(out, MONITOR_NAMES, overwrite=overwrite) as folder:
        played = play(
            given,
            settings,
            folder / RECORDING,
            predictor=choice.predictor(),
            progress=part_of(progress, 0.0, 0.6),
        )
        progress(0.6, "drawing the report")
        figures = MotionFigures.of(played)
        before = MotionFigures.of(given) if given.decisions else None
        notes = (*watched.notes, *_compared(before, given, figures, settings), *not_judged(given, played))
        document = monitoring_document(
            source, played, figures, as_recorded=before, prediction=watched.prediction, findings=notes
        )
        done = Monitored(replace(played, findings=given.findings), figures, document, notes)
        _write(done, folder, _title(given))
    return done


def _write(done: Monitored, folder: Path, title: str) -> None:
    write_monitoring_report(done.recording, folder, title=title, notes=done.notes)
    write_files(folder, {DOCUMENT: document_text(done.document).encode()})


def _title(recording: Recording) -> str:
    number = recording.header.fraction
    return f"Target during the beam of fraction {number}" if number else "Target during the beam"


def _compared(
    before: MotionFigures | None, given: Recording, after: MotionFigures, settings: GateSettings
) -> tuple[str, ...]:
    """Say what another gate changed."""
    if before is None:
        return ()
    told = [
        "Played again: the frames are those of the recording, the decisions are those of another gate. As it "
        f"was recorded, the gate of {given.header.settings.gate_mm:g} mm had a duty cycle of "
        f"{100.0 * before.duty_cycle:.0f} % and {len(before.holds)} holds; a gate of {settings.gate_mm:g} mm "
        f"has {100.0 * after.duty_cycle:.0f} % and {len(after.holds)}."
    ]
    if before.inside is not None and after.inside is not None:
        now_mm, then_mm = after.inside.p95_length_mm, before.inside.p95_length_mm
        told.append(
            f"With the beam on, 95 % of the frames show the target within {now_mm:.1f} mm; as recorded, "
            f"within {then_mm:.1f} mm."
        )
    return tuple(told)


def _is_recording(path: Path) -> bool:
    """Tell a recording by its name, or by its begin: in the image store it has the name of its hash."""
    if path.is_dir() or path.suffix.lower() == RECORDING_SUFFIX:
        return not path.is_dir()
    try:
        with path.open("rb") as file:
            return file.read(len(_BEGIN)) == _BEGIN
    except OSError:
        return False


def _require_known(path: Path) -> None:
    if not path.exists():
        msg = f"there is no {path}: give a recording (.jsonl), trace (.csv), frames file (.json) or folder"
        raise MissingEvidenceError(msg)
    known = (TRACE_SUFFIX, ".json")
    if path.is_file() and not _is_recording(path) and path.suffix.lower() not in known:
        msg = (
            f"{path} is no recording (.jsonl), trace (.csv) or frames file (.json), and no folder of images: "
            "give one of these"
        )
        raise InputError(msg)
