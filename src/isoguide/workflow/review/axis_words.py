"""The six numbers in the words of somebody who stands at the foot of the couch and faces the gantry."""

from dataclasses import dataclass
from typing import Final

from isoguide.course import AXES
from isoguide.workflow.numbers import number, signed

STANDPOINT: Final = (
    "Right, left, clockwise and counter-clockwise are those of somebody who stands at the foot of the couch "
    "and faces the gantry; for yaw, of somebody who looks down on the couch."
)


@dataclass(frozen=True, slots=True)
class AxisWords:
    """One axis for people.

    Parameters
    ----------
    key
        One of :data:`isoguide.course.AXES`.
    title, unit
        Such as "Lateral" and "mm".
    plus, minus
        Where the patient lies with a positive and a negative error.
    up, down
        The same, short enough for the ends of a vertical axis.
    """

    key: str
    title: str
    unit: str
    plus: str
    minus: str
    up: str
    down: str

    @property
    def is_shift(self) -> bool:
        """Whether it is in mm."""
        return self.unit == "mm"

    @property
    def label(self) -> str:
        """Title and unit."""
        return f"{self.title} ({self.unit})"

    def with_unit(self, value: float, decimals: int = 1) -> str:
        """Return a size with its unit: ``3.2 mm``, ``0.4°``."""
        return f"{number(value, decimals)}{' mm' if self.is_shift else '°'}"

    def signed(self, value: float, decimals: int = 1) -> str:
        """Return a value with sign and unit; what reads as zero has no sign."""
        return f"{signed(value, decimals)}{' mm' if self.is_shift else '°'}"

    def where(self, value: float, decimals: int = 1) -> str:
        """Say on which side: ``3.2 mm to the right``; what reads as zero is ``in place``."""
        if round(abs(value), decimals) == 0.0:
            return "in place"
        return f"{self.with_unit(abs(value), decimals)} {self.plus if value > 0.0 else self.minus}"


SIX: Final = tuple(
    AxisWords(key, *words)
    for key, words in zip(
        AXES,
        (
            ("Lateral", "mm", "to the right", "to the left", "right", "left"),
            ("Longitudinal", "mm", "towards the gantry", "away from the gantry", "to gantry", "from gantry"),
            ("Vertical", "mm", "too high", "too low", "high", "low"),
            (
                "Pitch",
                "°",
                "with the gantry end up",
                "with the gantry end down",
                "gantry end up",
                "gantry end down",
            ),
            ("Roll", "°", "clockwise", "counter-clockwise", "clockwise", "counter-clockwise"),
            ("Yaw", "°", "counter-clockwise", "clockwise", "counter-clockwise", "clockwise"),
        ),
        strict=True,
    )
)
"""In the order of :data:`isoguide.course.AXES`."""
WORDS: Final = {words.key: words for words in SIX}
