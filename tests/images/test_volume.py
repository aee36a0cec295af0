"""An image is finite values on a grid, and stays as it was read."""

import numpy as np
import pytest

from isoguide.errors import GeometryError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.volume import Volume

GRID = Grid.axial(PLANNING, (2, 3, 4), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_values_are_copied_and_read_only(dtype):
    mine = np.zeros(GRID.shape, dtype)
    volume = Volume(GRID, mine)
    mine[0, 0, 0] = 7
    assert volume.values[0, 0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        volume.values[0, 0, 0] = 1


def test_values_that_are_read_only_already_are_not_copied():
    values = np.zeros(GRID.shape, np.int16)
    values.flags.writeable = False
    assert Volume(GRID, values).values is values


def test_values_in_another_memory_order_are_put_in_order():
    values = np.asfortranarray(np.arange(24, dtype=np.int16).reshape(GRID.shape))
    volume = Volume(GRID, values)
    assert volume.values.flags.c_contiguous
    np.testing.assert_array_equal(volume.values, values)


def test_an_array_of_another_shape_or_type_is_refused():
    with pytest.raises(GeometryError, match=r"shape \(4, 3, 2\) but its grid says \(2, 3, 4\)"):
        Volume(GRID, np.zeros((4, 3, 2), np.int16))
    with pytest.raises(GeometryError, match="int16 or float32, not float64"):
        Volume(GRID, np.zeros(GRID.shape))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused_with_the_name_of_the_image(bad):
    values = np.zeros(GRID.shape, np.float32)
    values[1, 2, 3] = bad
    with pytest.raises(GeometryError, match=r"the image CT\.dcm holds values that are not finite"):
        Volume(GRID, values, source="CT.dcm")


def test_large_finite_values_are_accepted_although_their_sum_overflows():
    values = np.full(GRID.shape, 3e38, np.float32)
    with np.errstate(over="ignore"):
        assert Volume(GRID, values).is_hounsfield
