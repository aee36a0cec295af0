"""Energy that photons release in the patient, summed up in groups of directions that lie close together.

The beam hardens on its way: what is released follows the spectrum that is left, apart for the energy that
electrons take and for the energy that photons carry on. Directions of a group share an axis; how a ray
deviates from it is kept to first order, so that a kernel can be tilted to every ray.

Source: A. Ahnesjö, Med. Phys. 16 (1989) 577.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.dose.beam_data import BeamData
from isoguide.dose.delivery import BeamDelivery, Delivery
from isoguide.dose.depth import fan_depth
from isoguide.dose.fluence import FluencePlane, SubArc, total_fluence
from isoguide.dose.machine import released_shares
from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.kernels.collapsed_cone import LANES
from isoguide.kernels.release import Direction, add_release
from isoguide.progress import Progress

Float32 = NDArray[np.float32]
Indices = NDArray[np.int64]

FLUENCE_MM: Final = 1.0
SEED_DEG: Final = 18.5
"""Directions no farther than this from the first of a group belong to it; tilting takes care of the rest."""
DEEPEST_MM: Final = 800.0
STEPS_PER_MM: Final = 1.0


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a beam, seen in the lattice of voxels.

    Parameters
    ----------
    delivery, arc
        Beam and piece.
    device_from_index
        4×4 from voxel indices i, j, k.
    direction
        Unit vector along its axis from the source, along the axes of the lattice.
    """

    delivery: BeamDelivery
    arc: SubArc
    device_from_index: Array
    direction: Array


@dataclass(slots=True)
class Group:
    """Pieces from nearly one direction."""

    pieces: list[Piece] = field(default_factory=list)

    @property
    def axis(self) -> Array:
        """Mean direction, by monitor units: a unit vector along the axes of the lattice."""
        mean = sum((one.direction * one.arc.meterset_mu for one in self.pieces), np.zeros(3))
        return np.asarray(mean / np.linalg.norm(mean))

    def holds(self, piece: Piece) -> bool:
        """Whether a piece lies close enough to the first."""
        return bool(piece.direction @ self.pieces[0].direction >= np.cos(np.deg2rad(SEED_DEG)))


def groups_of(delivery: Delivery, lattice: Grid) -> list[Group]:
    """Sort the pieces of all beams by where they come from."""
    groups: list[Group] = []
    for piece in _pieces(delivery, lattice):
        for group in groups:
            if group.holds(piece):
                group.pieces.append(piece)
                break
        else:
            groups.append(Group([piece]))
    return groups


def _pieces(delivery: Delivery, lattice: Grid) -> Iterator[Piece]:
    for one in delivery.beams:
        for arc in one.pieces:
            device_from_patient = one.device_from_patient(arc)
            # The third row of the rotation is the device's z axis in the patient: towards the source.
            direction = -lattice.direction.T @ device_from_patient[2, :3]
            yield Piece(one, arc, device_from_patient @ lattice.xyz_from_index, direction)


def across(axis: Array) -> tuple[Array, Array]:
    """Return two unit vectors (3,) across an axis and across each other."""
    least = np.zeros(3)
    least[np.argmin(np.abs(axis))] = 1.0
    first = np.cross(axis, least)
    first /= np.linalg.norm(first)
    return first, np.cross(axis, first)


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column of the release holds what: three per group for electrons, then three for photons, a dose.

    Columns are filled up to multiples of ``LANES``, which is what the transport adds at once.
    """

    groups: int

    @property
    def photons(self) -> int:
        """First column for photons."""
        return -(-3 * self.groups // LANES) * LANES

    @property
    def electron_dose(self) -> int:
        """Column of the dose of contaminating electrons, behind all others."""
        return 2 * self.photons

    def of(self, group: int) -> Indices:
        """Return the columns of a group and that of the dose, (7,)."""
        first = np.arange(3 * group, 3 * group + 3)
        return np.concatenate([first, self.photons + first, [self.electron_dose]])


def released(
    delivery: Delivery, groups: Sequence[Group], lattice: Grid, spans: Indices, progress: Progress
) -> Float32:
    """Return the release of each group, (columns, k, j, i), as :class:`Columns` says.

    Parameters
    ----------
    delivery
        The plan in the patient.
    groups
        Its directions.
    lattice
        Voxels.
    spans
        First voxel and the one behind the last of each row, (k, j, 2).
    progress
        Told how far it is.
    """
    columns = Columns(len(groups))
    out = np.zeros((columns.electron_dose + 1, *lattice.shape), np.float32)
    table = (release_table(delivery.machine), STEPS_PER_MM)
    for number, group in enumerate(groups):
        progress(number / len(groups), "releasing energy")
        for piece in group.pieces:
            add_release(_direction(delivery, group, piece, lattice), spans, table, columns.of(number), out)
    return out


@lru_cache(maxsize=8)
def release_table(machine: BeamData) -> Float32:
    """Return by depth what goes to electrons and to photons, and how contaminating electrons fall off.

    (3, depths), every ``1 / STEPS_PER_MM``; the first two per mm and unit of energy fluence.
    """
    depth_mm = np.arange(0.0, DEEPEST_MM, 1.0 / STEPS_PER_MM)
    left = np.exp(-machine.spectrum.attenuation_per_mm[:, None] * depth_mm)
    electrons, photons = released_shares(machine.spectrum)
    contaminating = np.exp(-machine.head.electron_decay_per_mm * depth_mm)
    return np.stack([electrons @ left, photons @ left, contaminating]).astype(np.float32)


def _direction(delivery: Delivery, group: Group, piece: Piece, lattice: Grid) -> Direction:
    machine, region = delivery.machine, piece.delivery.region
    far_mm = machine.source_axis_distance_mm
    patient_from_device = lattice.xyz_from_index @ np.linalg.inv(piece.device_from_index)
    fan = fan_depth(delivery.field, patient_from_device, region, far_mm)
    half_mm = max(abs(edge) for edge in (*region.x_mm, *region.y_mm))
    plane = FluencePlane(FLUENCE_MM, half_mm)
    fluence = total_fluence(piece.arc.openings, machine, plane)
    blur = _electron_blur(machine.head.electron_sigma_mm, plane)
    return Direction(
        np.ascontiguousarray(piece.device_from_index[:3]),
        _axes_from_index(group.axis, piece, lattice),
        fan.depth_mm,
        np.array([*fan.lattice, *fan.planes]),
        fluence,
        (blur @ fluence @ blur.T).astype(np.float32),
        np.array([plane.first_mm, plane.first_mm, plane.spacing_mm]),
    )


def _axes_from_index(axis: Array, piece: Piece, lattice: Grid) -> Array:
    source = np.linalg.inv(piece.device_from_index)[:3, 3] * lattice.spacing_mm
    axes = np.stack([axis, *across(axis)])
    return np.ascontiguousarray(np.column_stack([axes * lattice.spacing_mm, -axes @ source]))


@lru_cache(maxsize=16)
def _electron_blur(sigma_mm: float, plane: FluencePlane) -> Float32:
    """Matrix (pixels, pixels) of a Gaussian; beyond the border there is no fluence."""
    apart = plane.middle_mm[:, None] - plane.middle_mm
    matrix = np.exp(-0.5 * (apart / max(sigma_mm, 0.5 * plane.spacing_mm)) ** 2)
    return np.asarray(matrix / matrix[len(matrix) // 2].sum(), np.float32)
