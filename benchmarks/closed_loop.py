"""Closed loop: virtual patients set up, imaged, aligned, moved, treated; what is left at the target is truth.

Run with ``python benchmarks/closed_loop.py [--patients N] [--fractions N] [--compare N] [--write]``. Patients
of all sites take turns, days are rigid, and the room has all its imperfections (backlash, walk-out, read-out
steps, noise, latencies). Two processes share the patients. The second table images the same days twice: by
the image-domain model that the large numbers rest on, and by physics (projections, scatter, noise,
reconstruction). The third has rooms without a CT: pairs of radiographs, matched on bone or on implanted seeds
as found in the planning CT. ``--write`` puts the tables into docs/benchmarks.md.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import get_args

import numpy as np

from isoguide.course import AXES
from isoguide.geometry.correction import CouchCorrection
from isoguide.workflow.course import TOLERANCE_DEG, TOLERANCE_MM, TreatedFraction
from isoguide.workflow.scenario import (
    ImagingModel,
    ImagingSection,
    LimitsSection,
    Matched,
    PatientSection,
    RoomSection,
    Scenario,
    SetUpSection,
    Site,
)
from isoguide.workflow.simulate import simulate
from page import put_between_marks, table

VOXEL_MM = (2.0, 2.0, 2.5)
SEEDS_VOXEL_MM = (1.2, 1.2, 2.5)
"""A planning CT that shall show seeds."""
CONE_BEAMS: tuple[ImagingModel, ...] = ("image-domain", "physical")
RADIOGRAPHS: tuple[tuple[ImagingModel, Matched], ...] = (
    ("stereo pair", "anatomy"),
    ("arm pair", "anatomy"),
    ("stereo pair", "markers"),
    ("arm pair", "markers"),
)
ROTATION_DEG = (0.5, 0.5, 0.5)
"""Standard deviations, drawn once per patient and again every day. The couch tilts by 3° at most: with larger
rotations some days would rightly not be treated."""
SIGN_MM, SIGN_DEG = 0.5, 0.3
"""A sign counts where the correction that is needed is larger than this."""
SITES: tuple[Site, ...] = get_args(Site)


@dataclass(frozen=True)
class Record:
    """One fraction."""

    site: str
    model: str
    match: str
    closed: bool
    reason: str
    set_up_mm: float
    mean_mm: float
    largest_mm: float
    angle_deg: float
    wrong_signs: int
    match_mm: float
    match_deg: float


@dataclass(frozen=True)
class Task:
    """One patient: how often he is treated, and how he is imaged and matched."""

    number: int
    fractions: int
    model: ImagingModel = "image-domain"
    match: Matched = "anatomy"

    @property
    def site(self) -> Site:
        # Three seeds, as the liver has, cannot exclude a migration: a person would have to look.
        return "prostate" if self.match == "markers" else SITES[self.number % len(SITES)]


def treat_patient(task: Task) -> list[Record]:
    site = task.site
    scenario = Scenario(
        title=f"Benchmark {task.number}",
        seed=1000 + task.number,
        fractions=task.fractions,
        patient=PatientSection(site=site, voxel_mm=SEEDS_VOXEL_MM if task.match == "markers" else VOXEL_MM),
        set_up=SetUpSection(systematic_deg=ROTATION_DEG, random_deg=ROTATION_DEG),
        limits=LimitsSection(largest_angle_deg=5.0),
        room=RoomSection(imaging=ImagingSection(model=task.model, match=task.match)),
    )
    course = simulate(scenario, for_report=False)
    return [record(task, fraction) for fraction in course.fractions]


def record(task: Task, fraction: TreatedFraction) -> Record:
    residual = fraction.treated.residual if fraction.treated is not None else None
    measured, needed = fraction.measured, fraction.set_up.needed
    off = six(measured) - six(needed) if measured is not None else np.full(6, np.nan)
    return Record(
        site=task.site,
        model=fraction.imaging_model,
        match=task.match,
        closed=fraction.outcome.state.value == "closed",
        reason=fraction.outcome.reason,
        set_up_mm=fraction.set_up.residual.largest_mm,
        mean_mm=residual.mean_mm if residual else np.nan,
        largest_mm=residual.largest_mm if residual else np.nan,
        angle_deg=residual.angle_deg if residual else np.nan,
        wrong_signs=wrong_signs(measured, needed),
        match_mm=float(np.linalg.norm(off[:3])),
        match_deg=float(np.linalg.norm(off[3:])),
    )


def six(correction: CouchCorrection) -> np.ndarray:
    return np.array([getattr(correction, key) for key in AXES])


def wrong_signs(measured: CouchCorrection | None, needed: CouchCorrection) -> int:
    if measured is None:
        return 0
    counts = np.abs(six(needed)) > np.repeat([SIGN_MM, SIGN_DEG], 3)
    return int((counts & (np.sign(six(measured)) != np.sign(six(needed)))).sum())


def run(tasks: Sequence[Task], processes: int) -> list[Record]:
    records: list[Record] = []
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for done, some in enumerate(pool.map(treat_patient, tasks), start=1):
            records += some
            for fraction in some:
                if not fraction.closed:
                    say(f"  not treated: {fraction.site}: {fraction.reason}")
            if done % 10 == 0:
                say(f"  {done} of {len(tasks)} patients")
    return records


def p95(values: Sequence[float]) -> float:
    return float(np.nanpercentile(values, 95.0))


def loop_table(records: Sequence[Record], seconds: float) -> str:
    rows = []
    for site in (*SITES, "all"):
        some = [r for r in records if site in (r.site, "all")]
        if not some:
            continue
        rows.append(
            (
                f"**{site}**" if site == "all" else site,
                str(len(some)),
                str(sum(not r.closed for r in some)),
                str(sum(r.wrong_signs for r in some)),
                f"{p95([r.set_up_mm for r in some]):.1f}",
                f"{np.nanmedian([r.largest_mm for r in some]):.2f}",
                f"{p95([r.largest_mm for r in some]):.2f}",
                f"{np.nanmax([r.largest_mm for r in some]):.2f}",
                f"{p95([r.angle_deg for r in some]):.2f}",
                f"{np.nanmax([r.angle_deg for r in some]):.2f}",
            )
        )
    head: tuple[str, ...] = ("site", "fractions", "not treated", "wrong signs", "P95 set-up error mm")
    head += ("median left mm", "P95 left mm", "worst left mm", "P95 left °", "worst left °")
    title = (
        "End to end: left at the target while there was beam (truth); to keep: "
        f"P95 ≤ {TOLERANCE_MM:g} mm and {TOLERANCE_DEG:g}°"
    )
    note = (
        f"\n\n{len(records)} fractions in {seconds / 60.0:.1f} min in two processes; image-domain cone-beam "
        "model. Set-up errors: 2.5 mm and 0.5° (standard deviations per axis, drawn once per patient and "
        "again every day). Distances are those of the target point furthest off; a sign counts where the "
        f"needed correction is above {SIGN_MM:g} mm or {SIGN_DEG:g}°."
    )
    return table(title, head, rows) + note


def comparison_table(records: Sequence[Record]) -> str:
    rows = []
    for site in SITES:
        for model in dict.fromkeys(r.model for r in records):
            some = [r for r in records if r.site == site and r.model == model]
            if some:
                rows.append(
                    (
                        site,
                        model,
                        str(len(some)),
                        str(sum(not r.closed for r in some)),
                        f"{np.nanmedian([r.match_mm for r in some]):.3f}",
                        f"{np.nanmax([r.match_mm for r in some]):.3f}",
                        f"{np.nanmedian([r.match_deg for r in some]):.3f}",
                        f"{np.nanmax([r.match_deg for r in some]):.3f}",
                        f"{np.nanmedian([r.largest_mm for r in some]):.2f}",
                        f"{np.nanmax([r.largest_mm for r in some]):.2f}",
                    )
                )
    head: tuple[str, ...] = (
        "site",
        "day's image",
        "fractions",
        "not treated",
        "median match error mm",
        "worst mm",
    )
    head += ("median match error °", "worst °", "median left mm", "worst left mm")
    return table("The same days imaged by the image-domain model and by physics", head, rows)


def radiographs_table(records: Sequence[Record]) -> str:
    rows = []
    kinds = dict.fromkeys((r.model, r.match, r.site) for r in records)
    for model, match, site in sorted(kinds, key=lambda kind: (kind[1], kind[0], SITES.index(kind[2]))):
        some = [r for r in records if (r.model, r.match, r.site) == (model, match, site)]
        rows.append(
            (
                f"{model}, {'seeds' if match == 'markers' else 'bone'}",
                site,
                str(len(some)),
                str(sum(not r.closed for r in some)),
                str(sum(r.wrong_signs for r in some)),
                f"{np.nanmedian([r.match_mm for r in some]):.3f}",
                f"{p95([r.match_mm for r in some]):.3f}",
                f"{p95([r.match_deg for r in some]):.2f}",
                f"{np.nanmedian([r.largest_mm for r in some]):.2f}",
                f"{p95([r.largest_mm for r in some]):.2f}",
                f"{np.nanmax([r.largest_mm for r in some]):.2f}",
                f"{p95([r.angle_deg for r in some]):.2f}",
            )
        )
    head: tuple[str, ...] = ("image, matched on", "site", "fractions", "not treated", "wrong signs")
    head += ("median match error mm", "P95 mm", "P95 match error °")
    head += ("median left mm", "P95 left mm", "worst left mm", "P95 left °")
    return table("Rooms without a CT: pairs of radiographs, matched on bone or implanted seeds", head, rows)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=100)
    parser.add_argument("--fractions", type=int, default=5)
    parser.add_argument(
        "--compare", type=int, default=8, help="patients imaged by both models, two days each"
    )
    parser.add_argument(
        "--radiographs", type=int, default=8, help="patients of each kind of pair, five days each"
    )
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="write the tables into docs/benchmarks.md")
    arguments = parser.parse_args()
    tables = []
    begin = time.perf_counter()
    if arguments.patients:
        records = run([Task(n, arguments.fractions) for n in range(arguments.patients)], arguments.processes)
        tables.append(loop_table(records, time.perf_counter() - begin))
        print(tables[-1], "\n", flush=True)
    if arguments.compare:
        pairs = [Task(number, 2, model) for number in range(arguments.compare) for model in CONE_BEAMS]
        tables.append(comparison_table(run(pairs, arguments.processes)))
        print(tables[-1], flush=True)
    if arguments.radiographs:
        tasks = [
            Task(n, 5, model, match) for model, match in RADIOGRAPHS for n in range(arguments.radiographs)
        ]
        tables.append(radiographs_table(run(tasks, arguments.processes)))
        print("\n" + tables[-1], flush=True)
    if arguments.write:
        write(tables)


def write(tables: Sequence[str]) -> None:
    """Replace what stands between the marks in docs/benchmarks.md."""
    body = "\n\n".join([f"Python {platform.python_version()}; {os.cpu_count()} cores.", *tables])
    put_between_marks("closed loop", body)


if __name__ == "__main__":
    main()
