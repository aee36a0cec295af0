"""The shape that contours describe."""

import numpy as np
import pytest
from drawn_bodies import AXES, ball, box, circle, cylinder, drawn, slices, tube

from isoguide.errors import GeometryError
from isoguide.images.drawn_shape import drawn_planes, drawn_shape
from isoguide.images.signed_distance import signed_distance_mm
from isoguide.images.structure import Structure


def keyholed() -> Structure:
    """A tube of 15 and 6 mm whose hole is joined by a channel, as planning systems write it."""
    outer, inner = circle(15.0), circle(6.0)[::-1]
    ring = np.concatenate([outer, outer[:1], np.roll(inner, 1, axis=0), inner[-1:]])
    return drawn(lambda z: [ring], slices(15.0, 2.0))


@pytest.mark.parametrize("axes", AXES.values(), ids=AXES)
def test_planes_are_found_along_any_axis(axes: np.ndarray) -> None:
    planes = drawn_planes(box((20.0, 30.0, 12.0), 3.0, axes=axes))
    assert abs(planes.direction[:, 2] @ axes[:, 2]) == pytest.approx(1.0)
    assert np.linalg.det(planes.direction) == pytest.approx(1.0)
    assert planes.slice_mm == pytest.approx(3.0)
    np.testing.assert_allclose(planes.positions_mm, [-4.5, -1.5, 1.5, 4.5])
    np.testing.assert_allclose(planes.lower_mm, [-6.0, -3.0, 0.0, 3.0])
    np.testing.assert_allclose(planes.upper_mm, [-3.0, 0.0, 3.0, 6.0])


@pytest.mark.parametrize("axes", AXES.values(), ids=AXES)
def test_the_surface_encloses_the_drawn_body(axes: np.ndarray) -> None:
    shape = drawn_shape(cylinder(15.0, 24.0, axes=axes, centre_mm=(10.0, 20.0, 30.0)))
    assert shape.surface.volume_ml == pytest.approx(np.pi * 225.0 * 0.024, rel=5e-3)
    np.testing.assert_allclose(shape.surface.centre_mm, [10.0, 20.0, 30.0], atol=0.01)
    np.testing.assert_allclose(
        np.ptp(shape.surface.points_mm, axis=0), np.abs(axes) @ [30.0, 30.0, 24.0], atol=0.3
    )


def test_thick_slices_end_flat_half_a_slice_beyond_the_last_contour() -> None:
    shape = drawn_shape(cylinder(15.0, 25.0, 5.0))
    assert shape.surface.volume_ml == pytest.approx(np.pi * 225.0 * 0.025, rel=0.01)


def test_a_channel_of_no_width_leaves_no_slit_in_the_distance() -> None:
    shape = drawn_shape(tube(15.0, 6.0, 30.0))
    by_channel = signed_distance_mm(keyholed(), shape.grid, slice_mm=2.0)
    np.testing.assert_allclose(by_channel, shape.distance_mm, atol=1e-5)


def test_a_small_shape_is_sampled_finely_and_a_large_one_is_not() -> None:
    small, large = drawn_shape(ball(4.0)), drawn_shape(box((300.0, 200.0, 10.0), 5.0))
    assert small.grid.spacing_mm[0] == pytest.approx(0.25)
    assert small.surface.volume_ml == pytest.approx(4.0 / 3.0 * np.pi * 0.064, rel=0.02)
    assert large.grid.spacing_mm[0] == pytest.approx(2.0)


def test_small_parts_far_apart_are_sampled_finely_too() -> None:
    apart = drawn(lambda z: [circle(4.0), circle(4.0) + [90.0, 60.0]], slices(4.0, 2.0))
    shape = drawn_shape(apart)
    assert shape.grid.spacing_mm[0] == pytest.approx(0.25)
    assert shape.surface.volume_ml == pytest.approx(2.0 * np.pi * 16.0 * 0.008, rel=0.02)


def test_a_separate_part_on_a_single_slice_is_as_thick_as_the_slices() -> None:
    depths = np.array([0.0, 3.0, 6.0, 30.0])
    planes = drawn_planes(drawn(lambda z: [circle(10.0)], depths))
    assert planes.upper_mm[-1] - planes.lower_mm[-1] == pytest.approx(3.0)
    shape = drawn_shape(drawn(lambda z: [circle(10.0)], depths))
    assert shape.surface.volume_ml == pytest.approx(np.pi * 100.0 * 0.012, rel=0.02)


def test_what_encloses_next_to_nothing_is_refused() -> None:
    line = np.array([(0.0, 0.0), (10.0, 1e-9), (20.0, 0.0)])
    with pytest.raises(GeometryError, match="next to nothing"):
        drawn_shape(drawn(lambda z: [line + [0.13, 0.17]], slices(5.0, 2.0)))
