"""Dose at points from depth and blurred fluence: against plain NumPy."""

from typing import Any

import numpy as np
import pytest

from isoguide.geometry.transforms import rotation_y
from isoguide.kernels.pencil_gather import gather_dose, gather_dose_reference


def random_case(count: int) -> tuple[Any, ...]:
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


@pytest.mark.parametrize("count", [400])
def test_the_kernel_agrees_with_plain_numpy(count: int) -> None:
    case = random_case(count)
    out = np.zeros(count, np.float32)
    gather_dose(*case, out)
    wanted = gather_dose_reference(*case)
    assert 0.2 * count < (wanted > 0.0).sum() < count
    np.testing.assert_allclose(out, wanted, atol=2e-3)


def test_doses_add_up_and_points_behind_the_source_get_none() -> None:
    points, affine, *rest = random_case(50)
    out = np.zeros(50, np.float32)
    gather_dose(points, affine, *rest, out)
    once = out.copy()
    gather_dose(points, affine, *rest, out)
    np.testing.assert_allclose(out, 2.0 * once)
    behind = affine.copy()
    behind[2, 3] = 500.0
    gather_dose(points, behind, *rest, out)
    np.testing.assert_allclose(out, 2.0 * once)


@pytest.mark.usefixtures("interpreted_kernels")
def test_the_kernel_as_plain_python_agrees_too() -> None:
    case = random_case(60)
    out = np.zeros(60, np.float32)
    gather_dose(*case, out)
    np.testing.assert_allclose(out, gather_dose_reference(*case), atol=2e-3)
