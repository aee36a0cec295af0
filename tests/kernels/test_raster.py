"""Filling polygons: the compiled kernel, its plain reference, and areas known from geometry."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoguide.kernels import raster
from isoguide.kernels.raster import fill_even_odd, fill_even_odd_reference


def closed(*polygons):
    """Edges x0, y0, x1, y1 of closed polygons."""
    return np.concatenate(
        [np.hstack([np.array(p, float), np.roll(np.array(p, float), -1, axis=0)]) for p in polygons]
    )


coordinates = st.floats(-3.0, 14.0).map(lambda x: round(x, 3))
random_polygons = st.lists(
    st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=8), min_size=1, max_size=3
)


@given(random_polygons)
@settings(deadline=None, max_examples=50)
def test_the_kernel_agrees_with_the_plain_reference_on_any_polygons(polygons):
    edges = closed(*polygons)
    np.testing.assert_array_equal(fill_even_odd(edges, (11, 9)), fill_even_odd_reference(edges, (11, 9)))


def test_the_kernel_runs_as_plain_python_too(monkeypatch):
    for name in ("_first_line", "_collect_crossings", "_sort"):
        monkeypatch.setattr(raster, name, getattr(raster, name).py_func)
    edges = closed([(1.2, 0.7), (7.9, 2.1), (4.4, 5.0)], [(3.0, 2.0), (5.0, 2.0), (5.0, 3.0)])
    inside = np.zeros((6, 9), np.bool_)
    raster._fill.py_func(edges, inside)
    np.testing.assert_array_equal(inside, fill_even_odd_reference(edges, (6, 9)))
    assert inside.any()


@pytest.mark.parametrize(("offset", "expected"), [(0.0, 100), (0.4, 99), (0.5, 117), (0.6, 99)])
def test_a_square_of_ten_pixels_fills_what_it_covers_by_half(offset, expected):
    low, high = 2.0 + offset, 12.0 + offset
    inside = fill_even_odd(closed([(low, low), (high, low), (high, high), (low, high)]), (16, 16))
    # At 0.4 a corner pixel is covered by 0.6 × 0.6, less than half; at 0.5 all sides cover half of their
    # pixels (11 × 11) but the four corners only a quarter.
    assert inside.sum() == expected


def test_the_area_of_a_large_disc_is_kept():
    angle = np.linspace(0.0, 2.0 * np.pi, 720, endpoint=False)
    disc = np.column_stack([100.3 + 80.0 * np.cos(angle), 99.6 + 80.0 * np.sin(angle)])
    assert fill_even_odd(closed(disc), (200, 200)).sum() == pytest.approx(np.pi * 80.0**2, rel=1e-3)


def test_what_reaches_beyond_the_raster_is_cut_off():
    inside = fill_even_odd(closed([(-5.0, -5.0), (50.0, -5.0), (50.0, 50.0), (-5.0, 50.0)]), (4, 6))
    assert inside.all()
    beside = fill_even_odd(closed([(20.0, 0.0), (30.0, 0.0), (30.0, 4.0), (20.0, 4.0)]), (4, 6))
    assert not beside.any()
