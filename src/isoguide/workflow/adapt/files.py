"""Which files a ladder leaves behind, and when."""

from typing import Final

from isoguide.adaptation.result import Rung, RungResult
from isoguide.registration.deformable.result import FieldVerdict
from isoguide.workflow.adapt.adapt import Adaptation
from isoguide.workflow.inputs import DailyInput

DOCUMENT, PAGE = "adapt.json", "report.html"
PLAN, DOSE, CONTOURS = "rtplan.dcm", "rtdose.dcm", "rtstruct.dcm"
FOLDERS: Final = {
    Rung.VIRTUAL_COUCH_SHIFT: "virtual-couch-shift",
    Rung.APERTURE_MORPHING: "aperture-morphing",
    Rung.REWEIGHTING: "re-weighting",
    Rung.REPLAN: "re-plan",
}
"""The day's image, structures and doses lie in the folder for a re-plan; corrected plans refer to them."""
RESULT_NAMES: Final = (DOCUMENT, PAGE, *FOLDERS.values())


def why_no_files(answer: Adaptation) -> str:
    """Say why no DICOM is written; empty where it is."""
    if answer.problem is None:
        return "there is no dose of the day"
    if answer.request.displacement is not None:
        return "no plan shall rest on a displacement that was stated by hand"
    if answer.verdict is not FieldVerdict.FOR_DECISION:
        return f"no plan shall rest on a day that is {answer.verdict}"
    daily = answer.assessment.alignment.daily
    planning = answer.assessment.alignment.planning
    if planning.dicom is None or not isinstance(daily, DailyInput) or daily.series is None:
        return "it needs both images as DICOM"
    return ""


def folder_of(one: RungResult, answer: Adaptation) -> str | None:
    """Return the folder of a rung's files; None where it has none."""
    if not one.is_available or one.rung not in FOLDERS or why_no_files(answer):
        return None
    return FOLDERS[one.rung]
