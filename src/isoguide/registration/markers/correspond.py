"""Which found thing is which marker: by rays that meet, and by the distances between the markers.

A marker and a candidate agree with another such pair when their distance and direction do. The largest sets
in which all agree are searched completely, so that clips and calcifications that look like a marker do no
harm unless they also lie like one.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.geometry.xray_view import XrayView
from isoguide.plan import Fiducial
from isoguide.registration.markers.declared import MeasuredMarker
from isoguide.registration.markers.in_radiographs import RadiographMarker
from isoguide.registration.markers.pose import Constellation, Pose, solve_pose
from isoguide.registration.markers.triangulation import triangulate_all

RAYS_CHI_SQUARE: Final = 13.8
"""0.02 % of chi-square with one degree of freedom: rays that miss each other by more are of two things."""
AGREE_MM: Final = 1.5
"""A distance may change by this and its error and still be of the same two markers; the match judges."""
AGREE_SIGMA_MM: Final = 0.2
LARGEST_TURN_DEG: Final = 20.0
"""The constellation turns by less from the expected rotation: what tells two markers from their exchange."""
STRAY_MM: Final = 12.0
"""A marker that does not lie like the rest is looked for this far from its place, to say that it moved."""
CLEAR_COST: Final = 9.0
"""Assignments whose sums of squares differ by less are equally good."""
SAME_MM: Final = 1.0
"""Candidates nearer to each other are the same place."""
HIDDEN_MM: Final = 5.0
"""A missing marker whose place is nearer to things that cover each other is taken to be one of them."""
TWO_FIT: Final = (
    "two assignments of the markers or more fit the images equally well: narrow the search, "
    "or take a pair of images from other angles"
)
MOST_SETS: Final = 2000
"""Assignments that are compared; more than that only come of candidates without number."""


@dataclass(frozen=True, slots=True, eq=False)
class MarkerCandidate:
    """A place where a marker may be, and what was seen there.

    ``uses`` names the things seen in the images: two candidates that share one cannot both be markers. An
    unresolved one lies where several markers cover each other: it says where to look, not where a marker is.
    """

    marker: MeasuredMarker
    uses: frozenset[tuple[int, int]]
    is_resolved: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Correspondence:
    """Which candidate is which marker.

    Parameters
    ----------
    measured
        By the marker's name; markers that were not found or are not clear are absent.
    is_clear
        False when another assignment explains the images as well.
    unclear
        Why a marker that was seen is not measured, by its name: a clause to follow the marker's name.
    reason
        What stands against the assignment as a whole, one sentence with what to do; None: nothing.
    """

    measured: dict[str, MeasuredMarker]
    is_clear: bool
    unclear: dict[str, str] = field(default_factory=dict)
    reason: str | None = None


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
    if not found[0] or not found[1]:
        return ()
    loose = calibration_px**2 * np.eye(2)
    first, second = (n.ravel() for n in np.indices((len(found[0]), len(found[1]))))
    pixels = np.stack(
        [
            np.array([marker.pixel for marker in seen])[which]
            for seen, which in zip(found, (first, second), strict=True)
        ],
        axis=1,
    )
    covariances = np.stack(
        [
            np.array([marker.covariance_px2 for marker in seen])[which]
            for seen, which in zip(found, (first, second), strict=True)
        ],
        axis=1,
    )
    meet = triangulate_all(views, pixels, covariances + loose).chi_square <= RAYS_CHI_SQUARE
    meeting = triangulate_all(views, pixels[meet], covariances[meet])
    return tuple(
        MarkerCandidate(
            MeasuredMarker(position_mm, covariance_mm2),
            frozenset({(0, int(i)), (1, int(j))}),
            found[0][i].is_resolved and found[1][j].is_resolved,
        )
        for position_mm, covariance_mm2, i, j in zip(
            meeting.position_mm, meeting.covariance_mm2, first[meet], second[meet], strict=True
        )
    )


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
    sure = [candidate for candidate in candidates if candidate.is_resolved]
    there_mm, planned_mm = _places(sure, expected), np.array([m.position_mm for m in planned]).reshape(-1, 3)
    search = _Search(planned_mm, there_mm, sure, reach_mm)
    best, open_markers = search.run()
    if open_markers and len(best) < min(2, len(planned)):
        alone = {planned[m].name: "is the only clear one, which says too little" for m in best}
        unclear = {**_equally_good(planned, open_markers), **alone}
        return Correspondence({}, is_clear=False, unclear=unclear, reason=TWO_FIT)
    hidden = [candidate for candidate in candidates if not candidate.is_resolved]
    unclear = _equally_good(planned, open_markers)
    unclear.update(_hidden(planned, best, planned_mm, there_mm, _places(hidden, expected)))
    if len(planned) > 1 and len(best) > 1:
        away = {m for m, marker in enumerate(planned) if marker.name not in unclear and m not in best}
        _add_strays(best, away, planned_mm, there_mm, sure)
    measured = {planned[m].name: sure[c].marker for m, c in sorted(best.items())}
    return Correspondence(
        measured,
        is_clear=not open_markers,
        unclear=unclear,
        reason=TWO_FIT if open_markers else None,
    )


def _places(candidates: Sequence[MarkerCandidate], expected: RigidTransform) -> Array:
    return np.array([expected.apply(c.marker.position_mm) for c in candidates]).reshape(-1, 3)


def _equally_good(planned: Sequence[Fiducial], which: Collection[int]) -> dict[str, str]:
    reason = "has two places or more that fit the plan equally well"
    return {planned[m].name: reason for m in sorted(which)}


class _Search:
    # Nodes are a marker with a candidate within reach; the largest sets of nodes that agree pairwise.

    def __init__(
        self, planned_mm: Array, there_mm: Array, candidates: Sequence[MarkerCandidate], reach_mm: float
    ) -> None:
        self._planned_mm, self._there_mm = planned_mm, there_mm
        offset = np.linalg.norm(planned_mm[:, None] - there_mm[None], axis=-1)
        self._marker, self._candidate = np.nonzero(offset <= reach_mm)
        sigma2 = [float(np.linalg.eigvalsh(c.marker.covariance_mm2)[-1]) for c in candidates]
        agrees, self._cost = self._compared(np.array(sigma2).reshape(-1))
        agrees &= ~self._share(candidates)
        # A set of nodes is the bits of a whole number.
        self._agrees = [_bits(np.flatnonzero(row)) for row in agrees]
        markers = range(len(planned_mm))
        self._of_marker = [_bits(np.flatnonzero(self._marker == m)) for m in markers]
        self._sets: list[list[int]] = []
        self._best = 1 if len(planned_mm) == 1 else 2

    def run(self) -> tuple[dict[int, int], set[int]]:
        """Return the candidate of each marker that is clear, and the markers that have several."""
        order = sorted(range(len(self._of_marker)), key=lambda m: self._of_marker[m].bit_count())
        self._descend([m for m in order if self._of_marker[m]], [], -1)
        sets = [(self._cost_of(nodes), nodes) for nodes in self._sets if len(nodes) == self._best]
        if not sets:
            return {}, set()
        least = min(cost for cost, _ in sets)
        near = [nodes for cost, nodes in sets if cost - least < CLEAR_COST]
        _, chosen = min(sets, key=lambda one: one[0])
        best = {int(self._marker[n]): int(self._candidate[n]) for n in chosen}
        open_markers: set[int] = set()
        for nodes in near:
            other = {int(self._marker[n]): int(self._candidate[n]) for n in nodes}
            open_markers |= {
                m for m in best.keys() | other.keys() if self._differs(best.get(m), other.get(m))
            }
        return {m: c for m, c in best.items() if m not in open_markers}, open_markers

    def _descend(self, markers: list[int], chosen: list[int], allowed: int) -> None:
        reachable = sum(1 for m in markers if self._of_marker[m] & allowed)
        if len(chosen) + reachable < self._best or len(self._sets) >= MOST_SETS:
            return
        if reachable == 0:
            if len(chosen) > self._best:
                self._sets.clear()
            self._best = max(self._best, len(chosen))
            self._sets.append(chosen)
            return
        marker, rest = markers[0], markers[1:]
        for node in _of_bits(self._of_marker[marker] & allowed):
            self._descend(rest, [*chosen, node], allowed & self._agrees[node])
        self._descend(rest, chosen, allowed)

    def _compared(self, sigma2: Array) -> tuple[NDArray[np.bool_], Array]:
        planned = self._planned_mm[self._marker]
        there = self._there_mm[self._candidate]
        planned, there = planned[:, None] - planned[None], there[:, None] - there[None]
        length = np.linalg.norm(planned, axis=-1)
        change = np.linalg.norm(there, axis=-1) - length
        own = sigma2[self._candidate]
        variance = own[:, None] + own[None] + 2.0 * AGREE_SIGMA_MM**2
        most_mm = AGREE_MM + 3.0 * np.sqrt(variance)
        turn_mm = most_mm + 2.0 * length * np.sin(np.deg2rad(LARGEST_TURN_DEG / 2.0))
        agrees = (np.abs(change) <= most_mm) & (np.linalg.norm(there - planned, axis=-1) <= turn_mm)
        agrees &= self._marker[:, None] != self._marker[None]
        return agrees, np.asarray(change**2 / variance)

    def _share(self, candidates: Sequence[MarkerCandidate]) -> NDArray[np.bool_]:
        things = sorted({thing for candidate in candidates for thing in candidate.uses})
        uses = np.zeros((len(candidates), len(things)), dtype=np.int64)
        for n, candidate in enumerate(candidates):
            uses[n, [things.index(thing) for thing in candidate.uses]] = 1
        mine = uses[self._candidate]
        return np.asarray(mine @ mine.T > 0)

    def _cost_of(self, nodes: list[int]) -> float:
        return float(self._cost[np.ix_(nodes, nodes)].sum()) / 2.0

    def _differs(self, one: int | None, other: int | None) -> bool:
        if one is None or other is None:
            return one is not other
        return float(np.linalg.norm(self._there_mm[one] - self._there_mm[other])) > SAME_MM


def _bits(numbers: NDArray[np.intp]) -> int:
    return sum(1 << int(n) for n in numbers)


def _of_bits(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def _pose_of(best: Mapping[int, int], planned_mm: Array, there_mm: Array) -> Pose:
    markers, places = list(best), list(best.values())
    errors = np.tile(AGREE_SIGMA_MM**2 * np.eye(3), (len(best), 1, 1))
    return solve_pose(Constellation(planned_mm[markers], there_mm[places], errors, errors), np.eye(3))


def _add_strays(
    best: dict[int, int],
    away: Collection[int],
    planned_mm: Array,
    there_mm: Array,
    candidates: Sequence[MarkerCandidate],
) -> None:
    used = frozenset[tuple[int, int]]().union(*(candidates[c].uses for c in best.values()))
    pose = _pose_of(best, planned_mm, there_mm)
    distance = np.linalg.norm(planned_mm[:, None] - pose.of_points(there_mm)[None], axis=-1)
    for m in sorted(away):
        free = [c for c in range(len(candidates)) if not candidates[c].uses & used]
        nearest = min(free, key=lambda c: distance[m, c], default=None)
        if nearest is not None and distance[m, nearest] <= STRAY_MM:
            best[m] = nearest
            used |= candidates[nearest].uses


def _hidden(
    planned: Sequence[Fiducial],
    best: Mapping[int, int],
    planned_mm: Array,
    there_mm: Array,
    hidden_mm: Array,
) -> dict[str, str]:
    # Without a pose, whatever is hidden anywhere may be any of the markers.
    near = np.zeros((len(planned_mm), len(hidden_mm)))
    if best:
        there = _pose_of(best, planned_mm, there_mm).of_points(hidden_mm)
        near = np.linalg.norm(planned_mm[:, None] - there[None], axis=-1)
    reason = "lies across another marker in a radiograph, and the two cannot be told apart"
    return {
        marker.name: reason
        for m, marker in enumerate(planned)
        if m not in best and (near[m] <= HIDDEN_MM).any()
    }
