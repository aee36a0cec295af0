"""Photon dose by collapsed cones: what photons release is carried along lines through the patient as he is.

Unlike a pencil beam it sees what lies beside a ray: behind and within lung electrons go farther, dose falls
and spreads. All beams of a plan share the same cones, so that the time hardly depends on their number
(:mod:`isoguide.dose.cone_kernel`). Densities scale distances; what else the patient is made of does not
count. Electrons are carried from voxel to voxel, scattered photons along narrower cones through blocks of
them.

Source: A. Ahnesjö, Med. Phys. 16 (1989) 577.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, maximum_filter

from isoguide.dose.beam_data import BeamData
from isoguide.dose.blocks import Blocks
from isoguide.dose.cone_kernel import ConeKernel
from isoguide.dose.delivery import Delivery
from isoguide.dose.depth import DensityField
from isoguide.dose.machine.open_field import Rectangle, open_fluence
from isoguide.dose.machine.round_beams import RADIUS_MM, WaterSurface, round_beam_dose
from isoguide.dose.machine.water_dose import photon_gy
from isoguide.dose.terma import Columns, Group, across, groups_of, released
from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.kernels.collapsed_cone import carry_along_cones
from isoguide.progress import Progress, part_of, silent

Float32 = NDArray[np.float32]
Indices = NDArray[np.int64]
Voxels = tuple[Float32, Array]

AIR: Final = 0.001
"""Relative density of the air."""
THIN: Final = 0.02
"""Less dense than this, a voxel is not the patient."""
NEAR_VOXELS: Final = 4
"""Energy is released in the air so near the patient as well, since lines are interpolated between voxels and
between blocks of them."""
TURNS: Final = 64
TILT: Final = 0.12
"""Slope over which the change of the kernel with its direction is taken: that of a field of 24 cm."""


def cone_dose(delivery: Delivery, lattice: Grid, grid: Grid, progress: Progress = silent) -> Float32:
    """Return the dose of a plan, Gy per fraction, ``[k, j, i]``.

    Parameters
    ----------
    delivery
        The plan in the patient.
    lattice
        Voxels that energy is carried through: it has to hold the patient wherever beams reach him.
    grid
        Of the answer; interpolated linearly where it is not the lattice.
    progress
        Told how far it is.
    """
    padded = _padded(lattice)
    density = _density_on(padded, delivery.field)
    groups = groups_of(delivery, padded)
    energy = released(delivery, groups, padded, _spans(density), part_of(progress, 0.0, 0.4))
    progress(0.4, "carrying energy along cones")
    point, columns = delivery.machine.point, Columns(len(groups))
    electrons = ConeKernel.of_electrons(point)
    dose = _carried(electrons, groups, energy[: columns.photons], (density, padded.spacing_mm))
    progress(0.8, "carrying scattered photons")
    photons = ConeKernel.of_photons(point)
    dose += _through_blocks(photons, groups, energy[columns.photons : -1], (density, padded.spacing_mm))
    dose *= np.float32(gy_per_energy(delivery.machine))
    head = delivery.machine.head
    surface_gy = head.electron_share * delivery.machine.reference.gy_per_mu
    dose += energy[columns.electron_dose] * np.float32(surface_gy)
    dose = np.maximum(dose[1:-1, 1:-1, 1:-1], 0.0)
    return dose if grid is lattice else _interpolated(dose, lattice, grid)


def _padded(lattice: Grid) -> Grid:
    """Return the lattice with one more layer of voxels all around, which the transport needs."""
    shape = (lattice.shape[0] + 2, lattice.shape[1] + 2, lattice.shape[2] + 2)
    origin_mm = lattice.xyz(np.full(3, -1.0))
    return Grid(lattice.frame, shape, lattice.spacing_mm, origin_mm, lattice.direction)


def _density_on(lattice: Grid, field: DensityField) -> Float32:
    """Interpolate the density linearly; outside its field there is air."""
    return np.maximum(_interpolated(field.relative, field.grid, lattice), np.float32(AIR))


def _interpolated(values: Float32, of: Grid, onto: Grid) -> Float32:
    """Interpolate linearly onto another grid; outside there is nothing."""
    matrix = of.index_from_xyz @ onto.xyz_from_index
    # Arrays are [k, j, i] and points i, j, k.
    turn, shift = matrix[:3, :3][::-1, ::-1], matrix[:3, 3][::-1]
    moved = affine_transform(values, turn, shift, onto.shape, order=1, mode="grid-constant", cval=0.0)
    return np.asarray(moved, np.float32)


def _spans(density: Float32) -> Indices:
    """First voxel and the one behind the last that are near the patient, of each row along i: (k, j, 2)."""
    near = maximum_filter(density, 2 * NEAR_VOXELS + 1) > THIN
    first, behind = near.argmax(axis=2), near.shape[2] - near[:, :, ::-1].argmax(axis=2)
    return np.stack([first, np.where(near.any(axis=2), behind, first)], axis=-1).astype(np.int64)


def _carried(kernel: ConeKernel, groups: Sequence[Group], energy: Float32, voxels: Voxels) -> Float32:
    """Carry the columns of a kernel through voxels of a density and a spacing."""
    density, spacing_mm = voxels
    weights = np.zeros((len(kernel.cones.directions), len(kernel.decay_per_mm), len(energy)), np.float32)
    for number, group in enumerate(groups):
        sides = (_tilted(kernel, group.axis, side) for side in across(group.axis))
        for place, shared in enumerate((kernel.on_cones(group.axis), *sides)):
            weights[:, :, 3 * number + place] = shared
    directions = kernel.cones.directions
    return carry_along_cones(energy, density, spacing_mm, directions, weights, kernel.decay_per_mm)


def _through_blocks(kernel: ConeKernel, groups: Sequence[Group], energy: Float32, voxels: Voxels) -> Float32:
    """Carry the same through blocks of voxels: their mean density, and all that is released in them."""
    density, spacing_mm = voxels
    blocks = Blocks.of(density.shape, spacing_mm)
    heavy = np.maximum(blocks.means(density), np.float32(AIR))
    per_mass = np.stack([np.asarray(blocks.means(one * density) / heavy, np.float32) for one in energy])
    sides_mm = np.asarray(spacing_mm * np.array(blocks.voxels[::-1]))
    return blocks.onto_voxels(_carried(kernel, groups, per_mass, (heavy, sides_mm)))


def _tilted(kernel: ConeKernel, axis: Array, side: Array) -> Array:
    """Return how shares of cones change with the slope of a ray towards one side, (cones, channels)."""
    ahead, behind = (axis + way * TILT * side for way in (1.0, -1.0))
    change = kernel.on_cones(ahead / np.linalg.norm(ahead)) - kernel.on_cones(behind / np.linalg.norm(behind))
    return np.asarray(change / (2.0 * TILT))


@lru_cache(maxsize=8)
def gy_per_energy(machine: BeamData) -> float:
    """Return the factor from released energy to Gy per monitor unit.

    It is the dose in the reference conditions over what the point kernel gives there, exactly, ring by ring.
    """
    reference, sad_mm = machine.reference, machine.source_axis_distance_mm
    surface = WaterSurface(reference.source_surface_distance_mm, sad_mm)
    depth_mm = np.array([reference.depth_mm])
    up_to = round_beam_dose(machine.spectrum, machine.point, surface, RADIUS_MM, depth_mm)[0]
    middle_mm = 0.5 * (RADIUS_MM[1:] + RADIUS_MM[:-1])[:, None]
    turn = (np.arange(TURNS) + 0.5) * 2.0 * np.pi / TURNS
    square = Rectangle.square(reference.field_mm)
    fluence = open_fluence(machine, square, middle_mm * np.cos(turn), middle_mm * np.sin(turn)).mean(axis=1)
    return photon_gy(machine) / float(np.diff(up_to) @ fluence)
