import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from isoguide.kernels import solids


def somewhere(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y, z = np.random.default_rng(seed).uniform(-30.0, 30.0, (3, 4, 5, 6)).astype(np.float32)
    return x, y, z


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_compiled_and_plain_distances_agree(seed):
    rng = np.random.default_rng(seed)
    p = somewhere(seed)
    centre, radii = rng.uniform(-5.0, 5.0, 3).astype(np.float32), rng.uniform(3.0, 20.0, 3).astype(np.float32)
    axes = Rotation.random(rng=rng).as_matrix().astype(np.float32)
    np.testing.assert_allclose(
        solids.ellipsoid_distance(p, centre, axes, radii),
        solids.ellipsoid_distance_reference(p, centre, axes, radii),
        atol=1e-3,
        rtol=1e-4,
    )
    start, stop = rng.uniform(-20.0, 20.0, (2, 3)).astype(np.float32)
    np.testing.assert_allclose(
        solids.rod_distance(p, start, stop, radii[:2]),
        solids.rod_distance_reference(p, start, stop, radii[:2]),
        atol=1e-4,
    )
    np.testing.assert_allclose(
        solids.filleted_union(p[0], p[1], 4.0), solids.filleted_union_reference(p[0], p[1], 4.0), atol=1e-5
    )


def painted(paint, p, ends, radii) -> np.ndarray:
    values = np.full(p[0].shape, -100.0, dtype=np.float32)
    paint(values, p, ends, radii, 900.0, 1.5)
    return values


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_compiled_and_plain_rods_are_painted_alike(seed):
    rng = np.random.default_rng(seed)
    ends = rng.uniform(-20.0, 20.0, (2, 3)).astype(np.float32)
    radii = rng.uniform(3.0, 20.0, 2).astype(np.float32)
    p = somewhere(seed)
    np.testing.assert_allclose(
        painted(solids.paint_rod, p, ends, radii),
        painted(solids.paint_rod_reference, p, ends, radii),
        atol=0.1,
    )


def test_a_rod_is_painted_half_at_its_surface_and_not_outside():
    p = tuple(axis.reshape(1, 1, 3) for axis in points((0.0, 0.0, 10.0), (2.0, 0.0, 10.0), (4.0, 0.0, 10.0)))
    ends = np.array([(0.0, 0.0, 0.0), (0.0, 0.0, 20.0)], dtype=np.float32)
    values = painted(solids.paint_rod, p, ends, np.array([2.0, 2.0], dtype=np.float32))
    np.testing.assert_allclose(values.ravel(), [900.0, 400.0, -100.0], atol=1e-3)


def test_the_interpreted_rod_is_painted_the_same(interpreted_kernels):
    p = tuple(axis[:2, :2, :2] for axis in somewhere(1))
    ends = np.array([(-5.0, 0.0, 0.0), (0.0, 9.0, 3.0)], dtype=np.float32)
    radii = np.array([9.0, 20.0], dtype=np.float32)
    np.testing.assert_allclose(
        painted(solids.paint_rod, p, ends, radii),
        painted(solids.paint_rod_reference, p, ends, radii),
        atol=0.1,
    )


def points(*xyz: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y, z = np.array(xyz, dtype=np.float32).T
    return x, y, z


def test_the_distance_to_a_sphere_is_exact():
    p = points((0.0, 0.0, 13.0), (3.0, 4.0, 0.0), (0.0, 10.0, 0.0))
    ball = solids.ellipsoid_distance(
        p, np.zeros(3, np.float32), np.eye(3, dtype=np.float32), np.full(3, 10.0, np.float32)
    )
    np.testing.assert_allclose(ball, [3.0, -5.0, 0.0], atol=1e-4)


def test_a_rod_ends_in_half_balls_and_tapers_between_them():
    rod = solids.rod_distance(
        points((0.0, 0.0, -5.0), (0.0, 0.0, 25.0), (10.0, 0.0, 10.0)),
        np.zeros(3, np.float32),
        np.array([0.0, 0.0, 20.0], np.float32),
        np.array([2.0, 4.0], np.float32),
    )
    np.testing.assert_allclose(rod, [3.0, 1.0, 7.0], atol=1e-5)


def test_a_fillet_adds_a_quarter_of_its_radius_where_two_faces_meet():
    both = np.zeros(1, dtype=np.float32)
    assert solids.filleted_union(both, both, 4.0)[0] == pytest.approx(-1.0)
    assert solids.filleted_union(both, both + 10.0, 4.0)[0] == pytest.approx(0.0)


def test_the_uncompiled_functions_do_the_same(interpreted_kernels):
    p = tuple(axis.ravel()[:5].copy() for axis in somewhere(0))
    centre, radii = np.ones(3, np.float32), np.array([4.0, 6.0, 9.0], np.float32)
    axes = np.eye(3, dtype=np.float32)
    np.testing.assert_allclose(
        solids.ellipsoid_distance(p, centre, axes, radii),
        solids.ellipsoid_distance_reference(p, centre, axes, radii),
        rtol=1e-4,
    )
    np.testing.assert_allclose(
        solids.rod_distance(p, centre, centre + radii, radii[:2]),
        solids.rod_distance_reference(p, centre, centre + radii, radii[:2]),
        atol=1e-4,
    )
    np.testing.assert_allclose(
        solids.filleted_union(p[0], p[1], 3.0), solids.filleted_union_reference(p[0], p[1], 3.0), atol=1e-5
    )
