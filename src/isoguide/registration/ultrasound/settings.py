"""What a match of ultrasound may use: plain values, so that a result can carry and repeat them."""

from dataclasses import asdict, dataclass

from isoguide.errors import InputError
from isoguide.registration.couch_freedom import require_couch_freedom


@dataclass(frozen=True, slots=True, eq=False)
class UltrasoundSettings:
    """How a match of ultrasound is made.

    Parameters
    ----------
    degrees_of_freedom
        3 (shift), 4 (shift and couch yaw) or 6: what the couch can correct. The images are always matched
        with all six.
    yaw_axis_lps
        Axis of the couch yaw in planning LPS, (3,); used with 4 degrees of freedom.
    margin_mm
        How far around the target the match looks; twice as far until it has found the place. Tissue further
        off moves on its own, and near the probe it is pressed.

    Raises
    ------
    InputError
        If a value is not one of those listed.
    """

    degrees_of_freedom: int = 6
    yaw_axis_lps: tuple[float, float, float] = (0.0, -1.0, 0.0)
    margin_mm: float = 10.0

    def __post_init__(self) -> None:
        require_couch_freedom(self)
        if not 5.0 <= self.margin_mm <= 100.0:
            msg = f"the margin around the target must be 5 to 100 mm, not {self.margin_mm} mm"
            raise InputError(msg)

    def as_record(self) -> dict[str, object]:
        """Plain values for the result's provenance."""
        return asdict(self)
