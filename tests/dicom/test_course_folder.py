"""What belongs together in a folder of courses is found by UIDs; what does not is refused with its reason."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_builders import PLAN, ROOT, dataset, item, matrix_item, save
from dicom_builders import registration as registration_of_frames
from pydicom.dataset import Dataset
from pydicom.uid import (
    Comprehensive3DSRStorage,
    DeformableSpatialRegistrationStorage,
    ImplicitVRLittleEndian,
    RTBeamsTreatmentRecordStorage,
    RTIonBeamsTreatmentRecordStorage,
)

from isoguide.dicom import (
    CourseFolder,
    DayMatch,
    PatientIdentity,
    StructureSetDetails,
    WrittenSeries,
    course_files,
    read_course_folder,
    write_structure_set,
)
from isoguide.dicom.header_peek import peek
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.transforms import rotation_z
from isoguide.images.structure import Contour, Structure
from small_exports import MACHINE_ISOCENTRE_MM, ExportedCourse, a_plan

SIX = CouchCorrection(-4.0, 6.0, -3.0, pitch_deg=0.7, roll_deg=1.3, yaw_deg=-1.0)
IEC_FIXED = "1.2.840.10008.1.4.3.1"


@pytest.fixture
def export(tmp_path: Path) -> ExportedCourse:
    return ExportedCourse(tmp_path)


def read(export: ExportedCourse) -> CourseFolder:
    return read_course_folder(export.folder)


def matches(export: ExportedCourse) -> tuple[DayMatch, ...]:
    (course,) = read(export).courses
    return course.matches


def reasons(export: ExportedCourse) -> list[str]:
    return [why for _, why in read(export).refused]


def change(path: Path, **values: object) -> None:
    """Set attributes of a file, or remove those that are None."""
    ds = pydicom.dcmread(path)
    for keyword, value in values.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    ds.save_as(path)


def change_series(series: WrittenSeries, **values: object) -> None:
    for path in series.paths:
        change(path, **values)


def foreign_registration(
    export: ExportedCourse, *items: tuple[str, list[np.ndarray]], registered: str, file: str = "foreign.dcm"
) -> Dataset:
    ds = registration_of_frames(*items, registered=registered)
    ds.PatientID, ds.PatientName, ds.PatientBirthDate = "P-1", "DOE^JANE", "19500102"
    save(ds, export.folder / file)
    return ds


A_MOTION = np.eye(4)
A_MOTION[:3, :3] = rotation_z(2.0)
A_MOTION[:3, 3] = 1.0, 2.0, 3.0


def test_a_match_says_when_by_what_and_where_the_isocentre_was(export: ExportedCourse) -> None:
    image = export.day(3, SIX)
    (match,) = matches(export)
    assert (match.day, match.image_uid) == (date(2026, 3, 5), image.series_instance_uid)
    assert match.isocentre.xyz_mm.tolist() == MACHINE_ISOCENTRE_MM.tolist()
    assert "SetupIsocenter" in match.isocentre.evidence
    assert match.path.name.endswith(".reg.dcm")
    assert read(export).refused == ()


def test_copies_of_files_count_once(export: ExportedCourse) -> None:
    export.day(0, SIX)
    export.record(0, 1)
    for path in [path for path in export.folder.rglob("*.dcm") if path.parent == export.folder]:
        (export.folder / f"copy of {path.name}").write_bytes(path.read_bytes())
    (course,) = read(export).courses
    assert (len(course.matches), len(course.records)) == (1, 1)


def test_a_registration_of_another_system_is_followed_in_either_direction(export: ExportedCourse) -> None:
    """One object maps the plan to the day; another goes through a third frame, with an identity beside it."""
    plan_frame = export.uids.frame_of_reference
    first, second = export.image(0), export.image(1)
    inverse = np.linalg.inv(A_MOTION)
    ds = foreign_registration(
        export, (plan_frame, [inverse]), registered=first.frame_of_reference_uid, file="inverse.dcm"
    )
    ds = foreign_registration(
        export, (plan_frame, [np.eye(4)]), ("2.25.5", [np.eye(4)]), registered=plan_frame, file="third.dcm"
    )
    ds.SOPInstanceUID = ROOT + "8"
    ds.RegistrationSequence.append(
        item(
            FrameOfReferenceUID=second.frame_of_reference_uid,
            MatrixRegistrationSequence=[item(MatrixSequence=[matrix_item(A_MOTION)])],
        )
    )
    ds.save_as(export.folder / "third.dcm")
    assert read(export).refused == ()
    for match in matches(export):
        np.testing.assert_allclose(match.planning_from_daily.matrix, A_MOTION, atol=1e-7)


def test_two_matrices_in_one_item_are_refused(export: ExportedCourse) -> None:
    image = export.image(0)
    foreign_registration(
        export,
        (image.frame_of_reference_uid, [A_MOTION, A_MOTION]),
        registered=export.uids.frame_of_reference,
    )
    two, without = reasons(export)
    assert "multiplies 2 matrices" in two
    assert without == "no registration that can be used relates it to a plan"


def test_a_registration_between_other_frames_is_refused(export: ExportedCourse) -> None:
    foreign_registration(export, ("2.25.5", [A_MOTION]), registered="2.25.6", file="other.dcm")
    ds = foreign_registration(export, ("2.25.5", [A_MOTION]), registered=export.uids.frame_of_reference)
    ds.SOPInstanceUID = ROOT + "8"
    ds.save_as(export.folder / "foreign.dcm")
    no_image, no_plan = reasons(export)
    assert "no image of the day in the folder" in no_image
    assert no_plan == "no plan that can be used is in a frame of reference that it relates (2.25.5, 2.25.6)"


def test_a_registration_of_another_patient_is_refused(export: ExportedCourse) -> None:
    written = export.register(export.image(0), SIX)
    change(written.path, PatientID="P-2")
    (why,) = reasons(export)
    assert "belongs to another patient: the patient ID is 'P-2'" in why
    assert matches(export) == ()


def test_an_image_of_another_patient_in_the_frame_is_refused(export: ExportedCourse) -> None:
    export.register(export.image(0, patient=PatientIdentity("P-9", name="Roe^R", birth_date="1950")), SIX)
    (why,) = reasons(export)
    assert "the patient ID is 'P-9'" in why


def test_registrations_of_one_image_have_to_agree(export: ExportedCourse) -> None:
    image = export.day(0, SIX)
    second = export.register(image, SIX, file="again.dcm")
    export.report(image, SIX, second)
    (match,) = matches(export)
    assert match.report is not None
    export.register(image, replace(SIX, lateral_mm=-4.3), file="against.dcm")
    assert matches(export) == ()
    (why,) = reasons(export)
    assert "contradict each other" in why


def test_two_reports_on_one_registration_are_not_chosen_between(export: ExportedCourse) -> None:
    image = export.image(0)
    registration = export.register(image, SIX)
    first = export.report(image, SIX, registration)
    first.path.rename(export.folder / "first.sr.dcm")
    export.report(image, SIX, registration)
    (why,) = reasons(export)
    assert why.startswith("2 position reports rest on")


def test_a_structured_report_of_another_kind_is_refused(export: ExportedCourse) -> None:
    export.day(0, SIX)
    save(dataset(Comprehensive3DSRStorage, ROOT + "9", "SR"), export.folder / "sr.dcm")
    (why,) = reasons(export)
    assert "without a verdict on a match" in why


def test_a_report_that_lost_its_registration_belongs_to_nothing(export: ExportedCourse) -> None:
    image = export.day(0, SIX)
    export.report(image, SIX, None)
    assert reasons(export) == ["the position report names no registration, so it belongs to no image"]


def test_a_report_without_a_match_on_an_image_elsewhere_is_told(
    export: ExportedCourse, tmp_path: Path
) -> None:
    export.day(0, SIX)
    elsewhere = ExportedCourse(tmp_path.parent / "elsewhere", name="other")
    elsewhere.planning = export.planning
    written = elsewhere.report(elsewhere.image(0), None, None)
    written.path.rename(export.folder / "sr.dcm")
    ((what, why),) = read(export).refused
    assert what.endswith("sr.dcm")
    assert "no match is available" in why


def test_in_one_frame_for_all_days_the_series_decides(export: ExportedCourse) -> None:
    """A registration whose own image is not in the folder must not be taken for that of another day."""
    export.register(export.image(0, frame_uid=IEC_FIXED, has_isocentre=False), SIX)
    gone = export.image(1, frame_uid=IEC_FIXED, has_isocentre=False)
    export.register(gone, SIX)
    for path in gone.paths:
        path.unlink()
    assert [match.day for match in matches(export)] == [date(2026, 3, 2)]
    (why,) = reasons(export)
    assert "relates no image of the day in the folder" in why


def test_a_registration_that_names_none_of_several_images_in_its_frame_is_refused(
    export: ExportedCourse,
) -> None:
    for day in (0, 1):
        export.image(day, frame_uid=IEC_FIXED, has_isocentre=False)
    foreign_registration(export, (IEC_FIXED, [A_MOTION]), registered=export.uids.frame_of_reference)
    assert (
        reasons(export)[0] == f"2 images are in the frame of reference {IEC_FIXED}, and it does not name one"
    )


def test_the_mapping_matrix_of_an_image_places_the_isocentre(export: ExportedCourse) -> None:
    image = export.image(0, has_isocentre=False)
    mapping = np.eye(4)
    mapping[:3, 3] = -7.0, -8.0, -9.0
    change_series(
        image,
        ImageToEquipmentMappingMatrix=mapping.ravel().tolist(),
        EquipmentCoordinateSystemIdentification="ISOCENTER",
    )
    export.register(image, SIX)
    (match,) = matches(export)
    assert match.isocentre.xyz_mm.tolist() == [7.0, 8.0, 9.0]


def test_several_structure_sets_of_an_image_prove_nothing(export: ExportedCourse) -> None:
    export.day(0, SIX)
    (path,) = export.folder.glob("*.rs.dcm")
    (export.folder / "second.dcm").write_bytes(path.read_bytes())
    change(export.folder / "second.dcm", SOPInstanceUID=ROOT + "9")
    (why,) = reasons(export)
    assert why.startswith("nothing says where the machine isocentre is")
    assert why.endswith("and there are 2 structure sets")


def test_a_structure_set_of_the_image_in_another_frame_is_refused(export: ExportedCourse) -> None:
    export.day(0, SIX)
    (path,) = export.folder.glob("*.rs.dcm")
    ds = pydicom.dcmread(path)
    for roi in ds.StructureSetROISequence:
        roi.ReferencedFrameOfReferenceUID = "2.25.5"
    ds.save_as(path)
    (why,) = reasons(export)
    assert "drawn on it but is in another frame of reference" in why


def test_an_image_whose_only_date_is_that_of_its_study_belongs_to_no_day(export: ExportedCourse) -> None:
    image = export.day(0, SIX)
    for path in image.paths:
        ds = pydicom.dcmread(path)
        for keyword in ("AcquisitionDate", "ContentDate", "SeriesDate"):
            if keyword in ds:
                delattr(ds, keyword)
        ds.save_as(path)
    assert reasons(export) == ["it does not say when it was taken, so it belongs to no fraction"]


@pytest.mark.parametrize("keyword", ["PatientID", "FrameOfReferenceUID", "PatientPosition"])
def test_a_series_that_contradicts_itself_is_refused(export: ExportedCourse, keyword: str) -> None:
    image = export.day(0, SIX)
    change(image.paths[1], **{keyword: {"PatientPosition": "HFP"}.get(keyword, "9")})
    first, *_ = reasons(export)
    assert first == "its files name different patients, frames of reference or positions"


def test_an_image_without_a_frame_is_refused(export: ExportedCourse) -> None:
    image = export.image(0)
    change_series(image, FrameOfReferenceUID=None)
    assert reasons(export) == ["it states no frame of reference, so no registration can be about it"]


def test_an_image_that_nothing_is_about_is_told(export: ExportedCourse) -> None:
    image = export.image(0)
    ((what, why),) = read(export).refused
    assert image.series_instance_uid in what
    assert why == "no registration that can be used relates it to a plan"


def test_scout_views_are_no_images_of_a_day(export: ExportedCourse) -> None:
    change_series(export.image(0), ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    assert reasons(export) == []


def test_a_plan_without_a_patient_is_refused(export: ExportedCourse) -> None:
    change(export.folder / "plan.dcm", PatientID="")
    assert reasons(export)[0] == "the plan states no patient ID, so nothing says whose it is"


def test_a_plan_without_a_frame_is_refused(export: ExportedCourse) -> None:
    change(export.folder / "plan.dcm", FrameOfReferenceUID=None)
    assert reasons(export)[0] == "nothing says which frame of reference the plan is in"


def test_a_plan_without_a_position_takes_that_of_its_images(tmp_path: Path) -> None:
    export = ExportedCourse(tmp_path, position="FFP")
    change(tmp_path / "plan.dcm", PatientSetupSequence=None)
    export.day(0, SIX)
    (course,) = read(export).courses
    assert course.plan.patient_position == "FFP"


def test_a_plan_without_a_position_and_without_images_is_refused(export: ExportedCourse) -> None:
    for path in export.planning.paths:
        path.unlink()
    change(export.folder / "plan.dcm", PatientSetupSequence=None)
    assert "states no patient position" in reasons(export)[0]


def test_a_record_of_another_plan_patient_or_day_is_refused(export: ExportedCourse) -> None:
    foreign = dataset(RTBeamsTreatmentRecordStorage, ROOT + "8", "RTRECORD")
    foreign.PrimaryDosimeterUnit = "MU"
    foreign.ReferencedRTPlanSequence = [item(ReferencedSOPInstanceUID=PLAN)]
    foreign.TreatmentSessionBeamSequence = [
        item(
            ReferencedBeamNumber=1,
            SpecifiedPrimaryMeterset="100",
            DeliveredPrimaryMeterset="100",
            TreatmentTerminationStatus="NORMAL",
        )
    ]
    save(foreign, export.folder / "a.dcm")
    foreign.SOPInstanceUID = ROOT + "9"
    foreign.PatientID, foreign.PatientName, foreign.PatientBirthDate = "P-1", "Doe^Jane", "19500102"
    foreign.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID = export.plan.sop_instance_uid
    save(foreign, export.folder / "b.dcm")
    change(export.record(0, 1).path, PatientID="P-2")
    no_day, no_plan, stranger = sorted(reasons(export), key=len)
    assert no_plan == f"its plan {PLAN} is absent or cannot be used"
    assert no_day == "it does not say when the treatment was, so it belongs to no day"
    assert "belongs to another patient: the patient ID is 'P-2' there and 'P-1' in plan 'FIRST'" in stranger


def test_what_cannot_be_read_is_told_by_its_kind(export: ExportedCourse) -> None:
    for number, sop_class in enumerate(
        (DeformableSpatialRegistrationStorage, RTIonBeamsTreatmentRecordStorage)
    ):
        save(dataset(sop_class, f"{ROOT}9{number}", "REG"), export.folder / f"z{number}.dcm")
    cut = export.record(0, 1).path
    cut.write_bytes(cut.read_bytes()[:200])
    (export.folder / "notes.txt").write_text("lunch at noon")
    assert sorted(reasons(export)) == [
        "a deformable registration calls for no couch correction",
        "it ends before it says what it is",
        "treatment records of ion beams are not read",
    ]


def test_only_one_header_of_a_series_is_read_in_full(
    export: ExportedCourse, monkeypatch: pytest.MonkeyPatch
) -> None:

    export.register(export.image(0, slices=9), SIX)
    read_in_full: list[Path] = []

    def counted(path: Path) -> object:
        read_in_full.append(path)
        return scan_file(path)

    scan_file = course_files.scan_file
    monkeypatch.setattr(course_files, "scan_file", counted)
    assert len(matches(export)) == 1
    # Planning CT, plan, day's image, its structure set, registration.
    assert len(read_in_full) == 5


def test_unusual_files_are_left_to_the_full_reader(export: ExportedCourse, tmp_path: Path) -> None:
    image = export.day(0, SIX)
    first, second = image.paths
    assert peek(first) is not None
    assert peek(tmp_path / "absent") is None
    assert peek(tmp_path) is None
    ds = pydicom.dcmread(second)
    ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    ds.save_as(second)
    implicit, explicit = peek(second), peek(first)
    assert implicit is not None
    assert explicit is not None
    assert implicit[0] == explicit[0]
    assert implicit[1] != explicit[1]
    ds.ReferencedStudySequence = [item(ReferencedSOPInstanceUID="2.25.1")]
    ds["ReferencedStudySequence"].is_undefined_length = True
    ds.save_as(second)
    assert peek(second) is None
    assert len(matches(export)) == 1


def test_a_file_that_ends_early_or_is_of_another_encoding_is_not_peeked_at(tmp_path: Path) -> None:
    export = ExportedCourse(tmp_path)
    whole = export.planning.paths[0].read_bytes()
    path = tmp_path / "cut.dcm"
    for content in (
        whole[:100],
        whole[:400],
        whole.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.2\0"),
        b"\0" * 128 + b"DICM" + b"\0" * 200,
    ):
        path.write_bytes(content)
        assert peek(path) is None


def test_a_plan_in_the_frame_of_its_structure_set_is_found(export: ExportedCourse) -> None:
    export.day(0, SIX)

    drawn = Structure("ISO", 1, PLANNING, (Contour("POINT", np.zeros((1, 3))),), "ISOCENTER")
    details = StructureSetDetails(sop_instance_uid=ROOT + "4")
    write_structure_set(export.folder / "rs.dcm", [drawn], image=export.planning, details=details)
    plan = replace(a_plan("first", "HFS", ""), structure_set_uid=ROOT + "4")
    export.save_plan(plan)
    change(export.folder / "plan.dcm", FrameOfReferenceUID=None)
    assert len(matches(export)) == 1
