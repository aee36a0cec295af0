"""What a course has delivered so far: the doses of its days, each taken home by the tissue that got it.

Congruent transfer of energy and mass (Siebers and Zhong, Med. Phys. 35:1815, 2008; Zhong and Siebers, Phys.
Med. Biol. 54:5735, 2009): a dose is energy over mass, so both are taken from the day to where their tissue
was planned, and only there is one divided by the other. Where light and heavy tissue meet, dose alone would
be mixed as if air weighed as much as muscle.

A voxel of the plan takes energy and mass of the day's voxels by the share in which its image overlaps them,
which is what a linear interpolation of the two does where voxels are of one size. So nothing changes where
nothing moved, and a uniform dose stays uniform under any motion. Voxels of the plan that are larger than the
day's take the mean of several such places.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import reduce
from itertools import product
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.dose.result import DoseVolume
from isoguide.errors import GeometryError, MissingEvidenceError
from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.displacement_field import DisplacementField, node_positions_mm
from isoguide.images.volume import Volume
from isoguide.progress import Progress, silent
from isoguide.registration.deformable.result import DeformableRegistration, FieldVerdict

Float32 = NDArray[np.float32]

LEAST_DENSITY: Final = 1e-3
"""Of air, relative to water: no voxel is without mass, so that every one has a dose."""
OUTSIDE_TOLD: Final = 0.005
"""Share of the plan's voxels whose tissue may lie outside the day's dose grid before the result says so."""


class Undecided(StrEnum):
    """What is done with a day whose deformation is not for decision."""

    RIGIDLY = "added by the rigid match"
    REFUSED = "not available"


@dataclass(frozen=True, slots=True, eq=False)
class DeliveredPart:
    """The dose of one fraction, and where its tissue was planned.

    Parameters
    ----------
    name
        For sentences, such as "fraction 3".
    dose
        Of this fraction, daily LPS.
    planning_from_daily
        The rigid match.
    field
        Displacement of tissue on top of it; None: it only moved as a whole.
    sigma_mm
        float32 ``[k, j, i]`` at the nodes of the field: standard deviation of the displacement along an axis;
        None where it is known exactly.
    density
        Relative density of the day, daily LPS, not negative; None: everything weighs the same, which is
        named.
    is_for_decision
        Whether the field may be decided by.

    Raises
    ------
    GeometryError
        If the frames are others, or the deviations do not belong to the field.
    """

    name: str
    dose: DoseVolume
    planning_from_daily: RigidTransform
    field: DisplacementField | None = None
    sigma_mm: Float32 | None = None
    density: Volume | None = None
    is_for_decision: bool = True

    def __post_init__(self) -> None:
        ends = (self.planning_from_daily.to_frame, self.planning_from_daily.from_frame)
        frames = {self.dose.grid.frame} | ({self.density.grid.frame} if self.density else set())
        if ends != (PLANNING, DAILY) or frames != {DAILY}:
            msg = f"the dose of {self.name} has to lie in '{DAILY}', and its match to lead from there"
            raise GeometryError(msg)
        if self.sigma_mm is not None and (self.field is None or self.sigma_mm.shape != self.field.grid.shape):
            msg = f"the uncertainty of {self.name} does not belong to the nodes of its field"
            raise GeometryError(msg)

    @classmethod
    def of(
        cls, name: str, dose: DoseVolume, found: DeformableRegistration, density: Volume | None = None
    ) -> Self:
        """Return the dose of a day with what was found of its deformation."""
        return cls(
            name,
            dose,
            found.planning_from_daily,
            found.field,
            found.sigma_mm,
            density,
            found.verdict is FieldVerdict.FOR_DECISION,
        )


@dataclass(frozen=True, slots=True, eq=False)
class CarriedDose:
    """One fraction's energy and mass where its tissue was planned.

    Parameters
    ----------
    dose_gy
        Float32 ``[k, j, i]`` on the grid of the plan: energy over mass.
    mass_g
        Float64 likewise: mass that lies in the voxel, for water of 1 g/ml.
    sigma_gy
        Float32 likewise: standard deviation that the deformation leaves.
    approximations
        One sentence each.
    """

    dose_gy: Float32
    mass_g: Array
    sigma_gy: Float32
    approximations: tuple[str, ...] = ()

    @property
    def energy_j(self) -> float:
        """Energy in all voxels together."""
        return float((self.dose_gy * self.mass_g).sum() / 1000.0)


@dataclass(frozen=True, slots=True, eq=False)
class AccumulatedDose:
    """Dose of several fractions in the planning anatomy.

    Parameters
    ----------
    dose
        Their sum.
    sigma_gy
        Float32 ``[k, j, i]``: standard deviation that the deformations leave. That of several days is their
        sum, not the root of squares: all of them were matched to one planning CT and by one method, and so
        may err to one side.
    fractions
        How many.
    approximations
        What is assumed, one sentence each.
    """

    dose: DoseVolume
    sigma_gy: Float32
    fractions: int
    approximations: tuple[str, ...]

    def band(self, deviations: float = 1.96) -> tuple[DoseVolume, DoseVolume]:
        """Return the doses so many standard deviations below (not below 0) and above."""
        width = np.float32(deviations) * self.sigma_gy
        low = np.maximum(self.dose.dose_gy - width, np.float32(0.0))
        return replace(self.dose, dose_gy=low), replace(self.dose, dose_gy=self.dose.dose_gy + width)

    def plus(self, carried: CarriedDose) -> "AccumulatedDose":
        """Return it with one fraction more."""
        return AccumulatedDose(
            replace(self.dose, dose_gy=self.dose.dose_gy + carried.dose_gy),
            self.sigma_gy + carried.sigma_gy,
            self.fractions + 1,
            tuple(dict.fromkeys((*self.approximations, *carried.approximations))),
        )

    def joined(self, other: "AccumulatedDose") -> "AccumulatedDose":
        """Return it with the fractions of another sum.

        Raises
        ------
        GeometryError
            If the other lies on another grid.
        """
        if not _is_same(self.dose.grid, other.dose.grid):
            msg = "doses on different grids cannot be added: compute them on one grid"
            raise GeometryError(msg)
        return AccumulatedDose(
            replace(self.dose, dose_gy=self.dose.dose_gy + other.dose.dose_gy),
            self.sigma_gy + other.sigma_gy,
            self.fractions + other.fractions,
            tuple(dict.fromkeys((*self.approximations, *other.approximations))),
        )


def _is_same(one: Grid, other: Grid) -> bool:
    return (one.frame, one.shape) == (other.frame, other.shape) and all(
        np.allclose(getattr(one, name), getattr(other, name), rtol=0.0, atol=1e-6)
        for name in ("spacing_mm", "origin_mm", "direction")
    )


def nothing_yet(onto: Grid) -> AccumulatedDose:
    """Return what a course has delivered before its first fraction."""
    nothing = np.zeros(onto.shape, np.float32)
    return AccumulatedDose(DoseVolume(onto, nothing), nothing, 0, ())


def accumulate(
    parts: Sequence[DeliveredPart],
    onto: Grid,
    *,
    undecided: Undecided = Undecided.RIGIDLY,
    progress: Progress = silent,
) -> AccumulatedDose:
    """Add up the doses of several fractions in the planning anatomy.

    Parameters
    ----------
    parts
        The fractions.
    onto
        Voxels of the plan, planning LPS.
    undecided
        What is done with a day whose deformation is not for decision.
    progress
        Told how far it is.

    Raises
    ------
    MissingEvidenceError
        If there is nothing to add, or a day may not be added.
    GeometryError
        If the grid is not in the planning frame, or a day's dose lies elsewhere.
    """
    if not parts:
        msg = "there is no dose of a day to add up: compute the dose of a fraction first"
        raise MissingEvidenceError(msg)
    told = _carried_one_by_one(parts, onto, undecided, progress)
    return reduce(AccumulatedDose.plus, told, nothing_yet(onto))


def _carried_one_by_one(
    parts: Sequence[DeliveredPart], onto: Grid, undecided: Undecided, progress: Progress
) -> Iterator[CarriedDose]:
    for number, part in enumerate(parts):
        progress(number / len(parts), f"adding the dose of {part.name}")
        yield carried_dose(part, onto, undecided=undecided)


def carried_dose(part: DeliveredPart, onto: Grid, *, undecided: Undecided = Undecided.RIGIDLY) -> CarriedDose:
    """Take energy and mass of one fraction to where their tissue was planned.

    Raises
    ------
    MissingEvidenceError
        If the day's deformation is not for decision and such days are refused.
    GeometryError
        If the grid is not in the planning frame, or the day's dose lies elsewhere.
    """
    if onto.frame != PLANNING:
        msg = f"doses are added up in '{PLANNING}', not in '{onto.frame}'"
        raise GeometryError(msg)
    told = []
    if not part.is_for_decision:
        part, said = _as_a_whole(part, undecided)
        told.append(said)
    if part.density is None:
        told.append(f"all tissue of {part.name} is taken to weigh the same")
    day = _DayVoxels.of(part)
    places = _Places.of(part, onto)
    energy, mass, sigma = _means(day, places, _spread(part.dose.grid, onto))
    outside = places.outside(part.dose.grid)
    if outside == 1.0:
        msg = f"the dose of {part.name} lies where no tissue of the plan is: check its image and its match"
        raise GeometryError(msg)
    if outside > OUTSIDE_TOLD:
        told.append(
            f"{100.0 * outside:.0f} % of the plan's voxels lie outside the dose grid of {part.name}: the "
            "dose there is taken as at its edge"
        )
    return CarriedDose(
        (energy / mass).astype(np.float32),
        mass * places.growth * (float(onto.spacing_mm.prod()) / 1000.0),
        sigma.astype(np.float32),
        tuple(told),
    )


def _as_a_whole(part: DeliveredPart, undecided: Undecided) -> tuple[DeliveredPart, str]:
    if undecided is Undecided.REFUSED:
        msg = (
            f"the deformation of {part.name} is not for decision, so its dose cannot be added to that of the "
            "course: assess its image again, or allow the rigid match"
        )
        raise MissingEvidenceError(msg)
    words = (
        f"the deformation of {part.name} is not for decision: its dose is added by the rigid match alone, "
        "and the band leaves it out"
    )
    return replace(part, field=None, sigma_mm=None, is_for_decision=True), words


@dataclass(frozen=True, slots=True, eq=False)
class _DayVoxels:
    """Energy and mass of a day per volume, and how steep its dose is, Gy per mm; all on its dose grid."""

    energy: Float32
    mass: Float32
    steepness: Float32

    @classmethod
    def of(cls, part: DeliveredPart) -> "_DayVoxels":
        grid, dose = part.dose.grid, part.dose.dose_gy
        mass = np.ones(grid.shape, np.float32)
        if part.density is not None:
            mass = np.maximum(_on(part.density, grid), np.float32(LEAST_DENSITY))
        steepness = np.zeros_like(dose) if part.sigma_mm is None else _steepness(dose, grid)
        return cls(dose * mass, mass, steepness)


def _on(density: Volume, grid: Grid) -> Float32:
    values = np.asarray(density.values, np.float32)
    if density.grid is grid:
        return values
    there = density.grid.index(node_positions_mm(grid)).T[::-1]
    return _looked_up(values, there).reshape(grid.shape).astype(np.float32)


def _steepness(dose: Float32, grid: Grid) -> Float32:
    along = [
        np.gradient(dose, step, axis=axis) if dose.shape[axis] > 1 else np.zeros_like(dose)
        for axis, step in enumerate(grid.spacing_mm[::-1])
    ]
    total: Float32 = np.sqrt(np.sum(np.square(along), axis=0)).astype(np.float32)
    return total


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """Where the plan's voxels are today.

    ``index`` (n, 3) is in voxels (i, j, k) of the day's dose; ``steps`` (3, 3, n) is how far that changes
    from one voxel of the plan to the next along the plan's i, j, k; ``growth`` and ``sigma_mm`` are
    ``[k, j, i]``.
    """

    index: Array
    steps: Array
    growth: Array
    sigma_mm: Array

    @classmethod
    def of(cls, part: DeliveredPart, onto: Grid) -> "_Places":
        planned_mm = node_positions_mm(onto)
        today_mm = planned_mm if part.field is None else part.field.moved(planned_mm)
        to_index = part.dose.grid.index_from_xyz @ part.planning_from_daily.inverse().matrix
        index = today_mm @ to_index[:3, :3].T + to_index[:3, 3]
        steps = _steps(index, onto, to_index)
        share = float(part.dose.grid.spacing_mm.prod() / onto.spacing_mm.prod())
        growth = np.abs((np.cross(steps[0], steps[1], axis=0) * steps[2]).sum(axis=0)) * share
        sigma_mm = np.zeros(len(planned_mm))
        if part.sigma_mm is not None and part.field is not None:
            sigma_mm = _looked_up(part.sigma_mm, part.field.grid.index(planned_mm).T[::-1])
        return cls(index, steps, growth.reshape(onto.shape), sigma_mm.reshape(onto.shape))

    def outside(self, grid: Grid) -> float:
        """Return the share of voxels that lie outside the day's dose grid (by more than half a voxel)."""
        last = np.array(grid.shape[::-1]) - 0.5
        return float(((self.index < -0.5) | (self.index > last)).any(axis=1).mean())


def _steps(index: Array, onto: Grid, to_index: Array) -> Array:
    """Return how day's voxels change from one voxel of the plan to the next along its i, j, k: (3, 3, n)."""
    there = index.reshape(*onto.shape, 3)
    rigid = to_index[:3, :3] @ (onto.direction * onto.spacing_mm)
    along = (
        np.gradient(there, axis=2 - axis)
        if onto.shape[2 - axis] > 1
        else np.broadcast_to(rigid[:, axis], there.shape)
        for axis in range(3)
    )
    return np.stack([step.reshape(-1, 3).T for step in along])


def _spread(day: Grid, onto: Grid) -> tuple[Array, ...]:
    """Return the places within a voxel of the plan that are looked at, as shares of it along i, j, k.

    The mean over a plan's voxel of width w and a linear interpolation between day's voxels of width h spread
    a dose by w² + h² where h² alone is there already: so the places are spread by the root of w² - h².
    """
    wide, fine = float(onto.spacing_mm.prod()) ** (1 / 3), float(day.spacing_mm.prod()) ** (1 / 3)
    if wide <= fine * 1.01:
        return (np.zeros(3),)
    count = int(np.ceil(wide / fine))
    share = np.sqrt(1.0 - (fine / wide) ** 2)
    along = ((np.arange(count) + 0.5) / count - 0.5) * share
    return tuple(np.array(place) for place in product(along, repeat=3))


def _means(day: _DayVoxels, places: _Places, spread: Iterable[Array]) -> tuple[Array, Array, Array]:
    """Return energy and mass per volume of the day and the deviation of the dose, for the plan's voxels."""
    shape = places.growth.shape
    energy, mass, sigma = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for place in spread:
        there = (places.index + np.einsum("s,san->na", place, places.steps)).T[::-1]
        here = _looked_up(day.mass, there).reshape(shape)
        energy += _looked_up(day.energy, there).reshape(shape)
        mass += here
        if places.sigma_mm.any():
            sigma += here * _looked_up(day.steepness, there).reshape(shape)
    return energy, mass, places.sigma_mm * sigma / mass


def _looked_up(values: Float32, index_kji: Array) -> Array:
    """Interpolate linearly at (3, n) voxels k, j, i; beyond the edge what is at the edge."""
    found: Array = ndimage.map_coordinates(values, index_kji, output=np.float64, order=1, mode="nearest")
    return found
