"""The ladder of corrections for a day at the console, and a corrected plan as a file."""

import tempfile
from datetime import datetime
from pathlib import Path

from isoguide.adaptation.ladder import climb
from isoguide.adaptation.problem import AdaptationProblem
from isoguide.adaptation.result import RungDose, RungResult
from isoguide.dicom.corrected_plan import CorrectedPlanDetails, write_corrected_plan
from isoguide.dose.placement import DoseSettings
from isoguide.errors import MissingEvidenceError
from isoguide.geometry.frames import DAILY
from isoguide.geometry.iec61217 import fixed_from_daily
from isoguide.images.structure import Structure
from isoguide.progress import Progress
from isoguide.records.image_store import ImageStore
from isoguide.treatment.protocol_limits import fraction_limits
from isoguide.workflow.adapt.write_results import LABELS
from isoguide.workflow.clinic.day_dose import ComputedDose, setup_of
from isoguide.workflow.clinic.pictures.open_image import OpenImage
from isoguide.workflow.dose.day import DoseOrder


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


def why_no_plans(dose: ComputedDose) -> str:
    """Say why no corrected plan is given out; empty where it is."""
    verdict = dose.record.verdict
    return "" if dose.record.is_for_decision else f"no plan shall rest on a day that is {verdict}"


def plan_file(image: OpenImage, store: ImageStore, result: RungResult, now: datetime) -> bytes:
    """Return the corrected plan of a rung as an RTPLAN: UNAPPROVED, and naming its predecessor.

    Parameters
    ----------
    image
        The image of the day that it was corrected for.
    store
        Has the file of the plan that was corrected.
    result
        A rung with a plan.
    now
        When it was made, aware.

    Raises
    ------
    MissingEvidenceError
        If the rung has no plan, or the file of its predecessor or the series of the image is not known.
    InputError
        If the predecessor is not the plan that was corrected.
    OutputError
        If it cannot be written.
    """
    plan, predecessor, series = result.plan, image.day.plan.plan_sha256, image.day.series
    if plan is None or not predecessor or series is None:
        msg = f"there is no file of a plan for '{result.rung}': register the course with its plan"
        raise MissingEvidenceError(msg)
    details = CorrectedPlanDetails(
        label=f"{LABELS[result.rung]} {plan.label}",
        description="; ".join((f"UNAPPROVED: {result.rung}", *result.changes)),
        created_at=now,
        frame_of_reference_uid=series.frame_of_reference_uid if result.plan_frame == DAILY else "",
    )
    with tempfile.TemporaryDirectory(prefix="isoguide-") as folder:
        path = Path(folder) / "rtplan.dcm"
        write_corrected_plan(path, store.path_of(predecessor), plan, details)
        return path.read_bytes()
