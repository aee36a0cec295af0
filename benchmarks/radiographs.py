"""Radiographs to planning CT: accuracy, capture, time and honesty of the uncertainty, ours beside the peers.

Run with ``python benchmarks/radiographs.py [--per-class N] [--peer-cases N] [--site SITE ...] [--seed N]
[--write]``. Each case is one exposure of a pair of a virtual patient who lies within ± the class's limits per
axis; how cases are made stands in ``radiograph_days.py``, how the peers are configured in
``radiograph_peers.py``. Every engine starts from the patient as planned.

* Distances are means over points within 60 mm of the isocentre; the angle is that of the whole rotation.
* Coverage is how often the truth lies in the 95 % ellipsoid of all six motions.
* Times are of one match after one to warm up; what can be prepared from the plan is not in them. Tracking
  starts from the answer.
* Peers take minutes, so that they get the first ``--peer-cases`` of some classes only, shared out among the
  sites; the comparison is on exactly these cases for all engines.

The seed is not one that anything was tuned or scaled on. ``--write`` puts the tables into docs/benchmarks.md.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from isoguide.geometry.frames import Array
from isoguide.geometry.transforms import rotation_angle_deg
from isoguide.images.radiograph import Radiograph
from isoguide.registration import PreparedRadiographs, prepare_radiographs, register_radiographs
from isoguide.virtual import Site, target_error_mm, target_points
from page import put_between_marks
from radiograph_days import KINDS, SITES, Case, Exposures, Kind, Patient, Plan, patient, plan
from radiograph_peers import PEERS, Answer, Engine, missing, versions

OURS = "isoguide"
MATCHED: tuple[Site, ...] = ("pelvis", "thorax", "head-neck")
"""The abdomen of this seed is wider than its planning CT: a match of radiographs refuses it."""
SUCCESS_MM = 2.0
CHI2_95_6 = 12.591587
"""95 % quantile of the chi-square distribution with six degrees of freedom."""
DATA_SEED = 52_000
NEAR_MM = 10.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far an engine's answer to a case is off; infinite where there is none."""

    site: Site
    kind: Kind
    number: int
    engine: str
    error_mm: float
    error_deg: float
    squares: float
    seconds: float
    tracking_s: float

    @property
    def case(self) -> tuple[Site, Kind, int]:
        return self.site, self.kind, self.number


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


def prepare_ours(task: Plan) -> Engine:
    prepared = prepare_radiographs(task.planning, isocentre_mm=task.isocentre_mm, views=task.views)
    return lambda images: ours(prepared, images)


def judged(who: Patient, case: Case, answer: Answer) -> tuple[float, float, float]:
    """Return the error in mm and in degrees, and the squared distance in the stated uncertainty."""
    if answer.planning_from_daily is None:
        return np.inf, np.inf, np.inf
    error = target_error_mm(answer.planning_from_daily, case.truth, target_points(who.isocentre_mm)).mean()
    off = case.truth.matrix @ np.linalg.inv(answer.planning_from_daily.matrix)
    angle = rotation_angle_deg(off[:3, :3])
    if answer.covariance is None:
        return float(error), angle, np.nan
    shift = off[:3, :3] @ who.isocentre_mm + off[:3, 3] - who.isocentre_mm
    xi = np.concatenate([shift, Rotation.from_matrix(off[:3, :3]).as_rotvec()])
    return float(error), angle, float(xi @ np.linalg.solve(answer.covariance, xi))


def run(site: Site, per_class: int, peer_cases: int, seed: int) -> Iterator[Outcome]:
    """Yield what every engine makes of the cases of one patient; peers get the first ``peer_cases``."""
    who = patient(site)
    exposures = Exposures(who)
    peers = {name: prepare for name, prepare in PEERS.items() if not missing(name)}
    for index, kind in enumerate(KINDS):
        task = plan(who, kind.pair)
        beside = peer_cases if kind.beside_peers else 0
        engines = {OURS: prepare_ours(task)}
        engines |= {name: prepare(task) for name, prepare in peers.items() if beside}
        for number in range(max(per_class, beside)):
            rng = np.random.default_rng([seed, SITES.index(site), index, number])
            case = exposures.case(kind, rng)
            if number == 0:
                engines[OURS](case.images)
            for name, engine in engines.items():
                if name == OURS or number < beside:
                    answer = engine(case.images)
                    figures = judged(who, case, answer)
                    yield Outcome(site, kind, number, name, *figures, answer.seconds, answer.tracking_s)


Row = tuple[str, ...]


def column(outcomes: Sequence[Outcome], name: str) -> Array:
    return np.array([getattr(one, name) for one in outcomes])


def quantile(values: Array, share: float) -> float:
    """Return the smallest value that at least this share do not exceed, without those not measured (NaN)."""
    measured = values[~np.isnan(values)]
    return float(np.quantile(measured, share, method="inverted_cdf")) if measured.size else np.nan


def coverage(outcomes: Sequence[Outcome]) -> tuple[int, int]:
    """Return how often the truth lies in the stated ellipsoid, of how many answers."""
    squares = column(outcomes, "squares")
    answered = np.isfinite(squares)
    return int((squares[answered] < CHI2_95_6).sum()), int(answered.sum())


def success(outcomes: Sequence[Outcome]) -> float:
    return 100.0 * float((column(outcomes, "error_mm") < SUCCESS_MM).mean())


def own_table(outcomes: Sequence[Outcome]) -> list[Row]:
    """Return our figures by class and site."""
    rows: list[Row] = [
        (
            "radiographs",
            "site",
            "cases",
            "median mm",
            "95 % below mm",
            "median °",
            "95 % below °",
            f"success (< {SUCCESS_MM:g} mm) %",
            "truth in the 95 % ellipsoid",
            "median s",
            "tracking s",
        )
    ]
    for kind in KINDS:
        of_kind = [one for one in outcomes if one.kind == kind]
        sites = list(dict.fromkeys(one.site for one in of_kind))
        rows += [own_row(site, [one for one in of_kind if one.site == site]) for site in sites]
        rows += [own_row("all", of_kind)]
    return rows


def own_row(site: str, outcomes: Sequence[Outcome]) -> Row:
    mm, deg = column(outcomes, "error_mm"), column(outcomes, "error_deg")
    covered, answered = coverage(outcomes)
    return (
        outcomes[0].kind.name,
        site,
        str(len(outcomes)),
        *(f"{quantile(mm, share):.3f}" for share in (0.5, 0.95)),
        *(f"{quantile(deg, share):.3f}" for share in (0.5, 0.95)),
        f"{success(outcomes):.1f}",
        f"{covered} of {answered}",
        f"{np.median(column(outcomes, 'seconds')):.2f}",
        f"{quantile(column(outcomes, 'tracking_s'), 0.5):.3f}",
    )


def peer_table(outcomes: Sequence[Outcome]) -> list[Row]:
    """Return every engine's figures on the cases that peers took part in; the absent are named."""
    rows: list[Row] = [
        (
            "radiographs",
            "engine",
            "cases",
            "median mm",
            "worst mm",
            "median °",
            "worst °",
            f"success (< {SUCCESS_MM:g} mm) %",
            "median s",
            "time, ours = 1",
        )
    ]
    shared = {one.case for one in outcomes if one.engine != OURS}
    for kind in (kind for kind in KINDS if kind.beside_peers):
        of_kind = [one for one in outcomes if one.kind == kind and (not shared or one.case in shared)]
        own_s = float(np.median([one.seconds for one in of_kind if one.engine == OURS]))
        for name in (OURS, *PEERS):
            theirs = [one for one in of_kind if one.engine == name]
            rows.append(peer_row(name, theirs, own_s) if theirs else absent_row(kind, name))
    return rows


def peer_row(name: str, outcomes: Sequence[Outcome], own_s: float) -> Row:
    mm, deg = column(outcomes, "error_mm"), column(outcomes, "error_deg")
    seconds = float(np.median(column(outcomes, "seconds")))
    return (
        outcomes[0].kind.name,
        name,
        str(len(outcomes)),
        *(f"{value:.3f}" for value in (np.median(mm), mm.max(), np.median(deg), deg.max())),
        f"{success(outcomes):.0f}",
        f"{seconds:.2f}",
        f"{seconds / own_s:.0f} ×",
    )


def absent_row(kind: Kind, name: str) -> Row:
    install = missing(name)
    why = f"absent: {install}" if install else "not run"
    return (kind.name, name, why, *[""] * 7)


def aims_table(outcomes: Sequence[Outcome]) -> list[Row]:
    """Hold our figures against what is asked of them."""
    ours_only = [one for one in outcomes if one.engine == OURS]
    near = [one for one in ours_only if one.kind.largest_mm <= NEAR_MM and not one.kind.hard]
    far = [one for one in ours_only if one.kind.largest_mm > NEAR_MM]
    hard = [one for one in ours_only if one.kind.hard]
    covered, answered = coverage(ours_only)
    figures = (
        ("straight days from ±10 mm ±3°, median", "0.08 mm", near, "error_mm", 0.5, "mm"),
        ("straight days from ±10 mm ±3°, 95 % below", "0.3 mm", near, "error_mm", 0.95, "mm"),
        ("straight days from ±10 mm ±3°, 95 % below", "0.2°", near, "error_deg", 0.95, "°"),
        ("bent surroundings, couch, ¼ dose, 95 % below", "1.0 mm", hard, "error_mm", 0.95, "mm"),
        ("a pair, median", "0.6 s", ours_only, "seconds", 0.5, "s"),
        ("tracking, median", "0.1 s", ours_only, "tracking_s", 0.5, "s"),
    )
    rows: list[Row] = [("figure", "aim", "found", "cases")]
    for what, aim, chosen, name, share, unit in figures:
        found = quantile(column(chosen, name), share)
        space = "" if unit == "°" else " "
        rows.append((what, f"at most {aim}", f"{found:.3f}{space}{unit}", str(len(chosen))))
    rows.append(("success from ±25 mm ±6°", "at least 98 %", f"{success(far):.1f} %", str(len(far))))
    share_covered = 100.0 * covered / max(answered, 1)
    rows.append(("truth in the stated 95 % ellipsoid", "90 to 98 %", f"{share_covered:.1f} %", str(answered)))
    return [*rows, *pace(outcomes)]


def pace(outcomes: Sequence[Outcome]) -> list[Row]:
    """Return how many times as long the most accurate peer takes for the straight days that it shares."""
    straight = [one for one in outcomes if not one.kind.hard]
    peers = [one for one in straight if one.engine != OURS]
    if not peers:
        return []
    names = {one.engine for one in peers}
    best = min(names, key=lambda name: np.median([one.error_mm for one in peers if one.engine == name]))
    shared = {one.case for one in peers if one.engine == best}
    seconds = [
        float(np.median([one.seconds for one in straight if one.engine == name and one.case in shared]))
        for name in (best, OURS)
    ]
    what = f"time of the most accurate peer ({best}), ours = 1"
    return [(what, "at least 100 ×", f"{seconds[0] / seconds[1]:.0f} ×", str(len(shared)))]


def markdown(rows: Sequence[Row]) -> str:
    head, *body = ("| " + " | ".join(row) + " |" for row in rows)
    return "\n".join([head, "|---" * len(rows[0]) + "|", *body])


def report(outcomes: Sequence[Outcome], seed: int) -> str:
    software = ", ".join([f"Python {platform.python_version()}", *versions()])
    return "\n\n".join(
        [
            f"{software}; {os.cpu_count()} cores; seed {seed}.",
            markdown(aims_table(outcomes)),
            markdown(own_table([one for one in outcomes if one.engine == OURS])),
            "Beside the peers, on the same cases:",
            markdown(peer_table(outcomes)),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--per-class", type=int, default=9, help="cases of each class and site, for us")
    parser.add_argument("--peer-cases", type=int, default=4, help="cases of a class for the peers, all sites")
    parser.add_argument("--site", nargs="+", choices=SITES, default=list(MATCHED))
    parser.add_argument("--seed", type=int, default=DATA_SEED)
    parser.add_argument("--write", action="store_true", help="write the tables into docs/benchmarks.md")
    arguments = parser.parse_args()
    outcomes = []
    for position, site in enumerate(arguments.site):
        beside = len(range(position, arguments.peer_cases, len(arguments.site)))
        for one in run(site, arguments.per_class, beside, arguments.seed):
            outcomes.append(one)
            what = f"{site} | {one.kind.name} | {one.number} | {one.engine}"
            found = f"{one.error_mm:.3f} mm | {one.error_deg:.3f}° | {one.seconds:.2f} s"
            print(f"{what} | {found}", file=sys.stderr, flush=True)
    text = report(outcomes, arguments.seed)
    print(text)
    if arguments.write:
        put_between_marks("radiographs", text)


if __name__ == "__main__":
    main()
