"""Virtual patients before two imagers, on days whose truth is known: what radiographs are matched on.

The truth is made by RTK's JosephForwardProjectionImageFilter (no projector of ours takes part), from the
patient's anatomy without noise on voxels of 1 × 1 × 1.5 mm, in water and bone through a polyenergetic beam
with scatter, noise and glare. The planning CT is that same anatomy averaged over voxels of 1.2 × 1.2 × 2.5
mm, with a scanner's noise and couch (a phantom drawn anew on other voxels has other vessels and another
texture: another patient).
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.iec61217 import fixed_from_planning
from isoguide.geometry.transforms import RigidTransform
from isoguide.geometry.xray_view import XrayView
from isoguide.images.displacement_field import DisplacementField, node_positions_mm
from isoguide.images.radiograph import Radiograph
from isoguide.images.volume import Volume
from isoguide.projection.detector import measure
from isoguide.projection.materials import WaterAndBone, water_and_bone
from isoguide.projection.rtk import (
    rows_run_against_rtk,
    rtk_geometry,
    rtk_image,
    rtk_part,
    updated,
    values_of,
)
from isoguide.virtual import Phantom, Site, build_phantom, moved_anatomy, random_displacement
from isoguide.virtual.kv_pair import KILOVOLTAGE, arm_views, stereo_views
from isoguide.virtual.patient_body import body_weight
from isoguide.virtual.room_settings import RADIOGRAPHY, ImagingSettings, StereoSettings
from isoguide.virtual.treatment_couch import THICKNESS_MM, couch_top_mm, put_couch

Float32 = NDArray[np.float32]
Pair = Literal["room", "arm"]

SITES: tuple[Site, ...] = get_args(Site)
TRUTH_MM, PLANNING_MM = (1.0, 1.0, 1.5), (1.2, 1.2, 2.5)
ARM_SOURCE_DEG = (0.0, 90.0)
"""The kV arm takes one radiograph from the front and one from the side."""

BENT_MM, STILL_MM, FULL_MM = 5.0, 40.0, 110.0
"""Tissue within the second distance of the isocentre keeps its place; from the third on it is off by the
first."""
BEND_STEP_MM = 5.0
BENDS = 3
"""Bent anatomies of each patient; every day draws its own place, and one of these."""
DOSE = 0.25


@dataclass(frozen=True, slots=True)
class Kind:
    """A class of days: which pair, how far the patient may lie off per axis, and whether the day is hard.

    On a hard day the anatomy around the target is bent, the couch stands in the beam, and the dose is a
    quarter. Peers take part in the classes of the room pair.
    """

    pair: Pair
    largest_mm: float
    largest_deg: float
    hard: bool = False

    @property
    def beside_peers(self) -> bool:
        return self.pair == "room"

    @property
    def name(self) -> str:
        surroundings = ", bent, couch, ¼ dose" if self.hard else ""
        return f"{self.pair} pair, ±{self.largest_mm:g} mm ±{self.largest_deg:g}°{surroundings}"


KINDS = (
    Kind("room", 10.0, 3.0),
    Kind("room", 25.0, 6.0),
    Kind("room", 10.0, 3.0, hard=True),
    Kind("arm", 10.0, 3.0),
    Kind("arm", 25.0, 6.0),
    Kind("arm", 10.0, 3.0, hard=True),
)


@dataclass(frozen=True, eq=False)
class Patient:
    """A virtual patient: what is exposed, and the CT of the plan."""

    site: Site
    anatomy: Phantom
    planning: Volume
    isocentre_mm: Array
    fixed_from_planning: RigidTransform


@dataclass(frozen=True, eq=False)
class Plan:
    """What an engine may prepare from: the planning CT and the views, both in planning axes."""

    planning: Volume
    isocentre_mm: Array
    views: tuple[XrayView, ...]


@dataclass(frozen=True, eq=False)
class Case:
    """A day's pair of radiographs, and where its target truly is."""

    images: tuple[Radiograph, ...]
    truth: RigidTransform


def patient(site: Site) -> Patient:
    anatomy = build_phantom(site, 0, TRUTH_MM)
    planned = build_phantom(site, 0, PLANNING_MM)
    room = fixed_from_planning("HFS", planned.isocentre_mm)
    return Patient(site, anatomy, scanned(anatomy, planned), planned.isocentre_mm, room)


def scanned(drawn: Phantom, planned: Phantom) -> Volume:
    """Scan a phantom on the voxels of another of the same patient, with noise and couch of that one."""
    grid, values = planned.volume.grid, drawn.anatomy.values.astype(np.float64)
    for axis in range(3):
        values = averaged(values, drawn.anatomy.grid, grid, axis)
    noise_and_couch = planned.volume.values - planned.anatomy.values
    stored = np.clip(np.rint(values + noise_and_couch), -1024, 3071).astype(np.int16)
    return Volume(grid, stored, source=planned.name)


def averaged(values: Array, drawn: Grid, grid: Grid, axis: int) -> Array:
    """Average constant voxels along one axis over those of another axial grid, exactly."""
    n, count = 2 - axis, values.shape[axis]
    faces = grid.origin_mm[n] + (np.arange(grid.shape[axis] + 1) - 0.5) * grid.spacing_mm[n]
    place = np.clip((faces - drawn.origin_mm[n]) / drawn.spacing_mm[n] + 0.5, 0.0, count)
    first = np.minimum(place.astype(np.int64), count - 1)
    lines = np.moveaxis(values, axis, -1)
    sums = np.concatenate([np.zeros((*lines.shape[:-1], 1)), np.cumsum(lines, axis=-1)], axis=-1)
    integral = sums[..., first] + (place - first) * lines[..., first]
    return np.moveaxis(np.diff(integral, axis=-1) / np.maximum(np.diff(place), 1e-9), -1, axis)


def nominal_views(site: Site, pair: Pair) -> tuple[XrayView, ...]:
    """Return the views in the room; the imager's geometry is known exactly."""
    if pair == "room":
        return stereo_views(StereoSettings())
    return arm_views(ImagingSettings().for_site(site), ARM_SOURCE_DEG)


def plan(who: Patient, pair: Pair) -> Plan:
    to_planning = who.fixed_from_planning.inverse()
    views = tuple(view.in_frame(to_planning) for view in nominal_views(who.site, pair))
    return Plan(who.planning, who.isocentre_mm, views)


class Exposures:
    """Takes the radiographs of one patient; keeps his materials, bent or not, and the shadow of the couch."""

    def __init__(self, who: Patient) -> None:
        self._who = who
        self._room = who.fixed_from_planning @ RigidTransform(PLANNING, DAILY, np.eye(4))
        self._materials = cache(self._decomposed)
        self._couch = cache(self._couch_mm)

    def case(self, kind: Kind, rng: np.random.Generator) -> Case:
        """Draw a day and expose the pair."""
        who = self._who
        truth = random_displacement(
            rng,
            largest_mm=kind.largest_mm,
            largest_deg=kind.largest_deg,
            isocentre_mm=who.isocentre_mm,
            machine_isocentre_mm=who.isocentre_mm,
        )
        materials = self._materials(1 + int(rng.integers(BENDS)) if kind.hard else 0)
        physics = RADIOGRAPHY
        if kind.hard:
            physics = replace(physics, photons_per_pixel=DOSE * physics.photons_per_pixel)
        images = []
        seen = plan(who, kind.pair).views
        for number, view in enumerate(nominal_views(who.site, kind.pair)):
            thickness_mm = line_integrals(materials, self._room @ truth.inverse(), view)
            if kind.hard:
                thickness_mm = thickness_mm + self._couch(kind.pair, number)
            values, _ = measure(thickness_mm[:, None], view, KILOVOLTAGE, physics, rng)
            images.append(Radiograph(seen[number], values[0], "line integral"))
        return Case(tuple(images), truth)

    def _decomposed(self, bend: int) -> WaterAndBone:
        """Materials of the anatomy as planned (0) or of one of the bent ones."""
        who = self._who
        field = bend_field(who, np.random.default_rng([SITES.index(who.site), bend])) if bend else None
        return water_and_bone(moved_anatomy(who.anatomy, field) if field else who.anatomy.anatomy)

    def _couch_mm(self, pair: Pair, number: int) -> Float32:
        view = nominal_views(self._who.site, pair)[number]
        return line_integrals(treatment_couch(self._who), self._room, view)


def bend_field(who: Patient, rng: np.random.Generator) -> DisplacementField:
    """Bend all but the target: what lies above it goes one way, what lies below another way, both drawn."""
    span = who.anatomy.volume.grid
    low, high = np.sort(span.xyz(np.array([[0.0, 0.0, 0.0], np.array(span.shape[::-1]) - 1.0])), axis=0)
    shape = [int(n) for n in np.ceil((high - low) / BEND_STEP_MM)[::-1] + 1]
    corner = (float(low[0]), float(low[1]), float(low[2]))
    grid = Grid.axial(PLANNING, (shape[0], shape[1], shape[2]), (BEND_STEP_MM,) * 3, corner)
    away_mm = node_positions_mm(grid) - who.isocentre_mm
    ways = rng.standard_normal((2, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    above = smooth_step(away_mm[:, 2] / STILL_MM / 2.0 + 0.5)[:, None]
    # A node moves what lies up to a cell's diagonal away: nodes keep still a little beyond the still ball.
    still_mm = STILL_MM + BEND_STEP_MM * np.sqrt(3.0)
    bent = smooth_step((np.linalg.norm(away_mm, axis=1) - still_mm) / (FULL_MM - still_mm))[:, None]
    vectors_mm = BENT_MM * bent * (above * ways[0] + (1.0 - above) * ways[1])
    return DisplacementField(grid, vectors_mm.reshape(*grid.shape, 3).astype(np.float32))


def smooth_step(share: Array) -> Array:
    """Return a smooth ramp from 0 at 0 to 1 at 1."""
    clipped = np.clip(share, 0.0, 1.0)
    return np.asarray(clipped**2 * (3.0 - 2.0 * clipped))


def treatment_couch(who: Patient) -> WaterAndBone:
    """Return the couch of the treatment room as it touches the back of a patient who lies as planned."""
    weight = body_weight(who.planning)
    top_mm = couch_top_mm(who.planning, weight, who.isocentre_mm, who.isocentre_mm)
    x_mm, _, z_mm = (float(value) for value in who.isocentre_mm)
    step_mm = (2.0, 1.0, 10.0)
    shape = (61, int(THICKNESS_MM) + 11, 281)
    corner = (
        x_mm - step_mm[0] * (shape[2] - 1) / 2.0,
        top_mm - 5.0,
        z_mm - step_mm[2] * (shape[0] - 1) / 2.0,
    )
    grid = Grid.axial(DAILY, shape, step_mm, corner)
    values = np.full(shape, -1000.0, np.float32)
    put_couch(values, grid, top_mm, x_mm)
    return water_and_bone(Volume(grid, values, source="treatment couch"))


def line_integrals(materials: WaterAndBone, fixed_from_materials: RigidTransform, view: XrayView) -> Float32:
    """Return mm of water and of bone along each ray, (2, rows, columns), by RTK."""
    return np.stack([_rtk(materials.grid, part, fixed_from_materials, view) for part in materials.fractions])


def _rtk(grid: Grid, values: Float32, fixed_from_grid: RigidTransform, view: XrayView) -> Float32:
    """Line integrals [row, column] by RTK, which gets the volume where it lies in the room."""
    volume = rtk_image(
        np.ascontiguousarray(values),
        grid.spacing_mm,
        fixed_from_grid.apply(grid.origin_mm),
        fixed_from_grid.rotation @ grid.direction,
    )
    columns, rows = view.size
    spacing = np.array([*view.pixel_spacing_mm, 1.0])
    origin = np.array([-(columns - 1) / 2.0 * spacing[0], -(rows - 1) / 2.0 * spacing[1], 0.0])
    blank_values = np.zeros((1, rows, columns), np.float32)
    name = "rtkJosephForwardProjectionImageFilter"
    projector = getattr(rtk_part(name), f"{name}IF3IF3").New()
    projector.SetInput(0, rtk_image(blank_values, spacing, origin))
    projector.SetInput(1, volume)
    projector.SetGeometry(rtk_geometry([view]))
    stack = values_of(updated(projector, "the patient"))
    image = stack[0, ::-1] if rows_run_against_rtk(view) else stack[0]
    return np.ascontiguousarray(image)
