"""The virtual treatment room as a room that a console is connected to: it works in real time.

It is the room that the demonstration treats in, with the same patient, who is built anew from his site and
seed: that takes some seconds, and meanwhile the room says that it is being prepared.
"""

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.course import SimulationRecord
from isoguide.course.monitoring import Monitoring
from isoguide.dicom import PatientIdentity, content_hash, read_plan
from isoguide.errors import InputError, LinkLostError, MismatchError
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.motion.gating import TargetWatch
from isoguide.motion.sample import TargetSample
from isoguide.treatment import FractionMemory, State
from isoguide.treatment.ports import CouchReading, DayImage
from isoguide.virtual.clock import DayClock, VirtualClock
from isoguide.virtual.motion_watch import motion_watch
from isoguide.virtual.patient_day import PatientDay
from isoguide.virtual.room import VirtualRoom
from isoguide.virtual.room_settings import RoomSettings
from isoguide.workflow.clinic.connected_room import Preparation, RoomLook
from isoguide.workflow.clinic.day_export import said_of_export, write_day_image
from isoguide.workflow.clinic.day_image import ImageSaid
from isoguide.workflow.clinic.desk import Desk
from isoguide.workflow.clinic.station_devices import StationBeam, StationWatch
from isoguide.workflow.clinic.station_file import StationFile
from isoguide.workflow.scenario_settings import room_settings, scenario_faults
from isoguide.workflow.simulate import drawn_days
from isoguide.workflow.virtual_patient import VirtualPatient, virtual_patient

SOURCE: Final = "simulated: the truth of the virtual room"
WORDS: Final = "exact, as only a simulation knows it"
LOOK_S: Final = 0.1
"""Who only looks waits this long for a room that is busy, and then gets the look before."""
TARGET_EVERY: Final = timedelta(seconds=0.1)
"""So often a look asks for the target: where a patient breathes that takes some milliseconds, and meanwhile
the beam has to be watched."""
WHOLE_SECOND_S: Final = 1.0
"""Files of images state whole seconds, rounded down: an exposure that follows a step by less would seem to be
of before it."""


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """What is the same for every fraction: the patient with the registered plan, and his days."""

    patient: VirtualPatient
    days: tuple[PatientDay, ...]
    identity: PatientIdentity


class VirtualStation:
    """A virtual room behind :class:`isoguide.workflow.clinic.connected_room.ConnectedRoom`.

    It may be used by any number of threads: one lock is around the room, and it is let go while a device
    works.

    Parameters
    ----------
    file
        Who lies here on which days.
    desk
        Has the course in its records and the plan in its image store.
    clock
        That goes on from day to day; :class:`isoguide.virtual.clock.RealTimeClock` for people.
    """

    name: Final = "virtual room"

    def __init__(self, file: StationFile, desk: Desk, clock: VirtualClock) -> None:
        self.file, self.clock = file, clock
        self._desk = desk
        self._lock = threading.Lock()
        self._prepared: _Prepared | None = None
        self._room: VirtualRoom | None = None
        self._has_lost_count = False
        self._number = 0
        self._look = RoomLook(clock.now())
        self._samples = itertools.count(1)
        self._is_settled = threading.Event()
        self.preparation = Preparation(0.0, "the virtual room is being prepared")
        self.beam = StationBeam(self)

    @property
    def image_said(self) -> ImageSaid:
        """What its exports do not say."""
        return said_of_export(has_radiographs=self.file.scenario.room.imaging.model.endswith("pair"))

    @property
    def watches_target(self) -> bool:
        """A simulation always knows where the target is."""
        return True

    def start(self) -> None:
        """Prepare the room in the background."""
        threading.Thread(target=self._prepare_or_say_why, name="isoguide-room", daemon=True).start()

    def wait_ready(self, timeout_s: float | None = None) -> bool:
        """Wait until it is prepared; False when it is not in time, or cannot be."""
        return self._is_settled.wait(timeout_s) and self.preparation.is_ready

    def prepare(self) -> None:
        """Build the patient and draw his days; returns when the room is ready.

        Raises
        ------
        MismatchError
            If he is not the patient of the course, or his plan was replaced.
        InputError
            If the course is not in the records, or its files are not in the image store.
        """
        file = self.file
        simulation = self._desk.records.course(file.course_id).simulation
        patient = virtual_patient(file.scenario, self._report)
        self._report(0.7, "Comparing the patient with the one of the course")
        _require_same(patient, simulation)
        plan = read_plan(self._desk.store.path_of(simulation.plan_sha256))
        self._report(0.8, "Drawing his days")
        days = drawn_days(file.scenario, patient)
        key = simulation.patient
        identity = PatientIdentity(key.patient_id, key.issuer, key.name, key.birth_date)
        self._prepared = _Prepared(replace(patient, plan=plan), days, identity)
        self.preparation = Preparation(1.0, "ready", is_ready=True)
        self._is_settled.set()

    def _prepare_or_say_why(self) -> None:
        try:
            self.prepare()
        except Exception as error:  # noqa: BLE001 - whatever it was, the room says it to whoever asks
            words = f"the virtual room cannot be used: {error}"
            self.preparation = Preparation(1.0, words, has_failed=True)
            self._is_settled.set()

    def _report(self, fraction: float, step: str) -> None:
        words = f"the virtual room is being prepared ({step[:1].lower()}{step[1:]})"
        self.preparation = Preparation(fraction, words)

    def is_for(self, course_id: str, number: int | None = None) -> bool:
        """Tell whether the patient of a course lies here, and a fraction of this number is played."""
        return course_id == self.file.course_id and (number is None or self.file.plays(number))

    def place_patient(self, course_id: str, number: int, kept: FractionMemory | None = None) -> None:
        """Lay the patient down as he lies on the day of a fraction; second 0 of that day is now.

        A machine whose process ended while its beam was on does not know what it delivered, and answers no
        question about it: such a fraction can only be stopped.

        Raises
        ------
        LinkLostError
            If the room is not ready.
        MismatchError
            If it is not for this fraction.
        """
        prepared = self._require_prepared()
        if not self.is_for(course_id, number):
            first, last = self.file.first_fraction, self.file.scenario.fractions
            msg = (
                f"the virtual room plays fractions {first} to {last} of course {self.file.course_id}, not "
                f"fraction {number} of course {course_id}: make another demonstration"
            )
            raise MismatchError(msg)
        with self._lock:
            room = self._new_room(prepared, number)
            self._room, self._number, self._has_lost_count = room, number, False
            self._look = RoomLook(self.clock.now())
            if kept is None:
                return
            self._has_lost_count = kept.state is State.BEAM_ON or kept.beam.may_be_on
            if not self._has_lost_count and kept.beam.last is not None:
                room.beam.load_rest(kept.beam.last.delivered_mu)
            if kept.state is not State.PREPARED:
                room.couch.move_to(kept.destination)

    def _new_room(self, prepared: _Prepared, number: int) -> VirtualRoom:
        patient, scenario = prepared.patient, self.file.scenario
        settings = room_settings(scenario, number).with_changes(patient_position=patient.patient_position)
        return VirtualRoom(
            patient.phantom,
            prepared.days[number - 1],
            settings=_quick(settings, self.file, patient.phantom.site),
            started_at=DayClock(self.clock, self._lock),
            faults=scenario_faults(scenario),
            seed=scenario.seed,
            plan=patient.plan,
        )

    def couch(self) -> CouchReading:
        """Return what the scales say.

        Raises
        ------
        LinkLostError
            If the couch does not answer, or nobody lies here.
        """
        with self.used() as room:
            return room.couch.read()

    def drive_couch(self, pose: TableTopPose) -> None:
        """Drive the couch; returns when it has stopped.

        Raises
        ------
        LinkLostError
            If the couch does not answer, or nobody lies here.
        """
        with self.used() as room:
            room.couch.move_to(pose)

    def take_image(self, folder: Path) -> Path:
        """Expose now and write the DICOM files into a folder, which is returned.

        Raises
        ------
        ImageLostError, LinkLostError
            As the imager.
        OutputError
            If they cannot be written.
        """
        with self.used() as room:
            room.clock.wait(WHOLE_SECOND_S)
            image = room.room.imager.acquire()
        identity = self._identity_of(image)
        write_day_image(
            folder,
            image,
            patient=identity,
            seed=f"{identity.patient_id} {image.uid} {image.started_at.isoformat()}",
            fraction=self._number,
            taken_at=image.started_at,
        )
        return folder

    def _identity_of(self, image: DayImage) -> PatientIdentity:
        """Say whose the files are: what the imager says, which a fault of it may get wrong."""
        prepared = self._require_prepared()
        if image.patient_id == prepared.patient.phantom.name:
            return prepared.identity
        return PatientIdentity(
            image.patient_id, name=image.patient_id, birth_date=prepared.identity.birth_date
        )

    def target(self) -> TargetSample | None:
        """Return where the target truly is; None when nobody lies here, or he has lain here too long."""
        with self._lock:
            return self._sample()

    def watch(self, monitoring: Monitoring) -> TargetWatch:
        """Return what watches the target as a protocol asks for it; it has not begun.

        Raises
        ------
        InputError
            If the patient has nothing that the device could watch.
        LinkLostError
            If nobody lies here.
        """
        with self.used() as room:
            return StationWatch(self, room, motion_watch(room, monitoring))

    def look(self) -> RoomLook:
        """Return what the room shows; the look before, where it is busy for longer than a moment."""
        if not self._lock.acquire(timeout=LOOK_S):
            return self._look
        try:
            room = self._room
            if room is None:
                self._look = RoomLook(self.clock.now())
            else:
                now = self.clock.now()
                couch, beam = CouchReading(room.couch.scales(), now), room.beam.peek()
                shown = self._look.sighting
                is_young = shown is not None and now - shown.at < TARGET_EVERY
                sighting = shown if is_young else self._sample()
                self._look = RoomLook(now, couch, None if self._has_lost_count else beam, sighting)
            return self._look
        finally:
            self._lock.release()

    def _sample(self) -> TargetSample | None:
        room = self._room
        if room is None:
            return None
        seconds = room.clock.seconds
        try:
            off_mm = room.truth.displacement_mm(room.truth.target_points_mm, seconds).mean(axis=0)
        except InputError:  # the truth of a patient who moves is drawn for an hour
            return None
        number, exact = next(self._samples), np.zeros((3, 3))
        return TargetSample(off_mm, exact, room.clock.at(seconds), number, SOURCE, 1.0, WORDS)

    @contextmanager
    def used(self) -> Iterator[VirtualRoom]:
        """Use the room alone, but for the time that a device works.

        Raises
        ------
        LinkLostError
            If it is not ready, or nobody lies here.
        """
        self._require_prepared()
        with self._lock:
            if self._room is None:
                msg = "nobody lies in the virtual room: set the patient up"
                raise LinkLostError(msg)
            yield self._room

    @contextmanager
    def used_beam(self) -> Iterator[VirtualRoom]:
        """Use the room for its beam.

        Raises
        ------
        LinkLostError
            As :meth:`used`, or if the machine was ended while its beam was on.
        """
        with self.used() as room:
            if self._has_lost_count:
                msg = (
                    "the virtual machine was ended while its beam was on, so what it delivered is not known: "
                    "stop the fraction"
                )
                raise LinkLostError(msg)
            yield room

    def _require_prepared(self) -> _Prepared:
        if self._prepared is None:
            raise LinkLostError(self.preparation.words)
        return self._prepared


def _quick(settings: RoomSettings, file: StationFile, site: str | None) -> RoomSettings:
    imaging = settings.imaging.for_site(site)
    return settings.with_changes(
        machine=replace(settings.machine, gantry_deg_s=file.gantry_deg_s),
        imaging=replace(imaging, scan=replace(imaging.protocol, duration_s=file.scan_s)),
    )


def _require_same(patient: VirtualPatient, simulation: SimulationRecord) -> None:
    if content_hash(patient.phantom.volume) != simulation.planning_sha256:
        msg = (
            f"the virtual patient '{patient.name}' is not the one of plan '{simulation.plan_label}' in the "
            "records: the demonstration was made by another version or its files were mixed up; make it anew"
        )
        raise MismatchError(msg)
