"""What can be prepared for radiographs, what is refused, and where patches of rays lie."""

import numpy as np
import pytest
from radiograph_cases import ISOCENTRE_MM, PAIR, anatomy, expose, lying, planning_ct, prepared_pair, view

from isoguide.errors import GeometryError, InputError, MissingEvidenceError
from isoguide.geometry.frames import FIXED, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.volume import Volume
from isoguide.projection.analytic import Solid
from isoguide.registration import RadiographSettings, prepare_radiographs
from isoguide.registration.couch_freedom import motion_basis
from isoguide.registration.radiographs.library import best_starts, coarse_image
from isoguide.registration.radiographs.rays import ray_volume, rays_inside


@pytest.fixture(scope="module")
def smooth_ct():
    """Build a body without anything inside."""
    return planning_ct(anatomy()[:1])


def test_a_view_with_nothing_to_match_on_is_refused():
    # A block with plane faces beyond every ray: no edge in any view.
    grid = Grid.axial(PLANNING, (60, 60, 60), (5.0,) * 3, tuple(ISOCENTRE_MM - 147.5))
    block = Volume(grid, np.zeros(grid.shape, np.int16))
    with pytest.raises(InputError, match="places of the planning CT to match on"):
        prepare_radiographs(block, isocentre_mm=ISOCENTRE_MM, views=PAIR)


def test_air_alone_is_no_patient():
    grid = Grid.axial(PLANNING, (40, 40, 40), (5.0,) * 3, tuple(ISOCENTRE_MM - 97.5))
    air = Volume(grid, np.full(grid.shape, -1000, np.int16))
    with pytest.raises(InputError, match="no body near the isocentre"):
        prepare_radiographs(air, isocentre_mm=ISOCENTRE_MM, views=PAIR)


def test_an_isocentre_outside_the_image_is_refused(smooth_ct):
    with pytest.raises(InputError, match="outside the planning image"):
        prepare_radiographs(smooth_ct, isocentre_mm=ISOCENTRE_MM + 500.0, views=PAIR)


def test_views_are_needed_and_in_the_planning_frame(smooth_ct):
    with pytest.raises(GeometryError, match="at least one view"):
        prepare_radiographs(smooth_ct, isocentre_mm=ISOCENTRE_MM, views=())
    with pytest.raises(GeometryError, match="not in 'IEC fixed'"):
        prepare_radiographs(smooth_ct, isocentre_mm=ISOCENTRE_MM, views=(view(0.0, FIXED),))


def test_grey_values_have_no_attenuation(smooth_ct):
    grey = Volume(smooth_ct.grid, smooth_ct.values, is_hounsfield=False)
    with pytest.raises(MissingEvidenceError, match="no Hounsfield units"):
        prepare_radiographs(grey, isocentre_mm=ISOCENTRE_MM, views=PAIR)


def test_calibration_has_to_fit_the_views(smooth_ct):
    one = RadiographSettings(calibration_mm2=(np.eye(2),))
    with pytest.raises(InputError, match="1 calibration covariances do not fit 2 views"):
        prepare_radiographs(smooth_ct, isocentre_mm=ISOCENTRE_MM, views=PAIR, settings=one)


class TestSettings:
    def test_degrees_of_freedom_are_three_four_or_six(self):
        with pytest.raises(InputError, match="must be 3, 4 or 6, not 5"):
            RadiographSettings(degrees_of_freedom=5)

    def test_an_axis_has_a_length(self):
        with pytest.raises(InputError, match="has no length"):
            RadiographSettings(yaw_axis_lps=(0.0, 0.0, 0.0))

    @pytest.mark.parametrize("matrix", [[[1.0, 0.5], [0.0, 1.0]], [[1.0, 2.0], [2.0, 1.0]]])
    def test_a_covariance_is_one(self, matrix):
        with pytest.raises(InputError, match="is no covariance"):
            RadiographSettings(calibration_mm2=(np.array(matrix),))

    def test_motions_that_a_couch_can_correct(self):
        assert motion_basis(RadiographSettings(degrees_of_freedom=3)).shape == (6, 3)
        yaw = motion_basis(RadiographSettings(degrees_of_freedom=4, yaw_axis_lps=(0.0, -2.0, 0.0)))[:, 3]
        np.testing.assert_array_equal(yaw, [0.0, 0.0, 0.0, 0.0, -1.0, 0.0])


@pytest.fixture(scope="module")
def long_body():
    """Return a cylinder along the body that the CT cuts 60 mm above and below the isocentre."""
    grid = Grid.axial(PLANNING, (61, 81, 81), (2.0,) * 3, tuple(ISOCENTRE_MM - np.array([80, 80, 60])))
    solid = Solid("cylinder", ISOCENTRE_MM, np.array([60.0, 60.0, 500.0]), 0.02)
    return ray_volume(solid.voxels(grid), grid, ISOCENTRE_MM, 2.0, 1000.0)


class TestTheEndsOfTheCt:
    def test_both_ends_cut_the_body(self, long_body):
        assert long_body.cut == (True, True)

    def test_rays_that_would_miss_tissue_beyond_them_do_not_count(self, long_body):
        source = np.array([0.0, -1000.0, 0.0])
        pixels = np.array(
            [[0.0, 1000.0, 0.0], [0.0, 1000.0, 90.0], [0.0, 1000.0, 130.0], [400.0, 1000.0, 0.0]]
        )
        # At the back of the body, 1060 mm from the source, the second ray is 48 mm up, the third 69 mm.
        assert rays_inside(long_body, source, pixels).tolist() == [True, True, False, True]

    def test_rays_that_enter_through_tissue_at_the_side_do_not_count(self):
        # The CT ends 30 mm to the left and right inside the body, as with shoulders; the free end is above.
        grid = Grid.axial(PLANNING, (61, 81, 31), (2.0,) * 3, tuple(ISOCENTRE_MM - np.array([30, 80, 60])))
        solid = Solid("ellipsoid", ISOCENTRE_MM, np.array([60.0, 60.0, 50.0]), 0.02)
        volume = ray_volume(solid.voxels(grid), grid, ISOCENTRE_MM, 2.0, 1000.0)
        source = np.array([1000.0, 0.0, 0.0])
        pixels = np.array([[-1000.0, 0.0, 0.0], [-1000.0, 0.0, 110.0]])
        assert volume.cut == (False, False)
        assert rays_inside(volume, source, pixels).tolist() == [False, True]


def test_the_search_leads_near_a_patient_who_lies_far_off():
    prepared = prepared_pair()
    truth = lying((20.0, -16.0, 24.0), (-4.0, 5.0, 3.0))
    images = [
        coarse_image(image.view, part.wide, image.values, ISOCENTRE_MM)
        for image, part in zip(expose(anatomy(), truth), prepared.library.views, strict=True)
    ]
    seen = [np.ones_like(image) for image in images]
    starts = best_starts(prepared.library, images, seen, ISOCENTRE_MM, 5)
    assert len(starts) == 5
    off = [np.linalg.norm((pose - truth.matrix)[:3] @ np.append(ISOCENTRE_MM, 1.0)) for pose in starts]
    # Lattice of 4 mm, rotations of 3°: the best is within a step.
    assert min(off) < 6.0
