"""Everything a ladder leaves behind: corrected plans and their doses, what a re-plan needs, report, document.

Nothing is sent anywhere, and no corrected plan is approved: a person takes the one he chose to the planning
system, which checks and approves it there.
"""

import shutil
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from isoguide.adaptation.result import Rung, RungResult
from isoguide.dicom import (
    CtAcquisition,
    DoseDetails,
    ImageSeries,
    SeriesUids,
    StructureSetDetails,
    WrittenSeries,
    write_ct_series,
    write_dose,
    write_structure_set,
)
from isoguide.dicom.corrected_plan import CorrectedPlanDetails, write_corrected_plan
from isoguide.dicom.part10 import new_uid
from isoguide.dose.result import DoseDistribution
from isoguide.errors import OutputError
from isoguide.geometry.frames import DAILY
from isoguide.images.volume import Volume
from isoguide.progress import Progress, part_of, silent
from isoguide.workflow.adapt.adapt import Adaptation, adapt
from isoguide.workflow.adapt.document import adaptation_document
from isoguide.workflow.adapt.files import (
    CONTOURS,
    DOCUMENT,
    DOSE,
    FOLDERS,
    PAGE,
    PLAN,
    RESULT_NAMES,
    folder_of,
    why_no_files,
)
from isoguide.workflow.adapt.report import adaptation_html
from isoguide.workflow.adapt.request import AdaptRequest
from isoguide.workflow.documents import document_text, with_writing
from isoguide.workflow.dose.write_results import dose_comment
from isoguide.workflow.inputs import DailyInput
from isoguide.workflow.output_folder import published_folder, write_text

LABELS = {
    Rung.VIRTUAL_COUCH_SHIFT: "VCS",
    Rung.APERTURE_MORPHING: "MORPHED",
    Rung.REWEIGHTING: "REWEIGHTED",
}
"""Put before the predecessor's label, so that the 16 characters of DICOM keep them."""
SERIES_NUMBER = 91


def adapt_into(
    request: AdaptRequest, target: Path, *, overwrite: bool = False, progress: Progress = silent
) -> Adaptation:
    """Climb the ladder and write all results into a folder, all at once or not at all.

    Raises
    ------
    InputError
        As :func:`isoguide.workflow.adapt.adapt.adapt`.
    OutputError
        If the folder cannot be written, or holds results and ``overwrite`` is not set.
    """
    with published_folder(target, RESULT_NAMES, overwrite=overwrite) as folder:
        answer = adapt(request, part_of(progress, 0.0, 0.9))
        return write_results(answer, folder, progress=part_of(progress, 0.9, 1.0))


def write_results(answer: Adaptation, folder: Path, *, progress: Progress = silent) -> Adaptation:
    """Write the results into an existing folder; return the answer with the time of writing.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    start = time.perf_counter()
    progress(0.0, "writing DICOM objects")
    if not why_no_files(answer):
        _write_dicom(answer, folder)
    progress(0.6, "drawing the report")
    write_text(folder / PAGE, adaptation_html(answer))
    answer = replace(answer, timing_s=with_writing(answer.timing_s, start))
    write_text(folder / DOCUMENT, document_text(adaptation_document(answer)))
    progress(1.0, "done")
    return answer


def _write_dicom(answer: Adaptation, folder: Path) -> None:
    series = answer.assessment.alignment.daily
    if not isinstance(series, DailyInput) or series.series is None or answer.problem is None:
        return
    day = folder / FOLDERS[Rung.REPLAN]
    _make(day)
    image = _write_image(answer, answer.problem.density, series.series, day / "ct")
    structures_uid = new_uid()
    details = StructureSetDetails("ANATOMY OF DAY", structures_uid, datetime.now(), generation="AUTOMATIC")
    write_structure_set(day / CONTOURS, answer.problem.structures, image=image, details=details)
    planning = answer.assessment.alignment.planning.dicom
    if planning is None or planning.plan_path is None:
        return
    _copy(planning.plan_path, day / "predecessor.dcm")
    for one in answer.ladder:
        if one.rung is Rung.UNCORRECTED and one.effect is not None:
            _write_dose(answer, one.effect.dose, image, day / DOSE, structures_uid)
        if folder_of(one, answer) is not None and one.plan is not None:
            _write_corrected(
                answer, one, folder / FOLDERS[one.rung], planning.plan_path, image, structures_uid
            )


def _write_image(answer: Adaptation, density: Volume, daily: ImageSeries, folder: Path) -> WrittenSeries:
    """Write the density of the day as a CT in the frame of reference of the day's image."""
    position = daily.patient_position or answer.assessment.alignment.planning.patient_position
    acquisition = CtAcquisition(
        acquired_at=daily.acquired_at or datetime.now(),
        model="isoguide density of the day",
        description="Density of the day for planning anew",
        body_part="",
        kilovoltage=None,
        study=daily.study,
        series_number=SERIES_NUMBER,
        derivation="; ".join(("density of the day for dose", *answer.approximations))[:1000],
    )
    return write_ct_series(
        folder,
        density,
        patient=daily.patient,
        patient_position=position,
        uids=SeriesUids(daily.study_instance_uid, new_uid(), daily.frame_of_reference_uid),
        acquisition=acquisition,
    )


def _write_corrected(
    answer: Adaptation,
    one: RungResult,
    folder: Path,
    predecessor: Path,
    image: WrittenSeries,
    structures_uid: str,
) -> None:
    if one.plan is None:
        return
    _make(folder)
    is_of_day = one.plan_frame == DAILY
    details = CorrectedPlanDetails(
        label=f"{LABELS[one.rung]} {one.plan.label}",
        description="; ".join((f"UNAPPROVED: {one.rung}", *one.changes)),
        created_at=answer.created_at,
        frame_of_reference_uid=image.frame_of_reference_uid if is_of_day else "",
        structure_set_uid=structures_uid if is_of_day else "",
    )
    write_corrected_plan(folder / PLAN, predecessor, one.plan, details)
    if one.effect is not None:
        _write_dose(answer, one.effect.dose, image, folder / DOSE, structures_uid)


def _write_dose(
    answer: Adaptation, dose: DoseDistribution, image: WrittenSeries, path: Path, structures_uid: str
) -> None:
    details = DoseDetails(
        plan_uid=dose.plan_uid,
        summation="FRACTION_SESSION",
        structure_set_uid=structures_uid,
        comment=dose_comment(dose),
        created_at=answer.created_at,
        sop_instance_uid=new_uid(),
    )
    write_dose(path, dose, image=image, details=details)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        msg = f"cannot write {folder.name} ({error.strerror}): free some space or choose another --out"
        raise OutputError(msg) from error


def _copy(source: Path, target: Path) -> None:
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        msg = f"cannot copy {source.name} ({error.strerror}): free some space or choose another --out"
        raise OutputError(msg) from error
