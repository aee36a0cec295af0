"""A treatment room of a few lines with a known truth, whose devices fail when they are told to."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from isoguide.geometry.correction import CouchCorrection, planning_from_daily_of
from isoguide.geometry.frames import DAILY
from isoguide.geometry.grid import Grid
from isoguide.geometry.iec61217 import TableTopPose, fixed_from_table_top
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.volume import Volume
from isoguide.plan import PatientPosition
from isoguide.registration import Registration, Verdict
from isoguide.treatment import Fraction, FractionLimits, PlannedPosition
from isoguide.treatment.ports import BeamStatus, CouchReading, DayImage, Room

MORNING = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
SET_UP_POSE = TableTopPose(10.0, 300.0, -150.0)
ISOCENTRE_MM = np.array([5.0, -20.0, 40.0])
MACHINE_MM = np.array([1.0, 2.0, 3.0])
TARGET_MM = ISOCENTRE_MM + np.array(
    [[0.0, 0.0, 0.0], [20.0, 0.0, 0.0], [0.0, 20.0, 10.0], [0.0, -10.0, 30.0]]
)
PLANNED_MU = 50.0
MU_PER_S = 10.0
HEARTBEAT_S = 2.0
FOREVER = datetime.max.replace(tzinfo=UTC)
FIVE_MM_LEFT = CouchCorrection(-5.0, 0.0, 0.0)
"""What a supine patient needs who lies 5 mm too far to his left."""


class FakeClock:
    def __init__(self) -> None:
        self.at = MORNING
        self.broken: Exception | None = None

    def now(self) -> datetime:
        if self.broken is not None:
            raise self.broken
        return self.at

    def wait(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def go_back(self, seconds: float) -> None:
        self.at -= timedelta(seconds=seconds)


class Device:
    """``fails`` maps a method to the exceptions of its next calls; None lets a call pass."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.fails: dict[str, list[BaseException | None]] = {}
        self.calls: list[str] = []
        self.before_call: Callable[[str], None] = lambda method: None

    def _call(self, method: str) -> None:
        self.calls.append(method)
        self.before_call(method)
        queue = self.fails.get(method, [])
        error = queue.pop(0) if queue else None
        if error is not None:
            raise error


class FakeCouch(Device):
    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.pose = SET_UP_POSE
        self.short: Callable[[TableTopPose], TableTopPose] = lambda pose: pose
        self.read_late_s = 0.0
        self.sags_mm = 0.0

    def read(self) -> CouchReading:
        self._call("read")
        reading = CouchReading(self.pose, self.clock.at - timedelta(seconds=self.read_late_s))
        self.pose = replace(self.pose, vertical_mm=self.pose.vertical_mm - self.sags_mm)
        return reading

    def move_to(self, pose: TableTopPose) -> None:
        self._call("move_to")
        self.clock.wait(5.0)
        self.pose = self.short(pose)


class FakeImager(Device):
    def __init__(self, clock: FakeClock, couch: FakeCouch) -> None:
        super().__init__(clock)
        self.couch, self.count = couch, 0
        self.exposed_at: dict[str, TableTopPose] = {}
        self.edit: Callable[[DayImage], DayImage] = lambda image: image

    def acquire(self) -> DayImage:
        self._call("acquire")
        began = self.clock.at
        self.clock.wait(60.0)
        self.count += 1
        uid = f"image-{self.count}"
        self.exposed_at[uid] = self.couch.pose
        return self.edit(day_image(uid, began, self.clock.at, self.couch.pose))


class FakeBeam(Device):
    """Holds by itself when it was not asked for its status for longer than its heartbeat."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.deaf = self.dead = False
        self.on = False
        self.mu, self.planned_mu, self.rate = 0.0, PLANNED_MU, MU_PER_S
        self.updated = self.asked = clock.at
        self.edit: Callable[[BeamStatus], BeamStatus] = lambda status: status
        self.waits_s = 0.0
        self.late_s = 0.0
        self.starts = self.passes_until = FOREVER

    def truth(self) -> bool:
        """Whether the beam is on now."""
        limit = self.asked + timedelta(seconds=HEARTBEAT_S)
        if self.late_s and self.clock.at >= self.starts:
            self.on, self.late_s = True, 0.0
        until = min(self.clock.at, limit, self.passes_until)
        if self.on:
            self.mu = min(
                self.mu + max(0.0, (until - self.updated).total_seconds()) * self.rate, self.planned_mu
            )
            self.on = self.clock.at <= limit and (self.mu < self.planned_mu or self.rate == 0.0)
        self.updated = self.clock.at
        return self.on

    def switch_on_unasked(self) -> None:
        """Turn the beam on as a defect of the machine would."""
        self.on, self.rate = True, 0.0
        self.updated = self.asked = self.clock.at

    def turn_on(self) -> None:
        self.truth()
        self.calls.append("turn_on")
        self.on, self.asked = not (self.dead or self.late_s), self.clock.at
        self.starts = self.clock.at + timedelta(seconds=self.late_s)
        self.clock.wait(self.waits_s)
        self._call("turned on")

    def hold(self, reason: str) -> None:
        assert reason
        self._call("hold")
        self.truth()
        self.on = self.on and self.deaf

    def status(self) -> BeamStatus:
        self._call("status")
        self.truth()
        self.asked = self.clock.at
        waits = self.on and self.clock.at >= self.passes_until
        status = BeamStatus(self.on and not waits, self.mu, self.planned_mu, self.clock.at, waiting=waits)
        return self.edit(status)


class FakeGatedBeam(FakeBeam):
    """Gives meterset only while permitted; one that ``sticks`` does not hear that it is not."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.sticks = self.stays_shut = False

    def turn_on_gated(self) -> None:
        self.passes_until = self.clock.at
        super().turn_on()

    def turn_on(self) -> None:
        self.passes_until = FOREVER
        super().turn_on()

    def permit(self, seconds: float) -> None:
        self._call("permit")
        self.truth()
        if not self.stays_shut:
            self.passes_until = FOREVER if self.sticks else self.clock.at + timedelta(seconds=seconds)

    def withhold(self, reason: str) -> None:
        assert reason
        self._call("withhold")
        self.truth()
        if not self.sticks:
            self.passes_until = self.clock.at


class FakeRoom:
    """A patient on the couch who needs ``needed`` while the couch is at its set-up pose."""

    def __init__(
        self, needed: CouchCorrection = FIVE_MM_LEFT, beam: Callable[[FakeClock], FakeBeam] = FakeBeam
    ) -> None:
        self.needed = needed
        self.clock = FakeClock()
        self.couch = FakeCouch(self.clock)
        self.imager = FakeImager(self.clock, self.couch)
        self.beam = beam(self.clock)
        self.verdicts: list[Verdict] = []
        self.sign = 1.0
        self.room = Room(self.imager, self.couch, self.beam, self.clock)
        self.planned = PlannedPosition(
            ISOCENTRE_MM, PatientPosition.HFS, SET_UP_POSE, TARGET_MM, self.match, "P-1"
        )

    def needed_now(self) -> CouchCorrection:
        """What the patient needs with the couch where it is: the truth."""
        return self.needed_at(self.couch.pose)

    def needed_at(self, pose: TableTopPose) -> CouchCorrection:
        moved = fixed_from_table_top(pose) @ fixed_from_table_top(SET_UP_POSE).inverse()
        return CouchCorrection.from_transform(self.needed.fixed_from_fixed @ moved.inverse())

    def truth_of(self, image: DayImage, off_mm: float = 0.0) -> RigidTransform:
        """The match of an image that a person finds who sees the truth, or is off by so much laterally."""
        needed = self.needed_at(image.couch)
        return found(replace(needed, lateral_mm=needed.lateral_mm + off_mm))

    def match(self, volume: Volume, _initial: object) -> Registration:
        verdict = self.verdicts.pop(0) if self.verdicts else Verdict.ACCEPT
        then = self.needed_at(self.imager.exposed_at[volume.source])
        seen = CouchCorrection(*(self.sign * getattr(then, name) for name in then.__slots__))
        return registration(verdict, None if verdict is Verdict.NOT_AVAILABLE else found(seen))

    def fraction(self, limits: FractionLimits | None = None, **more: object) -> Fraction:
        return Fraction(self.planned, self.room, limits, **more)


def found(correction: CouchCorrection) -> RigidTransform:
    """The match that calls for a correction."""
    return planning_from_daily_of(
        correction, plan_isocentre_mm=ISOCENTRE_MM, machine_isocentre_mm=MACHINE_MM, patient_position="HFS"
    )


def registration(verdict: Verdict, planning_from_daily: object) -> Registration:
    return Registration(
        verdict=verdict,
        reasons=(f"the images look like '{verdict}'",),
        planning_from_daily=planning_from_daily,
        unconstrained=planning_from_daily,
        degrees_of_freedom=6,
        centre_mm=ISOCENTRE_MM,
        content="auto",
        uncertainty=None,
        quality=None,
        algorithm="the truth",
        settings={},
    )


def day_image(uid: str, began: datetime, ended: datetime, couch: TableTopPose, **more: object) -> DayImage:
    grid = Grid.axial(DAILY, shape=(2, 2, 2), spacing_mm=(1.0, 1.0, 1.0), origin_mm=(0.0, 0.0, 0.0))
    values = {
        "uid": uid,
        "content": Volume(grid, np.zeros((2, 2, 2), dtype=np.int16), source=uid),
        "machine_isocentre_mm": MACHINE_MM,
        "patient_position": PatientPosition.HFS,
        "started_at": began,
        "acquired_at": ended,
        "couch": couch,
        "model": "a fake",
        "patient_id": "P-1",
    }
    return DayImage(**{**values, **more})
