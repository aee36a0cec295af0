"""Whole matches on virtual patients whose displacement is known."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from virtual_cases import (
    CONE_BEAM,
    PLAIN_CT,
    ROOM_MM,
    errors_mm,
    found,
    image_of,
    lying,
    lying_anyhow,
    set_up,
)

from isoguide.errors import GeometryError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.transforms import RigidTransform, rotation_angle_deg
from isoguide.images.mask import structure_mask
from isoguide.images.volume import Volume
from isoguide.kernels import chunks
from isoguide.registration import MatchSettings, Region, Verdict, prepare_planning, register_volumes
from isoguide.registration.couch_freedom import motion_basis
from isoguide.registration.verdict import largest_residual_mm
from isoguide.virtual import build_phantom

ERROR_LIMIT_MM = 0.3
"""At any point within 60 mm of the isocentre; a voxel of these images is 1.8 mm."""


@pytest.fixture(scope="module")
def usual(pelvis, prepared_pelvis, displaced_image):
    """The answer in the usual case: a cone-beam CT, some millimetres and degrees."""
    return register_volumes(prepared_pelvis, displaced_image, initial=set_up(pelvis))


@pytest.fixture(scope="module")
def turned_truth(pelvis):
    return lying(pelvis, (7.0, -5.0, 4.0), (2.0, 4.0, -1.5))


@pytest.fixture(scope="module")
def turned_day(pelvis, turned_truth):
    return image_of(pelvis, turned_truth)


class TestClinicalSentences:
    @pytest.mark.parametrize(
        ("translation_mm", "where"),
        [
            pytest.param((10.0, 0.0, 0.0), "left", id="10 mm too far to the left"),
            pytest.param((0.0, 10.0, 0.0), "posterior", id="10 mm too far to the back"),
            pytest.param((0.0, 0.0, 10.0), "superior", id="10 mm too far to the head"),
        ],
    )
    def test_a_patient_10_mm_too_far_to_one_side_is_found_there(
        self, pelvis, prepared_pelvis, translation_mm, where
    ):
        day = image_of(pelvis, lying(pelvis, translation_mm))
        answer = register_volumes(prepared_pelvis, day, initial=set_up(pelvis))
        assert answer.verdict is Verdict.ACCEPT
        displacement = found(pelvis, answer.planning_from_daily)
        np.testing.assert_allclose(displacement.translation_mm, translation_mm, atol=0.15)
        assert displacement.angle_deg < 0.1

    def test_a_patient_turned_by_5_degrees_is_found_turned(self, head, prepared_head):
        truth = lying(head, about_xyz_deg=(0.0, 0.0, 5.0))
        answer = register_volumes(prepared_head, image_of(head, truth), initial=set_up(head))
        displacement = found(head, answer.planning_from_daily)
        assert displacement.angle_deg == pytest.approx(5.0, abs=0.1)
        # Turned about the head-foot axis so that the left side goes to the back.
        assert displacement.rotation[1, 0] > 0.0
        np.testing.assert_allclose(displacement.translation_mm, 0.0, atol=0.15)

    def test_a_patient_who_lies_as_planned_needs_no_correction(self, pelvis, prepared_pelvis):
        day = image_of(pelvis, lying(pelvis), PLAIN_CT)
        answer = register_volumes(prepared_pelvis, day, initial=set_up(pelvis))
        displacement = found(pelvis, answer.planning_from_daily)
        assert np.linalg.norm(displacement.translation_mm) < 0.1
        assert displacement.angle_deg < 0.1

    def test_the_answer_says_how_it_was_made_and_why_it_is_believed(self, usual, prepared_pelvis):
        assert usual.verdict is Verdict.ACCEPT
        assert "images agree" in usual.reasons[0]
        assert usual.degrees_of_freedom == 6
        assert usual.settings["region"] == "auto"
        assert usual.algorithm
        np.testing.assert_array_equal(usual.centre_mm, prepared_pelvis.centre_mm)
        quality = usual.quality
        assert 0.9 < quality.similarity <= 1.0
        assert 0.5 < quality.overlap_fraction < 1.0
        assert quality.starts_agreeing[0] == quality.starts_agreeing[1]
        assert quality.inverse_inconsistency_mm < 0.3
        assert quality.condition_number < 100.0
        assert quality.alternatives[0].log_odds > 100.0
        assert len(quality.residuals) > 10

    def test_the_error_is_within_the_uncertainty_stated(self, usual, pelvis, displaced_truth):
        error = errors_mm(pelvis, usual.planning_from_daily, displaced_truth, radius_mm=30.0).max()
        assert error < usual.uncertainty.largest_at_target_mm < 0.3

    def test_a_rigid_patient_shows_no_deformation(self, usual):
        assert largest_residual_mm(usual.quality) < 0.6


@pytest.mark.parametrize(
    ("largest_mm", "largest_deg", "seed"),
    [(10.0, 3.0, 0), (30.0, 8.0, 1), (30.0, 8.0, 2), (50.0, 15.0, 3), (50.0, 15.0, 4)],
)
class TestAnyDisplacementIsFound:
    def test_in_the_pelvis(self, pelvis, prepared_pelvis, largest_mm, largest_deg, seed):
        truth = lying_anyhow(pelvis, largest_mm, largest_deg, seed)
        day = image_of(pelvis, truth, seed=seed)
        answer = register_volumes(prepared_pelvis, day, initial=set_up(pelvis))
        assert answer.verdict is not Verdict.NOT_AVAILABLE
        assert errors_mm(pelvis, answer.planning_from_daily, truth).max() < ERROR_LIMIT_MM

    def test_in_the_head_and_neck(self, head, prepared_head, largest_mm, largest_deg, seed):
        truth = lying_anyhow(head, largest_mm, largest_deg, seed + 10)
        day = image_of(head, truth, seed=seed)
        answer = register_volumes(prepared_head, day, initial=set_up(head))
        assert answer.verdict is not Verdict.NOT_AVAILABLE
        assert errors_mm(head, answer.planning_from_daily, truth).max() < ERROR_LIMIT_MM


class TestFewerDegreesOfFreedom:
    """Solved about the isocentre, not cut out of the full answer."""

    def answer(self, pelvis, day, degrees_of_freedom):
        settings = MatchSettings(degrees_of_freedom=degrees_of_freedom)
        prepared = prepare_planning(pelvis.volume, isocentre_mm=pelvis.isocentre_mm, settings=settings)
        return register_volumes(prepared, day, initial=set_up(pelvis))

    def test_three_shift_the_isocentre_to_its_place_without_turning(self, pelvis, turned_day, turned_truth):
        answer = self.answer(pelvis, turned_day, 3)
        np.testing.assert_allclose(answer.planning_from_daily.rotation, np.eye(3), atol=1e-9)
        displacement = found(pelvis, answer.planning_from_daily)
        np.testing.assert_allclose(displacement.translation_mm, [7.0, -5.0, 4.0], atol=0.15)
        assert errors_mm(pelvis, answer.unconstrained, turned_truth).max() < ERROR_LIMIT_MM
        assert answer.degrees_of_freedom == 3
        assert np.diag(answer.uncertainty.covariance)[3:].max() == 0.0

    def test_four_turn_about_the_vertical_only(self, pelvis, turned_day, turned_truth):
        answer = self.answer(pelvis, turned_day, 4)
        rotation = answer.planning_from_daily.rotation
        np.testing.assert_allclose(rotation @ [0.0, 1.0, 0.0], [0.0, 1.0, 0.0], atol=1e-9)
        assert rotation_angle_deg(rotation) == pytest.approx(4.0, abs=0.2)
        displacement = found(pelvis, answer.planning_from_daily)
        np.testing.assert_allclose(displacement.translation_mm, [7.0, -5.0, 4.0], atol=0.15)
        assert errors_mm(pelvis, answer.unconstrained, turned_truth).max() < ERROR_LIMIT_MM

    def test_a_shift_is_found_as_well_with_three_as_with_six(self, pelvis):
        truth = lying(pelvis, (7.0, -5.0, 4.0))
        answer = self.answer(pelvis, image_of(pelvis, truth), 3)
        assert errors_mm(pelvis, answer.planning_from_daily, truth).max() < ERROR_LIMIT_MM

    def test_the_motions_a_couch_can_make(self):
        assert motion_basis(MatchSettings()).shape == (6, 6)
        np.testing.assert_array_equal(motion_basis(MatchSettings(degrees_of_freedom=3)), np.eye(6)[:, :3])
        yaw = motion_basis(MatchSettings(degrees_of_freedom=4, yaw_axis_lps=(0.0, -2.0, 0.0)))
        np.testing.assert_array_equal(yaw[:, 3], [0.0, 0.0, 0.0, 0.0, -1.0, 0.0])


class TestNoAnswerIsBetterThanAWrongOne:
    def test_another_body_region_has_no_answer(self, pelvis, prepared_pelvis, head):
        answer = register_volumes(prepared_pelvis, image_of(head, lying(head)), initial=set_up(pelvis))
        assert answer.verdict is Verdict.NOT_AVAILABLE
        assert answer.planning_from_daily is None
        assert answer.uncertainty is None
        assert "daily image" in answer.reasons[0] or "same anatomy" in answer.reasons[0]

    def test_another_patient_is_never_accepted(self, head, prepared_head):
        other = build_phantom("head-neck", 1, (1.8, 1.8, 3.0))
        answer = register_volumes(prepared_head, image_of(other, lying(other)), initial=set_up(head))
        assert answer.verdict is Verdict.NOT_AVAILABLE
        assert "is this the right patient" in answer.reasons[0]

    def test_an_image_taken_elsewhere_has_no_answer(self, pelvis, prepared_pelvis, displaced_image):
        far = RigidTransform.translation(PLANNING, DAILY, pelvis.isocentre_mm - ROOM_MM + [0.0, 0.0, 600.0])
        answer = register_volumes(prepared_pelvis, displaced_image, initial=far)
        assert answer.verdict is Verdict.NOT_AVAILABLE
        assert "check --machine-isocentre" in answer.reasons[0]

    def test_an_image_of_one_grey_value_has_no_answer(self, pelvis, prepared_pelvis, displaced_image):
        for grey in (0, -1000, 700):
            values = np.full(displaced_image.grid.shape, grey, np.int16)
            blank = Volume(displaced_image.grid, values, is_hounsfield=False)
            answer = register_volumes(prepared_pelvis, blank, initial=set_up(pelvis))
            assert answer.verdict is Verdict.NOT_AVAILABLE
            assert "no place was found" in answer.reasons[0]

    def test_an_image_of_noise_has_no_answer(self, pelvis, prepared_pelvis, displaced_image):
        values = np.random.default_rng(1).normal(0.0, 300.0, displaced_image.grid.shape).astype(np.int16)
        noise = Volume(displaced_image.grid, values, is_hounsfield=False)
        answer = register_volumes(prepared_pelvis, noise, initial=set_up(pelvis))
        assert answer.verdict is Verdict.NOT_AVAILABLE

    def test_frames_that_are_confused_are_refused(self, prepared_pelvis, displaced_image, pelvis):
        with pytest.raises(GeometryError, match="must be 'planning patient LPS from daily patient LPS'"):
            register_volumes(prepared_pelvis, displaced_image, initial=set_up(pelvis).inverse())


class TestWhatDoesNotMatter:
    @pytest.mark.parametrize("fill", [0, -1000])
    def test_what_a_vendor_writes_outside_the_field_of_view_is_never_anatomy(
        self, pelvis, prepared_pelvis, displaced_truth, usual, fill
    ):
        day = image_of(pelvis, displaced_truth, CONE_BEAM.with_changes(fill_value=fill))
        answer = register_volumes(prepared_pelvis, day, initial=set_up(pelvis))
        difference = errors_mm(pelvis, answer.planning_from_daily, usual.planning_from_daily)
        assert difference.max() < 0.02

    def test_a_field_of_view_that_cuts_the_patient_does_not_pull_the_answer(
        self, pelvis, prepared_pelvis, displaced_truth
    ):
        day = image_of(pelvis, displaced_truth, CONE_BEAM.with_changes(field_of_view_mm=180.0))
        answer = register_volumes(prepared_pelvis, day, initial=set_up(pelvis))
        assert errors_mm(pelvis, answer.planning_from_daily, displaced_truth).max() < ERROR_LIMIT_MM
        assert answer.quality.overlap_fraction < 0.6

    def test_another_couch_does_not_pull_the_answer(self, pelvis, prepared_pelvis, displaced_truth, usual):
        day = image_of(pelvis, displaced_truth, CONE_BEAM.with_changes(couch=False))
        answer = register_volumes(prepared_pelvis, day, initial=set_up(pelvis))
        difference = errors_mm(pelvis, answer.planning_from_daily, usual.planning_from_daily)
        assert difference.max() < 0.05

    def test_the_number_of_workers_does_not_change_a_bit(self, pelvis, displaced_image, monkeypatch):
        bits = []
        for workers in (1, 2):
            with ThreadPoolExecutor(workers) as pool:
                monkeypatch.setattr(chunks, "_pool", lambda pool=pool: pool)
                prepared = prepare_planning(pelvis.volume, isocentre_mm=pelvis.isocentre_mm)
                answer = register_volumes(prepared, displaced_image, initial=set_up(pelvis))
            bits.append(
                (
                    answer.planning_from_daily.matrix.tobytes(),
                    answer.uncertainty.covariance.tobytes(),
                    answer.quality.similarity,
                    answer.quality.inverse_inconsistency_mm,
                    tuple(a.log_odds for a in answer.quality.alternatives),
                )
            )
        assert bits[0] == bits[1]


class TestContentAndRegion:
    @pytest.mark.parametrize("content", ["bone", "soft"])
    def test_bone_and_soft_tissue_of_a_rigid_patient_give_the_same_answer(
        self, pelvis, displaced_image, displaced_truth, content
    ):
        prepared = prepare_planning(
            pelvis.volume, isocentre_mm=pelvis.isocentre_mm, settings=MatchSettings(content=content)
        )
        answer = register_volumes(prepared, displaced_image, initial=set_up(pelvis))
        assert answer.content == content
        assert errors_mm(pelvis, answer.planning_from_daily, displaced_truth, 30.0).max() < 2 * ERROR_LIMIT_MM

    def test_a_box_is_matched_where_it_lies(self, pelvis, displaced_image, displaced_truth):
        centre = pelvis.isocentre_mm + [0.0, 20.0, 0.0]
        settings = MatchSettings(region=Region.box(centre, (140.0, 100.0, 80.0)))
        prepared = prepare_planning(pelvis.volume, isocentre_mm=pelvis.isocentre_mm, settings=settings)
        answer = register_volumes(prepared, displaced_image, initial=set_up(pelvis))
        assert answer.settings["region"] == "box:140x100x80"
        assert errors_mm(pelvis, answer.planning_from_daily, displaced_truth, 40.0).max() < ERROR_LIMIT_MM

    def test_a_structure_is_matched_on_its_own(self, pelvis, displaced_image, displaced_truth):
        structure = next(s for s in pelvis.structures if s.interpreted_type == "PTV")
        region = Region.structure(structure.name, structure_mask(structure, pelvis.volume.grid))
        prepared = prepare_planning(
            pelvis.volume, isocentre_mm=pelvis.isocentre_mm, settings=MatchSettings(region=region)
        )
        answer = register_volumes(prepared, displaced_image, initial=set_up(pelvis))
        assert answer.verdict is not Verdict.NOT_AVAILABLE
        error = errors_mm(pelvis, answer.planning_from_daily, displaced_truth, 20.0).max()
        assert error < max(ERROR_LIMIT_MM, 2.0 * answer.uncertainty.largest_at_target_mm)


def test_progress_is_told_in_order(pelvis, prepared_pelvis, displaced_image):
    told = []
    register_volumes(
        prepared_pelvis,
        displaced_image,
        initial=set_up(pelvis),
        progress=lambda done, what: told.append((done, what)),
    )
    assert all(before[0] < after[0] for before, after in pairwise(told))
    assert all(what for _, what in told)
