"""From the pose of the markers to what is said of the target."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from isoguide.errors import InputError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.geometry.iec61217 import angles_iec
from isoguide.motion.marker_pixels import MarkerPixels
from isoguide.motion.marker_pose import PosePrior, SeenMarkers, rotated
from isoguide.motion.marker_settings import SingleImagerSettings
from isoguide.motion.marker_watch import GeometryState
from isoguide.motion.sample import TargetSample

FEWEST_FOR_ROTATION: Final = 3
LOOK_MM: Final = 0.3
"""How far beyond what is foretold the markers are looked for, standard deviation."""
SHIFT_FREEDOM_MM: Final = 5.0
"""How far they may be from there without one of them being doubted."""
NOT_EXCLUDED: Final = 0.75
"""Share of the quality that is left while it is not excluded that a marker moved."""


def named(names: Sequence[str], which: Sequence[int]) -> str:
    """Return the names of some markers as a list in words."""
    return ", ".join(f"'{names[n]}'" for n in which)


class Order:
    """Sees to it that frames are taken in once and in the order of their exposure."""

    def __init__(self) -> None:
        self._last: tuple[datetime, int] | None = None
        self._pixels: Array | None = None

    def why_not(self, at: datetime, number: int) -> str:
        """Return why a frame cannot be taken in, in words; empty where it can.

        Raises
        ------
        InputError
            If the time has no zone.
        """
        if at.tzinfo is None:
            msg = f"a frame has the time {at} without a time zone: imagers must state aware times (UTC)"
            raise InputError(msg)
        if self._last is None:
            return ""
        if number <= self._last[1]:
            return f"frame {number} came after frame {self._last[1]}: it is none that is new"
        if at <= self._last[0]:
            return "the image was not exposed after the one before: the imager's clock or order is wrong"
        return ""

    def why_repeated(self, found: Sequence[MarkerPixels]) -> str:
        """Return why pictures are none that are new, in words: two exposures never give the same numbers."""
        pixels = np.stack([each.pixels for each in found])
        last, self._pixels = self._pixels, pixels
        if last is None or np.isnan(pixels).all() or not np.array_equal(pixels, last, equal_nan=True):
            return ""
        return "the image shows the same as the one before, to the last digit: the imager repeats a picture"

    def take(self, at: datetime, number: int) -> float:
        """Take in a frame; return the seconds since the one before, 0 for the first."""
        seconds = (at - self._last[0]).total_seconds() if self._last else 0.0
        self._last = (at, number)
        return seconds


class Turn:
    """How far the target has turned: it stays so for a while, and never turns far.

    Parameters
    ----------
    sigma_rad
        How far it may be turned, standard deviation per axis.
    memory_s
        How long it stays so.
    """

    def __init__(self, sigma_rad: float, memory_s: float) -> None:
        self._sigma_rad, self._memory_s = sigma_rad, memory_s
        self.rotation: Array = np.eye(3)
        self.covariance_rad2: Array = sigma_rad**2 * np.eye(3)

    def ahead(self, seconds: float) -> None:
        """Let time pass."""
        keep = float(np.exp(-seconds / self._memory_s))
        turn = Rotation.from_matrix(self.rotation).as_rotvec()
        self.rotation = Rotation.from_rotvec(keep * turn).as_matrix()
        grown = (1.0 - keep**2) * self._sigma_rad**2 * np.eye(3)
        self.covariance_rad2 = keep**2 * self.covariance_rad2 + grown

    def take(self, rotation: Array, covariance_rad2: Array) -> None:
        """Take in a pose that has this one in it already."""
        self.rotation, self.covariance_rad2 = rotation, covariance_rad2


class MarkerTarget:
    """A target and its markers, as planned.

    Parameters
    ----------
    planned_mm
        Centres in FIXED, (m, 3).
    target_mm
        Reference point of the target, FIXED, (3,); None: the middle of the markers.
    names
        Of the markers; None: numbers.
    settings
        Errors that no frame shows.

    Raises
    ------
    InputError
        If there is no marker, or not one name for each.
    """

    def __init__(
        self,
        planned_mm: Array,
        target_mm: Array | None,
        names: Sequence[str] | None,
        settings: SingleImagerSettings,
    ) -> None:
        count = len(planned_mm)
        self.names = tuple(names) if names is not None else tuple(str(n + 1) for n in range(count))
        if count < 1 or len(self.names) != count:
            msg = f"tracking takes one name for each of one marker or more, not {len(self.names)} for {count}"
            raise InputError(msg)
        self.planned_mm = planned_mm
        self.centre_mm: Array = planned_mm.mean(axis=0)
        point = self.centre_mm if target_mm is None else target_mm
        self._arm = frozen_array(point, (3,), "the target's reference point") - self.centre_mm
        arms2 = float(((planned_mm - self.centre_mm) ** 2).sum())
        # What the planning CT is wrong by moves and turns the whole constellation, always alike.
        self._floor_mm2 = settings.planning_sigma_mm**2 / count + settings.calibration_mm**2
        self._floor_rad2 = settings.planning_sigma_mm**2 / max(arms2 * 2.0 / 3.0, 1.0)
        self._source = settings.source

    def expected(self, shift_mm: Array, covariance: Array, turn: "Turn") -> tuple[Array, Array]:
        """Return where the markers are to be looked for, (m, 3), and the covariance (3, 3) they share."""
        places = self.centre_mm + shift_mm + (self.planned_mm - self.centre_mm) @ turn.rotation.T
        return places, covariance + LOOK_MM**2 * np.eye(3)

    def prior(self, shift_mm: Array, covariance: Array, turn: "Turn") -> PosePrior:
        """Return what is known of the pose before an exposure."""
        free = covariance + SHIFT_FREEDOM_MM**2 * np.eye(3)
        return PosePrior(shift_mm, free, turn.rotation, turn.covariance_rad2)

    def without_moved(self, seen: SeenMarkers, geometry: GeometryState) -> SeenMarkers:
        """Return the markers that have not moved."""
        for which, _ in geometry.moved:
            seen = seen.without(which)
        return seen

    def only_moved(self, geometry: GeometryState) -> str:
        """Say that nothing but markers that moved can be seen."""
        return f"only {named(self.names, [n for n, _ in geometry.moved])}, which moved, can be seen"

    def why_nothing(self, found: MarkerPixels) -> str:
        """Return why an image says nothing, in words; empty where it says something."""
        if found.problem:
            return found.problem
        if found.seen.any():
            return ""
        reasons = [reason for reason in found.reasons if reason]
        return f"none of the {len(self.names)} markers was found" + (f": {reasons[0]}" if reasons else "")

    def sample(
        self,
        shift: tuple[Array, Array],
        turn: Turn,
        used: NDArray[np.bool_],
        geometry: GeometryState,
        frame: tuple[datetime, int],
    ) -> TargetSample:
        """Return what a frame (time and number) says.

        Parameters
        ----------
        shift
            Of the markers' middle, (3,), with its covariance (3, 3).
        turn
            Of the target.
        used
            Which markers that is from, (m,).
        geometry
            Whether they still lie as planned.
        frame
            Time and number.
        """
        shift_mm, covariance = shift
        turn_rad2 = turn.covariance_rad2 + self._floor_rad2 * np.eye(3)
        covariance = covariance + self._floor_mm2 * np.eye(3) + rotated(turn.rotation @ self._arm, turn_rad2)
        yaw_deg, pitch_deg, roll_deg = angles_iec(turn.rotation)
        count, every = int(used.sum()), len(self.names)
        quality = count / every * (1.0 if geometry.is_excluded else NOT_EXCLUDED)
        return TargetSample(
            shift_mm + turn.rotation @ self._arm - self._arm,
            0.5 * (covariance + covariance.T),
            *frame,
            self._source,
            quality,
            self._words(used, geometry),
            np.array([pitch_deg, roll_deg, yaw_deg]) if count >= FEWEST_FOR_ROTATION else None,
        )

    def _words(self, used: NDArray[np.bool_], geometry: GeometryState) -> str:
        words = [f"{int(used.sum())} of {len(self.names)} markers"]
        moved = dict(geometry.moved)
        words += [
            f"marker '{self.names[n]}' moved by {mm:.1f} mm against the others and is left out"
            for n, mm in moved.items()
        ]
        missing = [n for n in range(len(self.names)) if not used[n] and n not in moved]
        if missing:
            words.append(f"{named(self.names, missing)} not seen in this frame")
        if not geometry.is_excluded:
            words.append("that one moved is not excluded")
        return "; ".join(words)
