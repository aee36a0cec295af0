"""Dose, histograms, corrected beams and accumulated dose: times to reach, and each part beside its peers.

Run with ``python benchmarks/dose.py [--peer PYTHON] [--write] [--only PART ...]``; ``--peer`` is the Python
of the environment that has pyRadPlan and ompMC (requirements/dose-peer.txt), which do not live beside ours;
without it ``monte-carlo`` is left out. ``times`` and ``plans`` are measured here. The other parts are scripts
of their own, run one after the other: the processor is theirs alone.
"""

import argparse
import platform
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Final

from adaptation import changed_rows, displaced_rows, planned_patient
from dose_plans import exported, plans_table
from dose_speed import pelvis_rows, real_rows
from dvh import peer, times
from isoguide.adaptation.result import Rung
from page import put_between_marks, table

HERE: Final = Path(__file__).parent
SCRIPTS: Final = {
    "water": ("dose_water.py", "--write"),
    "thorax": ("dose_thorax.py", "--write"),
    "monte-carlo": ("dose_monte_carlo.py", "--write"),
    "dvh": ("dvh.py", "--page"),
    "adaptation": ("adaptation.py", "--write"),
    "tilt": ("adaptation_tilt.py", "--write"),
    "accumulation": ("accumulation.py", "--write"),
}
"""Each part's script, and what makes it write its tables into the page."""
WITH_PEER: Final = ("water", "monte-carlo")
PARTS: Final = ("times", "plans", *SCRIPTS)
RUNS: Final = 5
WITHIN_S: Final = {"virtual couch shift + dose + histograms": 6.0, "morphing + re-weighting": 20.0}


def time_of_doses() -> str:
    rows = [
        [one.name, f"{one.seconds:.2f}", f"{one.processor_seconds:.2f}", f"≤ {one.to_reach_seconds:g}"]
        for one in (*pelvis_rows(RUNS), *real_rows(RUNS))
    ]
    return table("Dose, two threads", ("what", "s, median", "s of the processor", "to reach"), rows)


def time_of_corrections() -> str:
    """Time the rungs on the pelvis; the first climb compiles and reads, and does not count."""
    patient = planned_patient("pelvis")
    displaced_rows(patient, (1.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    took = {one.rung: one.seconds for one in changed_rows(patient, 0.85)}
    found = {
        "virtual couch shift + dose + histograms": took[str(Rung.VIRTUAL_COUCH_SHIFT)],
        "morphing + re-weighting": took[str(Rung.APERTURE_MORPHING)] + took[str(Rung.REWEIGHTING)],
    }
    rows = [[name, f"{seconds:.1f}", f"≤ {WITHIN_S[name]:g}"] for name, seconds in found.items()]
    return table("Corrected beams, pelvis", ("what", "s", "to reach"), rows)


def time_section() -> str:
    known = ", ".join(f"{name} {version(name)}" for name in ("isoguide", "numpy", "scipy", "numba"))
    first = f"Python {platform.python_version()}, {known}; 2 cores."
    return "\n\n".join([first, time_of_doses(), times(peer()), time_of_corrections()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peer", default="", help="the Python that has pyRadPlan and ompMC")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    asked = parser.parse_args()
    measured_here: dict[str, Callable[[], str]] = {
        "times": time_section,
        "plans": lambda: plans_table(exported()),
    }
    for name in asked.only:
        if name in measured_here:
            text = measured_here[name]()
            print(text, flush=True)
            if asked.write:
                put_between_marks(f"dose {name}", text)
            continue
        script, writes = SCRIPTS[name]
        arguments = [writes] if asked.write else []
        if name == "monte-carlo" and not asked.peer:
            continue
        if name in WITH_PEER and asked.peer:
            arguments += ["--peer", asked.peer]
        # A part whose goal is missed ends with 1 and has said so; the others still run.
        subprocess.run([sys.executable, str(HERE / script), *arguments], check=False)


if __name__ == "__main__":
    main()
