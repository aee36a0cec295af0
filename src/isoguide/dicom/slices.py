"""From slice headers to one regular grid, or a sentence that says why there is none.

The only source of geometry is ImagePositionPatient projected on the slice normal; SliceThickness and
SpacingBetweenSlices are never looked at (PS3.3 C.7.6.2.1.1). Nothing is repaired: a stack with a gap, a
duplicate, a tilt or two orientations is refused, because a generic reader that accepts it shifts anatomy.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from pydicom.dataset import Dataset

from isoguide.dicom.item import Item
from isoguide.dicom.scan import DicomFile, FoundSeries
from isoguide.errors import GeometryError, UnreadableError
from isoguide.geometry.frames import Array, Frame
from isoguide.geometry.grid import Grid

COSINE_TOLERANCE: Final = 1e-3
"""Largest deviation of ImageOrientationPatient from orthonormal: three written decimals."""
POSITION_TOLERANCE_MM: Final = 0.06
"""Largest distance of a slice from its even position: scanners that write tenths of a mm err by 0.05."""
DUPLICATE_MM: Final = 0.01
"""Slices closer than this are at the same place."""
SHEAR_TOLERANCE_MM: Final = 0.11
"""Largest sideways drift of the slice origins over the whole stack, again two roundings to a tenth."""
_LISTED_GAPS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """One image plane: a single-frame file or one frame of a multi-frame file."""

    file: DicomFile
    frame_index: int
    position_mm: Array
    cosines: Array
    spacing_mm: tuple[float, float]
    shape: tuple[int, int]
    rescale: tuple[float, float] | None
    rescale_type: str
    is_localizer: bool

    @property
    def source(self) -> str:
        """What messages call the plane: its file, and its frame where there are several."""
        return (
            self.file.item.source
            if self.frame_index < 0
            else f"{self.file.item.source} frame {self.frame_index + 1}"
        )


def slices_of(series: FoundSeries) -> tuple[Slice, ...]:
    """List the planes of a series in file order.

    Raises
    ------
    UnreadableError
        If a damaged file belongs to the series, or a plane lacks its position, orientation or pixel spacing.
    """
    if series.damaged:
        bad = series.damaged[0]
        msg = (
            f"{bad.path} belongs to the chosen series but cannot be used: {bad.reason}; export the series "
            "again"
        )
        raise UnreadableError(msg)
    planes: list[Slice] = []
    for file in series.files:
        frames = file.item.items("PerFrameFunctionalGroupsSequence")
        if frames:
            shared = file.item.first("SharedFunctionalGroupsSequence")
            planes.extend(_frame_slice(file, index, frame, shared) for index, frame in enumerate(frames))
        else:
            planes.append(_single_slice(file))
    return tuple(planes)


def _single_slice(file: DicomFile) -> Slice:
    item = file.item
    frames = item.integer("NumberOfFrames") or 1
    if frames != 1:
        msg = (
            f"{item.source} holds {frames} frames without a position for each; export it as enhanced "
            "multi-frame"
        )
        raise GeometryError(msg)
    return _slice(file, -1, (item, item, item, item), item.texts("ImageType"))


def _frame_slice(file: DicomFile, index: int, frame: Item, shared: Item | None) -> Slice:
    def group(keyword: str) -> Item:
        found = frame.first(keyword) or (shared.first(keyword) if shared else None)
        source = f"{file.item.source} frame {index + 1}"
        return Item(found.dataset if found else Dataset(), source)

    groups = tuple(
        group(keyword)
        for keyword in (
            "PlanePositionSequence",
            "PlaneOrientationSequence",
            "PixelMeasuresSequence",
            "PixelValueTransformationSequence",
        )
    )
    return _slice(file, index, groups, group("CTImageFrameTypeSequence").texts("FrameType"))


def _slice(file: DicomFile, index: int, groups: tuple[Item, ...], image_type: tuple[str, ...]) -> Slice:
    position, orientation, measures, values = groups
    row_mm, column_mm = measures.need_numbers("PixelSpacing", 2)
    if min(row_mm, column_mm) <= 0.0:
        msg = f"{measures.source} has the PixelSpacing {row_mm:g}, {column_mm:g} mm; export it again"
        raise GeometryError(msg)
    slope, intercept = values.number("RescaleSlope"), values.number("RescaleIntercept")
    if slope == 0.0:
        msg = f"{values.source} has a RescaleSlope of 0, which erases the image; export it again"
        raise UnreadableError(msg)
    return Slice(
        file=file,
        frame_index=index,
        position_mm=position.need_numbers("ImagePositionPatient", 3),
        cosines=orientation.need_numbers("ImageOrientationPatient", 6).reshape(2, 3),
        spacing_mm=(float(row_mm), float(column_mm)),
        shape=(file.item.need_integer("Rows"), file.item.need_integer("Columns")),
        rescale=None if slope is None or intercept is None else (slope, intercept),
        rescale_type=values.text("RescaleType"),
        is_localizer="LOCALIZER" in image_type,
    )


def without_localizers(planes: Sequence[Slice]) -> tuple[tuple[Slice, ...], tuple[str, ...]]:
    """Set scout images aside; return the rest and a warning that names how many were left out."""
    kept = tuple(plane for plane in planes if not plane.is_localizer)
    if not kept or len(kept) == len(planes):
        return tuple(planes), ()
    scout = next(plane for plane in planes if plane.is_localizer)
    return kept, (
        f"{len(planes) - len(kept)} localizer image(s) in the series were left out ({scout.source})",
    )


def stack(planes: Sequence[Slice], frame: Frame) -> tuple[Grid, tuple[Slice, ...]]:
    """Order the planes along their normal and build the grid they form.

    Returns
    -------
    tuple
        The grid (k along row × column direction, so right-handed) and the planes in the order of k.

    Raises
    ------
    GeometryError
        If there are fewer than two planes, they disagree in size, spacing or orientation, a slice is missing,
        duplicated or unevenly spaced, or the stack is sheared (gantry tilt).
    """
    if len(planes) < 2:
        msg = f"{planes[0].source} is a single slice, which has no thickness; give the whole series"
        raise GeometryError(msg)
    _check_agreement(planes)
    direction = orthonormal_direction(planes[0].cosines, planes[0].source)
    positions = np.array([plane.position_mm for plane in planes])
    heights_mm = positions @ direction[:, 2]
    order = np.argsort(heights_mm, kind="stable")
    ordered = tuple(planes[index] for index in order)
    heights_mm, positions = heights_mm[order], positions[order]
    spacing_mm = _even_spacing(heights_mm, ordered)
    _check_shear(positions, heights_mm, direction, ordered)
    row_mm, column_mm = planes[0].spacing_mm
    shape = (len(planes), *planes[0].shape)
    return Grid(frame, shape, np.array([column_mm, row_mm, spacing_mm]), positions[0], direction), ordered


def _check_agreement(planes: Sequence[Slice]) -> None:
    _refuse_odd_one(planes, "size in rows and columns", lambda plane: plane.shape)
    _refuse_odd_one(planes, "PixelSpacing", lambda plane: tuple(round(mm, 4) for mm in plane.spacing_mm))
    # The tolerance is on the deviation from the most frequent orientation; rounding only groups equal texts.
    common = Counter(_rounded(plane) for plane in planes).most_common(1)[0][0]
    for plane in planes:
        if np.abs(plane.cosines.ravel() - common).max() > COSINE_TOLERANCE:
            found = ", ".join(f"{value:g}" for value in plane.cosines.ravel())
            usual = ", ".join(f"{value:g}" for value in common)
            msg = (
                f"{plane.source} has the ImageOrientationPatient {found} while the series has {usual}; "
                "export the series without it"
            )
            raise GeometryError(msg)


def _rounded(plane: Slice) -> tuple[float, ...]:
    return tuple(float(round(value, 4)) + 0.0 for value in plane.cosines.ravel())


def _refuse_odd_one(planes: Sequence[Slice], what: str, value: Callable[[Slice], Hashable]) -> None:
    counts = Counter(value(plane) for plane in planes)
    usual = counts.most_common(1)[0][0]
    for plane in planes:
        if value(plane) != usual:
            msg = (
                f"{plane.source} has the {what} {value(plane)} while the series has {usual}; export the "
                "series without it"
            )
            raise GeometryError(msg)


def orthonormal_direction(cosines: Array, source: str) -> Array:
    """Turn the row and column cosines (2, 3) into axes along i, j, k as columns (3, 3), k = row × column.

    Raises
    ------
    GeometryError
        If they are further from orthonormal than rounding explains.
    """
    row, column = cosines
    deviation = max(abs(row @ row - 1.0), abs(column @ column - 1.0), abs(row @ column))
    if deviation > COSINE_TOLERANCE:
        msg = (
            f"{source} has an ImageOrientationPatient that is off orthonormal by {deviation:.2g}; "
            "export it again"
        )
        raise GeometryError(msg)
    row = row / np.linalg.norm(row)
    column = column - (column @ row) * row
    column = column / np.linalg.norm(column)
    return np.column_stack([row, column, np.cross(row, column)])


def _even_spacing(heights_mm: Array, planes: Sequence[Slice]) -> float:
    steps_mm = np.diff(heights_mm)
    closest = int(np.argmin(steps_mm))
    if steps_mm[closest] < DUPLICATE_MM:
        msg = (
            f"{planes[closest].source} and {planes[closest + 1].source} lie at the same position "
            f"{_at(planes[closest])}; remove the duplicate"
        )
        raise GeometryError(msg)
    typical_mm = float(np.median(steps_mm))
    even_mm = float(heights_mm[-1] - heights_mm[0]) / len(steps_mm)
    ideal_mm = heights_mm[0] + even_mm * np.arange(len(heights_mm))
    if np.abs(heights_mm - ideal_mm).max() <= POSITION_TOLERANCE_MM:
        return even_mm
    _refuse_missing(steps_mm, typical_mm, planes)
    worst = int(np.argmax(np.abs(steps_mm - typical_mm)))
    msg = (
        f"{planes[worst + 1].source} lies {steps_mm[worst]:.2f} mm after its neighbour instead of "
        f"{typical_mm:.2f} mm: the slices are unevenly spaced; export or reconstruct the series evenly"
    )
    raise GeometryError(msg)


def _refuse_missing(steps_mm: Array, typical_mm: float, planes: Sequence[Slice]) -> None:
    """Raise where every step is a whole number of typical ones: then slices are missing, not misplaced."""
    counts = np.round(steps_mm / typical_mm)
    if (np.abs(steps_mm - counts * typical_mm) > 2.0 * POSITION_TOLERANCE_MM).any() or counts.max() < 2:
        return
    gaps = np.flatnonzero(counts > 1)
    missing = int(counts[gaps].sum()) - len(gaps)
    where = [f"after {_at(planes[gap])}" for gap in gaps[:_LISTED_GAPS]] + ["..."] * (
        len(gaps) > _LISTED_GAPS
    )
    msg = (
        f"{missing} slice{'s are' if missing > 1 else ' is'} missing {', '.join(where)} "
        f"(next to {planes[int(gaps[0])].source}, slice distance {typical_mm:.2f} mm); export the "
        "whole series again"
    )
    raise GeometryError(msg)


def _check_shear(positions: Array, heights_mm: Array, direction: Array, planes: Sequence[Slice]) -> None:
    drift_mm = (positions - positions[0]) @ direction[:, :2]
    sideways_mm = np.linalg.norm(drift_mm, axis=1)
    worst = int(np.argmax(sideways_mm))
    if sideways_mm[worst] <= SHEAR_TOLERANCE_MM:
        return
    tilt_deg = float(np.rad2deg(np.arctan2(sideways_mm[worst], heights_mm[worst] - heights_mm[0])))
    msg = (
        f"{planes[worst].source} is shifted {sideways_mm[worst]:.2f} mm sideways within the stack "
        f"(tilt {tilt_deg:.1f} degrees): a tilted or sheared series is not supported; scan or "
        "reconstruct without tilt"
    )
    raise GeometryError(msg)


def _at(plane: Slice) -> str:
    normal = np.cross(*plane.cosines)
    if abs(normal[2]) > 1.0 - COSINE_TOLERANCE:
        return f"z = {plane.position_mm[2]:g} mm"
    return "(" + ", ".join(f"{value:g}" for value in plane.position_mm) + ") mm"
