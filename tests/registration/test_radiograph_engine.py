"""A stereo pair against exact line integrals: where the patient lies, and when not to say so."""

from dataclasses import replace

import numpy as np
import pytest
from radiograph_cases import (
    ISOCENTRE_MM,
    PAIR,
    anatomy,
    bony_ct,
    errors_mm,
    expose,
    lying,
    motion_error,
    prepared_pair,
    view,
)

from isoguide.errors import GeometryError, InputError, MismatchError
from isoguide.geometry.frames import DAILY, FIXED, PLANNING
from isoguide.geometry.transforms import RigidTransform, rotation_angle_deg
from isoguide.images.radiograph import Radiograph
from isoguide.images.radiograph_view import RadiographView
from isoguide.registration import (
    RadiographSettings,
    Verdict,
    prepare_radiographs,
    register_radiographs,
)

AS_PLANNED = RigidTransform.identity(PLANNING, DAILY)


@pytest.fixture(scope="module")
def solids():
    return anatomy()


@pytest.fixture(scope="module")
def ct():
    return bony_ct()


@pytest.fixture(scope="module")
def prepared():
    return prepared_pair()


@pytest.fixture(scope="module")
def truth():
    return lying((8.0, -6.0, 9.0), (2.0, -2.5, 3.0))


@pytest.fixture(scope="module")
def images(solids, truth):
    return expose(solids, truth)


@pytest.fixture(scope="module")
def answer(prepared, images):
    return register_radiographs(prepared, images)


@pytest.fixture(scope="module")
def alone(ct, solids, truth):
    one = prepare_radiographs(ct, isocentre_mm=ISOCENTRE_MM, views=PAIR[:1])
    return register_radiographs(one, expose(solids, truth, PAIR[:1]))


def test_a_displaced_patient_is_found_to_a_fraction_of_a_voxel(answer, truth):
    # Voxels of 2 mm; Xsight Spine reaches 0.4 mm RMS with a phantom.
    assert answer.verdict is Verdict.ACCEPT
    assert errors_mm(answer.planning_from_daily, truth).max() < 0.3


def test_the_error_lies_within_the_stated_uncertainty(answer, truth):
    xi = motion_error(answer.planning_from_daily, truth)
    # 99.9 % quantile of chi-square with six degrees of freedom.
    assert xi @ np.linalg.solve(answer.uncertainty.covariance, xi) < 22.5


def test_a_patient_far_off_is_found_too(prepared, solids):
    truth = lying((-24.0, 20.0, -22.0), (-5.5, 5.0, -5.0))
    answer = register_radiographs(prepared, expose(solids, truth, seed=1))
    assert answer.planning_from_daily is not None
    assert errors_mm(answer.planning_from_daily, truth).max() < 0.5


def test_tracking_follows_a_small_motion(prepared, solids, truth):
    moved = lying((9.0, -6.5, 9.5), (2.2, -2.5, 3.2))
    start = truth.inverse()
    answer = register_radiographs(prepared, expose(solids, moved, seed=2), initial=start, tracking=True)
    assert errors_mm(start, moved).max() > 0.9
    assert errors_mm(answer.planning_from_daily, moved).max() < 0.3
    assert answer.quality.alternatives == ()


def test_the_same_images_give_the_same_bits(prepared, images, answer):
    again = register_radiographs(prepared, images)
    assert np.array_equal(again.planning_from_daily.matrix, answer.planning_from_daily.matrix)


def test_intensities_give_the_same_answer_as_their_logarithm(prepared, images, answer):
    intensities = tuple(Radiograph(i.view, 0.5 * np.exp(-i.values), "intensity") for i in images)
    again = register_radiographs(prepared, intensities)
    # A refinement stops at steps of 0.01 mm: rounding of the logarithm may end it a tenth of that elsewhere.
    np.testing.assert_allclose(again.planning_from_daily.matrix, answer.planning_from_daily.matrix, atol=1e-3)


def test_gain_offset_and_a_ramp_over_an_image_change_nothing_that_matters(prepared, images, truth):
    # What scatter, exposure and the heel effect do, seen over a patch.
    ramp = np.linspace(0.0, 0.5, 128, dtype=np.float32)
    shaded = tuple(Radiograph(i.view, 0.8 * i.values + ramp + np.float32(0.3), i.quantity) for i in images)
    answer = register_radiographs(prepared, shaded)
    assert errors_mm(answer.planning_from_daily, truth).max() < 0.3


def test_the_images_may_name_their_geometry_in_the_room(prepared, images, answer):
    room = RigidTransform.translation(FIXED, PLANNING, -ISOCENTRE_MM)
    there = tuple(Radiograph(i.view.in_frame(room), i.values, i.quantity) for i in images)
    again = register_radiographs(prepared, there)
    np.testing.assert_allclose(again.planning_from_daily.matrix, answer.planning_from_daily.matrix)


def test_noise_alone_is_not_available_and_has_no_transform(prepared):
    rng = np.random.default_rng(3)
    noise = tuple(
        Radiograph(one, rng.normal(2.0, 0.3, (128, 128)).astype(np.float32), "line integral") for one in PAIR
    )
    answer = register_radiographs(prepared, noise)
    assert answer.verdict is Verdict.NOT_AVAILABLE
    assert answer.planning_from_daily is None
    assert answer.uncertainty is None
    assert answer.reasons


def test_an_imager_whose_second_view_is_off_shows_as_a_disagreement_of_the_views(prepared, solids, truth):
    # The second tube and panel stand 3 mm further to the head than the geometry says.
    off = RigidTransform.translation(PLANNING, PLANNING, (0.0, 0.0, 3.0))
    first, second = expose(solids, truth, (PAIR[0], PAIR[1].in_frame(off)))
    answer = register_radiographs(prepared, (first, replace(second, view=PAIR[1])))
    assert answer.quality.disagreement.shift_mm > 1.0
    assert answer.verdict is not Verdict.ACCEPT


@pytest.mark.parametrize(("degrees", "axis"), [(3, None), (4, (0.0, -1.0, 0.0))])
def test_fewer_degrees_of_freedom_turn_only_as_they_may(prepared, images, truth, degrees, axis):
    fewer = replace(prepared, settings=RadiographSettings(degrees_of_freedom=degrees))
    answer = register_radiographs(fewer, images)
    rotation = answer.planning_from_daily.rotation
    if axis is None:
        np.testing.assert_allclose(rotation, np.eye(3), atol=1e-12)
    else:
        np.testing.assert_allclose(rotation @ axis, axis, atol=1e-9)
    # The shift serves the middle of the target points, here the isocentre.
    assert errors_mm(answer.planning_from_daily, truth, 0.0).max() < 0.3
    assert rotation_angle_deg(answer.unconstrained.rotation) > 3.0


class TestPixelsThatDoNotCount:
    def test_a_blade_over_a_part_of_one_view_changes_little_and_shows_less(self, prepared, images, truth):
        values = images[0].values.copy()
        values[:, :30] = 9.0
        shut = Radiograph(images[0].view, values, "line integral")
        answer = register_radiographs(prepared, (shut, images[1]))
        assert answer.verdict is Verdict.ACCEPT
        assert errors_mm(answer.planning_from_daily, truth).max() < 0.4
        open_quality = register_radiographs(prepared, images).quality
        assert answer.quality.views[0].shown_fraction < open_quality.views[0].shown_fraction

    def test_a_saturated_spot_over_bone_leads_nowhere_when_it_is_masked(self, prepared, images, truth):
        values, counts = images[0].values.copy(), np.ones((128, 128), dtype=bool)
        values[40:70, 50:80], counts[40:70, 50:80] = 0.0, False
        spotted = RadiographView(Radiograph(images[0].view, values, "line integral"), counts, "spot.dcm")
        answer = register_radiographs(prepared, (spotted, images[1]))
        assert errors_mm(answer.planning_from_daily, truth).max() < 0.3

    def test_a_view_that_is_nearly_shut_is_not_available(self, prepared, images):
        counts = np.zeros((128, 128), dtype=bool)
        counts[54:74, 54:74] = True
        shut = RadiographView(images[0], counts, "shut.dcm")
        answer = register_radiographs(prepared, (shut, images[1]))
        assert answer.verdict is Verdict.NOT_AVAILABLE
        assert answer.planning_from_daily is None

    def test_an_image_without_a_pixel_that_counts_is_refused_by_its_name(self, prepared, images):
        dark = RadiographView(images[0], np.zeros((128, 128), dtype=bool), "white.dcm")
        with pytest.raises(InputError, match=r"only 0 % of the pixels of white\.dcm count"):
            register_radiographs(prepared, (dark, images[1]))

    def test_a_blank_image_is_refused(self, prepared, images):
        blank = Radiograph(PAIR[0], np.zeros((128, 128), np.float32), "line integral")
        with pytest.raises(InputError, match="radiograph 1 is blank"):
            register_radiographs(prepared, (blank, images[1]))

    def test_one_image_cannot_serve_as_both_views(self, prepared, images):
        twice = replace(images[0], view=images[1].view)
        with pytest.raises(MismatchError, match="radiographs 1 and 2 are the same image"):
            register_radiographs(prepared, (images[0], twice))


def test_parts_of_a_bent_body_show_where_each_of_them_lies(prepared, solids):
    # All that lies more than 15 mm above the isocentre is exposed 2 mm further to the patient's left.
    def left(solid):
        above = solid.centre_mm[2] > ISOCENTRE_MM[2] + 15.0 and solid is not solids[0]
        return replace(solid, centre_mm=solid.centre_mm + np.array([2.0, 0.0, 0.0])) if above else solid

    answer = register_radiographs(prepared, expose([left(solid) for solid in solids], lying()))
    daily_from_planning = answer.planning_from_daily.inverse()
    # The match turns the body a little towards the bend; what it left over is in the parts.
    lies = {
        round(part.centre_mm[2] - ISOCENTRE_MM[2]): daily_from_planning.apply(part.centre_mm)
        - part.centre_mm
        + part.shift_mm
        for part in answer.quality.residuals
    }
    np.testing.assert_allclose(lies[30], [2.0, 0.0, 0.0], atol=0.7)
    np.testing.assert_allclose(lies[-30], [0.0, 0.0, 0.0], atol=0.7)


class TestOneView:
    def test_there_is_no_transform_and_the_reason_is_the_depth(self, alone):
        assert alone.verdict is Verdict.NOT_AVAILABLE
        assert alone.planning_from_daily is None
        assert alone.unconstrained is None
        assert "how far along its axis" in alone.reasons[0]

    def test_the_five_other_motions_are_there(self, alone, truth):
        five = alone.without_depth
        # Seen from 45°: rows run along (1, 1, 0), columns towards the feet.
        across = (8.0 - 6.0) / np.sqrt(2.0)
        np.testing.assert_allclose(five.shift_mm, [across, -9.0], atol=0.5)
        assert rotation_angle_deg(five.rotation.T @ truth.rotation) < 0.5
        np.testing.assert_allclose(five.depth_direction, np.array([-1.0, 1.0, 0.0]) / np.sqrt(2.0), atol=1e-9)
        assert five.covariance.shape == (5, 5)


def test_views_that_look_the_same_way_do_not_answer(ct, solids, truth):
    close = (view(45.0), view(50.0))
    prepared = prepare_radiographs(ct, isocentre_mm=ISOCENTRE_MM, views=close)
    answer = register_radiographs(prepared, expose(solids, truth, close))
    assert answer.verdict is Verdict.NOT_AVAILABLE
    assert "5° apart" in answer.reasons[0]


def test_the_calibration_of_the_views_adds_to_the_uncertainty(prepared, images, answer):
    # 1 mm along the columns of both views, independently: 1/sqrt(2) mm along the long axis in the mean.
    known = (np.diag([0.0, 1.0]), np.diag([0.0, 1.0]))
    unsure = register_radiographs(
        replace(prepared, settings=RadiographSettings(calibration_mm2=known)), images
    )
    np.testing.assert_array_equal(unsure.planning_from_daily.matrix, answer.planning_from_daily.matrix)
    added = unsure.uncertainty.covariance - answer.uncertainty.covariance
    assert np.sqrt(added[2, 2]) == pytest.approx(np.sqrt(0.5), rel=0.15)


class TestRefusals:
    def test_tracking_needs_a_start(self, prepared, images):
        with pytest.raises(InputError, match="tracking needs the last pose"):
            register_radiographs(prepared, images, tracking=True)

    def test_the_start_has_to_be_planning_from_daily(self, prepared, images):
        with pytest.raises(GeometryError, match="the initial transform must be"):
            register_radiographs(prepared, images, initial=AS_PLANNED.inverse())

    def test_every_view_needs_its_image(self, prepared, images):
        with pytest.raises(MismatchError, match="1 radiographs do not fit 2 prepared views"):
            register_radiographs(prepared, images[:1])

    def test_exchanged_images_are_noticed_where_the_geometry_tells(self, prepared, images):
        moved = RigidTransform.translation(PLANNING, PLANNING, (0.0, 0.0, 5.0))
        second = Radiograph(images[1].view.in_frame(moved), images[1].values, "line integral")
        with pytest.raises(MismatchError, match="another geometry than prepared"):
            register_radiographs(prepared, (images[0], second))

    def test_other_pixels_are_noticed(self, prepared, images):
        other = replace(images[0].view, pixel_spacing_mm=(1.7, 1.7))
        with pytest.raises(MismatchError, match="radiograph 1 has other pixels"):
            register_radiographs(prepared, (Radiograph(other, images[0].values, "line integral"), images[1]))

    def test_one_frame_for_all_images(self, prepared, images):
        room = RigidTransform.translation(FIXED, PLANNING, -ISOCENTRE_MM)
        there = Radiograph(images[1].view.in_frame(room), images[1].values, "line integral")
        with pytest.raises(MismatchError, match="different frames"):
            register_radiographs(prepared, (images[0], there))
