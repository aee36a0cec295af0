"""What a fraction gives to other systems: registrations, reports, and the record of what was delivered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from isoguide.course import AXES, MatchRecord
from isoguide.dicom import (
    AxisUncertainty,
    ImageSeries,
    PositionReport,
    ReferencedSeries,
    TreatmentRecord,
    WrittenObject,
    load_daily_set,
    scan_folder,
    write_position_report,
    write_spatial_registration,
    write_treatment_record,
)
from isoguide.dicom.radiograph_header import radiograph_header
from isoguide.errors import MissingEvidenceError
from isoguide.geometry.correction import ANGLE_ORDER
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.transforms import RigidTransform
from isoguide.plan import Plan
from isoguide.progress import Progress, part_of, silent
from isoguide.records import StoredCourse, StoredFraction
from isoguide.records.image_store import ImageStore
from isoguide.registration.result import CHI_95_PER_AXIS
from isoguide.treatment import Event
from isoguide.treatment.match import BY_HAND
from isoguide.treatment.summary import standing
from isoguide.workflow.clinic.course_planning import planning_hashes, planning_of, stored_files
from isoguide.workflow.clinic.kept_fraction import read_kept
from isoguide.workflow.clinic.kept_image import KeptImage, kept_image
from isoguide.workflow.clinic.open_fraction import protocol_of
from isoguide.workflow.day_kind import look_at_day
from isoguide.workflow.inputs import PlanningInput
from isoguide.workflow.output_folder import published_folder
from isoguide.workflow.radiographs.report_series import referenced_radiographs
from isoguide.workflow.request import AlignRequest, UltrasoundChoice
from isoguide.workflow.ultrasound.load_day import load_ultrasound_day

TREATMENT_RECORD: Final = "treatment-record.dcm"
_MOST_IMAGES: Final = 99
FILE_NAMES: Final = (
    *(f"registration-{number}.dcm" for number in range(1, _MOST_IMAGES + 1)),
    *(f"report-{number}.dcm" for number in range(1, _MOST_IMAGES + 1)),
    TREATMENT_RECORD,
)


@dataclass(frozen=True, slots=True)
class ExportedFraction:
    """What was written, and what was left out with the reason."""

    files: tuple[Path, ...]
    left_out: tuple[str, ...]


def export_fraction(
    course: StoredCourse,
    stored: StoredFraction,
    store: ImageStore,
    target: Path,
    *,
    overwrite: bool = False,
    progress: Progress = silent,
) -> ExportedFraction:
    """Write the DICOM objects of a fraction into a folder, all at once or not at all.

    A registration and a report for each image that was matched, of its last match, whoever made it, and an RT
    Beams Treatment Record when something was delivered.

    Parameters
    ----------
    course, stored, store
        As the records hold them.
    target
        The folder.
    overwrite
        Replace an earlier export.
    progress
        Told what is done.

    Raises
    ------
    MissingEvidenceError
        If there is nothing to write, or an image was not kept.
    OutputError
        If the folder cannot be written, or holds an export and ``overwrite`` is not set.
    """
    with published_folder(target, FILE_NAMES, overwrite=overwrite) as folder:
        with stored_files(store, planning_hashes(course.simulation)) as plan_folder:
            planning = planning_of(course, plan_folder, part_of(progress, 0.0, 0.4))
        if planning.series is None or planning.plan is None:
            msg = f"the planning files of {course.line.course_id} hold no CT or no plan: restore a backup"
            raise MissingEvidenceError(msg)
        export = _Export(course, stored, store, planning, planning.series, planning.plan)
        written = export.write(folder, part_of(progress, 0.4, 1.0))
    names = tuple(target / path.name for path in written.files)
    return ExportedFraction(names, written.left_out)


@dataclass(frozen=True, slots=True, eq=False)
class _Export:
    course: StoredCourse
    stored: StoredFraction
    store: ImageStore
    read: PlanningInput
    planning: ImageSeries
    plan: Plan

    def write(self, folder: Path, progress: Progress) -> ExportedFraction:
        daily: list[ReferencedSeries] = []
        registrations: list[WrittenObject] = []
        files: list[Path] = []
        left_out: list[str] = []
        # Two registrations of one image contradict each other: only the one that stands goes out.
        matches = standing(self.stored.matches)
        for number, match in enumerate(matches, start=1):
            progress(number / (len(matches) + 1), f"Writing image {number}")
            series = self._series_of(match)
            if series is None:
                left_out.append(
                    f"image {match.image_uid} was not kept as one DICOM series, so nothing can refer to it"
                )
                continue
            daily.append(series.series)
            placed = self._write_registration(folder / f"registration-{number}.dcm", match, series)
            if placed is not None:
                registrations.append(placed)
                files.append(placed.path)
            report = self._write_report(folder / f"report-{number}.dcm", match, series.series, placed)
            files += [report] if report is not None else []
        record = self._write_record(folder / TREATMENT_RECORD, daily, registrations)
        if record is not None:
            files.append(record)
        else:
            left_out.append("nothing was delivered, so there is no treatment record")
        if not files:
            msg = f"{self.stored.line.key} has nothing to export: {'; '.join(left_out)}"
            raise MissingEvidenceError(msg)
        return ExportedFraction(tuple(files), tuple(left_out))

    def _series_of(self, match: MatchRecord) -> "_DailySeries | None":
        image = next(one for one in self.stored.images if one.uid == match.image_uid)
        if not image.sha256:
            return None
        kept = kept_image(self.store, image.sha256)
        with stored_files(self.store, kept.files) as folder:
            contents = scan_folder(folder)
            if contents.radiographs:
                found = referenced_radiographs([radiograph_header(file) for file in contents.radiographs])
                return _DailySeries(found) if found is not None else None
            if contents.ultrasound:
                return _ultrasound_series(self.read, folder, kept)
            return _DailySeries(load_daily_set(contents).image)

    def _write_registration(
        self, path: Path, match: MatchRecord, daily: "_DailySeries"
    ) -> WrittenObject | None:
        if match.planning_from_daily is None:
            return None
        placed = RigidTransform(PLANNING, DAILY, match.planning_from_daily)
        if daily.daily_from_file is not None:
            placed = placed @ daily.daily_from_file
        return write_spatial_registration(path, placed, planning=self.planning, daily=daily.series)

    def _write_report(
        self, path: Path, match: MatchRecord, daily: ReferencedSeries, registration: WrittenObject | None
    ) -> Path | None:
        is_by_hand = match.algorithm == BY_HAND
        if (match.correction is not None and not is_by_hand) != (match.deviation is not None):
            return None
        protocol = protocol_of(self.course)
        report = PositionReport(
            verdict=match.verdict,
            reasons=match.reasons,
            correction=match.correction,
            uncertainty=_uncertainty(match),
            order_of_operations=ANGLE_ORDER,
            match_region=f"as protocol {protocol.label} says",
            algorithm=match.algorithm,
            algorithm_version=match.version,
            settings=(f"settings = {match.settings_sha256}",),
            degrees_of_freedom=protocol.match.degrees_of_freedom,
            is_by_hand=is_by_hand,
        )
        write_position_report(path, report, planning=self.planning, daily=daily, registration=registration)
        return path

    def _write_record(
        self, path: Path, daily: Sequence[ReferencedSeries], registrations: Sequence[WrittenObject]
    ) -> Path | None:
        if not any(one.delivered_mu > 0.0 for one in self.stored.deliveries):
            return None
        kept = read_kept(self.stored.memory, str(self.stored.line.key))
        started_at, ended_at = _beam_times(self.stored)
        record = TreatmentRecord(
            plan_uid=self.course.simulation.plan_uid,
            fraction=self.stored.line.key.number,
            started_at=started_at,
            ended_at=ended_at,
            machine=self.course.simulation.machine,
            deliveries=self.stored.deliveries,
            couch=kept.memory.destination if kept.memory is not None else None,
            operator=_operator(self.stored),
        )
        write_treatment_record(
            path,
            record,
            plan=self.plan,
            image=daily[0] if daily else self.planning,
            daily=daily,
            registrations=registrations,
        )
        return path


@dataclass(frozen=True, slots=True, eq=False)
class _DailySeries:
    """An image that a registration refers to, and where its frame of reference is where it is not DAILY."""

    series: ReferencedSeries
    daily_from_file: RigidTransform | None = None


def _ultrasound_series(planning: PlanningInput, folder: Path, kept: KeptImage) -> _DailySeries | None:
    request = AlignRequest(planning.path, folder, ultrasound=UltrasoundChoice(against="ct"))
    daily = load_ultrasound_day(request, planning, look_at_day(request))
    if daily.series is None or daily.daily_from_file is None or kept.machine_isocentre_mm is None:
        return None
    # It is read about the isocentre; the match is in the axes in which the room gave it.
    offset_mm = kept.machine_isocentre_mm - daily.isocentre.xyz_mm
    there = RigidTransform.translation(DAILY, DAILY, offset_mm)
    return _DailySeries(daily.series, there @ daily.daily_from_file)


def _uncertainty(match: MatchRecord) -> AxisUncertainty | None:
    if match.deviation is None:
        return None
    half_widths = (float(value) * CHI_95_PER_AXIS for value in match.deviation)
    return AxisUncertainty(**dict(zip(AXES, half_widths, strict=True)))


def _beam_times(stored: StoredFraction) -> tuple[datetime, datetime]:
    on = [step.entry.at for step in stored.steps if step.entry.event in (Event.TURN_ON, Event.RESUME)]
    off = [
        step.entry.at
        for step in stored.steps
        if step.entry.event in (Event.DELIVER, Event.HOLD, Event.STOP) and step.entry.at >= on[0]
    ]
    return on[0], off[-1]


def _operator(stored: StoredFraction) -> str:
    return next(step.by for step in stored.steps if step.entry.event is Event.TURN_ON)
