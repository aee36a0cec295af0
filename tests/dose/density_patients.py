"""A small pelvis of a few tissues, whose HU on the day are known voxel by voxel."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import DAILY, PLANNING, Array, Frame
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.displacement_field import DisplacementField
from isoguide.images.volume import Volume
from isoguide.registration.deformable.result import DeformableRegistration, FieldVerdict

Floats = NDArray[np.float32]

SHAPE: Final = (14, 44, 52)
SPACING_MM: Final = (4.0, 4.0, 5.0)
ORIGIN_MM: Final = (-102.0, -86.0, -32.5)
AIR, FAT, MUSCLE, BONE = -1000.0, -95.0, 45.0, 500.0
LIES_MM: Final = np.array([3.0, -2.0, 7.0])
"""Where the day's frame has its origin, planning LPS."""
ASSUMED: Final = ("outside the field of view the deformation is that of its edge",)
MATCH: Final = RigidTransform.translation(PLANNING, DAILY, LIES_MM)
LUMEN_MM: Final = np.array([0.0, 30.0, 0.0])
"""Middle of the rectum."""


def small_grid(frame: Frame = PLANNING) -> Grid:
    origin_mm = np.array(ORIGIN_MM) - (LIES_MM if frame == DAILY else 0.0)
    return Grid.axial(frame, SHAPE, SPACING_MM, tuple(origin_mm))


def tissue_hu(*, gas: bool = False, thinner_mm: float = 0.0, grid: Grid | None = None) -> Floats:
    """HU of the patient put where he was planned: fat, muscle, two hip bones, gas in the rectum or not."""
    x, y, z = np.moveaxis(_positions(grid), -1, 0)
    out = np.hypot(x / (88.0 - thinner_mm), y / (70.0 - thinner_mm))
    hu = np.full(x.shape, AIR, dtype=np.float32)
    hu[out < 1.0] = FAT
    hu[np.hypot(x / 68.0, y / 52.0) < 1.0] = MUSCLE
    hu[(np.abs(np.abs(x) - 42.0) < 12.0) & (np.abs(y + 5.0) < 16.0)] = BONE
    if gas:
        hu[np.linalg.norm(np.stack([x, y, z], axis=-1) - LUMEN_MM, axis=-1) < 14.0] = AIR
    return hu


def _positions(grid: Grid | None = None) -> Array:
    grid = grid or small_grid()
    k, j, i = np.indices(grid.shape, dtype=np.float64)
    return grid.xyz(np.stack([i, j, k], axis=-1))


def planning_ct(**changes: object) -> Volume:
    return Volume(small_grid(), tissue_hu(**changes), source="planning CT")


def day_ct(**changes: object) -> Volume:
    """A calibrated CT of the day."""
    return Volume(small_grid(DAILY), tissue_hu(**changes), source="day")


def cone_beam(hu: Floats, *, radius_mm: float | None = None, noise: float = 0.0) -> Volume:
    """The same as a cone-beam CT shows it: half the contrast, another zero, cupped, cut to a circle."""
    x, y, _ = np.moveaxis(_positions(), -1, 0)
    grey = 0.5 * (hu + 1000.0) + 300.0 - 60.0 * np.maximum(1.0 - (x**2 + y**2) / 100.0**2, 0.0)
    grey += np.random.default_rng(1).normal(0.0, max(noise, 0.2), SHAPE)
    if radius_mm is not None:
        grey[np.hypot(x, y) > radius_mm] = 0.0
    return Volume(small_grid(DAILY), grey.astype(np.float32), is_hounsfield=False, source="cone-beam CT")


def still_field() -> DisplacementField:
    grid = Grid.axial(PLANNING, (2, 2, 2), (400.0, 400.0, 400.0), (-200.0, -200.0, -200.0))
    return DisplacementField(grid, np.zeros((2, 2, 2, 3), dtype=np.float32))


def found_as(
    field: DisplacementField | None = None,
    verdict: FieldVerdict = FieldVerdict.FOR_DECISION,
    match: RigidTransform = MATCH,
) -> DeformableRegistration:
    """A match with this field, or one in which nothing moves within the patient."""
    if field is None and verdict is not FieldVerdict.NOT_AVAILABLE:
        field = still_field()
    reasons = () if verdict is FieldVerdict.FOR_DECISION else ("tissue folds in the bladder",)
    return DeformableRegistration(
        verdict, reasons, ASSUMED, match, field, None, None, None, None, None, "by hand", {}
    )
