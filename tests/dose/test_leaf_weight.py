"""How much of a plan hangs on gap and transmission of the leaves: against the fluence itself."""

from dataclasses import replace

import numpy as np
import pytest

from isoguide.dose.fluence import FluencePlane, subarcs, total_fluence
from isoguide.dose.leaf_weight import leaf_weight
from isoguide.dose.machine import generic_6mv
from isoguide.plan import Beam, ControlPoint, MultileafCollimator, PatientPosition, Plan

LEAVES = MultileafCollimator("X", np.arange(-50.0, 50.1, 5.0))
JAW_MM = (-40.0, 40.0)


def sliding(slit_mm: float) -> Plan:
    """A slit of 20 pairs that sweeps from jaw to jaw."""
    points = tuple(
        ControlPoint(
            0.0, 0.0, 0.0, weight, isocentre_mm=np.zeros(3), energy_mv=6.0, jaw_x_mm=JAW_MM, jaw_y_mm=JAW_MM,
            leaf_positions_mm=np.array([np.full(20, low), np.full(20, low + slit_mm)]),
        )
        for weight, low in ((w, -40.0 + w * (80.0 - slit_mm)) for w in np.linspace(0.0, 1.0, 41).tolist())
    )  # fmt: skip
    beam = Beam(1, "F1", "TREATMENT", "PHOTON", "LINAC", points, 1, 100.0, LEAVES, 1000.0)
    return Plan("1.2", "SLIT", PatientPosition.HFS, (beam,), fractions_planned=1)


@pytest.mark.parametrize("slit_mm", [5.0, 20.0])
def test_gap_and_transmission_change_the_fluence_by_what_is_said(slit_mm: float) -> None:
    machine, plan, plane = generic_6mv(), sliding(slit_mm), FluencePlane(1.0, 60.0)
    # Neither head scatter nor off-axis ratio: what is said is of the leaves alone.
    head = replace(machine.head, extra_focal_share=0.0, off_axis_ratio=np.ones(9))
    bare = replace(machine, head=head, collimation=replace(machine.collimation, jaw_transmission=0.0))
    openings = [one for piece in subarcs(plan.beams[0], step_deg=1.0) for one in piece.openings]

    def fluence(**changes: float) -> float:
        changed = replace(bare, collimation=replace(bare.collimation, **changes))
        return float(total_fluence(openings, changed, plane).sum())

    weight = leaf_weight(plan, machine.collimation)
    assert weight is not None
    leaves = machine.collimation
    wider = fluence(leaf_gap_mm=leaves.leaf_gap_mm + 0.2) / fluence() - 1.0
    lighter = fluence(leaf_transmission=leaves.leaf_transmission + 0.002) / fluence() - 1.0
    assert weight.percent_per_mm == pytest.approx(500.0 * wider, rel=0.03)
    assert weight.percent_per_percent == pytest.approx(500.0 * lighter, rel=0.03)


def test_a_narrow_slit_hangs_on_its_gap_more_than_a_wide_one_and_jaws_alone_do_not() -> None:
    leaves = generic_6mv().collimation
    narrow, wide = leaf_weight(sliding(5.0), leaves), leaf_weight(sliding(20.0), leaves)
    assert narrow is not None
    assert wide is not None
    assert narrow.percent_per_mm > 2.0 * wide.percent_per_mm > 0.0
    jaws = replace(sliding(5.0).beams[0], leaves=None)
    assert leaf_weight(replace(sliding(5.0), beams=(jaws,)), leaves) is None
