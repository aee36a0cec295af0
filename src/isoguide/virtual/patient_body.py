"""The patient without what he lies on: couch and immobilisation taken out of a CT.

The body is found on a coarse grid, because only its outline is needed: the largest connected piece above
-300 HU once thin things are smoothed away, with lungs and gas filled in.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.errors import GeometryError
from isoguide.images.volume import Volume
from isoguide.virtual.lattice import interpolated

AIR_HU = -1000.0
BODY_ABOVE_HU = -300.0
"""Fat is about -100 and skin rarely below -300 even where it shares a voxel with air."""
COARSE_MM = 2.5
"""Voxel size of the search in the axial plane: fine enough for an outline, and few voxels to label."""
THIN_MM = 4.0
"""Standard deviation of the smoothing: shells, straps and masks thinner than this fall below one half."""

RAMP_MM = 2.0
"""Standard deviation of the outline's blur, from which the ramp from body to air is made."""
STEEPNESS = 4.0
"""The blurred outline times this, cut off at 1, keeps everything up to 0.7 standard deviations outside."""

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class BodyWeight:
    """How much each place belongs to the patient: 1 up to 1 mm outside the skin, 0 beyond 5 mm.

    ``coarse`` is ``[k, j, i]`` at every slice and every ``stride``-th row and column of the CT, before the
    ramp is steepened; ``body`` is the body itself on the same lattice.
    """

    coarse: Floats
    body: Mask
    stride: tuple[int, int]

    def on(self, k: slice, j: slice, i: slice) -> Floats:
        """Return the weight on a box of the CT's voxels."""
        first, last = i.start // self.stride[1], -(-(i.stop - 1) // self.stride[1]) + 1
        columns = np.arange(i.start, i.stop) / self.stride[1] - first
        rows = np.arange(j.start, j.stop) / self.stride[0]
        weight = interpolated(self.coarse[k, :, first:last], 2, columns)
        weight = interpolated(weight, 1, rows)
        weight *= np.float32(STEEPNESS)
        return np.minimum(weight, np.float32(1.0), out=weight)


def body_weight(planning: Volume) -> BodyWeight:
    """Find the patient in a CT.

    Parameters
    ----------
    planning
        A CT in Hounsfield units with more or less axial slices.

    Raises
    ------
    GeometryError
        If the image is not in HU, or nothing in it is as dense as a body.
    """
    if not planning.is_hounsfield:
        name = planning.source or "the planning image"
        msg = f"patient and couch cannot be told apart in {name}: its values are not HU; give a CT in HU"
        raise GeometryError(msg)
    column_mm, row_mm = planning.grid.spacing_mm[:2]
    stride = (max(1, round(COARSE_MM / row_mm)), max(1, round(COARSE_MM / column_mm)))
    dense = planning.values[:, :: stride[0], :: stride[1]] > BODY_ABOVE_HU
    coarse_mm = np.array([stride[0] * row_mm, stride[1] * column_mm])
    thick = _smoothed(dense, THIN_MM / coarse_mm) > 0.5
    body = _filled(_largest(thick))
    if not body.any():
        msg = f"no body above {BODY_ABOVE_HU:g} HU was found in {planning.source or 'the planning image'}"
        raise GeometryError(msg)
    return BodyWeight(_smoothed(body, RAMP_MM / coarse_mm), body, stride)


def _smoothed(mask: Mask, sigma: NDArray[np.float64]) -> Floats:
    smooth: Floats = ndimage.gaussian_filter(
        mask.astype(np.float32), (0.0, sigma[0], sigma[1]), truncate=2.5, mode="nearest"
    )
    return smooth


def _largest(mask: Mask) -> Mask:
    labels, count = ndimage.label(mask)
    if count == 0:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    largest: Mask = labels == sizes.argmax()
    return largest


def _filled(mask: Mask) -> Mask:
    """Fill what is closed within a slice: lungs and gas reach the outside only through other slices."""
    within_slice = np.zeros((3, 3, 3), dtype=bool)
    within_slice[1] = ndimage.generate_binary_structure(2, 1)
    labels, count = ndimage.label(~mask, structure=within_slice)
    outside = np.zeros(count + 1, dtype=bool)
    for edge in (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1]):
        outside[np.unique(edge)] = True
    filled: Mask = mask | ~outside[labels]
    return filled


def patient_only(planning: Volume) -> Volume:
    """Return the CT with everything outside the patient replaced by air.

    Parameters
    ----------
    planning
        A CT in Hounsfield units.

    Raises
    ------
    GeometryError
        If no body is found.
    """
    k, j, i = (slice(0, n) for n in planning.grid.shape)
    values = np.float32(AIR_HU) + (planning.values - np.float32(AIR_HU)) * body_weight(planning).on(k, j, i)
    if planning.values.dtype == np.int16:
        return Volume(
            planning.grid, np.rint(values).astype(np.int16), planning.is_hounsfield, planning.source
        )
    return Volume(planning.grid, values, planning.is_hounsfield, planning.source)
