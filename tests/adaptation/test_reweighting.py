"""Segments weighted anew: never negative, nearer to the plan, and within what the machine can deliver."""

from dataclasses import replace

import numpy as np
import pytest
from beams_to_correct import arc, field_of, plan_of, small_machine
from hypothesis import given, settings
from hypothesis import strategies as st

from isoguide.adaptation.reweighting import SampledStructure, WeightingProblem, reweight
from isoguide.adaptation.segment_weights import with_weights
from isoguide.dose.dvh import DoseVolumeHistogram
from isoguide.dose.goal_text import parse_goal
from isoguide.dose.pencil_beam import SegmentKey
from isoguide.errors import GeometryError

SEGMENTS, TARGET, ORGAN = 6, 60, 40


def histogram(name: str, doses: list[float], *, is_target: bool = False) -> DoseVolumeHistogram:
    return DoseVolumeHistogram(name, is_target, np.sort(np.array(doses)), np.ones(len(doses)))


def problem(seed: int = 1, goals: tuple[str, ...] = (), organ_gy: float = 0.6) -> WeightingProblem:
    """Segments of which the first three hit the organ too; 10 MU each were planned."""
    rng = np.random.default_rng(seed)
    doses = np.zeros((SEGMENTS, TARGET + ORGAN), np.float32)
    doses[:, :TARGET] = rng.uniform(0.02, 0.05, (SEGMENTS, TARGET))
    doses[:3, TARGET:] = rng.uniform(0.01, 0.03, (3, ORGAN))
    target = SampledStructure(
        "PTV", is_target=True, rows=np.arange(TARGET), planned=histogram("PTV", [2.0] * 9, is_target=True)
    )
    organ = SampledStructure(
        "Cord",
        is_target=False,
        rows=np.arange(TARGET, TARGET + ORGAN),
        planned=histogram("Cord", [organ_gy] * 5),
    )
    return WeightingProblem(
        doses, np.full(SEGMENTS, 10.0), (target, organ), tuple(map(parse_goal, goals)), 20, 40.0
    )


@given(seed=st.integers(0, 1000), organ=st.floats(0.0, 1.5))
@settings(max_examples=20, deadline=None)
def test_weights_are_never_negative_and_the_dose_never_gets_worse(seed: int, organ: float) -> None:
    found = reweight(problem(seed, organ_gy=organ))
    assert (found.segment_mu >= 0.0).all()
    assert found.penalty_after <= found.penalty_before


def test_segments_through_an_organ_that_got_too_much_give_way_to_the_others() -> None:
    found = reweight(problem(organ_gy=0.1))
    assert found.segment_mu[:3].sum() < 0.65 * found.segment_mu[3:].sum()
    assert found.penalty_after < 0.8 * found.penalty_before


def test_a_target_that_gets_too_little_gets_what_was_planned() -> None:
    asked = problem(organ_gy=1.2)
    found = reweight(asked)
    dose = found.segment_mu @ asked.gy_per_mu[:, :TARGET]
    assert dose.mean() == pytest.approx(2.0, rel=0.03)


@pytest.mark.parametrize(
    ("goal", "value", "is_less"),
    [
        ("Cord mean <= 4 Gy", lambda organ: organ.mean(), True),
        ("Cord max <= 6 Gy", lambda organ: organ.max(), True),
        ("Cord D50% <= 4 Gy", np.median, True),
        ("Cord V4Gy <= 30 %", lambda organ: organ.mean(), True),
        ("Cord max <= 15 %", lambda organ: organ.max(), True),
        ("Cord V10% <= 30 %", lambda organ: organ.mean(), True),
        ("PTV min >= 44 Gy", lambda organ: organ.mean(), False),
    ],
)
def test_goals_pull_towards_what_they_say(goal: str, value, is_less: bool) -> None:
    free = problem(organ_gy=1.5)
    without, with_goal = reweight(free), reweight(replace(free, goals=(parse_goal(goal),)))
    organ = slice(TARGET, None)
    before = value(without.segment_mu @ free.gy_per_mu[:, organ])
    after = value(with_goal.segment_mu @ free.gy_per_mu[:, organ])
    assert (after < before) if is_less else (after >= before * 0.99)


def test_goals_that_cannot_be_weighed_are_left_to_the_histograms() -> None:
    free = problem()
    asked = replace(free, goals=(parse_goal("Cord D0.1ml <= 1 Gy"),), prescription_gy=None)
    np.testing.assert_allclose(reweight(asked).segment_mu, reweight(free).segment_mu)


def test_nothing_can_be_weighed_without_points() -> None:
    empty = replace(problem(), structures=())
    with pytest.raises(GeometryError, match="no structure"):
        reweight(empty)


def test_negative_monitor_units_are_refused() -> None:
    with pytest.raises(GeometryError, match="not negative"):
        replace(problem(), segment_mu=np.full(SEGMENTS, -1.0))


def test_an_arc_gets_its_new_weights_interval_by_interval() -> None:
    plan = plan_of(arc(4))
    keys = [SegmentKey(1, n, n + 1) for n in range(4)]
    corrected = with_weights(plan, keys, np.array([100.0, 50.0, 75.0, 90.0]), small_machine())
    assert corrected.plan is not None
    beam = corrected.plan.beams[0]
    assert beam.meterset_mu == pytest.approx(315.0)
    np.testing.assert_allclose(beam.interval_mu, [100.0, 50.0, 75.0, 90.0], atol=1e-4)
    assert plan.beams[0].meterset_mu == 300.0


def test_a_still_field_gets_nothing_rather_than_less_than_the_machine_can_deliver() -> None:
    one, other = field_of(0.0, 0.0), replace(field_of(90.0, 0.0), number=2)
    keys = [SegmentKey(1, 0, 1), SegmentKey(2, 0, 1)]
    machine = small_machine(least_segment_mu=10.0)
    little = with_weights(plan_of(one, other), keys, np.array([7.0, 50.0]), machine)
    assert little.plan is not None
    assert little.plan.beams[0].meterset_mu == pytest.approx(10.0)
    none = with_weights(plan_of(one, other), keys, np.array([3.0, 50.0]), machine)
    assert none.plan is None
    assert "no monitor units" in none.reasons[0]


def test_more_monitor_units_than_the_machine_gives_are_refused() -> None:
    corrected = with_weights(
        plan_of(field_of(0.0, 0.0)), [SegmentKey(1, 0, 1)], np.array([3000.0]), small_machine()
    )
    assert corrected.plan is None
    assert "2000 MU" in corrected.reasons[0]
