"""Rigid matching beside its peers: accuracy, success, uncertainty, time, the whole command, real repeat CTs.

Run with ``make benchmark`` or ``python benchmarks/rigid.py [--per-class N] [--peer-cases N] [--write]``;
``--write`` puts the tables into docs/benchmarks.md. Each peer's configuration is in benchmarks/peers.py.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

import peers
from cases import (
    BLUR_MM,
    CLASSES,
    MACHINE_ISOCENTRE_MM,
    SHARED_DATA,
    SOURCES,
    THORAX,
    Case,
    cases,
    make_blurred_case,
    make_case,
    source,
)
from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.registration import (
    MatchSettings,
    PreparedPlanning,
    Region,
    Registration,
    prepare_planning,
    register_volumes,
)
from page import put_between_marks

SUCCESS_MM = 1.0
AXIS_95, ELLIPSOID_95 = 1.959964, 7.814728
HEAD_ISOCENTRE_MM = np.array([110.0, 107.0, 150.0])
REPEATS = 5


@dataclass(frozen=True, eq=False)
class Result:
    """What our engine made of one case."""

    case_kind: str
    source: str
    error_mm: float
    seconds: float
    verdict: str
    axis_scores: Array = field(default_factory=lambda: np.full(6, np.nan))
    ellipsoid_score: float = np.nan


@dataclass(frozen=True)
class Table:
    """Rows of a Markdown table."""

    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def __str__(self) -> str:
        lines = [f"### {self.title}", "", "| " + " | ".join(self.head) + " |", "|---" * len(self.head) + "|"]
        return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in self.rows)])


def evaluate(case: Case, prepared: PreparedPlanning, repeats: int = 1) -> Result:
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        answer = register_volumes(prepared, case.daily, initial=case.source.initial)
        seconds.append(time.perf_counter() - begin)
    estimate = answer.planning_from_daily
    if estimate is None or answer.uncertainty is None:
        return Result(case.kind, case.source.name, np.inf, min(seconds), answer.verdict.value)
    error = small_error(case, estimate)
    covariance = answer.uncertainty.covariance
    scores = np.abs(error) / np.sqrt(np.diag(covariance))
    ellipsoid = float(error[:3] @ np.linalg.solve(covariance[:3, :3], error[:3]))
    middle = statistics.median(seconds)
    return Result(
        case.kind, case.source.name, case.error_mm(estimate), middle, answer.verdict.value, scores, ellipsoid
    )


def small_error(case: Case, estimate: RigidTransform) -> Array:
    """Truth after estimate as translation (mm) and rotation (rad) about the isocentre, (6,)."""
    off = case.truth @ estimate.inverse()
    isocentre = case.source.isocentre_mm
    turn = Rotation.from_matrix(off.rotation).as_rotvec()
    return np.concatenate([off.apply(isocentre) - isocentre, turn])


def accuracy(per_class: int) -> list[Result]:
    prepared: dict[str, PreparedPlanning] = {}
    results = []
    for case in cases(SOURCES, per_class):
        name = case.source.name
        if name not in prepared:
            prepared[name] = prepare_planning(case.source.planning, isocentre_mm=case.source.isocentre_mm)
            say(f"{name}: prepared")
        results.append(evaluate(case, prepared[name]))
        if results[-1].error_mm >= SUCCESS_MM:
            say(f"  failed: {results[-1]}")
    return results


def accuracy_table(results: list[Result]) -> Table:
    rows = []
    for name in dict.fromkeys(result.source for result in results):
        for largest_mm, largest_deg in CLASSES:
            kind = f"±{largest_mm:g} mm ±{largest_deg:g}°"
            some = [r for r in results if r.source == name and r.case_kind == kind]
            rows.append((name, kind, *figures(some)))
    rows.append(("**all**", "", *figures(results)))
    head = ("planning CT", "displacement", "cases", "median mm", "worst mm", "success < 1 mm")
    return Table("Mean target error within 60 mm of the isocentre, ours", head, rows)


def resolution() -> Table:
    """Mean signed error where nobody moved and the planning CT is sharper than the day."""
    rows = []
    for name in SOURCES:
        origin = source(name)
        if origin is None:
            continue
        prepared = prepare_planning(origin.planning, isocentre_mm=origin.isocentre_mm)
        errors = []
        for number in range(REPEATS):
            case = make_blurred_case(origin, number)
            found = register_volumes(prepared, case.daily, initial=origin.initial).planning_from_daily
            errors.append(np.full(6, np.nan) if found is None else small_error(case, found))
        bias = np.mean(errors, axis=0)
        shifts = [f"{value:+.3f}" for value in bias[:3]]
        rows.append((name, *shifts, *[f"{value:+.3f}" for value in np.rad2deg(bias[3:])]))
    in_plane_mm, along_mm = BLUR_MM
    title = (
        f"Planning CT sharper than the day by {in_plane_mm:g} mm in plane, {along_mm:g} mm along: mean error"
    )
    return Table(title, ("planning CT", "x mm", "y mm", "z mm", "about x °", "about y °", "about z °"), rows)


def figures(results: list[Result]) -> tuple[str, ...]:
    errors = np.array([r.error_mm for r in results])
    good = errors < SUCCESS_MM
    return (
        str(len(errors)),
        f"{np.median(errors):.3f}",
        f"{errors.max():.3f}",
        f"{100.0 * good.mean():.1f} %",
    )


def coverage_table(results: list[Result]) -> Table:
    answered = [r for r in results if np.isfinite(r.error_mm)]
    scores = np.stack([r.axis_scores for r in answered])
    inside = scores <= AXIS_95
    ellipsoid = np.array([r.ellipsoid_score for r in answered]) <= ELLIPSOID_95
    names = ("x", "y", "z", "about x", "about y", "about z")
    rows = [(name, f"{100.0 * inside[:, axis].mean():.1f} %") for axis, name in enumerate(names)]
    rows.append(("all axes together", f"{100.0 * inside.mean():.1f} %"))
    rows.append(("ellipsoid of the shift", f"{100.0 * ellipsoid.mean():.1f} %"))
    return Table(f"95 % uncertainty covers the true error ({len(answered)} cases)", ("axis", "covered"), rows)


def comparison(peer_cases: int) -> Table:
    times: dict[str, list[float]] = {name: [] for name in ("isoguide", *peers.PEERS)}
    errors: dict[str, list[float]] = {name: [] for name in times}
    for name in SOURCES[:2]:
        origin = source(name)
        if origin is None:
            continue
        prepared = prepare_planning(origin.planning, isocentre_mm=origin.isocentre_mm)
        for kind in range(len(CLASSES)):
            for number in range(peer_cases):
                compare(make_case(origin, kind, number), prepared, times, errors)
    return comparison_table(times, errors)


def compare(
    case: Case, prepared: PreparedPlanning, times: dict[str, list[float]], errors: dict[str, list[float]]
) -> None:
    evaluate(case, prepared)
    ours = evaluate(case, prepared, repeats=REPEATS)
    times["isoguide"].append(ours.seconds)
    errors["isoguide"].append(ours.error_mm)
    task = peers.problem(case)
    for name, run in peers.PEERS.items():
        error, seconds = attempt(run, task, case)
        times[name].append(seconds)
        errors[name].append(error)
    line = ", ".join(f"{name} {errors[name][-1]:.3f} mm {times[name][-1]:.2f} s" for name in times)
    say(f"  {case.source.name} {case.kind} {case.image}: {line}")


def attempt(
    run: Callable[[peers.Problem], peers.Answer], task: peers.Problem, case: Case
) -> tuple[float, float]:
    begin = time.perf_counter()
    try:
        answer = run(task)
    except RuntimeError as error:
        say(f"  gave up: {str(error)[:200]}")
        return float("inf"), time.perf_counter() - begin
    return case.error_mm(answer.planning_from_daily), answer.seconds


def comparison_table(times: dict[str, list[float]], errors: dict[str, list[float]]) -> Table:
    ours = statistics.median(times["isoguide"])
    versions = {"isoguide": importlib.metadata.version("isoguide"), **peers.versions()}
    rows = []
    for name, taken in times.items():
        error = np.array(errors[name])
        good = error < SUCCESS_MM
        typical = statistics.median(taken)
        rows.append(
            (
                f"{name} {versions[name]}",
                f"{np.median(error):.3f}",
                f"{error.max():.3f}",
                f"{int(good.sum())} of {len(good)}",
                f"{typical:.2f}",
                f"{typical / ours:.0f} ×",
            )
        )
    head = ("engine", "median mm", "worst mm", "success < 1 mm", "median s", "time, ours = 1")
    return Table("Side by side in one run, warm, both volumes in memory, two threads each", head, rows)


def loops() -> Table:
    import SimpleITK as sitk  # noqa: N813 - the name its documentation uses

    from isoguide.geometry.grid import Grid
    from isoguide.images.volume import Volume

    def load(path: Path, *, planning: bool) -> Volume:
        values = sitk.GetArrayFromImage(sitk.ReadImage(str(path))).astype(np.int16)
        frame = PLANNING if planning else DAILY
        grid = Grid.axial(frame, values.shape, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
        return Volume(grid, values, is_hounsfield=False, source=path.name)

    box = MatchSettings(region=Region.box(HEAD_ISOCENTRE_MM, (200.0, 200.0, 100.0)), content="bone")
    rows = []
    for patient in ("training/H01", "testing/H02"):
        folder = SHARED_DATA / "CV-IGRT" / "cv_dataset" / patient
        if not folder.is_dir():
            continue
        for settings, label in ((MatchSettings(), "auto"), (box, "head, bone")):
            loop = np.eye(4)
            for first, second in ((1, 2), (2, 3), (3, 1)):
                planning = load(folder / f"ct_0{first}.nii.gz", planning=True)
                daily = load(folder / f"ct_0{second}.nii.gz", planning=False)
                prepared = prepare_planning(planning, isocentre_mm=HEAD_ISOCENTRE_MM, settings=settings)
                start = RigidTransform.identity(PLANNING, DAILY)
                answer: Registration = register_volumes(prepared, daily, initial=start)
                found = answer.planning_from_daily
                loop = loop @ (np.full((4, 4), np.nan) if found is None else found.matrix)
            moved = loop[:3, :3] @ HEAD_ISOCENTRE_MM + loop[:3, 3] - HEAD_ISOCENTRE_MM
            angle = np.rad2deg(np.linalg.norm(Rotation.from_matrix(loop[:3, :3]).as_rotvec()))
            rows.append((patient[-3:], label, f"{np.linalg.norm(moved):.3f}", f"{angle:.3f}"))
    head = ("patient", "region", "closes within mm", "closes within °")
    return Table("Real repeat CTs: the loop 01 → 02 → 03 → 01 at the head", head, rows)


def whole_command() -> Table:
    """Time `isoguide align` as a process: DICOM in, report out, kernels compiled before."""
    from isoguide.dicom import PatientIdentity, SeriesUids, load_planning_set, write_ct_series
    from isoguide.plan import PatientPosition

    origin = source("real thorax")
    if origin is None:
        return Table("The whole command", ("the public data is absent",), [])
    patient: PatientIdentity = load_planning_set(THORAX).image.patient
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for kind, (largest_mm, largest_deg) in enumerate(CLASSES):
            case = make_case(origin, kind, 0)
            day = Path(folder) / f"day{kind}"
            write_ct_series(
                day,
                case.daily,
                patient=patient,
                patient_position=PatientPosition.HFS,
                uids=SeriesUids.from_seed(f"benchmark {kind}"),
            )
            rows.append((f"±{largest_mm:g} mm ±{largest_deg:g}°", *time_command(day, Path(folder), case)))
    head = ("displacement", "median s", "memory GB", "error mm")
    return Table("The whole command `isoguide align`: DICOM in, report out, warm kernel cache", head, rows)


def time_command(day: Path, folder: Path, case: Case) -> tuple[str, str, str]:
    point = ",".join(f"{value:g}" for value in MACHINE_ISOCENTRE_MM)
    command = [sys.executable, "-m", "isoguide.cli", "align", str(THORAX), str(day), "--json", "--force"]
    command += ["--out", str(folder / "out"), "--machine-isocentre", point]
    seconds, output = [], ""
    for _ in range(4):
        begin = time.perf_counter()
        output = subprocess.run(command, check=False, capture_output=True, text=True).stdout
        seconds.append(time.perf_counter() - begin)
    memory_gb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    found = RigidTransform(PLANNING, DAILY, np.array(json.loads(output)["planning_from_daily"]))
    return f"{statistics.median(seconds[1:]):.1f}", f"{memory_gb:.2f}", f"{case.error_mm(found):.3f}"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--per-class", type=int, default=17, help="cases per planning CT and displacement")
    parser.add_argument("--peer-cases", type=int, default=1, help="cases per displacement given to the peers")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/benchmarks.md")
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    tables = [whole_command()]
    print(tables[-1], "\n", flush=True)
    tables.append(comparison(arguments.peer_cases))
    print(tables[-1], "\n", flush=True)
    tables.append(loops())
    print(tables[-1], "\n", flush=True)
    tables.append(resolution())
    print(tables[-1], "\n", flush=True)
    results = accuracy(arguments.per_class)
    tables += [accuracy_table(results), coverage_table(results)]
    print(tables[-2], "\n\n", tables[-1], sep="")
    if arguments.write:
        write(tables)


def write(tables: list[Table]) -> None:
    """Replace what stands between the marks in docs/benchmarks.md."""
    names = ("isoguide", "numpy", "scipy", "numba", *peers.PEERS)
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    note = f"Python {platform.python_version()}, {versions}; {os.cpu_count()} cores."
    body = "\n\n".join([note, *map(str, tables)])
    put_between_marks("rigid", body)


if __name__ == "__main__":
    main()
