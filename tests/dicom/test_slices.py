"""Geometry comes from positions alone, and what is not one regular stack is refused."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dicom_builders import (
    FRAME,
    ORIGIN_MM,
    SLICE_MM,
    SPACING_MM,
    Edit,
    ct_slice,
    enhanced_ct,
    save,
    write_series,
)
from pydicom.dataset import Dataset

from isoguide.dicom import FoundSeries, scan_folder
from isoguide.dicom.ct import series_geometry
from isoguide.errors import GeometryError, InputError, MismatchError, UnreadableError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import rotation_x


def _series(folder: Path) -> FoundSeries:
    (series,) = scan_folder(folder).ct_series
    return series


def _grid(folder: Path) -> Grid:
    return series_geometry(_series(folder), PLANNING)[0]


def _refused(tmp_path: Path, edit: Edit, error: type[InputError], *, count: int = 6) -> str:
    write_series(tmp_path, edit, count=count)
    with pytest.raises(error) as caught:
        _grid(tmp_path)
    return str(caught.value)


def _move_z(offset: Callable[[int], float]) -> Edit:
    def edit(ds: Dataset, k: int) -> None:
        ds.ImagePositionPatient = [ORIGIN_MM[0], ORIGIN_MM[1], ORIGIN_MM[2] + SLICE_MM * k + offset(k)]

    return edit


def test_the_grid_is_built_from_positions_and_never_from_slice_thickness(tmp_path: Path) -> None:
    write_series(tmp_path)
    grid, planes, warnings = series_geometry(_series(tmp_path), PLANNING)
    assert grid.shape == (6, 16, 16)
    # PixelSpacing is row spacing first, the grid lists columns (x) first.
    assert grid.spacing_mm.tolist() == [SPACING_MM[1], SPACING_MM[0], SLICE_MM]
    assert grid.origin_mm.tolist() == list(ORIGIN_MM)
    assert np.array_equal(grid.direction, np.eye(3))
    assert [plane.position_mm[2] for plane in planes] == [ORIGIN_MM[2] + SLICE_MM * k for k in range(6)]
    assert warnings == ()


def test_slices_of_a_prone_patient_run_along_their_own_normal(tmp_path: Path) -> None:
    def edit(ds: Dataset, k: int) -> None:
        ds.ImageOrientationPatient = [-1, 0, 0, 0, 1, 0]  # feet first: the normal points to the feet

    write_series(tmp_path, edit)
    grid = _grid(tmp_path)
    assert np.array_equal(grid.direction, np.diag([-1.0, 1.0, -1.0]))
    assert grid.origin_mm[2] == ORIGIN_MM[2] + 5 * SLICE_MM
    assert np.linalg.det(grid.direction) == pytest.approx(1.0)


def test_an_oblique_stack_without_shear_is_accepted(tmp_path: Path) -> None:
    rotation = rotation_x(20.0)

    def edit(ds: Dataset, k: int) -> None:
        ds.ImageOrientationPatient = [f"{value:.10f}" for value in rotation[:, :2].T.ravel()]
        ds.ImagePositionPatient = [f"{value:.6f}" for value in rotation @ [1.0, 2.0, 3.0 + 2.5 * k]]

    write_series(tmp_path, edit)
    grid = _grid(tmp_path)
    assert np.allclose(grid.direction, rotation, atol=1e-9)
    assert grid.spacing_mm[2] == pytest.approx(2.5, abs=1e-6)


def test_positions_rounded_to_tenths_count_as_even(tmp_path: Path) -> None:
    def edit(ds: Dataset, k: int) -> None:
        ds.ImagePositionPatient = [0, 0, round(0.625 * k, 1)]

    write_series(tmp_path, edit, count=9)
    assert _grid(tmp_path).spacing_mm[2] == pytest.approx(0.625)


@pytest.mark.parametrize(
    ("removed", "count", "where"),
    [
        ((2,), 1, "after z = 33 mm"),
        ((2, 3), 2, "after z = 33 mm"),
        ((1, 4), 2, "after z = 30 mm, after z = 39 mm"),
    ],
)
def test_missing_slices_are_counted_and_placed(
    tmp_path: Path, removed: tuple[int, ...], count: int, where: str
) -> None:
    paths = write_series(tmp_path, count=8)
    for k in removed:
        paths[k].unlink()
    with pytest.raises(GeometryError) as caught:
        _grid(tmp_path)
    assert str(caught.value).startswith(f"{count} slice")
    assert where in str(caught.value)


def test_many_gaps_are_not_all_listed(tmp_path: Path) -> None:
    paths = write_series(tmp_path, count=30)
    for k in (2, 5, 8, 11, 14, 17):
        paths[k].unlink()
    with pytest.raises(GeometryError, match=r"6 slices are missing .*, \.\.\. \(next to"):
        _grid(tmp_path)


def test_a_slice_off_its_even_place_is_named_with_its_distance(tmp_path: Path) -> None:
    message = _refused(tmp_path, _move_z(lambda k: 0.8 * (k == 3)), GeometryError)
    assert "3.80 mm after its neighbour instead of 3.00 mm" in message
    assert "unevenly spaced" in message


def test_two_slices_at_one_position_are_refused(tmp_path: Path) -> None:
    message = _refused(tmp_path, _move_z(lambda k: -3.0 * (k == 4)), GeometryError)
    assert "lie at the same position z = 39 mm" in message
    assert message.count(str(tmp_path)) == 2


def test_a_tilted_gantry_is_refused_with_its_angle(tmp_path: Path) -> None:
    def edit(ds: Dataset, k: int) -> None:
        ds.ImagePositionPatient = [0, 3.0 * k * np.tan(np.deg2rad(15.0)), 3.0 * k]

    message = _refused(tmp_path, edit, GeometryError)
    assert "tilt 15.0 degrees" in message


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"ImageOrientationPatient": [1, 0, 0, 0, 0.9848, 0.1736]},
            GeometryError,
            "Patient 1, 0, 0",
        ),
        ({"PixelSpacing": [1.5, 1.3]}, GeometryError, r"PixelSpacing \(1.5, 1.3\) while"),
        ({"FrameOfReferenceUID": FRAME + ".9"}, MismatchError, "FrameOfReferenceUID"),
        ({"PatientID": "B2"}, MismatchError, "PatientID 'B2' while the series has 'A1'"),
        ({"PatientPosition": "HFP"}, MismatchError, "PatientPosition 'HFP' while"),
    ],
)
def test_one_file_that_differs_from_the_series_is_named(
    tmp_path: Path, change: dict[str, object], error: type[InputError], message: str
) -> None:
    def edit(ds: Dataset, k: int) -> None:
        for keyword, value in change.items() if k == 2 else ():
            setattr(ds, keyword, value)

    found = _refused(tmp_path, edit, error)
    assert re.search(message, found)
    assert str(tmp_path / "14-.2.bin") in found


def test_images_of_two_sizes_are_refused(tmp_path: Path) -> None:
    def edit(ds: Dataset, k: int) -> None:
        if k == 2:
            ds.Rows, ds.PixelData = 8, ds.PixelData[:256]

    assert "size in rows and columns (8, 16)" in _refused(tmp_path, edit, GeometryError)


def test_axes_that_are_not_orthonormal_are_refused(tmp_path: Path) -> None:
    def edit(ds: Dataset, k: int) -> None:
        ds.ImageOrientationPatient = [1, 0.01, 0, 0, 1, 0]

    assert "off orthonormal by 0.01" in _refused(tmp_path, edit, GeometryError)


@pytest.mark.parametrize("keyword", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"])
def test_a_slice_without_geometry_is_refused(tmp_path: Path, keyword: str) -> None:
    message = _refused(tmp_path, lambda ds, k: delattr(ds, keyword), UnreadableError)
    assert f"has no {keyword}" in message


def test_a_spacing_of_zero_is_refused(tmp_path: Path) -> None:
    def edit(ds: Dataset, k: int) -> None:
        ds.PixelSpacing = [0, 1]

    assert "PixelSpacing 0, 1 mm" in _refused(tmp_path, edit, GeometryError)


def test_a_slope_of_zero_is_refused(tmp_path: Path) -> None:
    def edit(ds: Dataset, k: int) -> None:
        ds.RescaleSlope = 0

    assert "erases the image" in _refused(tmp_path, edit, UnreadableError)


def test_a_single_slice_has_no_thickness(tmp_path: Path) -> None:
    assert "single slice" in _refused(tmp_path, lambda ds, k: None, GeometryError, count=1)


def test_a_localizer_in_the_series_is_set_aside_with_a_warning(tmp_path: Path) -> None:
    write_series(tmp_path)
    scout = ct_slice(9)
    scout.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    scout.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    save(scout, tmp_path / "scout")
    grid, _, warnings = series_geometry(_series(tmp_path), PLANNING)
    assert grid.shape[0] == 6
    assert "1 localizer image(s)" in warnings[0]


def test_a_truncated_file_of_the_series_is_fatal(tmp_path: Path) -> None:
    path = write_series(tmp_path)[3]
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(UnreadableError, match="7 of 512 bytes of pixel data are missing; export"):
        _grid(tmp_path)


def test_frames_of_an_enhanced_file_are_ordered_by_position(tmp_path: Path) -> None:
    save(enhanced_ct(), tmp_path / "enhanced")
    grid, planes, _ = series_geometry(_series(tmp_path), PLANNING)
    assert grid.origin_mm.tolist() == list(ORIGIN_MM)
    assert grid.spacing_mm.tolist() == [SPACING_MM[1], SPACING_MM[0], SLICE_MM]
    assert [plane.position_mm[2] for plane in planes] == [ORIGIN_MM[2] + SLICE_MM * k for k in range(6)]


def test_a_frame_at_the_place_of_another_is_named(tmp_path: Path) -> None:
    ds = enhanced_ct()
    frames = ds.PerFrameFunctionalGroupsSequence
    frames[4].PlanePositionSequence = frames[1].PlanePositionSequence
    save(ds, tmp_path / "enhanced")
    with pytest.raises(GeometryError, match=r"frame \d and .*frame \d lie at the same position"):
        _grid(tmp_path)


def test_a_frame_without_position_is_named(tmp_path: Path) -> None:
    ds = enhanced_ct()
    del ds.PerFrameFunctionalGroupsSequence[2].PlanePositionSequence
    save(ds, tmp_path / "enhanced")
    with pytest.raises(UnreadableError, match="enhanced frame 3 has no ImagePositionPatient"):
        _grid(tmp_path)


def test_many_frames_without_positions_are_refused(tmp_path: Path) -> None:
    ds = ct_slice(0)
    ds.NumberOfFrames = 2
    ds.PixelData = ds.PixelData * 2
    save(ds, tmp_path / "x")
    with pytest.raises(GeometryError, match="2 frames without a position for each"):
        _grid(tmp_path)
