"""Earlier courses from DICOM: what the couch had to do, on which fraction, and what was delivered."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import numpy as np
import pytest

from isoguide.course import AXES, CourseHistory, DeliveryRecord, FractionSummary
from isoguide.dicom import PatientIdentity, SeriesUids, write_spatial_registration
from isoguide.errors import Cancelled, UnreadableError
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.iec61217 import PATIENT_POSITIONS
from isoguide.geometry.transforms import RigidTransform
from isoguide.workflow.import_courses import IMAGED, import_courses
from small_exports import MACHINE_ISOCENTRE_MM, PLAN_ISOCENTRE_MM, ExportedCourse, a_plan

NOTHING = CouchCorrection(0.0, 0.0, 0.0)
SIX = CouchCorrection(-4.0, 6.0, -3.0, pitch_deg=0.7, roll_deg=1.3, yaw_deg=-1.0)


@pytest.fixture
def export(tmp_path: Path) -> ExportedCourse:
    return ExportedCourse(tmp_path / "export")


def the_history(export: ExportedCourse) -> CourseHistory:
    """The only history; nothing was refused."""
    imported = import_courses(export.folder)
    assert imported.refused == ()
    (history,) = imported.histories
    return history


def reasons(folder: Path) -> list[str]:
    return [why for _, why in import_courses(folder).refused]


def six(correction: CouchCorrection | None) -> list[float]:
    assert correction is not None
    return [getattr(correction, axis) for axis in AXES]


def numbers(history: CourseHistory) -> list[int]:
    return [one.number for one in history.fractions]


@pytest.mark.parametrize("position", PATIENT_POSITIONS)
def test_the_correction_of_the_registration_comes_out_in_every_position(
    tmp_path: Path, position: str
) -> None:
    export = ExportedCourse(tmp_path, position=position)
    export.day(0, SIX)
    (fraction,) = the_history(export).fractions
    np.testing.assert_allclose(six(fraction.measured), six(SIX), atol=1e-6)


def shifted_export(folder: Path, position: str, offset_mm: tuple[float, float, float]) -> FractionSummary:
    """Write a day on which all tissue lies by ``offset_mm`` (patient axes) from where the plan wants it."""
    export = ExportedCourse(folder, position=position)
    image = export.image(0)
    back_mm = PLAN_ISOCENTRE_MM - MACHINE_ISOCENTRE_MM - np.array(offset_mm)
    matrix = RigidTransform.from_parts(PLANNING, DAILY, np.eye(3), back_mm)
    write_spatial_registration(folder / "reg.dcm", matrix, planning=export.planning, daily=image)
    (fraction,) = the_history(export).fractions
    return fraction


@pytest.mark.parametrize(
    ("position", "lateral_mm"),
    # Supine head first, room +X is the patient's left; feet first supine or head first prone it is his right.
    [("HFS", -5.0), ("FFP", -5.0), ("FFS", 5.0), ("HFP", 5.0)],
)
def test_a_patient_who_lay_5_mm_too_far_to_his_left_needed_5_mm_to_his_right(
    tmp_path: Path, position: str, lateral_mm: float
) -> None:
    fraction = shifted_export(tmp_path, position, (5.0, 0.0, 0.0))
    np.testing.assert_allclose(six(fraction.measured), [lateral_mm, 0, 0, 0, 0, 0], atol=1e-9)


@pytest.mark.parametrize(
    ("position", "vertical_mm"), [("HFS", 5.0), ("FFS", 5.0), ("HFP", -5.0), ("FFP", -5.0)]
)
def test_a_patient_who_lay_5_mm_too_far_to_his_back_was_raised_supine_and_lowered_prone(
    tmp_path: Path, position: str, vertical_mm: float
) -> None:
    fraction = shifted_export(tmp_path, position, (0.0, 5.0, 0.0))
    np.testing.assert_allclose(six(fraction.measured), [0, 0, vertical_mm, 0, 0, 0], atol=1e-9)


@pytest.mark.parametrize(("position", "longitudinal_mm"), [("HFS", -5.0), ("FFS", 5.0)])
def test_a_patient_who_lay_5_mm_too_far_to_his_head_went_away_from_it(
    tmp_path: Path, position: str, longitudinal_mm: float
) -> None:
    fraction = shifted_export(tmp_path, position, (0.0, 0.0, 5.0))
    np.testing.assert_allclose(six(fraction.measured), [0, longitudinal_mm, 0, 0, 0, 0], atol=1e-9)


def test_a_course_is_described_by_its_plan(export: ExportedCourse) -> None:
    export.day(0, SIX)
    history = the_history(export)
    assert history.course_id == export.plan.sop_instance_uid
    assert (history.patient, history.machine, history.site) == ("P-1", "LINAC 1", "pelvis")
    assert (history.device, history.fractions_planned, history.protocol) == ("Mask A", 5, "")
    (fraction,) = history.fractions
    assert fraction.at == export.moment(0).astimezone(UTC)
    assert (fraction.state, fraction.images, fraction.delivered_mu) == (IMAGED, 1, 0.0)
    assert (fraction.residual, fraction.applied, fraction.deviation) == (None, None, None)
    assert (fraction.action, fraction.rule) == ("", "")


def test_without_records_the_days_with_images_are_counted_in_the_order_of_time(
    export: ExportedCourse,
) -> None:
    for day, lateral_mm in ((9, 3.0), (0, 1.0), (4, 2.0)):
        export.day(day, CouchCorrection(lateral_mm, 0.0, 0.0))
    history = the_history(export)
    assert numbers(history) == [1, 2, 3]
    assert [round(six(one.measured)[0], 6) for one in history.fractions] == [1.0, 2.0, 3.0]


def test_the_first_image_of_a_day_is_the_set_up_and_the_last_one_the_residual(export: ExportedCourse) -> None:
    for minute, lateral_mm in ((14, 0.25), (0, 8.0), (7, 3.0)):
        export.day(0, CouchCorrection(lateral_mm, 0.0, 0.0), minute)
    (fraction,) = the_history(export).fractions
    assert six(fraction.measured)[0] == pytest.approx(8.0)
    assert six(fraction.residual)[0] == pytest.approx(0.25)
    assert fraction.images == 3


def test_two_images_of_the_same_moment_have_no_first(export: ExportedCourse) -> None:
    export.day(0, SIX)
    export.register(export.image(0, tag=" again"), NOTHING)
    export.day(1, NOTHING)
    imported = import_courses(export.folder)
    assert [why for _, why in imported.refused] == [
        "two of its images say that they were taken at the same moment, so none of them is the first"
    ]
    assert numbers(imported.histories[0]) == [2]


def test_records_give_the_numbers_and_the_delivered_dose(export: ExportedCourse) -> None:
    for day, fraction in ((0, 3), (1, 4)):
        export.day(day, SIX)
        export.record(day, fraction)
    history = the_history(export)
    assert numbers(history) == [3, 4]
    assert [one.delivered_mu for one in history.fractions] == [200.0, 200.0]
    assert [one.state for one in history.fractions] == ["closed", "closed"]


def test_a_fraction_without_an_image_is_a_fraction(export: ExportedCourse) -> None:
    export.record(0, 1)
    export.day(1, SIX)
    export.record(1, 2)
    first, second = the_history(export).fractions
    assert (first.number, first.measured, first.images, first.delivered_mu) == (1, None, 0, 200.0)
    assert first.at == export.moment(0, 10).astimezone(UTC)
    assert second.measured is not None


def test_several_records_of_a_day_are_one_fraction(export: ExportedCourse) -> None:
    export.record(0, 1, deliveries=[DeliveryRecord(1, "", 100.0, 40.0, "OPERATOR")])
    export.record(0, 1, minute=20, deliveries=[DeliveryRecord(1, "", 60.0, 60.0)])
    export.record(0, 1, minute=30, deliveries=[DeliveryRecord(2, "", 100.0, 100.0)])
    (fraction,) = the_history(export).fractions
    assert (fraction.delivered_mu, fraction.state) == (200.0, "closed")


@pytest.mark.parametrize(
    "deliveries",
    [
        [DeliveryRecord(1, "", 100.0, 100.0), DeliveryRecord(2, "", 100.0, 40.0, "MACHINE")],
        [DeliveryRecord(1, "", 100.0, 100.0)],
        [DeliveryRecord(1, "", 100.0, 100.0), DeliveryRecord(2, "", 100.0, 40.0, "UNKNOWN")],
    ],
)
def test_a_fraction_that_lacks_a_part_of_its_beams_was_stopped(
    export: ExportedCourse, deliveries: list[DeliveryRecord]
) -> None:
    export.record(0, 1, deliveries=deliveries)
    (fraction,) = the_history(export).fractions
    assert fraction.state == "stopped"
    assert fraction.delivered_mu == sum(one.delivered_mu for one in deliveries)


def test_days_between_records_are_numbered_where_only_one_count_is_possible(export: ExportedCourse) -> None:
    for day in range(5):
        export.day(day, SIX)
    export.record(1, 2)
    export.record(3, 4)
    assert numbers(the_history(export)) == [1, 2, 3, 4, 5]


def test_days_that_could_be_several_fractions_are_left_out(export: ExportedCourse) -> None:
    for day in (0, 1, 2, 3):
        export.day(day, SIX)
    export.record(1, 5)
    export.record(3, 9)
    imported = import_courses(export.folder)
    assert numbers(imported.histories[0]) == [5, 9]
    assert [(what[-10:], why) for what, why in imported.refused] == [
        (
            "2026-03-02",
            "it has no treatment record, and nothing says the number of 1 such day(s) before fraction 5",
        ),
        (
            "2026-03-04",
            "it has no treatment record, and nothing says the number of 1 such day(s) between the "
            "fractions 5 and 9",
        ),
    ]


def test_records_that_go_back_in_number_are_refused_and_nothing_is_counted_by_them(
    export: ExportedCourse,
) -> None:
    for day, fraction in ((0, 1), (1, 3), (3, 2), (4, 5)):
        export.record(day, fraction)
    export.day(2, SIX)
    imported = import_courses(export.folder)
    assert numbers(imported.histories[0]) == [1, 5]
    assert [why for _, why in imported.refused] == [
        "its record says fraction 3, against another day's",
        "the treatment records of other days contradict each other",
        "its record says fraction 2, against another day's",
    ]


def test_one_day_cannot_be_two_fractions(export: ExportedCourse) -> None:
    export.record(0, 1)
    export.record(0, 2, minute=300)
    imported = import_courses(export.folder)
    assert imported.histories == ()
    assert [why for _, why in imported.refused] == [
        "its treatment records state the fractions 1 and 2, and a day is one fraction"
    ]


def test_a_position_report_gives_the_deviation_and_the_verdict(export: ExportedCourse) -> None:
    image = export.image(0)
    export.report(image, SIX, export.register(image, SIX))
    (fraction,) = the_history(export).fractions
    assert fraction.deviation is not None
    # Half widths of 95 % are 1.959964 standard deviations.
    np.testing.assert_allclose(fraction.deviation, np.ones(6), rtol=1e-6)
    assert fraction.rule == "position report: review"


def test_a_report_that_contradicts_its_registration_is_refused(export: ExportedCourse) -> None:
    image = export.image(0)
    export.report(image, replace(SIX, lateral_mm=4.0), export.register(image, SIX))
    export.day(1, SIX)
    assert ["differ by 8.00 mm" in why for why in reasons(export.folder)] == [True]


def test_a_couch_of_three_axes_reports_other_values_than_the_whole_motion(export: ExportedCourse) -> None:
    image = export.image(0)
    registration = export.register(image, SIX)
    export.report(image, CouchCorrection(-4.1, 6.2, -3.1), registration, degrees_of_freedom=3)
    (fraction,) = the_history(export).fractions
    np.testing.assert_allclose(six(fraction.measured), six(SIX), atol=1e-6)


def test_an_image_without_an_available_match_is_refused_with_the_reason_of_its_report(
    export: ExportedCourse,
) -> None:
    export.day(0, SIX)
    export.report(export.image(1), None, None)
    assert reasons(export.folder) == [
        "its position report says that no match is available: the image is too small"
    ]


def test_a_plan_with_two_isocentres_keeps_what_was_delivered_and_measures_nothing(tmp_path: Path) -> None:
    export = ExportedCourse(tmp_path)
    far = (PLAN_ISOCENTRE_MM, PLAN_ISOCENTRE_MM + 50.0)
    export.plan = a_plan("first", "HFS", export.uids.frame_of_reference, isocentres=far)
    export.save_plan(export.plan)
    export.day(0, SIX)
    export.record(0, 1)
    imported = import_courses(tmp_path)
    ((_, why),) = imported.refused
    assert "treatment beams have 2 isocentres" in why
    (fraction,) = imported.histories[0].fractions
    assert (fraction.measured, fraction.delivered_mu) == (None, 200.0)


def test_a_plan_that_was_not_treated_is_no_course(export: ExportedCourse) -> None:
    imported = import_courses(export.folder)
    assert imported.histories == ()
    ((what, why),) = imported.refused
    assert "plan 'FIRST' of patient P-1" in what
    assert why == "no image with a registration and no record belongs to it"


def test_a_motion_that_no_couch_makes_is_refused(export: ExportedCourse) -> None:
    export.day(0, CouchCorrection(0.0, 0.0, 0.0, pitch_deg=90.0))
    export.day(1, SIX)
    assert ["pitch of ±90°" in why for why in reasons(export.folder)] == [True]


def test_many_patients_in_one_folder_stay_apart(tmp_path: Path) -> None:
    for number in range(3):
        patient = PatientIdentity(f"P-{number}", name="Doe^J", birth_date="19500102")
        export = ExportedCourse(tmp_path / f"any{number}" / "deep", name=f"course {number}", patient=patient)
        for day in range(number + 1):
            export.day(day, CouchCorrection(float(number), 0.0, 0.0))
    imported = import_courses(tmp_path)
    assert imported.refused == ()
    for history in imported.histories:
        number = int(history.patient[-1])
        assert numbers(history) == list(range(1, number + 2))
        assert {round(six(one.measured)[0], 6) for one in history.fractions} == {float(number)}
    assert len(imported.histories) == 3


def test_two_plans_on_one_scan_are_told_apart_by_the_treatment_records(export: ExportedCourse) -> None:
    boost = a_plan("boost", "HFS", export.uids.frame_of_reference)
    export.save_plan(boost, file="boost.dcm")
    for day in range(3):
        export.day(day, SIX)
    export.record(0, 1)
    export.record(1, 1, plan=boost)
    imported = import_courses(export.folder)
    assert [numbers(history) for history in imported.histories] == [[1], [1]]
    ((what, why),) = imported.refused
    assert "day 2" in what
    assert "fits the plans 'BOOST' and 'FIRST'" in why


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="does not exist"):
        import_courses(tmp_path / "nothing")


def test_reading_tells_how_far_it_is_and_can_be_stopped(export: ExportedCourse) -> None:
    export.day(0, SIX)
    told: list[float] = []
    import_courses(export.folder, progress=lambda fraction, step: told.append(fraction))
    assert told == sorted(told)
    assert told[-1] < 1.0

    def stop(fraction: float, step: str) -> None:
        raise Cancelled(step)

    with pytest.raises(Cancelled):
        import_courses(export.folder, progress=stop)


def test_a_frame_of_the_room_needs_no_further_evidence(export: ExportedCourse) -> None:
    """All days lie in the frame of reference of the IEC fixed system, whose origin is the isocentre."""
    for day, lateral_mm in ((0, 1.0), (1, 2.0)):
        image = export.image(day, frame_uid="1.2.840.10008.1.4.3.1", has_isocentre=False)
        needed = CouchCorrection(lateral_mm, 0.0, 0.0)
        export.register(image, needed, machine_isocentre_mm=np.zeros(3))
    history = the_history(export)
    assert [round(six(one.measured)[0], 6) for one in history.fractions] == [1.0, 2.0]


def test_nothing_in_the_public_data_breaks_the_import(shared_data: Path) -> None:
    imported = import_courses(shared_data)
    assert imported.refused
    assert all(what and why and "\n" not in why for what, why in imported.refused)


@pytest.fixture
def changed(export: ExportedCourse) -> Callable[..., list[str]]:
    """Import a course of one usable day and of one whose image is made differently; give the reasons."""

    def importer(**changes: object) -> list[str]:
        export.day(0, SIX)
        export.register(export.image(1, **changes), SIX)  # type: ignore[arg-type]  # whatever a case changes
        imported = import_courses(export.folder)
        assert numbers(imported.histories[0]) == [1]
        return [why for _, why in imported.refused]

    return importer


def test_an_image_without_evidence_of_the_isocentre_is_refused(changed: Callable[..., list[str]]) -> None:
    (why,) = changed(has_isocentre=False)
    assert why.startswith("nothing says where the machine isocentre is in the daily CT series")
    assert "--" not in why


def test_an_image_in_another_position_is_refused(changed: Callable[..., list[str]]) -> None:
    (why,) = changed(position="HFP")
    assert "taken in the patient position HFP but plan 'FIRST'" in why


def test_an_image_of_another_patient_is_refused(changed: Callable[..., list[str]]) -> None:
    (why,) = changed(patient=PatientIdentity("P-1", name="Doe^Jane", birth_date="19600102"))
    assert "belongs to another patient: the birth date is '19600102'" in why


def test_the_same_plan_twice_is_one_course(export: ExportedCourse) -> None:
    export.day(0, SIX)
    export.save_plan(export.plan, file="copy of the plan.dcm")
    assert numbers(the_history(export)) == [1]
    assert SeriesUids.from_seed("first plan").series == export.plan.sop_instance_uid
