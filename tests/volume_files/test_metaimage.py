"""MetaImage: LPS millimetres unless the file says otherwise."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from volume_builders import VALUES, metaimage

from isoguide.errors import GeometryError, MissingEvidenceError, UnreadableError
from isoguide.geometry.frames import DAILY
from isoguide.volume_files import load_volume_file


def test_geometry_agrees_with_simpleitk(tmp_path: Path) -> None:
    sitk = pytest.importorskip("SimpleITK")
    matrix = "TransformMatrix = 0 1 0 -1 0 0 0 0 1"
    path = metaimage(tmp_path / "a.mha", matrix, "Offset = 10 20 30", "AnatomicalOrientation = RAI")
    found = load_volume_file(path, DAILY)
    grid, image = found.volume.grid, sitk.ReadImage(str(path))
    assert np.array_equal(grid.origin_mm, image.GetOrigin())
    assert np.array_equal(grid.spacing_mm, image.GetSpacing())
    assert np.allclose(grid.direction.ravel(), image.GetDirection())
    assert np.array_equal(found.volume.values, VALUES)
    assert found.warnings == ()


def test_a_header_without_matrix_and_origin_is_axial_at_zero(tmp_path: Path) -> None:
    grid = load_volume_file(metaimage(tmp_path / "a.mha"), DAILY).volume.grid
    assert np.array_equal(grid.direction, np.eye(3))
    assert grid.origin_mm.tolist() == [0, 0, 0]


def test_units_are_converted_or_asked_for(tmp_path: Path) -> None:
    grid = load_volume_file(metaimage(tmp_path / "a.mha", "DistanceUnits = cm"), DAILY).volume.grid
    assert np.allclose(grid.spacing_mm, [10, 20, 30])
    odd = metaimage(tmp_path / "b.mha", "DistanceUnits = inch")
    with pytest.raises(MissingEvidenceError, match="has the units inch"):
        load_volume_file(odd, DAILY)
    assert "millimetres were assumed" in load_volume_file(odd, DAILY, assume_mm=True).warnings[0]


def test_another_orientation_name_warns(tmp_path: Path) -> None:
    found = load_volume_file(metaimage(tmp_path / "a.mha", "AnatomicalOrientation = ASL"), DAILY)
    assert "states the orientation ASL" in found.warnings[0]


def test_a_sheared_grid_is_refused(tmp_path: Path) -> None:
    path = metaimage(tmp_path / "a.mha", "TransformMatrix = 1 0 0 0.1 1 0 0 0 1")
    with pytest.raises((GeometryError, UnreadableError)):
        load_volume_file(path, DAILY)


@pytest.mark.parametrize(
    ("fields", "spacing", "message"),
    [
        ((), None, "no ElementSpacing"),
        (("Offset = 1 2",), "1 2 3", "'1 2' instead of 3 numbers"),
        (("Offset = a b c",), "1 2 3", "'a b c' instead of 3 numbers"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(
    tmp_path: Path, fields: tuple[str, ...], spacing: str | None, message: str
) -> None:
    with pytest.raises(UnreadableError, match=message):
        load_volume_file(metaimage(tmp_path / "a.mha", *fields, spacing=spacing), DAILY)


def test_other_and_truncated_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mha").write_bytes(b"something else")
    with pytest.raises(UnreadableError, match="not a MetaImage file"):
        load_volume_file(tmp_path / "a.mha", DAILY)
    path = metaimage(tmp_path / "b.mha")
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(UnreadableError, match="truncated"):
        load_volume_file(path, DAILY)


def test_truncated_voxels_are_refused_without_a_word_of_the_library(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = SimpleITK.GetImageFromArray(np.arange(6000, dtype=np.int16).reshape(10, 20, 30) % 97)
    for compressed in (False, True):
        path = tmp_path / f"{compressed}.mha"
        SimpleITK.WriteImage(whole, str(path), compressed)
        load_volume_file(path, DAILY)
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(UnreadableError, match="truncated"):
            load_volume_file(path, DAILY)
    assert capfd.readouterr().err == ""


def test_voxels_in_a_second_file_are_checked_too(tmp_path: Path) -> None:
    SimpleITK.WriteImage(SimpleITK.Image(4, 5, 6, SimpleITK.sitkInt16), str(tmp_path / "a.mhd"))
    assert load_volume_file(tmp_path / "a.mhd", DAILY).volume.grid.shape == (6, 5, 4)
    voxels = tmp_path / "a.raw"
    voxels.write_bytes(voxels.read_bytes()[:-1])
    with pytest.raises(UnreadableError, match=r"a\.raw is truncated"):
        load_volume_file(tmp_path / "a.mhd", DAILY)
    voxels.unlink()
    with pytest.raises(UnreadableError, match=r"names a\.raw for its voxels, which is not there"):
        load_volume_file(tmp_path / "a.mhd", DAILY)
