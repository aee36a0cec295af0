"""MetaImage: LPS millimetres unless the file says otherwise."""

from pathlib import Path

import numpy as np
import pytest
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
    with pytest.raises(UnreadableError, match="damaged"):
        load_volume_file(path, DAILY)
