"""Dose at points from depth and blurred fluence: against plain NumPy."""

import numpy as np
import pytest
from numpy.typing import NDArray

from isoguide.geometry.transforms import rotation_y
from isoguide.kernels.pencil_gather import Depth, Lateral, gather_dose, gather_dose_reference

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Case = tuple[Float32, Float64, Depth, Lateral, tuple[Float32, float]]


def dose_of(case: Case) -> Float32:
    out = np.zeros(len(case[0]), np.float32)
    gather_dose(*case, out)
    return out


def random_case(count: int) -> Case:
    rng = np.random.default_rng(6)
    points = rng.uniform(-60.0, 60.0, (count, 3)).astype(np.float32)
    affine = np.column_stack([rotation_y(30.0), [0.0, 0.0, -500.0]])
    fan = np.cumsum(rng.uniform(0.0, 2.0, (9, 10, 30)), axis=2).astype(np.float32)
    maps = rng.uniform(-0.2, 1.0, (3, 20, 22, 4)).astype(np.float32)
    table = rng.uniform(0.0, 1.0, (60, 4)).astype(np.float32)
    depth = (fan, (-45.0, 10.0, -40.0, 10.0, 500.0), (430.0, 5.0))
    lateral = (
        maps,
        (-40.0, -38.0, 4.0),
        np.array([420.0, 470.0, 520.0]),
        (-15.0, 20.0, -18.0, 25.0),
    )
    return points, affine, depth, lateral, (table, 1.0)


def test_the_kernel_agrees_with_plain_numpy() -> None:
    case = random_case(400)
    wanted = gather_dose_reference(*case)
    assert 100 < (wanted > 0.0).sum() < 400
    np.testing.assert_allclose(dose_of(case), wanted, atol=2e-3)


def test_doses_add_up_and_points_behind_the_source_get_none() -> None:
    points, affine, depth, lateral, table = random_case(50)
    once = dose_of((points, affine, depth, lateral, table))
    out = once.copy()
    gather_dose(points, affine, depth, lateral, table, out)
    np.testing.assert_allclose(out, 2.0 * once)
    behind = affine.copy()
    behind[2, 3] = 500.0
    assert not dose_of((points, behind, depth, lateral, table)).any()


@pytest.mark.usefixtures("interpreted_kernels")
def test_the_kernel_as_plain_python_agrees_too() -> None:
    case = random_case(60)
    np.testing.assert_allclose(dose_of(case), gather_dose_reference(*case), atol=2e-3)
