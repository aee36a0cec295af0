"""The table of states and events says what can follow what."""

from itertools import product
from pathlib import Path

import pytest

from isoguide.treatment.refusals import OutOfOrderError
from isoguide.treatment.states import IMAGING_STATES, TABLE, Event, State, state_after

PAGE = Path(__file__).resolve().parents[2] / "docs" / "concepts" / "fraction.md"


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)))
def test_every_step_is_in_the_table_or_refused(state: State, event: Event) -> None:
    if (state, event) in TABLE:
        assert state_after(state, event) is TABLE[state, event]
    else:
        with pytest.raises(OutOfOrderError, match=f"'{event}' is not possible in the state '{state}'"):
            state_after(state, event)


def test_a_refusal_names_what_is_possible_instead() -> None:
    with pytest.raises(
        OutOfOrderError, match="possible: 'align', 'image', 'no valid image', 'set up again', 'stop'"
    ):
        state_after(State.IMAGED, Event.TURN_ON)
    with pytest.raises(OutOfOrderError, match="possible: nothing, it is over"):
        state_after(State.CLOSED, Event.STOP)


def test_the_beam_comes_on_only_from_a_verified_position_or_a_hold() -> None:
    before = {state for (state, _), after in TABLE.items() if after is State.BEAM_ON}
    assert before == {State.VERIFIED, State.HELD}


def test_a_position_is_verified_by_read_back_or_by_an_image_or_on_a_day_without_one() -> None:
    ways = {(state, event) for (state, event), after in TABLE.items() if after is State.VERIFIED}
    assert ways == {
        (State.COUCH_MOVED, Event.VERIFY),
        (State.ALIGNED, Event.CONFIRM),
        (State.SET_UP, Event.SKIP_IMAGE),
    }


def test_the_couch_moves_only_by_an_approved_order() -> None:
    assert [state for state, event in TABLE if event is Event.MOVE_COUCH] == [State.APPROVED]


def test_a_new_image_is_possible_in_every_state_before_the_beam_and_in_a_hold() -> None:
    after_or_during_the_beam = {State.BEAM_ON, State.DELIVERED, State.CLOSED, State.STOPPED}
    assert {state for state, event in TABLE if event is Event.IMAGE} == set(IMAGING_STATES)
    assert set(State) - set(IMAGING_STATES) == after_or_during_the_beam | {State.PREPARED}


def test_a_fraction_can_be_stopped_in_every_state_until_it_is_over() -> None:
    stoppable = {state for state, event in TABLE if event is Event.STOP}
    assert {state for state in State if not state.is_final} == stoppable
    assert [state for state, _ in TABLE if state.is_final] == []


def test_while_the_beam_is_on_only_its_end_can_follow() -> None:
    after = {TABLE[state, event] for state, event in TABLE if state is State.BEAM_ON}
    assert after == {State.HELD, State.DELIVERED, State.STOPPED}


def test_the_page_for_physicists_shows_the_same_table() -> None:
    rows = [
        tuple(cell.strip() for cell in line.strip().strip("|").split("|"))
        for line in PAGE.read_text().splitlines()
        if line.startswith("| ") and not line.startswith("| state")
    ]
    shown = {(state, event): after for state, event, after, _ in rows}
    assert len(shown) == len(rows)
    assert shown == {(str(state), str(event)): str(after) for (state, event), after in TABLE.items()}
    assert all(meaning for *_, meaning in rows)
