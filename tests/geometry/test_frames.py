"""Points know their frame and are always three finite numbers."""

import numpy as np
import pytest

from isoguide.errors import GeometryError
from isoguide.geometry.frames import DAILY, FIXED, PLANNING, Frame, Points, frozen_array


def test_frames_are_the_same_when_their_names_are():
    assert Frame("IEC fixed") == FIXED
    assert PLANNING != DAILY
    assert str(DAILY) == "daily patient LPS"


def test_one_point_becomes_one_row():
    point = Points(PLANNING, (1.0, 2.0, 3.0))
    assert len(point) == 1
    np.testing.assert_array_equal(point.xyz_mm, [[1.0, 2.0, 3.0]])


def test_points_are_copied_and_read_only():
    mine = np.zeros((2, 3))
    points = Points(PLANNING, mine)
    mine[0, 0] = 99.0
    assert points.xyz_mm[0, 0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        points.xyz_mm[0, 0] = 1.0


@pytest.mark.parametrize("bad", [[1.0, 2.0], [[[1.0, 2.0, 3.0]]], [1.0, 2.0, np.nan], [np.inf, 0.0, 0.0]])
def test_points_without_three_finite_coordinates_are_refused(bad):
    with pytest.raises(GeometryError, match="points"):
        Points(PLANNING, bad)


def test_a_wildcard_size_matches_any_length_and_other_shapes_are_refused():
    assert frozen_array(np.zeros((5, 3)), (-1, 3), "vertices").shape == (5, 3)
    with pytest.raises(GeometryError, match=r"vertices must have the shape \(-1, 3\), not \(5, 2\)"):
        frozen_array(np.zeros((5, 2)), (-1, 3), "vertices")
