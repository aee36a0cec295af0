"""Seeds in CT and radiographs are found where they were drawn, and nothing else is taken for one."""

import numpy as np
import pytest
from marker_images import AXES, PLANNED, SEEDS, kv_view, radiograph, seeds_in_ct

from isoguide.errors import GeometryError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.radiograph import Radiograph
from isoguide.images.volume import Volume
from isoguide.registration.markers import DeclaredMarkers, MarkerKind, find_in_radiograph, find_in_volume
from isoguide.virtual.markers import paint_rod

CENTRES = np.array([marker.position_mm for marker in PLANNED])
BALL = DeclaredMarkers(MarkerKind.SPHERE, 2.0, 2.0, 1)
WIRE = DeclaredMarkers(MarkerKind.COIL, 10.0, 0.75, 3)


def nearest(found, truth):
    """Distances (n, d) of the nearest thing found to each true place."""
    return np.array([min((place - at for place in found), key=np.linalg.norm) for at in truth])


@pytest.fixture(scope="module")
def oblique():
    return radiograph(kv_view(35.0), CENTRES[:3], AXES[:3], np.random.default_rng(11))


@pytest.fixture(scope="module")
def found(oblique):
    return find_in_radiograph(oblique, SEEDS, CENTRES[:3] + 4.0)


class TestInCt:
    @pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (1.0, 1.0, 2.0)])
    def test_three_seeds_are_found_within_a_tenth_of_a_voxel(self, spacing_mm):
        rng = np.random.default_rng(3)
        centres = CENTRES[:3] + rng.uniform(-1.0, 1.0, (3, 3))

        found = find_in_volume(seeds_in_ct(centres, AXES[:3], rng, spacing_mm), SEEDS)

        errors = nearest([marker.measured.position_mm for marker in found], centres) / spacing_mm
        assert len(found) == 3
        assert np.sqrt((errors**2).mean()) <= 0.1

    def test_the_direction_of_a_seed_is_that_of_the_needle(self):
        rng = np.random.default_rng(4)
        volume = seeds_in_ct(CENTRES[:1], AXES[:1], rng, (1.0, 1.0, 1.0))

        (found,) = find_in_volume(volume, DeclaredMarkers(MarkerKind.SEED, 5.0, 1.0, 1))

        assert abs(found.axis @ AXES[0]) >= np.cos(np.deg2rad(10.0))
        assert found.length_mm == pytest.approx(5.0, abs=1.0)

    def test_tissue_and_an_edge_of_bone_are_no_seeds(self):
        volume = seeds_in_ct(CENTRES[:0], AXES[:0], np.random.default_rng(5))

        assert find_in_volume(volume, SEEDS) == ()

    def test_a_uniform_image_holds_no_seed(self):
        grid = Grid.axial(PLANNING, (20, 20, 20), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))

        assert find_in_volume(Volume(grid, np.zeros((20, 20, 20), np.int16)), SEEDS) == ()

    def test_a_long_needle_of_the_same_metal_is_no_seed(self):
        rng = np.random.default_rng(6)
        volume = seeds_in_ct(CENTRES[:3], AXES[:3], rng)
        values = volume.values.copy()
        needle = (np.array([5.0, 15.0, -22.0]), np.array([5.0, 15.0, 22.0]))
        paint_rod(values, volume.grid, needle, 1.0, 20000.0)

        found = find_in_volume(Volume(volume.grid, np.minimum(values, 3071.0)), SEEDS)

        assert len(found) == 3
        places = [marker.measured.position_mm for marker in found]
        assert np.abs(nearest(places, CENTRES[:3])).max() < 1.0

    def test_a_missing_seed_is_not_replaced_by_something_else(self):
        volume = seeds_in_ct(CENTRES[:2], AXES[:2], np.random.default_rng(7))

        assert len(find_in_volume(volume, SEEDS)) == 2

    def test_a_ball_is_found_within_a_tenth_of_a_voxel(self):
        rng = np.random.default_rng(8)
        at = np.array([3.27, -4.41, 5.68])
        volume = seeds_in_ct(at[None], AXES[:1], rng, (1.0, 1.0, 1.0), diameter_mm=2.0, length_mm=2.0)

        (found,) = find_in_volume(volume, BALL)

        assert np.abs(found.measured.position_mm - at).max() <= 0.1
        assert (found.axis == 0.0).all()

    def test_a_seed_cut_by_the_border_of_the_image_has_no_centre(self):
        centres = np.array([[3.0, 4.0, 5.0], [29.5, 4.0, -5.0]])
        volume = seeds_in_ct(centres, AXES[:2], np.random.default_rng(10))

        (found,) = find_in_volume(volume, SEEDS)

        assert np.abs(found.measured.position_mm - centres[0]).max() < 1.0

    @pytest.mark.parametrize("number", [1, 2, 3, 4])
    def test_a_real_crop_that_cuts_the_marker_gives_no_centre(self, shared_data, number):
        # Grey values 0 to 255, saturated, with the marker running out of the crop on two sides.
        folder = shared_data / "FiducialMarkers/fiducial_localization/src/test_data/spherical_fiducials"
        values = np.fromfile(folder / f"A3_D2_L{number}.raw", "<f4").reshape(28, 28, 28)
        grid = Grid.axial(PLANNING, values.shape, (0.402344, 0.402344, 0.299988), (0.0, 0.0, 0.0))
        crop = Volume(grid, values, is_hounsfield=False)

        assert find_in_volume(crop, DeclaredMarkers(MarkerKind.SPHERE, 5.0, 5.0, 1)) == ()

    def test_a_folded_coil_is_still_this_marker(self):
        rng = np.random.default_rng(9)
        volume = seeds_in_ct(CENTRES[:3], AXES[:3], rng, (1.0, 1.0, 1.0), diameter_mm=1.0, length_mm=6.0)

        assert len(find_in_volume(volume, WIRE)) == 3


class TestInRadiographs:
    def test_three_seeds_are_found_within_0_15_pixel(self, oblique, found):
        errors = nearest([marker.pixel for marker in found], oblique.view.project(CENTRES[:3]))

        assert len(found) == 3
        assert np.sqrt((errors**2).mean()) <= 0.15

    def test_an_image_of_intensity_says_the_same(self, oblique, found):
        intensity = Radiograph(oblique.view, np.exp(-oblique.values), "intensity")

        again = find_in_radiograph(intensity, SEEDS, CENTRES[:3] + 4.0)

        np.testing.assert_allclose([m.pixel for m in again], [m.pixel for m in found], atol=0.02)

    def test_the_whole_image_holds_no_more_seeds_than_were_implanted(self, oblique):
        assert len(find_in_radiograph(oblique, SEEDS, np.zeros((1, 3)), reach_mm=None)) == 3

    def test_beside_the_detector_there_is_nothing_to_find(self, oblique):
        assert find_in_radiograph(oblique, SEEDS, np.array([[0.0, 150.0, 0.0]]), reach_mm=5.0) == ()

    def test_tissue_and_an_edge_of_bone_are_no_seeds(self):
        empty = radiograph(kv_view(0.0), CENTRES[:0], AXES[:0], np.random.default_rng(12))

        assert find_in_radiograph(empty, SEEDS, CENTRES[:3]) == ()

    def test_two_seeds_that_cross_are_both_found_and_marked(self):
        view = kv_view(0.0)
        centres = np.array([[0.0, 0.0, 0.0], [1.2, 1.5, 8.0]])
        axes = np.array([[0.0, 1.0, 0.05], [1.0, 0.2, 0.1]])
        axes /= np.linalg.norm(axes, axis=1)[:, None]
        image = radiograph(view, centres, axes, np.random.default_rng(13))

        found = find_in_radiograph(image, DeclaredMarkers(MarkerKind.SEED, 5.0, 1.0, 2), centres)

        errors = nearest([marker.pixel for marker in found], view.project(centres))
        assert len(found) == 2
        assert all(marker.overlapped for marker in found)
        assert np.abs(errors).max() <= 0.5


class TestDeclaration:
    @pytest.mark.parametrize(
        ("length_mm", "diameter_mm", "count", "said"),
        [
            (1.0, 2.0, 3, "diameter"),
            (50.0, 1.0, 3, "30 mm"),
            (5.0, 0.0, 3, "above 0"),
            (5.0, 1.0, 0, "at least"),
        ],
    )
    def test_an_impossible_marker_is_refused(self, length_mm, diameter_mm, count, said):
        with pytest.raises(GeometryError, match=said):
            DeclaredMarkers(MarkerKind.SEED, length_mm, diameter_mm, count)

    def test_a_sphere_is_as_long_as_it_is_thick(self):
        with pytest.raises(GeometryError, match="sphere"):
            DeclaredMarkers(MarkerKind.SPHERE, 5.0, 1.0, 3)
