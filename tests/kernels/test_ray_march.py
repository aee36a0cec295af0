"""Rays through volumes: the kernel, its plain reference, and integrals that are known by hand."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from llvmlite import binding
from numba import njit

from isoguide.errors import GeometryError
from isoguide.kernels import ray_march
from isoguide.kernels.ray_march import march_rays, march_rays_reference, march_rays_through_two

SPACING = np.array([1.0, 1.5, 2.0])
MM = np.ones(3)


def random_case(seed, lines=5, pixels=4):
    """Return a small volume and rays from a source outside, near or inside it, some of which miss."""
    rng = np.random.default_rng(seed)
    shape = rng.integers(3, 9, 3)
    volume = rng.uniform(0.0, 10.0, shape).astype(np.float32)
    middle = (shape[::-1] - 1) / 2.0
    rays = np.empty((lines, 3, 3))
    rays[:, 0] = middle + rng.normal(0.0, 1.0, 3) * rng.choice([0.5, 6.0, 50.0])
    rays[:, 1] = middle + rng.normal(0.0, 4.0, (lines, 3)) + rng.normal(0.0, 5.0, 3)
    rays[:, 2] = rng.normal(0.0, 0.7, 3)
    return volume, SPACING, rays, pixels


def one_ray(start, stop):
    return np.array([[start, stop, (0.0, 0.0, 0.0)]], dtype=np.float64)


@given(st.integers(0, 2**32 - 1))
def test_the_kernel_agrees_with_the_plain_reference(seed):
    case = random_case(seed)
    np.testing.assert_allclose(march_rays(*case), march_rays_reference(*case), rtol=1e-4, atol=2e-3)


@pytest.mark.usefixtures("interpreted_kernels")
def test_the_kernel_runs_as_plain_python_too():
    for seed in range(6):
        volume, *rays = random_case(seed)
        expected = march_rays_reference(volume, *rays)
        np.testing.assert_allclose(march_rays(volume, *rays), expected, rtol=1e-4, atol=2e-3)
        two = march_rays_through_two(volume, 2.0 * volume, *rays)
        np.testing.assert_allclose(two, np.stack([expected, 2.0 * expected]), rtol=1e-3, atol=1e-2)


@given(st.integers(0, 2**32 - 1))
def test_two_volumes_in_one_march_give_what_each_gives_alone(seed):
    volume, *rays = random_case(seed)
    other = (1000.0 - 90.0 * volume[::-1]).astype(np.float32)
    two = march_rays_through_two(volume, other, *rays)
    # Rounding to 16 bits: half a step of 10/65535 and of 1000/65535 per mm, over paths of up to 30 mm.
    np.testing.assert_allclose(two[0], march_rays(volume, *rays), atol=30.0 * 10.0 / 65535.0)
    np.testing.assert_allclose(two[1], march_rays(other, *rays), atol=30.0 * 1000.0 / 65535.0)


def test_a_second_volume_of_nothing_integrates_to_nothing():
    volume, *rays = random_case(3)
    assert not march_rays_through_two(volume, np.zeros_like(volume), *rays)[1].any()


@given(st.integers(0, 2**32 - 1))
def test_a_constant_volume_gives_its_value_times_the_path_through_the_box(seed):
    rng = np.random.default_rng(seed)
    box = np.array([5.0, 4.0, 3.0])
    volume = np.full((5, 6, 7), 2.0, np.float32)
    # Both ends inside: the path is the whole way, for the first and last fraction of a step too.
    start, stop = 0.5 + rng.uniform(0.0, 1.0, (2, 3)) * box
    expected_mm = np.linalg.norm((stop - start) * SPACING)
    assert march_rays(volume, SPACING, one_ray(start, stop), 1)[0, 0] == pytest.approx(
        2.0 * expected_mm, rel=1e-5, abs=1e-5
    )


@given(st.integers(0, 2**32 - 1))
def test_a_volume_that_rises_evenly_gives_the_value_half_way_times_the_path(seed):
    # The trilinear interpolation of a linear function is that function, so its integral is known by hand.
    rng = np.random.default_rng(seed)
    slope, size = rng.uniform(-3.0, 3.0, 3), np.array([9, 8, 7])
    k, j, i = np.meshgrid(*(np.arange(n) for n in size[::-1]), indexing="ij")
    volume = (slope[0] * i + slope[1] * j + slope[2] * k).astype(np.float32)
    start, stop = 0.5 + rng.uniform(0.0, 1.0, (2, 3)) * (size - 2.0)
    expected = slope @ (start + stop) / 2.0 * np.linalg.norm(stop - start)
    assert march_rays(volume, MM, one_ray(start, stop), 1)[0, 0] == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("forward", [True, False])
def test_a_ray_along_an_axis_sums_the_voxels_that_it_meets(axis, forward):
    volume = np.random.default_rng(4).uniform(0.0, 1.0, (6, 6, 6)).astype(np.float32)
    ends = np.full((2, 3), 3.0)
    ends[:, axis] = (-20.0, 30.0) if forward else (30.0, -20.0)
    line = np.moveaxis(volume, 2 - axis, 0)[1:-1, 3, 3]
    assert march_rays(volume, MM, one_ray(*ends), 1)[0, 0] == pytest.approx(float(line.sum()), rel=1e-5)


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        ((-5.0, 0.49, 2.0), (20.0, 0.49, 2.0)),  # along the box, just beside it
        ((-5.0, 9.0, 2.0), (20.0, 8.0, 2.0)),
        ((20.0, 2.0, 2.0), (30.0, 2.0, 2.0)),  # the box lies behind the source
        ((-9.0, 2.0, 2.0), (0.4, 2.0, 2.0)),  # the detector stands before it
        ((2.0, 2.0, 2.0), (2.0, 2.0, 2.0)),
    ],
)
def test_a_ray_that_does_not_meet_the_box_gives_nothing(start, stop):
    assert march_rays(np.ones((6, 6, 6), np.float32), MM, one_ray(start, stop), 1)[0, 0] == 0.0


def test_a_ray_that_is_no_number_is_refused():
    with pytest.raises(GeometryError, match="a ray through the volume is not given by finite numbers"):
        march_rays(np.ones((6, 6, 6), np.float32), MM, one_ray((0.0, np.nan, 0.0), (9.0, 2.0, 2.0)), 1)


def test_a_ray_through_the_corner_of_one_voxel_is_as_long_as_its_way_there():
    # By hand: it cuts the corner (0.5, 0.5) of the box at 45° from (0.5, 0.6) to (0.6, 0.5).
    volume = np.ones((6, 6, 6), np.float32)
    found = march_rays(volume, MM, one_ray((-0.5, 1.6, 2.0), (1.6, -0.5, 2.0)), 1)[0, 0]
    assert found == pytest.approx(0.1 * np.sqrt(2.0), rel=1e-5)


def test_the_innermost_loops_are_vectorised_where_the_processor_has_avx2():
    # A signed or multi-dimensional index would silently bring the loops back to one sample at a time.
    if not binding.get_host_cpu_features().get("avx2", False):
        pytest.skip("this processor has no AVX2")
    volume = np.ones((8, 8, 8), np.float32)
    strides = tuple(np.array([1, 64, 8], dtype=np.uint32))
    start = (np.float32(1.0), np.float32(1.0))
    for kernel, flat in (
        (ray_march._sum_planes, volume.ravel()),
        (ray_march._sum_planes_of_two, volume.ravel().view(np.uint32)),
    ):
        fresh = njit(nogil=True, error_model="numpy", fastmath=ray_march.FAST)(kernel.py_func)
        fresh(flat, np.uint64(0), strides, start, start, 2)
        code = next(iter(fresh.inspect_asm().values()))
        assert re.search(r"vcvttps2dq\s[^\n]*%[yz]mm", code)
