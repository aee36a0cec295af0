"""What changes in the body from day to day: bladder and rectum filling, weight, size of the tumour."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.errors import InputError
from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.images.displacement_field import DisplacementField
from isoguide.virtual.setting_limits import require
from isoguide.virtual.tissue_lattice import TissueLattice, smooth_step

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

WALL_MM = 6.0
"""An organ that fills takes its surroundings along within this distance."""
CLEAR_MM = 15.0
"""Closer to bone an organ has less freedom to fill."""
REACH_MM = 60.0
"""How far off tissue makes room for an organ that fills."""
TUMOUR_REACH_MM = 20.0
SMOOTH_MM = 8.0
SKIN_MM = 6.0
"""Skin and what lies this close below it move together."""
THICK_MM = 30.0
"""Where bone is closer to the skin there is less to lose."""
STIFF_MM = 8.0
"""The prostate's surroundings follow it as a rigid body within this distance."""
TRIAL = 0.02
"""Stretch at which an organ's change of volume is measured."""
LARGEST_SHARE = 2.0
"""Draws beyond this many standard deviations are cut off."""


@dataclass(frozen=True, slots=True)
class OrganChanges:
    """How much organs change over a course; a patient has to have what changes.

    Parameters
    ----------
    bladder_percent, rectum_percent
        Standard deviation of the day's volume against the planning CT.
    weight_loss_mm
        How far the skin of belly, chest or neck has moved inwards by the last fraction; negative for a gain.
    shrinkage_percent
        How much of its volume the tumour (GTV) has lost by the last fraction.

    Raises
    ------
    InputError
        If a value is impossible.
    """

    bladder_percent: float = 0.0
    rectum_percent: float = 0.0
    weight_loss_mm: float = 0.0
    shrinkage_percent: float = 0.0

    def __post_init__(self) -> None:
        require("organ change bladder_percent", self.bladder_percent, 0.0, 100.0)
        require("organ change rectum_percent", self.rectum_percent, 0.0, 100.0)
        require("organ change weight_loss_mm", self.weight_loss_mm, -20.0, 20.0)
        require("organ change shrinkage_percent", self.shrinkage_percent, 0.0, 80.0)


@dataclass(frozen=True, slots=True)
class OrganState:
    """How far organs have changed on one day: volume in percent, skin in mm."""

    bladder_percent: float = 0.0
    rectum_percent: float = 0.0
    weight_loss_mm: float = 0.0
    shrinkage_percent: float = 0.0


def draw_states(changes: OrganChanges, fractions: int, rng: np.random.Generator) -> tuple[OrganState, ...]:
    """Draw the days of a course: filling at random, weight and tumour in a straight line to the last day.

    Parameters
    ----------
    changes
        The settings.
    fractions
        How many days.
    rng
        Two normal numbers a day.
    """
    filling = np.clip(rng.standard_normal((fractions, 2)), -LARGEST_SHARE, LARGEST_SHARE)
    done = np.arange(fractions) / max(fractions - 1, 1)
    return tuple(
        OrganState(
            # An organ is never emptier than to a third of what it was.
            bladder_percent=max(float(bladder) * changes.bladder_percent, -65.0),
            rectum_percent=max(float(rectum) * changes.rectum_percent, -65.0),
            weight_loss_mm=float(share) * changes.weight_loss_mm,
            shrinkage_percent=float(share) * changes.shrinkage_percent,
        )
        for (bladder, rectum), share in zip(filling, done, strict=True)
    )


class ChangingOrgans:
    """Displacements by which a patient's organs change, each made once and scaled to the day.

    Parameters
    ----------
    lattice
        Of the patient.
    changes
        What changes; only that is prepared.

    Raises
    ------
    InputError
        If the patient has none of the organs that shall change.
    """

    def __init__(self, lattice: TissueLattice, changes: OrganChanges) -> None:
        self._lattice = lattice
        self._rigid = rigid_prostate(lattice, STIFF_MM) if lattice.has_structure("Prostate") else None
        self._bladder = self._filling("Bladder") if changes.bladder_percent else None
        self._rectum = self._filling("Rectum") if changes.rectum_percent else None
        self._tumour = self._shrinking() if changes.shrinkage_percent else None
        self._skin = self._thinner() if changes.weight_loss_mm else None

    def on(self, state: OrganState) -> Floats:
        """Return the displacement (k, j, i, 3) of one day at the lattice's nodes."""
        vectors = np.zeros((*self._lattice.grid.shape, 3), dtype=np.float32)
        # A bladder grows along three axes, a rectum along two.
        for mode, percent, axes in (
            (self._bladder, state.bladder_percent, 3.0),
            (self._rectum, state.rectum_percent, 2.0),
            (self._tumour, -state.shrinkage_percent, 3.0),
        ):
            if mode is not None:
                vectors += np.float32((1.0 + percent / 100.0) ** (1.0 / axes) - 1.0) * mode
        if self._skin is not None:
            vectors += np.float32(state.weight_loss_mm) * self._skin
        return vectors

    def _filling(self, name: str) -> Floats:
        """Displacement per unit of stretch of a hollow organ; the prostate is pushed and stays itself."""
        lattice = self._lattice
        organ = _organ(lattice, name)
        away = lattice.positions_mm - self._root(organ, name)
        if name == "Rectum":
            away[..., 2] = 0.0
        inside = ndimage.binary_dilation(lattice.around(organ))
        if lattice.has_structure("Prostate"):
            inside &= ~lattice.around(lattice.structure("Prostate"))
        freedom = smooth_step(lattice.from_bone_mm / CLEAR_MM) * inside
        pull = REACH_MM**-2.0 + freedom * np.float32(WALL_MM**-2.0)
        away *= freedom[..., None]
        mode = self._with_rigid_prostate(lattice.blended(away, pull))
        return self._calibrated(mode, organ, 3.0 if name == "Bladder" else 2.0)

    def _root(self, organ: Mask, name: str) -> Floats:
        """Where the organ is held: the bladder at its neck, the rectum along its back, (k, j, i, 3)."""
        grid = self._lattice.patient.anatomy.grid
        slices = np.flatnonzero(organ.any(axis=(1, 2)))
        rows = []
        for k in slices:
            j, i = np.nonzero(organ[k])
            rows.append(grid.xyz(np.array([i.mean(), np.quantile(j, 0.9), k])))
        line = np.array(rows)
        root = np.empty((*self._lattice.grid.shape, 3), dtype=np.float32)
        if name == "Bladder":
            lowest = organ[slices[:2]].nonzero()
            root[:] = grid.xyz(np.array([lowest[2].mean(), lowest[1].mean(), slices[0]]))
            return root
        z = self._lattice.positions_mm[..., 2]
        order = np.argsort(line[:, 2])
        for axis in range(3):
            root[..., axis] = np.interp(z, line[order, 2], line[order, axis])
        return root

    def _with_rigid_prostate(self, mode: Floats) -> Floats:
        """Let the prostate go along with the mean of what pushes it, without being deformed."""
        if self._rigid is None:
            return mode
        inside = self._rigid > 0.999
        mean = mode[inside].mean(axis=0)
        result: Floats = mode + self._rigid[..., None] * (mean - mode)
        result[inside] = mean
        return result

    def _shrinking(self) -> Floats:
        lattice = self._lattice
        tumour = _organ(lattice, "GTV")
        freedom = smooth_step(lattice.from_bone_mm / CLEAR_MM) * ndimage.binary_dilation(
            lattice.around(tumour)
        )
        grid = lattice.patient.anatomy.grid
        centre = grid.xyz(np.argwhere(tumour)[:, ::-1].mean(axis=0))
        away = freedom[..., None] * (lattice.positions_mm - centre.astype(np.float32))
        pull = TUMOUR_REACH_MM**-2.0 + freedom * np.float32(WALL_MM**-2.0)
        return self._calibrated(lattice.blended(away, pull), tumour, 3.0)

    def _thinner(self) -> Floats:
        """Displacement per mm of weight loss: inwards in the axial plane, but not where the patient lies."""
        lattice = self._lattice
        depth = lattice.depth_mm - lattice.distance_mm(lattice.body)
        # Where two surfaces face each other, as between the thighs, their directions cancel.
        smooth = ndimage.gaussian_filter(depth, SMOOTH_MM / lattice.grid.spacing_mm[::-1], truncate=2.5)
        along_y, along_x = np.gradient(smooth, *lattice.grid.spacing_mm[1::-1], axis=(1, 2))
        inwards = np.stack([along_x, along_y, np.zeros_like(along_x)], axis=-1)
        lying = smooth_step(-inwards[..., 1] / 0.7)
        share = smooth_step(lattice.from_bone_mm / THICK_MM) * (1.0 - lying)
        near = np.abs(depth) < SKIN_MM
        goal = np.where(near[..., None], inwards * share[..., None], 0.0).astype(np.float32)
        pull = np.where(near, WALL_MM**-2.0, 0.0).astype(np.float32)
        return self._with_rigid_prostate(lattice.blended(goal, pull))

    def _calibrated(self, mode: Floats, organ: Mask, axes: float) -> Floats:
        """Scale a mode so that a unit of stretch changes the organ's volume as it should."""
        grid = self._lattice.patient.anatomy.grid
        trial = DisplacementField(self._lattice.grid, np.float32(TRIAL) * mode)
        grown = volume_ml(organ, grid, trial) / volume_ml(organ, grid, None)
        gain = ((1.0 + TRIAL) ** axes - 1.0) / max(grown - 1.0, 1e-3)
        return mode * np.float32(min(gain, 3.0))


def rigid_prostate(lattice: TissueLattice, reach_mm: float) -> Floats:
    """Return how far nodes go along with the prostate: 1 around it, 0 at bones, falling off within a reach.

    Raises
    ------
    InputError
        If the patient has no prostate.
    """
    inside = lattice.around(_organ(lattice, "Prostate")) & ~lattice.bone
    goal = np.repeat(inside[..., None].astype(np.float32), 3, axis=-1)
    pull = np.full(inside.shape, reach_mm**-2.0, dtype=np.float32)
    share = lattice.blended(goal, pull, inside | lattice.bone)[..., 0]
    return share * smooth_step(2.0 - lattice.distance_mm(inside) / (1.5 * reach_mm))


def _organ(lattice: TissueLattice, name: str) -> Mask:
    if not lattice.has_structure(name):
        msg = f"{lattice.patient.name} has no structure '{name}', so it cannot change: leave that setting out"
        raise InputError(msg)
    return lattice.structure(name)


def volume_ml(organ: Mask, grid: Grid, field: DisplacementField | None) -> float:
    """Return the volume of an organ on a day: voxels of its mask times how much each has grown.

    Parameters
    ----------
    organ
        Mask ``[k, j, i]`` on the CT's grid.
    grid
        The CT's grid.
    field
        The day's displacement; None for the planning CT.
    """
    voxel_ml = float(grid.spacing_mm.prod()) / 1000.0
    if field is None:
        return float(organ.sum()) * voxel_ml
    points = grid.xyz(np.argwhere(organ)[:, ::-1].astype(np.float64))
    columns = []
    for half in (grid.direction * grid.spacing_mm / 2.0).T:
        columns.append((field.moved(points + half) - field.moved(points - half)) / np.linalg.norm(2.0 * half))
    jacobian: Array = np.stack(columns, axis=-1) @ grid.direction.T
    return float(np.linalg.det(jacobian).sum()) * voxel_ml
