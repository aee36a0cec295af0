"""Where a few points of the patient are within him, quick enough to be asked many times a second."""

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.kernels.fields import moved_points
from isoguide.virtual.patient_day import PatientDay


class MovingPoints:
    """Tissue of one day: the same as :meth:`isoguide.virtual.patient_day.PatientMoment.moved`.

    What moves is a sum of fixed fields times numbers that change, so each field is sampled once.

    Parameters
    ----------
    day
        How the patient is.
    points_mm
        Positions in the planning CT, planning LPS, (n, 3).
    """

    def __init__(self, day: PatientDay, points_mm: Array) -> None:
        points = np.atleast_2d(np.asarray(points_mm, dtype=np.float64))
        self._motion = day.motion
        self._still_mm = points if day.anatomy is None else day.anatomy.moved(points)
        self._modes_mm = np.empty((0, *points.shape))
        if day.anatomy is not None and day.motion is not None:
            index_from_xyz = day.anatomy.grid.index_from_xyz[:3]
            modes = [moved_points(mode, index_from_xyz, points) - points for mode in day.motion.modes]
            self._modes_mm = np.array(modes)

    def at(self, seconds: float) -> Array:
        """Return where they are within the patient, (n, 3) planning LPS, without the rigid part.

        Raises
        ------
        InputError
            If the patient moves, and the time is before set-up or more than an hour after it.
        """
        if self._motion is None or not len(self._modes_mm):
            return self._still_mm
        moved_mm: Array = self._still_mm + np.tensordot(
            self._motion.trace.at(seconds), self._modes_mm, axes=1
        )
        return moved_mm
