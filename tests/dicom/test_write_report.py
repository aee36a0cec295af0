from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import highdicom
import pydicom
import pytest
from dicom_validation import dciodvfy_errors, standard_violations
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from written_objects import PATIENT, Pair, names, write_pair

from isoguide.dicom import (
    AxisUncertainty,
    PatientIdentity,
    PositionReport,
    ReportDetails,
    StudyContext,
    WrittenObject,
    read_position_report,
    write_position_report,
    write_spatial_registration,
)
from isoguide.dicom.position_report import AXES
from isoguide.dicom.report_codes import CORRECTION_CODES, VERDICTS
from isoguide.errors import OutputError, UnreadableError
from isoguide.geometry.correction import ANGLE_ORDER, CouchCorrection
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.transforms import RigidTransform
from isoguide.registration.result import Verdict

REPORT = PositionReport(
    verdict=Verdict.REVIEW,
    reasons=("overlap is 62 %: less than 70 %", "Hüfte: the femurs moved by 4 mm"),
    correction=CouchCorrection(-4.0, 6.25, -3.125, 0.75, 1.5, -1.0),
    uncertainty=AxisUncertainty(0.11, 0.12, 0.13, 0.04, 0.05, 0.06),
    order_of_operations=ANGLE_ORDER,
    match_region="box of 120 mm about the isocentre",
    algorithm="locally normalised inverse-compositional Gauss-Newton",
    algorithm_version="0.1.0",
    settings=("content = bone", "patch = 7"),
    degrees_of_freedom=6,
)
NOTHING = replace(
    REPORT,
    verdict=Verdict.NOT_AVAILABLE,
    reasons=("the images do not overlap",),
    correction=None,
    uncertainty=None,
)

BY_HAND = replace(
    REPORT,
    reasons=("matched by hand by anna: 2.3 mm and 0.4° from the engine's answer",),
    uncertainty=None,
    algorithm="by hand",
    settings=(),
    is_by_hand=True,
)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return write_pair(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def registration(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> WrittenObject:
    path = tmp_path_factory.mktemp("registration") / "registration.dcm"
    transform = RigidTransform.translation(PLANNING, DAILY, (1.0, 2.0, 3.0))
    return write_spatial_registration(path, transform, planning=pair.planning, daily=pair.daily)


@pytest.fixture
def write(tmp_path: Path, pair: Pair, registration: WrittenObject) -> Callable[..., Path]:
    def writer(report: PositionReport = REPORT, **changes: object) -> Path:
        arguments = {
            "planning": pair.planning,
            "daily": pair.daily,
            "registration": None if report.correction is None else registration,
        } | changes
        return write_position_report(tmp_path / "report.dcm", report, **arguments).path

    return writer


def items(dataset: Dataset) -> list[Dataset]:
    """All content items, depth first."""
    found = []
    for item in dataset.get("ContentSequence") or []:
        found += [item, *items(item)]
    return found


def concept(item: Dataset) -> tuple[str, str]:
    name = item.ConceptNameCodeSequence[0]
    return name.CodeValue, name.CodingSchemeDesignator


def measurement(path: Path, value: str, scheme: str = "DCM") -> Dataset:
    found = [item for item in items(pydicom.dcmread(path)) if concept(item) == (value, scheme)]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("code", "scheme", "value", "unit"),
    [
        ("126806", "DCM", -4.0, "mm"),  # lateral
        ("126807", "DCM", 6.25, "mm"),  # longitudinal
        ("126808", "DCM", -3.125, "mm"),  # vertical
        ("126802", "DCM", 0.75, "deg"),  # pitch
        ("126803", "DCM", 1.5, "deg"),  # roll
        ("YAW", "99ISOGUIDE", -1.0, "deg"),
    ],
)
def test_each_value_has_its_code_and_unit(
    write: Callable[..., Path], code: str, scheme: str, value: float, unit: str
) -> None:
    item = measurement(write(), code, scheme)
    measured = item.MeasuredValueSequence[0]
    assert float(measured.NumericValue) == pytest.approx(value, abs=1e-12)
    assert measured.MeasurementUnitsCodeSequence[0].CodeValue == unit


def test_the_dicom_codes_have_the_meanings_of_the_standard() -> None:
    meanings = {
        value: meaning
        for terms in pydicom.sr._concepts_dict.concepts["DCM"].values()
        for value, (meaning, _) in terms.items()
    }
    for name, _ in CORRECTION_CODES.values():
        if name.scheme_designator == "DCM":
            assert meanings[name.value] == name.meaning


def test_private_codes_fit_their_types_and_say_whose_they_are(write: Callable[..., Path]) -> None:
    dataset = pydicom.dcmread(write())
    for element in dataset.iterall():
        if element.keyword in ("CodeValue", "CodingSchemeDesignator"):
            assert len(element.value) <= 16
        if element.keyword == "CodeMeaning":
            assert len(element.value) <= 64
    assert dataset.CodingSchemeIdentificationSequence[0].CodingSchemeDesignator == "99ISOGUIDE"


def test_every_value_carries_its_uncertainty_in_its_own_unit(write: Callable[..., Path]) -> None:
    path = write()
    for axis, (name, unit) in CORRECTION_CODES.items():
        children = {concept(one): one for one in measurement(path, *name[:2]).ContentSequence}
        for bound in ("371886008", "371885007"):
            measured = children[bound, "SCT"].MeasuredValueSequence[0]
            assert float(measured.NumericValue) == getattr(REPORT.uncertainty, axis)
            assert measured.MeasurementUnitsCodeSequence[0].CodeValue == unit.value


def test_no_number_goes_without_its_order_its_verdict_and_its_reasons(write: Callable[..., Path]) -> None:
    dataset = pydicom.dcmread(write())
    measurements = next(one for one in dataset.ContentSequence if concept(one) == ("126010", "DCM"))
    (group,) = measurements.ContentSequence
    texts = {concept(one)[0]: one.TextValue for one in group.ContentSequence if one.ValueType == "TEXT"}
    assert texts["ORDER"] == ANGLE_ORDER
    assert texts["REGION"] == REPORT.match_region
    assert "95 %" in texts["COVERAGE"]
    codes = {concept(one)[0]: one for one in group.ContentSequence if one.ValueType == "CODE"}
    assert codes["VERDICT"].ConceptCodeSequence[0].CodeMeaning == "Review"
    reasons = [one.TextValue for one in group.ContentSequence if concept(one)[0] == "REASON"]
    assert tuple(reasons) == REPORT.reasons


def test_the_values_say_that_they_are_corrections_not_table_readings(write: Callable[..., Path]) -> None:
    children = {concept(one): one for one in measurement(write(), "126806").ContentSequence}
    assert children["121401", "DCM"].ConceptCodeSequence[0].CodeValue == "CORRECTION"


def test_registration_and_images_are_referred_to_and_listed_as_evidence(
    write: Callable[..., Path], pair: Pair, registration: WrittenObject
) -> None:
    dataset = highdicom.sr.srread(write())
    referenced = {
        one.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for one in items(dataset)
        if one.ValueType in ("IMAGE", "COMPOSITE")
    }
    expected = {*pair.planning.instance_uids, *pair.daily.instance_uids, registration.sop_instance_uid}
    assert referenced == expected
    evidence = dataset.get_evidence()
    assert {instance for _, _, instance, _ in evidence} == expected
    studies = {series: study for study, series, _, _ in evidence}
    assert studies == {
        pair.planning.series_instance_uid: pair.planning.study_instance_uid,
        pair.daily.series_instance_uid: pair.daily.study_instance_uid,
        registration.series_instance_uid: pair.daily.study_instance_uid,
    }


def test_the_observer_is_this_software_with_its_version(write: Callable[..., Path]) -> None:
    dataset = pydicom.dcmread(write())
    observer = {concept(one): one for one in dataset.ContentSequence}
    assert observer["121005", "DCM"].ConceptCodeSequence[0].CodeMeaning == "Device"
    assert observer["121013", "DCM"].TextValue == "isoguide"
    assert dataset.SoftwareVersions in observer["121015", "DCM"].TextValue
    assert dataset.Manufacturer == "isoguide"
    assert (dataset.VerificationFlag, dataset.CompletionFlag) == ("UNVERIFIED", "COMPLETE")


def test_highdicom_reads_it_as_a_measurement_report(write: Callable[..., Path]) -> None:
    content = highdicom.sr.srread(write()).content
    (group,) = content.get_image_measurement_groups()
    values = {one.name.value: one.value for one in group.get_measurements()}
    assert values["126807"] == 6.25
    assert group.tracking_identifier == "Couch correction"


def test_patient_study_and_date_are_those_of_the_day(write: Callable[..., Path], pair: Pair) -> None:
    study = StudyContext("S1", "20240301", "101500", "ACC", "Doctor^A")
    details = ReportDetails(created_at=datetime(2024, 3, 1, 10, 30, 0))
    dataset = pydicom.dcmread(write(daily=replace(pair.daily, study=study), details=details))
    assert dataset.PatientID == PATIENT.patient_id
    assert str(dataset.PatientName) == PATIENT.name
    assert dataset.StudyInstanceUID == pair.daily.study_instance_uid
    assert (dataset.StudyID, dataset.StudyDate, dataset.AccessionNumber) == ("S1", "20240301", "ACC")
    assert (dataset.ContentDate, dataset.InstanceCreationDate) == ("20240301", "20240301")
    assert dataset.ContentTime.startswith("103000")


def test_an_identity_that_breaks_the_rules_does_not_stop_the_report(
    write: Callable[..., Path], pair: Pair
) -> None:
    odd = PatientIdentity("P-1", name="No Carets Here", birth_date="c5f3a9", sex="?")
    path = write(daily=replace(pair.daily, patient=odd))
    assert b"c5f3a9" in path.read_bytes()
    assert b"No Carets Here" in path.read_bytes()


@pytest.mark.parametrize("verdict", list(Verdict))
def test_the_report_is_read_back_as_it_was_written(write: Callable[..., Path], verdict: Verdict) -> None:
    report = replace(REPORT, verdict=verdict) if verdict is not Verdict.NOT_AVAILABLE else NOTHING
    read = read_position_report(write(report))
    assert read == report


finite = st.floats(-999.0, 999.0)
angle = st.floats(-179.0, 179.0)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.tuples(finite, finite, finite, angle, angle, angle))
def test_any_correction_survives_the_report_within_a_millionth(
    write: Callable[..., Path], values: tuple[float, float, float, float, float, float]
) -> None:
    correction = CouchCorrection(*values)
    path = write(replace(REPORT, correction=correction))
    read = read_position_report(path).correction
    for axis in AXES:
        assert getattr(read, axis) == pytest.approx(getattr(correction, axis), abs=1e-6)
        code = CORRECTION_CODES[axis][0]
        text = measurement(path, *code[:2]).MeasuredValueSequence[0].NumericValue.original_string
        assert len(text) <= 16  # what another system reads is as good as ours
        assert float(text) == pytest.approx(getattr(correction, axis), abs=1e-6)


def test_without_an_answer_there_is_no_number_to_misread(write: Callable[..., Path]) -> None:
    path = write(NOTHING)
    dataset = pydicom.dcmread(path)
    assert not {"126806", "126807", "126808", "126802", "126803", "YAW"} & {
        concept(one)[0] for one in items(dataset)
    }
    assert not [one for one in items(dataset) if one.ValueType == "COMPOSITE"]
    assert standard_violations(path) == []
    assert dciodvfy_errors(path) == []


def test_a_match_by_hand_says_that_its_uncertainty_is_not_known(write: Callable[..., Path]) -> None:
    path = write(BY_HAND)
    dataset = pydicom.dcmread(path)
    assert {"126806", "126807", "126808", "126802", "126803", "YAW"} <= {
        concept(one)[0] for one in items(dataset)
    }
    assert not {"371886008", "371885007"} & {concept(one)[0] for one in items(dataset)}
    assert "The values were found by hand, and their uncertainty is not known" in {
        str(one.value) for one in dataset.iterall() if one.keyword == "TextValue"
    }
    assert read_position_report(path) == BY_HAND
    assert standard_violations(path) == []
    assert dciodvfy_errors(path) == []


def test_a_report_that_lost_its_uncertainties_is_not_taken_for_one_by_hand(
    write: Callable[..., Path],
) -> None:
    path = edited(write(BY_HAND), without("COVERAGE"))
    with pytest.raises(UnreadableError, match="does not state"):
        read_position_report(path)


def test_a_match_by_hand_with_an_uncertainty_cannot_be_made() -> None:
    with pytest.raises(OutputError, match="a match by hand has no uncertainty"):
        replace(REPORT, is_by_hand=True)


def test_a_number_without_uncertainty_or_a_verdict_without_number_cannot_be_made() -> None:
    for changes in (
        {"uncertainty": None},
        {"correction": None},
        {"verdict": Verdict.NOT_AVAILABLE},
    ):
        with pytest.raises(OutputError, match="every verdict except 'not available'"):
            replace(REPORT, **changes)


@pytest.mark.parametrize("value", [-0.1, float("nan")])
def test_an_uncertainty_is_never_negative_or_missing(value: float) -> None:
    with pytest.raises(OutputError, match="zero or more"):
        AxisUncertainty(0.1, 0.1, value, 0.1, 0.1, 0.1)


def test_images_without_instances_are_refused_and_nothing_remains(
    write: Callable[..., Path], pair: Pair, tmp_path: Path
) -> None:
    with pytest.raises(OutputError, match="no DICOM instances"):
        write(daily=replace(pair.daily, instance_uids=()))
    with pytest.raises(OutputError, match="no frame of reference"):
        write(planning=replace(pair.planning, frame_of_reference_uid=""))
    with pytest.raises(OutputError, match="does not fit a structured report"):
        write(details=ReportDetails(series_number=0))
    assert names(tmp_path) == []


def test_every_verdict_has_a_code() -> None:
    assert set(VERDICTS) == set(Verdict)
    assert len({code.value for code in VERDICTS.values()}) == 3


def test_the_file_satisfies_the_standard(write: Callable[..., Path]) -> None:
    path = write()
    assert standard_violations(path) == []
    assert dciodvfy_errors(path) == []


def edited(path: Path, change: Callable[[Dataset], None]) -> Path:
    dataset = pydicom.dcmread(path)
    change(dataset)
    dataset.save_as(path)
    return path


def without(code: str) -> Callable[[Dataset], None]:
    def drop(dataset: Dataset) -> None:
        for item in [dataset, *items(dataset)]:
            if "ContentSequence" in item:
                kept = [one for one in item.ContentSequence if concept(one)[0] != code]
                item.ContentSequence = kept

    return drop


def with_change(code: str, change: Callable[[Dataset], None]) -> Callable[[Dataset], None]:
    def alter(dataset: Dataset) -> None:
        for item in items(dataset):
            if concept(item)[0] == code:
                change(item)

    return alter


def in_centimetres(item: Dataset) -> None:
    item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue = "cm"


def not_a_number(item: Dataset) -> None:
    item.MeasuredValueSequence[0].FloatingPointValue = float("nan")


def unknown_verdict(item: Dataset) -> None:
    item.ConceptCodeSequence[0].CodeValue = "MAYBE"


def negative(item: Dataset) -> None:
    item.MeasuredValueSequence[0].FloatingPointValue = -1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("126806"), "does not state 'IEC61217 Table Top Lateral Position'"),
        (without("371886008"), "does not state '\\+, range of upper measurement uncertainty'"),
        (without("ORDER"), "does not state 'Order of operations'"),
        (without("VERDICT"), "without a verdict"),
        (without("121401"), "does not state 'Derivation'"),
        (with_change("121401", unknown_verdict), "not a correction"),
        (with_change("126807", in_centimetres), "not in 'mm'"),
        (with_change("126807", not_a_number), "."),
        (with_change("371886008", negative), "zero or more"),
        (with_change("VERDICT", unknown_verdict), "unknown verdict"),
    ],
)
def test_a_report_that_is_not_whole_gives_no_number(
    write: Callable[..., Path], change: Callable[[Dataset], None], message: str
) -> None:
    path = edited(write(), change)
    with pytest.raises(UnreadableError, match=message) as failure:
        read_position_report(path)
    assert str(path) in str(failure.value)


def test_another_file_is_not_taken_for_a_report(tmp_path: Path, registration: WrittenObject) -> None:
    with pytest.raises(UnreadableError, match="not a Comprehensive 3D SR"):
        read_position_report(registration.path)
    (tmp_path / "text.dcm").write_text("hello")
    with pytest.raises(UnreadableError, match="cannot be read as DICOM"):
        read_position_report(tmp_path / "text.dcm")
    with pytest.raises(UnreadableError, match="cannot be read as DICOM"):
        read_position_report(tmp_path / "absent.dcm")
