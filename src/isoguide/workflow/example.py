"""A built-in patient with known truth, written as the DICOM files a clinic would export."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.dicom import (
    CtAcquisition,
    PatientIdentity,
    PlanDetails,
    SeriesUids,
    StructureSetDetails,
    write_ct_series,
    write_plan,
    write_structure_set,
)
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.frames import Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.plan import Beam, ControlPoint, PatientPosition, Plan
from isoguide.progress import Progress, part_of, silent
from isoguide.virtual import (
    DailySettings,
    Phantom,
    build_phantom,
    random_displacement,
    simulate_daily,
    target_error_mm,
    target_points,
)
from isoguide.workflow.alignment import Alignment
from isoguide.workflow.output_folder import published_folder
from isoguide.workflow.request import AlignRequest
from isoguide.workflow.simulation_session import write_daily_export
from isoguide.workflow.treatment_setup import TreatmentSetup
from isoguide.workflow.write_results import RESULT_NAMES, align_into

EXAMPLE_FOLDER: Final = "example"
LARGEST_SHIFT_MM: Final = 15.0
LARGEST_ANGLE_DEG: Final = 3.0
MACHINE_ISOCENTRE_MM: Final = (2.0, -3.5, 5.0)
"""Where the machine isocentre lies in the example's cone-beam image: not at its origin, as in real life."""
PLANNED_AT: Final = datetime(2026, 3, 2, 9, 30)


@dataclass(frozen=True, slots=True, eq=False)
class Demonstration:
    """An alignment of the example beside the truth.

    ``error_mm`` is the mean distance, over points within 60 mm of the isocentre, between where the answer
    puts the tissue and where it is; None when there is no answer.
    """

    alignment: Alignment
    truth: CouchCorrection
    error_mm: float | None
    folder: Path


def demonstrate(
    target: Path, *, seed: int = 0, overwrite: bool = False, progress: Progress = silent
) -> Demonstration:
    """Make a virtual patient, displace it, write all of it as DICOM files, align from those files.

    Parameters
    ----------
    target
        Gets the files under ``example`` and beside it the results of the alignment.
    seed
        Another number makes another patient and another displacement.
    overwrite
        Replace an earlier demonstration.

    Raises
    ------
    OutputError
        If the folder cannot be written, or holds results and ``overwrite`` is not set.
    """
    with published_folder(target, (EXAMPLE_FOLDER, *RESULT_NAMES), overwrite=overwrite) as folder:
        (folder / EXAMPLE_FOLDER).mkdir()
        phantom, planning_from_daily = write_example(
            folder / EXAMPLE_FOLDER, seed=seed, progress=part_of(progress, 0.0, 0.6)
        )
    request = AlignRequest(target / EXAMPLE_FOLDER / "planning", target / EXAMPLE_FOLDER / "daily")
    alignment = align_into(request, target, overwrite=overwrite, progress=part_of(progress, 0.6, 1.0))
    placed, error_mm = alignment.planning_from_daily, None
    if placed is not None:
        points_mm = target_points(phantom.isocentre_mm)
        error_mm = float(target_error_mm(placed, planning_from_daily, points_mm).mean())
    return Demonstration(alignment, _setup(phantom).correction(planning_from_daily), error_mm, target)


def write_example(folder: Path, *, seed: int, progress: Progress = silent) -> tuple[Phantom, RigidTransform]:
    """Write ``planning/``, ``daily/`` and ``truth.json`` into an existing folder; return the truth."""
    rng = np.random.default_rng([seed, 1])
    progress(0.0, "Building a virtual patient")
    phantom = build_phantom(seed=seed)
    machine_mm = np.array(MACHINE_ISOCENTRE_MM)
    planning_from_daily = random_displacement(
        rng,
        largest_mm=LARGEST_SHIFT_MM,
        largest_deg=LARGEST_ANGLE_DEG,
        isocentre_mm=phantom.isocentre_mm,
        machine_isocentre_mm=machine_mm,
    )
    progress(0.4, "Simulating the cone-beam CT of the day")
    daily = simulate_daily(
        phantom.volume,
        planning_from_daily,
        isocentre_mm=phantom.isocentre_mm,
        machine_isocentre_mm=machine_mm,
        settings=DailySettings.cone_beam(),
        rng=rng,
    )
    patient = PatientIdentity(
        patient_id=f"EXAMPLE-{seed}", name="Virtual^Patient", birth_date="19560229", sex="O"
    )
    progress(0.7, "Writing the planning export")
    write_planning_export(folder / "planning", phantom, patient=patient, seed=f"example {seed}")
    progress(0.85, "Writing the day's export")
    write_daily_export(folder / "daily", daily, machine_mm, patient=patient, seed=f"example {seed}")
    truth = _setup(phantom).correction(planning_from_daily)
    _write_truth(folder / "truth.json", truth, planning_from_daily)
    return phantom, planning_from_daily


def write_planning_export(folder: Path, phantom: Phantom, *, patient: PatientIdentity, seed: str) -> None:
    """Write CT, structure set and plan of a virtual patient, head first supine."""
    uids = SeriesUids.from_seed(f"{seed} planning")
    image = write_ct_series(
        folder,
        phantom.volume,
        patient=patient,
        patient_position=PatientPosition.HFS,
        uids=uids,
        acquisition=CtAcquisition(acquired_at=PLANNED_AT, description="Planning CT"),
    )
    structures = write_structure_set(
        folder / "RS.dcm",
        phantom.structures,
        image=image,
        details=StructureSetDetails(label="EXAMPLE", created_at=PLANNED_AT),
    )
    plan = Plan(
        sop_instance_uid=SeriesUids.from_seed(f"{seed} plan").series,
        label="EXAMPLE",
        patient_position=PatientPosition.HFS,
        beams=(_arc(phantom.isocentre_mm),),
        frame_of_reference_uid=uids.frame_of_reference,
        structure_set_uid=structures.sop_instance_uid,
        approval_status="UNAPPROVED",
        fractions_planned=20,
    )
    write_plan(folder / "RP.dcm", plan, image=image, details=PlanDetails(created_at=PLANNED_AT))


def _arc(isocentre_mm: Array) -> Beam:
    stations = ((179.0, 0.0), (0.0, 0.5), (181.0, 1.0))
    points = tuple(
        ControlPoint(gantry_deg, 10.0, 0.0, meterset, isocentre_mm, energy_mv=6.0)
        for gantry_deg, meterset in stations
    )
    return Beam(1, "ARC", "TREATMENT", "PHOTON", "VIRTUAL", points, patient_setup_number=1, meterset_mu=200.0)


def _setup(phantom: Phantom) -> TreatmentSetup:
    return TreatmentSetup(phantom.isocentre_mm, np.array(MACHINE_ISOCENTRE_MM), PatientPosition.HFS)


def _write_truth(path: Path, truth: CouchCorrection, planning_from_daily: RigidTransform) -> None:
    names = ("lateral_mm", "longitudinal_mm", "vertical_mm", "pitch_deg", "roll_deg", "yaw_deg")
    document = {
        "couch_correction": {name: round(getattr(truth, name), 6) for name in names},
        "planning_from_daily": planning_from_daily.matrix.tolist(),
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
