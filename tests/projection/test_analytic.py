"""Line integrals that are known exactly, held against hand calculations and against counting points."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoguide.errors import GeometryError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import rotation_x, rotation_z
from isoguide.projection.analytic import Solid, interpolated_line_integrals

TILTED = rotation_z(25.0) @ rotation_x(-40.0)
CENTRE_MM = np.array([1.0, -2.0, 3.0])


def test_rays_through_the_middle_are_as_long_as_the_solid():
    half_mm = np.array([30.0, 20.0, 10.0])
    for shape in ("ellipsoid", "cylinder", "box"):
        solid = Solid(shape, CENTRE_MM, half_mm, 0.02)
        for axis in range(3):
            way = np.eye(3)[axis] * 500.0
            found = solid.line_integrals(CENTRE_MM - way, CENTRE_MM + way)
            assert found == pytest.approx(2.0 * half_mm[axis] * 0.02)


def test_chords_known_by_hand():
    sphere, box = (Solid(shape, np.zeros(3), np.full(3, 5.0)) for shape in ("ellipsoid", "box"))
    cylinder = Solid("cylinder", np.zeros(3), np.array([5.0, 5.0, 5.0]))
    # 3 mm beside the middle of a sphere of 5 mm: 2 sqrt(25 - 9); the diagonal of a box of 10 mm: 10 sqrt(3);
    # from rim to rim of a cylinder of height 10: sqrt(10² + 10²).
    assert sphere.line_integrals(np.array([3.0, 0.0, -99.0]), np.array([3.0, 0.0, 99.0])) == pytest.approx(
        8.0
    )
    corner = np.full(3, 50.0)
    assert box.line_integrals(-corner, corner) == pytest.approx(10.0 * np.sqrt(3.0))
    rim = np.array([50.0, 0.0, 50.0])
    assert cylinder.line_integrals(-rim, rim) == pytest.approx(10.0 * np.sqrt(2.0))


def test_a_ray_that_starts_or_ends_inside_counts_only_its_way():
    sphere = Solid("ellipsoid", np.zeros(3), np.full(3, 5.0))
    ends = np.array([[0.0, 0.0, 2.0], [0.0, 0.0, 9.0], [0.0, 9.0, 0.0]])
    np.testing.assert_allclose(sphere.line_integrals(np.array([0.0, 0.0, -1.0]), ends)[:2], [3.0, 6.0])
    assert sphere.line_integrals(np.array([0.0, 0.0, 6.0]), ends)[1] == 0.0


@pytest.mark.parametrize("shape", ["ellipsoid", "cylinder", "box"])
@given(seed=st.integers(0, 2**32 - 1))
def test_the_chord_is_the_share_of_points_on_the_ray_that_lie_inside(shape, seed):
    rng = np.random.default_rng(seed)
    solid = Solid(shape, CENTRE_MM, rng.uniform(5.0, 30.0, 3), axes=TILTED)
    source, pixel = rng.normal(0.0, 40.0, 3), rng.normal(0.0, 40.0, 3)
    if rng.uniform() < 0.3:
        pixel = source + TILTED[:, rng.integers(3)] * 60.0  # parallel to an axis of the solid
    share = (np.arange(2000) + 0.5) / 2000.0
    inside = solid.contains(source + share[:, None] * (pixel - source)).mean()
    length_mm = np.linalg.norm(pixel - source)
    assert solid.line_integrals(source, pixel) == pytest.approx(inside * length_mm, abs=length_mm / 900.0)


@pytest.mark.parametrize(
    ("shape", "volume_mm3"),
    [
        ("ellipsoid", 4.0 / 3.0 * np.pi * 9.0 * 7.0 * 5.0),
        ("cylinder", np.pi * 9.0 * 7.0 * 10.0),
        ("box", 8.0 * 9.0 * 7.0 * 5.0),
    ],
)
def test_the_voxels_of_a_solid_hold_its_volume(shape, volume_mm3):
    grid = Grid.axial(PLANNING, (20, 24, 24), (1.2, 1.0, 0.9), (-13.0, -13.2, -6.0))
    for axes in (np.eye(3), TILTED):
        voxels = Solid(shape, CENTRE_MM, np.array([9.0, 7.0, 5.0]), axes=axes).voxels(grid)
        assert float(voxels.sum()) * 1.2 * 1.0 * 0.9 == pytest.approx(volume_mm3, rel=0.004)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"half_mm": np.array([1.0, 0.0, 1.0])}, "the half axes of a solid must be positive"),
        ({"axes": 2.0 * np.eye(3)}, "the axes of a solid are not orthogonal unit vectors"),
    ],
)
def test_a_solid_that_cannot_be_is_refused_in_a_sentence(changes, sentence):
    with pytest.raises(GeometryError, match=sentence):
        Solid(**{"shape": "box", "centre_mm": np.zeros(3), "half_mm": np.ones(3), **changes})


def test_the_exact_integral_of_an_interpolation_is_that_of_a_fine_sum():
    rng = np.random.default_rng(5)
    axes = TILTED
    grid = Grid(PLANNING, (6, 7, 8), np.array([1.0, 1.5, 2.0]), np.array([2.0, 1.0, 0.0]), axes)
    values = rng.uniform(0.0, 1.0, grid.shape).astype(np.float32)
    source = grid.centre_mm + np.array([40.0, 15.0, -25.0])
    pixels = grid.centre_mm + rng.normal(0.0, 3.0, (8, 3)) - np.array([40.0, 15.0, -25.0])
    pixels[-1] = source + np.array([10.0, 0.0, 0.0])  # misses
    exact = interpolated_line_integrals(values, grid, source, pixels)
    assert exact[-1] == 0.0
    share = (np.arange(20000) + 0.5) / 20000.0
    for pixel, found in zip(pixels, exact, strict=True):
        ijk = grid.index(source + share[:, None] * (pixel - source))
        last = np.array(grid.shape[::-1]) - 1.0
        inside = ((ijk > -0.5) & (ijk < last + 0.5)).all(axis=1)
        low = np.clip(np.floor(np.clip(ijk, 0.0, last)), 0.0, last - 1.0).astype(int)
        part = np.clip(ijk, 0.0, last) - low
        total = np.zeros(len(share))
        for corner in np.ndindex(2, 2, 2):
            i, j, k = (low + corner).T
            total += values[k, j, i] * np.where(corner, part, 1.0 - part).prod(axis=1)
        expected = float((total * inside).mean() * np.linalg.norm(pixel - source))
        assert found == pytest.approx(expected, rel=1e-3, abs=1e-3)
