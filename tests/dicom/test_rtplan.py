"""Plans are expanded control point by control point, and nothing about them is guessed."""

from pathlib import Path

import numpy as np
import pytest
from dicom_builders import (
    FRAME,
    PLAN,
    STRUCTURES,
    beam,
    control_point,
    first_control_point,
    item,
    plan,
    save,
    structure_set,
)

from isoguide.dicom import read_plan
from isoguide.errors import (
    AmbiguityError,
    GeometryError,
    MismatchError,
    MissingEvidenceError,
    UnreadableError,
)
from isoguide.plan import PatientPosition

PROSTATE = (
    "SlicerRT/Testing/Data/DICOM/EclipseProstatePhantomRtData/"
    "RP.1.2.246.352.71.5.2088656855.377401.20110920153647.dcm"
)


def test_a_plan_says_what_is_treated_how(tmp_path: Path) -> None:
    found = read_plan(save(plan(), tmp_path / "rp"))
    assert (found.sop_instance_uid, found.label, found.approval_status) == (PLAN, "Pelvis", "APPROVED")
    assert (found.frame_of_reference_uid, found.structure_set_uid) == (FRAME, STRUCTURES)
    assert found.patient_position is PatientPosition.HFS
    assert found.fractions_planned == 20
    assert found.isocentre_mm().tolist() == [1.0, 2.0, 33.0]
    (only,) = found.beams
    assert (only.number, only.name, only.delivery_type, only.machine) == (1, "Field 1", "TREATMENT", "Linac")
    assert only.meterset_mu == 101


def test_what_a_control_point_leaves_out_is_inherited(tmp_path: Path) -> None:
    points = [
        first_control_point(),
        control_point(1, 0.4, GantryAngle=100),
        control_point(
            2,
            1.0,
            TableTopVerticalPosition=-110,
            TableTopPitchAngle=1.5,
            TableTopRollAngle=359.0,
            BeamLimitingDevicePositionSequence=[
                item(RTBeamLimitingDeviceType="ASYMX", LeafJawPositions=[-10, 20]),
                item(RTBeamLimitingDeviceType="MLCX"),
            ],
        ),
    ]
    first, second, third = read_plan(save(plan([beam(1, points)]), tmp_path / "rp")).beams[0].control_points
    assert (first.gantry_deg, second.gantry_deg, third.gantry_deg) == (90, 100, 100)
    assert (first.collimator_deg, third.collimator_deg, third.energy_mv) == (5, 5, 6)
    assert [point.cumulative_meterset for point in (first, second, third)] == [0, 0.4, 1.0]
    assert third.isocentre_mm is not None
    assert third.isocentre_mm.tolist() == [1, 2, 33]
    assert second.table_top_mm is not None
    assert second.table_top_mm.tolist() == [20, 900, -100]
    assert third.table_top_mm is not None
    assert third.table_top_mm.tolist() == [20, 900, -110]
    assert (second.table_pitch_deg, third.table_pitch_deg, third.table_roll_deg) == (0.0, 1.5, 359.0)
    assert (second.jaw_x_mm, third.jaw_x_mm, third.jaw_y_mm) == ((-50, 50), (-10, 20), (-40, 40))
    assert third.leaf_positions_mm is not None
    assert third.leaf_positions_mm.tolist() == [[-3, -2, -1], [1, 2, 3]]


def test_a_table_position_with_an_unknown_start_stays_unknown(tmp_path: Path) -> None:
    start = first_control_point(TableTopVerticalPosition=None)
    later = control_point(1, 1, TableTopVerticalPosition=-90)
    points = read_plan(save(plan([beam(1, [start, later])]), tmp_path / "rp")).beams[0].control_points
    assert points[0].table_top_mm is None
    assert points[1].table_top_mm is None


def test_an_isocentre_that_moves_within_a_beam_asks_for_a_choice(tmp_path: Path) -> None:
    later = control_point(1, 1, IsocenterPosition=[1, 2, 40])
    found = read_plan(save(plan([beam(1, [first_control_point(), later])]), tmp_path / "rp"))
    with pytest.raises(AmbiguityError, match="2 isocentres"):
        found.isocentre_mm()


def test_set_up_beams_do_not_decide_the_isocentre(tmp_path: Path) -> None:
    beams = [
        beam(7, [first_control_point((0, 0, 0))], delivery="SETUP"),
        beam(1, [first_control_point(), control_point(1, 1)]),
    ]
    found = read_plan(save(plan(beams), tmp_path / "rp"))
    assert found.isocentre_mm().tolist() == [1, 2, 33]
    assert found.isocentre_mm(7).tolist() == [0, 0, 0]


def test_a_plan_without_isocentre_says_so(tmp_path: Path) -> None:
    found = read_plan(save(plan([beam(1, [first_control_point(None)])]), tmp_path / "rp"))
    with pytest.raises(MissingEvidenceError, match="no isocentre in any beam"):
        found.isocentre_mm()


def test_an_ion_plan_is_read_from_its_own_sequences(tmp_path: Path) -> None:
    found = read_plan(save(plan(ion=True), tmp_path / "rp"))
    assert found.beams[0].radiation_type == "PROTON"
    assert found.beams[0].control_points[0].energy_mv is None
    assert found.isocentre_mm().tolist() == [1, 2, 33]


def test_beams_in_different_positions_are_refused(tmp_path: Path) -> None:
    ds = plan([beam(1, [first_control_point()]), beam(2, [first_control_point()])])
    ds.BeamSequence[1].ReferencedPatientSetupNumber = 2
    ds.PatientSetupSequence.append(item(PatientSetupNumber=2, PatientPosition="HFP"))
    with pytest.raises(MismatchError, match=r"several positions \(HFP, HFS\)"):
        read_plan(save(ds, tmp_path / "rp"))
    # A setup that no beam uses does not matter.
    ds.BeamSequence[1].ReferencedPatientSetupNumber = 1
    assert read_plan(save(ds, tmp_path / "rp")).patient_position is PatientPosition.HFS


def test_a_plan_without_position_takes_that_of_the_images_and_warns(tmp_path: Path) -> None:
    ds = plan()
    del ds.PatientSetupSequence
    path = save(ds, tmp_path / "rp")
    with pytest.raises(MissingEvidenceError, match="states no patient position"):
        read_plan(path)
    found = read_plan(path, fallback_position=PatientPosition.FFP)
    assert found.patient_position is PatientPosition.FFP
    assert "FFP of the planning images is used" in found.warnings[0]


def test_a_sitting_patient_is_refused(tmp_path: Path) -> None:
    ds = plan()
    ds.PatientSetupSequence[0].PatientPosition = "SITTING"
    with pytest.raises(GeometryError, match="'SITTING', which is not one of a lying patient"):
        read_plan(save(ds, tmp_path / "rp"))


def test_several_fraction_groups_are_pointed_out(tmp_path: Path) -> None:
    ds = plan()
    ds.FractionGroupSequence.append(item(FractionGroupNumber=2, NumberOfFractionsPlanned=5))
    found = read_plan(save(ds, tmp_path / "rp"))
    assert found.fractions_planned == 20
    assert "2 fraction groups" in found.warnings[0]


def test_another_object_is_no_plan(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="not an RT Plan"):
        read_plan(save(structure_set(), tmp_path / "rs"))


def test_the_real_thorax_plan_is_read(shared_data: Path) -> None:
    found = read_plan(shared_data / "OnkoDICOM/test/testdata/DICOM-RT-TEST/RTPLAN_Hashed.dcm")
    assert np.allclose(found.isocentre_mm(), [7.529, -234.011, -16.132], atol=1e-3)
    assert [one.name for one in found.beams][:3] == ["AP SETUP", "RL SETUP", "CBCT"]
    assert len(found.beams) == 12
    assert found.fractions_planned == 23
    table = found.beams[0].control_points[0].table_top_mm
    assert table is not None
    assert np.allclose(table, [-14.695, 1239.415, -155.701], atol=1e-3)


@pytest.mark.parametrize(
    "path",
    [
        "pps/tests/tests_data/BrainSRSRaystationIMRT/RP1.2.752.243.1.1.20180405114728127.3000.13138.dcm",
        "pps/tests/tests_data/ptv_based_SRS/RP.1.2.246.352.71.5.584747638204.1039509.20180324155643.dcm",
    ],
)
def test_real_plans_with_three_isocentres_ask_for_a_beam(shared_data: Path, path: str) -> None:
    found = read_plan(shared_data / path)
    with pytest.raises(AmbiguityError, match=r"3 isocentres .* choose with --beam N"):
        found.isocentre_mm()
    assert found.isocentre_mm(found.beams[0].number).shape == (3,)


def test_a_real_plan_with_an_open_table_position_keeps_it_open(shared_data: Path) -> None:
    found = read_plan(shared_data / PROSTATE)
    assert found.beams[0].control_points[0].table_top_mm is None
    assert found.frame_of_reference_uid == ""
    assert np.allclose(found.isocentre_mm(), [0.0, 0.909, 0.0], atol=1e-3)
