"""Sightings files: a phantom, and where its points and wires were marked in the images of a recording."""

from pathlib import Path
from typing import Final, Literal

import numpy as np
from pydantic import Field, model_validator

from isoguide.errors import InputError, MismatchError
from isoguide.geometry.frames import REFERENCE_SENSOR, TRACKER, Array, Frame
from isoguide.geometry.probe_fit import PhantomSightings
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.ultrasound_frames import TrackedFrames
from isoguide.workflow.radiographs.strict_json import read_json, schema_text
from isoguide.workflow.strict_toml import Section
from isoguide.workflow.ultrasound.load_sweep import base_poses
from isoguide.workflow.ultrasound.probe_file import Matrix, Positive

SCHEMA_FILE: Final = "sightings-1.json"
LARGEST_TIME_DIFFERENCE_S: Final = 0.001
"""Between a sighting and its image: times are written with milliseconds at least."""

Point = tuple[float, float, float]


class TargetSection(Section):
    """A point at a known place, a wire, or a point at rest whose place is not known."""

    name: str = Field(min_length=1)
    at_mm: Point | None = Field(default=None, description="Of a point.")
    from_mm: Point | None = Field(default=None, description="One end of a wire.")
    to_mm: Point | None = Field(default=None, description="The other end.")

    @model_validator(mode="after")
    def _is_one_kind(self) -> "TargetSection":
        if (self.from_mm is None) != (self.to_mm is None) or (self.from_mm and self.at_mm):
            msg = f"the target {self.name!r} is a point (at_mm), a wire (from_mm and to_mm), or has no place"
            raise ValueError(msg)
        if self.from_mm and self.to_mm and np.linalg.norm(np.subtract(self.from_mm, self.to_mm)) < 1.0:
            msg = f"the wire {self.name!r} is shorter than 1 mm: correct its ends"
            raise ValueError(msg)
        return self

    @property
    def point(self) -> tuple[float, ...]:
        """A place on it; NaN where it has none."""
        return self.at_mm or self.from_mm or (np.nan, np.nan, np.nan)

    @property
    def along(self) -> Array:
        """Unit vector along a wire, (3,); 0 for a point."""
        if self.from_mm is None or self.to_mm is None:
            return np.zeros(3)
        way = np.subtract(self.to_mm, self.from_mm)
        return np.asarray(way / np.linalg.norm(way))


class SightingSection(Section):
    """A target in an image."""

    at_s: float = Field(description="Time of the image, as the recording states it.")
    target: str = Field(min_length=1)
    pixel: tuple[float, float] = Field(description="Column and row, from 0 at the centre of the first pixel.")


class SightingsDocument(Section):
    """What a sightings file says."""

    format: Literal["isoguide-sightings-1"]
    targets: tuple[TargetSection, ...] = Field(min_length=1)
    sightings: tuple[SightingSection, ...] = Field(min_length=1)
    reference_from_phantom: Matrix | None = Field(
        default=None,
        description="From coordinates of the targets to those of the reference sensor (the tracker without "
        "one), mm; "
        "none where they are the same.",
    )
    face_px: tuple[float, float] | None = Field(
        default=None, description="Middle of the transducer's face; none: it is found in the images."
    )
    pixel_spacing_mm: tuple[Positive, Positive] | None = Field(
        default=None, description="Where the scanner says it; none: it is found as well."
    )

    @model_validator(mode="after")
    def _names_are_known(self) -> "SightingsDocument":
        names = [target.name for target in self.targets]
        if len(set(names)) < len(names):
            msg = f"two targets have the same name among {', '.join(names)}: rename one"
            raise ValueError(msg)
        for sighting in self.sightings:
            if sighting.target not in names:
                msg = (
                    f"a sighting names {sighting.target!r}, which is no target: the targets are "
                    f"{', '.join(names)}"
                )
                raise ValueError(msg)
        return self


def read_sightings(path: Path | str) -> SightingsDocument:
    """Read a sightings file.

    Raises
    ------
    MissingEvidenceError
        If there is no such file.
    UnreadableError, InputError
        If it is not JSON, or says something impossible.
    """
    return read_json(Path(path), SightingsDocument, "sightings file")


def sightings_in(
    said: SightingsDocument, tracked: TrackedFrames, source: str
) -> tuple[PhantomSightings, tuple[str, ...]]:
    """Bring sightings and poses together.

    Returns
    -------
    tuple[PhantomSightings, tuple[str, ...]]
        In the coordinates of the reference sensor, or of the tracker where the recording has none; and
        warnings about images whose sensors were not seen.

    Raises
    ------
    MismatchError
        If a sighting is of an image that the recording has not.
    InputError
        If no sighting is left.
    """
    poses = base_poses(tracked)
    _, rows, columns = tracked.frames.pixels.shape
    base = REFERENCE_SENSOR if tracked.tracker_from_reference else TRACKER
    numbers = {target.name: number for number, target in enumerate(said.targets)}
    images: list[int] = []
    kept: list[SightingSection] = []
    lost: set[int] = set()
    for sighting in said.sightings:
        if not (-0.5 <= sighting.pixel[0] < columns and -0.5 <= sighting.pixel[1] < rows):
            msg = f"{source} marks the pixel {sighting.pixel}, which images of {columns} × {rows} do not have"
            raise MismatchError(msg)
        number = _image_at(tracked, sighting.at_s, source)
        if poses[number] is None:
            lost.add(number)
            continue
        images.append(number)
        kept.append(sighting)
    if not kept:
        msg = f"no image of {source} has a pose of the probe: record the phantom again"
        raise InputError(msg)
    used = sorted(set(images))
    points, along = _targets(said, base)
    warnings: tuple[str, ...] = ()
    if lost:
        warnings = (
            f"{len(lost)} marked images are left out: the tracker did not see the probe or the reference",
        )
    return (
        PhantomSightings(
            np.array([sighting.pixel for sighting in kept]),
            np.array([used.index(image) for image in images]),
            np.array([numbers[sighting.target] for sighting in kept]),
            tuple(pose for number in used if (pose := poses[number]) is not None),
            points,
            along,
            tuple(numbers),
        ),
        warnings,
    )


def _targets(said: SightingsDocument, base: Frame) -> tuple[Array, Array]:
    points = np.array([target.point for target in said.targets], dtype=np.float64)
    along = np.array([target.along for target in said.targets])
    if said.reference_from_phantom is None:
        return points, along
    pose = RigidTransform(base, Frame("phantom"), np.array(said.reference_from_phantom))
    return pose.apply(points), along @ pose.rotation.T


def _image_at(tracked: TrackedFrames, at_s: float, source: str) -> int:
    times = tracked.frames.at_s
    assert times is not None  # noqa: S101 - TrackedFrames has times; tells the type checker
    number = int(np.abs(times - at_s).argmin())
    if abs(float(times[number]) - at_s) > LARGEST_TIME_DIFFERENCE_S:
        msg = f"{source} marks an image at {at_s:.3f} s, but {tracked.frames.source} has none at that time"
        raise MismatchError(msg)
    return number


def sightings_schema_text() -> str:
    """Write the schema as the file ``docs/schema/sightings-1.json`` holds it."""
    return schema_text(SightingsDocument)
