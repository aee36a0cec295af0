"""What a protocol says about a match: the rule, its value, its limit, and never less for more."""

from dataclasses import replace

import numpy as np
import pytest
from fake_room import TARGET_MM, FakeRoom
from hypothesis import given, settings
from hypothesis import strategies as st
from protocol_cases import (
    CORRECT,
    NO_CORRECTION,
    REIMAGE,
    REPOSITION,
    SECOND_LOOK,
    STOP,
    by_hand,
    match_of,
    protocol,
    shifted,
)

from isoguide.course import ActionLevel, CouchLimit, Modality, Tolerance
from isoguide.errors import InputError
from isoguide.geometry.correction import CouchCorrection
from isoguide.registration import Verdict
from isoguide.registration.day_match import ULTRASOUND, ULTRASOUND_TO_CT
from isoguide.treatment.match import wrong_way
from isoguide.treatment.protocol_decision import decide_by_protocol
from isoguide.treatment.protocol_limits import fraction_limits

WRITTEN = protocol()


def decide(match, written=WRITTEN, left=2):
    return decide_by_protocol(written, match, exposures_left=left)


class TestSizes:
    @pytest.mark.parametrize(
        ("shift_mm", "action", "rule"),
        [
            (0.0, NO_CORRECTION, "the correction of 0.0 mm and 0.0° is within the tolerance of 2 mm and 1°"),
            (2.0, NO_CORRECTION, "the correction of 2.0 mm and 0.0° is within the tolerance of 2 mm and 1°"),
            (2.04, CORRECT, "the shift of 2.04 mm is above the tolerance of 2 mm: correct"),
            (9.9, CORRECT, "the shift of 9.9 mm is above the tolerance of 2 mm: correct"),
            (10.0, CORRECT, "the shift of 10.0 mm is above the tolerance of 2 mm: correct"),
            (12.3, SECOND_LOOK, "the shift of 12.3 mm is above the action level of 10 mm: second look"),
            (19.9, SECOND_LOOK, "the shift of 19.9 mm is above the action level of 10 mm: second look"),
            (20.0, SECOND_LOOK, "the shift of 20.0 mm is above the action level of 10 mm: second look"),
            (20.004, REPOSITION, "the shift of 20.004 mm is above the action level of 20 mm: set up again"),
            (20.0000001, REPOSITION, "the shift of 20.0000001 mm is above the action level of 20 mm"),
            (95.0, REPOSITION, "the shift of 95.0 mm is above the action level of 20 mm: set up again"),
        ],
    )
    def test_the_gravest_level_that_is_passed_decides(self, shift_mm, action, rule) -> None:
        decision = decide(shifted(shift_mm))
        assert decision.action is action
        assert decision.rule.startswith(rule)
        assert decision.image_uid == "image-1"

    def test_the_shift_is_its_length_over_all_axes(self) -> None:
        # 3-4-12: 13 mm, no axis above 12
        assert "13.0 mm" in decide(match_of(CouchCorrection(3.0, -4.0, 12.0))).rule

    def test_the_rotation_is_its_angle_over_all_axes(self) -> None:
        decision = decide(match_of(CouchCorrection(0.0, 0.0, 0.0, 0.0, 0.0, -3.5)))
        assert decision.action is SECOND_LOOK
        assert decision.rule == "the rotation of 3.5° is above the action level of 3°: second look"

    def test_what_is_left_at_the_target_counts(self) -> None:
        decision = decide(shifted(1.0, residual_mm=2.4))
        assert decision.rule == (
            "the 2.4 mm that the correction leaves at the target is above the action level of 2 mm: "
            "second look"
        )
        assert decision.agreed is NO_CORRECTION

    def test_two_that_pass_the_same_level_are_both_named(self) -> None:
        rule = decide(match_of(CouchCorrection(11.0, 0.0, 0.0, 0.0, 0.0, 3.5))).rule
        assert "the shift of 11.0 mm is above" in rule
        assert "the rotation of 3.5° is above" in rule

    def test_both_tolerances_are_named_where_both_are_passed(self) -> None:
        decision = decide(match_of(CouchCorrection(3.0, 0.0, 0.0, 0.0, 0.0, 1.5)))
        assert decision.rule == (
            "the shift of 3.0 mm is above the tolerance of 2 mm; "
            "the rotation of 1.5° is above the tolerance of 1°: correct"
        )

    @pytest.mark.parametrize("residual_mm", [float("nan"), float("inf"), -1.0])
    def test_what_is_no_size_is_refused_instead_of_taken_for_small(self, residual_mm) -> None:
        with pytest.raises(InputError, match="residual_mm"):
            decide(shifted(1.0, residual_mm=residual_mm))

    def test_numbers_of_numpy_are_written_as_numbers(self) -> None:
        rule = decide(shifted(1.0, residual_mm=np.float64(2.00001))).rule
        assert "the 2.00001 mm that" in rule


class TestACouchThatCannotTurn:
    """A patient turned by 3.5° about the vertical axis, on a couch that proposes shifts only."""

    TURNED = CouchCorrection(0.0, 0.0, 0.0, 0.0, 0.0, 3.5)

    def test_the_rotation_of_the_patient_passes_the_level_all_the_same(self) -> None:
        decision = decide(match_of(CouchCorrection(1.0, 0.0, 0.0), patient=self.TURNED))
        assert decision.rule == "the rotation of 3.5° is above the action level of 3°: second look"

    def test_is_not_asked_for_what_it_cannot_do_and_the_rotation_is_named(self) -> None:
        loose = protocol(action_levels=(ActionLevel(STOP, shift_mm=30.0),))
        decision = decide(match_of(CouchCorrection(1.0, 0.0, 0.0), patient=self.TURNED), loose)
        assert decision.action is NO_CORRECTION
        assert "this couch cannot make the rotation of 3.5°" in decision.rule

    def test_the_full_answer_counts_where_fewer_degrees_of_freedom_were_matched(self) -> None:
        match = shifted(1.0)
        full = match_of(self.TURNED).registration.planning_from_daily
        asked = replace(match, registration=replace(match.registration, unconstrained=full))
        assert decide(asked).action is SECOND_LOOK


class TestDoubt:
    @pytest.mark.parametrize(("left", "action"), [(1, REIMAGE), (0, STOP)])
    def test_without_an_answer_it_is_imaged_again_and_then_stopped(self, left, action) -> None:
        decision = decide(shifted(1.0, verdict=Verdict.NOT_AVAILABLE), left=left)
        assert decision.action is action
        assert "the match has no answer (the images look like 'not available')" in decision.rule
        assert ("no exposure is left" in decision.rule) == (left == 0)
        assert decision.agreed is None
        assert set(decision.barred) == {CORRECT, NO_CORRECTION}

    def test_a_doubtful_match_is_imaged_again_while_exposures_are_left(self) -> None:
        decision = decide(shifted(1.0, verdict=Verdict.REVIEW), left=1)
        assert decision.rule == "the match is doubtful (the images look like 'review'): image again"

    def test_then_two_people_look_at_it(self) -> None:
        decision = decide(shifted(1.0, verdict=Verdict.REVIEW), left=0)
        assert decision.rule == "a person has to look (the images look like 'review'): second look"

    def test_then_a_graver_level_counts_before_the_doubt(self) -> None:
        assert decide(shifted(21.0, verdict=Verdict.REVIEW), left=0).action is REPOSITION

    def test_whatever_needs_a_person_is_a_second_look_that_names_it(self) -> None:
        doubts = wrong_way(
            CouchCorrection(5.0, 0.0, 0.0), CouchCorrection(10.0, 0.0, 0.0), fraction_limits(protocol())
        )
        decision = decide(shifted(10.0, needs_person=doubts))
        assert decision.action is SECOND_LOOK
        assert "was it made the wrong way?" in decision.rule
        assert decision.agreed is CORRECT

    def test_even_within_the_tolerance(self) -> None:
        decision = decide(shifted(0.1, needs_person=("the sum is large",)))
        assert (decision.action, decision.agreed) == (SECOND_LOOK, NO_CORRECTION)

    def test_stays_on_record_where_a_graver_rule_decides(self) -> None:
        decision = decide(shifted(21.0, needs_person=("the sum is large",)))
        assert decision.action is REPOSITION
        assert decision.doubts == ("the sum is large",)

    def test_is_told_once_where_match_and_proposal_say_it(self) -> None:
        match = shifted(1.0, verdict=Verdict.REVIEW, needs_person=("the images look like 'review'", "far"))
        assert decide(match, left=0).rule == (
            "a person has to look (the images look like 'review'; far): second look"
        )

    def test_a_negative_number_of_exposures_is_refused(self) -> None:
        with pytest.raises(InputError, match="exposures_left must be 0 or more, not -1"):
            decide(shifted(1.0), left=-1)


class TestAMatchByHand:
    """The engine found 5 mm; the tolerance of the protocol is 2 mm and 1°."""

    ENGINE = shifted(5.0)

    @pytest.mark.parametrize("left", [0, 2])
    def test_far_from_the_engine_is_looked_at_twice_instead_of_imaged_again(self, left) -> None:
        decision = decide(by_hand(CouchCorrection(8.0, 0.0, 0.0), self.ENGINE), left=left)
        assert decision.action is SECOND_LOOK
        assert decision.agreed is CORRECT
        assert decision.rule == (
            "a person has to look (matched by hand by tess: 3.0 mm and 0.0° from the engine's answer): "
            "second look"
        )
        assert decision.matched_by == "tess"

    @pytest.mark.parametrize(
        ("verdict", "words"),
        [
            (Verdict.NOT_AVAILABLE, "the engine had no answer; the engine: the images look like 'not"),
            (
                Verdict.REVIEW,
                "3.0 mm and 0.0° from the engine's answer; the engine: the images look like 'rev",
            ),
        ],
    )
    def test_where_the_engine_doubts_is_looked_at_twice(self, verdict, words) -> None:
        decision = decide(by_hand(CouchCorrection(8.0, 0.0, 0.0), shifted(5.0, verdict=verdict)))
        assert (decision.action, decision.agreed) == (SECOND_LOOK, CORRECT)
        assert f"matched by hand by tess: {words}" in decision.rule
        assert decision.barred == {}

    def test_within_its_tolerance_and_within_the_tolerance_of_the_protocol_nothing_is_corrected(self) -> None:
        decision = decide(by_hand(CouchCorrection(1.0, 0.0, 0.0), shifted(0.5)))
        assert decision.action is NO_CORRECTION

    def test_far_off_and_small_is_looked_at_twice_before_nothing_is_corrected(self) -> None:
        decision = decide(by_hand(CouchCorrection(1.0, 0.0, 0.0), self.ENGINE))
        assert (decision.action, decision.agreed) == (SECOND_LOOK, NO_CORRECTION)

    @pytest.mark.parametrize(
        ("hand", "action"),
        [
            (CouchCorrection(7.0, 0.0, 0.0), CORRECT),
            (CouchCorrection(7.01, 0.0, 0.0), SECOND_LOOK),
            (CouchCorrection(5.0, 0.0, 0.0, 0.99), CORRECT),
            (CouchCorrection(5.0, 0.0, 0.0, 1.01), SECOND_LOOK),
        ],
    )
    def test_that_confirms_what_the_engine_accepts_is_routine(self, hand, action) -> None:
        assert decide(by_hand(hand, self.ENGINE)).action is action

    def test_that_repeats_what_the_engine_doubts_is_not_routine(self) -> None:
        doubtful = shifted(5.0, verdict=Verdict.REVIEW)
        assert decide(by_hand(CouchCorrection(5.0, 0.0, 0.0), doubtful)).action is SECOND_LOOK

    def test_is_under_the_action_levels_like_any_other(self) -> None:
        assert decide(by_hand(CouchCorrection(21.0, 0.0, 0.0), self.ENGINE)).action is REPOSITION
        assert decide(by_hand(CouchCorrection(12.0, 0.0, 0.0), shifted(12.0))).action is SECOND_LOOK

    def test_beyond_the_couch_is_barred_like_any_other(self) -> None:
        decision = decide(by_hand(CouchCorrection(0.0, 0.0, 0.0, 3.5), self.ENGINE))
        assert decision.action is REPOSITION
        assert CORRECT in decision.barred


class TestAnotherImage:
    IMAGE_ABOVE_5 = protocol(
        action_levels=(ActionLevel(REIMAGE, shift_mm=5.0), ActionLevel(REPOSITION, shift_mm=9.0))
    )

    def test_is_asked_for_above_its_level(self) -> None:
        assert decide(shifted(6.0), self.IMAGE_ABOVE_5, left=1).action is REIMAGE

    @pytest.mark.parametrize("shift_mm", [6.0, 12.0])
    def test_that_cannot_be_taken_any_more_stops(self, shift_mm) -> None:
        decision = decide(shifted(shift_mm), self.IMAGE_ABOVE_5, left=0)
        assert decision.action is STOP
        assert "above the action level of 5 mm for another image, and no exposure is left" in decision.rule


class TestReach:
    @pytest.mark.parametrize("beyond", [REPOSITION, SECOND_LOOK, STOP])
    def test_beyond_the_couch_the_protocol_says_what_happens(self, beyond) -> None:
        written = protocol(rotation=CouchLimit(3.0, 3.0, beyond), tolerance=Tolerance(2.0, 2.9))
        decision = decide(shifted(3.0, out_of_reach=("pitch would have to be 3.4°",)), written)
        assert decision.action is beyond
        assert (
            decision.rule == f"the couch cannot make the correction (pitch would have to be 3.4°): {beyond}"
        )
        assert decision.barred == {CORRECT: "pitch would have to be 3.4°"}

    @pytest.mark.parametrize(("pitch_deg", "roll_deg"), [(-1.6, 0.0), (0.0, 1.6)])
    def test_the_protocol_may_allow_less_than_the_couch_can(self, pitch_deg, roll_deg) -> None:
        written = protocol(rotation=CouchLimit(1.5, 1.5, STOP))
        decision = decide(match_of(CouchCorrection(0.0, 0.0, 0.0, pitch_deg, roll_deg)), written)
        assert decision.action is STOP
        assert "1.6°, beyond -1.5 to 1.5°" in decision.rule

    def test_within_its_own_limit_it_is_corrected(self) -> None:
        assert decide(match_of(CouchCorrection(0.0, 0.0, 0.0, 2.9))).action is CORRECT

    def test_a_graver_level_counts_before_it(self) -> None:
        written = protocol(action_levels=(ActionLevel(STOP, shift_mm=30.0),))
        decision = decide(shifted(31.0, out_of_reach=("lateral",)), written)
        assert decision.action is STOP
        assert CORRECT in decision.barred


def test_nothing_of_a_decision_can_be_changed_afterwards() -> None:
    with pytest.raises(TypeError):
        decide(shifted(1.0)).barred[CORRECT] = "no"


ACTIONS = st.lists(
    st.sampled_from([SECOND_LOOK, REIMAGE, REPOSITION, STOP]), min_size=0, max_size=4, unique=True
).map(lambda actions: sorted(actions, key=lambda action: action.gravity))


@st.composite
def protocols(draw):
    tolerance_mm = draw(st.floats(0.5, 5.0))
    actions = draw(ACTIONS)
    steps = draw(st.lists(st.floats(0.1, 8.0), min_size=len(actions), max_size=len(actions)))
    limits = tolerance_mm + np.cumsum(steps)
    levels = tuple(
        ActionLevel(action, shift_mm=float(limit)) for action, limit in zip(actions, limits, strict=True)
    )
    beyond = draw(st.sampled_from([REPOSITION, SECOND_LOOK, STOP]))
    return protocol(
        tolerance=Tolerance(tolerance_mm, 1.0), action_levels=levels, rotation=CouchLimit(beyond=beyond)
    )


@given(
    written=protocols(),
    sizes=st.tuples(st.floats(0.0, 60.0), st.floats(0.0, 60.0)).map(sorted),
    verdict=st.sampled_from([Verdict.ACCEPT, Verdict.REVIEW]),
    left=st.integers(0, 2),
    needs_person=st.sampled_from([(), ("a doubt",)]),
    out_of_reach=st.sampled_from([(), ("too far",)]),
)
@settings(max_examples=200)
def test_a_larger_shift_is_never_taken_more_lightly(
    written, sizes, verdict, left, needs_person, out_of_reach
) -> None:
    smaller, larger = (
        decide(
            shifted(size, verdict=verdict, needs_person=needs_person, out_of_reach=out_of_reach),
            written,
            left,
        )
        for size in sizes
    )
    assert smaller.action.gravity <= larger.action.gravity
    assert smaller.rule.endswith(f": {smaller.action}")
    for decision in (smaller, larger):
        if needs_person or verdict is Verdict.REVIEW:
            assert decision.action.gravity >= SECOND_LOOK.gravity
        if decision.action is REIMAGE:
            assert left > 0
        assert (CORRECT in decision.barred) == bool(out_of_reach)


SIX = st.tuples(*[st.floats(-8.0, 8.0)] * 3, *[st.floats(-2.5, 2.5)] * 3)


@given(
    hand=SIX,
    engine=SIX,
    verdict=st.sampled_from(list(Verdict)),
    left=st.integers(0, 2),
    freedom=st.sampled_from([3, 4, 6]),
)
@settings(max_examples=200)
def test_a_hand_alone_decides_only_where_the_engine_accepts_the_same(
    hand, engine, verdict, left, freedom
) -> None:
    said = match_of(CouchCorrection(*engine), verdict=verdict)
    match = by_hand(CouchCorrection(*hand), said, degrees_of_freedom=freedom)
    decision = decide(match, left=left)
    assert decision.action is not REIMAGE
    assert decision.agreed is not None
    assert match.registration.verdict is Verdict.REVIEW
    if decision.action in (CORRECT, NO_CORRECTION):
        assert verdict is Verdict.ACCEPT
        apart = match.registration.planning_from_daily @ said.registration.planning_from_daily.inverse()
        moved_mm = np.linalg.norm(apart.apply(TARGET_MM) - TARGET_MM, axis=1)
        assert moved_mm.max() <= WRITTEN.tolerance.shift_mm + 1e-9
        assert apart.angle_deg <= WRITTEN.tolerance.rotation_deg + 1e-9


def test_in_a_fraction_the_protocol_decides_by_its_own_limits() -> None:
    room = FakeRoom(CouchCorrection(-12.0, 0.0, 0.0))
    written = protocol()
    fraction = room.fraction(fraction_limits(written))
    fraction.set_up()
    fraction.image()

    decision = decide_by_protocol(written, fraction.align(), exposures_left=fraction.images_left)

    assert decision.action is SECOND_LOOK
    assert decision.rule.startswith(
        "the shift of 12.0 mm is above the action level of 10 mm; a person has to look"
    )


class TestUltrasound:
    """A match to its own reference may be applied where the protocol images by ultrasound, others never."""

    BY_SOUND = protocol(modality=Modality.ULTRASOUND)

    @staticmethod
    def of(content, verdict=Verdict.ACCEPT, shift_mm=5.0, **more):
        match = shifted(shift_mm, verdict=verdict, **more)
        return replace(match, registration=replace(match.registration, content=content))

    def test_its_own_reference_is_enough_where_the_protocol_images_by_it(self) -> None:
        assert decide(self.of(ULTRASOUND), self.BY_SOUND).action is CORRECT

    def test_another_protocol_does_not_act_on_it(self) -> None:
        decision = decide(self.of(ULTRASOUND))
        assert decision.action is SECOND_LOOK
        assert "the match is one of ultrasound, and protocol spine v1 images by cone-beam CT" in decision.rule

    @pytest.mark.parametrize("verdict", [Verdict.ACCEPT, Verdict.REVIEW])
    @pytest.mark.parametrize("left", [0, 2])
    @pytest.mark.parametrize("shift_mm", [0.0, 5.0])
    def test_a_match_to_the_planning_ct_is_never_applied_by_itself(self, verdict, left, shift_mm) -> None:
        decision = decide(self.of(ULTRASOUND_TO_CT, verdict, shift_mm), self.BY_SOUND, left)
        assert decision.action is SECOND_LOOK
        assert "for review and never applied by itself" in decision.rule

    def test_without_answer_the_patient_is_imaged_again(self) -> None:
        match = self.of(ULTRASOUND_TO_CT, Verdict.NOT_AVAILABLE)
        assert decide(match, self.BY_SOUND).action is REIMAGE
        assert decide(match, self.BY_SOUND, 0).action is STOP

    def test_a_doubtful_match_to_the_reference_is_imaged_again(self) -> None:
        assert decide(self.of(ULTRASOUND, Verdict.REVIEW), self.BY_SOUND).action is REIMAGE
