from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_validation import dciodvfy_errors, standard_violations
from pydicom.dataset import Dataset
from written_objects import LEAVES, SETUP, names, some_plan, write_pair

from isoguide.dicom import PlanDetails, SeriesUids, WrittenSeries, write_plan
from isoguide.dicom.rtplan import read_plan
from isoguide.errors import OutputError
from isoguide.plan import MultileafCollimator, PatientPosition, Plan

UIDS = SeriesUids.from_seed("test planning")
DETAILS = PlanDetails()
PLAN = some_plan(UIDS, "2.25.2718")


@pytest.fixture
def image(tmp_path: Path) -> WrittenSeries:
    return write_pair(tmp_path).planning


def written(folder: Path, plan: Plan, image: WrittenSeries, details: PlanDetails = DETAILS) -> Dataset:
    return pydicom.dcmread(write_plan(folder / "rp.dcm", plan, image=image, details=details).path)


def expanded(beam: Dataset) -> list[dict[str, object]]:
    """Control points with what they inherit filled in: absent means unchanged (PS3.3 C.8.8.14.5)."""
    points: list[dict[str, object]] = []
    for item in beam.ControlPointSequence:
        known = dict(points[-1]) if points else {}
        points.append(known | {element.keyword: element.value for element in item})
    return points


def test_every_control_point_says_what_the_plan_says(tmp_path: Path, image: WrittenSeries) -> None:
    dataset = written(tmp_path, PLAN, image)
    for beam, item in zip(PLAN.beams, dataset.BeamSequence, strict=True):
        for point, read in zip(beam.control_points, expanded(item), strict=True):
            assert read["GantryAngle"] == point.gantry_deg
            assert read["BeamLimitingDeviceAngle"] == point.collimator_deg
            assert read["PatientSupportAngle"] == point.couch_deg
            assert read["CumulativeMetersetWeight"] == point.cumulative_meterset
            assert read["TableTopPitchAngle"] == point.table_pitch_deg
            assert read["TableTopRollAngle"] == point.table_roll_deg
            np.testing.assert_array_equal(read["IsocenterPosition"], point.isocentre_mm)
            assert read.get("NominalBeamEnergy") == point.energy_mv


def test_table_positions_are_written_or_left_open(tmp_path: Path, image: WrittenSeries) -> None:
    arc, setup = written(tmp_path, PLAN, image).BeamSequence
    first = arc.ControlPointSequence[0]
    table = (
        first.TableTopLateralPosition,
        first.TableTopLongitudinalPosition,
        first.TableTopVerticalPosition,
    )
    assert table == (1.0, 900.0, -150.0)
    assert setup.ControlPointSequence[0].TableTopVerticalPosition is None


def test_jaws_and_leaves_are_written_where_they_change(tmp_path: Path, image: WrittenSeries) -> None:
    arc, setup = written(tmp_path, PLAN, image).BeamSequence
    openings = {
        one.RTBeamLimitingDeviceType: list(one.LeafJawPositions)
        for one in arc.ControlPointSequence[2].BeamLimitingDevicePositionSequence
    }
    assert openings == {"ASYMX": [-40.0, 40.0], "ASYMY": [-30.0, 32.0], "MLCX": [-10.0, -11.0, 10.0, 14.0]}
    assert [one.RTBeamLimitingDeviceType for one in arc.BeamLimitingDeviceSequence] == [
        "ASYMX",
        "ASYMY",
        "MLCX",
    ]
    assert list(arc.BeamLimitingDeviceSequence[2].LeafPositionBoundaries) == [-10.0, 0.0, 10.0]
    assert "BeamLimitingDevicePositionSequence" not in setup.ControlPointSequence[1]


def test_the_gantry_crosses_zero_clockwise_and_the_collimator_counts_up_counter_clockwise(
    tmp_path: Path, image: WrittenSeries
) -> None:
    arc, setup = written(tmp_path, PLAN, image).BeamSequence
    assert arc.BeamType == "DYNAMIC"
    assert setup.BeamType == "STATIC"
    assert arc.ControlPointSequence[0].GantryRotationDirection == "CW"  # 350 to 20 degrees
    assert arc.ControlPointSequence[0].BeamLimitingDeviceRotationDirection == "CC"
    assert arc.ControlPointSequence[2].GantryRotationDirection == "NONE"
    assert setup.ControlPointSequence[0].GantryRotationDirection == "NONE"


def test_a_gantry_that_turns_back_is_counter_clockwise(tmp_path: Path, image: WrittenSeries) -> None:
    beam = replace(PLAN.beams[0], control_points=PLAN.beams[0].control_points[::-1])
    arc = written(tmp_path, replace(PLAN, beams=(beam,)), image).BeamSequence[0]
    assert [point["GantryRotationDirection"] for point in expanded(arc)] == ["CC", "CC", "NONE"]


def test_prescription_fractions_and_metersets(tmp_path: Path, image: WrittenSeries) -> None:
    dataset = written(tmp_path, PLAN, image)
    (dose, site), group = dataset.DoseReferenceSequence, dataset.FractionGroupSequence[0]
    assert (dose.DoseReferenceStructureType, dose.ReferencedROINumber) == ("VOLUME", 2)
    assert (dose.DoseReferenceType, dose.TargetPrescriptionDose) == ("TARGET", 60.0)
    assert (site.DoseReferenceStructureType, site.TargetPrescriptionDose) == ("SITE", 44.0)
    assert dose.DoseReferenceUID != site.DoseReferenceUID
    assert (group.NumberOfFractionsPlanned, group.NumberOfBeams) == (20, 2)
    assert group.ReferencedBeamSequence[0].BeamMeterset == 212.5
    assert "BeamMeterset" not in group.ReferencedBeamSequence[1]
    assert "DoseReferenceSequence" not in written(tmp_path, replace(PLAN, prescriptions=()), image)


def test_the_table_moves_from_the_marks_to_the_isocentre_as_planned(
    tmp_path: Path, image: WrittenSeries
) -> None:
    (setup,) = written(tmp_path, PLAN, image).PatientSetupSequence
    assert setup.TableTopLateralSetupDisplacement == 4.0
    assert setup.TableTopLongitudinalSetupDisplacement == -21.5
    assert setup.TableTopVerticalSetupDisplacement == 0.0
    assert setup.SetupDeviceSequence[0].SetupDeviceType == "LASER_POINTER"
    assert setup.FixationDeviceSequence[0].FixationDeviceType == "MASK"


def test_each_beam_finds_its_patient_setup(tmp_path: Path, image: WrittenSeries) -> None:
    beams = (PLAN.beams[0], replace(PLAN.beams[1], patient_setup_number=5))
    plan = replace(PLAN, beams=beams, patient_position=PatientPosition.FFP)
    dataset = written(tmp_path, plan, image)
    assert [one.ReferencedPatientSetupNumber for one in dataset.BeamSequence] == [1, 5]
    setups = {one.PatientSetupNumber: one.PatientPosition for one in dataset.PatientSetupSequence}
    assert setups == {1: "FFP", 5: "FFP"}


def test_the_plan_names_its_structure_set_and_frame(tmp_path: Path, image: WrittenSeries) -> None:
    dataset = written(tmp_path, PLAN, image)
    assert dataset.SOPInstanceUID == PLAN.sop_instance_uid
    assert dataset.ReferencedStructureSetSequence[0].ReferencedSOPInstanceUID == "2.25.2718"
    assert dataset.FrameOfReferenceUID == UIDS.frame_of_reference
    assert dataset.RTPlanGeometry == "PATIENT"
    bare = written(tmp_path, replace(PLAN, structure_set_uid="", frame_of_reference_uid=""), image)
    assert "ReferencedStructureSetSequence" not in bare
    assert bare.RTPlanGeometry == "TREATMENT_DEVICE"
    assert bare.FrameOfReferenceUID == image.frame_of_reference_uid


def test_approval_is_written_as_the_plan_has_it(tmp_path: Path, image: WrittenSeries) -> None:
    assert written(tmp_path, PLAN, image).ApprovalStatus == "APPROVED"
    unknown = written(tmp_path, replace(PLAN, approval_status=""), image)
    assert unknown.ApprovalStatus == "UNAPPROVED"
    assert "ReviewDate" not in unknown


def test_a_beam_without_isocentre_is_written_without_one(tmp_path: Path, image: WrittenSeries) -> None:
    points = tuple(replace(one, isocentre_mm=None) for one in PLAN.beams[1].control_points)
    plan = replace(PLAN, beams=(replace(PLAN.beams[1], control_points=points),))
    assert "IsocenterPosition" not in written(tmp_path, plan, image).BeamSequence[0].ControlPointSequence[0]


def test_a_plan_that_no_file_can_hold_is_refused(tmp_path: Path, image: WrittenSeries) -> None:
    before = names(tmp_path)
    short = replace(PLAN.beams[1], control_points=PLAN.beams[1].control_points[:1])
    with pytest.raises(OutputError, match="no beams"):
        written(tmp_path, replace(PLAN, beams=()), image)
    with pytest.raises(OutputError, match="fewer than two control points"):
        written(tmp_path, replace(PLAN, beams=(short,)), image)
    bare = replace(PLAN.beams[0], leaves=None)
    with pytest.raises(OutputError, match="2 leaf pairs but its collimator has 0"):
        written(tmp_path, replace(PLAN, beams=(bare,)), image)
    assert names(tmp_path) == before


def test_the_reading_side_finds_the_same_plan(tmp_path: Path, image: WrittenSeries) -> None:
    read = read_plan(write_plan(tmp_path / "rp.dcm", PLAN, image=image, details=DETAILS).path)
    assert (read.sop_instance_uid, read.label) == (PLAN.sop_instance_uid, PLAN.label)
    assert (read.patient_position, read.fractions_planned) == (PLAN.patient_position, PLAN.fractions_planned)
    assert (read.frame_of_reference_uid, read.structure_set_uid) == (
        PLAN.frame_of_reference_uid,
        PLAN.structure_set_uid,
    )
    assert [beam.is_treatment for beam in read.beams] == [True, False]
    for beam, expected in zip(read.beams, PLAN.beams, strict=True):
        assert (beam.number, beam.name, beam.machine) == (expected.number, expected.name, expected.machine)
        for point, wanted in zip(beam.control_points, expected.control_points, strict=True):
            np.testing.assert_array_equal(point.isocentre_mm, wanted.isocentre_mm)
            assert (point.gantry_deg, point.couch_deg) == (wanted.gantry_deg, wanted.couch_deg)
            if wanted.table_top_mm is not None:
                np.testing.assert_array_equal(point.table_top_mm, wanted.table_top_mm)
            if wanted.leaf_positions_mm is not None:
                np.testing.assert_array_equal(point.leaf_positions_mm, wanted.leaf_positions_mm)
                assert (point.jaw_x_mm, point.jaw_y_mm) == (wanted.jaw_x_mm, wanted.jaw_y_mm)


def test_the_reading_side_finds_leaves_prescription_and_set_up(tmp_path: Path, image: WrittenSeries) -> None:
    read = read_plan(write_plan(tmp_path / "rp.dcm", PLAN, image=image).path)
    arc, imaging = read.beams
    assert arc.leaves is not None
    assert arc.leaves.axis == "X"
    np.testing.assert_array_equal(arc.leaves.boundaries_mm, [-10.0, 0.0, 10.0])
    assert (arc.source_axis_distance_mm, imaging.leaves) == (1000.0, None)
    assert read.prescriptions == PLAN.prescriptions
    (setup,) = read.setups
    assert (setup.technique, setup.fixation, setup.devices) == ("ISOCENTRIC", SETUP.fixation, SETUP.devices)
    np.testing.assert_array_equal(setup.displacement_mm, [4.0, -21.5, 0.0])


def test_leaves_that_travel_along_y_stay_along_y(tmp_path: Path, image: WrittenSeries) -> None:
    along_y = replace(PLAN.beams[0], leaves=MultileafCollimator("Y", LEAVES.boundaries_mm))
    path = write_plan(tmp_path / "rp.dcm", replace(PLAN, beams=(along_y,)), image=image).path
    leaves = read_plan(path).beams[0].leaves
    assert leaves is not None
    assert leaves.axis == "Y"


def test_a_plan_with_odd_leaf_boundaries_or_setups_still_gives_its_isocentre(
    tmp_path: Path, image: WrittenSeries
) -> None:
    dataset = written(tmp_path, PLAN, image)
    dataset.BeamSequence[0].BeamLimitingDeviceSequence[2].LeafPositionBoundaries = [10, 0, -10]
    dataset.PatientSetupSequence.append(Dataset())
    dataset.PatientSetupSequence[1].SetupTechnique = "FIXED_SSD"
    dataset.save_as(tmp_path / "odd.dcm")
    read = read_plan(tmp_path / "odd.dcm")
    assert read.beams[0].leaves is None
    assert [setup.number for setup in read.setups] == [1]
    np.testing.assert_array_equal(read.isocentre_mm(), PLAN.isocentre_mm())


def test_the_file_satisfies_the_standard(tmp_path: Path, image: WrittenSeries) -> None:
    path = write_plan(tmp_path / "rp.dcm", PLAN, image=image, details=DETAILS).path
    modules = (
        "frame-of-reference",
        "rt-prescription",
        "rt-patient-setup",
        "rt-fraction-scheme",
        "rt-beams",
        "approval",
    )
    assert standard_violations(path, also_modules=modules) == []
    assert dciodvfy_errors(path) == []
