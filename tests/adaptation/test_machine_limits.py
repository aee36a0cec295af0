"""A corrected plan that asks for more than the machine can do is refused, with the worst value."""

from dataclasses import replace

import numpy as np
import pytest
from beams_to_correct import arc, field_of, plan_of, small_machine

from isoguide.adaptation.machine_limits import violations
from isoguide.plan import Beam


def shifted(beam: Beam, mm: float) -> Beam:
    points = tuple(
        replace(point, leaf_positions_mm=point.leaf_positions_mm + mm) for point in beam.control_points
    )
    return replace(beam, control_points=points)


def with_points(beam: Beam, **changes: object) -> Beam:
    return replace(beam, control_points=tuple(replace(one, **changes) for one in beam.control_points))


def test_a_plan_that_the_machine_can_deliver_has_no_violation() -> None:
    assert violations(plan_of(field_of(30.0, 10.0), arc()), small_machine()) == ()


@pytest.mark.parametrize(
    ("machine", "beam", "words"),
    [
        ({}, shifted(field_of(0.0, 0.0), 190.0), "leaves would go to 225"),
        ({"leaf_over_travel_mm": 20.0}, shifted(field_of(0.0, 0.0), 60.0), "pass the axis by"),
        ({"leaf_span_mm": 15.0}, field_of(0.0, 0.0), "of one bank"),
        ({"least_gap_mm": 0.5}, field_of(0.0, 0.0), "as near as 0.00 mm"),
        ({"jaw_x_mm": (-30.0, 30.0)}, field_of(0.0, 0.0), "jaw X would go to"),
        ({}, with_points(field_of(0.0, 0.0), jaw_y_mm=(10.0, -10.0)), "jaws Y would collide"),
        ({"collimator_deg": (-90.0, 90.0)}, field_of(0.0, 200.0), "collimator would turn to -160.0°"),
        ({}, replace(field_of(0.0, 0.0), meterset_mu=2500.0), "2500.0 MU, but can from 2 to 2000 MU"),
        ({}, replace(field_of(0.0, 0.0), meterset_mu=0.5), "0.5 MU"),
        ({"least_segment_mu": 200.0}, field_of(0.0, 0.0), "a segment would deliver 100.00 MU"),
    ],
)
def test_each_limit_is_named_with_the_worst_value(machine: dict, beam: Beam, words: str) -> None:
    found = violations(plan_of(beam), small_machine(**machine))
    assert any(words in one for one in found), found


def test_leaves_that_are_too_fast_for_the_dose_rate_are_refused() -> None:
    beam = arc(dose_rate=600.0)
    assert violations(plan_of(beam), small_machine(leaf_speed_mm_per_s=2.0))
    # Without a dose rate the machine slows down as it must.
    assert violations(plan_of(arc()), small_machine(leaf_speed_mm_per_s=2.0)) == ()


def test_a_gantry_that_is_too_slow_for_the_dose_rate_is_refused() -> None:
    found = violations(plan_of(arc(dose_rate=600.0)), small_machine(gantry_speed_deg_per_s=3.0))
    assert any("the gantry would have to move" in one for one in found)


def test_a_collimator_that_must_stand_still_with_the_beam_on_is_kept_so() -> None:
    beam = arc()
    points = tuple(replace(one, collimator_deg=10.0 + n / 10.0) for n, one in enumerate(beam.control_points))
    turning = replace(beam, control_points=points)
    found = violations(plan_of(turning), small_machine(collimator_speed_deg_per_s=0.0))
    assert any("the collimator would move while the beam is on" in one for one in found)


def test_what_the_planned_beam_asks_for_too_is_not_held_against_the_corrected_one() -> None:
    planned = plan_of(field_of(0.0, 0.0))
    machine = small_machine(least_gap_mm=0.5, leaf_span_mm=15.0)
    assert violations(planned, machine)
    assert violations(planned, machine, planned) == ()
    wider = plan_of(field_of(0.0, 0.0, target_mm=40.0))
    assert violations(wider, machine, planned)


def test_set_up_fields_are_not_looked_at() -> None:
    beam = replace(field_of(0.0, 0.0, meterset_mu=0.1), delivery_type="SETUP")
    assert violations(plan_of(beam), small_machine()) == ()


def test_monitor_units_of_intervals_add_up_to_the_beam() -> None:
    beam = arc()
    assert sum(beam.interval_mu) == pytest.approx(beam.meterset_mu)
    np.testing.assert_allclose(replace(beam, meterset_mu=None).interval_mu, 0.0)
