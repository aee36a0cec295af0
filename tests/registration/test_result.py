"""The answer's own arithmetic and its promise: no transform without a verdict that allows it."""

import numpy as np
import pytest

from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.transforms import RigidTransform
from isoguide.registration.result import Registration, Uncertainty, Verdict, cross_matrix


def registration(verdict, transform):
    return Registration(
        verdict, ("because",), transform, transform, 6, np.zeros(3), "auto", None, None, "none", {}
    )


IDENTITY = RigidTransform.identity(PLANNING, DAILY)


@pytest.mark.parametrize("verdict", [Verdict.ACCEPT, Verdict.REVIEW])
def test_an_available_answer_has_a_transform(verdict):
    assert registration(verdict, IDENTITY).planning_from_daily is IDENTITY
    with pytest.raises(ValueError, match="exactly when"):
        registration(verdict, None)


def test_an_answer_that_is_not_available_has_none():
    assert registration(Verdict.NOT_AVAILABLE, None).planning_from_daily is None
    with pytest.raises(ValueError, match="exactly when"):
        registration(Verdict.NOT_AVAILABLE, IDENTITY)


def test_the_verdict_reads_as_the_user_reads_it():
    assert [str(verdict) for verdict in Verdict] == ["accept", "review", "not available"]


def test_the_cross_matrix_is_the_cross_product():
    v, w = np.array([1.0, -2.0, 3.0]), np.array([0.5, 4.0, -1.0])
    np.testing.assert_allclose(cross_matrix(v) @ w, np.cross(v, w))


class TestUncertaintyAboutAnotherPoint:
    SURE = Uncertainty(np.array([10.0, 0.0, 0.0]), np.diag([0.1, 0.1, 0.1, 0.001, 0.002, 0.003]) ** 2, 0.2)

    def test_about_its_own_centre_it_is_unchanged(self):
        np.testing.assert_allclose(self.SURE.about(self.SURE.centre_mm), self.SURE.covariance)

    def test_a_rotation_makes_distant_points_uncertain_across_the_lever(self):
        # 100 mm to the left of the centre: yaw about z moves it along y, roll about y along z.
        moved = self.SURE.about(np.array([110.0, 0.0, 0.0]))
        np.testing.assert_allclose(np.sqrt(np.diag(moved)[:3]), np.hypot(0.1, [0.0, 0.3, 0.2]))
        np.testing.assert_allclose(moved[3:, 3:], self.SURE.covariance[3:, 3:])

    def test_there_and_back_is_the_same(self):
        away = np.array([-40.0, 25.0, 60.0])
        there = Uncertainty(away, self.SURE.about(away), 0.0)
        np.testing.assert_allclose(there.about(self.SURE.centre_mm), self.SURE.covariance, atol=1e-15)

    def test_draws_of_the_motion_have_the_covariance_stated(self):
        rng = np.random.default_rng(1)
        xi = rng.multivariate_normal(np.zeros(6), self.SURE.covariance, 20000)
        point = np.array([10.0, 80.0, -50.0])
        moved = xi[:, :3] + np.cross(xi[:, 3:], point - self.SURE.centre_mm)
        np.testing.assert_allclose(np.cov(moved.T), self.SURE.about(point)[:3, :3], atol=0.002)
