"""Each radiograph of the day gets its place in the room: from its own header, or from its imager's file."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from isoguide.dicom.radiograph_header import RadiographHeader
from isoguide.dicom.rtimage import read_rt_image
from isoguide.errors import AmbiguityError, MismatchError, MissingEvidenceError
from isoguide.images.radiograph_view import RadiographView
from isoguide.units import wrap_deg
from isoguide.workflow.radiographs.imager_file import Imager, load_imager
from isoguide.workflow.radiographs.loading import corrected_for_sag, load_room_radiograph
from isoguide.workflow.request import RadiographChoice

_SAME_DEG: Final = 0.01


@dataclass(frozen=True, slots=True)
class ViewOrigin:
    """Where a radiograph of the day comes from.

    Parameters
    ----------
    header
        What its file says of itself.
    place
        In words: the gantry angle, or the name of the view.
    imager
        The file that its geometry was taken from or corrected with; None: its own header alone.
    isocentre_sd_px
        Of where the isocentre appears, column and row, as the calibration gave it; None where it did not.
    """

    header: RadiographHeader
    place: str
    imager: Imager | None = None
    isocentre_sd_px: tuple[float, float] | None = None


def load_imagers(choice: RadiographChoice, *, now: datetime) -> tuple[Imager, ...]:
    """Read the imager files of a request.

    Raises
    ------
    AmbiguityError
        If two are for one device.
    InputError
        As :func:`isoguide.workflow.radiographs.imager_file.load_imager`.
    """
    imagers = tuple(load_imager(path, now=now) for path in choice.imagers)
    by_serial: dict[str, Imager] = {}
    for imager in imagers:
        other = by_serial.setdefault(imager.written.serial_number, imager)
        if other is not imager:
            msg = (
                f"{other.source} and {imager.source} are both for the device "
                f"{imager.written.serial_number!r}; give the one that held when the images were taken"
            )
            raise AmbiguityError(msg)
    return imagers


def check_choice(headers: Sequence[RadiographHeader], choice: RadiographChoice) -> None:
    """Refuse what is said about radiographs that are not there, or that say it themselves.

    Raises
    ------
    MissingEvidenceError
        If a radiograph is named that is not there, or there is none that an option is for.
    MismatchError
        If a view is stated of an RT Image.
    """
    named = {header.path.name: header for header in headers}
    for name, place in choice.view_names:
        if name not in named:
            msg = f"--view {name}={place} names no radiograph of the day; they are {', '.join(named)}"
            raise MissingEvidenceError(msg)
        if named[name].is_rt_image:
            msg = f"--view {name}={place} is of an RT Image, which has a geometry of its own: leave it out"
            raise MismatchError(msg)
    kilovolt = [header for header in headers if header.is_rt_image and not header.gantry_is_source]
    if choice.source_from_gantry_deg is not None and not kilovolt:
        msg = f"--source-from-gantry is for RT Images in kV, and {headers[0].path} is none: leave it out"
        raise MissingEvidenceError(msg)


def place_radiograph(
    header: RadiographHeader, imagers: Sequence[Imager], choice: RadiographChoice
) -> tuple[RadiographView, ViewOrigin]:
    """Read a radiograph with its view in FIXED.

    Raises
    ------
    MissingEvidenceError
        If neither the file nor the user says where it was taken.
    MismatchError
        If its imager file is of another device, has expired, or contradicts it.
    UnreadableError, GeometryError
        If the file cannot be used.
    """
    imager = _imager_of(header, imagers)
    if header.is_rt_image:
        return _rt_image(header, imager, choice)
    return _without_room(header, imager, choice)


def _imager_of(header: RadiographHeader, imagers: Sequence[Imager]) -> Imager | None:
    for imager in imagers:
        if imager.written.serial_number == header.serial_number:
            return imager
    if not imagers:
        return None
    known = ", ".join(f"{one.source} for {one.written.serial_number!r}" for one in imagers)
    msg = (
        f"{header.path} was taken by the device {header.serial_number!r}, of which no imager file was given "
        f"({known}); give that of its device"
    )
    raise MismatchError(msg)


def _rt_image(
    header: RadiographHeader, imager: Imager | None, choice: RadiographChoice
) -> tuple[RadiographView, ViewOrigin]:
    offset_deg = None if header.gantry_is_source else _source_from_gantry_deg(header, imager, choice)
    image = read_rt_image(header.path, source_from_gantry_deg=offset_deg, meaning=choice.pixels)
    origin = ViewOrigin(header, f"gantry {round(image.gantry_deg, 1) % 360.0:g}°", imager)
    return image.image if imager is None else corrected_for_sag(image, imager), origin


def _source_from_gantry_deg(
    header: RadiographHeader, imager: Imager | None, choice: RadiographChoice
) -> float | None:
    said_deg = choice.source_from_gantry_deg
    if imager is None or imager.written.arm is None:
        return said_deg
    known_deg = imager.written.arm.source_from_gantry_deg
    if said_deg is not None and abs(wrap_deg(said_deg - known_deg)) > _SAME_DEG:
        msg = (
            f"--source-from-gantry {said_deg:g} contradicts {imager.source}, which says {known_deg:g}° for "
            f"the device of {header.path}; leave the option out"
        )
        raise MismatchError(msg)
    return known_deg


def _without_room(
    header: RadiographHeader, imager: Imager | None, choice: RadiographChoice
) -> tuple[RadiographView, ViewOrigin]:
    said = next((place for name, place in choice.view_names if name == header.path.name), None)
    if imager is None:
        msg = (
            f"{header.path} ({header.modality or 'X-ray image'}) says nothing of where it was taken in the "
            f"room: give the imager file of the device {header.serial_number!r} with --imager"
        )
        raise MissingEvidenceError(msg)
    if imager.written.arm is not None:
        gantry_deg = _said_gantry_deg(header, imager, said)
        view = load_room_radiograph(header.path, imager, gantry_deg=gantry_deg, meaning=choice.pixels)
        return view, ViewOrigin(header, f"gantry {round(gantry_deg, 1) % 360.0:g}°", imager)
    name = said or _name_in_file(header, imager)
    view = load_room_radiograph(header.path, imager, view_name=name, meaning=choice.pixels)
    used = next(one for one in imager.written.views if one.name == name)
    return view, ViewOrigin(header, f"view '{name}'", imager, used.isocentre_sd_px)


def _said_gantry_deg(header: RadiographHeader, imager: Imager, said: str | None) -> float:
    if said is None and header.gantry_deg is not None:
        return header.gantry_deg
    try:
        gantry_deg = float(said or "")
    except ValueError:
        gantry_deg = math.nan
    if math.isfinite(gantry_deg):
        return gantry_deg
    msg = (
        f"{header.path} was taken by an imager that turns with the gantry ({imager.source}), and a "
        "PositionerPrimaryAngle is relative to the patient: say the gantry angle with "
        f"--view {header.path.name}=DEGREES"
    )
    raise MissingEvidenceError(msg)


def _name_in_file(header: RadiographHeader, imager: Imager) -> str:
    names = [view.name for view in imager.written.views]
    if len(names) == 1:
        return names[0]
    stated = {text.casefold() for text in header.naming}
    found = [name for name in names if name.casefold() in stated]
    if len(found) == 1:
        return found[0]
    says = "nothing in it says which" if not found else f"it says both {' and '.join(found)}"
    msg = (
        f"{header.path} was taken in one of the views {', '.join(names)} of {imager.source}, and {says}: "
        f"say it with --view {header.path.name}={names[0]}"
    )
    raise MissingEvidenceError(msg)
