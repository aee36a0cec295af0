"""What a match may use and how hard it tries: plain values, so that a result can carry and repeat them."""

from dataclasses import asdict, dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import InputError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.registration.anatomy import Content

BoolArray = NDArray[np.bool_]

AUTOMATIC_HALF_WIDTH_MM = 100.0
"""The automatic region reaches this far from the isocentre: what lies further off moves on its own."""


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """Where the match looks on the planning CT.

    ``low_mm`` and ``high_mm`` are opposite corners of a box in planning LPS; ``mask`` (instead of a box)
    marks voxels of the planning grid. Build one with :meth:`automatic`, :meth:`box` or :meth:`structure`.
    """

    name: str
    low_mm: Array | None = None
    high_mm: Array | None = None
    mask: BoolArray | None = None

    @classmethod
    def automatic(cls) -> Self:
        """Everything inside the body within 100 mm of the isocentre along each axis."""
        return cls("auto")

    @classmethod
    def box(cls, centre_mm: Array, size_mm: float | tuple[float, float, float]) -> Self:
        """Build a box in planning LPS.

        Raises
        ------
        InputError
            If a size is not a positive number.
        """
        size = np.broadcast_to(np.asarray(size_mm, dtype=np.float64), (3,))
        if not (np.isfinite(size).all() and size.min() > 0.0):
            msg = f"the size of the match box must be positive, not {size_mm} mm"
            raise InputError(msg)
        centre = np.asarray(centre_mm, dtype=np.float64)
        name = "box:" + "x".join(f"{edge:g}" for edge in (size[:1] if np.ptp(size) == 0 else size))
        low, high = (frozen_array(centre + sign * size / 2.0, (3,), "box corner") for sign in (-1.0, 1.0))
        return cls(name, low, high)

    @classmethod
    def structure(cls, name: str, mask: BoolArray) -> Self:
        """Build a region from a mask [k, j, i] on the planning grid; the engine looks a margin around it.

        Raises
        ------
        InputError
            If the mask is empty.
        """
        if not mask.any():
            msg = f"the match region '{name}' is empty: choose a structure that encloses volume"
            raise InputError(msg)
        frozen = mask.copy()
        frozen.flags.writeable = False
        return cls(name, mask=frozen)


@dataclass(frozen=True, slots=True, eq=False)
class MatchSettings:
    """How a match is made.

    Parameters
    ----------
    region
        Where to look.
    content
        ``bone``, ``soft`` tissue, or ``auto`` for both.
    degrees_of_freedom
        3 (shift), 4 (shift and couch yaw) or 6, about the stated centre.
    yaw_axis_lps
        Axis of the couch yaw in planning LPS, (3,); used with 4 degrees of freedom.
    structure_margin_mm
        How far around a structure the match looks.

    Raises
    ------
    InputError
        If a value is not one of those listed.
    """

    region: Region = field(default_factory=Region.automatic)
    content: Content = "auto"
    degrees_of_freedom: int = 6
    yaw_axis_lps: tuple[float, float, float] = (0.0, -1.0, 0.0)
    structure_margin_mm: float = 5.0

    def __post_init__(self) -> None:
        if self.content not in ("auto", "bone", "soft"):
            msg = f"content must be auto, bone or soft, not '{self.content}'"
            raise InputError(msg)
        if self.degrees_of_freedom not in (3, 4, 6):
            msg = f"degrees of freedom must be 3, 4 or 6, not {self.degrees_of_freedom}"
            raise InputError(msg)

    def as_record(self) -> dict[str, object]:
        """Plain values for the result's provenance."""
        record = asdict(self)
        record["region"] = self.region.name
        return record
