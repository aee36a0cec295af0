"""On a later day the plan is the one that was registered, or nothing is done."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from breathing_export import changed_copy
from pydicom.dataset import Dataset
from small_patient import SmallPatient

from isoguide.course import PatientKey, SimulationRecord
from isoguide.dicom import load_planning_set
from isoguide.errors import MismatchError, MissingEvidenceError
from isoguide.workflow.register_course import register_course
from isoguide.workflow.same_plan import file_sha256, require_same_plan


@pytest.fixture(scope="module")
def registered(patient: SmallPatient) -> SimulationRecord:
    return register_course(patient.planning, site="prostate").simulation


def test_the_registered_plan_is_returned(patient: SmallPatient, registered: SimulationRecord) -> None:
    found = require_same_plan(registered, patient.planning)
    assert found.plan is not None
    assert found.plan.sop_instance_uid == registered.plan_uid
    assert require_same_plan(registered, found) is found


def revised(dataset: Dataset) -> None:
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"


def relabelled(dataset: Dataset) -> None:
    dataset.RTPlanLabel = "OTHER"


def renamed(dataset: Dataset) -> None:
    dataset.StructureSetLabel = "OTHER"


def brighter(dataset: Dataset) -> None:
    pixels = dataset.pixel_array.copy()
    pixels[0, 0] += 1
    dataset.PixelData = pixels.tobytes()


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        (
            "RP.dcm",
            revised,
            r"the plan was replaced since the course of plan 'EXAMPLE' was registered .* holds",
        ),
        ("RP.dcm", relabelled, r"the plan was replaced .* same UID and another content"),
        ("RS.dcm", revised, r"the structure set was replaced .* 1\.2\.3\.4\): register a new course"),
        ("RS.dcm", renamed, r"the structure set was replaced .* another content"),
        ("CT_0020.dcm", brighter, r"the planning CT was replaced .* another content"),
    ],
)
def test_what_was_changed_since_is_refused(
    patient: SmallPatient,
    registered: SimulationRecord,
    tmp_path: Path,
    name: str,
    change: Callable[[Dataset], None],
    words: str,
) -> None:
    folder = changed_copy(patient.planning, tmp_path / "x", name, change)
    with pytest.raises(MismatchError, match=words):
        require_same_plan(registered, folder)


def test_a_planning_ct_of_another_series_is_refused(
    patient: SmallPatient, registered: SimulationRecord, tmp_path: Path
) -> None:
    for path in patient.planning.glob("*.dcm"):
        dataset = pydicom.dcmread(path)
        if path.name.startswith("CT"):
            dataset.SeriesInstanceUID = "1.2.3.9"
        dataset.save_as(tmp_path / path.name)
    with pytest.raises(MismatchError, match="the planning CT was replaced"):
        require_same_plan(registered, tmp_path)


def test_a_planning_set_with_another_plan_is_refused(
    patient: SmallPatient, registered: SimulationRecord
) -> None:
    planning = load_planning_set(patient.planning)
    assert planning.plan is not None
    other = replace(planning, plan=replace(planning.plan, sop_instance_uid="1.2.3.4"))
    with pytest.raises(
        MismatchError, match=r"the plan was replaced .*registered was the UID .*, given is 1\.2"
    ):
        require_same_plan(registered, other)
    frame = replace(planning.image, frame_of_reference_uid="1.2.9")
    with pytest.raises(MismatchError, match="its frame of reference is another one"):
        require_same_plan(registered, replace(planning, image=frame))


@pytest.mark.parametrize("missing", ["plan", "structure_set"])
def test_a_planning_set_without_plan_or_structures_is_refused(
    patient: SmallPatient, registered: SimulationRecord, missing: str
) -> None:
    planning = load_planning_set(patient.planning)
    with pytest.raises(
        MissingEvidenceError, match="the plan or the structure set of plan 'EXAMPLE' is missing"
    ):
        require_same_plan(registered, replace(planning, **{missing: None}))


def test_a_folder_without_a_plan_is_refused(
    patient: SmallPatient, registered: SimulationRecord, tmp_path: Path
) -> None:
    for path in patient.planning.glob("CT_*.dcm"):
        (tmp_path / path.name).hardlink_to(path)
    with pytest.raises(
        MissingEvidenceError, match="holds no plan: give the planning export of plan 'EXAMPLE'"
    ):
        require_same_plan(registered, tmp_path)


def test_the_plan_of_another_patient_is_refused(patient: SmallPatient, registered: SimulationRecord) -> None:
    other = replace(registered, patient=PatientKey(registered.patient.patient_id, "19500102"))
    with pytest.raises(
        MismatchError, match="belongs to T-1, born 19500101, and the course to T-1, born 19500102"
    ):
        require_same_plan(other, patient.planning)


def test_the_hash_of_a_file_is_sha_256(tmp_path: Path) -> None:
    # FIPS 180-2, appendix B.1.
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert file_sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
