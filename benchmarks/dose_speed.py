"""How long a dose takes: a virtual VMAT plan in a pelvis, a real IMRT plan on its CT, doses of segments.

``benchmarks/dose.py`` prints them. Each figure is the median of several runs after one that is not counted;
processor time of all threads stands beside it, because other programs that share the cores change the one and
hardly the other. The real plan is public data that lies beside the checkout (OnkoDICOM, seven sliding-window
fields of 166 control points in a thorax); without it its row is left out.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
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


def timed(name: str, work: Callable[[], object], to_reach_seconds: float, runs: int) -> Row:
    work()
    walls, processors = [], []
    for _ in range(runs):
        wall, processor = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return Row(name, statistics.median(walls), statistics.median(processors), to_reach_seconds)


def pelvis_rows(runs: int) -> list[Row]:
    phantom = build_phantom("pelvis")
    plan, machine = treatment_plan(phantom), generic_6mv()
    body = structure_mask(phantom.structures[0], phantom.volume.grid)
    placement = Placement(body=body)

    def vmat(algorithm: DoseAlgorithm, to_reach_seconds: float) -> Row:
        settings = DoseSettings(algorithm=algorithm)
        return timed(
            f"VMAT, 90 control points, pelvis, {algorithm}",
            lambda: compute_dose(plan, phantom.volume, machine, placement=placement, settings=settings),
            to_reach_seconds,
            runs,
        )

    rows = [vmat(DoseAlgorithm.PENCIL_BEAM, 3.0), vmat(DoseAlgorithm.COLLAPSED_CONE, 12.0)]
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
