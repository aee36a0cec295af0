"""What a console is told of the target and the gate, 20 times a second."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from pydantic import ValidationError

from isoguide.motion.gating import GateDecision, GateState
from isoguide.motion.sample import TargetSample, Unseen
from isoguide.service.documents.room import GateDocument, RoomStateDocument, TargetDocument
from isoguide.workflow.clinic.gate_shown import GateShown
from isoguide.workflow.clinic.room_state import RoomState

EXPOSED = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
NOW = EXPOSED + timedelta(seconds=0.25)


def sample(**changed: object) -> TargetSample:
    usual = {
        "position_mm": np.array([1.0, -2.0, 3.0]),
        "covariance_mm2": np.array([[0.04, 0.01, 0.0], [0.01, 0.09, 0.0], [0.0, 0.0, 1.44]]),
        "at": EXPOSED,
        "number": 17,
        "source": "markers in the kV arm",
        "quality": 0.75,
        "words": "three of four markers agree",
    }
    return TargetSample(**(usual | changed))  # type: ignore[arg-type]  # as the type checker cannot know


class TestALookAtTheTarget:
    def test_says_where_it_is_how_well_that_is_known_and_how_old_it_is(self) -> None:
        told = TargetDocument.of(sample(), NOW)
        assert told.position_mm == (1.0, -2.0, 3.0)
        # Square roots of the diagonal: 0.04, 0.09, 1.44 mm².
        assert told.sigma_mm == pytest.approx((0.2, 0.3, 1.2))
        assert (told.number, told.at, told.age_s) == (17, EXPOSED, 0.25)
        assert (told.quality, told.words) == (0.75, "three of four markers agree")
        assert told.rotation_deg is None

    def test_says_how_the_target_is_turned_where_that_is_known(self) -> None:
        assert TargetDocument.of(sample(rotation_deg=np.array([1.0, 0.0, -2.0])), NOW).rotation_deg == (
            1,
            0,
            -2,
        )

    def test_in_which_it_was_not_seen_has_a_reason_and_no_number(self) -> None:
        told = TargetDocument.of(Unseen(EXPOSED, 18, "markers in the kV arm", "two markers overlap"), NOW)
        assert (told.position_mm, told.sigma_mm, told.quality) == (None, None, None)
        assert (told.words, told.number, told.age_s) == ("two markers overlap", 18, 0.25)

    def test_that_rounding_made_a_little_negative_is_known_exactly_and_not_refused(self) -> None:
        covariance = np.diag([1.0, 0.0, -1e-9])
        assert TargetDocument.of(sample(covariance_mm2=covariance), NOW).sigma_mm == (1.0, 0.0, 0.0)


class TestAGate:
    def test_says_all_that_it_decided_by(self) -> None:
        decision = GateDecision(
            NOW,
            GateState.REALIGN,
            "the target stays outside the gate",
            0.02,
            np.array([4.0, 0.0, -1.0]),
            sample(),
            0.25,
            np.array([4.1, 0.2, -1.0]),
            3,
        )
        told = GateDocument.of(GateShown(decision, 0.5))
        assert (told.state, told.reason) == ("re-align", "the target stays outside the gate")
        assert (told.probability, told.predicted_mm, told.latency_s) == (0.02, (4.0, 0.0, -1.0), 0.25)
        assert (told.proposal_mm, told.holds, told.duty_cycle) == ((4.1, 0.2, -1.0), 3, 0.5)

    def test_that_can_tell_nothing_has_no_number(self) -> None:
        told = GateDocument.of(GateShown(GateDecision(NOW, GateState.ARMED, "nothing was seen yet")))
        assert (told.probability, told.predicted_mm, told.latency_s, told.proposal_mm) == (None,) * 4
        assert told.duty_cycle is None

    def test_whose_probability_is_no_number_is_not_sent(self) -> None:
        decision = GateDecision(NOW, GateState.HOLD, "why", float("nan"))
        with pytest.raises(ValidationError, match="probability"):
            GateDocument.of(GateShown(decision))


def test_a_room_in_which_nothing_watches_says_so() -> None:
    told = RoomStateDocument.of(RoomState(1, NOW, "room"))
    assert (told.target, told.gate, told.is_in_gate, told.monitoring) == (None, None, None, "")


def test_every_state_of_a_gate_can_be_sent() -> None:
    for state in GateState:
        told = GateDocument.of(GateShown(GateDecision(NOW, state, "why")))
        assert told.state == state.value
