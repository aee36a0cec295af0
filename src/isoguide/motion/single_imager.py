"""Where the target is by implanted markers in the images of one rotating imager.

Each image gives the rigid pose of the markers but for the depth along the ray; what is known of how the
target moves closes that (:mod:`isoguide.motion.ray_filter`), with an uncertainty that says so. The markers'
places against each other are watched while the imager turns: one that moved is named and left out.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import numpy as np

from isoguide.errors import InputError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.geometry.xray_view import XrayView
from isoguide.motion.marker_pixels import MarkerPixels
from isoguide.motion.marker_pose import SeenMarkers, belonging
from isoguide.motion.marker_settings import SingleImagerSettings
from isoguide.motion.marker_target import MarkerTarget, Order, Turn
from isoguide.motion.marker_watch import GeometryState, MarkerWatch
from isoguide.motion.ray_filter import RayFilter
from isoguide.motion.sample import Sighting, Unseen

__all__ = ["SingleImagerSettings", "SingleImagerTracker"]

GEOMETRY_S: Final = 2.0
"""How often the markers' places against each other are judged."""
AGREES: Final = 40.0
"""Cost above which markers that are left do not belong together."""


class SingleImagerTracker:
    """Follows a target by its markers through the images of one rotating imager.

    Parameters
    ----------
    planned_mm
        Where the plan wants the markers, FIXED, (m, 3).
    settings
        What is assumed.
    target_mm
        Where the plan wants the target's reference point, FIXED, (3,); None: the middle of the markers.
    names
        Of the markers, in the same order; None: numbers.

    Raises
    ------
    InputError
        If there is not one name for each marker.
    """

    def __init__(
        self,
        planned_mm: Array,
        settings: SingleImagerSettings | None = None,
        *,
        target_mm: Array | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        self.settings = settings = settings or SingleImagerSettings()
        self._planned = frozen_array(planned_mm, (-1, 3), "the planned markers")
        self._target = MarkerTarget(self._planned, target_mm, names, settings)
        self._rays = RayFilter(
            settings.prior_mm2, settings.prior_frames, settings.forget_s, settings.memory_s
        )
        self._turn = Turn(np.deg2rad(settings.rotation_sigma_deg), settings.rotation_memory_s)
        self._watch = MarkerWatch(
            self._planned,
            self._target.names,
            settings.planning_sigma_mm,
            settings.migration_limit_mm,
            float(np.deg2rad(settings.rotation_sigma_deg)),
        )
        self._geometry = GeometryState()
        self._judged: datetime | None = None
        self._order = Order()
        self._interval_s = 0.2
        self._unfollowed_s = 0.0

    @property
    def geometry(self) -> GeometryState:
        """What is known of the markers' places against each other."""
        return self._geometry

    def warm_up(self) -> None:
        """Compile everything before it is needed: the first image costs as little as the others."""
        scratch = RayFilter(np.eye(3), 1.0, 1.0, 0.0)
        scratch.take(0.0, np.eye(3), np.zeros(3))

    def expect(self) -> tuple[Array, Array]:
        """Return where the markers are to be looked for next, (m, 3), and the covariance (3, 3) they share.

        In FIXED, for a frame as long after the last one as that was after the one before.
        """
        return self._target.expected(*self._rays.foretold(self._unfollowed_s + self._interval_s), self._turn)

    def learn(self, frames: Iterable[tuple[XrayView, MarkerPixels, datetime, int]]) -> tuple[Sighting, ...]:
        """Take in an arc of images before the beam: view, markers, time and number of each, in order."""
        return tuple(self.see(view, found, at=at, number=number) for view, found, at, number in frames)

    def see(self, view: XrayView, found: MarkerPixels, *, at: datetime, number: int) -> Sighting:
        """Return where the target was when an image was exposed.

        Parameters
        ----------
        view
            Of the image, in FIXED.
        found
            The markers in it, in the order of those planned.
        at
            Time of the exposure, aware.
        number
            Of the frame.

        Raises
        ------
        InputError
            If the image was not searched for these markers, or the time has no zone.
        """
        if len(found.pixels) != len(self._planned):
            msg = f"{len(self._planned)} markers are tracked, but {len(found.pixels)} were looked for"
            raise InputError(msg)
        reason = (
            self._order.why_not(at, number)
            or self._order.why_repeated([found])
            or self._target.why_nothing(found)
        )
        if reason:
            return Unseen(at, number, self.settings.source, reason)
        seconds = self._order.take(at, number)
        self._interval_s = seconds or self._interval_s
        self._turn.ahead(seconds)
        self._unfollowed_s += seconds
        prior = self._target.prior(*self._rays.foretold(self._unfollowed_s), self._turn)
        sigma_mm = self.settings.planning_sigma_mm
        seen = SeenMarkers.of([view], found.pixels[None], found.covariance_px2[None], self._planned, sigma_mm)
        pose = belonging(self._target.without_moved(seen, self._geometry), prior)
        ray = self._target.centre_mm + pose.shift_mm - view.source_mm
        ray /= np.linalg.norm(ray)
        kept = float(np.exp(-seconds / self.settings.forget_s))
        self._watch.add(seen, pose.shift_mm, ray, seconds, kept)
        self._judge_geometry(at)
        if self._geometry.doubt:
            return Unseen(at, number, self.settings.source, self._geometry.doubt)
        if not pose.used.any():
            return Unseen(at, number, self.settings.source, self._target.only_moved(self._geometry))
        if pose.cost > AGREES:
            reason = "what was taken for the markers does not lie to each other as planned"
            return Unseen(at, number, self.settings.source, reason)
        self._turn.take(pose.rotation, pose.of_turn(prior))
        self._rays.take(self._unfollowed_s, *pose.of_shift(prior.rotation_rad2, ray))
        self._unfollowed_s = 0.0
        known = self._rays.mean_mm, self._rays.covariance_mm2
        return self._target.sample(known, self._turn, pose.used, self._geometry, (at, number))

    def _judge_geometry(self, at: datetime) -> None:
        if self._judged is None or (at - self._judged).total_seconds() >= GEOMETRY_S:
            self._geometry, self._judged = self._watch.state(), at
