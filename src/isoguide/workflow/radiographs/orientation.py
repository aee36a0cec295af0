"""Does a radiograph show what its file says is left, front and head? A mirrored one shifts the wrong way."""

from typing import Final

import numpy as np

from isoguide.dicom.radiograph_header import RadiographHeader
from isoguide.errors import MismatchError
from isoguide.geometry.xray_view import XrayView

TOWARDS: Final = {
    "L": (1.0, 0.0, 0.0),
    "R": (-1.0, 0.0, 0.0),
    "P": (0.0, 1.0, 0.0),
    "A": (0.0, -1.0, 0.0),
    "H": (0.0, 0.0, 1.0),
    "F": (0.0, 0.0, -1.0),
}
"""Letters of PatientOrientation (PS3.3 C.7.6.1.1.1) in patient LPS."""
WORDS: Final = {"L": "left", "R": "right", "P": "back", "A": "front", "H": "head", "F": "feet"}
OPPOSITE: Final = -0.5
UNRELATED: Final = 0.25
"""Cosines: a letter is the nearest direction, so that a true one is within about 55°."""


def check_orientation(view: XrayView, header: RadiographHeader) -> tuple[str, ...]:
    """Hold PatientOrientation against the view in planning coordinates; return what is doubtful.

    Raises
    ------
    MismatchError
        If rows or columns run the other way in the patient than the file says.
    """
    notes: tuple[str, ...] = ()
    for letters, axis, name in zip(
        header.orientation, (view.row_direction, view.column_direction), ("rows", "columns"), strict=False
    ):
        letter = letters[:1]
        if letter not in TOWARDS:
            continue
        along = float(np.dot(TOWARDS[letter], axis))
        if along < OPPOSITE:
            msg = (
                f"the {name} of {header.path} run to the patient's {WORDS[letter]} by its "
                "PatientOrientation, but the other way as it was placed: the image is mirrored, or the "
                "patient lay otherwise than planned; check which"
            )
            raise MismatchError(msg)
        if abs(along) < UNRELATED:
            notes += (
                f"the {name} of {header.path} run to the patient's {WORDS[letter]} by its "
                "PatientOrientation, which is across what it shows as placed",
            )
    return notes
