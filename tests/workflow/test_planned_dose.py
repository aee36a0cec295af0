"""Isodoses of the right plan in the right frame, or none and why."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from planned_doses import ORIGIN_MM, write_dose
from pydicom.dataset import Dataset
from small_patient import SmallPatient

from isoguide.dicom import load_planning_set
from isoguide.workflow.clinic.pictures.planned_dose import PlannedDose, planned_dose


def dose_of(
    patient: SmallPatient, folder: Path, *edits: Callable[[Dataset], None]
) -> tuple[PlannedDose | None, str]:
    shutil.copytree(patient.planning, folder / "planning")
    for number, edit in enumerate(edits):
        write_dose(patient, folder / "planning" / f"dose{number}.dcm", edit)
    return planned_dose(load_planning_set(folder / "planning"))


def test_the_dose_of_the_plan_is_given_in_centigray_on_its_own_grid(
    patient: SmallPatient, tmp_path: Path
) -> None:
    dose, why = dose_of(patient, tmp_path, lambda _: None)
    assert dose is not None
    assert why == ""
    values = np.frombuffer(dose.voxels.content, dtype="<i2").reshape(4, 5, 6)
    assert values[:, 2, 3].tolist() == [0, 2600, 5200, 7800]
    assert dose.largest_gy == pytest.approx(78.0)
    np.testing.assert_allclose(dose.voxels.grid.origin_mm, ORIGIN_MM)
    assert dose.voxels.grid.spacing_mm.tolist() == [5.0, 4.0, 3.0]


def of_another_frame(ds: Dataset) -> None:
    ds.FrameOfReferenceUID = "1.2.3.4.5"


def of_another_patient(ds: Dataset) -> None:
    ds.PatientID = "OTHER"


def of_a_beam(ds: Dataset) -> None:
    ds.DoseSummationType = "BEAM"


def of_another_plan(ds: Dataset) -> None:
    ds.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID = "1.2.3.4.6"


def too_high(ds: Dataset) -> None:
    ds.DoseGridScaling = 0.01


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (of_another_frame, "frame of reference 1.2.3.4.5"),
        (of_another_patient, "patient ID"),
        (of_a_beam, "whole plan"),
        (of_another_plan, "no dose of plan 'EXAMPLE'"),
        (too_high, "cannot be drawn"),
    ],
)
def test_a_dose_that_does_not_belong_is_not_drawn(
    patient: SmallPatient, tmp_path: Path, edit: Callable[[Dataset], None], words: str
) -> None:
    dose, why = dose_of(patient, tmp_path, edit)
    assert dose is None
    assert words in why


def test_of_two_doses_none_is_guessed(patient: SmallPatient, tmp_path: Path) -> None:
    def again(ds: Dataset) -> None:
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3.100"

    dose, why = dose_of(patient, tmp_path, lambda _: None, again)
    assert dose is None
    assert "holds 2 doses" in why


def test_without_a_plan_there_is_no_dose(patient: SmallPatient, tmp_path: Path) -> None:
    shutil.copytree(patient.planning, tmp_path / "planning")
    planning = load_planning_set(tmp_path / "planning")
    planning.plan_path.unlink()
    dose, why = planned_dose(load_planning_set(tmp_path / "planning"))
    assert dose is None
    assert "holds no plan" in why
