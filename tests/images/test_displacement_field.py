import numpy as np
import pytest
from scipy import ndimage

from isoguide.errors import GeometryError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import rotation_x, rotation_z
from isoguide.images.displacement_field import STEEPEST, DisplacementField, node_positions_mm
from isoguide.kernels.fields import steepest_gradient

GRID = Grid(
    PLANNING, (20, 24, 28), np.array([4.0, 4.0, 5.0]), np.array([-50.0, -60.0, 30.0]), rotation_z(5.0)
)


def field_of(vectors: np.ndarray) -> DisplacementField:
    return DisplacementField(GRID, vectors.reshape(*GRID.shape, 3).astype(np.float32))


def random_field(steepest: float, seed: int = 0) -> DisplacementField:
    noise = np.random.default_rng(seed).standard_normal((*GRID.shape, 3))
    smooth = ndimage.gaussian_filter(noise, (2.0, 2.0, 2.0, 0.0)).astype(np.float32)
    return field_of(smooth * (steepest / steepest_gradient(smooth, GRID.spacing_mm)[0]))


def everywhere(count: int = 20_000) -> np.ndarray:
    return np.random.default_rng(5).uniform([-70, -80, 10], [90, 70, 150], (count, 3))


@pytest.mark.parametrize("steepest", [0.2, 0.6, STEEPEST - 1e-4])
def test_there_and_back_again_closes_everywhere_inside_the_lattice_and_beyond(steepest):
    """The limit asked for is 0.02 mm; the worst of 20 000 points closes 1000 times better."""
    field, places = random_field(steepest), everywhere()
    assert np.abs(field.origin_of(field.moved(places)) - places).max() < 2e-5 / (1.0 - steepest)
    assert np.abs(field.moved(field.origin_of(places)) - places).max() < 2e-5


def test_two_points_never_change_places():
    """|moved(a) - moved(b)| >= (1 - L) |a - b|: nothing folds."""
    field, places = random_field(0.8), everywhere(4000)
    before = np.linalg.norm(places[::2] - places[1::2], axis=1)
    after = np.linalg.norm(np.diff(field.moved(places).reshape(-1, 2, 3), axis=1)[:, 0], axis=1)
    assert (after >= (1.0 - field.steepest) * before - 1e-9).all()
    assert (after <= (1.0 + field.steepest) * before + 1e-9).all()


def test_where_all_nodes_turn_alike_tissue_moves_exactly_rigidly():
    nodes = node_positions_mm(GRID)
    turn, centre = rotation_x(9.0), np.array([0.0, -20.0, 80.0])
    field = field_of((nodes - centre) @ (turn - np.eye(3)).T)
    inside = GRID.xyz(np.random.default_rng(0).uniform(0, [27, 23, 19], (500, 3)))
    np.testing.assert_allclose(field.moved(inside), (inside - centre) @ turn.T + centre, atol=1e-5)


def test_tissue_5_mm_farther_left_and_its_origin():
    field = field_of(np.tile([5.0, 0.0, 0.0], (20 * 24 * 28, 1)))
    np.testing.assert_allclose(field.moved(np.zeros(3)), [[5.0, 0.0, 0.0]])
    np.testing.assert_allclose(field.origin_of(np.array([[5.0, 0.0, 0.0]])), np.zeros((1, 3)), atol=1e-9)
    assert field.longest_mm == 5.0
    assert not field.vectors_mm.flags.writeable


def test_one_field_after_another_is_exact_at_the_nodes():
    first, second = random_field(0.3, 1), random_field(0.3, 2)
    nodes = node_positions_mm(GRID)
    both = first.then(second)
    np.testing.assert_allclose(both.moved(nodes), second.moved(first.moved(nodes)), atol=1e-5)


def test_a_proven_bound_is_taken_and_a_measured_one_is_exact():
    field = random_field(0.5)
    assert field.steepest == pytest.approx(0.5, rel=1e-5)
    assert DisplacementField(GRID, field.vectors_mm, 0.7).steepest == 0.7


def test_tissue_stretched_by_a_tenth_along_every_axis_has_a_third_more_volume():
    """By hand: 1.1³ = 1.331; along one axis only, 1.1."""
    nodes = node_positions_mm(GRID)
    np.testing.assert_allclose(field_of(0.1 * nodes).jacobian(), 1.331, rtol=1e-4)
    np.testing.assert_allclose(field_of(0.1 * nodes * [1.0, 0.0, 0.0]).jacobian(), 1.1, rtol=1e-4)


def test_the_jacobian_at_a_node_is_the_smallest_around_it():
    """One node 2 mm along i of 4 mm cells: in front of it tissue is halved, behind it stretched to 1.5."""
    vectors = np.zeros((*GRID.shape, 3))
    vectors[10, 12, 14] = 2.0 * GRID.direction[:, 0]
    jacobian = field_of(vectors).jacobian()
    assert jacobian[10, 12, 14] == pytest.approx(0.5, rel=1e-4)
    assert jacobian[10, 12, 15] == pytest.approx(0.5, rel=1e-4)
    assert jacobian[5, 5, 5] == 1.0


def test_positions_of_nodes_are_those_of_the_grid():
    ijk = np.array([[0, 0, 0], [1, 0, 0], [27, 23, 19]])
    np.testing.assert_allclose(node_positions_mm(GRID)[[0, 1, -1]], GRID.xyz(ijk.astype(float)))


def test_a_field_that_would_fold_is_refused_with_its_place():
    vectors = np.zeros((*GRID.shape, 3))
    vectors[10, 12, 14, 0] = 4.1
    with pytest.raises(GeometryError, match=r"changes by 1\.\d\d mm per mm at .* would fold"):
        field_of(vectors)


@pytest.mark.parametrize(
    ("grid", "vectors", "message"),
    [
        (GRID, np.zeros((3, 3, 3, 3)), "needs vectors of"),
        (GRID, np.full((*GRID.shape, 3), np.nan), "not finite"),
        (GRID, np.full((*GRID.shape, 3), 100.0), "moves tissue by 173 mm"),
        (Grid.axial(DAILY, (3, 3, 3), (1, 1, 1), (0, 0, 0)), np.zeros((3, 3, 3, 3)), "belongs to 'planning"),
        (Grid.axial(PLANNING, (1, 3, 3), (1, 1, 1), (0, 0, 0)), np.zeros((1, 3, 3, 3)), "two nodes"),
    ],
)
def test_what_is_no_field_is_refused(grid, vectors, message):
    with pytest.raises(GeometryError, match=message):
        DisplacementField(grid, vectors.astype(np.float32))
