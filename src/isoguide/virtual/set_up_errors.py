"""How a patient is laid down: a systematic error that stays for the course, and a random one of each day."""

from dataclasses import dataclass

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.geometry.transforms import rotation_x, rotation_y, rotation_z
from isoguide.virtual.displacement import Displacement
from isoguide.virtual.setting_limits import require_each

Triple = tuple[float, float, float]

LARGEST_MM, LARGEST_DEG = 100.0, 20.0


@dataclass(frozen=True, slots=True)
class SetUpErrors:
    """Standard deviations of the set-up error, along and about the patient's x (left), y (back), z (head).

    The size of the defaults is that of a pelvis set up to skin marks: 2 to 3 mm and about 1° each way
    (van Herk, Seminars in Radiation Oncology 14:52, 2004 [K: order of magnitude, not checked]).

    Parameters
    ----------
    systematic_mm, systematic_deg
        Σ: drawn once per patient.
    random_mm, random_deg
        σ: drawn every day.

    Raises
    ------
    InputError
        If a value is negative, not finite or beyond 100 mm or 20°.
    """

    systematic_mm: Triple = (2.5, 2.5, 2.5)
    random_mm: Triple = (2.5, 2.5, 2.5)
    systematic_deg: Triple = (0.7, 0.7, 0.7)
    random_deg: Triple = (0.7, 0.7, 0.7)

    def __post_init__(self) -> None:
        for name in ("systematic_mm", "random_mm"):
            require_each(f"set-up error {name}", getattr(self, name), 0.0, LARGEST_MM)
        for name in ("systematic_deg", "random_deg"):
            require_each(f"set-up error {name}", getattr(self, name), 0.0, LARGEST_DEG)

    @classmethod
    def none(cls) -> "SetUpErrors":
        """Return the settings of a patient who always lies as planned."""
        return cls((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))

    def draw(self, fractions: int, rng: np.random.Generator) -> tuple[Displacement, ...]:
        """Draw the displacements of one patient's course; a day's rotation is Rz·Ry·Rx about the isocentre.

        Parameters
        ----------
        fractions
            How many days.
        rng
            Six normal numbers for the patient, then six for each day.
        """
        systematic = rng.standard_normal(6) * (*self.systematic_mm, *self.systematic_deg)
        spread = np.array((*self.random_mm, *self.random_deg))
        days = systematic + rng.standard_normal((fractions, 6)) * spread
        return tuple(Displacement(day[:3], _rotation(day[3:])) for day in days)


def _rotation(angles_deg: Array) -> Array:
    about_x, about_y, about_z = (float(angle) for angle in angles_deg)
    return rotation_z(about_z) @ rotation_y(about_y) @ rotation_x(about_x)
