import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import UID, CTImageStorage
from written_objects import names

from isoguide.dicom.modules import date_text, local_time, new_dataset, time_text
from isoguide.dicom.part10 import decimal_string, derived_uid, new_uid, save_dataset, shortened
from isoguide.errors import OutputError

MOMENT = datetime(2024, 2, 29, 13, 5, 9)


def a_dataset() -> Dataset:
    dataset = new_dataset(str(CTImageStorage), "2.25.5", created_at=MOMENT)
    dataset.PatientID = "Ä"
    return dataset


def test_the_same_strings_always_give_the_same_valid_uid() -> None:
    first, again = derived_uid("demo", "series"), derived_uid("demo", "series")
    assert first == again != derived_uid("demo", "study")
    assert derived_uid("ab", "c") != derived_uid("a", "bc")
    for uid in (first, new_uid()):
        assert UID(uid).is_valid
        assert len(uid) <= 64


def test_fresh_uids_differ() -> None:
    assert new_uid() != new_uid()


@pytest.mark.parametrize(
    "value", [0.0, -1.0 / 3.0, 1e-17, -1.2345678901234567e-105, 123456.78901234567, -98765432.10987654, 1e300]
)
def test_a_decimal_string_keeps_sixteen_characters_and_what_fits_into_them(value: float) -> None:
    text = decimal_string(value)
    assert len(text) <= 16
    assert float(text) == pytest.approx(value, rel=1e-7, abs=1e-13)


def test_a_rotation_matrix_survives_decimal_strings_to_the_last_digits_that_fit() -> None:
    values = np.random.default_rng(1).uniform(-1.0, 1.0, 500)
    written = np.array([float(decimal_string(value)) for value in values])
    assert np.abs(written - values).max() < 1e-12  # sign, 0, point and exponent leave at least twelve digits


def test_minus_zero_is_written_as_zero() -> None:
    assert not decimal_string(-0.0).startswith("-")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(OutputError, match="not a finite number"):
        decimal_string(value)


def test_text_is_cut_and_cannot_become_two_values() -> None:
    assert shortened(" a\\b ", 16) == "a/b"
    assert shortened("x" * 70, 64) == "x" * 64


def test_times_with_a_zone_are_written_by_the_local_clock() -> None:
    aware = datetime(2024, 2, 29, 13, 5, 9, tzinfo=UTC)
    assert local_time(aware) == aware.astimezone().replace(tzinfo=None)
    assert (date_text(MOMENT), time_text(MOMENT)) == ("20240229", "130509")
    assert (date_text(None), time_text(None)) == ("", "")


def test_a_saved_file_is_a_complete_dicom_file_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "one.dcm"
    save_dataset(path, a_dataset())
    read = pydicom.dcmread(path)  # without force: preamble and meta information are there
    assert read.PatientID == "Ä"
    assert read.file_meta.MediaStorageSOPInstanceUID == "2.25.5"
    assert names(tmp_path) == ["one.dcm"]


def test_a_folder_that_does_not_exist_is_reported_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot write .*one\.dcm .*choose a folder"):
        save_dataset(tmp_path / "absent" / "one.dcm", a_dataset())
    assert names(tmp_path) == []


def test_a_value_that_cannot_be_encoded_leaves_the_old_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "one.dcm"
    save_dataset(path, a_dataset())
    before = path.read_bytes()
    broken = a_dataset()
    with pytest.warns(UserWarning, match="must be between 0 and 65535"):
        broken.Rows = 70000
    with pytest.raises(OutputError, match="does not fit its attribute"):
        save_dataset(path, broken)
    assert path.read_bytes() == before
    assert names(tmp_path) == ["one.dcm"]


def test_an_interruption_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_dataset(tmp_path / "one.dcm", a_dataset())
    assert names(tmp_path) == []
