"""Cases with exactly known truth, made from a real CT and from the built-in phantom."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.volume import Volume
from isoguide.virtual import (
    DailySettings,
    build_phantom,
    patient_only,
    random_displacement,
    simulate_daily,
    target_error_mm,
    target_points,
)

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
THORAX = SHARED_DATA / "OnkoDICOM" / "test" / "testdata" / "DICOM-RT-TEST"
CLASSES = ((10.0, 3.0), (30.0, 8.0), (50.0, 15.0))
"""Largest displacement per axis: mm and degrees."""
MACHINE_ISOCENTRE_MM = np.array([3.0, -8.0, 12.0])
DATA_SEED = 20_240
BLUR_MM = (1.6, 2.5)
"""Standard deviations in plane and along the table by which a day may be blurrier than its planning CT."""


@dataclass(frozen=True, eq=False)
class Source:
    """A planning CT, its isocentre, and what the day's images are made from.

    The phantom has an anatomy without noise, so that planning and daily noise are independent. The real CT
    has not: its own noise travels into the day's image, a little in favour of every engine alike.
    """

    name: str
    planning: Volume
    anatomy: Volume
    isocentre_mm: Array

    @property
    def initial(self) -> RigidTransform:
        return RigidTransform.translation(PLANNING, DAILY, self.isocentre_mm - MACHINE_ISOCENTRE_MM)


@dataclass(frozen=True, eq=False)
class Case:
    """A day's image whose place is known."""

    source: Source
    largest_mm: float
    largest_deg: float
    image: str
    daily: Volume
    truth: RigidTransform

    @property
    def kind(self) -> str:
        return f"±{self.largest_mm:g} mm ±{self.largest_deg:g}°"

    def error_mm(self, estimate: RigidTransform) -> float:
        """Mean target error within 60 mm of the isocentre."""
        points = target_points(self.source.isocentre_mm)
        return float(target_error_mm(estimate, self.truth, points).mean())


@cache
def source(name: str) -> Source | None:
    """Load a planning CT by name; None where the public data is absent."""
    if name != "real thorax":
        phantom = build_phantom(site=name.removeprefix("phantom "))  # type: ignore[arg-type]  # names below
        return Source(name, phantom.volume, phantom.anatomy, phantom.isocentre_mm)
    if not THORAX.is_dir():
        return None
    from isoguide.dicom import load_planning_set

    planning_set = load_planning_set(THORAX)
    if planning_set.plan is None:
        return None
    planning = planning_set.image.volume
    return Source(name, planning, patient_only(planning), planning_set.plan.isocentre_mm())


SOURCES = ("real thorax", "phantom pelvis", "phantom thorax", "phantom head-neck")
IMAGES = {"cone beam": DailySettings.cone_beam(), "repeat CT": DailySettings.repeat_ct()}


def make_case(origin: Source, kind: int, number: int) -> Case:
    """Make one case; every second one is a repeat CT, the others are cone-beam images cut to 25 cm."""
    largest_mm, largest_deg = CLASSES[kind]
    rng = np.random.default_rng([DATA_SEED, SOURCES.index(origin.name), kind, number])
    truth = random_displacement(
        rng,
        largest_mm=largest_mm,
        largest_deg=largest_deg,
        isocentre_mm=origin.isocentre_mm,
        machine_isocentre_mm=MACHINE_ISOCENTRE_MM,
    )
    image = "repeat CT" if number % 2 else "cone beam"
    daily = simulate_daily(
        origin.anatomy,
        truth,
        isocentre_mm=origin.isocentre_mm,
        machine_isocentre_mm=MACHINE_ISOCENTRE_MM,
        settings=IMAGES[image].with_changes(remove_couch=False),
        rng=rng,
    )
    return Case(origin, largest_mm, largest_deg, image, daily, truth)


def make_blurred_case(origin: Source, number: int) -> Case:
    """Make a day on which nobody moved and whose image is blurrier than the planning CT."""
    rng = np.random.default_rng([DATA_SEED, SOURCES.index(origin.name), len(CLASSES), number])
    daily = simulate_daily(
        origin.anatomy,
        origin.initial,
        isocentre_mm=origin.isocentre_mm,
        machine_isocentre_mm=MACHINE_ISOCENTRE_MM,
        settings=IMAGES["repeat CT"].with_changes(blur_mm=BLUR_MM, remove_couch=False),
        rng=rng,
    )
    return Case(origin, 0.0, 0.0, "blurred", daily, origin.initial)


def cases(names: tuple[str, ...], per_class: int) -> Iterator[Case]:
    """Yield ``per_class`` cases of each displacement class of each source that is there."""
    for name in names:
        origin = source(name)
        if origin is not None:
            for kind in range(len(CLASSES)):
                for number in range(per_class):
                    yield make_case(origin, kind, number)
