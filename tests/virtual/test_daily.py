import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isoguide.errors import GeometryError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform, rotation_x, rotation_y, rotation_z
from isoguide.images.volume import Volume
from isoguide.virtual import (
    DailySettings,
    Displacement,
    Phantom,
    displacement_of,
    random_displacement,
    simulate_daily,
)

ISOCENTRE = np.array([7.5, -234.0, -16.1])
MACHINE = np.array([1.5, -2.5, 3.25])
BLOB_MM = 4.0
BLOBS = np.array(
    [[0.0, 0.0, 0.0], [38.0, 5.0, -9.0], [-31.0, 22.0, 14.0], [6.0, -36.0, 21.0], [-8.0, 17.0, -27.0]]
)
"""Relative to the isocentre, more than six standard deviations apart and away from every face."""


def blobs_on(grid: Grid, centres_mm: np.ndarray) -> Volume:
    """Gaussian blobs of 1000 HU in air, each exactly where asked, whatever the voxels."""
    k, j, i = np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij")
    xyz = grid.xyz(np.stack([i, j, k], axis=-1))
    values = np.full(grid.shape, -1000.0)
    for centre in centres_mm:
        values += 1000.0 * np.exp(-0.5 * np.square((xyz - centre) / BLOB_MM).sum(axis=-1))
    return Volume(grid, values.astype(np.float32))


def centroid_near(daily: Volume, position_mm: np.ndarray, background: float = -1000.0) -> np.ndarray:
    """Centre of what is brighter than the background within five standard deviations."""
    k, j, i = np.meshgrid(*(np.arange(n) for n in daily.grid.shape), indexing="ij")
    xyz = daily.grid.xyz(np.stack([i, j, k], axis=-1))
    near = np.linalg.norm(xyz - position_mm, axis=-1) < 5.0 * BLOB_MM
    weight = daily.values[near] - background
    return (weight[:, None] * xyz[near]).sum(axis=0) / weight.sum()


def axial_grid() -> Grid:
    return Grid(PLANNING, (34, 88, 84), np.array([1.4, 1.3, 3.0]), ISOCENTRE - [57.9, 56.2, 49.1], np.eye(3))


def oblique_grid() -> Grid:
    direction = rotation_x(-6.0) @ rotation_z(11.0) @ np.diag([1.0, -1.0, -1.0])
    half = np.array([83, 87, 37]) / 2.0 * [1.4, 1.3, 2.8]
    return Grid(PLANNING, (38, 88, 84), np.array([1.4, 1.3, 2.8]), ISOCENTRE - direction @ half, direction)


SMALL = DailySettings.exact().with_changes(shape=(70, 120, 120), spacing_mm=(1.1, 0.9, 1.7))


@pytest.mark.parametrize("grid", [axial_grid(), oblique_grid()], ids=["axial", "oblique, feet up"])
@pytest.mark.parametrize(
    ("shift_mm", "angles_deg"),
    [
        ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
        ([6.3, -4.1, 5.2], [0.0, 0.0, 0.0]),
        ([0.0, 0.0, 0.0], [9.0, -7.0, 12.0]),
        ([-5.7, 4.4, -3.9], [-8.0, 11.0, 6.0]),
    ],
)
def test_markers_are_found_where_the_displacement_puts_them(grid, shift_mm, angles_deg):
    """The truth is composed here from SciPy's rotations, not from the module under test."""
    turn = Rotation.from_euler("xyz", angles_deg, degrees=True)
    planning_from_daily = RigidTransform.from_parts(
        DAILY, PLANNING, turn.as_matrix(), MACHINE + shift_mm - turn.apply(ISOCENTRE)
    ).inverse()
    planning = blobs_on(grid, ISOCENTRE + BLOBS)
    daily = simulate_daily(
        planning,
        planning_from_daily,
        isocentre_mm=ISOCENTRE,
        machine_isocentre_mm=MACHINE,
        settings=SMALL,
        rng=np.random.default_rng(0),
    )
    for blob in BLOBS:
        expected = MACHINE + shift_mm + turn.apply(blob)
        # Interpolation of a blob of three voxels and rounding to whole HU leave a few micrometres.
        assert np.linalg.norm(centroid_near(daily, expected) - expected) < 0.02


def displaced(planning: Volume, translation_mm, rotation=None, settings=SMALL, seed=0) -> Volume:
    truth = Displacement(np.array(translation_mm), np.eye(3) if rotation is None else rotation)
    return simulate_daily(
        planning,
        truth.planning_from_daily(isocentre_mm=ISOCENTRE, machine_isocentre_mm=MACHINE),
        isocentre_mm=ISOCENTRE,
        machine_isocentre_mm=MACHINE,
        settings=settings,
        rng=np.random.default_rng(seed),
    )


def test_a_patient_lying_5_mm_too_far_to_his_left_appears_5_mm_further_along_x():
    daily = displaced(blobs_on(axial_grid(), ISOCENTRE[None]), [5.0, 0.0, 0.0])
    np.testing.assert_allclose(centroid_near(daily, MACHINE), MACHINE + [5.0, 0.0, 0.0], atol=0.02)


def test_a_patient_lying_5_mm_too_low_on_his_back_appears_5_mm_further_along_y():
    daily = displaced(blobs_on(axial_grid(), ISOCENTRE[None]), [0.0, 5.0, 0.0])
    np.testing.assert_allclose(centroid_near(daily, MACHINE), MACHINE + [0.0, 5.0, 0.0], atol=0.02)


def test_a_nodding_head_moves_towards_the_front_above_the_isocentre():
    # Rx(+90°) takes back (y) to head (z) and head (z) to front (-y).
    above = ISOCENTRE + [0.0, 0.0, 30.0]
    daily = displaced(blobs_on(axial_grid(), above[None]), [0.0, 0.0, 0.0], rotation_x(10.0))
    expected = MACHINE + [0.0, -30.0 * np.sin(np.deg2rad(10.0)), 30.0 * np.cos(np.deg2rad(10.0))]
    np.testing.assert_allclose(centroid_near(daily, expected), expected, atol=0.02)


def test_every_effect_of_a_cone_beam_leaves_the_anatomy_where_it_is(pelvis: Phantom):
    """Blur, cupping, shading, streaks, rings and noise change grey values and move nothing."""
    plain = DailySettings.exact().with_changes(
        shape=(40, 80, 80), spacing_mm=(2.4, 2.4, 3.0), remove_couch=True
    )
    spoilt = plain.with_changes(
        blur_mm=(1.0, 1.0),
        value_scale=0.9,
        value_shift=30.0,
        cupping=80.0,
        shading=20.0,
        streaks=30.0,
        rings=5.0,
        noise=30.0,
    )
    before, after = (displaced_phantom(pelvis, settings, seed=3) for settings in (plain, spoilt))
    np.testing.assert_array_equal(before.grid.origin_mm, after.grid.origin_mm)
    # Slow shading tilts the peak by a few hundredths of a voxel; an index error is half a voxel or more.
    assert np.abs(offset_voxels(before, after)).max() < 0.1


def offset_voxels(first: Volume, second: Volume) -> np.ndarray:
    """Offset (k, j, i) of the peak of the correlation coefficient, with a parabola through its neighbours."""
    inner = (slice(3, -3),) * 3

    def correlation(shift: int, axis: int) -> float:
        moved = np.roll(first.values, shift, axis)[inner]
        return float(np.corrcoef(moved.ravel(), second.values[inner].ravel())[0, 1])

    offsets = []
    for axis in range(3):
        below, centre, above = (correlation(shift, axis) for shift in (-1, 0, 1))
        assert centre > max(below, above)
        offsets.append(0.5 * (below - above) / (below - 2.0 * centre + above))
    return np.array(offsets)


def displaced_phantom(phantom: Phantom, settings: DailySettings, seed: int = 0) -> Volume:
    rng = np.random.default_rng(seed)
    truth = random_displacement(
        rng, largest_mm=8.0, largest_deg=3.0, isocentre_mm=phantom.isocentre_mm, machine_isocentre_mm=MACHINE
    )
    return simulate_daily(
        phantom.volume,
        truth,
        isocentre_mm=phantom.isocentre_mm,
        machine_isocentre_mm=MACHINE,
        settings=settings,
        rng=rng,
    )


CONE = DailySettings.cone_beam().with_changes(shape=(45, 100, 100), spacing_mm=(2.6, 2.6, 4.0))


def test_a_cone_beam_image_is_blank_outside_its_cylinder_and_at_its_conical_ends(pelvis: Phantom):
    daily = displaced_phantom(pelvis, CONE.with_changes(fill_value=-1000))
    k, j, i = np.meshgrid(*(np.arange(n) for n in daily.grid.shape), indexing="ij")
    xyz = daily.grid.xyz(np.stack([i, j, k], axis=-1)) - MACHINE
    radius = np.hypot(xyz[..., 0], xyz[..., 1])
    assert (daily.values[radius > 125.5] == -1000).all()
    inside = daily.values[20:25][radius[20:25] < 60.0]
    assert np.mean(inside == -1000) < 0.05
    assert (daily.values[1][radius[1] > 80.0] == -1000).all()
    assert not daily.is_hounsfield
    assert daily.grid.frame == DAILY


def test_beyond_the_last_planning_slice_nothing_is_known(pelvis: Phantom):
    settings = DailySettings.repeat_ct().with_changes(
        shape=(120, 60, 60), spacing_mm=(5.0, 5.0, 5.0), couch=False
    )
    daily = displaced_phantom(pelvis, settings)
    assert (daily.values[0] == -1024).all()
    assert (daily.values[-1] == -1024).all()
    assert np.mean(daily.values[60] == -1024) < 0.5
    assert daily.is_hounsfield


def test_where_the_planning_image_cuts_the_body_nothing_is_known(head_neck: Phantom):
    """The shoulders reach out of the picture: the day's image must not show air there."""
    settings = DailySettings.repeat_ct().with_changes(
        shape=(50, 100, 120), spacing_mm=(4.0, 4.0, 5.0), noise=0.0
    )
    daily = displaced_phantom(
        head_neck, settings.with_changes(couch=False, centre_offset_mm=(0.0, 0.0, -70.0))
    )
    blank = daily.values == -1024
    assert blank[:, 50, 0].any()
    assert not blank[:, 50, 0].all()


def test_the_same_seed_makes_the_same_bits_and_another_seed_other_noise(pelvis: Phantom):
    first, again, other = (displaced_phantom(pelvis, CONE, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.values, again.values)
    assert not np.array_equal(first.values, other.values)


def test_the_daily_grid_can_be_written_without_rounding(pelvis: Phantom):
    daily = displaced_phantom(pelvis, CONE)
    np.testing.assert_array_equal(daily.grid.origin_mm, np.round(daily.grid.origin_mm, 3))
    assert np.linalg.norm(daily.grid.centre_mm - MACHINE) < 2.0 * np.sqrt(3.0) + 0.01


def test_a_coarser_daily_grid_is_smoothed_rather_than_aliased():
    fine = Grid.axial(PLANNING, (20, 100, 100), (1.0, 1.0, 2.0), (-49.5, -49.5, -19.0))
    stripes = np.where(np.arange(100) % 2 == 0, -1000, 1000).astype(np.float32)
    planning = Volume(fine, np.broadcast_to(stripes, fine.shape))
    settings = DailySettings.exact().with_changes(shape=(6, 12, 12), spacing_mm=(4.0, 4.0, 4.0))
    daily = simulate_daily(
        planning,
        RigidTransform.identity(PLANNING, DAILY),
        isocentre_mm=np.zeros(3),
        machine_isocentre_mm=np.zeros(3),
        settings=settings,
        rng=np.random.default_rng(0),
    )
    assert np.abs(daily.values[daily.values != -1024]).max() < 30


def test_the_transform_given_is_the_displacement_told():
    truth = RigidTransform.from_parts(
        DAILY, PLANNING, rotation_y(2.0), MACHINE + [1.0, 2.0, 3.0] - rotation_y(2.0) @ ISOCENTRE
    ).inverse()
    told = displacement_of(truth, isocentre_mm=ISOCENTRE, machine_isocentre_mm=MACHINE)
    np.testing.assert_allclose(told.translation_mm, [1.0, 2.0, 3.0], atol=1e-9)


def test_frames_that_do_not_match_are_refused():
    planning = blobs_on(axial_grid(), ISOCENTRE[None])
    with pytest.raises(GeometryError, match="expected an image in 'planning patient LPS'"):
        simulate_daily(
            planning,
            RigidTransform.identity(DAILY, PLANNING),
            isocentre_mm=ISOCENTRE,
            machine_isocentre_mm=MACHINE,
            settings=SMALL,
            rng=np.random.default_rng(0),
        )


def test_an_unknown_setting_is_refused():
    with pytest.raises(TypeError):
        DailySettings.cone_beam().with_changes(colour="green")
