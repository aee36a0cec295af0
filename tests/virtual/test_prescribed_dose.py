"""Monitor units of a virtual plan: half of the target gets what is prescribed."""

from dataclasses import replace

import numpy as np
import pytest

from isoguide.dose.compute import DoseSettings, Placement, compute_dose
from isoguide.dose.density import outlined_body
from isoguide.dose.histograms import dose_volume_histogram
from isoguide.dose.machine import generic_6mv
from isoguide.errors import GeometryError, MissingEvidenceError
from isoguide.plan import Plan
from isoguide.virtual import Phantom, build_phantom
from isoguide.virtual.prescribed_dose import with_prescribed_dose
from isoguide.virtual.treatment_plan import PlanSettings, target_of, treatment_plan


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return build_phantom(spacing_mm=(3.0, 3.0, 4.0))


def half_of_the_target_gets_gy(plan: Plan, phantom: Phantom, spacing_mm: float, arc_step_deg: float) -> float:
    """Return D50% of the target as the commands compute it: the whole patient, couch left out."""
    dose = compute_dose(
        plan,
        phantom.volume,
        generic_6mv(),
        placement=Placement(body=outlined_body(phantom.volume, phantom.structures)),
        settings=DoseSettings(spacing_mm=spacing_mm, arc_step_deg=arc_step_deg),
    )
    return dose_volume_histogram(dose, target_of(phantom)).dose_at_volume_gy(50.0)


@pytest.mark.parametrize("technique", ["VMAT", "IMRT"])
def test_half_of_the_target_gets_the_prescription(phantom: Phantom, technique: str) -> None:
    rough = treatment_plan(phantom, PlanSettings(technique=technique, dose_gy=50.0, fractions=20))  # type: ignore[arg-type] # parametrized
    plan = with_prescribed_dose(rough, phantom)
    assert half_of_the_target_gets_gy(plan, phantom, 4.0, 15.0) == pytest.approx(2.5, rel=0.01)
    shares = [
        after.meterset_mu / before.meterset_mu
        for before, after in zip(rough.beams, plan.beams, strict=True)
        if before.meterset_mu and after.meterset_mu
    ]
    np.testing.assert_allclose(shares, shares[0], rtol=1e-3)
    assert [beam.meterset_mu for beam in plan.beams if not beam.is_treatment] == [None] * 3
    assert plan.beams[0].control_points == rough.beams[0].control_points


@pytest.mark.slow
@pytest.mark.parametrize("site", ["pelvis", "thorax", "head-neck", "abdomen"])
def test_it_agrees_with_a_fine_dose_at_every_built_in_site(site: str) -> None:
    phantom = build_phantom(site, 1)  # type: ignore[arg-type] # parametrized
    plan = with_prescribed_dose(treatment_plan(phantom), phantom)
    wanted_gy = plan.prescriptions[0].dose_gy / (plan.fractions_planned or 1)
    assert half_of_the_target_gets_gy(plan, phantom, 2.5, 6.0) == pytest.approx(wanted_gy, rel=0.005)


def test_a_plan_without_prescription_or_beside_the_target_is_refused(phantom: Phantom) -> None:
    plan = treatment_plan(phantom)
    with pytest.raises(MissingEvidenceError, match="does not say what 'PTV' shall get"):
        with_prescribed_dose(replace(plan, prescriptions=()), phantom)
    aside_mm = phantom.isocentre_mm + (0.0, 0.0, 900.0)
    points = tuple(replace(one, isocentre_mm=aside_mm) for one in plan.beams[0].control_points)
    with pytest.raises(GeometryError, match="meets the patient"):
        with_prescribed_dose(replace(plan, beams=(replace(plan.beams[0], control_points=points),)), phantom)
