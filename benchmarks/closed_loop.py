"""Closed loop: virtual patients set up, imaged, aligned, moved, treated; what is left at the target is truth.

Run with ``python benchmarks/closed_loop.py [--patients N] [--fractions N] [--compare N] [--write]``. Patients
of all sites take turns, days are rigid, and the room has all its imperfections (backlash, walk-out, read-out
steps, noise, latencies). Two processes share the patients. The second table images the same days twice: by
the image-domain model that the large numbers rest on, and by physics (projections, scatter, noise,
reconstruction). ``--write`` puts the tables into docs/benchmarks.md.
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
    PatientSection,
    RoomSection,
    Scenario,
    SetUpSection,
    Site,
)
from isoguide.workflow.simulate import simulate
from page import put_between_marks

VOXEL_MM = (2.0, 2.0, 2.5)
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
    closed: bool
    reason: str
    set_up_mm: float
    mean_mm: float
    largest_mm: float
    angle_deg: float
    wrong_signs: int
    match_mm: float
    match_deg: float


def treat_patient(task: tuple[int, int, ImagingModel]) -> list[Record]:
    number, fractions, model = task
    site = SITES[number % len(SITES)]
    scenario = Scenario(
        title=f"Benchmark {number}",
        seed=1000 + number,
        fractions=fractions,
        patient=PatientSection(site=site, voxel_mm=VOXEL_MM),
        set_up=SetUpSection(systematic_deg=ROTATION_DEG, random_deg=ROTATION_DEG),
        limits=LimitsSection(largest_angle_deg=5.0),
        room=RoomSection(imaging=ImagingSection(model=model)),
    )
    course = simulate(scenario, for_report=False)
    return [record(site, fraction) for fraction in course.fractions]


def record(site: str, fraction: TreatedFraction) -> Record:
    residual = fraction.treated.residual if fraction.treated is not None else None
    measured, needed = fraction.measured, fraction.set_up.needed
    off = six(measured) - six(needed) if measured is not None else np.full(6, np.nan)
    return Record(
        site=site,
        model=fraction.imaging_model,
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


def run(tasks: Sequence[tuple[int, int, ImagingModel]], processes: int) -> list[Record]:
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


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"### {title}", "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


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


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=100)
    parser.add_argument("--fractions", type=int, default=5)
    parser.add_argument(
        "--compare", type=int, default=8, help="patients imaged by both models, two days each"
    )
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="write the tables into docs/benchmarks.md")
    arguments = parser.parse_args()
    tables = []
    begin = time.perf_counter()
    if arguments.patients:
        records = run(
            [(n, arguments.fractions, "image-domain") for n in range(arguments.patients)], arguments.processes
        )
        tables.append(loop_table(records, time.perf_counter() - begin))
        print(tables[-1], "\n", flush=True)
    if arguments.compare:
        models: tuple[ImagingModel, ...] = get_args(ImagingModel)
        pairs = [(number, 2, model) for number in range(arguments.compare) for model in models]
        tables.append(comparison_table(run(pairs, arguments.processes)))
        print(tables[-1], flush=True)
    if arguments.write:
        write(tables)


def write(tables: Sequence[str]) -> None:
    """Replace what stands between the marks in docs/benchmarks.md."""
    body = "\n\n".join([f"Python {platform.python_version()}; {os.cpu_count()} cores.", *tables])
    put_between_marks("closed loop", body)


if __name__ == "__main__":
    main()
