"""What a density for dose is: Hounsfield units of the day, where they come from, and what they rest on."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError
from isoguide.images.volume import Volume

Float32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

FAR_APART_HU = 100.0
"""Two methods that differ by more do not agree: it is what lies between fat and muscle."""


class DensityMethod(StrEnum):
    """How the density of the day was made, in the order in which they are tried."""

    VIRTUAL_CT = "virtual CT"
    SHADING_CORRECTED = "shading-corrected image of the day"
    TISSUE_CLASSES = "tissue classes"


@dataclass(frozen=True, slots=True, eq=False)
class DensityImage:
    """The patient of the day in Hounsfield units of the planning CT's scanner, without couch and cushions.

    Parameters
    ----------
    volume
        HU on the grid that was asked for, air outside the body. In the frame DAILY the patient lies as he lay
        in the day's image, in PLANNING he has been put where the rigid match puts him.
    method
        How it was made.
    approximations
        What is assumed rather than seen, one sentence each; never empty.
    body
        Bool ``[k, j, i]``: the patient of the day.
    seen
        Bool ``[k, j, i]``: what the day's image shows; elsewhere the warped planning CT stands in.
    """

    volume: Volume
    method: DensityMethod
    approximations: tuple[str, ...]
    body: Mask
    seen: Mask

    def __post_init__(self) -> None:
        if not self.volume.is_hounsfield:
            msg = "a density for dose is in HU"
            raise ValueError(msg)
        for name in ("body", "seen"):
            mask = getattr(self, name)
            if mask.shape != self.volume.grid.shape:
                msg = f"'{name}' belongs to the voxels of the density"
                raise ValueError(msg)
            if mask.flags.writeable:
                mask = mask.copy()
                mask.flags.writeable = False
                object.__setattr__(self, name, mask)


@dataclass(frozen=True, slots=True, eq=False)
class Disagreement:
    """Where two densities of the same day differ.

    Parameters
    ----------
    map_hu
        First minus second, float32 ``[k, j, i]``, 0 outside both bodies.
    mean_hu, mean_absolute_hu, p95_hu
        Of the difference, of its size, and the 95th percentile of its size, in the body that the day's image
        shows: elsewhere both are the warped planning CT and agree by construction.
    far_apart_fraction
        Share of that body in which they differ by more than :data:`FAR_APART_HU`.
    """

    map_hu: Float32
    mean_hu: float
    mean_absolute_hu: float
    p95_hu: float
    far_apart_fraction: float


def disagreement(first: DensityImage, second: DensityImage) -> Disagreement:
    """Compare two densities of one day.

    Raises
    ------
    GeometryError
        If they are on different grids, or the day's image shows nothing of the body.
    """
    a, b = first.volume.grid, second.volume.grid
    if a.frame != b.frame or a.shape != b.shape or not np.allclose(a.xyz_from_index, b.xyz_from_index):
        msg = "two densities on different grids cannot be compared; ask for both on one grid"
        raise GeometryError(msg)
    body = first.body | second.body
    shown = body & first.seen & second.seen
    if not shown.any():
        msg = "the day's image shows nothing of the body, so two densities cannot be compared"
        raise GeometryError(msg)
    difference = np.where(
        body, np.asarray(first.volume.values, np.float32) - second.volume.values, np.float32(0.0)
    )
    difference.flags.writeable = False
    inside = difference[shown]
    size = np.abs(inside)
    return Disagreement(
        difference,
        float(inside.mean(dtype=np.float64)),
        float(size.mean(dtype=np.float64)),
        float(np.percentile(size, 95.0)),
        float((size > FAR_APART_HU).mean()),
    )
