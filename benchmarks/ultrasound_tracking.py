"""Structures followed in ultrasound: how exactly, how fast, whether they drift, and whether losses are seen.

Run with ``python benchmarks/ultrasound_tracking.py [--only SECTION ...] [--frames N] [--minutes M]
[--losses N] [--volumes N] [--real FOLDER]``. Sequences are those of
:mod:`isoguide.virtual.ultrasound_sequence`: speckle that belongs to the tissue and is slowly renewed, livers
that breathe and prostates that drift, turn, stretch and leave the plane by some millimetres; upsets are a
shadow that passes, a change of gain, and noise. Frames are a tenth of a second apart. For the drift over ten
minutes they are 0.4 s apart and simulated at these times only. Times are of the whole call, on this computer
as it was.

The real sequence is 40 frames of an abdomen (``VideoTracking``), followed to its end and, by a tracker that
knows nothing of the beginning, back. Peers are OpenCV's pyramidal Lucas and Kanade (window 31, 3 levels; a
way there and back that ends further than a pixel off counts as lost) and its normalised correlation with the
first frame (patch of 24 mm, sub-pixel by a parabola; below 0.4 counts as lost). They get the same frames and
targets.
"""

import argparse
import importlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import Array
from isoguide.motion.ultrasound_points import UltrasoundPointTracker, UltrasoundVolumeTracker
from isoguide.virtual.ultrasound_losses import (
    PERIOD_S,
    WITHIN,
    Loss,
    QuietSequence,
    Tried,
    place_mm,
    try_loss,
)
from isoguide.virtual.ultrasound_sequence import (
    PROSTATE_BLOBS,
    PROSTATE_TARGETS_MM,
    QUIET,
    MovingTissue,
    UltrasoundSequence,
    Upset,
)
from isoguide.virtual.ultrasound_volumes import Pose, VolumeSequence
from isoguide.workflow.ultrasound.track import (
    RETURN_MM,
    UltrasoundTrack,
    UltrasoundTrackRequest,
    track_ultrasound,
)
from page import table

SEED = 81_000
DRIFT_PERIOD_S = 0.4
QUIET_TISSUES = 16
FRESH_TISSUE = 100
"""Thresholds were set on tissues with lower numbers."""
REAL = (
    Path(__file__).resolve().parents[2]
    / "shared"
    / "data"
    / "VideoTracking"
    / "dataset"
    / "sample2"
    / "images"
)
REAL_DEPTH_MM, REAL_RATE_PER_S = 150.0, 19.0
REAL_TARGETS = (
    (640.0, 222.0),
    (612.0, 365.0),
    (480.0, 310.0),
    (700.0, 350.0),
    (550.0, 130.0),
    (575.0, 465.0),
    (640.0, 420.0),
)
"""Edge of the kidney, its sinus, the edge's other end, tissue behind, a layer of the wall, its far edge, and
below the sinus."""
Image = NDArray[np.uint8]
Follow = Callable[[Sequence[Image], NDArray[np.bool_], float, Array], Array]
"""From images, fan, pixel size and targets (n, 2) to pixels (frames - 1, n, 2), NaN where lost."""


@dataclass(frozen=True, eq=False)
class Case:
    """A sequence with truth: images, fan, pixel size, pixels of the targets (frames, n, 2)."""

    name: str
    images: list[Image]
    in_fan: NDArray[np.bool_]
    pixel_mm: float
    truth_px: Array


@dataclass
class Tally:
    """Errors in mm of what was seen, places in all, seconds for each target and frame: wall, processor."""

    errors_mm: list[float] = field(default_factory=list)
    places: int = 0
    seconds: list[float] = field(default_factory=list)
    processor_s: list[float] = field(default_factory=list)


def case(name: str, sequence: UltrasoundSequence, frames: int, upset: Callable[[int], Upset]) -> Case:
    rng = np.random.default_rng([SEED, frames])
    images, truth = [], []
    for n in range(frames):
        image = sequence.image(n * PERIOD_S, rng, upset(n))
        images.append(image)
        truth.append((sequence.truth_mm(n * PERIOD_S)[:, :2] - image.corner_mm) / image.pixel_spacing_mm[0])
    first = images[0]
    return Case(
        name, [one.values for one in images], first.in_fan, first.pixel_spacing_mm[0], np.array(truth)
    )


def liver(seed: int, across: float = 0.08) -> UltrasoundSequence:
    return UltrasoundSequence(MovingTissue.liver(np.random.default_rng(seed), across=across), seed=seed)


def prostate(seed: int) -> UltrasoundSequence:
    return UltrasoundSequence(
        MovingTissue.prostate(np.random.default_rng(seed)), PROSTATE_BLOBS, PROSTATE_TARGETS_MM, seed=seed
    )


def passing(n: int) -> Upset:
    """Return a shadow half as wide as a patch that wanders by, with gain and noise that change."""
    return Upset(-45.0 + 1.2 * n, 12.0, -25.0, 6.0 * float(np.sin(n / 7.0)), noise_db=6.0)


@cache
def cases(frames: int) -> tuple[Case, ...]:
    def quiet(_: int) -> Upset:
        return QUIET

    return (
        case("liver, 0.08 of its way across the plane", liver(SEED), frames, quiet),
        case("liver, 0.2 of its way across the plane", liver(SEED + 1, 0.2), frames, quiet),
        case("liver; shadow passes, gain and noise change", liver(SEED + 2), frames, passing),
        case("prostate", prostate(SEED + 3), frames, quiet),
        case("prostate; shadow passes, gain and noise change", prostate(SEED + 4), frames, passing),
    )


def isoguide_follows(
    images: Sequence[Image], in_fan: NDArray[np.bool_], pixel_mm: float, targets: Array
) -> Array:
    tracker = UltrasoundPointTracker(images[0], in_fan, (pixel_mm, pixel_mm), targets)
    return np.array([tracker.see(image).pixels for image in images[1:]])


def opencv() -> Any:
    """Return OpenCV, which isoguide itself never needs."""
    return importlib.import_module("cv2")


def optical_flow(images: Sequence[Image], _: NDArray[np.bool_], __: float, targets: Array) -> Array:
    cv2 = opencv()
    found, at = [], targets.astype(np.float32)[:, None]
    for before, now in pairwise(images):
        options: dict[str, Any] = {"winSize": (31, 31), "maxLevel": 3}
        there, good, _error = cv2.calcOpticalFlowPyrLK(before, now, at, None, **options)
        back, _good, _error = cv2.calcOpticalFlowPyrLK(now, before, there, None, **options)
        lost = (good[:, 0] == 0) | (np.linalg.norm(back - at, axis=(1, 2)) > 1.0)
        found.append(np.where(lost[:, None], np.nan, there[:, 0]))
        at = there
    return np.array(found)


def first_template(images: Sequence[Image], _: NDArray[np.bool_], pixel_mm: float, targets: Array) -> Array:
    cv2 = opencv()
    half, reach = round(12.0 / pixel_mm), round(5.0 / pixel_mm)
    corners = np.rint(targets).astype(int)
    patches = [images[0][y - half : y + half + 1, x - half : x + half + 1] for x, y in corners]
    at, found = corners.copy(), []
    for image in images[1:]:
        row = []
        for which, patch in enumerate(patches):
            x, y = np.clip(at[which], half + reach, np.array(image.shape[::-1]) - half - reach - 1)
            low = np.array([x, y]) - half - reach
            window = image[low[1] : low[1] + 2 * (half + reach) + 1, low[0] : low[0] + 2 * (half + reach) + 1]
            answer = cv2.matchTemplate(window, patch, cv2.TM_CCOEFF_NORMED)
            peak = np.array(np.unravel_index(int(answer.argmax()), answer.shape))
            if answer.max() < 0.4:
                row.append(np.full(2, np.nan))
                continue
            place = low + half + peak[::-1]
            at[which] = place
            row.append(place + _parabola(answer, peak) + targets[which] - corners[which])
        found.append(row)
    return np.array(found)


def _parabola(answer: Array, peak: NDArray[np.intp]) -> Array:
    off = np.zeros(2)
    for axis in (0, 1):
        if not 0 < peak[axis] < answer.shape[axis] - 1:
            continue
        step = np.eye(2, dtype=int)[axis]
        left, middle, right = (float(answer[tuple(peak + n * step)]) for n in (-1, 0, 1))
        bend = left - 2.0 * middle + right
        off[1 - axis] = 0.5 * (left - right) / bend if bend < 0.0 else 0.0
    return off


def followers() -> dict[str, Follow]:
    found: dict[str, Follow] = {"isoguide": isoguide_follows}
    try:
        opencv()
    except ImportError:
        return found
    return {
        **found,
        "OpenCV, Lucas-Kanade frame to frame": optical_flow,
        "OpenCV, correlation with the first frame": first_template,
    }


def tallied(follow: Follow, one: Case) -> Tally:
    targets = one.truth_px[0]
    follow(one.images[:3], one.in_fan, one.pixel_mm, targets)  # compiled
    begin, begin_processor = time.perf_counter(), time.process_time()
    found = follow(one.images, one.in_fan, one.pixel_mm, targets)
    processor_s = (time.process_time() - begin_processor) / found[..., 0].size
    seconds = (time.perf_counter() - begin) / found[..., 0].size
    errors_mm = one.pixel_mm * np.linalg.norm(found - one.truth_px[1:], axis=-1)
    return Tally(errors_mm[np.isfinite(errors_mm)].tolist(), errors_mm.size, [seconds], [processor_s])


@cache
def all_tallies(frames: int) -> dict[tuple[str, str], Tally]:
    return {
        (name, one.name): tallied(follow, one)
        for name, follow in followers().items()
        for one in cases(frames)
    }


def _row(who: str, what: str, one: Tally) -> tuple[str, ...]:
    errors = np.array(one.errors_mm)
    return (
        who,
        what,
        f"{errors.mean():.2f}",
        f"{np.quantile(errors, 0.95):.2f}",
        f"{errors.max():.2f}",
        f"{100.0 * len(errors) / one.places:.1f} %",
        f"{1.0 / np.mean(one.seconds):.0f}",
        f"{1.0 / np.mean(one.processor_s):.0f}",
    )


def accuracy(asked: argparse.Namespace) -> str:
    rows, tallies = [], all_tallies(asked.frames)
    for who in followers():
        own = {what: one for (name, what), one in tallies.items() if name == who}
        rows += [_row(who, what, one) for what, one in own.items()]
        joined = Tally(
            [error for one in own.values() for error in one.errors_mm],
            sum(one.places for one in own.values()),
            [second for one in own.values() for second in one.seconds],
            [second for one in own.values() for second in one.processor_s],
        )
        rows.append(_row(f"**{who}**", "**all**", joined))
    head = (
        "program",
        "sequence",
        "mean mm",
        "95 % below mm",
        "largest mm",
        "seen",
        "frames/s per target",
        "per second of processor",
    )
    title = f"2D tracking with truth, {asked.frames} frames each, seed {SEED}; to reach 0.8 and 1.8 mm, 100/s"
    return table(title, head, rows)


@cache
def drifts_mm(minutes: float) -> tuple[Array, Array, float]:
    """Return mean errors of each target in the first and the last minute, (n, 2), and the share seen."""
    sequence, rng = liver(SEED + 9), np.random.default_rng(SEED)
    count = int(minutes * 60.0 / DRIFT_PERIOD_S)
    first = sequence.image(0.0, rng)
    start_px = (sequence.truth_mm(0.0)[:, :2] - first.corner_mm) / np.array(first.pixel_spacing_mm)
    tracker = UltrasoundPointTracker(first.values, first.in_fan, first.pixel_spacing_mm, start_px)
    errors = []
    for n in range(1, count):
        seconds = n * DRIFT_PERIOD_S
        image = sequence.image(seconds, rng)
        errors.append(place_mm(image, tracker.see(image.values)) - sequence.truth_mm(seconds)[:, :2])
    all_errors = np.array(errors)
    edge = min(int(60.0 / DRIFT_PERIOD_S), count // 2)
    begin, end = (np.nanmean(part, axis=0) for part in (all_errors[:edge], all_errors[-edge:]))
    return begin, end, float(np.isfinite(all_errors[..., 0]).mean())


def drift(asked: argparse.Namespace) -> str:
    begin, end, seen = drifts_mm(asked.minutes)
    rows = [
        (
            f"{n + 1}",
            f"{np.linalg.norm(one):.2f}",
            f"{np.linalg.norm(two):.2f}",
            f"{np.linalg.norm(two - one):.2f}",
        )
        for n, (one, two) in enumerate(zip(begin, end, strict=True))
    ]
    head = ("target", "mean error of the first minute, mm", "of the last", "drift")
    title = f"Drift over {asked.minutes:g} minutes of breathing, {100.0 * seen:.1f} % seen; to reach 0.3 mm"
    return table(title, head, rows)


@cache
def tried(count: int) -> tuple[Tried, ...]:
    tissues = [QuietSequence(FRESH_TISSUE + n) for n in range(min(QUIET_TISSUES, max(count // 12, 1)))]
    kinds = list(Loss)
    found = []
    for n in range(count):
        rng = np.random.default_rng([SEED, n])
        tissue = tissues[n // len(kinds) % len(tissues)]
        found.append(try_loss(tissue, kinds[n % len(kinds)], int(rng.integers(tissue.targets)), rng))
    return tuple(found)


def losses(asked: argparse.Namespace) -> str:
    results, rows = tried(asked.losses), []
    for kind in Loss:
        own = [one for one in results if one.loss is kind]
        after = [one.noticed_after for one in own if one.noticed_after]
        rows.append(
            (
                kind.value,
                str(len(own)),
                str(sum(not one.is_noticed for one in own)),
                f"{np.mean(np.array(after) == 1) * 100.0:.0f} %" if after else "–",
                str(max(after, default=0)),
            )
        )
    missed = sum(not one.is_noticed for one in results)
    rows.append(("**all**", f"**{len(results)}**", f"**{missed}**", "", ""))
    head = ("loss", "tried", f"not noticed within {WITHIN} frames", "noticed in the first", "latest frame")
    return table(f"Injected losses, seed {SEED}; to reach: all noticed", head, rows)


@cache
def volume_tally(count: int) -> Tally:
    sequence, rng = VolumeSequence(72, 0.5, seed=SEED), np.random.default_rng(SEED)
    still = Pose(np.zeros(3), np.zeros(3))
    targets = sequence.targets_mm[:1]
    tracker = UltrasoundVolumeTracker(sequence.volume(still, rng), targets)
    tally = Tally()
    for n in range(1, count + 1):
        wave = float(np.sin(2.0 * np.pi * n / 24.0))
        pose = Pose(wave * np.array([4.0, 1.5, 2.0]), wave * np.array([2.0, 1.0, 3.0]))
        volume = sequence.volume(pose, rng)
        begin, begin_processor = time.perf_counter(), time.process_time()
        points = tracker.see(volume)
        tally.processor_s.append(time.process_time() - begin_processor)
        tally.seconds.append(time.perf_counter() - begin)
        tally.places += 1
        if points.seen[0]:
            off_mm = sequence.grid.xyz(points.pixels) - sequence.truth_mm(targets, pose)
            tally.errors_mm.append(float(np.linalg.norm(off_mm)))
    return tally


def volumes(asked: argparse.Namespace) -> str:
    one = volume_tally(asked.volumes)
    errors = np.array(one.errors_mm)
    row = (
        f"{one.places}",
        f"{errors.mean():.3f}",
        f"{np.quantile(errors, 0.95):.3f}",
        f"{100.0 * len(errors) / one.places:.0f} %",
        f"{1e3 * np.median(one.seconds[1:]):.0f}",
        f"{1e3 * np.median(one.processor_s[1:]):.0f}",
    )
    head = ("volumes", "mean mm", "95 % below mm", "seen", "median ms", "processor ms, all cores")
    title = "3D tracking with truth, one target, patch and reach of 64³ voxels of 0.5 mm; to reach 25 ms"
    return table(title, head, [row])


@cache
def real_track(folder: Path) -> UltrasoundTrack | None:
    """Follow the real abdomen there and back; None where its images are absent."""
    if not folder.is_dir():
        return None
    return track_ultrasound(
        UltrasoundTrackRequest(folder, REAL_TARGETS, depth_mm=REAL_DEPTH_MM, rate_per_s=REAL_RATE_PER_S)
    )


def back_mm(folder: Path) -> Array | None:
    """How far from its start each target of the real abdomen comes back, NaN where it was lost."""
    track = real_track(folder)
    return None if track is None else track.back_mm


def real(asked: argparse.Namespace) -> str:
    track = real_track(asked.real)
    if track is None or track.back_mm is None:
        return f"### Real abdomen, there and back\n\nnot run: {asked.real.name} is not beside the checkout"
    rows = []
    for n, away_mm in enumerate(track.back_mm):
        across, down = np.ptp(track.moved_mm[track.seen[:, n], n], axis=0)
        seen = f"{int(track.seen[:, n].sum())} of {len(track.seen)}"
        back = f"{away_mm:.2f}" if np.isfinite(away_mm) else "lost, and said so"
        rows.append(
            (f"{REAL_TARGETS[n][0]:.0f}, {REAL_TARGETS[n][1]:.0f}", seen, f"{across:.1f} × {down:.1f}", back)
        )
    head = ("column, row", "frames seen", "range mm", "back at its start within mm")
    return table(f"Real abdomen, there and back; to reach {RETURN_MM} mm", head, rows)


SECTIONS: dict[str, Callable[[argparse.Namespace], str]] = {
    "accuracy": accuracy,
    "drift": drift,
    "losses": losses,
    "volumes": volumes,
    "real": real,
}


def add_arguments(found: argparse.ArgumentParser) -> None:
    """Add how much is simulated."""
    found.add_argument("--frames", type=int, default=100, help="of each sequence")
    found.add_argument("--minutes", type=float, default=10.0, help="of breathing, for the drift")
    found.add_argument("--losses", type=int, default=1000, help="injected losses")
    found.add_argument("--volumes", type=int, default=24, help="followed in three dimensions")
    found.add_argument("--real", type=Path, default=REAL, help="folder of the real sequence")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=SECTIONS, nargs="+", default=list(SECTIONS), help="sections")
    add_arguments(parser)
    asked = parser.parse_args()
    for name in asked.only:
        print(SECTIONS[name](asked), "\n", flush=True)


if __name__ == "__main__":
    main()
