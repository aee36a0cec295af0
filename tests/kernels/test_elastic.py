import numpy as np
import pytest

from isoguide.kernels.elastic import bent, curved, matrix_reference, solved


def system(shape, seed=0):
    """A positive definite system: blocks of rank one, which alone could not be solved, and springs."""
    rng = np.random.default_rng(seed)
    x, y, z = rng.normal(0.0, 1.0, (3, *shape))
    blocks = np.stack([x * x, y * y, z * z, x * y, x * z, y * z]).astype(np.float32)
    springs = rng.uniform(0.1, 2.0, (3, *shape)).astype(np.float32)
    return blocks, springs, rng.normal(0.0, 1.0, (3, *shape)).astype(np.float32)


def check(shape):
    blocks, springs, right = system(shape)
    unit = matrix_reference(np.zeros_like(blocks), np.ones_like(springs))
    bending = np.linspace(0.0, 0.6, blocks[0].size, dtype=np.float32).reshape(shape)
    stiff = unit @ (np.tile(bending.ravel(), 3)[:, None] * unit)
    matrix = matrix_reference(blocks, springs) + stiff
    found = solved(blocks, springs, right, bending=bending, steps=300, tolerance=1e-6)
    np.testing.assert_allclose(found.ravel(), np.linalg.solve(matrix, right.ravel()), atol=2e-3)
    force, energy = bent(springs, right)
    alone = matrix_reference(np.zeros_like(blocks), springs)
    np.testing.assert_allclose(force.ravel(), alone @ right.ravel(), atol=1e-4)
    assert energy == pytest.approx(right.ravel() @ alone @ right.ravel(), rel=1e-4)
    bow, cost = curved(bending, right)
    np.testing.assert_allclose(bow.ravel(), stiff @ right.ravel(), atol=1e-3)
    assert cost == pytest.approx(right.ravel() @ stiff @ right.ravel(), rel=1e-4)


def test_the_solution_is_that_of_the_full_matrix():
    check((4, 5, 6))


@pytest.mark.usefixtures("interpreted_kernels")
def test_the_interpreted_solution_is_that_of_the_full_matrix():
    check((2, 3, 3))


def test_springs_let_everything_move_together_for_nothing():
    _, springs, _ = system((3, 4, 5))
    together = np.ones((3, 3, 4, 5), np.float32)
    force, energy = bent(springs, together)
    assert energy == 0.0
    assert not force.any()


def test_nothing_pulled_nothing_moved():
    blocks, springs, right = system((3, 3, 3))
    assert not solved(blocks, springs, np.zeros_like(right), bending=springs[0], steps=5, tolerance=0.1).any()
