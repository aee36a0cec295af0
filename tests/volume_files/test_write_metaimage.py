"""Volumes for other programs lie where they are."""

import numpy as np
import pytest

from isoguide.errors import OutputError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import rotation_z
from isoguide.volume_files.write_metaimage import write_metaimage

GRID = Grid(PLANNING, (2, 3, 4), np.array([0.5, 1.0, 2.0]), np.array([-7.0, 8.0, 9.0]), rotation_z(30.0))
VALUES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


def test_another_program_reads_the_same_voxels_at_the_same_places(tmp_path):
    sitk = pytest.importorskip("SimpleITK")
    write_metaimage(tmp_path / "volume.mha", GRID, VALUES)
    image = sitk.ReadImage(str(tmp_path / "volume.mha"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), VALUES)
    place = image.TransformIndexToPhysicalPoint((3, 1, 1))
    np.testing.assert_allclose(place, GRID.xyz(np.array([3.0, 1.0, 1.0])), atol=1e-9)


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        write_metaimage(tmp_path / "none" / "volume.mha", GRID, VALUES)
