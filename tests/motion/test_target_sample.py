"""A look at the target is complete, or it is none."""

from datetime import UTC, datetime

import numpy as np
import pytest

from isoguide.errors import GeometryError, InputError
from isoguide.motion.gating import TABLE, GateDecision, GateEvent, GateState
from isoguide.motion.sample import TargetSample, Unseen

AT = datetime(2026, 3, 16, 8, 0, tzinfo=UTC)


def sample(**changed: object) -> TargetSample:
    usual: dict[str, object] = {
        "position_mm": (1.0, 2.0, 3.0),
        "covariance_mm2": 0.04 * np.eye(3),
        "at": AT,
        "number": 1,
        "source": "kV arm",
        "quality": 1.0,
        "words": "3 of 3 markers",
    }
    return TargetSample(**(usual | changed))  # type: ignore[arg-type]  # wrong types are what is tried


def test_a_sample_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValueError, match="read-only"):
        sample().position_mm[0] = 0.0
    assert sample(rotation_deg=(0.1, 0.2, 0.3)).rotation_deg is not None


@pytest.mark.parametrize(
    "covariance", [np.diag([1.0, 1.0, -1.0]), np.array([[1.0, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])]
)
def test_what_is_no_covariance_is_refused(covariance: np.ndarray) -> None:
    with pytest.raises(GeometryError, match="no covariance"):
        sample(covariance_mm2=covariance)


@pytest.mark.parametrize("position", [(np.nan, 0.0, 0.0), (0.0, 0.0), (np.inf, 0.0, 0.0)])
def test_a_position_that_is_no_number_is_refused(position: tuple[float, ...]) -> None:
    with pytest.raises(GeometryError, match="position of the target"):
        sample(position_mm=position)


def test_a_frame_without_a_time_zone_is_refused() -> None:
    with pytest.raises(InputError, match="without a time zone"):
        sample(at=datetime(2026, 3, 16, 8, 0))
    with pytest.raises(InputError, match="without a time zone"):
        Unseen(datetime(2026, 3, 16, 8, 0), 1, "kV arm", "blank")


def test_a_quality_is_a_share() -> None:
    with pytest.raises(InputError, match="share from 0 to 1"):
        sample(quality=1.2)


def test_a_frame_without_the_target_says_why() -> None:
    with pytest.raises(InputError, match="needs a reason"):
        Unseen(AT, 1, "kV arm", " ")


def test_beam_passes_in_one_state_and_is_reached_only_by_a_target_that_settled() -> None:
    permitting = [state for state in GateState if GateDecision(AT, state).permits_beam]
    assert permitting == [GateState.BEAM_ON]
    ways = {event for (_, event), after in TABLE.items() if after is GateState.BEAM_ON}
    assert ways == {GateEvent.SETTLE}


def test_a_fault_stops_from_every_state_and_only_arming_leads_out() -> None:
    assert all(TABLE[state, GateEvent.FAULT] is GateState.STOPPED for state in GateState)
    ways_out = {event for (state, event), after in TABLE.items() if state is GateState.STOPPED is not after}
    assert ways_out == {GateEvent.ARM}


def test_numbers_of_a_decision_are_complete() -> None:
    with pytest.raises(GeometryError, match="proposal_mm"):
        GateDecision(AT, GateState.REALIGN, "away", proposal_mm=np.array([np.nan, 0.0, 0.0]))
