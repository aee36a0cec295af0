"""Pictures a set-up is compared with, as PNG bytes that say which side of the patient is where."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from isoguide.course.simulation import ReferenceImage
from isoguide.geometry.frames import Array
from isoguide.images.volume import Volume
from isoguide.workflow.pictures import Picture, grey_picture, planning_window, png
from isoguide.workflow.planes import field_of_view_mm, planes_through, sample

PIXELS: Final = 512
INK: Final = (255, 208, 64)
"""Letters and cross: yellow is never taken for anatomy."""
CROSS_GAP, CROSS_ARM = 8, 24
"""Pixels that the cross leaves free about its middle, and to which it reaches."""
LETTER_SCALE: Final = 3
LETTER_EDGE: Final = 6
"""Pixels between a letter and the edge of the picture."""

_GLYPHS: Final = {
    "R": ("####.", "#...#", "#...#", "####.", "#.#..", "#..#.", "#...#"),
    "L": ("#....", "#....", "#....", "#....", "#....", "#....", "#####"),
    "A": (".###.", "#...#", "#...#", "#####", "#...#", "#...#", "#...#"),
    "P": ("####.", "#...#", "#...#", "####.", "#....", "#....", "#...."),
    "H": ("#...#", "#...#", "#...#", "#####", "#...#", "#...#", "#...#"),
    "F": ("#####", "#....", "#....", "####.", "#....", "#....", "#...."),
}
"""The letters of :func:`isoguide.workflow.words.orientation_letter`, five by seven."""


@dataclass(frozen=True, slots=True)
class ReferencePicture:
    """A picture and the entry that names it by the hash of its bytes.

    ``letters`` are those drawn at the left, right, top and bottom edge.
    """

    reference: ReferenceImage
    png: bytes
    letters: tuple[str, str, str, str]

    @classmethod
    def of(cls, kind: str, label: str, picture: Picture, letters: Sequence[str]) -> "ReferencePicture":
        """Letter a picture (rows, columns, 3), draw the cross in its middle, and encode it."""
        left, right, top, bottom = letters
        data = png(lettered(with_cross(picture), (left, right, top, bottom)))
        reference = ReferenceImage(kind, label, hashlib.sha256(data).hexdigest())
        return cls(reference, data, (left, right, top, bottom))


def planning_pictures(volume: Volume, isocentre_mm: Array) -> tuple[ReferencePicture, ...]:
    """Draw the axial, coronal and sagittal plane of the planning CT through the isocentre.

    Parameters
    ----------
    volume
        Planning CT, frame PLANNING.
    isocentre_mm
        In the middle of every picture, (3,).
    """
    field_mm = field_of_view_mm(volume, isocentre_mm, volume.grid.extent_mm)
    planes = planes_through(isocentre_mm, field_mm=field_mm, pixels=PIXELS)
    pixels = [sample(volume, plane) for plane in planes]
    window = planning_window(pixels, is_hounsfield=volume.is_hounsfield)
    return tuple(
        ReferencePicture.of(
            "planning CT", plane.name.lower(), grey_picture(window.grey(values)), plane.letters
        )
        for plane, values in zip(planes, pixels, strict=True)
    )


def lettered(picture: Picture, letters: tuple[str, str, str, str]) -> Picture:
    """Return a picture (rows, columns, 3) with a letter at its left, right, top and bottom edge."""
    drawn = picture.copy()
    rows, columns = picture.shape[:2]
    high, wide = 7 * LETTER_SCALE, 5 * LETTER_SCALE
    middle_row, middle_column = (rows - high) // 2, (columns - wide) // 2
    places = (
        (middle_row, LETTER_EDGE),
        (middle_row, columns - LETTER_EDGE - wide),
        (LETTER_EDGE, middle_column),
        (rows - LETTER_EDGE - high, middle_column),
    )
    for letter, (row, column) in zip(letters, places, strict=True):
        glyph = np.array([[dot == "#" for dot in line] for line in _GLYPHS[letter]])
        ink = np.kron(glyph, np.ones((LETTER_SCALE, LETTER_SCALE), dtype=bool))
        drawn[row : row + high, column : column + wide][ink] = INK
    return drawn


def with_cross(picture: Picture) -> Picture:
    """Return a picture (rows, columns, 3) with a cross about its middle, where the isocentre is."""
    drawn = picture.copy()
    rows, columns = picture.shape[:2]
    row, column = rows // 2, columns // 2
    for near, far in ((-CROSS_ARM, -CROSS_GAP), (CROSS_GAP, CROSS_ARM)):
        drawn[row + near : row + far, column] = INK
        drawn[row, column + near : column + far] = INK
    return drawn
