"""The anatomy of the day: our deformable registration beside the peers, on known and on real deformation.

Run with ``python benchmarks/deformable.py [--quick] [--only SECTION ...] [--write]``. Every engine gets the
same rigid match and answers with a displacement field. On virtual patients the truth is known: the error is
how far the field puts the tissue of the target and of the organs from where it is. On real images there is no
truth, but going round must lead back: the ten phases of a 4DCT, and three CTs of a head and neck. As a field
of zeros closes every loop, the tables show how alike the images become as well.

Seconds are wall time with two threads; the processor time of all threads stands beside it, which says more
on a machine that does other things too.
"""

import argparse
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

import deformable_cases
import deformable_loops
import deformable_peers
from deformable_cases import Case, Size, case, cases
from deformable_engines import OURS, Task, engines
from deformable_problem import FoundField, folded_percent
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.mask import structure_mask
from isoguide.virtual.organ_changes import volume_ml
from page import put_between_marks, table

PACKAGES = ("isoguide", "numpy", "scipy", "numba")
Row = tuple[str, ...]
TARGET_MM, LOOP_MM, TIME_S, TREND_PERCENT = 1.0, 1.0, 30.0, 3.0
SHIFT_MM, SHIFT_VOXEL_MM = np.array([5.0, -3.0, 4.0]), 4.0
EQUAL_MM = 0.1
"""An engine whose mean error is no more than this above ours is of the same accuracy."""


@dataclass(frozen=True, eq=False)
class Result:
    """What one engine made of one case; errors in mm at the points of each part."""

    engine: str
    case: str
    target_mm: NDArray[np.float64]
    organs_mm: dict[str, NDArray[np.float64]]
    folded_percent: float
    seconds: float
    cpu_seconds: float
    failure: str = ""

    @property
    def all_organs_mm(self) -> float:
        """Mean over all organs' points."""
        return float(np.concatenate(list(self.organs_mm.values())).mean())


def task_of(one: Case) -> Task:
    """Ask what a case asks."""
    return Task(
        one.planning,
        structure_mask(one.structure("BODY"), one.planning.grid),
        one.daily,
        one.planning_from_daily,
        one.structures,
        is_mono=one.image == "CT",
    )


def result(name: str, solve: Callable[[Task], FoundField], one: Case, asked: Task) -> Result:
    """Let one engine solve one case."""
    try:
        found = solve(asked)
    except Exception as failed:  # noqa: BLE001 - a peer that fails is told as such, whatever it raised
        nothing = np.array([np.nan])
        organs = dict.fromkeys(one.organs_mm, nothing)
        return Result(name, one.name, nothing, organs, np.nan, np.nan, np.nan, type(failed).__name__)
    return Result(
        name,
        one.name,
        one.errors_mm(found, one.target_mm),
        {organ: one.errors_mm(found, points) for organ, points in one.organs_mm.items()},
        folded_percent(found, asked.problem),
        found.seconds,
        found.cpu_seconds,
    )


@cache
def results(size: Size, patients: int, days: int, wanted: tuple[str, ...]) -> tuple[Result, ...]:
    """Let every engine solve every case."""
    found = []
    for one in cases(size, patients, days):
        asked = task_of(one)
        found += [result(name, engines()[name], one, asked) for name in wanted]
    return tuple(found)


def virtual(asked: argparse.Namespace) -> tuple[Result, ...]:
    """The results that most tables are about."""
    return results(asked.size, asked.patients, asked.days, tuple(asked.engines))


def case_section(asked: argparse.Namespace) -> str:
    """Each case, each engine."""
    rows: list[Row] = []
    for one in cases(asked.size, asked.patients, asked.days):
        before, organs = one.errors_mm(None, one.target_mm), one.errors_mm(None, one.all_organs_mm)
        rows.append((one.name, "rigid match only", *spread(before), f"{organs.mean():.2f}", "", "", ""))
        rows += [row_of(found) for found in virtual(asked) if found.case == one.name]
    head = (
        "case",
        "engine",
        "target: mean mm",
        "P95 mm",
        "organs: mean mm",
        "folded %",
        "s",
        "processor s",
    )
    return table(f"Virtual days with a known field, {asked.size} images", head, rows)


def row_of(found: Result) -> Row:
    if found.failure:
        return ("", found.engine, f"failed: {found.failure}", "", "", "", "", "")
    return (
        "",
        found.engine,
        *spread(found.target_mm),
        f"{found.all_organs_mm:.2f}",
        f"{found.folded_percent:.3f}",
        f"{found.seconds:.1f}",
        f"{found.cpu_seconds:.1f}",
    )


def spread(errors_mm: NDArray[np.float64]) -> tuple[str, str]:
    """Mean and 95th percentile."""
    return f"{errors_mm.mean():.2f}", f"{np.quantile(errors_mm, 0.95):.2f}"


def organ_section(asked: argparse.Namespace) -> str:
    """Mean error organ by organ, one column per engine."""
    rows = []
    for one in cases(asked.size, asked.patients, asked.days):
        mine = {found.engine: found for found in virtual(asked) if found.case == one.name}
        for organ, points in one.organs_mm.items():
            left = one.errors_mm(None, points).mean()
            errors = [f"{mine[name].organs_mm[organ].mean():.2f}" for name in asked.engines]
            rows.append((one.name, organ, f"{left:.2f}", *errors))
    return table(
        "The same, organ by organ: mean error in mm", ("case", "organ", "rigid", *asked.engines), rows
    )


def shift_section(asked: argparse.Namespace) -> str:
    """A patient who lies elsewhere as a whole: no engine is fed backwards."""
    one = case("thorax", "CT", 1, "small")
    grid = one.planning.grid
    lain = replace(grid, frame=DAILY, origin_mm=grid.origin_mm + SHIFT_MM)
    task = replace(
        task_of(one),
        daily=replace(one.planning, grid=lain),
        planning_from_daily=RigidTransform.identity(PLANNING, DAILY),
        peers_mm=SHIFT_VOXEL_MM,
    )
    rows = []
    for name in asked.engines:
        moved_mm = engines()[name](task).moved(one.target_mm) - one.target_mm
        rows.append((name, ", ".join(f"{mm:+.2f}" for mm in np.median(moved_mm, axis=0))))
    truth = ", ".join(f"{mm:+g}" for mm in SHIFT_MM)
    title = f"A patient shifted by {truth} mm: what each engine finds at the target, images of 4 mm for peers"
    return table(title, ("engine", "found x, y, z, mm"), rows)


@dataclass(frozen=True, slots=True)
class Summary:
    """One engine over all cases: medians of what single cases show, and the worst of them."""

    target_mm: float
    worst_mm: float
    organs_mm: float
    folded_percent: float
    seconds: float
    cpu_seconds: float


def summaries(asked: argparse.Namespace) -> dict[str, Summary]:
    """Sum up each engine."""
    made = {}
    for name in asked.engines:
        mine = [found for found in virtual(asked) if found.engine == name]
        means = np.array([found.target_mm.mean() for found in mine])
        made[name] = Summary(
            float(np.median(means)),
            float(means.max()),
            float(np.median([found.all_organs_mm for found in mine])),
            max(found.folded_percent for found in mine),
            float(np.median([found.seconds for found in mine])),
            float(np.median([found.cpu_seconds for found in mine])),
        )
    return made


def engine_section(asked: argparse.Namespace) -> str:
    """Medians over the cases."""
    made, known = summaries(asked), {OURS: version("isoguide"), **deformable_peers.versions()}
    rows = [
        (
            f"{name} {known[name]}",
            f"{one.target_mm:.2f}",
            f"{one.worst_mm:.2f}",
            f"{one.organs_mm:.2f}",
            f"{one.folded_percent:.3f}",
            f"{one.seconds:.1f}",
            f"{one.cpu_seconds:.1f}",
            f"{one.cpu_seconds / made[OURS].cpu_seconds:.1f} ×" if OURS in made else "",
        )
        for name, one in made.items()
    ]
    head = (
        "engine",
        "target: median of means, mm",
        "worst mean, mm",
        "organs, mm",
        "most folded %",
        "median s",
        "processor s",
        "processor time, ours = 1",
    )
    text = table("Side by side in one run", head, rows)
    missing = deformable_peers.absent()
    return text + (f"\n\nNot installed, so not run: {', '.join(missing)}." if missing else "")


@cache
def timed_results(wanted: tuple[str, ...]) -> tuple[Result, ...]:
    """One case at the size of a clinic's images, for its time."""
    one = case("thorax", "CT", 1, "full")
    asked = task_of(one)
    if OURS in wanted:
        # Compile first: a clinic's machine has compiled long ago.
        small = case("thorax", "CT", 1, "small")
        result(OURS, engines()[OURS], small, task_of(small))
    return tuple(result(name, engines()[name], one, asked) for name in wanted)


def time_section(asked: argparse.Namespace) -> str:
    """Time at the size of a clinic's images."""
    rows = [row_of(found)[1:] for found in timed_results(tuple(asked.engines))]
    head = ("engine", "target: mean mm", "P95 mm", "organs: mean mm", "folded %", "s", "processor s")
    return table("Time: a thorax day of 256 × 256 × 128 voxels, preparation included", head, rows)


@cache
def trends(days: int) -> tuple[tuple[str, int, float, float, float], ...]:
    """Image, day, and the tumour's volume: planned, true and found, ml; of a neck over its course.

    Images are as fine as a clinic's: voxels of 3 mm hide what a tumour of 2.5 cm loses at its surface.
    """
    rows = []
    for image in deformable_cases.IMAGES:
        for day in range(1, days + 1):
            one = case("neck", image, day, "full")
            grid = one.planning.grid
            mask = structure_mask(one.structure(one.target_name), grid)
            found = engines()[OURS](task_of(one))
            planned, true = (volume_ml(mask, grid, field) for field in (None, one.true_field))
            rows.append((image, day, planned, true, volume_ml(mask, grid, found)))  # type: ignore[arg-type]  # asks for nothing but .moved
    return tuple(rows)


def trend_section(asked: argparse.Namespace) -> str:
    """A tumour of the neck that shrinks, day by day."""
    rows = [
        (image, str(day), f"{true:.2f}", f"{found:.2f}", f"{100.0 * (found / true - 1.0):+.1f}")
        for image, day, _, true, found in trends(asked.course)
    ]
    planned = trends(asked.course)[0][2]
    head = ("image", "day", "true ml", "found ml", "difference %")
    return table(f"A tumour of the neck that shrinks from {planned:.2f} ml in the planning CT", head, rows)


def loop_section(asked: argparse.Namespace) -> str:
    """Real images, round and back."""
    rows = deformable_loops.rows(tuple(asked.loop_engines), asked.real_mm)
    if not rows:
        return "### Real images, round and back\n\nNot run: the public data is absent."
    head = (
        "images",
        "engine",
        "returns to: mean mm",
        "P95 mm",
        "largest motion found, mm",
        "correlation before",
        "after",
    )
    return table("Real images, round and back: distance from where one began", head, rows)


def reach_section(asked: argparse.Namespace) -> str:
    """What is to be reached, and what was found, in one table."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    peers = ", ".join(f"{name} {number}" for name, number in deformable_peers.versions().items())
    software = f"Python {platform.python_version()}, {packages}; {peers}; two threads each."
    made = summaries(asked)
    rows = [*error_rows(made), *time_rows(asked), *real_rows(asked), trend_row(asked)]
    return f"{software}\n\n" + table("Figures to reach", ("figure", "found", "to reach"), rows)


def error_rows(made: dict[str, Summary]) -> list[Row]:
    """Accuracy and folding on virtual days."""
    ours = made[OURS]
    peers = {name: one for name, one in made.items() if name != OURS and np.isfinite(one.target_mm)}
    best = min(peers, key=lambda name: peers[name].target_mm, default="")
    beside = f"{peers[best].target_mm:.2f} mm ({best})" if best else "no peer ran"
    return [
        (
            "target error on virtual days: median of the cases' means, worst",
            f"{ours.target_mm:.2f} mm, {ours.worst_mm:.2f} mm",
            f"{TARGET_MM:g} mm; best peer {beside}",
        ),
        ("folding", f"{ours.folded_percent:.3f} %", "none"),
    ]


def time_rows(asked: argparse.Namespace) -> list[Row]:
    """Time of a registration of a clinic's images."""
    if asked.quick:
        return []
    found = {one.engine: one for one in timed_results(tuple(asked.engines))}
    mine = found[OURS]
    alike = {
        name: one.seconds
        for name, one in found.items()
        if name != OURS and one.target_mm.mean() <= mine.target_mm.mean() + EQUAL_MM
    }
    beside = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in alike.items()) or "none as accurate"
    return [
        (
            "time, 256 × 256 × 128 voxels, two threads",
            f"{mine.seconds:.1f} s ({mine.cpu_seconds:.0f} s of processors)",
            f"{TIME_S:g} s; peers as accurate: {beside}",
        )
    ]


def real_rows(asked: argparse.Namespace) -> list[Row]:
    """Loops of real images, ours."""
    found = [row for row in deformable_loops.rows(tuple(asked.loop_engines), asked.real_mm) if row[1] == OURS]
    return [(f"{row[0]}: mean, P95", f"{row[2]} mm, {row[3]} mm", f"{LOOP_MM:g} mm") for row in found]


def trend_row(asked: argparse.Namespace) -> Row:
    """The worst day of the tumour's volume."""
    off = [100.0 * abs(found / true - 1.0) for _, _, _, true, found in trends(asked.course)]
    return (
        f"tumour volume on {len(off)} days of a course: mean, worst",
        f"{np.mean(off):.1f} %, {max(off):.1f} %",
        f"{TREND_PERCENT:g} %",
    )


SECTIONS: dict[str, Callable[[argparse.Namespace], str]] = {
    "reach": reach_section,
    "engines": engine_section,
    "cases": case_section,
    "organs": organ_section,
    "shift": shift_section,
    "time": time_section,
    "loops": loop_section,
    "trend": trend_section,
}


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=SECTIONS, nargs="+", default=list(SECTIONS), help="sections")
    parser.add_argument("--quick", action="store_true", help="ours alone, small images, no timing: minutes")
    parser.add_argument("--size", choices=("full", "small"), default="small", help="of the virtual images")
    parser.add_argument("--patients", type=int, default=1, help="of each site")
    parser.add_argument("--days", type=int, default=1, help="of each patient, at most 6")
    parser.add_argument("--course", type=int, default=deformable_cases.DAYS, help="days of the neck's course")
    parser.add_argument("--engines", nargs="+", choices=engines(), help="who is compared, all by default")
    parser.add_argument("--loop-engines", nargs="+", choices=engines(), help="who goes round real images")
    parser.add_argument("--real-mm", type=float, default=2.0, help="voxels of the real heads for peers")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/benchmarks.md")
    asked = parser.parse_args(argv)
    everybody = list(engines())
    asked.engines = asked.engines or ([OURS] if asked.quick else everybody)
    on_loops = [name for name in everybody if name in (OURS, "picsl-greedy", "convexAdam")]
    asked.loop_engines = asked.loop_engines or ([OURS] if asked.quick else on_loops)
    if asked.quick:
        asked.only = [name for name in asked.only if name != "time"]
    return asked


def main() -> None:
    asked = arguments()
    for name in asked.only:
        text = SECTIONS[name](asked)
        print(text, "\n", flush=True)
        if asked.write:
            put_between_marks(f"deformable {name}", text)


if __name__ == "__main__":
    main()
