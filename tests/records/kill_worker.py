"""A process that records fractions until it is killed, and says what it was told is kept.

What it records follows from the course, the number and the version alone, so that who kills it knows
what has to be there: :func:`step_of`, :func:`memory_of`, :func:`images_of`. It starts from what it finds,
like any program after a power cut.
"""

import json
import logging
import os
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from isoguide.course import (
    Accessory,
    DecisionRecord,
    DeliveryRecord,
    FractionSummary,
    ImageRecord,
    ImagingDose,
    MatchRecord,
    Modality,
    PatientKey,
    Person,
    PlannedBeam,
    Protocol,
    ReferenceImage,
    Role,
    Schedule,
    SimulationRecord,
    Tolerance,
)
from isoguide.course.protocol import MatchInstructions
from isoguide.errors import IsoguideError
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.plan import PatientPosition, SkinMark
from isoguide.records import (
    AuditNote,
    FractionKey,
    FractionStep,
    Place,
    Records,
    open_records,
)
from isoguide.records.image_store import ImageStore
from isoguide.registration import Verdict
from isoguide.treatment.journal import Entry
from isoguide.treatment.states import Event, State, state_after

BEGAN = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
COURSES = 3
WAY: tuple[Event | None, ...] = (
    Event.SET_UP,
    Event.IMAGE,
    Event.ALIGN,
    Event.APPROVE,
    None,  # something is noted, and the state stays
    Event.MOVE_COUCH,
    Event.VERIFY,
    Event.TURN_ON,
    Event.DELIVER,
    Event.CLOSE,
)
"""The steps of each fraction: the first one makes version 2."""
LAST_VERSION = len(WAY) + 1


def utc_now() -> datetime:
    return datetime.now(UTC)


def furnish(place: Place) -> None:
    """Give records that are empty their staff and their protocol, and no course yet."""
    protocol = Protocol(
        "prostate", 1, "Prostate", "prostate", Modality.CONE_BEAM_CT, Schedule(), MatchInstructions(),
        Tolerance(shift_mm=2.0, rotation_deg=1.0), (),
    )  # fmt: skip
    with open_records(place, clock=utc_now) as records:
        records.add_person(Person("ada", Role.PHYSICIST), by="ada")
        records.add_protocol(protocol, 'name = "prostate"\n', by="ada")


def add_course(records: Records, store: ImageStore, number: int) -> str:
    planning = store.add_bytes(content(f"planning CT {number}", 40_000))
    simulation = SimulationRecord(
        patient=PatientKey(f"P{number:05d}", "19510203", f"Müller^{number}"),
        site="prostate",
        machine="LINAC 1",
        plan_uid=f"1.2.3.{number}",
        plan_label=f"plan {number}",
        plan_sha256="0" * 64,
        structure_set_uid=f"1.2.4.{number}",
        planning_series_uid=f"1.2.5.{number}",
        frame_of_reference_uid=f"1.2.6.{number}",
        planning_sha256="1" * 64,
        patient_position=PatientPosition.HFS,
        isocentre_mm=np.array([0.1, -20.0 / 3.0, number]),
        target="PTV",
        fractions_planned=None,
        dose_per_fraction_gy=2.0,
        beams=(PlannedBeam(1, "AP", 100.0), PlannedBeam(2, "PA", 99.9)),
        marks=tuple(
            SkinMark(name, np.eye(3)[axis] * 100.0) for axis, name in enumerate(("left", "right", "ap"))
        ),
        accessories=(Accessory("MASK", "mask 3", "H2"),),
        reference_images=(ReferenceImage("planning CT", "transversal", planning),),
    )
    return records.add_course(simulation, protocol_name="prostate", protocol_version=1, by="ada")


def content(name: str, size_bytes: int) -> bytes:
    return random.Random(name).randbytes(size_bytes)


def images_of(key: FractionKey, version: int) -> tuple[bytes, ...]:
    """The files of the image that this version brings; none where it brings no image."""
    if WAY[version - 2] is not Event.IMAGE:
        return ()
    return tuple(content(f"{key}, file {number}", size) for number, size in enumerate((30_000, 200_000, 70)))


def memory_of(key: FractionKey, version: int) -> str:
    return f'{{"key": "{key}", "filling": "{"x" * 1500}", "version": {version}}}'


def numbers_of(key: FractionKey) -> list[float]:
    source = random.Random(str(key))
    return [source.gauss(0.0, 3.0) for _ in range(6)]


def step_of(key: FractionKey, version: int, hashes: tuple[str, ...]) -> FractionStep:
    """The step that makes this version of a fraction; ``hashes`` are those of its images."""
    state, event = State.PREPARED, None
    for event in WAY[: version - 1]:
        before, state = state, state if event is None else state_after(state, event)
    at = BEGAN + timedelta(days=key.number, seconds=version)
    entry = None if event is None else Entry(at, before, event, state, f"{key}, step {version}: ±0.5°")
    correction = CouchCorrection(*numbers_of(key))
    uid = f"2.25.{key.course_id[1:]}.{key.number}"
    is_note = event is None
    return FractionStep(
        memory=memory_of(key, version),
        summary=FractionSummary(
            key.number,
            at,
            str(state),
            correction if version > 3 else None,
            images=int(version > 2),
            delivered_mu=199.9 if version > 9 else 0.0,
        ),
        by="ada",
        entry=entry,
        image=ImageRecord(
            uid, "cone-beam CT", at, at, TableTopPose(1.0, 2.0, -3.5), hashes, ImagingDose(12.5, "CTDIw, mGy")
        )
        if event is Event.IMAGE
        else None,
        match=MatchRecord(
            uid,
            Verdict.ACCEPT,
            ("all well",),
            np.eye(4),
            correction,
            np.full(6, 0.1),
            TableTopPose(0.0, 0.0, 0.0),
            0.2,
            (),
            "patches",
            "0.1.0",
            "2" * 64,
        )
        if event is Event.ALIGN
        else None,
        decision=DecisionRecord("correct", "tolerance", "correct", "ada", "physicist", image_uid=uid)
        if event is Event.APPROVE
        else None,
        deliveries=(DeliveryRecord(1, "AP", 100.0, 100.0), DeliveryRecord(2, "PA", 99.9, 99.9))
        if event is Event.DELIVER
        else (),
        notes=(AuditNote("override", {"reason": "patient in pain"}),) if is_note else (),
    )


class Worker:
    """Records steps of several courses by chance, or of the only one, and says which were kept."""

    def __init__(self, place: Place, said: Path, seed: int, only: str = "") -> None:
        self.place, self.chance, self.only = place, random.Random(seed), only
        self.said = os.open(said, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def say(self, line: str) -> None:
        os.write(self.said, f"{line}\n".encode())

    def work(self, steps: int) -> None:
        self.say("doing start")
        store = ImageStore(self.place.images)
        with open_records(self.place, clock=utc_now) as records:
            for _ in range(steps):
                self.go_on(records, store)

    def go_on(self, records: Records, store: ImageStore) -> None:
        courses = [line.course_id for line in records.courses()]
        is_new_due = not self.only and len(courses) < COURSES and self.chance.random() < 0.3
        if is_new_due or not courses:
            self.say("doing course")
            self.say(f"kept course {add_course(records, store, len(courses) + 1)}")
            return
        course_id = self.only or self.chance.choice(courses)
        unfinished = [line for line in records.unfinished_fractions() if line.key.course_id == course_id]
        if unfinished:
            self.add_step(records, store, unfinished[0].key, unfinished[0].version + 1)
        else:
            key = FractionKey(course_id, len(records.course(course_id).fractions) + 1)
            self.say(f"doing begin {key.course_id} {key.number} 1")
            records.begin_fraction(course_id, key.number, by="ada", memory=memory_of(key, 1))
            self.say(f"kept version {key.course_id} {key.number} 1")

    def add_step(self, records: Records, store: ImageStore, key: FractionKey, version: int) -> None:
        hashes = []
        for content in images_of(key, version):
            self.say("doing image")
            hashes.append(store.add_bytes(content))
            self.say(f"kept image {hashes[-1]}")
        self.say("doing step")
        made = records.add_step(key, version - 1, step_of(key, version, tuple(hashes)))
        self.say(f"kept version {key.course_id} {key.number} {made}")


def run(place: Place, said: Path, seed: int, steps: int = 1_000_000) -> None:
    """Work until killed; where the database fails, say so and end."""
    worker = Worker(place, said, seed)
    try:
        worker.work(steps)
    except (IsoguideError, OSError) as error:
        worker.say(f"failed {error}")


def nurse() -> None:
    """Fork a fresh worker for each line read, which saves loading libraries; say its number and its end."""
    logging.disable()  # what a server that is gone does to a connection is expected
    for line in sys.stdin:
        url, images, said, seed = json.loads(line)
        worker = os.fork()
        if worker == 0:
            run(Place(url, Path(images)), Path(said), seed)
            os._exit(0)
        print(worker, flush=True)  # noqa: T201 - who kills it reads this
        os.waitpid(worker, 0)
        print("gone", flush=True)  # noqa: T201 - who kills it reads this


if __name__ == "__main__":
    nurse()
