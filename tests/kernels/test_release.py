"""Energy released voxel by voxel: against SciPy's interpolation."""

from dataclasses import replace

import numpy as np
import pytest

from isoguide.kernels.release import Direction, add_release, add_release_reference

SHAPE = (4, 5, 6)
TABLE = (np.array([[9.0, 7.0, 4.0, 2.0, 1.0], [5.0, 4.0, 3.0, 2.0, 1.5], [1.0, 0.5, 0.2, 0.1, 0.0]]), 0.05)


def direction() -> Direction:
    """Look down along -z of a lattice of 10 mm, the source 500 mm above, a little turned."""
    random = np.random.default_rng(2)
    device = np.array([[9.8, 1.0, 0.5, -24.0], [-1.0, 9.9, 0.0, -15.0], [-0.5, 0.2, 10.0, -520.0]])
    axes = np.array([[0.5, 0.0, -10.0, 520.0], [10.0, 0.0, 0.5, -25.0], [0.0, 10.0, 0.0, -20.0]])
    fan = np.cumsum(random.uniform(0.0, 4.0, (11, 12, 9)), axis=2).astype(np.float32)
    seats = np.array([-110.0, 20.0, -100.0, 20.0, 1000.0, 450.0, 12.0])
    maps = random.uniform(0.0, 1.0, (2, 41, 41)).astype(np.float32)
    return Direction(device, axes, fan, seats, maps[0], maps[1], np.array([-60.0, -60.0, 3.0]))


def released(one: Direction, spans: np.ndarray) -> np.ndarray:
    out = np.zeros((7, *SHAPE), np.float32)
    add_release(one, spans, (TABLE[0].astype(np.float32), TABLE[1]), np.arange(7), out)
    return out


def everywhere() -> np.ndarray:
    return np.broadcast_to(np.array([0, SHAPE[2]]), (*SHAPE[:2], 2)).copy()


def test_release_agrees_with_plain_numpy() -> None:
    wanted = add_release_reference(direction(), TABLE, SHAPE)
    assert (wanted[0] > 0.0).mean() > 0.5
    found = released(direction(), everywhere())
    # Fluence ends at the middle of its last pixel; SciPy lets it fade out beyond it.
    inside = wanted[0] > 0.0
    np.testing.assert_allclose(found[:, inside], wanted[:, inside], rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("interpreted_kernels")
def test_release_as_plain_python_agrees_too() -> None:
    wanted = add_release_reference(direction(), TABLE, SHAPE)
    np.testing.assert_allclose(released(direction(), everywhere()), wanted, rtol=1e-4, atol=1e-5)


def test_voxels_beyond_the_fan_behind_the_source_or_outside_the_row_get_nothing() -> None:
    away = replace(direction(), seats=direction().seats + [1e4, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    assert not released(away, everywhere()).any()
    behind = direction().device_from_index * np.array([[1.0], [1.0], [-1.0]])
    assert not released(replace(direction(), device_from_index=behind), everywhere()).any()
    spans = everywhere()
    spans[..., 0] = 3
    assert not released(direction(), spans)[..., :3].any()
