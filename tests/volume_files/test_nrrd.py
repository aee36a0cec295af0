"""NRRD: the space says what the axes mean, or the file is doubted."""

from pathlib import Path

import numpy as np
import pytest
from volume_builders import VALUES, nrrd

from isoguide.errors import GeometryError, MissingEvidenceError, UnreadableError
from isoguide.geometry.frames import PLANNING
from isoguide.volume_files import load_volume_file

DIRECTIONS = "space directions: (1,0,0) (0,2,0) (0,0,3)"
ORIGIN = "space origin: (10,20,30)"


@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("left-posterior-superior", (1, 1, 1)),
        ("LPS", (1, 1, 1)),
        ("right-anterior-superior", (-1, -1, 1)),
        ("LAS", (1, -1, 1)),
    ],
)
def test_every_patient_space_becomes_lps(tmp_path: Path, space: str, signs: tuple[int, ...]) -> None:
    found = load_volume_file(nrrd(tmp_path / "a.nrrd", f"space: {space}", DIRECTIONS, ORIGIN), PLANNING)
    grid = found.volume.grid
    assert grid.frame == PLANNING
    assert grid.spacing_mm.tolist() == [1, 2, 3]
    assert grid.origin_mm.tolist() == [10 * signs[0], 20 * signs[1], 30]
    assert np.allclose(grid.direction, np.diag(signs))
    assert np.array_equal(found.volume.values, VALUES)
    assert found.warnings == ()


def test_units_are_converted(tmp_path: Path) -> None:
    units = 'space units: "cm" "cm" "cm"'
    path = nrrd(tmp_path / "a.nrrd", "space: LPS", DIRECTIONS, ORIGIN, units)
    grid = load_volume_file(path, PLANNING).volume.grid
    assert np.allclose(grid.spacing_mm, [10, 20, 30])
    assert np.allclose(grid.origin_mm, [100, 200, 300])


def test_unknown_units_are_refused_unless_millimetres_are_assumed(tmp_path: Path) -> None:
    path = nrrd(tmp_path / "a.nrrd", "space: LPS", DIRECTIONS, 'space units: "inch" "inch" "inch"')
    with pytest.raises(MissingEvidenceError, match="has the units inch"):
        load_volume_file(path, PLANNING)
    found = load_volume_file(path, PLANNING, assume_mm=True)
    assert "millimetres were assumed" in found.warnings[0]
    assert found.volume.grid.origin_mm.tolist() == [0, 0, 0]


def test_a_file_with_spacings_only_is_refused_unless_assumed(tmp_path: Path) -> None:
    path = nrrd(tmp_path / "a.nrrd", "spacings: 1 2 3")
    with pytest.raises(
        MissingEvidenceError, match="neither the units of its voxel sizes nor a patient space"
    ):
        load_volume_file(path, PLANNING)
    found = load_volume_file(path, PLANNING, assume_mm=True)
    assert found.volume.grid.spacing_mm.tolist() == [1, 2, 3]
    assert "states no patient space" in found.warnings[1]


def test_an_unknown_space_warns(tmp_path: Path) -> None:
    millimetres = 'space units: "mm" "mm" "mm"'
    path = nrrd(tmp_path / "a.nrrd", "space: scanner-xyz", DIRECTIONS, millimetres)
    (warning,) = load_volume_file(path, PLANNING).warnings
    assert "the space 'scanner-xyz'" in warning


def test_a_sheared_grid_is_refused(tmp_path: Path) -> None:
    sheared = "space directions: (1,0,0) (0.1,2,0) (0,0,3)"
    with pytest.raises(GeometryError, match="sheared voxel axes"):
        load_volume_file(nrrd(tmp_path / "a.nrrd", "space: LPS", sheared), PLANNING)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (("space: LPS", "space directions: (1,0,0) (0,x,0) (0,0,3)"), "not numbers"),
        (("space: LPS", "space directions: (1,0,0) (0,2,0)"), "2 directions instead of 3"),
        (("space: LPS", "spacings: 1 2"), "neither space directions nor three spacings"),
        (("space: LPS", "spacings: 1 2 wide"), "neither space directions nor three spacings"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(
    tmp_path: Path, fields: tuple[str, ...], message: str
) -> None:
    with pytest.raises(UnreadableError, match=message):
        load_volume_file(nrrd(tmp_path / "a.nrrd", *fields), PLANNING)


def test_colours_are_refused(tmp_path: Path) -> None:
    colours = np.zeros((3, 4, 5, 3), dtype=np.uint8)
    fields = (
        "space: LPS",
        "space directions: none (1,0,0) (0,2,0) (0,0,3)",
        "kinds: RGB-color domain domain domain",
    )
    with pytest.raises(UnreadableError, match="3 values per voxel"):
        load_volume_file(nrrd(tmp_path / "a.nrrd", *fields, values=colours), PLANNING)


def test_other_and_truncated_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.nrrd").write_bytes(b"something else")
    with pytest.raises(UnreadableError, match="not an NRRD file"):
        load_volume_file(tmp_path / "a.nrrd", PLANNING)
    path = nrrd(tmp_path / "b.nrrd", "space: LPS", DIRECTIONS)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(UnreadableError, match="damaged"):
        load_volume_file(path, PLANNING)


def test_a_real_dose_grid_is_where_simpleitk_puts_it(shared_data: Path) -> None:
    sitk = pytest.importorskip("SimpleITK")
    path = shared_data / "SlicerRT/Testing/Data/EclipseEnt_Dose.nrrd"
    grid = load_volume_file(path, PLANNING).volume.grid
    image = sitk.ReadImage(str(path))
    assert np.allclose(grid.origin_mm, image.GetOrigin())
    assert np.allclose(grid.spacing_mm, image.GetSpacing())
    assert grid.shape == image.GetSize()[::-1]
