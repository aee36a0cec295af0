"""NIfTI: a millimetre is one only when the file says so."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from volume_builders import VALUES, nifti

from isoguide.errors import GeometryError, MissingEvidenceError, UnreadableError
from isoguide.geometry.frames import DAILY
from isoguide.geometry.transforms import rotation_x, rotation_z
from isoguide.volume_files import load_volume_file
from isoguide.volume_files.placement import ASSUME_OPTION

RAS = np.array([[-1.0, 0, 0, 10], [0, 0, 3, 20], [0, 2, 0, 30]])
"""i to the left, j to the head, k to the front, in RAS."""


def test_an_affine_in_ras_becomes_lps(tmp_path: Path) -> None:
    found = load_volume_file(nifti(tmp_path / "a.nii", sform=RAS), DAILY)
    grid = found.volume.grid
    assert grid.frame == DAILY
    assert grid.shape == (3, 4, 5)
    assert grid.spacing_mm.tolist() == [1, 2, 3]
    assert grid.origin_mm.tolist() == [-10, -20, 30]
    assert np.allclose(grid.direction, [[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    assert np.array_equal(found.volume.values, VALUES)
    assert found.volume.values.dtype == np.int16
    assert found.volume.is_hounsfield
    assert found.warnings == ()


@pytest.mark.parametrize("qfac", [1.0, -1.0])
def test_the_quaternion_form_agrees_with_simpleitk(tmp_path: Path, qfac: float) -> None:
    sitk = pytest.importorskip("SimpleITK")
    path = nifti(tmp_path / "a.nii", qform=(0.1, -0.2, 0.3, 5.0, 6.0, 7.0), qfac=qfac)
    grid = load_volume_file(path, DAILY).volume.grid
    image = sitk.ReadImage(str(path))
    assert np.allclose(grid.origin_mm, image.GetOrigin(), atol=1e-5)
    assert np.allclose(grid.spacing_mm, image.GetSpacing(), atol=1e-5)
    assert np.allclose(grid.direction.ravel(), image.GetDirection(), atol=1e-5)


def test_compressed_and_big_endian_files_are_read(tmp_path: Path) -> None:
    packed = load_volume_file(nifti(tmp_path / "a.nii.gz", sform=RAS), DAILY)
    swapped = load_volume_file(nifti(tmp_path / "b.nii", sform=RAS, big_endian=True), DAILY)
    for found in (packed, swapped):
        assert np.array_equal(found.volume.values, VALUES)
        assert found.volume.grid.origin_mm.tolist() == [-10, -20, 30]
    assert packed.sha256 != swapped.sha256


@pytest.mark.parametrize(("units", "factor"), [(1, 1000.0), (3, 0.001), (2 | 8, 1.0)])
def test_metres_and_micrometres_become_millimetres(tmp_path: Path, units: int, factor: float) -> None:
    grid = load_volume_file(nifti(tmp_path / "a.nii", sform=RAS, units=units), DAILY).volume.grid
    assert np.allclose(grid.spacing_mm, np.array([1, 2, 3]) * factor)
    assert np.allclose(grid.origin_mm, np.array([-10, -20, 30]) * factor)


def test_a_file_without_units_is_refused_unless_millimetres_are_assumed(tmp_path: Path) -> None:
    path = nifti(tmp_path / "a.nii", sform=RAS, units=0)
    with pytest.raises(MissingEvidenceError, match=rf"a\.nii does not say the units .* with {ASSUME_OPTION}"):
        load_volume_file(path, DAILY)
    (warning,) = load_volume_file(path, DAILY, assume_mm=True).warnings
    assert "millimetres were assumed" in warning


def test_a_file_without_orientation_is_refused_unless_axes_are_assumed(tmp_path: Path) -> None:
    path = nifti(tmp_path / "a.nii")
    with pytest.raises(MissingEvidenceError, match="does not say how its voxels lie"):
        load_volume_file(path, DAILY)
    found = load_volume_file(path, DAILY, assume_mm=True)
    assert np.array_equal(found.volume.grid.direction, np.eye(3))
    assert found.volume.grid.spacing_mm.tolist() == [1, 2, 3]
    assert "states no orientation" in found.warnings[0]


def test_a_sheared_grid_is_refused(tmp_path: Path) -> None:
    sheared = RAS.copy()
    sheared[2, 0] = 0.01
    with pytest.raises(GeometryError, match=r"a\.nii has sheared voxel axes \(off by 0\.01\)"):
        load_volume_file(nifti(tmp_path / "a.nii", sform=sheared), DAILY, assume_mm=True)


def test_an_oblique_grid_is_not_a_sheared_one(tmp_path: Path) -> None:
    oblique = np.hstack([rotation_z(20) @ rotation_x(10) @ np.diag([1, 2, 3]), [[1], [2], [3]]])
    grid = load_volume_file(nifti(tmp_path / "a.nii", sform=oblique), DAILY).volume.grid
    assert np.allclose(grid.direction, np.diag([-1, -1, 1]) @ rotation_z(20) @ rotation_x(10), atol=1e-6)


def test_two_orientations_that_disagree_are_refused(tmp_path: Path) -> None:
    straight = np.hstack([np.diag([1.0, 2.0, 3.0]), [[5.0], [6.0], [7.0]]])
    same = load_volume_file(nifti(tmp_path / "a.nii", sform=straight, qform=(0, 0, 0, 5, 6, 7)), DAILY)
    assert same.volume.grid.origin_mm.tolist() == [-5, -6, 7]
    with pytest.raises(GeometryError, match=r"two orientations .* differ by 1"):
        load_volume_file(nifti(tmp_path / "b.nii", sform=straight, qform=(0, 0, 0, 5, 6, 8)), DAILY)


def test_an_axis_without_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GeometryError, match="without length or direction"):
        load_volume_file(nifti(tmp_path / "a.nii", sform=RAS * 0), DAILY)


def test_a_series_in_time_is_refused(tmp_path: Path) -> None:
    values = np.stack([VALUES, VALUES])
    with pytest.raises(UnreadableError, match="size 5 × 4 × 3 × 2; only three-dimensional"):
        load_volume_file(nifti(tmp_path / "a.nii", values, sform=RAS), DAILY)
    single = load_volume_file(nifti(tmp_path / "b.nii", VALUES[None], sform=RAS), DAILY)
    assert single.volume.grid.shape == (3, 4, 5)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_a_truncated_file_is_refused(tmp_path: Path, name: str) -> None:
    path = nifti(tmp_path / name, sform=RAS)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UnreadableError, match="is truncated"):
        load_volume_file(path, DAILY)


@pytest.mark.parametrize(
    "content",
    [b"", b"random bytes " * 100, gzip.compress(b"short", mtime=0)[:-6], gzip.compress(b"x" * 400, mtime=0)],
)
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_a_file_that_is_not_nifti_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableError, match="NIfTI"):
        load_volume_file(tmp_path / name, DAILY)


def test_real_repeat_scans_need_the_assumption(shared_data: Path) -> None:
    path = shared_data / "CV-IGRT/cv_dataset/testing/H02/ct_01.nii.gz"
    with pytest.raises(MissingEvidenceError, match=ASSUME_OPTION):
        load_volume_file(path, DAILY)
    found = load_volume_file(path, DAILY, assume_mm=True)
    assert found.volume.grid.shape == (184, 216, 216)
    assert found.volume.grid.spacing_mm.tolist() == [1, 1, 1]
    assert not found.volume.is_hounsfield
    assert len(found.warnings) == 3
