"""Where the target is by implanted markers in pairs of images that are exposed together.

Two rays leave nothing open: every pair stands for itself. Each marker that both images show is triangulated,
and the places in space decide whether one has moved, as in a match at set-up.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import InputError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.geometry.xray_view import XrayView
from isoguide.motion.marker_pixels import MarkerPixels
from isoguide.motion.marker_pose import SeenMarkers, belonging
from isoguide.motion.marker_settings import SingleImagerSettings
from isoguide.motion.marker_target import MarkerTarget, Order, Turn
from isoguide.motion.marker_watch import GeometryState, judged
from isoguide.motion.sample import Sighting, Unseen
from isoguide.registration.markers.pose import Constellation
from isoguide.registration.markers.triangulation import Triangulations, triangulate_all

MISSED: Final = 25.0
"""Chi-square by which two rays miss each other, from which on they show two things: 6e-7 by chance."""

NOT_MET: Final = (
    "what was taken for the markers in the two images does not meet in space: "
    "check which image belongs to which view"
)


class StereoMarkerTracker:
    """Follows a target by its markers through pairs of images.

    Parameters
    ----------
    planned_mm
        Where the plan wants the markers, FIXED, (m, 3).
    settings
        What is assumed; what concerns the time between images of one imager is not used.
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
        self.settings = settings or SingleImagerSettings(source="markers, stereo pair")
        self._planned = frozen_array(planned_mm, (-1, 3), "the planned markers")
        self._target = MarkerTarget(self._planned, target_mm, names, self.settings)
        self._turn = Turn(np.deg2rad(self.settings.rotation_sigma_deg), self.settings.rotation_memory_s)
        self._order = Order()
        self._shift_mm: Array = np.zeros(3)
        self.geometry = GeometryState()

    def expect(self) -> tuple[Array, Array]:
        """Return where the markers are to be looked for, (m, 3), and the covariance (3, 3) they share."""
        return self._target.expected(self._shift_mm, self.settings.prior_mm2, self._turn)

    def see(
        self, views: Sequence[XrayView], found: Sequence[MarkerPixels], *, at: datetime, number: int
    ) -> Sighting:
        """Return where the target was when a pair was exposed.

        Parameters
        ----------
        views
            Of the two images, in FIXED.
        found
            The markers in each, in the order of those planned.
        at
            Time of the exposure, aware.
        number
            Of the pair.

        Raises
        ------
        InputError
            If there are not two images, they were not searched for these markers, or the time has no zone.
        GeometryError
            If both views look along the same line.
        """
        if (
            len(views) != 2
            or any(len(each.pixels) != len(self._planned) for each in found)
            or len(found) != 2
        ):
            msg = f"a pair takes two images that were searched for {len(self._planned)} markers each"
            raise InputError(msg)
        reason = (
            self._order.why_not(at, number) or self._order.why_repeated(found) or self._why_nothing(found)
        )
        if reason:
            return Unseen(at, number, self.settings.source, reason)
        self._turn.ahead(self._order.take(at, number))
        seen = self._met(views, found)
        reason = self._judge(views, seen) if _in_both(seen).size else NOT_MET
        if reason:
            return Unseen(at, number, self.settings.source, reason)
        return self._sighting(seen, at, number)

    def _why_nothing(self, found: Sequence[MarkerPixels]) -> str:
        reasons = [self._target.why_nothing(each) for each in found]
        if any(reasons):
            return next(reason for reason in reasons if reason)
        return "" if (found[0].seen & found[1].seen).any() else "no marker was found in both images"

    def _met(self, views: Sequence[XrayView], found: Sequence[MarkerPixels]) -> SeenMarkers:
        # A marker whose rays miss each other is none: one of the images shows something else.
        pixels = np.stack([each.pixels for each in found])
        covariances = np.stack([each.covariance_px2 for each in found])
        seen = SeenMarkers.of(views, pixels, covariances, self._planned, self.settings.planning_sigma_mm)
        both, places = _triangulated(views, seen)
        for which in both[places.chi_square > MISSED]:
            seen = seen.without(int(which))
        return seen

    def _judge(self, views: Sequence[XrayView], seen: SeenMarkers) -> str:
        both, places = _triangulated(views, seen)
        planned_mm2 = np.tile(self.settings.planning_sigma_mm**2 * np.eye(3), (len(both), 1, 1))
        self.geometry = judged(
            Constellation(self._planned[both], places.position_mm, planned_mm2, places.covariance_mm2),
            both,
            self._target.names,
            limit_mm=self.settings.migration_limit_mm,
            turn_sigma_rad=float(np.deg2rad(self.settings.rotation_sigma_deg)),
        )
        return self.geometry.doubt

    def _sighting(self, seen: SeenMarkers, at: datetime, number: int) -> Sighting:
        seen = self._target.without_moved(seen, self.geometry)
        if not seen.seen.any():
            return Unseen(at, number, self.settings.source, self._target.only_moved(self.geometry))
        prior = self._target.prior(self._shift_mm, self.settings.prior_mm2, self._turn)
        pose = belonging(seen, prior)
        information, _ = pose.of_shift(prior.rotation_rad2)
        self._turn.take(pose.rotation, pose.of_turn(prior))
        self._shift_mm = pose.shift_mm
        known = pose.shift_mm, np.linalg.inv(information + np.linalg.inv(prior.shift_mm2))
        return self._target.sample(known, self._turn, pose.used, self.geometry, (at, number))


def _in_both(seen: SeenMarkers) -> NDArray[np.intp]:
    return np.flatnonzero(np.isfinite(seen.pixels).all(axis=(0, 2)))


def _triangulated(views: Sequence[XrayView], seen: SeenMarkers) -> tuple[NDArray[np.intp], Triangulations]:
    both = _in_both(seen)
    pixels = seen.pixels[:, both].transpose(1, 0, 2)
    return both, triangulate_all(views, pixels, seen.covariance_px2[:, both].transpose(1, 0, 2, 3))
