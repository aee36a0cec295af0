"""Where a few pieces of tissue are at any moment: the truth, quick enough to be asked many times a second."""

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.kernels.fields import moved_points
from isoguide.virtual.truth import RoomTruth


class TissuePath:
    """Points of the patient in the room.

    What moves is a sum of fixed fields times numbers that change, so each field is sampled once.

    Parameters
    ----------
    truth
        Of the room.
    points_mm
        Positions in the planning CT, planning LPS, (n, 3).
    """

    def __init__(self, truth: RoomTruth, points_mm: Array) -> None:
        points = np.atleast_2d(np.asarray(points_mm, dtype=np.float64))
        anatomy, motion = truth.day.anatomy, truth.day.motion
        self._truth, self._motion = truth, motion
        self._wanted_mm = truth.wanted.apply(points)
        self._still_mm = points if anatomy is None else anatomy.moved(points)
        self._modes_mm: list[Array] = []
        if anatomy is not None and motion is not None:
            index_from_xyz = anatomy.grid.index_from_xyz[:3]
            self._modes_mm = [moved_points(mode, index_from_xyz, points) - points for mode in motion.modes]

    @property
    def planned_mm(self) -> Array:
        """Where the plan wants them, IEC fixed (n, 3)."""
        return self._wanted_mm

    def positions_mm(self, seconds: float) -> Array:
        """Return where they are at a second of the room, IEC fixed (n, 3)."""
        moved_mm = self._still_mm
        if self._motion is not None and self._modes_mm:
            coefficients = self._motion.trace.at(seconds)
            moved_mm = moved_mm + sum(c * mode for c, mode in zip(coefficients, self._modes_mm, strict=True))
        return self._truth.fixed_from_planning(seconds).apply(moved_mm)

    def displacement_mm(self, seconds: float) -> Array:
        """Return where they are minus where they should be in the mean, IEC fixed (3,)."""
        mean_mm: Array = (self.positions_mm(seconds) - self._wanted_mm).mean(axis=0)
        return mean_mm
