"""Everything an assessment leaves behind: contours and deformation as DICOM, a report, a document, a CT."""

import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from isoguide.dicom import (
    CtAcquisition,
    DoseDetails,
    ImageSeries,
    RegistrationDetails,
    SeriesUids,
    StructureSetDetails,
    write_ct_series,
    write_deformable_registration,
    write_dose,
    write_structure_set,
)
from isoguide.dicom.part10 import new_uid
from isoguide.dose.density import DensityImage
from isoguide.progress import Progress, part_of, silent
from isoguide.registration.deformable.result import FieldVerdict
from isoguide.workflow.assess.assess import Assessment, assess
from isoguide.workflow.assess.document import assessment_document
from isoguide.workflow.assess.dose import AssessedDose
from isoguide.workflow.assess.report import assessment_html
from isoguide.workflow.assess.request import AssessRequest
from isoguide.workflow.documents import document_text, with_writing
from isoguide.workflow.dose.write_results import dose_comment
from isoguide.workflow.inputs import DailyInput
from isoguide.workflow.output_folder import published_folder, write_text

DOCUMENT, PAGE, CONTOURS, DEFORMATION, DENSITY, DOSE = (
    "assessment.json",
    "report.html",
    "rtstruct.dcm",
    "deformation.dcm",
    "density",
    "rtdose.dcm",
)
RESULT_NAMES: Final = (DOCUMENT, PAGE, CONTOURS, DEFORMATION, DENSITY, DOSE)
SERIES_NUMBER: Final = 90
"""Of the density: far from those that scanners give."""
LABELS: Final = {
    FieldVerdict.FOR_DECISION: "ANATOMY OF DAY",
    FieldVerdict.NOT_FOR_DECISION: "NOT FOR DECISION",
}
"""What DICOM objects are called, in at most 16 characters, for those who see nothing else of the answer."""


def assess_into(
    request: AssessRequest, target: Path, *, overwrite: bool = False, progress: Progress = silent
) -> Assessment:
    """Assess and write all results into a folder, all at once or not at all.

    Raises
    ------
    InputError
        As :func:`isoguide.workflow.assess.assess.assess`.
    OutputError
        If the folder cannot be written, or holds results and ``overwrite`` is not set.
    """
    with published_folder(target, RESULT_NAMES, overwrite=overwrite) as folder:
        assessment = assess(request, part_of(progress, 0.0, 0.85))
        return write_results(assessment, folder, progress=part_of(progress, 0.85, 1.0))


def write_results(assessment: Assessment, folder: Path, *, progress: Progress = silent) -> Assessment:
    """Write the results into an existing folder; return the assessment with notes and times of writing.

    DICOM objects are written only where both images are DICOM and there is a field, a density only where the
    field is for decision; what is left out is added to the warnings, which report and document repeat.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    start = time.perf_counter()
    assessment = replace(assessment, warnings=(*assessment.warnings, *_left_out(assessment)))
    progress(0.0, "writing DICOM objects")
    _write_dicom(assessment, folder)
    progress(0.4, "drawing the report")
    write_text(folder / PAGE, assessment_html(assessment))
    assessment = replace(assessment, timing_s=with_writing(assessment.timing_s, start))
    write_text(folder / DOCUMENT, document_text(assessment_document(assessment)))
    progress(1.0, "done")
    return assessment


def _left_out(assessment: Assessment) -> tuple[str, ...]:
    """Name the files that are not written, and why."""
    asked = ((DENSITY, assessment.request.density), (DOSE, assessment.request.dose))
    names = [CONTOURS, DEFORMATION, *(name for name, wanted in asked if wanted is not None)]
    anatomy = assessment.anatomy
    if anatomy is None or anatomy.found.field is None:
        return (f"{_listed(names)} were not written: there is no deformation",)
    if assessment.alignment.planning.series is None or _series_of(assessment) is None:
        return (f"{_listed(names)} were not written: they need both images as DICOM",)
    notes = []
    if not anatomy.carried:
        notes.append(f"{CONTOURS} was not written: no structure could be assessed")
    if DENSITY in names and assessment.verdict is not FieldVerdict.FOR_DECISION:
        why = "no dose shall rest on a deformation that is not for decision"
        notes.append(f"{DENSITY} was not written: {why}")
    if DOSE in names and (assessment.dose is None or assessment.dose.day.dose is None):
        notes.append(f"{DOSE} was not written: there is no dose of the day")
    return tuple(notes)


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _series_of(assessment: Assessment) -> ImageSeries | None:
    daily = assessment.alignment.daily
    return daily.series if isinstance(daily, DailyInput) else None


def _write_dicom(assessment: Assessment, folder: Path) -> None:
    anatomy, planning = assessment.anatomy, assessment.alignment.planning.series
    daily = _series_of(assessment)
    if anatomy is None or anatomy.found.field is None or planning is None or daily is None:
        return
    label, now, contours_uid = LABELS[assessment.verdict], datetime.now(), new_uid()
    if anatomy.carried:
        details = StructureSetDetails(label, contours_uid, now, generation="AUTOMATIC")
        write_structure_set(folder / CONTOURS, anatomy.carried, image=daily, details=details)
    told = RegistrationDetails(
        label=label.replace("-", "_"), description=f"Anatomy of the day, {assessment.verdict}"
    )
    write_deformable_registration(
        folder / DEFORMATION, anatomy.found, planning=planning, daily=daily, details=told
    )
    if anatomy.density and assessment.verdict is FieldVerdict.FOR_DECISION:
        _write_density(assessment, anatomy.density[0], daily, folder / DENSITY)
    if assessment.dose is not None:
        _write_dose(assessment.dose, daily, folder / DOSE, contours_uid)


def _write_dose(found: AssessedDose, daily: ImageSeries, path: Path, contours_uid: str) -> None:
    """Write the dose as treated, of one fraction, in the frame of reference of the day's image."""
    day = found.day
    if day.dose is None:
        return
    doubt = "" if day.verdict is FieldVerdict.FOR_DECISION else "NOT FOR DECISION, "
    details = DoseDetails(
        plan_uid=found.planned.order.plan.sop_instance_uid,
        summation="FRACTION_SESSION",
        structure_set_uid=contours_uid,
        comment=f"{doubt}{dose_comment(day.dose)}",
        created_at=datetime.now(),
        series_number=SERIES_NUMBER + 1,
        sop_instance_uid=new_uid(),
    )
    write_dose(path, day.dose, image=daily, details=details)


def _write_density(assessment: Assessment, density: DensityImage, daily: ImageSeries, folder: Path) -> None:
    """Write the density as a CT series in the study and the frame of reference of the day's image."""
    position = daily.patient_position or assessment.alignment.planning.patient_position
    told = "; ".join((f"density of the day for dose: {density.method.value}", *density.approximations))
    acquisition = CtAcquisition(
        acquired_at=daily.acquired_at or datetime.now(),
        model="isoguide density of the day",
        description=f"Density for dose: {density.method.value}",
        body_part="",
        kilovoltage=None,
        study=daily.study,
        series_number=SERIES_NUMBER,
        derivation=told,
    )
    write_ct_series(
        folder,
        density.volume,
        patient=daily.patient,
        patient_position=position,
        uids=SeriesUids(daily.study_instance_uid, new_uid(), daily.frame_of_reference_uid),
        acquisition=acquisition,
    )
