"""Where the target is by implanted markers in the images of one rotating imager."""

from dataclasses import dataclass, fields

import numpy as np

from isoguide.errors import InputError


@dataclass(frozen=True, slots=True)
class SingleImagerSettings:
    """What tracking by markers assumes.

    Parameters
    ----------
    prior_sigma_mm
        How far the target may be from its place before anything was seen, standard deviation per axis.
    prior_frames
        How many frames that counts for in the likelihood.
    forget_s
        Time in which what was seen loses its weight by a factor of e.
    rotation_sigma_deg
        How far the target may turn, standard deviation per axis.
    planning_sigma_mm
        Error per axis of a marker's centre in the planning CT.
    calibration_mm
        Error per axis of the imager's geometry at the isocentre: all markers of a frame share it.
    migration_limit_mm
        A marker that moved further against the others has to be noticed.
    source
        What watches, in words.

    Raises
    ------
    InputError
        If a value is not positive.
    """

    prior_sigma_mm: float = 2.0
    prior_frames: float = 5.0
    forget_s: float = 30.0
    rotation_sigma_deg: float = 3.0
    planning_sigma_mm: float = 0.1
    calibration_mm: float = 0.1
    migration_limit_mm: float = 2.0
    source: str = "markers, kV arm"

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if not isinstance(value, str) and not 0.0 < value < np.inf:
                msg = f"{each.name} of the tracking by markers must be positive, not {value}"
                raise InputError(msg)
