"""Imager files: the commissioned geometry of one imager, when it was calibrated and how long that holds."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import numpy as np
from pydantic import AfterValidator, Field, model_validator

from isoguide.errors import GeometryError, InputError, MismatchError, MissingEvidenceError
from isoguide.geometry.frames import FIXED, Array
from isoguide.geometry.iec61217 import fixed_from_gantry
from isoguide.geometry.projection_matrix import view_from_matrix
from isoguide.geometry.xray_view import XrayView, gantry_view
from isoguide.workflow.radiographs.strict_json import read_json, schema_text
from isoguide.workflow.radiographs.view_section import Count, Point, Positive
from isoguide.workflow.strict_toml import Section

SCHEMA_FILE: Final = "imager-1.json"
FILE_VERSION: Final = "1.0"
"""Major: a reader of the previous one may break. Minor: keys were added."""

LARGEST_GAP_DEG: Final = 90.0
"""Sag follows the sine of the gantry angle: interpolation over more than a quarter of a turn misses it."""

_LARGEST_SHIFT_MM: Final = 50.0
Row = tuple[float, float, float, float]
Offset = Annotated[float, Field(ge=-_LARGEST_SHIFT_MM, le=_LARGEST_SHIFT_MM)]


def _room_time(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is not None:
        msg = f"{text!r} is not a time like 2026-03-01T08:30:00, by the clock of the room"
        raise ValueError(msg)
    return text


class MatrixView(Section):
    """A tube and a panel that are fixed in the room."""

    name: str = Field(min_length=1)
    matrix: tuple[Row, Row, Row] = Field(
        description="From (x, y, z, 1) in IEC fixed mm to (column·w, row·w, w); pixels are counted from 0."
    )
    pixel_spacing_mm: tuple[Positive, Positive] = Field(description="Between columns and between rows.")
    size: tuple[Count, Count] = Field(description="Columns and rows.")
    rms_px: float | None = Field(default=None, ge=0.0, description="Residual of the beads, per coordinate.")
    beads: int | None = Field(default=None, ge=0, description="How many beads were used.")
    source_sd_mm: Point | None = Field(default=None, description="Standard uncertainty of the source.")
    detector_sd_mm: Point | None = Field(default=None, description="Of the middle of the detector.")
    isocentre_sd_px: tuple[float, float] | None = Field(
        default=None, description="Of where the isocentre appears, column and row."
    )

    def view(self) -> XrayView:
        """Return the view in FIXED; the isocentre is in front of the source.

        Raises
        ------
        GeometryError
            If no flat detector with these pixels has this matrix.
        """
        return view_from_matrix(
            np.array(self.matrix),
            frame=FIXED,
            pixel_spacing_mm=self.pixel_spacing_mm,
            size=self.size,
            seen_mm=np.zeros(3),
        )


class Sag(Section):
    """How far source and panel are off at one gantry angle, along the axes that turn with the source."""

    gantry_deg: float = Field(ge=-180.0, le=360.0)
    panel_mm: tuple[Offset, Offset, Offset]
    source_mm: tuple[Offset, Offset, Offset] = (0.0, 0.0, 0.0)


class Arm(Section):
    """A source and a panel that turn with the gantry."""

    sad_mm: Positive
    sid_mm: Positive
    source_from_gantry_deg: float = Field(
        ge=-180.0, le=180.0, description="Added to the gantry angle it is the angle of the source."
    )
    pixel_spacing_mm: tuple[Positive, Positive] = Field(description="Between columns and between rows.")
    size: tuple[Count, Count] = Field(description="Columns and rows.")
    sag: tuple[Sag, ...] = Field(min_length=1, description="Linear in between; all the way round.")

    @model_validator(mode="after")
    def _is_all_the_way_round(self) -> "Arm":
        angles = np.sort([sag.gantry_deg % 360.0 for sag in self.sag])
        gaps = np.diff([*angles, angles[0] + 360.0])
        if gaps.max() > LARGEST_GAP_DEG:
            msg = f"sag has a gap of {gaps.max():g}° between gantry angles: give one at least every 90°"
            raise ValueError(msg)
        if len(angles) > 1 and gaps.min() <= 0.0:
            msg = f"sag has the gantry angle {angles[int(gaps.argmin())]:g}° twice: remove one"
            raise ValueError(msg)
        return self

    def view(self, gantry_deg: float) -> XrayView:
        """Return the view in FIXED with the gantry at an angle, sag included."""
        source_deg = gantry_deg + self.source_from_gantry_deg
        nominal = gantry_view(
            source_deg,
            sad_mm=self.sad_mm,
            sid_mm=self.sid_mm,
            size=self.size,
            pixel_spacing_mm=self.pixel_spacing_mm,
        )
        # Sag is given along the axes that turn with the source: x and y of the panel, z towards the source.
        axes = fixed_from_gantry(source_deg).rotation
        return XrayView(
            FIXED,
            nominal.source_mm + axes @ self._interpolated("source_mm", gantry_deg),
            nominal.detector_centre_mm + axes @ self._interpolated("panel_mm", gantry_deg),
            nominal.row_direction,
            nominal.column_direction,
            self.pixel_spacing_mm,
            self.size,
        )

    def _interpolated(self, name: str, gantry_deg: float) -> Array:
        angles = [sag.gantry_deg % 360.0 for sag in self.sag]
        values = np.array([getattr(sag, name) for sag in self.sag], dtype=np.float64)
        return np.array([np.interp(gantry_deg % 360.0, angles, column, period=360.0) for column in values.T])


class ImagerFile(Section):
    """The geometry of one imager in IEC fixed coordinates."""

    schema_version: str = Field(pattern=r"^1\.\d+$")
    serial_number: str = Field(min_length=1, description="DeviceSerialNumber of its images.")
    calibrated_at: Annotated[str, AfterValidator(_room_time)] = Field(
        description="ISO 8601 without a zone: the clock of the room."
    )
    valid_days: Positive
    views: tuple[MatrixView, ...] = Field(default=(), description="Fixed in the room.")
    arm: Arm | None = Field(default=None, description="Turning with the gantry.")

    @model_validator(mode="after")
    def _is_one_kind(self) -> "ImagerFile":
        if bool(self.views) == (self.arm is not None):
            msg = "an imager is fixed in the room (views) or turns with the gantry (arm): give one of them"
            raise ValueError(msg)
        names = [view.name for view in self.views]
        if len(set(names)) < len(names):
            msg = f"two views have the same name among {', '.join(names)}: rename one"
            raise ValueError(msg)
        return self


@dataclass(frozen=True, slots=True)
class Imager:
    """A commissioned imager; every view is asked for with the device and the time of the image.

    Parameters
    ----------
    written
        What its file says.
    source
        The file, for messages.
    """

    written: ImagerFile
    source: str

    @property
    def calibrated_at(self) -> datetime:
        """When it was calibrated, by the clock of the room."""
        return datetime.fromisoformat(self.written.calibrated_at)

    def check(self, serial_number: str, taken_at: datetime) -> None:
        """Refuse an image of another device, and one that the calibration does not cover.

        Parameters
        ----------
        serial_number
            Of the device that took the image.
        taken_at
            When, by the clock of the room.

        Raises
        ------
        MismatchError
            If it was another device, the calibration had expired, or was made after the image.
        """
        if serial_number != self.written.serial_number:
            msg = (
                f"{self.source} is for the device {self.written.serial_number!r}, not for "
                f"{serial_number!r}; give the imager file of the device that took the image"
            )
            raise MismatchError(msg)
        if taken_at < self.calibrated_at:
            msg = (
                f"{self.source} was calibrated at {self.calibrated_at}, after the image was taken at "
                f"{taken_at}; give the calibration that held then"
            )
            raise MismatchError(msg)
        over = taken_at - (self.calibrated_at + timedelta(days=self.written.valid_days))
        if over > timedelta(0):
            msg = (
                f"the calibration in {self.source} expired {over / timedelta(days=1):.1f} days before the "
                "image was taken; calibrate the imager again"
            )
            raise MismatchError(msg)

    def fixed_view(self, name: str | None, serial_number: str, taken_at: datetime) -> XrayView:
        """Return a view that is fixed in the room, in FIXED.

        Parameters
        ----------
        name
            Which one; None where there is only one.
        serial_number, taken_at
            See :meth:`check`.

        Raises
        ------
        MismatchError
            See :meth:`check`.
        MissingEvidenceError
            If there is no such view, or a name is needed.
        GeometryError
            If its matrix is that of no flat detector.
        """
        self.check(serial_number, taken_at)
        views = {view.name: view for view in self.written.views}
        if name is None and len(views) == 1:
            name = next(iter(views))
        if name not in views:
            known = ", ".join(views) or "none: it turns with the gantry"
            msg = f"{self.source} has no view {name!r}; its views are {known}"
            raise MissingEvidenceError(msg)
        return views[name].view()

    def arm_view(self, gantry_deg: float, serial_number: str, taken_at: datetime) -> XrayView:
        """Return the view of an imager that turns with the gantry, in FIXED, sag included.

        Raises
        ------
        MismatchError
            See :meth:`check`.
        MissingEvidenceError
            If this imager is fixed in the room.
        """
        self.check(serial_number, taken_at)
        if self.written.arm is None:
            msg = f"{self.source} is of an imager that is fixed in the room; ask for one of its views by name"
            raise MissingEvidenceError(msg)
        return self.written.arm.view(gantry_deg)


def load_imager(path: Path | str, *, now: datetime) -> Imager:
    """Read an imager file.

    Parameters
    ----------
    path
        The JSON file.
    now
        The time by the clock of the room: a calibration in the future is refused.

    Raises
    ------
    MissingEvidenceError
        If there is no such file.
    UnreadableError, InputError
        If it is not JSON, or says something impossible.
    GeometryError
        If a matrix is that of no flat detector.
    """
    path = Path(path)
    imager = Imager(read_json(path, ImagerFile, "imager file"), str(path))
    if imager.calibrated_at > now:
        msg = f"{path} says it was calibrated at {imager.calibrated_at}, which is in the future; correct it"
        raise InputError(msg)
    for view in imager.written.views:
        try:
            view.view()
        except GeometryError as error:
            raise GeometryError(f"{path}, view {view.name!r}: {error}") from None
    return imager


def imager_schema_text() -> str:
    """Write the schema as the file ``docs/schema/imager-1.json`` holds it."""
    return schema_text(ImagerFile)


def imager_words(imager: Imager) -> str:
    """Say in one sentence which device a file is for, what it has, and until when it holds."""
    written = imager.written
    until = imager.calibrated_at + timedelta(days=written.valid_days)
    has = ", ".join(view.name for view in written.views) or "an arm that turns with the gantry"
    return f"device {written.serial_number}: {has}; calibrated {imager.calibrated_at}, holds until {until}"
