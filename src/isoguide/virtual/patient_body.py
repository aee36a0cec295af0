"""The patient without what he lies on: couch and immobilisation taken out of a CT.

The body is found on a coarse grid, because only its outline is needed: the largest connected piece above -300 HU
after an opening, with lungs and gas filled in.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.errors import GeometryError
from isoguide.images.volume import Volume

AIR_HU = -1000.0
BODY_ABOVE_HU = -300.0
"""Fat is about -100 and skin rarely below -300 even where it shares a voxel with air."""
COARSE_MM = 2.5
"""Voxel size of the search in the axial plane: fine enough for an outline, forty times less to label."""
OPENING_MM = 7.5
"""Whatever is thinner than this, such as couch shells, straps and masks, falls off the body."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class BodyWeight:
    """How much each place belongs to the patient: 1 inside, 0 outside, with a ramp about 2 mm outside the skin.

    ``coarse`` is ``[k, j, i]`` at every slice and every ``stride``-th row and column of the CT.
    """

    coarse: NDArray[np.float32]
    stride: tuple[int, int]

    def on(self, k: slice, j: slice, i: slice) -> NDArray[np.float32]:
        """Return the weight on a box of the CT's voxels."""
        rows = _between(j, self.stride[0], self.coarse.shape[1])
        columns = _between(i, self.stride[1], self.coarse.shape[2])
        weight: NDArray[np.float32] = np.matmul(rows, self.coarse[k] @ columns.T)
        return np.clip(2.0 * weight, 0.0, 1.0, out=weight)


def _between(voxels: slice, stride: int, count: int) -> NDArray[np.float32]:
    """Matrix (fine, coarse) of linear interpolation from every ``stride``-th voxel."""
    fine = np.arange(voxels.start, voxels.stop)
    position = np.minimum(fine / stride, count - 1.0)
    below = np.minimum(position.astype(int), max(count - 2, 0))
    matrix = np.zeros((len(fine), count), dtype=np.float32)
    rows = np.arange(len(fine))
    matrix[rows, below] = 1.0 - (position - below)
    matrix[rows, np.minimum(below + 1, count - 1)] += position - below
    return matrix


def body_weight(planning: Volume) -> BodyWeight:
    """Find the patient in a CT.

    Parameters
    ----------
    planning
        A CT in Hounsfield units with more or less axial slices.

    Raises
    ------
    GeometryError
        If nothing in the image is as dense as a body.
    """
    strides = [max(1, round(COARSE_MM / spacing)) for spacing in planning.grid.spacing_mm[:2]]
    stride = (strides[1], strides[0])
    dense = planning.values[:, :: stride[0], :: stride[1]] > BODY_ABOVE_HU
    reach = [
        max(1, 2 * round(OPENING_MM / (2.0 * planning.grid.spacing_mm[axis] * strides[axis])) + 1)
        for axis in (1, 0)
    ]
    body = _filled(_largest(_opened(dense, reach)))
    if not body.any():
        msg = f"no body above {BODY_ABOVE_HU:g} HU was found in {planning.source or 'the planning image'}"
        raise GeometryError(msg)
    grown = ndimage.maximum_filter(body.view(np.uint8), size=(1, 3, 3))
    return BodyWeight(grown.astype(np.float32), stride)


def _opened(mask: Mask, reach: list[int]) -> Mask:
    size = (1, *reach)
    eroded = ndimage.minimum_filter(mask.view(np.uint8), size=size)
    opened: Mask = ndimage.maximum_filter(eroded, size=size).view(np.bool_)
    return opened


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
    whole = tuple(slice(0, n) for n in planning.grid.shape)
    weight = body_weight(planning).on(whole[0], whole[1], whole[2])
    values = AIR_HU + (planning.values - np.float32(AIR_HU)) * weight
    return Volume(
        planning.grid, values.astype(planning.values.dtype), planning.is_hounsfield, planning.source
    )
