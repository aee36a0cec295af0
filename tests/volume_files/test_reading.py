"""Voxels are kept exactly, and what is not a grey volume is refused."""

import sys
from pathlib import Path

import numpy as np
import pytest
from volume_builders import VALUES, metaimage, nifti

from isoguide.errors import MissingEvidenceError, UnreadableError
from isoguide.geometry.frames import DAILY
from isoguide.volume_files import is_volume_file, load_volume_file, read_volume_file

RAS = np.hstack([np.diag([1.0, 2.0, 3.0]), np.zeros((3, 1))])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.nii", True),
        ("a.NII.GZ", True),
        ("a.nrrd", True),
        ("a.mhd", True),
        ("a.dcm", False),
        ("a.gz", False),
    ],
)
def test_research_files_are_known_by_their_names(tmp_path: Path, name: str, expected: bool) -> None:
    assert is_volume_file(tmp_path / name) is expected
    (tmp_path / "folder.nii").mkdir()
    assert not is_volume_file(str(tmp_path / "folder.nii"))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (VALUES, np.int16),
        (VALUES.astype(np.float32), np.int16),
        (VALUES.astype(np.int32), np.int16),
        (VALUES.astype(np.int32) * 100, np.float32),
        (VALUES.astype(np.float32) + 0.5, np.float32),
    ],
)
def test_values_are_int16_where_that_is_exact(tmp_path: Path, values: np.ndarray, kind: type) -> None:
    volume = read_volume_file(nifti(tmp_path / "a.nii", values, sform=RAS), DAILY)
    assert volume.values.dtype == kind
    assert np.array_equal(volume.values, values)


def test_grey_values_are_not_taken_for_hounsfield_units(tmp_path: Path) -> None:
    grey = (VALUES.astype(np.int32) + 1000).astype(np.int16)
    found = load_volume_file(nifti(tmp_path / "a.nii", grey, sform=RAS), DAILY)
    assert not found.volume.is_hounsfield
    assert "do not look like Hounsfield units" in found.warnings[0]


def test_values_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    values = VALUES.astype(np.float32)
    values[1, 2, 3] = np.nan
    with pytest.raises(UnreadableError, match="not finite"):
        read_volume_file(metaimage(tmp_path / "a.mha", values=values), DAILY)


def test_without_simpleitk_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    with pytest.raises(MissingEvidenceError, match=r"pip install 'isoguide\[formats\]'"):
        read_volume_file(nifti(tmp_path / "a.nii", sform=RAS), DAILY)


def test_paths_that_are_no_volume_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnreadableError, match="is not a file"):
        read_volume_file(tmp_path, DAILY)
    (tmp_path / "a.tif").write_bytes(b"x")
    with pytest.raises(UnreadableError, match="name that is not known"):
        read_volume_file(tmp_path / "a.tif", DAILY)
    path = metaimage(tmp_path / "a.mha")

    def refuse(self: Path, mode: str = "r") -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UnreadableError, match="Permission denied"):
        read_volume_file(path, DAILY)
