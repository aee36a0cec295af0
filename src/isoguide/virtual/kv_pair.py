"""Pairs of kV radiographs: two tubes fixed in the room, or the kV arm of the gantry at two angles.

A radiograph carries the geometry that the system believes; it was taken with the true one, which is off by
the imaging isocentre's offset and sag.
"""

from typing import Final

import numpy as np

from isoguide.geometry.frames import FIXED, Array
from isoguide.geometry.transforms import rotation_x, rotation_y
from isoguide.geometry.xray_view import XrayView, gantry_view
from isoguide.images.radiograph import Radiograph
from isoguide.projection.detector import measure
from isoguide.projection.imaging_physics import ImagingPhysics
from isoguide.projection.materials import WaterAndBone, water_and_bone
from isoguide.projection.project import project_volumes
from isoguide.virtual.imagers import imaging_offsets_mm
from isoguide.virtual.moved_anatomy import moved_anatomy
from isoguide.virtual.physical_imager import true_views
from isoguide.virtual.room_settings import ImagingSettings, StereoSettings
from isoguide.virtual.seeds_in_beam import gold_mm, without_seeds
from isoguide.virtual.truth import RoomTruth

KILOVOLTAGE: Final = 120.0
"""Of both kinds of pair; an assumption."""


def stereo_views(settings: StereoSettings) -> tuple[XrayView, XrayView]:
    """Return the nominal geometry of the two room-mounted tubes, in FIXED: columns grow along gantry +x."""
    first, second = (_tube_view(settings, angle) for angle in settings.source_angles_deg)
    return first, second


def _tube_view(settings: StereoSettings, angle_deg: float) -> XrayView:
    # The tilt turns the tube about the tangent of the circle, before it is placed on the circle.
    axes = rotation_y(angle_deg) @ rotation_x(-settings.tilt_deg)
    towards_source = axes[:, 2]
    beyond_mm = settings.source_detector_mm - settings.source_axis_mm
    return XrayView(
        FIXED,
        settings.source_axis_mm * towards_source,
        -beyond_mm * towards_source,
        axes[:, 0],
        -axes[:, 1],
        (settings.pixel_spacing_mm, settings.pixel_spacing_mm),
        settings.size,
    )


def arm_views(settings: ImagingSettings, source_deg: tuple[float, float]) -> tuple[XrayView, XrayView]:
    """Return the nominal geometry of the gantry's kV arm with its source at two angles, in FIXED.

    Panel and distances are those of the scan protocol, with the panel in the middle and read out in small
    square pixels.
    """
    protocol, pixel_mm = settings.protocol, settings.radiograph_pixel_mm
    columns, rows = (
        round(count * mm / pixel_mm)
        for count, mm in zip(protocol.size, protocol.pixel_spacing_mm, strict=True)
    )
    first, second = (
        gantry_view(
            angle,
            sad_mm=protocol.sad_mm,
            sid_mm=protocol.sid_mm,
            size=(columns, rows),
            pixel_spacing_mm=(pixel_mm, pixel_mm),
        )
        for angle in source_deg
    )
    return first, second


def stereo_pair(
    truth: RoomTruth, settings: StereoSettings, seconds: float, rng: np.random.Generator
) -> tuple[Radiograph, Radiograph]:
    """Expose the room-mounted pair at a second of the room.

    Returns
    -------
    tuple
        Two radiographs of line integrals with their nominal views.
    """
    offsets_mm = np.tile(np.array(settings.isocentre_offset_mm), (2, 1))
    return _exposed(truth, stereo_views(settings), offsets_mm, (seconds, seconds), settings.physics, rng)


def arm_pair(
    truth: RoomTruth,
    settings: ImagingSettings,
    source_deg: tuple[float, float],
    seconds: tuple[float, float],
    rng: np.random.Generator,
) -> tuple[Radiograph, Radiograph]:
    """Expose the kV arm at two angles, at two seconds of the room: the gantry turns in between.

    Returns
    -------
    tuple
        Two radiographs of line integrals with their nominal views.
    """
    offsets_mm = imaging_offsets_mm(settings, np.array(source_deg))
    nominal = arm_views(settings, source_deg)
    return _exposed(truth, nominal, offsets_mm, seconds, settings.radiography, rng)


def _exposed(
    truth: RoomTruth,
    nominal: tuple[XrayView, XrayView],
    offsets_mm: Array,
    seconds: tuple[float, float],
    physics: ImagingPhysics,
    rng: np.random.Generator,
) -> tuple[Radiograph, Radiograph]:
    still = truth.day.is_still or seconds[0] == seconds[1]
    states = [_state(truth, at_s) for at_s in (seconds[:1] if still else seconds)]
    radiographs = []
    for n, view in enumerate(true_views(nominal, offsets_mm)):
        seen = view.in_frame(truth.fixed_from_planning(seconds[n]).inverse())
        materials, seeds_mm = states[min(n, len(states) - 1)]
        thickness_mm = project_volumes(materials.fractions, materials.grid, [seen])
        if seeds_mm:
            gold = gold_mm(seen, seeds_mm)[None, None]
            thickness_mm = np.concatenate([thickness_mm, gold])
        values, _ = measure(thickness_mm, view, KILOVOLTAGE, physics, rng)
        radiographs.append(Radiograph(nominal[n], values[0], "line integral"))
    return radiographs[0], radiographs[1]


def _state(truth: RoomTruth, seconds: float) -> tuple[WaterAndBone, list[Array]]:
    """Return tissue without seeds at a second of the room, and the ends (2, 3) of each seed, planning LPS."""
    moment = truth.day.moment(seconds)
    seeds_mm = [moment.moved(seed.ends_mm) for seed in truth.patient.seeds]
    return water_and_bone(without_seeds(moved_anatomy(truth.patient, moment), seeds_mm)), seeds_mm
