"""The neck bends: every vertebra and the skull move rigidly, soft tissue follows."""

from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import InputError
from isoguide.geometry.frames import PLANNING, Array
from isoguide.geometry.transforms import RigidTransform, rotation_x, rotation_y, rotation_z
from isoguide.kernels.fields import steepest_gradient
from isoguide.virtual.motion import STEEPEST_MOVING
from isoguide.virtual.phantom import Phantom
from isoguide.virtual.setting_limits import require_each
from isoguide.virtual.tissue_lattice import TissueLattice

Floats = NDArray[np.float32]

LARGEST_DEG = 10.0
CHAIN: Final = ("T1", "C7", "C6", "C5", "C4", "C3", "C2")
"""Bones from the shoulders up; each joint turns by the same share of the whole angle. T1 stays."""
RIDES_WITH: Final = {"C1": "C2", "skull": "C2", "mandible": "C2", "hyoid": "C4"}
"""Skull, atlas and axis interlock more closely than a lattice resolves: they move as one, each rigid."""


@dataclass(frozen=True, slots=True)
class NeckFlexion:
    """Standard deviations of how far the head is turned against the shoulders, spread over the joints.

    Parameters
    ----------
    systematic_deg, random_deg
        About x (nodding), y (turning sideways in the plane of the couch), z (looking aside): drawn once per
        patient, and every day. Typical magnitudes 1 to 2° [K].

    Raises
    ------
    InputError
        If a value is negative, not finite or beyond 10°.
    """

    systematic_deg: tuple[float, float, float] = (1.0, 0.7, 0.7)
    random_deg: tuple[float, float, float] = (1.5, 0.7, 0.7)

    def __post_init__(self) -> None:
        for name in ("systematic_deg", "random_deg"):
            require_each(f"neck flexion {name}", getattr(self, name), 0.0, LARGEST_DEG)

    def draw(self, fractions: int, rng: np.random.Generator) -> Array:
        """Draw how far the head is turned on each day: (fractions, 3), degrees about x, y, z."""
        systematic = rng.standard_normal(3) * self.systematic_deg
        days = systematic + rng.standard_normal((fractions, 3)) * self.random_deg
        return np.clip(days, -LARGEST_DEG, LARGEST_DEG)


def bone_motions(
    patient: Phantom, angles_deg: Array, stiff: frozenset[str] = frozenset()
) -> dict[str, RigidTransform]:
    """Return how every labelled bone of a bent neck moves, planning LPS; those of the trunk do not.

    Parameters
    ----------
    patient
        With labelled bones.
    angles_deg
        How far the skull is turned against T1, about x, y, z.
    stiff
        Bones that move with the one below them (:func:`stiff_joints`).

    Raises
    ------
    InputError
        If the patient has no labelled neck, or no joint of it can bend.
    """
    missing = [name for name in CHAIN if name not in patient.bone_names]
    if missing:
        msg = f"the neck of {patient.name} cannot bend: it has no labelled {', '.join(missing)}"
        raise InputError(msg)
    bending = [name for name in CHAIN[1:] if name not in stiff]
    if not bending:
        msg = (
            f"the neck of {patient.name} cannot bend: its bones touch each other in voxels of this size; "
            "make voxel_mm smaller"
        )
        raise InputError(msg)
    centres = {name: _centre_mm(patient, name) for name in CHAIN}
    x, y, z = (float(angle) / len(bending) for angle in angles_deg)
    turn = rotation_z(z) @ rotation_y(y) @ rotation_x(x)
    still = RigidTransform.identity(PLANNING, PLANNING)
    motions = dict.fromkeys(patient.bone_names, still)
    below = still
    for lower, upper in pairwise(CHAIN):
        if upper in bending:
            pivot_mm = (centres[lower] + centres[upper]) / 2.0
            joint = RigidTransform.from_parts(PLANNING, PLANNING, turn, pivot_mm - turn @ pivot_mm)
            below = below @ joint
        motions[upper] = below
    for rider, carrier in RIDES_WITH.items():
        if rider in motions:
            motions[rider] = motions[carrier]
    return motions


def stiff_joints(lattice: TissueLattice) -> frozenset[str]:
    """Return the bones that cannot turn on the one below: a cell of the lattice would belong to both sides.

    Parameters
    ----------
    lattice
        Of a patient with labelled bones.
    """
    levels = [np.zeros(lattice.grid.shape, dtype=bool) for _ in CHAIN]
    for number, name in enumerate(lattice.patient.bone_names, start=1):
        carrier = RIDES_WITH.get(name, name)
        levels[CHAIN.index(carrier) if carrier in CHAIN else 0] |= lattice.around_bone(number)
    stiff: set[str] = set()
    for low, high in combinations(range(len(CHAIN)), 2):
        if (levels[low] & levels[high]).any():
            stiff.update(CHAIN[low + 1 : high + 1])
    return frozenset(stiff)


def _centre_mm(patient: Phantom, name: str) -> Array:
    """Middle of a vertebra's body where it is known, else of the labelled voxels."""
    for vertebra in patient.vertebrae:
        if vertebra.level == name:
            return vertebra.centre_mm
    return patient.volume.grid.xyz(np.argwhere(patient.bone(name))[:, ::-1].mean(axis=0))


def bent_neck(lattice: TissueLattice, angles_deg: Array) -> Floats:
    """Return the displacement at the lattice's nodes: bones rigid, soft tissue stretched between them.

    Joints narrower than a cell of the lattice do not bend, so that every bone is exactly rigid; the others
    bend the more.

    Parameters
    ----------
    lattice
        Of a patient with labelled bones.
    angles_deg
        As in :func:`bone_motions`.
    """
    goal = np.zeros((*lattice.grid.shape, 3), dtype=np.float32)
    held = np.zeros(lattice.grid.shape, dtype=bool)
    motions = bone_motions(lattice.patient, angles_deg, stiff_joints(lattice))
    for number, motion in enumerate(motions.values(), start=1):
        nodes = lattice.around_bone(number)
        places = lattice.positions_mm[nodes].astype(np.float64)
        goal[nodes] = motion.apply(places) - places
        held |= nodes
    return lattice.blended(goal, np.zeros(held.shape, dtype=np.float32), held)


def neck_that_fits(lattice: TissueLattice, angles_deg: Array) -> tuple[Array, Floats]:
    """Bend the neck as far as its joints allow: return the angles that it came to, and the displacement.

    Parameters
    ----------
    lattice, angles_deg
        As in :func:`bent_neck`.
    """
    while True:
        vectors = bent_neck(lattice, angles_deg)
        if steepest_gradient(vectors, lattice.grid.spacing_mm)[0] <= STEEPEST_MOVING:
            return angles_deg, vectors
        angles_deg = 0.8 * angles_deg
