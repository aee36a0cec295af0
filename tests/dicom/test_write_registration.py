import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_validation import dciodvfy_errors, standard_violations
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from written_objects import PATIENT, Pair, names, write_pair

from isoguide.dicom import RegistrationDetails, WrittenSeries, write_spatial_registration
from isoguide.dicom.spatial_registration import read_spatial_registration
from isoguide.errors import OutputError
from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.transforms import RigidTransform

IEC_FROM_LPS = {  # rows are the IEC axes in LPS, for the position matrices of the reference cases
    "HFS": ((1, 0, 0), (0, 0, 1), (0, -1, 0)),
    "HFP": ((-1, 0, 0), (0, 0, 1), (0, 1, 0)),
    "FFS": ((-1, 0, 0), (0, 0, -1), (0, -1, 0)),
    "FFP": ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    "HFDR": ((0, 1, 0), (0, 0, 1), (1, 0, 0)),
    "HFDL": ((0, -1, 0), (0, 0, 1), (-1, 0, 0)),
    "FFDR": ((0, -1, 0), (0, 0, -1), (1, 0, 0)),
    "FFDL": ((0, 1, 0), (0, 0, -1), (-1, 0, 0)),
}


def six_values(matrix: Array, position: str, plan_isocentre_mm: Array, machine_isocentre_mm: Array) -> Array:
    """Lateral, longitudinal, vertical, pitch, roll, yaw, worked out apart from the package."""
    axes = np.array(IEC_FROM_LPS[position], dtype=float)
    rotation, offset_mm = matrix[:3, :3], matrix[:3, 3]
    tissue_mm = np.linalg.solve(rotation, plan_isocentre_mm - offset_mm)
    turn = axes @ rotation @ axes.T
    angles_rad = (
        np.arcsin(turn[2, 1]),
        np.arctan2(-turn[2, 0], turn[2, 2]),
        np.arctan2(-turn[0, 1], turn[1, 1]),
    )
    return np.concatenate([axes @ (machine_isocentre_mm - tissue_mm), np.rad2deg(angles_rad)])


def from_rotation_vector(vector_deg: Array, offset_mm: Array) -> RigidTransform:
    rotation = Rotation.from_rotvec(vector_deg, degrees=True).as_matrix()
    return RigidTransform.from_parts(PLANNING, DAILY, rotation, offset_mm)


A_MOTION = from_rotation_vector(np.array([1.25, -2.5, 0.75]), np.array([1.0 / 3.0, -12.3456789, 0.001]))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return write_pair(tmp_path_factory.mktemp("images"))


@pytest.fixture
def write(tmp_path: Path, pair: Pair) -> Callable[..., Path]:
    def writer(transform: RigidTransform = A_MOTION, **changes: object) -> Path:
        arguments = {"planning": pair.planning, "daily": pair.daily} | changes
        return write_spatial_registration(tmp_path / "registration.dcm", transform, **arguments).path

    return writer


def matrix_in(path: Path) -> Array:
    dataset = pydicom.dcmread(path)
    assert len(dataset.RegistrationSequence) == 1
    assert len(dataset.RegistrationSequence[0].MatrixRegistrationSequence) == 1
    matrices = dataset.RegistrationSequence[0].MatrixRegistrationSequence[0].MatrixSequence
    assert len(matrices) == 1
    assert matrices[0].FrameOfReferenceTransformationMatrixType == "RIGID"
    return np.array(matrices[0].FrameOfReferenceTransformationMatrix, dtype=float).reshape(4, 4)


def test_the_matrix_takes_the_day_to_the_plan_row_by_row(write: Callable[..., Path]) -> None:
    np.testing.assert_allclose(matrix_in(write()), A_MOTION.matrix, atol=1e-11)


def test_the_registered_frame_is_the_plan_and_the_source_is_the_day(
    write: Callable[..., Path], pair: Pair
) -> None:
    dataset = pydicom.dcmread(write())
    assert dataset.FrameOfReferenceUID == pair.planning.frame_of_reference_uid
    assert dataset.RegistrationSequence[0].FrameOfReferenceUID == pair.daily.frame_of_reference_uid


def test_no_decimal_string_is_longer_than_sixteen_characters(write: Callable[..., Path]) -> None:
    matrix = pydicom.dcmread(write()).RegistrationSequence[0].MatrixRegistrationSequence[0].MatrixSequence[0]
    texts = [value.original_string for value in matrix.FrameOfReferenceTransformationMatrix]
    assert len(texts) == 16
    assert max(len(text) for text in texts) <= 16


def test_the_reference_cases_are_read_back_within_a_nanometre(
    write: Callable[..., Path], pair: Pair, shared_reference: Path
) -> None:
    cases = json.loads((shared_reference / "geometry-vectors.json").read_text())
    assert len(cases) == 24
    for case in cases:
        matrix = np.array(case["reg_matrix_image_to_plan"]).reshape(4, 4)
        path = write(RigidTransform(PLANNING, DAILY, matrix))
        expect = case["expect"]
        expected = [expect[name] for name in ("lat", "lng", "vrt", "pitch", "roll", "yaw")]
        isocentres = np.array(case["plan_iso"]), np.array(case["machine_iso_in_image"])
        read = read_spatial_registration(path).between(
            pair.planning.frame_of_reference_uid, pair.daily.frame_of_reference_uid
        )
        for back in (matrix_in(path), read.matrix):
            np.testing.assert_allclose(
                six_values(back, case["patient_position"], *isocentres), expected, atol=1e-6
            )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    vector_deg=st.tuples(*[st.floats(-20.0, 20.0)] * 3),
    offset_mm=st.tuples(*[st.floats(-2000.0, 2000.0)] * 3),
    position=st.sampled_from(sorted(IEC_FROM_LPS)),
)
def test_any_correction_survives_the_file_within_a_millionth(
    write: Callable[..., Path],
    pair: Pair,
    vector_deg: tuple[float, float, float],
    offset_mm: tuple[float, float, float],
    position: str,
) -> None:
    transform = from_rotation_vector(np.array(vector_deg), np.array(offset_mm))
    read = read_spatial_registration(write(transform)).between(
        pair.planning.frame_of_reference_uid, pair.daily.frame_of_reference_uid
    )
    isocentres = np.array([120.0, -340.0, 560.0]), np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(
        six_values(read.matrix, position, *isocentres),
        six_values(transform.matrix, position, *isocentres),
        atol=1e-6,
    )


def test_both_image_series_are_referred_to(write: Callable[..., Path], pair: Pair) -> None:
    dataset = pydicom.dcmread(write())
    own = dataset.ReferencedSeriesSequence
    assert [one.SeriesInstanceUID for one in own] == [pair.daily.series_instance_uid]
    others = dataset.StudiesContainingOtherReferencedInstancesSequence
    assert [one.StudyInstanceUID for one in others] == [pair.planning.study_instance_uid]
    elsewhere = others[0].ReferencedSeriesSequence[0]
    assert elsewhere.SeriesInstanceUID == pair.planning.series_instance_uid
    assert uids_in(own[0]) == pair.daily.instance_uids
    assert uids_in(elsewhere) == pair.planning.instance_uids
    images = dataset.RegistrationSequence[0].ReferencedImageSequence
    assert tuple(one.ReferencedSOPInstanceUID for one in images) == pair.daily.instance_uids


def uids_in(series: pydicom.Dataset) -> tuple[str, ...]:
    return tuple(one.ReferencedSOPInstanceUID for one in series.ReferencedInstanceSequence)


def test_images_of_one_study_are_referred_to_side_by_side(write: Callable[..., Path], pair: Pair) -> None:
    planning = replace(pair.planning, study_instance_uid=pair.daily.study_instance_uid)
    dataset = pydicom.dcmread(write(planning=planning))
    assert len(dataset.ReferencedSeriesSequence) == 2
    assert "StudiesContainingOtherReferencedInstancesSequence" not in dataset


def test_it_says_how_it_was_found_by_what_and_when(write: Callable[..., Path]) -> None:
    details = RegistrationDetails(
        label="DAY_3 SETUP", creator="Physicist^A", created_at=datetime(2024, 2, 29, 13, 5, 9)
    )
    dataset = pydicom.dcmread(write(details=details))
    kind = dataset.RegistrationSequence[0].MatrixRegistrationSequence[0].RegistrationTypeCodeSequence[0]
    assert (kind.CodeValue, kind.CodingSchemeDesignator) == ("125024", "DCM")
    assert kind.CodeMeaning == "Image Content-based Alignment"
    assert (dataset.ContentLabel, str(dataset.ContentCreatorName)) == ("DAY_3 SETUP", "Physicist^A")
    assert (dataset.ContentDate, dataset.ContentTime) == ("20240229", "130509")
    assert dataset.Manufacturer == "isoguide"
    assert dataset.SoftwareVersions
    assert (dataset.PatientID, dataset.Modality) == (PATIENT.patient_id, "REG")


def test_every_registration_is_its_own_instance(write: Callable[..., Path]) -> None:
    first = pydicom.dcmread(write())
    second = pydicom.dcmread(write())
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert first.SeriesInstanceUID != second.SeriesInstanceUID


def test_images_that_share_a_frame_are_told_apart_by_reference_and_a_note(tmp_path: Path) -> None:
    pair = write_pair(tmp_path, same_frame=True)
    written = write_spatial_registration(
        tmp_path / "registration.dcm", A_MOTION, planning=pair.planning, daily=pair.daily
    )
    assert written.notes == ("same frame of reference UID in both images",)
    source = pydicom.dcmread(written.path).RegistrationSequence[0]
    assert "FrameOfReferenceUID" not in source
    assert source.ReferencedImageSequence[0].ReferencedSOPInstanceUID == pair.daily.instance_uids[0]
    comment = source.MatrixRegistrationSequence[0].FrameOfReferenceTransformationComment
    assert comment.endswith(written.notes[0])
    np.testing.assert_allclose(matrix_in(written.path), A_MOTION.matrix, atol=1e-11)
    assert standard_violations(written.path) == []
    assert dciodvfy_errors(written.path) == []


def test_the_wrong_direction_is_refused(write: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="invert it"):
        write(A_MOTION.inverse())
    assert names(tmp_path) == []


@pytest.mark.parametrize("label", ["", "  ", "LONGER THAN SIXTEEN", "lower", "WITH-DASH", "ÄÖ"])
def test_a_label_that_is_no_code_string_is_refused(
    write: Callable[..., Path], tmp_path: Path, label: str
) -> None:
    with pytest.raises(OutputError, match="not a DICOM code string"):
        write(details=RegistrationDetails(label=label))
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frame_of_reference_uid": ""}, "no frame of reference"),
        ({"instance_uids": ()}, "no DICOM instances"),
        ({"sop_class_uid": ""}, "no DICOM instances"),
    ],
)
@pytest.mark.parametrize("which", ["planning", "daily"])
def test_images_that_cannot_be_referred_to_are_refused(
    write: Callable[..., Path], pair: Pair, tmp_path: Path, which: str, change: dict, message: str
) -> None:
    series: WrittenSeries = replace(getattr(pair, which), **change)
    with pytest.raises(OutputError, match=message):
        write(**{which: series})
    assert names(tmp_path) == []


def test_the_file_satisfies_the_standard(write: Callable[..., Path]) -> None:
    path = write()
    assert standard_violations(path) == []
    assert dciodvfy_errors(path) == []


def test_both_judges_notice_an_empty_registration(write: Callable[..., Path]) -> None:
    path = write()
    dataset = pydicom.dcmread(path)
    del dataset.RegistrationSequence
    del dataset.ContentLabel
    dataset.save_as(path)
    found = "\n".join(standard_violations(path))
    assert "RegistrationSequence" in found
    assert "ContentLabel" in found
    assert dciodvfy_errors(path)
