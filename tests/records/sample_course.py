"""A made-up patient whose course fills every field, with numbers that have no exact binary form."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from isoguide.course import (
    Accessory,
    AssessmentRecord,
    CourseHistory,
    DecisionRecord,
    DeliveryRecord,
    DoseRecord,
    FieldFigures,
    FractionSummary,
    GoalOfDay,
    ImageRecord,
    ImagingDose,
    MatchInstructions,
    MatchRecord,
    Modality,
    MotionHold,
    MotionRecord,
    MotionResidual,
    PatientKey,
    PlannedBeam,
    Protocol,
    ReferenceImage,
    Schedule,
    SimulationRecord,
    StructureDose,
    StructureMotion,
    StructureOfDay,
    Tolerance,
)
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.plan import Fiducial, PatientPosition, SkinMark
from isoguide.records import AuditNote, FractionKey, FractionStep, Records
from isoguide.registration import Verdict
from isoguide.treatment.journal import Entry
from isoguide.treatment.states import Event, State, state_after

MORNING = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
PROTOCOL = Protocol(
    "prostate", 2, "Prostate, daily", "prostate", Modality.CONE_BEAM_CT, Schedule(), MatchInstructions(),
    Tolerance(1.0, 1.0), (),
)  # fmt: skip
PROTOCOL_TEXT = 'name = "prostate"\nversion = 2\n# as signed on 2 March, 37 × 2 Gy\n'
WAY = (
    Event.SET_UP,
    Event.IMAGE,
    Event.ALIGN,
    Event.APPROVE,
    Event.MOVE_COUCH,
    Event.VERIFY,
    Event.TURN_ON,
    Event.DELIVER,
    Event.CLOSE,
)
"""The events of a fraction where nothing goes wrong."""


class SteppingClock:
    """Goes on by a millisecond each time it is read, or by what a test says."""

    def __init__(self) -> None:
        self.now = MORNING

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


def simulation(plan_uid: str = "1.2.3.4", **changes: object) -> SimulationRecord:
    record = SimulationRecord(
        patient=PatientKey("P-0815", "19530117", "Müller^Jürgen", "clinic"),
        site="prostate",
        machine="Linac 1",
        plan_uid=plan_uid,
        plan_label="PROST37",
        plan_sha256="a" * 64,
        structure_set_uid="1.2.3.5",
        planning_series_uid="1.2.3.6",
        frame_of_reference_uid="1.2.3.7",
        planning_sha256="b" * 64,
        patient_position=PatientPosition.HFS,
        isocentre_mm=np.array([0.1, -0.2, 1.0 / 3.0]),
        target="CTV",
        fractions_planned=3,
        dose_per_fraction_gy=2.0,
        beams=(PlannedBeam(1, "arc 1", 310.7), PlannedBeam(2, "arc 2", 295.1)),
        marks=(SkinMark("left", np.array([180.1, 0.0, 0.3])),),
        fiducials=(Fiducial("seed 1", np.array([1e-17, 2.0, 3.3])),),
        accessories=(Accessory("COUCH_TOP", "carbon", "H2"), Accessory("MOULD", "knee 4", "F1")),
        motions=(
            StructureMotion(
                "CTV",
                np.array([[0.0, 0.0, 0.0], [0.1, 0.2, 4.7]]),
                (0.0, 50.0),
                0.3,
                np.array([0.1, -0.7, 1.0 / 3.0]),
            ),
        ),
        reference_images=(ReferenceImage("planning CT", "slice 1", "c" * 64, "1.2.3.8"),),
        simulated_at=MORNING - timedelta(days=10),
        warnings=("the couch top is not in the CT",),
    )
    return replace(record, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def correction(lateral_mm: float = 1.1) -> CouchCorrection:
    return CouchCorrection(lateral_mm, -2.2, 1.0 / 3.0, 0.1, -0.2, 359.7)


def image(uid: str = "1.2.9.1") -> ImageRecord:
    return ImageRecord(
        uid,
        "cone beam",
        MORNING,
        MORNING + timedelta(seconds=60, microseconds=1),
        TableTopPose(0.1, 1000.2, -99.7),
        ("d" * 64,),
        ImagingDose(4.49, "CTDIw, mGy"),
    )


def match(uid: str = "1.2.9.1") -> MatchRecord:
    return MatchRecord(
        uid,
        Verdict.ACCEPT,
        ("images agree",),
        np.eye(4) + 0.1,
        correction(),
        np.full(6, 0.1),
        TableTopPose(1.2, 998.0, -99.4),
        0.7,
        (),
        "rigid",
        "1.0",
        "e" * 64,
    )


def no_match(uid: str) -> MatchRecord:
    """Return a match without an answer."""
    reasons = ("the images have nothing in common",)
    nothing = {"planning_from_daily": None, "correction": None, "deviation": None, "pose": None}
    return replace(
        match(uid), verdict=Verdict.NOT_AVAILABLE, reasons=reasons, residual_mm=float("nan"), **nothing
    )


def decision(uid: str = "1.2.9.1") -> DecisionRecord:
    return DecisionRecord(
        "correct",
        "tolerance 1 mm",
        "second look",
        "anna",
        "physicist",
        "otto",
        True,
        "seen on the marks",
        uid,
    )


DELIVERIES = (DeliveryRecord(1, "arc 1", 310.7, 310.7), DeliveryRecord(2, "arc 2", 295.1, 17.3, "OPERATOR"))


def motion() -> MotionRecord:
    """Return the motion of a prostate that left the gate twice, the second time for good."""
    inside = MotionResidual(812, np.array([0.1, -0.2, 1.0 / 3.0]), np.full(3, 0.3), np.full(3, 0.7), 0.6, 1.1)
    holds = (
        MotionHold(MORNING + timedelta(seconds=31.7), 4.1, "hold", "the target may have left the gate"),
        MotionHold(
            MORNING + timedelta(seconds=77.3),
            15.1,
            "re-align",
            "away for 15 s",
            np.array([0.2, 1.0 / 3.0, -4.4]),
        ),
    )
    end = MORNING + timedelta(seconds=92.4)
    return MotionRecord(
        "implanted markers in the images of the kV arm", 3.0, MORNING, end, 92.4, 73.2, 71.9, holds,
        920, 7, inside, None, 0.11, 0.19, "f" * 64,
    )  # fmt: skip


def assessment(uid: str = "1.2.9.1", **changes: object) -> AssessmentRecord:
    """Return the anatomy of a day on which the target has lost a tenth of its volume."""
    target = StructureOfDay(
        "GTV",
        True,
        30.1,
        27.1,
        0.4,
        np.array([0.1, -1e-17, 1.0 / 3.0]),
        np.array([31.0, 30.0, 40.0]),
        np.array([30.1, 28.7, 39.9]),
        -0.6,
        1.9,
        2.7,
        1.0,
        dice=0.91,
    )
    made = AssessmentRecord(
        uid,
        MORNING + timedelta(hours=3),
        "for decision",
        ("no fold, and the way back agrees",),
        ("outside the field of view the deformation is that of its edge",),
        FieldFigures(0.61, 1.7, 0.0, 0.4, 1.1, 0.02, 7.7, 0.71, 0.93),
        (target, replace(target, name="Parotid left", is_target=False, dice=None)),
        ("Since fraction 1 GTV has been more than 5 % smaller than planned: consider re-planning.",),
        "isoguide",
        "1.0",
        "a" * 64,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # as above


def summary(number: int, state: State, **changes: object) -> FractionSummary:
    return replace(FractionSummary(number, MORNING, str(state)), **changes)  # type: ignore[arg-type]  # as above


def full_summary(number: int = 1, state: State = State.CLOSED, lateral_mm: float = 1.1) -> FractionSummary:
    return FractionSummary(
        number,
        MORNING + timedelta(days=number),
        str(state),
        correction(lateral_mm),
        np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
        correction(-0.3),
        correction(1e-9),
        CouchCorrection(0.7, 0.0, 0.0),
        "correct",
        "tolerance 1 mm",
        ("seen on the marks",),
        2,
        (ImagingDose(4.49, "CTDIw, mGy"), ImagingDose(0.91, "CTDIw, mGy")),
        605.8,
    )


def entry(before: State, event: Event, detail: str = "") -> Entry:
    return Entry(MORNING, before, event, state_after(before, event), detail or f"{event} it is")


def step(number: int, before: State, event: Event, uid: str = "1.2.9.1") -> FractionStep:
    """Return a step with what such a step usually brings."""
    made = entry(before, event)
    return FractionStep(
        memory=f'{{"state": "{made.state_after}"}}',
        summary=summary(number, made.state_after),
        by="anna",
        entry=made,
        image=image(uid) if event is Event.IMAGE else None,
        match=match(uid) if event is Event.ALIGN else None,
        decision=decision(uid) if event is Event.APPROVE else None,
        deliveries=DELIVERIES if event is Event.DELIVER else (),
        motion=motion() if event is Event.DELIVER else None,
        notes=(AuditNote("override", {"reason": "seen on the marks"}),) if event is Event.APPROVE else (),
    )


def with_course(records: Records, plan_uid: str = "1.2.3.4", **changes: object) -> str:
    """Store the protocol and begin a course."""
    records.add_protocol(PROTOCOL, PROTOCOL_TEXT, by="otto")
    return records.add_course(
        simulation(plan_uid, **changes), protocol_name="prostate", protocol_version=2, by="otto"
    )


def treat(records: Records, course_id: str, number: int = 1, events: tuple[Event, ...] = WAY) -> FractionKey:
    """Begin a fraction and take it through these events."""
    started = records.begin_fraction(course_id, number, by="anna", memory="{}")
    version, state = started.version, State.PREPARED
    for event in events:
        made = step(number, state, event, f"1.2.9.{course_id}.{number}")
        version = records.add_step(started.line.key, version, made)
        state = state_after(state, event)
    return started.line.key


def history(course_id: str = "old-1", count: int = 3, **changes: object) -> CourseHistory:
    made = CourseHistory(
        course_id,
        "P-1",
        "lung",
        "Linac 2",
        "lung v1",
        "mask",
        count,
        tuple(full_summary(number, lateral_mm=number / 7.0) for number in range(1, count + 1)),
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def dose(uid: str = "1.2.9.1", **changes: object) -> DoseRecord:
    """Return the dose of a day on which the target gets a little less than planned."""
    target = StructureDose(
        "PTV", True, 60.1, 3.01, 2.91, 3.09, 2.97, 2.8 + 1.0 / 3.0, 3.1, 2.97, 2.71, 3.1, 0.017
    )
    organ = StructureDose("Rectum", False, 71.3, 1.1, 0.1, 2.9, 1.2, 0.1, 2.95)
    made = DoseRecord(
        uid,
        MORNING + timedelta(hours=3),
        "for decision",
        ("the match was accepted",),
        ("the generic curve gives densities",),
        "pencil beam",
        "generic 6 MV",
        "b" * 64,
        "1.0",
        1,
        (target, organ),
        (
            GoalOfDay("PTV D95% >= 57 Gy", 54.2, 57.0, "Gy", False, True),
            GoalOfDay("Bladder V60Gy <= 25 %", None, 25.0, "%", None, None),
        ),
        ("Since fraction 1 PTV has missed 'PTV D95% >= 57 Gy'.",),
        3.0,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # as above
