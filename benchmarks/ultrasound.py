"""Guidance by ultrasound: all its tables, led by the figures that are to be reached.

Run with ``python benchmarks/ultrasound.py [--only SECTION ...] [--write]``. The sections are those of
``ultrasound_tracking.py``, ``ultrasound_same.py``, ``ultrasound_ct.py`` and ``ultrasound_volume.py``, which
run alone as well and say how each figure is made.
"""

import argparse
import os
import platform
from collections.abc import Callable
from importlib.metadata import version

import numpy as np

import ultrasound_ct
import ultrasound_same
import ultrasound_tracking
import ultrasound_volume
from page import put_between_marks, table
from ultrasound_cases import add_case_arguments

PACKAGES = ("isoguide", "numpy", "scipy", "numba")
Row = tuple[str, str, str]


def reach_section(asked: argparse.Namespace) -> str:
    """What is to be reached, and what was found, in one table."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    software = f"Python {platform.python_version()}, {packages}; {os.cpu_count()} cores."
    rows = [*tracking_rows(asked), *same_rows(asked), *ct_rows(asked), *real_rows(asked)]
    return f"{software}\n\n" + table("Figures to reach", ("figure", "found", "to reach"), rows)


def tracking_rows(asked: argparse.Namespace) -> list[Row]:
    """Structures followed in simulated sequences."""
    tallies = ultrasound_tracking.all_tallies(asked.frames)
    ours = [one for (who, _), one in tallies.items() if who == "isoguide"]
    errors_mm = np.concatenate([np.array(one.errors_mm) for one in ours])
    seen = len(errors_mm) / sum(one.places for one in ours)
    per_s = 1.0 / np.mean([np.mean(one.seconds) for one in ours])
    begin_mm, end_mm, _ = ultrasound_tracking.drifts_mm(asked.minutes)
    tried = ultrasound_tracking.tried(asked.losses)
    missed = sum(not one.is_noticed for one in tried)
    volumes = ultrasound_tracking.volume_tally(asked.volumes)
    return [
        (
            f"2D tracking of {len(ours)} sequences: mean, P95",
            f"{errors_mm.mean():.2f} mm, {np.quantile(errors_mm, 0.95):.2f} mm ({100.0 * seen:.0f} % seen)",
            "0.8 mm, 1.8 mm",
        ),
        ("the same: rate per target", f"{per_s:.0f} frames/s", "100 frames/s"),
        (
            f"drift over {asked.minutes:g} minutes of breathing, the worst target",
            f"{np.linalg.norm(end_mm - begin_mm, axis=1).max():.2f} mm",
            "0.3 mm",
        ),
        ("losses not noticed within 3 frames", f"{missed} of {len(tried)}", "none of 1000"),
        ("3D tracking, 64³ voxels: median", f"{1e3 * np.median(volumes.seconds[1:]):.0f} ms", "25 ms"),
    ]


def same_rows(asked: argparse.Namespace) -> list[Row]:
    """The day's ultrasound matched to its reference."""
    found = ultrasound_same.results(asked.patients, asked.days)
    errors_mm, seconds = (np.array([getattr(one, name) for one in found]) for name in ("error_mm", "wall_s"))
    answered = np.isfinite(errors_mm)
    return [
        (
            f"ultrasound to ultrasound, {len(found)} days: median error at the target, time",
            f"{np.median(errors_mm[answered]):.2f} mm, {np.median(seconds):.1f} s "
            f"({len(found) - answered.sum()} without an answer)",
            "0.8 mm, 3 s",
        )
    ]


def ct_rows(asked: argparse.Namespace) -> list[Row]:
    """The day's ultrasound matched to the planning CT."""
    found = ultrasound_ct.results(asked.patients, asked.days)
    errors_mm, seconds = (np.array([getattr(one, name) for one in found]) for name in ("error_mm", "seconds"))
    answered = np.isfinite(errors_mm)
    return [
        (
            f"ultrasound to CT, {len(found)} days: median error at the target, time",
            f"{np.median(errors_mm[answered]):.2f} mm, {np.median(seconds):.1f} s "
            f"({len(found) - answered.sum()} without an answer)",
            "2 mm, 3 s",
        )
    ]


def real_rows(asked: argparse.Namespace) -> list[Row]:
    """Structures of the real abdomen, followed there and back."""
    away_mm = ultrasound_tracking.back_mm(asked.real)
    if away_mm is None:
        return [("real abdomen, there and back", "not run: the sequence is absent", "1.5 mm")]
    returned = away_mm[np.isfinite(away_mm)]
    return [
        (
            f"real abdomen, {len(away_mm)} targets there and back: the worst",
            f"{returned.max():.2f} mm ({len(away_mm) - len(returned)} lost, and said so)",
            "1.5 mm",
        )
    ]


SECTIONS: dict[str, Callable[[argparse.Namespace], str]] = {
    "reach": reach_section,
    **{f"tracking {name}": make for name, make in ultrasound_tracking.SECTIONS.items()},
    **{f"same {name}": make for name, make in ultrasound_same.TABLES.items()},
    **{f"ct {name}": make for name, make in ultrasound_ct.TABLES.items()},
    **{f"volume {name}": make for name, make in ultrasound_volume.TABLES.items()},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=SECTIONS, nargs="+", default=list(SECTIONS), help="sections")
    add_case_arguments(parser)
    for module in (ultrasound_tracking, ultrasound_same, ultrasound_ct, ultrasound_volume):
        module.add_arguments(parser)
    parser.add_argument("--write", action="store_true", help="write the tables into docs/benchmarks.md")
    asked = parser.parse_args()
    for name in asked.only:
        text = SECTIONS[name](asked)
        print(text, "\n", flush=True)
        if asked.write:
            put_between_marks(f"ultrasound {name}", text)


if __name__ == "__main__":
    main()
