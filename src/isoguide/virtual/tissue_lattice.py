"""The lattice on which a patient's displacement fields are made, and what lies at its nodes."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.geometry.grid import Grid
from isoguide.images.displacement_field import node_positions_mm
from isoguide.images.mask import structure_mask
from isoguide.kernels.fields import blended_field
from isoguide.virtual.patient_body import body_weight
from isoguide.virtual.phantom import Phantom

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

LATTICE_MM = 4.0
BONE_ABOVE_HU = 180.0
HELD = np.float32(1e4)
"""Pull on a node that must not give way, 1/mm²."""


@dataclass(frozen=True, eq=False)
class TissueLattice:
    """Nodes at every few voxels of a patient's CT.

    Parameters
    ----------
    patient
        The patient.
    target_mm
        Distance of nodes aimed at.
    """

    patient: Phantom
    target_mm: float = LATTICE_MM

    @cached_property
    def steps(self) -> tuple[int, int, int]:
        """Voxels from node to node along k, j, i."""
        k, j, i = (max(1, round(self.target_mm / mm)) for mm in self.patient.anatomy.grid.spacing_mm[::-1])
        return k, j, i

    @cached_property
    def grid(self) -> Grid:
        """Nodes from the CT's first voxel to its last, or a little beyond."""
        ct = self.patient.anatomy.grid
        nk, nj, ni = (-(-(n - 1) // step) + 1 for n, step in zip(ct.shape, self.steps, strict=True))
        return Grid(ct.frame, (nk, nj, ni), ct.spacing_mm * self.steps[::-1], ct.origin_mm, ct.direction)

    @cached_property
    def positions_mm(self) -> Floats:
        """Positions of the nodes, planning LPS, ``[k, j, i, 3]``."""
        return node_positions_mm(self.grid).reshape(*self.grid.shape, 3).astype(np.float32)

    @cached_property
    def body(self) -> Mask:
        """Nodes inside the patient."""
        weight = body_weight(self.patient.anatomy)
        k, j, i = (slice(0, n) for n in self.patient.anatomy.grid.shape)
        return self.at_nodes(weight.on(k, j, i) > 0.75)

    @cached_property
    def has_bone_names(self) -> bool:
        """True when the patient's bones are known one by one."""
        return bool(self.patient.bone_labels.any())

    @cached_property
    def bone(self) -> Mask:
        """Nodes around which there is bone: where they stand still, every bone stands still."""
        if self.has_bone_names:
            return self.around(self.patient.bone_labels > 0)
        values = ndimage.gaussian_filter(self.patient.anatomy.values.astype(np.float32), 0.7, truncate=2.0)
        return self.around(values > BONE_ABOVE_HU) & ndimage.binary_dilation(self.body)

    @cached_property
    def from_bone_mm(self) -> Floats:
        """Distance of each node from the next node at bone."""
        return self.distance_mm(self.bone)

    @cached_property
    def depth_mm(self) -> Floats:
        """Distance of each node of the body from the next one outside; 0 outside."""
        padded = np.pad(self.body, ((1, 1), (0, 0), (0, 0)), mode="edge")
        depth = ndimage.distance_transform_edt(padded, sampling=self.grid.spacing_mm[::-1])
        return np.asarray(depth[1:-1], dtype=np.float32)

    @cached_property
    def _bone_nodes(self) -> dict[int, Mask]:
        return {}

    def around_bone(self, number: int) -> Mask:
        """Nodes around the bone with this label."""
        if number not in self._bone_nodes:
            self._bone_nodes[number] = self.around(self.patient.bone_labels == number)
        return self._bone_nodes[number]

    def bones_named(self, *beginnings: str) -> Mask:
        """Nodes around the bones whose names begin with one of these words."""
        wanted = [False, *(name.startswith(beginnings) for name in self.patient.bone_names)]
        return self.around(np.array(wanted)[self.patient.bone_labels])

    def has_structure(self, name: str) -> bool:
        """Tell whether the patient has a structure with this name that encloses volume."""
        return any(s.name == name and s.is_volume for s in self.patient.structures)

    def structure(self, name: str) -> Mask:
        """Voxels ``[k, j, i]`` of a structure on the CT's grid."""
        return structure_mask(self.patient.structure(name), self.patient.anatomy.grid)

    def at_nodes(self, voxels: Mask) -> Mask:
        """Tell which nodes lie in a mask on the CT's grid."""
        indices = (
            np.minimum(np.arange(n) * step, size - 1)
            for n, step, size in zip(self.grid.shape, self.steps, voxels.shape, strict=True)
        )
        found: Mask = voxels[np.ix_(*indices)]
        return found

    def around(self, voxels: Mask) -> Mask:
        """Nodes that a field reads at the centres of the voxels of a mask on the CT's grid, and between."""
        nodes_at = np.zeros(self.grid.shape, dtype=bool)
        if not voxels.any():
            return nodes_at
        found = [np.flatnonzero(voxels.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
        box = []
        for axis, (places, step) in enumerate(zip(found, self.steps, strict=True)):
            first, last = int(places[0]) // step, -(-int(places[-1]) // step) + 1
            voxels = _read_by(voxels, axis, np.arange(first, last) * step, step)
            box.append(slice(first, last))
        nodes_at[box[0], box[1], box[2]] = voxels
        return nodes_at

    def distance_mm(self, nodes: Mask) -> Floats:
        """Distance of each node from the next one marked; 1000 mm where none is."""
        if not nodes.any():
            return np.full(nodes.shape, 1e3, dtype=np.float32)
        distance = ndimage.distance_transform_edt(~nodes, sampling=self.grid.spacing_mm[::-1])
        return np.asarray(distance, dtype=np.float32)

    def blended(self, goal_mm: Floats, pull: Floats, held: Mask | None = None) -> Floats:
        """Return the smooth field that follows a goal where it is pulled, exactly where it is held.

        Parameters
        ----------
        goal_mm
            ``[k, j, i, 3]``.
        pull
            ``[k, j, i]``, 1/mm².
        held
            Nodes that take the goal as it is; the bones at least.
        """
        fixed = self.bone if held is None else held
        pull = np.where(fixed, HELD, pull).astype(np.float32)
        vectors = blended_field(goal_mm.astype(np.float32), pull, self.grid.spacing_mm)
        vectors[fixed] = goal_mm[fixed]
        return vectors


def _read_by(voxels: Mask, axis: int, at: NDArray[np.intp], step: int) -> Mask:
    """Tell along one axis which nodes, lying at these voxels, are less than a step away from a voxel."""
    last = voxels.shape[axis] - 1
    read: Mask = voxels.take(np.minimum(at, last), axis=axis)
    for offset in range(1 - step, step):
        read = read | voxels.take(np.clip(at + offset, 0, last), axis=axis)
    return read


def smooth_step(t: NDArray[np.floating[Any]]) -> Floats:
    """Rise from 0 at t = 0 to 1 at t = 1 without a kink."""
    s: NDArray[np.floating[Any]] = np.clip(t, 0.0, 1.0)
    return np.asarray(s * s * (3.0 - 2.0 * s), dtype=np.float32)
