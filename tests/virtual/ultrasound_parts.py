"""Ultrasound that is quick enough for tests: few lines, large voxels."""

from dataclasses import replace

from room_parts import BLIND

from isoguide.virtual.probe_tracking import NO_ERRORS
from isoguide.virtual.room_settings import RoomSettings
from isoguide.virtual.ultrasound_settings import ROCKED_PROBE, UltrasoundRoomSettings

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
