"""Structures and doses whose histograms are known."""

from collections.abc import Callable

import numpy as np

from isoguide.dose.dvh import DoseVolumeHistogram
from isoguide.dose.result import DoseVolume
from isoguide.geometry.frames import PLANNING, Array, Frame
from isoguide.geometry.grid import Grid
from isoguide.images.structure import Contour, Structure


def cylinder(
    *,
    name: str = "PTV",
    kind: str = "PTV",
    radius_mm: float = 10.0,
    positions_mm: Array | None = None,
    turned: Array | None = None,
    frame: Frame = PLANNING,
) -> Structure:
    """Discs about the origin on planes along z, from -12 to 12 mm unless said; ``turned`` is a rotation."""
    angle = np.linspace(0.0, 2.0 * np.pi, 240, endpoint=False)
    disc = np.column_stack([radius_mm * np.cos(angle), radius_mm * np.sin(angle), np.zeros(240)])
    positions = np.arange(-12.0, 12.1, 2.0) if positions_mm is None else positions_mm
    rotation = np.eye(3) if turned is None else turned
    contours = tuple(
        Contour("CLOSED_PLANAR", (disc + np.array([0.0, 0.0, z])) @ rotation.T) for z in positions
    )
    return Structure(name, 1, frame, contours, interpreted_type=kind)


def dose_of(
    function: Callable[[Array, Array, Array], Array], *, half_mm: float = 20.0, spacing_mm: float = 2.0
) -> DoseVolume:
    """A dose f(x, y, z) on a cube of voxels about the origin."""
    count = round(2.0 * half_mm / spacing_mm) + 1
    grid = Grid.axial(PLANNING, (count,) * 3, (spacing_mm,) * 3, (-half_mm,) * 3)
    k, j, i = np.indices(grid.shape)
    x, y, z = np.moveaxis(grid.xyz(np.stack([i, j, k], axis=-1)), -1, 0)
    return DoseVolume(grid, np.asarray(function(x, y, z), np.float32))


def histogram(
    name: str, doses_gy: list[float], *, target: bool = False, outside_ml: float = 0.0
) -> DoseVolumeHistogram:
    """One ml per dose."""
    dose = np.sort(np.array(doses_gy))
    return DoseVolumeHistogram(name, target, dose, np.ones(len(dose)), outside_ml)
