import numpy as np
import pytest

from isoguide.kernels.back_projection import back_project, back_project_reference


def small_case(shape=(3, 4, 5), views=3):
    rng = np.random.default_rng(5)
    projections = rng.random((views, 6, 7), dtype=np.float32)
    matrices = rng.normal(0.0, 0.05, (views, 3, 4))
    matrices[:, 0, 0] += 1.2
    matrices[:, 1, 2] += 1.1
    matrices[:, 0, 3] += 0.6
    matrices[:, 1, 3] += 0.7
    matrices[:, 2, 3] += 1.0
    matrices[:, 2, :3] /= 10.0
    return projections, matrices, shape


def check():
    case = small_case()
    np.testing.assert_allclose(back_project(*case), back_project_reference(*case), rtol=1e-4, atol=1e-5)


def test_back_projection_is_what_its_reference_says():
    check()


@pytest.mark.usefixtures("interpreted_kernels")
def test_back_projection_interpreted_is_what_its_reference_says():
    check()


def test_what_a_view_does_not_see_gets_nothing_from_it():
    projections, matrices, shape = small_case(views=1)
    matrices[:, 0, 3] += 1000.0  # far beside the detector
    assert not back_project(projections, matrices, shape).any()


def test_a_voxel_twice_as_deep_gets_a_quarter():
    projections = np.ones((1, 9, 9), dtype=np.float32)
    matrix = np.array([[[0.0, 0.0, 0.0, 4.0], [0.0, 0.0, 0.0, 4.0], [0.0, 0.0, 0.0, 1.0]]])
    near = back_project(projections, matrix, (1, 1, 1))
    far = back_project(projections, matrix * 2.0, (1, 1, 1))
    assert near[0, 0, 0] == pytest.approx(1.0)
    assert far[0, 0, 0] == pytest.approx(0.25)
