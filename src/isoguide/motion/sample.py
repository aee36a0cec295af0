"""What one look at the target says: where it is, how well that is known, and when it was exposed."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.frames import Array, frozen_array

SYMMETRY_MM2 = 1e-6
"""Covariances are computed, not read: they are symmetric to this."""


@dataclass(frozen=True, slots=True, eq=False)
class TargetSample:
    """Where the target was seen.

    Parameters
    ----------
    position_mm
        Where it is minus where the plan wants it, IEC fixed: lateral, longitudinal, vertical, (3,) mm.
    covariance_mm2
        Of the error of the position, (3, 3): symmetric and not negative.
    at
        Time of the exposure that it was seen in, aware UTC.
    number
        Of the frame: each source counts its own, one for each exposure, so that a repeated frame is told from
        a new one.
    source
        What watches it, in words.
    quality
        Share of what had to be seen that was seen and agrees, 0 to 1.
    words
        How sure that is, in words for a therapist.
    rotation_deg
        Pitch, roll, yaw of the target against the plan, (3,); None where the device cannot tell.

    Raises
    ------
    GeometryError
        If a position is not three finite numbers, or the covariance is none.
    InputError
        If the time has no zone, or the quality is not between 0 and 1.
    """

    position_mm: Array
    covariance_mm2: Array
    at: datetime
    number: int
    source: str
    quality: float
    words: str
    rotation_deg: Array | None = None

    def __post_init__(self) -> None:
        position_mm = frozen_array(self.position_mm, (3,), "the position of the target")
        covariance = frozen_array(self.covariance_mm2, (3, 3), "the covariance of the target's position")
        asymmetric = np.abs(covariance - covariance.T).max() > SYMMETRY_MM2 * max(1.0, covariance.max())
        if asymmetric or np.linalg.eigvalsh(covariance)[0] < -SYMMETRY_MM2:
            msg = (
                f"{covariance.tolist()} is no covariance of a position: it has to be symmetric, not negative"
            )
            raise GeometryError(msg)
        object.__setattr__(self, "position_mm", position_mm)
        object.__setattr__(self, "covariance_mm2", covariance)
        if self.rotation_deg is not None:
            rotation = frozen_array(self.rotation_deg, (3,), "the rotation of the target")
            object.__setattr__(self, "rotation_deg", rotation)
        if not 0.0 <= self.quality <= 1.0:
            msg = f"the quality of a sample of the target is a share from 0 to 1, not {self.quality}"
            raise InputError(msg)
        _require_aware(self.at)


@dataclass(frozen=True, slots=True)
class Unseen:
    """A frame in which the target was not found; ``reason`` says why, for a therapist.

    ``at``, ``number`` and ``source`` are those of :class:`TargetSample`.

    Raises
    ------
    InputError
        If the time has no zone, or the reason is empty.
    """

    at: datetime
    number: int
    source: str
    reason: str

    def __post_init__(self) -> None:
        _require_aware(self.at)
        if not self.reason.strip():
            msg = "a frame without the target needs a reason: say why it was not found"
            raise InputError(msg)


Sighting = TargetSample | Unseen
"""What one frame says of the target."""


def _require_aware(at: datetime) -> None:
    if at.tzinfo is None:
        msg = f"a frame has the time {at} without a time zone: imagers must state aware times (UTC)"
        raise InputError(msg)
