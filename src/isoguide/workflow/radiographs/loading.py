"""X-ray images placed in the room: RT Images by themselves, others by the geometry of their imager."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from isoguide.dicom.radiograph_pixels import PixelMeaning
from isoguide.dicom.rtimage import RtImage
from isoguide.dicom.xray_image import XrayImage, read_xray_image
from isoguide.errors import MismatchError, MissingEvidenceError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.transforms import RigidTransform
from isoguide.geometry.xray_view import XrayView
from isoguide.images.radiograph import Radiograph
from isoguide.images.radiograph_view import RadiographView
from isoguide.registration.day_match import view_distance_mm
from isoguide.workflow.radiographs.imager_file import Imager

LARGEST_SAG_MM: Final = 10.0
"""Panels of kV arms sag by a few mm; they are driven by tens, and a mirrored image is off by its width."""


def load_room_radiograph(
    path: Path | str,
    imager: Imager | None,
    *,
    view_name: str | None = None,
    gantry_deg: float | None = None,
    meaning: PixelMeaning | None = None,
) -> RadiographView:
    """Read a DX, CR or XA image, with its view in FIXED.

    Parameters
    ----------
    path
        The image.
    imager
        The commissioned geometry of the device that took it.
    view_name
        Which of the imager's views, where it is fixed in the room and has several.
    gantry_deg
        Where the gantry was, for an imager that turns with it.
    meaning
        How pixels follow the X-rays, where the file does not say.

    Raises
    ------
    MissingEvidenceError
        If there is no imager geometry, or it needs a view or a gantry angle: the file itself has no place in
        the room.
    MismatchError
        If the geometry is that of another device, has expired, or of another detector size.
    UnreadableError
        If the image cannot be read.
    """
    image = read_xray_image(path, meaning=meaning)
    if imager is None:
        msg = (
            f"{image.source} says nothing of where it was taken in the room; give the imager file of the "
            f"device {image.serial_number!r}"
        )
        raise MissingEvidenceError(msg)
    if imager.written.arm is not None and gantry_deg is None:
        msg = f"{image.source} was taken by an imager that turns with the gantry; say the gantry angle"
        raise MissingEvidenceError(msg)
    if gantry_deg is not None:
        view = imager.arm_view(gantry_deg, image.serial_number, image.acquired_at)
    else:
        view = imager.fixed_view(view_name, image.serial_number, image.acquired_at)
    return _placed(image, view, imager)


def corrected_for_sag(image: RtImage, imager: Imager) -> RadiographView:
    """Return an RT Image with the commissioned geometry of its arm: RT Images do not know about sag.

    Raises
    ------
    MissingEvidenceError
        If the image does not say which device took it and when, or the imager does not turn with the gantry.
    MismatchError
        If the geometry is that of another device, has expired, is of another detector size, or differs from
        that of the image by more than sag: the panel was driven elsewhere, or the image is mirrored.
    """
    if image.acquired_at is None or not image.serial_number:
        msg = f"{image.image.source} does not say which device took it and when: no sag can be looked up"
        raise MissingEvidenceError(msg)
    view = imager.arm_view(image.gantry_deg, image.serial_number, image.acquired_at)
    _check_size(image.image.radiograph.values.shape, view, image.image.source, imager)
    apart_mm = view_distance_mm(view, image.image.view)
    if apart_mm > LARGEST_SAG_MM:
        msg = (
            f"{image.image.source} says that its source or a corner of its panel was {apart_mm:.0f} mm from "
            f"where {imager.source} has it, which is no sag: give the imager file of that panel position"
        )
        raise MismatchError(msg)
    radiograph = replace(image.image.radiograph, view=view)
    return replace(image.image, radiograph=radiograph)


def at_planned_position(image: RadiographView, fixed_from_planning: RigidTransform) -> RadiographView:
    """Return an image whose view is in planning coordinates, where the patient was at a known place.

    Raises
    ------
    GeometryError
        If the view is not in FIXED.
    """
    placed = image.in_frame(fixed_from_planning.inverse())
    if placed.view.frame != PLANNING:
        msg = (
            f"{image.source} should be brought to {PLANNING}, not to {placed.view.frame}; give the planned "
            "position"
        )
        raise MismatchError(msg)
    return placed


def _placed(image: XrayImage, view: XrayView, imager: Imager) -> RadiographView:
    _check_size(image.pixels.values.shape, view, image.source, imager)
    radiograph = Radiograph(view, image.pixels.values, image.pixels.quantity)
    return RadiographView(radiograph, image.pixels.counts, image.source, image.pixels.warnings)


def _check_size(shape: tuple[int, ...], view: XrayView, source: str, imager: Imager) -> None:
    if shape != view.size[::-1]:
        msg = (
            f"{source} has {shape[1]} columns and {shape[0]} rows, but {imager.source} is for "
            f"{view.size[0]} and {view.size[1]}; give an image of the whole detector"
        )
        raise MismatchError(msg)
