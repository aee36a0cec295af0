import shutil
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import SimpleITK

from isoguide.errors import GeometryError, InputError, MismatchError, MissingEvidenceError
from isoguide.plan import PatientPosition
from isoguide.progress import silent
from isoguide.registration.result import Verdict
from isoguide.virtual import target_error_mm, target_points
from isoguide.workflow.align import align
from isoguide.workflow.inputs import PlacedPoint, load_daily, load_planning
from isoguide.workflow.pair_checks import doubts_about
from isoguide.workflow.request import AlignRequest, RegionChoice


def request(patient, **options):
    return AlignRequest(patient.planning, patient.daily, **options)


def write_volume(path, volume):
    image = SimpleITK.GetImageFromArray(volume.values)
    image.SetSpacing(volume.grid.spacing_mm.tolist())
    image.SetOrigin(volume.grid.origin_mm.tolist())
    image.SetDirection(volume.grid.direction.ravel().tolist())
    SimpleITK.WriteImage(image, str(path))


@pytest.fixture(scope="module")
def volumes(patient, tmp_path_factory):
    folder = tmp_path_factory.mktemp("volumes")
    write_volume(folder / "plan.mha", patient.phantom.volume)
    write_volume(folder / "day.nrrd", patient.daily_volume)
    return folder


class TestTheAnswer:
    def test_is_close_to_the_truth_and_its_uncertainty_says_so(self, patient, alignment):
        truth = alignment.setup.correction(patient.planning_from_daily)
        error_mm = target_error_mm(
            alignment.planning_from_daily,
            patient.planning_from_daily,
            target_points(patient.phantom.isocentre_mm),
        )

        assert error_mm.max() < 0.5  # voxels of 3 x 3 x 4 mm
        assert alignment.verdict is Verdict.ACCEPT
        for name, half_width in alignment.half_widths.items():
            assert 0.0 < half_width < 0.5
            assert abs(getattr(alignment.correction, name) - getattr(truth, name)) < 4.0 * half_width

    def test_belongs_to_the_matrix_that_goes_with_it(self, alignment):
        realised = alignment.setup.realised(alignment.correction)

        assert np.allclose(realised.matrix, alignment.planning_from_daily.matrix, atol=1e-9)

    def test_knows_its_target_and_the_evidence_for_both_isocentres(self, patient, alignment):
        assert alignment.target.name == "PTV"
        assert alignment.planning.isocentre.evidence == "plan 'EXAMPLE'"
        assert np.allclose(alignment.planning.isocentre.xyz_mm, patient.phantom.isocentre_mm, atol=1e-6)
        assert "AcqIsocenter" in alignment.daily.isocentre.evidence

    def test_takes_time_that_is_told_step_by_step(self, alignment):
        steps = {"look_at_daily", "read_planning", "prepare_planning", "read_daily", "register"}

        assert set(alignment.timing_s) == steps | {"total"}
        assert alignment.timing_s["total"] >= max(alignment.timing_s[step] for step in steps)


class TestACouchThatCannotTurn:
    def test_only_shifts_and_says_what_remains_at_the_structures(self, couch_of_three):
        correction = couch_of_three.correction

        assert (correction.pitch_deg, correction.roll_deg, correction.yaw_deg) == (0.0, 0.0, 0.0)
        assert couch_of_three.unconstrained_correction.pitch_deg != 0.0
        names = [line.name for line in couch_of_three.residuals]
        assert names[0] == "PTV"
        assert "BODY" not in names
        assert {"Bladder", "Rectum"} <= set(names)
        assert all(0.0 < line.mean_mm <= line.largest_mm for line in couch_of_three.residuals)

    def test_serves_the_target_better_than_the_six_degrees_of_freedom_cut_short(self, couch_of_three):
        full = couch_of_three.unconstrained_correction
        truncated = replace(full, pitch_deg=0.0, roll_deg=0.0, yaw_deg=0.0)
        matched, points = couch_of_three.registration.unconstrained, couch_of_three.target.points_mm

        def remaining(correction):
            return np.square(couch_of_three.setup.residual_mm(matched, correction, points)).sum()

        assert remaining(couch_of_three.correction) < remaining(truncated)

    def test_is_certain_about_the_angles_it_does_not_make(self, couch_of_three):
        half_widths = couch_of_three.half_widths

        assert half_widths["pitch_deg"] == half_widths["roll_deg"] == half_widths["yaw_deg"] == 0.0
        assert half_widths["lateral_mm"] > 0.0

    def test_with_yaw_turns_about_the_vertical_only(self, patient):
        found = align(request(patient, degrees_of_freedom=4))

        assert found.correction.pitch_deg == pytest.approx(0.0, abs=1e-9)
        assert found.correction.roll_deg == pytest.approx(0.0, abs=1e-9)
        assert abs(found.correction.yaw_deg) > 0.1
        assert found.half_widths["yaw_deg"] > 0.0

    def test_asks_for_a_person_when_the_target_stays_too_far_off(self, couch_of_three, monkeypatch, patient):
        monkeypatch.setattr("isoguide.workflow.align.RESIDUAL_REVIEW_MM", 0.01)
        monkeypatch.setattr("isoguide.workflow.align.COUCH_TILT_DEG", -1.0)

        found = align(request(patient, degrees_of_freedom=3))

        assert couch_of_three.verdict is Verdict.ACCEPT
        assert found.verdict is Verdict.REVIEW
        assert any("rotation that the couch cannot make" in reason for reason in found.reasons)
        assert any("beyond" in warning for warning in found.warnings)

    def test_without_structures_looks_at_what_surrounds_the_isocentre(self, patient, tmp_path):
        shutil.copytree(patient.planning, tmp_path / "planning")
        (tmp_path / "planning" / "RS.dcm").unlink()

        found = align(AlignRequest(tmp_path / "planning", patient.daily, degrees_of_freedom=3))

        assert found.target is None
        assert [line.name for line in found.residuals] == ["30 mm around the isocentre"]


class TestTheRegionOfMatch:
    @pytest.mark.parametrize(
        ("choice", "words"),
        [
            (RegionChoice(box_mm=(120.0, 120.0, 100.0)), "box of 120 x 120 x 100 mm about the isocentre"),
            (RegionChoice(structure_name="Prostate"), "structure 'Prostate' with a margin"),
        ],
    )
    def test_can_be_chosen(self, patient, choice, words):
        found = align(request(patient, region=choice))

        assert str(found.request.region) == words
        if found.planning_from_daily is not None:
            points = target_points(patient.phantom.isocentre_mm, radius_mm=20.0)
            error_mm = target_error_mm(found.planning_from_daily, patient.planning_from_daily, points)
            assert error_mm.max() < 1.0

    def test_must_be_a_structure_that_exists(self, patient):
        with pytest.raises(MissingEvidenceError, match=r"Spleen.*PTV"):
            align(request(patient, region=RegionChoice(structure_name="Spleen")))

    def test_needs_a_structure_set_for_a_structure(self, patient, tmp_path):
        shutil.copytree(patient.planning, tmp_path / "planning")
        (tmp_path / "planning" / "RS.dcm").unlink()
        wanted = RegionChoice(structure_name="PTV")

        with pytest.raises(MissingEvidenceError, match="holds no structure set"):
            align(AlignRequest(tmp_path / "planning", patient.daily, region=wanted))

    def test_is_one_thing_only(self):
        with pytest.raises(InputError, match="either a box or a structure"):
            RegionChoice(box_mm=(1.0, 1.0, 1.0), structure_name="PTV")
        with pytest.raises(InputError, match="positive edges"):
            RegionChoice(box_mm=(1.0, -1.0, 1.0))


class TestStatedIsocentres:
    def test_a_hand_typed_isocentre_that_is_not_the_plans_is_used_with_a_warning(self, patient):
        x, y, z = (float(value) for value in patient.phantom.isocentre_mm + np.array([1.0, 0.0, 0.0]))

        found = align(request(patient, isocentre_mm=(x, y, z), beam=None))

        assert any("is none of plan 'EXAMPLE'" in warning for warning in found.warnings)
        assert found.planning.isocentre.evidence == "stated with --isocentre"

    def test_one_that_equals_the_plans_needs_no_warning(self, patient, alignment):
        x, y, z = (float(value) for value in patient.phantom.isocentre_mm)

        found = align(request(patient, isocentre_mm=(x, y, z)))

        assert found.warnings == alignment.warnings
        assert np.allclose(found.planning_from_daily.matrix, alignment.planning_from_daily.matrix, atol=1e-3)

    def test_outside_the_planning_image_is_refused(self, patient):
        with pytest.raises(GeometryError, match="outside the planning image"):
            align(request(patient, isocentre_mm=(900.0, 0.0, 0.0)))

    def test_beam_and_isocentre_together_contradict_each_other(self, patient):
        with pytest.raises(InputError, match="only one"):
            request(patient, beam=1, isocentre_mm=(0.0, 0.0, 0.0))

    def test_the_beam_is_named_in_the_evidence(self, patient):
        found = align(request(patient, beam=1))

        assert found.planning.isocentre.evidence == "beam 1 of plan 'EXAMPLE'"

    def test_the_image_origin_as_machine_isocentre_is_a_choice_on_record(self, patient):
        found = align(request(patient, machine_isocentre_mm="image-origin"))

        assert found.daily.isocentre.xyz_mm.tolist() == [0.0, 0.0, 0.0]
        assert "image-origin" in found.daily.isocentre.evidence

    def test_a_machine_isocentre_that_contradicts_the_days_files_is_warned_about(self, patient, alignment):
        x, y, z = (float(value) for value in alignment.daily.isocentre.xyz_mm)

        off = load_daily(request(patient, machine_isocentre_mm=(x + 12.0, y, z)), silent)
        same = load_daily(request(patient, machine_isocentre_mm=(x, y, z)), silent)

        assert any("is 12.0 mm from" in warning and "AcqIsocenter" in warning for warning in off.warnings)
        assert not any("the day's files say" in warning for warning in same.warnings)

    def test_a_machine_isocentre_outside_the_image_is_warned_about_or_refused(self, patient):
        with pytest.raises(MismatchError, match=r"do not overlap.*check both isocentres"):
            align(request(patient, machine_isocentre_mm=(4000.0, 0.0, 0.0)))


class TestVolumeFiles:
    def stated(self, patient, volumes, **options):
        x, y, z = (float(value) for value in patient.phantom.isocentre_mm)
        options = {"isocentre_mm": (x, y, z), "machine_isocentre_mm": (2.0, -3.5, 5.0)} | options
        return AlignRequest(volumes / "plan.mha", volumes / "day.nrrd", assume_mm=True, **options)

    def test_give_the_same_answer_as_the_same_images_in_dicom(self, patient, volumes, alignment):
        found = align(self.stated(patient, volumes))

        error_mm = target_error_mm(
            found.planning_from_daily,
            alignment.planning_from_daily,
            target_points(patient.phantom.isocentre_mm),
        )
        assert error_mm.max() < 0.3
        assert found.planning.patient_position is PatientPosition.HFS

    def test_warn_loudly_about_what_they_do_not_say(self, patient, volumes):
        found = align(self.stated(patient, volumes))

        text = " ".join(found.warnings)
        assert "PATIENT POSITION ASSUMED" in text
        assert "PATIENT NOT CHECKED" in text
        assert "no plan" in text

    def test_pass_on_what_the_files_leave_to_assumption(self, patient, volumes, tmp_path):
        old, new = b"AnatomicalOrientation = RAI", b"AnatomicalOrientation = ASL"
        header = (volumes / "plan.mha").read_bytes()
        assert old in header
        (tmp_path / "odd.mha").write_bytes(header.replace(old, new, 1))
        odd = AlignRequest(
            tmp_path / "odd.mha", patient.daily, isocentre_mm=tuple(patient.phantom.isocentre_mm)
        )

        found = load_planning(odd, silent)

        assert any("states the orientation ASL" in warning for warning in found.warnings)

    def test_and_an_image_of_another_position_than_the_stated_one_are_refused(self, patient, volumes):
        """The volume says nothing, the user says feet first, the day's DICOM image says head first."""
        wanted = self.stated(patient, volumes, patient_position=PatientPosition.FFS)

        with pytest.raises(MismatchError, match=r"position HFS but .*plan\.mha is taken for FFS"):
            align(replace(wanted, daily=patient.daily))

    def test_take_the_position_that_is_stated(self, patient, volumes):
        found = align(self.stated(patient, volumes, patient_position=PatientPosition.FFS))

        assert not any("ASSUMED" in warning for warning in found.warnings)
        assert found.planning.patient_position is PatientPosition.FFS

    def test_need_both_isocentres(self, patient, volumes):
        with pytest.raises(MissingEvidenceError, match="--isocentre X,Y,Z"):
            align(self.stated(patient, volumes, isocentre_mm=None))
        with pytest.raises(MissingEvidenceError, match="--machine-isocentre"):
            align(self.stated(patient, volumes, machine_isocentre_mm=None))

    def test_a_machine_isocentre_just_outside_the_image_is_warned_about(self, patient, volumes):
        found = align(self.stated(patient, volumes, machine_isocentre_mm=(2.0, -3.5, 95.0)))

        assert any("lies outside the day's image" in warning for warning in found.warnings)


class TestPatientPosition:
    def test_that_contradicts_the_plan_is_refused(self, patient):
        with pytest.raises(MismatchError, match="--patient-position HFP contradicts"):
            align(request(patient, patient_position=PatientPosition.HFP))

    def test_that_repeats_the_plan_is_fine(self, patient, alignment):
        found = align(request(patient, patient_position=PatientPosition.HFS))

        assert np.array_equal(found.planning_from_daily.matrix, alignment.planning_from_daily.matrix)


class TestIsItTheImageOfTheDay:
    def test_the_planning_image_itself_is_never_accepted(self, patient):
        x, y, z = (float(value) for value in patient.phantom.isocentre_mm)

        found = align(AlignRequest(patient.planning, patient.planning, machine_isocentre_mm=(x, y, z)))

        assert found.verdict is not Verdict.ACCEPT
        assert any("planning image itself" in reason for reason in found.reasons)

    def test_an_image_older_than_the_planning_ct_asks_for_a_person(self, alignment):
        daily, planning = alignment.daily, alignment.planning
        older = replace(daily.dicom.image, acquired_at=planning.series.acquired_at - timedelta(days=1))

        (doubt,) = doubts_about(planning, replace(daily, dicom=replace(daily.dicom, image=older)))

        assert "before the planning CT" in doubt
        assert doubts_about(planning, daily) == ()

    def test_an_unknown_time_cannot_be_doubted(self, alignment):
        daily = alignment.daily
        timeless = replace(daily.dicom.image, acquired_at=None)

        assert (
            doubts_about(alignment.planning, replace(daily, dicom=replace(daily.dicom, image=timeless))) == ()
        )
        assert doubts_about(alignment.planning, replace(daily, dicom=None)) == ()


def test_another_part_of_the_body_is_not_available_with_a_reason(patient):
    """The isocentre is put at the upper end of the CT, the day's image shows the hips."""
    top = patient.phantom.volume.grid.corners_mm()[:, 2].max()
    x, y, _ = (float(value) for value in patient.phantom.isocentre_mm)

    found = align(request(patient, isocentre_mm=(x, y, float(top) - 30.0)))

    assert found.verdict is not Verdict.ACCEPT
    assert found.reasons
    if found.verdict is Verdict.NOT_AVAILABLE:
        assert found.correction is None
        assert found.planning_from_daily is None
        assert found.half_widths is None


def test_an_isocentre_is_three_finite_numbers():
    with pytest.raises(GeometryError):
        PlacedPoint(np.array([1.0, np.nan, 0.0]), "nowhere")
