"""Implanted markers against truth: centres in CT and radiographs, the pose, and migrations that go unnoticed.

Run with ``python benchmarks/markers.py [--only TABLE ...] [--images N] [--frames N] [--migrations N]
[--write]``. The images are drawn by voxel shares and by chords through cylinders, not with the shapes that
are fitted; virtual patients are exposed by the room's stereo pair, with scatter and noise. ``--write`` puts
the tables into docs/benchmarks.md.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from cases import SHARED_DATA
from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.iec61217 import fixed_from_planning
from isoguide.geometry.transforms import RigidTransform
from isoguide.geometry.xray_view import XrayView, gantry_view
from isoguide.images.radiograph import Radiograph
from isoguide.images.volume import Volume
from isoguide.plan import Fiducial
from isoguide.projection.detector import measure
from isoguide.projection.materials import WaterAndBone, water_and_bone
from isoguide.projection.project import project_volumes
from isoguide.registration import Verdict
from isoguide.registration.markers import (
    DeclaredMarkers,
    MarkerKind,
    MarkerMatchSettings,
    MarkerState,
    MeasuredMarker,
    RadiographMarker,
    assign_markers,
    candidates_in_pair,
    find_in_radiograph,
    find_in_volume,
    match_markers,
)
from isoguide.virtual import build_phantom
from isoguide.virtual.kv_pair import KILOVOLTAGE, stereo_views
from isoguide.virtual.markers import paint_rod
from isoguide.virtual.room_settings import StereoSettings
from isoguide.virtual.seeds_in_beam import gold_mm
from page import put_between_marks, table

LENGTH_MM, DIAMETER_MM = 5.0, 1.0
SPACINGS_MM = ((1.0, 1.0, 1.0), (1.0, 1.0, 2.0), (0.9, 0.9, 2.5), (0.5, 0.5, 1.0))
LEAST_DISTANCE_MM = 12.0
SIGMAS_MM = (0.1, 0.15)
PAIR_SEED, VIRTUAL_SEED = 5151, 6161
PANEL = (320, 320)
"""Pixels of the room's panels behind collimators: 79 mm at the isocentre."""
POSES = 10
"""Of each virtual patient."""
BALL_SEED, TIME_SEED = 7171, 8181
CROPS = SHARED_DATA / "FiducialMarkers/fiducial_localization/src/test_data/spherical_fiducials"
CROP_MM = (0.402344, 0.402344, 0.299988)
METALS = (("as the phantom's", 10.0), ("nearly opaque", 60.0))
"""Millimetres of cortical bone that absorb like a mm of the seed: the phantom's metal, and like gold."""
DETECTOR_BLUR_PX = 0.6
BLOT_PX = 12.0
"""A seed nearer than this to a thing named as not resolved is one of those it hides."""


def constellation(rng: np.random.Generator, count: int, half_mm: float = 16.0) -> tuple[Array, Array]:
    """Return centres and axes, (n, 3) each, no two centres nearer than 12 mm."""
    while True:
        centres = rng.uniform(-half_mm, half_mm, (count, 3))
        apart = np.linalg.norm(centres[:, None] - centres[None], axis=-1) + 1e3 * np.eye(count)
        if apart.min() >= LEAST_DISTANCE_MM:
            break
    axes = np.array([0.0, 0.0, 1.0]) + 0.35 * rng.standard_normal((count, 3))
    return centres, axes / np.linalg.norm(axes, axis=1)[:, None]


def ct(
    centres: Array, axes: Array, spacing_mm: tuple[float, float, float], rng: np.random.Generator
) -> Volume:
    shape = (round(60.0 / spacing_mm[2]), round(60.0 / spacing_mm[1]), round(60.0 / spacing_mm[0]))
    grid = Grid.axial(PLANNING, shape, spacing_mm, (-30.0, -30.0, -30.0))
    tissue = ndimage.gaussian_filter(rng.standard_normal(shape), 2.0)
    values = (30.0 * tissue / tissue.std()).astype(np.float32)
    values[:, : round(6.0 / spacing_mm[1]), :] += 900.0
    for centre, axis in zip(centres, axes, strict=True):
        half = (LENGTH_MM - DIAMETER_MM) / 2.0 * axis
        paint_rod(values, grid, (centre - half, centre + half), DIAMETER_MM, 20000.0)
    blurred = ndimage.gaussian_filter(values, 0.7 / np.array(spacing_mm[::-1]))
    noisy = blurred + 25.0 * rng.standard_normal(shape)
    return Volume(grid, np.minimum(noisy, 3071.0).astype(np.float32))


def radiograph(view: XrayView, centres: Array, axes: Array, rng: np.random.Generator) -> Radiograph:
    columns, rows = view.size
    tissue = ndimage.gaussian_filter(rng.standard_normal((rows, columns)), 6.0)
    image = 3.0 + 0.15 * tissue / tissue.std()
    edge = rng.uniform(80.0, 170.0) + 8.0 * np.sin(np.arange(rows) / 30.0)[:, None]
    image += 0.4 / (1.0 + np.exp(-(edge - np.arange(columns)) / 1.5))
    metal = 2.0 * gold_mm(view, ends_of(centres, axes))
    image += ndimage.gaussian_filter(metal, 0.7) + 0.02 * rng.standard_normal((rows, columns))
    return Radiograph(view, image.astype(np.float32), "line integral")


def ends_of(centres_mm: Array, axes: Array) -> list[Array]:
    half_mm = LENGTH_MM / 2.0 * np.asarray(axes)
    return [np.stack([c - h, c + h]) for c, h in zip(centres_mm, half_mm, strict=True)]


def rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))


def ct_table(images: int) -> str:
    declared = DeclaredMarkers(MarkerKind.SEED, LENGTH_MM, DIAMETER_MM, 3)
    rows = []
    for spacing_mm in SPACINGS_MM:
        rng = np.random.default_rng(1)
        errors, missed, false, used_s = [], 0, 0, 0.0
        for _ in range(images):
            centres, axes = constellation(rng, 3)
            volume = ct(centres, axes, spacing_mm, rng)
            begin = time.process_time()
            found = np.array([m.measured.position_mm for m in find_in_volume(volume, declared)]).reshape(
                -1, 3
            )
            used_s += time.process_time() - begin
            apart = np.linalg.norm(found[:, None] - centres[None], axis=-1)
            near = apart < 2.0
            missed += int((~near.any(axis=0)).sum())
            false += int((~near.any(axis=1)).sum())
            errors += [found[f] - centres[c] for f, c in np.argwhere(near)]
        voxels = np.array(errors) / spacing_mm
        each = [f"{rms(voxels[:, axis]):.3f}" for axis in range(3)]
        largest = f"{np.abs(voxels).max():.2f}"
        size = " × ".join(f"{mm:g}" for mm in spacing_mm)
        share = f"{missed} / {false} of {3 * images}"
        rows.append([size, *each, largest, share, f"{used_s / images:.2f}"])
    head = ("voxel mm", "x voxel RMS", "y", "z", "largest", "missed / false", "processor s")
    return table("Seeds in CT; to keep: 0.1 voxel RMS", head, rows)


@dataclass
class Tally:
    """What became of the markers of many pairs of radiographs."""

    frames: int = 0
    views: int = 0
    missed: int = 0
    unclear: int = 0
    false: int = 0
    bad_frames: int = 0
    unclear_frames: int = 0
    pixels: list[Array] = field(default_factory=list)
    poses_mm: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def row(self, name: str) -> list[str]:
        errors = np.array(self.pixels)
        return [
            name,
            *(f"{rms(errors[:, axis]):.3f}" for axis in (0, 1)),
            f"{np.abs(errors).max():.2f}",
            f"{self.missed} / {self.unclear} / {self.false} of {self.views}",
            f"{self.bad_frames} / {self.unclear_frames} of {self.frames}",
            f"{rms(np.array(self.poses_mm)):.3f}",
            f"{max(self.poses_mm):.2f}",
            f"{self.frames - len(self.poses_mm)}",
            f"{1e3 * float(np.median(self.seconds)):.0f}",
        ]


HEAD = (
    "seeds",
    "column px RMS",
    "row px RMS",
    "largest px",
    "missed / unclear / false, marker views",
    "wrong / unclear frames",
    "pose at the seeds' middle mm RMS",
    "largest mm",
    "no answer",
    "processor ms per view",
)
NEAR_PX = 2.0
"""A finding further than this from every seed is of none."""
WRONG_MM = 1.0


def pair_table(images: int) -> str:
    rows = []
    for count, how in ((3, "needle"), (4, "needle"), (5, "needle"), (4, "any direction")):
        rng = np.random.default_rng([PAIR_SEED, count, how == "needle"])
        tally = Tally()
        for _ in range(images):
            planned, axes = constellation(rng, count)
            if how != "needle":
                axes = rng.standard_normal((count, 3))
                axes /= np.linalg.norm(axes, axis=1)[:, None]
            drawn_pair(rng, planned, axes, tally)
        rows.append(tally.row(f"{count}, {how}"))
    title = (
        "Seeds drawn in pairs of radiographs 90° apart; to keep: 0.15 px RMS, 0.3 mm RMS, "
        "0.1 % of frames missed or false"
    )
    return table(title, HEAD, rows)


def drawn_pair(rng: np.random.Generator, planned: Array, axes: Array, tally: Tally) -> None:
    """Draw and judge a pair of a supine patient; the gantry stands anywhere."""
    expected = fixed_from_planning("HFS", np.zeros(3)).inverse()
    rotation = Rotation.from_rotvec(np.deg2rad(rng.normal(0.0, 2.0, 3))).as_matrix()
    moved = RigidTransform.from_parts(PLANNING, PLANNING, rotation, rng.normal(0.0, 3.0, 3))
    truth = moved @ expected
    back = truth.inverse()
    turn = rng.uniform(0.0, 360.0)
    first, second = (
        gantry_view(angle, sad_mm=1000.0, sid_mm=1500.0, size=(256, 256), pixel_spacing_mm=(0.4, 0.4))
        for angle in (turn, turn + 90.0)
    )
    there, there_axes = back.apply(planned), axes @ back.rotation.T
    images = (radiograph(first, there, there_axes, rng), radiograph(second, there, there_axes, rng))
    judge(images, planned, truth, expected, tally)


def judge(
    images: tuple[Radiograph, Radiograph],
    planned: Array,
    truth: RigidTransform,
    expected: RigidTransform,
    tally: Tally,
) -> None:
    """Find, assign and match the seeds of a pair, and compare with ``truth`` (planning from the room)."""
    count = len(planned)
    declared = DeclaredMarkers(MarkerKind.SEED, LENGTH_MM, DIAMETER_MM, count)
    there = truth.inverse().apply(planned)
    where = expected.inverse().apply(planned)
    both = []
    for image in images:
        begin = time.process_time()
        both.append(find_in_radiograph(image, declared, where))
        tally.seconds.append(time.process_time() - begin)
        count_view(image.view, both[-1], there, tally)
    seeds = [Fiducial(f"seed {n}", at) for n, at in enumerate(planned, start=1)]
    views = (images[0].view, images[1].view)
    candidates = candidates_in_pair(views, (both[0], both[1]), calibration_px=0.3)
    names = assign_markers(seeds, candidates, expected, reach_mm=20.0)
    match = match_markers(seeds, names, expected=expected, targets_mm=planned.mean(axis=0)[None])
    tally.frames += 1
    states = [marker.state for marker in match.markers]
    off = [
        float(np.linalg.norm(names.measured[seed.name].position_mm - at))
        for seed, at, state in zip(seeds, there, states, strict=True)
        if state is MarkerState.USED
    ]
    wrong = (
        any(mm > WRONG_MM for mm in off) or MarkerState.NOT_FOUND in states or MarkerState.MIGRATED in states
    )
    tally.bad_frames += wrong
    tally.unclear_frames += not wrong and MarkerState.UNCLEAR in states
    if match.planning_from_measured is not None:
        middle = truth.inverse().apply(planned.mean(axis=0))
        tally.poses_mm.append(
            float(np.linalg.norm(match.planning_from_measured.apply(middle) - planned.mean(axis=0)))
        )


def count_view(view: XrayView, found: Sequence[RadiographMarker], there: Array, tally: Tally) -> None:
    """Count the seeds that were missed, named as not resolved, and false, in one radiograph."""
    true = view.project(there)
    clear = np.array([marker.pixel for marker in found if marker.is_resolved]).reshape(-1, 2)
    blots = np.array([marker.pixel for marker in found if not marker.is_resolved]).reshape(-1, 2)
    apart = np.linalg.norm(clear[:, None] - true[None], axis=-1)
    for c, at in enumerate(true):
        tally.views += 1
        if len(clear) and apart[:, c].min() < NEAR_PX:
            tally.pixels.append(clear[apart[:, c].argmin()] - at)
        elif len(blots) and np.linalg.norm(blots - at, axis=1).min() < BLOT_PX:
            tally.unclear += 1
        else:
            tally.missed += 1
    tally.false += int((apart.min(axis=1) >= NEAR_PX).sum()) if len(clear) else 0


@dataclass(frozen=True)
class ProstatePatient:
    """The virtual patient of the pelvis with his seeds taken out, to be put in where a frame wants them."""

    tissue: WaterAndBone
    isocentre_mm: Array
    seeds_mm: Array


def prostate_patient(seed: int) -> ProstatePatient:
    patient = build_phantom("pelvis", seed)
    values = patient.anatomy.values.copy()
    grid = patient.anatomy.grid
    for marker in patient.fiducials:
        index = np.round(grid.index(marker.position_mm)).astype(int)[::-1]
        box = tuple(slice(at - 4, at + 5) for at in index)
        part = values[box]
        part[part > 200.0] = np.median(part)
    return ProstatePatient(
        water_and_bone(Volume(grid, values)),
        patient.isocentre_mm,
        np.array([marker.position_mm for marker in patient.fiducials]),
    )


def virtual_table(frames: int) -> str:
    tallies = {name: Tally() for name, _ in METALS}
    patients = -(-frames // POSES)
    for number in range(patients):
        who = prostate_patient(number)
        for pose in range(min(POSES, frames - number * POSES)):
            exposed_pairs(who, np.random.default_rng([VIRTUAL_SEED, number, pose]), tallies)
    title = (
        f"Seeds in the room's stereo pair of {patients} virtual prostate patients, with scatter and noise; "
        "to keep as above"
    )
    return table(title, HEAD, [tally.row(f"4, {name}") for name, tally in tallies.items()])


def exposed_pairs(who: ProstatePatient, rng: np.random.Generator, tallies: dict[str, Tally]) -> None:
    """Expose the pair of a displaced patient with drawn seeds of each metal, and judge what is found."""
    room = StereoSettings(size=PANEL)
    expected = fixed_from_planning("HFS", who.isocentre_mm).inverse()
    rotation = Rotation.from_rotvec(np.deg2rad(rng.uniform(-3.0, 3.0, 3))).as_matrix()
    centre = who.isocentre_mm
    shift_mm = centre - rotation @ centre + rng.uniform(-5.0, 5.0, 3)
    truth = RigidTransform.from_parts(PLANNING, PLANNING, rotation, shift_mm) @ expected
    axes = np.array([0.0, 0.0, 1.0]) + 0.35 * rng.standard_normal((len(who.seeds_mm), 3))
    axes /= np.linalg.norm(axes, axis=1)[:, None]
    views = stereo_views(room)
    seen = [view.in_frame(truth) for view in views]
    tissue_mm = project_volumes(who.tissue.fractions, who.tissue.grid, seen)
    for name, bone_mm in METALS:
        images = []
        for n, view in enumerate(views):
            metal = bone_mm * gold_mm(seen[n], ends_of(who.seeds_mm, axes))
            thickness_mm = tissue_mm[:, n : n + 1].copy()
            thickness_mm[1, 0] += metal.astype(np.float32)
            values, _ = measure(thickness_mm, view, KILOVOLTAGE, room.physics, rng)
            blurred = ndimage.gaussian_filter(values[0], DETECTOR_BLUR_PX)
            images.append(Radiograph(view, blurred, "line integral"))
        judge((images[0], images[1]), who.seeds_mm, truth, expected, tallies[name])


def ball_table(cases: int) -> str:
    """Real crops, where they lie beside the checkout, and drawn ones, through resampling and noise."""
    rows = [ball_row(path.name[:-4], crop, cases) for path, crop in real_crops()]
    rng = np.random.default_rng(BALL_SEED)
    errors = []
    for _ in range(cases):
        centre = np.array([5.4, 5.4, 4.2]) + rng.uniform(-0.4, 0.4, 3)
        found = balls_in(drawn_crop(centre, rng))
        errors += [at - centre for at in found]
    drawn = np.array(errors)
    rows.append(
        [
            "drawn, with its truth",
            *(f"{rms(drawn[:, a]):.3f}" for a in range(3)),
            largest(drawn),
            f"{cases - len(drawn)} of {cases}",
        ]
    )
    head = ("crop", "x mm RMS", "y", "z", "largest mm", "not found")
    title = (
        "Balls of 4 mm on a stem in CT crops of 28³ voxels, grey values cut at both ends; "
        "to keep: repeats to 0.1 mm under resampling and noise"
    )
    return table(title, head, rows)


def ball_row(name: str, crop: Volume, cases: int) -> list[str]:
    (centre,) = balls_in(crop)
    rng = np.random.default_rng(BALL_SEED)
    found = [balls_in(resampled(crop, rng)) for _ in range(cases)]
    apart = np.array([at - centre for each in found for at in each])
    lost = sum(not each for each in found)
    return [name, *(f"{rms(apart[:, a]):.3f}" for a in range(3)), largest(apart), f"{lost} of {cases}"]


def balls_in(crop: Volume) -> list[Array]:
    found = find_in_volume(crop, DeclaredMarkers(MarkerKind.SPHERE, 4.0, 4.0, 1))
    return [marker.measured.position_mm for marker in found]


def largest(errors: Array) -> str:
    return f"{np.linalg.norm(errors, axis=1).max():.3f}"


def real_crops() -> list[tuple[Path, Volume]]:
    crops = []
    for path in sorted(CROPS.glob("*.raw")):
        values = np.fromfile(path, "<f4").reshape(28, 28, 28)
        grid = Grid.axial(PLANNING, values.shape, CROP_MM, (0.0, 0.0, 0.0))
        crops.append((path, Volume(grid, values, is_hounsfield=False)))
    return crops


def drawn_crop(centre: Array, rng: np.random.Generator) -> Volume:
    """Draw a ball on a stem as the real crops are: 0 below a threshold, and the end of the scale inside."""
    grid = Grid.axial(PLANNING, (28, 28, 28), CROP_MM, (0.0, 0.0, 0.0))
    values = np.zeros(grid.shape, np.float32)
    stem = np.array([0.25, -0.15, 1.0]) * 6.0
    paint_rod(values, grid, (centre, centre), 4.0, 700.0)
    paint_rod(values, grid, (centre, centre + stem), 2.0, 700.0)
    blurred = ndimage.gaussian_filter(values, 0.35 / np.array(CROP_MM[::-1]))
    noisy = blurred + 10.0 * rng.standard_normal(grid.shape)
    return Volume(
        grid, np.where(noisy < 166.0, 0.0, np.minimum(noisy, 255.0)).astype(np.float32), is_hounsfield=False
    )


def resampled(crop: Volume, rng: np.random.Generator) -> Volume:
    """Interpolate a crop on other voxels over the same extent, and add noise of 4 % of its scale."""
    shape = rng.integers(23, 34, 3)
    extent_mm = (np.array(crop.grid.shape[::-1]) - 1) * crop.grid.spacing_mm
    spacing = extent_mm / (shape[::-1] - 1)
    kji = np.meshgrid(
        *(np.linspace(0.0, n - 1.0, m) for n, m in zip(crop.grid.shape, shape, strict=True)), indexing="ij"
    )
    values = ndimage.map_coordinates(crop.values, kji, order=1) + 10.0 * rng.standard_normal(shape)
    grid = Grid.axial(PLANNING, values.shape, (spacing[0], spacing[1], spacing[2]), (0.0, 0.0, 0.0))
    return Volume(grid, values.astype(np.float32), is_hounsfield=False)


def time_table() -> str:
    rng = np.random.default_rng(TIME_SEED)
    view = gantry_view(20.0, sad_mm=1000.0, sid_mm=1500.0, size=(512, 512), pixel_spacing_mm=(0.4, 0.4))
    planned, axes = constellation(rng, 4)
    image = radiograph(view, planned, axes, rng)
    declared = DeclaredMarkers(MarkerKind.SEED, LENGTH_MM, DIAMETER_MM, 4)
    one = DeclaredMarkers(MarkerKind.SEED, LENGTH_MM, DIAMETER_MM, 1)
    searches: tuple[tuple[str, Callable[[], Sequence[RadiographMarker]]], ...] = (
        ("one seed, 3 mm about its place", lambda: find_in_radiograph(image, one, planned[:1], reach_mm=3.0)),
        ("four seeds, 15 mm about their places", lambda: find_in_radiograph(image, declared, planned)),
        ("four seeds, whole image", lambda: find_in_radiograph(image, declared, planned, reach_mm=None)),
    )
    rows = []
    for name, search in searches:
        count, used = len(search()), []
        for _ in range(10):
            begin = time.process_time()
            search()
            used.append(time.process_time() - begin)
        rows.append([name, str(count), f"{1e3 * min(used):.0f}", f"{1e3 * float(np.median(used)):.0f}"])
    head = ("looked for", "found", "least processor ms", "median")
    return table("Time per view of 512 × 512 pixels", head, rows)


def migration_table(cases: int) -> str:
    rows = []
    designs = [(n, sigma, None) for n in (3, 4, 5) for sigma in SIGMAS_MM] + [(3, SIGMAS_MM[0], 0.5)]
    each = -(-cases // len(designs))
    for count, sigma_mm, turn_deg in designs:
        rng = np.random.default_rng(round(100 * sigma_mm) + count)
        unnoticed = named = wrong = accepted = refused = 0
        for _ in range(each):
            match = migration_case(rng, count, sigma_mm, turn_deg, rng.uniform(2.0, 8.0))
            unnoticed += match[0] is Verdict.ACCEPT
            named += "seed 1" in match[1]
            wrong += any(name != "seed 1" for name in match[1])
        still = max(each // 5, 1)
        for _ in range(still):
            verdict, moved = migration_case(rng, count, sigma_mm, turn_deg, 0.0)
            accepted += verdict is Verdict.ACCEPT
            refused += bool(moved) or verdict is Verdict.NOT_AVAILABLE
        rows.append(
            [
                str(count),
                f"{sigma_mm:g}",
                "not known" if turn_deg is None else f"{turn_deg:g}°",
                f"{unnoticed} of {each}",
                f"{100.0 * named / each:.1f} %",
                f"{100.0 * wrong / each:.2f} %",
                f"{100.0 * accepted / still:.1f} %",
                f"{100.0 * refused / still:.1f} %",
            ]
        )
    head = (
        "markers",
        "σ per axis mm",
        "rotation",
        "accepted",
        "named",
        "another named",
        "none moved: accepted",
        "none moved: alarm",
    )
    title = "One marker moved by 2 to 8 mm; to keep: never accepted"
    return table(title, head, rows)


def migration_case(
    rng: np.random.Generator, count: int, sigma_mm: float, turn_deg: float | None, move_mm: float
) -> tuple[Verdict, list[str]]:
    planned, _ = constellation(rng, count, 20.0)
    spread_deg = 2.0 if turn_deg is None else turn_deg
    rotation = Rotation.from_rotvec(np.deg2rad(rng.normal(0.0, spread_deg, 3))).as_matrix()
    truth = RigidTransform.from_parts(PLANNING, DAILY, rotation, rng.normal(0.0, 5.0, 3))
    direction = rng.standard_normal(3)
    there = planned.copy()
    there[0] += move_mm * direction / np.linalg.norm(direction)
    measured = truth.inverse().apply(there) + sigma_mm * rng.standard_normal((count, 3))
    seeds = [
        Fiducial(f"seed {n}", at + 0.1 * rng.standard_normal(3)) for n, at in enumerate(planned, start=1)
    ]
    match = match_markers(
        seeds,
        {
            seed.name: MeasuredMarker(at, sigma_mm**2 * np.eye(3))
            for seed, at in zip(seeds, measured, strict=True)
        },
        expected=RigidTransform.identity(PLANNING, DAILY),
        targets_mm=np.zeros((1, 3)),
        settings=MarkerMatchSettings(planning_sigma_mm=0.1, rotation_sigma_deg=turn_deg),
    )
    return match.verdict, [m.name for m in match.markers if m.state is MarkerState.MIGRATED]


TABLES: dict[str, Callable[[argparse.Namespace], str]] = {
    "ct": lambda asked: ct_table(asked.images),
    "pairs": lambda asked: pair_table(asked.images),
    "patients": lambda asked: virtual_table(asked.frames),
    "balls": lambda asked: ball_table(asked.images),
    "time": lambda _: time_table(),
    "migration": lambda asked: migration_table(asked.migrations),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=TABLES, nargs="+", default=list(TABLES), help="tables to make")
    parser.add_argument("--images", type=int, default=40, help="of each kind")
    parser.add_argument("--frames", type=int, default=40, help="of virtual patients")
    parser.add_argument("--migrations", type=int, default=10_000, help="cases in all")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/benchmarks.md")
    arguments = parser.parse_args()
    for name in arguments.only:
        text = TABLES[name](arguments)
        print(text, "\n", flush=True)
        if arguments.write:
            put_between_marks(f"markers {name}", text)


if __name__ == "__main__":
    main()
