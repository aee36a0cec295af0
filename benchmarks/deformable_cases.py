"""Virtual patients whose tissue has moved on the day by a field that is known.

A thorax that breathes, planned at the mean position; a pelvis whose bladder and rectum are filled otherwise;
a neck that is bent and whose tumour, 45 HU above muscle by contrast medium, shrinks over the course while the
skin comes closer. The day's image is a
CT or a cone-beam CT with all that comes with one (25 cm field of view, other grey values, noise, streaks).
Planning CT and day have noise of their own: both show the anatomy behind them, not each other.

A made case is kept under the system's folder for temporary files and made again when it is not there.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.geometry.frames import DAILY, PLANNING, Array, Frame
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.displacement_field import DisplacementField
from isoguide.images.mask import structure_mask
from isoguide.images.structure import Contour, Structure
from isoguide.images.volume import Volume
from isoguide.virtual import (
    Breathing,
    CourseSettings,
    DailySettings,
    NeckFlexion,
    OrganChanges,
    Phantom,
    Site,
    breathing_phases,
    build_phantom,
    draw_days,
    simulate_daily,
)

Where = Literal["thorax", "pelvis", "neck"]
Image = Literal["CT", "cone beam"]
Size = Literal["full", "small"]

VERSION: Final = "3"
SEED: Final = 52_000
MACHINE_ISOCENTRE_MM: Final = np.array([1.5, -2.0, 2.5])
DAYS: Final = 6
"""Days of each patient: the tumour of the neck shrinks from the first to the last, bladder and rectum are
farthest from the planning CT on the first."""
SITES: Final[dict[Where, Site]] = {"thorax": "thorax", "pelvis": "pelvis", "neck": "head-neck"}
IMAGES: Final[tuple[Image, ...]] = ("CT", "cone beam")
TARGETS: Final[dict[Where, str]] = {"thorax": "GTV", "pelvis": "Prostate", "neck": "GTV"}
ORGANS: Final[dict[Where, tuple[str, ...]]] = {
    "thorax": ("Lung_L", "Lung_R", "Heart", "Esophagus"),
    "pelvis": ("Bladder", "Rectum", "SeminalVes", "Femur_Head_L", "Femur_Head_R"),
    "neck": ("Parotid_L", "Parotid_R", "Brainstem", "SpinalCord"),
}
CHANGES: Final[dict[Where, CourseSettings]] = {
    "thorax": CourseSettings(),
    "pelvis": CourseSettings(organs=OrganChanges(bladder_percent=60.0, rectum_percent=50.0)),
    "neck": CourseSettings(
        organs=OrganChanges(shrinkage_percent=45.0, weight_loss_mm=3.0), neck=NeckFlexion()
    ),
}
BREATHING: Final = Breathing(peak_to_peak_mm=20.0)
PHASES: Final = 10
PHASE_OF_DAY: Final = (0, 5, 8, 2, 1, 4)
"""Of ten phases from the end of breathing in, so that the first days are the farthest from the mean."""
ENHANCED_HU: Final = 45.0
POINTS_PER_ORGAN: Final = 1500
BODY_STEP_MM: Final = 9.0


class MovesPoints(Protocol):
    """Any field: ours, the truth, or a peer's."""

    def moved(self, points_mm: Array) -> Array:
        """Return where tissue of positions (n, 3) is now, both planning LPS."""
        ...


@dataclass(frozen=True, eq=False)
class Case:
    """A planning CT, a day's image and the truth between them.

    Tissue at x of the planning CT has moved to ``true_field.moved(x)`` and is seen on the day at
    ``planning_from_daily.inverse().apply(true_field.moved(x))``. Points are planning LPS (n, 3), only such as
    the day's image shows: in the target, in each organ, and all over the body.
    """

    where: Where
    image: Image
    day: int
    size: Size
    patient: int
    planning: Volume
    daily: Volume
    planning_from_daily: RigidTransform
    true_field: DisplacementField
    structures: tuple[Structure, ...]
    target_mm: Array
    organs_mm: Mapping[str, Array]
    body_mm: Array

    @property
    def name(self) -> str:
        """What it is, in words."""
        return f"{self.where} {self.patient}, day {self.day}, {self.image}"

    @property
    def target_name(self) -> str:
        """Of the structure in ``structures``."""
        return TARGETS[self.where]

    @property
    def all_organs_mm(self) -> Array:
        """The points of all organs, (n, 3)."""
        return np.concatenate(list(self.organs_mm.values()))

    def structure(self, name: str) -> Structure:
        """Return the structure with this name."""
        return next(structure for structure in self.structures if structure.name == name)

    def errors_mm(self, field: MovesPoints | None, points_mm: Array) -> Array:
        """How far tissue is put from where it is, (n,); None is what the rigid match alone leaves."""
        found = points_mm if field is None else field.moved(points_mm)
        return np.asarray(np.linalg.norm(found - self.true_field.moved(points_mm), axis=1))


@cache
def phantom_of(where: Where, size: Size, number: int) -> Phantom:
    """Build a patient; the same number is the same one."""
    built = build_phantom(SITES[where], number, (1.2, 1.2, 2.5) if size == "full" else (2.0, 2.0, 3.0))
    return enhanced(built) if where == "neck" else built


def enhanced(phantom: Phantom) -> Phantom:
    """Let the tumour take contrast medium: without it nobody tells it from the muscle around."""
    tumour = structure_mask(phantom.structure(TARGETS["neck"]), phantom.anatomy.grid).astype(np.float32)
    added_hu = np.float32(ENHANCED_HU) * ndimage.gaussian_filter(tumour, 0.7)
    anatomy, scan = phantom.anatomy, phantom.volume
    values = np.rint(scan.values + added_hu).astype(np.int16)
    return replace(
        phantom,
        anatomy=replace(anatomy, values=anatomy.values + added_hu),
        volume=replace(scan, values=values),
    )


@cache
def days_of(where: Where, size: Size, number: int) -> tuple[tuple[RigidTransform, DisplacementField], ...]:
    """Return how the patient lies and how his tissue has moved, for each of :data:`DAYS` days."""
    phantom = phantom_of(where, size, number)
    rng = np.random.default_rng([SEED, tuple(SITES).index(where), number])
    days = draw_days(phantom, CHANGES[where], 2 * DAYS if where == "pelvis" else DAYS, rng)
    if where == "pelvis":
        days = tuple(sorted(days, key=lambda day: -_change_mm(phantom, day.anatomy)))[:DAYS]
    phases = breathing_phases(phantom, BREATHING, PHASES) if where == "thorax" else ()
    drawn = []
    for number_of_day, day in enumerate(days):
        lies = day.displacement.planning_from_daily(
            isocentre_mm=phantom.isocentre_mm, machine_isocentre_mm=MACHINE_ISOCENTRE_MM
        )
        field = phases[PHASE_OF_DAY[number_of_day]] if phases else day.anatomy
        if field is None:
            raise AssertionError(where)
        drawn.append((lies, field))
    return tuple(drawn)


def _change_mm(phantom: Phantom, field: DisplacementField | None) -> float:
    """How far prostate, bladder and rectum have moved in the mean: the farthest days are taken first."""
    if field is None:
        return 0.0
    points = [phantom.structure(name).points_mm for name in ("Prostate", "Bladder", "Rectum")]
    return sum(float(np.linalg.norm(field.moved(one) - one, axis=1).mean()) for one in points)


def daily_settings(where: Where, image: Image, size: Size) -> DailySettings:
    """Return what the day's image is like: 128 x 256 x 256 voxels, or fewer and larger ones."""
    whole = image == "CT"
    in_plane_mm = (1.2 if where == "neck" else 1.5) if whole else 1.0
    along_mm = 2.4 if whole else 2.0
    settings = DailySettings.repeat_ct() if whole else DailySettings.cone_beam()
    if size == "small":
        in_plane_mm, along_mm = 2.0 * in_plane_mm, 1.5 * along_mm
    return settings.with_changes(
        shape=(128, 256, 256) if size == "full" else (85, 128, 128),
        spacing_mm=(in_plane_mm, in_plane_mm, along_mm),
    )


def case(where: Where, image: Image, day: int = 1, size: Size = "full", number: int = 0) -> Case:
    """Make one case, or read it back when it was made before.

    Parameters
    ----------
    where
        "thorax", "pelvis" or "neck".
    image
        What the day's image is: "CT" or "cone beam".
    day
        1 to :data:`DAYS`.
    size
        "full" is as large as in a clinic; "small" has fewer and larger voxels, for quick work.
    number
        Of the patient.
    """
    key = f"{where}-{image.replace(' ', '-')}-{size}-{number}-{day}"
    path = Path(tempfile.gettempdir()) / f"isoguide-deformable-cases-{VERSION}" / f"{key}.npz"
    if not path.exists():
        made = _made(where, image, day, size, number)
        path.parent.mkdir(exist_ok=True)
        begun = path.with_suffix(f".{os.getpid()}.npz")
        np.savez(begun, **made)
        begun.rename(path)
    with np.load(path) as kept:
        arrays = dict(kept)
    truth = _field_of(arrays)
    return Case(
        where=where,
        image=image,
        day=day,
        size=size,
        patient=number,
        planning=_volume_of(arrays, "planning", PLANNING, image="CT"),
        daily=_volume_of(arrays, "daily", DAILY, image=image),
        planning_from_daily=RigidTransform(PLANNING, DAILY, arrays["planning_from_daily"]),
        true_field=truth,
        structures=_structures_of(arrays),
        target_mm=arrays["points target"],
        organs_mm={name: arrays[f"points {name}"] for name in ORGANS[where] if f"points {name}" in arrays},
        body_mm=arrays["points body"],
    )


def _made(where: Where, image: Image, day: int, size: Size, number: int) -> dict[str, Any]:
    phantom = phantom_of(where, size, number)
    planning_from_daily, field = days_of(where, size, number)[day - 1]
    settings = daily_settings(where, image, size)
    rng = np.random.default_rng([SEED, tuple(SITES).index(where), number, day, IMAGES.index(image)])
    daily = simulate_daily(
        phantom.anatomy,
        planning_from_daily,
        isocentre_mm=phantom.isocentre_mm,
        machine_isocentre_mm=MACHINE_ISOCENTRE_MM,
        settings=settings,
        rng=rng,
        field=field,
    )
    arrays: dict[str, Any] = {"planning_from_daily": planning_from_daily.matrix, "field": field.vectors_mm}
    for name, grid in (("planning", phantom.volume.grid), ("daily", daily.grid), ("field", field.grid)):
        arrays |= {f"{name} spacing": grid.spacing_mm, f"{name} origin": grid.origin_mm}
    arrays |= {"planning": phantom.volume.values, "daily": daily.values}
    arrays |= _structure_arrays(phantom.structures)
    sight = _Sight(daily, settings.fill_value, planning_from_daily, field)
    return arrays | _points(where, phantom, sight, rng)


@dataclass(frozen=True, eq=False)
class _Sight:
    """What the day's image shows of the planning CT's tissue."""

    daily: Volume
    fill_value: int
    planning_from_daily: RigidTransform
    field: DisplacementField

    def shown(self, points_mm: Array) -> Array:
        """Return those of the points (n, 3) whose tissue is seen on the day."""
        grid = self.daily.grid
        ijk = np.rint(grid.index(self.planning_from_daily.inverse().apply(self.field.moved(points_mm))))
        last = np.array(grid.shape[::-1]) - 1.0
        inside = np.all((ijk >= 0.0) & (ijk <= last), axis=1)
        i, j, k = np.clip(ijk, 0.0, last).astype(int).T
        shown: Array = points_mm[inside & (self.daily.values[k, j, i] != self.fill_value)]
        return shown


def _points(where: Where, phantom: Phantom, sight: _Sight, rng: np.random.Generator) -> dict[str, Array]:
    grid = phantom.volume.grid
    points = {}
    for name in (TARGETS[where], *ORGANS[where]):
        inside = grid.xyz(np.argwhere(structure_mask(phantom.structure(name), grid))[:, ::-1].astype(float))
        chosen = rng.choice(len(inside), min(len(inside), POINTS_PER_ORGAN), replace=False)
        seen = sight.shown(inside[np.sort(chosen)])
        if len(seen):
            points[f"points {'target' if name == TARGETS[where] else name}"] = seen
    body = structure_mask(phantom.structure("BODY"), grid)
    k, j, i = (slice(None, None, max(1, round(BODY_STEP_MM / mm))) for mm in grid.spacing_mm[::-1])
    sparse = np.zeros_like(body)
    sparse[k, j, i] = body[k, j, i]
    points["points body"] = sight.shown(grid.xyz(np.argwhere(sparse)[:, ::-1].astype(float)))
    return points


def _structure_arrays(structures: tuple[Structure, ...]) -> dict[str, Any]:
    contours = [(number, one) for number, s in enumerate(structures) for one in s.contours]
    return {
        "structure names": np.array([s.name for s in structures]),
        "structure types": np.array([s.interpreted_type for s in structures]),
        "contour structure": np.array([number for number, _ in contours]),
        "contour kind": np.array([one.kind for _, one in contours]),
        "contour length": np.array([len(one.xyz_mm) for _, one in contours]),
        "contour xyz": np.concatenate([one.xyz_mm for _, one in contours]),
    }


def _structures_of(arrays: Mapping[str, NDArray[Any]]) -> tuple[Structure, ...]:
    pieces = np.split(arrays["contour xyz"], np.cumsum(arrays["contour length"])[:-1])
    of, kinds = arrays["contour structure"], arrays["contour kind"]
    return tuple(
        Structure(
            str(name),
            number + 1,
            PLANNING,
            tuple(Contour(str(kinds[n]), pieces[n]) for n in np.flatnonzero(of == number)),  # type: ignore[arg-type]  # as it was kept
            str(kind),
        )
        for number, (name, kind) in enumerate(
            zip(arrays["structure names"], arrays["structure types"], strict=True)
        )
    )


def _grid_of(arrays: Mapping[str, NDArray[Any]], name: str, frame: Frame) -> Grid:
    shape = arrays[name].shape
    return Grid(
        frame,
        (shape[0], shape[1], shape[2]),
        arrays[f"{name} spacing"],
        arrays[f"{name} origin"],
        np.eye(3),
    )


def _volume_of(arrays: Mapping[str, NDArray[Any]], name: str, frame: Frame, *, image: Image) -> Volume:
    return Volume(_grid_of(arrays, name, frame), arrays[name], image == "CT", f"virtual {name} image")


def _field_of(arrays: Mapping[str, NDArray[Any]]) -> DisplacementField:
    return DisplacementField(_grid_of(arrays, "field", PLANNING), arrays["field"])


def cases(size: Size, patients: int, days: int) -> Iterator[Case]:
    """Yield the days of each site's patients, as CT and as cone-beam CT."""
    for where in SITES:
        for number in range(patients):
            for day in range(1, days + 1):
                for image in IMAGES:
                    # The neck's tumour has shrunk most on the last day.
                    yield case(where, image, DAYS + 1 - day if where == "neck" else day, size, number)


def main() -> None:
    """Make some cases and say what they are like."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=("full", "small"), default="small")
    parser.add_argument("--patients", type=int, default=1)
    parser.add_argument("--days", type=int, default=1)
    asked = parser.parse_args()
    begin = time.perf_counter()
    for one in cases(asked.size, asked.patients, asked.days):
        print(f"{one.name}: {one.planning.grid.shape}, {one.daily.grid.shape}", end=" ")
        for name, points in (("target", one.target_mm), *one.organs_mm.items(), ("body", one.body_mm)):
            errors_mm = one.errors_mm(None, points)
            print(f"{name} {errors_mm.mean():.1f} ({np.quantile(errors_mm, 0.95):.1f}),", end=" ")
        print(f"{time.perf_counter() - begin:.1f} s", flush=True)


if __name__ == "__main__":
    main()
