from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_validation import dciodvfy_errors, standard_violations
from written_objects import PATIENT, names, small_volume, write_pair

from isoguide.dicom import (
    CtAcquisition,
    PatientIdentity,
    RespiratoryPhase,
    SeriesUids,
    StudyContext,
    load_daily_set,
    write_ct_series,
)
from isoguide.errors import OutputError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import rotation_x, rotation_z
from isoguide.images.volume import Volume

UIDS = SeriesUids.from_seed("test")


def write(folder: Path, volume: Volume, **changes: object) -> list[pydicom.Dataset]:
    arguments = {"patient": PATIENT, "patient_position": "HFS", "uids": UIDS} | changes
    series = write_ct_series(folder, volume, **arguments)
    return [pydicom.dcmread(path) for path in series.paths]


def test_every_voxel_is_found_where_the_grid_says_it_is(tmp_path: Path) -> None:
    direction = rotation_z(20.0) @ rotation_x(-7.0)
    grid = Grid(PLANNING, (3, 4, 5), np.array([1.1, 1.3, 2.7]), np.array([5.5, -6.5, 7.5]), direction)
    volume = Volume(grid, np.arange(60, dtype=np.int16).reshape(grid.shape) - 1000)
    for k, dataset in enumerate(write(tmp_path, volume)):
        row_cosines = np.array(dataset.ImageOrientationPatient[:3], dtype=float)
        column_cosines = np.array(dataset.ImageOrientationPatient[3:], dtype=float)
        # PS3.3 C.7.6.2.1.1: PixelSpacing is (between rows, between columns).
        between_rows_mm, between_columns_mm = (float(value) for value in dataset.PixelSpacing)
        for j, i in ((0, 0), (3, 4), (2, 1)):
            position_mm = (
                np.array(dataset.ImagePositionPatient, dtype=float)
                + i * between_columns_mm * row_cosines
                + j * between_rows_mm * column_cosines
            )
            np.testing.assert_allclose(position_mm, grid.xyz(np.array([i, j, k])), atol=1e-9)
            assert dataset.pixel_array[j, i] + float(dataset.RescaleIntercept) == volume.values[k, j, i]


@pytest.mark.parametrize("position", ["HFS", "FFP", "HFDR"])
def test_the_patient_position_is_written_as_given(tmp_path: Path, position: str) -> None:
    assert {one.PatientPosition for one in write(tmp_path, small_volume(), patient_position=position)} == {
        position
    }


def test_a_float_image_comes_back_within_half_a_step_of_sixteen_bits(tmp_path: Path) -> None:
    grid = small_volume().grid
    values = np.random.default_rng(0).normal(0.0, 700.0, grid.shape).astype(np.float32)
    datasets = write(tmp_path, Volume(grid, values, is_hounsfield=False))
    slope, intercept = float(datasets[0].RescaleSlope), float(datasets[0].RescaleIntercept)
    back = np.stack([one.pixel_array for one in datasets]) * slope + intercept
    assert np.abs(back - values).max() <= slope * 0.51  # a little more than half for the rounded slope
    assert slope < 0.2


def test_a_constant_float_image_comes_back_constant(tmp_path: Path) -> None:
    grid = small_volume().grid
    dataset = write(tmp_path, Volume(grid, np.full(grid.shape, -1000.25, dtype=np.float32)))[0]
    assert np.all(
        dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept) == -1000.25
    )


def test_only_a_calibrated_ct_claims_hounsfield_units(tmp_path: Path) -> None:
    assert write(tmp_path / "a", small_volume())[0].RescaleType == "HU"
    assert write(tmp_path / "b", small_volume(is_hounsfield=False))[0].RescaleType == "US"


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "a", small_volume())
    write(tmp_path / "b", small_volume())
    for name in names(tmp_path / "a"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_series_written_describes_its_files(tmp_path: Path) -> None:
    series = write_pair(tmp_path).daily
    datasets = [pydicom.dcmread(path) for path in series.paths]
    assert tuple(one.SOPInstanceUID for one in datasets) == series.instance_uids
    assert {one.SeriesInstanceUID for one in datasets} == {series.series_instance_uid}
    assert {one.StudyInstanceUID for one in datasets} == {series.study_instance_uid}
    assert {one.FrameOfReferenceUID for one in datasets} == {series.frame_of_reference_uid}
    assert {one.SOPClassUID for one in datasets} == {series.sop_class_uid}
    assert len(set(series.instance_uids)) == len(datasets) == 3


def test_patient_and_study_come_out_as_they_are_known(tmp_path: Path) -> None:
    study = StudyContext("S1", "20240301", "101500", "ACC", "Doctor^A", "Planning")
    dataset = write(tmp_path, small_volume(), acquisition=CtAcquisition(study=study, kilovoltage=None))[0]
    assert (dataset.PatientID, dataset.IssuerOfPatientID) == (PATIENT.patient_id, PATIENT.issuer)
    assert str(dataset.PatientName) == PATIENT.name
    assert (dataset.PatientBirthDate, dataset.PatientSex) == (PATIENT.birth_date, PATIENT.sex)
    assert (dataset.StudyID, dataset.StudyDate, dataset.StudyTime) == ("S1", "20240301", "101500")
    assert (dataset.AccessionNumber, str(dataset.ReferringPhysicianName)) == ("ACC", "Doctor^A")
    assert dataset.StudyDescription == "Planning"
    assert dataset.KVP is None


def test_an_identity_that_breaks_the_rules_is_not_corrected(tmp_path: Path) -> None:
    odd = PatientIdentity("P" * 70, name="No Carets Here", birth_date="c5f3a9", sex="?")
    path = write_ct_series(tmp_path, small_volume(), patient=odd, patient_position="HFS", uids=UIDS).paths[0]
    content = path.read_bytes()
    for text in ("P" * 70, "No Carets Here", "c5f3a9", "?"):
        assert text.encode() in content


def test_progress_counts_the_slices(tmp_path: Path) -> None:
    seen: list[float] = []
    write(tmp_path, small_volume(), progress=lambda fraction, step: seen.append(fraction))
    assert seen == [0.25, 0.5, 0.75, 1.0]


def test_a_series_without_a_study_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no study"):
        write(tmp_path, small_volume(), uids=replace(UIDS, study=""))
    with pytest.raises(OutputError, match="no frame of reference"):
        write(tmp_path, small_volume(), uids=replace(UIDS, frame_of_reference=""))
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="choose a folder that can be written"):
        write(tmp_path / "file" / "series", small_volume())


def test_a_failure_half_way_leaves_no_slice_behind(tmp_path: Path) -> None:
    (tmp_path / "CT_0003.dcm").mkdir()  # the third slice cannot take its place
    with pytest.raises(OutputError, match=r"CT_0003\.dcm"):
        write(tmp_path, small_volume())
    assert names(tmp_path) == ["CT_0003.dcm"]


def test_the_files_satisfy_the_standard(tmp_path: Path) -> None:
    pair = write_pair(tmp_path)
    for path in (*pair.planning.paths, *pair.daily.paths):
        assert standard_violations(path) == []


def test_dciodvfy_finds_no_error(tmp_path: Path) -> None:
    pair = write_pair(tmp_path)
    assert dciodvfy_errors(pair.planning.paths[0]) == []
    assert dciodvfy_errors(pair.daily.paths[-1]) == []


def test_both_judges_notice_what_is_missing(tmp_path: Path) -> None:
    path = write_pair(tmp_path).planning.paths[0]
    dataset = pydicom.dcmread(path)
    del dataset.RescaleSlope
    dataset.PixelSpacing[0].original_string = "1.50000000000000000"
    dataset.save_as(path)
    found = "\n".join(standard_violations(path))
    assert "RescaleSlope" in found
    assert "PixelSpacing" in found
    assert any("RescaleSlope" in error for error in dciodvfy_errors(path))


@pytest.mark.parametrize("is_hounsfield", [True, False])
def test_the_reading_side_finds_the_same_image(tmp_path: Path, *, is_hounsfield: bool) -> None:
    volume = small_volume(DAILY, is_hounsfield=is_hounsfield)
    write(tmp_path, volume, patient_position="FFS")
    image = load_daily_set(tmp_path).image
    assert image.patient == PATIENT
    assert image.patient_position == "FFS"
    assert (image.series_instance_uid, image.study_instance_uid) == (UIDS.series, UIDS.study)
    assert image.frame_of_reference_uid == UIDS.frame_of_reference
    assert image.volume.is_hounsfield is is_hounsfield
    # The reader may count the slices the other way: compare where the values are, not how they are stored.
    for k, j, i in ((0, 0, 0), (3, 5, 4), (1, 2, 3)):
        found = np.rint(image.volume.grid.index(volume.grid.xyz(np.array([i, j, k])))).astype(int)
        assert image.volume.values[tuple(found[::-1])] == volume.values[k, j, i]
    np.testing.assert_allclose(
        np.sort(image.volume.grid.corners_mm(), axis=0), np.sort(volume.grid.corners_mm(), axis=0), atol=1e-9
    )


def test_a_phase_of_a_4dct_says_which_one_it_is_and_is_read_back(tmp_path: Path) -> None:
    acquisition = CtAcquisition(body_part="CHEST", phase=RespiratoryPhase(50.0, index=5, count=10))
    for dataset in write(tmp_path, small_volume(), acquisition=acquisition):
        assert (dataset.TemporalPositionIdentifier, dataset.NumberOfTemporalPositions) == (6, 10)
        assert dataset.NominalPercentageOfRespiratoryPhase == 50.0
    assert standard_violations(tmp_path / "CT_0001.dcm") == []
    assert dciodvfy_errors(tmp_path / "CT_0001.dcm") == []
    assert load_daily_set(tmp_path).image.phase_percent == 50.0
