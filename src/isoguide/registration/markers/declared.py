"""What was implanted, as the department declares it, and what a measurement of one marker is."""

from dataclasses import dataclass
from enum import StrEnum

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array, frozen_array

LARGEST_SIZE_MM = 30.0
"""No implanted marker is longer; more is a mistake of units."""


class MarkerKind(StrEnum):
    """The shapes that are implanted."""

    SEED = "seed"
    SPHERE = "sphere"
    COIL = "coil"


@dataclass(frozen=True, slots=True)
class DeclaredMarkers:
    """The implanted markers of a patient: all of one kind.

    Parameters
    ----------
    kind
        A straight cylinder (seed), a ball (sphere), or a thin wire that may have folded up (coil).
    length_mm, diameter_mm
        Size of one; a sphere has its diameter as its length.
    count
        How many were implanted.

    Raises
    ------
    GeometryError
        If a size is not positive or too large, a marker is thicker than long, or the count is below one.
    """

    kind: MarkerKind
    length_mm: float
    diameter_mm: float
    count: int

    def __post_init__(self) -> None:
        if not 0.0 < self.diameter_mm <= self.length_mm <= LARGEST_SIZE_MM:
            msg = (
                f"a marker has a diameter above 0 and a length from there to {LARGEST_SIZE_MM:.0f} mm, "
                f"not {self.diameter_mm} mm and {self.length_mm} mm; check the sizes"
            )
            raise GeometryError(msg)
        if self.kind is MarkerKind.SPHERE and self.length_mm != self.diameter_mm:
            msg = (
                f"a sphere is as long as it is thick, not {self.length_mm} mm and {self.diameter_mm} mm; "
                "check the sizes"
            )
            raise GeometryError(msg)
        if self.count < 1:
            msg = f"at least one marker has to be declared, not {self.count}"
            raise GeometryError(msg)

    @property
    def shortest_mm(self) -> float:
        """The shortest extent along its axis that still is this marker: a coil may have folded up."""
        return self.diameter_mm if self.kind is MarkerKind.COIL else 0.7 * self.length_mm

    @property
    def longest_mm(self) -> float:
        """The longest extent along its axis that still is this marker."""
        return 1.3 * self.length_mm


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredMarker:
    """Where one marker lies in an image's coordinates, and how sure that is.

    Parameters
    ----------
    position_mm
        Its centre, (3,).
    covariance_mm2
        Of the centre, (3, 3), independent from marker to marker.
    """

    position_mm: Array
    covariance_mm2: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "position_mm", frozen_array(self.position_mm, (3,), "a marker's position"))
        covariance = frozen_array(self.covariance_mm2, (3, 3), "a marker's covariance")
        object.__setattr__(self, "covariance_mm2", covariance)
