"""A gated delivery: no radiation but while it is permitted and for the delay of closing, and none is lost."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from room_parts import link
from test_beam_drive import AT_ONCE, MACHINE, plan_of, static_beam

from isoguide.errors import InputError, LinkLostError
from isoguide.treatment.ports import GatedBeam
from isoguide.virtual.beam_drive import BeamDrive
from isoguide.virtual.faults import Fault
from isoguide.virtual.machine import Machine, plan_delivery
from isoguide.virtual.room_settings import Latency

SHARP = replace(AT_ONCE, gate_on_delay=Latency(), gate_off_delay=Latency())
DELAYED = replace(AT_ONCE, on_delay=Latency(0.5), gate_on_delay=Latency(0.3), gate_off_delay=Latency(0.1))
TWO_FIELDS = plan_of(static_beam(1, 0.0, 30.0), static_beam(2, 12.0, 30.0))
"""3 s of beam, 2 s of travel, 3 s of beam."""


def gated(settings=SHARP, plan=None, faults=()) -> tuple[BeamDrive, object]:
    hung = link("beam", faults)
    delivery = plan_delivery(plan or plan_of(static_beam()), settings, MACHINE)
    return BeamDrive(hung, settings, delivery, Machine(MACHINE)), hung


def permitted_for(beam: BeamDrive, hung, seconds: float) -> None:
    """Permit as a gate does: every 50 ms for 300 ms."""
    for _ in range(round(seconds / 0.05)):
        beam.permit(0.3)
        hung.clock.wait(0.05)
        beam.status()


def withheld_for(beam: BeamDrive, hung, seconds: float) -> None:
    beam.withhold("the target has left")
    for _ in range(round(seconds / 0.05)):
        hung.clock.wait(0.05)
        beam.status()


def test_the_drive_of_the_virtual_room_can_be_gated():
    assert isinstance(gated()[0], GatedBeam)


def test_nothing_radiates_before_it_is_permitted():
    beam, hung = gated()
    beam.permit(5.0)  # before the order: it does not count
    beam.turn_on_gated()
    withheld_for(beam, hung, 3.0)
    status = beam.status()
    assert (status.is_on, status.waiting, status.is_under_way) == (False, True, True)
    assert status.delivered_mu == 0.0
    assert beam.intervals == ()


def test_radiation_follows_the_permission_and_all_is_delivered_in_the_end():
    beam, hung = gated()
    beam.turn_on_gated()
    permitted_for(beam, hung, 2.0)
    assert beam.status().is_on
    withheld_for(beam, hung, 4.0)
    assert beam.delivered_mu == pytest.approx(20.0)
    permitted_for(beam, hung, 9.0)
    assert beam.delivered_mu == pytest.approx(100.0)
    assert not beam.status().is_under_way
    np.testing.assert_allclose(beam.intervals, [(0.0, 2.0), (6.0, 14.0)], atol=1e-9)


def test_radiation_comes_and_goes_later_than_it_was_permitted_and_withheld():
    beam, hung = gated(DELAYED)
    beam.turn_on_gated()
    permitted_for(beam, hung, 2.0)
    withheld_for(beam, hung, 1.0)
    permitted_for(beam, hung, 1.0)
    withheld_for(beam, hung, 1.0)
    np.testing.assert_allclose(beam.intervals, [(0.5, 2.1), (3.3, 4.1)], atol=1e-9)
    assert beam.delivered_mu == pytest.approx(24.0)


def test_a_permission_that_nobody_renews_ends_by_itself():
    beam, hung = gated()
    beam.turn_on_gated()
    permitted_for(beam, hung, 1.0)  # the last one was given at 0.95 s
    for _ in range(40):
        hung.clock.wait(0.05)
        beam.status()
    np.testing.assert_allclose(beam.intervals, [(0.0, 1.25)], atol=1e-9)
    assert beam.status().waiting


def test_a_shorter_permission_takes_the_place_of_a_longer_one():
    beam, hung = gated()
    beam.turn_on_gated()
    beam.permit(1.5)
    beam.permit(0.2)
    hung.clock.wait(1.0)
    np.testing.assert_allclose(beam.intervals, [(0.0, 0.2)], atol=1e-9)


def test_a_permission_after_a_closing_opens_anew_with_its_delay():
    beam, hung = gated(DELAYED)
    beam.turn_on_gated()
    permitted_for(beam, hung, 2.0)
    beam.withhold("a doubt")
    permitted_for(beam, hung, 1.0)
    np.testing.assert_allclose(beam.intervals, [(0.5, 2.1), (2.3, 3.0)], atol=1e-9)


def test_a_permission_shorter_than_the_delay_of_opening_gives_nothing():
    beam, hung = gated(DELAYED)
    beam.turn_on_gated()
    hung.clock.wait(1.0)
    beam.permit(0.15)
    hung.clock.wait(1.0)
    assert beam.delivered_mu == 0.0


def test_an_opening_that_is_withheld_before_it_came_does_not_come():
    beam, hung = gated(DELAYED)
    beam.turn_on_gated()
    hung.clock.wait(1.0)
    beam.permit(0.3)
    hung.clock.wait(0.25)
    beam.withhold("the target has left")
    hung.clock.wait(1.0)
    assert beam.delivered_mu == 0.0


def test_a_hold_ends_a_gated_delivery_and_its_permissions():
    beam, hung = gated()
    beam.turn_on_gated()
    permitted_for(beam, hung, 1.0)
    beam.permit(5.0)
    beam.hold("a reason")
    beam.turn_on_gated()
    withheld_for(beam, hung, 1.0)
    assert beam.delivered_mu == pytest.approx(10.0)
    beam.hold("once more")
    beam.turn_on()  # without a gate the rest needs no permission
    for _ in range(100):
        hung.clock.wait(0.1)
        beam.status()
    assert beam.delivered_mu == pytest.approx(100.0)


def test_the_machine_holds_by_itself_when_nobody_asks_although_it_may_radiate():
    beam, hung = gated()
    beam.turn_on_gated()
    beam.permit(60.0)
    hung.clock.wait(30.0)
    assert beam.delivered_mu == pytest.approx(20.0)  # 2 s of heartbeat
    assert not beam.peek().is_under_way


def test_the_gantry_waits_where_radiation_ceased_and_goes_on_from_there():
    settings = replace(SHARP, planned_mu=200.0)
    hung, machine = link("beam"), Machine(MACHINE)
    beam = BeamDrive(hung, settings, plan_delivery(None, settings, MACHINE), machine)
    beam.turn_on_gated()
    permitted_for(beam, hung, 10.0)
    assert machine.gantry_deg == pytest.approx(-119.0)
    withheld_for(beam, hung, 10.0)
    assert machine.gantry_deg == pytest.approx(-119.0)
    permitted_for(beam, hung, 5.0)
    assert machine.gantry_deg == pytest.approx(-89.0)


def test_between_two_fields_the_machine_travels_without_permission_and_waits_at_the_next():
    beam, hung = gated(plan=TWO_FIELDS)
    beam.turn_on_gated()
    permitted_for(beam, hung, 3.0)
    withheld_for(beam, hung, 1.0)
    assert beam.status().travelling
    withheld_for(beam, hung, 3.0)
    status = beam.status()
    assert (status.travelling, status.waiting) == (False, True)
    assert status.delivered_mu == pytest.approx(30.0)
    permitted_for(beam, hung, 4.0)
    assert beam.delivered_mu == pytest.approx(60.0)
    np.testing.assert_allclose(beam.intervals, [(0.0, 3.0), (7.0, 10.0)], atol=1e-9)


def test_a_machine_whose_gate_sticks_goes_on_until_it_is_held():
    beam, hung = gated(faults=(Fault("gate-sticks"),))
    beam.turn_on_gated()
    permitted_for(beam, hung, 1.0)
    withheld_for(beam, hung, 1.0)
    assert beam.status().is_on
    beam.hold("it does not wait")
    assert not beam.status().is_on
    assert beam.delivered_mu == pytest.approx(20.0)


def test_a_broken_link_gets_no_permission_through():
    beam, hung = gated(faults=(Fault("link-broken", device="beam", occurrence=2, times=None),))
    beam.turn_on_gated()
    for order in (lambda: beam.permit(0.3), lambda: beam.withhold("a reason")):
        with pytest.raises(LinkLostError):
            order()
    hung.clock.wait(1.0)
    assert beam.delivered_mu == 0.0


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), 3600.0])
def test_a_permission_that_cannot_be_is_refused(seconds: float):
    beam, _ = gated()
    beam.turn_on_gated()
    with pytest.raises(InputError, match="permission in seconds is"):
        beam.permit(seconds)


class TestWhateverIsOrdered:
    """Random permissions, orders and looks, against the plainest account of what was allowed."""

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["permit", "permit", "withhold", "status", "hold", "turn on"]),
                st.floats(0.01, 1.5),
                st.floats(0.01, 1.0),
            ),
            min_size=5,
            max_size=60,
        ),
        st.booleans(),
    )
    def test_there_is_no_radiation_outside_a_permission_and_its_delay(self, steps, two_fields) -> None:
        settings = replace(DELAYED, gate_on_delay=Latency(0.3, 0.1), gate_off_delay=Latency(0.09, 0.15))
        beam, hung = gated(settings, TWO_FIELDS if two_fields else None)
        clock = hung.clock
        allowed: list[list[float]] = []
        metersets = [0.0]

        def close() -> None:
            for one in allowed:
                one[1] = min(one[1], clock.seconds)

        beam.turn_on_gated()
        for what, wait_s, permit_s in steps:
            if what == "permit":
                close()
                beam.permit(permit_s)
                allowed.append([clock.seconds, clock.seconds + permit_s])
            elif what == "withhold":
                close()
                beam.withhold("a reason")
            elif what == "hold":
                beam.hold("a reason")
            elif what == "turn on":
                beam.turn_on_gated()
            else:
                beam.status()
            clock.wait(wait_s)
            metersets.append(beam.delivered_mu)
        # Four standard deviations of the logarithm of the delay.
        longest_s = 0.09 * np.exp(4.0 * 0.15)
        covered = union([(begin_s, end_s + longest_s) for begin_s, end_s in allowed])
        for begin_s, end_s in beam.intervals:
            assert any(first - 1e-6 <= begin_s and end_s <= last + 1e-6 for first, last in covered)
        given_s = sum(end - begin for begin, end in beam.intervals)
        assert beam.delivered_mu == pytest.approx(10.0 * given_s, abs=1e-6)
        assert (np.diff(metersets) >= 0.0).all()


def union(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged
