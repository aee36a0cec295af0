"""A small patient given by a formula, so that every displacement of his tissue can be imaged exactly."""

import numpy as np
from scipy import ndimage

from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform, rotation_z
from isoguide.images.volume import Volume

SHAPE = (24, 32, 36)
SPACING_MM = (4.0, 4.0, 4.0)
ORIGIN_MM = (-70.0, -62.0, -46.0)
GRID = Grid.axial(PLANNING, SHAPE, SPACING_MM, ORIGIN_MM)
TARGET_MM = np.array([-14.0, -20.0, 2.0])
SPINE_MM = np.array([0.0, 30.0])
MATCH = RigidTransform.from_parts(PLANNING, DAILY, rotation_z(2.0), np.array([4.0, -3.0, 2.0]))
_TEXTURE = ndimage.gaussian_filter(np.random.default_rng(4).standard_normal((60, 60, 60)), 2.0, mode="wrap")
_TEXTURE *= 35.0 / _TEXTURE.std()


def hu(points_mm, texture=1.0):
    """HU at planning positions (n, 3): an oval trunk with spine, target and the grain of soft tissue."""
    x, y, z = points_mm.T
    girth = 1.0 - 0.12 * np.cos(z / 18.0)
    inside = 1.0 / (1.0 + np.exp((np.sqrt((x / 60.0) ** 2 + (y / 48.0) ** 2) - girth) * 15.0))
    grain = ndimage.map_coordinates(_TEXTURE, (points_mm[:, ::-1] / 4.0 + 30.0).T, order=3, mode="grid-wrap")
    target = 1.0 / (1.0 + np.exp((np.linalg.norm(points_mm - TARGET_MM, axis=1) - 14.0) / 3.0))
    spine = 1.0 / (1.0 + np.exp((np.hypot(x, y - SPINE_MM[1]) - 11.0 - 2.0 * np.cos(z / 5.0)) / 2.5))
    soft = 30.0 + texture * grain + 60.0 * target
    return -1000.0 + inside * (1000.0 + soft * (1.0 - spine) + 600.0 * spine)


def planning_ct(grid=GRID, noise=4.0, **how):
    """The planning CT."""
    kji = np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij"), axis=-1)
    values = hu(grid.xyz(kji[..., ::-1].reshape(-1, 3).astype(float)), **how).reshape(grid.shape)
    values += np.random.default_rng(1).normal(0.0, noise, grid.shape)
    return Volume(grid, values.astype(np.float32), source="formula")


def target_shift(points_mm, left_mm=5.0):
    """Displacement (n, 3) of tissue: the target goes to the left (+x), the spine stays."""
    far = np.square(points_mm - TARGET_MM).sum(axis=1)
    return left_mm * np.exp(-far / (2.0 * 22.0**2))[:, None] * np.array([1.0, 0.0, 0.0])


def day(displacement=None, noise=4.0, scale=1.0, shape=(30, 38, 42), fill=None):
    """The day: tissue at x is at ``MATCH.inverse().apply(x + displacement(x))``; grey is scaled HU."""
    origin_mm = (-80.0, -72.0, -60.0)
    grid = Grid.axial(DAILY, shape, SPACING_MM, origin_mm)
    kji = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    here = MATCH.apply(grid.xyz(kji[..., ::-1].reshape(-1, 3).astype(float)))
    came = here.copy()
    if displacement is not None:
        for _ in range(30):
            came = here - displacement(came)
    values = hu(came).reshape(shape) + np.random.default_rng(2).normal(0.0, noise, shape)
    values = scale * (values + 1000.0) - 1000.0
    if fill is not None:
        values[fill] = -1024.0
    return Volume(grid, values.astype(np.float32), is_hounsfield=scale == 1.0, source="formula")
