"""The mean over time of the phases of a 4DCT."""

import numpy as np
import pytest

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.frames import DAILY, PLANNING, Frame
from isoguide.geometry.grid import Grid
from isoguide.images.volume import Volume
from isoguide.motion.average import average_volume


def plain(value: int, *, frame: Frame = PLANNING, first_mm: float = 0.0, hounsfield: bool = True) -> Volume:
    grid = Grid(frame, (2, 3, 4), np.array([1.0, 1.0, 2.0]), np.array([first_mm, 0.0, 0.0]), np.eye(3))
    return Volume(
        grid, np.full(grid.shape, value, np.int16), is_hounsfield=hounsfield, source=f"phase {value}"
    )


def test_each_phase_counts_as_long_as_it_lasts() -> None:
    found = average_volume([plain(-800), plain(40)], np.array([0.75, 0.25]))
    np.testing.assert_allclose(found.values, -590.0)
    assert found.is_hounsfield
    assert found.source == "average of 2 phases"


def test_one_phase_of_grey_values_makes_the_average_grey_values() -> None:
    assert not average_volume([plain(0), plain(0, hounsfield=False)], np.array([0.5, 0.5])).is_hounsfield


@pytest.mark.parametrize("other", [plain(2, first_mm=0.5), plain(2, frame=DAILY)])
def test_phases_on_other_voxels_are_not_averaged(other: Volume) -> None:
    with pytest.raises(GeometryError, match="phase 2 lies on other voxels than phase 1"):
        average_volume([plain(1), other], np.array([0.5, 0.5]))


@pytest.mark.parametrize("shares", [[1.0], [0.5, 0.4]])
def test_shares_that_are_no_whole_are_refused(shares: list[float]) -> None:
    with pytest.raises(InputError, match="need as many shares of the time, with the sum 1"):
        average_volume([plain(1), plain(2)], np.array(shares))
