"""The ladder of corrections for a day at the console, and a corrected plan as a file."""

import tempfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from isoguide.adaptation.ladder import climb
from isoguide.adaptation.problem import AdaptationProblem
from isoguide.adaptation.result import RungDose, RungResult
from isoguide.dicom import ImageSeries
from isoguide.dicom.write_plan import PlanDetails, write_plan
from isoguide.dose.placement import DoseSettings
from isoguide.errors import MissingEvidenceError
from isoguide.geometry.frames import DAILY
from isoguide.geometry.iec61217 import fixed_from_daily
from isoguide.images.structure import Structure
from isoguide.progress import Progress
from isoguide.treatment.protocol_limits import fraction_limits
from isoguide.workflow.clinic.day_dose import ComputedDose, setup_of
from isoguide.workflow.clinic.pictures.open_image import OpenImage
from isoguide.workflow.dose.day import DoseOrder

UNAPPROVED: Final = "UNAPPROVED"


def climb_ladder(image: OpenImage, dose: ComputedDose, progress: Progress) -> tuple[RungResult, ...]:
    """Work out each correction, from the patient as he lay before the couch moved.

    Raises
    ------
    MissingEvidenceError
        If the day's dose has no target, or none could be computed.
    InputError
        If the plan cannot be corrected.
    Cancelled
        If ``progress`` asked to stop.
    """
    return climb(_problem(image, dose), progress)


def _problem(image: OpenImage, dose: ComputedDose) -> AdaptationProblem:
    order, day, setup = dose.planned.order, dose.day, setup_of(image)
    if day.density is None:
        msg = "there is no dose of the day to correct: compute it first"
        raise MissingEvidenceError(msg)
    placed = dose.planned.placed
    return AdaptationProblem(
        plan=order.plan,
        planned=RungDose(placed.dose, placed.histograms, placed.goals),
        planned_target=_target(order),
        density=day.density.volume,
        structures=day.structures,
        fixed_from_daily=fixed_from_daily(setup.patient_position, setup.machine_isocentre_mm),
        planning_from_daily=image.counting_pose(),
        machine=order.machine,
        couch=fraction_limits(image.day.plan.protocol).couch.degrees_of_freedom,
        goals=order.goals,
        fractions=order.prescription.fractions,
        prescription_gy=order.prescription.dose_gy,
        body=day.density.body,
        settings=DoseSettings(algorithm=order.algorithm, spacing_mm=order.spacing_mm),
    )


def _target(order: DoseOrder) -> Structure:
    found = next((one for one in order.structures if one.name == order.target_name), None)
    if found is None:
        msg = "no target is known, and beams are corrected for one: register the course with its target"
        raise MissingEvidenceError(msg)
    return found


def plan_file(image: OpenImage, result: RungResult, now: datetime) -> bytes:
    """Return the corrected plan of a rung as an RTPLAN, marked UNAPPROVED.

    Parameters
    ----------
    image
        The image of the day that it was corrected for.
    result
        A rung with a plan.
    now
        When it was made, aware.

    Raises
    ------
    MissingEvidenceError
        If the rung has no plan, or nobody knows the series that its isocentre lies in.
    OutputError
        If it cannot be written.
    """
    plan, series = result.plan, _series(image, result)
    if plan is None:
        msg = f"'{result.rung}' has no plan of its own"
        raise MissingEvidenceError(msg)
    in_frame = replace(plan, frame_of_reference_uid=series.frame_of_reference_uid, approval_status=UNAPPROVED)
    with tempfile.TemporaryDirectory(prefix="isoguide-") as folder:
        path = Path(folder) / "plan.dcm"
        write_plan(path, in_frame, image=series, details=PlanDetails(created_at=now))
        return path.read_bytes()


def _series(image: OpenImage, result: RungResult) -> ImageSeries:
    series = image.day.series if result.plan_frame == DAILY else image.day.plan.series
    if series is None:
        msg = f"nobody knows the series of image {image.day.image.uid}, so no plan can refer to it"
        raise MissingEvidenceError(msg)
    return series
