"""Whether the markers still lie to each other as planned, from images that each leave a direction open.

While the imager turns, each marker's place against the others becomes known in space: what an image says of
it is added up, free of the shift that all share. Then distances between markers and leaving one out decide,
as they do for a match at set-up (:mod:`isoguide.registration.markers.migration`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import Array
from isoguide.motion.marker_pose import SeenMarkers, slopes_of
from isoguide.registration.markers.migration import consistent_subsets, excludes_migration
from isoguide.registration.markers.pose import Constellation, leave_one_out, solve_pose

SHARED_DEG: Final = 12.0
SHARED_S: Final = 10.0
"""Frames are wrong alike until the imager has turned so far or so much time has passed: they count as one."""
UNKNOWN_MM: Final = 30.0
"""How far a marker may be from its place before anything was seen."""
SAME_MM: Final = 1e-2
_SHIFT_MM: Final = 5.0


@dataclass(frozen=True, slots=True)
class GeometryState:
    """What is known of the markers' places against each other.

    Parameters
    ----------
    moved
        Numbers of markers that no longer lie as planned, and by how much, mm.
    doubt
        Why none can be trusted, in words; empty when some can.
    is_excluded
        Whether it is excluded that a marker in use moved further than the limit.
    """

    moved: tuple[tuple[int, float], ...] = ()
    doubt: str = ""
    is_excluded: bool = False


class MarkerWatch:
    """Watches the geometry of a patient's markers.

    Parameters
    ----------
    planned_mm
        Centres in FIXED, (m, 3).
    names
        Of the markers.
    planning_sigma_mm, limit_mm, turn_sigma_rad
        As in :func:`~isoguide.registration.markers.migration.consistent_subsets`.
    """

    def __init__(
        self,
        planned_mm: Array,
        names: Sequence[str],
        planning_sigma_mm: float,
        limit_mm: float,
        turn_sigma_rad: float,
    ) -> None:
        self._planned, self._names = planned_mm, tuple(names)
        self._planned_mm2 = np.tile(planning_sigma_mm**2 * np.eye(3), (len(planned_mm), 1, 1))
        self._limit_mm, self._turn = limit_mm, turn_sigma_rad
        count = len(planned_mm)
        self._information = np.zeros((3 * count, 3 * count))
        self._pulled = np.zeros(3 * count)
        self._looks = np.zeros(count)
        self._ray: Array | None = None

    def add(self, markers: SeenMarkers, shift_mm: Array, ray: Array, seconds: float, kept: float) -> None:
        """Take in an exposure.

        Parameters
        ----------
        markers
            What was seen.
        shift_mm
            How the target was shifted then, (3,), as far as is known.
        ray
            Unit vector (3,) from the source to the markers.
        seconds
            Since the exposure before.
        kept
            By what the weight of all earlier exposures is multiplied.
        """
        weight = self._news(ray, seconds)
        information, pulled = self._information, self._pulled
        information *= kept
        pulled *= kept
        self._looks = kept * self._looks + markers.seen
        rows, left, by_place = slopes_of(markers, shift_mm)
        shared = np.eye(3) / _SHIFT_MM**2
        mixed = np.zeros((len(pulled), 3))
        common = np.zeros(3)
        for (_, m), miss, slope in zip(rows, left, by_place, strict=True):
            at = slice(3 * m, 3 * m + 3)
            own, pull = weight * slope.T @ slope, weight * slope.T @ miss
            information[at, at] += own
            pulled[at] += pull
            mixed[at] += own
            shared += own
            common += pull
        information -= mixed @ np.linalg.solve(shared, mixed.T)
        pulled -= mixed @ np.linalg.solve(shared, common)

    def _news(self, ray: Array, seconds: float) -> float:
        before, self._ray = self._ray, ray
        if before is None:
            return 1.0
        turned_deg = float(np.rad2deg(np.arcsin(min(float(np.linalg.norm(np.cross(before, ray))), 1.0))))
        return float(1.0 - np.exp(-turned_deg / SHARED_DEG - seconds / SHARED_S))

    def state(self) -> GeometryState:
        """Return what can be said now."""
        seen = np.flatnonzero(self._looks > 0.0)
        markers = self._constellation(seen)
        return judged(markers, seen, self._names, limit_mm=self._limit_mm, turn_sigma_rad=self._turn)

    def _constellation(self, seen: NDArray[np.intp]) -> Constellation:
        # Their mean is held: only their places against each other are known.
        rows = (3 * seen[:, None] + np.arange(3)).ravel()
        information = self._information[np.ix_(rows, rows)] + np.eye(len(rows)) / UNKNOWN_MM**2
        mean = np.tile(np.eye(3), (len(seen), 1)) / len(seen)
        information = information + mean @ mean.T / SAME_MM**2
        covariance = np.linalg.inv(information)
        off = (covariance @ self._pulled[rows]).reshape(-1, 3)
        own = np.stack([covariance[3 * k : 3 * k + 3, 3 * k : 3 * k + 3] for k in range(len(seen))])
        return Constellation(self._planned[seen], self._planned[seen] + off, self._planned_mm2[seen], own)


def judged(
    markers: Constellation,
    which: NDArray[np.intp],
    names: Sequence[str],
    *,
    limit_mm: float,
    turn_sigma_rad: float,
) -> GeometryState:
    """Return what places in space say of whether markers moved against each other.

    Parameters
    ----------
    markers
        Planned and measured places of some markers.
    which
        Numbers of these markers.
    names
        Of all markers.
    limit_mm, turn_sigma_rad
        As in :func:`~isoguide.registration.markers.migration.consistent_subsets`.
    """
    if len(which) < 2:
        return GeometryState()
    subsets = consistent_subsets(markers, np.eye(3), limit_mm=limit_mm, turn_sigma_rad=turn_sigma_rad)
    if len(subsets) != 1:
        return GeometryState(doubt=_doubt([names[n] for n in which], subsets))
    chosen = list(subsets[0])
    left = markers.of(chosen)
    pose = solve_pose(left, np.eye(3), turn_sigma_rad=turn_sigma_rad)
    off_mm = np.linalg.norm(pose.of_points(markers.measured_mm) - markers.planned_mm, axis=1)
    moved = tuple((int(n), float(off_mm[k])) for k, n in enumerate(which) if k not in chosen)
    is_excluded = len(chosen) > 1 and all(
        excludes_migration(leave_one_out(left, k, np.eye(3), turn_sigma_rad=turn_sigma_rad), limit_mm)
        for k in range(len(chosen))
    )
    return GeometryState(moved, "", is_excluded)


def _doubt(names: Sequence[str], subsets: Sequence[tuple[int, ...]]) -> str:
    if not subsets:
        return (
            "no more than half of the markers lie to each other as planned: check that they are the patient's"
        )
    suspects = sorted({k for k in range(len(names)) if not all(k in subset for subset in subsets)})
    who = ", ".join(f"'{names[k]}'" for k in suspects)
    return f"the markers no longer lie as planned, and which of {who} moved cannot be told"
