import numpy as np
import pytest
from scipy import ndimage

from isoguide.geometry.transforms import rotation_z
from isoguide.kernels.fields import (
    _relaxed,
    blended_field,
    least_determinants,
    least_determinants_reference,
    moved_points,
    moved_points_reference,
    origins_of_points,
    origins_of_points_reference,
    pull_back_shifts,
    relaxed_reference,
    steepest_gradient,
    steepest_gradient_reference,
)

SPACING = np.array([3.0, 4.0, 5.0])
INDEX_FROM_XYZ = np.linalg.inv(np.diag([3.0, 4.0, 5.0, 1.0]))[:3]


def smooth_vectors(shape: tuple[int, int, int], largest_mm: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal((*shape, 3))
    smooth = ndimage.gaussian_filter(noise, (2.0, 2.0, 2.0, 0.0), mode="nearest")
    return (largest_mm / np.abs(smooth).max() * smooth).astype(np.float32)


def points(shape: tuple[int, int, int], count: int) -> np.ndarray:
    """Inside the lattice and up to 10 mm beyond it."""
    last = SPACING * (np.array(shape[::-1]) - 1)
    return np.random.default_rng(1).uniform(-10.0, last + 10.0, (count, 3))


def check_points(shape, count):
    vectors = smooth_vectors(shape, 3.0)
    places = points(shape, count)
    moved = moved_points(vectors, INDEX_FROM_XYZ, places)
    np.testing.assert_allclose(moved, moved_points_reference(vectors, INDEX_FROM_XYZ, places), atol=1e-9)
    steepest, _ = steepest_gradient(vectors, SPACING)
    assert steepest == pytest.approx(steepest_gradient_reference(vectors, SPACING), rel=1e-5)
    found = origins_of_points(vectors, INDEX_FROM_XYZ, places, steepest, 1e-5)
    np.testing.assert_allclose(found, origins_of_points_reference(vectors, INDEX_FROM_XYZ, places), atol=2e-5)


def test_points_move_and_return_as_the_reference_says():
    check_points((12, 14, 16), 500)


@pytest.mark.usefixtures("interpreted_kernels")
def test_interpreted_points_move_and_return_as_the_reference_says():
    check_points((4, 3, 5), 6)


def check_shifts(shape, sizes):
    vectors = smooth_vectors(shape, 2.0)
    steepest, _ = steepest_gradient(vectors, SPACING)
    xyz = np.array([[1.1, 0.1, 0.0, 2.0], [-0.1, 1.2, 0.0, 3.0], [0.0, 0.2, 1.9, 1.0]])
    to_index = np.diag([0.5, 0.4, 0.3])
    found = pull_back_shifts(vectors, INDEX_FROM_XYZ, xyz, to_index, sizes, (steepest, 1e-4))
    k, j, i = np.meshgrid(*(np.arange(n) for n in sizes), indexing="ij")
    places = np.stack([i, j, k, np.ones_like(i)], axis=-1).reshape(-1, 4) @ xyz.T
    origins = origins_of_points_reference(vectors, INDEX_FROM_XYZ, places)
    expected = ((origins - places) @ to_index.T).reshape(*sizes, 3)
    np.testing.assert_allclose(np.moveaxis(found, 0, -1), expected, atol=1e-4)


def test_voxels_look_back_to_where_their_tissue_came_from():
    check_shifts((12, 14, 16), (17, 20, 23))


@pytest.mark.usefixtures("interpreted_kernels")
def test_interpreted_voxels_look_back_to_where_their_tissue_came_from():
    check_shifts((4, 3, 5), (2, 3, 4))


def check_sweeps(shape, seed):
    rng = np.random.default_rng(seed)
    goal = rng.standard_normal((*shape, 3)).astype(np.float32)
    pull = (50.0 * rng.random(shape) ** 4).astype(np.float32)
    start = np.zeros_like(goal)
    expected = relaxed_reference(start, goal, pull, SPACING, 2)
    np.testing.assert_allclose(_relaxed(start.copy(), goal, pull, SPACING, 2), expected, atol=1e-5)


def test_sweeps_do_what_the_reference_does():
    check_sweeps((4, 5, 6), 0)


@pytest.mark.usefixtures("interpreted_kernels")
def test_interpreted_sweeps_do_what_the_reference_does():
    check_sweeps((2, 3, 2), 1)


def test_between_two_walls_a_field_rises_in_a_straight_line():
    """The membrane between a wall at rest and one that moved by 6 mm; it need not be converged."""
    goal = np.zeros((20, 18, 16, 3), dtype=np.float32)
    goal[..., -1, 1] = 6.0
    pull = np.zeros((20, 18, 16), dtype=np.float32)
    pull[..., [0, -1]] = 1e4
    field = blended_field(goal, pull, np.array([2.0, 2.0, 2.0]))
    expected = np.broadcast_to(np.linspace(0.0, 6.0, 16), (20, 18, 16))
    np.testing.assert_allclose(field[..., 1], expected, atol=0.3)
    np.testing.assert_allclose(field[..., [0, 2]], 0.0, atol=1e-6)


def test_a_turned_body_changes_by_twice_the_sine_of_half_its_angle():
    """Norm of R - 1 (chord of the unit circle)."""
    angle = np.deg2rad(20.0)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    k, j, i = np.meshgrid(np.arange(4.0), np.arange(5.0), np.arange(6.0), indexing="ij")
    places = np.stack([i, j, k], axis=-1) * SPACING
    steepest, _ = steepest_gradient((places @ (turn - np.eye(3)).T).astype(np.float32), SPACING)
    assert steepest == pytest.approx(2.0 * np.sin(angle / 2.0), rel=1e-5)


def check_determinants(shape):
    vectors = smooth_vectors(shape, 3.0)
    direction = rotation_z(20.0) @ np.diag([1.0, -1.0, 1.0])
    found = least_determinants(vectors, SPACING, direction)
    np.testing.assert_allclose(found, least_determinants_reference(vectors, SPACING, direction), rtol=1e-4)


def test_determinants_are_those_of_the_reference_on_a_turned_and_mirrored_lattice():
    check_determinants((6, 7, 8))


@pytest.mark.usefixtures("interpreted_kernels")
def test_interpreted_determinants_are_those_of_the_reference():
    check_determinants((2, 3, 3))
