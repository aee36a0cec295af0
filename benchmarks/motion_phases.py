"""Motion at simulation against truth: breaths in signals, a real 4DCT, and phases of a cone-beam scan.

Run with ``python benchmarks/motion_phases.py [--only TABLE ...]``. The breath of the
virtual patients varies in depth and length, drifts and coughs, and what is true of it is known. The cone-beam
scans of the virtual lung patient have scatter, noise and the detector's blur; he breathes continuously
in them, in some dozens of states of his anatomy. ``--write`` puts the tables into docs/benchmarks.md.
"""

import argparse
import csv
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pydicom

from cases import SHARED_DATA
from isoguide.course.simulation import StructureMotion
from isoguide.geometry.frames import PLANNING, Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.iec61217 import fixed_from_planning
from isoguide.images.displacement_field import DisplacementField
from isoguide.images.mask import structure_mask
from isoguide.images.structure import Contour, Structure
from isoguide.images.volume import Volume
from isoguide.motion.phases import PhaseMotion, follow_structure
from isoguide.motion.projection_signal import breaths_from_projections
from isoguide.motion.respiratory_signal import Breaths, RespiratorySignal, find_breaths
from isoguide.motion.sorting import SortSettings, sort_by_breath, usable_bins
from isoguide.projection.cone_beam import THORAX, ConeBeamScan, acquire_projections
from isoguide.projection.imaging_physics import ImagingPhysics
from isoguide.projection.projection_set import ProjectionSet
from isoguide.projection.reconstruct import reconstruct_bins, smoothed_for_bins
from isoguide.virtual import Breathing, Phantom, build_phantom, moved_anatomy
from isoguide.virtual.breathing import breathing_modes
from isoguide.virtual.motion import Trace, motion_that_fits
from isoguide.virtual.physical_imager import far_apart
from isoguide.virtual.tissue_lattice import TissueLattice
from page import table

SEED = 2006
NOISE = 0.05
"""Of a signal, as a share of a usual breath."""
BREATHERS = {
    "as usual": Breathing(),
    "depth varies by 30 %, length by 25 %": Breathing(amplitude_variation=0.3, period_variation=0.25),
    "a cough a minute": Breathing(coughs_per_min=1.0),
    "drifts by 2 mm a minute": Breathing(baseline_drift_mm_per_min=2.0, baseline_walk_mm=2.0),
}
PATIENTS = 40
STATES = 32
TWO_MINUTES_S = np.arange(0.0, 119.95, 0.1)
REAL_CT = SHARED_DATA / "pohl-LucasKanade-4DCT" / "Input images" / "117_HM10395 4DCT"
REAL_TRACES = SHARED_DATA / "pohl-ExtMarker" / "Original data"
SORTED = (
    SortSettings(),
    SortSettings(by="amplitude", scale="count"),
    SortSettings(by="amplitude", scale="width"),
)
SCANS = (
    ("240 s, 600 projections", replace(THORAX, count=600, duration_s=240.0)),
    ("60 s, 240 projections", THORAX),
)


def breath_table(_: argparse.Namespace) -> str:
    rows = []
    for name, breathing in BREATHERS.items():
        off, known, alike, available = [], [], [], 0
        for patient in range(PATIENTS):
            found, true = found_breaths(breathing, SEED + patient)
            available += found.is_available
            if not found.is_available:
                continue
            times = found.signal.seconds
            wrong = (found.phase_percent(times) - true + 50.0) % 100.0 - 50.0
            off.append(wrong[~np.isnan(wrong)])
            known.append(float((~np.isnan(found.phase_percent(times))).mean()))
            alike.append(len(found.alike) / len(found.all))
        every = np.concatenate(off)
        rows.append(
            [
                name,
                f"{available} of {PATIENTS}",
                f"{100.0 * np.mean(alike):.0f} %",
                f"{100.0 * np.mean(known):.0f} %",
                f"{np.sqrt(np.mean(every**2)):.1f}",
                f"{np.quantile(np.abs(every), 0.95):.1f}",
            ]
        )
    rows.append(["white noise", *taken(lambda rng: rng.standard_normal(1200))])
    rows.append(
        [
            "a value that wanders at random",
            *taken(walk),
        ]
    )
    head = (
        "signal of 2 minutes",
        "breath found",
        "breaths alike",
        "time with a phase",
        "RMS error, %",
        "P95, %",
    )
    return table("Phase of virtual patients, with noise of 5 % of a breath", head, rows)


def found_breaths(breathing: Breathing, seed: int) -> tuple[Breaths, Array]:
    """Breaths of two minutes, and the true phase at its times, % from one end of breathing in to the next."""
    seconds = np.arange(0.0, 120.0, 0.1)
    depth = breathing.draw(np.random.default_rng(seed)).values[: len(seconds), 0]
    noisy = depth + NOISE * np.random.default_rng(seed + 1).standard_normal(len(depth))
    full_s = ends_of_breathing_in(breathing, seed)
    number = np.searchsorted(full_s, seconds, side="right") - 1
    true = 100.0 * (seconds - full_s[number]) / (full_s[number + 1] - full_s[number])
    return find_breaths(RespiratorySignal(seconds, noisy)), true


def ends_of_breathing_in(breathing: Breathing, seed: int) -> Array:
    """The middle of each breath that the virtual patient draws: the same numbers, drawn once more."""
    still = replace(breathing, baseline_drift_mm_per_min=0.0, baseline_walk_mm=0.0, coughs_per_min=0.0)
    flow = still.draw(np.random.default_rng(seed)).values[:1400, 1]
    times_s = 0.1 * np.arange(len(flow))
    # Air stops flowing in: its flow passes zero downwards, which is steepest there.
    down = np.flatnonzero((flow[:-1] > 0.0) & (flow[1:] <= 0.0))
    share = flow[down] / (flow[down] - flow[down + 1])
    ends_s = times_s[down] + 0.1 * share
    return np.concatenate([[-10.0], ends_s, [1e3]])


def walk(rng: np.random.Generator) -> Array:
    return np.asarray(np.cumsum(rng.standard_normal(1200)), dtype=np.float64)


def taken(draw: Callable[[np.random.Generator], Array]) -> list[str]:
    count = sum(
        find_breaths(RespiratorySignal(TWO_MINUTES_S, draw(np.random.default_rng(seed)))).is_available
        for seed in range(5 * PATIENTS)
    )
    return [f"{count} of {5 * PATIENTS}", "", "", "", ""]


def chest_table(_: argparse.Namespace) -> str:
    rows = []
    for recording in sorted({path.name.split("-")[0] for path in REAL_TRACES.glob("*.csv")}):
        paths = sorted(REAL_TRACES.glob(f"{recording}-*.csv"))
        found = [find_breaths(marker_height(path)) for path in paths]
        kept = [one for one in found if one.is_available]
        times = kept[0].signal.seconds
        phases = np.array([one.phase_percent(times) for one in kept])
        apart = (phases - phases[:1] + 50.0) % 100.0 - 50.0
        apart = apart[:, ~np.isnan(apart).any(axis=0)]
        kind = paths[0].name.split("-")[3]
        rows.append(
            [
                f"{recording} ({kind})",
                ", ".join(f"{len(one.alike)} of {len(one.all)}" for one in found),
                f"{len(kept)} of {len(found)}",
                f"{kept[0].period_s:.1f}",
                f"{np.median(np.abs(apart[1:])):.1f}" if len(kept) > 1 else "",
                f"{np.quantile(np.abs(apart[1:]), 0.95):.1f}" if len(kept) > 1 else "",
            ]
        )
    head = (
        "recording",
        "breaths alike, each of 3 markers",
        "markers with a breath",
        "breath, s",
        "phase apart, median %",
        "P95, %",
    )
    return table("Three markers on a real chest, one after the other (N: normal, T: talking)", head, rows)


def marker_height(path: Path) -> RespiratorySignal:
    """Height of a marker; rows whose time goes back are damaged."""
    kept: list[tuple[float, float]] = []
    with path.open(newline="") as file:
        for row in csv.DictReader(file, delimiter=";"):
            second = float(row["Timestamp"].replace(",", ".")) / 1000.0
            if not kept or second > kept[-1][0]:
                kept.append((second, float(row["z"].replace(",", "."))))
    seconds, height = np.array(kept).T
    return RespiratorySignal(seconds, height, "chest marker")


def ct_table(_: argparse.Namespace) -> str:
    phases = []
    for n in range(1, 11):
        values = pydicom.dcmread(REAL_CT / f"image{n}.dcm").pixel_array.astype(np.float32) - 1000.0
        grid = Grid(PLANNING, values.shape, np.ones(3), np.zeros(3), np.eye(3))
        phases.append(Volume(grid, values, is_hounsfield=False))
    rows = []
    for first in range(10):
        cycle = [*phases[first:], *phases[:first]]
        found = follow_structure(ball(10.0, (47.0, 38.0, 36.0)), phases[0], cycle)
        rows.append([f"{10 * first} %", *motion_cells(found, first)])
    head = (
        "cycle begins at",
        "amplitude x, y, z, mm",
        "cycle closes to, mm",
        "both ways differ by, mm",
        "least correlation",
        "mid-ventilation",
    )
    return table(
        "A tumour in a real 4DCT of ten phases, voxels of nominally 1 mm; to keep: closes within one voxel",
        head,
        rows,
    )


def motion_cells(found: PhaseMotion, first: int) -> list[str]:
    if found.displacement_mm is None:
        return [found.reasons[0], "", "", "", ""]
    percents = tuple(100.0 * n / len(found.displacement_mm) for n in range(len(found.displacement_mm)))
    motion = StructureMotion("", found.displacement_mm, percents, found.closure_mm, found.from_planning_mm)
    amplitude = ", ".join(f"{mm:.2f}" for mm in motion.amplitude_mm)
    middle = motion.mid_ventilation
    return [
        amplitude,
        f"{found.closure_mm:.2f}",
        f"{max(found.disagreement_mm):.2f}",
        f"{min(found.similarity):.2f}",
        ""
        if middle is None
        else f"{10 * ((first + middle) % 10)} %, {motion.mid_ventilation_off_mm:.2f} mm off",
    ]


def ball(radius_mm: float, centre_mm: tuple[float, float, float]) -> Structure:
    angle = np.linspace(0.0, 2.0 * np.pi, 48, endpoint=False)
    contours = []
    for z in np.arange(-radius_mm + 1.0, radius_mm, 2.0):
        r = np.sqrt(radius_mm**2 - z**2)
        ring = np.column_stack([r * np.cos(angle), r * np.sin(angle), np.full(48, z)])
        contours.append(Contour("CLOSED_PLANAR", ring + np.array(centre_mm)))
    return Structure("tumour", 1, PLANNING, tuple(contours), "GTV")


@dataclass(frozen=True)
class BreathingScan:
    """A cone-beam scan of a breathing virtual patient; depth and tumour are those of each projection."""

    phantom: Phantom
    projections: ProjectionSet
    depth: Array
    tumour_mm: Array


def breathing_scan(phantom: Phantom, scan: ConeBeamScan) -> BreathingScan:
    breathing = Breathing()
    lattice = TissueLattice(phantom)
    still = np.zeros((*lattice.grid.shape, 3), dtype=np.float32)
    trace = breathing.draw(np.random.default_rng(SEED))
    trace = Trace(trace.step_s, trace.values[: int(scan.duration_s / trace.step_s) + 20])
    motion, steepest = motion_that_fits(
        still, breathing_modes(lattice, breathing), trace, lattice.grid.spacing_mm
    )
    coefficients = np.array([motion.trace.at(second) for second in scan.seconds])
    sizes_mm = np.array([breathing.peak_to_peak_mm, breathing.hysteresis_mm / 2.0])
    chosen, nearest = far_apart(np.pad(coefficients * sizes_mm, ((0, 0), (0, 1)))[:, None], STATES)

    def field_at(number: int) -> DisplacementField:
        vectors = still.copy()
        motion.add_to(vectors, float(scan.seconds[number]))
        return DisplacementField(lattice.grid, vectors, steepest)

    fields = [field_at(number) for number in chosen]
    volumes = [moved_anatomy(phantom, field) for field in fields]
    place = fixed_from_planning("HFS", phantom.isocentre_mm)
    state = dict(zip(scan.seconds.tolist(), nearest, strict=True))
    projections = acquire_projections(
        lambda second: (volumes[state[second]], place), scan, ImagingPhysics(), np.random.default_rng(SEED)
    )
    inside = np.argwhere(structure_mask(tumour_of(phantom), phantom.volume.grid))[:, ::-1].astype(np.float64)
    points = phantom.volume.grid.xyz(inside)
    places = np.array([(field.moved(points) - points).mean(axis=0) for field in fields])
    return BreathingScan(phantom, projections, coefficients[:, 0], places[np.array(nearest)])


def tumour_of(phantom: Phantom) -> Structure:
    return next(one for one in phantom.structures if one.name == "GTV")


def cone_beam_table(_: argparse.Namespace) -> str:
    phantom = build_phantom("thorax", spacing_mm=(3.0, 3.0, 3.0))
    rows = []
    for name, scan in SCANS:
        made = breathing_scan(phantom, scan)
        begin = time.process_time()
        found = breaths_from_projections(made.projections, "HFS")
        signal_s = time.process_time() - begin
        true = find_breaths(RespiratorySignal(scan.seconds, made.depth))
        wrong = found.breaths.phase_percent(scan.seconds) - true.phase_percent(scan.seconds)
        wrong = (wrong[~np.isnan(wrong)] + 50.0) % 100.0 - 50.0
        for settings in SORTED:
            rows.append(
                [
                    name,
                    settings.by if settings.by == "phase" else f"amplitude, equal {settings.scale}",
                    f"{found.quality:.2f}, {found.agreement:.2f}",
                    f"{np.sqrt(np.mean(wrong**2)):.1f}",
                    *cone_beam_cells(made, found.breaths, settings),
                    f"{signal_s:.1f}",
                ]
            )
    head = (
        "scan",
        "sorted by",
        "explained, agreement",
        "phase RMS error, %",
        "bins",
        "true amplitude of the bins x, y, z, mm",
        "found, mm",
        "largest error of a place, mm",
        "images, s",
        "signal, s",
    )
    title = "Tumour of the virtual lung patient in phases sorted by the breath in the projections"
    return table(f"{title}; processor seconds", head, rows)


def cone_beam_cells(made: BreathingScan, breaths: Breaths, settings: SortSettings) -> list[str]:
    projections, isocentre_mm = made.projections, made.phantom.isocentre_mm
    usable = usable_bins(sort_by_breath(breaths, projections.seconds, settings), projections.views)
    members = [one.members for one in usable.bins]
    if len(members) < 2:
        return [str(len(members)), "", usable.warnings[0], "", ""]
    begin = time.process_time()
    smooth = smoothed_for_bins(THORAX.reconstruction, projections.views[0])
    images = list(reconstruct_bins(projections, members, "HFS", smooth))
    used_s = time.process_time() - begin
    phases = [
        replace(
            image,
            grid=replace(image.grid, frame=PLANNING, origin_mm=image.grid.origin_mm + isocentre_mm),
            source=one.label,
        )
        for image, one in zip(images, usable.bins, strict=True)
    ]
    true_mm = np.array([made.tumour_mm[part].mean(axis=0) for part in members])
    found = follow_structure(tumour_of(made.phantom), made.phantom.volume, phases)
    truth = ", ".join(f"{mm:.2f}" for mm in np.ptp(true_mm, axis=0))
    if found.displacement_mm is None or found.from_planning_mm is None:
        return [str(len(members)), truth, f"not available: {found.reasons[0]}", "", f"{used_s:.0f}"]
    off_mm = found.from_planning_mm + found.displacement_mm - true_mm
    return [
        str(len(members)),
        truth,
        ", ".join(f"{mm:.2f}" for mm in np.ptp(found.displacement_mm, axis=0)),
        f"{np.linalg.norm(off_mm, axis=1).max():.2f}",
        f"{used_s:.0f}",
    ]


TABLES: dict[str, Callable[[argparse.Namespace], str]] = {
    "breath": breath_table,
    "chest": chest_table,
    "ct": ct_table,
    "cone-beam": cone_beam_table,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=TABLES, nargs="+", default=list(TABLES), help="tables to make")
    arguments = parser.parse_args()
    for name in arguments.only:
        print(TABLES[name](arguments), "\n", flush=True)


if __name__ == "__main__":
    main()
