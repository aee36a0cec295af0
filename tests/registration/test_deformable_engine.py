"""Deformable registration of a small patient whose displacement is known by a formula."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from deforming_patient import GRID, MATCH, SPINE_MM, TARGET_MM, day, planning_ct, target_shift

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform, rotation_z
from isoguide.images.displacement_field import node_positions_mm
from isoguide.images.structure import Contour, Structure
from isoguide.images.volume import Volume
from isoguide.kernels import chunks
from isoguide.registration.deformable.engine import prepare_deformable, register_deformable
from isoguide.registration.deformable.result import FieldVerdict
from isoguide.registration.deformable.settings import DeformableSettings

QUICK = DeformableSettings(spacing_mm=4.0, finest_mm=4.0, steps_per_node=2, levels=2, largest_mm=0.0)


@pytest.fixture(scope="module")
def prepared():
    return prepare_deformable(planning_ct(), settings=QUICK)


@pytest.fixture(scope="module")
def moved_target(prepared):
    return register_deformable(prepared, day(target_shift, scale=0.9), planning_from_daily=MATCH)


@pytest.fixture(scope="module")
def unchanged(prepared):
    return register_deformable(prepared, day(), planning_from_daily=MATCH)


def shown(found, prepared):
    """Nodes of the body that the day shows, (n, 3), and their displacement."""
    chosen = (found.seen & prepared.levels[-1].body).ravel()
    nodes = node_positions_mm(found.field.grid)[chosen]
    return nodes, found.field.moved(nodes) - nodes


def test_a_target_5_mm_further_left_than_the_bones_say_is_found_5_mm_to_the_left(moved_target):
    """Patient LPS: +x is the patient's left. The day's image is turned, shifted and of another grey scale."""
    shift = moved_target.field.moved(TARGET_MM)[0] - TARGET_MM
    np.testing.assert_allclose(shift, [5.0, 0.0, 0.0], atol=0.6)
    expected = MATCH.inverse().apply(TARGET_MM + [5.0, 0.0, 0.0])
    np.testing.assert_allclose(moved_target.daily_positions(TARGET_MM)[0], expected, atol=0.7)
    back = moved_target.planning_positions(expected[None])[0]
    np.testing.assert_allclose(back, TARGET_MM, atol=1.0)


def test_tissue_is_found_within_half_a_millimetre_and_the_images_agree_better(moved_target, prepared):
    nodes, found = shown(moved_target, prepared)
    error = np.linalg.norm(found - target_shift(nodes), axis=1)
    assert error.mean() < 0.5
    assert moved_target.verdict is FieldVerdict.FOR_DECISION
    assert moved_target.reasons == ()
    assert moved_target.similarity_after > moved_target.similarity_before > 0.5


def test_two_thirds_of_the_errors_are_within_sigma_and_nearly_all_within_two(moved_target, prepared):
    nodes, found = shown(moved_target, prepared)
    sigma = moved_target.sigma_mm[moved_target.seen & prepared.levels[-1].body][:, None]
    ratio = np.abs(found - target_shift(nodes)) / sigma
    assert (ratio < 1.0).mean() > 0.66
    assert (ratio < 2.0).mean() > 0.94


def test_the_way_back_returns_tissue_to_where_it_started(moved_target, prepared):
    chosen = moved_target.seen & prepared.levels[-1].body
    assert np.isfinite(moved_target.inconsistency_mm[chosen]).mean() > 0.7
    assert np.isnan(moved_target.inconsistency_mm[~moved_target.seen]).all()
    assert np.nanmean(moved_target.inconsistency_mm[chosen]) < 1.0


def test_bones_move_as_one_while_soft_tissue_beside_them_is_pulled(moved_target, prepared):
    nodes, found = shown(moved_target, prepared)
    in_spine = np.hypot(nodes[:, 0], nodes[:, 1] - SPINE_MM[1]) < 6.0
    assert in_spine.sum() > 10
    apart = np.linalg.norm(found[in_spine] - found[in_spine].mean(axis=0), axis=1)
    assert np.median(apart) < 0.3
    assert apart.max() < 1.5


def test_a_patient_that_did_not_change_gets_a_field_of_nothing(unchanged, prepared):
    _, found = shown(unchanged, prepared)
    assert np.linalg.norm(found, axis=1).mean() < 0.4
    assert unchanged.field.jacobian().min() > 0.5


def test_noise_alone_moves_uniform_tissue_no_further_than_its_sigma_says():
    prepared = prepare_deformable(planning_ct(texture=0.0, noise=15.0), settings=QUICK)
    flat = day(noise=15.0)
    plain = planning_ct(
        Grid.axial(DAILY, flat.grid.shape, (4.0, 4.0, 4.0), (-80.0, -72.0, -60.0)), texture=0.0
    )
    other = plain.values + np.random.default_rng(9).normal(0.0, 15.0, plain.grid.shape).astype(np.float32)
    found = register_deformable(
        prepared,
        Volume(plain.grid, other),
        planning_from_daily=RigidTransform.identity(PLANNING, DAILY),
    )
    nodes, moved = shown(found, prepared)
    sigma = found.sigma_mm[found.seen & prepared.levels[-1].body][:, None]
    # Towards the ends of a CT there is tissue on one side only.
    inner = np.abs(nodes[:, 2]) < 28.0
    assert inner.sum() > 500
    assert (np.abs(moved) < 2.0 * sigma)[inner].mean() > 0.94


def test_another_part_of_the_body_is_refused(prepared):
    """Turned by half a turn, the spine is in front: nothing fits, and nothing may be made of that."""
    image = day()
    half_turn = RigidTransform.from_parts(PLANNING, PLANNING, rotation_z(180.0), np.array([5.0, 8.0, 30.0]))
    elsewhere = half_turn @ MATCH
    found = register_deformable(prepared, image, planning_from_daily=elsewhere)
    assert found.verdict is FieldVerdict.NOT_AVAILABLE
    assert found.field is None
    assert "do not show the same anatomy" in found.reasons[0]


def test_an_image_that_shows_nothing_of_the_body_is_refused(prepared):
    away = RigidTransform.translation(PLANNING, PLANNING, (0.0, 0.0, 110.0)) @ MATCH
    found = register_deformable(prepared, day(), planning_from_daily=away)
    assert found.verdict is FieldVerdict.NOT_AVAILABLE
    assert "of the planned body, too little" in found.reasons[0]


def test_beyond_the_field_of_view_the_deformation_is_an_approximation_that_is_named(prepared):
    outside = np.zeros((30, 38, 42), dtype=bool)
    outside[:, :, 26:] = True
    found = register_deformable(prepared, day(target_shift, fill=outside), planning_from_daily=MATCH)
    assert "of the planned body lies outside the day's image" in found.approximations[0]
    nodes = node_positions_mm(found.field.grid).reshape(*found.field.grid.shape, 3)
    x = MATCH.inverse().apply(nodes.reshape(-1, 3))[:, 0].reshape(found.seen.shape)
    assert not found.seen[x > 32.0].any()
    unseen = (x > 32.0) & prepared.levels[-1].body
    seen = found.seen & prepared.levels[-1].body
    assert found.sigma_mm[unseen].min() > np.median(found.sigma_mm[seen])


def test_gas_of_the_day_is_named_and_moves_no_bone(prepared):
    image = day(target_shift)
    values = image.values.copy()
    values[12:18, 16:21, 24:29] = -950.0
    found = register_deformable(prepared, Volume(image.grid, values), planning_from_daily=MATCH)
    assert any("ml are gas, metal or empty" in text for text in found.approximations)
    shift = found.field.moved(TARGET_MM)[0] - TARGET_MM
    np.testing.assert_allclose(shift, [5.0, 0.0, 0.0], atol=1.0)


def test_results_do_not_depend_on_the_number_of_cores(prepared, moved_target, monkeypatch):
    with ThreadPoolExecutor(5) as pool:
        monkeypatch.setattr(chunks, "_pool", lambda: pool)
        again = register_deformable(prepared, day(target_shift, scale=0.9), planning_from_daily=MATCH)
    np.testing.assert_array_equal(again.field.vectors_mm, moved_target.field.vectors_mm)
    np.testing.assert_array_equal(again.sigma_mm, moved_target.sigma_mm)


def test_a_ct_whose_axes_are_not_the_patients_is_registered_in_the_patients_axes():
    """Rows run to the right and slices downwards, tilted by 10°: u is still along the patient's x, y, z."""
    axes = rotation_z(10.0) @ np.diag([-1.0, 1.0, -1.0])
    corner = axes @ np.diag([4.0, 4.0, 4.0]) @ ((np.array(GRID.shape[::-1]) - 1) / 2.0)
    grid = Grid(PLANNING, GRID.shape, np.full(3, 4.0), GRID.centre_mm - corner, axes)
    prepared = prepare_deformable(planning_ct(grid), settings=QUICK)
    found = register_deformable(prepared, day(target_shift), planning_from_daily=MATCH)
    shift = found.field.moved(TARGET_MM)[0] - TARGET_MM
    np.testing.assert_allclose(shift, [5.0, 0.0, 0.0], atol=1.0)


def test_what_moved_farther_than_a_continuous_solve_reaches_is_searched_for():
    settings = replace(QUICK, largest_mm=24.0)
    prepared = prepare_deformable(planning_ct(), settings=settings)

    def far(points_mm):
        return target_shift(points_mm, 13.0)

    found = register_deformable(prepared, day(far), planning_from_daily=MATCH)
    shift = found.field.moved(TARGET_MM)[0] - TARGET_MM
    np.testing.assert_allclose(shift, [13.0, 0.0, 0.0], atol=3.0)
    assert found.field.jacobian().min() > 0.0


def test_the_body_is_the_structure_that_says_so(prepared):
    square = np.array([[-30.0, -30.0], [30.0, -30.0], [30.0, 30.0], [-30.0, 30.0]])
    contours = tuple(
        Contour("CLOSED_PLANAR", np.column_stack([square, np.full(4, z)]))
        for z in np.arange(-46.0, 47.0, 4.0)
    )
    body = Structure("BODY", 1, PLANNING, contours, interpreted_type="EXTERNAL")
    smaller = prepare_deformable(planning_ct(), settings=QUICK, structures=(body,))
    assert smaller.levels[-1].body.sum() < 0.7 * prepared.levels[-1].body.sum()


def test_only_the_region_that_matters_is_solved(prepared):
    part = prepare_deformable(planning_ct(), settings=QUICK, region_mm=(TARGET_MM - 30.0, TARGET_MM + 30.0))
    assert np.prod(part.nodes.shape) < 0.5 * np.prod(prepared.nodes.shape)
    assert part.nodes.contains(TARGET_MM)


def test_a_transform_of_other_frames_is_refused(prepared):
    with pytest.raises(GeometryError, match="builds on 'planning"):
        register_deformable(prepared, day(), planning_from_daily=MATCH.inverse())


def test_a_planning_ct_without_a_body_is_refused():
    empty = Volume(GRID, np.full(GRID.shape, -1000.0, np.float32), source="empty")
    with pytest.raises(InputError, match="shows no body"):
        prepare_deformable(empty, settings=QUICK)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spacing_mm": 0.1}, "0.5 to 10 mm"),
        ({"levels": 0}, "1 to 6 levels"),
        ({"smoothness": 0.0}, "smoothness must be positive"),
    ],
)
def test_impossible_settings_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        replace(QUICK, **change)


def test_small_boxes_of_fine_voxels_are_registered_on_finer_samples():
    """By hand: 1 l at 1 mm is 1 million samples, 8 l at 1.5 mm are 2.4 million, 30 l are too many."""
    usual = DeformableSettings()
    assert usual.fitted_to(1.0e6, 1.0).spacing_mm == 1.0
    assert usual.fitted_to(1.0e6, 1.0).node_mm == 3.0
    assert usual.fitted_to(8.0e6, 1.0).spacing_mm == 1.5
    assert usual.fitted_to(30.0e6, 1.0) == usual
    assert usual.fitted_to(1.0e6, 2.5) == usual


def test_settings_are_kept_as_plain_values(moved_target):
    assert moved_target.settings["spacing_mm"] == 4.0
    assert QUICK.node_mm == 8.0
