"""Implanted markers against truth: centres in CT and radiographs, the pose, and migrations that go unnoticed.

Run with ``python benchmarks/markers.py [--images N] [--migrations N] [--write]``. The images are drawn by
voxel shares and by chords through cylinders, not with the shapes that are fitted. ``--write`` puts the tables
into docs/benchmarks.md.
"""

import argparse
import os
import platform
import time
from collections.abc import Sequence

import numpy as np
import scipy
from scipy import ndimage
from scipy.spatial.transform import Rotation

from isoguide.geometry.frames import DAILY, FIXED, PLANNING, Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.geometry.xray_view import XrayView, gantry_view
from isoguide.images.radiograph import Radiograph
from isoguide.images.volume import Volume
from isoguide.plan import Fiducial
from isoguide.registration import Verdict
from isoguide.registration.markers import (
    DeclaredMarkers,
    MarkerKind,
    MarkerMatchSettings,
    MarkerState,
    MeasuredMarker,
    assign_markers,
    candidates_in_pair,
    find_in_radiograph,
    find_in_volume,
    match_markers,
)
from isoguide.virtual.markers import add_chords, paint_rod
from page import put_between_marks

LENGTH_MM, DIAMETER_MM = 5.0, 1.0
SPACINGS_MM = ((1.0, 1.0, 1.0), (1.0, 1.0, 2.0), (0.9, 0.9, 2.5), (0.5, 0.5, 1.0))
LEAST_DISTANCE_MM = 12.0
SIGMAS_MM = (0.1, 0.15)


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
    metal = np.zeros((rows, columns))
    for centre, axis in zip(centres, axes, strict=True):
        add_chords(metal, view, centre, axis, (LENGTH_MM, DIAMETER_MM), 2.0)
    image += ndimage.gaussian_filter(metal, 0.7) + 0.02 * rng.standard_normal((rows, columns))
    return Radiograph(view, image.astype(np.float32), "line integral")


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


def pair_table(images: int) -> str:
    rows = []
    for count in (3, 4, 5):
        rng = np.random.default_rng(count)
        pixels, poses, seen, missed, false, none = [], [], 0, 0, 0, 0
        for _ in range(images):
            case = pair_case(rng, count)
            pixels += case[0]
            seen, missed, false = seen + 2 * count, missed + case[1], false + case[2]
            if case[3] is None:
                none += 1
            else:
                poses.append(case[3])
        errors = np.array(pixels)
        rows.append(
            [
                str(count),
                f"{rms(errors[:, 0]):.3f}",
                f"{rms(errors[:, 1]):.3f}",
                f"{np.abs(errors).max():.2f}",
                f"{missed} / {false} of {seen}",
                f"{rms(np.array(poses)):.3f}",
                f"{max(poses):.2f}",
                f"{none} of {images}",
            ]
        )
    head = (
        "seeds",
        "column px RMS",
        "row px RMS",
        "largest px",
        "missed / false",
        "pose at the isocentre mm RMS",
        "largest mm",
        "no answer",
    )
    title = "Seeds in pairs of radiographs 90° apart; to keep: 0.15 px RMS, 0.3 mm RMS, 0.1 % missed or false"
    return table(title, head, rows)


def pair_case(rng: np.random.Generator, count: int) -> tuple[list[Array], int, int, float | None]:
    """Return pixel errors, markers missed, markers false, and the error of the pose at the isocentre."""
    planned, axes = constellation(rng, count)
    rotation = Rotation.from_rotvec(np.deg2rad(rng.normal(0.0, 2.0, 3))).as_matrix()
    truth = RigidTransform.from_parts(PLANNING, FIXED, rotation, rng.normal(0.0, 3.0, 3))
    back = truth.inverse()
    centres, there_axes = back.apply(planned), axes @ back.rotation.T
    turn = rng.uniform(0.0, 360.0)
    first, second = (
        gantry_view(angle, sad_mm=1000.0, sid_mm=1500.0, size=(256, 256), pixel_spacing_mm=(0.4, 0.4))
        for angle in (turn, turn + 90.0)
    )
    declared = DeclaredMarkers(MarkerKind.SEED, LENGTH_MM, DIAMETER_MM, count)
    one, other = (
        find_in_radiograph(radiograph(view, centres, there_axes, rng), declared, planned)
        for view in (first, second)
    )
    errors, missed, false = [], 0, 0
    for view, found in ((first, one), (second, other)):
        pixels = np.array([marker.pixel for marker in found]).reshape(-1, 2)
        apart = np.linalg.norm(pixels[:, None] - view.project(centres)[None], axis=-1)
        best = apart.argmin(axis=0) if len(pixels) else np.zeros(0, dtype=int)
        hits = [(f, c) for c, f in enumerate(best) if apart[f, c] < 2.0]
        missed += count - len(hits)
        false += len(pixels) - len({f for f, _ in hits})
        errors += [pixels[f] - view.project(centres)[c] for f, c in hits]
    seeds = [Fiducial(f"seed {n}", at) for n, at in enumerate(planned, start=1)]
    expected = RigidTransform.identity(PLANNING, FIXED)
    candidates = candidates_in_pair((first, second), (one, other), calibration_px=0.3)
    names = assign_markers(seeds, candidates, expected, reach_mm=20.0)
    match = match_markers(seeds, names.measured, expected=expected, targets_mm=np.zeros((1, 3)))
    if match.planning_from_measured is None:
        return errors, missed, false, None
    wrong = match.planning_from_measured.apply(back.apply(np.zeros(3)))
    return errors, missed, false, float(np.linalg.norm(wrong))


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


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"### {title}", "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100, help="of each kind")
    parser.add_argument("--migrations", type=int, default=10_000, help="cases in all")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/benchmarks.md")
    arguments = parser.parse_args()
    parts = []
    for task, count in (
        (ct_table, arguments.images),
        (pair_table, arguments.images),
        (migration_table, arguments.migrations),
    ):
        parts.append(task(count))
        print(parts[-1], "\n", flush=True)
    if arguments.write:
        write(parts)


def write(parts: Sequence[str]) -> None:
    """Replace what stands between the marks in docs/benchmarks.md."""
    versions = f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}"
    body = "\n\n".join([f"{versions}; one of {os.cpu_count()} cores.", *parts])
    put_between_marks("markers", body)


if __name__ == "__main__":
    main()
