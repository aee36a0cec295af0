"""Radiographs of volumes: held against exact line integrals, from any side, in any orientation."""

import numpy as np
import pytest

from isoguide.errors import GeometryError
from isoguide.geometry.frames import FIXED, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.iec61217 import fixed_from_planning
from isoguide.geometry.transforms import rotation_x, rotation_z
from isoguide.geometry.xray_view import gantry_view
from isoguide.projection.analytic import Solid, interpolated_line_integrals
from isoguide.projection.project import CastVolume, occupied_box, project_volume, project_volumes

TILTED = rotation_z(25.0) @ rotation_x(-40.0)
GRID = Grid.axial(FIXED, (120, 120, 120), (0.8, 0.8, 0.8), (-47.6, -47.6, -47.6))
SOLIDS = {
    "ellipsoid": Solid("ellipsoid", np.array([1.3, -1.1, 0.7]), np.array([42.0, 36.0, 30.0]), 0.02, TILTED),
    "cylinder": Solid("cylinder", np.array([0.3, -1.1, 0.7]), np.array([28.0, 28.0, 34.0]), 0.02, TILTED),
    "box": Solid("box", np.array([0.3, -1.1, 0.7]), np.array([25.0, 22.0, 27.0]), 0.02, TILTED),
    "upright box": Solid("box", np.array([0.3, -1.1, 0.7]), np.array([35.1, 32.4, 37.2]), 0.02),
}


def cone(gantry_deg, size=(60, 48), spacing_mm=3.0):
    return gantry_view(
        gantry_deg, sad_mm=1000.0, sid_mm=1500.0, size=size, pixel_spacing_mm=(spacing_mm, spacing_mm)
    )


def pixels_mm(view):
    column, row = np.meshgrid(np.arange(view.size[0]), np.arange(view.size[1]))
    return view.pixel_mm(np.stack([column, row], axis=-1).reshape(-1, 2))


def sharpness(solid, view):
    """How much the true image bends within 4.5 mm on the detector, 3 voxels at the isocentre, per pixel."""
    ends = pixels_mm(view)
    middle, most = solid.line_integrals(view.source_mm, ends), np.zeros(len(ends))
    across, down = 4.5 * view.row_direction, 4.5 * view.column_direction
    for step in (across, down, across + down, across - down):
        sides = [solid.line_integrals(view.source_mm, ends + sign * step) for sign in (1.0, -1.0)]
        most = np.maximum(most, np.abs(sides[0] + sides[1] - 2.0 * middle))
    return middle, most


@pytest.fixture(scope="module")
def voxels():
    return {name: solid.voxels(GRID) for name, solid in SOLIDS.items()}


@pytest.mark.parametrize("name", SOLIDS)
def test_line_integrals_of_solids_are_right_to_3_parts_in_1000(name, voxels):
    # Rays that graze an edge see the blur of the voxels, which no projector can undo: they are left out. The
    # others are held to the figure, 19 in 20 of them, on voxels of 1/60 to 1/100 of the solid.
    errors = []
    for gantry_deg in (0.0, 17.0, 45.0, 200.0):
        view = cone(gantry_deg)
        true, bend = sharpness(SOLIDS[name], view)
        found = project_volume(voxels[name], GRID, [view])[0].ravel()
        clear = (true > 0.3 * true.max()) & (bend < 0.02 * true)
        assert clear.sum() > 20
        errors.append(found[clear] / true[clear] - 1.0)
    error = np.concatenate(errors)
    assert abs(error.mean()) < 0.0005
    assert np.quantile(np.abs(error), 0.95) < 0.003


@pytest.mark.parametrize("name", SOLIDS)
def test_what_the_projector_adds_to_the_blur_of_the_voxels_is_below_1_part_in_1000(name, voxels):
    # Against the exact integral of the same interpolation. Sharp edges are the worst there is: a ray that
    # runs along a surface, within one voxel of it, may be off by one part in 100 of the largest value.
    errors = []
    for gantry_deg in (17.0, 45.0):
        view = cone(gantry_deg, size=(20, 15), spacing_mm=9.0)
        found = project_volume(voxels[name], GRID, [view])[0].ravel()
        exact = interpolated_line_integrals(voxels[name], GRID, view.source_mm, pixels_mm(view))
        hit = exact > 0.0
        errors.append(np.abs(found - exact)[hit] / exact.max())
    error = np.concatenate(errors)
    assert np.quantile(error, 0.95) < 0.001
    assert error.max() < 0.01


def test_a_smooth_volume_in_any_orientation_is_right_to_2_parts_in_1000():
    # By hand: a line integral of a Gaussian is sqrt(2 pi) sigma exp(-distance² / (2 sigma²)).
    sigma_mm = 16.0
    grid = Grid(FIXED, (80, 100, 120), np.array([1.0, 1.2, 1.5]), TILTED @ [-59.5, -59.4, -59.25], TILTED)
    kji = np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij"), axis=-1)
    values = np.exp(-(grid.xyz(kji[..., ::-1]) ** 2).sum(axis=-1) / (2.0 * sigma_mm**2)).astype(np.float32)
    for gantry_deg in (0.0, 33.0, 100.0):
        view = cone(gantry_deg, size=(16, 12), spacing_mm=4.0)
        way = pixels_mm(view) - view.source_mm
        beside_mm = np.linalg.norm(np.cross(way, view.source_mm), axis=1) / np.linalg.norm(way, axis=1)
        true = np.sqrt(2.0 * np.pi) * sigma_mm * np.exp(-(beside_mm**2) / (2.0 * sigma_mm**2))
        found = project_volume(values, grid, [view])[0].ravel()
        np.testing.assert_allclose(found, true, atol=2e-3 * true.max())


def test_patient_coordinates_and_room_coordinates_give_one_image():
    rng = np.random.default_rng(1)
    fixed = fixed_from_planning("FFS", np.array([3.0, -8.0, 5.0]), support_deg=15.0)
    grid = Grid.axial(PLANNING, (20, 30, 24), (1.5, 1.5, 2.0), (-20.0, -28.0, -15.0))
    values = rng.uniform(0.0, 1.0, grid.shape).astype(np.float32)
    same = Grid(FIXED, grid.shape, grid.spacing_mm, fixed.apply(grid.origin_mm), fixed.rotation)
    views = [cone(gantry_deg) for gantry_deg in (10.0, 130.0)]
    in_room = project_volume(values, same, views)
    in_patient = project_volume(values, grid, [view.in_frame(fixed.inverse()) for view in views])
    assert in_room.shape == (2, 48, 60)
    np.testing.assert_allclose(in_patient, in_room, rtol=1e-4, atol=1e-3)


def test_rows_and_columns_keep_their_places_when_rays_are_taken_column_by_column():
    # A detector turned by 90° in its plane is read out the other way, and shows the same rays.
    values = np.random.default_rng(2).uniform(0.0, 1.0, (20, 24, 28)).astype(np.float32)
    grid = Grid.axial(FIXED, values.shape, (1.0, 1.0, 1.0), (-14.0, -12.0, -10.0))
    upright = cone(0.0, size=(12, 8))
    turned = type(upright)(
        FIXED,
        upright.source_mm,
        upright.detector_centre_mm,
        upright.column_direction,
        upright.row_direction,
        upright.pixel_spacing_mm,
        (8, 12),
    )
    one, other = (project_volume(values, grid, [view])[0] for view in (upright, turned))
    np.testing.assert_allclose(other.T, one, rtol=1e-5)


def test_materials_go_together_and_keep_their_order():
    rng = np.random.default_rng(3)
    values = rng.uniform(0.0, 1.0, (5, 12, 14, 16)).astype(np.float32)
    values[1] *= 1000.0
    values[3] -= 0.5  # values below zero have no 16-bit steps: this one goes alone
    grid = Grid.axial(FIXED, values.shape[1:], (1.0, 1.0, 1.0), (-8.0, -7.0, -6.0))
    views = [cone(0.0, size=(6, 5)), cone(50.0, size=(6, 5))]
    found = project_volumes(values, grid, views)
    assert found.shape == (5, 2, 5, 6)
    for material, image in zip(values, found, strict=True):
        alone = project_volume(material, grid, views)
        np.testing.assert_allclose(image, alone, atol=2e-4 * np.abs(alone).max())


def test_air_around_the_patient_is_left_out_and_changes_nothing():
    values = np.zeros((1, 30, 32, 34), np.float32)
    values[0, 8:12, 20:32, 5:9] = np.random.default_rng(4).uniform(0.1, 1.0, (4, 12, 4))
    assert occupied_box(values) == (slice(7, 13), slice(19, 32), slice(4, 10))
    grid = Grid.axial(FIXED, values.shape[1:], (1.0, 1.0, 1.0), (-7.0, -25.0, -10.0))
    view = cone(33.0, size=(16, 12), spacing_mm=2.0)
    everything = values.copy()
    everything[0, 0, 0, 0] = everything[0, -1, -1, -1] = 1e-9
    assert occupied_box(everything) == tuple(slice(0, size) for size in values.shape[1:])
    found, expected = (project_volume(volume[0], grid, [view]) for volume in (values, everything))
    assert expected.max() > 3.0
    np.testing.assert_allclose(found, expected, atol=1e-5 * expected.max())


def test_nothing_but_air_casts_no_shadow():
    assert not project_volume(np.zeros(GRID.shape, np.float32), GRID, [cone(0.0)]).any()


def test_no_view_gives_no_image():
    assert project_volume(np.zeros(GRID.shape, np.float32), GRID, []).size == 0


@pytest.mark.parametrize(
    ("values", "views", "sentence"),
    [
        (np.zeros((3, 4, 5), np.float32), [cone(0.0)], "their grid says"),
        (np.full(GRID.shape, np.nan, np.float32), [cone(0.0)], "holds values that are not finite numbers"),
        (
            np.zeros(GRID.shape, np.float32),
            [cone(0.0).in_frame(fixed_from_planning("HFS", np.zeros(3)).inverse())],
            "cannot look at a volume in 'IEC fixed'",
        ),
        (np.zeros(GRID.shape, np.float32), [cone(0.0), cone(0.0, size=(5, 5))], "need one detector size"),
    ],
)
def test_what_does_not_belong_together_is_refused_in_a_sentence(values, views, sentence):
    with pytest.raises(GeometryError, match=sentence):
        project_volume(values, GRID, views)


def test_a_volume_too_large_for_the_kernel_is_refused_instead_of_wrapping_around():
    grid = Grid.axial(FIXED, (2000, 2000, 2000), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    huge = np.broadcast_to(np.float32(0.0), grid.shape)
    with pytest.raises(GeometryError, match="too large to project"):
        project_volume(huge, grid, [cone(0.0)])


def test_a_volume_that_is_cast_again_and_again_gives_what_one_projection_gives():
    values = np.random.default_rng(2).uniform(0.0, 1.0, (9, 8, 7)).astype(np.float32)
    values[:3] = 0.0
    grid = Grid.axial(FIXED, values.shape, (2.0, 2.0, 3.0), (-7.0, -7.0, -12.0))
    view = cone(30.0, size=(12, 11))
    cast = CastVolume.of(values, grid)
    np.testing.assert_array_equal(cast.project([view]), project_volume(values, grid, [view]))
    assert cast.project([]).shape == (0, 0, 0)
    with pytest.raises(GeometryError, match="cannot look at"):
        cast.project([view.in_frame(fixed_from_planning("HFS", np.zeros(3)).inverse())])


def test_larger_voxels_cast_the_shadow_of_a_block_at_the_same_place_and_as_dark():
    """A block of 21 x 15 x 9 voxels of 0.02 per mm: 0.02 times its thickness where rays go along an axis."""
    values = np.zeros((31, 29, 27), np.float32)
    values[11:20, 7:22, 3:24] = 0.02
    grid = Grid.axial(FIXED, values.shape, (1.0, 1.2, 1.5), (-13.0, -16.8, -22.5))
    centre_mm = grid.xyz(np.array([13.0, 14.0, 15.0]))
    far = cone(0.0, size=(200, 160), spacing_mm=0.5)
    fine = CastVolume.of(values, grid)
    coarse = fine.coarser((2, 3, 1))
    np.testing.assert_allclose(coarse.grid.spacing_mm, [2.0, 3.6, 1.5])
    (shadow,) = coarse.project([far])
    assert shadow.sum() == pytest.approx(fine.project([far])[0].sum(), rel=1e-3)
    rows, columns = np.indices(shadow.shape)
    middle = [(shadow * at).sum() / shadow.sum() for at in (columns, rows)]
    np.testing.assert_allclose(middle, far.project(centre_mm[None])[0], atol=0.2)
    column, row = np.rint(far.project(centre_mm[None])[0]).astype(int)
    along = int(np.argmax(np.abs(grid.direction.T @ far.normal)))
    thickness_mm = (np.array([21, 15, 9]) * grid.spacing_mm)[along]
    assert shadow[row, column] == pytest.approx(0.02 * thickness_mm, rel=0.01)
