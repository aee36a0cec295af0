"""How a structure or an implanted marker moves through the phases of a 4DCT.

It is followed twice: from phase to phase, where little changes at a time but errors add up, and from the
first phase to each, where nothing adds up but a wrong neighbour may be taken. What both agree on, in a cycle
that ends where it began, is believed; anything else is "not available", with the reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.geometry.grid import Grid
from isoguide.images.mask import structure_mask
from isoguide.images.structure import Structure
from isoguide.images.volume import Volume
from isoguide.kernels.patches import CORRELATION, LENGTH, patch_sums
from isoguide.plan import Fiducial
from isoguide.registration.pyramid import Level, crop, make_level
from isoguide.registration.refine import Fit, refine
from isoguide.registration.templates import PATCH, RIM, Templates, make_templates

BoolArray = NDArray[np.bool_]

COARSE_MM, FINE_MM = 3.0, 1.5
PATCHES = 200
SEARCH_MM = 5.0
"""Distance of the places that are tried: patches of 15 mm find the rest of the way."""
SEARCH_PATCHES = 40
SHIFT_NOISE_MM, USUAL_STRETCH = 0.3, 0.1
"""How well one patch knows its shift, and how much tissue is stretched by a breath, mm per mm."""
STEPS = 25
TOLERANCE_MM = {COARSE_MM: 0.02, FINE_MM: 0.003}
FEWEST_PATCHES = 4
CLEAR = 0.8
"""Mean correlation at 1.5 mm below which noise is matched, and the answer at 3 mm stays."""
LARGEST_CONDITION = 100.0
"""Information along the best over that along the worst axis: beyond it one axis is guessed."""
MARKER_RADIUS_MM = 4.0
"""Patches about a marker: seeds are up to 5 mm long."""
_AXES = ("from left to right", "from front to back", "from head to feet")
_SHIFTS = np.eye(6)[:, :3]


@dataclass(frozen=True, slots=True)
class FollowSettings:
    """How far is looked, and what is believed.

    Parameters
    ----------
    search_mm
        Largest displacement per axis from one phase to the next: a quick breath of 30 mm in ten phases.
    margin_mm
        How far around the structure its surroundings may take part: the surface of a tumour says where it
        is, the chest wall beside it does not.
    least_similarity
        Mean correlation of patches of 15 mm, smoothed to 3 mm, below which the structure was not found:
        with the noise of a scanner it is above 0.9, elsewhere in the body or in another patient about 0.8.
    largest_disagreement_mm
        Between following from phase to phase and matching with the first phase; also the largest closure of
        the cycle. None: the largest voxel edge of the 4DCT.

    Raises
    ------
    InputError
        If a value is not a positive number.
    """

    search_mm: float = 15.0
    margin_mm: float = 3.0
    least_similarity: float = 0.85
    largest_disagreement_mm: float | None = None

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value > 0.0):
                msg = f"{name} of the 4DCT must be a positive number, not {value}"
                raise InputError(msg)


@dataclass(frozen=True, slots=True, eq=False)
class PhaseMotion:
    """How one thing moved, or why that is not available.

    Parameters
    ----------
    name
        Of the structure or marker.
    reasons
        Why there is no answer; empty when there is one.
    from_planning_mm
        (3,) planning LPS: its place in the first phase minus that in the planning CT; None without an answer.
    displacement_mm
        (phases, 3) planning LPS: its place in each phase minus that in the first; None without an answer.
    similarity
        (phases,): mean correlation with the first phase (in the first: with the planning CT); NaN where it
        was not found.
    disagreement_mm
        (phases,): distance between both ways of following; NaN likewise.
    closure_mm
        How far the cycle, followed from phase to phase, ends from where it began; NaN likewise.
    """

    name: str
    reasons: tuple[str, ...]
    from_planning_mm: Array | None
    displacement_mm: Array | None
    similarity: tuple[float, ...]
    disagreement_mm: tuple[float, ...]
    closure_mm: float

    @property
    def is_available(self) -> bool:
        """Whether there is an answer."""
        return self.displacement_mm is not None


def follow_structure(
    structure: Structure,
    planning: Volume,
    phases: Sequence[Volume],
    *,
    settings: FollowSettings | None = None,
) -> PhaseMotion:
    """Follow a structure through a cycle of breathing.

    Parameters
    ----------
    structure
        Drawn on the planning CT.
    planning
        The planning CT.
    phases
        The 4DCT in the order of the cycle, in the same frame; the first follows the last.
    settings
        How far is looked, and what is believed.

    Raises
    ------
    InputError
        If there are fewer than two phases.
    GeometryError
        If the structure has no volume on the planning CT, or an image is in another frame.
    """
    settings = settings or FollowSettings()
    mask = structure_mask(structure, planning.grid)
    if not mask.any():  # it has no voxels to be followed by
        return _not_available(structure.name, phases, ("it lies outside the planning CT",))
    return _follow(structure.name, _Region.around(mask, planning.grid, settings), planning, phases, settings)


def follow_marker(
    marker: Fiducial, planning: Volume, phases: Sequence[Volume], *, settings: FollowSettings | None = None
) -> PhaseMotion:
    """Follow an implanted marker through a cycle of breathing.

    Parameters, result and errors are those of :func:`follow_structure`.
    """
    settings = settings or FollowSettings()
    half = int(np.ceil(MARKER_RADIUS_MM + settings.margin_mm))
    size = 2 * half + 1
    grid = Grid(planning.grid.frame, (size,) * 3, np.ones(3), marker.position_mm - half, np.eye(3))
    steps = np.arange(-half, half + 1, dtype=np.float64)
    from_centre_mm = np.linalg.norm(np.stack(np.meshgrid(steps, steps, steps)), axis=0)
    mask = from_centre_mm <= MARKER_RADIUS_MM
    return _follow(marker.name, _Region.around(mask, grid, settings), planning, phases, settings)


@dataclass(frozen=True, slots=True, eq=False)
class _Region:
    """Where patches may lie: near a structure, by the distance from it on a grid of the planning frame."""

    grid: Grid
    distance_mm: NDArray[np.float32]
    low_mm: Array
    high_mm: Array
    centre_mm: Array
    margin_mm: float

    @classmethod
    def around(cls, mask: BoolArray, grid: Grid, settings: FollowSettings) -> "_Region":
        xyz_mm = grid.xyz(np.argwhere(mask)[:, ::-1].astype(np.float64))
        low_mm, high_mm = xyz_mm.min(axis=0), xyz_mm.max(axis=0)
        reach_mm = settings.margin_mm + grid.spacing_mm.max()
        part, inside = crop(grid, mask.astype(np.int16), low_mm - reach_mm, high_mm + reach_mm)
        padded = np.pad(inside, 1)
        distance = ndimage.distance_transform_edt(padded == 0, sampling=part.spacing_mm[::-1])
        around = Grid(part.frame, padded.shape, part.spacing_mm, part.xyz(-np.ones(3)), part.direction)
        return cls(
            around, distance.astype(np.float32), low_mm, high_mm, xyz_mm.mean(axis=0), settings.margin_mm
        )

    def allows(self, grid: Grid, offset_mm: Array) -> BoolArray:
        """Nodes of a grid that lie near the structure when it is displaced by ``offset_mm``, [k, j, i]."""
        corners = np.stack(np.meshgrid(*np.stack([self.low_mm, self.high_mm], axis=1)), axis=-1)
        index = grid.index(corners.reshape(-1, 3) + offset_mm)
        reach = self.margin_mm / grid.spacing_mm
        low = np.maximum(np.floor(index.min(axis=0) - reach), 0.0).astype(int)
        high = np.maximum(np.ceil(index.max(axis=0) + reach) + 1.0, 0.0).astype(int)
        box = tuple(slice(*ends) for ends in zip(low[::-1], high[::-1], strict=True))
        allowed = np.zeros(grid.shape, dtype=bool)
        k, j, i = np.indices(allowed[box].shape)
        xyz_mm = grid.xyz(np.stack([i, j, k], axis=-1) + low.astype(np.float64))
        at = np.moveaxis(self.grid.index(xyz_mm - offset_mm)[..., ::-1], -1, 0)
        far = float(self.distance_mm.max()) + self.margin_mm
        distance = ndimage.map_coordinates(self.distance_mm, at, order=1, mode="constant", cval=far)
        allowed[box] = distance <= self.margin_mm
        return allowed


@dataclass(frozen=True, slots=True, eq=False)
class _Picture:
    """The surroundings of the structure at both resolutions."""

    coarse: Level
    fine: Level

    @classmethod
    def of(cls, volume: Volume, region: _Region, settings: FollowSettings) -> "_Picture":
        # The structure may have gone as far as is looked, and patches reach beyond their centres.
        around_mm = 2.0 * settings.search_mm + settings.margin_mm + (PATCH + RIM) * COARSE_MM
        grid, values = crop(volume.grid, volume.values, region.low_mm - around_mm, region.high_mm + around_mm)
        coarse, fine = (make_level(grid, values, mm, interpolate=True) for mm in (COARSE_MM, FINE_MM))
        return cls(coarse, fine)


@dataclass(frozen=True, slots=True, eq=False)
class _Match:
    """A shift from one image to another; the similarity is NaN where nothing can be said."""

    shift_mm: Array
    similarity: float
    condition: float
    weakest: Array

    def doubt(self, settings: FollowSettings) -> str:
        """Say why it is not believed; empty when it is."""
        if np.isnan(self.similarity):
            return "shows too little contrast there"
        if self.similarity < settings.least_similarity:
            return f"looks different there (correlation {self.similarity:.2f})"
        if self.condition > LARGEST_CONDITION:
            return f"does not determine its place {_AXES[int(np.abs(self.weakest).argmax())]}"
        return ""


def _follow(
    name: str, region: _Region, planning: Volume, phases: Sequence[Volume], settings: FollowSettings
) -> PhaseMotion:
    _check(planning, phases)
    outside = _not_showing(region.centre_mm, planning, phases)
    if outside:
        return _not_available(name, phases, (f"it lies outside {outside}",))
    pictures = [_Picture.of(phase, region, settings) for phase in phases]
    drawn = _Picture.of(planning, region, settings)
    start = _match(region, drawn, np.zeros(3), pictures[0], settings)
    places, steps = [start.shift_mm], []
    for before, after in pairwise([*pictures, pictures[0]]):
        steps.append(_match(region, before, places[-1], after, settings))
        places.append(places[-1] + steps[-1].shift_mm)
    direct = [
        _match(region, pictures[0], places[0], picture, settings, near_mm=place - places[0])
        for picture, place in zip(pictures[1:], places[1:-1], strict=True)
    ]
    doubt = _first_doubt(start, steps, direct, phases, settings)
    if doubt:
        return _not_available(name, phases, (doubt,))
    chain_mm = np.stack(places) - places[0]
    displacement_mm = np.stack([np.zeros(3), *(one.shift_mm for one in direct)])
    apart_mm = np.linalg.norm(displacement_mm - chain_mm[:-1], axis=1)
    closure_mm = float(np.linalg.norm(chain_mm[-1]))
    reasons = _contradictions(apart_mm, closure_mm, phases, settings)
    return PhaseMotion(
        name,
        reasons,
        None if reasons else frozen_array(start.shift_mm, (3,), "the place in the first phase"),
        None if reasons else frozen_array(displacement_mm, (-1, 3), "the displacement"),
        (start.similarity, *(one.similarity for one in direct)),
        tuple(apart_mm.tolist()),
        closure_mm,
    )


def _first_doubt(
    start: _Match,
    steps: Sequence[_Match],
    direct: Sequence[_Match],
    phases: Sequence[Volume],
    settings: FollowSettings,
) -> str:
    """Say which image is the first that cannot be matched: after it, nothing means anything."""
    names = [_phase_name(phases, n) for n in range(len(phases))]
    compared = [(names[0], "the planning CT", start)]
    compared += list(zip([*names[1:], names[0]], names, steps, strict=True))
    compared += [(name, names[0], match) for name, match in zip(names[1:], direct, strict=True)]
    for name, before, match in compared:
        doubt = match.doubt(settings)
        if doubt:
            return f"{name}, compared with {before}, {doubt}"
    return ""


def _contradictions(
    apart_mm: Array, closure_mm: float, phases: Sequence[Volume], settings: FollowSettings
) -> tuple[str, ...]:
    limit_mm = settings.largest_disagreement_mm or max(float(one.grid.spacing_mm.max()) for one in phases)
    found = [
        f"in {_phase_name(phases, n)}, followed from phase to phase, it is {apart:.1f} mm from where the "
        f"match with {_phase_name(phases, 0)} puts it ({limit_mm:g} mm are allowed)"
        for n, apart in enumerate(apart_mm)
        if apart > limit_mm
    ]
    if closure_mm > limit_mm:
        found.append(f"its cycle ends {closure_mm:.1f} mm from where it began ({limit_mm:g} mm are allowed)")
    return tuple(found)


def _not_showing(point_mm: Array, planning: Volume, phases: Sequence[Volume]) -> str:
    named = [("the planning CT", planning), *((_phase_name(phases, n), one) for n, one in enumerate(phases))]
    return next((name for name, image in named if not image.grid.contains(point_mm)), "")


def _phase_name(phases: Sequence[Volume], n: int) -> str:
    return phases[n].source or f"phase {n + 1} of {len(phases)}"


def _check(planning: Volume, phases: Sequence[Volume]) -> None:
    if len(phases) < 2:
        msg = f"a 4DCT has two phases or more, not {len(phases)}: give the whole cycle"
        raise InputError(msg)
    for n, phase in enumerate(phases):
        if phase.grid.frame != planning.grid.frame:
            frames = f"'{phase.grid.frame}' but the planning CT in '{planning.grid.frame}'"
            msg = f"{_phase_name(phases, n)} is in {frames}: give images of one frame of reference"
            raise GeometryError(msg)


def _not_available(name: str, phases: Sequence[Volume], reasons: tuple[str, ...]) -> PhaseMotion:
    nothing = (float("nan"),) * len(phases)
    return PhaseMotion(name, reasons, None, None, nothing, nothing, float("nan"))


def _match(
    region: _Region,
    before: _Picture,
    place_mm: Array,
    after: _Picture,
    settings: FollowSettings,
    *,
    near_mm: Array | None = None,
) -> _Match:
    """Find where what lay at ``place_mm`` has gone; it is searched for unless it is near a known shift."""
    centre_mm = region.centre_mm + place_mm
    found = _Match(np.zeros(3), float("nan"), float("inf"), np.zeros(3))
    shift_mm = near_mm
    for level, onto in ((before.coarse, after.coarse), (before.fine, after.fine)):
        templates = make_templates(level, region.allows(level.grid, place_mm), centre_mm, PATCHES)
        if templates is None or len(templates) < FEWEST_PATCHES:
            return found
        if shift_mm is None:
            shift_mm = _searched(templates, onto, settings.search_mm)
        fit = _refined(templates, onto, shift_mm)
        if not fit.weight.any() or (onto is after.fine and fit.similarity < CLEAR):
            return found
        shift_mm = fit.daily_from_planning[:3, 3]
        similarity = fit.similarity if onto is after.coarse else found.similarity
        found = _Match(shift_mm - _mean_of_stretched(templates, fit), similarity, *_condition(fit))
    return found


def _condition(fit: Fit) -> tuple[float, Array]:
    """Information along the best over that along the worst axis, and the worst axis, a unit vector (3,)."""
    values, vectors = np.linalg.eigh(fit.normal[:3, :3])
    return float(values[-1] / max(values[0], 1e-12)), vectors[:, 0]


def _mean_of_stretched(templates: Templates, fit: Fit) -> Array:
    """Return how far the centre of a stretched structure is from where the shift of its patches puts it.

    Patches lie where there is contrast, not where the centre is: when the lower end moves more than the
    upper, their common shift is that of the end that shows more. A shift and nine gradients are fitted to
    what each patch still wants, the gradients held small by a ridge.
    """
    lever_mm = templates.centres_mm - templates.centre_mm
    design = np.concatenate([np.ones((len(lever_mm), 1)), lever_mm], axis=1)
    information = fit.weight[:, None, None] * templates.information[:, :3, :3]
    wish = fit.weight[:, None] * fit.gradient[:, :3]
    normal = np.einsum("pa,pij,pb->aibj", design, information, design).reshape(12, 12)
    usual = float(np.trace(information.sum(axis=0))) / 3.0 / len(lever_mm)
    normal[3:, 3:] += (SHIFT_NOISE_MM / USUAL_STRETCH) ** 2 * usual * np.eye(9)
    right = np.einsum("pa,pi->ai", design, wish).reshape(12)
    return np.asarray(np.linalg.solve(normal, right)[:3])


def _searched(templates: Templates, level: Level, search_mm: float) -> Array:
    """Try every shift on a lattice, (3,): the one at which patches correlate best on average."""
    few = templates.subset(np.unique(np.linspace(0, len(templates) - 1, SEARCH_PATCHES).round().astype(int)))
    reach = int(search_mm / SEARCH_MM)
    steps = np.arange(-reach, reach + 1) * SEARCH_MM
    shifts = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    sums = patch_sums(
        level.values,
        np.ascontiguousarray(level.grid.index_from_xyz[:3]),
        (shifts[:, None] + few.centres_mm).reshape(-1, 3),
        few.offsets_mm,
        np.tile(few.values, (len(shifts), 1)),
        np.empty((len(shifts) * len(few), 0, few.values.shape[1]), dtype=np.float32),
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = np.nan_to_num(sums[:, CORRELATION] / sums[:, LENGTH])
    best: Array = shifts[correlation.reshape(len(shifts), -1).mean(axis=1).argmax()]
    return best


def _refined(templates: Templates, level: Level, shift_mm: Array) -> Fit:
    pose = np.eye(4)
    pose[:3, 3] = shift_mm
    tolerance_mm = TOLERANCE_MM[COARSE_MM if level.grid.spacing_mm.min() > 2.0 else FINE_MM]
    return refine(templates, level, pose, _SHIFTS, steps=STEPS, tolerance_mm=tolerance_mm)
