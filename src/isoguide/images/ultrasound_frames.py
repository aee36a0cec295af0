"""Ultrasound images as a file holds them, before anything is known of their place."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.geometry.transforms import RigidTransform


@dataclass(frozen=True, slots=True, eq=False)
class UltrasoundFrames:
    """Pixels of a file.

    Parameters
    ----------
    pixels
        Brightness ``[frame, row, column]``, uint8, as stored (not copied when it is read-only already). The
        first row is nearest to the transducer.
    at_s
        When each was exposed, (n,), by the recorder's clock; None where the file does not say.
    pixel_spacing_mm
        Between columns and between rows; None where the file does not say.
    source
        The file.

    Raises
    ------
    GeometryError
        If the arrays do not fit or a spacing is not positive.
    """

    pixels: NDArray[np.uint8]
    at_s: Array | None
    pixel_spacing_mm: tuple[float, float] | None
    source: str

    def __post_init__(self) -> None:
        pixels = self.pixels
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or 0 in pixels.shape:
            msg = f"{self.source} must hold frames of uint8 rows, not {pixels.dtype} of shape {pixels.shape}"
            raise GeometryError(msg)
        if pixels.flags.writeable or not pixels.flags.c_contiguous:
            pixels = pixels.copy(order="C")
            pixels.flags.writeable = False
            object.__setattr__(self, "pixels", pixels)
        if self.at_s is not None:
            at_s = frozen_array(self.at_s, (len(pixels),), f"the times of {self.source}")
            object.__setattr__(self, "at_s", at_s)
        if self.pixel_spacing_mm is not None and not min(self.pixel_spacing_mm) > 0.0:
            msg = f"{self.source} states the pixel spacing {self.pixel_spacing_mm} mm, which must be positive"
            raise GeometryError(msg)


@dataclass(frozen=True, slots=True, eq=False)
class TrackedFrames:
    """Ultrasound images with what a tracking system said of the probe at the same time.

    Parameters
    ----------
    frames
        The images, with times.
    tracker_from_probe
        For each image the pose of the probe's sensor; None where the tracker did not see it.
    tracker_from_reference
        Likewise of a sensor that is fixed to the patient or the phantom; empty where there is none.

    Raises
    ------
    GeometryError
        If there are more or fewer poses than images, or the images have no times.
    """

    frames: UltrasoundFrames
    tracker_from_probe: tuple[RigidTransform | None, ...]
    tracker_from_reference: tuple[RigidTransform | None, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.frames.pixels)
        for name in ("tracker_from_probe", "tracker_from_reference"):
            have = len(getattr(self, name))
            if have != count and not (name == "tracker_from_reference" and have == 0):
                msg = f"{self.frames.source} has {count} images but {have} poses ({name})"
                raise GeometryError(msg)
        if self.frames.at_s is None:
            msg = f"{self.frames.source} has no times: tracked images need the time of their exposure"
            raise GeometryError(msg)
