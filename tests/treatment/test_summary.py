"""A fraction in one line: what the image called for, what the couch did, what was left."""

import numpy as np
import pytest
from fake_room import FIVE_MM_LEFT, PLANNED_MU, SET_UP_POSE, FakeRoom, found
from protocol_cases import THERAPIST

from isoguide.course import ImagingDose
from isoguide.geometry.correction import CouchCorrection
from isoguide.registration import Verdict
from isoguide.treatment import Approver, FractionLimits, treat
from isoguide.treatment.summary import Circumstances, summary_of

DEVIATION = np.full(6, 0.1)
PERSON = Approver("Dr. A", is_person=True, reason="seen")


def known(room: FakeRoom, **more: object) -> Circumstances:
    return Circumstances(3, room.clock.at, SET_UP_POSE, deviation=DEVIATION, **more)


def treated(room: FakeRoom, limits: FractionLimits | None = None, **more: object):
    fraction = room.fraction(limits, **more)
    treat(fraction)
    return fraction


def numbers(correction: CouchCorrection) -> list[float]:
    return [getattr(correction, name) for name in correction.__slots__]


def test_a_patient_5_mm_too_far_left_was_measured_and_moved_5_mm_to_the_right(room: FakeRoom) -> None:
    fraction = treated(room, FractionLimits(verify_with_image=True))
    line = summary_of(fraction.memory, known(room, doses=(ImagingDose(4.49, "CTDIw, mGy"),) * 2))
    assert line.number == 3
    assert line.state == "closed"
    assert numbers(line.measured) == pytest.approx(numbers(FIVE_MM_LEFT), abs=1e-9)
    assert numbers(line.applied) == pytest.approx(numbers(FIVE_MM_LEFT), abs=1e-9)
    assert numbers(line.residual) == pytest.approx([0.0] * 6, abs=1e-9)
    assert line.images == 2
    assert line.delivered_mu == PLANNED_MU
    assert line.deviation is not None
    assert len(line.doses) == 2


def test_a_read_back_without_another_image_leaves_the_residual_unknown(room: FakeRoom) -> None:
    line = summary_of(treated(room).memory, known(room))
    assert line.applied is not None
    assert line.residual is None


def test_a_patient_in_place_was_measured_and_not_moved() -> None:
    room = FakeRoom(CouchCorrection(0.2, 0.1, 0.0))
    line = summary_of(treated(room).memory, known(room, action="no correction", rule="below 0.5 mm"))
    assert line.measured.lateral_mm == pytest.approx(0.2)
    assert line.applied is None
    assert line.residual is None
    assert line.action == "no correction"


def test_an_image_without_an_answer_is_no_measurement(room: FakeRoom) -> None:
    room.verdicts = [Verdict.NOT_AVAILABLE] * 9
    line = summary_of(treated(room).memory, known(room))
    assert line.state == "stopped"
    assert line.measured is None
    assert line.deviation is None
    assert line.images == 4


def test_the_first_image_with_an_answer_counts(room: FakeRoom) -> None:
    room.verdicts = [Verdict.NOT_AVAILABLE]
    line = summary_of(treated(room).memory, known(room))
    assert line.measured.lateral_mm == pytest.approx(-5.0)
    assert line.images == 2


def test_a_match_by_hand_is_what_was_measured_instead_of_the_engines(room: FakeRoom) -> None:
    fraction = room.fraction()
    fraction.set_up()
    fraction.image()
    fraction.align()
    for lateral_mm in (-6.0, -7.0):
        fraction.match_by_hand(found(CouchCorrection(lateral_mm, 0.0, 0.0)), THERAPIST)
    before = summary_of(fraction.memory, known(room))
    fraction.move_couch(fraction.approve(PERSON).token)
    fraction.verify()
    fraction.image()
    fraction.align()
    line = summary_of(fraction.memory, known(room))
    assert before.measured.lateral_mm == line.measured.lateral_mm == pytest.approx(-7.0)
    assert line.applied.lateral_mm == pytest.approx(-7.0)
    assert line.residual.lateral_mm == pytest.approx(2.0)
    fraction.match_by_hand(found(CouchCorrection(2.5, 0.0, 0.0)), THERAPIST)
    assert summary_of(fraction.memory, known(room)).residual.lateral_mm == pytest.approx(2.5)
    assert summary_of(fraction.memory, known(room)).measured.lateral_mm == pytest.approx(-7.0)


def test_the_engines_match_is_measured_again_after_going_back_to_it(room: FakeRoom) -> None:
    fraction = room.fraction()
    fraction.set_up()
    fraction.image()
    fraction.align()
    fraction.match_by_hand(found(CouchCorrection(-7.0, 0.0, 0.0)), THERAPIST)
    fraction.match_by_engine(THERAPIST)
    assert summary_of(fraction.memory, known(room)).measured.lateral_mm == pytest.approx(-5.0)


def test_a_fraction_that_was_not_begun_says_nothing_but_its_state(room: FakeRoom) -> None:
    offline = CouchCorrection(1.0, 0.0, 0.0)
    line = summary_of(room.fraction().memory, known(room, offline=offline))
    assert (line.state, line.measured, line.applied, line.delivered_mu) == ("prepared", None, None, 0.0)
    assert line.offline is offline
