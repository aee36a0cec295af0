"""The 6-DoF couch: drives with speed and play, scales that do not see it, a turntable that walks out."""

from typing import Final

import numpy as np

from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.frames import FIXED, Array
from isoguide.geometry.iec61217 import TableTopPose, fixed_from_table_top
from isoguide.geometry.transforms import RigidTransform, rotation_z
from isoguide.treatment.ports import CouchReading
from isoguide.units import wrap_deg
from isoguide.virtual.device import DeviceLink
from isoguide.virtual.faults import STOPS_AFTER, WRONG_BY_MM
from isoguide.virtual.room_settings import CouchSettings

LENGTHS: Final = ("lateral_mm", "longitudinal_mm", "vertical_mm")
ANGLES: Final = ("pitch_deg", "roll_deg", "support_deg", "eccentric_deg")

LOADING_MM: Final = (20.0, -600.0, -300.0)
"""Where the couch comes from when a patient has lain down, relative to the set-up pose: further out and
lower. It decides on which side the play of the drives is at set-up."""


class CouchDrive:
    """The couch, as it is and as it says.

    Parameters
    ----------
    link
        How it hangs in the room.
    settings
        Speeds and imperfections.
    set_up_pose
        Where the scales stand at the beginning; the couch came there from where patients lie down.
    """

    def __init__(self, link: DeviceLink, settings: CouchSettings, set_up_pose: TableTopPose) -> None:
        self._link = link
        self._settings = settings
        self._play = np.array([settings.backlash_mm] * len(LENGTHS) + [settings.backlash_deg] * len(ANGLES))
        self._drive = _values(set_up_pose)
        self._distance_mm = set_up_pose.eccentric_distance_mm
        self._scale_error_mm = 0.0
        # Play is taken up on the side that a drive came from; drives that did not move are in its middle.
        coming = np.array([*LOADING_MM, 0.0, 0.0, 0.0, 0.0])
        self._table = self._drive + np.sign(coming) * self._play / 2.0
        self._history = [(0.0, self._fixed_from_table_top())]

    def read(self) -> CouchReading:
        """Return what the scales show.

        Raises
        ------
        LinkLostError
            If the link is broken.
        """
        self._link.require()
        return CouchReading(self.scales(), self._link.clock.now())

    def move_to(self, pose: TableTopPose) -> None:
        """Drive all axes; return when the slowest has stopped.

        Pitch and roll stop at their ends. The truth moves at the end of the movement.

        Raises
        ------
        LinkLostError
            If the link is broken: the couch has not moved.
        """
        self._link.require()
        goal = _values(pose)
        limit_deg = self._settings.largest_tilt_deg
        goal[3:5] = np.clip(goal[3:5], -limit_deg, limit_deg)
        if np.array_equal(goal, self._drive):
            return
        goal = self._with_faults(goal)
        self._link.wait_for(self._settings.start_delay)
        self._link.clock.wait(self._travel_s(goal))
        self._drive = goal
        half = self._play / 2.0
        self._table = np.clip(self._table, goal - half, goal + half)
        self._history.append((self._link.clock.seconds, self._fixed_from_table_top()))

    def _with_faults(self, goal: Array) -> Array:
        """Where the drives really go, and whether the scales follow."""
        wrong = self._link.strikes("couch-reads-wrong")
        if wrong is not None:
            self._scale_error_mm = WRONG_BY_MM if wrong.size is None else wrong.size
        short = self._link.strikes("couch-stops-short")
        if short is None:
            return goal
        share = STOPS_AFTER if short.size is None else short.size
        return self._drive + (goal - self._drive) * share

    def fixed_from_table_top(self, seconds: float | None = None) -> RigidTransform:
        """Return where the table top truly is, now or at a second of the room."""
        if seconds is None:
            return self._history[-1][1]
        past = [table for at, table in self._history if at <= seconds]
        return past[-1] if past else self._history[0][1]

    def scales(self) -> TableTopPose:
        """Return what the scales show, whether or not the link works."""
        shown = self._drive.copy()
        shown[0] += self._scale_error_mm
        for axes, step in (
            (slice(0, 3), self._settings.read_out_mm),
            (slice(3, None), self._settings.read_out_deg),
        ):
            if step > 0.0:
                shown[axes] = np.round(shown[axes] / step) * step
        return self._pose(shown)

    def _travel_s(self, goal: Array) -> float:
        way = np.abs(goal - self._drive)
        return float(
            max(way[:3].max() / self._settings.speed_mm_s, way[3:].max() / self._settings.speed_deg_s)
        )

    def _pose(self, values: Array) -> TableTopPose:
        by_name = dict(zip(LENGTHS + ANGLES, values.tolist(), strict=True))
        return TableTopPose(**by_name, eccentric_distance_mm=self._distance_mm)

    def _fixed_from_table_top(self) -> RigidTransform:
        """Where the table truly is: as the drives say, with their play and the walk-out of the turntable."""
        lateral, longitudinal, vertical, pitch, roll, support, eccentric = self._table - self._drive
        play = CouchCorrection(lateral, longitudinal, vertical, pitch, roll, support + eccentric)
        kick_deg = wrap_deg(float(self._drive[5]))
        centre_mm = np.array([*self._settings.turntable_axis_mm, 0.0])
        walk_out = RigidTransform.translation(FIXED, FIXED, centre_mm - rotation_z(kick_deg) @ centre_mm)
        turned = play.turned_with_couch(kick_deg).fixed_from_fixed
        return walk_out @ turned @ fixed_from_table_top(self._pose(self._drive))


def _values(pose: TableTopPose) -> Array:
    """Lengths, then angles of a pose, (7,)."""
    return np.array([getattr(pose, name) for name in LENGTHS + ANGLES])
