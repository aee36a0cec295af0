"""The dose of the day in an assessment: a prostate lies 5 mm further left than the bones say."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from prostate_to_the_left import quick_assessment, request_of
from pydicom import dcmread
from small_patient import SmallPatient

from isoguide.course import DoseInstructions
from isoguide.dicom import read_dose, read_structure_set
from isoguide.dose.goal_text import parse_goal
from isoguide.errors import MissingEvidenceError
from isoguide.geometry.frames import DAILY
from isoguide.plan import Beam
from isoguide.registration.deformable.result import FieldVerdict
from isoguide.units import wrap_deg
from isoguide.workflow.alignment import Alignment
from isoguide.workflow.assess import dose as dose_module
from isoguide.workflow.assess import dose_report
from isoguide.workflow.assess.assess import Assessment
from isoguide.workflow.assess.document import AssessmentDocument
from isoguide.workflow.assess.dose import order_of_day
from isoguide.workflow.assess.report import assessment_html
from isoguide.workflow.assess.request import DoseChoice
from isoguide.workflow.assess.write_results import assess_into
from isoguide.workflow.dose.scene import DoseScene

CHOICE = DoseChoice("generic-6mv", goals=("PTV D95% >= 75 %", "PTV max <= 10 Gy"))


@pytest.fixture(scope="module")
def result(
    tmp_path_factory: pytest.TempPathFactory, patient: SmallPatient, alignment: Alignment
) -> tuple[Path, Assessment]:
    folder = tmp_path_factory.mktemp("assessed-dose") / "result"
    with quick_assessment(patient, of_two_beams(alignment)) as patched:
        patched.setattr(dose_module, "SPACING_MM", 5.0)
        patched.setattr(dose_report, "day_scene", small_scene)
        return folder, assess_into(request_of(patient, dose=CHOICE), folder)


def of_two_beams(alignment: Alignment) -> Alignment:
    """Leave two still beams of the arc, which takes less time, narrow so that 5 mm matter."""
    planning = alignment.planning
    assert planning.dicom is not None
    assert planning.plan is not None
    arc = planning.plan.beams[0]

    def still(number: int, gantry_deg: float) -> Beam:
        nearest = min(arc.control_points, key=lambda one: abs(wrap_deg(one.gantry_deg - gantry_deg)))
        assert nearest.leaf_positions_mm is not None
        low, high = nearest.leaf_positions_mm
        middle = (low + high) / 2.0
        tight = np.stack([np.minimum(low + 6.0, middle), np.maximum(high - 6.0, middle)])
        narrow = replace(nearest, leaf_positions_mm=tight)
        points = tuple(replace(narrow, cumulative_meterset=share) for share in (0.0, 1.0))
        # So many monitor units that the PTV gets about its prescription.
        return replace(arc, number=number, control_points=points, meterset_mu=(arc.meterset_mu or 0.0) / 2.0)

    plan = replace(planning.plan, beams=(still(1, 0.0), still(2, 90.0)))
    return replace(alignment, planning=replace(planning, dicom=replace(planning.dicom, plan=plan)))


def small_scene(*arguments: object, **more: object) -> DoseScene:
    from isoguide.workflow.dose.scene import day_scene

    return day_scene(*arguments, **more, pixels=80)


def test_a_target_that_moved_gets_less_than_planned_and_the_couch_makes_a_difference(
    result: tuple[Path, Assessment],
) -> None:
    found = result[1].dose
    assert found is not None
    assert found.day.verdict is FieldVerdict.FOR_DECISION
    planned, treated = found.planned.placed.histograms["PTV"], found.day.histograms["PTV"]
    assert found.day.as_found is not None
    as_found = found.day.as_found.histograms["PTV"]
    d95 = [one.dose_at_volume_gy(95.0) for one in (as_found, treated, planned)]
    assert d95[1] < 0.995 * d95[2]
    assert abs(d95[0] - d95[1]) > 0.005 * d95[2]


def test_the_dose_of_the_day_is_written_for_the_day_s_image(
    result: tuple[Path, Assessment], patient: SmallPatient
) -> None:
    folder, answer = result
    written, contours = (
        read_dose(folder / "rtdose.dcm", DAILY),
        read_structure_set(folder / "rtstruct.dcm", DAILY),
    )
    dataset = dcmread(folder / "rtdose.dcm")
    assert answer.dose is not None
    assert answer.dose.day.dose is not None
    assert written.summation_type == "FRACTION_SESSION"
    assert written.plan_uid == patient.session.plan.sop_instance_uid
    assert written.frame_of_reference_uid == contours.frame_of_reference_uid
    reference = dataset.ReferencedStructureSetSequence[0].ReferencedSOPInstanceUID
    assert reference == contours.sop_instance_uid
    assert written.dose_gy.max() == pytest.approx(answer.dose.day.dose.dose_gy.max(), rel=1e-5)


def test_report_and_document_show_plan_and_day(result: tuple[Path, Assessment]) -> None:
    folder, answer = result
    page = (folder / "report.html").read_text(encoding="utf-8")
    document = AssessmentDocument.model_validate_json(
        (folder / "assessment.json").read_text(encoding="utf-8")
    )
    assert document.dose is not None
    assert document.dose.treated is not None
    assert answer.dose is not None
    for words in (
        "DOSE FOR DECISION",
        "With and without the couch correction",
        "as treated today",
        "Isodoses",
    ):
        assert words in page
    target = document.dose.treated.structures[0]
    assert target.name == "PTV"
    assert f"{target.dose.d95_gy * 20:.2f}" in page
    assert [goal.is_met for goal in document.dose.planned.goals] == [True, False]
    assert document.dose.as_found is not None


def test_a_goal_that_the_day_misses_is_named_on_top(result: tuple[Path, Assessment]) -> None:
    folder, answer = result
    assert answer.dose is not None
    assert [line.split(":")[0] for line in answer.dose.missed] == ["PTV max <= 10 Gy"]
    assert not answer.is_clear
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<li>PTV max &lt;= 10 Gy:" in page


def test_without_a_dose_the_report_says_nothing_of_it(result: tuple[Path, Assessment]) -> None:
    page = assessment_html(replace(result[1], dose=None, anatomy=None))
    assert "DOSE" not in page


def test_limits_of_a_protocol_raise_alerts_about_this_day(
    result: tuple[Path, Assessment], alignment: Alignment
) -> None:
    found = result[1].dose
    assert found is not None
    goals = (parse_goal("PTV D95% >= 75 %"),)
    asked = DoseInstructions(goals=goals, target_d95_percent=0.5, days=3)
    alerts = dose_module.day_alerts(found.planned, found.day, alignment, asked)
    assert any("PTV" in alert and "D95" in alert for alert in alerts)
    assert not replace(found, alerts=alerts).is_clear
    calm = DoseInstructions(goals=goals, target_d95_percent=60.0)
    assert dose_module.day_alerts(found.planned, found.day, alignment, calm) == ()


def test_a_dose_needs_a_plan_and_a_target(alignment: Alignment) -> None:
    no_target = replace(alignment, target=None)
    with pytest.raises(MissingEvidenceError, match="nothing says what is treated"):
        order_of_day(no_target, (), CHOICE, None)
    planning = replace(alignment.planning, dicom=None)
    with pytest.raises(MissingEvidenceError, match="holds no plan"):
        order_of_day(replace(alignment, planning=planning), (), CHOICE, None)


def test_beam_data_of_another_machine_are_not_taken_silently(alignment: Alignment) -> None:
    with pytest.raises(MissingEvidenceError, match="--machine generic-6mv"):
        order_of_day(alignment, (), DoseChoice(), None)
