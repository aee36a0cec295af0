"""Rooms for tests: perfect ones, images too small to look at, and a match that knows the truth."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from isoguide.geometry.iec61217 import iec_from_lps
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.volume import Volume
from isoguide.registration import Registration, Verdict
from isoguide.treatment import Fraction, FractionLimits, PlannedPosition
from isoguide.virtual import DailySettings, Displacement, Phantom
from isoguide.virtual.clock import VirtualClock
from isoguide.virtual.device import DeviceLink
from isoguide.virtual.faults import Device, Fault, FaultWatch
from isoguide.virtual.patient_day import PatientDay
from isoguide.virtual.room import VirtualRoom
from isoguide.virtual.room_settings import (
    BeamSettings,
    ImagingSettings,
    Latency,
    MachineSettings,
    RoomSettings,
)

MORNING = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
NOT_TURNED = np.eye(3)
COARSE = {"shape": (60, 128, 128), "spacing_mm": (2.0, 2.0, 3.0)}
QUICK = {
    "machine": MachineSettings(gantry_deg_s=60.0),
    "beam": BeamSettings(planned_mu=40.0, on_delay=Latency(), hold_delay=Latency()),
}
"""A gantry so fast, and so little dose, that a treatment is over in seconds."""
PERFECT = RoomSettings.perfect().with_changes(
    imaging=replace(RoomSettings.perfect().imaging, image=DailySettings.exact().with_changes(**COARSE)),
    **QUICK,
)
ORDINARY = RoomSettings(
    imaging=ImagingSettings(image=DailySettings.cone_beam().with_changes(**COARSE)), **QUICK
)
TINY_IMAGE = DailySettings.exact().with_changes(shape=(4, 4, 4), spacing_mm=(30.0, 30.0, 30.0))
"""For tests whose match does not look at the image."""
BLIND = PERFECT.with_changes(imaging=replace(PERFECT.imaging, image=TINY_IMAGE))


def day_in_room(shift_mm, rotation=NOT_TURNED, position="HFS") -> PatientDay:
    """A day on which the patient is shifted and turned about the isocentre in IEC fixed axes."""
    to_lps = iec_from_lps(position).T
    displacement = Displacement(to_lps @ np.array(shift_mm, dtype=float), to_lps @ rotation @ to_lps.T)
    return PatientDay(1, displacement)


def five_mm_too_far_left() -> PatientDay:
    """+x of the patient is his left."""
    return PatientDay(1, Displacement(np.array([5.0, 0.0, 0.0]), NOT_TURNED))


def room_of(patient: Phantom, day: PatientDay, settings: RoomSettings = BLIND, **more) -> VirtualRoom:
    return VirtualRoom(patient, day, settings=settings, started_at=MORNING, **more)


def link(device: Device = "couch", faults: tuple[Fault, ...] = ()) -> DeviceLink:
    return DeviceLink(device, VirtualClock(MORNING), FaultWatch(faults), np.random.default_rng(1))


def fraction_with_true_match(room: VirtualRoom, limits: FractionLimits | None = None) -> Fraction:
    """A fraction whose registration finds exactly what the image shows."""

    def match(_: Volume, initial: RigidTransform) -> Registration:
        return Registration(
            verdict=Verdict.ACCEPT,
            reasons=("the match knows the truth",),
            planning_from_daily=room.planning_from_daily(),
            unconstrained=None,
            degrees_of_freedom=6,
            centre_mm=room.truth.patient.isocentre_mm,
            content="auto",
            uncertainty=None,
            quality=None,
            algorithm="the truth",
            settings={},
        )

    planned = PlannedPosition(
        isocentre_mm=room.truth.patient.isocentre_mm,
        patient_position=room.settings.patient_position,
        set_up_pose=room.settings.planned_pose,
        target_points_mm=room.truth.target_points_mm,
        match=match,
        patient_id=room.truth.patient.name,
    )
    return Fraction(planned, room.room, limits)
