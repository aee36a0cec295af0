"""What is looked for about each marker's place: groups that touch, templates, places to choose from.

Markers whose shadows touch are looked for together, with the distance between them that is expected: that is
what keeps two that cross from being taken for each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.geometry.xray_view import XrayView
from isoguide.kernels.marker_windows import scan_for_wires
from isoguide.registration.markers.projected import BLUR_PX, MarkerSize, wire

RELATIVE_MM: Final = 0.4
"""How far a marker may be from where the others let expect it: rotation, and the planning CT."""
SIGMAS: Final = 3.0
LARGEST_REACH_PX: Final = 45
"""A window is never searched further."""
LEAST_CORRELATION: Final = 0.4
"""Of a template with the image: it only proposes, the fit decides."""
WORTH: Final = 0.5
"""Share of the best place's correlation below which another is none."""
CLEAR: Final = 0.85
"""Correlation of places that need no others to choose from when they agree."""
CHOICES: Final = 3
"""Places proposed in each window."""
APART_PX: Final = 3.0
MISSING_COST: Final = 30.0
"""What a marker that is not found costs: it may lie 5 sigma from where the others let expect it."""
CORRELATION_COST: Final = 40.0
_DIRECTIONS: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Markers that touch: their numbers, their expected wires (g, 5) in the image, and other wires to try."""

    members: tuple[int, ...]
    wires: Array
    others: tuple[Array, ...] = ()

    @property
    def middle(self) -> Array:
        """Pixel in the middle of them, whole numbers."""
        return np.asarray(np.round(self.wires[:, :2].mean(axis=0)))


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """A place where a group may be: wires (g, 5), their shift (2,) from the expected ones, correlation."""

    wires: Array
    shift: Array
    correlation: float


def expected_wires(view: XrayView, places_mm: Array, axes: Array, length_mm: float) -> Array:
    """Return how cylinders (centres and unit axes (m, 3)) are expected in an image, (m, 5)."""
    half = length_mm / 2.0 * axes
    ends = np.concatenate([places_mm, places_mm - half, places_mm + half])
    centres, first, last = np.split(view.project(ends), 3)
    along = last - first
    angle = np.arctan2(along[:, 1], along[:, 0])
    blur = np.full(len(along), np.log(BLUR_PX))
    return np.column_stack([centres, angle, blur, np.linalg.norm(along, axis=1)])


def touching_groups(wires: Array, size: MarkerSize, *, axes_known: bool) -> list[Group]:
    """Return the markers in groups whose shadows touch."""
    share = np.linspace(-0.5, 0.5, 9)
    axes = np.stack([np.cos(wires[:, 2]), np.sin(wires[:, 2])], axis=1) * wires[:, 4:]
    points = wires[:, None, :2] + share[:, None] * axes[:, None]
    apart = np.linalg.norm(points[:, None, :, None] - points[None, :, None], axis=-1).min(axis=(2, 3))
    near = apart < size.diameter_px + 4.0 * BLUR_PX
    free, groups = list(range(len(wires))), []
    while free:
        members = [free.pop(0)]
        for one in members:
            joined = [other for other in free if near[one, other]]
            members += joined
            free = [other for other in free if other not in joined]
        members.sort()
        alone = len(members) == 1 and not axes_known and not size.is_round
        others = _any_direction(wires[members[0]], size) if alone else ()
        groups.append(Group(tuple(members), wires[members], others))
    return groups


def _any_direction(at: Array, size: MarkerSize) -> tuple[Array, ...]:
    turns = np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS
    each = [wire(at[:2], float(turn), share * size.length_px) for share in (1.0, 0.6) for turn in turns]
    return tuple(one[None] for one in (*each, wire(at[:2], 0.0, 0.0)))


def reach_of(shift_px2: Array, relative_px: float) -> int:
    """How far is searched about a place, whole pixels, for the covariance (2, 2) of the common shift."""
    sigma_px = np.sqrt(float(np.linalg.eigvalsh(shift_px2)[-1]) + relative_px**2)
    return int(min(np.ceil(SIGMAS * sigma_px) + 1, LARGEST_REACH_PX))


def extent_of(group: Group, size: MarkerSize) -> int:
    """How far the templates of a group reach from its middle, whole pixels."""
    far = np.abs(group.wires[:, :2] - group.middle).max() if len(group.wires) > 1 else 0.0
    return int(np.ceil(far + size.length_px / 2.0 + size.diameter_px / 2.0 + 2.0 * BLUR_PX + 2.5))


def choices_in(window: Array, group: Group, size: MarkerSize) -> list[Choice]:
    """Return where in a window [row, column] about the group's middle it may be, likeliest first."""
    extent = extent_of(group, size)
    reach = (len(window) - 1) // 2 - extent
    candidates = group.others or (group.wires,)
    about_px = size.diameter_px / 2.0 + 1.5 * BLUR_PX + 1.5
    corner = _at(group.middle - extent)
    answers = np.stack(
        [scan_for_wires(window, wires - corner, about_px, size.width2, extent, reach) for wires in candidates]
    )
    which = answers.argmax(axis=0)
    left = answers.max(axis=0)
    row, column = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    found: list[Choice] = []
    while len(found) < CHOICES:
        at = np.unravel_index(int(left.argmax()), left.shape)
        if left[at] < (max(LEAST_CORRELATION, WORTH * found[0].correlation) if found else LEAST_CORRELATION):
            break
        shift = np.array([at[1], at[0]], dtype=np.float64) - reach
        found.append(Choice(candidates[int(which[at])] + _at(shift), shift, float(left[at])))
        left[np.hypot(column - shift[0], row - shift[1]) <= APART_PX] = -1.0
    return found


def _at(pixel: Array) -> Array:
    return np.concatenate([pixel, np.zeros(3)])


def likeliest(options: Sequence[Sequence[Choice]], shift_px2: Array, relative_px: float) -> list[int | None]:
    """Choose a place for each group such that all are shifted alike; None: better not found.

    Parameters
    ----------
    options
        Places proposed for each group.
    shift_px2
        Covariance (2, 2) of the shift that all share.
    relative_px
        How far one may be off from that, standard deviation per axis.
    """
    if _agree([each[0] for each in options if each], len(options), relative_px):
        return [0] * len(options)
    counts = [len(each) + 1 for each in options]
    combinations = np.indices(counts).reshape(len(counts), -1).T
    total = np.zeros(len(combinations))
    information = np.tile(np.linalg.inv(shift_px2), (len(combinations), 1, 1))
    pull = np.zeros((len(combinations), 2))
    for group, choices in enumerate(options):
        which = combinations[:, group]
        there = which > 0
        shifts = np.array([np.zeros(2), *(choice.shift for choice in choices)])[which]
        costs = [MISSING_COST, *(CORRELATION_COST * (1.0 - choice.correlation) for choice in choices)]
        total += np.array(costs)[which] + there * (shifts**2).sum(axis=1) / relative_px**2
        information += there[:, None, None] * np.eye(2) / relative_px**2
        pull += there[:, None] * shifts / relative_px**2
    total -= (pull * np.linalg.solve(information, pull[..., None])[..., 0]).sum(axis=1)
    best = combinations[int(np.argmin(total))]
    return [int(which) - 1 if which > 0 else None for which in best]


def _agree(best: Sequence[Choice], count: int, relative_px: float) -> bool:
    if len(best) < max(count, 3) or min(choice.correlation for choice in best) < CLEAR:
        return False
    shifts = np.array([choice.shift for choice in best])
    return bool(np.abs(shifts - shifts.mean(axis=0)).max() <= 2.0 * relative_px)
