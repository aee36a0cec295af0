"""Which found thing is which marker: by rays that meet, and by the distances between the markers.

All assignments of up to five markers are tried, so that clips and calcifications that look like a marker do
no harm unless they also lie like one; further markers are then looked for where these say they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.geometry.xray_view import XrayView
from isoguide.plan import Fiducial
from isoguide.registration.markers.declared import MeasuredMarker
from isoguide.registration.markers.in_radiographs import RadiographMarker
from isoguide.registration.markers.pose import Constellation, solve_pose
from isoguide.registration.markers.triangulation import triangulate

RAYS_CHI_SQUARE: Final = 13.8
"""0.02 % of chi-square with one degree of freedom: rays that miss each other by more are of two things."""
AGREE_MM: Final = 1.5
"""A distance may change by this and its error and still be of the same two markers; the match judges."""
AGREE_SIGMA_MM: Final = 0.2
LARGEST_TURN_DEG: Final = 20.0
"""The constellation turns by less from the expected rotation: what tells two markers from their exchange."""
EXHAUSTIVE: Final = 5
STRAY_MM: Final = 12.0
"""A marker that does not lie like the rest is looked for this far from its place, to say that it moved."""
CLEAR_COST: Final = 9.0
"""Assignments whose sums of squares differ by less are equally good."""


@dataclass(frozen=True, slots=True, eq=False)
class MarkerCandidate:
    """A place where a marker may be, and what was seen there.

    ``uses`` names the things seen in the images: two candidates that share one cannot both be markers.
    """

    marker: MeasuredMarker
    uses: frozenset[tuple[int, int]]


@dataclass(frozen=True, slots=True, eq=False)
class Correspondence:
    """Which candidate is which marker.

    Parameters
    ----------
    measured
        By the marker's name; markers that were not found are absent.
    is_clear
        False when another assignment explains the images as well: it then holds nothing.
    """

    measured: dict[str, MeasuredMarker]
    is_clear: bool


def candidates_in_volume(found: Sequence[MeasuredMarker]) -> tuple[MarkerCandidate, ...]:
    """Return what was found in one volume as candidates."""
    return tuple(MarkerCandidate(marker, frozenset({(0, n)})) for n, marker in enumerate(found))


def candidates_in_pair(
    views: tuple[XrayView, XrayView],
    found: tuple[Sequence[RadiographMarker], Sequence[RadiographMarker]],
    *,
    calibration_px: float,
) -> tuple[MarkerCandidate, ...]:
    """Return every place where the rays of two images meet.

    Parameters
    ----------
    views
        Of the two images, in one frame.
    found
        What each shows.
    calibration_px
        Error of the views per axis, standard deviation: rays may miss each other by it and their own error.

    Raises
    ------
    GeometryError
        If the views lie in different frames or look along the same line.
    """
    loose = calibration_px**2 * np.eye(2)
    candidates = []
    for i, one in enumerate(found[0]):
        for j, other in enumerate(found[1]):
            pixels = np.stack([one.pixel, other.pixel])
            covariances = np.stack([one.covariance_px2, other.covariance_px2])
            if triangulate(views, pixels, covariances + loose).chi_square <= RAYS_CHI_SQUARE:
                marker = triangulate(views, pixels, covariances).marker
                candidates.append(MarkerCandidate(marker, frozenset({(0, i), (1, j)})))
    return tuple(candidates)


def assign_markers(
    planned: Sequence[Fiducial],
    candidates: Sequence[MarkerCandidate],
    expected: RigidTransform,
    *,
    reach_mm: float,
) -> Correspondence:
    """Decide which candidate is which marker.

    Parameters
    ----------
    planned
        All implanted markers, as they lie in the planning CT.
    candidates
        Places in ``expected.from_frame``.
    expected
        Planning LPS from the images' frame, as the set-up says.
    reach_mm
        No marker lies further than this from where it is expected.
    """
    there_mm = np.array([expected.apply(c.marker.position_mm) for c in candidates]).reshape(-1, 3)
    planned_mm = np.array([marker.position_mm for marker in planned]).reshape(-1, 3)
    search = _Search(planned_mm, there_mm, candidates, reach_mm)
    best = search.run(_most_spread(planned_mm))
    if best is None:
        return Correspondence({}, is_clear=not search.is_ambiguous)
    if len(planned) > 1 and sum(c is not None for c in best.values()) > 1:
        _add_strays(best, planned_mm, there_mm, candidates)
    measured = {planned[m].name: candidates[c].marker for m, c in sorted(best.items()) if c is not None}
    return Correspondence(measured, is_clear=True)


def _most_spread(planned_mm: Array) -> list[int]:
    # Farthest-point order from the one farthest from the middle.
    order = [int(np.argmax(np.linalg.norm(planned_mm - planned_mm.mean(axis=0), axis=1)))]
    while len(order) < min(EXHAUSTIVE, len(planned_mm)):
        distance = np.linalg.norm(planned_mm[:, None] - planned_mm[order][None], axis=-1).min(axis=1)
        order.append(int(np.argmax(distance)))
    return order


class _Search:
    # Depth-first over markers; each takes a candidate that agrees with all chosen so far, or none.

    def __init__(
        self, planned_mm: Array, there_mm: Array, candidates: Sequence[MarkerCandidate], reach_mm: float
    ) -> None:
        self._planned_mm, self._there_mm, self._candidates = planned_mm, there_mm, candidates
        offset = np.linalg.norm(planned_mm[:, None] - there_mm[None], axis=-1)
        self._near = [np.flatnonzero(row <= reach_mm).tolist() for row in offset]
        self._sigma2 = [float(np.linalg.eigvalsh(c.marker.covariance_mm2)[-1]) for c in candidates]
        self._leaves: list[tuple[int, float, dict[int, int | None]]] = []
        self._best = 0
        self.is_ambiguous = False

    def run(self, order: list[int]) -> dict[int, int | None] | None:
        self._descend(order, {}, 0, 0.0)
        least = 2 if len(self._planned_mm) > 1 else 1
        leaves = sorted((leaf for leaf in self._leaves if leaf[0] == self._best), key=lambda leaf: leaf[1])
        if self._best < least or not leaves:
            return None
        self.is_ambiguous = any(
            cost - leaves[0][1] < CLEAR_COST and self._differs(chosen, leaves[0][2])
            for _, cost, chosen in leaves[1:]
        )
        return None if self.is_ambiguous else leaves[0][2]

    def _descend(self, order: list[int], chosen: dict[int, int | None], count: int, cost: float) -> None:
        if count + len(order) - len(chosen) < self._best:
            return
        if len(chosen) == len(order):
            self._best = max(self._best, count)
            self._leaves.append((count, cost, dict(chosen)))
            return
        marker = order[len(chosen)]
        for candidate in self._near[marker]:
            added = self._cost(marker, candidate, chosen)
            if added is not None:
                self._descend(order, {**chosen, marker: candidate}, count + 1, cost + added)
        self._descend(order, {**chosen, marker: None}, count, cost)

    def _cost(self, marker: int, candidate: int, chosen: dict[int, int | None]) -> float | None:
        cost = 0.0
        for other, taken in chosen.items():
            if taken is None:
                continue
            if self._candidates[candidate].uses & self._candidates[taken].uses:
                return None
            planned = self._planned_mm[marker] - self._planned_mm[other]
            there = self._there_mm[candidate] - self._there_mm[taken]
            length = float(np.linalg.norm(planned))
            change = float(np.linalg.norm(there)) - length
            sigma2 = self._sigma2[candidate] + self._sigma2[taken] + 2.0 * AGREE_SIGMA_MM**2
            most_mm = AGREE_MM + 3.0 * np.sqrt(sigma2)
            turn_mm = most_mm + 2.0 * length * np.sin(np.deg2rad(LARGEST_TURN_DEG / 2.0))
            if abs(change) > most_mm or np.linalg.norm(there - planned) > turn_mm:
                return None
            cost += change**2 / sigma2
        return cost

    def _differs(self, one: dict[int, int | None], other: dict[int, int | None]) -> bool:
        for marker, candidate in one.items():
            taken = other[marker]
            if (candidate is None) != (taken is None):
                return True
            if candidate is None or taken is None:
                continue
            if np.linalg.norm(self._there_mm[candidate] - self._there_mm[taken]) > 1.0:
                return True
        return False


def _add_strays(
    best: dict[int, int | None], planned_mm: Array, there_mm: Array, candidates: Sequence[MarkerCandidate]
) -> None:
    taken = {m: c for m, c in best.items() if c is not None}
    markers, places = list(taken), list(taken.values())
    errors = np.tile(AGREE_SIGMA_MM**2 * np.eye(3), (len(taken), 1, 1))
    pose = solve_pose(Constellation(planned_mm[markers], there_mm[places], errors, errors), np.eye(3))
    used = frozenset[tuple[int, int]]().union(*(candidates[c].uses for c in places))
    distance = np.linalg.norm(planned_mm[:, None] - pose.of_points(there_mm)[None], axis=-1)
    for m in range(len(planned_mm)):
        free = [c for c in range(len(candidates)) if not candidates[c].uses & used]
        if m in taken or not free:
            continue
        nearest = min(free, key=lambda c: distance[m, c])
        if distance[m, nearest] <= STRAY_MM:
            best[m] = nearest
            used |= candidates[nearest].uses
