"""Bone in the room's stereo pair while the patient moves: how fast it is followed, how exactly, how honestly.

Run with ``python benchmarks/motion_bone.py [--frames N] [--site SITE ...]``. The patients and how
they are exposed are those of ``radiograph_days.py``: RTK makes the truth, from finer voxels than the planning
CT. The hard day has bent anatomy around the target, the couch in the beam and a quarter of the dose.

The patient lies about a millimetre from the plan, breathes, drifts, and after four fifths of the frames he
shifts at once by more than tracking follows. Frames are a tenth of a second apart. Tracking starts from the
match of a set-up pair. Times are of a whole call, from the two images to the sample; those of the processor
are of all cores together.
No peer of ``radiograph_peers.py`` follows a pose, so that none stands beside these figures.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np

from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.iec61217 import rotation_iec
from isoguide.geometry.transforms import (
    RigidTransform,
    rotation_angle_deg,
    rotation_x,
    rotation_y,
    rotation_z,
)
from isoguide.images.radiograph import Radiograph
from isoguide.motion.sample import Sighting, TargetSample
from isoguide.motion.stereo_bone import StereoBoneTracker
from isoguide.projection.detector import measure
from isoguide.projection.materials import water_and_bone
from isoguide.registration import prepare_radiographs, register_radiographs
from isoguide.virtual import Site, moved_anatomy
from isoguide.virtual.kv_pair import KILOVOLTAGE
from isoguide.virtual.room_settings import RADIOGRAPHY
from page import table
from radiograph_days import (
    DOSE,
    Patient,
    bend_field,
    line_integrals,
    nominal_views,
    patient,
    plan,
    treatment_couch,
)

SITES: tuple[Site, ...] = ("pelvis", "thorax", "head-neck")
FRAMES = 50
PERIOD_S = 0.1
SHIFT_AFTER, SHIFT_MM = 0.8, 6.0
CHI2_95_3 = 7.814728
SEED = 73_000
BEGIN = datetime(2026, 3, 16, 8, 0, tzinfo=UTC)


@dataclass
class Tally:
    """What was seen of one patient on one day.

    Errors, angles and squared distances in the stated covariance: one entry for each frame that was seen;
    wall and processor times: for each that was followed without a search.
    """

    errors_mm: list[Array] = field(default_factory=list)
    errors_deg: list[float] = field(default_factory=list)
    squares: list[float] = field(default_factory=list)
    sigmas_mm: list[float] = field(default_factory=list)
    wall_s: list[float] = field(default_factory=list)
    processor_s: list[float] = field(default_factory=list)
    search_s: list[float] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)


def motion(seconds: float, frame_share: float) -> tuple[Array, Array]:
    """Return where the patient is at a time: mm and degrees about x, y, z of the planning CT."""
    breath = np.sin(2.0 * np.pi * seconds / 4.0)
    shift_mm = np.array([0.5, -0.8, 0.6]) + breath * np.array([0.3, 1.0, 3.0])
    shift_mm += seconds * np.array([0.05, 0.0, -0.1])
    if frame_share >= SHIFT_AFTER:
        shift_mm += SHIFT_MM * np.array([0.6, 0.0, 0.8])
    turn_deg = np.array([0.4, -0.3, 0.5]) + 0.2 * breath + 0.02 * seconds
    return shift_mm, turn_deg


def lying(isocentre_mm: Array, shift_mm: Array, turn_deg: Array) -> RigidTransform:
    """Return daily from planning, daily being where tissue is in planning axes."""
    about_x, about_y, about_z = (float(value) for value in turn_deg)
    rotation = rotation_z(about_z) @ rotation_y(about_y) @ rotation_x(about_x)
    return RigidTransform.from_parts(
        DAILY, PLANNING, rotation, isocentre_mm + shift_mm - rotation @ isocentre_mm
    )


class MovingPatient:
    """Exposes one patient's pair wherever he lies, on a straight or a hard day."""

    def __init__(self, who: Patient, *, hard: bool) -> None:
        self._who = who
        self._views = nominal_views(who.site, "room")
        bent = bend_field(who, np.random.default_rng([SEED, SITES.index(who.site)])) if hard else None
        self._materials = water_and_bone(moved_anatomy(who.anatomy, bent) if bent else who.anatomy.anatomy)
        self._room = who.fixed_from_planning @ RigidTransform(PLANNING, DAILY, np.eye(4))
        photons = RADIOGRAPHY.photons_per_pixel * (DOSE if hard else 1.0)
        self._physics = replace(RADIOGRAPHY, photons_per_pixel=photons)
        couch = treatment_couch(who) if hard else None
        self._couch_mm = [line_integrals(couch, self._room, view) if couch else 0.0 for view in self._views]

    def pair(self, daily_from_planning: RigidTransform, rng: np.random.Generator) -> tuple[Radiograph, ...]:
        """Return both views, in FIXED."""
        images = []
        for view, couch_mm in zip(self._views, self._couch_mm, strict=True):
            thickness_mm = line_integrals(self._materials, self._room @ daily_from_planning, view) + couch_mm
            values, _ = measure(thickness_mm[:, None], view, KILOVOLTAGE, self._physics, rng)
            images.append(Radiograph(view, values[0], "line integral"))
        return tuple(images)


def followed(who: Patient, *, hard: bool, frames: int) -> Tally:
    """Follow one patient from a match of the set-up pair on."""
    task, moving = plan(who, "room"), MovingPatient(who, hard=hard)
    prepared = prepare_radiographs(task.planning, isocentre_mm=task.isocentre_mm, views=task.views)
    rng = np.random.default_rng([SEED, SITES.index(who.site), int(hard)])
    poses = [lying(who.isocentre_mm, *motion(n * PERIOD_S, n / frames)) for n in range(frames)]
    start = register_radiographs(prepared, moving.pair(poses[0], rng)).planning_from_daily
    if start is None:
        msg = f"the set-up pair of {who.site} has no match to start from"
        raise RuntimeError(msg)
    tracker = StereoBoneTracker(prepared, patient_position="HFS", start=start, target_mm=who.isocentre_mm)
    tally = Tally()
    for number, pose in enumerate(poses, start=1):
        seen = timed(tracker, moving.pair(pose, rng), number, tally)
        if isinstance(seen, TargetSample):
            judge(seen, pose, who, tally)
        else:
            tally.unseen.append(f"{who.site}, frame {number}: {seen.reason}")
    return tally


def timed(tracker: StereoBoneTracker, images: Sequence[Radiograph], number: int, tally: Tally) -> Sighting:
    at = BEGIN + timedelta(seconds=number * PERIOD_S)
    begin, begin_processor = time.perf_counter(), time.process_time()
    seen = tracker.see(images, at=at, number=number)
    processor_s, wall_s = time.process_time() - begin_processor, time.perf_counter() - begin
    if "search" in (seen.words if isinstance(seen, TargetSample) else seen.reason):
        tally.search_s.append(wall_s)
    else:
        tally.wall_s.append(wall_s)
        tally.processor_s.append(processor_s)
    return seen


def judge(seen: TargetSample, daily_from_planning: RigidTransform, who: Patient, tally: Tally) -> None:
    """Compare with where the patient was put, in the room."""
    to_room, target_mm = who.fixed_from_planning.rotation, who.isocentre_mm
    error_mm = seen.position_mm - to_room @ (daily_from_planning.apply(target_mm) - target_mm)
    tally.errors_mm.append(error_mm)
    tally.squares.append(float(error_mm @ np.linalg.solve(seen.covariance_mm2, error_mm)))
    tally.sigmas_mm.append(float(np.sqrt(np.trace(seen.covariance_mm2) / 3.0)))
    if seen.rotation_deg is not None:
        pitch_deg, roll_deg, yaw_deg = (float(value) for value in seen.rotation_deg)
        true = to_room @ daily_from_planning.rotation @ to_room.T
        tally.errors_deg.append(rotation_angle_deg(rotation_iec(yaw_deg, pitch_deg, roll_deg) @ true.T))


HEAD = (
    "day",
    "site",
    "frames",
    "unseen",
    "mean error mm (lat, long, vert)",
    "SD mm (lat, long, vert)",
    "largest mm",
    "95 % below °",
    "stated SD mm",
    "truth in the 95 % ellipsoid",
    "median ms",
    "95 % below ms",
    "Hz",
    "processor ms",
    "search s",
)


def row(day: str, site: str, tally: Tally) -> tuple[str, ...]:
    errors = np.array(tally.errors_mm)
    wall_ms, covered = 1e3 * np.array(tally.wall_s), int((np.array(tally.squares) < CHI2_95_3).sum())
    return (
        day,
        site,
        str(len(errors) + len(tally.unseen)),
        str(len(tally.unseen)),
        ", ".join(f"{value:+.3f}" for value in errors.mean(axis=0)),
        ", ".join(f"{value:.3f}" for value in errors.std(axis=0)),
        f"{np.linalg.norm(errors, axis=1).max():.3f}",
        f"{np.quantile(tally.errors_deg, 0.95):.3f}",
        f"{np.median(tally.sigmas_mm):.3f}",
        f"{covered} of {len(errors)}",
        f"{np.median(wall_ms):.0f}",
        f"{np.quantile(wall_ms, 0.95):.0f}",
        f"{1e3 / np.median(wall_ms):.0f}",
        f"{1e3 * np.median(tally.processor_s):.0f}",
        ", ".join(f"{seconds:.2f}" for seconds in tally.search_s),
    )


DAYS = (("straight", False), ("bent, couch, ¼ dose", True))


@cache
def all_followed(sites: tuple[Site, ...], frames: int) -> dict[tuple[str, str], Tally]:
    """Follow every site on both days."""
    found: dict[tuple[str, str], Tally] = {}
    for site in sites:
        who = patient(site)
        for day, hard in DAYS:
            found[day, site] = followed(who, hard=hard, frames=frames)
            print(" | ".join(row(day, site, found[day, site])), file=sys.stderr, flush=True)
    return found


def bone_table(sites: Sequence[Site] = SITES, frames: int = FRAMES) -> str:
    """Follow every site on both days and return the table as Markdown."""
    tallies = all_followed(tuple(sites), frames)
    unseen = [f"* Unseen: {reason}." for tally in tallies.values() for reason in tally.unseen]
    rows = [row(day, site, tally) for (day, site), tally in tallies.items()]
    title = f"Bone followed in the stereo pair, seed {SEED}; to keep: 10 Hz"
    return "\n\n".join([table(title, HEAD, rows), *(["\n".join(unseen)] if unseen else [])])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=FRAMES, help="of each site and day")
    parser.add_argument("--site", nargs="+", choices=SITES, default=list(SITES))
    arguments = parser.parse_args()
    print(bone_table(arguments.site, arguments.frames))


if __name__ == "__main__":
    main()
