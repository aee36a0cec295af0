import numpy as np
import pytest

from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.volume import Volume
from isoguide.virtual import DailySettings, Phantom, displacement_of, simulate_daily
from isoguide.virtual.displacement import Displacement
from isoguide.virtual.patient_body import body_weight
from isoguide.virtual.soft_tissue import pull_back

LARGEST_MM = 6.0


@pytest.fixture(scope="module")
def field(pelvis: Phantom) -> tuple[Grid, np.ndarray]:
    """The pull-back of an undisplaced patient, in mm, on a grid about his isocentre."""
    grid = Grid.axial(
        PLANNING, (50, 60, 70), (4.0, 4.0, 4.0), tuple(pelvis.isocentre_mm - [138.0, 118.0, 60.0])
    )
    matrix = pelvis.volume.grid.index_from_xyz @ grid.xyz_from_index
    weight = body_weight(pelvis.volume)
    rng = np.random.default_rng(2)
    shift = pull_back(pelvis.volume, weight, matrix, grid, pelvis.isocentre_mm, LARGEST_MM, rng)
    return grid, shift * pelvis.volume.grid.spacing_mm.astype(np.float32)[:, None, None, None]


def positions(grid: Grid) -> np.ndarray:
    k, j, i = np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij")
    return grid.xyz(np.stack([i, j, k], axis=-1))


def test_the_longest_displacement_is_the_one_asked_for(field):
    _, shift_mm = field
    assert np.linalg.norm(shift_mm, axis=0).max() == pytest.approx(LARGEST_MM, rel=0.05)


def test_target_and_bones_stay_where_they_are(field, pelvis: Phantom):
    grid, shift_mm = field
    length = np.linalg.norm(shift_mm, axis=0)
    near = np.linalg.norm(positions(grid) - pelvis.isocentre_mm, axis=-1) < 35.0
    assert length[near].max() == 0.0
    ijk = np.rint(pelvis.volume.grid.index(positions(grid))).astype(int)
    inside = ((ijk >= 0) & (ijk < pelvis.volume.grid.shape[::-1])).all(axis=-1)
    i, j, k = ijk[inside].T
    bone = pelvis.volume.values[k, j, i] > 400
    assert bone.sum() > 1000
    assert np.quantile(length[inside][bone], 0.99) < 0.1


def test_nothing_folds(field):
    grid, shift_mm = field
    gradient = np.array([np.gradient(axis, *grid.spacing_mm[::-1]) for axis in shift_mm])
    jacobian = np.eye(3)[:, :, None, None, None] + gradient[:, ::-1]
    determinant = np.linalg.det(np.moveaxis(jacobian, (0, 1), (-2, -1)))
    assert determinant.min() > 0.2


def test_deformation_changes_soft_tissue_and_not_the_truth(pelvis: Phantom):
    still = Displacement(np.zeros(3), np.eye(3))
    truth = still.planning_from_daily(isocentre_mm=pelvis.isocentre_mm, machine_isocentre_mm=np.zeros(3))
    plain = DailySettings.exact().with_changes(shape=(40, 60, 60), spacing_mm=(4.0, 4.0, 4.0))
    a, b = (
        simulate_daily(
            pelvis.anatomy,
            truth,
            isocentre_mm=pelvis.isocentre_mm,
            machine_isocentre_mm=np.zeros(3),
            settings=settings,
            rng=np.random.default_rng(0),
        )
        for settings in (plain, plain.with_changes(deformation_mm=5.0))
    )
    near = np.linalg.norm(positions(a.grid), axis=-1) < 35.0
    np.testing.assert_array_equal(a.values[near], b.values[near])
    assert np.mean(np.abs(a.values - b.values) > 40) > 0.02
    told = displacement_of(truth, isocentre_mm=pelvis.isocentre_mm, machine_isocentre_mm=np.zeros(3))
    np.testing.assert_allclose(told.translation_mm, 0.0, atol=1e-9)


def test_without_any_bone_everything_away_from_the_target_may_move():
    grid = Grid.axial(PLANNING, (30, 40, 40), (5.0, 5.0, 5.0), (-97.5, -97.5, -72.5))
    water = Volume(grid, np.zeros(grid.shape, dtype=np.int16))
    shift = pull_back(water, None, np.eye(4), grid, np.zeros(3), 3.0, np.random.default_rng(1))
    assert np.linalg.norm(shift * 5.0, axis=0).max() == pytest.approx(3.0, rel=0.05)
    assert grid.frame != DAILY
