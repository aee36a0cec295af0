"""Voxels as a page takes them: the values as they are, or refused."""

import hashlib

import numpy as np
import pytest

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.volume import Volume
from isoguide.workflow.clinic.pictures.voxel_bytes import VoxelBytes, as_int16

GRID = Grid.axial(PLANNING, (2, 3, 4), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))


def volume(values: np.ndarray) -> Volume:
    return Volume(GRID, values, source="CBCT")


def test_whole_values_are_sent_as_they_are_i_first() -> None:
    values = np.arange(-12, 12, dtype=np.int16).reshape(GRID.shape)
    voxels = VoxelBytes.of(GRID, as_int16(volume(values)))
    assert bytes(voxels.content[:4]) == b"\xf4\xff\xf5\xff"  # -12 and -11, little-endian
    assert voxels.sha256 == hashlib.sha256(voxels.content).hexdigest()
    assert voxels.content.readonly


def test_fractions_are_rounded_to_the_nearest() -> None:
    values = np.linspace(-1000.4, 1500.6, 24, dtype=np.float32).reshape(GRID.shape)
    np.testing.assert_allclose(as_int16(volume(values)), values, atol=0.5)


@pytest.mark.parametrize("values", [np.linspace(0.0, 40000.0, 24), np.linspace(0.0, 0.04, 24)])
def test_what_rounding_would_spoil_is_refused(values: np.ndarray) -> None:
    with pytest.raises(InputError, match="CBCT has values from 0 to"):
        as_int16(volume(values.astype(np.float32).reshape(GRID.shape)))


def test_voxels_of_another_grid_are_refused() -> None:
    with pytest.raises(GeometryError, match="shape"):
        VoxelBytes.of(GRID, np.zeros((2, 2, 2), dtype=np.int16))
