"""The day's ultrasound matched to its reference, on virtual patients with known truth, beside other software.

Run with ``python benchmarks/ultrasound_same.py [--patients N] [--days N] [--only TABLE ...]``. The cases are
those of ``ultrasound_cases.py``; the target error is the mean distance over points of the prostate or the
liver lesion, deformed as they are, from where they belong. Peers get the reference cropped to 20 mm around
the target, masks of what was seen, and the set-up position as the start (configurations in ``peers.py``).
"""

import argparse
import importlib.metadata
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

import peers
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.registration import Registration
from isoguide.registration.pyramid import crop
from isoguide.registration.ultrasound import (
    PreparedUltrasound,
    prepare_ultrasound,
    register_ultrasound,
)
from isoguide.virtual import random_displacement
from page import table
from ultrasound_cases import (
    MACHINE_ISOCENTRE_MM,
    SEED,
    VIEWS,
    Case,
    View,
    add_case_arguments,
    case,
    patient,
    reference,
)

CHI2_95_3 = 7.814728
PEER_MARGIN_MM = 20.0
RANGE = (15.0, 8.0)
"""Largest set-up error per axis in the table of the capture range: mm and degrees."""
FOUND_MM = 2.0


@dataclass(frozen=True, eq=False)
class Result:
    """What a match made of a case: errors and times NaN where there is no answer."""

    case: Case
    answer: Registration
    error_mm: float
    inside: float
    wall_s: float
    processor_s: float


@cache
def prepared(view: View, number: int) -> PreparedUltrasound:
    who = patient(view.site, number)
    return prepare_ultrasound(
        reference(view, number),
        centre_mm=who.isocentre_mm,
        target_points_mm=who.target_mm,
    )


def matched(one: Case, plan: PreparedUltrasound, initial: RigidTransform) -> Result:
    begin, used = time.perf_counter(), time.process_time()
    answer = register_ultrasound(plan, one.daily, initial=initial)
    wall_s, processor_s = time.perf_counter() - begin, time.process_time() - used
    found = answer.planning_from_daily
    if found is None:
        return Result(one, answer, np.nan, np.nan, wall_s, processor_s)
    error_mm = float(one.errors_mm(found).mean())
    return Result(one, answer, error_mm, covered(one, answer), wall_s, processor_s)


def covered(one: Case, answer: Registration) -> float:
    """Share of target points whose error lies in its 95 % ellipsoid."""
    if answer.planning_from_daily is None or answer.uncertainty is None:
        return np.nan
    off_mm = answer.planning_from_daily.apply(one.target_daily_mm) - one.target_mm
    squares = [
        float(off @ np.linalg.solve(answer.uncertainty.about(point)[:3, :3], off))
        for off, point in zip(off_mm, one.target_mm, strict=True)
    ]
    return float(np.mean(np.array(squares) <= CHI2_95_3))


@cache
def results(patients: int, days: int) -> tuple[Result, ...]:
    """Match every case; the first is matched once before, so that kernels are compiled."""
    found: list[Result] = []
    for view in VIEWS:
        for number in range(patients):
            for day in range(1, days + 1):
                one = case(view, number, day)
                if not found:
                    matched(one, prepared(view, number), one.initial)
                found.append(matched(one, prepared(view, number), one.initial))
    return tuple(found)


def accuracy_table(asked: argparse.Namespace) -> str:
    all_of_them = results(asked.patients, asked.days)
    rows = []
    for view in VIEWS:
        for same in (False, True):
            some = [r for r in all_of_them if r.case.view == view.name and r.case.same_speckle is same]
            rows.append((view.name, "the same" if same else "other", *figures(some)))
    rows.append(("**all**", "", *figures(list(all_of_them))))
    head = (
        "view",
        "scatterers",
        "days",
        "median mm",
        "P95 mm",
        "95 % ellipsoids cover",
        "accept / review / not available",
        "median s",
        "processor s",
    )
    return table("Target error of ultrasound matched to its reference", head, rows)


def figures(some: list[Result]) -> tuple[str, ...]:
    if not some:
        return ("0", *["-"] * 6)
    errors = np.array([r.error_mm for r in some])
    answered = np.isfinite(errors)
    verdicts = [r.answer.verdict.value for r in some]
    counts = " / ".join(str(verdicts.count(word)) for word in ("accept", "review", "not available"))
    return (
        str(len(some)),
        f"{np.median(errors[answered]):.2f}",
        f"{np.quantile(errors[answered], 0.95):.2f}",
        f"{100.0 * np.nanmean([r.inside for r in some]):.0f} %",
        counts,
        f"{np.median([r.wall_s for r in some]):.2f}",
        f"{np.median([r.processor_s for r in some]):.2f}",
    )


def wrong_table(asked: argparse.Namespace) -> str:
    """Give each day to the references of other patients and other regions."""
    tally: dict[str, list[str]] = {"another man's prostate, same view": [], "another patient's liver": []}
    tally |= {
        "another region": [],
        "the other side (mirrored day)": [],
        "lost contact (a quarter of the fan)": [],
    }
    for one in (r.case for r in results(asked.patients, asked.days)):
        view = next(v for v in VIEWS if v.name == one.view)
        for other in VIEWS:
            for number in range(asked.patients):
                if other.site == view.site and (number == one.patient or other is not view):
                    continue
                kind = "another region"
                if other is view:
                    kind = "another patient's liver" if view.site == "abdomen" else next(iter(tally))
                tally[kind].append(verdict_of(prepared(other, number), one.daily))
        if one.day == 1:
            plan = prepared(view, one.patient)
            tally["the other side (mirrored day)"].append(verdict_of(plan, mirrored(one.daily)))
            tally["lost contact (a quarter of the fan)"].append(verdict_of(plan, a_quarter(one)))
    rows = [
        (kind, str(len(words)), *(str(words.count(word)) for word in ("accept", "review", "not available")))
        for kind, words in tally.items()
    ]
    return table("What must not be accepted", ("day", "matches", "accept", "review", "not available"), rows)


def verdict_of(plan: PreparedUltrasound, daily: UltrasoundVolume) -> str:
    start = RigidTransform.translation(PLANNING, DAILY, plan.centre_mm - MACHINE_ISOCENTRE_MM)
    return register_ultrasound(plan, daily, initial=start).verdict.value


def mirrored(daily: UltrasoundVolume) -> UltrasoundVolume:
    """Exchange left and right about the machine isocentre."""
    grid = daily.grid
    origin = grid.origin_mm.copy()
    origin[0] = 2.0 * MACHINE_ISOCENTRE_MM[0] - (origin[0] + (grid.shape[2] - 1) * grid.spacing_mm[0])
    turned = Grid(grid.frame, grid.shape, grid.spacing_mm, origin, grid.direction)
    return UltrasoundVolume(
        turned,
        daily.values[:, :, ::-1].copy(),
        daily.seen[:, :, ::-1].copy(),
        daily.shadowed[:, :, ::-1].copy(),
        "mirrored",
    )


def a_quarter(one: Case) -> UltrasoundVolume:
    """Leave only what lies to the right of the target and in front of it."""
    grid = one.daily.grid
    i, j, _ = np.rint(grid.index(one.target_daily_mm.mean(axis=0))).astype(int)
    seen = one.daily.seen.copy()
    seen[:, :, max(i - 10, 1) :] = False
    seen[:, max(j, 1) :] = False
    return UltrasoundVolume(grid, one.daily.values, seen, one.daily.shadowed & seen, "quarter")


def range_table(asked: argparse.Namespace) -> str:
    """Set patients up worse and worse."""
    rows = []
    for view in VIEWS:
        one, plan = case(view, 0, 1), prepared(view, 0)
        rng = np.random.default_rng([SEED, VIEWS.index(view)])
        errors = []
        for _ in range(asked.starts):
            off = random_displacement(
                rng,
                largest_mm=RANGE[0],
                largest_deg=RANGE[1],
                isocentre_mm=one.isocentre_mm,
                machine_isocentre_mm=one.isocentre_mm,
            )
            start = RigidTransform(PLANNING, DAILY, off.matrix @ one.truth.matrix)
            errors.append(matched(one, plan, start).error_mm)
        found = np.array(errors)
        rows.append(
            (
                view.name,
                str(len(found)),
                str(int((found < FOUND_MM).sum())),
                str(int((found >= FOUND_MM).sum())),
                str(int(np.isnan(found).sum())),
            )
        )
    title = f"Set-up off by up to ±{RANGE[0]:g} mm and ±{RANGE[1]:g}° along and about each axis"
    return table(title, ("view", "starts", "found", "wrong", "not available"), rows)


def peers_table(asked: argparse.Namespace) -> str:
    """Match the first days of every patient with what is installed, two threads each."""
    runs = peers.installed()
    errors: dict[str, list[float]] = {"isoguide": [], **{name: [] for name in runs}}
    seconds: dict[str, list[float]] = {name: [] for name in errors}
    for ours in results(asked.patients, asked.days):
        if ours.case.day > asked.peer_days:
            continue
        errors["isoguide"].append(ours.error_mm)
        seconds["isoguide"].append(ours.wall_s)
        task = problem(ours.case)
        for name, run in runs.items():
            error_mm, taken_s = attempt(run, task, ours.case)
            errors[name].append(error_mm)
            seconds[name].append(taken_s)
    rows = [
        (
            f"{name} {importlib.metadata.version(name)}",
            str(len(found)),
            f"{np.nanmedian(found):.2f}",
            f"{np.nanmax(found):.2f}",
            f"{int((np.array(found) < FOUND_MM).sum())} of {len(found)}",
            f"{np.median(seconds[name]):.2f}",
        )
        for name, found in errors.items()
    ]
    head = ("engine", "days", "median mm", "worst mm", f"within {FOUND_MM:g} mm", "median s")
    return table("Side by side in one run", head, rows)


def attempt(
    run: Callable[[peers.Problem], peers.Answer], task: peers.Problem, one: Case
) -> tuple[float, float]:
    begin = time.perf_counter()
    try:
        answer = run(task)
    except RuntimeError:
        return np.inf, time.perf_counter() - begin
    return float(one.errors_mm(answer.planning_from_daily).mean()), answer.seconds


def problem(one: Case) -> peers.Problem:
    low = one.target_mm.min(axis=0) - PEER_MARGIN_MM
    high = one.target_mm.max(axis=0) + PEER_MARGIN_MM
    grid, values = crop(one.reference.grid, one.reference.values, low, high)
    _, trusted = crop(one.reference.grid, one.reference.trusted, low, high)
    moved, start = one.daily.grid, one.initial
    moving = Grid(moved.frame, moved.shape, moved.spacing_mm, start.apply(moved.origin_mm), moved.direction)
    return peers.Problem(
        peers.image(grid, values.astype(np.float32)),
        peers.image(grid, trusted.astype(np.uint8)),
        peers.image(moving, one.daily.values.astype(np.float32)),
        peers.image(moving, one.daily.trusted.astype(np.uint8)),
        one.isocentre_mm,
        start,
    )


TABLES: dict[str, Callable[[argparse.Namespace], str]] = {
    "accuracy": accuracy_table,
    "wrong": wrong_table,
    "range": range_table,
    "peers": peers_table,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--starts", type=int, default=20, help="of each view in the table of the range")
    parser.add_argument("--peer-days", type=int, default=1, help="of each patient given to the peers")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_case_arguments(parser)
    add_arguments(parser)
    parser.add_argument("--only", choices=TABLES, nargs="+", default=list(TABLES), help="tables")
    asked = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    for name in asked.only:
        print(TABLES[name](asked), "\n", flush=True)


if __name__ == "__main__":
    main()
