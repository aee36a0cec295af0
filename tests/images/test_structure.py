"""Structures keep the polygons as they were drawn."""

import numpy as np
import pytest

from isoguide.errors import GeometryError
from isoguide.geometry.frames import PLANNING
from isoguide.images.structure import Contour, Structure

TRIANGLE = Contour("CLOSED_PLANAR", [[0, 0, 0], [1, 0, 0], [0, 1, 0]])
MARK = Contour("POINT", [[5.0, 6.0, 7.0]])


def test_vertices_are_copied_and_read_only():
    assert not TRIANGLE.xyz_mm.flags.writeable
    assert TRIANGLE.xyz_mm.dtype == np.float64


@pytest.mark.parametrize(
    ("vertices", "words"), [(np.empty((0, 3)), "at least one vertex"), ([[1.0, 2.0]], "shape")]
)
def test_a_contour_without_vertices_or_with_flat_ones_is_refused(vertices, words):
    with pytest.raises(GeometryError, match=words):
        Contour("CLOSED_PLANAR", vertices)


def test_only_closed_contours_enclose_a_volume():
    assert Structure("PTV", 1, PLANNING, (MARK, TRIANGLE), "PTV").is_volume
    assert not Structure("isocentre", 2, PLANNING, (MARK,), "ISOCENTER").is_volume


def test_the_points_of_a_structure_are_all_vertices():
    np.testing.assert_array_equal(
        Structure("PTV", 1, PLANNING, (MARK, TRIANGLE)).points_mm,
        [[5, 6, 7], [0, 0, 0], [1, 0, 0], [0, 1, 0]],
    )
    assert Structure("empty", 3, PLANNING, ()).points_mm.shape == (0, 3)


def test_a_point_structure_says_where_its_point_is():
    np.testing.assert_array_equal(Structure("isocentre", 2, PLANNING, (MARK,)).point_mm, [5, 6, 7])
    assert Structure("PTV", 1, PLANNING, (TRIANGLE,)).point_mm is None
    assert Structure("two", 1, PLANNING, (MARK, MARK)).point_mm is None
