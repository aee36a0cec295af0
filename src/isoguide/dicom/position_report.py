"""What a position report says: the correction with its uncertainty, the verdict, and what they rest on.

What a person found has no uncertainty; the report says so instead.
"""

from dataclasses import dataclass
from typing import Final

from isoguide.course import AXES
from isoguide.errors import OutputError
from isoguide.geometry.correction import CouchCorrection
from isoguide.registration.result import Verdict

BY_HAND_STATEMENT: Final = "The values were found by hand, and their uncertainty is not known"
"""What a report says in place of how the uncertainty is meant."""


@dataclass(frozen=True, slots=True)
class AxisUncertainty:
    """Half-widths of the two-sided 95 % interval of the six values of a couch correction.

    Raises
    ------
    OutputError
        If a value is negative or not a number.
    """

    lateral_mm: float
    longitudinal_mm: float
    vertical_mm: float
    pitch_deg: float
    roll_deg: float
    yaw_deg: float

    def __post_init__(self) -> None:
        for name in AXES:
            if not getattr(self, name) >= 0.0:  # also catches NaN
                msg = f"the uncertainty {name} is {getattr(self, name)}; it has to be zero or more"
                raise OutputError(msg)


@dataclass(frozen=True, slots=True)
class PositionReport:
    """The content of a position report.

    Parameters
    ----------
    verdict, reasons
        What may be done with the answer, and why.
    correction, uncertainty
        Both absent exactly when the verdict is "not available"; of a match by hand the uncertainty is absent.
    order_of_operations
        In which order and about which point the six values are meant; a correction never goes without it.
    match_region
        Where the images were compared, in words.
    algorithm, algorithm_version, settings
        What found the answer; ``settings`` are ``name = value`` lines.
    degrees_of_freedom
        3, 4 or 6.
    is_by_hand
        Whether a person found the answer.

    Raises
    ------
    OutputError
        If the verdict and the presence of a correction contradict each other.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    correction: CouchCorrection | None
    uncertainty: AxisUncertainty | None
    order_of_operations: str
    match_region: str
    algorithm: str
    algorithm_version: str
    settings: tuple[str, ...] = ()
    degrees_of_freedom: int = 6
    is_by_hand: bool = False

    def __post_init__(self) -> None:
        available = self.verdict is not Verdict.NOT_AVAILABLE
        is_sure_known = available and not self.is_by_hand
        if (self.correction is not None) != available or (self.uncertainty is not None) != is_sure_known:
            msg = (
                f"a report with the verdict '{self.verdict}' cannot be written: a correction and its "
                "uncertainty go with every verdict except 'not available', and a match by hand has no "
                "uncertainty"
            )
            raise OutputError(msg)
