"""The virtual treatment room: a linac, a couch and an imager around one virtual patient on one day."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from zlib import crc32

import numpy as np

from isoguide.errors import InputError
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.radiograph import Radiograph
from isoguide.plan import Plan
from isoguide.treatment.ports import Room
from isoguide.virtual.beam_drive import BeamDrive
from isoguide.virtual.clock import VirtualClock
from isoguide.virtual.console import Console
from isoguide.virtual.couch_drive import CouchDrive
from isoguide.virtual.device import DeviceLink
from isoguide.virtual.faults import Device, Fault, FaultWatch, faults_of_fraction
from isoguide.virtual.imagers import DayImager, ImageDomainModel, ImageModel
from isoguide.virtual.kv_pair import arm_pair, stereo_pair
from isoguide.virtual.machine import Machine, plan_delivery
from isoguide.virtual.pair_models import ArmModel, StereoModel
from isoguide.virtual.patient_day import PatientDay
from isoguide.virtual.phantom import Phantom, Site, build_phantom
from isoguide.virtual.physical_imager import PhysicalModel
from isoguide.virtual.room_settings import RoomSettings
from isoguide.virtual.truth import RoomTruth
from isoguide.virtual.ultrasound_model import UltrasoundModel

STRANGER_MM = (3.0, 3.0, 4.0)
"""Voxels of the other patient whose image is taken for this one's: he is built only to be recognised."""
STRANGER_SEED = 987_654
"""Far from the seeds that anybody uses, so that the other patient is another."""


class VirtualRoom:
    """A treatment room that exists only in software, behind the ports that a real one has.

    At second 0 the patient lies on the couch, displaced as ``day`` says, with the couch at
    ``settings.planned_pose``. Everything after that happens through :attr:`room`; :attr:`truth` knows what
    really happened.

    Parameters
    ----------
    patient
        Who lies there. The imager knows him by his ``name``: give it to the plan as the patient's ID.
    day
        How he lies there and what moves.
    settings
        What the room is like.
    started_at
        Second 0, aware: time then passes only when a device works. Or the clock of the room, whose second 0
        is now.
    faults
        What goes wrong; those of other fractions than ``day.number`` are left out.
    seed
        Of delays, noise and UIDs, together with the patient's name and the fraction: the same three make the
        same fraction, bit for bit.
    plan
        What is delivered; one arc of ``settings.beam.planned_mu`` when not given.

    Attributes
    ----------
    room
        The four ports.
    truth
        Where everything really is.
    console
        Gives match and decision the time that they take.
    clock, couch, beam, machine
        The devices themselves, for those who may look behind the ports: tests, reports, training.
    monitor_link
        How what watches the target hangs in the room: :func:`isoguide.virtual.motion_watch.motion_watch`.

    Raises
    ------
    InputError
        If ``started_at`` has no time zone, or the plan cannot be delivered.
    """

    def __init__(
        self,
        patient: Phantom,
        day: PatientDay,
        *,
        settings: RoomSettings,
        started_at: datetime | VirtualClock,
        faults: Sequence[Fault] = (),
        seed: int = 0,
        plan: Plan | None = None,
    ) -> None:
        self.settings = replace(settings, imaging=settings.imaging.for_site(patient.site))
        self.clock = started_at if isinstance(started_at, VirtualClock) else VirtualClock(started_at)
        self.machine = Machine(settings.machine)
        root = np.random.default_rng([seed, day.number, crc32(patient.name.encode())])
        watch = FaultWatch(faults_of_fraction(faults, day.number))

        def link(device: Device) -> DeviceLink:
            return DeviceLink(device, self.clock, watch, root.spawn(1)[0])

        self.couch = CouchDrive(link("couch"), settings.couch, settings.planned_pose)
        delivery = plan_delivery(plan, settings.beam, settings.machine)
        self.beam = BeamDrive(link("beam"), settings.beam, delivery, self.machine)
        self.truth = RoomTruth(patient, day, self.couch, self.clock, settings.patient_position)
        self._model = self._image_model(self.truth)
        imager = DayImager(
            link("imager"),
            self.settings.imaging,
            machine=self.machine,
            couch=self.couch,
            patient_position=settings.patient_position,
            model=self._model,
            stranger=self._stranger,
        )
        self.console = Console(self.clock, settings.console)
        self._rng = root.spawn(1)[0]
        self.monitor_link = link("monitor")
        self.room = Room(imager, self.couch, self.beam, self.clock)

    def planning_from_daily(self, seconds: float | None = None) -> RigidTransform:
        """Return planning from daily as an image taken at a second of the room (now) shows the patient.

        This is what a registration has to find; the imager's own errors are in it.
        """
        at_s = self.clock.seconds if seconds is None else seconds
        return self._model.planning_from_daily(at_s)

    @property
    def ultrasound(self) -> UltrasoundModel:
        """The probe that lies on the patient.

        Raises
        ------
        InputError
            If the room images by something else.
        """
        if isinstance(self._model, UltrasoundModel):
            return self._model
        msg = (
            f"no ultrasound probe lies on the patient of a room that images by '{self._model.name}': image "
            "by ultrasound, or watch the target by another device"
        )
        raise InputError(msg)

    def stereo_pair(self) -> tuple[Radiograph, Radiograph]:
        """Expose the two room-mounted tubes now; line integrals with their nominal geometry."""
        return stereo_pair(self.truth, self.settings.stereo, self.clock.seconds, self._rng)

    def arm_pair(self, source_deg: tuple[float, float] = (0.0, 90.0)) -> tuple[Radiograph, Radiograph]:
        """Turn the kV arm to two angles and expose at each; line integrals with their nominal geometry."""
        seconds = []
        for angle_deg in source_deg:
            self.clock.wait(self.machine.turn_kv_source_to(angle_deg))
            seconds.append(self.clock.seconds)
        return arm_pair(self.truth, self.settings.imaging, source_deg, (seconds[0], seconds[1]), self._rng)

    def _image_model(self, truth: RoomTruth) -> ImageModel:
        imaging = self.settings.imaging
        if imaging.model == "stereo pair":
            return StereoModel(truth, imaging, self.settings.stereo)
        if imaging.model == "arm pair":
            return ArmModel(truth, imaging)
        if imaging.model == "ultrasound":
            return UltrasoundModel(truth, imaging, self.settings.ultrasound)
        return (PhysicalModel if imaging.model == "physical" else ImageDomainModel)(truth, imaging)

    def _stranger(self) -> ImageModel:
        """Another patient of the same site, lying as this one does."""
        patient, day = self.truth.patient, self.truth.day
        other = _another_patient(patient.site or "pelvis")
        alone = PatientDay(day.number, day.displacement)
        return self._image_model(
            RoomTruth(other, alone, self.couch, self.clock, self.settings.patient_position)
        )


@cache
def _another_patient(site: Site) -> Phantom:
    return build_phantom(site, STRANGER_SEED, STRANGER_MM)
