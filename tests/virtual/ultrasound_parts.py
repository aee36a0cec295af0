"""Ultrasound that is quick enough for tests: few lines, large voxels."""

from dataclasses import replace

import numpy as np
from room_parts import BLIND

from isoguide.geometry.frames import DAILY
from isoguide.geometry.grid import Grid
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.registration import Registration, Verdict
from isoguide.virtual.probe_tracking import NO_ERRORS
from isoguide.virtual.room_settings import RoomSettings
from isoguide.virtual.ultrasound_settings import ROCKED_PROBE, UltrasoundRoomSettings
from isoguide.virtual.ultrasound_watch import ProbeWatch

QUICK_SCAN = UltrasoundRoomSettings(
    probe=replace(ROCKED_PROBE, lines=64, pixel_mm=1.0),
    sweep_deg=26.0,
    frames=25,
    voxel_mm=1.5,
    placed_mm=0.0,
    placed_deg=0.0,
    press_mm=0.0,
    at_simulation=NO_ERRORS,
    in_room=NO_ERRORS,
    locate_deg=26.0,
    locate_frames=25,
)
"""Without any error."""


def by_ultrasound(settings: UltrasoundRoomSettings = QUICK_SCAN, room: RoomSettings = BLIND) -> RoomSettings:
    """A room that images by ultrasound."""
    return room.with_changes(imaging=replace(room.imaging, model="ultrasound"), ultrasound=settings)


def nothing_to_look_at(*_asked: object) -> UltrasoundVolume:
    """A scan for tests whose match does not look at it."""
    grid = Grid.axial(DAILY, (2, 2, 2), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    seen = np.ones((2, 2, 2), dtype=bool)
    return UltrasoundVolume(grid, np.ones((2, 2, 2), dtype=np.uint8), seen, ~seen, "nothing to look at")


def true_match(room, verdict=Verdict.ACCEPT):
    """A match that finds exactly what a scan now would show."""

    def match(_content, _uncorrected) -> Registration:
        return Registration(
            verdict=verdict,
            reasons=("the match knows the truth",),
            planning_from_daily=room.planning_from_daily(),
            unconstrained=None,
            degrees_of_freedom=6,
            centre_mm=room.truth.patient.isocentre_mm,
            content="ultrasound",
            uncertainty=None,
            quality=None,
            algorithm="the truth",
            settings={},
        )

    return match


def watch_of(room, settings=QUICK_SCAN, verdict=Verdict.ACCEPT) -> ProbeWatch:
    """What watches, with a match before the beam that knows the truth."""
    return ProbeWatch(
        room.monitor_link,
        settings,
        model=room.ultrasound,
        truth=room.truth,
        match=true_match(room, verdict),
        source="ultrasound",
    )
