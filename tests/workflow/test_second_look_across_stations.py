"""A first signature at one work station waits for a second one at another, and never outlives its match."""

import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from small_department import PROTOCOL, SET_UP, Department, copied, imaged_records, near
from small_patient import SmallPatient

from isoguide.course import Person, ProtocolAction, Role
from isoguide.errors import IsoguideError
from isoguide.records import ConflictError
from isoguide.treatment import State
from isoguide.treatment.refusals import NotAllowedError, PersonNeededError, PositionError, RefusedError
from isoguide.workflow.clinic.second_look import PendingSignature, PendingSignatures
from isoguide.workflow.clinic.seen import Seen

OVER = "this request for a second signature is over"


@pytest.fixture(scope="session")
def strict_once(
    tmp_path_factory: pytest.TempPathFactory, patient: SmallPatient, simulated: tuple
) -> tuple[Path, datetime]:
    text = PROTOCOL.replace("shift_mm = 20.0", "shift_mm = 5.0").replace("test-pelvis", "test-strict")
    return imaged_records(tmp_path_factory.mktemp("strict"), patient, simulated, text)


@pytest.fixture
def strict(tmp_path: Path, patient: SmallPatient, strict_once: tuple[Path, datetime]) -> Iterator[Department]:
    """A department in which the protocol asks for a second look at today's match."""
    with copied(strict_once, tmp_path, patient) as department:
        department.desk.records.add_person(Person("olga", Role.ONCOLOGIST), by="admin")
        yield department


@pytest.fixture
def pending() -> PendingSignatures:
    return PendingSignatures()


def ask(d: Department, pending: PendingSignatures, **more: object) -> PendingSignature:
    return pending.ask(d.desk, d.course, **{"by": "anna", **more})


class TestAsking:
    def test_waits_for_those_who_may_answer_and_is_recorded(self, strict, pending) -> None:
        d = strict
        asked = ask(d, pending, seen_version=d.desk.status(d.course).seen)
        (waiting,) = pending.waiting(d.desk)
        assert waiting == asked
        assert (waiting.asked_by.name, waiting.key.course_id, waiting.key.number) == ("anna", "C0001", 1)
        assert waiting.roles == (Role.PHYSICIST, Role.ONCOLOGIST)
        assert waiting.action is ProtocolAction.CORRECT
        assert "is above the action level of 5 mm" in waiting.rule
        assert "T-1" in waiting.patient
        status = d.desk.status(d.course)
        assert status.state is State.ALIGNED
        assert waiting.version == status.version
        (decision,) = status.stored.decisions
        assert (decision.action, decision.by) == ("second look", "anna")
        assert decision.reason == "asks for a second signature for 'correct'"
        assert waiting.image_uid == decision.image_uid == status.stored.images[-1].uid

    def test_for_what_one_signature_does_is_refused(self, matched: Department, pending) -> None:
        d = matched
        with pytest.raises(RefusedError, match="'correct' needs no second signature: sign it"):
            ask(d, pending)
        assert d.desk.status(d.course).stored.decisions == ()

    def test_for_an_override_by_somebody_without_the_right_or_a_reason_is_refused(
        self, strict, pending
    ) -> None:
        d = strict
        other = ProtocolAction.NO_CORRECTION
        with pytest.raises(PersonNeededError, match="to do otherwise than the protocol"):
            ask(d, pending, action=other, reason="the target fits well")
        with pytest.raises(PersonNeededError, match="give a reason"):
            ask(d, pending, by="berg", action=other)
        asked = ask(d, pending, by="berg", action=other, reason="the target fits well")
        status = pending.answer(d.desk, asked.token, by="olga", couch=SET_UP)
        assert status.state is State.VERIFIED
        assert [one.reason for one in status.stored.decisions] == [
            "asks for a second signature for 'no correction': the target fits well",
            "the target fits well",
        ]
        assert status.stored.summary.overrides == ("the target fits well",)
        assert status.stored.summary.action == "no correction"

    def test_with_an_image_that_has_aged_is_refused(self, strict, pending) -> None:
        strict.clock.wait(1000.0)
        with pytest.raises(NotAllowedError, match="the image is older than 900 s"):
            ask(strict, pending)

    def test_without_a_match_is_refused(self, strict, pending) -> None:
        d = strict
        d.desk.approve(d.course, by=["anna", "berg"], couch=SET_UP)
        with pytest.raises(RefusedError, match="has no match to decide about"):
            ask(d, pending)

    def test_on_an_earlier_version_is_refused(self, strict, pending) -> None:
        d = strict
        seen = d.desk.status(d.course).seen
        d.desk.approve(d.course, by=["ben"], couch=SET_UP, action=ProtocolAction.REIMAGE)
        with pytest.raises(ConflictError, match="changed by ben"):
            ask(d, pending, seen_version=seen)
        assert pending.waiting(d.desk) == ()


class TestAnswering:
    def test_does_what_the_two_signed(self, strict, pending) -> None:
        d = strict
        status = pending.answer(d.desk, ask(d, pending).token, by="berg", couch=SET_UP)
        assert status.state is State.APPROVED
        decision = status.stored.decisions[-1]
        assert (decision.action, decision.by, decision.second) == ("correct", "anna", "berg")
        assert not decision.is_override
        assert status.stored.summary.action == "correct"
        assert pending.waiting(d.desk) == ()

    @pytest.mark.parametrize("by", ["ben", "anna"])
    def test_by_somebody_who_may_not_leaves_it_waiting(self, strict, pending, by: str) -> None:
        d = strict
        asked = ask(d, pending)
        with pytest.raises(PersonNeededError, match="of a second person who is physicist or oncologist"):
            pending.answer(d.desk, asked.token, by=by, couch=SET_UP)
        assert pending.waiting(d.desk) == (asked,)
        assert pending.answer(d.desk, asked.token, by="berg", couch=SET_UP).state is State.APPROVED

    def test_with_the_couch_moved_is_refused(self, strict, pending) -> None:
        d = strict
        asked = ask(d, pending)
        with pytest.raises(PositionError, match="the couch was moved since the image"):
            pending.answer(d.desk, asked.token, by="berg", couch=near(SET_UP, vertical_mm=2.0))
        assert d.desk.status(d.course).state is State.ALIGNED

    def test_by_who_matched_by_hand_is_refused(self, matched: Department, pending) -> None:
        d = matched
        engine = d.desk.status(d.course).stored.matches[0].planning_from_daily.copy()
        engine[0, 3] += 4.0
        d.desk.match_by_hand(d.course, engine, by="berg", couch=SET_UP)
        asked = ask(d, pending)
        assert asked.not_second == "berg"
        with pytest.raises(PersonNeededError, match="other than berg, who matched by hand"):
            pending.answer(d.desk, asked.token, by="berg", couch=SET_UP)

    def test_by_two_at_once_counts_once(self, strict, pending) -> None:
        d = strict
        asked = ask(d, pending)
        gate, ends = threading.Barrier(2), []

        def answer(by: str) -> None:
            gate.wait(30.0)
            try:
                ends.append(pending.answer(d.desk, asked.token, by=by, couch=SET_UP))
            except IsoguideError as error:
                ends.append(error)

        threads = [threading.Thread(target=answer, args=(by,)) for by in ("berg", "olga")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60.0)
        assert sum(isinstance(one, ConflictError | RefusedError) for one in ends) == 1
        stored = d.desk.status(d.course).stored
        assert [one.action for one in stored.decisions] == ["second look", "correct"]


class TestIsOver:
    def test_when_another_match_was_made(self, strict, pending) -> None:
        d = strict
        asked = ask(d, pending)
        engine = d.desk.status(d.course).stored.matches[0]
        d.desk.match_by_hand(d.course, engine.planning_from_daily, by="ben", couch=SET_UP)
        assert pending.waiting(d.desk) == ()
        with pytest.raises(RefusedError, match=OVER):
            pending.answer(d.desk, asked.token, by="berg", couch=SET_UP)
        assert d.desk.status(d.course).state is State.ALIGNED

    def test_when_another_image_was_taken(self, strict, pending) -> None:
        d = strict
        asked = ask(d, pending)
        d.desk.image(d.course, d.export_image("two"), by="anna", couch=SET_UP)
        with pytest.raises(RefusedError, match=OVER):
            pending.answer(d.desk, asked.token, by="berg", couch=SET_UP)

    def test_when_the_fraction_changes_in_the_moment_of_the_answer(
        self, strict, pending, monkeypatch
    ) -> None:
        d = strict
        asked = ask(d, pending)
        whole = pending.waiting

        def waiting(desk: object) -> object:
            found = whole(desk)
            d.desk.approve(d.course, by=["ben"], couch=SET_UP, action=ProtocolAction.REIMAGE)
            return found

        monkeypatch.setattr(pending, "waiting", waiting)
        with pytest.raises(ConflictError, match=r"changed by ben meanwhile \(image again\)"):
            pending.answer(d.desk, asked.token, by="berg", couch=SET_UP)
        assert d.desk.status(d.course).state is State.ALIGNED

    def test_when_the_fraction_has_ended(self, strict, pending) -> None:
        d = strict
        ask(d, pending)
        d.desk.stop(d.course, by="ben", reason="the patient is unwell")
        assert pending.waiting(d.desk) == ()

    def test_after_as_long_as_an_approval_counts(self, strict, pending) -> None:
        d = strict
        asked = ask(d, pending)
        d.clock.wait(300.0)
        assert pending.waiting(d.desk) == (asked,)
        d.clock.wait(1.0)
        with pytest.raises(RefusedError, match=OVER):
            pending.answer(d.desk, asked.token, by="berg", couch=SET_UP)

    def test_when_the_image_is_too_old(self, strict, pending) -> None:
        d = strict
        d.clock.wait(700.0)
        asked = ask(d, pending)
        image = d.desk.status(d.course).stored.images[-1]
        assert (asked.expires_at - image.acquired_at).total_seconds() == 900.0

    def test_when_it_was_taken_back_or_asked_for_again(self, strict, pending) -> None:
        d = strict
        first = ask(d, pending)
        second = ask(d, pending, by="ben")
        assert pending.waiting(d.desk) == (second,)
        pending.withdraw(second.token)
        pending.withdraw(first.token)
        assert pending.waiting(d.desk) == ()

    def test_when_the_process_ended_though_it_stays_recorded(self, strict, pending) -> None:
        d = strict
        asked = ask(d, pending)
        with pytest.raises(RefusedError, match=OVER):
            PendingSignatures().answer(d.desk, asked.token, by="berg", couch=SET_UP)
        assert d.desk.status(d.course).seen == Seen(1, asked.version)
