"""Who signs what: one person, two different ones, somebody with a reason, or nobody at all."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocol_cases import (
    CORRECT,
    NO_CORRECTION,
    ONCOLOGIST,
    PHYSICIST,
    REIMAGE,
    REPOSITION,
    SECOND_LOOK,
    STOP,
    THERAPIST,
    by_hand,
    protocol,
    shifted,
)

from isoguide.course import Approval, CouchLimit, Person, ProtocolAction, Role
from isoguide.geometry.correction import CouchCorrection
from isoguide.registration import Verdict
from isoguide.treatment.protocol_decision import decide_by_protocol
from isoguide.treatment.refusals import NotAllowedError, PersonNeededError, RefusedError
from isoguide.treatment.signatures import (
    TOWARDS_SAFETY,
    Demand,
    demand_of,
    require_first_signature,
    require_signatures,
)

PROTOCOL = protocol()
REASON = "compared with the full planning CT"


def decision(match, left=2, written=PROTOCOL):
    return decide_by_protocol(written, match, exposures_left=left)


TOLERABLE = decision(shifted(1.0))
ROUTINE = decision(shifted(5.0))
LARGE = decision(shifted(12.0))
GROSS = decision(shifted(25.0))
DOUBTFUL = decision(shifted(5.0, verdict=Verdict.REVIEW))
FAR_HAND = decision(by_hand(CouchCorrection(8.0, 0.0, 0.0), shifted(5.0)))
SECOND_ROLES = (Role.PHYSICIST, Role.ONCOLOGIST)
UNANSWERED = decision(shifted(5.0, verdict=Verdict.NOT_AVAILABLE))
UNREACHABLE = decision(shifted(5.0, out_of_reach=("pitch would have to be 3.4°",)))


def sign(what, wanted, *signers, reason="", written=PROTOCOL):
    return require_signatures(written, what, wanted, signers, reason)


class TestRoutine:
    @pytest.mark.parametrize("signer", [THERAPIST, PHYSICIST, ONCOLOGIST])
    def test_one_person_signs_what_the_protocol_says(self, signer) -> None:
        record = sign(ROUTINE, CORRECT, signer)
        assert (record.by, record.role, record.second) == (signer.name, signer.role.value, "")
        assert (record.action, record.proposed, record.rule) == ("correct", "correct", ROUTINE.rule)
        assert not record.is_override
        assert record.image_uid == "image-1"

    def test_a_confirmation_is_signed_likewise(self) -> None:
        assert sign(TOLERABLE, NO_CORRECTION, THERAPIST).action == "no correction"

    def test_a_second_person_who_signs_unasked_is_kept(self) -> None:
        assert sign(ROUTINE, CORRECT, THERAPIST, PHYSICIST).second == "phil"

    def test_without_a_signature_nothing_is_done(self) -> None:
        with pytest.raises(
            PersonNeededError, match="therapist or physicist or oncologist, and it is signed by nobody"
        ):
            sign(ROUTINE, CORRECT)

    def test_a_role_that_may_not_sign_is_refused_and_the_right_ones_named(self) -> None:
        written = protocol(approval=Approval(routine=(Role.PHYSICIST,)))
        with pytest.raises(PersonNeededError) as caught:
            sign(ROUTINE, CORRECT, THERAPIST, written=written)
        assert str(caught.value) == (
            "'correct' needs the signature of a person who is physicist, and it is signed by tess (therapist)"
        )

    def test_somebody_of_no_known_role_signs_nothing(self) -> None:
        visitor = Person("vera", "visitor")  # type: ignore[arg-type]  # that it does not count is the test
        with pytest.raises(PersonNeededError):
            sign(ROUTINE, CORRECT, visitor)


class TestSecondLook:
    @pytest.mark.parametrize("signers", [(THERAPIST, PHYSICIST), (PHYSICIST, THERAPIST)])
    def test_two_people_sign_in_any_order(self, signers) -> None:
        record = sign(LARGE, CORRECT, *signers)
        assert (record.by, record.second, record.is_override) == ("tess", "phil", False)
        assert record.proposed == "second look"

    @pytest.mark.parametrize(
        "signers",
        [
            (THERAPIST,),
            (PHYSICIST,),
            (THERAPIST, Person("tom", Role.THERAPIST)),
            (PHYSICIST, PHYSICIST),
            (PHYSICIST, Person("phil", Role.ONCOLOGIST)),
            (PHYSICIST, Person("Phil", Role.ONCOLOGIST)),
        ],
    )
    def test_one_person_is_never_two(self, signers) -> None:
        with pytest.raises(PersonNeededError, match="and of a second person who is physicist or oncologist"):
            sign(LARGE, CORRECT, *signers, reason=REASON)

    def test_a_doubt_within_the_tolerance_is_confirmed_by_two(self) -> None:
        doubtful = decision(shifted(1.0, needs_person=("a doubt",)))
        assert not sign(doubtful, NO_CORRECTION, THERAPIST, ONCOLOGIST).is_override


class TestAMatchByHand:
    def test_is_signed_by_the_person_and_another_one(self) -> None:
        record = sign(FAR_HAND, CORRECT, THERAPIST, PHYSICIST)
        assert (record.by, record.second, record.proposed) == ("tess", "phil", "second look")

    def test_is_not_signed_by_its_person_alone(self) -> None:
        with pytest.raises(PersonNeededError) as caught:
            sign(FAR_HAND, CORRECT, THERAPIST)
        assert str(caught.value) == (
            "'correct' needs the signature of a person who is therapist or physicist or oncologist, and of a "
            "second person who is physicist or oncologist, other than tess, who matched by hand, and it is "
            "signed by tess (therapist)"
        )

    def test_of_a_physicist_is_not_looked_at_by_himself(self) -> None:
        own = decision(by_hand(CouchCorrection(8.0, 0.0, 0.0), shifted(5.0), by="Phil"))
        with pytest.raises(PersonNeededError, match="other than Phil, who matched by hand"):
            sign(own, CORRECT, THERAPIST, PHYSICIST)
        assert sign(own, CORRECT, PHYSICIST, ONCOLOGIST).second == "olga"

    def test_that_confirms_the_engine_needs_one_signature(self) -> None:
        confirmed = decision(by_hand(CouchCorrection(6.0, 0.0, 0.0), shifted(5.0)))
        assert sign(confirmed, CORRECT, THERAPIST).second == ""

    def test_otherwise_than_the_protocol_needs_the_other_person_too(self) -> None:
        with pytest.raises(PersonNeededError, match="second person"):
            sign(FAR_HAND, NO_CORRECTION, PHYSICIST, reason=REASON)
        assert sign(FAR_HAND, NO_CORRECTION, PHYSICIST, ONCOLOGIST, reason=REASON).is_override


class TestTheFirstSignature:
    def test_says_who_has_to_be_the_second(self) -> None:
        demand = require_first_signature(PROTOCOL, LARGE, CORRECT, THERAPIST)
        assert demand == Demand((Role.THERAPIST, Role.PHYSICIST, Role.ONCOLOGIST), SECOND_ROLES)
        by = require_first_signature(PROTOCOL, FAR_HAND, CORRECT, THERAPIST)
        assert by.not_second == "tess"

    def test_that_needs_no_second_says_so(self) -> None:
        assert require_first_signature(PROTOCOL, ROUTINE, CORRECT, THERAPIST).second is None

    def test_is_refused_to_who_may_not_sign_first(self) -> None:
        with pytest.raises(PersonNeededError, match=r"do otherwise .* signed by tess \(therapist\)"):
            require_first_signature(PROTOCOL, LARGE, NO_CORRECTION, THERAPIST, REASON)

    def test_is_refused_without_the_reason_that_an_override_needs(self) -> None:
        with pytest.raises(PersonNeededError, match="give a reason"):
            require_first_signature(PROTOCOL, LARGE, NO_CORRECTION, PHYSICIST, "no")

    def test_is_refused_for_what_nobody_may(self) -> None:
        with pytest.raises(NotAllowedError):
            require_first_signature(PROTOCOL, UNANSWERED, CORRECT, PHYSICIST, REASON)


class TestOverride:
    @pytest.mark.parametrize(
        ("what", "wanted", "signers"),
        [
            (ROUTINE, NO_CORRECTION, (PHYSICIST,)),
            (TOLERABLE, CORRECT, (PHYSICIST,)),
            (LARGE, NO_CORRECTION, (THERAPIST, PHYSICIST, ONCOLOGIST)),
            (DOUBTFUL, CORRECT, (PHYSICIST, ONCOLOGIST)),
            (GROSS, CORRECT, (ONCOLOGIST, PHYSICIST)),
            (UNREACHABLE, NO_CORRECTION, (ONCOLOGIST, PHYSICIST)),
        ],
    )
    def test_needs_somebody_who_may_and_a_reason(self, what, wanted, signers) -> None:
        record = sign(what, wanted, *signers, reason=f"  {REASON} ")
        assert record.is_override
        assert (record.reason, record.proposed) == (REASON, what.action.value)
        assert bool(record.second) == (what.action.gravity >= SECOND_LOOK.gravity)
        with pytest.raises(PersonNeededError, match="give a reason of at least 3 words"):
            sign(what, wanted, *signers, reason="looks fine")
        with pytest.raises(PersonNeededError):
            sign(what, wanted, *signers, reason=" \n\t ")

    def test_a_therapist_cannot(self) -> None:
        with pytest.raises(PersonNeededError, match="to do otherwise than the protocol"):
            sign(ROUTINE, NO_CORRECTION, THERAPIST, reason=REASON)

    def test_the_second_person_is_not_overridden_away(self) -> None:
        for what in (LARGE, DOUBTFUL, GROSS):
            with pytest.raises(PersonNeededError, match="second person"):
                sign(what, CORRECT, PHYSICIST, reason=REASON)


class TestTowardsSafety:
    @pytest.mark.parametrize("wanted", TOWARDS_SAFETY)
    @pytest.mark.parametrize("what", [TOLERABLE, ROUTINE, LARGE, GROSS, DOUBTFUL, UNANSWERED, UNREACHABLE])
    def test_anybody_may_choose_it_at_any_time(self, what, wanted) -> None:
        strict = protocol(approval=Approval(routine=(Role.PHYSICIST,)))
        record = sign(what, wanted, THERAPIST, written=strict)
        assert (record.action, record.by, record.is_override) == (wanted.value, "tess", False)

    def test_somebody_has_to(self) -> None:
        with pytest.raises(PersonNeededError):
            sign(LARGE, STOP)


class TestWhatNobodyMay:
    EVERYBODY = (THERAPIST, PHYSICIST, ONCOLOGIST)

    @pytest.mark.parametrize("wanted", [CORRECT, NO_CORRECTION])
    def test_act_without_an_answer(self, wanted) -> None:
        with pytest.raises(NotAllowedError, match=r"nobody can choose .* the match has no answer"):
            sign(UNANSWERED, wanted, *self.EVERYBODY, reason=REASON)

    @pytest.mark.parametrize("beyond", [REPOSITION, SECOND_LOOK, STOP])
    def test_correct_what_the_couch_cannot_reach(self, beyond) -> None:
        written = protocol(rotation=CouchLimit(beyond=beyond))
        what = decision(shifted(5.0, out_of_reach=("pitch would have to be 3.4°",)), written=written)
        with pytest.raises(
            NotAllowedError, match=r"nobody can choose 'correct': pitch would have to be 3\.4°"
        ):
            sign(what, CORRECT, *self.EVERYBODY, reason=REASON, written=written)

    def test_not_even_while_another_image_is_asked_for(self) -> None:
        what = decision(shifted(5.0, verdict=Verdict.REVIEW, out_of_reach=("roll",)))
        assert what.action is REIMAGE
        with pytest.raises(NotAllowedError):
            sign(what, CORRECT, *self.EVERYBODY, reason=REASON)


ANNAS = decision(by_hand(CouchCorrection(8.0, 0.0, 0.0), shifted(5.0), by="anna"))
PEOPLE = st.lists(
    st.builds(Person, st.sampled_from(["anna", "bert", "cora"]), st.sampled_from(list(Role))), max_size=3
)


@given(
    what=st.sampled_from([TOLERABLE, ROUTINE, LARGE, GROSS, DOUBTFUL, ANNAS, UNANSWERED, UNREACHABLE]),
    wanted=st.sampled_from(list(ProtocolAction)),
    signers=PEOPLE,
    reason=st.sampled_from(["", "ok", REASON]),
)
@settings(max_examples=400)
def test_whatever_is_done_on_a_match_was_signed_by_who_may(what, wanted, signers, reason) -> None:
    try:
        record = sign(what, wanted, *signers, reason=reason)
    except RefusedError:
        return
    assert record.by in {person.name for person in signers}
    assert record.by != record.second
    if wanted in TOWARDS_SAFETY:
        return
    assert wanted not in what.barred
    demand = demand_of(PROTOCOL, what, wanted)
    assert demand.is_override == record.is_override
    assert demand.second is None or record.second not in ("", what.matched_by)
    roles = {(person.name, person.role) for person in signers}
    if what.action.gravity >= SECOND_LOOK.gravity:
        assert roles & {(record.second, Role.PHYSICIST), (record.second, Role.ONCOLOGIST)}
    if record.is_override:
        assert len(record.reason.split()) >= 3
        assert roles & {(record.by, Role.PHYSICIST), (record.by, Role.ONCOLOGIST)}
    else:
        assert wanted is what.agreed


def test_more_shift_never_needs_fewer_signatures() -> None:
    crews = [(), (THERAPIST,), (PHYSICIST,), (THERAPIST, PHYSICIST), (PHYSICIST, ONCOLOGIST)]
    passed = []
    for shift_mm, crew in product((5.0, 12.0, 25.0), crews):
        try:
            sign(decision(shifted(shift_mm)), CORRECT, *crew, reason=REASON)
        except PersonNeededError:
            continue
        passed.append((shift_mm, crew))
    allowed = {
        shift_mm: {crew for size, crew in passed if size == shift_mm} for shift_mm in (5.0, 12.0, 25.0)
    }
    assert allowed[25.0] < allowed[12.0] < allowed[5.0]
