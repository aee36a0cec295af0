"""The image path against the truth for points, over whole images."""

import numpy as np
import pytest
from scipy import ndimage

from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform, rotation_x, rotation_z
from isoguide.images.displacement_field import DisplacementField
from isoguide.images.volume import Volume
from isoguide.kernels.fields import steepest_gradient
from isoguide.virtual import DailySettings, Phantom, moved_anatomy, simulate_daily

ISOCENTRE = np.array([7.5, -34.0, -16.0])
MACHINE = np.array([1.5, -2.5, 3.25])
HU_PER_MM, MIDDLE_HU = 80.0, 12_000.0
CT = Grid.axial(PLANNING, (60, 90, 100), (2.0, 2.0, 3.0), (-92.0, -123.0, -104.0))
DAY = DailySettings.exact().with_changes(shape=(40, 60, 70), spacing_mm=(2.0, 2.0, 3.0), fill_value=-30000)


def random_field(steepest: float, seed: int = 0) -> DisplacementField:
    """Zero towards the faces, so that nothing comes from where the CT does not reach."""
    lattice = Grid.axial(PLANNING, (36, 36, 40), (5.0, 5.0, 5.0), (-92.0, -123.0, -104.0))
    noise = np.random.default_rng(seed).standard_normal((*lattice.shape, 3))
    inner = np.zeros(lattice.shape)
    inner[8:-8, 8:-8, 8:-8] = 1.0
    smooth = (
        ndimage.gaussian_filter(noise, (2.5, 2.5, 2.5, 0.0)) * ndimage.gaussian_filter(inner, 2.0)[..., None]
    )
    steep = steepest_gradient(smooth.astype(np.float32), lattice.spacing_mm)[0]
    return DisplacementField(lattice, (smooth * (steepest / steep)).astype(np.float32))


def ramp(axis: int) -> Volume:
    """A CT whose value is its position: what an image of it shows is where its tissue came from."""
    k, j, i = np.meshgrid(*(np.arange(n) for n in CT.shape), indexing="ij")
    position = CT.xyz(np.stack([i, j, k], axis=-1))[..., axis]
    return Volume(CT, (MIDDLE_HU + HU_PER_MM * (position - ISOCENTRE[axis])).astype(np.float32))


def voxel_positions(grid: Grid) -> np.ndarray:
    k, j, i = np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij")
    return grid.xyz(np.stack([i, j, k], axis=-1).reshape(-1, 3))


def truth() -> RigidTransform:
    turn = rotation_z(4.0) @ rotation_x(-6.0)
    return RigidTransform.from_parts(
        DAILY, PLANNING, turn, MACHINE + [3.0, -2.0, 5.0] - turn @ ISOCENTRE
    ).inverse()


def image_of(volume: Volume, field: object, settings: DailySettings = DAY) -> Volume:
    return simulate_daily(
        volume,
        truth(),
        isocentre_mm=ISOCENTRE,
        machine_isocentre_mm=MACHINE,
        settings=settings,
        rng=np.random.default_rng(0),
        field=field,
    )


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_every_voxel_of_the_days_image_shows_the_tissue_that_the_truth_puts_there(axis):
    """Image against point truth over the whole image; grey values are whole numbers, 0.00625 mm at worst."""
    field = random_field(0.7)
    daily = image_of(ramp(axis), field)
    seen = daily.values != DAY.fill_value
    assert seen.mean() > 0.8
    origin = field.origin_of(truth().apply(voxel_positions(daily.grid)[seen.ravel()]))[:, axis]
    shown = (daily.values[seen] - MIDDLE_HU) / HU_PER_MM + ISOCENTRE[axis]
    inside = np.abs(origin - ISOCENTRE[axis]) < 60.0
    assert field.longest_mm > 3.0
    assert np.abs(shown - origin)[inside].max() < 0.5 / HU_PER_MM + 0.003


def test_tissue_that_moved_5_mm_to_the_left_in_the_patient_appears_there():
    """Sign and order: first within the patient, then with him."""
    lattice = Grid.axial(PLANNING, (12, 20, 20), (10.0, 10.0, 20.0), (-92.0, -134.0, -120.0))
    field = DisplacementField(lattice, np.tile(np.float32([5.0, 0.0, 0.0]), (12, 20, 20, 1)))
    centre = ISOCENTRE + [10.0, -8.0, 5.0]
    k, j, i = np.meshgrid(*(np.arange(n) for n in CT.shape), indexing="ij")
    distance2 = np.square(CT.xyz(np.stack([i, j, k], axis=-1)) - centre).sum(axis=-1)
    blob = Volume(CT, (1000.0 * np.exp(-0.5 * distance2 / 25.0)).astype(np.float32))
    daily = image_of(blob, field)
    weight = np.where(daily.values == DAY.fill_value, 0.0, daily.values).ravel()
    found = weight @ voxel_positions(daily.grid) / weight.sum()
    np.testing.assert_allclose(found, truth().inverse().apply(centre + [5.0, 0.0, 0.0]), atol=0.05)


def test_without_a_field_and_with_one_that_moves_nothing_the_image_is_the_same():
    still = DisplacementField(
        Grid.axial(PLANNING, (3, 3, 3), (90, 90, 90), (-92, -123, -104)), np.zeros((3, 3, 3, 3))
    )
    np.testing.assert_array_equal(image_of(ramp(0), ()).values, image_of(ramp(0), still).values)


def test_an_exposure_shows_the_mean_of_its_moments():
    fields = [random_field(0.5, seed) for seed in (1, 2)]
    volume = ramp(1)
    both = image_of(volume, fields).values.astype(float)
    single = [image_of(volume, field).values.astype(float) for field in fields]
    seen = (both != DAY.fill_value) & np.all([values != DAY.fill_value for values in single], axis=0)
    assert np.abs(both - np.mean(single, axis=0))[seen].max() <= 1.5


def test_soft_tissue_may_be_deformed_on_top_of_a_field(pelvis: Phantom):
    settings = DailySettings.exact().with_changes(
        shape=(30, 60, 60), spacing_mm=(4.0, 4.0, 5.0), deformation_mm=4.0
    )
    lattice = Grid(PLANNING, (3, 3, 3), np.full(3, 300.0), pelvis.isocentre_mm - 300.0, np.eye(3))
    shift = DisplacementField(lattice, np.tile(np.float32([0.0, 6.0, 0.0]), (3, 3, 3, 1)))
    still = RigidTransform.translation(PLANNING, DAILY, pelvis.isocentre_mm)
    moved = RigidTransform.translation(PLANNING, DAILY, pelvis.isocentre_mm - [0.0, 6.0, 0.0])

    def shown(planning_from_daily, field):
        return simulate_daily(
            pelvis.anatomy,
            planning_from_daily,
            isocentre_mm=pelvis.isocentre_mm,
            machine_isocentre_mm=np.zeros(3),
            settings=settings,
            rng=np.random.default_rng(0),
            field=field,
        ).values.astype(float)

    near = (slice(12, 18), slice(25, 35), slice(25, 35))
    # About the target nothing but the field moves: 6 mm by the field are 6 mm by the couch.
    assert np.abs(shown(still, shift)[near] - shown(moved, ())[near]).max() <= 1.0


def test_the_moved_anatomy_shows_the_tissue_that_the_truth_puts_there(pelvis: Phantom):
    """Over the whole image to 0.002 mm along an oblique direction; values are float32 of up to 5000 HU."""
    grid, along = pelvis.anatomy.grid, np.array([0.6, -0.48, 0.64])
    here = voxel_positions(grid)
    ramp_hu = 20.0 * (here - pelvis.isocentre_mm) @ along
    phantom = _with_anatomy(pelvis, Volume(grid, ramp_hu.reshape(grid.shape).astype(np.float32)))
    corner_mm = pelvis.isocentre_mm - [100.0, 90.0, 60.0]
    lattice = Grid(PLANNING, (36, 36, 40), np.full(3, 5.0), corner_mm, np.eye(3))
    field = DisplacementField(lattice, random_field(0.6).vectors_mm)
    found = moved_anatomy(phantom, field)
    origin = field.origin_of(here)
    inside = grid.contains(origin) & (np.abs(here - grid.centre_mm) < grid.extent_mm / 2 - 15).all(axis=1)
    error_mm = found.values.ravel() / 20.0 - (origin - pelvis.isocentre_mm) @ along
    assert np.abs(error_mm[inside]).max() < 0.002
    assert np.abs(origin - here).max() > 2.0


def _with_anatomy(phantom: Phantom, anatomy: Volume) -> Phantom:
    from dataclasses import replace

    return replace(phantom, anatomy=anatomy)


def test_the_anatomy_of_a_still_moment_is_the_anatomy(pelvis: Phantom):
    lattice = Grid(PLANNING, (2, 2, 2), np.full(3, 300.0), pelvis.isocentre_mm - 150.0, np.eye(3))
    assert moved_anatomy(pelvis, DisplacementField(lattice, np.zeros((2, 2, 2, 3)))) is pelvis.anatomy
