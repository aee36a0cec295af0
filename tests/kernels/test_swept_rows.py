"""What moving edges let through: against lengths of intervals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoguide.kernels.fluence import swept_rows, swept_rows_reference, woven

Case = tuple[np.ndarray, np.ndarray, np.ndarray, tuple[float, float], int]


def random_case(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    leaves = rng.uniform(-3.0, 13.0, (4, 2, 5))
    leaves[0, 0] = leaves[0, 1]
    leaves[1] = [[-1e6], [1e6]]
    jaws = np.sort(rng.uniform(-3.0, 13.0, (4, 2)), axis=1)
    return leaves, jaws, rng.uniform(0.0, 3.0, 4), (rng.uniform(), rng.uniform()), 10


@given(st.integers(0, 10_000))
def test_transmission_is_the_length_of_intervals_within_pixels(seed: int) -> None:
    case = random_case(seed)
    np.testing.assert_allclose(swept_rows(*case), swept_rows_reference(*case), atol=1e-12)


@pytest.mark.usefixtures("interpreted_kernels")
def test_the_kernel_as_plain_python_agrees_too() -> None:
    case = random_case(5)
    np.testing.assert_allclose(swept_rows(*case), swept_rows_reference(*case), atol=1e-12)
    across = np.where(case[0][:, 0] > 4.0, case[0][:, 0], 0.0)
    np.testing.assert_allclose(woven(across, case[0][0].T), across @ case[0][0].T)
