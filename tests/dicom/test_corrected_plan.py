"""A corrected plan as a file: new, unapproved, naming its predecessor, holding nothing stale."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_validation import dciodvfy_errors, standard_violations
from written_objects import some_plan, write_pair

from isoguide.dicom import SeriesUids, write_plan
from isoguide.dicom.corrected_plan import CorrectedPlanDetails, write_corrected_plan
from isoguide.dicom.rtplan import read_plan
from isoguide.errors import MismatchError, UnreadableError
from isoguide.plan import Beam, ControlPoint, Plan

DETAILS = CorrectedPlanDetails(
    "PROSTATE shifted beams", "virtual couch shift", datetime(2026, 3, 4, 5, 6, 7), "2.25.77", "2.25.88"
)


@pytest.fixture
def predecessor(tmp_path: Path) -> Path:
    image = write_pair(tmp_path).planning
    plan = some_plan(SeriesUids.from_seed("test planning"), "2.25.2718")
    path = tmp_path / "planned.dcm"
    write_plan(path, replace(plan, approval_status="APPROVED"), image=image)
    dataset = pydicom.dcmread(path)
    dataset.FractionGroupSequence[0].ReferencedBeamSequence[0].BeamDose = "2.5"
    dataset.BeamSequence[0].ControlPointSequence[0].SourceToSurfaceDistance = "912.5"
    dataset.add_new((0x3253, 0x0010), "LO", "SOME VENDOR")
    dataset.add_new((0x3253, 0x1000), "LO", "kept by nobody")
    dataset.save_as(path)
    return path


def moved(point: ControlPoint, step: int) -> ControlPoint:
    return replace(
        point,
        gantry_deg=round((point.gantry_deg + 1.5) % 360.0, 2),
        collimator_deg=round((point.collimator_deg + 0.25 * step) % 360.0, 2),
        isocentre_mm=np.array([3.123, -4.5, 6.0]),
        table_top_mm=None,
        leaf_positions_mm=None
        if point.leaf_positions_mm is None
        else np.round(point.leaf_positions_mm + 1.37, 2),
        jaw_x_mm=None if point.jaw_x_mm is None else (point.jaw_x_mm[0] + 1.0, point.jaw_x_mm[1] + 2.0),
    )


def corrected(planned: Plan) -> Plan:
    def new(beam: Beam) -> Beam:
        points = tuple(moved(point, n) for n, point in enumerate(beam.control_points))
        mu = None if beam.meterset_mu is None else round(beam.meterset_mu * 1.01, 3)
        return replace(beam, control_points=points, meterset_mu=mu)

    return replace(planned, beams=tuple(map(new, planned.beams)), sop_instance_uid="2.25.9999")


def test_it_reads_back_as_it_was_corrected(tmp_path: Path, predecessor: Path) -> None:
    plan = corrected(read_plan(predecessor))
    path = write_corrected_plan(tmp_path / "new.dcm", predecessor, plan, DETAILS).path
    read = read_plan(path)
    assert read.approval_status == "UNAPPROVED"
    assert (read.frame_of_reference_uid, read.structure_set_uid) == ("2.25.77", "2.25.88")
    assert read.fractions_planned == plan.fractions_planned
    assert [one.dose_gy for one in read.prescriptions] == [one.dose_gy for one in plan.prescriptions]
    for beam in plan.beams:
        again = read.beam(beam.number)
        assert again.meterset_mu == beam.meterset_mu
        for one, other in zip(again.control_points, beam.control_points, strict=True):
            assert one.gantry_deg == other.gantry_deg
            assert one.collimator_deg == other.collimator_deg
            assert one.table_top_mm is None
            np.testing.assert_array_equal(one.isocentre_mm, other.isocentre_mm)
            if other.leaf_positions_mm is not None:
                np.testing.assert_array_equal(one.leaf_positions_mm, other.leaf_positions_mm)


def test_it_names_its_predecessor_which_stays_as_it_is(tmp_path: Path, predecessor: Path) -> None:
    before = predecessor.read_bytes()
    old = pydicom.dcmread(predecessor)
    path = write_corrected_plan(
        tmp_path / "new.dcm", predecessor, corrected(read_plan(predecessor)), DETAILS
    ).path
    new = pydicom.dcmread(path)
    assert predecessor.read_bytes() == before
    reference = new.ReferencedRTPlanSequence[0]
    assert reference.ReferencedSOPInstanceUID == old.SOPInstanceUID
    assert reference.RTPlanRelationship == "PREDECESSOR"
    assert new.SOPInstanceUID == "2.25.9999"
    assert new.SeriesInstanceUID != old.SeriesInstanceUID
    assert new.PatientID == old.PatientID


def test_nothing_stale_is_taken_over(tmp_path: Path, predecessor: Path) -> None:
    path = write_corrected_plan(
        tmp_path / "new.dcm", predecessor, corrected(read_plan(predecessor)), DETAILS
    ).path
    new = pydicom.dcmread(path)
    assert "BeamDose" not in new.FractionGroupSequence[0].ReferencedBeamSequence[0]
    assert "SourceToSurfaceDistance" not in new.BeamSequence[0].ControlPointSequence[0]
    assert not [element for element in new if element.tag.is_private]
    assert "ReviewDate" not in new
    setup = new.PatientSetupSequence[0]
    assert "TableTopLateralSetupDisplacement" not in setup
    assert new.BeamSequence[0].ControlPointSequence[0].TableTopVerticalPosition is None


def test_it_satisfies_the_standard(tmp_path: Path, predecessor: Path) -> None:
    path = write_corrected_plan(
        tmp_path / "new.dcm", predecessor, corrected(read_plan(predecessor)), DETAILS
    ).path
    assert standard_violations(path) == standard_violations(predecessor)
    assert dciodvfy_errors(path) == []


def test_a_plan_without_an_identity_of_its_own_is_refused(tmp_path: Path, predecessor: Path) -> None:
    planned = read_plan(predecessor)
    same = replace(corrected(planned), sop_instance_uid=planned.sop_instance_uid)
    with pytest.raises(MismatchError, match="identity of its own"):
        write_corrected_plan(tmp_path / "new.dcm", predecessor, same, DETAILS)


def test_a_plan_with_other_beams_is_refused(tmp_path: Path, predecessor: Path) -> None:
    planned = corrected(read_plan(predecessor))
    with pytest.raises(MismatchError, match="other beams"):
        write_corrected_plan(
            tmp_path / "new.dcm", predecessor, replace(planned, beams=planned.beams[:1]), DETAILS
        )


def test_what_is_no_plan_is_refused(tmp_path: Path, predecessor: Path) -> None:
    text = tmp_path / "text.dcm"
    text.write_text("no DICOM")
    with pytest.raises(UnreadableError, match="RT Plan"):
        write_corrected_plan(tmp_path / "new.dcm", text, corrected(read_plan(predecessor)), DETAILS)
