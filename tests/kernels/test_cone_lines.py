"""Energy carried along lines: against plain Python, and against what has to hold for any energy."""

import numpy as np
import pytest

from isoguide.kernels.collapsed_cone import carry_along_cones, carry_reference

SPACING_MM = np.array([2.0, 2.5, 3.0])
DIRECTIONS = np.array([(0.0, 0.0, 1.0), (-0.8, 0.6, 0.0), (0.48, -0.6, -0.64), (0.36, 0.48, 0.8)])
DECAY_PER_MM = np.array([0.6, 0.02])
SHARES = np.array([[0.3, 0.2], [0.1, 0.05], [0.15, 0.05], [0.05, 0.1]])


def one_column(energy: np.ndarray) -> np.ndarray:
    columns = np.zeros((4, *energy.shape), np.float32)
    columns[1] = energy
    return columns


def carried(energy: np.ndarray, density: np.ndarray) -> np.ndarray:
    weights = np.zeros((4, 2, 4), np.float32)
    weights[:, :, 1] = SHARES
    dense = density.astype(np.float32)
    return carry_along_cones(one_column(energy), dense, SPACING_MM, DIRECTIONS, weights, DECAY_PER_MM)


def expected(energy: np.ndarray, density: np.ndarray) -> np.ndarray:
    return sum(
        share * carry_reference(energy, density, SPACING_MM, direction, decay)
        for direction, shares in zip(DIRECTIONS, SHARES, strict=True)
        for decay, share in zip(DECAY_PER_MM, shares, strict=True)
    )


def scene(shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(5)
    return random.uniform(0.0, 2.0, shape), random.choice([0.001, 0.25, 1.0, 1.8], shape)


def test_the_kernel_agrees_with_plain_python_in_lung_bone_and_air() -> None:
    energy, density = scene((7, 8, 9))
    np.testing.assert_allclose(carried(energy, density), expected(energy, density), rtol=2e-5, atol=1e-6)


@pytest.mark.usefixtures("interpreted_kernels")
def test_the_kernel_as_plain_python_agrees_too() -> None:
    energy, density = scene((4, 3, 5))
    np.testing.assert_allclose(carried(energy, density), expected(energy, density), rtol=2e-5, atol=1e-6)


def test_no_energy_is_lost_or_made_where_electrons_stop_in_time() -> None:
    energy, density = np.zeros((21, 21, 21)), np.full((21, 21, 21), 1.2)
    energy[9:12, 10, 8:13] = 1.0
    weights = np.zeros((4, 1, 4), np.float32)
    weights[:, 0, 1] = 0.25
    columns, dense = one_column(energy), density.astype(np.float32)
    dose = carry_along_cones(columns, dense, SPACING_MM, DIRECTIONS, weights, np.array([1.5]))
    assert dose.sum() == pytest.approx(energy.sum(), rel=1e-4)


def test_what_stays_where_it_is_released_stays_there_and_gets_no_wider() -> None:
    """Slanted lines pass between voxels: place and second moment are kept, whatever they pass."""
    energy = np.zeros((13, 13, 13))
    energy[6, 6, 6] = 1.0
    weights = np.zeros((1, 1, 4), np.float32)
    weights[0, 0, 1] = 1.0
    dense = np.ones(energy.shape, np.float32)
    for direction in DIRECTIONS:
        dose = carry_along_cones(
            one_column(energy), dense, SPACING_MM, direction[None], weights, np.array([50.0])
        )
        for n in range(3):
            along = dose.sum(axis=tuple(axis for axis in range(3) if axis != n))
            at = np.arange(13.0) - 6.0
            assert along.sum() == pytest.approx(1.0, abs=1e-4)
            assert along @ at == pytest.approx(0.0, abs=0.01)
            assert along @ at**2 == pytest.approx(0.0, abs=0.01)


def test_in_the_midst_of_even_release_dose_is_what_is_released() -> None:
    """Equilibrium of charged particles: true of any kernel."""
    energy, density = np.full((20, 40, 40), 3.0), np.ones((20, 40, 40))
    weights = np.zeros((1, 1, 4), np.float32)
    weights[0, 0, 1] = 1.0
    columns, dense = one_column(energy), density.astype(np.float32)
    dose = carry_along_cones(columns, dense, SPACING_MM, DIRECTIONS[:1], weights, np.array([0.6]))
    np.testing.assert_allclose(dose[10, 1:-1, 1:-1], 3.0, rtol=1e-5)
