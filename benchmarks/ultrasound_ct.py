"""Ultrasound matched to the planning CT, beside its peers: error, honesty, time, and from how far it works.

Run with ``python benchmarks/ultrasound_ct.py [--patients N] [--days N] [--ct-starts N] [--only TABLE ...]``.
The patients, with organs that move, tissue that is pressed, and their truth are those of
``ultrasound_cases.py``; the CT is each patient's planning CT. Errors are the mean over the points of the
target. Shadows are those that the cases state.

Peers compare by mutual information, in the configurations of ``peers.py``. They get the ultrasound at 1.5 mm
with a mask of what was seen outside shadows within the region that ours looks at, the CT of the same region,
and the same start. Each runs with two threads; images are in memory, and only the match is timed.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

import peers
from isoguide.geometry.frames import PLANNING, Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.registration.pyramid import Level, crop, make_level
from isoguide.registration.result import Registration
from isoguide.registration.ultrasound import (
    PreparedUltrasoundToCt,
    prepare_ultrasound_to_ct,
    register_ultrasound_to_ct,
)
from page import table
from ultrasound_cases import VIEWS, Case, add_case_arguments, cases, patient

SUCCESS_MM: Final = 3.0
AXIS_95, ELLIPSOID_95 = 1.959964, 7.814728
STARTS_MM: Final = (0.0, 5.0, 10.0, 15.0, 20.0)
LARGEST_DEG: Final = 5.0
REGION_MM: Final = 45.0
"""Around the target: what ours looks at."""
PEER_MM: Final = 1.5
MUTUAL_INFORMATION: Final = ("SimpleITK", "itk-elastix")
"""Peers that compare images of different kinds."""
"""Those of ``peers.py`` that compare images of two kinds; one that is not installed is left out and named."""
SEED: Final = 88_000


@dataclass(frozen=True, eq=False)
class Result:
    """What a case gave: error at the target, time, and the true error in units of the stated one."""

    view: str
    error_mm: float
    seconds: float
    axis_scores: Array
    ellipsoid_score: float


@cache
def prepared(view: str, number: int) -> PreparedUltrasoundToCt:
    site = next(one.site for one in VIEWS if one.name == view)
    who = patient(site, number)
    return prepare_ultrasound_to_ct(
        who.phantom.volume, centre_mm=who.isocentre_mm, target_points_mm=who.target_mm
    )


def evaluate(one: Case, initial: RigidTransform) -> Result:
    """Match a case from a start."""
    planning = prepared(one.view, one.patient)
    begin = time.perf_counter()
    answer = register_ultrasound_to_ct(planning, one.daily, initial=initial)
    seconds = time.perf_counter() - begin
    if answer.planning_from_daily is None:
        say(f"  {one.view} {one.patient} {one.day}: {answer.reasons[0]}")
        return Result(one.view, np.inf, seconds, np.full(6, np.nan), np.nan)
    axis_scores, ellipsoid = scores(one, answer)
    error_mm = float(one.errors_mm(answer.planning_from_daily).mean())
    say(f"  {one.view} {one.patient} {one.day}: {error_mm:.2f} mm in {seconds:.1f} s")
    return Result(one.view, error_mm, seconds, axis_scores, ellipsoid)


def scores(one: Case, answer: Registration) -> tuple[Array, float]:
    """Compare the true error with the stated: per axis (6,), and the shift in the metric of its ellipsoid."""
    if answer.planning_from_daily is None or answer.uncertainty is None:
        return np.full(6, np.nan), np.nan
    off = one.truth @ answer.planning_from_daily.inverse()
    shift_mm = off.apply(one.isocentre_mm) - one.isocentre_mm
    error = np.concatenate([shift_mm, Rotation.from_matrix(off.rotation).as_rotvec()])
    covariance = answer.uncertainty.covariance
    metric = float(shift_mm @ np.linalg.solve(covariance[:3, :3], shift_mm))
    return np.abs(error) / np.sqrt(np.diag(covariance)), metric


@cache
def results(patients: int, days: int) -> tuple[Result, ...]:
    """Match every case from its set-up position."""
    return tuple(evaluate(one, one.initial) for one in cases(patients, days))


def accuracy_table(asked: argparse.Namespace) -> str:
    """Say how far off the answers are, view by view."""
    found = results(asked.patients, asked.days)
    rows = []
    for name in [*dict.fromkeys(one.view for one in found), "**all**"]:
        some = [one for one in found if name in (one.view, "**all**")]
        rows.append((name, *figures([one.error_mm for one in some], [one.seconds for one in some])))
    return table("Ultrasound to CT: error at the target, from the set-up position", HEAD, rows)


HEAD: Final = (
    "view",
    "cases",
    "median mm",
    "95 % below mm",
    "worst mm",
    "not available",
    "within 3 mm",
    "median s",
)


def figures(errors_mm: Sequence[float], seconds: Sequence[float]) -> tuple[str, ...]:
    error = np.array(errors_mm)
    answered = error[np.isfinite(error)]
    shown = [f"{np.percentile(answered, q):.2f}" for q in (50, 95, 100)] if len(answered) else ["–"] * 3
    within = 100.0 * float((error < SUCCESS_MM).mean())
    missing = len(error) - len(answered)
    return str(len(error)), *shown, str(missing), f"{within:.0f} %", f"{statistics.median(seconds):.2f}"


def coverage_table(asked: argparse.Namespace) -> str:
    """Say how often the stated uncertainty covers the error."""
    some = [one for one in results(asked.patients, asked.days) if np.isfinite(one.error_mm)]
    inside = np.stack([one.axis_scores for one in some]) <= AXIS_95
    ellipsoid = np.array([one.ellipsoid_score for one in some]) <= ELLIPSOID_95
    names = ("x", "y", "z", "about x", "about y", "about z")
    rows = [(name, f"{100.0 * inside[:, axis].mean():.0f} %") for axis, name in enumerate(names)]
    rows.append(("all axes together", f"{100.0 * inside.mean():.0f} %"))
    rows.append(("ellipsoid of the shift", f"{100.0 * ellipsoid.mean():.0f} %"))
    title = f"Ultrasound to CT: the stated 95 % uncertainty covers the true error ({len(some)} cases)"
    return table(title, ("axis", "covered"), rows)


def start_at(one: Case, away_mm: float, rng: np.random.Generator) -> RigidTransform:
    """Put a start this far from the truth in a random direction, turned by up to ±5° about each axis."""
    direction = rng.normal(size=3)
    turn = Rotation.from_rotvec(np.deg2rad(rng.uniform(-LARGEST_DEG, LARGEST_DEG, 3))).as_matrix()
    shift_mm = away_mm * direction / np.linalg.norm(direction)
    off = RigidTransform.from_parts(
        PLANNING, PLANNING, turn, one.isocentre_mm + shift_mm - turn @ one.isocentre_mm
    )
    return off @ one.truth


def capture_table(asked: argparse.Namespace) -> str:
    """Start further and further away."""
    rng = np.random.default_rng(SEED)
    some = list(cases(asked.patients, 1))
    rows = []
    for away_mm in STARTS_MM:
        found = [evaluate(one, start_at(one, away_mm, rng)) for one in some for _ in range(asked.ct_starts)]
        rows.append(
            (
                f"{away_mm:g} mm, ±{LARGEST_DEG:g}°",
                *figures([one.error_mm for one in found], [one.seconds for one in found]),
            )
        )
    return table("Ultrasound to CT: from how far it is found", ("start", *HEAD[1:]), rows)


def problem(one: Case) -> peers.Problem:
    """Give a peer the ultrasound at the set-up position as the fixed image and the CT as the moving one."""
    planning, targets = prepared(one.view, one.patient), one.target_mm
    box = targets.min(axis=0) - REGION_MM, targets.max(axis=0) + REGION_MM
    set_up = one.daily.in_frame(one.initial)
    grid, values = crop(set_up.grid, set_up.values.astype(np.float32), *box)
    _, trusted = crop(set_up.grid, set_up.trusted.astype(np.float32), *box)
    image = make_level(grid, values, PEER_MM, interpolate=False)
    mask = make_level(grid, trusted, PEER_MM, interpolate=False)
    ct, soft = crop(planning.planning.grid, planning.planning.values, box[0] - 30.0, box[1] + 30.0)
    seen = ndimage.binary_erosion(mask.values > 0.9)
    return peers.Problem(
        as_itk(image),
        as_mask(Level(mask.grid, seen.astype(np.float32))),
        as_itk(Level(ct, soft.astype(np.float32))),
        as_mask(Level(ct, np.ones(ct.shape, dtype=np.float32))),
        one.isocentre_mm,
        RigidTransform.identity(PLANNING, PLANNING),
    )


def as_itk(level: Level) -> Any:
    import SimpleITK as sitk  # noqa: N813 - the name its documentation uses

    image = sitk.GetImageFromArray(np.ascontiguousarray(level.values))
    image.SetSpacing(level.grid.spacing_mm.tolist())
    image.SetOrigin(level.grid.origin_mm.tolist())
    image.SetDirection(level.grid.direction.ravel().tolist())
    return image


def as_mask(level: Level) -> Any:
    import SimpleITK as sitk  # noqa: N813 - the name its documentation uses

    return sitk.Cast(as_itk(level), sitk.sitkUInt8)


def peers_table(asked: argparse.Namespace) -> str:
    """Match the first day of every patient with what is installed, two threads each."""
    some = list(cases(asked.patients, 1))
    runs = {name: run for name, run in peers.installed().items() if name in MUTUAL_INFORMATION}
    errors: dict[str, list[float]] = {"isoguide": [], **{name: [] for name in runs}}
    times: dict[str, list[float]] = {name: [] for name in errors}
    for one in some:
        ours = evaluate(one, one.initial)
        errors["isoguide"].append(ours.error_mm)
        times["isoguide"].append(ours.seconds)
        task = problem(one)
        for name, run in runs.items():
            try:
                answer = run(task)
            except RuntimeError as error:
                say(f"  {name} gave up: {str(error)[:120]}")
                errors[name].append(np.inf)
                continue
            # A peer answers where the day's patient must go; the problem's initial transform is the identity.
            found = answer.planning_from_daily.inverse() @ one.initial
            errors[name].append(float(one.errors_mm(found).mean()))
            times[name].append(answer.seconds)
            say(f"  {name}: {errors[name][-1]:.2f} mm in {answer.seconds:.1f} s")
    before = [float(one.errors_mm(one.initial).mean()) for one in some]
    rows = [("as set up", *figures(before, [0.0])[:-1], "–")]
    rows += [(name, *figures(errors[name], times[name] or [np.nan])) for name in errors]
    return table("Ultrasound to CT: side by side in one run", ("engine", *HEAD[1:]), rows)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


TABLES: dict[str, Callable[[argparse.Namespace], str]] = {
    "accuracy": accuracy_table,
    "coverage": coverage_table,
    "capture": capture_table,
    "peers": peers_table,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add how much is matched."""
    parser.add_argument(
        "--ct-starts", type=int, default=2, help="of the first days and each distance, against the CT"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_case_arguments(parser)
    add_arguments(parser)
    parser.add_argument("--only", choices=TABLES, nargs="+", default=list(TABLES), help="tables")
    asked = parser.parse_args()
    for name in asked.only:
        print(TABLES[name](asked), "\n", flush=True)


if __name__ == "__main__":
    main()
