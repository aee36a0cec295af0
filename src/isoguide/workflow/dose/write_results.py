"""What the dose of a plan leaves behind: the dose as DICOM, a report, a document."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from isoguide.dicom import DoseDetails, write_dose
from isoguide.dicom.part10 import new_uid
from isoguide.dose.result import DoseDistribution
from isoguide.progress import Progress, part_of, silent
from isoguide.workflow.documents import document_text, with_writing
from isoguide.workflow.dose.compute import PlanDose, dose_of_plan
from isoguide.workflow.dose.document import dose_document
from isoguide.workflow.dose.report import plan_dose_html
from isoguide.workflow.dose.request import DoseRequest
from isoguide.workflow.output_folder import published_folder, write_text

DOCUMENT, PAGE, DOSE = "dose.json", "report.html", "rtdose.dcm"
RESULT_NAMES: Final = (DOCUMENT, PAGE, DOSE)


def dose_into(
    request: DoseRequest, target: Path, *, overwrite: bool = False, progress: Progress = silent
) -> PlanDose:
    """Compute the dose of a plan and write all results into a folder, all at once or not at all.

    Raises
    ------
    InputError
        As :func:`isoguide.workflow.dose.compute.dose_of_plan`.
    OutputError
        If the folder cannot be written, or holds results and ``overwrite`` is not set.
    """
    with published_folder(target, RESULT_NAMES, overwrite=overwrite) as folder:
        answer = dose_of_plan(request, part_of(progress, 0.0, 0.85))
        return write_results(answer, folder, progress=part_of(progress, 0.85, 1.0))


def write_results(answer: PlanDose, folder: Path, *, progress: Progress = silent) -> PlanDose:
    """Write the results into an existing folder; return the answer with the time of writing.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    start = time.perf_counter()
    progress(0.0, "writing the dose")
    _write_dose(answer, folder / DOSE)
    progress(0.3, "drawing the report")
    write_text(folder / PAGE, plan_dose_html(answer))
    answer = replace(answer, timing_s=with_writing(answer.timing_s, start))
    write_text(folder / DOCUMENT, document_text(dose_document(answer)))
    progress(1.0, "done")
    return answer


def dose_comment(dose: DoseDistribution) -> str:
    """Say in a DICOM attribute how a dose was computed."""
    return f"{dose.algorithm}, {dose.beam_data}"


def _write_dose(answer: PlanDose, path: Path) -> None:
    """Write the dose of all fractions, as planning systems do."""
    order, planning = answer.given.order, answer.given.planning
    structures = planning.structure_set
    dose = answer.planned.placed.dose
    details = DoseDetails(
        plan_uid=order.plan.sop_instance_uid,
        summation="PLAN",
        structure_set_uid=structures.sop_instance_uid if structures is not None else "",
        comment=dose_comment(dose),
        created_at=answer.created_at,
        sop_instance_uid=new_uid(),
    )
    write_dose(path, dose.scaled(order.prescription.fractions), image=planning.image, details=details)
