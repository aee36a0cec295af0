"""Registrations are a graph of frames of reference, and every way through it has to agree."""

from pathlib import Path

import numpy as np
import pytest
from dicom_builders import DAY_FRAME, FRAME, ROOT, item, matrix_item, plan, registration, save
from pydicom.dataset import Dataset
from pydicom.uid import RawDataStorage

from isoguide.dicom import SpatialRegistration, combined, read_spatial_registration, scan_folder
from isoguide.errors import GeometryError, MissingEvidenceError, UnreadableError
from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.transforms import rotation_x, rotation_z

THIRD = ROOT + "23"
IDENTITY = np.eye(4)


def _rigid(angle_deg: float, offset_mm: tuple[float, float, float]) -> Array:
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_z(angle_deg) @ rotation_x(angle_deg / 2)
    matrix[:3, 3] = offset_mm
    return matrix


M = _rigid(2.0, (5.0, -3.0, 7.0))


def _read(tmp_path: Path, ds: Dataset) -> SpatialRegistration:
    return read_spatial_registration(save(ds, tmp_path / "reg"))


def test_the_matrix_takes_the_source_to_the_registered_frame(tmp_path: Path) -> None:
    found = _read(tmp_path, registration((DAY_FRAME, [M])))
    planning_from_daily = found.between(FRAME, DAY_FRAME)
    assert planning_from_daily.to_frame == PLANNING
    assert planning_from_daily.from_frame == DAILY
    assert np.allclose(planning_from_daily.matrix, M, atol=1e-7)


def test_the_registered_frame_may_be_that_of_the_day(tmp_path: Path) -> None:
    found = _read(tmp_path, registration((FRAME, [M]), registered=DAY_FRAME))
    assert np.allclose(found.between(FRAME, DAY_FRAME).matrix, np.linalg.inv(M), atol=1e-7)


def test_an_identity_item_for_the_registered_frame_is_harmless(tmp_path: Path) -> None:
    found = _read(tmp_path, registration((FRAME, [IDENTITY]), (DAY_FRAME, [M])))
    assert np.allclose(found.between(FRAME, DAY_FRAME).matrix, M, atol=1e-7)
    assert found.frame_of_reference_uids == {FRAME, DAY_FRAME}


def test_identity_matrices_beside_the_one_that_moves_are_harmless(tmp_path: Path) -> None:
    found = _read(tmp_path, registration((DAY_FRAME, [IDENTITY, M, IDENTITY])))
    assert np.allclose(found.between(FRAME, DAY_FRAME).matrix, M, atol=1e-7)


def test_a_way_may_lead_over_a_third_frame(tmp_path: Path) -> None:
    other = _rigid(-5.0, (1.0, 2.0, 3.0))
    found = _read(tmp_path, registration((FRAME, [M]), (DAY_FRAME, [other]), registered=THIRD))
    assert np.allclose(found.between(FRAME, DAY_FRAME).matrix, np.linalg.inv(M) @ other, atol=1e-7)


def test_a_way_may_lead_over_several_objects(tmp_path: Path) -> None:
    one = read_spatial_registration(save(registration((THIRD, [M])), tmp_path / "one"))
    two = read_spatial_registration(save(registration((DAY_FRAME, [M]), registered=THIRD), tmp_path / "two"))
    assert np.allclose(combined([one, two]).between(FRAME, DAY_FRAME).matrix, M @ M, atol=1e-7)
    with pytest.raises(MissingEvidenceError, match="does not relate"):
        one.between(FRAME, DAY_FRAME)
    with pytest.raises(MissingEvidenceError, match="no Spatial Registration"):
        combined([])


def test_a_frame_is_where_it_is(tmp_path: Path) -> None:
    found = _read(tmp_path, registration((DAY_FRAME, [M])))
    assert np.array_equal(found.between(FRAME, FRAME).matrix, IDENTITY)


@pytest.mark.parametrize(("offset_mm", "angle_deg"), [(0.11, 0.0), (0.0, 0.06)])
def test_two_ways_that_disagree_are_refused(tmp_path: Path, offset_mm: float, angle_deg: float) -> None:
    other = _rigid(2.0, (5.0 + offset_mm, -3.0, 7.0))
    other[:3, :3] = other[:3, :3] @ rotation_z(angle_deg)
    found = _read(tmp_path, registration((DAY_FRAME, [M]), (DAY_FRAME, [other])))
    with pytest.raises(GeometryError, match="two ways between the same frames"):
        found.between(FRAME, DAY_FRAME)


def test_two_ways_within_tolerance_are_accepted(tmp_path: Path) -> None:
    other = _rigid(2.0, (5.09, -3.0, 7.0))
    found = _read(tmp_path, registration((DAY_FRAME, [M]), (DAY_FRAME, [other])))
    assert np.allclose(found.between(FRAME, DAY_FRAME).matrix, M, atol=1e-7)


def test_several_matrices_that_move_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GeometryError, match="multiplies 2 matrices"):
        _read(tmp_path, registration((DAY_FRAME, [M, M])))


@pytest.mark.parametrize("kind", ["AFFINE", "RIGID_SCALE"])
def test_a_matrix_that_is_not_rigid_by_type_is_refused(tmp_path: Path, kind: str) -> None:
    ds = registration((DAY_FRAME, [M]))
    group = ds.RegistrationSequence[0].MatrixRegistrationSequence[0]
    group.MatrixSequence = [matrix_item(M, kind)]
    with pytest.raises(GeometryError, match=f"of type {kind}"):
        _read(tmp_path, ds)


def test_a_matrix_that_is_not_rigid_by_value_is_refused(tmp_path: Path) -> None:
    # The negative example of rtregistrationcalc: orthonormality error 0.0058, determinant 0.9964.
    matrix = np.eye(4)
    matrix[:3, :3] = [[0.999, 0.012, 0.008], [-0.010, 0.998, 0.015], [-0.009, -0.014, 0.999]]
    with pytest.raises(GeometryError, match="reg cannot be used: the matrix is not rigid"):
        _read(tmp_path, registration((DAY_FRAME, [matrix])))


def test_a_matrix_rounded_by_other_software_becomes_an_exact_rotation(tmp_path: Path) -> None:
    found = _read(tmp_path, registration((DAY_FRAME, [np.round(M, 5)])))
    rotation = found.between(FRAME, DAY_FRAME).rotation
    assert np.abs(rotation.T @ rotation - np.eye(3)).max() < 1e-14


def test_an_object_without_frames_or_matrices_is_refused(tmp_path: Path) -> None:
    ds = registration((DAY_FRAME, [M]))
    del ds.RegistrationSequence[0].FrameOfReferenceUID
    with pytest.raises(UnreadableError, match="without naming their frame of reference"):
        _read(tmp_path, ds)
    ds.RegistrationSequence[0] = item(FrameOfReferenceUID=DAY_FRAME)
    with pytest.raises(UnreadableError, match="names no frames of reference"):
        _read(tmp_path, ds)
    with pytest.raises(UnreadableError, match="not a Spatial Registration"):
        read_spatial_registration(save(plan(), tmp_path / "rp"))


def test_raw_data_that_calls_itself_a_registration_is_not_taken_for_one(tmp_path: Path) -> None:
    ds = registration((DAY_FRAME, [M]))
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = RawDataStorage
    save(ds, tmp_path / "RPS.dcm")
    contents = scan_folder(tmp_path)
    assert contents.files[0].item.text("Modality") == "REG"
    assert contents.registrations == ()
