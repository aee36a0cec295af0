"""Images of the beam's time as they lie on a disk: a folder of radiographs, or a frames file.

Images come in the order in which they are listed, a folder's in the order of its names: it is that order, the
numbers and the times that the gate later compares, so nothing is sorted or mended here.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import AwareDatetime, Field

from isoguide.dicom import PatientIdentity, scan_folder
from isoguide.dicom.choice import refuse_strangers
from isoguide.dicom.item import exposure_instant, tolerating_odd_values
from isoguide.dicom.radiograph_header import RadiographHeader, radiograph_header
from isoguide.errors import GeometryError, InputError, MissingEvidenceError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.transforms import RigidTransform
from isoguide.geometry.xray_view import XrayView
from isoguide.images.radiograph import Quantity
from isoguide.images.radiograph_view import RadiographView
from isoguide.workflow.radiographs.choose import exposures
from isoguide.workflow.radiographs.imager_file import Imager
from isoguide.workflow.radiographs.placing import load_imagers, place_radiograph
from isoguide.workflow.radiographs.strict_json import read_json, schema_text
from isoguide.workflow.radiographs.view_section import ViewSection
from isoguide.workflow.radiographs.views_file import checked_radiograph
from isoguide.workflow.request import RadiographChoice
from isoguide.workflow.strict_toml import Section

SCHEMA_FILE: Final = "frames-1.json"
NO_ZONE: Final = "of the imager, which states no time zone: taken for UTC"
Side = tuple[float | str, ...]
_DIGITS: Final = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class TimedImage:
    """One image, not read yet.

    Parameters
    ----------
    path
        Of the file.
    at
        Of the exposure, aware.
    number
        Of the frame.
    load
        Reads it, with its view in FIXED.
    seen_from
        What tells one side from another: place of the source, gantry angle, or what the file calls the
        view.
    """

    path: Path
    at: datetime
    number: int
    load: Callable[[], RadiographView]
    seen_from: Side = ()


@dataclass(frozen=True, slots=True)
class ImageFrames:
    """All images of one time under the beam.

    Parameters
    ----------
    images
        In the order in which they came.
    clock
        Whose time it is, in words.
    patient
        Whose images they are; None where nothing says.
    notes
        What a user should know.
    """

    images: tuple[TimedImage, ...]
    clock: str
    patient: PatientIdentity | None = None
    notes: tuple[str, ...] = ()


class FrameEntry(ViewSection):
    """One image, its geometry in planning patient LPS."""

    file: str = Field(min_length=1, description="TIFF, PNG or NRRD; relative to the frames file.")
    at: AwareDatetime = Field(description="Of the exposure, with a time zone.")
    number: int | None = Field(default=None, description="Of the frame; counted from 1 where absent.")


class FramesFile(Section):
    """X-ray images in the order in which they came, each with its time and where it was taken from."""

    frames: tuple[FrameEntry, ...] = Field(min_length=1)
    clock: str = Field(default="of the imager", min_length=1, description="Whose time it is, in words.")
    quantity: Quantity = Field(
        default="line integral",
        description="What values are: line integrals (bone is bright), or intensities (bone is dark).",
    )


def frames_schema_text() -> str:
    """Write the schema as the file ``docs/schema/frames-1.json`` holds it."""
    return schema_text(FramesFile)


def frames_of_file(path: Path, fixed_from_planning: RigidTransform) -> ImageFrames:
    """Return the images of a frames file.

    Parameters
    ----------
    path
        The JSON file.
    fixed_from_planning
        Where the plan wants the patient.

    Raises
    ------
    MissingEvidenceError, UnreadableError, InputError, GeometryError
        If the file is not there, is not JSON, or says what cannot be; the sentence names frame and value.
    """
    written = read_json(path, FramesFile, "frames file")
    images = []
    for place, entry in enumerate(written.frames, start=1):
        try:
            view = entry.view(PLANNING)
        except GeometryError as error:
            raise GeometryError(f"{path}, frame {place}: {error}") from None
        file = path.parent / entry.file
        if not file.is_file():
            msg = f"{path}, frame {place}: there is no file {file}; correct the name"
            raise MissingEvidenceError(msg)
        number = place if entry.number is None else entry.number
        load = _plain_image(file, view, written.quantity, fixed_from_planning)
        images.append(TimedImage(file, entry.at.astimezone(UTC), number, load, entry.source_mm))
    return ImageFrames(tuple(images), written.clock)


def _plain_image(
    file: Path, view: XrayView, quantity: Quantity, fixed_from_planning: RigidTransform
) -> Callable[[], RadiographView]:
    def load() -> RadiographView:
        return checked_radiograph(file, view, quantity).in_frame(fixed_from_planning)

    return load


@tolerating_odd_values
def frames_of_folder(path: Path, choice: RadiographChoice, *, now: datetime) -> ImageFrames:
    """Return the radiographs of a folder that somebody exposed, in the order of their names.

    Parameters
    ----------
    path
        The folder; radiographs of DICOM: RT Images, DX, CR, XA.
    choice
        What a user says about them.
    now
        By the clock of the room: an imager cannot have been calibrated later.

    Raises
    ------
    MissingEvidenceError
        If there is none, or one does not say when it was exposed.
    InputError
        If they cannot be placed, or are of several patients.
    """
    found = exposures(scan_folder(path))
    if not found:
        msg = f"{path} holds no radiograph that somebody exposed: give the images of the beam's time"
        raise MissingEvidenceError(msg)
    refuse_strangers(found, found[0].patient, source=str(found[0].path), option="--planning")
    imagers = load_imagers(choice, now=now)
    images, zones = [], set()
    for number, file in enumerate(sorted(found, key=lambda one: _natural(one.path)), start=1):
        header, at = radiograph_header(file), exposure_instant(file.item)
        if at is None:
            msg = f"{header.path} does not say to the second when it was exposed: give images that do"
            raise MissingEvidenceError(msg)
        zones.add(at.tzinfo is not None)
        aware = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        load = partial(_placed, header, imagers, choice)
        named = (header.serial_number, *header.naming)
        side: Side = named if header.gantry_deg is None else (header.gantry_deg,)
        images.append(TimedImage(header.path, aware, number, load, side))
    if len(zones) > 1:
        msg = f"some images in {path} state a time zone and others do not: give those of one clock"
        raise InputError(msg)
    return ImageFrames(tuple(images), "of the imager" if True in zones else NO_ZONE, found[0].patient)


def _placed(header: RadiographHeader, imagers: Sequence[Imager], choice: RadiographChoice) -> RadiographView:
    return place_radiograph(header, imagers, choice)[0]


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort frame-10 behind frame-9."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in _DIGITS.split(path.name)]
