"""A small bony patient, his radiographs by exact line integrals, and a ball drawn in him."""

import sys
from functools import cache
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "registration"))

from radiograph_cases import ISOCENTRE_MM, PIXEL_MM, PIXELS, expose, lying, view
from radiograph_cases import anatomy as whole_anatomy

from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.radiograph_view import RadiographView
from isoguide.images.structure import Contour, Structure
from isoguide.images.volume import Volume

__all__ = ["ISOCENTRE_MM", "PIXELS", "PIXEL_MM", "expose", "lying", "view"]

AS_PLANNED = RigidTransform.identity(PLANNING, DAILY)
TRUE = lying((6.0, -4.0, 7.0), (1.0, -0.5, 2.0))
MAGNIFIED = 2100.0 / 1500.0
"""The tube is 1500 mm before the isocentre, the panel 600 mm behind it."""
RADIUS_MM = 20.0
SPACING_MM = 2.5


def anatomy():
    """The body and some of its bones."""
    return whole_anatomy()[:12]


@cache
def bony_ct():
    """Planning CT of it."""
    shape = (90, 58, 72)
    first_mm = ISOCENTRE_MM - SPACING_MM / 2.0 * (np.array(shape[::-1]) - 1.0)
    grid = Grid.axial(PLANNING, shape, (SPACING_MM,) * 3, tuple(first_mm))
    relative = sum((solid.voxels(grid) for solid in anatomy()), start=np.zeros(shape, np.float32))
    return Volume(grid, (1000.0 * (relative - 1.0)).astype(np.float32))


def ball(centre_mm=ISOCENTRE_MM, name="GTV", kind="GTV"):
    """Contours of a ball on slices of 2 mm."""
    angles = np.linspace(0.0, 2.0 * np.pi, 90, endpoint=False)
    contours = []
    for z_mm in np.arange(-RADIUS_MM + 1.0, RADIUS_MM, 2.0):
        radius_mm = np.sqrt(RADIUS_MM**2 - z_mm**2)
        offsets = [radius_mm * np.cos(angles), radius_mm * np.sin(angles), np.full(90, z_mm)]
        contours.append(Contour("CLOSED_PLANAR", centre_mm + np.column_stack(offsets)))
    return Structure(name, 1, PLANNING, tuple(contours), kind)


def seen(radiographs, counts=None):
    shape = (PIXELS, PIXELS)
    counts = np.ones(shape, bool) if counts is None else counts
    return tuple(RadiographView(one, counts, f"view-{n}.nrrd") for n, one in enumerate(radiographs, start=1))
