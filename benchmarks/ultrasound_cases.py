"""Virtual patients swept by ultrasound at simulation and on later days, with known truth.

A probe with a rocking array is put on the skin: on the perineum or above the pubic bone for the prostate, on
the right side of the belly for the liver. Every frame is simulated by ``isoguide.virtual.ultrasound``; voxels
are looked up in the frames, line by line.

Day and reference differ as they do in a clinic: the patient lies elsewhere; the probe is put on again, by
some mm and degrees elsewhere, and pressed more or less, which pushes the tissue near it; bladder and rectum
are fuller or emptier, in front of the liver tissue gives way a little; frequency, gain and dynamic range are
not the same. Speckle: on every second day the scatterers are others altogether, as after weeks, so that only
anatomy is left to match on; on the others they are the same and speckle differs by what the sound's new way
makes of it.

A made volume is kept under the system's folder for temporary files and made again when it is not there.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from isoguide.geometry.frames import DAILY, PLANNING, ULTRASOUND_IMAGE, Array, Frame
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform, rotation_x
from isoguide.images.displacement_field import DisplacementField, node_positions_mm
from isoguide.images.mask import structure_mask
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.virtual import (
    CourseSettings,
    OrganChanges,
    Phantom,
    Site,
    build_phantom,
    draw_days,
    random_displacement,
    target_points,
)
from isoguide.virtual.acoustics import FLUID, AcousticTissue, acoustic_tissue
from isoguide.virtual.ultrasound import DEPTH_STEP_MM, GAIN_DB_CM_MHZ, LIVER_GREY, scan_lines
from isoguide.virtual.ultrasound_probe import UltrasoundProbe, probe_on_skin

Floats = NDArray[np.float32]

VERSION: Final = "1"
SEED: Final = 31_000
MACHINE_ISOCENTRE_MM: Final = np.zeros(3)
VOXEL_MM: Final = 0.7
LINES, FRAMES, KEPT_DEPTHS = 128, 70, 2
"""Lines of a frame, frames of a sweep, and every which depth sample is kept."""
BLOOD_BELOW_HU: Final = 48.0
"""In the liver, whose tissue is brighter: its vessels are black in ultrasound."""
PRESSED_DEPTH_MM, PRESSED_WIDTH_MM = 30.0, 40.0
"""How deep and how far aside the pressure of the probe reaches: one e-fold."""
GIVING_WAY_MM, GIVING_WAY_SCALE_MM = 1.0, 45.0
SHADOW_DB, SHADOW_MM = 1.0, 6.0
"""From where on a line's mean no longer rises this much above the receiver's noise, it lies in a shadow."""


@dataclass(frozen=True, slots=True)
class View:
    """How a target is looked at.

    ``outwards`` points from the aim to the probe; the aim lies ``aim_mm`` from the isocentre; the array rocks
    by ±``rock_deg`` about an axis ``rock_mm`` behind its face.
    """

    name: str
    site: Site
    outwards: tuple[float, float, float]
    aim_mm: tuple[float, float, float]
    probe: UltrasoundProbe
    rock_deg: float
    rock_mm: float


VIEWS: Final = (
    View(
        "prostate, perineum",
        "pelvis",
        (0.0, -0.3, -1.0),
        (0.0, 0.0, 0.0),
        replace(UltrasoundProbe.perineal(), lines=LINES, depth_mm=125.0),
        rock_deg=32.0,
        rock_mm=25.0,
    ),
    View(
        "prostate, belly",
        "pelvis",
        (0.0, -0.75, 0.65),
        (0.0, 0.0, 0.0),
        replace(UltrasoundProbe.abdominal(), lines=LINES, depth_mm=170.0),
        rock_deg=30.0,
        rock_mm=40.0,
    ),
    View(
        "liver",
        "abdomen",
        (-0.35, -0.75, -0.6),
        (0.0, 0.0, 0.0),
        replace(UltrasoundProbe.abdominal(), lines=LINES),
        rock_deg=25.0,
        rock_mm=40.0,
    ),
)


@dataclass(frozen=True, eq=False)
class Patient:
    """A virtual patient as sound sees him; accuracy is judged at ``target_mm`` (n, 3), planning LPS."""

    phantom: Phantom
    tissue: AcousticTissue
    target_mm: Array

    @property
    def isocentre_mm(self) -> Array:
        return self.phantom.isocentre_mm


@dataclass(frozen=True, eq=False)
class Case:
    """A reference, a day and the truth.

    ``target_daily_mm`` (n, 3) is where the tissue of ``target_mm`` (n, 3) lies in DAILY, deformed as it is;
    ``truth`` is the rigid motion that brings it back as well as one can.
    """

    view: str
    patient: int
    day: int
    same_speckle: bool
    reference: UltrasoundVolume
    daily: UltrasoundVolume
    isocentre_mm: Array
    target_mm: Array
    target_daily_mm: Array
    truth: RigidTransform

    @property
    def initial(self) -> RigidTransform:
        """Planning from daily as the patient should lie."""
        return RigidTransform.translation(PLANNING, DAILY, self.isocentre_mm - MACHINE_ISOCENTRE_MM)

    def errors_mm(self, planning_from_daily: RigidTransform) -> Array:
        """How far each target point is put from where it belongs, (n,)."""
        return np.asarray(
            np.linalg.norm(planning_from_daily.apply(self.target_daily_mm) - self.target_mm, axis=1)
        )


@cache
def patient(site: Site, number: int) -> Patient:
    """Build a patient; the same number is the same one."""
    phantom = build_phantom(site, number)
    tissue = acoustic_tissue(phantom, seed=SEED + number)
    name = "Prostate" if site == "pelvis" else "GTV"
    if site == "abdomen":
        materials = tissue.materials.copy()
        liver = structure_mask(phantom.structure("Liver"), phantom.anatomy.grid)
        tumour = structure_mask(phantom.structure("GTV"), phantom.anatomy.grid)
        materials[liver & ~tumour & (phantom.anatomy.values < BLOOD_BELOW_HU)] = FLUID
        tissue = replace(tissue, materials=materials)
    drawn = phantom.structure(name).points_mm
    return Patient(phantom, tissue, np.concatenate([drawn, target_points(drawn.mean(axis=0), 15.0, 50)]))


def case(view: View, number: int, day: int) -> Case:
    """Make one case, or read it back when it was made before.

    Parameters
    ----------
    view
        One of :data:`VIEWS`.
    number
        Of the patient.
    day
        Counted from 1; odd ones have other scatterers than the reference.
    """
    who = patient(view.site, number)
    rng = np.random.default_rng([SEED, VIEWS.index(view), number, day])
    truth = random_displacement(
        rng,
        largest_mm=10.0,
        largest_deg=4.0,
        isocentre_mm=who.isocentre_mm,
        machine_isocentre_mm=MACHINE_ISOCENTRE_MM,
    )
    pose = _put_on(view, who, rng)
    field = _deformed(view, who, pose, day, rng)
    machine = replace(
        view.probe,
        frequency_mhz=view.probe.frequency_mhz * rng.uniform(0.92, 1.08),
        dynamic_range_db=rng.uniform(55.0, 65.0),
    )
    gain_db = float(rng.uniform(-4.0, 4.0))
    same = day % 2 == 0
    tissue = who.tissue if same else replace(who.tissue, seed=who.tissue.seed + 1000 * day)

    def made() -> UltrasoundVolume:
        look = Look(view, tissue, machine, gain_db)
        return swept(look, pose, truth.inverse(), rng=rng, field=field)

    daily = _kept(f"{view.name} {number} {day}", DAILY, made)
    moved = who.target_mm if field is None else field.moved(who.target_mm)
    target_daily_mm = truth.inverse().apply(moved)
    return Case(
        view.name,
        number,
        day,
        same,
        reference(view, number),
        daily,
        who.isocentre_mm,
        who.target_mm,
        target_daily_mm,
        _best_rigid(target_daily_mm, who.target_mm),
    )


def reference(view: View, number: int) -> UltrasoundVolume:
    """Make a patient's reference of the simulation, frame PLANNING, or read it back."""

    def made() -> UltrasoundVolume:
        who = patient(view.site, number)
        rng = np.random.default_rng([SEED, VIEWS.index(view), number, 0])
        pose = _put_on(view, who, rng)
        return swept(
            Look(view, who.tissue, view.probe, 0.0),
            pose,
            RigidTransform.identity(PLANNING, PLANNING),
            rng=rng,
        )

    return _kept(f"{view.name} {number} reference", PLANNING, made)


def _put_on(view: View, who: Patient, rng: np.random.Generator) -> RigidTransform:
    """Put the probe on by hand: some mm and degrees off."""
    aim_mm = who.isocentre_mm + view.aim_mm + rng.normal(0.0, 3.0, 3)
    turn = Rotation.from_rotvec(np.deg2rad(rng.normal(0.0, 4.0, 3)))
    outwards = turn.apply(np.array(view.outwards))
    lateral = turn.apply(np.array([1.0, 0.0, 0.0]))
    return probe_on_skin(who.tissue, aim_mm, outwards, lateral, press_mm=float(rng.uniform(3.0, 8.0)))


@cache
def _filled(number: int, days: int) -> tuple[DisplacementField, ...]:
    """Return the fields of bladder and rectum on the days of a man."""
    settings = CourseSettings(organs=OrganChanges(bladder_percent=15.0, rectum_percent=15.0))
    rng = np.random.default_rng([SEED, number])
    drawn = draw_days(patient("pelvis", number).phantom, settings, days, rng)
    return tuple(day.anatomy for day in drawn if day.anatomy is not None)


def _deformed(
    view: View, who: Patient, pose: RigidTransform, day: int, rng: np.random.Generator
) -> DisplacementField:
    """Return how the tissue differs from the planning CT on a day."""
    ct = who.tissue.grid
    step_mm = 5.0
    shape = tuple(
        int(np.ceil(n * mm / step_mm)) + 1 for n, mm in zip(ct.shape, ct.spacing_mm[::-1], strict=True)
    )
    grid = Grid(PLANNING, (shape[0], shape[1], shape[2]), np.full(3, step_mm), ct.origin_mm, ct.direction)
    nodes = node_positions_mm(grid)
    in_image = pose.inverse().apply(nodes)
    depth_mm, aside = np.maximum(in_image[:, 1], 0.0), np.hypot(in_image[:, 0], in_image[:, 2])
    share = np.exp(-depth_mm / PRESSED_DEPTH_MM - (aside / PRESSED_WIDTH_MM) ** 2)
    vectors = rng.normal(0.0, 2.0) * share[:, None] * pose.rotation[:, 1]
    if view.site == "abdomen":
        noise = rng.standard_normal((*grid.shape, 3))
        smooth = ndimage.gaussian_filter(noise, (*[GIVING_WAY_SCALE_MM / step_mm / 2.0] * 3, 0.0))
        vectors = vectors + GIVING_WAY_MM * (smooth / smooth.std()).reshape(-1, 3)
    pressed = DisplacementField(grid, vectors.reshape(*grid.shape, 3).astype(np.float32))
    if view.site != "pelvis":
        return pressed
    return _filled(int(who.phantom.name.split()[-1]), 12)[day - 1].then(pressed)


@dataclass(frozen=True, eq=False)
class Look:
    """What is swept with what: the view, the tissue, the scanner's setting, its gain in dB."""

    view: View
    tissue: AcousticTissue
    probe: UltrasoundProbe
    gain_db: float


def swept(
    look: Look,
    planning_from_image: RigidTransform,
    volume_from_planning: RigidTransform,
    *,
    rng: np.random.Generator,
    field: DisplacementField | None = None,
) -> UltrasoundVolume:
    """Sweep the patient and look every voxel up in the frames.

    Parameters
    ----------
    look
        What is swept with what.
    planning_from_image
        Pose of the frame in the middle.
    volume_from_planning
        Where the volume's axes are: it is laid along them, around the fan.
    rng
        Noise of the receiver.
    field
        How the tissue differs from the planning CT.
    """
    view, probe = look.view, look.probe
    angles_deg = np.linspace(-view.rock_deg, view.rock_deg, FRAMES)
    level_db = np.stack(
        [
            _line_db(look, planning_from_image @ _rocked(view, angle_deg), rng, field)
            for angle_deg in angles_deg
        ]
    )
    volume_from_image = volume_from_planning @ planning_from_image
    grid = _around(view, probe, volume_from_image)
    frame, line, depth, seen = _where(view, probe, grid, volume_from_image)
    values = np.zeros(grid.shape, dtype=np.uint8)
    at = [frame[seen], line[seen], depth[seen]]
    shown_db = ndimage.map_coordinates(level_db, at, order=1, prefilter=False, mode="nearest")
    grey = 255.0 * (LIVER_GREY + (shown_db + look.gain_db) / probe.dynamic_range_db)
    values[seen] = np.clip(np.rint(grey), 0.0, 255.0).astype(np.uint8)
    shadowed = np.zeros(grid.shape, dtype=bool)
    dark = _dark_from(level_db, probe)
    nearest = np.rint(at[0]).astype(int), np.rint(at[1]).astype(int)
    shadowed[seen] = at[2] >= dark[nearest]
    return UltrasoundVolume(grid, values, seen, shadowed, source=f"{view.name}, virtual")


def _rocked(view: View, angle_deg: float) -> RigidTransform:
    """Take the frame of the array, rocked by an angle, to that of the probe in its middle position."""
    rotation = rotation_x(angle_deg)
    pivot_mm = np.array([0.0, -view.rock_mm, 0.0])
    return RigidTransform.from_parts(
        ULTRASOUND_IMAGE, ULTRASOUND_IMAGE, rotation, pivot_mm - rotation @ pivot_mm
    )


def _line_db(
    look: Look, pose: RigidTransform, rng: np.random.Generator, field: DisplacementField | None
) -> Floats:
    amplitude = scan_lines(look.tissue, look.probe, pose, rng=rng, field=field).amplitude
    kept = amplitude[:, : amplitude.shape[1] // KEPT_DEPTHS * KEPT_DEPTHS]
    mean = kept.reshape(len(kept), -1, KEPT_DEPTHS).mean(axis=2)
    return np.asarray(20.0 * np.log10(np.maximum(mean, 1e-9)), dtype=np.float32)


def _around(view: View, probe: UltrasoundProbe, volume_from_image: RigidTransform) -> Grid:
    """Lay a grid along the volume's axes around all that the rocking fan sees."""
    rock_rad = np.deg2rad(view.rock_deg) * np.linspace(-1.0, 1.0, 15)
    on_plane = probe.on_plane_mm(probe.angles_rad[::8, None], np.linspace(0.0, probe.depth_mm, 12))
    x, y = on_plane.reshape(-1, 2).T
    reach = y + view.rock_mm
    points = np.stack(
        [
            np.broadcast_to(x, (len(rock_rad), len(x))),
            np.cos(rock_rad)[:, None] * reach - view.rock_mm,
            np.sin(rock_rad)[:, None] * reach,
        ],
        axis=-1,
    ).reshape(-1, 3)
    corners = volume_from_image.apply(points)
    low, high = corners.min(axis=0), corners.max(axis=0)
    i, j, k = (int(n) for n in np.ceil((high - low) / VOXEL_MM) + 1)
    return Grid(volume_from_image.to_frame, (k, j, i), np.full(3, VOXEL_MM), low, np.eye(3))


def _where(
    view: View, probe: UltrasoundProbe, grid: Grid, volume_from_image: RigidTransform
) -> tuple[Array, Array, Array, NDArray[np.bool_]]:
    """Return frame, line and depth index of every voxel, and which lie in the fan, all ``[k, j, i]``."""
    image_from_index = volume_from_image.inverse().matrix @ grid.xyz_from_index
    k, j, i = (np.arange(n, dtype=np.float32) for n in grid.shape)
    x, y, z = (
        (row[0] * i + (row[1] * j)[:, None] + (row[2] * k)[:, None, None] + row[3]).astype(np.float32)
        for row in image_from_index[:3].astype(np.float32)
    )
    reach = np.hypot(y + np.float32(view.rock_mm), z) - np.float32(view.rock_mm)
    rock_rad = np.arctan2(z, y + np.float32(view.rock_mm))
    along = reach + np.float32(probe.radius_mm)
    depth_mm = np.hypot(x, along) - np.float32(probe.radius_mm)
    angle_rad = np.arctan2(x, along)
    most, half = np.deg2rad(view.rock_deg), np.deg2rad(probe.fan_deg) / 2.0
    deepest_mm = probe.depth_mm - DEPTH_STEP_MM * KEPT_DEPTHS
    seen = (np.abs(rock_rad) <= most) & (np.abs(angle_rad) <= half)
    seen &= (depth_mm >= 0.0) & (depth_mm <= deepest_mm)
    frame = (rock_rad / most + 1.0) * (FRAMES - 1) / 2.0
    line = (angle_rad / half + 1.0) * (probe.lines - 1) / 2.0
    return frame, line, depth_mm / (KEPT_DEPTHS * DEPTH_STEP_MM) - 0.5, seen


def _dark_from(level_db: Floats, probe: UltrasoundProbe) -> NDArray[np.int64]:
    """Return from which depth sample on each line ``[frame, line]`` nothing rises above the noise."""
    step_mm = KEPT_DEPTHS * DEPTH_STEP_MM
    depths_mm = (np.arange(level_db.shape[2]) + 0.5) * step_mm
    noise_db = probe.noise_db + 2.0 * GAIN_DB_CM_MHZ * probe.frequency_mhz * depths_mm / 10.0
    smooth = ndimage.uniform_filter(level_db, (3, 3, int(SHADOW_MM / step_mm)), mode="nearest")
    bright = smooth > noise_db + SHADOW_DB
    last = bright.shape[2] - np.argmax(bright[..., ::-1], axis=2)
    return np.where(bright.any(axis=2), last, 0)


def _best_rigid(from_mm: Array, to_mm: Array) -> RigidTransform:
    """Least squares by Kabsch, Acta Cryst. A32 (1976) 922."""
    here, there = from_mm - from_mm.mean(axis=0), to_mm - to_mm.mean(axis=0)
    turn, _ = Rotation.align_vectors(there, here)
    rotation = turn.as_matrix()
    return RigidTransform.from_parts(
        PLANNING, DAILY, rotation, to_mm.mean(axis=0) - rotation @ from_mm.mean(axis=0)
    )


def _kept(name: str, frame: Frame, made: Callable[[], UltrasoundVolume]) -> UltrasoundVolume:
    """Read a volume back by name, or make and keep it."""
    folder = Path(tempfile.gettempdir()) / f"isoguide-ultrasound-cases-{VERSION}"
    path = folder / f"{name.replace(', ', '-').replace(' ', '-')}.npz"
    if not path.exists():
        volume = made()
        folder.mkdir(exist_ok=True)
        begun = path.with_suffix(f".{os.getpid()}.npz")
        np.savez(
            begun,
            origin_mm=volume.grid.origin_mm,
            values=volume.values,
            seen=np.packbits(volume.seen),
            shadowed=np.packbits(volume.shadowed),
        )
        begun.rename(path)
    with np.load(path) as kept:
        values = kept["values"]
        grid = Grid(frame, values.shape, np.full(3, VOXEL_MM), kept["origin_mm"], np.eye(3))
        masks = [
            np.unpackbits(kept[mask], count=values.size).reshape(values.shape).astype(bool)
            for mask in ("seen", "shadowed")
        ]
    return UltrasoundVolume(grid, values, masks[0], masks[1], source=f"{name}, virtual")


def cases(patients: int, days: int) -> Iterator[Case]:
    """Yield every view's cases."""
    for view in VIEWS:
        for number in range(patients):
            for day in range(1, days + 1):
                yield case(view, number, day)


def add_case_arguments(parser: argparse.ArgumentParser) -> None:
    """Add how many of the cases are matched."""
    parser.add_argument("--patients", type=int, default=2, help="of each view")
    parser.add_argument("--days", type=int, default=4, help="of each patient and view, at most 12")


def main() -> None:
    """Make some cases and say what they are like."""
    for view in VIEWS:
        begin = time.perf_counter()
        one = case(view, 0, 1)
        seconds = time.perf_counter() - begin
        trusted = 100.0 * one.daily.trusted.sum() / one.daily.seen.sum()
        print(f"{view.name}: {one.daily.grid.shape} voxels of {VOXEL_MM} mm in {seconds:.1f} s")
        print(f"  {trusted:.0f} % of the fan outside shadows; set-up as it is: {_error(one, one.initial)}")
        print(f"  as well as a rigid patient could be matched: {_error(one, one.truth)}")


def _error(one: Case, estimate: RigidTransform) -> str:
    return f"{one.errors_mm(estimate).mean():.2f} mm at the target"


if __name__ == "__main__":
    main()
