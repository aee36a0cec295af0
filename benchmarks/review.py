"""Set-up statistics against populations whose M, Σ and σ are known.

Run with ``python benchmarks/review.py [--populations N] [--patients N] [--repeats N] [--write]``. Errors are
normal. Nothing is taken from isoguide but what is measured: the expectation of a scheme is linear algebra of
its own. ``--write`` puts the tables into docs/benchmarks.md.
"""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from isoguide.course import Schedule, ScheduleKind
from isoguide.geometry.frames import Array
from isoguide.review import (
    WhereTreated,
    error_table,
    find_drifts,
    replay_schedule,
    review_patient,
    review_population,
    simulate_population,
    variance_components,
)
from page import put_between_marks, table

BATCH = 60
"""Populations at once: they are axes of one array."""
SYSTEMATIC_MM, RANDOM_MM = 2.0, 3.0
"""Of the large population and of the schemes."""
NAL = Schedule(ScheduleKind.NAL)
ENAL = Schedule(ScheduleKind.ENAL)
WEEKLY = Schedule(ScheduleKind.FIRST_THEN_WEEKLY)


@dataclass(frozen=True)
class Design:
    """How a simulated department looks: measurements of each patient, and Σ / σ."""

    title: str
    counts: tuple[int, ...]
    ratio: float


def between(rng: np.random.Generator, patients: int, low: int, high: int) -> tuple[int, ...]:
    return tuple(int(count) for count in rng.integers(low, high + 1, patients))


def designs() -> list[Design]:
    rng = np.random.default_rng(1)
    mixed = between(rng, 30, 3, 35)
    return [
        Design("5 patients × 3", (3,) * 5, 1.0),
        Design("5 patients × 30", (30,) * 5, 0.5),
        Design("10 patients × 5", (5,) * 10, 1.0),
        Design("10 patients × 3 to 35", between(rng, 10, 3, 35), 0.3),
        Design("30 patients × 3 to 35", mixed, 1.0),
        Design("30 patients × 3 to 35", mixed, 0.3),
        Design("30 patients × 3 to 35", mixed, 0.1),
        Design("20 patients, half × 1, half × 35", (1,) * 10 + (35,) * 10, 0.3),
        Design("100 patients × 3 to 35", between(rng, 100, 3, 35), 0.7),
    ]


def simulated(
    rng: np.random.Generator, counts: Sequence[int], axes: int, systematic: float, random: float
) -> Array:
    """Return errors (P, F, axes), NaN beyond each patient's last day; M is 0."""
    errors = systematic * rng.standard_normal((len(counts), 1, axes))
    errors = errors + random * rng.standard_normal((len(counts), max(counts), axes))
    errors[np.arange(max(counts)) >= np.array(counts)[:, None]] = np.nan
    return errors


def coverage_row(design: Design, populations: int) -> list[str]:
    rng = np.random.default_rng(2)
    truth = np.array([0.0, design.ratio, 1.0, 2.5 * design.ratio + 0.7])
    hits, zero = np.zeros(4), 0
    count = -(-populations // BATCH) * BATCH
    for _ in range(count // BATCH):
        found = variance_components(simulated(rng, design.counts, BATCH, design.ratio, 1.0))
        assert found is not None  # noqa: S101 - every design has two patients, one of them measured twice
        margin = 2.5 * found.systematic_draws + 0.7 * found.random_draws
        intervals = (
            [(axis.low, axis.high) for axis in found.means()],
            [(axis.low, axis.high) for axis in found.systematics()],
            [(axis.low, axis.high) for axis in found.randoms()],
            np.quantile(margin, [0.025, 0.975], axis=0).T,
        )
        for at, ends in enumerate(np.array(intervals)):
            hits[at] += ((ends[:, 0] <= truth[at]) & (truth[at] <= ends[:, 1])).sum()
        zero += int((found.systematic_variance <= 0.0).sum())
    shares = [f"{100.0 * hit / count:.1f}" for hit in hits]
    return [design.title, f"{design.ratio:g}", *shares, f"{100.0 * zero / count:.0f}"]


def coverage_table(populations: int) -> str:
    count = -(-populations // BATCH) * BATCH
    head = ("department", "Σ / σ", "M %", "Σ %", "σ %", "margin %", "Σ found 0 %")
    error = 100.0 * np.sqrt(0.95 * 0.05 / count)
    note = (
        f"\n\n{count:,} populations of each design; the standard error of a coverage of 95 % is "
        f"{error:.1f} %. Measurements per patient are equally likely between the ends named, the same in "
        "every population of a design. Margin: 2.5 Σ + 0.7 σ. The last column is the share in which the "
        "estimated Σ² is negative and taken for zero."
    )
    rows = [coverage_row(design, populations) for design in designs()]
    return table("Coverage of the 95 % intervals; to keep: 94 to 96 %", head, rows) + note


def bias_table(patients: int) -> str:
    rng = np.random.default_rng(3)
    replicates = 20
    systematic, random, observed = [], [], []
    for _ in range(replicates):
        counts = between(rng, patients, 3, 35)
        found = variance_components(simulated(rng, counts, 6, SYSTEMATIC_MM, RANDOM_MM))
        assert found is not None  # noqa: S101 - there are thousands of patients
        systematic += found.systematic.tolist()
        random += found.random.tolist()
        observed += found.observed.tolist()
    rows = [
        bias_row("Σ", systematic, SYSTEMATIC_MM),
        bias_row("σ", random, RANDOM_MM),
        bias_row("SD of the patients' means, for comparison with Σ", observed, SYSTEMATIC_MM),
    ]
    title = f"{patients:,} patients with 3 to 35 measurements each; to keep: bias below 1 %"
    note = f"\n\nMean of {len(systematic)} populations (six axes × {replicates}), ± its standard error."
    return table(title, ("", "truth mm", "mean estimate mm", "bias %"), rows) + note


def bias_row(name: str, values: Sequence[float], truth: float) -> list[str]:
    mean, error = statistics.fmean(values), statistics.stdev(values) / np.sqrt(len(values))
    return [name, f"{truth:g}", f"{mean:.4f} ± {error:.4f}", f"{100.0 * (mean / truth - 1.0):+.2f}"]


def residual_from_errors(schedule: Schedule | None, fractions: int) -> Array:
    """Return the matrix (F, F) that takes the errors of a course to what a linear scheme leaves."""
    left = np.eye(fractions)
    if schedule is None:
        return left
    imaged = list(range(schedule.first))
    if schedule.kind is not ScheduleKind.NAL:
        imaged += list(range(schedule.first + schedule.every - 1, fractions, schedule.every))
    for day in range(fractions):
        known = [other for other in imaged if other < day]
        if schedule.kind is ScheduleKind.FIRST_THEN_WEEKLY:
            left[day, day] = float(day not in imaged)
        elif len(known) >= schedule.first:
            left[day, known] -= weights(schedule, known, day)
    return left


def weights(schedule: Schedule, known: Sequence[int], day: int) -> Array:
    """Return what each measurement contributes to the error expected at a day."""
    if schedule.kind is ScheduleKind.NAL or len(known) == schedule.first:
        return np.full(len(known), 1.0 / len(known))
    line = np.column_stack([np.ones(len(known)), known])
    expected: Array = np.array([1.0, day]) @ np.linalg.pinv(line)
    return expected


def expected_systematic(left: Array) -> tuple[float, float]:
    """Return Σ and σ that the analysis of variance has in expectation, of what a scheme leaves."""
    fractions = len(left)
    covariance = left @ (SYSTEMATIC_MM**2 + RANDOM_MM**2 * np.eye(fractions)) @ left.T
    between_patients = float(covariance.mean())
    within = (float(np.trace(covariance)) / fractions - between_patients) * fractions / (fractions - 1)
    return float(np.sqrt(between_patients - within / fractions)), float(np.sqrt(within))


def scheme_table(patients: int, fractions: int = 30) -> str:
    rng = np.random.default_rng(4)
    errors = simulated(rng, (fractions,) * patients, 3, SYSTEMATIC_MM, RANDOM_MM)
    rows = []
    for name, schedule in (
        ("marks only", None),
        ("first 3, then weekly", WEEKLY),
        ("NAL 3", NAL),
        ("eNAL 3, weekly", ENAL),
        ("SAL 9 mm, 3", Schedule(ScheduleKind.SAL)),
        ("SAL 6 mm, 2", Schedule(ScheduleKind.SAL, alpha_mm=6.0, most=2)),
    ):
        replayed = replay_schedule(errors, schedule)
        found = variance_components(replayed.residual_mm)
        assert found is not None  # noqa: S101 - there are thousands of patients
        is_linear = schedule is None or schedule.kind is not ScheduleKind.SAL
        expected = expected_systematic(residual_from_errors(schedule, fractions)) if is_linear else None
        systematic, random = np.sqrt(found.systematic_variance.mean()), np.sqrt((found.random**2).mean())
        rows.append(
            [
                name,
                f"{replayed.is_imaged.sum() / patients:.2f}",
                f"{systematic:.3f}",
                "-" if expected is None else f"{expected[0]:.3f}",
                f"{random:.3f}",
                "-" if expected is None else f"{expected[1]:.3f}",
            ]
        )
    late = replay_schedule(errors, NAL).residual_mm[:, NAL.first :]
    found = variance_components(late)
    assert found is not None  # noqa: S101 - there are thousands of patients
    rows.append(
        [
            "NAL 3, from the fourth fraction on",
            "3.00",
            f"{np.sqrt(found.systematic_variance.mean()):.3f}",
            f"{RANDOM_MM / np.sqrt(NAL.first):.3f}",
            f"{np.sqrt((found.random**2).mean()):.3f}",
            f"{RANDOM_MM:.3f}",
        ]
    )
    head = ("scheme", "images", "Σ left mm", "expected", "σ left mm", "expected")
    title = f"What schemes leave of Σ = {SYSTEMATIC_MM:g} and σ = {RANDOM_MM:g} mm"
    note = (
        f"\n\n{patients:,} patients × {fractions} fractions, three axes together. The expectation is exact "
        "for schemes that are linear in the errors (the covariance of what is left, put through the analysis "
        "of variance); σ / √3 for the last line (de Boer and Heijmen 2001). SAL has none; its rules are "
        "those of `treatment/offline.py`, and a test holds the two together."
    )
    return table(title, head, rows) + note


def alarm_line(populations: int) -> str:
    rng = np.random.default_rng(5)
    alarms = [bool(find_drifts(error_table(simulate_population(rng, 30, 20)))[0]) for _ in range(populations)]
    return (
        f"Of {populations} departments of 30 patients × 20 fractions in which nobody drifts, "
        f"{100.0 * np.mean(alarms):.1f} % report a drift on any of 180 axes (false discoveries held at 5 %)."
    )


def time_table(repeats: int) -> str:
    where = WhereTreated(
        sites=("pelvis", "neck", "chest"), machines=("1", "2"), devices=("mask", ""), protocols=("a", "b")
    )
    histories = simulate_population(np.random.default_rng(6), 1000, 30, where=where)
    shifts = error_table(histories).errors[:, :, :3]
    tasks = (
        ("the whole review of 1,000 patients × 30 fractions × 6 axes", lambda: review_population(histories)),
        ("of it: table of errors", lambda: error_table(histories)),
        (
            "of it: M, Σ, σ with intervals, six axes",
            lambda: variance_components(error_table(histories).errors),
        ),
        ("of it: one eNAL replay", lambda: replay_schedule(shifts, ENAL)),
        ("one patient, charts and six replays included", lambda: review_patient(histories[0])),
    )
    rows = []
    for name, task in tasks:
        task()
        wall, processor = [], []
        for _ in range(repeats):
            begin, used = time.perf_counter(), time.process_time()
            task()
            wall.append(time.perf_counter() - begin)
            processor.append(time.process_time() - used)
        rows.append([name, f"{statistics.median(wall):.3f}", f"{statistics.median(processor):.3f}"])
    title = f"Time, medians of {repeats} runs; to keep: about 1 s for the whole review"
    return table(title, ("", "wall s", "processor s"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--populations", type=int, default=6000, help="of each design, for the coverage")
    parser.add_argument("--patients", type=int, default=10_000, help="of the large population")
    parser.add_argument("--repeats", type=int, default=7, help="of each timing")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/benchmarks.md")
    arguments = parser.parse_args()
    parts: list[str] = []
    tasks: tuple[Callable[[], str], ...] = (
        lambda: bias_table(arguments.patients),
        lambda: coverage_table(arguments.populations),
        lambda: scheme_table(arguments.patients),
        lambda: alarm_line(400),
        lambda: time_table(arguments.repeats),
    )
    for task in tasks:
        parts.append(task())
        print(parts[-1], "\n", flush=True)
    if arguments.write:
        write(parts)


def write(parts: Sequence[str]) -> None:
    """Replace what stands between the marks in docs/benchmarks.md."""
    versions = f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}"
    body = "\n\n".join([f"{versions}; one of {os.cpu_count()} cores.", *parts])
    put_between_marks("review", body)


if __name__ == "__main__":
    main()
