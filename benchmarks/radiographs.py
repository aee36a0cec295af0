"""Radiographs to planning CT: accuracy, capture, time and honesty of the uncertainty, against known truth.

Run with ``python benchmarks/radiographs.py [--per-class N] [--site SITE ...] [--write]``. Each case is one
exposure of the room's stereo pair of a virtual patient who lies within ± the class's limits per axis:

* the truth is made by RTK's JosephForwardProjectionImageFilter (no projector of ours takes part), from the
  patient's anatomy without noise on voxels of 1 × 1 × 1.5 mm, in water and bone through a polyenergetic beam
  with scatter, noise and glare;
* the planning CT is that same anatomy averaged over voxels of 1.2 × 1.2 × 2.5 mm, with a scanner's noise
  and couch (a phantom drawn anew on other voxels has other vessels and another texture: another patient);
* the time is that of ``register_radiographs`` after one match to warm up; preparing the plan is not in it,
  and tracking starts from the answer.

Distances are means over points within 60 mm of the isocentre. Coverage is how often the truth lies in the
95 % ellipsoid of all six motions. Another engine takes part by an entry in ENGINES. ``--write`` puts
the table into docs/benchmarks.md.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.iec61217 import fixed_from_planning
from isoguide.geometry.transforms import RigidTransform, rotation_angle_deg
from isoguide.geometry.xray_view import XrayView
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
from isoguide.registration import PreparedRadiographs, prepare_radiographs, register_radiographs
from isoguide.virtual import build_phantom, random_displacement, target_error_mm, target_points
from isoguide.virtual.kv_pair import KILOVOLTAGE, stereo_views
from isoguide.virtual.phantom import Phantom, Site
from isoguide.virtual.room_settings import StereoSettings
from page import put_between_marks

Float32 = NDArray[np.float32]

CLASSES = ((10.0, 3.0), (25.0, 6.0))
"""Largest displacement per axis: mm and degrees."""
TRUTH_MM, PLANNING_MM = (1.0, 1.0, 1.5), (1.2, 1.2, 2.5)
SUCCESS_MM = 2.0
CHI2_95_6 = 12.591587
"""95 % quantile of the chi-square distribution with six degrees of freedom."""
DATA_SEED = 41_000
ROOM = StereoSettings()


@dataclass(frozen=True, eq=False)
class Patient:
    """A virtual patient: what is exposed, the CT of the plan, the views in the planning frame."""

    site: Site
    truth: WaterAndBone
    planning: Volume
    isocentre_mm: Array
    fixed_from_planning: RigidTransform
    views: tuple[XrayView, ...]


@dataclass(frozen=True, eq=False)
class Answer:
    """What an engine made of a case; no transform and no covariance where it gave none."""

    planning_from_daily: RigidTransform | None
    covariance: Array | None
    seconds: float
    tracking_s: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far an answer is off; infinite where there is none."""

    error_mm: float
    error_deg: float
    squares: float
    seconds: float
    tracking_s: float


def patient(site: Site) -> Patient:
    anatomy = build_phantom(site, 0, TRUTH_MM)
    planned = build_phantom(site, 0, PLANNING_MM)
    room = fixed_from_planning("HFS", planned.isocentre_mm)
    views = tuple(view.in_frame(room.inverse()) for view in stereo_views(ROOM))
    truth = water_and_bone(anatomy.anatomy)
    return Patient(site, truth, scanned(anatomy, planned), planned.isocentre_mm, room, views)


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


def expose(who: Patient, truth: RigidTransform, rng: np.random.Generator) -> tuple[Radiograph, ...]:
    """Expose the pair of a patient at planning_from_daily ``truth``, daily in planning axes."""
    images = []
    for nominal, view in zip(stereo_views(ROOM), who.views, strict=True):
        thickness_mm = np.stack([rtk_projection(who, part, nominal, truth) for part in who.truth.fractions])
        values, _ = measure(thickness_mm[:, None], nominal, KILOVOLTAGE, ROOM.physics, rng)
        images.append(Radiograph(view, values[0], "line integral"))
    return tuple(images)


def rtk_projection(who: Patient, values: Float32, view: XrayView, truth: RigidTransform) -> Float32:
    """Line integrals [row, column] by RTK, which gets the volume where it lies in the room."""
    grid = who.truth.grid
    daily_as_planned = RigidTransform(PLANNING, DAILY, np.eye(4))
    room = who.fixed_from_planning @ daily_as_planned @ truth.inverse()
    volume = rtk_image(
        np.ascontiguousarray(values),
        grid.spacing_mm,
        room.apply(grid.origin_mm),
        room.rotation @ grid.direction,
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


def ours(prepared: PreparedRadiographs, images: Sequence[Radiograph]) -> Answer:
    begin = time.perf_counter()
    answer = register_radiographs(prepared, images)
    middle = time.perf_counter()
    found = answer.planning_from_daily
    if found is None or answer.uncertainty is None:
        return Answer(None, None, middle - begin, np.nan)
    register_radiographs(prepared, images, initial=found, tracking=True)
    end = time.perf_counter()
    return Answer(found, answer.uncertainty.covariance, middle - begin, end - middle)


def prepare_ours(who: Patient) -> Callable[[Sequence[Radiograph]], Answer]:
    prepared = prepare_radiographs(who.planning, isocentre_mm=who.isocentre_mm, views=who.views)
    return lambda images: ours(prepared, images)


ENGINES: dict[str, Callable[[Patient], Callable[[Sequence[Radiograph]], Answer]]] = {"isoguide": prepare_ours}
"""What an engine prepares from a plan, and then makes of a pair of images."""


def outcome(who: Patient, truth: RigidTransform, answer: Answer) -> Outcome:
    if answer.planning_from_daily is None or answer.covariance is None:
        return Outcome(np.inf, np.inf, np.inf, answer.seconds, answer.tracking_s)
    points = target_points(who.isocentre_mm)
    error = float(target_error_mm(answer.planning_from_daily, truth, points).mean())
    off = truth.matrix @ np.linalg.inv(answer.planning_from_daily.matrix)
    centre = who.isocentre_mm
    xi = np.concatenate(
        [off[:3, :3] @ centre + off[:3, 3] - centre, Rotation.from_matrix(off[:3, :3]).as_rotvec()]
    )
    squares = float(xi @ np.linalg.solve(answer.covariance, xi))
    return Outcome(error, rotation_angle_deg(off[:3, :3]), squares, answer.seconds, answer.tracking_s)


def run(site: Site, per_class: int) -> list[tuple[str, ...]]:
    who = patient(site)
    engines = {name: prepare(who) for name, prepare in ENGINES.items()}
    rows = []
    for kind, (largest_mm, largest_deg) in enumerate(CLASSES):
        found: dict[str, list[Outcome]] = {name: [] for name in engines}
        for number in range(per_class):
            rng = np.random.default_rng([DATA_SEED, get_args(Site).index(site), kind, number])
            truth = random_displacement(
                rng,
                largest_mm=largest_mm,
                largest_deg=largest_deg,
                isocentre_mm=who.isocentre_mm,
                machine_isocentre_mm=who.isocentre_mm,
            )
            images = expose(who, truth, rng)
            for name, engine in engines.items():
                if kind == number == 0:
                    engine(images)
                found[name].append(outcome(who, truth, engine(images)))
        for name, outcomes in found.items():
            rows.append(row(f"{site}, ±{largest_mm:g} mm ±{largest_deg:g}°", name, outcomes))
            print(" | ".join(rows[-1]), file=sys.stderr, flush=True)
    return rows


def row(what: str, name: str, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    mm, deg = (np.array([getattr(one, key) for one in outcomes]) for key in ("error_mm", "error_deg"))
    answered = np.isfinite(mm)
    covered = np.array([one.squares for one in outcomes])[answered] < CHI2_95_6
    figures = (
        *(f"{np.quantile(mm, q, method='higher'):.3f}" for q in (0.5, 0.95)),
        *(f"{np.quantile(deg, q, method='higher'):.3f}" for q in (0.5, 0.95)),
        f"{100.0 * (mm < SUCCESS_MM).mean():.1f}",
        f"{100.0 * covered.mean():.0f}" if answered.any() else "none",
        f"{np.median([one.seconds for one in outcomes]):.2f}",
        f"{np.nanmedian([one.tracking_s for one in outcomes]):.3f}",
    )
    return (what, name, str(len(outcomes)), *figures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--per-class", type=int, default=50)
    parser.add_argument(
        "--site", nargs="+", choices=get_args(Site), default=["pelvis", "thorax", "head-neck"]
    )
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    arguments = parser.parse_args()
    head = (
        "patient, displacement",
        "engine",
        "cases",
        "median mm",
        "95 % below mm",
        "median °",
        "95 % below °",
        f"success (< {SUCCESS_MM:g} mm) %",
        "truth in the 95 % ellipsoid %",
        "median s",
        "tracking s",
    )
    rows = [line for site in arguments.site for line in run(site, arguments.per_class)]
    table = "\n".join(
        [
            f"Python {platform.python_version()}; {os.cpu_count()} cores.\n",
            "| " + " | ".join(head) + " |",
            "|---" * len(head) + "|",
            *("| " + " | ".join(line) + " |" for line in rows),
        ]
    )
    print(table)
    if arguments.write:
        put_between_marks("radiographs", table)


if __name__ == "__main__":
    main()
