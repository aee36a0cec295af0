import numpy as np

from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.virtual import DailySettings, displacement_of, example_case
from isoguide.virtual.examples import LARGEST_MM

COARSE = DailySettings.cone_beam().with_changes(shape=(30, 64, 64), spacing_mm=(4.0, 4.0, 6.0))


def test_an_example_is_complete_and_repeatable():
    case, again = (example_case(3, "thorax", settings=COARSE, spacing_mm=(4.0, 4.0, 6.0)) for _ in range(2))
    np.testing.assert_array_equal(case.daily.values, again.daily.values)
    np.testing.assert_array_equal(case.planning_from_daily.matrix, again.planning_from_daily.matrix)
    assert case.daily.grid.frame == DAILY
    assert case.phantom.volume.grid.frame == PLANNING
    np.testing.assert_array_equal(case.isocentre_mm, case.phantom.isocentre_mm)
    told = displacement_of(
        case.planning_from_daily,
        isocentre_mm=case.isocentre_mm,
        machine_isocentre_mm=case.machine_isocentre_mm,
    )
    assert 0.0 < np.abs(told.translation_mm).max() <= LARGEST_MM
    assert 0.0 < told.angle_deg < 6.0


def test_the_daily_image_has_noise_of_its_own():
    """Where the tissue is flat, the residuals of both images against the anatomy are unrelated."""
    quiet = DailySettings.exact().with_changes(
        shape=(20, 40, 40), spacing_mm=(4.0, 4.0, 6.0), noise=14.0, is_hounsfield=False
    )
    case = example_case(1, "pelvis", settings=quiet, spacing_mm=(4.0, 4.0, 6.0))
    k, j, i = np.meshgrid(*(np.arange(n) for n in case.daily.grid.shape), indexing="ij")
    xyz = case.planning_from_daily.apply(case.daily.grid.xyz(np.stack([i, j, k], axis=-1)))
    i, j, k = np.moveaxis(np.rint(case.phantom.volume.grid.index(xyz)).astype(int), -1, 0)
    noise = (case.phantom.volume.values - case.phantom.anatomy.values)[k, j, i]
    daily_noise = case.daily.values - case.phantom.anatomy.values[k, j, i]
    calm = np.abs(daily_noise) < 60.0
    assert abs(np.corrcoef(noise[calm], daily_noise[calm])[0, 1]) < 0.1
