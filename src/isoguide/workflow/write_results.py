"""Everything an alignment leaves behind: two DICOM objects, a report for people, a document for programs."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

import isoguide
from isoguide.dicom import (
    AxisUncertainty,
    PositionReport,
    ReferencedSeries,
    WrittenObject,
    write_position_report,
    write_spatial_registration,
)
from isoguide.geometry.correction import ANGLE_ORDER
from isoguide.geometry.transforms import RigidTransform
from isoguide.progress import Progress, part_of, silent
from isoguide.workflow.align import align
from isoguide.workflow.alignment import Alignment, DayInput
from isoguide.workflow.documents import with_writing
from isoguide.workflow.output_folder import published_folder, write_text
from isoguide.workflow.radiographs.align_views import ViewsInput
from isoguide.workflow.radiographs.report_series import referenced_radiographs
from isoguide.workflow.report_html import report_html
from isoguide.workflow.request import AlignRequest
from isoguide.workflow.result_json import result_document, result_text
from isoguide.workflow.ultrasound.align_input import UltrasoundInput

REGISTRATION, REPORT, PAGE, DOCUMENT = "registration.dcm", "report.dcm", "report.html", "result.json"
RESULT_NAMES: Final = (REGISTRATION, REPORT, PAGE, DOCUMENT)


def align_into(
    request: AlignRequest, target: Path, *, overwrite: bool = False, progress: Progress = silent
) -> Alignment:
    """Align and write all results into a folder, all at once or not at all.

    Raises
    ------
    InputError
        As :func:`isoguide.workflow.align.align`.
    OutputError
        If the folder cannot be written, or holds results and ``overwrite`` is not set.
    """
    with published_folder(target, RESULT_NAMES, overwrite=overwrite) as folder:
        alignment = align(request, part_of(progress, 0.0, 0.85))
        return write_results(alignment, folder, progress=part_of(progress, 0.85, 1.0))


def write_results(alignment: Alignment, folder: Path, *, progress: Progress = silent) -> Alignment:
    """Write the results into an existing folder; return the alignment with notes and times of writing.

    DICOM objects are written only where both images are DICOM, and a registration only where there is an
    answer; what is left out is added to the warnings, which the report and the document repeat.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    start = time.perf_counter()
    missing = _left_out(alignment)
    alignment = replace(alignment, warnings=(*alignment.warnings, *missing))
    progress(0.0, "Drawing the report and writing DICOM objects")
    # Most of the drawing runs outside the interpreter's lock.
    with ThreadPoolExecutor(max_workers=1) as pool:
        dicom_written = pool.submit(_write_dicom, alignment, folder)
        write_text(folder / PAGE, report_html(alignment))
        progress(0.7, "Writing DICOM objects")
        dicom_written.result()
    progress(0.9, "Writing the document")
    alignment = replace(alignment, timing_s=with_writing(alignment.timing_s, start))
    write_text(folder / DOCUMENT, result_text(result_document(alignment)))
    progress(1.0, "Done")
    return alignment


def _left_out(alignment: Alignment) -> tuple[str, ...]:
    if alignment.planning.series is None or _daily_series(alignment) is None:
        return (f"{REGISTRATION} and {REPORT} were not written: they need {_needed(alignment.daily)}",)
    if alignment.planning_from_daily is None:
        return (f"{REGISTRATION} was not written: there is no answer",)
    return ()


def _needed(daily: DayInput) -> str:
    if isinstance(daily, ViewsInput) and daily.origins:
        return "a planning CT as DICOM, and radiographs of one series with a frame of reference"
    if isinstance(daily, UltrasoundInput):
        return "a planning CT and an ultrasound volume as DICOM (isoguide ultrasound reconstruct makes one)"
    return "both images as DICOM"


def _daily_series(alignment: Alignment) -> ReferencedSeries | None:
    daily = alignment.daily
    if isinstance(daily, ViewsInput):
        return referenced_radiographs([origin.header for origin in daily.origins])
    return daily.series


def _registered(alignment: Alignment) -> RigidTransform | None:
    """Return planning from the frame of reference of the day's image."""
    daily, found = alignment.daily, alignment.planning_from_daily
    if found is None or not isinstance(daily, UltrasoundInput) or daily.daily_from_file is None:
        return found
    return found @ daily.daily_from_file


def _write_dicom(alignment: Alignment, folder: Path) -> None:
    planning, daily = alignment.planning.series, _daily_series(alignment)
    if planning is None or daily is None:
        return
    written: WrittenObject | None = None
    registered = _registered(alignment)
    if registered is not None:
        written = write_spatial_registration(
            folder / REGISTRATION, registered, planning=planning, daily=daily
        )
    _write_report(alignment, folder / REPORT, planning=planning, daily=daily, registration=written)


def _write_report(
    alignment: Alignment,
    path: Path,
    *,
    planning: ReferencedSeries,
    daily: ReferencedSeries,
    registration: WrittenObject | None,
) -> None:
    half_widths = alignment.half_widths
    matched = alignment.registration
    settings = tuple(f"{key} = {value}" for key, value in sorted(matched.settings.items()))
    report = PositionReport(
        verdict=alignment.verdict,
        reasons=alignment.reasons,
        correction=alignment.correction,
        uncertainty=AxisUncertainty(**half_widths)
        if half_widths is not None and alignment.rotation_was_measured
        else None,
        order_of_operations=ANGLE_ORDER,
        match_region=str(alignment.request.region),
        algorithm=matched.algorithm,
        algorithm_version=isoguide.__version__,
        settings=settings,
        degrees_of_freedom=alignment.request.degrees_of_freedom,
    )
    write_position_report(path, report, planning=planning, daily=daily, registration=registration)
