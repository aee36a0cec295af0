"""A fraction at the desk, step by step: what staff tell, what the protocol says, what is refused and kept."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from small_department import (
    ACCESSORIES,
    PROTOCOL,
    SET_UP,
    Department,
    all_delivered,
    approved,
    begun,
    imaged,
    near,
    opened,
    set_up,
    verified,
)
from small_patient import SmallPatient

from isoguide.course import Accessory, DeliveryRecord, ProtocolAction
from isoguide.errors import InputError, LinkLostError, MismatchError, MissingEvidenceError
from isoguide.geometry.iec61217 import fixed_from_planning
from isoguide.records import CourseStatus
from isoguide.treatment import State
from isoguide.treatment.refusals import (
    NotAllowedError,
    OutOfOrderError,
    PersonNeededError,
    PositionError,
    RefusedError,
    StaleImageError,
)
from isoguide.workflow.clinic import desk as desk_module
from isoguide.workflow.clinic.department import open_desk
from isoguide.workflow.clinic.fraction_files import export_fraction


class TestAWholeFraction:
    def test_brings_the_patient_to_where_the_truth_wants_him(self, department: Department) -> None:
        status, target = verified(department)
        assert status.state is State.VERIFIED
        for axis in ("lateral_mm", "longitudinal_mm", "vertical_mm"):
            assert getattr(target, axis) == pytest.approx(getattr(department.corrected, axis), abs=0.5)
        for axis in ("pitch_deg", "roll_deg", "support_deg"):
            assert getattr(target, axis) == pytest.approx(getattr(department.corrected, axis), abs=0.1)

    def test_is_closed_recorded_and_exported(self, department: Department, tmp_path: Path) -> None:
        d = department
        _, target = verified(d)
        status = d.desk.deliver(d.course, all_delivered(d), by="anna", couch=target)
        assert status.state is State.CLOSED
        assert not status.needs_somebody
        stored = status.stored
        assert [one.by for one in stored.decisions] == ["anna"]
        assert stored.decisions[0].action == "correct"
        assert "above the tolerance of 1 mm" in stored.decisions[0].rule
        assert sum(one.delivered_mu for one in stored.deliveries) == pytest.approx(status.planned_mu)
        assert stored.summary.measured is not None
        assert stored.summary.deviation is not None
        assert all(d.desk.store.path_of(sha256).is_file() for sha256 in stored.images[0].sha256)
        assert d.desk.records.verify_audit().is_intact
        course = d.desk.records.course(d.course)
        written = export_fraction(course, stored, d.desk.store, tmp_path / "out")
        assert [path.name for path in written.files] == [
            "registration-1.dcm",
            "report-1.dcm",
            "treatment-record.dcm",
        ]
        assert written.left_out == ()

    def test_goes_on_in_another_process_after_every_step(self, department: Department, patient) -> None:
        d = department
        place = str(d.folder / "records")
        steps = [
            lambda desk: desk.begin(d.course, by="anna", accessories=ACCESSORIES),
            lambda desk: desk.set_up(d.course, by="anna", couch=SET_UP),
            lambda desk: desk.image(d.course, d.export_image("one"), by="anna", couch=SET_UP),
            lambda desk: desk.approve(d.course, by=["anna"], couch=SET_UP),
            lambda desk: desk.move(d.course, by="anna", couch=desk.status(d.course).target_pose),
            lambda desk: desk.deliver(
                d.course, all_delivered(d), by="anna", couch=desk.status(d.course).stored.matches[0].pose
            ),
        ]
        states = []
        for step in steps:
            with open_desk(place, now=d.clock) as desk:
                states.append(step(desk).state)
        assert states == [
            State.PREPARED,
            State.SET_UP,
            State.ALIGNED,
            State.APPROVED,
            State.VERIFIED,
            State.CLOSED,
        ]


class TestBeginning:
    def test_with_the_wrong_index_of_the_knee_rest_is_refused(self, department: Department) -> None:
        today = (ACCESSORIES[0], Accessory("KNEE_REST", "Knee rest", "H3"))
        with pytest.raises(RefusedError, match=r"not set up as he was simulated.*H3"):
            department.desk.begin(department.course, by="anna", accessories=today)
        assert department.desk.records.course(department.course).fractions == ()

    def test_with_the_plan_of_the_registration_goes_on(self, department: Department) -> None:
        d = department
        status = d.desk.begin(d.course, by="anna", accessories=ACCESSORIES, planning=d.patient.planning)
        assert status.state is State.PREPARED

    def test_with_a_plan_that_was_replaced_is_refused(self, department: Department) -> None:
        d = department
        changed = d.folder / "changed"
        shutil.copytree(d.patient.planning, changed)
        plan = pydicom.dcmread(changed / "RP.dcm")
        plan.RTPlanLabel = "ANOTHER"
        plan.save_as(changed / "RP.dcm")
        with pytest.raises(MismatchError, match="replaced"):
            d.desk.begin(d.course, by="anna", accessories=ACCESSORIES, planning=changed)

    def test_twice_is_refused_while_the_first_goes_on(self, department: Department) -> None:
        begun(department)
        with pytest.raises(InputError, match="fraction 1 of course C0001 is not finished"):
            begun(department)

    def test_by_somebody_who_is_not_on_the_staff_is_refused(self, department: Department) -> None:
        with pytest.raises(MissingEvidenceError, match="eve"):
            department.desk.begin(department.course, by="eve", accessories=ACCESSORIES)

    def test_every_step_is_made_by_somebody_on_the_staff(self, department: Department) -> None:
        d = department
        begun(d)
        with pytest.raises(MissingEvidenceError, match="eve"):
            d.desk.set_up(d.course, by="eve", couch=SET_UP)
        d.desk.set_up(d.course, by="anna", couch=SET_UP)
        with pytest.raises(MissingEvidenceError, match="eve"):
            d.desk.image(d.course, d.folder, by="eve", couch=SET_UP)
        with pytest.raises(MissingEvidenceError, match="eve"):
            d.desk.stop(d.course, by="eve", reason="the patient is unwell")

    def test_of_a_course_that_has_ended_is_refused(self, department: Department) -> None:
        d = department
        d.desk.records.finish_course(d.course, CourseStatus.STOPPED, by="berg", reason="moved away")
        with pytest.raises(InputError, match="stopped"):
            begun(d)


class TestSettingUp:
    def test_first_computes_the_move_from_the_marks(self, department: Department) -> None:
        d = department
        simulation = d.desk.records.course(d.course).simulation
        room = fixed_from_planning("HFS", simulation.isocentre_mm)
        five_mm_left = {
            mark.name: room.apply(mark.position_mm) + np.array([5.0, 0.0, 0.0]) for mark in simulation.marks
        }
        found = d.desk.marks(d.course, five_mm_left, SET_UP)
        assert found.correction.lateral_mm == pytest.approx(-5.0, abs=1e-6)
        assert found.pose.lateral_mm == pytest.approx(SET_UP.lateral_mm - 5.0, abs=1e-6)
        assert found.rms_mm < 1e-6

    def test_far_from_where_the_couch_stood_in_the_first_fraction_is_refused(self, department) -> None:
        d = department
        _, target = verified(d)
        d.desk.deliver(d.course, all_delivered(d), by="anna", couch=target)
        begun(d)
        with pytest.raises(PositionError, match="longitudinal"):
            d.desk.set_up(d.course, by="anna", couch=near(SET_UP, longitudinal_mm=100.0))
        assert d.desk.status(d.course).state is State.PREPARED
        assert (
            d.desk.set_up(d.course, by="anna", couch=near(SET_UP, longitudinal_mm=5.0)).state is State.SET_UP
        )


class TestImaging:
    def test_says_which_rule_decided_and_what_comes_next(self, department: Department) -> None:
        status = imaged(department)
        assert status.decision.action is ProtocolAction.CORRECT
        assert status.next_steps == ("approve the correction",)
        assert not status.needs_somebody

    def test_the_same_image_twice_is_refused(self, department: Department) -> None:
        d = department
        imaged(d)
        with pytest.raises(StaleImageError, match="was seen before"):
            d.desk.image(d.course, d.folder / "one", by="anna", couch=SET_UP)
        assert d.desk.status(d.course).state is State.SET_UP

    def test_an_image_of_before_the_set_up_is_refused(self, department: Department) -> None:
        d = department
        early = d.export_image("early")
        set_up(d)
        kept = d.desk.store.hashes()
        with pytest.raises(StaleImageError, match="is of another fraction"):
            d.desk.image(d.course, early, by="anna", couch=SET_UP)
        assert d.desk.store.hashes() == kept

    def test_an_image_of_yesterdays_fraction_is_refused_today(self, department: Department) -> None:
        d = department
        _, target = verified(d)
        d.desk.deliver(d.course, all_delivered(d), by="anna", couch=target)
        d.clock.wait(86400.0)
        begun(d)
        d.desk.set_up(d.course, by="anna", couch=SET_UP)
        with pytest.raises(StaleImageError):
            d.desk.image(d.course, d.folder / "one", by="anna", couch=SET_UP)

    def test_an_image_of_another_patient_is_refused(self, department, other_patients_image) -> None:
        d = department
        set_up(d)
        with pytest.raises(MismatchError, match="T-2"):
            d.desk.image(d.course, other_patients_image, by="anna", couch=SET_UP)
        assert d.desk.status(d.course).state is State.SET_UP

    def test_an_image_without_an_answer_is_never_acted_on(self, department: Department) -> None:
        d = department
        set_up(d)
        daily = d.patient.daily_volume
        noise = np.random.default_rng(1).normal(0.0, 300.0, daily.values.shape).astype(np.int16)
        d.patient = replace(d.patient, daily_volume=replace(daily, values=noise))
        status = d.desk.image(d.course, d.export_image("noise"), by="anna", couch=SET_UP)
        assert status.decision.action is ProtocolAction.REIMAGE
        assert status.needs_somebody
        assert status.stored.matches[0].correction is None
        assert status.stored.summary.measured is None
        for action in (ProtocolAction.CORRECT, ProtocolAction.NO_CORRECTION):
            with pytest.raises(NotAllowedError):
                d.desk.approve(
                    d.course,
                    by=["anna", "berg"],
                    couch=SET_UP,
                    action=action,
                    reason="we are sure it is right",
                )

    def test_a_planning_file_that_was_changed_in_the_store_is_noticed(self, department, monkeypatch) -> None:
        d = department
        set_up(d)
        reference = d.desk.records.course(d.course).simulation.reference_images[0]
        path = d.desk.store.path_of(reference.sha256)
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-1] + b"x")
        from isoguide.errors import UnreadableError

        with pytest.raises(UnreadableError, match="backup"):
            d.desk.image(d.course, d.export_image("one"), by="anna", couch=SET_UP)


@pytest.fixture
def other_patients_image(department: Department, patient: SmallPatient) -> Path:
    from small_patient import MACHINE_ISOCENTRE_MM, PATIENT

    from isoguide.workflow.simulation_session import write_daily_export

    folder = department.folder / "other"
    somebody = replace(PATIENT, patient_id="T-2")
    write_daily_export(
        folder, patient.daily_volume, np.array(MACHINE_ISOCENTRE_MM), patient=somebody, seed="other"
    )
    return folder


class TestSigning:
    def test_an_image_that_has_aged_is_refused(self, department: Department) -> None:
        d = department
        imaged(d)
        d.clock.wait(1000.0)
        with pytest.raises(StaleImageError, match="s old, more than 900 s"):
            d.desk.approve(d.course, by=["anna"], couch=SET_UP)
        assert d.desk.status(d.course).stored.decisions == ()

    def test_with_the_couch_moved_since_the_image_is_refused(self, department: Department) -> None:
        d = department
        imaged(d)
        with pytest.raises(PositionError, match="the couch was moved since the image"):
            d.desk.approve(d.course, by=["anna"], couch=near(SET_UP, vertical_mm=2.0))

    def test_without_knowing_where_the_couch_is_is_refused(self, department: Department) -> None:
        imaged(department)
        with pytest.raises(LinkLostError, match="--couch"):
            department.desk.approve(department.course, by=["anna"], couch=None)

    def test_otherwise_than_the_protocol_needs_the_right_and_a_reason(self, department: Department) -> None:
        d = department
        imaged(d)
        other = ProtocolAction.NO_CORRECTION
        with pytest.raises(PersonNeededError):
            d.desk.approve(d.course, by=["anna"], couch=SET_UP, action=other, reason="the target fits well")
        with pytest.raises(PersonNeededError, match="reason"):
            d.desk.approve(d.course, by=["berg"], couch=SET_UP, action=other)
        status = d.desk.approve(
            d.course, by=["berg"], couch=SET_UP, action=other, reason="the target fits well"
        )
        assert status.state is State.VERIFIED
        (decision,) = status.stored.decisions
        assert decision.is_override
        assert decision.proposed == "correct"
        assert status.stored.summary.overrides == ("the target fits well",)

    def test_a_stop_is_open_to_everybody(self, department: Department) -> None:
        d = department
        imaged(d)
        status = d.desk.approve(
            d.course, by=["ben"], couch=SET_UP, action=ProtocolAction.STOP, reason="unwell"
        )
        assert status.state is State.STOPPED
        assert status.needs_somebody

    def test_a_new_set_up_takes_the_old_image_away(self, department: Department) -> None:
        d = department
        imaged(d)
        again = ProtocolAction.REPOSITION
        assert d.desk.approve(d.course, by=["anna"], couch=SET_UP, action=again).state is State.PREPARED
        d.desk.set_up(d.course, by="anna", couch=near(SET_UP, lateral_mm=3.0))
        with pytest.raises(StaleImageError):
            d.desk.image(d.course, d.folder / "one", by="anna", couch=near(SET_UP, lateral_mm=3.0))

    def test_another_image_is_noted_and_changes_nothing_else(self, department: Department) -> None:
        d = department
        imaged(d)
        status = d.desk.approve(d.course, by=["anna"], couch=SET_UP, action=ProtocolAction.REIMAGE)
        assert status.state is State.ALIGNED
        assert [one.action for one in status.stored.decisions] == ["image again"]

    def test_without_a_match_is_refused(self, department: Department) -> None:
        set_up(department)
        with pytest.raises(RefusedError, match="has no match to decide about"):
            department.desk.approve(department.course, by=["anna"], couch=SET_UP)


@pytest.mark.parametrize(
    ("couch_error", "match"),
    [({"vertical_mm": 2.0}, "vertical"), ({"support_deg": 1.0}, "couch")],
)
def test_a_couch_that_is_not_where_it_was_sent_takes_the_position_away(
    department: Department, couch_error: dict[str, float], match: str
) -> None:
    d = department
    target = approved(d).target_pose
    with pytest.raises(PositionError, match=match):
        d.desk.move(d.course, by="anna", couch=near(target, **couch_error))
    status = d.desk.status(d.course)
    assert status.state is State.SET_UP
    assert status.target_pose is None
    with pytest.raises(RefusedError):
        d.desk.deliver(d.course, all_delivered(d), by="anna", couch=target)


def test_a_correction_is_never_carried_out_twice(department: Department) -> None:
    d = department
    _, target = verified(d)
    with pytest.raises(OutOfOrderError):
        d.desk.move(d.course, by="anna", couch=target)
    assert len(d.desk.status(d.course).stored.summary.overrides) == 0


def test_an_approval_that_expired_is_not_carried_out(department: Department) -> None:
    d = department
    target = approved(d).target_pose
    d.clock.wait(301.0)
    with pytest.raises(RefusedError, match="its approval expired"):
        d.desk.move(d.course, by="anna", couch=target)
    assert d.desk.status(d.course).state is State.ALIGNED


class TestDelivering:
    def test_before_a_verified_position_is_refused(self, department: Department) -> None:
        approved(department)
        with pytest.raises(OutOfOrderError):
            department.desk.deliver(department.course, all_delivered(department), by="anna", couch=SET_UP)

    def test_with_the_couch_elsewhere_is_refused_and_recorded(self, department: Department) -> None:
        d = department
        _, target = verified(d)
        with pytest.raises(PositionError, match="was moved since the position was verified"):
            d.desk.deliver(d.course, all_delivered(d), by="anna", couch=near(target, lateral_mm=5.0))
        status = d.desk.status(d.course)
        assert status.state is State.SET_UP
        assert status.stored.deliveries == ()

    def test_a_part_leaves_the_fraction_held_with_what_was_given(self, department: Department) -> None:
        d = department
        _, target = verified(d)
        whole = all_delivered(d)
        part = [replace(whole[0], delivered_mu=100.0, ended="MACHINE")]
        status = d.desk.deliver(d.course, part, by="anna", couch=target)
        assert status.state is State.HELD
        assert status.needs_somebody
        assert status.delivered_mu == 100.0
        assert [one.ended for one in status.stored.deliveries] == ["MACHINE"]

    def test_of_a_beam_that_is_not_in_the_plan_is_refused(self, department: Department) -> None:
        d = department
        _, target = verified(d)
        with pytest.raises(InputError, match="has no treatment beam 99"):
            d.desk.deliver(d.course, [DeliveryRecord(99, "X", 1.0, 1.0)], by="anna", couch=target)

    def test_of_nothing_is_refused(self, department: Department) -> None:
        d = department
        _, target = verified(d)
        nothing = [replace(one, delivered_mu=0.0) for one in all_delivered(d)]
        with pytest.raises(InputError, match="stop the fraction with a reason instead"):
            d.desk.deliver(d.course, nothing, by="anna", couch=target)

    def test_more_than_planned_is_refused(self, department: Department) -> None:
        d = department
        _, target = verified(d)
        more = [replace(one, delivered_mu=2.0 * one.delivered_mu) for one in all_delivered(d)]
        status = d.desk.deliver(d.course, more, by="anna", couch=target)
        assert status.state is State.HELD
        twice, once = 2.0 * status.planned_mu, status.planned_mu
        assert f"{twice:.1f} MU were delivered, more than the {once:.1f} planned" in status.reason
        assert status.delivered_mu == pytest.approx(twice)

    def test_the_rest_after_a_new_image_adds_up(self, department: Department) -> None:
        d = department
        _, target = verified(d)
        (whole,) = all_delivered(d)[:1]
        first = replace(whole, delivered_mu=100.0, ended="MACHINE")
        d.desk.deliver(d.course, [first], by="anna", couch=target)
        d.desk.image(d.course, d.export_image("two"), by="anna", couch=target)
        status = d.desk.status(d.course)
        assert status.delivered_mu == 100.0
        assert status.state is State.ALIGNED


class TestStopping:
    def test_needs_a_reason_and_is_final(self, department: Department) -> None:
        d = department
        set_up(d)
        with pytest.raises(InputError, match="say why"):
            d.desk.stop(d.course, by="anna", reason=" ")
        status = d.desk.stop(d.course, by="anna", reason="the patient is unwell")
        assert status.state is State.STOPPED
        assert status.reason == "the patient is unwell"
        with pytest.raises(RefusedError, match="is stopped: begin the next fraction"):
            d.desk.set_up(d.course, by="anna", couch=SET_UP)


def test_a_course_without_fractions_says_how_to_begin_one(department: Department) -> None:
    with pytest.raises(MissingEvidenceError, match="isoguide fraction start C0001"):
        department.desk.status(department.course)


class TestNal:
    @pytest.fixture
    def offline(
        self, tmp_path: Path, patient: SmallPatient, quick: None, simulated: tuple
    ) -> Iterator[Department]:
        text = PROTOCOL.replace('kind = "daily"', 'kind = "NAL"\nfirst = 1').replace(
            "test-pelvis", "test-nal"
        )
        with opened(tmp_path, patient, simulated, text) as department:
            yield department

    def test_after_the_first_days_their_mean_is_corrected_without_an_image(self, offline) -> None:
        d = offline
        _, target = verified(d)
        d.desk.deliver(d.course, all_delivered(d), by="anna", couch=target)
        status = begun(d)
        measured = d.desk.status(d.course, 1).stored.summary.measured
        assert status.no_image_because
        assert status.offline.shift_mm == pytest.approx(measured.shift_mm)
        with pytest.raises(MissingEvidenceError, match="systematic correction"):
            d.desk.set_up(d.course, by="anna", couch=SET_UP)
        with pytest.raises(PositionError, match="was not made"):
            d.desk.set_up(d.course, by="anna", couch=SET_UP, on_marks=SET_UP)
        shifted = near(
            SET_UP,
            lateral_mm=measured.lateral_mm,
            longitudinal_mm=measured.longitudinal_mm,
            vertical_mm=measured.vertical_mm,
        )
        status = d.desk.set_up(d.course, by="anna", couch=shifted, on_marks=SET_UP)
        assert "no image is due" in status.next_steps[0]
        status = d.desk.deliver(d.course, all_delivered(d), by="anna", couch=shifted)
        assert status.state is State.CLOSED
        assert status.stored.images == ()


class TestASecondLook:
    @pytest.fixture
    def strict(
        self, tmp_path: Path, patient: SmallPatient, quick: None, simulated: tuple
    ) -> Iterator[Department]:
        text = PROTOCOL.replace("shift_mm = 20.0", "shift_mm = 5.0").replace("test-pelvis", "test-strict")
        with opened(tmp_path, patient, simulated, text) as department:
            yield department

    def test_is_asked_for_above_the_level_and_needs_two_people(self, strict) -> None:
        d = strict
        status = imaged(d)
        assert status.needs_somebody
        assert status.decision.action is ProtocolAction.SECOND_LOOK
        said = re.search(r"shift of (\S+) mm is above the action level of 5 mm", status.decision.rule)
        assert said
        assert float(said[1]) == pytest.approx(np.linalg.norm(d.needed.shift_mm), abs=0.2)
        for signers in (["anna"], ["anna", "ben"], ["berg"], ["berg", "berg"]):
            with pytest.raises(PersonNeededError):
                d.desk.approve(d.course, by=signers, couch=SET_UP)
        status = d.desk.approve(d.course, by=["anna", "berg"], couch=SET_UP)
        assert status.state is State.APPROVED
        assert status.stored.decisions[0].second == "berg"

    def test_what_nobody_may_do_is_refused_for_everybody(self, strict, monkeypatch) -> None:
        d = strict
        imaged(d)
        opened_class = desk_module.open_fraction(d.desk.records, d.course)
        barred = replace(opened_class.decision, barred={ProtocolAction.CORRECT: "the couch cannot reach it"})
        monkeypatch.setattr(type(opened_class), "decision", property(lambda self: barred))
        with pytest.raises(NotAllowedError, match="the couch cannot reach it"):
            d.desk.approve(d.course, by=["anna", "berg"], couch=SET_UP)
