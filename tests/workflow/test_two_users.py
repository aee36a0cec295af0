"""Two users on one fraction, each at a work station of his own: one step is made, the other one is told."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from small_department import (
    ACCESSORIES,
    SET_UP,
    Department,
    all_delivered,
    begun,
)

from isoguide.course import ProtocolAction
from isoguide.errors import InputError, IsoguideError
from isoguide.records import ConflictError
from isoguide.treatment import Event, State
from isoguide.workflow.clinic import desk as desk_module
from isoguide.workflow.clinic.department import open_desk
from isoguide.workflow.clinic.desk import Desk
from isoguide.workflow.clinic.fraction_status import FractionStatus
from isoguide.workflow.clinic.recorder import FractionRecorder
from isoguide.workflow.clinic.seen import Seen

Step = Callable[[Desk], FractionStatus]
LOOK = "look at it again, nothing was done"


@contextmanager
def another_station(d: Department) -> Iterator[Desk]:
    with open_desk(str(d.folder / "records"), now=d.clock) as desk:
        yield desk


def at_once(d: Department, *steps: Step) -> tuple[list[FractionStatus], list[IsoguideError]]:
    """Make steps in threads, each at a station of its own, begun together."""
    gate = threading.Barrier(len(steps))
    done: list[FractionStatus] = []
    refused: list[IsoguideError] = []

    def make(step: Step) -> None:
        with another_station(d) as desk:
            gate.wait(30.0)
            try:
                done.append(step(desk))
            except IsoguideError as error:
                refused.append(error)

    threads = [threading.Thread(target=make, args=(step,)) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60.0)
    assert len(done) + len(refused) == len(steps)
    return done, refused


@pytest.fixture
def both_have_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no step be made before both stations have read the fraction: the closest that two can come."""
    gate, whole = threading.Barrier(2), desk_module.take_up
    waited = threading.local()

    def take_up(*arguments: object) -> object:
        elsewhere = threading.current_thread() is not threading.main_thread()
        if elsewhere and not getattr(waited, "once", False):
            waited.once = True
            gate.wait(30.0)
        return whole(*arguments)

    monkeypatch.setattr(desk_module, "take_up", take_up)


def approve(d: Department, by: str, **more: object) -> Step:
    return lambda desk: desk.approve(d.course, by=[by], couch=SET_UP, **more)


class TestAtTheSameMoment:
    def test_one_of_two_approvals_counts(self, matched: Department, both_have_looked: None) -> None:
        d = matched
        seen = d.desk.status(d.course).seen
        done, refused = at_once(
            d, approve(d, "anna", seen_version=seen), approve(d, "ben", seen_version=seen)
        )
        (status,) = done
        (error,) = refused
        assert isinstance(error, ConflictError)
        stored = d.desk.status(d.course).stored
        assert [one.by for one in stored.decisions] == [status.stored.decisions[0].by]
        events = [step.entry.event for step in stored.steps]
        assert events.count(Event.APPROVE) == 1
        assert d.desk.records.verify_audit().is_intact

    def test_one_of_two_approvals_counts_where_nobody_says_what_he_saw(
        self, matched: Department, both_have_looked: None
    ) -> None:
        d = matched
        done, refused = at_once(d, approve(d, "anna"), approve(d, "ben"))
        assert len(done) == 1
        assert isinstance(refused[0], ConflictError)
        assert len(d.desk.status(d.course).stored.decisions) == 1

    @pytest.mark.parametrize("time", range(3))
    def test_however_the_threads_run_exactly_one_approval_is_recorded(
        self, matched: Department, time: int
    ) -> None:
        d = matched
        seen = d.desk.status(d.course).seen
        done, refused = at_once(d, *(approve(d, by, seen_version=seen) for by in ("anna", "ben", "berg")))
        assert len(done) == 1
        assert all(isinstance(error, ConflictError) for error in refused)
        stored = d.desk.status(d.course).stored
        assert (len(stored.decisions), stored.version) == (1, seen.version + 1)

    def test_one_of_two_deliveries_counts_and_none_is_lost(
        self, matched: Department, both_have_looked: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        d = matched
        target = treated_to_the_beam(d)
        whole = all_delivered(d)

        def deliver(by: str) -> Step:
            return lambda desk: desk.deliver(d.course, whole, by=by, couch=target)

        done, refused = at_once(d, deliver("anna"), deliver("ben"))
        (status,) = done
        assert isinstance(refused[0], ConflictError)
        assert status.state is State.CLOSED
        stored = d.desk.status(d.course).stored
        assert len(stored.deliveries) == len(whole)
        assert stored.summary.delivered_mu == pytest.approx(status.planned_mu)
        assert [step.entry.event for step in stored.steps].count(Event.TURN_ON) == 1

    def test_one_of_two_begins(self, department: Department) -> None:
        d = department

        def begin(by: str) -> Step:
            return lambda desk: desk.begin(d.course, by=by, accessories=ACCESSORIES, seen_version=0)

        done, refused = at_once(d, begin("anna"), begin("ben"))
        assert len(done) == 1
        assert isinstance(refused[0], ConflictError)
        assert LOOK in str(refused[0])
        assert len(d.desk.records.course(d.course).fractions) == 1

    def test_a_stop_goes_through_whatever_others_do(
        self, matched: Department, both_have_looked: None
    ) -> None:
        d = matched
        done, refused = at_once(
            d,
            approve(d, "anna"),
            lambda desk: desk.stop(d.course, by="ben", reason="the patient is unwell"),
        )
        status = d.desk.status(d.course)
        assert status.state is State.STOPPED
        assert status.reason == "the patient is unwell"
        assert len(done) + len(refused) == 2
        assert [one.state for one in done if one.state is State.STOPPED] == [State.STOPPED]

    def test_a_set_up_anew_that_was_not_written_is_not_called_done(
        self, matched: Department, both_have_looked: None
    ) -> None:
        d = matched
        again = approve(d, "anna", action=ProtocolAction.REPOSITION)
        done, refused = at_once(d, again, again)
        assert len(done) == 1
        assert isinstance(refused[0], ConflictError)
        assert d.desk.status(d.course).state is State.PREPARED


def treated_to_the_beam(d: Department) -> object:
    target = d.desk.approve(d.course, by=["anna"], couch=SET_UP).target_pose
    d.desk.move(d.course, by="anna", couch=target)
    return target


class TestWhileADeliveryIsWritten:
    """It is two steps in the records, and between them the beam is "on"."""

    @pytest.fixture
    def between(self, matched: Department, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
        """What another station tries between the two steps, and what came of it."""
        tried: list[object] = []
        whole = FractionRecorder.__call__

        def call(self: FractionRecorder, entry: object, memory: object) -> None:
            whole(self, entry, memory)
            if entry.event is Event.TURN_ON and len(tried) == 1:
                step = tried[0]
                with another_station(matched) as desk:
                    try:
                        tried.append(step(desk))
                    except IsoguideError as error:
                        tried.append(error)

        monkeypatch.setattr(FractionRecorder, "__call__", call)
        return tried

    def test_no_other_step_takes_the_beam_for_left_on(self, matched: Department, between: list) -> None:
        d = matched
        target = treated_to_the_beam(d)
        whole = all_delivered(d)
        between.append(lambda desk: desk.deliver(d.course, whole, by="ben", couch=target))
        status = d.desk.deliver(d.course, whole, by="anna", couch=target)
        assert status.state is State.CLOSED
        assert len(status.stored.deliveries) == len(whole)
        assert isinstance(between[1], ConflictError)
        assert "anna records what was delivered of fraction 1 of course C0001 now" in str(between[1])

    def test_a_station_that_died_meanwhile_leaves_a_beam_that_is_held(
        self, matched: Department, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        d = matched
        target = treated_to_the_beam(d)
        whole = FractionRecorder.__call__

        def dies(self: FractionRecorder, entry: object, memory: object) -> None:
            whole(self, entry, memory)
            if entry.event is Event.TURN_ON:
                raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(FractionRecorder, "__call__", dies)
            with pytest.raises(KeyboardInterrupt):
                d.desk.deliver(d.course, all_delivered(d), by="anna", couch=target)
        assert d.desk.status(d.course).state is State.BEAM_ON
        d.clock.wait(31.0)
        status = d.desk.stop(d.course, by="ben", reason="the work station died")
        assert status.state is State.STOPPED
        assert Event.HOLD in [step.entry.event for step in status.stored.steps]


class TestOnWhatWasSeenBefore:
    def test_an_approval_of_a_match_that_another_one_approved_says_so(self, matched: Department) -> None:
        d = matched
        seen = d.desk.status(d.course).version
        approve(d, "berg")(d.desk)
        with pytest.raises(ConflictError) as caught:
            approve(d, "anna", seen_version=seen)(d.desk)
        assert str(caught.value) == (
            "fraction 1 of course C0001 was changed by berg meanwhile (approved): look at it again, nothing "
            "was done"
        )
        assert [one.by for one in d.desk.status(d.course).stored.decisions] == ["berg"]

    def test_an_approval_of_a_match_that_another_one_made_by_hand_since_is_refused(
        self, matched: Department
    ) -> None:
        d = matched
        seen = d.desk.status(d.course).seen
        engine = d.desk.status(d.course).stored.matches[0]
        d.desk.match_by_hand(d.course, engine.planning_from_daily, by="ben", couch=SET_UP)
        with pytest.raises(ConflictError, match=r"changed by ben meanwhile \(aligned\)"):
            approve(d, "anna", seen_version=seen)(d.desk)

    def test_a_note_that_changed_nothing_else_counts_too(self, matched: Department) -> None:
        d = matched
        seen = d.desk.status(d.course).seen
        approve(d, "ben", action=ProtocolAction.REIMAGE)(d.desk)
        with pytest.raises(ConflictError, match=r"changed by ben meanwhile \(image again\)"):
            approve(d, "anna", seen_version=seen)(d.desk)

    @pytest.mark.parametrize(
        "kind", ["set up", "image", "match", "engine", "approve", "move", "deliver", "stop"]
    )
    def test_every_step_is_refused_and_nothing_is_recorded(self, matched: Department, kind: str) -> None:
        d = matched
        before = d.desk.status(d.course)
        old = Seen(1, before.version - 1)
        steps: dict[str, Step] = {
            "set up": lambda desk: desk.set_up(d.course, by="anna", couch=SET_UP, seen_version=old),
            "image": lambda desk: desk.image(d.course, d.folder, by="anna", couch=SET_UP, seen_version=old),
            "match": lambda desk: desk.match_by_hand(
                d.course,
                before.stored.matches[0].planning_from_daily,
                by="anna",
                couch=SET_UP,
                seen_version=old,
            ),
            "engine": lambda desk: desk.match_by_engine(d.course, by="anna", couch=SET_UP, seen_version=old),
            "approve": approve(d, "anna", seen_version=old),
            "move": lambda desk: desk.move(d.course, by="anna", couch=SET_UP, seen_version=old),
            "deliver": lambda desk: desk.deliver(
                d.course, all_delivered(d), by="anna", couch=SET_UP, seen_version=old
            ),
            "stop": lambda desk: desk.stop(d.course, by="anna", reason="unwell", seen_version=old),
        }
        head = d.desk.records.audit_head()
        with pytest.raises(ConflictError, match="changed by anna meanwhile"):
            steps[kind](d.desk)
        assert d.desk.records.audit_head() == head

    def test_what_was_seen_as_it_is_goes_on(self, matched: Department) -> None:
        d = matched
        status = approve(d, "anna", seen_version=d.desk.status(d.course).version)(d.desk)
        moved = d.desk.move(d.course, by="anna", couch=status.target_pose, seen_version=status.seen)
        assert moved.state is State.VERIFIED
        assert moved.version == status.version + 2

    def test_a_page_left_open_at_yesterdays_fraction_does_nothing_to_todays(
        self, matched: Department
    ) -> None:
        d = matched
        seen = d.desk.status(d.course).seen
        d.desk.stop(d.course, by="anna", reason="the patient is unwell")
        d.clock.wait(86400.0)
        begun(d)
        d.desk.set_up(d.course, by="anna", couch=SET_UP)
        for version in (2, seen.version):
            with pytest.raises(ConflictError) as caught:
                d.desk.stop(d.course, by="ben", reason="unwell", seen_version=Seen(1, version))
            assert str(caught.value) == (
                "fraction 1 of course C0001 was looked at, and the newest one is fraction 2: look at it "
                "again, nothing was done"
            )
        assert d.desk.status(d.course).state is State.SET_UP


class TestBeginning:
    def test_on_what_was_seen_goes_on_and_on_something_older_does_not(self, department: Department) -> None:
        d = department
        begin = {"by": "anna", "accessories": ACCESSORIES}
        first = d.desk.begin(d.course, **begin, seen_version=0)
        stopped = d.desk.stop(d.course, by="anna", reason="the patient is unwell")
        for old in (0, first.seen, first.version):
            with pytest.raises(ConflictError, match="fraction 1 is the newest one"):
                d.desk.begin(d.course, **begin, seen_version=old)
        assert d.desk.begin(d.course, **begin, seen_version=stopped.seen).key.number == 2

    def test_where_there_is_no_fraction_is_not_begun_on_one(self, department: Department) -> None:
        with pytest.raises(ConflictError, match="there is no fraction any more"):
            department.desk.begin(
                department.course, by="anna", accessories=ACCESSORIES, seen_version=Seen(1, 5)
            )

    def test_twice_in_a_row_says_what_is_not_finished(self, department: Department) -> None:
        begun(department)
        with pytest.raises(InputError, match="fraction 1 of course C0001 is not finished"):
            begun(department)
