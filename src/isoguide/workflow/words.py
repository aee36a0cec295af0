"""The couch correction in words, so that nobody has to remember a sign.

Source: IEC 61217 axes as DICOM PS3.3 C.8.8.25.6 refers to them.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.frames import Array
from isoguide.geometry.iec61217 import iec_from_lps

DISPLAY_DECIMALS: Final = 1
"""Couches read out 0.1 mm and 0.1°; the JSON document carries every digit."""

_TOWARDS: Final = {
    (0, 1): "left side",
    (0, -1): "right side",
    (1, 1): "back",
    (1, -1): "front",
    (2, 1): "head",
    (2, -1): "feet",
}
_LETTERS: Final = {(0, 1): "L", (0, -1): "R", (1, 1): "P", (1, -1): "A", (2, 1): "H", (2, -1): "F"}


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of the correction: its IEC name, its value, and what the couch does with the patient on it."""

    axis: str
    key: str
    value: float
    unit: str
    direction: str

    @property
    def is_still(self) -> bool:
        """True when the value reads as zero."""
        return round(abs(self.value), DISPLAY_DECIMALS) == 0.0

    @property
    def signed(self) -> str:
        """The value with its sign, as a couch would show it: ``+4.0``, ``0.0``."""
        return f"{0.0:.{DISPLAY_DECIMALS}f}" if self.is_still else f"{self.value:+.{DISPLAY_DECIMALS}f}"


def anatomical_side(direction_lps: Array) -> str:
    """Name the side of the body that a direction (3,) in LPS points to: 'left side', 'head', 'back' ..."""
    return _TOWARDS[_dominant(direction_lps)]


def orientation_letter(direction_lps: Array) -> str:
    """Letter of the side of the body that a direction (3,) in LPS points to: R, L, A, P, H or F."""
    return _LETTERS[_dominant(direction_lps)]


def _dominant(direction_lps: Array) -> tuple[int, int]:
    axis = int(np.argmax(np.abs(direction_lps)))
    return axis, 1 if direction_lps[axis] > 0.0 else -1


def movements(correction: CouchCorrection, patient_position: str) -> tuple[Movement, ...]:
    """Put the six numbers of a couch correction into words for a patient lying in ``patient_position``.

    Right and left without a possessive are those of somebody who stands at the foot of the couch and faces
    the gantry; parts of the body are always 'the patient's'.
    """
    x_axis, y_axis, z_axis = iec_from_lps(patient_position)
    c = correction
    lateral, longitudinal, vertical = c.lateral_mm, c.longitudinal_mm, c.vertical_mm
    pitch, roll, yaw = c.pitch_deg, c.roll_deg, c.yaw_deg
    words = (
        f"to the {_either(lateral, 'right', 'left')}, towards the patient's {_side(x_axis, lateral)}",
        f"{_either(longitudinal, 'towards', 'away from')} the gantry, "
        f"towards the patient's {_side(y_axis, longitudinal)}",
        f"{_either(vertical, 'up', 'down')}, towards the patient's {_side(z_axis, vertical)}",
        f"gantry end {_either(pitch, 'up', 'down')}: "
        f"the patient's {_going(y_axis)} {_either(pitch, 'up', 'down')}",
        f"{_either(roll, 'clockwise', 'counter-clockwise')} facing the gantry: "
        f"the patient's {_going(x_axis)} {_either(roll, 'down', 'up')}",
        f"{_either(yaw, 'counter-clockwise', 'clockwise')} from above: "
        f"the patient's {_going(y_axis)} to the {_either(yaw, 'left', 'right')}",
    )
    names = ("Lateral", "Longitudinal", "Vertical", "Pitch", "Roll", "Yaw")
    values = (lateral, longitudinal, vertical, pitch, roll, yaw)
    lines = []
    for name, value, sentence in zip(names, values, words, strict=True):
        unit = "mm" if name in names[:3] else "°"
        key = f"{name.lower()}_{'mm' if unit == 'mm' else 'deg'}"
        movement = Movement(name, key, value, unit, sentence)
        lines.append(Movement(name, key, value, unit, "no movement") if movement.is_still else movement)
    return tuple(lines)


def _side(axis_lps: Array, sign: float) -> str:
    return anatomical_side(axis_lps if sign > 0.0 else -axis_lps)


def _going(axis_lps: Array) -> str:
    part = anatomical_side(axis_lps)
    return f"{part} {'go' if part == 'feet' else 'goes'}"


def _either(value: float, positive: str, negative: str) -> str:
    return positive if value > 0.0 else negative


def half_width_text(half_width: float | None) -> str:
    """Write a 95 % half width with two decimals, never as a falsely certain zero: ``± 0.27``, ``± 0.01``."""
    if half_width is None or not np.isfinite(half_width):
        return "not known"
    return f"± {max(half_width, 0.01):.2f}"
