import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from sample_course import (
    DELIVERIES,
    MORNING,
    WAY,
    SteppingClock,
    decision,
    entry,
    full_summary,
    image,
    match,
    motion,
    no_match,
    step,
    summary,
    treat,
    with_course,
)

from isoguide.errors import InputError, MissingEvidenceError
from isoguide.records import ConflictError, FractionKey, FractionStep, Place, Records, open_records
from isoguide.records.plain import to_plain
from isoguide.treatment.refusals import OutOfOrderError
from isoguide.treatment.states import Event, State


def test_a_fraction_begins_prepared_at_the_time_of_the_clock(records: Records) -> None:
    course_id = with_course(records)
    begun = records.begin_fraction(course_id, 1, by="anna", memory='{"seed": 1}')
    assert (begun.line.state, begun.version, begun.memory) == (State.PREPARED, 1, '{"seed": 1}')
    assert begun.line.key == FractionKey("C0001", 1)
    assert begun.line.ended_at is None
    assert MORNING < begun.line.started_at < MORNING + timedelta(seconds=1)
    assert begun.summary.state == "prepared"


def test_everything_of_a_fraction_comes_back_after_a_restart_bit_for_bit(
    place: Place, clock: SteppingClock
) -> None:
    with open_records(place, clock=clock) as records:
        course_id = with_course(records)
        key = treat(records, course_id, events=WAY[:-1])
        last = replace(step(1, State.DELIVERED, Event.CLOSE), summary=full_summary(), memory='{"end": [0.1]}')
        assert records.add_step(key, 9, last) == 10
    with open_records(place, clock=clock) as records:
        stored = records.fraction(course_id, 1)
    assert [one.entry.event for one in stored.steps] == list(WAY)
    assert [one.seq for one in stored.steps] == list(range(2, 11))
    assert stored.steps[0].entry == entry(State.PREPARED, Event.SET_UP)
    assert {one.by for one in stored.steps} == {"anna"}
    uid = f"1.2.9.{course_id}.1"
    assert stored.images == (image(uid),)
    assert stored.decisions == (decision(uid),)
    assert stored.deliveries == DELIVERIES
    assert [to_plain(one) for one in stored.motions] == [to_plain(motion())]
    assert stored.motions[0].holds[1].proposal_mm is not None
    assert stored.motions[0].duty_cycle == pytest.approx(73.2 / 92.4)
    (found,) = stored.matches
    assert found.planning_from_daily is not None
    assert np.array_equal(found.planning_from_daily, np.eye(4) + 0.1)
    assert found.correction == match().correction
    assert found.pose == match().pose
    assert stored.memory == '{"end": [0.1]}'
    want = full_summary()
    assert stored.summary.deviation is not None
    assert np.array_equal(stored.summary.deviation, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    assert repr(replace(stored.summary, deviation=None)) == repr(replace(want, deviation=None))
    assert stored.line.ended_at is not None


def test_a_match_without_an_answer_has_no_residual(records: Records) -> None:
    course_id = with_course(records)
    key = treat(records, course_id, events=WAY[:2])
    records.add_step(key, 3, replace(step(1, State.IMAGED, Event.ALIGN), match=no_match("1.2.9.1")))
    (found,) = records.fraction(course_id, 1).matches
    assert (found.correction, found.planning_from_daily, found.pose, found.deviation) == (None,) * 4
    assert math.isnan(found.residual_mm)


def test_a_step_can_come_without_a_line_in_the_journal(records: Records) -> None:
    course_id = with_course(records)
    key = treat(records, course_id, events=WAY[:1])
    assert records.add_step(key, 2, FractionStep('{"a": 1}', summary(1, State.SET_UP), "anna")) == 3
    stored = records.fraction(course_id, 1)
    assert (len(stored.steps), stored.memory, stored.version) == (1, '{"a": 1}', 3)


def test_a_second_reader_who_decides_on_what_he_read_before_is_told_who_changed_it(records: Records) -> None:
    course_id = with_course(records)
    key = treat(records, course_id, events=WAY[:1])
    with pytest.raises(
        ConflictError, match=r"fraction 1 of course C0001 was changed by anna at 2026-03-02 08:00:0"
    ):
        records.add_step(key, 1, step(1, State.PREPARED, Event.SET_UP))
    assert records.fraction(course_id, 1).version == 2


def test_fractions_are_begun_in_order(records: Records) -> None:
    course_id = with_course(records)
    with pytest.raises(
        InputError, match="fraction 2 of course C0001 is out of order: the next one is fraction 1"
    ):
        records.begin_fraction(course_id, 2, by="anna", memory="{}")
    treat(records, course_id)
    with pytest.raises(InputError, match="the next one is fraction 2"):
        records.begin_fraction(course_id, 1, by="anna", memory="{}")


def test_no_fraction_is_begun_while_another_one_is_open(records: Records) -> None:
    course_id = with_course(records)
    treat(records, course_id, events=WAY[:7])
    with pytest.raises(
        InputError, match=r"fraction 1 of course C0001 is not finished \('beam on'\): go on with it or stop"
    ):
        records.begin_fraction(course_id, 2, by="anna", memory="{}")
    assert [(line.key.number, line.state) for line in records.unfinished_fractions()] == [(1, State.BEAM_ON)]


def test_one_more_fraction_than_planned_needs_a_reason(records: Records) -> None:
    course_id = with_course(records, fractions_planned=1)
    treat(records, course_id, events=(Event.STOP,))
    with pytest.raises(InputError, match="one more than the 1 planned: say why"):
        records.begin_fraction(course_id, 2, by="anna", memory="{}")
    records.begin_fraction(course_id, 2, by="otto", memory="{}", reason="fraction 1 gave no dose")
    assert records.audit_entries()[-1].payload["reason"] == "fraction 1 gave no dose"


def test_nothing_follows_the_end_of_a_fraction(records: Records) -> None:
    course_id = with_course(records)
    key = treat(records, course_id, events=(Event.STOP,))
    with pytest.raises(InputError, match="fraction 1 of course C0001 is stopped, so nothing can be added"):
        records.add_step(key, 2, FractionStep("{}", summary(1, State.STOPPED), "anna"))
    assert records.unfinished_fractions() == ()


def test_a_step_has_to_follow_from_the_state_that_is_recorded(records: Records) -> None:
    course_id = with_course(records)
    key = treat(records, course_id, events=WAY[:1])
    with pytest.raises(InputError, match="is in the state 'set up', and a step from 'imaged' to 'aligned'"):
        records.add_step(key, 2, step(1, State.IMAGED, Event.ALIGN))
    impossible = replace(step(1, State.SET_UP, Event.IMAGE), entry=replace(entry(State.SET_UP, Event.IMAGE)))
    assert impossible.entry is not None
    with pytest.raises(OutOfOrderError):
        records.add_step(key, 2, replace(impossible, entry=replace(impossible.entry, event=Event.TURN_ON)))
    with pytest.raises(InputError, match="is imaged after this step, not fraction 2 imaged"):
        records.add_step(
            key, 2, replace(step(1, State.SET_UP, Event.IMAGE), summary=summary(2, State.IMAGED))
        )
    assert records.fraction(course_id, 1).version == 2


def test_an_image_of_an_earlier_fraction_is_not_taken_for_one_of_today(records: Records) -> None:
    course_id = with_course(records)
    treat(records, course_id)
    uid = f"1.2.9.{course_id}.1"
    assert records.used_image_uids(course_id) == {uid}
    key = treat(records, course_id, 2, events=WAY[:1])
    with pytest.raises(InputError, match=f"the image {uid} was recorded in fraction 1 already"):
        records.add_step(key, 2, step(2, State.SET_UP, Event.IMAGE, uid))
    stored = records.fraction(course_id, 2)
    assert (stored.images, stored.line.state, stored.version) == ((), State.SET_UP, 2)


def test_a_number_that_is_none_is_not_recorded(records: Records) -> None:
    course_id = with_course(records)
    key = treat(records, course_id, events=WAY[:7])
    broken = replace(DELIVERIES[0], delivered_mu=float("nan"))
    with pytest.raises(InputError, match="nan is not a number that can be recorded"):
        records.add_step(key, 8, replace(step(1, State.BEAM_ON, Event.DELIVER), deliveries=(broken,)))
    assert records.fraction(course_id, 1).version == 8


def test_memory_that_is_not_json_is_refused(records: Records) -> None:
    course_id = with_course(records)
    with pytest.raises(InputError, match="the memory of fraction 1 of course C0001 is not JSON"):
        records.begin_fraction(course_id, 1, by="anna", memory="{")


def test_what_is_not_there_is_said_to_be_missing(records: Records) -> None:
    with pytest.raises(MissingEvidenceError, match="there is no course 'C0009' here"):
        records.begin_fraction("C0009", 1, by="anna", memory="{}")
    with pytest.raises(MissingEvidenceError, match="there is no fraction 1 of course C0009 here"):
        records.fraction("C0009", 1)
    with pytest.raises(MissingEvidenceError, match="there is no fraction 1 of course C0009 here"):
        records.add_step(FractionKey("C0009", 1), 1, step(1, State.PREPARED, Event.SET_UP))
