"""Three ways to the density of the day, in the order in which they are tried.

The *virtual CT* keeps the planning CT's HU and takes from the day where the patient ends and where air and
gas are. The *shading-corrected image* keeps the day's own anatomy. *Tissue classes* keep nothing but which
of a few tissues a voxel is. Inside the field of view the three share only the offset of the grey values, so
that where two differ, one of them is wrong.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import ndimage

from isoguide.dose.density.day import DayInHu, day_in_hu
from isoguide.dose.density.outline import THIN_HU
from isoguide.dose.density.result import DensityImage, DensityMethod, Float32, Mask
from isoguide.dose.density.warp import AIR_HU
from isoguide.errors import InputError
from isoguide.geometry.grid import Grid
from isoguide.images.volume import Volume
from isoguide.progress import Progress, part_of, silent
from isoguide.registration.anatomy import BODY_ABOVE_HU
from isoguide.registration.deformable.result import DeformableRegistration

CLEAR_HU: Final = 250.0
"""What differs by less is noise about the border."""
TISSUE_FROM_HU: Final = -150.0
"""Fat and everything denser."""
RIM_HU: Final = -850.0
"""What is thinner is air with noise, or the foam of a couch."""
LOWEST_HU: Final = -1024.0
GRAIN_MM: Final = 1.2
"""Standard deviation of the smoothing before voxels are sorted into tissues, against the noise."""


@dataclass(frozen=True, slots=True)
class TissueClass:
    """One tissue of an override: voxels from ``from_hu`` up to the next class get ``hu``."""

    name: str
    from_hu: float
    hu: float


DEFAULT_CLASSES: Final = (
    TissueClass("air", -np.inf, -1000.0),
    TissueClass("lung", -900.0, -750.0),
    TissueClass("fat", -300.0, -90.0),
    TissueClass("soft tissue", -30.0, 40.0),
    TissueClass("bone", 150.0, 300.0),
    TissueClass("dense bone", 500.0, 900.0),
)
"""Rounded from tissues of ICRU Report 46 as a CT at 120 kV shows them."""
FEWEST_CLASSES, MOST_CLASSES = 3, 6


def virtual_ct(
    planning: Volume,
    daily: Volume,
    found: DeformableRegistration,
    *,
    grid: Grid | None = None,
    progress: Progress = silent,
) -> DensityImage:
    """Warp the planning CT into the day's body, with outline, air and gas as the day's image shows them.

    See :func:`density_images` for parameters and errors.
    """
    return virtual_ct_of(day_in_hu(planning, daily, found, grid=grid, progress=progress))


def shading_corrected(
    planning: Volume,
    daily: Volume,
    found: DeformableRegistration,
    *,
    grid: Grid | None = None,
    progress: Progress = silent,
) -> DensityImage:
    """Bring the day's image to HU, with the warped planning CT where it does not reach.

    A calibrated CT is taken as it is. See :func:`density_images` for parameters and errors.
    """
    return shading_corrected_of(day_in_hu(planning, daily, found, grid=grid, progress=progress))


def stitched_override(
    planning: Volume,
    daily: Volume,
    found: DeformableRegistration,
    *,
    classes: Sequence[TissueClass] = DEFAULT_CLASSES,
    grid: Grid | None = None,
    progress: Progress = silent,
) -> DensityImage:
    """Give each tissue of the day's image one HU, with the warped planning CT where it does not reach.

    See :func:`density_images` for parameters and errors.

    Raises
    ------
    InputError
        If there are not 3 to 6 classes, the first without a lower bound and the others rising.
    """
    return tissue_classes_of(day_in_hu(planning, daily, found, grid=grid, progress=progress), classes)


def density_images(
    planning: Volume,
    daily: Volume,
    found: DeformableRegistration,
    *,
    methods: Sequence[DensityMethod] = tuple(DensityMethod),
    grid: Grid | None = None,
    progress: Progress = silent,
) -> tuple[DensityImage, ...]:
    """Make the density of a day by several methods at the cost of little more than one.

    Parameters
    ----------
    planning
        Planning CT, HU, frame PLANNING.
    daily
        The day's image, frame DAILY; HU or grey values.
    found
        The deformable match of the two.
    methods
        Which.
    grid
        Where to make it: DAILY, the patient as he lies in the day's image, or PLANNING, put where the rigid
        match puts him. The day's own grid where not given.
    progress
        Told the steps.

    Raises
    ------
    MissingEvidenceError
        If no displacement field was found.
    GeometryError
        If frames do not fit, the planning CT is not in HU, or no body is found.
    InputError
        If grey values cannot be brought to HU.
    """
    day = day_in_hu(planning, daily, found, grid=grid, progress=part_of(progress, 0.0, 0.7))
    progress(0.7, "making the density of the day")
    ways = {
        DensityMethod.VIRTUAL_CT: virtual_ct_of,
        DensityMethod.SHADING_CORRECTED: shading_corrected_of,
        DensityMethod.TISSUE_CLASSES: tissue_classes_of,
    }
    return tuple(ways[method](day) for method in methods)


def virtual_ct_of(day: DayInHu) -> DensityImage:
    """Do :func:`virtual_ct` with a day that is prepared."""
    shown = day.seen & day.body
    shown &= np.abs(day.today - day.planned) > CLEAR_HU
    gas_now, gas_planned = day.today < THIN_HU, day.planned < THIN_HU
    new, gone = shown & gas_now & ~gas_planned, shown & gas_planned & ~gas_now
    as_seen = np.clip(day.today, np.float32(AIR_HU), np.float32(day.soft_hu))
    as_seen[day.today > TISSUE_FROM_HU] = day.soft_hu
    # An edge is spread over a voxel either side.
    changed = ndimage.binary_dilation(new | gone) & day.seen & day.body
    values = np.where(changed, as_seen, day.planned)
    told = (
        "density is the planning CT's: tissue is taken to be as dense as at planning",
        f"air, gas and lung edges are as the day's image shows them: {_ml(day, new)} are new, and"
        f" {_ml(day, gone)} of the planning CT's are filled with soft tissue of {day.soft_hu:.0f} HU",
    )
    return _finished(day, values, DensityMethod.VIRTUAL_CT, told)


def _ml(day: DayInHu, mask: Mask) -> str:
    return f"{mask.sum() * day.voxel_ml:.0f} ml"


def shading_corrected_of(day: DayInHu) -> DensityImage:
    """Do :func:`shading_corrected` with a day that is prepared."""
    values = np.clip(day.today, np.float32(LOWEST_HU), np.float32(day.highest_hu))
    told = day.shading or "the day's image is a calibrated CT and is taken as it is"
    return _finished(day, values, DensityMethod.SHADING_CORRECTED, (told,))


def tissue_classes_of(day: DayInHu, classes: Sequence[TissueClass] = DEFAULT_CLASSES) -> DensityImage:
    """Do :func:`stitched_override` with a day that is prepared."""
    _check_classes(classes)
    smooth = ndimage.gaussian_filter(day.today, GRAIN_MM / day.grid.spacing_mm[::-1], truncate=2.5)
    edges = np.array([one.from_hu for one in classes[1:]], dtype=np.float32)
    sorted_hu = np.array([one.hu for one in classes], dtype=np.float32)[np.digitize(smooth, edges)]
    values = np.where(day.seen, sorted_hu, day.planned)
    table = ", ".join(f"{one.name} {one.hu:.0f}" for one in classes)
    told = [f"every voxel that the day's image shows has the HU of one of {len(classes)} tissues ({table})"]
    if day.shading:
        told.append(day.shading)
    return _finished(day, values, DensityMethod.TISSUE_CLASSES, tuple(told))


def _check_classes(classes: Sequence[TissueClass]) -> None:
    lower = [one.from_hu for one in classes]
    rising = all(a < b for a, b in itertools.pairwise(lower))
    if not FEWEST_CLASSES <= len(classes) <= MOST_CLASSES or not rising or lower[0] != -np.inf:
        msg = (
            f"an override takes {FEWEST_CLASSES} to {MOST_CLASSES} tissues with rising bounds, the first"
            f" without one, not {len(classes)} from {lower}"
        )
        raise InputError(msg)


def _around(day: DayInHu) -> Float32:
    """Air, and in the first voxel outside the body the part of the skin that it shares with air."""
    rim = ndimage.binary_dilation(day.body) & ~day.body & (day.today > RIM_HU) & (day.today < BODY_ABOVE_HU)
    return np.where(rim, day.today, np.float32(AIR_HU))


def _finished(day: DayInHu, values: Float32, method: DensityMethod, told: tuple[str, ...]) -> DensityImage:
    values = np.where(day.body, values, _around(day)).astype(np.float32, copy=False)
    values.flags.writeable = False
    volume = Volume(day.grid, values, source=f"{method} of the day")
    return DensityImage(volume, method, told + day.approximations, day.body, day.seen)
