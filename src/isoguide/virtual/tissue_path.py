"""Where a few pieces of tissue are in the room at any moment: the truth, quick to ask."""

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.virtual.moving_points import MovingPoints
from isoguide.virtual.truth import RoomTruth


class TissuePath:
    """Points of the patient in the room.

    Parameters
    ----------
    truth
        Of the room.
    points_mm
        Positions in the planning CT, planning LPS, (n, 3).
    """

    def __init__(self, truth: RoomTruth, points_mm: Array) -> None:
        self._truth = truth
        self._points = MovingPoints(truth.day, points_mm)
        self._planned_mm = truth.wanted.apply(np.atleast_2d(points_mm))

    @property
    def planned_mm(self) -> Array:
        """Where the plan wants them, IEC fixed (n, 3)."""
        return self._planned_mm

    def positions_mm(self, seconds: float) -> Array:
        """Return where they are at a second of the room, IEC fixed (n, 3)."""
        return self._truth.fixed_from_planning(seconds).apply(self._points.at(seconds))

    def displacement_mm(self, seconds: float) -> Array:
        """Return where they are minus where they should be in the mean, IEC fixed (3,)."""
        mean_mm: Array = (self.positions_mm(seconds) - self._planned_mm).mean(axis=0)
        return mean_mm
