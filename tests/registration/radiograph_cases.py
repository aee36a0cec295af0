"""A bony phantom on a coarse grid, a stereo pair of it, and exposures with known truth."""

from dataclasses import replace
from functools import cache

import numpy as np

from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform, rotation_x, rotation_y, rotation_z
from isoguide.geometry.xray_view import XrayView
from isoguide.images.radiograph import Radiograph
from isoguide.images.volume import Volume
from isoguide.projection.analytic import Solid
from isoguide.registration import prepare_radiographs

ISOCENTRE_MM = np.array([4.0, -6.0, 9.0])
HALF_MM = (90.0, 70.0, 110.0)
SPACING_MM = 2.0
WATER_PER_MM = 0.0193
"""At 70 keV; the scale of the images does not matter to a match."""
PIXELS, PIXEL_MM = 128, 1.6


@cache
def anatomy():
    """Return solids with exact line integrals: a body with bones of many directions."""
    rng = np.random.default_rng(5)
    body = Solid("ellipsoid", ISOCENTRE_MM, np.array([85.0, 65.0, 104.0]), 1.0)
    bones = [
        Solid(
            "ellipsoid",
            ISOCENTRE_MM + rng.uniform(-45.0, 45.0, 3),
            rng.uniform(4.0, 14.0, 3),
            0.7,
            rotation_z(rng.uniform(0, 180)) @ rotation_x(rng.uniform(0, 180)),
        )
        for _ in range(45)
    ]
    return (body, *bones)


def planning_ct(solids):
    """Voxels of the solids in Hounsfield units."""
    shape = tuple(int(2 * half / SPACING_MM) + 1 for half in HALF_MM[::-1])
    grid = Grid.axial(PLANNING, shape, (SPACING_MM,) * 3, tuple(ISOCENTRE_MM - np.array(HALF_MM)))
    relative = sum((solid.voxels(grid) for solid in solids), start=np.zeros(shape, np.float32))
    return Volume(grid, (1000.0 * (relative - 1.0)).astype(np.float32))


def view(angle_deg, frame=PLANNING):
    """Return a tube 1500 mm before and a panel 600 mm behind the isocentre, turned about the long axis."""
    axes = rotation_z(angle_deg)
    return XrayView(
        frame,
        ISOCENTRE_MM + axes @ np.array([0.0, -1500.0, 0.0]),
        ISOCENTRE_MM + axes @ np.array([0.0, 600.0, 0.0]),
        axes @ np.array([1.0, 0.0, 0.0]),
        np.array([0.0, 0.0, -1.0]),
        (PIXEL_MM, PIXEL_MM),
        (PIXELS, PIXELS),
    )


PAIR = (view(45.0), view(-45.0))


SMALL_PIXELS = tuple(replace(one, pixel_spacing_mm=(0.5, 0.5), size=(411, 410)) for one in PAIR)
"""The same panels with pixels as real ones have: smaller than the blur of the finest rays."""


@cache
def bony_ct():
    """Return the planning CT of the anatomy."""
    return planning_ct(anatomy())


@cache
def prepared_pair():
    """Return the anatomy prepared for the pair, which takes seconds."""
    return prepare_radiographs(bony_ct(), isocentre_mm=ISOCENTRE_MM, views=PAIR)


@cache
def prepared_small_pixels():
    """Return the anatomy prepared for the pair with small pixels."""
    return prepare_radiographs(bony_ct(), isocentre_mm=ISOCENTRE_MM, views=SMALL_PIXELS)


def lying(shift_mm=(0.0, 0.0, 0.0), about_xyz_deg=(0.0, 0.0, 0.0)):
    """Daily from planning of a patient who lies this far from the plan, about the isocentre."""
    x, y, z = about_xyz_deg
    rotation = rotation_z(z) @ rotation_y(y) @ rotation_x(x)
    translation = ISOCENTRE_MM + np.array(shift_mm) - rotation @ ISOCENTRE_MM
    return RigidTransform.from_parts(DAILY, PLANNING, rotation, translation)


def expose(solids, daily_from_planning, views=PAIR, noise=0.004, seed=0):
    """Radiographs by the solids' exact line integrals: no voxel and no projector of ours takes part."""
    rng = np.random.default_rng(seed)
    back = daily_from_planning.inverse()
    images = []
    for one in views:
        column, row = np.meshgrid(*(np.arange(count) for count in one.size))
        pixels_mm = back.apply(one.pixel_mm(np.stack([column, row], axis=-1).astype(np.float64)))
        source_mm = back.apply(one.source_mm)
        exact = sum(solid.line_integrals(source_mm, pixels_mm) for solid in solids) * WATER_PER_MM
        values = exact + rng.normal(0.0, noise, exact.shape)
        images.append(Radiograph(one, values.astype(np.float32), "line integral"))
    return tuple(images)


def errors_mm(answer, daily_from_planning, radius_mm=40.0):
    """Distances by which planning_from_daily misses points around the isocentre."""
    ends = radius_mm * np.concatenate([np.eye(3), -np.eye(3), np.zeros((1, 3))]) + ISOCENTRE_MM
    return np.linalg.norm(answer.apply(daily_from_planning.apply(ends)) - ends, axis=1)


def motion_error(answer, daily_from_planning):
    """Small motion xi (6,), mm and rad about the isocentre, with truth = exp(xi) answer."""
    off = daily_from_planning.inverse().matrix @ np.linalg.inv(answer.matrix)
    shift = off[:3, :3] @ ISOCENTRE_MM + off[:3, 3] - ISOCENTRE_MM
    turn = (off[:3, :3] - off[:3, :3].T) / 2.0
    return np.concatenate([shift, [turn[2, 1], turn[0, 2], turn[1, 0]]])
