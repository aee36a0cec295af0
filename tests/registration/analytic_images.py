"""Images given by a formula: sampled anywhere, so that what a registration finds can be checked exactly."""

import numpy as np

from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.registration.pyramid import Level

WAVES = np.random.default_rng(20).normal(size=(24, 3))
WAVES *= 2.0 * np.pi / np.linalg.norm(WAVES, axis=1, keepdims=True)
WAVES /= np.random.default_rng(21).uniform(28.0, 90.0, (24, 1))
PHASES = np.random.default_rng(22).uniform(0.0, 2.0 * np.pi, 24)


def texture(points_mm):
    """Smooth texture (...) without repetition at points (..., 3): waves of 28 to 90 mm, HU."""
    return 50.0 * np.cos(points_mm @ WAVES.T + PHASES).sum(axis=-1)


def centred_grid(frame, shape, spacing_mm, centre_mm, direction=None):
    """Grid of this shape around a centre."""
    grid = Grid(
        frame, shape, np.array(spacing_mm), np.zeros(3), np.eye(3) if direction is None else direction
    )
    return Grid(frame, shape, grid.spacing_mm, np.asarray(centre_mm) - grid.centre_mm, grid.direction)


def nodes_mm(grid):
    """Positions (k, j, i, 3) of all nodes."""
    k, j, i = np.indices(grid.shape)
    return grid.xyz(np.stack([i, j, k], axis=-1))


def level_of(function, grid):
    """Sample a function of points (..., 3) on a grid."""
    return Level(grid, function(nodes_mm(grid)).astype(np.float32))


def planning_level(
    function=texture, shape=(41, 41, 41), spacing_mm=(3.0, 3.0, 3.0), centre_mm=(0.0, 0.0, 0.0)
):
    """Sample a function around a centre of the planning frame."""
    return level_of(function, centred_grid(PLANNING, shape, spacing_mm, centre_mm))


def daily_level(daily_from_planning, function=texture, shape=(67, 67, 67), spacing_mm=(2.0, 2.0, 2.0)):
    """Sample what the daily image shows of a function of the planning frame under a pose (4, 4)."""
    planning_from_daily = np.linalg.inv(daily_from_planning)
    grid = centred_grid(DAILY, shape, spacing_mm, daily_from_planning[:3, 3])
    return level_of(lambda x: function(x @ planning_from_daily[:3, :3].T + planning_from_daily[:3, 3]), grid)
