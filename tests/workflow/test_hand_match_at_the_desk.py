"""A match by hand at the desk: computed, decided, signed, recorded, exported and reviewed."""

import json
import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pydicom
import pytest
from small_department import PROTOCOL, SET_UP, Department, all_delivered, near, opened, set_up
from small_patient import MACHINE_ISOCENTRE_MM, SmallPatient

from isoguide.course import ProtocolAction, Role
from isoguide.errors import GeometryError, InputError, MissingEvidenceError
from isoguide.geometry.correction import CouchCorrection, planning_from_daily_of
from isoguide.geometry.frames import Array
from isoguide.registration import Verdict
from isoguide.treatment import State
from isoguide.treatment.refusals import (
    OutOfOrderError,
    PersonNeededError,
    PositionError,
    RefusedError,
    StaleImageError,
)
from isoguide.workflow.clinic.fraction_files import export_fraction
from isoguide.workflow.clinic.fraction_status import FractionStatus
from isoguide.workflow.clinic.hand_match import MOST_MOVEMENTS, Movement, MovementKind
from isoguide.workflow.clinic.open_fraction import open_fraction
from isoguide.workflow.clinic.signing import signing_of

CORRECT = ProtocolAction.CORRECT


def matrix(d: Department, wanted: CouchCorrection) -> Array:
    """The match that calls for a correction."""
    return planning_from_daily_of(
        wanted,
        plan_isocentre_mm=d.patient.phantom.isocentre_mm,
        machine_isocentre_mm=np.array(MACHINE_ISOCENTRE_MM),
        patient_position="HFS",
    ).matrix


def off(d: Department, lateral_mm: float) -> CouchCorrection:
    """What the engine found, and so much further to the left of the patient."""
    found = d.desk.status(d.course).stored.matches[0].correction
    return replace(found, lateral_mm=found.lateral_mm + lateral_mm)


def by_hand(d: Department, wanted: CouchCorrection, **more: object) -> FractionStatus:
    told = {"by": "anna", "couch": SET_UP, **more}
    return d.desk.match_by_hand(d.course, matrix(d, wanted), **told)


def moves(d: Department, *steps: CouchCorrection) -> list[Movement]:
    began = d.clock.at - timedelta(seconds=60)
    return [
        Movement(began + timedelta(seconds=second), MovementKind.DRAG, after)
        for second, after in enumerate(steps)
    ]


class TestWhatItLeadsTo:
    def test_sends_the_couch_by_the_six_numbers_that_the_person_found(self, matched: Department) -> None:
        d = matched
        wanted = off(d, 4.0)
        status = by_hand(d, wanted)
        assert status.state is State.ALIGNED
        engine, hand = status.stored.matches
        for name in wanted.__slots__:
            assert getattr(hand.correction, name) == pytest.approx(getattr(wanted, name), abs=1e-6)
        assert hand.pose.lateral_mm - engine.pose.lateral_mm == pytest.approx(4.0, abs=0.1)
        approved = d.desk.approve(d.course, by=["anna", "berg"], couch=SET_UP)
        assert approved.target_pose == hand.pose
        assert d.desk.move(d.course, by="anna", couch=hand.pose).state is State.VERIFIED

    def test_the_same_pose_as_the_engine_leads_to_the_same_couch(self, matched: Department) -> None:
        d = matched
        engine = d.desk.status(d.course).stored.matches[0]
        status = d.desk.match_by_hand(d.course, engine.planning_from_daily, by="anna", couch=SET_UP)
        hand = status.stored.matches[1]
        assert hand.residual_mm == pytest.approx(engine.residual_mm, abs=1e-9)
        assert hand.pose.position_mm == pytest.approx(engine.pose.position_mm, abs=1e-9)

    def test_what_is_left_at_the_target_is_that_of_the_whole_target_in_another_process(
        self, tmp_path: Path, patient: SmallPatient, quick: None, simulated: tuple
    ) -> None:
        # A couch that cannot turn leaves most where the target is furthest from the isocentre.
        text = PROTOCOL.replace("degrees_of_freedom = 6", "degrees_of_freedom = 3").replace("pelvis", "three")
        with opened(tmp_path, patient, simulated, text) as d:
            set_up(d)
            d.desk.image(d.course, d.export_image("one"), by="anna", couch=SET_UP)
            engine = d.desk.status(d.course).stored.matches[0]
            status = d.desk.match_by_hand(d.course, engine.planning_from_daily, by="anna", couch=SET_UP)
        assert status.stored.matches[1].residual_mm == pytest.approx(engine.residual_mm, abs=1e-9)
        assert engine.residual_mm > 0.1


class TestWhoSigns:
    def test_far_from_the_engine_two_people_and_never_the_one_alone(self, matched: Department) -> None:
        d = matched
        status = by_hand(d, off(d, 4.0))
        assert status.needs_somebody
        assert status.decision.action is ProtocolAction.SECOND_LOOK
        assert "matched by hand by anna: 4.0 mm and 0.0° from the engine's answer" in status.decision.rule
        assert status.next_steps == ("approve 'correct' with a second person, or image again",)
        for signers in (["anna"], ["anna", "ben"], ["berg"]):
            with pytest.raises(PersonNeededError):
                d.desk.approve(d.course, by=signers, couch=SET_UP)
        (decision,) = d.desk.approve(d.course, by=["anna", "berg"], couch=SET_UP).stored.decisions
        assert (decision.by, decision.second, decision.action) == ("anna", "berg", "correct")
        assert not decision.is_override

    def test_a_physicist_does_not_look_at_his_own_match(self, matched: Department) -> None:
        d = matched
        by_hand(d, off(d, 4.0), by="berg")
        with pytest.raises(PersonNeededError, match="other than berg, who matched by hand"):
            d.desk.approve(d.course, by=["anna", "berg"], couch=SET_UP)
        assert d.desk.who_may_sign(d.course).option(CORRECT).not_second == "berg"

    def test_who_confirms_what_the_engine_accepts_signs_alone(self, matched: Department) -> None:
        d = matched
        status = by_hand(d, off(d, 0.5))
        assert status.decision.action is CORRECT
        assert not status.needs_somebody
        assert status.signing.option(CORRECT).second is None
        approved = d.desk.approve(d.course, by=["anna"], couch=SET_UP)
        assert approved.state is State.APPROVED
        assert approved.target_pose == approved.stored.matches[-1].pose

    def test_before_the_click_the_console_knows_who_may(self, matched: Department) -> None:
        d = matched
        routine = d.desk.who_may_sign(d.course)
        assert [one.action for one in routine.options] == list(ProtocolAction)
        assert routine.option(CORRECT).first == (Role.THERAPIST, Role.PHYSICIST, Role.ONCOLOGIST)
        assert routine.option(CORRECT).second is None
        assert routine.option(ProtocolAction.NO_CORRECTION).first == (Role.PHYSICIST, Role.ONCOLOGIST)
        assert routine.option(ProtocolAction.NO_CORRECTION).needs_reason
        assert routine.option(ProtocolAction.STOP).first == tuple(Role)
        by_hand(d, off(d, 4.0))
        assert d.desk.who_may_sign(d.course).option(CORRECT).second == (Role.PHYSICIST, Role.ONCOLOGIST)
        d.clock.wait(1000.0)
        late = d.desk.who_may_sign(d.course)
        assert late.option(CORRECT).barred_because == "the image is older than 900 s: take a new one"
        assert late.option(ProtocolAction.STOP).barred_because == ""

    def test_after_as_many_corrections_as_a_fraction_may_have_nobody_corrects(
        self, matched: Department
    ) -> None:
        opened = open_fraction(matched.desk.records, matched.course)
        made = (CouchCorrection(1.0, 0.0, 0.0),) * 3
        kept = replace(opened.kept, memory=replace(opened.kept.memory, corrections=made))
        signing = signing_of(replace(opened, kept=kept), matched.clock.at)
        assert signing.option(CORRECT).barred_because == (
            "3 corrections were made, as many as a fraction may have"
        )
        assert signing.option(ProtocolAction.NO_CORRECTION).barred_because == ""

    def test_without_a_match_there_is_nothing_to_sign(self, department: Department) -> None:
        set_up(department)
        assert department.desk.who_may_sign(department.course).options == ()
        assert department.desk.who_may_sign(department.course).option(CORRECT) is None


class TestWithoutAnAnswerOfTheEngine:
    def test_a_person_finds_what_the_engine_did_not(self, department: Department) -> None:
        d = department
        set_up(d)
        daily = d.patient.daily_volume
        noise = np.random.default_rng(1).normal(0.0, 300.0, daily.values.shape).astype(np.int16)
        d.patient = replace(d.patient, daily_volume=replace(daily, values=noise))
        status = d.desk.image(d.course, d.export_image("noise"), by="anna", couch=SET_UP)
        assert status.next_steps == ("image again, or match by hand",)
        assert d.desk.who_may_sign(d.course).option(CORRECT).barred_because.startswith("the match has no")
        status = by_hand(d, CouchCorrection(3.0, -4.0, 5.0))
        assert status.decision.action is ProtocolAction.SECOND_LOOK
        assert "matched by hand by anna: the engine had no answer" in status.decision.rule
        assert "no answer to lateral +3.00" in status.reason
        assert status.stored.summary.measured.lateral_mm == pytest.approx(3.0)
        assert status.stored.summary.deviation is None
        approved = d.desk.approve(d.course, by=["anna", "berg"], couch=SET_UP)
        assert approved.target_pose.vertical_mm == pytest.approx(SET_UP.vertical_mm + 5.0)


class TestTheRecord:
    def test_says_who_found_it_and_how_far_from_the_engine(self, matched: Department) -> None:
        d = matched
        wanted = off(d, 4.0)
        status = by_hand(d, wanted, movements=moves(d, off(d, 9.0), wanted))
        hand = status.stored.matches[1]
        assert (hand.algorithm, hand.verdict, hand.deviation) == ("by hand", Verdict.REVIEW, None)
        assert hand.reasons == ("matched by hand by anna: 4.0 mm and 0.0° from the engine's answer",)
        assert status.stored.steps[-1].by == "anna"
        assert "2 movements from lateral" in status.reason
        assert status.stored.summary.measured == hand.correction
        assert status.stored.summary.deviation is None
        assert d.desk.records.verify_audit().is_intact

    def test_keeps_every_movement_in_the_audit(self, matched: Department) -> None:
        d = matched
        wanted = off(d, 4.0)
        by_hand(d, wanted, movements=moves(d, off(d, 9.0), wanted))
        entries = d.desk.records.audit_entries()
        (note,) = [one for one in entries if one.action == "movements by hand"]
        assert (note.subject, note.payload["by"]) == ("fraction 1 of course C0001", "anna")
        first, last = note.payload["movements"]
        assert first[1:3] == ["drag", round(off(d, 9.0).lateral_mm, 4)]
        assert datetime.fromisoformat(first[0]) == d.clock.at - timedelta(seconds=60)
        assert last[2:] == note.payload["to"]
        assert note.payload["from"][0] == pytest.approx(wanted.lateral_mm - 4.0, abs=1e-3)

    def test_back_to_the_engine_measures_as_the_engine_did(self, matched: Department) -> None:
        d = matched
        before = d.desk.status(d.course)
        by_hand(d, off(d, 4.0))
        status = d.desk.match_by_engine(d.course, by="ben", couch=SET_UP)
        assert status.decision.action is CORRECT
        assert [one.algorithm == "by hand" for one in status.stored.matches] == [False, True, False]
        assert status.stored.summary.measured == before.stored.summary.measured
        assert status.stored.summary.deviation == pytest.approx(before.stored.summary.deviation)
        with pytest.raises(RefusedError, match="stands already"):
            d.desk.match_by_engine(d.course, by="ben", couch=SET_UP)

    def test_of_the_whole_fraction_is_exported_with_what_is_not_known(
        self, matched: Department, tmp_path: Path
    ) -> None:
        d = matched
        by_hand(d, off(d, 9.0))
        by_hand(d, off(d, 4.0))
        target = d.desk.approve(d.course, by=["anna", "berg"], couch=SET_UP).target_pose
        d.desk.move(d.course, by="anna", couch=target)
        status = d.desk.deliver(d.course, all_delivered(d), by="anna", couch=target)
        assert status.state is State.CLOSED
        stored = status.stored
        assert (stored.summary.action, stored.summary.measured) == ("correct", stored.matches[2].correction)
        written = export_fraction(d.desk.records.course(d.course), stored, d.desk.store, tmp_path / "out")
        assert [path.name for path in written.files] == [
            "registration-1.dcm",
            "report-1.dcm",
            "treatment-record.dcm",
        ]
        report = pydicom.dcmread(tmp_path / "out" / "report-1.dcm")
        items = list(report.iterall())
        text = [str(one.value) for one in items if one.keyword in ("TextValue", "CodeMeaning")]
        assert "The values were found by hand, and their uncertainty is not known" in text
        assert "matched by hand by anna: 4.0 mm and 0.0° from the engine's answer" in text
        assert "by hand" in text
        # Six numbers and the degrees of freedom: no uncertainty.
        assert sum(one.keyword == "NumericValue" for one in items) == 7
        placed = pydicom.dcmread(tmp_path / "out" / "registration-1.dcm")
        found = [
            one.MatrixRegistrationSequence[0].MatrixSequence[0].FrameOfReferenceTransformationMatrix
            for one in placed.RegistrationSequence
        ]
        wanted = stored.matches[2].planning_from_daily
        assert any(np.allclose(np.reshape(one, (4, 4)), wanted, atol=1e-6) for one in found)
        (history,) = d.desk.records.histories()
        assert history.fractions[0].measured == stored.matches[2].correction
        assert history.fractions[0].deviation is None


class TestIsRefused:
    def test_with_an_image_that_has_aged(self, matched: Department) -> None:
        matched.clock.wait(1000.0)
        with pytest.raises(StaleImageError, match="s old, more than 900 s"):
            by_hand(matched, off(matched, 1.0))
        assert len(matched.desk.status(matched.course).stored.matches) == 1

    def test_with_the_couch_moved_since_the_image(self, matched: Department) -> None:
        with pytest.raises(PositionError, match="the couch was moved since the image"):
            by_hand(matched, off(matched, 1.0), couch=near(SET_UP, lateral_mm=3.0))

    def test_before_an_image_and_after_the_approval(self, department: Department) -> None:
        d = department
        set_up(d)
        with pytest.raises(OutOfOrderError, match="'match by hand' is not possible in the state 'set up'"):
            by_hand(d, CouchCorrection(1.0, 0.0, 0.0))
        d.desk.image(d.course, d.export_image("one"), by="anna", couch=SET_UP)
        d.desk.approve(d.course, by=["anna"], couch=SET_UP)
        with pytest.raises(OutOfOrderError):
            by_hand(d, off(d, 1.0))

    def test_by_somebody_who_is_not_on_the_staff(self, matched: Department) -> None:
        with pytest.raises(MissingEvidenceError, match="eve"):
            by_hand(matched, off(matched, 1.0), by="eve")
        with pytest.raises(MissingEvidenceError, match="eve"):
            matched.desk.match_by_engine(matched.course, by="eve", couch=SET_UP)

    def test_where_the_last_movement_ended_elsewhere(self, matched: Department) -> None:
        # As when a page computes its numbers with another sign than its matrix.
        d = matched
        with pytest.raises(InputError, match=r"the last movement ended at lateral .* nothing was done"):
            by_hand(d, off(d, 1.0), movements=moves(d, off(d, -1.0)))
        turned = replace(off(d, 1.0), yaw_deg=off(d, 1.0).yaw_deg + 0.3)
        with pytest.raises(InputError, match="the last movement ended at"):
            by_hand(d, off(d, 1.0), movements=moves(d, turned))
        assert len(d.desk.status(d.course).stored.matches) == 1

    def test_with_movements_in_no_order_or_without_number(self, matched: Department) -> None:
        d = matched
        steps = moves(d, off(d, 2.0), off(d, 1.0))
        with pytest.raises(InputError, match="the movements are not in order"):
            by_hand(d, off(d, 2.0), movements=steps[::-1])
        with pytest.raises(InputError, match="5001 movements were given, more than 5000"):
            by_hand(d, off(d, 1.0), movements=[steps[-1]] * (MOST_MOVEMENTS + 1))

    def test_with_a_movement_that_is_none(self, matched: Department) -> None:
        at, after = matched.clock.at, off(matched, 1.0)
        assert Movement(at, "key", after).kind is MovementKind.KEY
        with pytest.raises(InputError, match="without a time zone"):
            Movement(at.replace(tzinfo=None), MovementKind.KEY, after)
        with pytest.raises(InputError, match="is one of drag, key, typed, undo, redo, reset, engine, not 'j"):
            Movement(at, "jump", after)
        with pytest.raises(GeometryError, match="not a finite number"):
            Movement(at, MovementKind.KEY, CouchCorrection(float("nan"), 0.0, 0.0))

    def test_with_a_matrix_that_is_not_rigid(self, matched: Department) -> None:
        wrong = np.diag([1.0, 1.0, -1.0, 1.0])
        with pytest.raises(GeometryError):
            matched.desk.match_by_hand(matched.course, wrong, by="anna", couch=SET_UP)

    def test_with_an_image_of_an_older_isoguide(self, matched: Department) -> None:
        d = matched
        forget_what_an_older_isoguide_did_not_keep(d.folder / "records")
        with pytest.raises(StaleImageError, match=r"was not kept .* an older isoguide took it: image again"):
            by_hand(d, off(d, 1.0))
        assert d.desk.approve(d.course, by=["anna"], couch=SET_UP).state is State.APPROVED


def forget_what_an_older_isoguide_did_not_keep(records: Path) -> None:
    file = next(records.glob("isoguide.db"))
    with sqlite3.connect(file) as connection:
        ((text,),) = connection.execute("SELECT memory FROM fractions").fetchall()
        kept = json.loads(text)
        del kept["target_points_mm"]
        for image in kept["memory"]["images"]:
            del image["machine_isocentre_mm"]
        for match in kept["memory"]["matches"]:
            del match["by_hand"]
        connection.execute("UPDATE fractions SET memory = ?", (json.dumps(kept),))
    connection.close()
