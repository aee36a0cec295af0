"""What changes in the body from day to day: bladder and rectum filling, weight, size of the tumour."""

from dataclasses import dataclass

from isoguide.virtual.setting_limits import require


@dataclass(frozen=True, slots=True)
class OrganChanges:
    """How much organs change over a course; what a patient does not have is passed over.

    Parameters
    ----------
    bladder_percent, rectum_percent
        Standard deviation of the day's volume against the planning CT.
    weight_loss_mm
        How far the skin of the belly, chest or neck has moved inwards by the last fraction; negative for a gain.
    shrinkage_percent
        How much of its volume the tumour (GTV) has lost by the last fraction.

    Raises
    ------
    InputError
        If a value is impossible.
    """

    bladder_percent: float = 0.0
    rectum_percent: float = 0.0
    weight_loss_mm: float = 0.0
    shrinkage_percent: float = 0.0

    def __post_init__(self) -> None:
        require("organ change bladder_percent", self.bladder_percent, 0.0, 100.0)
        require("organ change rectum_percent", self.rectum_percent, 0.0, 100.0)
        require("organ change weight_loss_mm", self.weight_loss_mm, -20.0, 20.0)
        require("organ change shrinkage_percent", self.shrinkage_percent, 0.0, 80.0)
