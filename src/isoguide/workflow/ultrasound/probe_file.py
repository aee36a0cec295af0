"""Probe files: where the image of a tracked ultrasound probe lies, and where its tracking system is."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from isoguide.errors import GeometryError, InputError, MismatchError
from isoguide.geometry.frames import (
    FIXED,
    PLANNING,
    PROBE,
    REFERENCE_SENSOR,
    TRACKER,
    ULTRASOUND_IMAGE,
    Array,
)
from isoguide.geometry.probe_calibration import Delay, ProbeCalibration
from isoguide.geometry.probe_chain import UncertainPose
from isoguide.geometry.transforms import RigidTransform
from isoguide.workflow.radiographs.strict_json import read_json, schema_text, write_new_json
from isoguide.workflow.strict_toml import Section

FORMAT: Final = "isoguide-probe-1"
SCHEMA_FILE: Final = "probe-1.json"

Positive = Annotated[float, Field(gt=0.0)]
Row = tuple[float, float, float, float]
Matrix = tuple[Row, Row, Row, Row]
SixFold = Annotated[tuple[float, ...], Field(min_length=6, max_length=6)]
Covariance = tuple[SixFold, SixFold, SixFold, SixFold, SixFold, SixFold]

_PLACES: Final = {"fixed": FIXED, "planning": PLANNING}
_BASES: Final = {"tracker": TRACKER, "reference": REFERENCE_SENSOR}


class FanSection(Section):
    """Where the transducer's picture is on the screen, in pixels."""

    radius_px: Annotated[float, Field(ge=0.0)] = Field(
        description="Of the face of a curved array, 0 for a linear one."
    )
    depth_px: Positive = Field(description="From the face to the lower end.")
    half_angle_deg: Annotated[float, Field(gt=0.0, lt=90.0)] | None = Field(
        default=None, description="Of a curved array: from the middle line to the edge."
    )
    half_width_px: Positive | None = Field(default=None, description="Of a linear array.")

    @model_validator(mode="after")
    def _is_one_kind(self) -> "FanSection":
        is_curved = self.radius_px > 0.0
        if is_curved != (self.half_angle_deg is not None) or is_curved == (self.half_width_px is not None):
            msg = "a curved array has half_angle_deg, a linear one (radius_px 0) half_width_px: give that one"
            raise ValueError(msg)
        return self

    def mask(self, size: tuple[int, int], face_px: tuple[float, float]) -> NDArray[np.bool_]:
        """Return which pixels of an image of (columns, rows) are in the fan, bool [row, column]."""
        x, y = np.meshgrid(np.arange(size[0]) - face_px[0], np.arange(size[1]) - face_px[1])
        if self.half_width_px is not None:
            return np.asarray((np.abs(x) <= self.half_width_px) & (y >= 0.0) & (y <= self.depth_px))
        reach = np.hypot(x, y + self.radius_px) - self.radius_px
        angle_deg = np.rad2deg(np.arctan2(np.abs(x), y + self.radius_px))
        return np.asarray(
            (reach >= 0.0) & (reach <= self.depth_px) & (angle_deg <= (self.half_angle_deg or 0.0))
        )


class ImageSection(Section):
    """The image as the scanner gives it; another depth or zoom needs another probe file."""

    size: tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]] = Field(
        description="Columns and rows."
    )
    face_px: tuple[float, float] = Field(description="Column and row of the middle of the transducer's face.")
    pixel_spacing_mm: tuple[Positive, Positive] = Field(description="Between columns and between rows.")
    shear_deg: float = Field(default=0.0, description="See isoguide.geometry.probe_calibration.")
    fan: FanSection | None = Field(default=None, description="None: it is looked for in the images.")


class PlaceSection(Section):
    """Where the tracking system, or the reference sensor, is."""

    to: Literal["fixed", "planning"] = Field(
        description="IEC fixed (the treatment room), or the planning CT's frame of reference (lasers of "
        "the CT)."
    )
    of: Literal["tracker", "reference"] = Field(description="The tracking system, or the reference sensor.")
    matrix: Matrix = Field(description="From coordinates of the latter to those of the former, mm.")
    covariance: Covariance = Field(
        description="Of (translation in mm, rotation vector in radians) about the origin of the former."
    )


class ProbeDocument(Section):
    """What a probe file says."""

    format: Literal["isoguide-probe-1"]
    name: str = Field(min_length=1, description="What the user knows the probe by.")
    calibrated_at: str = Field(description="ISO 8601 without a zone: the clock of the room.")
    image: ImageSection
    probe_from_image: Matrix = Field(
        description="From the image (origin in the middle of the face, x along columns, y into the "
        "patient, mm) "
        "to the probe's sensor."
    )
    covariance: Covariance | None = Field(
        default=None,
        description="Of (translation in mm, rotation vector in radians) along the sensor's axes about the "
        "middle "
        "of the face.",
    )
    rms_mm: Annotated[float, Field(ge=0.0)] | None = None
    points: Annotated[int, Field(ge=0)] = 0
    delay_s: float = Field(
        default=0.0, description="Added to an image's time it is the tracker's time of the same moment."
    )
    delay_sigma_s: Annotated[float, Field(ge=0.0)] | None = None
    place: PlaceSection | None = Field(default=None, description="None: volumes have no place in the room.")

    @model_validator(mode="after")
    def _has_a_time(self) -> "ProbeDocument":
        try:
            moment = datetime.fromisoformat(self.calibrated_at)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is not None:
            msg = f"calibrated_at {self.calibrated_at!r} is not a time like 2026-03-01T08:30:00"
            raise ValueError(msg)
        return self


@dataclass(frozen=True, slots=True, eq=False)
class ProbeFile:
    """A calibrated probe.

    Parameters
    ----------
    calibration
        Where its image is.
    size
        (columns, rows) of its images; None where the file does not say.
    in_fan
        Which pixels show something, bool [row, column]; None: it is looked for in the images.
    delay
        Of the image's clock; None where it was never measured.
    place
        Where the tracking system, or the reference sensor, is; None: what it sees has no place in the room.
    name, source
        What the user knows the probe and the file by.
    calibrated_at
        By the clock of the room; None where the file does not say.
    warnings
        What the user has to know.
    """

    calibration: ProbeCalibration
    size: tuple[int, int] | None
    in_fan: NDArray[np.bool_] | None
    delay: Delay | None
    place: UncertainPose | None
    name: str
    source: str
    calibrated_at: datetime | None
    warnings: tuple[str, ...] = ()

    @property
    def delay_s(self) -> float:
        """What is added to an image's time; 0 where it was never measured, which the warnings say."""
        return 0.0 if self.delay is None else self.delay.seconds

    def check_image(self, columns: int, rows: int, source: str) -> None:
        """Refuse images of another size: the scanner's depth or zoom was another one.

        Raises
        ------
        MismatchError
            If so.
        """
        if self.size is not None and self.size != (columns, rows):
            msg = (
                f"{source} has images of {columns} × {rows} pixels, but {self.source} was calibrated for "
                f"{self.size[0]} × {self.size[1]}; give the probe file of these settings of the scanner"
            )
            raise MismatchError(msg)


def read_probe_file(path: Path | str) -> ProbeFile:
    """Read a probe file.

    Raises
    ------
    MissingEvidenceError
        If there is no such file.
    UnreadableError, InputError
        If it is not JSON, or says something impossible.
    GeometryError
        If a matrix is not rigid, or a covariance none.
    """
    path = Path(path)
    said = read_json(path, ProbeDocument, "probe file")
    try:
        return _loaded(said, path)
    except GeometryError as error:
        raise GeometryError(f"{path}: {error}") from None


def _loaded(said: ProbeDocument, path: Path) -> ProbeFile:
    image = said.image
    calibration = ProbeCalibration(
        RigidTransform(PROBE, ULTRASOUND_IMAGE, np.array(said.probe_from_image)),
        image.pixel_spacing_mm,
        np.array(image.face_px),
        None if said.covariance is None else np.array(said.covariance),
        said.rms_mm,
        said.points,
        image.shear_deg,
    )
    warnings: tuple[str, ...] = ()
    delay = None
    if said.delay_sigma_s is not None:
        delay = Delay(said.delay_s, said.delay_sigma_s, 1.0)
    elif said.delay_s == 0.0:
        warnings += (f"{path} does not say that the image's delay was measured: sweep slowly",)
    else:
        msg = f"{path} has delay_s but not its uncertainty: add delay_sigma_s"
        raise InputError(msg)
    in_fan = None if image.fan is None else image.fan.mask(image.size, image.face_px)
    if in_fan is not None and not in_fan.any():
        msg = f"{path} has a fan without a pixel in it: correct image.fan"
        raise InputError(msg)
    place = None if said.place is None else place_of(said.place)
    moment = datetime.fromisoformat(said.calibrated_at)
    return ProbeFile(calibration, image.size, in_fan, delay, place, said.name, str(path), moment, warnings)


def place_of(section: PlaceSection) -> UncertainPose:
    """Return what a place section says.

    Raises
    ------
    GeometryError
        If its matrix is not rigid, or its covariance none.
    """
    pose = RigidTransform(_PLACES[section.to], _BASES[section.of], np.array(section.matrix))
    return UncertainPose(pose, np.zeros(3), np.array(section.covariance))


def document_of(
    calibration: ProbeCalibration,
    *,
    name: str,
    size: tuple[int, int],
    calibrated_at: datetime,
    delay: Delay | None = None,
    fan: FanSection | None = None,
    place: UncertainPose | None = None,
) -> ProbeDocument:
    """Say a calibration as a probe file does.

    Raises
    ------
    GeometryError
        If the place is between frames that such a file does not know.
    """
    face_column, face_row = calibration.face_px.tolist()
    return ProbeDocument(
        format="isoguide-probe-1",
        name=name,
        calibrated_at=calibrated_at.isoformat(timespec="seconds"),
        image=ImageSection(
            size=size,
            face_px=(face_column, face_row),
            pixel_spacing_mm=calibration.pixel_spacing_mm,
            shear_deg=calibration.shear_deg,
            fan=fan,
        ),
        probe_from_image=_matrix(calibration.probe_from_image.matrix),
        covariance=None if calibration.covariance is None else _covariance(calibration.covariance),
        rms_mm=calibration.rms_mm,
        points=calibration.points,
        delay_s=0.0 if delay is None else delay.seconds,
        delay_sigma_s=None if delay is None else delay.sigma_s,
        place=None if place is None else _place_section(place),
    )


def write_probe_file(written: ProbeDocument, path: Path | str) -> Path:
    """Write a probe file, complete or not at all; an existing one is never replaced.

    Raises
    ------
    OutputError
        If there is such a file, or the place cannot be written.
    """
    path = Path(path)
    write_new_json(written, path, "probe file")
    return path


def _place_section(place: UncertainPose) -> PlaceSection:
    names = {frame: name for name, frame in {**_PLACES, **_BASES}.items()}
    to, of = names.get(place.pose.to_frame), names.get(place.pose.from_frame)
    if to not in _PLACES or of not in _BASES:
        msg = f"a probe file cannot say '{place.pose.to_frame} from {place.pose.from_frame}'"
        raise GeometryError(msg)
    return PlaceSection.model_validate(
        {
            "to": to,
            "of": of,
            "matrix": _matrix(place.pose.matrix),
            "covariance": _covariance(place.about(np.zeros(3)).covariance),
        }
    )


def _matrix(matrix: Array) -> Matrix:
    a, b, c, d = (tuple(row) for row in matrix.tolist())
    return (a, b, c, d)


def _covariance(covariance: Array) -> Covariance:
    a, b, c, d, e, f = (tuple(row) for row in covariance.tolist())
    return (a, b, c, d, e, f)


def probe_schema_text() -> str:
    """Write the schema as the file ``docs/schema/probe-1.json`` holds it."""
    return schema_text(ProbeDocument)
