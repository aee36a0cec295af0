"""What tracking by implanted markers assumes."""

from dataclasses import dataclass, field, fields
from typing import Final

import numpy as np

from isoguide.errors import InputError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.geometry.iec61217 import fixed_from_planning

PROSTATE_SIGMA_MM: Final = np.array([0.8, 1.5, 1.5])
PROSTATE_CORRELATION: Final = -0.6
"""Between backwards and towards the head: of 1024 fractions, 61 % showed a medium or strong correlation,
because the prostate slides obliquely (PMC4764058)."""
PROSTATE_MEMORY_S: Final = 100.0
PROSTATE_FRAMES: Final = 10.0


def prostate_mm2(position: str) -> Array:
    """Return how a prostate moves while the patient lies still: a covariance (3, 3) in FIXED, mm².

    ``position`` is the DICOM patient position.
    """
    covariance = np.diag(PROSTATE_SIGMA_MM**2)
    covariance[1, 2] = covariance[2, 1] = PROSTATE_CORRELATION * PROSTATE_SIGMA_MM[1] * PROSTATE_SIGMA_MM[2]
    rotation = fixed_from_planning(position, np.zeros(3)).rotation
    return np.asarray(rotation @ covariance @ rotation.T)


@dataclass(frozen=True, slots=True, eq=False)
class SingleImagerSettings:
    """What tracking by markers in the images of one imager assumes.

    Parameters
    ----------
    prior_mm2
        Covariance (3, 3) of the target about its place before anything was seen, FIXED, mm².
    prior_frames
        How many frames that counts for in the likelihood.
    forget_s
        Time in which what was seen loses its weight by a factor of e.
    memory_s
        How long the target stays away from its mean place: 0 for breathing, which returns; a prostate drifts.
    rotation_sigma_deg
        How far the target may turn, standard deviation per axis.
    rotation_memory_s
        How long it stays turned.
    planning_sigma_mm
        Error per axis of a marker's centre in the planning CT.
    calibration_mm
        Error per axis of the imager's geometry at the isocentre, which all markers of a frame share.
    migration_limit_mm
        A marker that moved further against the others has to be noticed.
    source
        What watches, in words.

    Raises
    ------
    InputError
        If a value is not positive (``memory_s``: negative), or the covariance is none.
    """

    prior_mm2: Array = field(default_factory=lambda: 4.0 * np.eye(3))
    prior_frames: float = 3.0
    forget_s: float = 30.0
    memory_s: float = 0.0
    rotation_sigma_deg: float = 3.0
    rotation_memory_s: float = 30.0
    planning_sigma_mm: float = 0.1
    calibration_mm: float = 0.1
    migration_limit_mm: float = 2.0
    source: str = "markers, kV arm"

    def __post_init__(self) -> None:
        prior = frozen_array(self.prior_mm2, (3, 3), "the covariance of the target before tracking")
        object.__setattr__(self, "prior_mm2", prior)
        if np.abs(prior - prior.T).max() > 1e-6 or np.linalg.eigvalsh(prior)[0] <= 0.0:
            msg = f"prior_mm2 of the tracking by markers must be a covariance, not {prior.tolist()}"
            raise InputError(msg)
        for each in fields(self):
            value = getattr(self, each.name)
            fits = (
                value >= 0.0
                if each.name == "memory_s"
                else isinstance(value, str | np.ndarray) or value > 0.0
            )
            if not fits or value is np.inf:
                msg = f"{each.name} of the tracking by markers must be positive, not {value}"
                raise InputError(msg)

    @classmethod
    def for_prostate(cls, position: str) -> "SingleImagerSettings":
        """Return the settings for a prostate: it drifts, and slides obliquely."""
        return cls(prior_mm2=prostate_mm2(position), prior_frames=PROSTATE_FRAMES, memory_s=PROSTATE_MEMORY_S)
