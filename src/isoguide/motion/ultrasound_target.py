"""From structures followed in ultrasound to where the target is in the room.

An image says nothing of what happens across its plane. That the structure is seen keeps it within the slice,
but how far it has moved along there is for somebody else to say: without a prior that direction is left open,
and a gate that asks for all three does not open.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.frames import FIXED, Array, frozen_array
from isoguide.images.ultrasound_image import UltrasoundImage
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.motion.marker_target import Order
from isoguide.motion.sample import Sighting, TargetSample, Unseen
from isoguide.motion.ultrasound_points import (
    TrackedPoints,
    UltrasoundPointTracker,
    UltrasoundVolumeTracker,
)
from isoguide.motion.ultrasound_settings import UltrasoundTrackerSettings

OPEN_MM: Final = 1000.0
"""Standard deviation along a direction of which nothing is known: larger than a patient."""
OFF_PLANE_MM: Final = 2.0
"""A structure further from the plane of the first image is not in it: slices are 3 to 4 mm thick."""
APART_MM: Final = 5.0
"""Structures whose ways differ by more do not move as one target."""
SAME_SPACING_MM: Final = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    """Structures of one frame.

    Places (n, 3) in FIXED, the image's axes (3, 3) as columns, and sigma (n, 3) along them. The last is what
    all share across an image; of a volume each has its own.
    """

    places_mm: Array
    axes: Array
    sigma_mm: Array
    is_plane: bool


class UltrasoundTargetTracker:
    """Follows a target by structures in ultrasound images or volumes whose place in the room is known.

    Parameters
    ----------
    first
        Image or volume in FIXED in which the structures are known.
    structures_mm
        Where they are in it, FIXED, (n, 3): they have to lie in the plane of an image.
    planned_mm
        Where the plan wants them, FIXED, (n, 3); None: where they are in the first image.
    across_sigma_mm
        How far across the plane of an image the target may be while it is seen, standard deviation. None:
        nothing is known of it, which leaves that direction open. A volume leaves none open.
    settings
        How structures are followed.

    Raises
    ------
    InputError
        If a structure is not in the image, or nothing there could be followed.
    GeometryError
        If the image is not in the room.
    """

    def __init__(
        self,
        first: UltrasoundImage | UltrasoundVolume,
        structures_mm: Array,
        planned_mm: Array | None = None,
        *,
        across_sigma_mm: float | None = None,
        settings: UltrasoundTrackerSettings | None = None,
    ) -> None:
        structures = frozen_array(structures_mm, (-1, 3), "the structures to follow")
        if len(structures) == 0:
            msg = "tracking in ultrasound needs a structure to follow: choose one or more in the first image"
            raise InputError(msg)
        planned = structures if planned_mm is None else planned_mm
        self._planned_mm = frozen_array(planned, structures.shape, "the planned places of the structures")
        if across_sigma_mm is not None and not 0.0 < across_sigma_mm <= OPEN_MM:
            msg = (
                f"how far the target may be across the image has to be between 0 and {OPEN_MM:.0f} mm, not "
                f"{across_sigma_mm}"
            )
            raise InputError(msg)
        self._across_mm = OPEN_MM if across_sigma_mm is None else across_sigma_mm
        self.settings = settings or UltrasoundTrackerSettings()
        _require_room(first)
        self._first, self._order = first, Order()
        self._tracker: UltrasoundPointTracker | UltrasoundVolumeTracker
        if isinstance(first, UltrasoundImage):
            pixels = _in_plane(first, structures)
            self._tracker = UltrasoundPointTracker(
                first.values, first.in_fan, first.pixel_spacing_mm, pixels, settings
            )
        else:
            self._tracker = UltrasoundVolumeTracker(first, structures, settings)

    def see(
        self,
        image: UltrasoundImage | UltrasoundVolume,
        *,
        at: datetime,
        number: int,
        pose_covariance: Array | None = None,
    ) -> Sighting:
        """Return where the target was when an image was exposed.

        Parameters
        ----------
        image
            With its place in FIXED.
        at
            Time of the exposure, aware.
        number
            Of the frame.
        pose_covariance
            Of the probe's pose, (6, 6) in FIXED: shift in mm and rotation vector in radians, about the
            middle of the transducer's face for an image, about the middle of the grid for a volume; None:
            exact.

        Raises
        ------
        InputError
            If the time has no zone.
        GeometryError
            If the image has another shape or spacing than the first, or is not in the room.
        """
        reason = self._order.why_not(at, number)
        if reason:
            return Unseen(at, number, self.settings.source, reason)
        self._order.take(at, number)
        points = self._points(image)
        if not points.seen.any():
            return Unseen(at, number, self.settings.source, _named(points.reasons))
        placed = self._placed(image, points)
        ways_mm = placed.places_mm - self._planned_mm[points.seen]
        way_mm, covariance, apart_mm = _joined(ways_mm, placed)
        if apart_mm > APART_MM:
            reason = (
                f"the structures have moved apart by {apart_mm:.1f} mm: they no longer move as one target"
            )
            return Unseen(at, number, self.settings.source, reason)
        if pose_covariance is not None:
            covariance = covariance + _of_pose(image, placed.places_mm.mean(axis=0), pose_covariance)
        sure = points.speckle[points.seen].mean() / self.settings.regained_texture
        quality = float(points.seen.mean() * np.clip(sure, 0.0, 1.0))
        covariance = 0.5 * (covariance + covariance.T)
        return TargetSample(
            way_mm, covariance, at, number, self.settings.source, quality, self._words(points)
        )

    def _points(self, image: UltrasoundImage | UltrasoundVolume) -> TrackedPoints:
        _require_room(image)
        first, tracker = self._first, self._tracker
        if isinstance(image, UltrasoundVolume) and isinstance(tracker, UltrasoundVolumeTracker):
            return tracker.see(image)
        if (
            not isinstance(image, UltrasoundImage)
            or not isinstance(first, UltrasoundImage)
            or not isinstance(tracker, UltrasoundPointTracker)
        ):
            msg = "images and volumes of ultrasound cannot be followed in turn: begin anew"
            raise GeometryError(msg)
        if np.abs(np.subtract(image.pixel_spacing_mm, first.pixel_spacing_mm)).max() > SAME_SPACING_MM:
            msg = (
                f"the image has pixels of {image.pixel_spacing_mm} mm, the first had {first.pixel_spacing_mm}"
                " mm: the scanner's depth was changed"
            )
            raise GeometryError(msg)
        return tracker.see(image.values)

    def _placed(self, image: UltrasoundImage | UltrasoundVolume, points: TrackedPoints) -> _Placed:
        pixels, sigma_mm = points.pixels[points.seen], points.sigma_mm[points.seen]
        if isinstance(image, UltrasoundVolume):
            return _Placed(image.grid.xyz(pixels), image.grid.direction, sigma_mm, is_plane=False)
        across_mm = np.full((len(pixels), 1), self._across_mm)
        axes = image.frame_from_image.rotation
        return _Placed(image.xyz_mm(pixels), axes, np.hstack([sigma_mm, across_mm]), is_plane=True)

    def _words(self, points: TrackedPoints) -> str:
        count = len(points.seen)
        speckle = 100.0 * float(points.speckle[points.seen].mean())
        words = [f"{int(points.seen.sum())} of {count} structures, speckle {speckle:.0f} % as at the start"]
        words += [f"structure {n}: {reason}" for n, reason in enumerate(points.reasons, start=1) if reason]
        if isinstance(self._first, UltrasoundImage):
            words.append(
                "nothing is known across the image"
                if self._across_mm >= OPEN_MM
                else f"across the image ±{self._across_mm:.1f} mm is assumed"
            )
        return "; ".join(words)


def _require_room(image: UltrasoundImage | UltrasoundVolume) -> None:
    if image.frame != FIXED:
        msg = (
            f"the ultrasound lies in '{image.frame}', not in the room: a target is followed with a tracked "
            "probe and its calibration"
        )
        raise GeometryError(msg)


def _in_plane(first: UltrasoundImage, structures_mm: Array) -> Array:
    pixels, off_mm = first.pixels(structures_mm)
    worst = int(np.abs(off_mm).argmax())
    if abs(off_mm[worst]) > OFF_PLANE_MM:
        msg = (
            f"structure {worst + 1} lies {abs(off_mm[worst]):.1f} mm off the plane of the first image: "
            "point the probe at it"
        )
        raise InputError(msg)
    return pixels


def _joined(ways_mm: Array, placed: _Placed) -> tuple[Array, Array, float]:
    """Return the mean way (3,) in FIXED, its covariance (3, 3), and how far apart the ways are.

    Structures err independently, but what is not known across an image they share.
    """
    along = ways_mm @ placed.axes
    weight = 1.0 / placed.sigma_mm**2
    mean = (weight * along).sum(axis=0) / weight.sum(axis=0)
    variance = 1.0 / weight.sum(axis=0)
    left = along - mean
    if placed.is_plane:
        variance[2], left[:, 2] = placed.sigma_mm[0, 2] ** 2, 0.0
    if len(along) > 1:
        variance += (left**2).sum(axis=0) / (len(along) - 1) / len(along)
    apart_mm = max(float(np.linalg.norm(one - left, axis=1).max()) for one in left)
    return placed.axes @ mean, placed.axes @ np.diag(variance) @ placed.axes.T, apart_mm


def _of_pose(image: UltrasoundImage | UltrasoundVolume, place_mm: Array, covariance: Array) -> Array:
    """Return what the error of the pose does to a place, (3, 3)."""
    if isinstance(image, UltrasoundVolume):
        about_mm = image.grid.centre_mm
    else:
        about_mm = image.frame_from_image.translation_mm
    x, y, z = place_mm - about_mm
    lever = np.array([[0.0, z, -y], [-z, 0.0, x], [y, -x, 0.0]])
    both = np.hstack([np.eye(3), lever])
    return np.asarray(both @ frozen_array(covariance, (6, 6), "the covariance of the pose") @ both.T)


def _named(reasons: Sequence[str]) -> str:
    """Return why no structure is seen."""
    if len(set(reasons)) == 1:
        return reasons[0]
    return "; ".join(f"structure {n}: {reason}" for n, reason in enumerate(reasons, start=1))
