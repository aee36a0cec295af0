"""Flat ultrasound, one image (PS3.3 A.6) or many (A.7): pixels, times, and what its regions say of them.

Such an object has no place in the room or the patient. Its regions (C.8.5.5) say where on the screen the
tissue is and how large a pixel is.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID

from isoguide.dicom.identity import PatientIdentity
from isoguide.dicom.item import Item, tolerating_odd_values
from isoguide.dicom.scan import DAMAGE, FLAT_ULTRASOUND_CLASSES, DicomFile, open_dicom
from isoguide.errors import AmbiguityError, MissingEvidenceError, UnreadableError
from isoguide.geometry.frames import Array
from isoguide.images.ultrasound_colour import grey_of_colours
from isoguide.images.ultrasound_frames import UltrasoundFrames
from isoguide.units import MM_PER_CM

NO_PLACE: Final = "an ultrasound image without tracking has no place in the room"
TISSUE: Final = 1
"""RegionDataType of B-mode."""
FLAT: Final = 1
"""RegionSpatialFormat of a two-dimensional image."""
CENTIMETRES: Final = 3
"""PhysicalUnitsXDirection and Y."""
_GREY: Final = ("MONOCHROME2",)
_COLOURS: Final = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_MS_PER_S: Final = 1000.0


@dataclass(frozen=True, slots=True, eq=False)
class UltrasoundRegion:
    """Where on the screen tissue is shown, from C.8.5.5.

    Parameters
    ----------
    columns, rows
        First and last, both within the region.
    pixel_spacing_mm
        Between columns and between rows.
    reference_px
        The pixel (column, row) of the picture at which the physical values count from, usually the middle of
        the transducer's face; None where the file does not say.
    """

    columns: tuple[int, int]
    rows: tuple[int, int]
    pixel_spacing_mm: tuple[float, float]
    reference_px: tuple[float, float] | None


@dataclass(frozen=True, slots=True, eq=False)
class UltrasoundFile:
    """What one file holds.

    Parameters
    ----------
    frames
        The images; their spacing is that of the region, None where there is none.
    region
        The one region of tissue, None where the file states none.
    patient
        Whose it is.
    sop_instance_uid
        As in the file.
    """

    frames: UltrasoundFrames
    region: UltrasoundRegion | None
    patient: PatientIdentity
    sop_instance_uid: str

    def need_spacing_mm(self) -> tuple[float, float]:
        """Return the distance between columns and between rows.

        Raises
        ------
        MissingEvidenceError
            If the file states no region.
        """
        if self.region is None:
            msg = (
                f"{self.frames.source} does not say how large its pixels are (no region of tissue): state "
                "the depth of the image"
            )
            raise MissingEvidenceError(msg)
        return self.region.pixel_spacing_mm


@tolerating_odd_values
def read_ultrasound(path: Path | str) -> UltrasoundFile:
    """Read an ultrasound image or a multi-frame recording.

    Raises
    ------
    UnreadableError
        If the file is damaged, no such object, in colours, or its regions or times make no sense.
    AmbiguityError
        If it shows tissue in several regions.
    """
    file = open_dicom(path)
    if file.sop_class_uid not in FLAT_ULTRASOUND_CLASSES:
        msg = f"{file.path} is no flat ultrasound image but {file.class_name}; give another one"
        raise UnreadableError(msg)
    region = tissue_region(file.item)
    pixels = _pixels(file)
    if region is not None and (region.columns[1] >= pixels.shape[2] or region.rows[1] >= pixels.shape[1]):
        size = f"{pixels.shape[2]} × {pixels.shape[1]}"
        msg = f"{file.path} states a region beyond its {size} pixels; export it again"
        raise UnreadableError(msg)
    pixels.flags.writeable = False
    frames = UltrasoundFrames(
        pixels=pixels,
        at_s=_times_s(file.item, len(pixels)),
        pixel_spacing_mm=None if region is None else region.pixel_spacing_mm,
        source=str(path),
    )
    return UltrasoundFile(frames, region, file.patient, file.sop_instance_uid)


def describe_ultrasound(file: DicomFile) -> str:
    """Say in words what the header of a flat ultrasound object promises, and what it can be used for.

    Raises
    ------
    InputError
        If its header makes no sense.
    """
    item = file.item
    region = tissue_region(item)
    count = item.integer("NumberOfFrames") or 1
    size = f"{item.need_integer('Columns')} × {item.need_integer('Rows')}"
    images = f"{count} images of {size}" if count > 1 else f"one image of {size}"
    pixels = (
        "pixels of unknown size"
        if region is None
        else "pixels of {:.3g} × {:.3g} mm".format(*region.pixel_spacing_mm)
    )
    return f"{images}, {pixels}; {NO_PLACE}"


def tissue_region(item: Item) -> UltrasoundRegion | None:
    """Return the region that shows tissue in centimetres; None where there is none.

    Raises
    ------
    AmbiguityError
        If there are several.
    UnreadableError
        If its bounds or sizes make no sense.
    """
    regions = [
        region
        for region in item.items("SequenceOfUltrasoundRegions")
        if region.integer("RegionDataType") == TISSUE and region.integer("RegionSpatialFormat") == FLAT
    ]
    if len(regions) > 1:
        msg = f"{item.source} shows tissue in {len(regions)} regions; export a recording of one image"
        raise AmbiguityError(msg)
    return _region(regions[0]) if regions else None


def _region(item: Item) -> UltrasoundRegion | None:
    units = {item.integer(f"PhysicalUnits{axis}Direction") for axis in "XY"}
    if units != {CENTIMETRES}:
        return None
    left, top, right, bottom = (
        item.need_integer(f"RegionLocation{name}") for name in ("MinX0", "MinY0", "MaxX1", "MaxY1")
    )
    column_mm, row_mm = (MM_PER_CM * item.need_number(f"PhysicalDelta{axis}") for axis in "XY")
    if not (0 <= left < right and 0 <= top < bottom):
        msg = f"{item.source} states a region from ({left}, {top}) to ({right}, {bottom}); export it again"
        raise UnreadableError(msg)
    if column_mm < 0.0 or row_mm < 0.0:
        msg = (
            f"{item.source} counts its pixels against their order ({column_mm:g} and {row_mm:g} mm), as an "
            "image that is turned round; export it with the transducer's face on top"
        )
        raise UnreadableError(msg)
    if min(column_mm, row_mm) == 0.0:
        msg = f"{item.source} states pixels without size; export it again"
        raise UnreadableError(msg)
    x, y = (item.integer(f"ReferencePixel{axis}0") for axis in "XY")
    return UltrasoundRegion(
        columns=(left, right),
        rows=(top, bottom),
        pixel_spacing_mm=(column_mm, row_mm),
        # The reference pixel counts from the corner of its region.
        reference_px=None if x is None or y is None else (float(left + x), float(top + y)),
    )


def _pixels(file: DicomFile) -> NDArray[np.uint8]:
    """Return brightness ``[frame, row, column]``."""
    item = file.item
    photometric = item.text("PhotometricInterpretation")
    if photometric not in (*_GREY, *_COLOURS):
        msg = f"{file.path} is {photometric}; only grey images and plain colours can be read: export it so"
        raise UnreadableError(msg)
    try:
        # Whatever the colours were stored as, they come out as red, green and blue.
        stored = np.asarray(pixel_array(pydicom.dcmread(file.path, force=True)))
    except DAMAGE as error:
        syntax = UID(file.transfer_syntax_uid).name
        reason = "it is damaged or not supported"
        msg = f"{file.path} cannot be decoded ({syntax}): {reason}; export it uncompressed"
        raise UnreadableError(msg) from error
    if stored.dtype != np.uint8:
        msg = f"{file.path} has {stored.dtype} values; only 8 bits per pixel are ultrasound: export it so"
        raise UnreadableError(msg)
    rows, columns = item.need_integer("Rows"), item.need_integer("Columns")
    frames = item.integer("NumberOfFrames") or 1
    if photometric in _GREY:
        return stored.reshape(_shape(stored.size, (frames, rows, columns), file)).copy()
    return grey_of_colours(
        stored.reshape(_shape(stored.size, (frames, rows, columns, 3), file)), str(file.path)
    )


def _shape(size: int, shape: tuple[int, ...], file: DicomFile) -> tuple[int, ...]:
    if size != int(np.prod(shape)):
        msg = f"{file.path} decodes to {size} values where its header says {shape}; export it again"
        raise UnreadableError(msg)
    return shape


def _times_s(item: Item, count: int) -> Array | None:
    """Return when each frame was made, (n,) from the first; None where the file does not say."""
    vector_ms = item.numbers("FrameTimeVector")
    if vector_ms is not None:
        if len(vector_ms) != count:
            msg = f"{item.source} has {len(vector_ms)} frame times for {count} frames; export it again"
            raise UnreadableError(msg)
        steps_ms = np.concatenate([[0.0], vector_ms[1:]])
    else:
        step_ms = item.number("FrameTime")
        if step_ms is None:
            return np.zeros(1) if count == 1 else None
        steps_ms = np.full(count, step_ms)
        steps_ms[0] = 0.0
    if (steps_ms[1:] <= 0.0).any():
        msg = f"{item.source} has frame times that do not increase; export it again"
        raise UnreadableError(msg)
    return np.asarray(np.cumsum(steps_ms) / _MS_PER_S)
