"""DX, CR and XA images: their pixels can be read, but they say nothing about the room.

PositionerPrimaryAngle and its like are relative to the patient and refer to the isocentre of a positioner, so
that no position follows from them: it takes the commissioned geometry of the imager, looked up by its serial
number. Sources: DICOM PS3.3 C.8.7.3 (collimator), C.8.7.5 (positioner).
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isoguide.dicom.identity import PatientIdentity
from isoguide.dicom.item import Item, exposed_at, tolerating_odd_values
from isoguide.dicom.radiograph_pixels import PixelMeaning, RadiographPixels, read_radiograph_pixels
from isoguide.dicom.scan import XRAY_CLASSES, open_dicom
from isoguide.errors import MissingEvidenceError, UnreadableError


@dataclass(frozen=True, slots=True, eq=False)
class XrayImage:
    """An X-ray image without a place in the room.

    Parameters
    ----------
    pixels
        Values, quantity, which of them count.
    patient
        Whose it is.
    serial_number
        DeviceSerialNumber (0018,1000), by which the commissioned geometry is found.
    acquired_at
        By the clock of the room.
    source
        What messages call it: the file.
    """

    pixels: RadiographPixels
    patient: PatientIdentity
    serial_number: str
    acquired_at: datetime
    source: str


@tolerating_odd_values
def read_xray_image(path: Path | str, *, meaning: PixelMeaning | None = None) -> XrayImage:
    """Read one DX, CR or XA image.

    Parameters
    ----------
    path
        The file.
    meaning
        How pixels follow the X-rays, where the file does not say.

    Raises
    ------
    UnreadableError
        If it is another kind of object, or its pixels cannot be used.
    MissingEvidenceError
        If it does not say which device took it and when: without both no calibration can be found for it.
    """
    file = open_dicom(path)
    item = file.item
    if file.sop_class_uid not in XRAY_CLASSES:
        msg = f"{item.source} is {file.class_name}; give a DX, CR or XA image"
        raise UnreadableError(msg)
    serial_number = item.text("DeviceSerialNumber")
    acquired_at = exposed_at(item)
    if not serial_number or acquired_at is None:
        missing = "an AcquisitionDate" if serial_number else "a DeviceSerialNumber"
        msg = (
            f"{item.source} is without {missing}, so that no calibration can be found for it; export it again"
        )
        raise MissingEvidenceError(msg)
    read = read_radiograph_pixels(file, meaning)
    pixels = RadiographPixels(
        read.values, read.quantity, read.counts & _inside_collimator(item, read.values.shape), read.warnings
    )
    return XrayImage(pixels, file.patient, serial_number, acquired_at, item.source)


def _inside_collimator(item: Item, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which pixels lie inside the edges of the collimator that the file states, counted from 1."""
    rows, columns = np.ogrid[1 : shape[0] + 1, 1 : shape[1] + 1]
    inside = np.ones(shape, dtype=bool)
    shapes = item.texts("CollimatorShape")
    if "RECTANGULAR" in shapes:
        left, right, upper, lower = (
            item.need_integer(f"Collimator{side}Edge")
            for side in ("LeftVertical", "RightVertical", "UpperHorizontal", "LowerHorizontal")
        )
        inside &= (columns > left) & (columns < right) & (rows > upper) & (rows < lower)
    if "CIRCULAR" in shapes:
        row, column = item.need_numbers("CenterOfCircularCollimator", 2)
        inside &= (rows - row) ** 2 + (columns - column) ** 2 < item.need_number(
            "RadiusOfCircularCollimator"
        ) ** 2
    if "POLYGONAL" in shapes:
        msg = f"{item.source} has a polygonal collimator, which is not read; export it with a rectangular one"
        raise UnreadableError(msg)
    return inside
