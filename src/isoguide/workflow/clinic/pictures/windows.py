"""Grey values to choose from: customary ones for the planning CT, and alike ones for the day's image."""

from dataclasses import dataclass
from typing import Final

from isoguide.workflow.clinic.pictures.day_scene import DayScene
from isoguide.workflow.pictures import Window, daily_window
from isoguide.workflow.planes import field_of_view_mm, planes_through, sample, sample_daily

PIXELS: Final = 96
PRESETS: Final = (
    ("soft tissue", Window(-160.0, 240.0)),
    ("wide", Window(-200.0, 400.0)),
    ("bone", Window(-450.0, 1050.0)),
    ("lung", Window(-1350.0, 150.0)),
    ("brain", Window(0.0, 80.0)),
)
"""Lowest and highest Hounsfield unit of each, as radiology sets them (width 400 at 40, 1500 at 300, ...)."""

ULTRASOUND: Final = (
    ("all echoes", Window(0.0, 255.0)),
    ("soft tissue", Window(0.0, 170.0)),
    ("weak echoes", Window(0.0, 90.0)),
    ("strong echoes", Window(90.0, 255.0)),
)
"""Darkest and brightest brightness of each, of 0 to 255."""


@dataclass(frozen=True, slots=True)
class NamedWindow:
    """Grey values under a name."""

    name: str
    window: Window


def planning_windows() -> tuple[NamedWindow, ...]:
    """Return those for a planning CT."""
    return tuple(NamedWindow(name, window) for name, window in PRESETS)


def ultrasound_windows() -> tuple[NamedWindow, ...]:
    """Return those for ultrasound, of the day and of the simulation alike."""
    return tuple(NamedWindow(name, window) for name, window in ULTRASOUND)


def day_windows(day: DayScene) -> tuple[NamedWindow, ...]:
    """Return those for a volume of the day in its own values: cone-beam numbers are no Hounsfield units.

    They do not rest on the match: quantiles do not need the images to be aligned.
    """
    volume, isocentre_mm = day.plan.planning.volume, day.plan.planning.isocentre.xyz_mm
    daily = day.image.volume
    field_mm = field_of_view_mm(volume, isocentre_mm, daily.grid.extent_mm)
    planes = planes_through(isocentre_mm, field_mm=field_mm, pixels=PIXELS)
    first = [sample(volume, plane) for plane in planes]
    second = [sample_daily(daily, day.uncorrected, plane) for plane in planes]
    same_scale = volume.is_hounsfield and daily.is_hounsfield
    return tuple(
        NamedWindow(name, daily_window(window, first, second, same_scale=same_scale))
        for name, window in PRESETS
    )
