"""A fraction as one document: what a person has to see before the next step, in every state."""

from datetime import timedelta

import pytest
from small_department import PROTOCOL, SET_UP, Department, all_delivered, begun, opened, set_up

from isoguide.course import Role
from isoguide.records.plain import canonical_json, to_plain
from isoguide.treatment import State
from isoguide.workflow.clinic.fraction_document import couch_expected, fraction_document


def document(d: Department) -> dict:
    plain = to_plain(fraction_document(d.desk.status(d.course)))
    assert canonical_json(plain)
    return plain


def plain(value: object) -> object:
    return to_plain(value)


def test_a_fraction_that_was_begun_expects_the_couch_nowhere(department: Department) -> None:
    begun(department)
    found = document(department)
    assert found["patient"]["patient_id"] == "T-1"
    assert (found["version"], found["number"], found["state"]) == (1, 1, "prepared")
    assert [found[name] for name in ("couch_expected", "image", "image_valid_until", "place")] == [None] * 4
    assert found["signing"] == found["match_history"] == []
    assert found["beam"] == {
        "may_be_on": False,
        "may_be_turned_on": False,
        "refused_because": "the fraction is prepared, and its position is not verified",
    }


def test_a_matched_image_says_until_when_it_counts_and_who_signs(matched: Department) -> None:
    d = matched
    d.clock.wait(100.0)
    found = document(d)
    image = d.desk.status(d.course).stored.images[-1]
    assert found["image"]["uid"] == image.uid
    assert found["image"]["age_s"] == (d.clock.at - image.acquired_at) / timedelta(seconds=1)
    assert found["image_valid_until"] == plain(image.acquired_at + timedelta(seconds=900))
    assert found["couch_expected"] == plain(SET_UP)
    assert found["limits"]["tolerance_mm"] == 1.0
    assert found["limits"]["levels"] == [
        "second look above a shift of 20 mm",
        "stop above a shift of 50 mm",
    ]
    correct = next(one for one in found["signing"] if one["action"] == "correct")
    assert correct["first"] == [str(role) for role in Role]
    assert (correct["second"], correct["needs_reason"], correct["barred_because"]) == (None, False, "")
    assert found["approval_expires_at"] is None


def test_a_match_by_hand_stands_beside_the_engines(matched: Department) -> None:
    d = matched
    placed = d.desk.status(d.course).stored.matches[0].planning_from_daily
    d.desk.match_by_hand(d.course, placed, by="anna", couch=SET_UP)
    engine, hand = document(d)["match_history"]
    assert engine["by_hand"] is None
    assert hand["algorithm"] == "by hand"
    assert hand["by_hand"]["by"] == "anna"
    assert hand["by_hand"]["engine_verdict"] == "accept"
    assert hand["by_hand"]["shift_mm"] == pytest.approx(0.0, abs=1e-6)


def test_an_approval_says_where_the_couch_goes_and_when_it_expires(matched: Department) -> None:
    d = matched
    status = d.desk.approve(d.course, by=["anna"], couch=SET_UP)
    found = document(d)
    assert found["couch_expected"] == found["couch_to"] == plain(status.target_pose)
    assert found["approval_expires_at"] == plain(d.clock.at + timedelta(seconds=300))
    assert found["signing"] == []


def test_a_verified_position_lets_the_beam_on_until_its_image_is_too_old(matched: Department) -> None:
    d = matched
    target = d.desk.approve(d.course, by=["anna"], couch=SET_UP).target_pose
    d.desk.move(d.course, by="anna", couch=target)
    found = document(d)
    assert found["place"]["pose"] == found["couch_expected"] == plain(target)
    assert found["beam"] == {"may_be_on": False, "may_be_turned_on": True, "refused_because": ""}
    assert found["couch_to"] is None
    d.clock.wait(1000.0)
    assert document(d)["beam"]["refused_because"] == ("the image of the position is too old: take a new one")


def test_a_closed_fraction_expects_nothing_more(matched: Department) -> None:
    d = matched
    target = d.desk.approve(d.course, by=["anna"], couch=SET_UP).target_pose
    d.desk.move(d.course, by="anna", couch=target)
    d.desk.deliver(d.course, all_delivered(d), by="anna", couch=target)
    found = document(d)
    assert found["couch_expected"] is None
    assert not found["beam"]["may_be_turned_on"]
    assert len(found["deliveries"]) == len(all_delivered(d))


def test_where_the_protocol_asks_for_an_image_of_the_position_the_beam_waits_for_it(
    tmp_path, patient, quick: None, simulated: tuple
) -> None:
    text = PROTOCOL.replace("test-pelvis", "test-twice") + "[intrafraction]\nverify_with_image = true\n"
    with opened(tmp_path, patient, simulated, text) as d:
        set_up(d)
        d.desk.image(d.course, d.export_image("one"), by="anna", couch=SET_UP)
        target = d.desk.approve(d.course, by=["anna"], couch=SET_UP).target_pose
        d.desk.move(d.course, by="anna", couch=target)
        assert document(d)["beam"]["refused_because"] == (
            "no image has shown the corrected position yet: take one"
        )


def test_a_day_without_an_image_lets_the_beam_on_from_the_set_up(
    tmp_path, patient, quick: None, simulated: tuple
) -> None:
    text = PROTOCOL.replace('kind = "daily"', 'kind = "NAL"\nfirst = 1').replace("test-pelvis", "test-nal")
    with opened(tmp_path, patient, simulated, text) as d:
        set_up(d)
        d.desk.image(d.course, d.export_image("one"), by="anna", couch=SET_UP)
        target = d.desk.approve(d.course, by=["anna"], couch=SET_UP).target_pose
        d.desk.move(d.course, by="anna", couch=target)
        d.desk.deliver(d.course, all_delivered(d), by="anna", couch=target)
        begun(d)
        shifted = d.desk.status(d.course).offline
        from isoguide.geometry.couch import corrected_pose

        d.desk.set_up(d.course, by="anna", couch=corrected_pose(SET_UP, shifted), on_marks=SET_UP)
        assert document(d)["beam"]["may_be_turned_on"]


def test_a_couch_that_was_moved_and_not_read_back_is_expected_where_it_was_sent(
    matched: Department, monkeypatch: pytest.MonkeyPatch
) -> None:
    d = matched
    target = d.desk.approve(d.course, by=["anna"], couch=SET_UP).target_pose
    from isoguide.treatment import Fraction

    with monkeypatch.context() as patched:
        patched.setattr(Fraction, "verify", lambda _self: None)
        status = d.desk.move(d.course, by="anna", couch=target)
    assert status.state is State.COUCH_MOVED
    assert couch_expected(status) == target
