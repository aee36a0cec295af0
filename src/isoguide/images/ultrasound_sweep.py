"""Ultrasound images taken one after another while the probe moves over the patient, each with its place."""

from dataclasses import dataclass

import numpy as np

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array, Frame, frozen_array
from isoguide.images.ultrasound_image import UltrasoundImage


@dataclass(frozen=True, slots=True, eq=False)
class UltrasoundSweep:
    """Images of one sweep, in the order of their exposure.

    Parameters
    ----------
    images
        At least one, all with their place in the same coordinate system.
    at_s
        When each was exposed, (n,), strictly increasing; the zero is the recorder's.
    source
        What the user knows the sweep by.

    Raises
    ------
    GeometryError
        If there is none, their places are in different systems, or the times do not fit or do not increase.
    """

    images: tuple[UltrasoundImage, ...]
    at_s: Array
    source: str = ""

    def __post_init__(self) -> None:
        if not self.images:
            msg = f"the ultrasound sweep {self.source or 'given'} has no image: record it again"
            raise GeometryError(msg)
        frames = {str(image.frame) for image in self.images}
        if len(frames) > 1:
            msg = f"the images of an ultrasound sweep lie in {', '.join(sorted(frames))}: give all in one"
            raise GeometryError(msg)
        at_s = frozen_array(self.at_s, (len(self.images),), "the times of an ultrasound sweep")
        if (np.diff(at_s) <= 0.0).any():
            msg = (
                f"the times of the ultrasound sweep {self.source or 'given'} do not increase: sort its images"
            )
            raise GeometryError(msg)
        object.__setattr__(self, "at_s", at_s)

    @property
    def frame(self) -> Frame:
        """The coordinate system in which the images lie."""
        return self.images[0].frame
