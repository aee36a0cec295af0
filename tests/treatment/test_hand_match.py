"""A match by hand: a person sees what the engine does not, and everything after it is computed as ever."""

from dataclasses import replace

import numpy as np
import pytest
from fake_room import FIVE_MM_LEFT, ISOCENTRE_MM, MACHINE_MM, FakeRoom, found
from protocol_cases import THERAPIST

from isoguide.errors import GeometryError
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.transforms import RigidTransform, rotation_x, rotation_z
from isoguide.registration import Verdict
from isoguide.treatment import AUTOMATIC, Approver, CouchLimits, Event, Fraction, FractionLimits, State
from isoguide.treatment.drive import decide_by_limits
from isoguide.treatment.refusals import (
    OutOfOrderError,
    PersonNeededError,
    PositionError,
    RefusedError,
    StaleImageError,
)

ANNA = replace(THERAPIST, name="anna")
LOOKED_AT = Approver("anna", is_person=True, reason="looked at by phil (physicist)")


def stepped(room: FakeRoom, limits: FractionLimits | None = None) -> Fraction:
    fraction = room.fraction(limits)
    fraction.set_up()
    fraction.image()
    fraction.align()
    return fraction


class TestThePatient:
    def test_whom_the_engine_sent_the_wrong_way_is_brought_to_plan_by_hand(self, room: FakeRoom) -> None:
        room.sign = -1.0
        fraction = stepped(room)
        assert fraction.matches[-1].correction.lateral_mm == pytest.approx(5.0)
        fraction.match_by_hand(room.truth_of(fraction.images[-1]), ANNA)
        fraction.move_couch(fraction.approve(LOOKED_AT).token)
        assert fraction.verify() is State.VERIFIED
        assert np.abs(room.needed_now().shift_mm).max() < 1e-9

    def test_whom_the_engine_did_not_find_is_brought_to_plan_by_hand(self, room: FakeRoom) -> None:
        room.needed = CouchCorrection(3.0, -4.0, 6.0, 1.0, -1.5, 0.8)
        room.verdicts = [Verdict.NOT_AVAILABLE]
        fraction = stepped(room)
        match = fraction.match_by_hand(room.truth_of(fraction.images[-1]), ANNA)
        assert match.registration.reasons == (
            "matched by hand by anna: the engine had no answer",
            "the engine: the images look like 'not available'",
        )
        fraction.move_couch(fraction.approve(LOOKED_AT).token)
        fraction.verify()
        left = room.needed_now()
        assert max(abs(getattr(left, name)) for name in left.__slots__) < 1e-9

    def test_5_mm_too_far_left_is_moved_5_mm_to_the_right_by_a_hand_in_dicom_axes(
        self, room: FakeRoom
    ) -> None:
        # Supine, head first: LPS x points to the patient's left, so tissue has to go by -5 mm along it.
        to_the_right = RigidTransform.translation(
            PLANNING, DAILY, ISOCENTRE_MM - MACHINE_MM + np.array([-5.0, 0.0, 0.0])
        )
        match = stepped(room).match_by_hand(to_the_right, ANNA)
        assert match.correction.lateral_mm == pytest.approx(-5.0)

    def test_raised_by_the_hand_towards_the_ceiling_is_raised_by_the_couch(self, room: FakeRoom) -> None:
        # LPS y points to the back of a supine patient, so towards the floor.
        up = RigidTransform.translation(PLANNING, DAILY, ISOCENTRE_MM - MACHINE_MM + np.array([0, -3.0, 0]))
        assert stepped(room).match_by_hand(up, ANNA).correction.vertical_mm == pytest.approx(3.0)


class TestWhatFollows:
    @pytest.mark.parametrize("freedom", [3, 4, 6])
    def test_is_computed_as_for_the_engine(self, freedom) -> None:
        room = FakeRoom(CouchCorrection(3.0, -4.0, 6.0, 1.0, -1.5, 0.8))
        fraction = stepped(room, FractionLimits(couch=CouchLimits(degrees_of_freedom=freedom)))
        engine = fraction.matches[-1]
        by_hand = fraction.match_by_hand(engine.registration.planning_from_daily, ANNA)
        assert by_hand.proposal.correction == engine.proposal.correction
        assert by_hand.proposal.pose == engine.proposal.pose
        assert by_hand.proposal.residual_mm == engine.proposal.residual_mm
        assert by_hand.couch_at_image == engine.couch_at_image

    def test_is_never_accepted_by_itself_and_never_sure(self, aligned: Fraction) -> None:
        registration = aligned.match_by_hand(found(FIVE_MM_LEFT), ANNA).registration
        assert registration.verdict is Verdict.REVIEW
        assert registration.algorithm == "by hand"
        assert (registration.uncertainty, registration.quality, registration.unconstrained) == (
            None,
            None,
            None,
        )
        assert registration.content == aligned.matches[0].registration.content

    def test_a_large_correction_by_hand_needs_a_person_for_its_size_too(self, aligned: Fraction) -> None:
        match = aligned.match_by_hand(found(CouchCorrection(25.0, 0.0, 0.0)), ANNA)
        assert "the size of the correction is 25.0 mm, more than 20 mm" in "; ".join(
            match.proposal.needs_person
        )

    def test_what_the_couch_cannot_reach_is_approved_by_nobody(self, aligned: Fraction) -> None:
        aligned.match_by_hand(found(CouchCorrection(0.0, 0.0, 0.0, pitch_deg=3.5)), ANNA)
        with pytest.raises(RefusedError, match="pitch would have to be"):
            aligned.approve(LOOKED_AT)

    def test_twice_the_correction_that_was_just_made_is_noticed(self, verified: Fraction) -> None:
        verified.image()
        verified.align()
        match = verified.match_by_hand(found(CouchCorrection(-10.0, 0.0, 0.0)), ANNA)
        assert "was it made the wrong way?" in match.proposal.needs_person[-1]

    def test_the_automatic_driver_does_not_act_on_it(self, aligned: Fraction) -> None:
        aligned.match_by_hand(found(CouchCorrection(-8.0, 0.0, 0.0)), ANNA)
        assert decide_by_limits(aligned).action == "image again"
        with pytest.raises(PersonNeededError, match=r"matched by hand by anna: 3\.0 mm"):
            aligned.approve(AUTOMATIC)

    def test_the_person_alone_does_not_act_on_it_without_a_reason(self, aligned: Fraction) -> None:
        aligned.match_by_hand(found(CouchCorrection(-8.0, 0.0, 0.0)), ANNA)
        with pytest.raises(PersonNeededError, match="this needs a person's reason: matched by hand by anna"):
            aligned.approve(Approver("anna", is_person=True))
        assert aligned.approve(LOOKED_AT).correction.lateral_mm == pytest.approx(-8.0)


class TestTheDistanceFromTheEngine:
    def test_of_a_shift_is_its_length(self, aligned: Fraction) -> None:
        match = aligned.match_by_hand(found(CouchCorrection(-5.0, 2.3, 0.0)), ANNA)
        assert str(match.by_hand) == "matched by hand by anna: 2.3 mm and 0.0° from the engine's answer"
        assert match.registration.reasons == (str(match.by_hand),)

    def test_of_a_rotation_is_what_it_moves_the_target(self, aligned: Fraction) -> None:
        # Of the target points the last one is furthest from the vertical axis: 30 mm. 30 sin 0.4° = 0.209 mm.
        engine = aligned.matches[-1].registration.planning_from_daily
        # About LPS y through the isocentre: the vertical axis of a supine patient.
        turn = RigidTransform.from_parts(
            PLANNING,
            PLANNING,
            rotation_x(90.0) @ rotation_z(0.4) @ rotation_x(-90.0),
            np.zeros(3),
        )
        there = RigidTransform.translation(PLANNING, PLANNING, ISOCENTRE_MM)
        match = aligned.match_by_hand(there @ turn @ there.inverse() @ engine, ANNA)
        assert match.by_hand.shift_mm == pytest.approx(2.0 * 30.0 * np.sin(np.deg2rad(0.2)))
        assert match.by_hand.angle_deg == pytest.approx(0.4)
        assert "0.2 mm and 0.4° from the engine's answer" in match.registration.reasons[0]

    def test_within_the_tolerance_of_an_accepted_answer_confirms_it(self, aligned: Fraction) -> None:
        match = aligned.match_by_hand(found(CouchCorrection(-5.4, 0.0, 0.0)), ANNA)
        assert match.proposal.needs_person == ()
        assert match.doubts(0.5, 0.3) == ()
        assert match.doubts(0.3, 0.3) == match.registration.reasons
        aligned.approve(Approver("anna", is_person=True))

    def test_within_the_tolerance_of_a_doubtful_answer_confirms_nothing(self, room: FakeRoom) -> None:
        room.verdicts = [Verdict.REVIEW]
        fraction = stepped(room)
        match = fraction.match_by_hand(found(FIVE_MM_LEFT), ANNA)
        assert match.proposal.needs_person == (
            "matched by hand by anna: 0.0 mm and 0.0° from the engine's answer",
            "the engine: the images look like 'review'",
        )

    def test_is_from_the_engine_and_not_from_the_hand_before(self, aligned: Fraction) -> None:
        aligned.match_by_hand(found(CouchCorrection(-9.0, 0.0, 0.0)), ANNA)
        match = aligned.match_by_hand(found(CouchCorrection(-9.4, 0.0, 0.0)), ANNA)
        assert match.by_hand.shift_mm == pytest.approx(4.4)
        assert match.proposal.needs_person

    def test_is_from_the_answer_for_the_same_image(self, verified: Fraction) -> None:
        verified.image()
        verified.align()  # the couch moved by what the first image said: nothing is left
        match = verified.match_by_hand(found(FIVE_MM_LEFT), ANNA)
        assert match.by_hand.shift_mm == pytest.approx(5.0)
        assert match.image_uid == "image-2"


class TestBackToTheEngine:
    def test_takes_its_match_and_its_routine(self, aligned: Fraction) -> None:
        engine = aligned.matches[-1]
        aligned.match_by_hand(found(CouchCorrection(-9.0, 0.0, 0.0)), ANNA)
        assert aligned.match_by_engine(ANNA) is engine
        assert aligned.reason.startswith("by anna: lateral -5.00")
        assert [entry.event for entry in aligned.journal][-2:] == [
            Event.MATCH_BY_HAND,
            Event.MATCH_BY_ENGINE,
        ]
        assert aligned.approve(AUTOMATIC).correction.lateral_mm == pytest.approx(-5.0)

    def test_does_nothing_where_it_stands(self, aligned: Fraction) -> None:
        with pytest.raises(RefusedError, match="the engine's match stands already"):
            aligned.match_by_engine(ANNA)
        assert len(aligned.matches) == 1

    def test_is_refused_with_a_stale_image(self, aligned: Fraction, room: FakeRoom) -> None:
        aligned.match_by_hand(found(FIVE_MM_LEFT), ANNA)
        room.clock.wait(1000.0)
        with pytest.raises(StaleImageError):
            aligned.match_by_engine(ANNA)

    def test_by_a_hand_at_exactly_its_answer_is_still_a_match_by_hand(self, aligned: Fraction) -> None:
        engine = aligned.matches[-1].registration.planning_from_daily
        match = aligned.match_by_hand(engine, ANNA)
        assert (match.by_hand.shift_mm, match.by_hand.angle_deg) == pytest.approx((0.0, 0.0), abs=1e-6)
        assert match.registration.verdict is Verdict.REVIEW


class TestIsRefused:
    def test_with_an_image_that_has_aged(self, aligned: Fraction, room: FakeRoom) -> None:
        room.clock.wait(1000.0)
        with pytest.raises(StaleImageError, match="1000 s old, more than 900 s"):
            aligned.match_by_hand(found(FIVE_MM_LEFT), ANNA)
        assert len(aligned.matches) == 1

    def test_with_the_couch_moved_since_the_image(self, aligned: Fraction, room: FakeRoom) -> None:
        room.couch.pose = replace(room.couch.pose, vertical_mm=room.couch.pose.vertical_mm - 2.0)
        with pytest.raises(PositionError, match="the couch was moved since the image"):
            aligned.match_by_hand(found(FIVE_MM_LEFT), ANNA)
        assert len(aligned.matches) == 1

    def test_with_an_image_of_which_the_isocentre_was_not_kept(self, aligned: Fraction) -> None:
        old = replace(aligned.memory.images[-1], machine_isocentre_mm=None)
        aligned._remember(images=(old,))
        with pytest.raises(StaleImageError, match="was not kept: image again"):
            aligned.match_by_hand(found(FIVE_MM_LEFT), ANNA)

    def test_with_a_transform_in_the_wrong_direction(self, aligned: Fraction) -> None:
        with pytest.raises(GeometryError, match="cannot apply"):
            aligned.match_by_hand(found(FIVE_MM_LEFT).inverse(), ANNA)

    def test_before_the_image_is_matched_and_after_it_is_approved(self, imaged: Fraction) -> None:
        with pytest.raises(OutOfOrderError):
            imaged.match_by_hand(found(FIVE_MM_LEFT), ANNA)
        imaged.align()
        imaged.approve(AUTOMATIC)
        with pytest.raises(OutOfOrderError):
            imaged.match_by_hand(found(FIVE_MM_LEFT), ANNA)


def test_the_words_of_the_person_stand_in_the_journal(aligned: Fraction) -> None:
    aligned.match_by_hand(found(CouchCorrection(-9.0, 0.0, 0.0)), ANNA, "12 movements")
    assert aligned.reason.startswith("lateral -9.00")
    assert "matched by hand by anna: 4.0 mm" in aligned.reason
    assert aligned.reason.endswith("; 12 movements")


def test_another_process_matches_by_hand_without_the_voxels(aligned: Fraction, room: FakeRoom) -> None:
    again = room.fraction()
    again.resume_from(aligned.memory, aligned.journal)
    assert again.images == ()
    assert again.match_by_hand(found(CouchCorrection(-6.0, 0.0, 0.0)), ANNA).by_hand.shift_mm == (
        pytest.approx(1.0)
    )
