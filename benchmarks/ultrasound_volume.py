"""Volumes of tracked ultrasound sweeps, and the calibration of tracked probes.

Run with ``python benchmarks/ultrasound_volume.py [--only TABLE ...]``. The reference reconstruction is that
of Plus (PlusLib's test data: SpinePhantomFreehand, 21 images), which averages the empty screen beside the
image into the edge of its volume; there is no other software for this that pip installs. Calibrations are of
a simulated N-wire phantom (three layers) and of a point at rest whose place is not known, with normal errors
of marks and tracker.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK
from scipy import ndimage
from scipy.spatial.transform import Rotation

from isoguide.errors import GeometryError
from isoguide.geometry.frames import FIXED, PROBE, REFERENCE_SENSOR, ULTRASOUND_IMAGE, Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.probe_calibration import ProbeCalibration
from isoguide.geometry.probe_delay import calibrate_delay
from isoguide.geometry.probe_fit import PhantomSightings, calibrate_probe
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.compounding import Method, compound
from isoguide.images.ultrasound_fan import find_fan
from isoguide.images.ultrasound_image import UltrasoundImage
from isoguide.images.ultrasound_sweep import UltrasoundSweep
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.kernels.compounding import LIT, means, splat
from isoguide.volume_files.tracked_sequence import read_tracked_frames
from isoguide.workflow.ultrasound.load_sweep import base_poses, place_sweep
from isoguide.workflow.ultrasound.plus_config import read_plus_config
from page import table

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "PlusLibData"
RECORDING = DATA / "TestImages" / "SpinePhantomFreehand.igs.mha"
REFERENCE = DATA / "TestImages" / "SpinePhantomFreehandReconstructed.mha"
CONFIG = DATA / "ConfigFiles" / "Testing" / "PlusDeviceSet_SpinePhantomFreehandReconstructionOnly.xml"
FILL_MM = 4.5
"""Nine sticks of a voxel, as the configuration says."""

TRUTH = RigidTransform.from_parts(
    PROBE, ULTRASOUND_IMAGE, Rotation.from_rotvec([0.3, -1.1, 2.0]).as_matrix(), np.array([15.0, 50.0, -9.0])
)
SPACING_MM = np.array([0.2, 0.2])
FACE_PX = np.array([320.0, 20.0])
DEEP_PX = np.array([[70.0, 470.0], [570.0, 470.0], [320.0, 470.0]])
"""90 mm deep, at the edges and in the middle."""


def plus_rows() -> list[list[str]]:
    tracked = read_tracked_frames(RECORDING)
    fan = find_fan(tracked.frames.pixels, source="phantom")
    probe = read_plus_config(CONFIG, face_px=fan.face_px)
    sweep = place_sweep(tracked, probe).sweep
    compound(sweep, spacing_mm=1.0, fill_mm=FILL_MM)  # compiled
    image = SimpleITK.ReadImage(str(REFERENCE))
    reference = SimpleITK.GetArrayFromImage(image).astype(np.float64)
    origin = np.array(image.GetOrigin())
    rows = []
    methods: tuple[Method, ...] = ("mean", "maximum", "nearest")
    for method in methods:
        begin = time.process_time()
        ours = compound(sweep, spacing_mm=0.5, method=method, fill_mm=FILL_MM)
        used_s = time.process_time() - begin
        rows.append([f"isoguide, {method}", *agreement(ours, reference, origin), f"{used_s:.2f}"])
    whole = whole_screen(probe.calibration, reference.shape, origin)
    inside = (whole > 0) & (reference > 0)
    correlation = np.corrcoef(whole[inside].astype(np.float64), reference[inside])[0, 1]
    differ = np.abs(whole[inside].astype(np.float64) - reference[inside]).mean()
    rows.append(
        ["mean, empty screen averaged in as Plus does", f"{correlation:.4f}", "", f"{differ:.1f}", "", ""]
    )
    return rows


def agreement(ours: UltrasoundVolume, reference: Array, origin: Array) -> list[str]:
    places = np.argwhere(ours.seen)
    index = (ours.grid.xyz(places[:, ::-1].astype(np.float64)) - origin) / 0.5
    theirs = ndimage.map_coordinates(reference, index[:, ::-1].T, order=1, cval=0.0)
    mine = ours.values[tuple(places.T)].astype(np.float64)
    common = theirs > 0.0
    inside = common & ndimage.binary_erosion(ours.seen, iterations=2)[tuple(places.T)]
    return [
        f"{np.corrcoef(mine[common], theirs[common])[0, 1]:.4f}",
        f"{np.corrcoef(mine[inside], theirs[inside])[0, 1]:.4f}",
        f"{np.abs(mine[inside] - theirs[inside]).mean():.1f}",
        f"{100.0 * common.mean():.1f} %",
    ]


def whole_screen(calibration: ProbeCalibration, shape: tuple[int, ...], origin: Array) -> np.ndarray:
    """The mean on the reference's grid of all pixels of the screen, empty or not, without filling."""
    tracked = read_tracked_frames(RECORDING)
    size = (int(shape[0]), int(shape[1]), int(shape[2]))
    grid = Grid(REFERENCE_SENSOR, size, np.full(3, 0.5), origin, np.eye(3))
    sums = np.zeros((*size, 4), dtype=np.float32)
    labels = np.full(tracked.frames.pixels.shape[1:], LIT, dtype=np.uint8)
    corners = calibration.xyz_mm(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    for pixels, pose in zip(tracked.frames.pixels, base_poses(tracked), strict=True):
        if pose is not None:
            start, column, row = grid.index(pose.apply(corners))
            splat(pixels, labels, np.column_stack([column - start, row - start, start]), sums)
    return means(sums, 0.02)[0]


def spine_table(_: argparse.Namespace) -> str:
    head = (
        "reconstruction of the spine phantom",
        "NCC in the common region",
        "NCC 1 mm inside its edge",
        "difference there, of 255",
        "seen by both",
        "CPU s",
    )
    return table("Against the reconstruction of Plus; to reach: NCC 0.95", head, plus_rows())


def time_table(_: argparse.Namespace) -> str:
    rng = np.random.default_rng(0)
    x, y = np.meshgrid((np.arange(640) - 320) * 0.3, np.arange(480) * 0.3)
    reach, angle = np.hypot(x, y + 60.0) - 60.0, np.arctan2(np.abs(x), y + 60.0)
    fan = (reach >= 0.0) & (reach <= 130.0) & (angle <= np.deg2rad(33.0))
    fan.flags.writeable = False
    axes = np.column_stack([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    images = []
    for n in range(200):
        values = (rng.integers(20, 120, fan.shape) * fan).astype(np.uint8)
        pose = RigidTransform.from_parts(FIXED, ULTRASOUND_IMAGE, axes, np.array([0.0, 0.4 * n, 0.0]))
        images.append(UltrasoundImage(values, fan, np.array([-96.0, 0.0]), (0.3, 0.3), pose, 60.0))
    sweep = UltrasoundSweep(tuple(images), np.linspace(0.0, 9.95, 200))
    rows = []
    for spacing_mm in (0.5, 0.7, 1.0):
        compound(UltrasoundSweep(sweep.images[:9], sweep.at_s[:9]), spacing_mm=spacing_mm)
        begin, begin_wall = time.process_time(), time.perf_counter()
        volume = compound(sweep, spacing_mm=spacing_mm)
        used_s, wall_s = time.process_time() - begin, time.perf_counter() - begin_wall
        voxels = f"{np.prod(volume.grid.shape) / 1e6:.1f} million"
        rows.append([f"{spacing_mm:g}", voxels, f"{used_s:.1f}", f"{wall_s:.1f}"])
    head = ("voxel, mm", "voxels", "CPU s", "wall s")
    return table("200 images of 640 × 480 pixels over 80 mm, shadows and holes included", head, rows)


@dataclass(frozen=True)
class Errors:
    """Standard deviations: marks in mm, tracker in mm and degrees."""

    mark_mm: float
    track_mm: float
    track_deg: float


ERRORS = {
    "optical tracker": Errors(0.3, 0.15, 0.1),
    "electromagnetic tracker": Errors(0.4, 0.7, 0.3),
}


def wires() -> tuple[Array, Array]:
    starts, ways = [], []
    for layer in range(3):
        y = 25.0 + 20.0 * layer
        across = (5.0, 45.0) if layer % 2 == 0 else (45.0, 5.0)
        for front, back in ((0.0, 0.0), across, (50.0, 50.0)):
            start, stop = np.array([front, y, 0.0]), np.array([back, y, 50.0])
            starts.append(start)
            ways.append((stop - start) / np.linalg.norm(stop - start))
    return np.array(starts), np.array(ways)


def n_wire_sightings(rng: np.random.Generator, images: int, errors: Errors) -> PhantomSightings:
    starts, ways = wires()
    pixels, image, target, poses = [], [], [], []
    for number in range(images):
        turn = Rotation.from_rotvec(np.deg2rad(rng.uniform(-20.0, 20.0, 3))).as_matrix()
        place = np.array([25.0, 0.0, 25.0]) + rng.uniform(-1.0, 1.0, 3) * [8.0, 6.0, 8.0]
        pose = RigidTransform.from_parts(REFERENCE_SENSOR, ULTRASOUND_IMAGE, turn, place)
        for wire, (start, way) in enumerate(zip(starts, ways, strict=True)):
            normal = turn[:, 2]
            at = start + ((place - start) @ normal) / (way @ normal) * way
            pixels.append(marked(pose.inverse().apply(at)[:2], rng, errors))
            image.append(number)
            target.append(wire)
        poses.append(tracked_pose(pose @ TRUTH.inverse(), rng, errors))
    names = tuple(f"wire {n + 1}" for n in range(len(starts)))
    return PhantomSightings(
        np.array(pixels), np.array(image), np.array(target), tuple(poses), starts, ways, names
    )


def point_sightings(rng: np.random.Generator, images: int, errors: Errors) -> PhantomSightings:
    pixels, poses = [], []
    for _ in range(images):
        turn = Rotation.from_rotvec(rng.uniform(-0.6, 0.6, 3)).as_matrix()
        on_plane = np.array([rng.uniform(-40.0, 40.0), rng.uniform(10.0, 85.0), 0.0])
        pose = RigidTransform.from_parts(REFERENCE_SENSOR, ULTRASOUND_IMAGE, turn, -turn @ on_plane)
        pixels.append(marked(on_plane[:2], rng, errors))
        poses.append(tracked_pose(pose @ TRUTH.inverse(), rng, errors))
    nowhere, point = np.full((1, 3), np.nan), np.zeros((1, 3))
    numbers = np.arange(images)
    return PhantomSightings(
        np.array(pixels), numbers, np.zeros(images, dtype=int), tuple(poses), nowhere, point, ("point",)
    )


def marked(on_plane_mm: Array, rng: np.random.Generator, errors: Errors) -> Array:
    return np.asarray((on_plane_mm + rng.normal(0.0, errors.mark_mm, 2)) / SPACING_MM + FACE_PX)


def tracked_pose(pose: RigidTransform, rng: np.random.Generator, errors: Errors) -> RigidTransform:
    turn = Rotation.from_rotvec(np.deg2rad(rng.normal(0.0, errors.track_deg, 3))).as_matrix()
    place = pose.translation_mm + rng.normal(0.0, errors.track_mm, 3)
    return RigidTransform.from_parts(REFERENCE_SENSOR, PROBE, turn @ pose.rotation, place)


PHANTOMS: dict[str, Callable[[np.random.Generator, int, Errors], PhantomSightings]] = {
    "N-wires": n_wire_sightings,
    "point at rest": point_sightings,
}


def calibration_table(asked: argparse.Namespace) -> str:
    rows = []
    for phantom, make in PHANTOMS.items():
        for tracker, errors in ERRORS.items():
            for images in (30, 100):
                rows.append([phantom, tracker, str(images), *calibrated(make, images, errors, asked.repeats)])
    head = (
        "phantom",
        "errors",
        "images",
        "face off by, median; P95, mm",
        "90 mm deep off by, median; P95, mm",
        "within its 95 % region",
        "residual, mm",
        "refused",
    )
    return table(f"Calibration of a simulated probe, {asked.repeats} times each", head, rows)


def calibrated(
    make: Callable[[np.random.Generator, int, Errors], PhantomSightings],
    images: int,
    errors: Errors,
    repeats: int,
) -> list[str]:
    face, deep, inside, rms, refused = [], [], [], [], 0
    truth = ProbeCalibration(TRUTH, (float(SPACING_MM[0]), float(SPACING_MM[1])), FACE_PX)
    for seed in range(repeats):
        try:
            fit = calibrate_probe(make(np.random.default_rng(seed), images, errors), face_px=FACE_PX)
        except GeometryError:
            refused += 1
            continue
        found = fit.calibration
        off = TRUTH.translation_mm - found.probe_from_image.translation_mm
        turn = Rotation.from_matrix(TRUTH.rotation @ found.probe_from_image.rotation.T).as_rotvec()
        error = np.concatenate([off, turn])
        inside.append(error @ np.linalg.solve(np.asarray(found.covariance), error) < 12.59)
        face.append(np.linalg.norm(off))
        deep.append(np.linalg.norm(found.xyz_mm(DEEP_PX) - truth.xyz_mm(DEEP_PX), axis=1).max())
        rms.append(found.rms_mm)
    if not face:
        return ["", "", "", "", f"{refused} of {repeats}"]
    return [
        f"{np.median(face):.2f}; {np.quantile(face, 0.95):.2f}",
        f"{np.median(deep):.2f}; {np.quantile(deep, 0.95):.2f}",
        f"{100.0 * np.mean(inside):.0f} %",
        f"{np.mean([value for value in rms if value is not None]):.2f}",
        f"{refused} of {repeats}",
    ]


def delay_table(asked: argparse.Namespace) -> str:
    rows = []
    tracker_s, image_s = np.arange(0.0, 14.0, 0.02), np.arange(0.1, 13.9, 0.04)
    for noise_mm in (0.2, 0.5, 1.0):
        errors, stated = [], []
        for seed in range(asked.repeats):
            rng = np.random.default_rng(seed)
            true_s = rng.uniform(-0.3, 0.3)
            phase = rng.uniform(0.0, 6.0)
            tracker = height(tracker_s, phase) + rng.normal(0.0, 0.1, len(tracker_s))
            image = 0.95 * height(image_s + true_s, phase) + rng.normal(0.0, noise_mm, len(image_s))
            delay = calibrate_delay(image, image_s, tracker, tracker_s)
            errors.append(1e3 * (delay.seconds - true_s))
            stated.append(1e3 * delay.sigma_s)
        share = 100.0 * np.mean(np.abs(errors) < 1.96 * np.array(stated))
        rows.append(
            [
                f"{noise_mm:g}",
                f"{np.std(errors):.2f}",
                f"{np.mean(stated):.2f}",
                f"{np.abs(errors).max():.2f}",
                f"{share:.0f} %",
            ]
        )
    head = ("noise of the line, mm", "SD of the delay, ms", "stated, ms", "largest error, ms", "within 95 %")
    return table(f"Delay of simulated images, {asked.repeats} times each", head, rows)


def height(at_s: Array, phase: float) -> Array:
    wave = 15.0 * np.sin(2.0 * np.pi * 0.35 * at_s + 0.7 * np.sin(0.9 * at_s) + phase)
    return np.asarray(wave + 6.0 * np.sin(1.3 * at_s))


TABLES: dict[str, Callable[[argparse.Namespace], str]] = {
    "spine": spine_table,
    "time": time_table,
    "calibration": calibration_table,
    "delay": delay_table,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add how much is simulated."""
    parser.add_argument("--repeats", type=int, default=100, help="simulated calibrations of each kind")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=TABLES, nargs="+", default=list(TABLES), help="tables")
    add_arguments(parser)
    asked = parser.parse_args()
    for name in asked.only:
        print(TABLES[name](asked), "\n", flush=True)


if __name__ == "__main__":
    main()
