"""Pictures of the ultrasound of the simulation that a set-up is compared with."""

from typing import Final

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.images.structure import Structure
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.images.volume import Volume
from isoguide.workflow.outlines import CroppedMask, outlines
from isoguide.workflow.pictures import Picture, grey_picture
from isoguide.workflow.planes import Plane, planes_through
from isoguide.workflow.reference_pictures import PIXELS, ReferencePicture
from isoguide.workflow.ultrasound.align_pictures import cut, ultrasound_window

REFERENCE: Final = "ultrasound reference"
"""Kind of these pictures in the record of the simulation."""
FIELD: Final = 1.05
"""A picture shows this much more than the volume."""
TARGET_INK: Final = (255, 64, 96)


def ultrasound_pictures(
    planning: Volume, isocentre_mm: Array, ultrasound: UltrasoundVolume, target: Structure
) -> tuple[ReferencePicture, ...]:
    """Draw the axial, coronal and sagittal plane through the isocentre, with the outline of the target.

    Parameters
    ----------
    planning
        The planning CT on whose grid the target was drawn, frame PLANNING.
    isocentre_mm
        In the middle of every picture, (3,).
    ultrasound
        Frame PLANNING.
    target
        Of the plan.
    """
    field_mm = FIELD * float(np.max(ultrasound.grid.extent_mm))
    planes = planes_through(isocentre_mm, field_mm=field_mm, pixels=PIXELS)
    cuts = [cut(ultrasound, plane) for plane in planes]
    window = ultrasound_window(cuts)
    mask = CroppedMask.of(target, planning.grid)
    return tuple(
        ReferencePicture.of(
            REFERENCE,
            plane.name.lower(),
            _outlined(grey_picture(window.grey(one.brightness)), mask, plane),
            plane.letters,
        )
        for plane, one in zip(planes, cuts, strict=True)
    )


def _outlined(picture: Picture, mask: CroppedMask, plane: Plane) -> Picture:
    drawn = picture.copy()
    for line in outlines(mask, plane):
        # Points lie closer than a pixel or two: between them a few more keep the line closed.
        dense = np.concatenate([line, (line + np.roll(line, 1, axis=0)) / 2.0])
        column, row = np.rint(dense - 0.5).astype(int).T
        inside = (row >= 0) & (row < plane.pixels) & (column >= 0) & (column < plane.pixels)
        drawn[row[inside], column[inside]] = TARGET_INK
    return drawn
