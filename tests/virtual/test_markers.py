import numpy as np
import pytest

from isoguide.errors import GeometryError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.xray_view import gantry_view
from isoguide.images.mask import structure_mask
from isoguide.virtual import Phantom
from isoguide.virtual.markers import SEED_HU, add_chords, implant_seeds, paint_rod, skin_marks


def box(spacing_mm=(1.0, 1.0, 2.0), shape=(40, 60, 60)) -> tuple[np.ndarray, Grid]:
    grid = Grid.axial(PLANNING, shape, spacing_mm, (-20.0, -20.0, -20.0))
    return np.zeros(shape, dtype=np.float32), grid


@pytest.mark.parametrize("spacing_mm", [(0.7, 0.7, 1.0), (1.2, 1.2, 2.5), (2.0, 2.0, 3.0)])
def test_a_seed_weighs_the_same_in_voxels_of_any_size(spacing_mm):
    values, grid = box(spacing_mm)
    ends = np.array([3.3, -1.2, 2.1]), np.array([4.0, -1.0, 6.0])
    paint_rod(values, grid, ends, 1.0, 1000.0)
    length = np.linalg.norm(ends[1] - ends[0])
    volume_mm3 = np.pi * 0.25 * length + np.pi / 6.0
    assert values.sum() / 1000.0 * np.prod(spacing_mm) == pytest.approx(volume_mm3, rel=0.12)


@pytest.mark.parametrize("axis", [(0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.6, 0.0, 0.8)])
def test_a_rod_casts_a_shadow_of_its_volume_from_every_side(axis):
    # Hand calculation: the lengths of parallel rays inside a body, times the area of a ray, are its volume;
    # the detector shows that area magnified by 1.5 twice. Rays are 0.09 mm apart, which cuts a disc of 1 mm.
    view = gantry_view(0.0, sad_mm=1000.0, sid_mm=1500.0, size=(64, 64), pixel_spacing_mm=(0.4, 0.4))
    shadow = np.zeros((64, 64))
    add_chords(shadow, view, np.zeros(3), np.array(axis), (5.0, 1.0), 1.0)
    assert shadow.sum() * (0.4 / 1.5) ** 2 == pytest.approx(np.pi * 0.25 * 5.0, rel=0.05)


def test_a_seed_outside_the_image_is_not_painted():
    values, grid = box()
    paint_rod(values, grid, (np.full(3, 500.0), np.full(3, 500.0)), 1.0, 1000.0)
    assert (values == 0.0).all()


def test_seeds_lie_in_the_image_where_their_record_says():
    values, grid = box()
    wanted = [np.array([0.0, 5.0, 0.0]), np.array([-12.0, 3.0, 9.0])]
    seeds = implant_seeds(values, grid, wanted, np.random.default_rng(3))
    assert [seed.name for seed in seeds] == ["Seed 1", "Seed 2"]
    k, j, i = np.nonzero(values)
    where = grid.xyz(np.stack([i, j, k], axis=-1).astype(float))
    for seed, goal in zip(seeds, wanted, strict=True):
        near = np.linalg.norm(where - seed.position_mm, axis=1) < 8.0
        weights = values[k, j, i][near]
        middle = (where[near] * weights[:, None]).sum(axis=0) / weights.sum()
        np.testing.assert_allclose(middle, seed.position_mm, atol=0.25)
        assert np.linalg.norm(seed.position_mm - goal) < 2.0


def test_the_lasers_meet_a_round_patient_where_geometry_says():
    _, grid = box((2.0, 2.0, 4.0), (20, 60, 60))
    x, y = np.meshgrid(np.arange(-20.0, 100.0, 2.0), np.arange(-20.0, 100.0, 2.0))
    outside = np.broadcast_to(np.hypot(x - 30.0, y - 30.0) - 40.0, grid.shape).astype(np.float32)
    marks = {mark.name: mark.position_mm for mark in skin_marks(outside, grid, np.array([30.0, 40.0, 0.0]))}
    reach = np.sqrt(40.0**2 - 10.0**2)
    np.testing.assert_allclose(marks["anterior"], (30.0, -10.0, 0.0), atol=0.1)
    np.testing.assert_allclose(marks["left"], (30.0 + reach, 40.0, 0.0), atol=0.1)
    np.testing.assert_allclose(marks["right"], (30.0 - reach, 40.0, 0.0), atol=0.1)


def test_a_side_that_the_image_cuts_off_has_no_mark():
    _, grid = box()
    x = np.arange(60.0) - 20.0
    outside = np.broadcast_to(-10.0 - x, grid.shape).astype(np.float32)
    names = [mark.name for mark in skin_marks(outside, grid, np.zeros(3))]
    assert names == ["right"]


def test_no_laser_finds_the_skin_of_a_patient_who_is_elsewhere():
    _, grid = box()
    with pytest.raises(GeometryError, match=r"isocentre \(0.0, 0.0, 0.0\) mm lies outside the body"):
        skin_marks(np.ones(grid.shape, dtype=np.float32), grid, np.zeros(3))


@pytest.mark.parametrize(("site", "organ", "count"), [("pelvis", "Prostate", 4), ("abdomen", "Liver", 3)])
def test_a_patient_with_seeds_has_them_in_the_organ_and_as_metal_in_the_ct(site, organ, count, request):
    phantom: Phantom = request.getfixturevalue(site)
    assert len(phantom.fiducials) == count
    mask = structure_mask(phantom.structure(organ), phantom.volume.grid)
    for seed in phantom.fiducials:
        i, j, k = np.rint(phantom.volume.grid.index(seed.position_mm)).astype(int)
        assert mask[k, j, i], seed.name
        near = phantom.anatomy.values[k - 1 : k + 2, j - 1 : j + 2, i - 1 : i + 2]
        assert 300.0 < near.max() < SEED_HU, seed.name


def test_a_seed_shines_in_the_voxels_of_a_planning_ct():
    values, grid = box((1.2, 1.2, 2.5), (20, 50, 50))
    implant_seeds(values, grid, [np.array([0.3, 0.2, -15.0])], np.random.default_rng(0))
    assert 3071.0 < values.max() < SEED_HU


def test_skin_marks_lie_on_the_skin_at_the_height_of_the_isocentre(phantom: Phantom):
    assert [mark.name for mark in phantom.marks] == ["anterior", "left", "right"]
    body = structure_mask(phantom.structure("BODY"), phantom.volume.grid)
    grid = phantom.volume.grid
    for mark, outward in zip(phantom.marks, ((0, -1, 0), (1, 0, 0), (-1, 0, 0)), strict=True):
        offset = mark.position_mm - phantom.isocentre_mm
        across = np.array(outward) == 0
        np.testing.assert_allclose(offset[across], 0.0, atol=1e-6)
        for depth_mm, expected in ((-4.0, True), (4.0, False)):
            i, j, k = np.rint(grid.index(mark.position_mm + depth_mm * np.array(outward))).astype(int)
            assert body[k, j, i] == expected, mark.name
