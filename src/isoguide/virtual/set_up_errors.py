"""How a patient is laid down: a systematic error that stays for the course, and a random one of each day."""

from dataclasses import dataclass

import numpy as np

from isoguide.errors import InputError
from isoguide.geometry.frames import Array
from isoguide.geometry.transforms import rotation_x, rotation_y, rotation_z
from isoguide.virtual.displacement import Displacement
from isoguide.virtual.setting_limits import require_each

Triple = tuple[float, float, float]

LARGEST_MM, LARGEST_DEG = 100.0, 20.0
NOTHING: Triple = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class SetUpErrors:
    """The set-up error, drawn or fixed, along and about the patient's x (left), y (back), z (head).

    The size of the default deviations is that of a pelvis set up to skin marks: 2 to 3 mm and about 1° each
    way (van Herk, Seminars in Radiation Oncology 14:52, 2004 [K: order of magnitude, not checked]).

    Parameters
    ----------
    systematic_mm, systematic_deg
        Σ, a standard deviation: drawn once per patient.
    random_mm, random_deg
        σ, a standard deviation: drawn every day.
    fixed_mm, fixed_deg
        How the patient lies instead of what is drawn, exactly; with only one of them the other is zero.
    fixed_fractions
        On which days, counted from 1; empty for all.

    Raises
    ------
    InputError
        If a standard deviation is negative, a value is not finite or beyond 100 mm or 20°, or days are named
        without what is fixed.
    """

    systematic_mm: Triple = (2.5, 2.5, 2.5)
    random_mm: Triple = (2.5, 2.5, 2.5)
    systematic_deg: Triple = (0.7, 0.7, 0.7)
    random_deg: Triple = (0.7, 0.7, 0.7)
    fixed_mm: Triple | None = None
    fixed_deg: Triple | None = None
    fixed_fractions: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("systematic_mm", "random_mm"):
            require_each(f"set-up error {name}", getattr(self, name), 0.0, LARGEST_MM)
        for name in ("systematic_deg", "random_deg"):
            require_each(f"set-up error {name}", getattr(self, name), 0.0, LARGEST_DEG)
        require_each("set-up error fixed_mm", self.fixed_mm or NOTHING, -LARGEST_MM, LARGEST_MM)
        require_each("set-up error fixed_deg", self.fixed_deg or NOTHING, -LARGEST_DEG, LARGEST_DEG)
        if self.fixed_fractions and not self.has_fixed:
            msg = "set-up error fixed_fractions names days without fixed_mm or fixed_deg: give one of them"
            raise InputError(msg)
        if min(self.fixed_fractions, default=1) < 1:
            msg = f"set-up error fixed_fractions are counted from 1, not {min(self.fixed_fractions)}"
            raise InputError(msg)

    @property
    def has_fixed(self) -> bool:
        """True when on some day nothing is drawn."""
        return self.fixed_mm is not None or self.fixed_deg is not None

    @classmethod
    def none(cls) -> "SetUpErrors":
        """Return the settings of a patient who always lies as planned."""
        return cls(NOTHING, NOTHING, NOTHING, NOTHING)

    def draw(self, fractions: int, rng: np.random.Generator) -> tuple[Displacement, ...]:
        """Draw the displacements of one patient's course; a day's rotation is Rz·Ry·Rx about the isocentre.

        Parameters
        ----------
        fractions
            How many days.
        rng
            Six normal numbers for the patient, then six for each day, also where a day is fixed.

        Raises
        ------
        InputError
            If a fixed day is not one of the course.
        """
        last = max(self.fixed_fractions, default=0)
        if last > fractions:
            msg = f"set-up error fixed_fractions names day {last}, but the course has {fractions}"
            raise InputError(msg)
        systematic = rng.standard_normal(6) * (*self.systematic_mm, *self.systematic_deg)
        spread = np.array((*self.random_mm, *self.random_deg))
        days = systematic + rng.standard_normal((fractions, 6)) * spread
        if self.has_fixed:
            numbers = self.fixed_fractions or range(1, fractions + 1)
            days[[number - 1 for number in numbers]] = (
                *(self.fixed_mm or NOTHING),
                *(self.fixed_deg or NOTHING),
            )
        return tuple(Displacement(day[:3], _rotation(day[3:])) for day in days)


def _rotation(angles_deg: Array) -> Array:
    about_x, about_y, about_z = (float(angle) for angle in angles_deg)
    return rotation_z(about_z) @ rotation_y(about_y) @ rotation_x(about_x)
