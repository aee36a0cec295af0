"""How long a dose takes: a virtual VMAT plan in a pelvis, a real IMRT plan on its CT, doses of segments.

Run with ``python benchmarks/dose_speed.py [--runs N] [--cone]``. Each figure is the median of several runs
after one that is not counted; processor time of all threads stands beside it, because other programs that
share the cores change the one and hardly the other. The real plan is public data that lies beside the
checkout (OnkoDICOM, seven sliding-window fields of 166 control points in a thorax); without it its row is
left out.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from isoguide.dicom import load_planning_set
from isoguide.dose.compute import DoseSettings, Placement, compute_dose
from isoguide.dose.machine import generic_6mv
from isoguide.dose.pencil_beam import segment_doses
from isoguide.dose.result import DoseAlgorithm
from isoguide.images.mask import structure_mask
from isoguide.virtual import build_phantom
from isoguide.virtual.treatment_plan import treatment_plan

REAL_PLAN = "shared/data/OnkoDICOM/test/testdata/DICOM-RT-TEST"
SEGMENT_POINTS = 30_000


@dataclass(frozen=True)
class Row:
    """One figure: what was computed, the wall and the processor time of a run, and what to reach."""

    name: str
    seconds: float
    processor_seconds: float
    to_reach_seconds: float

    def __str__(self) -> str:
        return (
            f"| {self.name} | {self.seconds:.2f} s | {self.processor_seconds:.2f} s"
            f" | ≤ {self.to_reach_seconds:g} s |"
        )


def timed(name: str, work: Callable[[], object], to_reach_seconds: float, runs: int) -> Row:
    work()
    walls, processors = [], []
    for _ in range(runs):
        wall, processor = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return Row(name, statistics.median(walls), statistics.median(processors), to_reach_seconds)


def pelvis_rows(runs: int, *, with_cone: bool) -> list[Row]:
    phantom = build_phantom("pelvis")
    plan, machine = treatment_plan(phantom), generic_6mv()
    body = structure_mask(phantom.structures[0], phantom.volume.grid)
    placement = Placement(body=body)
    settings = DoseSettings()
    rows = [
        timed(
            "VMAT, 90 control points, pelvis, pencil beam",
            lambda: compute_dose(plan, phantom.volume, machine, placement=placement, settings=settings),
            3.0,
            runs,
        )
    ]
    if with_cone:
        cone = replace(settings, algorithm=DoseAlgorithm.COLLAPSED_CONE)
        rows.append(
            timed(
                "VMAT, 90 control points, pelvis, collapsed cone",
                lambda: compute_dose(plan, phantom.volume, machine, placement=placement, settings=cone),
                12.0,
                runs,
            )
        )
    offset = np.random.default_rng(0).uniform(-60.0, 60.0, (SEGMENT_POINTS, 3))
    points_mm = phantom.isocentre_mm + offset
    rows.append(
        timed(
            f"90 segments at {SEGMENT_POINTS} points",
            lambda: segment_doses(plan, phantom.volume, machine, points_mm, placement=placement),
            5.0,
            runs,
        )
    )
    return rows


def real_rows(runs: int) -> list[Row]:
    folder = Path(__file__).resolve().parents[2] / REAL_PLAN
    if not folder.is_dir():
        return []
    planning = load_planning_set(folder)
    if planning.plan is None:
        return []
    plan, image, machine = planning.plan, planning.image.volume, generic_6mv()
    return [
        timed(
            "real IMRT, 7 fields, thorax, pencil beam",
            lambda: compute_dose(plan, image, machine),
            1.5,
            runs,
        )
    ]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--cone", action="store_true", help="time the collapsed cone too")
    chosen = arguments.parse_args()
    print("| what | wall | processor | to reach |")
    print("|---|---|---|---|")
    for row in pelvis_rows(chosen.runs, with_cone=chosen.cone) + real_rows(chosen.runs):
        print(row)
    print(f"\n{os.cpu_count()} cores, others' load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
