"""A CT series becomes one volume that knows whose it is and what its numbers mean."""

from datetime import datetime
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from dicom_builders import (
    DAY_SERIES,
    FRAME,
    SERIES,
    STUDY,
    Edit,
    enhanced_ct,
    save,
    stored_values,
    write_series,
)
from pydicom.dataset import Dataset

from isoguide.dicom import ImageSeries, read_ct_series, scan_folder
from isoguide.dicom.ct import content_hash
from isoguide.errors import GeometryError, MissingEvidenceError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.plan import PatientPosition


def _read(folder: Path, *, needs_hounsfield: bool = True) -> ImageSeries:
    (series,) = scan_folder(folder).ct_series
    return read_ct_series(series, PLANNING, needs_hounsfield=needs_hounsfield)


def _written(folder: Path, edit: Edit = lambda ds, k: None, *, needs_hounsfield: bool = True) -> ImageSeries:
    write_series(folder, edit)
    return _read(folder, needs_hounsfield=needs_hounsfield)


def test_a_series_carries_its_identity(tmp_path: Path) -> None:
    image = _written(tmp_path)
    assert image.patient.patient_id == "A1"
    assert image.patient.name == "DOE^JANE"
    assert (image.series_instance_uid, image.study_instance_uid, image.frame_of_reference_uid) == (
        SERIES,
        STUDY,
        FRAME,
    )
    assert image.instance_uids == tuple(f"{SERIES}.{k + 1}" for k in range(6))
    assert image.patient_position is PatientPosition.HFS
    assert image.acquired_at == datetime(2024, 1, 2, 10, 30)
    assert image.study.study_id == "77"
    assert (image.manufacturer, image.model, image.device_serial) == ("Maker", "Model", "S1")
    assert image.label == f"CT series 'Pelvis 3.0' (UID {SERIES})"
    assert image.volume.is_hounsfield
    assert image.volume.grid.frame == PLANNING
    assert image.warnings == ()


def test_the_hash_follows_content_and_not_storage(tmp_path: Path) -> None:
    plain = _written(tmp_path / "a")
    save(enhanced_ct(), tmp_path / "b" / "x")
    enhanced = _read(tmp_path / "b")
    assert np.array_equal(enhanced.volume.values, plain.volume.values)
    assert enhanced.content_sha256 == plain.content_sha256
    assert enhanced.instance_uids == (SERIES + ".99",)

    def brighter(ds: Dataset, k: int) -> None:
        ds.RescaleIntercept = -1023 if k == 3 else -1024

    def moved(ds: Dataset, k: int) -> None:
        x, y, z = ds.ImagePositionPatient
        ds.ImagePositionPatient = [x + 0.01, y, z]

    assert _written(tmp_path / "c", brighter).content_sha256 != plain.content_sha256
    assert _written(tmp_path / "d", moved).content_sha256 != plain.content_sha256


def test_a_planning_ct_without_rescale_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingEvidenceError, match="has no RescaleSlope and RescaleIntercept"):
        _written(tmp_path, lambda ds, k: delattr(ds, "RescaleIntercept"))


def test_a_daily_image_without_rescale_is_used_as_grey_values(tmp_path: Path) -> None:
    def edit(ds: Dataset, k: int) -> None:
        del ds.RescaleIntercept, ds.RescaleSlope

    image = _written(tmp_path, edit, needs_hounsfield=False)
    assert not image.volume.is_hounsfield
    assert "used as grey values" in image.warnings[0]
    assert np.array_equal(image.volume.values[2], stored_values(2))


def test_a_series_with_rescale_in_some_slices_is_refused(tmp_path: Path) -> None:
    def edit(ds: Dataset, k: int) -> None:
        if k == 1:
            del ds.RescaleSlope

    with pytest.raises(GeometryError, match="while others have"):
        _written(tmp_path, edit, needs_hounsfield=False)


def test_values_in_other_units_are_not_hounsfield(tmp_path: Path) -> None:
    def edit(ds: Dataset, k: int) -> None:
        ds.RescaleType = "US"

    image = _written(tmp_path / "planning", edit)
    assert not image.volume.is_hounsfield
    assert "'US'" in image.warnings[0]
    daily = _written(tmp_path / "daily", edit, needs_hounsfield=False)
    assert not daily.volume.is_hounsfield
    assert daily.warnings == ()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"DistanceSourceToPatient": 1000}, "1000 mm from the axis"),
        ({"SeriesDescription": "kV_CBCT_1a"}, "SeriesDescription is 'kV_CBCT_1a'"),
        ({"ManufacturerModelName": "On-Board Imager"}, "On-Board Imager"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", "CONE_BEAM"]}, "ImageType"),
    ],
)
def test_cone_beam_numbers_are_not_called_hounsfield(
    tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    def edit(ds: Dataset, k: int) -> None:
        for keyword, value in change.items():
            setattr(ds, keyword, value)

    image = _written(tmp_path, edit)
    assert not image.volume.is_hounsfield
    assert reason in image.warnings[0]


def test_a_diagnostic_source_distance_is_no_cone_beam(tmp_path: Path) -> None:
    def edit(ds: Dataset, k: int) -> None:
        ds.DistanceSourceToPatient = 570

    assert _written(tmp_path, edit).volume.is_hounsfield


@pytest.mark.parametrize(("position", "known"), [("", None), ("FFDR", PatientPosition.FFDR)])
def test_the_patient_position_is_kept_or_missed(
    tmp_path: Path, position: str, known: PatientPosition | None
) -> None:
    def edit(ds: Dataset, k: int) -> None:
        ds.PatientPosition = position

    image = _written(tmp_path, edit)
    assert image.patient_position is known
    assert any("does not state the patient position" in warning for warning in image.warnings) == (
        not position
    )


def test_a_sitting_patient_is_refused(tmp_path: Path) -> None:
    def edit(ds: Dataset, k: int) -> None:
        ds.PatientPosition = "SITTING"

    with pytest.raises(GeometryError, match="PatientPosition 'SITTING'"):
        _written(tmp_path, edit)


def test_lossy_compression_is_pointed_out(tmp_path: Path) -> None:
    def edit(ds: Dataset, k: int) -> None:
        ds.LossyImageCompression = "01"

    assert "loss of detail" in _written(tmp_path, edit).warnings[0]


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [("20240305123456.25+0100", datetime(2024, 3, 5, 12, 34, 56)), ("2024", datetime(2024, 1, 2, 10, 30))],
)
def test_the_most_specific_time_of_acquisition_wins(tmp_path: Path, stamp: str, expected: datetime) -> None:
    def edit(ds: Dataset, k: int) -> None:
        ds.AcquisitionDateTime = stamp

    write_series(tmp_path, edit)
    assert _read(tmp_path).acquired_at == expected


def test_images_without_any_date_have_no_time(tmp_path: Path) -> None:
    def edit(ds: Dataset, k: int) -> None:
        del ds.AcquisitionDate, ds.StudyDate

    assert _written(tmp_path, edit).acquired_at is None


def test_a_converted_multi_frame_series_equals_its_slices(tmp_path: Path) -> None:
    paths = write_series(tmp_path / "single")
    datasets = [pydicom.dcmread(path) for path in paths]
    for ds in datasets:
        # attributes the converter of highdicom asks for
        ds.AccessionNumber, ds.ReferringPhysicianName, ds.SeriesNumber, ds.InstanceNumber = "", "", 1, 1
        ds.ContentDate, ds.ContentTime, ds.KVP, ds.SoftwareVersions = "20240102", "103000", 120, "1"
    converted = highdicom.legacy.LegacyConvertedEnhancedCTImage(
        datasets, DAY_SERIES, 2, DAY_SERIES + ".1", 1, contributing_equipment=None
    )
    save(converted, tmp_path / "multi" / "x")
    single, multi = _read(tmp_path / "single"), _read(tmp_path / "multi")
    assert multi.content_sha256 == single.content_sha256
    assert multi.sop_class_uid == pydicom.uid.LegacyConvertedEnhancedCTImageStorage


def test_geometry_and_values_agree_with_highdicom(shared_data: Path) -> None:
    contents = scan_folder(shared_data / "LinaQA" / "TestFiles" / "CatPhan604")
    image = read_ct_series(contents.ct_series[0], DAILY, needs_hounsfield=False)
    near_start = sorted(image.paths, key=image.paths.index)[:8]
    oracle = highdicom.get_volume_from_series([pydicom.dcmread(path) for path in near_start])
    # highdicom counts slices from the head: flip it to ours before comparing.
    assert np.array_equal(np.asarray(oracle.array)[::-1], image.volume.values[:8])
    first = np.asarray(oracle.affine) @ [7, 0, 0, 1]
    assert np.allclose(first[:3], image.volume.grid.origin_mm, atol=1e-6)
    assert oracle.spacing_between_slices == pytest.approx(image.volume.grid.spacing_mm[2], abs=1e-6)


def test_a_real_cone_beam_scan_is_recognised(shared_data: Path) -> None:
    contents = scan_folder(shared_data / "LinaQA" / "TestFiles" / "CatPhan604")
    image = read_ct_series(contents.ct_series[0], DAILY, needs_hounsfield=False)
    assert image.volume.grid.shape == (88, 512, 512)
    assert np.allclose(image.volume.grid.spacing_mm, [0.908, 0.908, 1.988], atol=5e-4)
    assert not image.volume.is_hounsfield
    assert image.acquired_at is None  # anonymised to the year 1


def test_a_real_planning_ct_is_read(shared_data: Path) -> None:
    image = _read(shared_data / "OnkoDICOM")
    grid = image.volume.grid
    assert grid.shape == (105, 512, 512)
    assert np.allclose(grid.spacing_mm, [1.26953125, 1.26953125, 4.0])
    assert image.volume.values.dtype == np.int16
    assert image.volume.is_hounsfield
    assert image.patient_position is PatientPosition.HFS
    assert image.content_sha256 == content_hash(image.volume)
