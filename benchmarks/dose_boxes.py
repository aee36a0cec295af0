"""Boxes of water and lung under one beam, for ``dose_water.py``: ours and the peer's dose of them."""

import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import map_coordinates

from isoguide.dose.beam_data import BeamData, Collimation, HeadModel, PencilKernels
from isoguide.dose.compute import DoseSettings, Placement, compute_dose
from isoguide.dose.density_curve import DensityCurve
from isoguide.dose.machine import generic_6mv
from isoguide.dose.result import DoseAlgorithm
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.volume import Volume
from isoguide.plan import Beam, ControlPoint, MultileafCollimator, PatientPosition, Plan

Floats = NDArray[np.float64]
WATER: Final = DensityCurve((-1000.0, 0.0, 1000.0), (0.0, 1.0, 2.0), "water")
LEAVES: Final = MultileafCollimator("X", np.arange(-200.0, 201.0, 5.0))
PIXEL_MM: Final = 0.5
NEAR_MM: Final = 12.0
"""Beyond this radius a kernel changes little from pixel to pixel."""
PEER: Final = Path(__file__).with_name("dose_peer.py")


@dataclass(frozen=True, eq=False)
class Field:
    """An opening: half sides along x and y in mm, and what leaves cut away of it."""

    name: str
    half_mm: float
    leaf_mm: Floats | None = None

    def mask(self) -> Floats:
        """Fluence ``[y, x]`` in pixels of PIXEL_MM, the peer's way."""
        count = int(np.ceil(self.half_mm / PIXEL_MM)) + 10
        at = PIXEL_MM * np.arange(-count, count + 1)
        inside = np.clip((self.half_mm - np.abs(at)) / PIXEL_MM + 0.5, 0.0, 1.0)
        mask = inside[:, None] * inside
        if self.leaf_mm is not None:
            pair = np.clip(np.searchsorted(LEAVES.boundaries_mm, at) - 1, 0, LEAVES.pairs - 1)
            low, high = self.leaf_mm[:, pair]
            share = np.minimum(high[:, None], at + PIXEL_MM / 2) - np.maximum(low[:, None], at - PIXEL_MM / 2)
            mask = mask * np.clip(share / PIXEL_MM, 0.0, 1.0)
        return np.asarray(mask)


def square(side_mm: float) -> Field:
    """A square about the axis."""
    return Field(f"{side_mm / 10:g} × {side_mm / 10:g} cm", side_mm / 2.0)


def letter() -> Field:
    """An opening like the letter C, 12 cm wide and high."""
    middle = (LEAVES.boundaries_mm[1:] + LEAVES.boundaries_mm[:-1]) / 2.0
    high = np.where(np.abs(middle) < 20.0, -10.0, 60.0)
    return Field("C of 12 cm", 60.0, np.stack([np.full(len(middle), -60.0), high]))


@dataclass(frozen=True, eq=False)
class Box:
    """Slabs (from, to, density) under the beam: voxels, and how far the surface is from the source."""

    voxel_mm: float = 2.5
    half_mm: float = 120.0
    deep_mm: float = 260.0
    source_surface_mm: float = 900.0
    slabs: tuple[tuple[float, float, float], ...] = ()

    @property
    def surface_mm(self) -> float:
        return self.source_surface_mm - 1000.0

    def grid(self) -> Grid:
        """Voxels, the first of which begins at the surface; depth runs along y."""
        across = 2 * int(self.half_mm / self.voxel_mm) + 1
        shape = (across, int(self.deep_mm / self.voxel_mm), across)
        first = -(across - 1) / 2.0 * self.voxel_mm
        origin = (first, self.surface_mm + self.voxel_mm / 2.0, first)
        return Grid.axial(PLANNING, shape, (self.voxel_mm,) * 3, origin)

    def density(self) -> NDArray[np.float32]:
        """Relative density ``[k, j, i]``."""
        depth = self.voxel_mm * (np.arange(self.grid().shape[1]) + 0.5)
        dense = np.ones(len(depth), np.float32)
        for start, stop, density in self.slabs:
            dense[(depth > start) & (depth < stop)] = density
        return np.broadcast_to(dense[:, None], self.grid().shape).copy()

    def volume(self) -> Volume:
        """The same in HU, with air around."""
        hounsfield = np.rint(1000.0 * (self.density() - 1.0)).astype(np.int16)
        return Volume(self.grid(), hounsfield)


@dataclass(frozen=True, eq=False)
class BoxDose:
    """Gy per monitor unit on a grid, and how long it took."""

    grid: Grid
    dose_gy: NDArray[np.float32]
    surface_mm: float
    seconds: float = 0.0

    def at(self, x_mm: Floats | float, z_mm: Floats | float, depth_mm: Floats | float) -> Floats:
        """Dose at places across (x, and z along the patient) and depths; broadcast."""
        x, z, depth = np.broadcast_arrays(*np.atleast_1d(x_mm, z_mm, depth_mm))
        points = np.stack([x, depth + self.surface_mm, z], axis=-1)
        return np.asarray(map_coordinates(self.dose_gy, self.grid.index(points)[..., ::-1].T, order=3).T)


def ours(box: Box, field: Field, machine: BeamData, algorithm: DoseAlgorithm) -> BoxDose:
    """Dose of 100 monitor units from above, per monitor unit."""
    jaw = (-field.half_mm, field.half_mm)
    leaf = field.leaf_mm
    points = tuple(
        ControlPoint(
            0.0,
            0.0,
            0.0,
            weight,
            np.zeros(3),
            energy_mv=6.0,
            jaw_x_mm=jaw,
            jaw_y_mm=jaw,
            leaf_positions_mm=leaf,
        )
        for weight in (0.0, 1.0)
    )
    leaves = None if leaf is None else LEAVES
    far_mm = machine.source_axis_distance_mm
    beam = Beam(1, "box", "TREATMENT", "PHOTON", "any", points, 1, 100.0, leaves, far_mm)
    plan = Plan("1.2.3", "box", PatientPosition.HFS, (beam,))
    settings = DoseSettings(algorithm, box.voxel_mm, curve=WATER)
    begin = time.perf_counter()
    placement = Placement(body=np.ones(box.grid().shape, np.bool_), grid=box.grid())
    found = compute_dose(plan, box.volume(), machine, placement=placement, settings=settings)
    seconds = time.perf_counter() - begin
    return BoxDose(found.grid, found.dose_gy / np.float32(100.0), box.surface_mm, seconds)


def ring_means(radius_mm: Floats, values: Floats) -> Floats:
    """Turn samples, which the peer adds up pixel by pixel, into the means over rings that our kernels are."""
    edges = np.concatenate([[0.0], 0.5 * (radius_mm[1:] + radius_mm[:-1]), [radius_mm[-1]]])
    offset = np.arange(-NEAR_MM, NEAR_MM + PIXEL_MM / 2.0, PIXEL_MM)
    pixels_mm = np.hypot(offset[:, None], offset).ravel()
    sums = np.histogram(pixels_mm, edges, weights=np.interp(pixels_mm, radius_mm, values))[0]
    means = sums * PIXEL_MM**2 / (np.pi * np.diff(edges**2))
    return np.where(radius_mm < NEAR_MM, means, values)


def with_kernels(answer: Mapping[str, Floats], box: Box, penumbra_mm: float) -> BeamData:
    """Our machine with the peer's kernels and an ideal head: what both engines are given alike."""
    near = int(np.abs(answer["ssd"] - box.source_surface_mm).argmin())
    sigma_mm = penumbra_mm / np.sqrt(8.0 * np.log(2.0))
    head = HeadModel(
        np.array([0.0, 400.0]), np.ones(2), (sigma_mm, sigma_mm), 0.0, 25.0, 125.0, 0.0, 0.1, 50.0
    )
    radius_mm = answer["radius"]
    means = np.stack([ring_means(radius_mm, values) for values in answer["kernels"][near]])
    kernels = PencilKernels(float(answer["m"]), answer["betas"], radius_mm, means)
    return replace(generic_6mv(), pencil=kernels, head=head, collimation=Collimation(0.0, 0.0, 0.0, 0.0))


def peers(python: str, box: Box, field: Field, **asked: float | bool) -> tuple[BoxDose, Mapping[str, Floats]]:
    """Let pyRadPlan compute the same with its own kernels."""
    grid = box.grid()
    with tempfile.TemporaryDirectory() as folder:
        question, answer = Path(folder, "in.npz"), Path(folder, "out.npz")
        what: dict[str, ArrayLike] = {"density": box.density(), "spacing_mm": grid.spacing_mm}
        what |= {"origin_mm": grid.origin_mm, "field": field.mask(), "pixel_mm": PIXEL_MM, **asked}
        np.savez(question, allow_pickle=False, **what)
        subprocess.run([python, PEER, question, answer], check=True, capture_output=True)
        with np.load(answer) as found:
            values = {name: found[name] for name in found.files}
    own = Grid.axial(PLANNING, values["dose"].shape, tuple(values["spacing_mm"]), tuple(values["origin_mm"]))
    dose = np.asarray(values["dose"], np.float32)
    return BoxDose(own, dose, box.surface_mm, float(values["seconds"])), values
