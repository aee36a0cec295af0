"""A folder may hold anything in any order."""

import random
from pathlib import Path

import numpy as np
import pytest
from dicom_builders import (
    PLAN,
    SERIES,
    ct_slice,
    dataset,
    dose,
    plan,
    save,
    structure_set,
    write_planning_export,
    write_series,
)
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
    RLELossless,
)

from isoguide.dicom import load_planning_set, scan_folder
from isoguide.dicom.scan import open_dicom
from isoguide.errors import UnreadableError


def test_objects_are_found_by_content_at_any_depth_and_under_any_name(tmp_path: Path) -> None:
    write_planning_export(tmp_path / "a" / "b")
    save(dose(), tmp_path / "c.jpg")
    (tmp_path / "notes.dcm").write_text("not an image")
    contents = scan_folder(tmp_path)
    assert [series.series_instance_uid for series in contents.ct_series] == [SERIES]
    assert len(contents.ct_series[0].files) == 6
    assert [file.sop_instance_uid for file in contents.plans] == [PLAN]
    assert len(contents.structure_sets) == len(contents.doses) == 1
    assert contents.not_dicom == (tmp_path / "notes.dcm",)
    assert contents.unusable == ()


def test_a_single_file_is_scanned_like_a_folder(tmp_path: Path) -> None:
    assert len(scan_folder(save(plan(), tmp_path / "plan")).plans) == 1


def test_progress_is_reported_for_every_file(tmp_path: Path) -> None:
    write_series(tmp_path, count=4)
    fractions: list[float] = []
    scan_folder(tmp_path, lambda fraction, step: fractions.append(fraction))
    assert fractions == [0.0, 0.25, 0.5, 0.75]


def test_a_dicomdir_is_ignored(tmp_path: Path) -> None:
    directory = dataset(MediaStorageDirectoryStorage, "1.2.3", "CT")
    save(directory, tmp_path / "DICOMDIR")
    contents = scan_folder(tmp_path)
    assert contents.files == ()
    assert contents.unusable == ()


def test_a_path_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="does not exist"):
        scan_folder(tmp_path / "nowhere")
    with pytest.raises(UnreadableError, match="is not a file"):
        open_dicom(tmp_path)


def test_a_folder_that_cannot_be_listed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, onerror):
        onerror(PermissionError(13, "Permission denied", str(path)))
        return iter(())

    monkeypatch.setattr("isoguide.dicom.scan.os.walk", refuse)
    with pytest.raises(UnreadableError, match="Permission denied"):
        scan_folder(tmp_path)


def test_files_without_preamble_are_read(tmp_path: Path) -> None:
    ds = ct_slice(0, syntax=ImplicitVRLittleEndian)
    del ds.file_meta
    ds.save_as(tmp_path / "old", implicit_vr=True, little_endian=True)
    assert (tmp_path / "old").read_bytes()[:4] == b"\x08\x00\x08\x00"
    assert len(scan_folder(tmp_path).ct_series) == 1


def test_text_that_only_starts_like_a_dataset_is_not_dicom(tmp_path: Path) -> None:
    (tmp_path / "odd").write_bytes(b"\x08\x00\x05\x00" + bytes(200))
    contents = scan_folder(tmp_path)
    assert contents.files == ()
    assert len(contents.not_dicom) == 1


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, RLELossless])
def test_a_truncated_image_is_listed_with_its_series_and_reason(tmp_path: Path, syntax: str) -> None:
    ds = ct_slice(0)
    if syntax == RLELossless:
        ds.compress(RLELossless)
    else:
        ds.file_meta.TransferSyntaxUID = syntax
    path = save(ds, tmp_path / "cut")
    path.write_bytes(path.read_bytes()[:-100])
    (bad,) = scan_folder(tmp_path).unusable
    assert bad.path == path
    assert bad.series_instance_uid == SERIES
    assert bad.reason.startswith("it is truncated")


@pytest.mark.parametrize("tail", [-SIZE for SIZE in (512, 516, 520, 600)])
def test_an_image_cut_before_its_pixels_is_listed(tmp_path: Path, tail: int) -> None:
    path = save(ct_slice(0), tmp_path / "cut")
    path.write_bytes(path.read_bytes()[:tail])
    contents = scan_folder(tmp_path)
    assert contents.files == ()
    assert "truncated" in contents.unusable[0].reason or "cut" in contents.unusable[0].reason


def test_a_file_cut_within_its_header_is_listed(tmp_path: Path) -> None:
    path = save(plan(), tmp_path / "cut")
    path.write_bytes(path.read_bytes()[:150])
    (bad,) = scan_folder(tmp_path).unusable
    assert "ends before it says what it is" in bad.reason or "damaged" in bad.reason


def test_a_file_without_permission_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(plan(), tmp_path / "locked")

    def refuse(self: Path, mode: str = "r") -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    (bad,) = scan_folder(tmp_path).unusable
    assert bad.reason == "it cannot be opened (Permission denied)"


def test_opening_one_file_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    with pytest.raises(UnreadableError, match="not a DICOM file"):
        open_dicom(tmp_path / "text")
    path = save(ct_slice(0), tmp_path / "cut")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(UnreadableError, match="10 of 512 bytes of pixel data are missing"):
        open_dicom(path)


def test_random_and_truncated_files_among_good_ones_do_not_disturb(tmp_path: Path) -> None:
    write_planning_export(tmp_path)
    generator = random.Random(5)
    (tmp_path / "noise.dcm").write_bytes(generator.randbytes(3000))
    (tmp_path / "noise2.dcm").write_bytes(bytes(128) + b"DICM" + generator.randbytes(3000))
    (tmp_path / "empty.dcm").write_bytes(b"")
    loaded = load_planning_set(tmp_path)
    assert loaded.image.volume.grid.shape == (6, 16, 16)
    assert any("noise2.dcm was left out" in warning for warning in loaded.warnings)


def test_no_damage_to_a_file_escapes_as_anything_but_a_listed_reason(tmp_path: Path) -> None:
    generator = np.random.default_rng(7)
    sources = [
        save(make(), tmp_path / "source" / name).read_bytes()
        for name, make in (("ct", lambda: ct_slice(1)), ("rs", structure_set), ("rp", plan), ("rd", dose))
    ]
    folder = tmp_path / "damaged"
    folder.mkdir()
    for number in range(200):
        raw = bytearray(sources[number % 4])
        for position in generator.integers(132, len(raw), 12):
            raw[position] = generator.integers(256)
        (folder / f"{number}").write_bytes(raw[: generator.integers(140, len(raw))])
    contents = scan_folder(folder)
    assert len(contents.files) + len(contents.unusable) + len(contents.not_dicom) == 200


def test_deflated_files_are_read(tmp_path: Path) -> None:
    save(ct_slice(0, syntax=DeflatedExplicitVRLittleEndian), tmp_path / "x")
    (file,) = scan_folder(tmp_path).files
    assert file.pixels is not None
    assert file.item.text("PatientID") == "A1"


def test_a_folder_of_a_real_clinic_is_understood(shared_data: Path) -> None:
    contents = scan_folder(shared_data / "OnkoDICOM")
    assert [len(series.files) for series in contents.ct_series] == [105]
    assert len(contents.plans) == len(contents.structure_sets) == 1
    assert contents.ct_series[0].label.startswith("CT series 'Thorax  4.0  eFoV' with 105 files")
