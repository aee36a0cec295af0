import numpy as np
import pytest

from isoguide.geometry.correction import correction_covariance
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.transforms import RigidTransform, rotation_x, rotation_y, rotation_z
from isoguide.plan import PatientPosition
from isoguide.workflow.treatment_setup import TreatmentSetup

PLAN_MM, MACHINE_MM = np.array([12.0, -34.0, 56.0]), np.array([1.0, 2.0, 3.0])
REGISTRATION = RigidTransform.from_parts(
    PLANNING, DAILY, rotation_z(2.0) @ rotation_y(-1.0) @ rotation_x(3.0), np.array([8.0, -30.0, 60.0])
)
POINTS = PLAN_MM + np.random.default_rng(0).uniform(-30.0, 30.0, (50, 3))


@pytest.fixture(params=list(PatientPosition))
def setup(request):
    return TreatmentSetup(PLAN_MM, MACHINE_MM, request.param)


def test_an_uncorrected_patient_has_his_isocentres_on_each_other(setup):
    assert np.allclose(setup.uncorrected.apply(MACHINE_MM), PLAN_MM)


def test_the_derivative_agrees_with_the_closed_form_for_six_degrees_of_freedom(setup):
    half = np.random.default_rng(1).normal(size=(6, 6)) * np.array([1, 1, 1, 0.01, 0.01, 0.01])[:, np.newaxis]
    covariance = half @ half.T
    jacobian = setup.constrained_jacobian(REGISTRATION, 6, POINTS)

    assert np.allclose(
        jacobian @ covariance @ jacobian.T,
        correction_covariance(covariance, REGISTRATION, setup.patient_position),
        rtol=1e-5,
        atol=1e-8,
    )


def test_a_couch_that_only_shifts_is_as_uncertain_as_the_middle_of_the_target(setup):
    jacobian = setup.constrained_jacobian(REGISTRATION, 3, POINTS)

    assert np.allclose(jacobian[3:], 0.0)
    assert np.linalg.norm(jacobian[:3, :3], axis=0) == pytest.approx(1.0, abs=1e-6)
    lever_mm = np.linalg.norm(POINTS.mean(axis=0) - PLAN_MM)
    assert np.linalg.norm(jacobian[:3, 3:], axis=0).max() <= lever_mm + 1e-6
