"""What is shown of a gate: its newest decision, and how much of the time it let beam pass."""

from datetime import UTC, datetime, timedelta

import pytest

from isoguide.motion.gating import GateDecision, GateState
from isoguide.workflow.clinic.gate_shown import GateMeter

BEGIN = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def said(second: float, state: GateState) -> GateDecision:
    return GateDecision(BEGIN + timedelta(seconds=second), state, "" if state is GateState.BEAM_ON else "why")


def heard(*said_by_gate: GateDecision) -> GateMeter:
    meter = GateMeter()
    for decision in said_by_gate:
        meter.hear(decision)
    return meter


def test_nothing_is_shown_of_a_gate_that_has_said_nothing() -> None:
    assert GateMeter().shown is None


def test_one_decision_has_taken_no_time() -> None:
    shown = heard(said(0.0, GateState.BEAM_ON)).shown
    assert shown is not None
    assert shown.duty_cycle is None


def test_the_newest_decision_is_shown() -> None:
    newest = said(1.0, GateState.REALIGN)
    shown = heard(said(0.0, GateState.HOLD), newest).shown
    assert shown is not None
    assert shown.decision is newest


def test_each_decision_counts_until_the_next_one() -> None:
    # Armed for 1 s, beam for 3 s, held for 1 s: 3 of 5 s; what comes after the last one is not known yet.
    shown = heard(
        said(0.0, GateState.ARMED),
        said(1.0, GateState.BEAM_ON),
        said(3.0, GateState.BEAM_ON),
        said(4.0, GateState.HOLD),
        said(5.0, GateState.BEAM_ON),
    ).shown
    assert shown is not None
    assert shown.duty_cycle == pytest.approx(0.6)


def test_a_clock_that_goes_back_gives_no_share_above_one() -> None:
    shown = heard(
        said(0.0, GateState.BEAM_ON), said(3.0, GateState.BEAM_ON), said(1.0, GateState.BEAM_ON)
    ).shown
    assert shown is not None
    assert shown.duty_cycle == 1.0
