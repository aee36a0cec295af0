"""What a fraction may do without asking: ages, tolerances, sizes, counts. Plain values of a department.

Where a default has a published source it is named. All others are settings that a department has to choose;
they were not checked against a guideline.
"""

import math
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Literal

from isoguide.errors import InputError


@dataclass(frozen=True, slots=True)
class CouchLimits:
    """What the couch can do and how well it has to do it.

    Parameters
    ----------
    degrees_of_freedom
        3 (shifts), 4 (and yaw) or 6. With 3 or 4 the correction is solved at the target, never cut short.
    yaw_axis
        Which vertical axis makes the yaw.
    tolerance_mm, tolerance_deg
        Largest difference per axis between the pose wanted and the pose read: half of what couch indicators
        may be off monthly, 1 mm and 0.5° (AAPM MPPG 9.a).
    tolerance_at_isocentre_mm
        Largest displacement that all axes together may make at the isocentre: 1 mm, couch motion accuracy for
        stereotactic treatments (PMC5716523).
    lateral_mm, longitudinal_mm, vertical_mm
        Travel, lowest and highest absolute value; None where the department gives none (the couch then stops
        at its own end and the read-back sees it).
    pitch_deg, roll_deg
        Travel: ±3°, a usual 6-DoF couch (not checked for yours).
    settle_s
        The couch stands still when two readings this far apart agree.
    reading_age_s
        An older reading does not count.

    Raises
    ------
    InputError
        If a value is impossible; the message names it.
    """

    degrees_of_freedom: Literal[3, 4, 6] = 6
    yaw_axis: Literal["support", "eccentric"] = "support"
    tolerance_mm: float = 0.5
    tolerance_deg: float = 0.25
    tolerance_at_isocentre_mm: float = 1.0
    lateral_mm: tuple[float, float] | None = None
    longitudinal_mm: tuple[float, float] | None = None
    vertical_mm: tuple[float, float] | None = None
    pitch_deg: tuple[float, float] | None = (-3.0, 3.0)
    roll_deg: tuple[float, float] | None = (-3.0, 3.0)
    settle_s: float = 0.5
    reading_age_s: float = 0.5

    def __post_init__(self) -> None:
        if self.degrees_of_freedom not in (3, 4, 6):
            msg = f"degrees_of_freedom must be 3, 4 or 6, not {self.degrees_of_freedom}"
            raise InputError(msg)
        if self.yaw_axis not in ("support", "eccentric"):
            msg = f"yaw_axis must be 'support' or 'eccentric', not '{self.yaw_axis}'"
            raise InputError(msg)
        tolerances = ("tolerance_mm", "tolerance_deg", "tolerance_at_isocentre_mm")
        _require_positive(self, *tolerances, "settle_s", "reading_age_s")
        for name, (low, high) in self.ranges.items():
            if not low < high:
                msg = f"{name} must be (lowest, highest), not ({low:g}, {high:g})"
                raise InputError(msg)

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Travel of the axes that have one, by the names of :class:`TableTopPose`."""
        names = ("lateral_mm", "longitudinal_mm", "vertical_mm", "pitch_deg", "roll_deg")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


@dataclass(frozen=True, slots=True)
class BeamLimits:
    """How the beam is watched.

    Parameters
    ----------
    watch_period_s
        Time between two looks; shorter than ``heartbeat_s``.
    heartbeat_s
        Longest time without a fresh status or couch reading; beyond it the beam is held.
    start_s
        Longest time from the command to the beam: up to 1.65 s were measured (Dierl 2025).
    hold_s
        Longest time from the command to no beam: up to 0.15 s were measured (Naylor 2025).
    hold_attempts
        How often a hold that is not confirmed is asked for.
    machine_heartbeat_s
        After this long without being asked the machine holds by itself.
    stall_s
        Longest time that a beam may be on without meterset being counted.
    travel_s
        Longest time that the machine may travel to the next field: a whole turn of a gantry takes 60 s.
    longest_hold_s
        After a longer hold the patient is imaged again before the beam.
    holds
        How often the beam may go on after a hold without a new image.
    tolerance_mu
        Meterset counts as complete, or exceeded, beyond this.

    Raises
    ------
    InputError
        If a value is impossible; the message names it.
    """

    watch_period_s: float = 0.1
    heartbeat_s: float = 0.5
    start_s: float = 3.0
    hold_s: float = 0.5
    hold_attempts: int = 3
    machine_heartbeat_s: float = 2.0
    stall_s: float = 5.0
    travel_s: float = 90.0
    longest_hold_s: float = 60.0
    holds: int = 100
    tolerance_mu: float = 0.5

    def __post_init__(self) -> None:
        _require_positive(self, *(item.name for item in fields(self)))
        ascending = ("watch_period_s", "heartbeat_s", "machine_heartbeat_s")
        for shorter, longer in pairwise(ascending):
            if getattr(self, shorter) >= getattr(self, longer):
                msg = (
                    f"{shorter} ({getattr(self, shorter):g}) must be shorter than {longer} "
                    f"({getattr(self, longer):g}), or the beam is held when nothing is wrong"
                )
                raise InputError(msg)


@dataclass(frozen=True, slots=True)
class FractionLimits:
    """What one fraction may do.

    Parameters
    ----------
    image_age_s
        An image older than this is not used any more, for anything that comes before the beam.
    approval_s
        An approval not carried out for this long expires.
    images, corrections
        How many exposures and how many couch corrections one fraction may have.
    tolerance_mm, tolerance_deg
        An image that calls for less confirms the position; shift at the isocentre and angle of the rotation.
    largest_shift_mm, largest_angle_deg
        Larger corrections, or corrections that add up to more since set-up, need a person.
    largest_residual_mm
        Largest displacement that a couch that cannot turn may leave at the target without a person: 2 mm, the
        positioning tolerance of stereotactic body treatments (AAPM MPPG 9.a).
    verify_with_image
        True: no beam before an image has shown the corrected position; the couch read-back alone is not
        enough.
    couch_failures
        How often a couch that is not where it was sent to leads to a new image instead of the end.

    Raises
    ------
    InputError
        If a value is impossible; the message names it.
    """

    image_age_s: float = 900.0
    approval_s: float = 300.0
    images: int = 4
    corrections: int = 3
    tolerance_mm: float = 0.5
    tolerance_deg: float = 0.3
    largest_shift_mm: float = 20.0
    largest_angle_deg: float = 3.0
    largest_residual_mm: float = 2.0
    verify_with_image: bool = False
    couch_failures: int = 0
    couch: CouchLimits = field(default_factory=CouchLimits)
    beam: BeamLimits = field(default_factory=BeamLimits)

    def __post_init__(self) -> None:
        others = ("couch_failures", "verify_with_image", "couch", "beam")
        _require_positive(self, *(item.name for item in fields(self) if item.name not in others))
        if self.couch_failures < 0:
            msg = f"couch_failures must be 0 or more, not {self.couch_failures}"
            raise InputError(msg)


def _require_positive(limits: object, *names: str) -> None:
    for name in names:
        value = getattr(limits, name)
        if not (math.isfinite(value) and value > 0):
            msg = f"{name} must be a positive number, not {value}"
            raise InputError(msg)
