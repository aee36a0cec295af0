from dataclasses import replace

import numpy as np
import pytest
from room_parts import link

from isoguide.errors import InputError, LinkLostError
from isoguide.plan import Beam, ControlPoint, PatientPosition, Plan
from isoguide.virtual.beam_drive import BeamDrive
from isoguide.virtual.faults import Fault
from isoguide.virtual.machine import Machine, plan_delivery
from isoguide.virtual.room_settings import BeamSettings, Latency, MachineSettings

MACHINE = MachineSettings(gantry_deg_s=6.0, collimator_deg_s=15.0, leaf_mm_s=25.0)
AT_ONCE = BeamSettings(dose_rate_mu_min=600.0, on_delay=Latency(), hold_delay=Latency(), heartbeat_s=2.0)


def static_beam(number=1, gantry_deg=0.0, mu=100.0, leaves=(None, None), collimator_deg=0.0) -> Beam:
    points = tuple(
        ControlPoint(gantry_deg, collimator_deg, 0.0, weight, leaf_positions_mm=leaf)
        for weight, leaf in zip((0.0, 1.0), leaves, strict=True)
    )
    return Beam(number, f"beam {number}", "TREATMENT", "PHOTON", "virtual", points, meterset_mu=mu)


def plan_of(*beams: Beam) -> Plan:
    return Plan("1.2.3", "plan", PatientPosition.HFS, beams)


def beam_of(plan=None, settings=AT_ONCE, faults=()):
    hung = link("beam", faults)
    delivery = plan_delivery(plan or plan_of(static_beam()), settings, MACHINE)
    return BeamDrive(hung, settings, delivery, Machine(MACHINE)), hung


def watch(beam: BeamDrive, hung, seconds: float) -> None:
    """Ask the machine ten times a second."""
    for _ in range(round(seconds * 10)):
        hung.clock.wait(0.1)
        beam.status()


def test_100_mu_at_600_mu_per_minute_take_10_seconds():
    beam, hung = beam_of()
    beam.turn_on()
    watch(beam, hung, 4.0)
    status = beam.status()
    assert status.is_on
    assert (status.delivered_mu, status.planned_mu) == (pytest.approx(40.0), 100.0)
    watch(beam, hung, 6.1)
    status = beam.status()
    assert not status.is_on
    assert status.delivered_mu == pytest.approx(100.0)
    np.testing.assert_allclose(beam.intervals, [(0.0, 10.0)], atol=1e-9)
    beam.turn_on()  # all is delivered: there is nothing left to turn on
    watch(beam, hung, 1.0)
    assert len(beam.intervals) == 1


def test_radiation_starts_and_ends_later_than_it_was_ordered():
    beam, hung = beam_of(settings=replace(AT_ONCE, on_delay=Latency(0.5), hold_delay=Latency(0.2)))
    beam.turn_on()
    assert not beam.status().is_on
    watch(beam, hung, 1.0)
    beam.hold("the patient coughs")
    assert beam.status().is_on
    watch(beam, hung, 0.3)
    assert not beam.status().is_on
    assert beam.delivered_mu == pytest.approx(7.0)  # 0.7 s at 10 MU/s
    np.testing.assert_allclose(beam.intervals, [(0.5, 1.2)], atol=1e-9)


def test_a_beam_that_was_held_goes_on_where_it_stopped():
    beam, hung = beam_of()
    beam.turn_on()
    watch(beam, hung, 3.0)
    beam.hold("a reason")
    beam.hold("again: harmless")
    watch(beam, hung, 5.0)
    assert beam.delivered_mu == pytest.approx(30.0)
    beam.turn_on()
    beam.turn_on()  # a second order changes nothing
    watch(beam, hung, 8.0)
    assert beam.status().delivered_mu == pytest.approx(100.0)


def test_the_machine_holds_by_itself_when_nobody_asks_for_longer_than_its_heartbeat():
    beam, hung = beam_of()
    beam.turn_on()
    watch(beam, hung, 1.0)
    hung.clock.wait(60.0)
    assert not beam.is_radiating()
    assert beam.delivered_mu == pytest.approx(30.0)  # 1 s watched and 2 s of heartbeat


def test_a_beam_whose_link_breaks_falls_silent_within_the_heartbeat():
    broken = Fault("link-broken", device="beam", moment="beam on", occurrence=11, times=None)
    beam, hung = beam_of(faults=(broken,))
    beam.turn_on()
    with pytest.raises(LinkLostError, match="the beam does not answer"):
        watch(beam, hung, 5.0)
    with pytest.raises(LinkLostError):
        beam.hold("cannot be heard")
    assert beam.is_radiating()
    hung.clock.wait(2.0)
    assert not beam.is_radiating()
    assert beam.delivered_mu == pytest.approx(30.0)


def test_a_machine_that_drops_its_beam_says_how_much_it_gave():
    beam, hung = beam_of(faults=(Fault("beam-drops", occurrence=21),))
    beam.turn_on()
    watch(beam, hung, 4.0)
    status = beam.status()
    assert not status.is_on
    assert status.delivered_mu == pytest.approx(21.0)


def test_without_a_plan_an_arc_is_delivered_as_fast_as_the_gantry_turns():
    delivery = plan_delivery(None, replace(AT_ONCE, planned_mu=200.0), MACHINE)
    assert delivery.planned_mu == pytest.approx(200.0)
    assert delivery.duration_s == pytest.approx(358.0 / 6.0)
    assert delivery.angles_at(delivery.duration_s / 2.0) == pytest.approx((0.0, 0.0))


def test_the_gantry_stands_where_the_delivery_has_come():
    settings = replace(AT_ONCE, planned_mu=200.0)
    hung, machine = link("beam"), Machine(MACHINE)
    beam = BeamDrive(hung, settings, plan_delivery(None, settings, MACHINE), machine)
    beam.turn_on()
    watch(beam, hung, 10.0)
    assert machine.gantry_deg == pytest.approx(-119.0)
    assert machine.collimator_deg == pytest.approx(0.0)


def test_a_leaf_that_cannot_follow_slows_the_beam_down():
    still, far = np.zeros((2, 40)), np.zeros((2, 40))
    far[1, 3] = 500.0
    plan = plan_of(static_beam(leaves=(still, far)))
    assert plan_delivery(plan, AT_ONCE, MACHINE).duration_s == pytest.approx(20.0)


def test_beams_of_different_collimators_do_not_wait_for_each_others_leaves():
    few, many = (
        static_beam(1, leaves=(np.zeros((2, 20)),) * 2),
        static_beam(2, leaves=(np.ones((2, 40)),) * 2),
    )
    assert plan_delivery(plan_of(few, many), AT_ONCE, MACHINE).duration_s == pytest.approx(20.0)


def test_between_two_beams_the_gantry_drives_on_without_meterset():
    plan = plan_of(static_beam(1, 0.0, 50.0), static_beam(2, 90.0, 50.0, collimator_deg=30.0))
    delivery = plan_delivery(plan, AT_ONCE, MACHINE)
    assert delivery.duration_s == pytest.approx(5.0 + 15.0 + 5.0)
    assert delivery.with_meterset(2.0, 22.0) == [(2.0, 5.0), (20.0, 22.0)]
    assert delivery.mu_at(5.0) == delivery.mu_at(20.0) == pytest.approx(50.0)
    beam, hung = beam_of(plan)
    beam.turn_on()
    watch(beam, hung, 12.0)
    status = beam.status()
    assert (status.is_on, status.travelling, status.delivered_mu) == (False, True, pytest.approx(50.0))
    watch(beam, hung, 20.0)
    assert not beam.status().is_under_way
    assert [end_s - begin_s for begin_s, end_s in beam.intervals] == pytest.approx([5.0, 5.0])


def test_set_up_fields_are_not_delivered():
    kv = replace(static_beam(9), delivery_type="SETUP")
    assert plan_delivery(plan_of(kv, static_beam()), AT_ONCE, MACHINE).planned_mu == pytest.approx(100.0)
    # Clinics label set-up fields as treatment: the missing meterset tells what they are.
    labelled = replace(static_beam(8), meterset_mu=None)
    both = plan_of(labelled, static_beam())
    assert plan_delivery(both, AT_ONCE, MACHINE).planned_mu == pytest.approx(100.0)
    for plan in (plan_of(kv), plan_of(labelled)):
        with pytest.raises(InputError, match="plan 'plan' has no treatment beam with a meterset"):
            plan_delivery(plan, AT_ONCE, MACHINE)


@pytest.mark.parametrize(
    "beam", [replace(static_beam(), meterset_mu=0.0), replace(static_beam(), control_points=())]
)
def test_a_beam_without_meterset_or_control_points_is_refused(beam):
    with pytest.raises(InputError, match="beam 1 of plan 'plan' has no meterset or no control points"):
        plan_delivery(plan_of(beam), AT_ONCE, MACHINE)


def test_the_gantry_does_not_turn_through_180_degrees():
    machine = Machine(MACHINE, gantry_deg=170.0)
    assert machine.turn_gantry_to(-170.0) == pytest.approx(340.0 / 6.0)
    assert machine.turn_kv_source_to(0.0) == pytest.approx(80.0 / 6.0)
    assert (machine.gantry_deg, machine.kv_source_deg) == (-90.0, 0.0)


class TestWhoeverOnlyLooks:
    def test_sees_the_beam_and_keeps_it_no_longer_on(self) -> None:
        """A hundred looks in ten seconds, and the beam ends with the heartbeat all the same."""
        beam, hung = beam_of()
        beam.turn_on()
        hung.clock.wait(1.0)
        beam.status()
        seen = []
        for _ in range(100):
            hung.clock.wait(0.1)
            seen.append(beam.peek())
        assert seen[0].is_on
        assert not seen[-1].is_on
        assert beam.delivered_mu == pytest.approx(30.0)  # 3 s of 600 MU/min

    def test_is_answered_by_a_broken_link_and_uses_up_no_fault(self) -> None:
        beam, hung = beam_of(faults=(Fault("link-broken", device="beam", occurrence=2),))
        beam.turn_on()
        for _ in range(5):
            hung.clock.wait(0.1)
            assert beam.peek().is_on
        with pytest.raises(LinkLostError):
            beam.status()


class TestTheRestOfAFraction:
    @pytest.mark.parametrize("given_mu", [0.0, 30.0, 100.0])
    def test_is_delivered_and_not_more(self, given_mu: float) -> None:
        beam, hung = beam_of()
        beam.load_rest(given_mu)
        assert beam.peek().delivered_mu == pytest.approx(given_mu, abs=1e-4)
        assert beam.peek().delivered_mu >= given_mu
        beam.turn_on()
        watch(beam, hung, 20.0)
        assert beam.delivered_mu == pytest.approx(100.0)
        assert sum(end - begin for begin, end in beam.intervals) == pytest.approx(
            (100.0 - given_mu) / 10.0, abs=1e-3
        )

    def test_before_a_pause_is_gone_on_with_at_the_pause(self) -> None:
        beam, hung = beam_of(plan_of(static_beam(1, 0.0, 50.0), static_beam(2, 60.0, 50.0)))
        beam.load_rest(50.0)
        beam.turn_on()
        hung.clock.wait(1.0)
        assert beam.status().travelling
        watch(beam, hung, 30.0)
        assert beam.delivered_mu == pytest.approx(100.0)

    @pytest.mark.parametrize("given_mu", [-1.0, 100.5])
    def test_that_cannot_be_is_refused(self, given_mu: float) -> None:
        beam, _ = beam_of()
        with pytest.raises(InputError, match="start it anew with the meterset of this fraction"):
            beam.load_rest(given_mu)

    def test_is_not_loaded_into_a_machine_that_has_begun(self) -> None:
        beam, hung = beam_of()
        beam.turn_on()
        hung.clock.wait(1.0)
        with pytest.raises(InputError):
            beam.load_rest(50.0)
