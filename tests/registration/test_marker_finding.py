"""Seeds in CT and radiographs are found where they were drawn, and nothing else is taken for one."""

import numpy as np
import pytest
from marker_images import AXES, PLANNED, SEEDS, kv_view, radiograph, seeds_in_ct
from scipy import ndimage

from isoguide.errors import GeometryError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.radiograph import Radiograph
from isoguide.images.volume import Volume
from isoguide.registration.markers import DeclaredMarkers, MarkerKind, find_in_radiograph, find_in_volume
from isoguide.virtual.markers import paint_rod

CROP_MM = (0.402344, 0.402344, 0.299988)
CROPPED = DeclaredMarkers(MarkerKind.SPHERE, 4.0, 4.0, 1)
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

    def test_a_folded_coil_is_still_this_marker(self):
        rng = np.random.default_rng(9)
        volume = seeds_in_ct(CENTRES[:3], AXES[:3], rng, (1.0, 1.0, 1.0), diameter_mm=1.0, length_mm=6.0)

        assert len(find_in_volume(volume, WIRE)) == 3


class TestBalls:
    """Of 4 mm on a stem, as in the crops: grey values 0 to 255 that end inside, 0 below a threshold."""

    def located(self, values, spacing_mm=CROP_MM):
        grid = Grid.axial(PLANNING, values.shape, spacing_mm, (0.0, 0.0, 0.0))
        crop = Volume(grid, values.astype(np.float32), is_hounsfield=False)
        return [marker.measured.position_mm for marker in find_in_volume(crop, CROPPED)]

    def drawn(self, at, rng):
        values = np.zeros((28, 28, 28), np.float32)
        grid = Grid.axial(PLANNING, values.shape, CROP_MM, (0.0, 0.0, 0.0))
        paint_rod(values, grid, (at, at), 4.0, 700.0)
        paint_rod(values, grid, (at, at + [1.5, -1.0, 6.0]), 2.0, 700.0)
        blurred = ndimage.gaussian_filter(values, 0.35 / np.array(CROP_MM[::-1]))
        noisy = blurred + 10.0 * rng.standard_normal(values.shape)
        return np.where(noisy < 166.0, 0.0, np.minimum(noisy, 255.0))

    @pytest.mark.parametrize("at", [(5.4, 5.2, 4.3), (8.6, 8.7, 4.1)])
    def test_a_ball_on_a_stem_is_found_within_0_1_mm_where_the_scale_ends(self, at):
        (found,) = self.located(self.drawn(np.array(at), np.random.default_rng(8)))

        assert np.linalg.norm(found - at) <= 0.1

    def test_a_ball_cut_by_the_border_of_the_image_has_no_centre(self):
        assert self.located(self.drawn(np.array([10.6, 5.4, 4.2]), np.random.default_rng(9))) == []

    @pytest.fixture(params=[1, 2, 3, 4])
    def crop(self, request, shared_data):
        folder = shared_data / "FiducialMarkers/fiducial_localization/src/test_data/spherical_fiducials"
        return np.fromfile(folder / f"A3_D2_L{request.param}.raw", "<f4").reshape(28, 28, 28)

    def test_a_real_crop_gives_the_centre_of_the_sphere_through_its_surface(self, crop):
        # Independent: the algebraic least-squares sphere through the surface voxels of the middle slices,
        # between the two ends of the stem.
        (found,) = self.located(crop)

        solid = crop > 0.0
        surface = np.argwhere(solid & ~ndimage.binary_erosion(solid))[:, ::-1] * CROP_MM
        surface = surface[np.abs(surface[:, 2] - found[2]) <= 1.2]
        system = np.column_stack([2.0 * surface, np.ones(len(surface))])
        sphere = np.linalg.lstsq(system, (surface**2).sum(axis=1), rcond=None)[0]
        assert np.linalg.norm(found[:2] - sphere[:2]) <= 0.1

    def test_the_centre_in_a_real_crop_repeats_within_0_1_mm_on_other_voxels_with_noise(self, crop):
        (first,) = self.located(crop)
        shape = np.array([24, 31, 26])
        kji = np.meshgrid(*(np.linspace(0.0, 27.0, n) for n in shape), indexing="ij")
        noise = 10.0 * np.random.default_rng(10).standard_normal(shape)
        spacing = np.array(CROP_MM) * 27.0 / (shape[::-1] - 1)

        (again,) = self.located(ndimage.map_coordinates(crop, kji, order=1) + noise, tuple(spacing))

        assert np.linalg.norm(again - first) <= 0.1


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

    def test_balls_are_found_within_0_15_pixel(self):
        # Drawn ray by ray: the chord of a ball of 2 mm.
        view, centres = kv_view(20.0), np.array([[0.0, 5.0, -8.0], [10.0, -6.0, 4.0], [-9.0, 2.0, 6.0]])
        pixels = np.argwhere(np.ones((256, 256)))[:, ::-1].astype(float)
        rays = view.pixel_mm(pixels) - view.source_mm
        rays /= np.linalg.norm(rays, axis=1)[:, None]
        off_mm = [np.linalg.norm(np.cross(rays, at - view.source_mm), axis=1) for at in centres]
        chords = sum(2.0 * np.sqrt(np.maximum(1.0 - off**2, 0.0)) for off in off_mm)
        noise = 0.02 * np.random.default_rng(14).standard_normal((256, 256))
        values = 3.0 + ndimage.gaussian_filter(chords.reshape(256, 256), 0.7) + noise
        image = Radiograph(view, values.astype(np.float32), "line integral")

        found = find_in_radiograph(image, DeclaredMarkers(MarkerKind.SPHERE, 2.0, 2.0, 3), centres + 2.0)

        assert len(found) == 3
        assert np.abs(nearest([m.pixel for m in found], view.project(centres))).max() <= 0.15

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


class TestAcrossEachOther:
    """What a marker absorbs in all does not depend on the direction it is seen from."""

    VIEW = kv_view(0.0)

    def found(self, centres, axes, seed):
        centres, axes = np.array(centres, float), np.array(axes, float)
        axes = axes / np.linalg.norm(axes, axis=1)[:, None]
        image = radiograph(self.VIEW, centres, axes, np.random.default_rng(seed))
        declared = DeclaredMarkers(MarkerKind.SEED, 5.0, 1.0, len(centres))
        return find_in_radiograph(image, declared, centres), self.VIEW.project(centres)

    def test_a_seed_seen_along_its_axis_does_not_outshine_the_others(self):
        # The source stands above: two seeds point at it and are many times as dense as the third.
        centres = [[-12.0, 8.0, 0.0], [9.0, -10.0, 5.0], [8.0, 12.0, -6.0]]

        found, true = self.found(centres, [[0.05, 0.0, 1.0], [0.0, 0.1, 1.0], [0.3, 1.0, 0.0]], 31)

        assert len(found) == 3
        assert np.abs(nearest([marker.pixel for marker in found], true)).max() <= 0.5

    @pytest.mark.parametrize(
        ("second", "axes", "seed"),
        [
            ([3.3, 0.9, 8.0], [[1.0, 0.2, 0.3], [1.0, 0.3, 0.8]], 32),
            ([0.4, 0.3, 12.0], [[1.0, 0.1, 0.0], [0.3, 1.0, 0.9]], 33),
            ([1.2, 0.2, 12.0], [[1.0, 0.05, 0.1], [0.15, 0.05, 1.0]], 34),
        ],
        ids=["end to end", "crossing", "one upright on the other"],
    )
    def test_two_seeds_are_told_apart(self, second, axes, seed):
        found, true = self.found([[0.0, 0.0, 0.0], second], axes, seed)

        assert [marker.is_resolved for marker in found] == [True, True]
        assert np.abs(nearest([marker.pixel for marker in found], true)).max() <= 0.5

    def test_two_seeds_that_cover_each_other_are_two_or_named(self):
        # A third seed elsewhere says what one absorbs.
        centres = [[0.0, 0.0, 0.0], [0.1, 0.1, 14.0], [12.0, -9.0, 3.0]]

        found, true = self.found(centres, [[1.0, 0.3, 0.1], [1.0, 0.3, 0.1], [0.2, 1.0, 0.3]], 35)

        at_both = [m for m in found if np.linalg.norm(m.pixel - true[0]) <= 2.0]
        assert len(at_both) == 2 or not at_both[0].is_resolved
        assert np.abs(nearest([marker.pixel for marker in found], true)).max() <= 0.5

    def test_a_star_of_four_seeds_is_named_as_not_resolved_and_no_seed_is_made_of_it(self):
        centres = [[0.0, 0.0, 0.0], [0.1, 0.1, 9.0], [0.0, 0.2, -9.0], [0.2, 0.0, 15.0], [14.0, -9.0, 3.0]]
        axes = [[1.0, 0.0, 0.1], [1.0, 1.0, 0.1], [0.0, 1.0, 0.1], [-1.0, 1.0, 0.1], [0.2, 1.0, 0.3]]

        found, true = self.found(centres, axes, 36)

        clear = [marker.pixel for marker in found if marker.is_resolved]
        hidden = [marker for marker in found if not marker.is_resolved]
        assert len(clear) == 1
        assert np.linalg.norm(clear[0] - true[4]) <= 0.5
        for at in true[:4]:
            off = hidden[0].pixel - at
            assert off @ np.linalg.solve(hidden[0].covariance_px2, off) <= 9.0


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
