"""Motion during the beam, and at simulation: all its tables, led by the figures that are to be reached.

Run with ``python benchmarks/motion.py [--only SECTION ...] [--write]``. The sections are those of
``motion_markers.py``, ``motion_bone.py``, ``motion_prediction.py``, ``motion_gate.py`` and
``motion_phases.py``, which run alone as well and say how each figure is made. The time of a frame is that of
the whole chain in one process: seeds found in a rendered image, position, prediction, decision.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cache, partial
from importlib.metadata import version

import numpy as np

import motion_bone
import motion_gate
import motion_markers
import motion_phases
import motion_prediction
from isoguide.geometry.frames import Array
from isoguide.motion.gate import TargetGate
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.marker_pixels import MarkerFinder
from isoguide.motion.prediction import Predictor
from isoguide.motion.sample import Sighting
from isoguide.motion.single_imager import SingleImagerSettings, SingleImagerTracker
from isoguide.registration.markers import DeclaredMarkers, MarkerKind
from page import put_between_marks, table

FRAME_S = 0.1
PACKAGES = ("isoguide", "numpy", "scipy", "numba")


class HandedWatch:
    """Hands one sighting at a time to a gate in the same process."""

    source = "markers, kV arm"

    def __init__(self) -> None:
        self.waiting: list[Sighting] = []

    def start(self) -> None:
        """Begin."""

    def take(self, now: datetime) -> Sequence[Sighting]:
        """Hand over what waits."""
        del now
        taken, self.waiting = self.waiting, []
        return taken

    def stop(self) -> None:
        """End."""


@cache
def chain_ms(turns: int) -> Array:
    """Milliseconds from an image in memory to the decision, for each frame after the first turn."""
    who = motion_markers.rendered(0)
    rng = np.random.default_rng(919)
    images = [who.image(n, who.seeds_mm, rng).astype(np.float32) for n in range(len(who.views))]
    finder = MarkerFinder(DeclaredMarkers(MarkerKind.SEED, *motion_markers.SEED_MM, 4), axes=who.axes)
    tracker = SingleImagerTracker(who.centres_mm, SingleImagerSettings.for_prostate("HFS"))
    watch = HandedWatch()
    gate = TargetGate(watch, GateSettings(gate_mm=3.0), Predictor())
    for part in (finder, tracker, gate):
        part.warm_up()
    gate.arm()
    used = []
    for frame in range((turns + 1) * len(images)):
        which = frame % len(images)
        at = motion_markers.AT + timedelta(seconds=FRAME_S * frame)
        begin = time.perf_counter()
        found = finder.find(images[which], who.views[which], *tracker.expect())
        watch.waiting.append(tracker.see(who.views[which], found, at=at, number=frame))
        gate.look(at + timedelta(seconds=0.01))
        used.append(1e3 * (time.perf_counter() - begin))
    return np.array(used[len(images) :])


Row = tuple[str, str, str]


def reach_section(asked: argparse.Namespace) -> str:
    """What is to be reached, and what was found, in one table."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    software = f"Python {platform.python_version()}, {packages}; {os.cpu_count()} cores."
    rows = [*marker_rows(asked), *bone_rows(asked), *prediction_rows(), *gate_rows(asked)]
    return f"{software}\n\n" + table("Figures to reach", ("figure", "found", "to reach"), rows)


def marker_rows(asked: argparse.Namespace) -> list[Row]:
    """Markers in one rotating imager, and the time of a frame."""
    seen, rendered = motion_markers.rendered_arcs(asked.traces)
    many = motion_markers.many(10 * asked.trajectories)
    errors, frame_ms = np.array(rendered.errors), chain_ms(asked.turns)
    mean, spread = errors.mean(axis=0), errors.std(axis=0)
    share = ", ".join(
        f"{100.0 * np.mean(np.array(one.rmse_mm) < 1.0):.1f} % {name}" for name, one in many.items()
    )
    return [
        (
            f"seeds in rendered kV frames of {asked.traces} arcs: mean per axis",
            ", ".join(f"{one:+.2f}" for one in mean) + " mm",
            "0.1 mm",
        ),
        ("the same: SD per axis", ", ".join(f"{one:.2f}" for one in spread) + " mm", "0.3 mm"),
        (f"trajectories with RMSE < 1 mm ({10 * asked.trajectories} each)", share, "99.7 %"),
        ("marker views missed or false", f"{seen.missed} or {seen.false} of {seen.views}", "0.1 %"),
        (
            f"image to decision, {len(frame_ms)} frames: median, P99",
            f"{np.median(frame_ms):.1f} ms, {np.quantile(frame_ms, 0.99):.1f} ms",
            "5 ms, 20 ms",
        ),
    ]


def bone_rows(asked: argparse.Namespace) -> list[Row]:
    """Bone in pairs: the slowest of all."""
    tallies = motion_bone.all_followed(motion_bone.SITES, asked.frames).values()
    slowest_s = max(float(np.median(one.wall_s)) for one in tallies)
    return [("bone in stereoscopic pairs, slowest site and day", f"{1.0 / slowest_s:.0f} Hz", "10 Hz")]


def prediction_rows() -> list[Row]:
    """Prediction on the public recordings."""
    ours, stays = (
        motion_prediction.all_scores(predict, motion_prediction.MAIN_S)[:, 0]
        for predict in (motion_prediction.ISOGUIDE, motion_prediction.stays)
    )
    kinds = [one.kind for one in motion_prediction.recordings()]
    calm = np.array([kind not in motion_prediction.IRREGULAR for kind in kinds])
    return [
        (
            f"prediction at 320 ms, normalised RMSE: median of {len(ours)} recordings",
            f"{np.median(ours):.3f}; normal breathing ({calm.sum()}) {np.median(ours[calm]):.3f}",
            "0.14",
        ),
        ("the same against staying: worst recording", f"{(ours / stays).max():.2f} ×", "1.05 ×"),
    ]


def gate_rows(asked: argparse.Namespace) -> list[Row]:
    """Holds."""
    ms = np.concatenate([np.array(one) for _, one, _ in motion_gate.left(asked.leaves).values()])
    hold_ms, frame_ms = float(np.quantile(ms, 0.99)), float(np.quantile(chain_ms(asked.turns), 0.99))
    results, controls = motion_gate.tried(asked.faults)
    held = sum(one.is_held for one in results)
    return [
        (f"hold after the target left, {len(ms)} times, frame to hold: P99", f"{hold_ms:.0f} ms", "50 ms"),
        ("image to hold: both P99 added", f"{hold_ms + frame_ms:.0f} ms", "50 ms"),
        ("injected faults that end in a hold in time", f"{held} of {len(results)}", "all of 1000 or more"),
        ("holds without cause, without a fault", str(sum(one.false_holds for one in controls)), "0"),
    ]


def prediction_section(name: str, _: argparse.Namespace) -> str:
    return motion_prediction.section(name)


SECTIONS: dict[str, Callable[[argparse.Namespace], str]] = {
    "reach": reach_section,
    **{f"markers {name}": make for name, make in motion_markers.TABLES.items()},
    "bone": lambda asked: motion_bone.bone_table(motion_bone.SITES, asked.frames),
    **{f"prediction {name}": partial(prediction_section, name) for name in motion_prediction.TABLES},
    **{f"gate {name}": make for name, make in motion_gate.SECTIONS.items()},
    **{f"phases {name}": make for name, make in motion_phases.TABLES.items()},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=SECTIONS, nargs="+", default=list(SECTIONS), help="sections")
    parser.add_argument("--traces", type=int, default=12, help="arcs of rendered images")
    parser.add_argument("--trajectories", type=int, default=100, help="of each kind; ten times that alone")
    parser.add_argument("--migrations", type=int, default=1000, help="cases of each number of markers")
    parser.add_argument("--turns", type=int, default=3, help="of the gantry, for the time of a frame")
    parser.add_argument("--frames", type=int, default=50, help="of bone, each site and day")
    parser.add_argument("--faults", type=int, default=1160, help="faults of frames and of the loop")
    parser.add_argument("--processes", type=int, default=8, help="real processes of each kind of end")
    parser.add_argument("--seconds", type=float, default=40.0, help="of each stream for the latency")
    parser.add_argument("--leaves", type=int, default=100, help="of the target, at each rate")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/benchmarks.md")
    asked = parser.parse_args()
    for name in asked.only:
        text = SECTIONS[name](asked)
        print(text, "\n", flush=True)
        if asked.write:
            put_between_marks(f"motion {name}", text)


if __name__ == "__main__":
    main()
