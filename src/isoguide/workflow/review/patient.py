"""Review a course and write everything about it, all at once or nothing."""

from pathlib import Path
from typing import Final

from isoguide.course import CourseHistory
from isoguide.progress import Progress, silent
from isoguide.review.anatomy_trends import AnatomyTrend
from isoguide.review.dose_trends import DoseTrend
from isoguide.review.patient import PatientReview, PatientSettings, review_patient
from isoguide.workflow.output_folder import published_folder
from isoguide.workflow.review.for_patient import for_patient_html
from isoguide.workflow.review.patient_figures import patient_pictures
from isoguide.workflow.review.patient_json import patient_review_text
from isoguide.workflow.review.patient_page import patient_html
from isoguide.workflow.review.patient_tables import patient_tables
from isoguide.workflow.review.write_files import FIGURES, PAGE, TABLES, encoded, write_files

SHEET, DOCUMENT = "for-the-patient.html", "patient-review.json"
PATIENT_NAMES: Final = (PAGE, SHEET, DOCUMENT, FIGURES, TABLES)


def review_patient_into(
    history: CourseHistory,
    target: Path,
    *,
    settings: PatientSettings | None = None,
    anatomy: AnatomyTrend | None = None,
    dose: DoseTrend | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> PatientReview:
    """Review a course and write page, sheet for the patient, document, figures and tables into a folder.

    Parameters
    ----------
    history
        The course.
    target
        The folder.
    settings
        What the errors are held against.
    anatomy
        How the patient's anatomy changed; None where nobody asked.
    dose
        What his days delivered; None where nobody asked.
    overwrite
        Replace an earlier review.
    progress
        Told what is done.

    Raises
    ------
    InputError
        If fractions are numbered twice, or not from 1.
    OutputError
        If the folder cannot be written, or holds results and ``overwrite`` is not set.
    """
    with published_folder(target, PATIENT_NAMES, overwrite=overwrite) as folder:
        progress(0.0, "Reviewing the course")
        review = review_patient(history, settings, anatomy, dose)
        progress(0.2, "Drawing")
        write_patient_review(review, folder)
        return review


def write_patient_review(review: PatientReview, folder: Path) -> None:
    """Write everything about a course into an existing folder.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    pictures = patient_pictures(review)
    files = {
        PAGE: patient_html(review, pictures).encode(),
        SHEET: for_patient_html(review.course).encode(),
        DOCUMENT: patient_review_text(review).encode(),
    }
    write_files(folder, files | encoded(pictures, patient_tables(review)))
