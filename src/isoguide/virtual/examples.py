"""Complete cases with known truth: a virtual patient and the day's cone-beam CT of it."""

from dataclasses import dataclass

import numpy as np

from isoguide.geometry.frames import Array, frozen_array
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.volume import Volume
from isoguide.virtual.daily import simulate_daily
from isoguide.virtual.daily_settings import DailySettings
from isoguide.virtual.displacement import random_displacement
from isoguide.virtual.phantom import Phantom, Site, build_phantom

LARGEST_MM, LARGEST_DEG = 12.0, 3.0
"""What a patient set up to skin marks may be off by, generously."""


@dataclass(frozen=True, slots=True, eq=False)
class ExampleCase:
    """A planning CT, a daily image, and what lies between them.

    Parameters
    ----------
    phantom
        The patient with planning CT, structures and plan isocentre.
    daily
        The day's cone-beam CT, frame DAILY.
    planning_from_daily
        The truth.
    isocentre_mm
        Plan isocentre, planning LPS, (3,).
    machine_isocentre_mm
        Machine isocentre, daily LPS, (3,).
    """

    phantom: Phantom
    daily: Volume
    planning_from_daily: RigidTransform
    isocentre_mm: Array
    machine_isocentre_mm: Array

    def __post_init__(self) -> None:
        for name in ("isocentre_mm", "machine_isocentre_mm"):
            object.__setattr__(self, name, frozen_array(getattr(self, name), (3,), "isocentre"))


def example_case(
    seed: int = 0,
    site: Site = "pelvis",
    *,
    settings: DailySettings | None = None,
    spacing_mm: tuple[float, float, float] = (1.2, 1.2, 2.5),
) -> ExampleCase:
    """Make a case.

    The daily image shows the anatomy behind the planning CT, not the planning CT itself: the noise of one is
    not found in the other, as in reality.

    Parameters
    ----------
    seed
        Of patient, displacement and daily image.
    site
        "pelvis", "thorax", "head-neck" or "abdomen".
    settings
        What the daily image is like; a cone-beam CT when not given.
    spacing_mm
        Voxel size of the planning CT along x, y, z.
    """
    phantom = build_phantom(site, seed, spacing_mm)
    rng = np.random.default_rng([seed, 1])
    # The in-room system's origin is close to the machine isocentre but, as in clinics, not exactly there.
    machine_isocentre_mm = np.round(rng.uniform(-3.0, 3.0, 3), 1)
    planning_from_daily = random_displacement(
        rng,
        largest_mm=LARGEST_MM,
        largest_deg=LARGEST_DEG,
        isocentre_mm=phantom.isocentre_mm,
        machine_isocentre_mm=machine_isocentre_mm,
    )
    daily = simulate_daily(
        phantom.anatomy,
        planning_from_daily,
        isocentre_mm=phantom.isocentre_mm,
        machine_isocentre_mm=machine_isocentre_mm,
        settings=settings or DailySettings.cone_beam(),
        rng=rng,
    )
    return ExampleCase(phantom, daily, planning_from_daily, phantom.isocentre_mm, machine_isocentre_mm)
