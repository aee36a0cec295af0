"""Tissue described by formulas, as ultrasound shows it: organs of known place under speckle drawn anew."""

import numpy as np
from scipy import ndimage

from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.ultrasound_volume import UltrasoundVolume

CENTRE_MM = np.array([10.0, -20.0, 30.0])
TARGET_MM = 18.0 * np.concatenate([np.eye(3), -np.eye(3)]) + CENTRE_MM
VOXEL_MM, VOXELS = 1.5, 64
SPECKLE_GREY = 24.0
"""Standard deviation of the logarithm of a Rayleigh distributed amplitude, 5.6 dB, at 60 dB to 255."""


class Scene:
    """Ellipsoids of other brightness in a tissue; every seed is another patient."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.centres = CENTRE_MM + rng.uniform(-34.0, 34.0, (30, 3))
        self.radii = rng.uniform(5.0, 13.0, (30, 3))
        self.steps = rng.choice([-100.0, -70.0, 60.0], 30)

    def grey(self, xyz_mm):
        """Mean grey values at places (..., 3) in planning LPS."""
        grey = np.full(xyz_mm.shape[:-1], 120.0, dtype=np.float32)
        xyz = xyz_mm.astype(np.float32)
        for centre, radii, step in zip(self.centres, self.radii, self.steps, strict=True):
            r2 = (((xyz - np.float32(centre)) / np.float32(radii)) ** 2).sum(axis=-1)
            near = r2 < 3.0
            depth_mm = (1.0 - np.sqrt(r2[near])) * np.float32(radii.mean())
            grey[near] += step / (1.0 + np.exp(-depth_mm / 0.6))
        return grey


def volume_of(scene, planning_from_volume, seed, *, pushed=None, gain=0.0):
    """Sweep a scene; ``pushed`` takes places where the tissue is now to where it was in planning."""
    where = planning_from_volume.inverse().apply(CENTRE_MM)
    origin = np.round(where) - (VOXELS - 1) / 2.0 * VOXEL_MM
    grid = Grid(planning_from_volume.from_frame, (VOXELS,) * 3, np.full(3, VOXEL_MM), origin, np.eye(3))
    k, j, i = np.indices(grid.shape, dtype=np.float64)
    xyz = grid.xyz(np.stack([i, j, k], axis=-1))
    here = planning_from_volume.apply(xyz)
    grey = scene.grey(here if pushed is None else pushed(here))
    rng = np.random.default_rng(seed)
    white = (rng.standard_normal(grid.shape, dtype=np.float32) for _ in range(2))
    amplitude = np.hypot(*(ndimage.gaussian_filter(one, 0.5) for one in white))
    log = np.log(amplitude)
    grey += SPECKLE_GREY * (log - log.mean()) / log.std() + gain
    # The fan: a cone of 80° from a point in front of the volume.
    away = xyz - (grid.origin_mm + (48.0, -30.0, 48.0))
    seen = away[..., 1] > np.cos(np.deg2rad(40.0)) * np.linalg.norm(away, axis=-1)
    values = np.where(seen, np.clip(np.rint(grey), 1.0, 255.0), 0.0).astype(np.uint8)
    return UltrasoundVolume(grid, values, seen, np.zeros_like(seen), "a scene")


def identity():
    return RigidTransform.identity(PLANNING, PLANNING)


def set_up():
    """The patient lies as planned: the isocentre, here CENTRE_MM, at the machine isocentre."""
    return RigidTransform.translation(PLANNING, DAILY, CENTRE_MM)


def lying(shift_mm, rotation=None):
    """Planning from daily of a patient whose isocentre lies off by a shift in patient LPS, and is turned."""
    rotation = np.eye(3) if rotation is None else rotation
    return RigidTransform.from_parts(
        DAILY, PLANNING, rotation, np.asarray(shift_mm) - rotation @ CENTRE_MM
    ).inverse()
