"""Masks of structures: holes, keyholes, parts, gaps between contour planes, any orientation of the grid."""

import itertools

import numpy as np
import pydicom
import pytest
from scipy.spatial.transform import Rotation

from isoguide.errors import GeometryError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.mask import structure_mask
from isoguide.images.structure import Contour, Structure

GRID = Grid.axial(PLANNING, (12, 40, 48), (1.0, 1.0, 3.0), (-20.0, -15.0, -9.0))


def rectangle(x, y, z, *, clockwise=False, kind="CLOSED_PLANAR"):
    """Contour round the voxels x[0]..x[1]-1, y[0]..y[1]-1 of GRID, in slice position z (in slices)."""
    corners = [(x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1])]
    ijk = [(i - 0.5, j - 0.5, z) for i, j in (corners[::-1] if clockwise else corners)]
    return Contour(kind, GRID.xyz(np.array(ijk)))


def structure(*contours):
    return Structure("PTV", 1, PLANNING, contours, "PTV")


def filled_slices(*positions, grid=GRID):
    """Slices that a structure drawn at these positions (in slices) fills."""
    mask = structure_mask(structure(*(rectangle((5, 15), (5, 15), z) for z in positions)), grid)
    counts = mask.sum(axis=(1, 2))
    assert set(counts) <= {0, 100}
    return np.flatnonzero(counts).tolist()


OUTER, HOLE = ((8, 32), (8, 32)), ((16, 24), (16, 24))


@pytest.mark.parametrize("clockwise", [False, True])
@pytest.mark.parametrize("kind", ["CLOSED_PLANAR", "CLOSEDPLANAR_XOR"])
def test_a_hole_drawn_as_an_inner_contour_of_either_winding_leaves_512_voxels(clockwise, kind):
    mask = structure_mask(
        structure(rectangle(*OUTER, 4, kind=kind), rectangle(*HOLE, 4, clockwise=clockwise, kind=kind)), GRID
    )
    assert mask.sum() == 512
    assert not mask[4, 16:24, 16:24].any()


@pytest.mark.parametrize("winding", [1, -1])
def test_a_hole_drawn_as_a_keyhole_leaves_512_voxels(winding):
    outer = [(8, 8), (32, 8), (32, 32), (8, 32), (8, 8)]
    hole = [(16, 16), (24, 16), (24, 24), (16, 24), (16, 16)][::winding]
    ijk = [(i - 0.5, j - 0.5, 4) for i, j in outer + hole]
    mask = structure_mask(structure(Contour("CLOSED_PLANAR", GRID.xyz(np.array(ijk)))), GRID)
    assert mask.sum() == 512


def test_two_disjoint_parts_have_100_voxels():
    parts = structure(rectangle((3, 13), (5, 10), 4), rectangle((20, 25), (20, 30), 4))
    assert structure_mask(parts, GRID).sum() == 100


def test_an_island_in_a_hole_is_inside_again():
    island = rectangle((18, 22), (18, 22), 4)
    assert structure_mask(structure(rectangle(*OUTER, 4), rectangle(*HOLE, 4), island), GRID).sum() == 528


def test_a_contour_stored_twice_counts_once():
    assert structure_mask(structure(rectangle(*OUTER, 4), rectangle(*OUTER, 4)), GRID).sum() == 576


def test_points_lines_and_open_contours_enclose_nothing():
    drawn = rectangle(*OUTER, 4)
    passed_over = (
        Contour("POINT", [[0.0, 0.0, 0.0]]),
        Contour("OPEN_PLANAR", drawn.xyz_mm),
        Contour("CLOSED_PLANAR", drawn.xyz_mm[:2]),
    )
    assert structure_mask(structure(*passed_over, drawn), GRID).sum() == 576
    with pytest.raises(GeometryError, match="'PTV' has no closed contour"):
        structure_mask(structure(*passed_over), GRID)


def test_contours_through_voxel_centres_take_the_voxels_half_covered():
    ijk = np.array([(10, 10, 4), (20, 10, 4), (20, 20, 4), (10, 20, 4)], dtype=float)
    mask = structure_mask(structure(Contour("CLOSED_PLANAR", GRID.xyz(ijk))), GRID)
    assert mask.sum() == 11 * 11 - 4


def test_slices_take_the_nearest_contour_plane():
    assert filled_slices(3, 4, 5) == [3, 4, 5]
    assert filled_slices(3.3, 4.3, 5.3) == [3, 4, 5]
    assert filled_slices(2.7, 3.7, 4.7) == [3, 4, 5]


def test_contours_on_every_third_slice_leave_no_gaps():
    assert filled_slices(2, 5, 8) == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_contours_on_every_second_slice_leave_no_gaps_and_keep_the_volume():
    assert len(filled_slices(2, 4, 6)) == 6
    assert set(filled_slices(2, 4, 6)) >= {2, 3, 4, 5, 6}


def test_a_single_contour_fills_one_slice_and_a_pair_what_is_between():
    assert filled_slices(4) == [4]
    assert filled_slices(3, 6) == [2, 3, 4, 5, 6, 7]


def test_a_gap_that_stands_out_separates_two_parts():
    assert filled_slices(1, 2, 3, 8, 9, 10) == [1, 2, 3, 8, 9, 10]
    assert filled_slices(1, 2, 3, 5, 6) == [1, 2, 3, 5, 6]
    assert filled_slices(1, 2, 3, 9) == [1, 2, 3, 9]


def test_a_spacing_that_changes_on_the_way_is_followed():
    assert filled_slices(1, 4, 7, 8, 9) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_contours_farther_apart_than_anybody_draws_are_separate():
    assert filled_slices(2, 8) == [2, 8]


def test_contours_closer_than_the_slices_do_not_make_the_structure_thicker():
    fine = [2.0 + n / 6.0 for n in range(18)]
    assert filled_slices(*fine) == [2, 3, 4]


def test_a_part_that_passes_between_two_slices_takes_the_nearest():
    assert filled_slices(4.3, 4.4) == [4]
    assert filled_slices(4.55, 4.7) == [5]
    assert filled_slices(-0.2, -0.1) == [0]


def test_what_lies_beyond_the_grid_is_cut_off():
    assert filled_slices(-3, -2, -1) == []
    assert filled_slices(-2, -1, 0, 1) == [0, 1]
    assert filled_slices(11, 12, 13) == [11]
    assert filled_slices(13.2, 13.3) == []


def test_vertices_rounded_in_the_file_stay_in_their_plane():
    contour = rectangle((5, 15), (5, 15), 4)
    noisy = contour.xyz_mm + np.array([[0, 0, 0.02], [0, 0, -0.03], [0, 0, 0.01], [0, 0, 0.0]])
    hole = rectangle((8, 10), (8, 10), 4).xyz_mm + np.array([0, 0, 0.05])
    drawn = structure(Contour("CLOSED_PLANAR", noisy), Contour("CLOSED_PLANAR", hole))
    assert structure_mask(drawn, GRID).sum() == 96


def oriented(axes, signs):
    """GRID with its index axes permuted and turned round: the same voxels in another order."""
    direction = np.eye(3)[:, axes] * signs
    sizes = np.array(GRID.shape[::-1])[list(axes)]
    first = np.where(np.array(signs) > 0, 0, sizes - 1)
    origin = np.empty(3)
    origin[list(axes)] = first
    return Grid(PLANNING, tuple(sizes[::-1]), GRID.spacing_mm[list(axes)], GRID.xyz(origin), direction)


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, 1), (1, -1, -1), (-1, -1, -1)])
def test_the_mask_is_the_same_whichever_way_the_grid_runs(axes, signs):
    drawn = structure(
        *(rectangle((5, 15), (6, 13), z) for z in (2, 4, 6)), *(rectangle((7, 9), (8, 9), z) for z in (2, 4))
    )
    plain = structure_mask(drawn, GRID)
    turned = structure_mask(drawn, oriented(axes, signs))
    back = np.flip(turned, [2 - n for n in range(3) if signs[n] < 0])
    # Array axes [k, j, i] run against the order of the index coordinates.
    order = [2 - list(axes).index(2 - n) for n in range(3)]
    np.testing.assert_array_equal(np.transpose(back, order), plain)


def test_sagittal_contours_are_filled_on_axial_slices():
    x_mm = GRID.xyz([10, 0, 0])[0]
    corners = [(-5.5, -7.5), (4.5, -7.5), (4.5, 10.5), (-5.5, 10.5)]
    contours = [
        Contour("CLOSED_PLANAR", [[x_mm + n, y_mm, z_mm] for y_mm, z_mm in corners]) for n in range(4)
    ]
    mask = structure_mask(structure(*contours), GRID)
    assert mask.sum() == 4 * 10 * 6
    assert mask[:, :, 10:14].sum() == mask.sum()


def test_a_tilted_grid_takes_the_contours_drawn_on_it():
    tilt = Rotation.from_euler("x", 12.0, degrees=True).as_matrix()
    grid = Grid(PLANNING, GRID.shape, GRID.spacing_mm, GRID.origin_mm, tilt)
    ijk = [(7.5, 7.5, 4), (31.5, 7.5, 4), (31.5, 31.5, 4), (7.5, 31.5, 4)]
    mask = structure_mask(structure(Contour("CLOSED_PLANAR", grid.xyz(np.array(ijk)))), grid)
    assert mask.sum() == 576


def test_contours_oblique_to_the_grid_are_refused():
    tilt = Rotation.from_euler("xy", [12.0, 9.0], degrees=True).as_matrix()
    oblique = Contour("CLOSED_PLANAR", rectangle(*OUTER, 4).xyz_mm @ tilt.T)
    with pytest.raises(GeometryError, match="'PTV' are not flat along any axis"):
        structure_mask(structure(oblique), GRID)


def test_contours_drawn_in_two_directions_are_refused():
    axial = rectangle(*OUTER, 4)
    with pytest.raises(GeometryError, match="not flat along any axis"):
        structure_mask(structure(axial, Contour("CLOSED_PLANAR", axial.xyz_mm[:, [2, 1, 0]])), GRID)


def test_a_structure_of_another_frame_is_refused():
    elsewhere = Structure("PTV", 1, DAILY, (rectangle(*OUTER, 4),))
    with pytest.raises(GeometryError, match="in 'daily patient LPS' but the grid in 'planning patient LPS'"):
        structure_mask(elsewhere, GRID)


def test_the_sphere_of_a_published_dvh_benchmark_has_its_analytic_volume(shared_data):
    # Nelms et al., Med. Phys. 42:4435 (2015): contours of a sphere of 24 mm diameter on slices of 2 mm.
    folder = "pps/tests/tests_validation/benchmark_data/DVH-Analysis-Data-Etc/STRUCTURES"
    path = shared_data / folder / "Sphere_20_0.dcm"
    if not path.is_file():
        pytest.skip("the DVH benchmark is absent from the public test data")
    drawn = pydicom.dcmread(path).ROIContourSequence[0].ContourSequence
    contours = [Contour("CLOSED_PLANAR", np.reshape(c.ContourData, (-1, 3)).astype(float)) for c in drawn]
    sphere = structure(*contours)
    low, high = sphere.points_mm.min(axis=0) - 4.0, sphere.points_mm.max(axis=0) + 4.0
    shape = np.ceil((high - low)[::-1] / (1.0, 0.5, 0.5)).astype(int)
    grid = Grid(PLANNING, tuple(shape), np.array([0.5, 0.5, 1.0]), low, np.eye(3))
    volume_mm3 = structure_mask(sphere, grid).sum() * 0.25
    # Slabs of 2 mm and polygons inside the circle miss about 1 % of a sphere this small.
    assert volume_mm3 == pytest.approx(4.0 / 3.0 * np.pi * 12.0**3, rel=0.02)
