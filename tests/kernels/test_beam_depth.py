"""Radiological depth along rays: against plain NumPy, and against a box of water."""

from typing import Any

import numpy as np
import pytest

from isoguide.geometry.transforms import rotation_x, rotation_y
from isoguide.kernels.beam_depth import march_fan, march_fan_reference


def tilted_case(shape: tuple[int, int, int]) -> tuple[Any, ...]:
    """A random volume with air around it, seen from an oblique direction."""
    rng = np.random.default_rng(4)
    density = np.pad(rng.uniform(0.0, 1.8, (8, 10, 12)), 1).astype(np.float32)
    turn = rotation_y(25.0) @ rotation_x(-70.0) / 4.0
    # The middle of the volume lies 100 mm from the source.
    affine = np.column_stack([turn, np.array([6.5, 5.5, 4.5]) + turn @ np.array([0.0, 0.0, 100.0])])
    lattice = (-20.0, 9.0, -16.0, 8.0, 110.0)
    return density, affine, lattice, (60.0, 2.5), shape


def test_the_kernel_agrees_with_plain_numpy() -> None:
    case = tilted_case((5, 5, 34))
    # In single precision a sample may fall on the other side of the outermost voxel, where there is air.
    np.testing.assert_allclose(march_fan(*case), march_fan_reference(*case), atol=2e-3)


@pytest.mark.usefixtures("interpreted_kernels")
def test_the_kernel_as_plain_python_agrees_too() -> None:
    case = tilted_case((3, 2, 20))
    np.testing.assert_allclose(march_fan(*case), march_fan_reference(*case), atol=2e-3)


def test_a_slanted_ray_through_a_slab_of_water_is_as_long_as_it_is() -> None:
    density = np.pad(np.ones((30, 30, 20), np.float32), 1)
    affine = np.array([[1.0, 0.0, 0.0, 10.5], [0.0, 1.0, 0.0, 15.5], [0.0, 0.0, 1.0, 115.5]])
    depth = march_fan(density, affine, (0.0, 5.0, 0.0, 5.0, 100.0), (80.0, 1.0), (2, 2, 50))
    assert depth[0, 0, -1] == pytest.approx(30.0, abs=0.01)
    assert depth[0, 1, -1] == pytest.approx(30.0 * np.hypot(1.0, 0.05), abs=0.01)
    assert depth[1, 1, -1] == pytest.approx(30.0 * np.sqrt(1.0 + 2.0 * 0.05**2), abs=0.01)
