"""Plain radiographs: values as they are, and what is saturated."""

from pathlib import Path

import numpy as np
import pytest

from isoguide.errors import MissingEvidenceError, UnreadableError
from isoguide.volume_files.radiograph_file import read_radiograph_file

sitk = pytest.importorskip("SimpleITK")
VALUES = (np.arange(12).reshape(3, 4) * 1000 + 5).astype(np.uint16)


def written(path: Path, values: np.ndarray, **kind: bool) -> Path:
    sitk.WriteImage(sitk.GetImageFromArray(values, **kind), str(path))
    return path


@pytest.mark.parametrize("suffix", [".png", ".tif", ".nrrd"])
def test_values_are_read_row_by_row_as_they_are(tmp_path, suffix):
    read = read_radiograph_file(written(tmp_path / f"a{suffix}", VALUES))
    np.testing.assert_array_equal(read.values, VALUES)
    assert read.values.dtype == np.float32
    assert not read.is_saturated.any()
    assert len(read.sha256) == 64


def test_whole_numbers_at_an_end_of_their_range_are_saturated(tmp_path):
    values = np.array([[0, 1], [254, 255]], dtype=np.uint8)
    read = read_radiograph_file(written(tmp_path / "a.png", values))
    assert read.is_saturated.tolist() == [[True, False], [False, True]]


def test_a_stack_of_one_image_is_that_image(tmp_path):
    values = np.arange(6, dtype=np.float32).reshape(1, 2, 3) / 7
    read = read_radiograph_file(written(tmp_path / "a.nrrd", values))
    np.testing.assert_array_equal(read.values, values[0])


def test_what_is_no_grey_image_is_refused(tmp_path):
    with pytest.raises(MissingEvidenceError, match=r"there is no image .*b\.png"):
        read_radiograph_file(tmp_path / "b.png")
    with pytest.raises(UnreadableError, match="has 3 values per pixel; save it as a grey image"):
        read_radiograph_file(written(tmp_path / "c.png", np.zeros((4, 5, 3), np.uint8), isVector=True))
    with pytest.raises(UnreadableError, match="holds 5 × 4 × 3 values; give one flat image per file"):
        read_radiograph_file(written(tmp_path / "d.nrrd", np.zeros((3, 4, 5), np.int16)))
    with pytest.raises(UnreadableError, match="values that are not finite numbers"):
        read_radiograph_file(written(tmp_path / "e.nrrd", np.array([[1.0, np.nan]])))
    (tmp_path / "f.png").write_bytes(b"no picture")
    with pytest.raises(UnreadableError, match="is damaged or not what its name says"):
        read_radiograph_file(tmp_path / "f.png")
    (tmp_path / "g.jpg").write_bytes(b"x")
    with pytest.raises(UnreadableError, match="has a name that is not known; give a TIFF, PNG or NRRD file"):
        read_radiograph_file(tmp_path / "g.jpg")


def test_real_biplane_radiographs_are_read(shared_data):
    folder = shared_data / "Autoscoper" / "sample_data" / "XMA_UND" / "xr_data_wrist_cam01"
    read = read_radiograph_file(next(folder.glob("*.tif")))
    assert read.values.shape == (1760, 1760)
