"""Calibrating an imager that is fixed in the room: images of a phantom in, an imager file out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.dicom.xray_image import read_xray_image
from isoguide.errors import AmbiguityError, GeometryError, InputError, MismatchError
from isoguide.geometry.bead_matching import match_beads
from isoguide.geometry.imager_calibration import CalibratedView
from isoguide.geometry.xray_view import XrayView
from isoguide.images.bead_detection import detect_beads
from isoguide.images.radiograph import Quantity, Radiograph
from isoguide.volume_files.radiograph_file import RADIOGRAPH_SUFFIXES, read_radiograph_file
from isoguide.workflow.radiographs.imager_file import FILE_VERSION, ImagerFile, MatrixView
from isoguide.workflow.radiographs.phantom_file import PhantomFile, load_phantom
from isoguide.workflow.radiographs.strict_json import write_new_json

LONGEST_DAYS: Final = 3660.0
"""Ten years: a calibration that holds longer is a slip of the keyboard."""


@dataclass(frozen=True, slots=True)
class CalibrationRequest:
    """What is asked for.

    Parameters
    ----------
    images
        TIFF, PNG, NRRD, or DX, CR, XA; one per rough view of the phantom file, in its order.
    phantom
        The phantom file.
    serial_number
        DeviceSerialNumber of the imager.
    calibrated_at
        When the images were taken, by the clock of the room.
    valid_days
        How long the calibration holds.
    quantity
        What the values of plain images are; DICOM files say it themselves.
    """

    images: tuple[Path, ...]
    phantom: Path
    serial_number: str
    calibrated_at: datetime
    valid_days: float
    quantity: Quantity

    def __post_init__(self) -> None:
        if not self.serial_number or not 0.0 < self.valid_days < LONGEST_DAYS:
            msg = (
                f"a calibration needs a serial number and 0 to {LONGEST_DAYS:g} days that it holds, not "
                f"{self.serial_number!r} and {self.valid_days:g} days; correct them"
            )
            raise InputError(msg)
        if self.calibrated_at.tzinfo is not None:
            msg = f"the time {self.calibrated_at} has a zone; give it by the clock of the room"
            raise InputError(msg)


@dataclass(frozen=True, slots=True, eq=False)
class ImageCalibration:
    """What one image of the phantom gave.

    Parameters
    ----------
    name
        Of the view.
    calibrated
        The view, its residuals and covariance.
    beads
        Numbers of the beads that were used, counted from 0, in the order of the residuals.
    spots
        How many spots were found.
    """

    name: str
    calibrated: CalibratedView
    beads: tuple[int, ...]
    spots: int

    @property
    def isocentre_sd_px(self) -> tuple[float, float]:
        """Standard uncertainty of where the isocentre appears, column and row."""
        variances = np.diag(self.calibrated.projection_covariance_px(np.zeros((1, 3)))[0])
        return float(np.sqrt(variances[0])), float(np.sqrt(variances[1]))


def calibrate_imager(request: CalibrationRequest) -> tuple[ImagerFile, tuple[ImageCalibration, ...]]:
    """Find the views of an imager from images of a phantom.

    Raises
    ------
    MismatchError
        If the numbers of images and rough views differ, or an image has another size than its view.
    MissingEvidenceError, UnreadableError, InputError
        If a file is missing or cannot be used.
    GeometryError, AmbiguityError
        If the beads that are seen do not determine a view; the sentence names the image.
    """
    phantom, rough = load_phantom(request.phantom)
    if len(request.images) != len(rough):
        msg = (
            f"{request.phantom} has {len(rough)} rough views for {len(request.images)} images; give one "
            "image per view, in the order of the file"
        )
        raise MismatchError(msg)
    found = tuple(
        _calibrated(path, section.name, view, phantom, request)
        for path, section, view in zip(request.images, phantom.views, rough, strict=True)
    )
    written = ImagerFile(
        schema_version=FILE_VERSION,
        serial_number=request.serial_number,
        calibrated_at=request.calibrated_at.isoformat(timespec="seconds"),
        valid_days=request.valid_days,
        views=tuple(_section(one) for one in found),
    )
    return written, found


def write_imager(written: ImagerFile, path: Path | str) -> Path:
    """Write an imager file, complete or not at all; an existing one is never replaced.

    Raises
    ------
    OutputError
        If there is such a file, or the place cannot be written.
    """
    path = Path(path)
    write_new_json(written, path, "calibration")
    return path


def _calibrated(
    path: Path, name: str, rough: XrayView, phantom: PhantomFile, request: CalibrationRequest
) -> ImageCalibration:
    image, counts = _image(path, rough, request)
    spots = detect_beads(image, phantom.diameter_px(rough), counts)
    try:
        calibrated, pairs = match_beads(phantom.beads_mm, spots, rough)
    except (GeometryError, AmbiguityError) as error:
        raise type(error)(f"{path}: {error}") from None
    return ImageCalibration(name, calibrated, tuple(pairs[:, 0].tolist()), len(spots))


def _image(path: Path, rough: XrayView, request: CalibrationRequest) -> tuple[Radiograph, NDArray[np.bool_]]:
    if path.name.lower().endswith(RADIOGRAPH_SUFFIXES) or not path.is_file():
        values, counts = _plain_image(path, request.quantity)
        quantity = request.quantity
    else:
        taken = read_xray_image(path)
        if taken.serial_number != request.serial_number:
            msg = (
                f"{path} was taken by the device {taken.serial_number!r}, not by {request.serial_number!r}; "
                "give the images of one imager"
            )
            raise MismatchError(msg)
        values, counts, quantity = taken.pixels.values, taken.pixels.counts, taken.pixels.quantity
    if values.shape != rough.size[::-1]:
        rows, columns = values.shape
        msg = (
            f"{path} has {columns} columns and {rows} rows, but its rough view says {rough.size[0]} and "
            f"{rough.size[1]}; correct the phantom file"
        )
        raise MismatchError(msg)
    return Radiograph(rough, values, quantity), counts


def _plain_image(path: Path, quantity: Quantity) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    read = read_radiograph_file(path)
    if quantity == "line integral":
        return read.values, ~read.is_saturated
    if float(read.values.max()) <= 0.0 or float(read.values.min()) < 0.0:
        msg = f"{path} has values that are no intensities (below zero, or none above); save it again"
        raise InputError(msg)
    return np.asarray(read.values / read.values.max(), dtype=np.float32), ~read.is_saturated


def _section(one: ImageCalibration) -> MatrixView:
    view = one.calibrated.view
    rows = view.pixel_from_xyz.tolist()
    sd_mm = np.sqrt(np.diag(one.calibrated.covariance)[:6]).tolist()
    return MatrixView(
        name=one.name,
        matrix=(tuple(rows[0]), tuple(rows[1]), tuple(rows[2])),
        pixel_spacing_mm=view.pixel_spacing_mm,
        size=view.size,
        rms_px=one.calibrated.rms_px,
        beads=len(one.beads),
        source_sd_mm=tuple(sd_mm[:3]),
        detector_sd_mm=tuple(sd_mm[3:]),
        isocentre_sd_px=one.isocentre_sd_px,
    )


def calibration_lines(found: Sequence[ImageCalibration]) -> tuple[str, ...]:
    """Say what was found, a sentence per image and one per bead that is off by most."""
    lines: tuple[str, ...] = ()
    for one in found:
        residuals = np.linalg.norm(one.calibrated.residuals_px, axis=1)
        worst = int(residuals.argmax())
        source_sd_mm = float(np.linalg.norm(one.calibrated.source_sd_mm))
        number = one.beads[worst] + 1
        lines += (
            f"{one.name}: {len(one.beads)} beads of {one.spots} spots, "
            f"residual {one.calibrated.rms_px:.3f} px (largest {residuals[worst]:.3f} px, bead {number}), "
            f"source known to {source_sd_mm:.1f} mm, isocentre to {max(one.isocentre_sd_px):.3f} px",
        )
    return lines
