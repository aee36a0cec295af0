"""Density of the day: what each method makes of a pelvis whose HU on the day are known."""

import numpy as np
import pytest
from density_patients import (
    AIR,
    BONE,
    FAT,
    LUMEN_MM,
    MUSCLE,
    SHAPE,
    cone_beam,
    day_ct,
    found_as,
    planning_ct,
    small_grid,
    tissue_hu,
)

from isoguide.dose.density import (
    DensityImage,
    DensityMethod,
    TissueClass,
    density_images,
    disagreement,
    shading_corrected,
    stitched_override,
    virtual_ct,
)
from isoguide.errors import GeometryError, InputError, MissingEvidenceError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.volume import Volume
from isoguide.registration.deformable.result import FieldVerdict

METHODS = tuple(DensityMethod)


def lumen(image: DensityImage) -> float:
    """Mean HU in the middle of the rectum."""
    k, j, i = np.rint(small_grid().index(LUMEN_MM)).astype(int)[::-1]
    return float(image.volume.values[k - 1 : k + 2, j - 1 : j + 2, i - 1 : i + 2].mean())


def error_hu(image: DensityImage, truth: np.ndarray) -> float:
    inside = truth > AIR
    return float(np.abs(image.volume.values - truth)[inside].mean())


@pytest.fixture(scope="module")
def gas_today() -> tuple[DensityImage, ...]:
    """All methods on a cone-beam day with gas that was not there at planning."""
    return density_images(planning_ct(), cone_beam(tissue_hu(gas=True), noise=8.0), found_as())


@pytest.mark.parametrize("number", range(3))
def test_gas_in_the_rectum_today_is_air_in_the_density(
    gas_today: tuple[DensityImage, ...], number: int
) -> None:
    assert lumen(gas_today[number]) < -930.0


@pytest.mark.parametrize("method", METHODS)
def test_gas_of_the_planning_day_that_has_gone_is_filled_with_tissue(method: DensityMethod) -> None:
    (image,) = density_images(
        planning_ct(gas=True), cone_beam(tissue_hu(), noise=8.0), found_as(), methods=[method]
    )
    assert abs(lumen(image) - MUSCLE) < 25.0


def test_the_virtual_ct_keeps_the_planning_ct_where_nothing_changed() -> None:
    image = virtual_ct(planning_ct(), cone_beam(tissue_hu(), noise=8.0), found_as())
    np.testing.assert_allclose(
        image.volume.values[tissue_hu() > AIR], tissue_hu()[tissue_hu() > AIR], atol=0.1
    )
    assert image.approximations[0].startswith("density is the planning CT's")


def test_it_tells_how_much_gas_is_new(gas_today: tuple[DensityImage, ...]) -> None:
    # A ball of 14 mm radius has 11.5 ml.
    told = next(one for one in gas_today[0].approximations if "are new" in one)
    assert 8.0 < float(told.split(":")[1].split("ml")[0]) < 15.0
    assert "0 ml of the planning CT's are filled" in told


def test_skin_is_where_the_day_shows_it_after_loss_of_weight() -> None:
    truth = tissue_hu(thinner_mm=12.0)
    today = cone_beam(truth, noise=8.0)
    for image in density_images(planning_ct(), today, found_as()):
        body = image.body
        lost = (tissue_hu() > AIR) & (truth == AIR)
        assert (image.volume.values[lost] < -800.0).mean() > 0.95
        assert (body & (truth > AIR)).sum() > 0.97 * (truth > AIR).sum()


def test_grey_values_without_calibration_become_hu(gas_today: tuple[DensityImage, ...]) -> None:
    # The grey values are half of HU, off by 300 and cupped by 60: contrast × 2, whatever the gas.
    image, truth = gas_today[1], tissue_hu(gas=True)
    for tissue in (FAT, MUSCLE, BONE):
        assert abs(float(np.median(image.volume.values[truth == tissue])) - tissue) < 12.0
    assert error_hu(image, truth) < 25.0
    assert any("contrast × 2.0" in one or "contrast × 1.9" in one for one in image.approximations)


def test_shading_is_taken_out_although_gas_has_come(gas_today: tuple[DensityImage, ...]) -> None:
    # Beside the gas, where a mean over everything would be pulled down by hundreds of HU.
    values, truth = gas_today[1].volume.values, tissue_hu(gas=True)
    k, j, i = np.indices(SHAPE)
    away_mm = np.linalg.norm(small_grid().xyz(np.stack([i, j, k], axis=-1)) - LUMEN_MM, axis=-1)
    beside = (away_mm < 26.0) & (away_mm > 19.0) & (truth == MUSCLE)
    assert abs(float(values[beside].mean()) - MUSCLE) < 12.0


def test_a_calibrated_ct_of_the_day_is_taken_as_it_is() -> None:
    changed = day_ct(gas=True)
    image = shading_corrected(planning_ct(), changed, found_as())
    inside = tissue_hu(gas=True) > AIR
    np.testing.assert_array_equal(image.volume.values[inside], changed.values[inside])
    assert image.approximations[0] == "the day's image is a calibrated CT and is taken as it is"


def test_every_voxel_of_an_override_has_the_hu_of_a_tissue(gas_today: tuple[DensityImage, ...]) -> None:
    found = np.unique(gas_today[2].volume.values[gas_today[2].body])
    assert set(found) <= {-1000.0, -750.0, -90.0, 40.0, 300.0, 900.0}
    assert lumen(gas_today[2]) == -1000.0


def test_an_override_takes_the_departments_own_tissues() -> None:
    water = (
        TissueClass("air", -np.inf, -1000.0),
        TissueClass("water", -400.0, 0.0),
        TissueClass("bone", 250.0, 600.0),
    )
    image = stitched_override(planning_ct(), cone_beam(tissue_hu()), found_as(), classes=water)
    assert set(np.unique(image.volume.values)) == {-1000.0, 0.0, 600.0}
    assert "(air -1000, water 0, bone 600)" in image.approximations[0]


@pytest.mark.parametrize(
    "classes",
    [
        (TissueClass("air", -np.inf, -1000.0), TissueClass("water", -400.0, 0.0)),
        (
            TissueClass("air", -1100.0, -1000.0),
            TissueClass("water", -400.0, 0.0),
            TissueClass("bone", 200.0, 600.0),
        ),
        (
            TissueClass("air", -np.inf, -1000.0),
            TissueClass("bone", 200.0, 600.0),
            TissueClass("water", -400.0, 0.0),
        ),
    ],
)
def test_tissues_that_leave_a_voxel_without_class_are_refused(classes: tuple[TissueClass, ...]) -> None:
    with pytest.raises(InputError, match="3 to 6 tissues with rising bounds"):
        stitched_override(planning_ct(), day_ct(), found_as(), classes=classes)


@pytest.mark.parametrize("method", METHODS)
def test_where_the_image_does_not_reach_the_planning_ct_stands_in_and_the_result_says_so(
    method: DensityMethod,
) -> None:
    today = cone_beam(tissue_hu(gas=True), radius_mm=60.0)
    (image,) = density_images(planning_ct(), today, found_as(), methods=[method])
    outside = (today.values == 0.0) & (tissue_hu() > AIR)
    assert not image.seen[outside].any()
    assert (image.body & outside).sum() > 0.95 * outside.sum()
    np.testing.assert_allclose(
        image.volume.values[outside & image.body], tissue_hu()[outside & image.body], atol=0.1
    )
    share = 100.0 * float(outside.sum()) / float((tissue_hu() > AIR).sum())
    told = next(one for one in image.approximations if "does not reach" in one)
    assert abs(float(told.split(" %", maxsplit=1)[0]) - share) < 3.0
    assert "the warped planning CT stands in" in told


def test_what_the_field_rests_on_is_carried_on() -> None:
    image = virtual_ct(planning_ct(), day_ct(), found_as())
    assert image.approximations[-1] == "outside the field of view the deformation is that of its edge"


def test_a_field_not_for_decision_is_carried_on_as_such() -> None:
    image = virtual_ct(planning_ct(), day_ct(), found_as(verdict=FieldVerdict.NOT_FOR_DECISION))
    assert image.approximations[-1] == (
        "the displacement field is not for decision (tissue folds in the bladder), and neither is what rests"
        " on it"
    )


def test_the_body_of_the_day_beyond_the_planning_ct_is_named() -> None:
    planning = planning_ct()
    short = Grid.axial(
        PLANNING, (10, *SHAPE[1:]), tuple(planning.grid.spacing_mm), tuple(planning.grid.origin_mm)
    )
    image = virtual_ct(Volume(short, planning.values[:10]), day_ct(), found_as())
    assert any("the planning CT does not reach" in one for one in image.approximations)
    beyond = image.volume.values[11:][tissue_hu()[11:] == MUSCLE]
    np.testing.assert_allclose(beyond, MUSCLE, atol=1.0)


def test_a_lung_that_the_edge_of_the_image_cuts_open_is_lung_and_not_the_air_around_him() -> None:
    hu = tissue_hu()
    x, y, _ = np.moveaxis(small_grid().xyz(np.stack(np.indices(SHAPE)[::-1], axis=-1)), -1, 0)
    hu[np.hypot((np.abs(x) - 40.0) / 24.0, y / 34.0) < 1.0] = -750.0
    part = slice(15, SHAPE[2] - 15)
    grid = small_grid(DAILY)
    narrow = Grid(
        DAILY, hu[:, :, part].shape, grid.spacing_mm, grid.xyz(np.array([15.0, 0.0, 0.0])), np.eye(3)
    )
    today = Volume(narrow, hu[:, :, part].copy())
    for image in density_images(Volume(small_grid(), hu), today, found_as())[:2]:
        values, truth = image.volume.values, hu[:, :, part]
        assert (truth[:, :, 0] == -750.0).any()
        np.testing.assert_allclose(values[truth == -750.0], -750.0, atol=0.1)


def test_skin_shares_its_voxel_with_air_as_the_image_shows() -> None:
    hu = tissue_hu()
    rim = (tissue_hu(thinner_mm=4.0) == AIR) & (hu > AIR)
    hu[rim] = -600.0
    image = virtual_ct(planning_ct(), Volume(small_grid(DAILY), hu), found_as())
    assert (image.volume.values[rim] == -600.0).mean() > 0.9


def test_on_another_grid_the_patient_lies_where_he_was_planned() -> None:
    dose_grid = Grid.axial(PLANNING, (26, 50, 66), (3.0, 3.4, 3.0), (-97.0, -82.0, -39.0))
    today = cone_beam(tissue_hu(gas=True))
    truth = tissue_hu(gas=True, grid=dose_grid)
    k, j, i = np.rint(dose_grid.index(LUMEN_MM)).astype(int)[::-1]
    for image in density_images(planning_ct(), today, found_as(), grid=dose_grid):
        values = image.volume.values
        assert image.volume.grid is dose_grid
        assert values[k, j, i] < -950.0
        # The day's image goes from -32.5 to 32.5 mm.
        assert not image.seen[:2].any()
        assert image.seen[4:-4].all()
        # Edges of voxels of 4 mm lie elsewhere on this grid; most voxels have no edge.
        off = np.abs(values - truth)[4:-4][truth[4:-4] > AIR]
        assert float(np.median(off)) < 10.0
        assert (off > 200.0).mean() < 0.1


def test_the_two_images_of_the_day_disagree_where_the_planning_ct_is_wrong() -> None:
    # A bone has 150 HU less than planned: the image of the day sees it, the virtual CT cannot.
    truth = tissue_hu()
    truth[:, :, SHAPE[2] // 2 :][truth[:, :, SHAPE[2] // 2 :] == BONE] = BONE - 150.0
    virtual, corrected, _ = density_images(planning_ct(), Volume(small_grid(DAILY), truth), found_as())
    found = disagreement(virtual, corrected)
    np.testing.assert_allclose(found.map_hu[truth == BONE - 150.0], 150.0, atol=0.1)
    share = float((truth == BONE - 150.0).sum()) / float((virtual.body | corrected.body).sum())
    assert found.far_apart_fraction == pytest.approx(share, rel=0.01)
    assert found.mean_hu == pytest.approx(150.0 * share, rel=0.05)
    assert found.mean_absolute_hu == pytest.approx(found.mean_hu, rel=0.05)
    assert (found.map_hu[~(virtual.body | corrected.body)] == 0.0).all()


def test_nothing_is_compared_where_the_image_of_the_day_shows_nothing() -> None:
    image = virtual_ct(planning_ct(), day_ct(), found_as())
    blind = DensityImage(
        image.volume, image.method, image.approximations, image.body, np.zeros(SHAPE, dtype=np.bool_)
    )
    with pytest.raises(GeometryError, match="shows nothing of the body"):
        disagreement(image, blind)


def test_a_density_is_in_hu_and_its_masks_belong_to_its_voxels() -> None:
    image = virtual_ct(planning_ct(), day_ct(), found_as())
    grey = Volume(image.volume.grid, image.volume.values, is_hounsfield=False)
    with pytest.raises(ValueError, match="in HU"):
        DensityImage(grey, image.method, (), image.body, image.seen)
    with pytest.raises(ValueError, match="'seen' belongs"):
        DensityImage(image.volume, image.method, (), image.body, image.seen[1:])


def test_densities_on_different_grids_are_not_compared() -> None:
    here = virtual_ct(planning_ct(), day_ct(), found_as())
    there = virtual_ct(planning_ct(), day_ct(), found_as(), grid=small_grid(PLANNING))
    with pytest.raises(GeometryError, match="different grids"):
        disagreement(here, there)


def test_a_day_without_field_is_refused() -> None:
    with pytest.raises(MissingEvidenceError, match="no displacement field was found"):
        density_images(planning_ct(), day_ct(), found_as(None, FieldVerdict.NOT_AVAILABLE))


def flat(hu: np.ndarray) -> np.ndarray:
    return np.where(hu == BONE, np.float32(MUSCLE), np.where(hu == FAT, np.float32(MUSCLE), hu))


@pytest.mark.parametrize(
    ("today", "planning", "error", "message"),
    [
        (planning_ct(), planning_ct(), GeometryError, "load it as the day's image"),
        (
            Volume(small_grid(DAILY), np.zeros(SHAPE, np.float32), is_hounsfield=False),
            planning_ct(),
            GeometryError,
            "shows nothing of the grid",
        ),
        (cone_beam(tissue_hu(), radius_mm=12.0), planning_ct(), InputError, "too little soft tissue"),
        (
            cone_beam(flat(tissue_hu()), radius_mm=50.0),
            Volume(small_grid(), flat(tissue_hu())),
            InputError,
            "shows one tissue only",
        ),
        (cone_beam(-tissue_hu()), planning_ct(), InputError, "do not rise with density"),
        (
            Volume(
                small_grid(DAILY), np.random.default_rng(0).normal(-1000.0, 5.0, SHAPE).astype(np.float32)
            ),
            planning_ct(),
            GeometryError,
            "no body was found",
        ),
    ],
)
def test_images_that_make_no_density_are_refused(
    today: Volume, planning: Volume, error: type[InputError], message: str
) -> None:
    with pytest.raises(error, match=message):
        density_images(planning, today, found_as())
